/* One run: all that a scenario's state is, machines apart. It is copied as it stands when the run is saved: no pointer in it
 * goes to what may move or change, but to the machines, the referee and the run itself. */
#ifndef WEIR_SIM_RUN_H
#define WEIR_SIM_RUN_H

#include <weir/device.h>
#include <weir/socket.h>

#include "referee/referee.h"
#include "sim/scenario.h"
#include "sim/sim.h"

enum { SIM_PORTS = SIM_HOSTS + 2, SIM_SEEN = 16, SIM_SEEN_BYTES = 128, SIM_FLAPS = 4 };
#define SIM_MS 1000000ull
#define SIM_SECOND 1000000000ull
#define SIM_STUCK_NS (240 * SIM_SECOND)

struct run;

struct node {
    struct run *run;
    unsigned number;
    char name[16];
    struct weir_env env;
    struct weir_machine *machine;
    struct weir_task *task;         /* of its programs */
    struct weir_task *keeper;       /* its administrator; lives as long as the machine */
    int control;                    /* a socket of the keeper, for ioctls */
    unsigned port_count;
    struct { uint8_t link, end; } ports[SIM_PORTS];
    bool lacks_memory;
    uint64_t stall_ns;              /* its programs do nothing until then */
    uint64_t baseline_bytes;
};

struct cable {
    uint32_t mtu_bytes;
    uint8_t port[2];                /* of its nodes */
    uint64_t up_ns[2];              /* when an end that is down comes up; 0: it is up */
};

/* Why the end of a connection need not be what its plan says. */
enum excuse { EXCUSE_ABORTED = 1, EXCUSE_FORGED = 2, EXCUSE_LIED = 4, EXCUSE_MEMORY = 8 };

struct end {
    int fd;                         /* -1: none */
    uint64_t sent, received, wake_ns, read_ns; /* when it writes, and reads, again */
    uint16_t local_port, remote_port;
    bool is_connected, has_shut, has_ended, is_closed, has_watch;
};

struct connection {
    struct end ends[2];
    unsigned excuses;
    uint64_t began_ns, moved_ns, abort_ns;
    uint32_t key;
};

struct program {                    /* an application_plan at work */
    int listener;
    bool listener_has_watch, is_open, is_done;
    unsigned round;
    uint64_t next_ns;               /* when it looks again by itself */
    struct connection connection;
};

/* A TCP frame as a host saw it last: what forgeries are made from. */
struct seen { uint16_t bytes, frame_bytes; uint8_t node, port; bool is_outgoing; uint8_t head[SIM_SEEN_BYTES]; };

struct watcher { struct run *run; uint64_t bit; };

struct run {
    struct scenario scenario;
    const struct sim_options *options;
    struct sim_result *result;
    struct referee *referee;
    uint64_t now_ns, began_ns, healing_ns; /* began, healing: on the machines' clock */
    uint64_t digest, frames, segments, bytes, connections, events, deeds, instant_events;
    struct node nodes[SIM_NODES];
    struct cable cables[SIM_LINKS];
    struct program programs[SIM_APPLICATIONS];
    struct watcher watchers[SIM_APPLICATIONS * 3];
    uint64_t ready;                 /* bits of watchers that were woken */
    struct seen seen[SIM_SEEN];
    unsigned seen_next;
    struct sim_random programs_random, adversary_random;
    uint64_t deed_ns;               /* when the adversary acts next */
    bool is_healed, is_mute, has_failed, has_planted;
};

/* When a program that has not moved by then is stuck: so long after the healing, and after it moved last. */
static inline uint64_t run_stuck_ns(const struct run *run, const struct program *p)
{
    uint64_t since_ns = p->connection.moved_ns > run->healing_ns ? p->connection.moved_ns : run->healing_ns;
    return since_ns + SIM_STUCK_NS;
}
static inline bool run_is_host(const struct run *run, unsigned node) { return node < run->scenario.host_count; }

/* check.c: the first failure stays. */
void run_fail(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
void check_memory(struct run *run);
void check_sockets(struct run *run);
void check_end(struct run *run);
bool check_is_memory(const struct run *run, int error);                      /* it may pass */
/* False: that errno cannot come here. */
bool check_errno(struct run *run, unsigned program, bool is_connecting, int error);

/* topology.c */
bool topology_build(struct run *run);
void topology_configure(struct run *run);                                    /* all addresses and routes */
void topology_configure_end(struct run *run, unsigned link, unsigned end);   /* those that go with one end; again after it was down */
void topology_set_up(struct run *run, unsigned link, unsigned end, bool up);
void topology_set_mtu(struct run *run, unsigned link, uint32_t mtu_bytes);
void topology_set_faults(struct run *run, unsigned link, unsigned end, const struct weir_link_faults *faults);
void topology_perfect(struct run *run);                                      /* the network heals */
void topology_destroy(struct run *run);
socklen_t topology_address(const struct run *run, unsigned host, bool is6, uint16_t port, struct sockaddr_storage *a);

/* digest.c */
void digest_frame(struct run *run, unsigned node, bool is_outgoing, const void *frame, size_t bytes);
bool digest_has_tcp_data(const uint8_t *frame, size_t bytes);
void digest_result(struct run *run, uint64_t what, uint64_t value);

/* loop.c */
bool loop_turn(struct run *run);                                             /* one event; false: all programs are done, or it failed */
void loop_until(struct run *run, uint64_t end_ns);                           /* lets the machines go on alone */
void loop_sync(struct run *run, unsigned node);                              /* its clock is the run's, before something is called on it */

/* stream.c, datagram.c: a program looks at what it can do. True: it moved. */
bool stream_work(struct run *run, unsigned program);
bool datagram_work(struct run *run, unsigned program);
void program_close_all(struct run *run, unsigned program);
void program_watch(struct run *run, unsigned program, unsigned which, int fd, bool *has_watch); /* which: 0, 1 its ends, 2 its listener */

/* pattern.c: what streams carry, a window into one period; at most SIM_BLOCK_BYTES from any offset. */
const uint8_t *pattern_at(uint32_t key, uint64_t offset);

/* save.c */
void save_run(struct run *run, uint64_t events);                             /* all turns, saved on the way; events: about how many there are */

/* adversary.c */
void adversary_start(struct run *run);
void adversary_act(struct run *run);
uint64_t adversary_next(const struct run *run);
void adversary_heal(struct run *run);
void adversary_see(struct run *run, unsigned node, unsigned port, bool is_outgoing, const uint8_t *frame, size_t bytes);
/* forge.c */
void forge_segment(struct run *run);
void forge_icmp(struct run *run);

#endif
