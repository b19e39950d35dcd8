/* Where Yama lets only an ancestor look into a process, the machine asks one: the supervisor that `weir run` leaves
 * behind as the ancestor of the command and all its descendants. Requests go over a socketpair, answers come back with an
 * fd. Both ends are here. */
#ifndef RUNNER_BROKER_H
#define RUNNER_BROKER_H

#include <stdint.h>
#include <sys/types.h>

/* The machine's end. Owned by the run it belongs to. */
struct broker {
    int socket;
    uint32_t serial; /* of the last request: an answer that comes late is nobody's */
};

/* Asks for a duplicate of fd of thread tid. The fd, or a negative errno. */
int broker_duplicate_fd(struct broker *broker, pid_t tid, int fd);

/* Asks for /proc/TID/mem, opened for reading and writing. The fd, or a negative errno. */
int broker_open_memory(struct broker *broker, pid_t tid);

/* The supervisor's end: takes a duplicate of a descendant's fd. The fd or a negative errno. */
int broker_take_fd(pid_t tid, int fd);

/* The supervisor's end: answers one request that is ready on the socket. -EPIPE when the machine is gone. */
int broker_serve(int socket);

#endif
