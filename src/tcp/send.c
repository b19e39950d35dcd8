/* sendmsg(): bytes are copied once, into the packet at the end of the write queue up to the size goal, then into new ones. */
#include "tcp/data.h"
#include "tcp/fastopen.h"

static bool has_memory(const struct tcp_sock *tp)
{
    const struct sock *sk = &tp->inet.sk;

    return sk->write_queued_bytes < sk->send_buffer_bytes && seq_diff(tp->snd.write, tp->snd.nxt) < tcp_notsent_lowat(tp);
}

bool tcp_has_send_room(const struct tcp_sock *tp)
{
    const struct sock *sk = &tp->inet.sk;

    if (sk->write_queued_bytes >= sk->send_buffer_bytes) return false;
    if (sk->send_buffer_bytes - sk->write_queued_bytes < sk->write_queued_bytes >> 1) return false;
    return (uint64_t)seq_diff(tp->snd.write, tp->snd.nxt) << 1 < tcp_notsent_lowat(tp);
}

static void mark_push(struct tcp_sock *tp, struct packet *p)
{
    p->tcp.flags |= TCP_PSH;
    tp->snd.push = tp->snd.write;
}

/* Half of the largest window is written since the last PSH. */
static bool must_push(const struct tcp_sock *tp)
{
    return seq_after(tp->snd.write, seq_add(tp->snd.push, tp->snd.max_wnd >> 1));
}

static void push(struct tcp_sock *tp, uint32_t flags, uint32_t mss, uint32_t nonagle)
{
    struct packet *p = tcp_queue_last(&tp->flight->write_queue);

    if (!p) return;
    if (!(flags & MSG_MORE) || must_push(tp)) mark_push(tp, p);
    if (flags & MSG_OOB) tp->snd.up = tp->snd.write;
    tcp_push_pending(tp, mss, flags & MSG_MORE ? NAGLE_CORK : nonagle);
}

static struct packet *new_packet(struct tcp_sock *tp, uint32_t capacity_bytes)
{
    struct packet *p = tcp_packet_new(tp, capacity_bytes);

    if (!p) return NULL;
    tcp_slow_start_after_idle_check(tp);
    tp->is_nonagle_pushed = false;
    tcp_write_queue_add(tp, p);
    return p;
}

/* One call's progress. */
struct sending {
    struct user_msg *msg;
    struct tcp_zero_copy *zero_copy; /* MSG_ZEROCOPY: the notice; NULL: none */
    uint32_t goal, mss, stamp_flags;
    uint64_t taken;
};

static bool may_append(const struct sending *s, const struct packet *p)
{
    if (!p || p->body_bytes >= s->goal || p->pushed_out || p->tcp.flags & TCP_FIN) return false;
    return !s->zero_copy || !p->tcp.zero_copy || p->tcp.zero_copy == s->zero_copy;
}

/* The packet to append to; NULL: wait. A call that has filled one packet is bulk: its next has room for the call to come, which
 * else would move what is there into a larger one. */
static struct packet *tail_for(struct tcp_sock *tp, const struct sending *s)
{
    struct packet *p = tcp_queue_last(&tp->flight->write_queue);
    uint32_t wanted;

    if (may_append(s, p)) return p;
    if (p && s->zero_copy && p->tcp.zero_copy) mark_push(tp, p); /* of another call */
    if (!has_memory(tp) || (!tcp_memory_allows(tp, true) && tp->inet.sk.write_queued_bytes)) return NULL;
    wanted = s->taken > 0 ? s->goal : (uint32_t)min_of(s->msg->data.left, (uint64_t)s->goal);
    return new_packet(tp, wanted < 2048 ? min_of(2048u, s->goal) : wanted);
}

/* Bytes that may be appended in one piece; p moves when it cannot grow where it lies. 0: no memory. */
static uint32_t room_in(struct tcp_sock *tp, struct packet **at, uint64_t left, uint32_t goal)
{
    struct packet *p = *at;
    uint32_t wanted = (uint32_t)min_of(left, (uint64_t)(goal - p->body_bytes)), free_bytes = packet_is_private(p) ? packet_tailroom(p) : 0;

    if (!free_bytes) {
        uint32_t most = max_of(p->body_bytes + wanted, 2 * p->body_bytes);
        p = tcp_packet_enlarge(tp, &tp->flight->write_queue, p, min_of(most, goal));
        if (!p) return 0;
        *at = p;
        free_bytes = packet_tailroom(p);
    }
    return min_of(wanted, free_bytes);
}

/* cost: what Linux would charge. */
static int append(struct tcp_sock *tp, struct packet *p, struct user_iter *from, uint32_t bytes, uint32_t cost)
{
    uint8_t *at = packet_put(p, bytes);

    if (!at) return -ENOBUFS;
    if (user_iter_in(from, at, bytes)) {
        packet_trim(p, p->body_bytes - bytes);
        return -EFAULT;
    }
    tp->flight->write_queue.bytes += bytes;
    p->truesize_bytes += cost;
    tcp_charge(tp, cost);
    tp->snd.write = seq_add(tp->snd.write, bytes);
    p->tcp.end_seq = seq_add(p->tcp.end_seq, bytes);
    return 0;
}

/* As append, by the rules of references to the program's pages, though the bytes are copied. *is_full: none fits. */
static int append_pages(struct tcp_sock *tp, struct packet *p, struct sending *s, uint32_t *bytes, bool *is_full)
{
    uint32_t pages;
    int error;

    *bytes = tcp_zero_copy_room(p, &s->msg->data, *bytes, &pages);
    *is_full = !*bytes;
    if (*is_full) return 0;
    error = append(tp, p, &s->msg->data, *bytes, pages * TCP_USER_PAGE_BYTES);
    if (error) return error;
    p->tcp.user_pages = (uint8_t)(p->tcp.user_pages + pages);
    if (!p->tcp.zero_copy) p->tcp.zero_copy = tcp_zero_copy_get(s->zero_copy);
    return 0;
}

static void remove_empty_tail(struct tcp_sock *tp)
{
    struct packet *p = tcp_queue_last(&tp->flight->write_queue);

    if (p && seq_equal(p->tcp.seq, p->tcp.end_seq)) tcp_packet_free(tp, &tp->flight->write_queue, p);
}

/* May data be written in this state? 0, -EAGAIN, -EPIPE, or the pending error. */
static int check_state(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    const unsigned open = TCP_STATE_BIT(TCPS_ESTABLISHED) | TCP_STATE_BIT(TCPS_CLOSE_WAIT);

    if (!tcp_is_state(tp, open) && !tp->flight->request) {
        if (sk->err) return sock_take_error(sk);
        if (!tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_SENT) | TCP_STATE_BIT(TCPS_SYN_RECV))) return -EPIPE;
        return -EAGAIN;
    }
    if (sk->err || sk->shutdown & SOCK_SHUT_SEND) return -EPIPE;
    return 0;
}

/* One piece into the tail. 0: go on; 1: all is written; negative: why it stopped. */
static int write_piece(struct tcp_sock *tp, struct sending *s)
{
    struct user_msg *msg = s->msg;
    struct packet *p = tail_for(tp, s);
    bool is_full = false;
    uint32_t bytes;
    int error;

    bytes = p ? room_in(tp, &p, msg->data.left, s->goal) : 0;
    if (!bytes) return -EAGAIN;
    if (s->zero_copy) error = append_pages(tp, p, s, &bytes, &is_full);
    else error = append(tp, p, &msg->data, bytes, bytes);
    if (error) return error;
    if (is_full) {
        mark_push(tp, p);
        p->pushed_out = true;
        return 0;
    }
    if (!s->taken) p->tcp.flags &= (uint8_t)~TCP_PSH;
    s->taken += bytes;
    if (!msg->data.left) {
        if (msg->flags & MSG_EOR) p->pushed_out = true;
        return 1;
    }
    if (p->body_bytes < s->goal || msg->flags & MSG_OOB) return 0;
    if (must_push(tp)) {
        mark_push(tp, p);
        tcp_push_pending(tp, s->mss, NAGLE_PUSH);
    } else if (tcp_is_first_in_queue(&tp->flight->write_queue, p)) {
        tcp_push_one(tp, s->mss);
    }
    return 0;
}

/* Copies what fits. 0, or why it stopped early. */
static int write_bytes(struct tcp_sock *tp, struct sending *s)
{
    uint32_t flags = s->msg->flags;
    int result = 0;

    s->mss = tcp_mss_now(tp);
    s->goal = tcp_size_goal(tp, s->mss, !(flags & MSG_OOB));
    while (s->msg->data.left && !result) result = write_piece(tp, s);
    remove_empty_tail(tp);
    if (result == -EAGAIN) {
        tp->is_writer_waiting = true;
        if (s->taken) push(tp, flags & ~(uint32_t)MSG_MORE, s->mss, NAGLE_PUSH);
        if (s->taken && s->msg->is_nonblocking) tcp_stamp_request(tp, s->stamp_flags); /* it ends here */
    } else if (s->taken) {
        tcp_stamp_request(tp, s->stamp_flags);
        push(tp, flags, s->mss, tcp_nonagle(tp));
    }
    return result < 0 ? result : 0;
}

static int begin_zero_copy(struct tcp_sock *tp, struct sending *s)
{
    const struct user_msg *msg = s->msg;

    if (!(msg->flags & MSG_ZEROCOPY) || !sk_of(tp)->zero_copy || !msg->data.left) return 0;
    s->zero_copy = tcp_zero_copy_begin(tp, msg->data.left, msg->done_bytes);
    return s->zero_copy || msg->done_bytes ? 0 : -ENOBUFS;
}

/* The queue has run dry with the network willing: rate samples from here on tell of the program. */
static void check_app_limited(struct tcp_sock *tp)
{
    if (seq_diff(tp->snd.write, tp->snd.nxt) < tp->mss_cache && tcp_in_flight(tp) < tp->snd.cwnd_packets && tp->flight->lost_out <= tp->flight->retrans_out) {
        uint32_t end = (uint32_t)tp->delivered + tcp_in_flight(tp);
        tp->app_limited = end ? end : 1;
    }
}

static void end_zero_copy(const struct sending *s, bool was_taken)
{
    if (was_taken) tcp_zero_copy_put(s->zero_copy);
    else tcp_zero_copy_abort(s->zero_copy);
}

static bool opens_by_sending(const struct tcp_sock *tp, const struct user_msg *msg)
{
    if (msg->opening) return msg->opening == USER_MSG_OPENS;
    return msg->flags & MSG_FASTOPEN || tp->inet.defer_connect;
}

/* Fast Open. 0: there is a connection; else *result is the call's. */
static int open_by_sending(struct tcp_sock *tp, struct sending *s, long *result)
{
    uint64_t left = s->msg->data.left;
    int error = begin_zero_copy(tp, s);

    if (!error) error = tcp_fastopen_send(tp, s->msg, s->zero_copy);
    if (!error) return 0;
    left -= s->msg->data.left;
    end_zero_copy(s, left > 0);
    *result = error == -EINPROGRESS && left ? (long)left : error;
    return error;
}

long tcp_sendmsg(struct sock *sk, struct user_msg *msg)
{
    struct tcp_sock *tp = tcp_of(sk);
    struct sending s = { .msg = msg };
    long result;
    int error;

    sock_own(sk);
    if (opens_by_sending(tp, msg) && open_by_sending(tp, &s, &result)) {
        sock_release(sk);
        return result;
    }
    check_app_limited(tp);
    error = check_state(tp);
    if (!error) error = tcp_stamp_flags(tp, msg, &s.stamp_flags);
    if (tcp_has_flight(tp)) tp->flight->is_write_pending = error == -EAGAIN && !msg->is_nonblocking;
    if (!error && !tcp_flight_begin(tp)) error = -ENOBUFS;
    if (!error && !s.zero_copy) error = begin_zero_copy(tp, &s);
    if (!error) error = write_bytes(tp, &s);
    end_zero_copy(&s, s.taken || msg->done_bytes);
    if (error == -EPIPE && sk->err) error = sock_take_error(sk);
    sock_release(sk);
    return s.taken ? (long)s.taken : error;
}

void tcp_set_nodelay(struct tcp_sock *tp, bool on)
{
    tp->is_nodelay = on;
    if (!on) return;
    tp->is_nonagle_pushed = true;
    tcp_push(tp, false);
}

void tcp_set_cork(struct tcp_sock *tp, bool on)
{
    tp->is_corked = on;
    if (on) return;
    if (tp->is_nodelay) tp->is_nonagle_pushed = true;
    tcp_push(tp, false);
}
