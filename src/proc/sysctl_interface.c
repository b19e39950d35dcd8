/* net.ipv4.conf, net.ipv6.conf and neigh: the same names for "all", "default" and every interface. */
#include "ip/address.h"
#include "machine/composition.h"
#include "neighbour/neighbour.h"
#include "proc/entry.h"
#include "proc/sysctl.h"

#define PATH_BYTES 128

struct field { const char *name; size_t offset; int64_t unit; };

#define F4(name) { #name, offsetof(struct ip4_config, name), 0 }
static const struct field fields4[] = {
    F4(accept_local), F4(accept_redirects), F4(accept_source_route), F4(arp_accept), F4(arp_announce), F4(arp_filter),
    F4(arp_ignore), F4(arp_notify), F4(bc_forwarding), F4(drop_gratuitous_arp), F4(drop_unicast_in_l2_multicast),
    F4(force_igmp_version), F4(forwarding), F4(igmpv2_unsolicited_report_interval), F4(igmpv3_unsolicited_report_interval),
    F4(promote_secondaries), F4(proxy_arp),
    F4(route_localnet), F4(rp_filter), F4(secure_redirects), F4(send_redirects), F4(shared_media),
};
#define F6(name) { #name, offsetof(struct ip6_config, name), 0 }
static const struct field fields6[] = {
    F6(accept_dad), F6(accept_ra), F6(accept_ra_defrtr), F6(accept_ra_from_local), F6(accept_ra_min_hop_limit),
    F6(accept_ra_min_lft), F6(accept_ra_mtu), F6(accept_ra_pinfo), F6(accept_redirects), F6(accept_untracked_na), F6(addr_gen_mode),
    F6(autoconf), F6(dad_transmits), F6(disable_ipv6), F6(drop_unicast_in_l2_multicast), F6(drop_unsolicited_na),
    F6(force_forwarding), F6(force_mld_version), F6(force_tllao), F6(forwarding), F6(hop_limit), F6(max_addresses),
    F6(mldv1_unsolicited_report_interval), F6(mldv2_unsolicited_report_interval), F6(mtu), F6(ndisc_notify), F6(ndisc_tclass),
    F6(ra_defrtr_metric), F6(ra_honor_pio_life), F6(router_solicitation_delay), F6(router_solicitation_interval),
    F6(router_solicitation_max_interval), F6(router_solicitations), F6(suppress_frag_ndisc), F6(use_oif_addrs_only),
};
#define FN(name, field, unit) { name, offsetof(struct neighbour_parameters, field), unit }
static const struct field neighbour_fields[] = {
    FN("app_solicit", app_solicit, 0),
    FN("base_reachable_time", base_reachable_time_ms, 1000), FN("base_reachable_time_ms", base_reachable_time_ms, 0),
    FN("delay_first_probe_time", delay_first_probe_time_s, 0), FN("gc_stale_time", gc_stale_time_s, 0),
    FN("locktime", locktime_ms, 10), /* in ticks of USER_HZ */
    FN("mcast_resolicit", mcast_resolicit, 0), FN("mcast_solicit", mcast_solicit, 0),
    FN("retrans_time", retrans_time_ms, 10), FN("retrans_time_ms", retrans_time_ms, 0),
    FN("ucast_solicit", ucast_solicit, 0), FN("unres_qlen_bytes", unres_qlen_bytes, 0),
};

#define for_each_config(d, net) \
    list_for_each(config_node_, &(net)->devices) \
        for (struct net_device *d = list_entry(config_node_, struct net_device, node); d; d = NULL) \
            if (d->ip)

static void tell(struct net *net, uint8_t family, int32_t ifindex, uint16_t attribute, int32_t value)
{
    const struct composition *c = net->machine->composition;
    if (c && c->config_changed) c->config_changed(net, family, ifindex, attribute, value);
}

void sysctl_set_forwarding4(struct net *net, int32_t on)
{
    net->sysctl.ip_forward = on;
    ip4_config_all(net)->forwarding = on;
    ip4_config_default(net)->forwarding = on;
    tell(net, AF_INET, NETCONFA_IFINDEX_ALL, NETCONFA_FORWARDING, on);
    tell(net, AF_INET, NETCONFA_IFINDEX_DEFAULT, NETCONFA_FORWARDING, on);
    for_each_config(d, net) {
        d->ip->config4.forwarding = on;
        tell(net, AF_INET, (int32_t)d->ifindex, NETCONFA_FORWARDING, on);
    }
}

static void set_forwarding6(struct net *net, int32_t ifindex, int32_t *at, int32_t on)
{
    bool is_other = !*at != !on;
    *at = on;
    if (is_other) tell(net, AF_INET6, ifindex, NETCONFA_FORWARDING, on);
}

void sysctl_set_forwarding6(struct net *net, int32_t on)
{
    set_forwarding6(net, NETCONFA_IFINDEX_DEFAULT, &ip6_config_default(net)->forwarding, on);
    for_each_config(d, net) set_forwarding6(net, (int32_t)d->ifindex, &d->ip->config6.forwarding, on);
    ip6_config_all(net)->forwarding = on;
    tell(net, AF_INET6, NETCONFA_IFINDEX_ALL, NETCONFA_FORWARDING, on);
}

/* Those that `ip monitor netconf` shows. */
static void tell_config4(struct net *net, int32_t ifindex, const struct ip4_config *c, const int32_t *at)
{
    if (at == &c->forwarding) tell(net, AF_INET, ifindex, NETCONFA_FORWARDING, *at);
    if (at == &c->rp_filter) tell(net, AF_INET, ifindex, NETCONFA_RP_FILTER, *at);
    if (at == &c->proxy_arp) tell(net, AF_INET, ifindex, NETCONFA_PROXY_NEIGH, *at);
}

/* "all" hands these on to every interface; the other fields of "all" are looked at beside the interface's own. */
static void changed_all4(struct net *net, struct proc_integers *v)
{
    if (v->v32 == &ip4_config_all(net)->forwarding) sysctl_set_forwarding4(net, *v->v32);
    else tell_config4(net, NETCONFA_IFINDEX_ALL, ip4_config_all(net), v->v32);
}

static void changed_default4(struct net *net, struct proc_integers *v)
{
    tell_config4(net, NETCONFA_IFINDEX_DEFAULT, ip4_config_default(net), v->v32);
}

static void changed_one4(struct net *net, struct proc_integers *v)
{
    for_each_config(d, net) tell_config4(net, (int32_t)d->ifindex, &d->ip->config4, v->v32);
}

static void changed_all6(struct net *net, struct proc_integers *v)
{
    struct ip6_config *all = ip6_config_all(net);
    if (v->v32 == &all->forwarding) sysctl_set_forwarding6(net, *v->v32);
    if (v->v32 != &all->disable_ipv6) return;
    ip6_config_default(net)->disable_ipv6 = all->disable_ipv6;
    for_each_config(d, net) {
        d->ip->config6.disable_ipv6 = all->disable_ipv6;
        ip6_config_changed(d);
    }
}

static void changed_default6(struct net *net, struct proc_integers *v)
{
    if (v->v32 == &ip6_config_default(net)->forwarding) tell(net, AF_INET6, NETCONFA_IFINDEX_DEFAULT, NETCONFA_FORWARDING, *v->v32);
}

static void changed_one6(struct net *net, struct proc_integers *v)
{
    for_each_config(d, net) {
        const struct ip6_config *c = &d->ip->config6;
        if (v->v32 == &c->disable_ipv6 || v->v32 == &c->mtu) ip6_config_changed(d);
        if (v->v32 == &c->forwarding) tell(net, AF_INET6, (int32_t)d->ifindex, NETCONFA_FORWARDING, *v->v32);
    }
}

struct walk { proc_visit visit; void *ctx; };

static int visit_fields(const struct walk *w, const char *directory, const char *interface, const struct field *fields, size_t count,
                        void *config, bool is_wide, void (*changed)(struct net *net, struct proc_integers *v))
{
    char path[PATH_BYTES];
    int result = 0;
    for (size_t i = 0; i < count && !result; i++) {
        struct proc_entry e = { .path = path, .mode = 0100644, .changed = changed };
        void *at = (char *)config + fields[i].offset;
        e.integers = (struct proc_integers){ .count = 1, .low = INT32_MIN, .high = INT32_MAX, .unit = fields[i].unit };
        if (is_wide) {
            e.integers.v64 = at;
            e.integers.low = 0;
        } else {
            e.integers.v32 = at;
        }
        text_format(path, sizeof path, "sys/net/%s/%s/%s", directory, interface, fields[i].name);
        result = w->visit(w->ctx, &e);
    }
    return result;
}

static int visit4(const struct walk *w, const char *interface, struct ip4_config *c, void (*changed)(struct net *, struct proc_integers *))
{
    return visit_fields(w, "ipv4/conf", interface, fields4, array_count(fields4), c, false, changed);
}

static int visit6(const struct walk *w, const char *interface, struct ip6_config *c, void (*changed)(struct net *, struct proc_integers *))
{
    return visit_fields(w, "ipv6/conf", interface, fields6, array_count(fields6), c, false, changed);
}

static int visit_neighbour(const struct walk *w, struct net *net, struct net_device *d, const char *interface)
{
    static const struct { int family; const char *directory; } families[] = { { AF_INET, "ipv4/neigh" }, { AF_INET6, "ipv6/neigh" } };
    int result = 0;
    for (size_t i = 0; i < array_count(families) && !result; i++) {
        struct neighbour_parameters *p = neighbour_parameters(net, d, families[i].family);
        if (p) result = visit_fields(w, families[i].directory, interface, neighbour_fields, array_count(neighbour_fields), p, true, NULL);
    }
    return result;
}

int proc_each_interface(struct net *net, proc_visit visit, void *ctx)
{
    const struct walk w = { visit, ctx };
    int result = visit4(&w, "all", ip4_config_all(net), changed_all4);
    if (!result) result = visit4(&w, "default", ip4_config_default(net), changed_default4);
    if (!result) result = visit6(&w, "all", ip6_config_all(net), changed_all6);
    if (!result) result = visit6(&w, "default", ip6_config_default(net), changed_default6);
    if (!result) result = visit_neighbour(&w, net, NULL, "default");
    for_each_config(d, net) {
        if (!result) result = visit4(&w, d->name, &d->ip->config4, changed_one4);
        if (!result) result = visit6(&w, d->name, &d->ip->config6, changed_one6);
        if (!result) result = visit_neighbour(&w, net, d, d->name);
    }
    return result;
}
