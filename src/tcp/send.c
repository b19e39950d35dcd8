/* sendmsg(): bytes are copied once, into the packet at the end of the write queue up to the size goal, then into new ones. */
#include "tcp/data.h"

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

/* The packet to append to, with room for at least one byte; *room: how much. NULL: wait. A call that has filled one packet is
 * bulk: its next has room for the call to come, which else would move what is there into a larger one. */
static struct packet *tail_for(struct tcp_sock *tp, uint64_t left, uint32_t goal, bool is_bulk, uint32_t *room)
{
    struct packet *p = tcp_queue_last(&tp->flight->write_queue);
    uint32_t free_bytes, wanted;

    if (!p || p->body_bytes >= goal || p->pushed_out || p->tcp.flags & TCP_FIN) {
        if (!has_memory(tp) || (!tcp_memory_allows(tp, true) && tp->inet.sk.write_queued_bytes)) return NULL;
        wanted = is_bulk ? goal : (uint32_t)min_of(left, (uint64_t)goal);
        p = new_packet(tp, wanted < 2048 ? min_of(2048u, goal) : wanted);
        if (!p) return NULL;
    }
    wanted = (uint32_t)min_of(left, (uint64_t)(goal - p->body_bytes));
    free_bytes = packet_is_private(p) ? packet_tailroom(p) : 0;
    if (!free_bytes) {
        uint32_t most = max_of(p->body_bytes + wanted, 2 * p->body_bytes);
        /* It cannot grow where it lies. */
        p = tcp_packet_enlarge(tp, &tp->flight->write_queue, p, min_of(most, goal));
        if (!p) return NULL;
        free_bytes = packet_tailroom(p);
    }
    *room = min_of(wanted, free_bytes);
    return p;
}

static int append(struct tcp_sock *tp, struct packet *p, struct user_iter *from, uint32_t bytes)
{
    uint8_t *at = packet_put(p, bytes);

    if (!at) return -ENOBUFS;
    if (user_iter_in(from, at, bytes)) {
        packet_trim(p, p->body_bytes - bytes);
        return -EFAULT;
    }
    tp->flight->write_queue.bytes += bytes;
    p->truesize_bytes += bytes;
    tcp_charge(tp, bytes);
    tp->snd.write = seq_add(tp->snd.write, bytes);
    p->tcp.end_seq = seq_add(p->tcp.end_seq, bytes);
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

    if (!tcp_is_state(tp, open)) {
        if (sk->err) return sock_take_error(sk);
        if (!tcp_is_state(tp, TCP_STATE_BIT(TCPS_SYN_SENT) | TCP_STATE_BIT(TCPS_SYN_RECV))) return -EPIPE;
        return -EAGAIN;
    }
    if (sk->err || sk->shutdown & SOCK_SHUT_SEND) return -EPIPE;
    return 0;
}

/* Copies what fits. Bytes taken; *error says why it stopped early. */
static uint64_t write_bytes(struct tcp_sock *tp, struct user_msg *msg, int *error)
{
    bool may_be_large = !(msg->flags & MSG_OOB);
    uint32_t mss = tcp_mss_now(tp), goal = tcp_size_goal(tp, mss, may_be_large), room;
    uint64_t taken = 0;

    while (msg->data.left) {
        struct packet *p = tail_for(tp, msg->data.left, goal, taken > 0, &room);
        if (!p) {
            *error = -EAGAIN;
            tp->is_writer_waiting = true;
            remove_empty_tail(tp);
            if (taken) push(tp, msg->flags & ~(uint32_t)MSG_MORE, mss, NAGLE_PUSH);
            return taken;
        }
        *error = append(tp, p, &msg->data, room);
        if (*error) break;
        if (!taken) p->tcp.flags &= (uint8_t)~TCP_PSH;
        taken += room;
        if (!msg->data.left) {
            if (msg->flags & MSG_EOR) p->pushed_out = true;
            break;
        }
        if (p->body_bytes < goal || msg->flags & MSG_OOB) continue;
        if (must_push(tp)) {
            mark_push(tp, p);
            tcp_push_pending(tp, mss, NAGLE_PUSH);
        } else if (tcp_is_first_in_queue(&tp->flight->write_queue, p)) {
            tcp_push_one(tp, mss);
        }
    }
    remove_empty_tail(tp);
    if (taken) push(tp, msg->flags, mss, tcp_nonagle(tp));
    return taken;
}

/* The queue has run dry with the network willing: rate samples from here on tell of the program. */
static void check_app_limited(struct tcp_sock *tp)
{
    if (seq_diff(tp->snd.write, tp->snd.nxt) < tp->mss_cache && tcp_in_flight(tp) < tp->snd.cwnd_packets && tp->flight->lost_out <= tp->flight->retrans_out) {
        uint32_t end = (uint32_t)tp->delivered + tcp_in_flight(tp);
        tp->app_limited = end ? end : 1;
    }
}

long tcp_sendmsg(struct sock *sk, struct user_msg *msg)
{
    struct tcp_sock *tp = tcp_of(sk);
    uint64_t taken = 0;
    int error;

    sock_own(sk);
    check_app_limited(tp);
    error = check_state(tp);
    if (!error && !tcp_flight_begin(tp)) error = -ENOBUFS;
    if (!error) taken = write_bytes(tp, msg, &error);
    if (error == -EPIPE && sk->err) error = sock_take_error(sk);
    sock_release(sk);
    return taken ? (long)taken : error;
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
