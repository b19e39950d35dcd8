/* RTM_GETADDR, RTM_NEWADDR, RTM_DELADDR: addresses as `ip addr` shows and changes them. */
#include "ip/address.h"
#include "netlink/netlink_sock.h"

static uint32_t seconds_left(const struct net *net, uint64_t until_ns)
{
    if (until_ns == NS_NEVER) return UINT32_MAX;
    return until_ns > net->machine->now_ns ? (uint32_t)((until_ns - net->machine->now_ns) / NS_PER_S) : 0;
}

static void put_address(struct netlink_writer *w, const struct net *net, const struct ip_address *a)
{
    struct ifa_cacheinfo cache = { .ifa_prefered = seconds_left(net, a->preferred_until_ns), .ifa_valid = seconds_left(net, a->valid_until_ns) };
    bool is4 = ip_is4(&a->local);

    if (is4) {
        netlink_put_address(w, IFA_ADDRESS, ip_is4(&a->peer) && !ip_is_any(&a->peer) ? &a->peer : &a->local);
        netlink_put_address(w, IFA_LOCAL, &a->local);
        if (ip_is4(&a->broadcast) && !ip_is_any(&a->broadcast)) netlink_put_address(w, IFA_BROADCAST, &a->broadcast);
        netlink_put_text(w, IFA_LABEL, a->label[0] ? a->label : a->device->name);
        netlink_put_u32(w, IFA_FLAGS, a->flags);
        netlink_put(w, IFA_CACHEINFO, &cache, sizeof(cache));
        return;
    }
    netlink_put_address(w, IFA_ADDRESS, &a->local);
    netlink_put(w, IFA_CACHEINFO, &cache, sizeof(cache));
    netlink_put_u32(w, IFA_FLAGS, a->flags);
}

/* Non-zero: the packet is full. */
static int dump_list(struct netlink_dump_run *run, const struct net_device *d, struct list *addresses, uint8_t family)
{
    list_for_each(node, addresses) {
        const struct ip_address *a = list_entry(node, struct ip_address, node);
        struct ifaddrmsg h = { .ifa_family = family, .ifa_prefixlen = a->prefix_bits, .ifa_flags = (uint8_t)a->flags, .ifa_scope = a->scope, .ifa_index = d->ifindex };

        if (!netlink_dump_entry(run, RTM_NEWADDR, &h, sizeof(h))) continue;
        put_address(&run->out, run->net, a);
        if (netlink_dump_entry_end(run)) return 1;
    }
    return 0;
}

static int dump_family(struct netlink_dump_run *run, uint8_t family, uint32_t ifindex)
{
    list_for_each(node, &run->net->devices) {
        const struct net_device *d = list_entry(node, struct net_device, node);

        if (!d->ip || (ifindex && d->ifindex != ifindex)) continue;
        if (dump_list(run, d, family == AF_INET ? &d->ip->addresses4 : &d->ip->addresses6, family)) return 1;
    }
    return 0;
}

int rtnetlink_dump_addresses(struct netlink_dump_run *run)
{
    const struct ifaddrmsg *h = NLMSG_DATA(run->request);
    bool has_header = netlink_payload_bytes(run->request) >= sizeof(*h);
    uint32_t ifindex = run->ns->wants_strict && has_header ? h->ifa_index : 0;

    if (ifindex) {
        if (!device_by_index(run->net, ifindex)) return -ENODEV;
        run->flags |= NLM_F_DUMP_FILTERED;
    }
    if (h->ifa_family != AF_INET6 && dump_family(run, AF_INET, ifindex)) return 0;
    if (h->ifa_family != AF_INET) dump_family(run, AF_INET6, ifindex);
    return 0;
}

struct asked { struct net_device *device; ip_addr_t local, broadcast; uint32_t flags; bool has_broadcast; };

static int parse(struct netlink_context *c, const struct nlmsghdr *request, struct asked *out)
{
    const struct ifaddrmsg *h = NLMSG_DATA(request);

    *out = (struct asked){ .flags = h->ifa_flags };
    if (h->ifa_family != AF_INET && h->ifa_family != AF_INET6) return -EOPNOTSUPP;
    if (h->ifa_prefixlen > (h->ifa_family == AF_INET ? 32 : 128)) {
        c->text = "Invalid prefix length";
        return -EINVAL;
    }
    out->device = device_by_index(c->net, h->ifa_index);
    if (!out->device) {
        c->text = "Unable to find device";
        return -ENODEV;
    }
    if (!netlink_attribute_address(request, sizeof(*h), IFA_LOCAL, h->ifa_family, &out->local) &&
        !netlink_attribute_address(request, sizeof(*h), IFA_ADDRESS, h->ifa_family, &out->local)) return -EINVAL;
    out->has_broadcast = netlink_attribute_address(request, sizeof(*h), IFA_BROADCAST, h->ifa_family, &out->broadcast);
    netlink_attribute_u32(request, sizeof(*h), IFA_FLAGS, &out->flags);
    return 0;
}

int rtnetlink_new_address(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct ifaddrmsg *h = NLMSG_DATA(request);
    struct asked a;
    int error = parse(c, request, &a);

    if (error) return error;
    error = ip_address_add(a.device, &a.local, h->ifa_prefixlen, a.has_broadcast ? &a.broadcast : NULL, a.flags, h->ifa_scope);
    if (error == -EEXIST) {
        if (request->nlmsg_flags & NLM_F_REPLACE) return 0;
        c->text = h->ifa_family == AF_INET ? "ipv4: Address already assigned" : "ipv6: address already assigned";
    }
    return error;
}

int rtnetlink_delete_address(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct ifaddrmsg *h = NLMSG_DATA(request);
    struct asked a;
    int error = parse(c, request, &a);

    if (!error) error = ip_address_remove(a.device, &a.local, h->ifa_prefixlen);
    if (error == -EADDRNOTAVAIL) c->text = h->ifa_family == AF_INET ? "ipv4: Address not found" : "ipv6: address not found";
    return error;
}
