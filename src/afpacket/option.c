#include "afpacket/afpacket_sock.h"

static struct membership *find_membership(struct afpacket_sock *a, const struct packet_mreq *m)
{
    list_for_each(it, &a->memberships) {
        struct membership *found = list_entry(it, struct membership, node);
        if (found->ifindex == m->mr_ifindex && found->type == m->mr_type && found->bytes == m->mr_alen
            && memcmp(found->address, m->mr_address, m->mr_alen) == 0) return found;
    }
    return NULL;
}

/* Devices of a machine show every frame that reaches them, so that membership only has to be remembered. */
static int join(struct sock *sk, const struct packet_mreq *m)
{
    struct afpacket_sock *a = afpacket_of(sk);
    const struct net_device *d = device_by_index(sk->net, (uint32_t)m->mr_ifindex);
    if (!d) return -ENODEV;
    if (m->mr_type > PACKET_MR_UNICAST || m->mr_alen > ETH_ALEN) return -EINVAL;
    struct membership *found = find_membership(a, m);
    if (!found) {
        found = machine_alloc(sk->net->machine, sizeof *found);
        if (!found) return -ENOBUFS;
        found->ifindex = m->mr_ifindex;
        found->type = m->mr_type;
        found->bytes = m->mr_alen;
        memcpy(found->address, m->mr_address, m->mr_alen);
        list_add_tail(&a->memberships, &found->node);
    }
    found->count++;
    return 0;
}

static int leave(struct sock *sk, const struct packet_mreq *m)
{
    struct membership *found = m->mr_alen <= ETH_ALEN ? find_membership(afpacket_of(sk), m) : NULL;
    if (!found) return 0; /* Linux: not an error */
    if (--found->count > 0) return 0;
    list_remove(&found->node);
    machine_free(sk->net->machine, found, sizeof *found);
    return 0;
}

void afpacket_leave_all(struct sock *sk)
{
    list_for_each_safe(it, tmp, &afpacket_of(sk)->memberships) {
        struct membership *m = list_entry(it, struct membership, node);
        list_remove(&m->node);
        machine_free(sk->net->machine, m, sizeof *m);
    }
}

static int set_membership(struct sock *sk, int name, const struct user_option *o)
{
    struct packet_mreq m;
    int error = option_in(o, &m, sizeof m);
    if (error) return error;
    return name == PACKET_ADD_MEMBERSHIP ? join(sk, &m) : leave(sk, &m);
}

static bool *flag_of(struct afpacket_sock *a, int name)
{
    switch (name) {
    case PACKET_AUXDATA: return &a->wants_auxdata;
    case PACKET_ORIGDEV: return &a->wants_origin;
    case PACKET_IGNORE_OUTGOING: return &a->ignores_outgoing;
    case PACKET_QDISC_BYPASS: return &a->bypasses_queue;
    default: return NULL;
    }
}

int afpacket_setsockopt(struct socket *s, int level, int name, const struct user_option *o)
{
    int value;
    if (level != SOL_PACKET) return -ENOPROTOOPT;
    if (name == PACKET_ADD_MEMBERSHIP || name == PACKET_DROP_MEMBERSHIP) return set_membership(s->sock, name, o);
    bool *flag = flag_of(afpacket_of(s->sock), name);
    if (!flag) return -ENOPROTOOPT;
    int error = option_int(o, &value);
    if (error) return error;
    if (name == PACKET_IGNORE_OUTGOING && (value < 0 || value > 1)) return -EINVAL;
    *flag = value != 0;
    return 0;
}

int afpacket_getsockopt(struct socket *s, int level, int name, const struct user_option *o)
{
    struct afpacket_sock *a = afpacket_of(s->sock);
    if (level != SOL_PACKET) return -ENOPROTOOPT;
    if (name == PACKET_STATISTICS) {
        struct tpacket_stats stats = { .tp_packets = a->seen, .tp_drops = a->lost };
        a->seen = a->lost = 0;
        return option_out(o, &stats, sizeof stats);
    }
    const bool *flag = flag_of(a, name);
    return flag ? option_out_int(o, *flag) : -ENOPROTOOPT;
}
