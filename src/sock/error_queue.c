/* The error queue of a sock: ICMP errors and notices, each with the bytes it is about. A packet of the queue carries its
 * struct sock_error as the first bytes of the body. */
#include "sock/sock.h"

void sock_error_queue(struct sock *sk, const struct sock_error *e, const struct packet *payload, uint32_t payload_offset)
{
    uint32_t total = payload ? packet_bytes(payload) : 0;
    uint32_t bytes = total > payload_offset ? total - payload_offset : 0;
    struct packet *p = packet_create(sk->net->machine, sizeof(*e) + bytes);
    struct sock_rare *own = sock_rare(sk);
    uint8_t *room;

    if (!p) return;
    p->net = sk->net;
    p->time_ns = e->has_no_time ? 0 : sk->net->machine->now_ns;
    p->ip = e->heard;
    p->in_ifindex = e->in_ifindex;
    room = packet_put(p, (uint32_t)sizeof(*e) + bytes);
    if (!own || !room || (bytes && !packet_read(payload, payload_offset, room + sizeof(*e), bytes)) || !sock_charge_receive(sk, p)) {
        packet_consume(p);
        return;
    }
    memcpy(room, e, sizeof(*e));
    packet_queue_push(&own->error_queue, p);
    sock_error_raised(sk);
}

void sock_error_purge(struct sock *sk)
{
    if (sk->rare->error_queue.count) packet_queue_purge(&sock_rare(sk)->error_queue);
}

static void put_error(struct user_msg *msg, const struct sock_error *e, int level, int type)
{
    uint8_t data[sizeof(e->ee) + sizeof(struct sockaddr_in6)] = { 0 };
    uint32_t offender_bytes = level == SOL_IPV6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

    memcpy(data, &e->ee, sizeof(e->ee));
    memcpy(data + sizeof(e->ee), &e->offender, offender_bytes);
    user_msg_put_control(msg, level, type, data, (uint32_t)sizeof(e->ee) + offender_bytes);
}

static bool is_icmp(const struct sock_error *e)
{
    return e->ee.ee_origin == SO_EE_ORIGIN_ICMP || e->ee.ee_origin == SO_EE_ORIGIN_ICMP6;
}

/* An ICMP error that was read is no longer pending; the next one of the queue is. Notices are never pending. */
static void take_next(struct sock *sk, const struct sock_error *taken)
{
    const struct packet *next = packet_queue_peek(&sk->rare->error_queue);
    struct sock_error e;
    bool is_next_icmp = next && packet_read(next, 0, &e, sizeof(e)) && is_icmp(&e);

    if (is_next_icmp)
        sk->err = (int32_t)e.ee.ee_errno;
    else if (is_icmp(taken))
        sk->err = 0;
    if (next) sock_error_raised(sk);
}

/* Linux: skb_zerocopy_notify_extend. */
static bool extend_last(struct sock *sk, uint32_t first, uint32_t to)
{
    struct packet *last = sk->rare->error_queue.count ? list_last(&sk->rare->error_queue.packets, struct packet, node) : NULL;
    struct sock_error e;

    if (!last || !packet_read(last, 0, &e, sizeof(e)) || e.ee.ee_origin != SO_EE_ORIGIN_ZEROCOPY || e.ee.ee_data + 1 != first) return false;
    e.ee.ee_data = to;
    memcpy(packet_data(last), &e, sizeof(e));
    return true;
}

void sock_zero_copy_notice(struct sock *sk, uint32_t first, uint32_t last)
{
    struct sock_error e = { .ee = { .ee_origin = SO_EE_ORIGIN_ZEROCOPY, .ee_code = SO_EE_CODE_ZEROCOPY_COPIED, .ee_info = first, .ee_data = last },
                            .has_no_time = true };

    if (sk->is_dead) return;
    if (extend_last(sk, first, last)) sock_error_raised(sk);
    else sock_error_queue(sk, &e, NULL, 0);
}

void sock_zero_copy_done(struct sock *sk)
{
    sock_zero_copy_notice(sk, sk->zero_copy_key, sk->zero_copy_key);
    sk->zero_copy_key++;
}

long sock_error_receive(struct sock *sk, struct user_msg *msg, int level, int type,
                        void (*put_control)(struct sock *sk, struct user_msg *msg, const struct packet *p, uint32_t payload_offset))
{
    struct packet *p = sk->rare->error_queue.count ? packet_queue_pop(&sock_rare(sk)->error_queue) : NULL;
    struct sock_error e;
    uint32_t bytes, copied;
    int error = 0;

    if (!p) return -EAGAIN;
    packet_read(p, 0, &e, sizeof(e));
    bytes = packet_bytes(p) - (uint32_t)sizeof(e);
    copied = (uint32_t)min_of((uint64_t)bytes, msg->data.left);
    if (copied < bytes) msg->out_flags |= MSG_TRUNC;
    error = sock_copy_out(p, sizeof(e), &msg->data, copied);
    if (!error) {
        msg->name = e.destination;
        msg->name_bytes = e.destination_bytes;
        if (put_control) put_control(sk, msg, p, sizeof(e));
        if (e.has_statistics) user_msg_put_control(msg, SOL_SOCKET, SCM_TIMESTAMPING_OPT_STATS, packet_data(p) + sizeof(e), bytes);
        put_error(msg, &e, level, type);
        msg->out_flags |= MSG_ERRQUEUE;
    }
    packet_consume(p);
    take_next(sk, &e);
    return error ? error : (long)copied;
}
