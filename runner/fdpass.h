/* Messages that carry file descriptors over a Unix socket. */
#ifndef RUNNER_FDPASS_H
#define RUNNER_FDPASS_H

#include <stddef.h>
#include <sys/types.h>

enum { FDPASS_MAX = 4 };

/* Sends one message with `count` fds. 0 or a negative errno. */
int fdpass_send(int socket, const void *data, size_t bytes, const int *fds, unsigned count);

/* Receives one message; fds beyond those sent are set to -1, unexpected ones are closed. Bytes or a negative errno. */
ssize_t fdpass_receive(int socket, void *data, size_t bytes, int *fds, unsigned count);

#endif
