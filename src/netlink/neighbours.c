/* RTM_GETNEIGH, RTM_NEWNEIGH, RTM_DELNEIGH: neighbours as `ip neigh` shows and changes them. */
#include "neighbour/neighbour.h"
#include "netlink/netlink_sock.h"

enum { HERTZ = 100 };

static uint32_t age(const struct net *net, uint64_t since_ns)
{
    return (uint32_t)((net->machine->now_ns - min_of(since_ns, net->machine->now_ns)) / (NS_PER_S / HERTZ));
}

static int dump_one(void *ctx, const struct neighbour *n)
{
    struct netlink_dump_run *run = ctx;
    struct ndmsg h = { .ndm_family = ip_is4(&n->address) ? AF_INET : AF_INET6, .ndm_ifindex = (int)n->device->ifindex, .ndm_state = n->state,
        .ndm_flags = n->flags, .ndm_type = n->kind };
    struct nda_cacheinfo cache = { .ndm_confirmed = age(run->net, n->confirmed_ns), .ndm_used = age(run->net, n->used_ns),
        .ndm_updated = age(run->net, n->updated_ns), .ndm_refcnt = n->references - 1 };

    if (!netlink_dump_entry(run, RTM_NEWNEIGH, &h, sizeof(h))) return 0;
    netlink_put_address(&run->out, NDA_DST, &n->address);
    if (n->state & (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)) netlink_put(&run->out, NDA_LLADDR, n->mac.bytes, sizeof(n->mac.bytes));
    netlink_put_u32(&run->out, NDA_PROBES, n->probes);
    netlink_put(&run->out, NDA_CACHEINFO, &cache, sizeof(cache));
    return netlink_dump_entry_end(run);
}

int rtnetlink_dump_neighbours(struct netlink_dump_run *run)
{
    uint8_t family = ((const struct rtgenmsg *)NLMSG_DATA(run->request))->rtgen_family;

    if (family != AF_INET6) neighbour_each(run->net, AF_INET, dump_one, run);
    if (family != AF_INET && !run->is_full) neighbour_each(run->net, AF_INET6, dump_one, run);
    return 0;
}

static int parse(struct netlink_context *c, const struct nlmsghdr *request, struct net_device **d, ip_addr_t *address)
{
    const struct ndmsg *h = NLMSG_DATA(request);

    if (h->ndm_family != AF_INET && h->ndm_family != AF_INET6) return -EAFNOSUPPORT;
    if (!netlink_attribute_address(request, sizeof(*h), NDA_DST, h->ndm_family, address)) {
        c->text = "Network address not specified";
        return -EINVAL;
    }
    *d = h->ndm_ifindex > 0 ? device_by_index(c->net, (uint32_t)h->ndm_ifindex) : NULL;
    return *d ? 0 : -ENODEV;
}

int rtnetlink_new_neighbour(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct ndmsg *h = NLMSG_DATA(request);
    struct net_device *d;
    ip_addr_t address;
    uint32_t bytes = 0;
    const void *mac;
    struct neighbour *n;
    int error = parse(c, request, &d, &address);

    if (error) return error;
    mac = netlink_attribute(request, sizeof(*h), NDA_LLADDR, &bytes);
    if (mac && bytes < sizeof(struct mac_addr)) return -EINVAL;
    n = neighbour_lookup(d, &address, false);
    if (n && (request->nlmsg_flags & NLM_F_EXCL)) {
        neighbour_put(n);
        return -EEXIST;
    }
    if (!n && !(request->nlmsg_flags & NLM_F_CREATE)) return -ENOENT;
    if (!n) n = neighbour_lookup(d, &address, true);
    if (!n) return -ENOBUFS;
    error = neighbour_update(n, mac, h->ndm_state, NEIGHBOUR_ADMIN | (request->nlmsg_flags & NLM_F_REPLACE || request->nlmsg_flags & NLM_F_EXCL ? NEIGHBOUR_OVERRIDE : 0));
    neighbour_put(n);
    return error;
}

int rtnetlink_delete_neighbour(struct netlink_context *c, const struct nlmsghdr *request)
{
    struct net_device *d;
    ip_addr_t address;
    struct neighbour *n;
    int error = parse(c, request, &d, &address);

    if (error) return error;
    n = neighbour_lookup(d, &address, false);
    if (!n) return -ENOENT;
    neighbour_remove(n);
    neighbour_put(n);
    return 0;
}
