/* Notifications to netlink groups: one packet for each member, and one to the asker who wants an echo. */
#include "netlink/netlink_sock.h"

uint32_t netlink_group_count(int protocol)
{
    return protocol == NETLINK_ROUTE ? 39 : 32; /* Linux: RTNLGRP_MAX of 6.18; 32 at least */
}

static bool is_member(const struct netlink_sock *ns, uint32_t group)
{
    return ns->groups[(group - 1) / 32] >> ((group - 1) % 32) & 1;
}

bool netlink_has_listeners(const struct net *net, int protocol, uint32_t group)
{
    list_for_each(node, &net->netlink->socks) {
        const struct netlink_sock *ns = list_entry(node, struct netlink_sock, node);

        if (ns->sk.protocol == protocol && is_member(ns, group)) return true;
    }
    return false;
}

/* Linux: once a message was lost nothing more comes until what waits has been read, so that the gap has one place. */
void netlink_overrun(struct netlink_sock *ns)
{
    ns->sk.drops++;
    if (ns->no_enobufs || ns->is_congested) return;
    ns->is_congested = true;
    sock_report_error(&ns->sk, ENOBUFS);
}

static void deliver_copy(struct netlink_sock *to, const struct packet *p, uint32_t from_port_id, uint32_t group)
{
    struct packet *copy = to->is_congested ? NULL : packet_clone(p);

    if (copy && sock_charge_receive(&to->sk, copy)) {
        copy->scratch[NETLINK_SCRATCH_PORT] = from_port_id;
        copy->scratch[NETLINK_SCRATCH_GROUP] = group;
        sock_queue_append(&to->sk, copy);
        return;
    }
    if (copy) packet_consume(copy);
    netlink_overrun(to);
}

void netlink_multicast(struct net *net, int protocol, const struct packet *p, uint32_t group, uint32_t excluded_port_id, const struct netlink_sock *from)
{
    list_for_each_safe(node, tmp, &net->netlink->socks) {
        struct netlink_sock *ns = list_entry(node, struct netlink_sock, node);

        if (ns == from || ns->sk.protocol != protocol || ns->port_id == excluded_port_id || !is_member(ns, group)) continue;
        deliver_copy(ns, p, from ? from->port_id : 0, group);
    }
}

/* The request that this is the answer to: of the same kind (RTM_NEWADDR and RTM_DELADDR, ...). NULL: none. */
static const struct netlink_asker *asker_of(const struct net *net, uint16_t type, enum netlink_naming naming)
{
    const struct netlink_asker *asker = &net->netlink->asker;

    if (naming == NETLINK_NAMES_NOBODY || !asker->request || (asker->request->nlmsg_type ^ type) >> 2) return NULL;
    return asker;
}

bool netlink_notice_begin(struct netlink_notice *n, struct net *net, uint32_t group, uint16_t type, uint16_t flags, enum netlink_naming naming, const void *header, uint32_t header_bytes)
{
    static const struct nlmsghdr unasked;
    const struct netlink_asker *asker;
    struct nlmsghdr asked;

    if (!net->netlink) return false;
    asker = asker_of(net, type, naming);
    n->net = net;
    n->group = group;
    n->echo_to = asker && naming == NETLINK_NAMES_REQUEST && asker->request->nlmsg_flags & NLM_F_ECHO ? asker->ns : NULL;
    if (!n->echo_to && !netlink_has_listeners(net, NETLINK_ROUTE, group)) return false;
    if (!netlink_writer_init(&n->out, net->machine, NETLINK_NOTICE_MAX_BYTES)) return false;
    asked = asker && naming == NETLINK_NAMES_REQUEST ? *asker->request : unasked;
    netlink_begin(&n->out, &asked, type, flags, asker ? asker->ns->port_id : 0, header, header_bytes);
    return true;
}

void netlink_notice_end(struct netlink_notice *n)
{
    struct packet *p = n->out.p;

    p->net = n->net;
    p->truesize_bytes = packet_truesize(packet_bytes(p)); /* Linux: netlink_trim */
    if (netlink_end(&n->out)) {
        netlink_multicast(n->net, NETLINK_ROUTE, p, n->group, n->echo_to ? n->echo_to->port_id : 0, NULL);
        if (n->echo_to) deliver_copy(n->echo_to, p, 0, n->group);
    }
    packet_consume(p);
}
