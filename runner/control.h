/* What the weir command and a machine's process say to each other: one packet each way, an fd with it where useful. */
#ifndef RUNNER_CONTROL_H
#define RUNNER_CONTROL_H

#include <stdint.h>

enum { CONTROL_TEXT_MAX = 512, CONTROL_VERSION = 2 };

enum control_verb {
    CONTROL_PROBE = 1, /* can the machine look into the sender? number: an fd of the sender's; address: of memory of its. */
    CONTROL_RUN,       /* number: the sender's notification fd, for the machine to take */
    CONTROL_RUN_BROKERED, /* fds: the notification fd, the socket to the broker */
    CONTROL_STATUS,    /* text: one line about the machine */
    CONTROL_CAT,       /* text: the path; the answer carries an fd with the content */
    CONTROL_KEEP,      /* stay when the last program ends */
    CONTROL_DOWN,      /* end now; answered when all is put away, by the end of the connection */
};

struct control_request {
    uint32_t version;
    uint32_t verb;
    int32_t number;
    uint32_t fd_base;
    uint64_t address;
    char text[CONTROL_TEXT_MAX];
};

struct control_reply {
    int32_t error; /* 0 or a negative errno */
    char text[CONTROL_TEXT_MAX];
};

/* Sends a request and waits for its answer. *fd (may be NULL) receives the fd in it, or -1. Returns the answer's error, or
 * one of the connection's. */
int control_ask(int socket, struct control_request *request, struct control_reply *reply, int *fd);

#endif
