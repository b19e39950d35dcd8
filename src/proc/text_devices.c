/* /proc/net/dev, if_inet6, arp, igmp and what else is told interface by interface. */
#include "ip/address.h"
#include "neighbour/neighbour.h"
#include "proc/texts.h"

#define for_each_device(d, net) \
    list_for_each(device_node_, &(net)->devices) \
        for (struct net_device *d = list_entry(device_node_, struct net_device, node); d; d = NULL)

static void put_device(struct text *t, const struct net_device *d)
{
    const struct device_stats *s = &d->stats;
#define U(v) (unsigned long)(v)
    text_printf(t, "%6s: %7lu %7lu %4lu %4lu %4lu %5lu %10lu %9lu %8lu %7lu %4lu %4lu %4lu %5lu %7lu %10lu\n", d->name,
        U(s->rx_bytes), U(s->rx_packets), U(s->rx_errors), U(s->rx_dropped), U(s->rx_fifo), U(s->rx_frame), U(s->rx_compressed),
        U(s->multicast), U(s->tx_bytes), U(s->tx_packets), U(s->tx_errors), U(s->tx_dropped), U(s->tx_fifo), U(s->collisions),
        U(s->tx_carrier), U(s->tx_compressed));
#undef U
}

void proc_dev(struct net *net, struct text *t)
{
    text_printf(t, "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n");
    for_each_device(d, net) put_device(t, d);
}

static void put_hex(struct text *t, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) text_printf(t, "%02x", bytes[i]);
}

/* Linux: IPV6_ADDR_SCOPE_MASK's four values. */
static unsigned scope6(const ip_addr_t *a)
{
    if (ip_is_loopback(a)) return 0x10;
    if (ip_is_link_local(a)) return 0x20;
    return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0xc0 ? 0x40 : 0;
}

void proc_if_inet6(struct net *net, struct text *t)
{
    for_each_device(d, net) {
        if (!d->ip) continue;
        list_for_each(it, &d->ip->addresses6) {
            const struct ip_address *a = list_entry(it, struct ip_address, node);
            put_hex(t, a->local.bytes, 16);
            text_printf(t, " %02x %02x %02x %02x %8s\n", d->ifindex, a->prefix_bits, scope6(&a->local), a->flags & 0xff, d->name);
        }
    }
}

static int put_neighbour(void *ctx, const struct neighbour *n)
{
    struct text *t = ctx;
    char address[16];
    const uint8_t *b = n->address.bytes + 12, *mac = n->mac.bytes;
    bool is_known = n->state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT);
    if (!ip_is4(&n->address) || n->state == NUD_NONE || (n->state & NUD_NOARP)) return 0;
    text_format(address, sizeof address, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
    text_printf(t, "%-16s 0x%-10x0x%-10x%02x:%02x:%02x:%02x:%02x:%02x     *        %s\n", address, n->device->hardware_type,
        n->state & NUD_PERMANENT ? 6u : is_known ? 2u : 0u, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], n->device->name);
    return 0;
}

void proc_arp(struct net *net, struct text *t)
{
    text_printf(t, "IP address       HW type     Flags       HW address            Mask     Device\n");
    neighbour_each(net, AF_INET, put_neighbour, t);
}

static unsigned count_groups(const struct list *groups)
{
    unsigned n = 0;
    list_for_each(it, groups) n++;
    return n;
}

static uint64_t timer_left(const struct net *net, const struct timer *timer)
{
    if (!timer_is_armed(timer) || timer->deadline_ns <= net->machine->now_ns) return 0;
    return timer->deadline_ns - net->machine->now_ns;
}

void proc_igmp(struct net *net, struct text *t)
{
    text_printf(t, "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n");
    for_each_device(d, net) {
        if (!d->ip || list_is_empty(&d->ip->groups4)) continue;
        text_printf(t, "%d\t%-10s: %5d %7s\n", d->ifindex, d->name, count_groups(&d->ip->groups4), "V3");
        list_for_each(it, &d->ip->groups4) {
            const struct ip_group *g = list_entry(it, struct ip_group, node);
            text_printf(t, "\t\t\t\t%08X %5d %d:%08lX\t\t%d\n", ip_get4(&g->address).raw, (int)g->users, timer_is_armed(&g->timer),
                proc_clock(timer_left(net, &g->timer)), g->is_last_reporter);
        }
    }
}

/* Linux: MAF_TIMER_RUNNING 1, MAF_LAST_REPORTER 2, MAF_LOADED 4, MAF_NOREPORT 8. All-nodes groups are never reported. */
static unsigned group_flags6(const struct ip_group *g)
{
    const ip_addr_t *a = &g->address;
    if ((a->bytes[1] & 0xf) < 2) return 8;
    if (a->bytes[0] == 0xff && a->bytes[1] == 2 && !(a->quad[0] & ~0x02ffull) && a->quad[1] == __builtin_bswap64(1)) return 4 | 8;
    return 4u | (timer_is_armed(&g->timer) ? 1 : 0) | (g->is_last_reporter ? 2 : 0);
}

void proc_igmp6(struct net *net, struct text *t)
{
    for_each_device(d, net) {
        if (!d->ip) continue;
        list_for_each(it, &d->ip->groups6) {
            const struct ip_group *g = list_entry(it, struct ip_group, node);
            text_printf(t, "%-4d %-15s ", d->ifindex, d->name);
            put_hex(t, g->address.bytes, 16);
            text_printf(t, " %5d %08X %lu\n", (int)g->users, group_flags6(g), proc_clock(timer_left(net, &g->timer)));
        }
    }
}

static void put_group_macs(struct text *t, const struct net_device *d, const struct list *groups)
{
    list_for_each(it, groups) {
        const ip_addr_t *a = &list_entry(it, struct ip_group, node)->address;
        uint8_t mac[6] = { 0x33, 0x33 };
        memcpy(mac + 2, a->bytes + 12, 4); /* RFC 2464 §7 */
        if (ip_is4(a)) {
            const uint8_t four[6] = { 0x01, 0x00, 0x5e, a->bytes[13] & 0x7f, a->bytes[14], a->bytes[15] }; /* RFC 1112 §6.4 */
            memcpy(mac, four, sizeof mac);
        }
        text_printf(t, "%-4d %-15s %-5d %-5d ", d->ifindex, d->name, 1, 0);
        put_hex(t, mac, sizeof mac);
        text_put(t, "\n", 1);
    }
}

void proc_dev_mcast(struct net *net, struct text *t)
{
    for_each_device(d, net) {
        if (!d->ip || (d->flags & IFF_LOOPBACK)) continue;
        put_group_macs(t, d, &d->ip->groups4);
        put_group_macs(t, d, &d->ip->groups6);
    }
}

void proc_ptype(struct net *net, struct text *t)
{
    (void)net;
    text_printf(t, "Type Device      Function\n0800          ip_rcv\n0806          arp_rcv\n86dd          ipv6_rcv\n");
}

void proc_psched(struct net *net, struct text *t)
{
    (void)net;
    text_printf(t, "000003e8 00000040 000f4240 3b9aca00\n"); /* ns a tick, as Linux with high-resolution timers */
}
