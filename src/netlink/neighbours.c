/* RTM_GETNEIGH, RTM_NEWNEIGH, RTM_DELNEIGH: neighbours as `ip neigh` shows and changes them. */
#include "neighbour/neighbour.h"
#include "netlink/netlink_sock.h"

enum { HERTZ = 100 };

static uint32_t age(const struct net *net, uint64_t since_ns)
{
    return (uint32_t)((net->machine->now_ns - min_of(since_ns, net->machine->now_ns)) / (NS_PER_S / HERTZ));
}

static struct ndmsg header_of(const struct neighbour *n)
{
    return (struct ndmsg){ .ndm_family = ip_is4(&n->address) ? AF_INET : AF_INET6, .ndm_ifindex = (int)n->device->ifindex, .ndm_state = n->state,
        .ndm_flags = n->flags, .ndm_type = n->kind };
}

static void put_neighbour(struct netlink_writer *w, const struct neighbour *n, uint32_t references)
{
    const struct net *net = n->device->net;
    struct nda_cacheinfo cache = { .ndm_confirmed = age(net, n->confirmed_ns), .ndm_used = age(net, n->used_ns),
        .ndm_updated = age(net, n->updated_ns), .ndm_refcnt = references };

    netlink_put_address(w, NDA_DST, &n->address);
    if (n->state & (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)) netlink_put(w, NDA_LLADDR, n->mac.bytes, sizeof(n->mac.bytes));
    netlink_put_u32(w, NDA_PROBES, n->probes);
    netlink_put(w, NDA_CACHEINFO, &cache, sizeof(cache));
}

static int dump_one(void *ctx, const struct neighbour *n)
{
    struct netlink_dump_run *run = ctx;
    struct ndmsg h = header_of(n);

    if (!netlink_dump_entry(run, RTM_NEWNEIGH, &h, sizeof(h))) return 0;
    put_neighbour(&run->out, n, n->references - 1);
    return netlink_dump_entry_end(run);
}

void rtnetlink_neighbour_changed(const struct neighbour *n, enum change change)
{
    bool is_gone = change == CHANGE_GONE;
    struct ndmsg h = header_of(n);
    struct netlink_notice notice;

    if (!netlink_notice_begin(&notice, n->device->net, RTNLGRP_NEIGH, is_gone ? RTM_DELNEIGH : RTM_NEWNEIGH, 0, is_gone ? NETLINK_NAMES_NOBODY : NETLINK_NAMES_PORT, &h, sizeof(h))) return;
    put_neighbour(&notice.out, n, is_gone ? 0 : n->references - 1);
    netlink_notice_end(&notice);
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
    error = neighbour_update(n, NULL, NUD_FAILED, NEIGHBOUR_ADMIN | NEIGHBOUR_OVERRIDE);
    neighbour_remove(n);
    neighbour_put(n);
    return error;
}
