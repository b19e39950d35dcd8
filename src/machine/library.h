/* The library door: tasks with an fd table of their own, whose calls never wait. */
#ifndef WEIR_MACHINE_LIBRARY_H
#define WEIR_MACHINE_LIBRARY_H

#include <weir/socket.h>

#include "device/net_device.h"
#include "machine/net.h"

void library_stop(struct machine *m);                                      /* ends all tasks */
void library_free(struct machine *m);                                      /* what was made for devices, after them */
void library_device_event(struct net_device *d, enum device_event event);  /* a device_listener: weir_capture() */
/* "10.0.0.1" or "fd00::1", of `length` characters. False: neither. */
bool library_parse_address(const char *text, size_t length, ip_addr_t *out);
/* The same with "/24"; without it the whole address. */
bool library_parse_prefix(const char *text, ip_addr_t *out, unsigned *prefix_bits);

#endif
