#include "device/impairment.h"
#include "device/net_device.h"
#include "machine/composition.h"
#include "wire/headers.h"

bool device_push_header(struct net_device *d, struct packet *p, const struct mac_addr *to)
{
    struct wire_ethernet *e;
    p->link_offset = 0;
    if (!d->header_bytes) return true;
    e = (void *)packet_push(p, sizeof *e);
    if (!e) return false;
    e->destination = to ? *to : (struct mac_addr){ { 0 } };
    e->source = d->mac;
    e->type = p->protocol;
    p->link_offset = 0;
    return true;
}

static void stamp(struct net_device *d, struct packet *p, uint8_t moment)
{
    const struct composition *c = p->machine->composition;
    p->device = d;
    if (p->sock && c && c->packet_stamped) c->packet_stamped(p, moment);
    p->stamps &= (uint8_t)~moment;
}

/* What the wire would see. */
static void transmit_now(void *ctx, struct packet *p)
{
    struct net_device *d = ctx;
    if (p->stamps) stamp(d, p, PACKET_STAMP_SENT);
    device_capture(d, p, true);
    d->stats.tx_packets++;
    d->stats.tx_bytes += device_counted_bytes(d, p);
    d->ops->transmit(d, p);
}

/* As it is, by a device that finishes it on the way, when nobody is to see it finished before. */
static bool hand_whole(struct net_device *d, struct packet *p)
{
    if (!d->ops->transmit_whole || d->egress || !list_is_empty(&d->captures)) return false;
    if (p->stamps) stamp(d, p, PACKET_STAMP_SENT);
    return d->ops->transmit_whole(d, p);
}

static void transmit_one(struct net_device *d, struct packet *p, uint32_t features)
{
    if (!(features & DEVICE_CHECKSUM) && p->checksum == PACKET_CHECKSUM_PARTIAL) {
        if (hand_whole(d, p)) return;
        if (!device_complete_checksum(p)) {
            d->stats.tx_dropped++;
            packet_drop(p, DROP_DEV_TX);
            return;
        }
    }
    if (d->egress) impairment_push(d->egress, p);
    else transmit_now(d, p);
}

static void transmit_segments(struct net_device *d, struct packet *p, uint32_t features)
{
    struct packet_queue segments;
    if (!p->gso_keeps_cwr && hand_whole(d, p)) return;
    if (p->stamps) stamp(d, p, PACKET_STAMP_SENT);
    packet_queue_init(&segments);
    if (!device_segment(p, &segments)) {
        d->stats.tx_dropped++;
        return;
    }
    while ((p = packet_queue_pop(&segments))) transmit_one(d, p, features);
}

void device_transmit(struct net_device *d, struct packet *p)
{
    struct machine *m = d->net->machine;
    /* Faults act on frames as they would be on a wire. */
    uint32_t features = d->egress ? 0 : d->features;
    p->device = d;
    if (!(d->flags & IFF_UP)) {
        d->stats.tx_dropped++;
        packet_drop(p, DROP_DEV_READY);
        return;
    }
    if (p->stamps) stamp(d, p, PACKET_STAMP_SCHEDULED);
    /* Who cuts below us would keep CWR in the first segment only. */
    bool is_cut = p->gso_bytes > 0 && (!(features & DEVICE_GSO) || (p->gso_keeps_cwr && !(d->flags & IFF_LOOPBACK)));
    if (is_cut) transmit_segments(d, p, features);
    else transmit_one(d, p, features);
    softirq_run(m);
}

void device_handed_out(struct net_device *d, struct packet *p, bool is_taken)
{
    if (is_taken) {
        packet_consume(p);
        return;
    }
    d->stats.tx_packets--;
    d->stats.tx_bytes -= packet_bytes(p);
    d->stats.tx_dropped++;
    packet_drop(p, DROP_TAP_FULL);
}

static struct impairment **impairment_at(struct net_device *d, bool egress)
{
    return egress ? &d->egress : &d->ingress;
}

int device_impair(struct net_device *d, bool egress, const struct impairment_config *config)
{
    struct impairment **at = impairment_at(d, egress), *made = NULL;
    if (config) {
        made = impairment_create(d->net->machine, config, egress ? transmit_now : device_receive_now, d);
        if (!made) return -ENOMEM;
    }
    if (*at) impairment_destroy(*at);
    *at = made;
    return 0;
}
