/* RTM_GETADDR, RTM_NEWADDR, RTM_DELADDR: addresses as `ip addr` shows and changes them. */
#include "ip/address.h"
#include "netlink/netlink_sock.h"

#define STAMP_NS (NS_PER_S / 100) /* cstamp and tstamp: hundredths of a second since boot */

static uint32_t seconds_left(const struct net *net, uint64_t until_ns)
{
    if (until_ns == NS_NEVER) return UINT32_MAX;
    return until_ns > net->machine->now_ns ? (uint32_t)((until_ns - net->machine->now_ns) / NS_PER_S) : 0;
}

static void put_address(struct netlink_writer *w, const struct net *net, const struct ip_address *a)
{
    struct ifa_cacheinfo cache = { .ifa_prefered = seconds_left(net, a->preferred_until_ns), .ifa_valid = seconds_left(net, a->valid_until_ns),
        .cstamp = (uint32_t)(a->created_ns / STAMP_NS), .tstamp = (uint32_t)(a->changed_ns / STAMP_NS) };
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

static struct ifaddrmsg header_of(const struct ip_address *a)
{
    return (struct ifaddrmsg){ .ifa_family = ip_is4(&a->local) ? AF_INET : AF_INET6, .ifa_prefixlen = a->prefix_bits, .ifa_flags = (uint8_t)a->flags,
        .ifa_scope = a->scope, .ifa_index = a->device->ifindex };
}

void rtnetlink_address_changed(const struct ip_address *a, enum change change)
{
    struct net *net = a->device->net;
    bool is4 = ip_is4(&a->local);
    uint16_t type = change == CHANGE_GONE ? RTM_DELADDR : RTM_NEWADDR;
    struct ifaddrmsg h = header_of(a);
    struct netlink_notice n;

    if (!netlink_notice_begin(&n, net, is4 ? RTNLGRP_IPV4_IFADDR : RTNLGRP_IPV6_IFADDR, type, 0, is4 ? NETLINK_NAMES_REQUEST : NETLINK_NAMES_NOBODY, &h, sizeof(h))) return;
    put_address(&n.out, net, a);
    netlink_notice_end(&n);
}

/* Non-zero: the packet is full. */
static int dump_list(struct netlink_dump_run *run, struct list *addresses)
{
    list_for_each(node, addresses) {
        const struct ip_address *a = list_entry(node, struct ip_address, node);
        struct ifaddrmsg h = header_of(a);

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
        if (dump_list(run, family == AF_INET ? &d->ip->addresses4 : &d->ip->addresses6)) return 1;
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

struct asked { struct ip_address a; uint32_t valid_s, preferred_s; };

static uint64_t until(const struct net *net, uint32_t lifetime_s)
{
    return lifetime_s == UINT32_MAX ? NS_NEVER : net->machine->now_ns + lifetime_s * NS_PER_S;
}

/* IFA_CACHEINFO of `ip addr add ... valid_lft S preferred_lft S`. */
static int parse_lifetimes(struct netlink_context *c, const struct nlmsghdr *request, struct asked *out)
{
    struct ifa_cacheinfo cache;
    uint32_t bytes = 0;
    const void *data = netlink_attribute(request, sizeof(struct ifaddrmsg), IFA_CACHEINFO, &bytes);
    bool is4 = ip_is4(&out->a.local);

    if (!data) return 0;
    if (bytes < sizeof(cache)) return -EINVAL;
    memcpy(&cache, data, sizeof(cache));
    out->valid_s = cache.ifa_valid;
    out->preferred_s = cache.ifa_prefered;
    if (out->valid_s && out->preferred_s <= out->valid_s) return 0;
    c->text = !out->valid_s ? is4 ? "ipv4: valid_lft is zero" : "ipv6: valid_lft is zero" : is4 ? "ipv4: preferred_lft is greater than valid_lft" : "ipv6: preferred_lft is greater than valid_lft";
    return -EINVAL;
}

static int parse(struct netlink_context *c, const struct nlmsghdr *request, struct asked *out)
{
    const struct ifaddrmsg *h = NLMSG_DATA(request);

    struct ip_address *a = &out->a;

    *out = (struct asked){ .a = { .flags = h->ifa_flags, .prefix_bits = h->ifa_prefixlen, .scope = h->ifa_scope }, .valid_s = UINT32_MAX, .preferred_s = UINT32_MAX };
    if (h->ifa_family != AF_INET && h->ifa_family != AF_INET6) return -EOPNOTSUPP;
    if (h->ifa_prefixlen > (h->ifa_family == AF_INET ? 32 : 128)) {
        c->text = "Invalid prefix length";
        return -EINVAL;
    }
    a->device = device_by_index(c->net, h->ifa_index);
    if (!a->device) {
        c->text = "Unable to find device";
        return -ENODEV;
    }
    if (!netlink_attribute_address(request, sizeof(*h), IFA_LOCAL, h->ifa_family, &a->local) &&
        !netlink_attribute_address(request, sizeof(*h), IFA_ADDRESS, h->ifa_family, &a->local)) return -EINVAL;
    a->peer = a->local;
    a->broadcast = h->ifa_family == AF_INET ? ip_any4() : ip_any6();
    netlink_attribute_address(request, sizeof(*h), IFA_BROADCAST, h->ifa_family, &a->broadcast);
    netlink_attribute_u32(request, sizeof(*h), IFA_FLAGS, &a->flags);
    return parse_lifetimes(c, request, out);
}

int rtnetlink_new_address(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct ifaddrmsg *h = NLMSG_DATA(request);
    struct asked asked;
    struct ip_address *a = &asked.a;
    int error = parse(c, request, &asked);

    if (error) return error;
    a->valid_until_ns = until(c->net, asked.valid_s);
    a->preferred_until_ns = until(c->net, asked.preferred_s);
    error = ip_address_insert(a);
    if (error == -EEXIST && request->nlmsg_flags & NLM_F_REPLACE) return ip_address_change(a);
    if (error == -EEXIST) c->text = h->ifa_family == AF_INET ? "ipv4: Address already assigned" : "ipv6: address already assigned";
    return error;
}

int rtnetlink_delete_address(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct ifaddrmsg *h = NLMSG_DATA(request);
    struct asked asked;
    int error = parse(c, request, &asked);

    if (!error) error = ip_address_remove(asked.a.device, &asked.a.local, h->ifa_prefixlen);
    if (error == -EADDRNOTAVAIL) c->text = h->ifa_family == AF_INET ? "ipv4: Address not found" : "ipv6: address not found";
    return error;
}
