/* Packet capture on an interface: sees what tcpdump would, sent and received. The observer writes; the core does no I/O. */
#ifndef WEIR_DEVICE_CAPTURE_H
#define WEIR_DEVICE_CAPTURE_H

#include "device/net_device.h"

struct capture {
    struct list node;
    /* The frame's bytes may lie in pieces: use packet_visit or packet_read. Borrowed. */
    void (*see)(struct capture *c, struct net_device *d, const struct packet *p, bool is_outgoing);
    void *ctx;
};
void capture_add(struct net_device *d, struct capture *c);
void capture_remove(struct capture *c);

#endif
