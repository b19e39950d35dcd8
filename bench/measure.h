/* What every measured program shares, whichever stack it drives: NAME=VALUE arguments, two clocks, one JSON line of results. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline void must(bool ok, const char *what)
{
    if (ok) return;
    perror(what);
    exit(1);
}

static inline const char *argument(int argc, char **argv, const char *name, const char *otherwise)
{
    size_t length = strlen(name);
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], name, length) && argv[i][length] == '=') return argv[i] + length + 1;
    }
    return otherwise;
}

static inline double number(int argc, char **argv, const char *name, double otherwise)
{
    const char *text = argument(argc, argv, name, NULL);
    return text ? atof(text) : otherwise;
}

static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Rates are per second of processor time: other users of the machine do not change it. Both are reported. */
struct stopwatch { uint64_t wall_ns, cpu_ns; };

static inline struct stopwatch stopwatch_start(void)
{
    return (struct stopwatch){ clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_PROCESS_CPUTIME_ID) };
}

static inline double cpu_s_since(const struct stopwatch *s)
{
    return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - s->cpu_ns) * 1e-9;
}

static inline double wall_s_since(const struct stopwatch *s)
{
    return (double)(clock_ns(CLOCK_MONOTONIC) - s->wall_ns) * 1e-9;
}

/* {"cpu_s": ..., "NAME": VALUE, ...}: pairs of const char *, double; NULL ends. */
static inline void report(const struct stopwatch *s, const char *name, ...)
{
    __builtin_va_list list;
    printf("{\"cpu_s\": %.6f, \"wall_s\": %.6f", cpu_s_since(s), wall_s_since(s));
    __builtin_va_start(list, name);
    for (; name; name = __builtin_va_arg(list, const char *)) {
        printf(", \"%s\": %.6g", name, __builtin_va_arg(list, double));
    }
    __builtin_va_end(list);
    printf("}\n");
}

#endif
