/* Software checksum and segmentation (Linux: skb_checksum_help, skb_gso_segment), for devices that take neither. */
#include "device/frame.h"
#include "device/net_device.h"
#include "wire/checksum.h"

static bool parse(struct packet *p, struct frame *f)
{
    if (!packet_pull_check(p, ETH_HLEN)) return false;
    const struct wire_ethernet *e = (void *)packet_data(p);
    return frame_parse(p, ETH_HLEN, e->type, f);
}

static void write_checksum(struct packet *p, const struct frame *f, be16_t check)
{
    if (f->protocol == IPPROTO_UDP && check.raw == 0) check.raw = 0xffff; /* RFC 768: 0 means none */
    memcpy(packet_data(p) + f->transport + frame_checksum_field(f->protocol), &check, sizeof check);
}

bool device_complete_checksum(struct packet *p)
{
    struct frame f;
    if (p->checksum != PACKET_CHECKSUM_PARTIAL) return true;
    if (!parse(p, &f) || frame_checksum_field(f.protocol) == 0) return false;
    if (!packet_writable(p, f.transport + frame_checksum_field(f.protocol) + 2)) return false;
    uint32_t sum = packet_checksum(p, f.transport, packet_bytes(p) - f.transport, 0); /* holds the pseudo header's */
    write_checksum(p, &f, checksum_fold(sum));
    p->checksum = PACKET_CHECKSUM_NONE;
    return true;
}

static void adjust_ip(struct packet *s, const struct frame *f, uint32_t index, uint32_t payload_bytes)
{
    if (f->version == 4) {
        struct wire_ipv4 *ip = (void *)(packet_data(s) + f->network);
        ip->id = be16((uint16_t)(host16(ip->id) + index));
    }
    frame_set_length(s, f, payload_bytes);
}

static void adjust_tcp(struct packet *s, const struct frame *f, uint32_t offset, bool is_first, bool is_last)
{
    struct wire_tcp *tcp = (void *)(packet_data(s) + f->transport);
    tcp->sequence = be32(host32(tcp->sequence) + offset);
    if (!is_last) tcp->flags &= (uint8_t)~(TCP_FIN | TCP_PSH);
    if (!is_first) tcp->flags &= (uint8_t)~TCP_CWR; /* RFC 3168 §6.1.2: said once */
}

/* What a segment is made from, and for whom. */
struct cut { struct packet *whole; struct frame frame; struct machine *to; };

/* Headers before bytes that stay where they are. */
static struct packet *share(const struct cut *c, uint32_t offset, uint32_t bytes, uint32_t *payload_sum)
{
    struct packet *p = c->whole, *s = packet_part(p, c->frame.payload + offset, bytes);
    if (!s) return NULL;
    *payload_sum = packet_checksum(s, 0, bytes, 0);
    memcpy(packet_push(s, c->frame.payload), packet_data(p), c->frame.payload);
    s->device = p->device;
    s->mark = p->mark;
    s->priority = p->priority;
    s->kind = p->kind;
    s->time_ns = p->time_ns;
    return s;
}

/* All in one piece of another machine's memory, summed on the way. */
static struct packet *copy(const struct cut *c, uint32_t offset, uint32_t bytes, uint32_t *payload_sum)
{
    uint32_t header = c->frame.payload;
    struct packet *s = packet_create(c->to, header + bytes);
    if (!s) return NULL;
    uint8_t *at = packet_put(s, header + bytes);
    memcpy(at, packet_data(c->whole), header);
    *payload_sum = packet_copy_checksum(c->whole, header + offset, at + header, bytes, 0);
    return s;
}

static struct packet *make_segment(const struct cut *c, uint32_t offset, uint32_t bytes, uint32_t index)
{
    const struct frame *f = &c->frame;
    uint32_t payload_sum, field = f->transport + frame_checksum_field(f->protocol), header_bytes = f->payload - f->transport;
    struct packet *s = (c->to ? copy : share)(c, offset, bytes, &payload_sum);
    if (!s) return NULL;
    adjust_ip(s, f, index, bytes);
    if (f->protocol == IPPROTO_TCP) {
        bool is_last = offset + bytes == packet_bytes(c->whole) - f->payload;
        adjust_tcp(s, f, offset, offset == 0, is_last);
    }
    memset(packet_data(s) + field, 0, 2);
    uint32_t sum = checksum_words(packet_data(s) + f->transport, header_bytes / 4, frame_pseudo_sum(s, f, header_bytes + bytes));
    write_checksum(s, f, checksum_fold(checksum_add(sum, payload_sum))); /* headers are of whole words */
    return s;
}

static bool cut_up(struct packet *p, struct machine *to, struct packet_queue *out)
{
    struct cut c = { .whole = p, .to = to };
    struct packet_queue made;
    packet_queue_init(&made);
    if (!parse(p, &c.frame) || c.frame.payload > PACKET_HEAD_BYTES || (c.frame.protocol != IPPROTO_TCP && c.frame.protocol != IPPROTO_UDP)) {
        packet_drop(p, DROP_GRO_BAD);
        return false;
    }
    uint32_t payload_bytes = packet_bytes(p) - c.frame.payload;
    struct packet *s = NULL;
    for (uint32_t offset = 0, index = 0; offset < payload_bytes || index == 0; offset += p->gso_bytes, index++) {
        s = make_segment(&c, offset, min_of(payload_bytes - offset, p->gso_bytes), index);
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
