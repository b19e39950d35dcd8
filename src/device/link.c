/* Each end's transmit hands the frame to the other's receive queue: the packet itself within a machine, a copy of its bytes
 * between machines. Frames are real ones, at most the MTU and with checksums, so that faults strike what a wire carries. */
#include "device/link.h"

struct link { struct net_device *self, *peer; struct impairment *faults; };

static bool is_up(const struct net_device *to) { return to && (to->flags & IFF_UP); }
static bool is_elsewhere(const struct link *l) { return l->peer->net->machine != l->self->net->machine; }

/* Into another machine. copy NULL: there was no memory for it. */
static void hand_over(struct net_device *to, struct packet *p, struct packet *copy)
{
    if (!copy) {
        to->stats.rx_dropped++;
        packet_drop(p, DROP_NOMEM);
        return;
    }
    copy->net = to->net;
    packet_consume(p);
    device_enqueue(to, copy);
}

static void carry(void *ctx, struct packet *p)
{
    struct link *l = ctx;
    struct net_device *to = l->peer;
    struct packet *copy = NULL;
    if (!is_up(to)) {
        packet_drop(p, DROP_LINK_DOWN);
    } else if (is_elsewhere(l)) {
        device_copy_frame(p, to->net->machine, &copy);
        hand_over(to, p, copy);
    } else {
        packet_scrub(p);
        p->net = to->net;
        device_enqueue(to, p);
    }
}

static int start(struct net_device *d, const void *config)
{
    struct link *l = d->private_data;
    const struct impairment_config *faults = config;
    l->self = d;
    random_bytes(&d->net->machine->random.link, d->mac.bytes, sizeof d->mac.bytes);
    d->mac.bytes[0] = (uint8_t)((d->mac.bytes[0] & 0xfc) | 2); /* locally administered, unicast */
    d->features = DEVICE_GRO;
    if (!faults) return 0;
    l->faults = impairment_create(d->net->machine, faults, carry, l);
    return l->faults ? 0 : -ENOMEM;
}

static void stop(struct net_device *d)
{
    struct link *l = d->private_data;
    struct net_device *peer = l->peer;
    if (l->faults) impairment_destroy(l->faults);
    l->faults = NULL;
    l->peer = NULL;
    if (!peer) return;
    ((struct link *)peer->private_data)->peer = NULL;
    device_destroy(peer); /* as veth: no cable with one end */
}

static void transmit(struct net_device *d, struct packet *p)
{
    struct link *l = d->private_data;
    if (l->faults) impairment_push(l->faults, p);
    else carry(l, p);
}

static bool cut_into(struct net_device *d, struct net_device *to, struct packet *p)
{
    struct packet_queue frames;
    packet_queue_init(&frames);
    if (!device_segment_into(p, to->net->machine, &frames)) {
        d->stats.tx_dropped++;
        return true;
    }
    while ((p = packet_queue_pop(&frames))) {
        d->stats.tx_packets++;
        d->stats.tx_bytes += packet_bytes(p);
        p->net = to->net;
        device_enqueue(to, p);
    }
    return true;
}

/* Into another machine everything is copied in any case: cut and summed in the same pass. */
static bool transmit_whole(struct net_device *d, struct packet *p)
{
    struct link *l = d->private_data;
    struct packet *copy;
    if (l->faults || !is_up(l->peer) || !is_elsewhere(l)) return false;
    if (p->gso_bytes) return cut_into(d, l->peer, p);
    if (!device_copy_frame(p, l->peer->net->machine, &copy)) return false;
    d->stats.tx_packets++;
    d->stats.tx_bytes += packet_bytes(p);
    hand_over(l->peer, p, copy);
    return true;
}

static bool has_carrier(const struct net_device *d)
{
    const struct link *l = d->private_data;
    return l->peer && (l->peer->flags & IFF_UP);
}

static void up_changed(struct net_device *d)
{
    struct link *l = d->private_data;
    if (l->peer) device_carrier_changed(l->peer);
}

const struct device_ops link_device_ops = {
    .kind = "link", .private_bytes = sizeof(struct link), .start = start, .stop = stop, .transmit = transmit,
    .transmit_whole = transmit_whole, .poll = device_poll_queue, .has_carrier = has_carrier, .up_changed = up_changed,
};

int link_create(struct net *a, const char *a_name, struct net *b, const char *b_name, uint32_t mtu_bytes,
                const struct impairment_config *impairment, struct net_device **a_out, struct net_device **b_out)
{
    int error;
    struct impairment_config back;
    if (impairment) {
        back = *impairment;
        if (back.seed) back.seed = ~back.seed; /* a stream of its own for each direction */
    }
    struct net_device *first = device_create(a, &link_device_ops, a_name, impairment, &error);
    if (!first) return error;
    struct net_device *second = device_create(b, &link_device_ops, b_name, impairment ? &back : NULL, &error);
    if (!second) goto destroy_first;
    ((struct link *)first->private_data)->peer = second;
    ((struct link *)second->private_data)->peer = first;
    if (mtu_bytes) {
        error = device_set_mtu(first, mtu_bytes);
        if (!error) error = device_set_mtu(second, mtu_bytes);
        if (error) goto destroy_first;
    }
    *a_out = first;
    *b_out = second;
    return 0;
destroy_first:
    device_destroy(first);
    return error;
}
