/* Software checksum and segmentation (Linux: skb_checksum_help, skb_gso_segment), for devices that take neither. */
#include "device/frame.h"
#include "device/net_device.h"
#include "wire/checksum.h"

static be16_t fold_of(uint32_t sum, uint8_t protocol)
{
    be16_t check = checksum_fold(sum);
    if (protocol == IPPROTO_UDP && check.raw == 0) check.raw = 0xffff; /* RFC 768: 0 means none */
    return check;
}

/* Where the sum begins, and its field, from the first byte of the frame. */
struct partial { uint32_t start, field; uint8_t protocol; };

static bool find_partial(struct packet *p, struct partial *at)
{
    struct frame f;
    if (p->checksum_field) { /* ours: who made it said where */
        at->start = (uint32_t)p->transport_offset;
        at->field = at->start + p->checksum_field;
        at->protocol = p->ip.protocol;
        return true;
    }
    if (!frame_parse_link(p, &f) || frame_checksum_field(f.protocol) == 0) return false;
    *at = (struct partial){ f.transport, f.transport + frame_checksum_field(f.protocol), f.protocol };
    return true;
}

bool device_complete_checksum(struct packet *p)
{
    struct partial at;
    if (p->checksum != PACKET_CHECKSUM_PARTIAL) return true;
    if (!find_partial(p, &at) || !packet_writable(p, at.field + 2)) return false;
    uint32_t sum = packet_checksum(p, at.start, packet_bytes(p) - at.start, 0); /* holds the pseudo header's */
    be16_t check = fold_of(sum, at.protocol);
    memcpy(packet_data(p) + at.field, &check, sizeof check);
    p->checksum = PACKET_CHECKSUM_NONE;
    return true;
}

/* Copies the whole frame and sums what lies from `start` on. */
static uint32_t copy_and_sum(const struct packet *p, uint32_t start, uint8_t *out)
{
    uint32_t head = packet_head_bytes(p), sum;
    if (p->more || head <= start || (head - start) % 4) {
        packet_read(p, 0, out, start);
        return packet_copy_checksum(p, start, out + start, packet_bytes(p) - start, 0);
    }
    memcpy(out, p->head + p->head_start, head); /* the headers, then the payload, as nearly always */
    sum = checksum_words(out + start, (head - start) / 4, 0);
    return p->body_bytes ? checksum_copy(out + head, p->body, p->body_bytes, sum) : sum;
}

bool device_copy_frame(struct packet *p, struct machine *to, struct packet **copy)
{
    struct partial at;
    uint32_t bytes = packet_bytes(p);
    bool is_partial = p->checksum == PACKET_CHECKSUM_PARTIAL;
    if (is_partial && !find_partial(p, &at)) return false;
    struct packet *c = *copy = packet_create(to, bytes);
    if (!c) return true;
    uint8_t *out = packet_put(c, bytes);
    if (!is_partial) return packet_read(p, 0, out, bytes);
    be16_t check = fold_of(copy_and_sum(p, at.start, out), at.protocol);
    memcpy(out + at.field, &check, sizeof check);
    return true;
}

/* What segments are cut from: the headers with zeros where each has its own, and the sums of what they share. */
struct cut {
    struct packet *whole;
    struct machine *to;          /* whose memory takes the bytes; NULL: they stay where they are */
    struct frame frame;
    uint32_t payload_bytes, sequence, ip_sum, transport_sum;
    uint16_t id;
    uint8_t flags;
    uint8_t headers[PACKET_HEAD_BYTES];
};

static void prepare_ip(struct cut *c)
{
    if (c->frame.version == 6) return;
    struct wire_ipv4 *ip = (void *)(c->headers + c->frame.network);
    c->id = host16(ip->id);
    ip->id = ip->total_bytes = ip->checksum = be16(0);
    c->ip_sum = checksum_words(ip, (c->frame.transport - c->frame.network) / 4, 0);
}

static void prepare_transport(struct cut *c)
{
    const struct frame *f = &c->frame;
    uint8_t *at = c->headers + f->transport;
    if (f->protocol == IPPROTO_TCP) {
        struct wire_tcp *tcp = (void *)at;
        c->sequence = host32(tcp->sequence);
        c->flags = tcp->flags;
        tcp->sequence = be32(0);
        tcp->flags = 0;
        tcp->checksum = be16(0);
    } else {
        struct wire_udp *udp = (void *)at;
        udp->length_bytes = udp->checksum = be16(0);
    }
    c->transport_sum = checksum_words(at, (f->payload - f->transport) / 4, frame_pseudo_sum(c->whole, f, 0));
}

/* False: not a frame that can be cut. */
static bool prepare(struct cut *c)
{
    struct frame *f = &c->frame;
    if (!frame_parse_link(c->whole, f) || f->payload > PACKET_HEAD_BYTES || (f->protocol != IPPROTO_TCP && f->protocol != IPPROTO_UDP)) return false;
    c->payload_bytes = packet_bytes(c->whole) - f->payload;
    memcpy(c->headers, packet_data(c->whole), f->payload);
    prepare_ip(c);
    prepare_transport(c);
    return true;
}

static void write_ip(const struct cut *c, uint8_t *headers, uint32_t transport_bytes, uint32_t index)
{
    const struct frame *f = &c->frame;
    uint32_t before = f->transport - f->network;
    if (f->version == 6) {
        ((struct wire_ipv6 *)(void *)(headers + f->network))->payload_bytes = be16((uint16_t)(before - sizeof(struct wire_ipv6) + transport_bytes));
        return;
    }
    struct wire_ipv4 *ip = (void *)(headers + f->network);
    ip->total_bytes = be16((uint16_t)(before + transport_bytes));
    ip->id = be16((uint16_t)(c->id + index));
    ip->checksum = checksum_fold(checksum_add(c->ip_sum, (uint32_t)ip->total_bytes.raw + ip->id.raw));
}

static uint8_t flags_of(const struct cut *c, uint32_t offset, uint32_t bytes)
{
    uint8_t flags = c->flags;
    if (offset + bytes < c->payload_bytes) flags &= (uint8_t)~(TCP_FIN | TCP_PSH);
    if (offset > 0 && !c->whole->gso_keeps_cwr) flags &= (uint8_t)~TCP_CWR; /* RFC 3168 §6.1.2: said once */
    return flags;
}

static void write_transport(const struct cut *c, uint8_t *headers, uint32_t transport_bytes, uint32_t offset, uint32_t bytes, uint32_t payload_sum)
{
    uint8_t *at = headers + c->frame.transport;
    uint32_t sum = checksum_add(checksum_add(c->transport_sum, payload_sum), be32(transport_bytes).raw);
    if (c->frame.protocol == IPPROTO_TCP) {
        struct wire_tcp *tcp = (void *)at;
        uint8_t flags = flags_of(c, offset, bytes);
        tcp->sequence = be32(c->sequence + offset);
        tcp->flags = flags;
        tcp->checksum = checksum_fold(checksum_add(checksum_add(sum, tcp->sequence.raw), be16(flags).raw));
        return;
    }
    struct wire_udp *udp = (void *)at;
    udp->length_bytes = be16((uint16_t)transport_bytes);
    udp->checksum = checksum_fold(checksum_add(sum, udp->length_bytes.raw));
    if (udp->checksum.raw == 0) udp->checksum.raw = 0xffff; /* RFC 768: 0 means none */
}

/* Headers to be written before bytes that stay where they are. */
static struct packet *share(const struct cut *c, uint32_t offset, uint32_t bytes, uint32_t *payload_sum, uint8_t **headers)
{
    struct packet *p = c->whole, *s = packet_part(p, c->frame.payload + offset, bytes);
    if (!s) return NULL;
    *payload_sum = packet_checksum(s, 0, bytes, 0);
    *headers = packet_push(s, c->frame.payload);
    s->device = p->device;
    s->mark = p->mark;
    s->priority = p->priority;
    s->kind = p->kind;
    s->time_ns = p->time_ns;
    return s;
}

/* All in one piece of another machine's memory, summed on the way. */
static struct packet *copy(const struct cut *c, uint32_t offset, uint32_t bytes, uint32_t *payload_sum, uint8_t **headers)
{
    uint32_t header_bytes = c->frame.payload;
    struct packet *s = packet_create(c->to, header_bytes + bytes);
    if (!s) return NULL;
    *headers = packet_put(s, header_bytes + bytes);
    *payload_sum = packet_copy_checksum(c->whole, header_bytes + offset, *headers + header_bytes, bytes, 0);
    return s;
}

static struct packet *make_segment(const struct cut *c, uint32_t offset, uint32_t bytes, uint32_t index)
{
    uint32_t payload_sum, transport_bytes = c->frame.payload - c->frame.transport + bytes;
    uint8_t *headers;
    struct packet *s = (c->to ? copy : share)(c, offset, bytes, &payload_sum, &headers);
    if (!s) return NULL;
    memcpy(headers, c->headers, c->frame.payload);
    write_ip(c, headers, transport_bytes, index);
    write_transport(c, headers, transport_bytes, offset, bytes, payload_sum);
    return s;
}

static bool cut_up(struct packet *p, struct machine *to, struct packet_queue *out)
{
    struct cut c = { .whole = p, .to = to };
    struct packet_queue made;
    packet_queue_init(&made);
    if (!prepare(&c)) {
        packet_drop(p, DROP_GRO_BAD);
        return false;
    }
    struct packet *s = NULL;
    for (uint32_t offset = 0, index = 0; offset < c.payload_bytes || index == 0; offset += p->gso_bytes, index++) {
        s = make_segment(&c, offset, min_of(c.payload_bytes - offset, p->gso_bytes), index);
        if (!s) {
            packet_queue_purge(&made);
            packet_drop(p, DROP_NOMEM);
            return false;
        }
        packet_queue_push(&made, s);
    }
    /* The sock stays charged with the whole until the last of it is gone. */
    if (p->release && !to) {
        s->sock = p->sock;
        s->release = p->release;
        s->truesize_bytes = p->truesize_bytes;
        p->release = NULL;
    }
    packet_consume(p);
    while ((s = packet_queue_pop(&made))) packet_queue_push(out, s);
    return true;
}

bool device_segment(struct packet *p, struct packet_queue *out) { return cut_up(p, NULL, out); }

bool device_segment_into(struct packet *p, struct machine *to, struct packet_queue *out) { return cut_up(p, to, out); }
