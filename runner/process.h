/* Inside of a machine's process: what its main loop, its control server and its host devices share. */
#ifndef RUNNER_PROCESS_H
#define RUNNER_PROCESS_H

#include "runner/door.h"
#include "runner/machine_process.h"
#include "runner/pcap.h"

struct process;

struct client {
    struct source source; /* SOURCE_CONTROL_CLIENT */
    struct list node;     /* process->clients */
    struct process *process;
    int socket;
    bool waits_for_end;
};

struct port {
    struct source source; /* SOURCE_TAP */
    struct process *process;
    int fd;
    bool offloads;
    char name[16]; /* in the machine */
};

struct process {
    struct door door;
    struct weir_env env;
    struct machine_options options;
    struct source listener_source, signal_source, handover_source;
    struct list clients;
    struct port ports[TAPS_MAX];
    unsigned port_count;
    struct pcap_file pcap;
    int lock_fd, listen_fd, signal_fd;
    uint64_t started_ns;
    bool had_program, is_ending;
};

uint64_t process_now(void);
static inline struct weir_machine *process_machine(struct process *p) { return (struct weir_machine *)p->door.machine; }
int process_watch(struct process *p, int fd, struct source *source);

/* loop.c */
void loop_serve(struct process *p);               /* until the machine ends */
void loop_look_at_events(struct door *door);
void loop_end_runs(struct process *p);

/* control_server.c */
void control_server_accept(struct process *p);
void control_server_event(struct client *client);
void control_server_close(struct process *p);
int control_server_add_run(struct process *p, int listener, unsigned fd_base, int broker);

/* ports.c */
int ports_open(struct process *p, struct machine_failure *failure);   /* host side: before privileges go */
int ports_attach(struct process *p, struct machine_failure *failure); /* machine side */
void ports_event(struct port *port);
void ports_close(struct process *p);

/* privileges.c */
int privileges_drop(uint64_t also_kept); /* bits of capabilities */

#endif
