#include "drill/report.h"

#include <stdlib.h>
#include <string.h>

static const char *const verdicts[] = { [DRILL_PASSED] = "passed", [DRILL_FAILED] = "failed",
    [DRILL_SKIPPED] = "skipped" };

static void put_string(FILE *to, const char *text, size_t bytes)
{
    fputc('"', to);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", to);
        else if (c < ' ' || c == 0x7f)
            fprintf(to, "\\u%04x", c);
        else
            fputc(c, to);
    }
    fputc('"', to);
}

static void put_member(FILE *to, const char *name, const char *text)
{
    if (!*text)
        return;
    fprintf(to, ", \"%s\": ", name);
    put_string(to, text, strlen(text));
}

void drill_report_begin(struct drill_report *r)
{
    if (r->is_json)
        fputs("{\"runs\": [", r->to);
}

static void clear_line(const struct drill_report *r)
{
    if (r->has_progress)
        fputs("\r\033[K", stderr);
}

void drill_report_progress(struct drill_report *r, const char *path)
{
    enum { SHOWN_MOST = 60 };
    size_t bytes = strlen(path);

    if (!r->has_progress)
        return;
    fprintf(stderr, "\r\033[K%u of %u, %u failed: %s", r->done, r->all, r->failed,
            bytes > SHOWN_MOST ? path + bytes - SHOWN_MOST : path);
}

static void put_json(struct drill_report *r, const struct drill_report_run *run)
{
    const struct drill_result *result = run->result;

    fprintf(r->to, "%s\n  {\"script\": ", r->has_rows ? "," : "");
    put_string(r->to, run->path, strlen(run->path));
    fprintf(r->to, ", \"ip\": \"%s\", \"seed\": %llu, \"result\": \"%s\"", ip_version_name(run->version),
            (unsigned long long)run->seed,
            verdicts[result->verdict]);
    if (result->place.line)
        fprintf(r->to, ", \"line\": %u, \"column\": %u", result->place.line, result->place.column);
    if (run->line) {
        fputs(", \"source\": ", r->to);
        put_string(r->to, run->line, run->line_bytes);
    }
    put_member(r->to, "message", result->message);
    put_member(r->to, "expected", result->expected);
    put_member(r->to, "actual", result->actual);
    put_member(r->to, "why", result->why);
    fprintf(r->to, ", \"nonfatal\": %u, \"virtual_us\": %llu}", result->nonfatal,
            (unsigned long long)(result->machine_ns / 1000));
    r->has_rows = true;
}

/* A text of several lines, each indented. */
static void put_lines(FILE *to, const char *name, const char *text)
{
    const char *end;

    for (; *text; text = *end ? end + 1 : end, name = "") {
        end = text + strcspn(text, "\n");
        fprintf(to, "    %-9s %.*s\n", name, (int)(end - text), text);
    }
}

static void put_details(struct drill_report *r, const struct drill_report_run *run)
{
    const struct drill_result *result = run->result;
    const char *line = run->line;
    size_t bytes = run->line_bytes;

    if (result->place.line)
        fprintf(r->to, "    %s:%u: %s\n", run->path, result->place.line, result->message);
    else
        fprintf(r->to, "    %s\n", result->message);
    for (; bytes && (*line == ' ' || *line == '\t'); line++)
        bytes--;
    if (line && bytes)
        fprintf(r->to, "    %-9s %.*s\n", "script:", (int)bytes, line);
    put_lines(r->to, "expected:", result->expected);
    put_lines(r->to, "actual:", result->actual);
    put_lines(r->to, "why:", result->why);
}

static void put_text(struct drill_report *r, const struct drill_report_run *run)
{
    const struct drill_result *result = run->result;
    char seed[40] = "";

    if (result->verdict == DRILL_PASSED && r->is_quiet && !result->nonfatal)
        return;
    clear_line(r);
    if (r->has_seeds)
        snprintf(seed, sizeof seed, ", seed %llu", (unsigned long long)run->seed);
    fprintf(r->to, "%-7s %s (%s%s)", verdicts[result->verdict], run->path, ip_version_name(run->version), seed);
    if (result->verdict == DRILL_SKIPPED)
        fprintf(r->to, ": %s", result->message);
    else if (result->nonfatal)
        fprintf(r->to, ", %u differences that are not fatal", result->nonfatal);
    fputc('\n', r->to);
    if (result->verdict == DRILL_FAILED || (result->verdict == DRILL_PASSED && result->nonfatal))
        put_details(r, run);
    fflush(r->to);
}

void drill_report_run(struct drill_report *r, const struct drill_report_run *run)
{
    r->done++;
    r->passed += run->result->verdict == DRILL_PASSED;
    r->failed += run->result->verdict == DRILL_FAILED;
    r->skipped += run->result->verdict == DRILL_SKIPPED;
    if (r->is_json)
        put_json(r, run);
    else
        put_text(r, run);
}

void drill_report_broken(struct drill_report *r, const char *path, const struct script_error *error)
{
    r->broken++;
    clear_line(r);
    fflush(r->to);
    if (error->place.line)
        fprintf(stderr, "%s:%u:%u: %s\n", path, error->place.line, error->place.column, error->text);
    else
        fprintf(stderr, "%s: %s\n", path, error->text);
}

void drill_report_end(struct drill_report *r)
{
    clear_line(r);
    if (r->is_json)
        fprintf(r->to, "\n], \"passed\": %u, \"failed\": %u, \"skipped\": %u, \"unreadable\": %u}\n", r->passed,
                r->failed, r->skipped, r->broken);
    else
        fprintf(r->to, "%u passed, %u failed, %u skipped\n", r->passed, r->failed, r->skipped);
    fflush(r->to);
}
