/* NETLINK_ROUTE: which function answers which request. */
#include "netlink/netlink_sock.h"

struct row {
    uint16_t type;
    uint8_t header_bytes;            /* of the family's header: shorter requests are EINVAL */
    netlink_handler run;             /* NULL: only dumps */
    netlink_dump_fn dump;            /* NULL: no dump */
};

/* The ids that a namespace has for others: a machine has no other, whatever descriptor is shown to it. */
static int get_namespace_id(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct rtgenmsg *h = NLMSG_DATA(request);
    uint32_t ignored, unassigned = (uint32_t)NETNSA_NSID_NOT_ASSIGNED;
    struct netlink_writer w;

    if (!netlink_attribute_u32(request, sizeof(*h), NETNSA_FD, &ignored) && !netlink_attribute_u32(request, sizeof(*h), NETNSA_PID, &ignored) &&
        !netlink_attribute_u32(request, sizeof(*h), NETNSA_NSID, &ignored)) {
        c->text = "Peer netns reference is missing";
        return -EINVAL;
    }
    if (!netlink_writer_init(&w, c->net->machine, 64)) return -ENOBUFS;
    netlink_begin(&w, request, RTM_NEWNSID, 0, c->ns->port_id, &(struct rtgenmsg){ .rtgen_family = AF_UNSPEC }, sizeof(*h));
    netlink_put_u32(&w, NETNSA_NSID, unassigned);
    netlink_end(&w);
    netlink_answer(c->ns, &w);
    return 0;
}

/* No entries. */
static int dump_nothing(struct netlink_dump_run *run)
{
    (void)run;
    return 0;
}

static const struct row rows[] = {
    { RTM_GETLINK, sizeof(struct ifinfomsg), rtnetlink_get_link, rtnetlink_dump_links },
    { RTM_NEWLINK, sizeof(struct ifinfomsg), rtnetlink_set_link, NULL },
    { RTM_SETLINK, sizeof(struct ifinfomsg), rtnetlink_set_link, NULL },
    { RTM_GETADDR, sizeof(struct ifaddrmsg), NULL, rtnetlink_dump_addresses },
    { RTM_NEWADDR, sizeof(struct ifaddrmsg), rtnetlink_new_address, NULL },
    { RTM_DELADDR, sizeof(struct ifaddrmsg), rtnetlink_delete_address, NULL },
    { RTM_GETROUTE, sizeof(struct rtmsg), rtnetlink_get_route, rtnetlink_dump_routes },
    { RTM_NEWROUTE, sizeof(struct rtmsg), rtnetlink_new_route, NULL },
    { RTM_DELROUTE, sizeof(struct rtmsg), rtnetlink_delete_route, NULL },
    { RTM_GETNEIGH, sizeof(struct ndmsg), NULL, rtnetlink_dump_neighbours },
    { RTM_NEWNEIGH, sizeof(struct ndmsg), rtnetlink_new_neighbour, NULL },
    { RTM_DELNEIGH, sizeof(struct ndmsg), rtnetlink_delete_neighbour, NULL },
    { RTM_GETNETCONF, sizeof(struct netconfmsg), rtnetlink_get_config, rtnetlink_dump_configs },
    { RTM_GETNSID, sizeof(struct rtgenmsg), get_namespace_id, dump_nothing },
    { RTM_GETRULE, sizeof(struct rtmsg), NULL, rtnetlink_dump_rules },
};

static bool is_get(uint16_t type)
{
    return ((type - RTM_BASE) & 3) == 2; /* NEW, DEL, GET, SET in turn */
}

int rtnetlink_handle(struct netlink_context *c, const struct nlmsghdr *request)
{
    bool is_dump = is_get(request->nlmsg_type) && (request->nlmsg_flags & NLM_F_DUMP);

    if (request->nlmsg_type > RTM_MAX) return -EOPNOTSUPP;
    if (netlink_payload_bytes(request) < sizeof(struct rtgenmsg)) return 0; /* as Linux: nothing said */
    if (!is_get(request->nlmsg_type) && !credentials_can(c->credentials, CAP_NET_ADMIN)) return -EPERM;
    for (size_t i = 0; i < array_count(rows); i++) {
        const struct row *r = &rows[i];

        if (r->type != request->nlmsg_type) continue;
        if (is_dump) return r->dump ? netlink_dump_start(c->ns, request, r->dump) : -EOPNOTSUPP;
        if (!r->run) return -EOPNOTSUPP;
        return netlink_payload_bytes(request) < r->header_bytes ? -EINVAL : r->run(c, request);
    }
    return -EOPNOTSUPP;
}
