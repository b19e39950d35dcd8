#include "sim/report.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ul

uint64_t report_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void put_string(FILE *to, const char *text)
{
    fputc('"', to);
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '\n') fputs("\\n", to);
        else if (*at == '"' || *at == '\\') fprintf(to, "\\%c", *at);
        else if (*at < ' ' || *at > '~') fprintf(to, "\\u%04x", *at);
        else fputc(*at, to);
    }
    fputc('"', to);
}

bool report_begin(struct report *r, const struct campaign *c)
{
    *r = (struct report){ .campaign = c, .began_ns = report_clock_ns() };
    if (!c->json) return true;
    r->json = fopen(c->json, "w");
    if (r->json) fputs("{\"runs\": [", r->json);
    return r->json;
}

static void clear_line(const struct report *r)
{
    if (r->campaign->has_progress) fputs("\r\033[K", stderr);
}

static uint64_t elapsed_ms(const struct report *r)
{
    uint64_t ms = (report_clock_ns() - r->began_ns) / 1000000;
    return ms ? ms : 1;
}

static void show_progress(struct report *r, const struct sim_result *last)
{
    uint64_t now_ns = report_clock_ns();
    if (!r->campaign->has_progress || now_ns - r->shown_ns < SECOND / 5) return;
    r->shown_ns = now_ns;
    fprintf(stderr, "\r\033[Kseed %lu: %lu run, %lu failed, %lu.%lu million segments", last->seed, r->seeds, r->failed, r->segments / 1000000,
            r->segments / 100000 % 10);
}

static void put_run(struct report *r, const struct sim_result *s)
{
    fprintf(r->json, "%s\n  {\"seed\": %lu, \"profile\": \"%s\", \"digest\": \"%016lx\", \"ok\": %s, \"frames\": %lu, \"segments\": %lu, \"bytes\": %lu, "
            "\"connections\": %lu, \"events\": %lu, \"deeds\": %lu, \"simulated_ms\": %lu, \"save_points\": %u", r->seeds > 1 ? "," : "", s->seed,
            sim_profile_name(s->profile), s->digest, s->has_failed ? "false" : "true", s->frames, s->segments, s->bytes, s->connections, s->events,
            s->deeds, s->simulated_ns / 1000000, s->save_points);
    if (s->has_failed) {
        fputs(", \"failure\": ", r->json);
        put_string(r->json, s->failure);
        fputs(", \"scenario\": ", r->json);
        put_string(r->json, s->scenario);
    }
    fputc('}', r->json);
}

static void put_failure(const struct report *r, const struct sim_result *s)
{
    const struct campaign *c = r->campaign;
    printf("seed %lu FAILED\n%s  %s\n  repeat: weir sim --seeds %lu-%lu --profile %s", s->seed, s->scenario, s->failure, s->seed, s->seed,
           sim_profile_name(s->profile));
    if (c->save_points) printf(" --save-points %u", c->save_points);
    putchar('\n');
    if (!c->pcap_directory || !c->record) return;
    char path[4096];
    snprintf(path, sizeof path, "%s/sim-%s-%lu.pcap", c->pcap_directory, sim_profile_name(s->profile), s->seed);
    fflush(stdout);
    const struct sim_options again = { .seed = s->seed, .profile = s->profile };
    if (c->record(&again, path)) printf("  packets: %s\n", path);
}

void report_take(struct report *r, const struct sim_result *s)
{
    r->seeds++;
    r->failed += s->has_failed;
    r->frames += s->frames;
    r->segments += s->segments;
    r->bytes += s->bytes;
    r->connections += s->connections;
    r->judged += s->judged;
    r->deeds += s->deeds;
    r->simulated_ns += s->simulated_ns;
    r->save_points += s->save_points;
    if (r->json) put_run(r, s);
    if (s->has_failed || r->campaign->is_verbose || r->campaign->is_digest_only) clear_line(r);
    if (r->campaign->is_digest_only) printf("%lu %016lx\n", s->seed, s->digest);
    else if (r->campaign->is_verbose)
        printf("seed %lu %s: digest %016lx, %lu connections, %lu frames, %lu segments, %lu deeds, %lu.%03lu s%s\n", s->seed, sim_profile_name(s->profile),
               s->digest, s->connections, s->frames, s->segments, s->deeds, s->simulated_ns / SECOND, s->simulated_ns / 1000000 % 1000,
               s->has_failed ? ", FAILED" : "");
    if (s->has_failed) put_failure(r, s);
    show_progress(r, s);
    if (s->has_failed || r->campaign->is_verbose) fflush(stdout);
}

/* Of the processes that ran the seeds; they have ended. */
static uint64_t processor_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_CHILDREN, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 + (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000 + 1;
}

void report_end(struct report *r, bool was_interrupted)
{
    uint64_t ms = elapsed_ms(r), busy_ms = processor_ms(), per_s = r->segments * 1000 / busy_ms;
    clear_line(r);
    if (r->json) {
        fprintf(r->json, "\n], \"seeds\": %lu, \"failed\": %lu, \"segments\": %lu, \"frames\": %lu, \"judged\": %lu, \"segments_per_s\": %lu, \"ms\": %lu, \"processor_ms\": %lu}\n",
                r->seeds, r->failed, r->segments, r->frames, r->judged, per_s, ms, busy_ms);
        fclose(r->json);
    }
    if (r->campaign->is_digest_only) return;
    if (was_interrupted) puts("interrupted");
    printf("%lu seeds, %lu failed: %lu connections, %lu MB, %lu frames, %lu deeds of the adversary, %lu judgements of the referee\n", r->seeds, r->failed,
           r->connections, r->bytes / 1000000, r->frames, r->deeds, r->judged);
    if (r->campaign->save_points) printf("%lu save points: restored, each went on to the same digest\n", r->save_points);
    printf("%lu data segments in %lu.%03lu s, %lu.%03lu s of processor: %lu for each of those; %lu s simulated\n", r->segments, ms / 1000, ms % 1000,
           busy_ms / 1000, busy_ms % 1000, per_s, r->simulated_ns / SECOND);
}
