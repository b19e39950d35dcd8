/* What every measured program shares, whichever stack it drives: NAME=VALUE arguments, two clocks, one JSON line of results. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static inline double resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    must(f && fscanf(f, "%ld %ld", &pages, &resident) == 2, "/proc/self/statm");
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static inline uint64_t random_next(uint64_t *state) /* xorshift */
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Nanoseconds for one read at a random place in so much memory, each after the one before: what a cache miss costs there. */
static inline double chase_ns(size_t bytes)
{
    enum { LINE = 64, STEPS = 2000000 };
    size_t lines = bytes / LINE ? bytes / LINE : 1;
    uint64_t seed = 88172645463325252, at = 0;
    uint8_t *memory = malloc(lines * LINE);
    must(memory, "malloc");
    for (size_t i = 0; i < lines; i++) { /* each line's word says where to go next: where we are, scrambled */
        uint64_t next = random_next(&seed);
        memcpy(memory + i * LINE, &next, sizeof next);
    }
    uint64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < STEPS; i++) {
        uint64_t word;
        memcpy(&word, memory + at % lines * LINE, sizeof word);
        at = word ^ (at * 0x9e3779b97f4a7c15) ^ (uint64_t)i << 20;
    }
    double ns = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / STEPS;
    __asm__ volatile("" : : "r"(at));
    free(memory);
    return ns;
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
