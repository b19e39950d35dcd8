/* The host's half of a weir socket: one end of a Unix socketpair (the program's end) is the fd the program holds, the
 * other (the machine's end) tells when the last copy is closed and mirrors what poll() shall say.
 *
 *   program polls            is                              the machine makes it so by
 *   readable                 bytes in the program's end      sending a byte through its own end
 *   not readable             nothing there                   taking it out through a duplicate of the program's end
 *   writable                 send buffer (4608) not full     keeping one filler byte in flight (1 of 2 that fit)
 *   not writable             send buffer full                two filler bytes in flight
 *   peer will not send       EPOLLRDHUP                      shutdown(machine end, SHUT_WR)
 *   both sides shut          EPOLLHUP                        shutdown(machine end, SHUT_RDWR)
 *   reset                    EPOLLERR|EPOLLHUP               closing the machine's end with the filler unread in it
 *
 * After EPOLLHUP and EPOLLERR the machine's end can no longer tell the last close: a canary fd, left in a message in the
 * program's end, does. The edges of edge-triggered epoll come out of the same bytes: each new one is an event.
 *
 * Operations that need the program's end take a duplicate, valid for that call only; -1 postpones them. */
#ifndef RUNNER_BACKING_H
#define RUNNER_BACKING_H

#include <stdbool.h>
#include <stdint.h>

enum backing_shape {
    BACKING_STREAM,  /* bytes */
    BACKING_MESSAGE, /* boundaries are kept, should data ever flow through the pair */
};

/* Owned by the socket it backs. */
struct backing {
    int machine_end;       /* -1 after a reset */
    int canary;            /* -1 until the pair cannot tell the last close any more */
    uint64_t inode;        /* of the program's end: the socket's name everywhere */
    uint16_t wake_bytes;   /* sent to the program's end and still there */
    uint8_t filler_bytes;  /* sent from the program's end and still there */
    bool is_read_closed;   /* EPOLLRDHUP shown */
    bool is_hung_up;       /* EPOLLHUP shown */
    bool is_reset;         /* EPOLLERR shown */
    bool is_urgent;        /* EPOLLPRI shown */
    bool is_postponed;     /* something waits for a duplicate of the program's end */
};

/* Makes the pair. The program's end goes to *program_end, for the caller to hand over and close. 0 or negative errno. */
int backing_create(struct backing *backing, enum backing_shape shape, bool is_nonblocking, int *program_end);
void backing_destroy(struct backing *backing);

/* Makes poll() on the program's end say `mask` (EPOLL bits as Linux gives them for the socket). `is_new` says that data
 * arrived since the last time, so an edge is due even when the mask did not change. */
void backing_show(struct backing *backing, unsigned mask, bool is_new, int program_end);

/* The next send through the program's end raises EPIPE and SIGPIPE as the kernel does it. */
void backing_break_pipe(int program_end);

/* Empties both directions and gives the program's end a real send buffer: data will flow. */
void backing_open_flow(struct backing *backing, int program_end);

/* Whether the fd whose hang-up was seen means that the last copy of the program's end is closed. */
bool backing_is_closed(const struct backing *backing);

#endif
