/* What the neighbour room keeps for a namespace, and the functions its files share. */
#ifndef WEIR_NEIGHBOUR_STATE_H
#define WEIR_NEIGHBOUR_STATE_H

#include "machine/composition.h"
#include "neighbour/neighbour.h"
#include "wire/headers.h"

#define NEIGHBOUR_BUCKETS 256

struct neighbour_device {
    struct list node;
    struct net_device *device;
    struct neighbour_parameters parameters[2];
}; /* [IPv6] */

struct neighbour_net {
    struct chain buckets[NEIGHBOUR_BUCKETS];
    struct list all;                 /* struct neighbour.all_node, oldest first */
    uint32_t count;
    uint64_t collected_ns, swept_ns;
    struct list devices;             /* struct neighbour_device.node */
    struct neighbour_parameters defaults[2];
};

#define NUD_IN_TIMER (NUD_INCOMPLETE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE)
#define NUD_VALID (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)
#define NUD_CONNECTED (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE)

static inline const struct neighbour_host *host_of(const struct net_device *d)
{
    return d->net->machine->composition->neighbour_host;
}
static inline void neighbour_tell(const struct neighbour *n, enum change change)
{
    const struct composition *c = n->device->net->machine->composition;
    if (c && c->neighbour_changed) c->neighbour_changed(n, change);
}
static inline uint64_t now_of(const struct net_device *d) { return d->net->machine->now_ns; }

/* nud.c */
void nud_fire(struct timer *t, uint64_t now_ns);
/* arp.c, ndp.c: one solicitation; unicast when to is not NULL. */
void arp_solicit(struct neighbour *n, const struct packet *waiting, bool is_unicast);
void ndp_solicit_for(struct neighbour *n, const struct packet *waiting, bool is_unicast);

#endif
