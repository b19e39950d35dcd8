/* Fragmentation: RFC 791 §3.2, RFC 8200 §4.5. Each piece is a packet of its own bytes. */
#include "ip/state.h"

static struct packet *make_piece(struct net *net, const struct packet *of, uint32_t offset, uint32_t bytes)
{
    struct packet *piece = packet_create(net->machine, bytes);
    if (!piece) return NULL;
    uint8_t *to = packet_put(piece, bytes);
    if (!to || !packet_read(of, offset, to, bytes)) {
        packet_drop(piece, DROP_NOMEM);
        return NULL;
    }
    piece->net = net;
    piece->mark = of->mark;
    piece->priority = of->priority;
    piece->kind = of->kind;
    piece->ip = of->ip;
    piece->is_forwarded = of->is_forwarded;
    if (of->route) piece->route = route_get(of->route);
    return piece;
}

/* Options without the copied flag stay in the first fragment only: replaced by no-operation, as Linux does. */
static void blank_uncopied_options(uint8_t *o, unsigned bytes)
{
    for (unsigned i = 0; i < bytes && o[i] != IPOPT_END;) {
        unsigned length = o[i] == IPOPT_NOOP ? 1 : i + 1 < bytes ? o[i + 1] : 0;
        if (!length || i + length > bytes || (o[i] != IPOPT_NOOP && length < 2)) return;
        if (!IPOPT_COPIED(o[i])) memset(o + i, IPOPT_NOOP, length);
        i += length;
    }
}

static bool push_fragment_header4(struct packet *piece, const uint8_t *header, unsigned header_bytes, uint16_t fragment)
{
    struct wire_ipv4 *h = (void *)packet_push(piece, header_bytes);
    if (!h) return false;
    memcpy(h, header, header_bytes);
    if (fragment & IPV4_OFFSET_MASK) blank_uncopied_options((uint8_t *)(h + 1), header_bytes - 20);
    h->total_bytes = be16((uint16_t)packet_bytes(piece));
    h->fragment = be16(fragment);
    h->checksum.raw = 0;
    h->checksum = checksum_fold(checksum_partial(h, header_bytes, 0));
    piece->network_offset = 0;
    return true;
}

int ip4_split(struct net *net, struct packet *p, struct route *r, uint32_t mtu_bytes)
{
    uint8_t header[60];
    unsigned header_bytes = (packet_data(p)[0] & 15u) * 4;
    ip_finish_partial(p, p->ip.protocol ? p->ip.protocol : packet_data(p)[9]);
    int error = packet_read(p, 0, header, header_bytes) ? 0 : -EINVAL;
    uint16_t begin = host16(((struct wire_ipv4 *)(void *)header)->fragment);
    uint32_t total = packet_bytes(p) - header_bytes,
             room = mtu_bytes > header_bytes + 8 ? (mtu_bytes - header_bytes) & ~7u : 8;
    for (uint32_t at = 0; at < total && !error;) {
        uint32_t bytes = min_of(room, total - at);
        bool more = at + bytes < total || (begin & IPV4_MF);
        uint16_t fragment = (uint16_t)(((begin & IPV4_OFFSET_MASK) + at / 8) | (more ? IPV4_MF : 0));
        struct packet *piece = make_piece(net, p, header_bytes + at, bytes);
        if (!piece || !push_fragment_header4(piece, header, header_bytes, fragment)) {
            if (piece) packet_drop(piece, DROP_NOMEM);
            error = -ENOMEM;
            break;
        }
        if (p->stamps) packet_move_charge(piece, p); /* Linux: the times are those of the first fragment */
        at += bytes;
        count(net, Ip, FragCreates);
        error = ip_send_down(piece, r);
    }
    if (error) count(net, Ip, FragFails);
    else count(net, Ip, FragOKs);
    if (error) packet_drop(p, DROP_NOMEM);
    else packet_consume(p);
    return error;
}

/* Bytes of the headers that every fragment repeats (hop-by-hop, and what stands before a routing header), and where the
 * next-header byte before the cut lies (RFC 8200 §4.5). */
static uint32_t unfragmentable(const struct packet *p, uint32_t *previous)
{
    uint8_t next, ext[2];
    uint32_t at = 40, cut = 40;
    *previous = 6;
    uint32_t named_at = 6;
    if (!packet_read(p, 6, &next, 1)) return 40;
    while (
        (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) && packet_read(p, at, ext, 2)) {
        uint8_t kind = next;
        named_at = at;
        at += (ext[1] + 1u) * 8;
        next = ext[0];
        if (kind != IPPROTO_DSTOPTS || next == IPPROTO_ROUTING) {
            cut = at;
            *previous = named_at;
        }
    }
    return cut;
}

static bool push_fragment_header6(
    struct packet *piece, const uint8_t *header, uint32_t header_bytes, const struct wire_ipv6_fragment *f)
{
    struct wire_ipv6_fragment *fragment = (void *)packet_push(piece, sizeof(*f));
    if (!fragment) return false;
    *fragment = *f;
    uint8_t *h = packet_push(piece, header_bytes);
    if (!h) return false;
    memcpy(h, header, header_bytes);
    ((struct wire_ipv6 *)(void *)h)->payload_bytes = be16((uint16_t)(packet_bytes(piece) - 40));
    piece->network_offset = 0;
    return true;
}

static int split6(struct net *net, struct packet *p, struct route *r, uint8_t *header, uint32_t header_bytes,
    uint32_t room, uint32_t previous)
{
    const struct wire_ipv6 *ip = (void *)header;
    ip_addr_t source = ip_from6(ip->source), destination = ip_from6(ip->destination);
    struct wire_ipv6_fragment f = { .next_header = header[previous],
        .id = be32(ip6_fragment_id(net, &source, &destination)) };
    header[previous] = IPPROTO_FRAGMENT;
    uint32_t total = packet_bytes(p) - header_bytes;
    for (uint32_t at = 0; at < total;) {
        uint32_t bytes = min_of(room, total - at);
        f.offset_flags = be16((uint16_t)(at | (at + bytes < total ? 1 : 0)));
        struct packet *piece = make_piece(net, p, header_bytes + at, bytes);
        if (!piece) return -ENOMEM;
        if (!push_fragment_header6(piece, header, header_bytes, &f)) {
            packet_drop(piece, DROP_NOMEM);
            return -ENOMEM;
        }
        if (p->stamps) packet_move_charge(piece, p);
        at += bytes;
        count(net, Ip6, FragCreates);
        int error = ip_send_down(piece, r);
        if (error) return error;
    }
    return 0;
}

int ip6_split(struct net *net, struct packet *p, struct route *r, uint32_t mtu_bytes)
{
    uint8_t header[128];
    uint32_t previous, header_bytes = unfragmentable(p, &previous);
    ip_finish_partial(p, p->ip.protocol);
    int error = header_bytes <= sizeof(header) && packet_read(p, 0, header, header_bytes)
            && mtu_bytes >= header_bytes + 16
        ? 0
        : -EMSGSIZE;
    if (!error) error = split6(net, p, r, header, header_bytes, (mtu_bytes - header_bytes - 8) & ~7u, previous);
    if (error) {
        count(net, Ip6, FragFails);
        packet_drop(p, DROP_PKT_TOO_BIG);
        return error;
    }
    count(net, Ip6, FragOKs);
    packet_consume(p);
    return 0;
}
