/* Netlink messages: attributes in and out, acknowledgements, dumps over several packets. */
#include "netlink/netlink_sock.h"

#define ATTRIBUTE_HEADER_BYTES 4u

bool netlink_writer_init(struct netlink_writer *w, struct machine *m, uint32_t bytes)
{
    *w = (struct netlink_writer){ .p = packet_create(m, bytes) };
    return w->p != NULL;
}

/* Room for bytes, padded to four with zeros; NULL and is_full when there is none. */
static void *reserve(struct netlink_writer *w, uint32_t bytes)
{
    uint32_t padded = NLMSG_ALIGN(bytes);
    uint8_t *room = w->is_full ? NULL : packet_put(w->p, padded);

    if (!room) {
        w->is_full = true;
        return NULL;
    }
    memset(room, 0, padded);
    return room;
}

void netlink_begin(struct netlink_writer *w, const struct nlmsghdr *request, uint16_t type, uint16_t flags, uint32_t port_id, const void *header, uint32_t header_bytes)
{
    struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = request->nlmsg_seq, .nlmsg_pid = port_id };
    uint8_t *room;

    w->is_full = false;
    w->message_at = packet_bytes(w->p);
    room = reserve(w, (uint32_t)NLMSG_HDRLEN + header_bytes);
    if (!room) return;
    memcpy(room, &h, sizeof(h));
    if (header_bytes) memcpy(room + NLMSG_HDRLEN, header, header_bytes);
}

void netlink_put(struct netlink_writer *w, uint16_t type, const void *data, uint32_t bytes)
{
    struct nlattr a = { .nla_len = (uint16_t)(ATTRIBUTE_HEADER_BYTES + bytes), .nla_type = type };
    uint8_t *room = reserve(w, ATTRIBUTE_HEADER_BYTES + bytes);

    if (!room) return;
    memcpy(room, &a, sizeof(a));
    if (bytes) memcpy(room + ATTRIBUTE_HEADER_BYTES, data, bytes);
}

void netlink_put_raw(struct netlink_writer *w, const void *data, uint32_t bytes)
{
    uint8_t *room = reserve(w, bytes);

    if (room) memcpy(room, data, bytes);
}

void netlink_put_text(struct netlink_writer *w, uint16_t type, const char *text)
{
    netlink_put(w, type, text, (uint32_t)strlen(text) + 1);
}

void netlink_put_address(struct netlink_writer *w, uint16_t type, const ip_addr_t *a)
{
    if (ip_is4(a)) netlink_put(w, type, &a->word[3], 4);
    else netlink_put(w, type, a->bytes, 16);
}

uint32_t netlink_nest(struct netlink_writer *w, uint16_t type)
{
    uint32_t at = packet_bytes(w->p);

    netlink_put(w, type, NULL, 0);
    return at;
}

void netlink_nest_end(struct netlink_writer *w, uint32_t at)
{
    uint16_t bytes = (uint16_t)(packet_bytes(w->p) - at);

    if (!w->is_full) memcpy(packet_data(w->p) + at, &bytes, sizeof(bytes));
}

bool netlink_end(struct netlink_writer *w)
{
    uint32_t bytes = packet_bytes(w->p) - w->message_at;

    if (w->is_full) {
        packet_trim(w->p, w->message_at);
        return false;
    }
    memcpy(packet_data(w->p) + w->message_at, &bytes, sizeof(bytes));
    return true;
}

void netlink_answer(struct netlink_sock *ns, struct netlink_writer *w)
{
    struct sock *sk = &ns->sk;

    w->p->net = sk->net;
    if (!packet_bytes(w->p) || !sock_charge_receive(sk, w->p)) {
        if (packet_bytes(w->p)) netlink_overrun(ns);
        packet_consume(w->p);
        return;
    }
    sock_queue_append(sk, w->p);
}

/* --- dumps --------------------------------------------------------------------------------------------------------- */

bool netlink_dump_entry(struct netlink_dump_run *run, uint16_t type, const void *header, uint32_t header_bytes)
{
    if (run->is_full || run->seen++ < run->ns->dump.given) return false;
    netlink_begin(&run->out, run->request, type, (uint16_t)(NLM_F_MULTI | run->flags), run->ns->port_id, header, header_bytes);
    return true;
}

int netlink_dump_entry_end(struct netlink_dump_run *run)
{
    if (netlink_end(&run->out)) {
        run->ns->dump.given++;
        return 0;
    }
    run->is_full = true;
    return 1;
}

static bool put_done(struct netlink_dump_run *run, int error)
{
    netlink_begin(&run->out, run->request, NLMSG_DONE, (uint16_t)(NLM_F_MULTI | run->flags), run->ns->port_id, &error, sizeof(error));
    return netlink_end(&run->out);
}

enum { DUMP_PACKET_BYTES = 3776, DUMP_PACKET_MAX_BYTES = 32768 }; /* Linux: a page less overhead, up to what the reader takes */

/* One packet more of the dump. */
static int dump_step(struct netlink_sock *ns)
{
    struct netlink_dump_run run = { .ns = ns, .net = ns->sk.net, .request = &ns->dump.request.header };
    uint32_t bytes = clamp_of(ns->longest_read_bytes, (uint32_t)DUMP_PACKET_BYTES, (uint32_t)DUMP_PACKET_MAX_BYTES);
    int error;

    if (!netlink_writer_init(&run.out, ns->sk.net->machine, bytes)) return -ENOBUFS;
    run.flags = ns->dump.flags;
    error = ns->dump.walk(&run);
    ns->dump.flags = run.flags;
    if (error && !ns->dump.given) {
        ns->dump.walk = NULL;
        packet_consume(run.out.p);
        return error;
    }
    if (!run.is_full && put_done(&run, error)) ns->dump.walk = NULL;
    if (!packet_bytes(run.out.p)) ns->dump.walk = NULL; /* an entry larger than any packet: end rather than spin */
    netlink_answer(ns, &run.out);
    return 0;
}

int netlink_dump_start(struct netlink_sock *ns, const struct nlmsghdr *request, netlink_dump_fn walk)
{
    if (ns->dump.walk) return -EBUSY;
    memset(&ns->dump, 0, sizeof(ns->dump));
    memcpy(ns->dump.request.bytes, request, min_of(request->nlmsg_len, (uint32_t)NETLINK_REQUEST_MAX_BYTES));
    ns->dump.request.header.nlmsg_len = min_of(request->nlmsg_len, (uint32_t)NETLINK_REQUEST_MAX_BYTES);
    ns->dump.walk = walk;
    return dump_step(ns);
}

void netlink_dump_continue(struct netlink_sock *ns)
{
    if (ns->dump.walk && ns->sk.receive_used_bytes <= ns->sk.receive_buffer_bytes / 2) dump_step(ns);
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

const void *netlink_attribute(const struct nlmsghdr *request, uint32_t header_bytes, uint16_t type, uint32_t *bytes)
{
    uint32_t at = NLMSG_HDRLEN + NLMSG_ALIGN(header_bytes);
    const uint8_t *base = (const uint8_t *)request;

    while (at + ATTRIBUTE_HEADER_BYTES <= request->nlmsg_len) {
        struct nlattr a;

        memcpy(&a, base + at, sizeof(a));
        if (a.nla_len < ATTRIBUTE_HEADER_BYTES || a.nla_len > request->nlmsg_len - at) return NULL;
        if ((a.nla_type & NLA_TYPE_MASK) == type) {
            *bytes = a.nla_len - ATTRIBUTE_HEADER_BYTES;
            return base + at + ATTRIBUTE_HEADER_BYTES;
        }
        at += NLMSG_ALIGN((uint32_t)a.nla_len);
    }
    return NULL;
}

bool netlink_attribute_u32(const struct nlmsghdr *request, uint32_t header_bytes, uint16_t type, uint32_t *out)
{
    uint32_t bytes;
    const void *data = netlink_attribute(request, header_bytes, type, &bytes);

    if (!data || bytes < sizeof(*out)) return false;
    memcpy(out, data, sizeof(*out));
    return true;
}

bool netlink_attribute_address(const struct nlmsghdr *request, uint32_t header_bytes, uint16_t type, int family, ip_addr_t *out)
{
    uint32_t bytes;
    const void *data = netlink_attribute(request, header_bytes, type, &bytes);
    be32_t v4;

    if (!data || bytes < (family == AF_INET6 ? 16u : 4u)) return false;
    memcpy(&v4, data, sizeof(v4));
    *out = family == AF_INET6 ? ip_from6(data) : ip_from4(v4);
    return true;
}
