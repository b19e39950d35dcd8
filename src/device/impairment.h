/* Seeded link faults (as Linux's netem): in front of transmit, behind receive, and inside a link. Rates are parts per
 * 2^32; the same seed gives the same faults. */
#ifndef WEIR_DEVICE_IMPAIRMENT_H
#define WEIR_DEVICE_IMPAIRMENT_H

#include "device/net_device.h"

struct impairment_config {
    uint64_t delay_ns, jitter_ns;       /* delay uniform in [delay-jitter, delay+jitter]; order kept unless reorder hits */
    uint32_t loss, duplicate, corrupt, reorder; /* probability * 2^32 */
    uint64_t rate_bits_per_s;           /* 0: unlimited */
    uint32_t limit_packets;             /* queue; 0: 1000 */
    uint64_t seed;
};
/* deliver takes the packet. */
struct impairment *impairment_create(struct machine *m, const struct impairment_config *config,
                                     void (*deliver)(void *ctx, struct packet *p), void *ctx);
void impairment_destroy(struct impairment *i);               /* drops what is on the way */
void impairment_push(struct impairment *i, struct packet *p); /* takes p */
/* Puts faults in front of a device's transmit (egress) or behind its receive (ingress); NULL config takes them away. */
int device_impair(struct net_device *d, bool egress, const struct impairment_config *config);

#endif
