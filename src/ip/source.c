/* Which of our addresses a packet leaves with: for IPv4 the primary address of the interface whose subnet holds the
 * next hop, within the scope of the route; for IPv6 the rules of RFC 6724 §5. */
#include "ip/state.h"

static const struct ip_address *first_in_scope(
    const struct net_device *d, const ip_addr_t *toward, uint8_t scope, bool skip_link)
{
    const struct ip_address *first = NULL;
    list_for_each(it, &d->ip->addresses4) {
        const struct ip_address *a = list_entry(it, struct ip_address, node);
        if ((a->flags & IFA_F_SECONDARY) || min_of(a->scope, RT_SCOPE_HOST) > scope) continue;
        if (skip_link && a->scope == RT_SCOPE_LINK) continue;
        if (!toward || ip_in_prefix(toward, &a->local, a->prefix_bits)) return a;
        if (!first) first = a;
    }
    return first;
}

bool ip4_select_source(
    struct net *net, const struct net_device *d, const ip_addr_t *toward, uint8_t scope, ip_addr_t *out)
{
    const struct ip_address *a = d && d->ip ? first_in_scope(d, toward, scope, false) : NULL;
    list_for_each(it, &net->devices) { /* an interface without addresses borrows one: the loopback's first */
        if (a) break;
        const struct net_device *other = list_entry(it, struct net_device, node);
        if (other != d && other->ip) a = first_in_scope(other, NULL, scope, true);
    }
    *out = a ? a->local : ip_any4();
    return a != NULL;
}

/* RFC 6724 §2.1 */
struct label { uint8_t bytes[4]; uint8_t bits, value; };
static const struct label labels[] = {
    { { 0x20, 0x01, 0x00, 0x10 }, 28, 7 }, { { 0x20, 0x01 }, 32, 6 }, { { 0x20, 0x02 }, 16, 2 }, { { 0xfc }, 7, 5 },
};

static unsigned label_of(const ip_addr_t *a)
{
    if (ip_is4(a)) return 4;
    if (ip_is_loopback(a)) return 0;
    if (!a->quad[0] && !a->word[2]) return 3;
    for (size_t i = 0; i < array_count(labels); i++) {
        ip_addr_t prefix = { .bytes = {
                                 labels[i].bytes[0], labels[i].bytes[1], labels[i].bytes[2], labels[i].bytes[3] } };
        if (ip_in_prefix(a, &prefix, labels[i].bits)) return labels[i].value;
    }
    return 1;
}

/* RFC 4007: 1 interface, 2 link, 5 site, 14 global. */
static unsigned scope_of(const ip_addr_t *a)
{
    if (ip_is_multicast(a)) return a->bytes[1] & 0xf;
    if (ip_is_loopback(a)) return 2; /* RFC 6724 §3.4 */
    if (ip_is_link_local(a)) return 2;
    return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0xc0 ? 5 : 14;
}

static unsigned common_bits(const ip_addr_t *a, const ip_addr_t *b)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t x = __builtin_bswap64(a->quad[i] ^ b->quad[i]);
        if (x) return i * 64 + (unsigned)__builtin_clzll(x);
    }
    return 128;
}

/* > 0: x is the better source, rule by rule of RFC 6724 §5. */
static int compare(
    const struct ip_address *x, const struct ip_address *y, const ip_addr_t *to, const struct net_device *d)
{
    int difference = (int)ip_equal(&x->local, to) - (int)ip_equal(&y->local, to); /* rule 1 */
    if (difference) return difference;
    unsigned want = scope_of(to), sx = scope_of(&x->local), sy = scope_of(&y->local);
    if (sx != sy) { /* rule 2 */
        if (sx < sy) return sx < want ? -1 : 1;
        return sy < want ? 1 : -1;
    }
    difference = (int)!(y->flags & IFA_F_DEPRECATED) - (int)!(x->flags & IFA_F_DEPRECATED); /* rule 3 */
    if (difference) return -difference;
    difference = (int)(x->device == d) - (int)(y->device == d); /* rule 5 */
    if (difference) return difference;
    unsigned label = label_of(to);
    difference = (int)(label_of(&x->local) == label) - (int)(label_of(&y->local) == label); /* rule 6 */
    if (difference) return difference;
    unsigned cx = min_of(common_bits(&x->local, to), x->prefix_bits),
             cy = min_of(common_bits(&y->local, to), y->prefix_bits); /* rule 8 */
    return (int)cx - (int)cy;
}

static const struct ip_address *best_on(
    const struct net_device *from, const struct ip_address *best, const ip_addr_t *to, const struct net_device *out)
{
    list_for_each(it, &from->ip->addresses6) {
        const struct ip_address *a = list_entry(it, struct ip_address, node);
        if ((a->flags & IFA_F_TENTATIVE) && !(a->flags & IFA_F_OPTIMISTIC)) continue;
        if (!best || compare(a, best, to, out) > 0) best = a;
    }
    return best;
}

bool ip6_select_source(struct net *net, const struct net_device *d, const ip_addr_t *destination, ip_addr_t *out)
{
    const struct ip_address *best = NULL;
    /* RFC 6724 §4: for multicast and link-local destinations only the outgoing interface's own. */
    bool only_own = d && d->ip && (d->ip->config6.use_oif_addrs_only || net->ip->all6.use_oif_addrs_only);
    if (only_own || (d && (ip_is_multicast(destination) || ip_is_link_local(destination)))) {
        if (d->ip) best = best_on(d, best, destination, d);
    } else {
        list_for_each(it, &net->devices) {
            const struct net_device *other = list_entry(it, struct net_device, node);
            if (other->ip && (other->flags & IFF_UP)) best = best_on(other, best, destination, d);
        }
    }
    *out = best ? best->local : ip_any6();
    return best != NULL;
}
