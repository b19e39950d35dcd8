/* How the machine of a given name is found: a socket and a lock file in the user's runtime directory.
 *
 * The lock is held by the machine's process for its whole life, so at most one machine of a name exists and a socket
 * without a lock holder is stale. Both sides check the other's uid: nobody else's process is talked to. */
#ifndef RUNNER_RENDEZVOUS_H
#define RUNNER_RENDEZVOUS_H

#include <stdbool.h>
#include <stddef.h>

enum { MACHINE_NAME_MAX = 64 };

/* The directory, made when missing. -EPERM when it is not the caller's alone. */
int rendezvous_directory(char *path, size_t size);

/* Letters, digits, '.', '_' and '-', not beginning with '.' or '-'. */
bool rendezvous_name_is_valid(const char *name);

/* A connection to the running machine, or -ECONNREFUSED when there is none, or another negative errno. */
int rendezvous_connect(const char *name);

/* Becomes the one who may start the machine: takes the lock and makes the listening socket. -EEXIST when a machine (or
 * another starter) has it. Both fds are close-on-exec. */
int rendezvous_claim(const char *name, int *lock_fd, int *listen_fd);

/* The machine goes: the socket's name is removed while the lock is still held. */
void rendezvous_withdraw(const char *name);

/* Whether the process at the other end of a Unix socket is this user's, or root's. */
bool rendezvous_peer_is_trusted(int socket);

#endif
