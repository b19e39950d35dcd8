/* RTM_GETLINK, RTM_NEWLINK, RTM_SETLINK: interfaces as `ip link` shows and changes them. */
#include "ip/address.h"
#include "netlink/netlink_sock.h"

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

enum { EXT_MASK_SKIP_STATS = 1 << 3, OPERSTATE_UNKNOWN = 0, OPERSTATE_DOWN = 2, OPERSTATE_UP = 6 };

static uint32_t shown_flags(const struct net_device *d)
{
    uint32_t flags = d->flags & ~(uint32_t)IFF_RUNNING;

    if (d->flags & IFF_UP) flags |= d->flags & IFF_RUNNING;
    if (d->flags & IFF_RUNNING) flags |= IFF_LOWER_UP;
    return flags;
}

static uint8_t operational_state(const struct net_device *d)
{
    if (!(d->flags & IFF_UP)) return OPERSTATE_DOWN;
    if (d->flags & IFF_LOOPBACK) return OPERSTATE_UNKNOWN;
    return d->flags & IFF_RUNNING ? OPERSTATE_UP : OPERSTATE_DOWN;
}

static void put_stats(struct netlink_writer *w, const struct device_stats *s)
{
    struct rtnl_link_stats64 wide = { .rx_packets = s->rx_packets, .tx_packets = s->tx_packets, .rx_bytes = s->rx_bytes,
        .tx_bytes = s->tx_bytes, .rx_errors = s->rx_errors, .tx_errors = s->tx_errors, .rx_dropped = s->rx_dropped,
        .tx_dropped = s->tx_dropped, .multicast = s->multicast, .collisions = s->collisions, .rx_fifo_errors = s->rx_fifo,
        .rx_frame_errors = s->rx_frame, .tx_fifo_errors = s->tx_fifo, .tx_carrier_errors = s->tx_carrier,
        .rx_compressed = s->rx_compressed, .tx_compressed = s->tx_compressed };
    struct rtnl_link_stats narrow = { .rx_packets = (uint32_t)s->rx_packets, .tx_packets = (uint32_t)s->tx_packets,
        .rx_bytes = (uint32_t)s->rx_bytes, .tx_bytes = (uint32_t)s->tx_bytes, .rx_errors = (uint32_t)s->rx_errors,
        .tx_errors = (uint32_t)s->tx_errors, .rx_dropped = (uint32_t)s->rx_dropped, .tx_dropped = (uint32_t)s->tx_dropped,
        .multicast = (uint32_t)s->multicast, .collisions = (uint32_t)s->collisions };

    netlink_put(w, IFLA_STATS64, &wide, sizeof(wide));
    netlink_put(w, IFLA_STATS, &narrow, sizeof(narrow));
}

/* What a family says of the interface: of IPv6 how addresses are made, once it has a configuration. */
static void put_families(struct netlink_writer *w, const struct net_device *d)
{
    uint32_t families, inet6;

    if (!d->ip) return;
    families = netlink_nest(w, IFLA_AF_SPEC);
    inet6 = netlink_nest(w, AF_INET6);
    netlink_put_u8(w, IFLA_INET6_ADDR_GEN_MODE, (uint8_t)d->ip->config6.addr_gen_mode);
    netlink_nest_end(w, inet6);
    netlink_nest_end(w, families);
}

static void put_link(struct netlink_writer *w, const struct net_device *d, bool with_stats)
{
    uint32_t nest;

    netlink_put_text(w, IFLA_IFNAME, d->name);
    netlink_put_u32(w, IFLA_TXQLEN, d->tx_queue_packets);
    netlink_put_u8(w, IFLA_OPERSTATE, operational_state(d));
    netlink_put_u8(w, IFLA_LINKMODE, 0);
    netlink_put_u32(w, IFLA_MTU, d->mtu_bytes);
    netlink_put_u32(w, IFLA_MIN_MTU, d->flags & IFF_LOOPBACK ? 0 : 68);
    netlink_put_u32(w, IFLA_MAX_MTU, d->flags & IFF_LOOPBACK ? 0 : 65535);
    netlink_put_u32(w, IFLA_GROUP, 0);
    netlink_put_u32(w, IFLA_PROMISCUITY, d->promiscuity);
    netlink_put_u32(w, IFLA_ALLMULTI, d->allmulti);
    netlink_put_u32(w, IFLA_NUM_TX_QUEUES, 1);
    netlink_put_u32(w, IFLA_GSO_MAX_SEGS, 65535);
    netlink_put_u32(w, IFLA_GSO_MAX_SIZE, 65536);
    netlink_put_u32(w, IFLA_GRO_MAX_SIZE, 65536);
    netlink_put_u32(w, IFLA_TSO_MAX_SIZE, strcmp(d->ops->kind, "tap") && strcmp(d->ops->kind, "tun") ? 524280 : 65536);
    netlink_put_u32(w, IFLA_TSO_MAX_SEGS, 65535);
    netlink_put_u32(w, IFLA_NUM_RX_QUEUES, 1);
    netlink_put_u8(w, IFLA_CARRIER, d->flags & IFF_RUNNING ? 1 : 0);
    netlink_put_u32(w, IFLA_CARRIER_CHANGES, 0);
    netlink_put_u8(w, IFLA_PROTO_DOWN, 0);
    if (d->header_bytes) netlink_put(w, IFLA_ADDRESS, d->mac.bytes, sizeof(d->mac.bytes));
    if (d->header_bytes) netlink_put(w, IFLA_BROADCAST, d->broadcast.bytes, sizeof(d->broadcast.bytes));
    if (with_stats) put_stats(w, &d->stats);
    if (!(d->flags & IFF_LOOPBACK)) {
        nest = netlink_nest(w, IFLA_LINKINFO);
        netlink_put_text(w, IFLA_INFO_KIND, strcmp(d->ops->kind, "link") ? "tun" : "veth");
        netlink_nest_end(w, nest);
    }
    netlink_put_text(w, IFLA_QDISC, "noqueue");
    put_families(w, d);
}

static struct ifinfomsg header_of(const struct net_device *d)
{
    return (struct ifinfomsg){ .ifi_family = AF_UNSPEC, .ifi_type = d->hardware_type, .ifi_index = (int)d->ifindex, .ifi_flags = shown_flags(d) };
}

static void tell(const struct net_device *d, uint16_t type)
{
    struct ifinfomsg h = header_of(d);
    struct netlink_notice n;

    h.ifi_change = type == RTM_DELLINK ? UINT32_MAX : 0;
    if (!netlink_notice_begin(&n, d->net, RTNLGRP_LINK, type, 0, NETLINK_NAMES_NOBODY, &h, sizeof(h))) return;
    put_link(&n.out, d, true);
    netlink_notice_end(&n);
}

void rtnetlink_device_event(struct net_device *d, enum device_event event)
{
    if (event != DEVICE_GONE) tell(d, RTM_NEWLINK);
}

void rtnetlink_device_gone_event(struct net_device *d, enum device_event event)
{
    if (event == DEVICE_GONE) tell(d, RTM_DELLINK);
}

static bool wants_stats(const struct nlmsghdr *request)
{
    uint32_t mask;

    return !netlink_attribute_u32(request, sizeof(struct ifinfomsg), IFLA_EXT_MASK, &mask) || !(mask & EXT_MASK_SKIP_STATS);
}

int rtnetlink_dump_links(struct netlink_dump_run *run)
{
    if (((const struct ifinfomsg *)NLMSG_DATA(run->request))->ifi_family == AF_BRIDGE) return 0; /* ports of bridges: none */
    list_for_each(node, &run->net->devices) {
        const struct net_device *d = list_entry(node, struct net_device, node);
        struct ifinfomsg h = header_of(d);

        if (!netlink_dump_entry(run, RTM_NEWLINK, &h, sizeof(h))) continue;
        put_link(&run->out, d, wants_stats(run->request));
        if (netlink_dump_entry_end(run)) break;
    }
    return 0;
}

/* By index, else by name. NULL: *error. */
static struct net_device *find_device(struct net *net, const struct nlmsghdr *request, int *error)
{
    const struct ifinfomsg *h = NLMSG_DATA(request);
    char name[IFNAMSIZ] = "";
    uint32_t bytes = 0;
    const void *text = netlink_attribute(request, sizeof(*h), IFLA_IFNAME, &bytes);
    struct net_device *d;

    *error = -EINVAL;
    if (h->ifi_index < 0) return NULL;
    if (!h->ifi_index && !text) return NULL;
    *error = -ENODEV;
    if (h->ifi_index) return device_by_index(net, (uint32_t)h->ifi_index);
    memcpy(name, text, min_of(bytes, (uint32_t)IFNAMSIZ - 1));
    d = device_find(net, name);
    return d;
}

int rtnetlink_get_link(struct netlink_context *c, const struct nlmsghdr *request)
{
    int error;
    const struct net_device *d = find_device(c->net, request, &error);
    struct netlink_writer w;
    struct ifinfomsg h;

    if (!d) return error;
    if (!netlink_writer_init(&w, c->net->machine, 2048)) return -ENOBUFS;
    h = header_of(d);
    netlink_begin(&w, request, RTM_NEWLINK, 0, c->ns->port_id, &h, sizeof(h));
    put_link(&w, d, wants_stats(request));
    netlink_end(&w);
    netlink_answer(c->ns, &w);
    return 0;
}

static int change_mtu(struct netlink_context *c, struct net_device *d, const struct nlmsghdr *request)
{
    uint32_t mtu;
    int error;

    if (!netlink_attribute_u32(request, sizeof(struct ifinfomsg), IFLA_MTU, &mtu) || mtu == d->mtu_bytes) return 0;
    error = device_set_mtu(d, mtu);
    if (error == -EINVAL) c->text = mtu < 68 ? "mtu less than device minimum" : "mtu greater than device maximum";
    return error;
}

static int change_mac(struct net_device *d, const struct nlmsghdr *request)
{
    uint32_t bytes;
    const void *mac = netlink_attribute(request, sizeof(struct ifinfomsg), IFLA_ADDRESS, &bytes);

    if (!mac) return 0;
    if (bytes < sizeof(d->mac.bytes)) return -EINVAL;
    if (d->flags & IFF_LOOPBACK) return -EOPNOTSUPP;
    device_set_mac(d, mac);
    return 0;
}

int rtnetlink_set_link(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct ifinfomsg *h = NLMSG_DATA(request);
    uint32_t change = h->ifi_change ? h->ifi_change : ~0u, bytes, queue;
    int error;
    struct net_device *d = find_device(c->net, request, &error);

    if (!d && request->nlmsg_type == RTM_NEWLINK && (request->nlmsg_flags & NLM_F_CREATE)) {
        c->text = "Unknown device type";
        return -EOPNOTSUPP; /* interfaces come with the machine */
    }
    if (!d) return request->nlmsg_type == RTM_NEWLINK && error == -EINVAL ? -ENODEV : error;
    if (request->nlmsg_flags & NLM_F_EXCL) return -EEXIST;
    if (netlink_attribute(request, sizeof(*h), IFLA_LINKINFO, &bytes)) return -EOPNOTSUPP;
    if (netlink_attribute_u32(request, sizeof(*h), IFLA_TXQLEN, &queue)) device_set_tx_queue(d, queue);
    error = change_mac(d, request);
    if (!error) error = change_mtu(c, d, request);
    if (!error && (h->ifi_flags || h->ifi_change) && change) error = device_change_flags(d, h->ifi_flags, change);
    return error;
}
