/* recvmsg(): bytes in sequence, the urgent mark, peeking; and what the reading gives back to the peer. */
#include "tcp/data.h"

struct reading { struct tcp_sock *tp; struct user_msg *msg; seq_t at; uint32_t copied, skipped; bool peek, discard; uint64_t time_ns; };

uint32_t tcp_unread_bytes(struct tcp_sock *tp)
{
    const struct sock *sk = sk_of(tp);
    uint32_t bytes;

    if (TCP_STATE_BIT(sk->state) & (TCP_STATE_BIT(TCPS_SYN_SENT) | TCP_STATE_BIT(TCPS_SYN_RECV))) return 0;
    if (!sk->oob_inline && tp->urgent_data && !seq_before(tp->urgent_seq, tp->rcv.copied) && seq_before(tp->urgent_seq, tp->rcv.nxt))
        return seq_diff(tp->urgent_seq, tp->rcv.copied); /* up to the mark */
    bytes = seq_diff(tp->rcv.nxt, tp->rcv.copied);
    if (bytes && tp->is_fin_received) bytes--; /* the FIN's own number */
    return bytes;
}

/* The packet that holds r->at; NULL: none. *at_fin: all before the FIN is read. */
static struct packet *find(struct reading *r, bool *at_fin)
{
    const struct packet_queue *q = &sk_of(r->tp)->receive_queue;
    struct packet *p = packet_queue_peek(q);

    for (*at_fin = false; p; p = tcp_queue_next(q, p)) {
        if (seq_diff(r->at, p->tcp.seq) < packet_bytes(p)) return p;
        if (p->tcp.flags & TCP_FIN) {
            *at_fin = true;
            return p;
        }
    }
    return NULL;
}

static void eat(struct tcp_sock *tp, struct packet *p)
{
    packet_queue_remove(&sk_of(tp)->receive_queue, p);
    packet_consume(p);
    tcp_memory_update(tp);
}

/* Reads from p; 0, or -EFAULT. */
static int read_packet(struct reading *r, struct packet *p)
{
    struct tcp_sock *tp = r->tp;
    uint32_t offset = seq_diff(r->at, p->tcp.seq), bytes = packet_bytes(p) - offset;

    bytes = (uint32_t)min_of((uint64_t)bytes, r->msg->data.left);
    if (tp->urgent_data) {
        uint32_t to_mark = seq_diff(tp->urgent_seq, r->at);
        if (!to_mark && !sk_of(tp)->oob_inline) { /* the urgent byte is not in the stream */
            r->at = seq_add(r->at, 1);
            r->skipped++;
            offset++;
            bytes--;
        } else if (to_mark && to_mark < bytes) {
            bytes = to_mark;
        }
    }
    if (bytes) {
        if (r->discard) user_iter_advance(&r->msg->data, bytes);
        else if (sock_copy_out(p, offset, &r->msg->data, bytes)) return -EFAULT;
        r->at = seq_add(r->at, bytes);
        r->copied += bytes;
        if (p->time_ns) r->time_ns = p->time_ns;
    }
    if (!r->peek) {
        tp->rcv.copied = r->at;
        tcp_receive_space_adjust(tp);
        if (tp->urgent_data && seq_after(tp->rcv.copied, tp->urgent_seq)) {
            tp->urgent_data = 0;
            tcp_fast_path_check(tp);
        }
        if (offset + bytes >= packet_bytes(p) && !(p->tcp.flags & TCP_FIN)) eat(tp, p);
    }
    return 0;
}

/* Nothing more to read now: why. */
static long nothing_left(struct tcp_sock *tp)
{
    struct sock *sk = sk_of(tp);
    bool is_done = tp->is_fin_received; /* Linux: SOCK_DONE */

    if (is_done) return 0;
    if (sk->err) return sock_take_error(sk);
    if (sk->shutdown & SOCK_SHUT_RECEIVE) return 0;
    return sk->state == TCPS_CLOSE ? -ENOTCONN : -EAGAIN;
}

static long read_stream(struct reading *r)
{
    struct tcp_sock *tp = r->tp;

    do {
        bool at_fin;
        struct packet *p;
        if (tp->urgent_data && seq_equal(tp->urgent_seq, r->at) && r->copied) break;
        p = find(r, &at_fin);
        if (!p) return r->copied ? (long)r->copied : nothing_left(tp);
        if (at_fin) {
            if (r->peek) break;
            tp->rcv.copied = seq_add(r->at, 1);
            eat(tp, p);
            break;
        }
        if (read_packet(r, p)) return r->copied ? (long)r->copied : -EFAULT;
    } while (r->msg->data.left);
    return (long)r->copied;
}

static void put_unread(struct tcp_sock *tp, struct user_msg *msg)
{
    int32_t unread = (int32_t)tcp_unread_bytes(tp);

    if (!unread && tp->is_fin_received) unread = 1; /* so that poll loops come back for the end */
    user_msg_put_control(msg, IPPROTO_TCP, TCP_CM_INQ, &unread, sizeof(unread));
}

long tcp_recvmsg(struct sock *sk, struct user_msg *msg)
{
    struct tcp_sock *tp = tcp_of(sk);
    struct reading r = { .tp = tp, .msg = msg, .peek = msg->flags & MSG_PEEK, .discard = msg->flags & MSG_TRUNC };
    long result;

    if (msg->flags & MSG_ERRQUEUE) return inet_error_receive(sk, msg);
    if (sk->state == TCPS_LISTEN) return -ENOTCONN;
    sock_own(sk);
    msg->name_bytes = 0;
    if (msg->flags & MSG_OOB) {
        result = tcp_receive_urgent(tp, msg);
        sock_release(sk);
        return result;
    }
    r.at = tp->rcv.copied;
    if (r.peek && sk->rare->peek_offset > 0) r.at = seq_add(r.at, (uint32_t)sk->rare->peek_offset);
    result = read_stream(&r);
    if (result > 0 && sk->rare->peek_offset >= 0) {
        if (r.peek) sock_rare(sk)->peek_offset += (int32_t)result;
        else sock_rare(sk)->peek_offset = (int32_t)max_of((int64_t)sk->rare->peek_offset - result, (int64_t)0);
    }
    if (!r.peek) tcp_receive_consumed(tp, r.copied);
    if (r.time_ns && inet_wants_times(sk)) inet_put_times(sk, msg, r.time_ns);
    if (tp->inq_wanted && result >= 0) put_unread(tp, msg);
    sock_release(sk);
    return result;
}
