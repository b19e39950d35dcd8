/* A host TAP interface: Ethernet frames in and out of the machine. Opened before privileges go. */
#ifndef RUNNER_TAP_H
#define RUNNER_TAP_H

#include <weir/device.h>

/* Attaches to the TAP interface `name` (made when it does not exist and the caller may). Returns a non-blocking fd, or a
 * negative errno. What the host's side is called and how it is addressed is the host's business. */
int tap_open(const char *name);
bool tap_offload(int fd, bool wanted); /* true: from now on the host takes and gives segments and open checksums */
/* One frame with its virtio header. False: not taken; none there. */
bool tap_write(int fd, const struct weir_port_frame *frame);
bool tap_read(int fd, struct weir_port_frame *frame, void *buffer, size_t bytes);

#endif
