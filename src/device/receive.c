#include "device/frame.h"
#include "device/impairment.h"
#include "device/net_device.h"
#include "machine/composition.h"
#include "wire/headers.h"

void device_schedule(struct net_device *d)
{
    softirq_schedule(d->net->machine, &d->napi);
}

bool device_enqueue(struct net_device *d, struct packet *p)
{
    if (d->rx.count >= (uint64_t)d->net->sysctl.netdev_max_backlog) {
        d->stats.rx_dropped++;
        packet_drop(p, DROP_FULL_RING);
        return false;
    }
    packet_queue_push(&d->rx, p);
    device_schedule(d);
    return true;
}

/* Linux's tun and tap keep a large packet in whole pages. */
static uint32_t truesize_in_pages(uint32_t bytes)
{
    const uint32_t page_bytes = 4096, around_bytes = 64 + 320, struct_bytes = 256; /* head room, skb_shared_info, sk_buff */
    return struct_bytes + ((bytes + around_bytes + page_bytes - 1) & ~(page_bytes - 1));
}

bool device_inject_offloaded(struct net_device *d, const void *frame, size_t bytes, const struct device_offload *offload)
{
    struct packet *p = bytes <= UINT16_MAX + (size_t)d->header_bytes ? packet_create(d->net->machine, bytes) : NULL;
    if (!p) {
        d->stats.rx_dropped++;
        d->net->drops[DROP_NOMEM]++;
        return false;
    }
    p->net = d->net;
    if (bytes > 4096) p->truesize_bytes = truesize_in_pages((uint32_t)bytes);
    memcpy(packet_put(p, (uint32_t)bytes), frame, bytes);
    p->gso_bytes = offload->gso_bytes;
    p->gso_kind = offload->gso_kind;
    p->checksum = offload->checksum;
    return device_enqueue(d, p);
}

bool device_inject(struct net_device *d, const void *frame, size_t bytes)
{
    return device_inject_offloaded(d, frame, bytes, &(struct device_offload){ .checksum = PACKET_CHECKSUM_NONE });
}

int device_poll_queue(struct net_device *d, int budget)
{
    int done = 0;
    struct packet *p;
    while (done < budget && (p = packet_queue_pop(&d->rx))) {
        device_receive(d, p);
        done++;
    }
    return done;
}

void device_deliver(struct net_device *d, struct packet *p)
{
    const struct composition *c = d->net->machine->composition;
    uint16_t ethertype = host16(p->protocol);
    p->network_offset = 0;
    for (size_t i = 0; c && i < c->ethertype_count; i++) {
        if (c->ethertypes[i].ethertype != ethertype) continue;
        c->ethertypes[i].receive(d, p);
        return;
    }
    d->stats.rx_dropped++;
    packet_drop(p, DROP_UNHANDLED_PROTO);
}

static uint8_t kind_of(struct net_device *d, const struct mac_addr *to)
{
    if (to->bytes[0] & 1) {
        bool is_broadcast = memcmp(to, &d->broadcast, sizeof *to) == 0;
        return is_broadcast ? PACKET_BROADCAST : PACKET_MULTICAST;
    }
    return memcmp(to, &d->mac, sizeof *to) == 0 ? PACKET_HOST : PACKET_OTHERHOST;
}

/* False: cut short. */
static bool read_link_header(struct net_device *d, struct packet *p)
{
    const struct wire_ethernet *e;
    if (!d->header_bytes) {
        p->kind = PACKET_HOST;
        p->protocol = frame_bare_ethertype(p);
        return packet_bytes(p) > 0;
    }
    if (!packet_pull_check(p, sizeof *e)) return false;
    e = (void *)packet_data(p);
    p->protocol = e->type;
    p->kind = kind_of(d, &e->destination);
    return true;
}

void device_receive_now(void *ctx, struct packet *p)
{
    struct net_device *d = ctx;
    p->net = d->net;
    p->device = d;
    p->in_ifindex = (int32_t)d->ifindex;
    p->time_ns = d->net->machine->now_ns;
    p->link_offset = 0;
    p->checksum_field = 0;
    if (!(d->flags & IFF_UP)) {
        packet_drop(p, DROP_DEV_READY);
        return;
    }
    d->stats.rx_packets++;
    d->stats.rx_bytes += device_counted_bytes(d, p);
    if (!read_link_header(d, p)) {
        d->stats.rx_errors++;
        packet_drop(p, DROP_PKT_TOO_SMALL);
        return;
    }
    if (p->kind == PACKET_MULTICAST) d->stats.multicast++;
    device_capture(d, p, false);
    packet_pull(p, d->header_bytes);
    if (!(d->features & DEVICE_GRO)) {
        device_deliver(d, p);
        return;
    }
    gro_receive(d, p);
    if (d->ingress) device_schedule(d); /* a delayed frame comes outside a poll: the next poll's end lets go what is held */
}

/* Faults meet frames as a wire carries them: cut, and with their checksums. */
static void impair_as_on_a_wire(struct net_device *d, struct packet *p)
{
    struct packet_queue frames;
    packet_queue_init(&frames);
    p->device = d;
    if (p->gso_bytes > 0) {
        if (!device_segment(p, &frames)) d->stats.rx_dropped++;
    } else if (device_complete_checksum(p)) {
        packet_queue_push(&frames, p);
    } else {
        d->stats.rx_dropped++;
        packet_drop(p, DROP_DEV_TX);
    }
    while ((p = packet_queue_pop(&frames))) {
        p->net = d->net;
        impairment_push(d->ingress, p);
    }
}

void device_receive(struct net_device *d, struct packet *p)
{
    if (d->ingress) impair_as_on_a_wire(d, p);
    else device_receive_now(d, p);
}
