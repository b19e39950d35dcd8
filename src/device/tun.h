/* A device without a link layer (Linux: tun): bare IP packets to and from a function of the embedder. What leaves is
 * what a packet socket sees of a tun with a virtio header: a large send whole, its checksum complete. DEVICE_GSO may be
 * taken from its features (ethtool -K tso off): then it is cut before. */
#ifndef WEIR_DEVICE_TUN_H
#define WEIR_DEVICE_TUN_H

#include "device/net_device.h"

struct tun_config {
    uint32_t mtu_bytes; /* 0: 1500 */
    /* A packet leaves. Borrowed for the call. False: not taken, counted as dropped. */
    bool (*send)(void *ctx, struct packet *p);
    void *ctx;
};
/* packets come in by device_inject() */

#endif
