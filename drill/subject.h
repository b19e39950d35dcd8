/* What a script is run against: a fresh weir machine in virtual time (machine_subject.c), or the running kernel in a
 * network namespace of its own (live.c). Both have one device tun0 that carries bare IP packets to and from the script.
 * All times are of one clock, the subject's CLOCK_REALTIME. */
#ifndef DRILL_SUBJECT_H
#define DRILL_SUBJECT_H

#include <stdio.h>

#include "drill/command.h"
#include "drill/script.h"

struct subject;

struct subject_packet {
    struct subject_packet *next;
    uint64_t time_ns;
    size_t byte_count;
    uint8_t bytes[];
};

struct subject_call {
    long number;            /* SYS_* */
    uint64_t args[6];
    bool is_blocking;       /* the script goes on meanwhile: begin() returns when it has ended or waits */
    bool is_ended;
    int64_t result;         /* or -errno */
    uint64_t ended_ns;
    void *waiting;          /* the subject's */
};

struct subject_ops {
    const char *name;
    void (*destroy)(struct subject *s);
    uint64_t (*now)(struct subject *s);
    /* The moment the script's first event may happen, a quiet one: what timers do is not to depend on chance. */
    uint64_t (*ready)(struct subject *s);
    void (*wait)(struct subject *s, uint64_t until_ns);
    /* The next packet that left, for the caller to free(); NULL: none did until until_ns. */
    struct subject_packet *(*receive)(struct subject *s, uint64_t until_ns);
    bool (*send)(struct subject *s, const uint8_t *packet, size_t bytes, unsigned segment_bytes, bool is_tcp);
    void (*begin)(struct subject *s, struct subject_call *c);
    /* Waits for c until until_ns at most. */
    void (*finish)(struct subject *s, struct subject_call *c, uint64_t until_ns);
    void (*give_up)(struct subject *s, struct subject_call *c); /* nobody waits for it any more */
    enum command_verdict (*command)(struct subject *s, const char *text, char *message, size_t bytes);
    enum command_verdict (*command_file)(struct subject *s, const char *path, char *message, size_t bytes);
    /* A capability of the calling task. 0 or -errno. */
    int (*set_capability)(struct subject *s, unsigned capability, bool is_on);
    /* Words on why something did not happen: what was dropped, and for what reason. */
    void (*explain)(struct subject *s, FILE *out);
};

struct subject {
    const struct subject_ops *ops;
};

/* NULL: problem tells why. The script outlives it. */
struct subject *machine_subject_create(const struct script *script, uint64_t seed, char *problem, size_t problem_bytes);
struct subject *live_create(const struct script *script, char *problem, size_t problem_bytes);

#endif
