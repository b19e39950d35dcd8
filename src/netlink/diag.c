/* NETLINK_SOCK_DIAG: sockets as `ss` shows them (SOCK_DIAG_BY_FAMILY with struct inet_diag_req_v2). Filters by bytecode are
 * left to ss, which applies them to what it gets as well. */
#include "machine/composition.h"
#include "netlink/netlink_sock.h"

enum { DIAG_SHUTDOWN = 8, DIAG_SKV6ONLY = 11, DIAG_MARK = 15, DIAG_SOCKOPT = 22 };

static const struct diag_protocol *find_protocol(const struct net *net, uint8_t protocol)
{
    const struct composition *c = net->machine->composition;

    for (const struct diag_protocol *d = c->diag_protocols; d && d->protocol; d++) {
        if (d->protocol == protocol) return d;
    }
    return NULL;
}

static void put_memory(struct netlink_writer *w, const struct sock *sk, uint32_t wanted)
{
    struct inet_diag_meminfo memory = { sk->receive_used_bytes, sk->write_queued_bytes, sk->forward_allocated_bytes, sk->send_used_bytes };
    uint32_t all[9] = { sk->receive_used_bytes, sk->receive_buffer_bytes, sk->send_used_bytes, sk->send_buffer_bytes, sk->forward_allocated_bytes,
                        sk->write_queued_bytes, 0, sk->backlog_bytes, (uint32_t)sk->drops };

    if (wanted >> (INET_DIAG_MEMINFO - 1) & 1) netlink_put(w, INET_DIAG_MEMINFO, &memory, sizeof(memory));
    if (wanted >> (INET_DIAG_SKMEMINFO - 1) & 1) netlink_put(w, INET_DIAG_SKMEMINFO, all, sizeof(all));
}

/* struct inet_diag_sockopt: bits in the order of linux/inet_diag.h. */
static void put_options(struct netlink_writer *w, const struct inet_sock *is)
{
    const bool bits[] = { is->recv_error, is->sk.type == SOCK_STREAM, is->freebind, is->header_included, is->multicast_loop, is->transparent,
                          is->multicast_all, is->node_fragment, is->sk.bind_address_no_port, is->recv_error_rfc4884, is->defer_connect };
    uint16_t word = 0;

    for (unsigned i = 0; i < array_count(bits); i++) word |= (uint16_t)(bits[i] ? 1u << i : 0);
    netlink_put(w, DIAG_SOCKOPT, &word, sizeof(word));
}

static void put_sock(struct netlink_writer *w, const struct diag_protocol *proto, const struct diag_view *v, uint32_t wanted)
{
    const struct inet_sock *is = inet_of(v->sk);
    bool is6 = v->family == AF_INET6;
    uint8_t info[1024];
    uint32_t bytes;

    netlink_put_u8(w, DIAG_SHUTDOWN, v->sk->shutdown);
    if (wanted >> (INET_DIAG_TOS - 1) & 1) netlink_put_u8(w, INET_DIAG_TOS, is->tos);
    if (is6 && (wanted >> (INET_DIAG_TCLASS - 1) & 1)) netlink_put_u8(w, INET_DIAG_TCLASS, is->tclass);
    if (is6 && (v->state == SOCK_LISTEN || v->state == SOCK_CLOSE)) netlink_put_u8(w, DIAG_SKV6ONLY, is->is_v6only);
    netlink_put_u32(w, DIAG_MARK, v->sk->mark);
    put_options(w, is);
    put_memory(w, v->sk, wanted);
    if (proto->info && (wanted >> (INET_DIAG_INFO - 1) & 1)) {
        bytes = proto->info(v->sk, info, sizeof(info));
        if (bytes) netlink_put(w, INET_DIAG_INFO, info, bytes);
    }
    if (proto->congestion && (wanted >> (INET_DIAG_CONG - 1) & 1) && proto->congestion(v->sk)) netlink_put_text(w, INET_DIAG_CONG, proto->congestion(v->sk));
    if (proto->congestion_info) {
        int attribute = 0;
        bytes = proto->congestion_info(v->sk, wanted, info, sizeof(info), &attribute);
        if (bytes) netlink_put(w, (uint16_t)attribute, info, bytes);
    }
}

static void put_tuple_address(const struct diag_view *v, uint32_t out[4], const ip_addr_t *a)
{
    if (v->family == AF_INET) out[0] = ip_get4(a).raw;
    else memcpy(out, a->bytes, 16);
}

static struct inet_diag_msg header_of(const struct diag_view *v)
{
    uint64_t cookie = v->sk ? sock_cookie(v->sk) : UINT64_MAX;
    struct inet_diag_msg h = { .idiag_family = v->family, .idiag_state = v->state, .idiag_timer = v->timer, .idiag_retrans = v->retransmits,
        .idiag_expires = (uint32_t)(v->expires_ns / NS_PER_MS), .idiag_rqueue = v->receive_queue, .idiag_wqueue = v->send_queue,
        .idiag_uid = v->uid, .idiag_inode = (uint32_t)v->inode };

    h.id.idiag_sport = be16(v->local_port).raw;
    h.id.idiag_dport = be16(v->remote_port).raw;
    put_tuple_address(v, h.id.idiag_src, &v->local);
    put_tuple_address(v, h.id.idiag_dst, &v->remote);
    h.id.idiag_if = (uint32_t)v->ifindex;
    h.id.idiag_cookie[0] = (uint32_t)cookie;
    h.id.idiag_cookie[1] = (uint32_t)(cookie >> 32);
    return h;
}

static bool wanted_by(const struct inet_diag_req_v2 *r, const struct diag_view *v)
{
    if (v->family != r->sdiag_family || !(r->idiag_states >> v->state & 1)) return false;
    if (r->id.idiag_sport && r->id.idiag_sport != be16(v->local_port).raw) return false;
    return !r->id.idiag_dport || r->id.idiag_dport == be16(v->remote_port).raw;
}

struct diag_walk { struct netlink_dump_run *run; const struct diag_protocol *proto; const struct inet_diag_req_v2 *request; };

static struct diag_view as_shown(const struct diag_view *v)
{
    struct diag_view shown = *v;

    if (shown.state == SOCK_NEW_SYN_RECV) shown.state = SOCK_SYN_RECV;
    return shown;
}

static int dump_one(void *ctx, const struct diag_view *given)
{
    struct diag_walk *walk = ctx;
    struct diag_view v = as_shown(given);
    struct inet_diag_msg h;

    if (!wanted_by(walk->request, &v)) return 0;
    h = header_of(&v);
    if (!netlink_dump_entry(walk->run, SOCK_DIAG_BY_FAMILY, &h, sizeof(h))) return walk->run->is_full;
    if (v.sk) put_sock(&walk->run->out, walk->proto, &v, walk->request->idiag_ext);
    return netlink_dump_entry_end(walk->run);
}

static int dump(struct netlink_dump_run *run)
{
    const struct inet_diag_req_v2 *r = NLMSG_DATA(run->request);
    struct diag_walk walk = { run, find_protocol(run->net, r->sdiag_protocol), r };

    if (!walk.proto) return -ENOENT;
    walk.proto->each(run->net, dump_one, &walk);
    return 0;
}

struct search { const struct inet_diag_req_v2 *request; struct netlink_context *c; const struct nlmsghdr *header; const struct diag_protocol *proto; struct sock *found; int result; };

static int answer_if_it(void *ctx, const struct diag_view *given)
{
    struct search *s = ctx;
    struct diag_view v = as_shown(given);
    struct inet_diag_msg h = header_of(&v);
    size_t address_bytes = v.family == AF_INET ? 4 : 16;
    struct netlink_writer w;

    if (v.family != s->request->sdiag_family || h.id.idiag_sport != s->request->id.idiag_sport || h.id.idiag_dport != s->request->id.idiag_dport) return 0;
    if (memcmp(h.id.idiag_src, s->request->id.idiag_src, address_bytes) || memcmp(h.id.idiag_dst, s->request->id.idiag_dst, address_bytes)) return 0;
    if (s->header->nlmsg_type == SOCK_DESTROY) {
        s->found = v.sk;
        s->result = v.sk ? 0 : -EOPNOTSUPP;
        return 1;
    }
    s->result = -ENOBUFS;
    if (!netlink_writer_init(&w, s->c->net->machine, 2048)) return 1;
    netlink_begin(&w, s->header, SOCK_DIAG_BY_FAMILY, 0, s->c->ns->port_id, &h, sizeof(h));
    if (v.sk) put_sock(&w, s->proto, &v, s->request->idiag_ext);
    netlink_end(&w);
    netlink_answer(s->c->ns, &w);
    s->result = 0;
    return 1;
}

/* The walk ends before the sock does: it may leave the tables. */
static int destroy(struct netlink_context *c, struct search *s)
{
    struct sock *sk;
    int error;

    if (!credentials_can(c->credentials, CAP_NET_ADMIN)) return -EPERM;
    if (!s->proto->destroy) return -EOPNOTSUPP;
    s->proto->each(c->net, answer_if_it, s);
    if (!s->found) return s->result;
    sk = sock_get(s->found);
    error = s->proto->destroy(sk);
    sock_put(sk);
    return error;
}

static int dump_nothing(struct netlink_dump_run *run)
{
    (void)run;
    return 0;
}

/* The machine has no Unix sockets that a tool could name: programs keep the host's. */
static int handle_unix(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct unix_diag_req *r = NLMSG_DATA(request);

    if (netlink_payload_bytes(request) < sizeof(*r)) return -EINVAL;
    if (request->nlmsg_flags & NLM_F_DUMP) return netlink_dump_start(c->ns, request, dump_nothing);
    return r->udiag_ino ? -ENOENT : -EINVAL;
}

int sock_diag_handle(struct netlink_context *c, const struct nlmsghdr *request)
{
    const struct inet_diag_req_v2 *r = NLMSG_DATA(request);
    struct search s = { r, c, request, NULL, NULL, -ENOENT };

    if (request->nlmsg_type != SOCK_DIAG_BY_FAMILY && request->nlmsg_type != SOCK_DESTROY) return -EINVAL;
    if (netlink_payload_bytes(request) < sizeof(struct sock_diag_req)) return -EINVAL;
    if (r->sdiag_family == AF_UNIX && request->nlmsg_type == SOCK_DIAG_BY_FAMILY) return handle_unix(c, request);
    if (r->sdiag_family != AF_INET && r->sdiag_family != AF_INET6) return r->sdiag_family < AF_MAX ? -ENOENT : -EINVAL;
    if (netlink_payload_bytes(request) < sizeof(*r)) return -EINVAL;
    s.proto = find_protocol(c->net, r->sdiag_protocol);
    if (!s.proto) return -ENOENT;
    if (request->nlmsg_type == SOCK_DESTROY) return destroy(c, &s);
    if (request->nlmsg_flags & NLM_F_DUMP) return netlink_dump_start(c->ns, request, dump);
    s.proto->each(c->net, answer_if_it, &s);
    return s.result;
}
