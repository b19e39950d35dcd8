/* Urgent data (RFC 9293 §3.8.5, RFC 6093): one byte out of band, or marked in line. urgent_data: 0x100 the byte is here,
 * 0x200 it is still to come, 0x400 it has been read. */
#include "tcp/data.h"

/* A new urgent pointer. */
static void check_pointer(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    struct sock *sk = sk_of(tp);
    uint32_t pointer = seg->urgent;
    seq_t at;

    if (pointer && !net_of(tp)->sysctl.tcp_stdurg) pointer--; /* BSD's reading of RFC 793, as everybody's */
    at = seq_add(seg->seq, pointer);
    if (seq_after(tp->rcv.copied, at) || seq_before(at, tp->rcv.nxt)) return; /* old */
    if (tp->urgent_data && !seq_after(at, tp->urgent_seq)) return;
    tp->has_urgent_signal = true;
    sock_wake(sk, EPOLLPRI);
    /* The reader stands at the old mark and has not taken that byte: it is ordinary data now (Linux skips it likewise). */
    if (seq_equal(tp->urgent_seq, tp->rcv.copied) && tp->urgent_data && !sk->oob_inline && !seq_equal(tp->rcv.copied, tp->rcv.nxt)) {
        struct packet *p = packet_queue_peek(&sk->receive_queue);
        tp->rcv.copied = seq_add(tp->rcv.copied, 1);
        if (p && !seq_before(tp->rcv.copied, p->tcp.end_seq)) {
            packet_queue_remove(&sk->receive_queue, p);
            packet_consume(p);
        }
    }
    tp->urgent_data = 0x200;
    tp->urgent_seq = at;
    tp->is_fast_path = false;
}

void tcp_urgent(struct tcp_sock *tp, const struct tcp_segment *seg)
{
    uint32_t offset;
    uint8_t byte;

    if (seg->flags & TCP_URG) check_pointer(tp, seg);
    if (tp->urgent_data != 0x200) return;
    offset = seq_diff(tp->urgent_seq, seg->seq) - !!(seg->flags & TCP_SYN);
    if (offset >= seg->payload_bytes || !packet_read(seg->packet, offset, &byte, 1)) return;
    tp->urgent_data = (uint16_t)(0x100 | byte);
    if (!sk_of(tp)->is_dead) sock_data_ready(sk_of(tp));
}

/* recv(MSG_OOB) */
long tcp_receive_urgent(struct tcp_sock *tp, struct user_msg *msg)
{
    struct sock *sk = sk_of(tp);
    uint8_t byte = (uint8_t)tp->urgent_data;

    if (sk->oob_inline || !tp->urgent_data || tp->urgent_data == 0x400) return -EINVAL;
    if (sk->state == TCPS_CLOSE && !sk->is_owned) return -ENOTCONN;
    if (tp->urgent_data & 0x100) {
        if (!(msg->flags & MSG_PEEK)) tp->urgent_data = 0x400;
        msg->out_flags |= MSG_OOB;
        if (!msg->data.left) {
            msg->out_flags |= MSG_TRUNC;
            return 0;
        }
        if (!(msg->flags & MSG_TRUNC) && user_iter_out(&msg->data, &byte, 1)) return -EFAULT;
        return 1;
    }
    if (sk->state == TCPS_CLOSE || sk->shutdown & SOCK_SHUT_RECEIVE) return 0;
    return -EAGAIN; /* announced, not here yet: Linux does not wait either */
}
