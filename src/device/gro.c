/* Generic receive offload: in-order TCP segments of one flow that come in one poll go up as one packet, if nothing but the
 * sequence number, PSH and FIN tells them apart, so that segmenting the result gives the same frames back. A few flows are
 * held at a time; everything held is delivered when the poll ends. */
#include "device/frame.h"
#include "device/net_device.h"
#include "wire/checksum.h"

#define GRO_FLOWS 8
#define GRO_MAX_BYTES 65535u

struct held { struct packet *p; struct frame f; uint32_t next_sequence; uint16_t next_id; };
struct gro { struct held held[GRO_FLOWS]; unsigned count; };

static const struct wire_tcp *tcp_of(const struct packet *p, const struct frame *f)
{
    return (const void *)(packet_data(p) + f->transport);
}

static uint16_t id_of(const struct packet *p, const struct frame *f)
{
    return f->version == 4 ? host16(((const struct wire_ipv4 *)(const void *)packet_data(p))->id) : 0;
}

static void deliver_held(struct net_device *d, unsigned index)
{
    struct gro *g = d->gro;
    struct packet *p = g->held[index].p;
    if (p->more) frame_set_length(p, &g->held[index].f, packet_bytes(p) - g->held[index].f.payload);
    else p->gso_bytes = 0; /* stayed alone: an ordinary packet */
    g->count--;
    memmove(&g->held[index], &g->held[index + 1], (g->count - index) * sizeof g->held[0]); /* keeps the order of arrival */
    device_deliver(d, p);
}

void gro_flush(struct net_device *d)
{
    while (d->gro && d->gro->count > 0) deliver_held(d, 0);
}

void gro_destroy(struct net_device *d)
{
    struct gro *g = d->gro;
    if (!g) return;
    d->gro = NULL;
    for (unsigned i = 0; i < g->count; i++) packet_consume(g->held[i].p);
    machine_free(d->net->machine, g, sizeof *g);
}

static bool lengths_fit(const struct packet *p, const struct frame *f)
{
    const uint8_t *ip = packet_data(p);
    uint32_t said = f->version == 4 ? host16(((const struct wire_ipv4 *)(const void *)ip)->total_bytes)
                                    : host16(((const struct wire_ipv6 *)(const void *)ip)->payload_bytes) + 40u;
    return said == packet_bytes(p);
}

/* A segment that may be merged at all: whole, for us, good checksums, data, plain flags. Strips Ethernet's padding. */
static bool is_candidate(struct packet *p, struct frame *f)
{
    if (p->gso_bytes > 0) return false; /* merged already */
    if (p->kind != PACKET_HOST || !frame_parse(p, 0, p->protocol, f) || f->protocol != IPPROTO_TCP) return false;
    if (f->version == 4 && f->transport != sizeof(struct wire_ipv4)) return false; /* options: as Linux, never merged */
    if (f->version == 6 && f->transport != sizeof(struct wire_ipv6)) return false;
    if (!lengths_fit(p, f) || packet_bytes(p) == f->payload) return false;
    const struct wire_tcp *tcp = tcp_of(p, f);
    if (tcp->flags & (TCP_SYN | TCP_RST | TCP_URG | TCP_CWR) || !(tcp->flags & TCP_ACK)) return false;
    if (f->version == 4 && checksum_fold(checksum_words(packet_data(p), f->transport / 4, 0)).raw != 0) return false;
    if (p->checksum != PACKET_CHECKSUM_NONE) return true;
    uint32_t bytes = packet_bytes(p) - f->transport;
    if (checksum_fold(packet_checksum(p, f->transport, bytes, frame_pseudo_sum(p, f, bytes))).raw != 0) return false;
    p->checksum = PACKET_CHECKSUM_VERIFIED;
    return true;
}

static bool same_ip(const struct packet *a, const struct packet *b, const struct frame *f)
{
    if (f->version == 6) { /* all but the payload length */
        return memcmp(packet_data(a), packet_data(b), 4) == 0 && memcmp(packet_data(a) + 6, packet_data(b) + 6, 34) == 0;
    }
    const struct wire_ipv4 *x = (const void *)packet_data(a), *y = (const void *)packet_data(b);
    return x->tos == y->tos && be16_equal(x->fragment, y->fragment) && x->ttl == y->ttl
           && be32_equal(x->source, y->source) && be32_equal(x->destination, y->destination);
}

static bool same_flow(const struct held *h, const struct packet *p, const struct frame *f)
{
    if (h->f.version != f->version || memcmp(tcp_of(h->p, &h->f), tcp_of(p, f), 4) != 0) return false;
    const uint8_t *a = packet_data(h->p), *b = packet_data(p);
    return f->version == 4 ? memcmp(a + 12, b + 12, 8) == 0 : memcmp(a + 8, b + 8, 32) == 0;
}

static bool continues(const struct held *h, const struct packet *p, const struct frame *f)
{
    const struct wire_tcp *x = tcp_of(h->p, &h->f), *y = tcp_of(p, f);
    uint32_t header_bytes = f->payload - f->transport, bytes = packet_bytes(p) - f->payload;
    if (!same_ip(h->p, p, f) || h->f.payload != f->payload) return false;
    if (host32(y->sequence) != h->next_sequence || !be32_equal(x->acknowledgment, y->acknowledgment)) return false;
    if ((x->flags ^ y->flags) & ~(TCP_PSH | TCP_FIN) || x->offset_reserved != y->offset_reserved) return false;
    if (!be16_equal(x->window, y->window)) return false;
    if (memcmp(x + 1, y + 1, header_bytes - sizeof *x) != 0) return false; /* options, timestamps too */
    if (f->version == 4 && id_of(p, f) != h->next_id) return false;
    return bytes <= h->p->gso_bytes && packet_bytes(h->p) + bytes <= GRO_MAX_BYTES;
}

/* True: the merged packet can take no more. */
static bool merge(struct held *h, struct packet *p, const struct frame *f)
{
    uint32_t bytes = packet_bytes(p) - f->payload;
    uint8_t flags = tcp_of(p, f)->flags;
    h->p->truesize_bytes += p->truesize_bytes;
    packet_pull(p, f->payload);
    packet_chain(h->p, p);
    struct wire_tcp *tcp = (void *)(packet_data(h->p) + h->f.transport);
    tcp->flags |= flags & (TCP_PSH | TCP_FIN);
    h->p->gso_kind = PACKET_GSO_TCP;
    h->next_sequence += bytes;
    h->next_id++;
    return bytes < h->p->gso_bytes || flags & (TCP_PSH | TCP_FIN);
}

static void hold(struct net_device *d, struct packet *p, const struct frame *f)
{
    struct gro *g = d->gro;
    uint32_t bytes = packet_bytes(p) - f->payload;
    if (g->count == GRO_FLOWS) deliver_held(d, 0);
    p->gso_bytes = (uint16_t)bytes;
    g->held[g->count++] = (struct held){ p, *f, host32(tcp_of(p, f)->sequence) + bytes, (uint16_t)(id_of(p, f) + 1) };
}

/* Is this, with nothing held, surely no segment to begin with: one that ends what its sender had to say, or has nothing to
 * say? As most are, told without a look at the rest of it. */
static bool is_alone(const struct net_device *d, const struct packet *p)
{
    const uint32_t ip_bytes = host16(p->protocol) == ETH_P_IP ? sizeof(struct wire_ipv4) : sizeof(struct wire_ipv6);
    if ((d->gro && d->gro->count) || packet_head_bytes(p) || p->body_bytes < ip_bytes + sizeof(struct wire_tcp)) return false;
    const struct wire_tcp *tcp = (const void *)(p->body + ip_bytes); /* if it is one without IP options, and only then we care */
    bool is_empty = p->body_bytes == ip_bytes + (uint32_t)(tcp->offset_reserved >> 4) * 4;
    return tcp->flags & (TCP_PSH | TCP_FIN | TCP_SYN | TCP_RST) || is_empty;
}

void gro_receive(struct net_device *d, struct packet *p)
{
    struct frame f;
    if (is_alone(d, p)) {
        device_deliver(d, p);
        return;
    }
    if (!d->gro) d->gro = machine_alloc(d->net->machine, sizeof *d->gro);
    struct gro *g = d->gro;
    bool is_tcp = g && is_candidate(p, &f);
    /* A segment that cannot join must not overtake what is held of its flow. */
    bool may_match = g && (is_tcp || (frame_parse(p, 0, p->protocol, &f) && f.protocol == IPPROTO_TCP));
    for (unsigned i = 0; may_match && i < g->count; i++) {
        struct held *h = &g->held[i];
        if (!same_flow(h, p, &f)) continue;
        if (is_tcp && continues(h, p, &f) && packet_writable(h->p, h->f.payload)) {
            if (merge(h, p, &f)) deliver_held(d, i);
            return;
        }
        deliver_held(d, i);
        break;
    }
    if (is_tcp && !(tcp_of(p, &f)->flags & (TCP_PSH | TCP_FIN))) hold(d, p, &f);
    else device_deliver(d, p);
}
