/* A script on its way: what its events share. run.c takes them one after another; run_time.c judges when things
 * happened, run_packet.c what packets were, call*.c what system calls did. Every check returns false after it told the
 * result why. */
#ifndef DRILL_RUNNING_H
#define DRILL_RUNNING_H

#include "base/random.h"
#include "drill/code.h"
#include "drill/flow.h"
#include "drill/run.h"
#include "drill/subject.h"

enum { RUN_FDS = 1024, PROBLEM_BYTES = 1024 };

struct call_under_way;
struct held_code;

enum fd_kind { FD_SOCKET, FD_CHILD /* a socket that accept() gave */, FD_OTHER };

/* A file descriptor: as the script calls it, as it is. */
struct fd_pair {
    int script_fd, live_fd;
    enum fd_kind kind;
    bool is_closed;
    struct flow *flow;            /* of sockets */
};

struct run {
    const struct script *script;
    const struct script_settings *settings;
    const struct run_options *options;
    struct drill_result *result;
    struct subject *subject;
    struct random ports;
    ip_addr_t local, remote;      /* on the wire */

    /* Times: nanoseconds from the script's begin. That of the event at hand is absolute once its turn comes. */
    const struct script_event *event, *last_event;
    uint64_t began_ns;            /* the subject's clock then */
    int64_t time_ns, time_end_ns, offset_ns;
    int64_t last_time_ns;
    unsigned event_count;         /* events that are over */

    struct flow *flows, *flow;    /* flow: the one that packets belong to */
    struct fd_pair fds[RUN_FDS];
    unsigned fd_count;
    struct call_under_way *calls; /* all so far: their memory stays until the end, as sends without copying need */
    struct call_under_way *waiting; /* the one that waits, or NULL */
    unsigned used_ports;
    struct held_code *held_code, **last_held_code;
};

/* False. is_nonfatal: the script may have allowed it (--non_fatal): true, and the run goes on. */
bool run_fails(struct run *r, struct script_place place, const char *format, ...) WEIR_PRINTF(3, 4);

/* --- run_time.c */

/* Gives the event at hand its absolute time. False: the script goes backwards. */
bool run_settle_time(struct run *r);
/* Did what happened at live_ns (on the subject's clock) happen when the script says? last_ns: the event before, from
 * which the tolerance grows with the distance; -1: there is none. Else problem has the difference. */
bool run_time_matches(const struct run *r, enum event_time_kind kind, int64_t time_ns, int64_t end_ns, uint64_t live_ns,
    int64_t last_ns, const char *what, char *problem, size_t bytes);
static inline int64_t run_script_time(const struct run *r, uint64_t live_ns)
{
    return (int64_t)(live_ns - r->began_ns);
}
static inline uint64_t run_live_time(const struct run *r, int64_t script_ns)
{
    return r->began_ns + (uint64_t)script_ns;
}
int64_t run_last_time(const struct run *r); /* of the event before; -1: there is none */
/* Waits for the time of the event at hand. False: it is over already, or a call that waited ended wrong. */
bool run_wait_for_event(struct run *r, const char *what);

/* --- run_packet.c */
bool run_packet(struct run *r);
struct flow *run_flow_create(struct run *r); /* NULL: no memory, told */

/* --- call.c */
bool run_call(struct run *r);
/* Has the waiting call ended? Then it is judged; false: wrongly. */
bool run_look_at_waiting(struct run *r);
/* Waits at most a second for it, as packetdrill does. *is_idle: it has ended. False: wrongly. */
bool run_await_idle(struct run *r, bool *is_idle);
void run_calls_destroy(struct run *r);
/* A call of the runner's own, which does not wait. */
int64_t run_system_call(struct run *r, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);

/* --- run_code.c */
bool run_code(struct run *r);
/* Those that waited for the end: in real time Python would make later events late. */
bool run_held_code(struct run *r);
void run_held_code_destroy(struct run *r);
/* The socket's state, what was dropped. */
void run_explain(struct run *r);

#endif
