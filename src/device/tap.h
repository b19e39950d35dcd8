/* An Ethernet device whose other end is outside the machine: the door carries frames to and from a host TAP, a socket, or
 * an embedder's function. */
#ifndef WEIR_DEVICE_TAP_H
#define WEIR_DEVICE_TAP_H

#include "device/net_device.h"

struct tap_config {
    struct mac_addr mac;
    uint32_t mtu_bytes; /* 0: 1500 */
    bool takes_checksum_and_gso; /* the door sends with a virtio header */
    /* A frame leaves. Borrowed for the call. False: not taken, counted as dropped. */
    bool (*send)(void *ctx, struct packet *frame);
    void *ctx;
};
/* frames come in by device_inject() */

#endif
