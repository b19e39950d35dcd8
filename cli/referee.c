#include "cli/capture.h"
#include "cli/commands.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_LOCAL = 256, OPTION_OFFLOADS, OPTION_COMPLETE, OPTION_JSON };

static const struct option longs[] = {
    { "local", required_argument, NULL, OPTION_LOCAL },
    { "offloads", no_argument, NULL, OPTION_OFFLOADS },
    { "complete", no_argument, NULL, OPTION_COMPLETE },
    { "json", no_argument, NULL, OPTION_JSON },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

struct output { const char *path; bool is_json; uint64_t violations, began_ns; const struct capture_result *result; };
struct sums { uint64_t frames, cut, connections, judged[RULE_COUNT], broken[RULE_COUNT]; };

static bool take_local(struct capture_options *options, const char *text)
{
    uint8_t *to = options->locals[options->local_count];
    if (options->local_count == CAPTURE_LOCALS) return false;
    memset(to, 0, 16);
    to[10] = to[11] = 0xff;
    if (inet_pton(AF_INET, text, to + 12) != 1 && inet_pton(AF_INET6, text, to) != 1) return false;
    options->local_count++;
    return true;
}

static void print_text(const char *text)
{
    putchar('"');
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') printf("\\%c", *c);
        else if ((unsigned char)*c < ' ') printf("\\u%04x", (unsigned char)*c);
        else putchar(*c);
    }
    putchar('"');
}

static void on_violation(void *ctx, const struct referee_violation *v)
{
    struct output *o = ctx;
    const char *name = referee_rule_name(v->rule), *label = referee_rule_label(v->rule);
    uint64_t since_ns = v->now_ns - o->result->began_ns, frame = v->frame ? o->result->frames : 0;
    if (!o->is_json) {
        printf("%s: %lu.%06lu s, packet %lu: %s: %s (%s)\n", o->path, (unsigned long)(since_ns / 1000000000), (unsigned long)(since_ns / 1000 % 1000000),
               (unsigned long)frame, name, v->text, label);
    } else {
        printf("%s\n    {\"file\": ", o->violations ? "," : "");
        print_text(o->path);
        printf(", \"time_ns\": %lu, \"since_ns\": %lu, \"packet\": %lu, \"rule\": \"%s\", \"label\": ", (unsigned long)v->now_ns, (unsigned long)since_ns,
               (unsigned long)frame, name);
        print_text(label);
        printf(", \"text\": ");
        print_text(v->text);
        putchar('}');
    }
    o->violations++;
}

static void add(struct sums *s, const struct capture_result *r)
{
    s->frames += r->frames;
    s->cut += r->cut;
    s->connections += r->connections;
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        s->judged[rule] += r->judged[rule];
        s->broken[rule] += r->broken[rule];
    }
}

static void print_sums(const struct sums *s)
{
    unsigned judged = 0, broken = 0;
    uint64_t violations = 0;
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        judged += s->judged[rule] != 0;
        broken += s->broken[rule] != 0;
        violations += s->broken[rule];
        if (s->broken[rule])
            printf("%-28s broken %lu of %lu times: %s\n", referee_rule_name((enum referee_rule)rule), (unsigned long)s->broken[rule],
                   (unsigned long)s->judged[rule], referee_rule_text((enum referee_rule)rule));
    }
    if (s->cut) printf("%lu packets were not captured whole and are not judged\n", (unsigned long)s->cut);
    printf("%lu packets, %lu connections; %u of %d rules were asked, %u broken, %lu times\n", (unsigned long)s->frames, (unsigned long)s->connections,
           judged, RULE_COUNT, broken, (unsigned long)violations);
}

static void print_json_sums(const struct sums *s)
{
    const char *comma = "";
    printf("\n  ],\n  \"packets\": %lu, \"cut\": %lu, \"connections\": %lu,\n  \"rules\": {", (unsigned long)s->frames, (unsigned long)s->cut,
           (unsigned long)s->connections);
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        if (!s->judged[rule]) continue;
        printf("%s\n    \"%s\": {\"judged\": %lu, \"broken\": %lu}", comma, referee_rule_name((enum referee_rule)rule), (unsigned long)s->judged[rule],
               (unsigned long)s->broken[rule]);
        comma = ",";
    }
    puts("\n  }\n}");
}

static int judge_files(char **paths, struct capture_options *options, struct output *o)
{
    struct sums sums = { 0 };
    struct capture_result result;
    int status = 0;
    options->on_violation = on_violation;
    options->ctx = o;
    o->result = &result;
    if (o->is_json) printf("{\n  \"violations\": [");
    for (; *paths; paths++) {
        o->path = *paths;
        if (!capture_judge(*paths, options, &result)) status = complain(EXIT_USAGE, "%s: %s", *paths, result.error);
        add(&sums, &result);
    }
    if (o->is_json) print_json_sums(&sums);
    else print_sums(&sums);
    return status ? status : o->violations != 0;
}

int command_referee(int argc, char **argv)
{
    struct capture_options options = { 0 };
    struct output output = { 0 };
    int option;

    optind = opterr = 0;
    while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (option) {
        case 'h': print_help(command_find(argv[0])); return 0;
        case OPTION_LOCAL:
            if (!take_local(&options, optarg)) return complain_usage(argv[0], "%s: --local: '%s' is no address, or one too many", argv[0], optarg);
            break;
        case OPTION_OFFLOADS: options.has_offloads = true; break;
        case OPTION_COMPLETE: options.is_complete = true; break;
        case OPTION_JSON: output.is_json = true; break;
        default: return complain_usage(argv[0], "%s: %s is not understood, or lacks its value", argv[0], argv[optind - 1]);
        }
    }
    if (!argv[optind]) return complain_usage(argv[0], "%s: which capture?", argv[0]);
    return judge_files(argv + optind, &options, &output);
}
