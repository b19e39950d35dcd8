/* What routers said (RTM_NEWPREFIX, RTM_NEWNDUSEROPT) and settings of interfaces (RTM_NEWNETCONF, `ip netconf`). */
#include "ip/address.h"
#include "netlink/netlink_sock.h"

struct prefix_option { /* RFC 4861 §4.6.2 */
    uint8_t type, length, bits, flags;
    be32_t valid_s, preferred_s, reserved;
    uint8_t prefix[16];
};
static_assert(sizeof(struct prefix_option) == 32, "RFC 4861 §4.6.2");

enum { IN_PREFIX_ONLINK = 1, IN_PREFIX_AUTOCONF = 2, ROUTER_ADVERTISEMENT = 134 };

void rtnetlink_prefix_heard(struct net_device *d, const uint8_t *option)
{
    struct prefix_option o;
    struct prefix_cacheinfo cache;
    struct prefixmsg h = { .prefix_family = AF_INET6, .prefix_ifindex = (int)d->ifindex };
    struct netlink_notice n;

    memcpy(&o, option, sizeof(o));
    h.prefix_type = o.type;
    h.prefix_len = o.bits;
    h.prefix_flags = (uint8_t)((o.flags & 0x80 ? IN_PREFIX_ONLINK : 0) | (o.flags & 0x40 ? IN_PREFIX_AUTOCONF : 0));
    cache = (struct prefix_cacheinfo){ .preferred_time = host32(o.preferred_s), .valid_time = host32(o.valid_s) };
    if (!netlink_notice_begin(&n, d->net, RTNLGRP_IPV6_PREFIX, RTM_NEWPREFIX, 0, NETLINK_NAMES_NOBODY, &h, sizeof(h))) return;
    netlink_put(&n.out, PREFIX_ADDRESS, o.prefix, sizeof(o.prefix));
    netlink_put(&n.out, PREFIX_CACHEINFO, &cache, sizeof(cache));
    netlink_notice_end(&n);
}

void rtnetlink_option_heard(struct net_device *d, const ip_addr_t *router, const uint8_t *option, uint32_t bytes)
{
    struct nduseroptmsg h = { .nduseropt_family = AF_INET6, .nduseropt_opts_len = (uint16_t)bytes, .nduseropt_ifindex = (int)d->ifindex,
        .nduseropt_icmp_type = ROUTER_ADVERTISEMENT };
    struct netlink_notice n;

    if (!netlink_notice_begin(&n, d->net, RTNLGRP_ND_USEROPT, RTM_NEWNDUSEROPT, 0, NETLINK_NAMES_NOBODY, &h, sizeof(h))) return;
    netlink_put_raw(&n.out, option, bytes);
    netlink_put_address(&n.out, NDUSEROPT_SRCADDR, router);
    netlink_notice_end(&n);
}

/* --- settings ------------------------------------------------------------------------------------------------------ */

void rtnetlink_config_changed(struct net *net, uint8_t family, int32_t ifindex, uint16_t attribute, int32_t value)
{
    uint32_t group = family == AF_INET ? RTNLGRP_IPV4_NETCONF : RTNLGRP_IPV6_NETCONF;
    struct netconfmsg h = { .ncm_family = family };
    struct netlink_notice n;

    if (!netlink_notice_begin(&n, net, group, RTM_NEWNETCONF, 0, NETLINK_NAMES_NOBODY, &h, sizeof(h))) return;
    netlink_put_u32(&n.out, NETCONFA_IFINDEX, (uint32_t)ifindex);
    netlink_put_u32(&n.out, attribute, (uint32_t)value);
    netlink_notice_end(&n);
}

static void put_config(struct netlink_writer *w, uint8_t family, int32_t ifindex, const struct ip4_config *c4, const struct ip6_config *c6)
{
    netlink_put_u32(w, NETCONFA_IFINDEX, (uint32_t)ifindex);
    netlink_put_u32(w, NETCONFA_FORWARDING, (uint32_t)(c4 ? c4->forwarding : c6->forwarding));
    if (family == AF_INET) netlink_put_u32(w, NETCONFA_RP_FILTER, (uint32_t)c4->rp_filter);
    netlink_put_u32(w, NETCONFA_MC_FORWARDING, 0);
    if (family == AF_INET) netlink_put_u32(w, NETCONFA_BC_FORWARDING, (uint32_t)c4->bc_forwarding);
    netlink_put_u32(w, NETCONFA_PROXY_NEIGH, c4 ? (uint32_t)c4->proxy_arp : 0);
    netlink_put_u32(w, NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN, 0);
}

/* Non-zero: the packet is full. */
static int dump_config(struct netlink_dump_run *run, int32_t ifindex, const struct ip4_config *c4, const struct ip6_config *c6)
{
    struct netconfmsg h = { .ncm_family = c4 ? AF_INET : AF_INET6 };

    if (!netlink_dump_entry(run, RTM_NEWNETCONF, &h, sizeof(h))) return 0;
    put_config(&run->out, h.ncm_family, ifindex, c4, c6);
    return netlink_dump_entry_end(run);
}

static int dump_configs(struct netlink_dump_run *run, bool is4)
{
    struct net *net = run->net;

    list_for_each(node, &net->devices) {
        const struct net_device *d = list_entry(node, struct net_device, node);

        if (d->ip && dump_config(run, (int32_t)d->ifindex, is4 ? &d->ip->config4 : NULL, is4 ? NULL : &d->ip->config6)) return 1;
    }
    if (dump_config(run, NETCONFA_IFINDEX_ALL, is4 ? ip4_config_all(net) : NULL, is4 ? NULL : ip6_config_all(net))) return 1;
    return dump_config(run, NETCONFA_IFINDEX_DEFAULT, is4 ? ip4_config_default(net) : NULL, is4 ? NULL : ip6_config_default(net));
}

int rtnetlink_dump_configs(struct netlink_dump_run *run)
{
    uint8_t family = ((const struct rtgenmsg *)NLMSG_DATA(run->request))->rtgen_family;

    if (family != AF_INET6 && dump_configs(run, true)) return 0;
    if (family != AF_INET) dump_configs(run, false);
    return 0;
}

int rtnetlink_get_config(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct netconfmsg *h = NLMSG_DATA(request);
    const struct ip4_config *c4 = NULL;
    const struct ip6_config *c6 = NULL;
    const struct net_device *d;
    struct netlink_writer w;
    uint32_t asked;
    int32_t ifindex;

    if (h->ncm_family != AF_INET && h->ncm_family != AF_INET6) return -EOPNOTSUPP;
    if (!netlink_attribute_u32(request, sizeof(*h), NETCONFA_IFINDEX, &asked)) return -EINVAL;
    ifindex = (int32_t)asked;
    d = ifindex > 0 ? device_by_index(c->net, asked) : NULL;
    if (ifindex == NETCONFA_IFINDEX_ALL || ifindex == NETCONFA_IFINDEX_DEFAULT) {
        c4 = ifindex == NETCONFA_IFINDEX_ALL ? ip4_config_all(c->net) : ip4_config_default(c->net);
        c6 = ifindex == NETCONFA_IFINDEX_ALL ? ip6_config_all(c->net) : ip6_config_default(c->net);
    } else if (d && d->ip) {
        c4 = &d->ip->config4;
        c6 = &d->ip->config6;
    } else {
        return ifindex > 0 ? -ENODEV : -EINVAL;
    }
    if (!netlink_writer_init(&w, c->net->machine, 256)) return -ENOBUFS;
    netlink_begin(&w, request, RTM_NEWNETCONF, 0, c->ns->port_id, h, sizeof(*h));
    put_config(&w, h->ncm_family, ifindex, h->ncm_family == AF_INET ? c4 : NULL, h->ncm_family == AF_INET ? NULL : c6);
    netlink_end(&w);
    netlink_answer(c->ns, &w);
    return 0;
}
