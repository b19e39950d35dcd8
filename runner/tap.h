/* A host TAP interface: Ethernet frames in and out of the machine. Opened before privileges go. */
#ifndef RUNNER_TAP_H
#define RUNNER_TAP_H

/* Attaches to the TAP interface `name` (made when it does not exist and the caller may). Returns a non-blocking fd, or a
 * negative errno. What the host's side is called and how it is addressed is the host's business. */
int tap_open(const char *name);

#endif
