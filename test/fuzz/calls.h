/* System calls as bytecode: each record is a call, packets or time. Programs' memory is a window of the harness's; a pointer
 * outside is EFAULT. Two targets use it: everything interleaved, and options alone. */
#ifndef WEIR_TEST_FUZZ_CALLS_H
#define WEIR_TEST_FUZZ_CALLS_H

#include "test/fuzz/harness.h"

enum calls_op {
    CALLS_SETSOCKOPT, CALLS_GETSOCKOPT, CALLS_IOCTL, CALLS_SENDMSG, CALLS_RECVMSG, CALLS_SOCKET, CALLS_OPTIONS_OPS, /* the target of options ends here */
    CALLS_BIND = CALLS_OPTIONS_OPS, CALLS_CONNECT, CALLS_LISTEN, CALLS_ACCEPT, CALLS_SEND, CALLS_RECEIVE, CALLS_SHUTDOWN, CALLS_CLOSE, CALLS_DUP,
    CALLS_EPOLL, CALLS_POLL, CALLS_FCNTL, CALLS_ANY, CALLS_NAMES, CALLS_PROC, CALLS_CANCEL, CALLS_NO_MEMORY, CALLS_CREDENTIALS, CALLS_TIME, CALLS_REFLECT, CALLS_FRAME,
    CALLS_OPS,
};

/* sockets_too: of every kind, open and named, before each input. */
void calls_set_up(bool sockets_too);
void calls_run(struct input *in, unsigned ops);
void calls_fresh(struct rng *rng, struct record *r, unsigned ops);
bool calls_mutate(struct rng *rng, struct record *r);

#endif
