/* Each rule of the referee is broken once, and must say so; see plant.h.
 *
 * planted         all
 * planted RULE    one, with what the referee said; -: the run without bugs
 */
#include "test/referee/script.h"

#include <stdio.h>
#include <string.h>

static const struct plant_row *const tables[] = { plants_packet, plants_tcp, plants_stream };
static bool is_talking;

static void on_violation(void *ctx, const struct referee_violation *v)
{
    (void)ctx;
    if (is_talking) printf("  %.6f host %u, frame %lu: %s: %s\n", (double)v->now_ns / 1e9, v->host, v->frame, referee_rule_name(v->rule), v->text);
}

static void judge(struct referee *r, const struct plant_row *row, bool has_bug)
{
    struct script s = { .referee = r };
    if (row && row->script) row->script(&s, has_bug);
    else exercise(r, row);
    referee_end(r, s.now_ns + 1000000000);
}

static struct referee *referee_new(void)
{
    return referee_create(&(struct referee_config){ .sees_all = true, .has_calls = true, .on_violation = on_violation });
}

/* The run of everything, or row's script, without a bug. */
static bool is_silent(const struct plant_row *row)
{
    struct referee *r = referee_new();
    judge(r, row, false);
    bool is_silent = referee_violations(r) == 0, was_asked = !row || referee_judged(r, row->rule);
    if (!is_silent || is_talking)
        for (enum referee_rule rule = 0; rule < RULE_COUNT; rule++)
            if (referee_broken(r, rule)) printf("%s is broken without a bug\n", referee_rule_name(rule));
    if (!was_asked && is_talking) printf("%s is not asked in the script without its bug\n", referee_rule_name(row->rule));
    referee_destroy(r);
    return is_silent;
}

static bool is_caught(const struct plant_row *row)
{
    struct referee *r = referee_new();
    judge(r, row, true);
    bool is_caught = referee_broken(r, row->rule);
    if (!is_caught) printf("%s is not caught (asked %lu times)\n", referee_rule_name(row->rule), referee_judged(r, row->rule));
    referee_destroy(r);
    return is_caught;
}

int main(int argc, char **argv)
{
    unsigned rows[RULE_COUNT] = { 0 }, wrong = 0;
    is_talking = argc > 1;
    if (argc == 1 || strcmp(argv[1], "-") == 0) wrong += !is_silent(NULL);
    for (unsigned t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct plant_row *row = tables[t]; row->rule != RULE_COUNT; row++) {
            rows[row->rule]++;
            if (is_talking && strcmp(argv[1], referee_rule_name(row->rule)) != 0) continue;
            if (row->script) wrong += !is_silent(row);
            wrong += !is_caught(row);
        }
    for (enum referee_rule rule = 0; rule < RULE_COUNT; rule++)
        if (!rows[rule]) wrong++, printf("%s has no planted bug\n", referee_rule_name(rule));
    printf("%d rules, %u wrong\n", RULE_COUNT, wrong);
    return wrong != 0;
}
