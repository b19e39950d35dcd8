/* Reassembly (RFC 791 §3.2, RFC 815; RFC 8200 §4.5, RFC 5722, RFC 6946). A queue for each (source, destination, id,
 * protocol or interface), found by keyed hash; pieces in order of offset; memory bounded by ipfrag_high_thresh, time by
 * ipfrag_time. Overlap kills the queue in both versions, as Linux has it since 2018; an exact duplicate is only
 * dropped. */
#include "ip/state.h"

#define FRAGMENT_BUCKETS 1024

struct fragment_queue {
    struct chain_node node;
    struct timer timer;
    struct net *net;
    ip_addr_t source, destination;
    uint32_t id;
    int32_t ifindex;               /* IPv6: link-local and multicast addresses mean another on each link */
    uint8_t protocol, version;
    uint8_t ecn_seen;              /* bit for each ECN codepoint seen (RFC 3168 §5.3) */
    bool has_last, has_first;
    uint32_t total_bytes;          /* of the payload; known with the last fragment, the highest end before */
    uint32_t have_bytes, truesize_bytes, max_fragment_bytes;
    uint32_t peer_count;           /* ipfrag_max_dist: fragments of this source when the last piece came */
    struct list pieces;            /* struct packet.node, by offset; scratch holds struct piece */
};
struct piece { uint32_t offset, bytes; };
struct peer { ip_addr_t source; uint32_t count; };

struct fragments {
    struct chain buckets[FRAGMENT_BUCKETS];
    struct siphash_key key;
    uint64_t used_bytes[2];        /* by version */
    struct peer peers[256];        /* fragments counted by source; forgotten when another takes the place */
};

static struct piece *piece_of(struct packet *p) { return (struct piece *)(void *)p->scratch; }
static_assert(sizeof(struct piece) <= sizeof(((struct packet *)0)->scratch), "fits the packet's scratch room");

int ip_fragments_start(struct net *net)
{
    net->ip->fragments = machine_alloc(net->machine, sizeof(struct fragments));
    if (!net->ip->fragments) return -ENOMEM;
    random_key(&net->machine->random.keys, &net->ip->fragments->key);
    return 0;
}

static void destroy_queue(struct fragment_queue *q, enum drop_reason why)
{
    struct net *net = q->net;
    net->ip->fragments->used_bytes[q->version == 6] -= q->truesize_bytes + sizeof(*q);
    timer_cancel(&net->machine->wheel, &q->timer);
    chain_remove(&q->node);
    list_for_each_safe(it, tmp, &q->pieces) {
        struct packet *p = list_entry(it, struct packet, node);
        list_remove(it);
        if (why) packet_drop(p, why);
        else packet_consume(p);
    }
    machine_free(net->machine, q, sizeof(*q));
}

void ip_fragments_stop(struct net *net)
{
    struct fragments *f = net->ip->fragments;
    for (unsigned i = 0; i < FRAGMENT_BUCKETS; i++) {
        chain_for_each_safe(it, tmp, &f->buckets[i])
            destroy_queue(container_of(it, struct fragment_queue, node), DROP_MACHINE_STOP);
    }
    machine_free(net->machine, f, sizeof(*f));
    net->ip->fragments = NULL;
}

static void count_fail(struct net *net, uint8_t version)
{
    if (version == 4) count(net, Ip, ReasmFails);
    else count(net, Ip6, ReasmFails);
}

/* RFC 1122 §3.3.2, RFC 8200 §4.5: the sender hears of it only when its first fragment had come. */
static void expire(struct timer *t, uint64_t now_ns)
{
    struct fragment_queue *q = container_of(t, struct fragment_queue, timer);
    struct net *net = q->net;
    (void)now_ns;
    count_fail(net, q->version);
    if (q->version == 4) count(net, Ip, ReasmTimeout);
    else count(net, Ip6, ReasmTimeout);
    if (q->has_first) {
        struct packet *first = list_first(&q->pieces, struct packet, node);
        if (q->version == 4) icmp_send_error(first, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0);
        else icmp_send_error(first, ICMPV6_TIME_EXCEED, ICMPV6_EXC_FRAGTIME, 0);
    }
    destroy_queue(q, DROP_FRAG_REASM_TIMEOUT);
}

static struct chain *bucket_of(struct fragments *f, const struct fragment_queue *k)
{
    uint64_t words[6] = { k->source.quad[0], k->source.quad[1], k->destination.quad[0], k->destination.quad[1],
        (uint64_t)k->id << 32 | (uint32_t)k->ifindex, (uint64_t)k->protocol << 8 | k->version };
    return &f->buckets[siphash_table(&f->key, words, 6) % FRAGMENT_BUCKETS];
}

static bool same_key(const struct fragment_queue *a, const struct fragment_queue *b)
{
    return a->id == b->id && a->protocol == b->protocol && a->version == b->version && a->ifindex == b->ifindex
        && ip_equal(&a->source, &b->source) && ip_equal(&a->destination, &b->destination);
}

static struct fragment_queue *find_or_make(struct net *net, const struct fragment_queue *key)
{
    struct fragments *f = net->ip->fragments;
    struct chain *bucket = bucket_of(f, key);
    unsigned six = key->version == 6;
    uint64_t limit = (uint64_t)(six ? net->sysctl.ip6frag_high_thresh : net->sysctl.ipfrag_high_thresh);
    uint64_t time_s = (uint64_t)(six ? net->sysctl.ip6frag_time : net->sysctl.ipfrag_time);
    if (!limit || f->used_bytes[six] > limit) return NULL;
    chain_for_each(it, bucket) {
        struct fragment_queue *q = container_of(it, struct fragment_queue, node);
        if (same_key(q, key)) return q;
    }
    struct fragment_queue *q = machine_alloc(net->machine, sizeof(*q));
    if (!q) return NULL;
    *q = *key;
    q->net = net;
    list_init(&q->pieces);
    f->used_bytes[six] += sizeof(*q);
    chain_add(bucket, &q->node);
    timer_init(&q->timer, expire);
    timer_arm(&net->machine->wheel, &q->timer, ip_now(net) + time_s * NS_PER_S);
    return q;
}

/* net.ipv4.ipfrag_max_dist: too many fragments of the same source in between mean the id has come round. */
static bool is_too_far(struct net *net, struct fragment_queue *q)
{
    int64_t most = net->sysctl.ipfrag_max_dist;
    if (q->version == 6 || !most) return false;
    struct fragments *f = net->ip->fragments;
    struct peer *peer = &f->peers[siphash_2u64(&f->key, q->source.quad[0], q->source.quad[1]) % array_count(f->peers)];
    if (!ip_equal(&peer->source, &q->source)) *peer = (struct peer){ .source = q->source };
    uint32_t before = q->peer_count;
    q->peer_count = ++peer->count;
    return !list_is_empty(&q->pieces) && before && peer->count - before > (uint64_t)most;
}

enum placed { PLACED, PLACED_DUPLICATE, PLACED_OVERLAP };

/* Puts p at its place in the order. Most come in order: look from the end. */
static enum placed place(struct fragment_queue *q, struct packet *p)
{
    const struct piece *mine = piece_of(p);
    struct list *after = q->pieces.prev;
    while (after != &q->pieces) {
        const struct piece *other = piece_of(list_entry(after, struct packet, node));
        if (other->offset + other->bytes <= mine->offset) break;
        if (mine->offset >= other->offset && mine->offset + mine->bytes <= other->offset + other->bytes)
            return PLACED_DUPLICATE;
        if (mine->offset + mine->bytes > other->offset) return PLACED_OVERLAP;
        after = after->prev;
    }
    list_insert_between(&p->node, after, after->next);
    return PLACED;
}

static bool fits_what_is_known(struct fragment_queue *q, const struct piece *mine, bool more)
{
    uint32_t end = mine->offset + mine->bytes;
    if (!more) {
        if (end < q->total_bytes || (q->has_last && end != q->total_bytes)) return false;
        q->has_last = true;
        q->total_bytes = end;
    } else if (end > q->total_bytes) {
        if (q->has_last) return false;
        q->total_bytes = end;
    }
    return true;
}

static void refuse(struct fragment_queue *q, struct packet *p, enum drop_reason why, bool kill)
{
    struct net *net = q->net;
    count_fail(net, q->version);
    if (why == DROP_FRAG_OVERLAP && q->version == 4) count(net, IpExt, ReasmOverlaps);
    packet_drop(p, why);
    if (kill) destroy_queue(q, why);
}

/* Takes p. True: it is in the queue. */
static bool enqueue(struct fragment_queue *q, struct packet *p, bool more, uint8_t ecn)
{
    struct piece mine = *piece_of(p);
    if (is_too_far(q->net, q)) {
        refuse(q, p, DROP_FRAG_TOO_FAR, true);
        return false;
    }
    if (!fits_what_is_known(q, &mine, more) || !mine.bytes) {
        refuse(q, p, DROP_FRAG_BAD, true);
        return false;
    }
    switch (place(q, p)) {
    case PLACED_DUPLICATE:
        packet_drop(p, DROP_DUP_FRAG);
        return false;
    case PLACED_OVERLAP:
        refuse(q, p, DROP_FRAG_OVERLAP, true);
        return false;
    case PLACED: break;
    }
    q->has_first = q->has_first || !mine.offset;
    q->have_bytes += mine.bytes;
    q->max_fragment_bytes = max_of(q->max_fragment_bytes, packet_bytes(p));
    q->truesize_bytes += p->truesize_bytes;
    q->net->ip->fragments->used_bytes[q->version == 6] += p->truesize_bytes;
    q->ecn_seen |= (uint8_t)(1u << ecn);
    return true;
}

/* RFC 3168 §5.3: CE on any piece is CE on the whole; not-ECT mixed with others is refused (-1). */
static int merged_ecn(uint8_t seen)
{
    bool not_ect = seen & 1, ce = seen & 8;
    if (not_ect && (seen & ~1)) return -1;
    return ce ? 3 : 0;
}

/* The whole as one linear packet: header, then the payload of every piece. NULL: no memory. */
static struct packet *join(struct fragment_queue *q, const uint8_t *header, uint32_t header_bytes)
{
    struct packet *first = list_first(&q->pieces, struct packet, node);
    struct packet *whole = packet_create(q->net->machine, header_bytes + q->total_bytes);
    uint8_t *at = whole ? packet_put(whole, header_bytes + q->total_bytes) : NULL;
    if (!at) {
        if (whole) packet_consume(whole);
        return NULL;
    }
    memcpy(at, header, header_bytes);
    at += header_bytes;
    list_for_each(it, &q->pieces) {
        struct packet *p = list_entry(it, struct packet, node);
        const struct piece *mine = piece_of(p);
        packet_read(p, packet_bytes(p) - mine->bytes, at, mine->bytes);
        at += mine->bytes;
    }
    whole->net = q->net;
    whole->device = first->device;
    whole->in_ifindex = first->in_ifindex;
    whole->kind = first->kind;
    whole->protocol = first->protocol;
    whole->mark = first->mark;
    whole->time_ns = first->time_ns;
    whole->ip = first->ip;
    whole->ip.fragment_bytes = (uint16_t)q->max_fragment_bytes;
    whole->network_offset = 0;
    return whole;
}

static struct packet *complete4(struct fragment_queue *q)
{
    struct net *net = q->net;
    uint8_t header[60];
    struct packet *first = list_first(&q->pieces, struct packet, node);
    uint32_t header_bytes = first->ip.header_bytes;
    int ecn = merged_ecn(q->ecn_seen);
    bool fits = header_bytes + q->total_bytes <= 65535 && ecn >= 0 && packet_read(first, 0, header, header_bytes);
    struct packet *whole = fits ? join(q, header, header_bytes) : NULL;
    if (!whole) {
        count(net, Ip, ReasmFails);
        destroy_queue(q, fits ? DROP_NOMEM : DROP_FRAG_TOO_BIG);
        return NULL;
    }
    struct wire_ipv4 *h = (void *)packet_data(whole);
    h->tos = (uint8_t)(h->tos | ecn);
    h->total_bytes = be16((uint16_t)packet_bytes(whole));
    h->fragment = be16(0);
    h->checksum.raw = 0;
    h->checksum = checksum_fold(checksum_partial(h, header_bytes, 0));
    whole->transport_offset = (int16_t)header_bytes;
    count(net, Ip, ReasmOKs);
    destroy_queue(q, DROP_NOT_SPECIFIED);
    return whole;
}

struct packet *ip4_reassemble(struct net *net, struct packet *p)
{
    const struct wire_ipv4 *h = (void *)packet_data(p);
    uint16_t fragment = host16(h->fragment);
    struct fragment_queue key = { .source = p->ip.source,
        .destination = p->ip.destination,
        .id = host16(h->id),
        .protocol = p->ip.protocol,
        .version = 4 };
    count(net, Ip, ReasmReqds);
    struct fragment_queue *q = find_or_make(net, &key);
    if (!q) {
        count(net, Ip, ReasmFails);
        packet_drop(p, DROP_FRAG_MEMORY);
        return NULL;
    }
    uint32_t bytes = packet_bytes(p) - p->ip.header_bytes;
    bool more = fragment & IPV4_MF;
    if (more && (bytes & 7)) {
        bytes &= ~7u;
        packet_trim(p, p->ip.header_bytes + bytes);
    }
    *piece_of(p) = (struct piece){ .offset = (fragment & IPV4_OFFSET_MASK) * 8u, .bytes = bytes };
    if (!enqueue(q, p, more, p->ip.tos & 3)) return NULL;
    if (!q->has_last || !q->has_first || q->have_bytes != q->total_bytes) return NULL;
    return complete4(q);
}

/* The unfragmentable part of the first piece, without the fragment header (RFC 8200 §4.5). */
static struct packet *complete6(struct fragment_queue *q, uint32_t header_offset, uint32_t previous_offset)
{
    struct net *net = q->net;
    uint8_t header[PACKET_HEAD_BYTES];
    struct packet *first = list_first(&q->pieces, struct packet, node);
    struct wire_ipv6_fragment f;
    int ecn = merged_ecn(q->ecn_seen);
    bool fits = header_offset <= sizeof(header) && header_offset - 40 + q->total_bytes <= 65535 && ecn >= 0
        && packet_read(first, 0, header, header_offset) && packet_read(first, header_offset, &f, sizeof(f));
    struct packet *whole = fits ? join(q, header, header_offset) : NULL;
    if (!whole) {
        count(net, Ip6, ReasmFails);
        destroy_queue(q, fits ? DROP_NOMEM : DROP_FRAG_TOO_BIG);
        return NULL;
    }
    struct wire_ipv6 *h = (void *)packet_data(whole);
    packet_data(whole)[previous_offset] = f.next_header;
    h->payload_bytes = be16((uint16_t)(packet_bytes(whole) - 40));
    h->version_class_flow = be32(host32(h->version_class_flow) | (uint32_t)ecn << 20);
    whole->transport_offset = (int16_t)header_offset;
    count(net, Ip6, ReasmOKs);
    destroy_queue(q, DROP_NOT_SPECIFIED);
    return whole;
}

/* RFC 6946: a fragment that is the whole packet is taken for itself, whatever else has the same id. */
static struct packet *take_atomic(struct net *net, struct packet *p, uint32_t header_offset, uint32_t previous_offset,
    const struct wire_ipv6_fragment *f)
{
    struct fragment_queue alone = { .net = net,
        .total_bytes = packet_bytes(p) - header_offset - 8,
        .max_fragment_bytes = packet_bytes(p) };
    uint8_t header[PACKET_HEAD_BYTES];
    list_init(&alone.pieces);
    list_add_tail(&alone.pieces, &p->node);
    *piece_of(p) = (struct piece){ .bytes = alone.total_bytes };
    count(net, Ip6, ReasmOKs);
    struct packet *whole = header_offset <= sizeof(header) && packet_read(p, 0, header, header_offset)
        ? join(&alone, header, header_offset)
        : NULL;
    list_remove(&p->node);
    if (!whole) {
        packet_drop(p, DROP_NOMEM);
        return NULL;
    }
    packet_data(whole)[previous_offset] = f->next_header;
    ((struct wire_ipv6 *)(void *)packet_data(whole))->payload_bytes = be16((uint16_t)(packet_bytes(whole) - 40));
    whole->transport_offset = (int16_t)header_offset;
    packet_consume(p);
    return whole;
}

static void refuse6(struct net *net, struct packet *p, uint32_t pointer)
{
    count(net, Ip6, InHdrErrors);
    icmp_send_error(p, ICMPV6_PARAMPROB, ICMPV6_HDR_FIELD, pointer);
    packet_drop(p, DROP_FRAG_BAD);
}

/* RFC 8200 §4.5: the first fragment must hold all headers up to the transport's. next: of the fragment header. */
static bool headers_are_cut(const struct packet *p, uint32_t at, uint8_t next)
{
    uint8_t ext[2];
    while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
        if (!packet_read(p, at, ext, 2)) return false;
        at += (ext[1] + 1u) * 8;
        next = ext[0];
    }
    uint32_t needs = next == IPPROTO_TCP ? 20 : next == IPPROTO_UDP || next == IPPROTO_ICMPV6 ? 8 : 1;
    return at + needs > packet_bytes(p);
}

struct packet *ip6_reassemble(struct net *net, struct packet *p, uint32_t header_offset, uint32_t previous_offset)
{
    struct wire_ipv6_fragment f;
    count(net, Ip6, ReasmReqds);
    if (!packet_read(p, header_offset, &f, sizeof(f))) {
        refuse6(net, p, header_offset);
        return NULL;
    }
    uint16_t field = host16(f.offset_flags);
    uint32_t offset = field & 0xfff8u, bytes = packet_bytes(p) - header_offset - 8;
    bool more = field & 1;
    if (!(field & 0xfff9u)) return take_atomic(net, p, header_offset, previous_offset, &f);
    if (more && (bytes & 7)) {
        refuse6(net, p, 4); /* offset of the payload length */
        return NULL;
    }
    if (header_offset - 40 + offset + bytes > 65535) {
        refuse6(net, p, header_offset + 2);
        return NULL;
    }
    if (!offset && headers_are_cut(p, header_offset + 8, f.next_header)) {
        count(net, Ip6, InHdrErrors);
        icmp_send_error(p, ICMPV6_PARAMPROB, 3, 0); /* RFC 7112: incomplete header chain */
        packet_drop(p, DROP_FRAG_BAD);
        return NULL;
    }
    bool per_link = ip_is_link_local(&p->ip.destination) || ip_is_multicast(&p->ip.destination);
    struct fragment_queue key = { .source = p->ip.source,
        .destination = p->ip.destination,
        .id = host32(f.id),
        .version = 6,
        .ifindex = per_link ? p->in_ifindex : 0 };
    struct fragment_queue *q = find_or_make(net, &key);
    if (!q) {
        count(net, Ip6, ReasmFails);
        packet_drop(p, DROP_FRAG_MEMORY);
        return NULL;
    }
    *piece_of(p) = (struct piece){ .offset = offset, .bytes = bytes };
    if (!enqueue(q, p, more, p->ip.tos & 3)) return NULL;
    if (!q->has_last || !q->has_first || q->have_bytes != q->total_bytes) return NULL;
    return complete6(q, header_offset, previous_offset);
}
