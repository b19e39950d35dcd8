/* What packets cost a sock: charged with Linux's truesize while they wait to be read or are on their way out. */
#include "sock/sock.h"

/* A packet changes hands: whoever was charged before is no more. */
static void disown(struct packet *p)
{
    if (p->release) p->release(p);
    p->release = NULL;
    p->sock = NULL;
}

static void release_received(struct packet *p)
{
    struct sock *sk = p->sock;

    sk->receive_used_bytes -= min_of(sk->receive_used_bytes, p->truesize_bytes);
    p->release = NULL;
    p->sock = NULL;
}

/* No reference: the queues that hold such packets end before the sock. */
void sock_charge_receive_always(struct sock *sk, struct packet *p)
{
    disown(p);
    p->sock = sk;
    p->release = release_received;
    sk->receive_used_bytes += p->truesize_bytes;
}

bool sock_charge_receive(struct sock *sk, struct packet *p)
{
    if (sk->receive_used_bytes >= sk->receive_buffer_bytes) return false;
    sock_charge_receive_always(sk, p);
    return true;
}

void sock_uncharge_receive(struct sock *sk, struct packet *p)
{
    if (p->sock == sk && p->release == release_received) release_received(p);
}

static void release_sent(struct packet *p)
{
    struct sock *sk = p->sock;

    sk->send_used_bytes -= min_of(sk->send_used_bytes, p->truesize_bytes);
    p->release = NULL;
    p->sock = NULL;
    sk->write_space(sk);
    sock_put(sk);
}

void sock_charge_send(struct sock *sk, struct packet *p)
{
    disown(p);
    p->sock = sock_get(sk);
    p->release = release_sent;
    sk->send_used_bytes += p->truesize_bytes;
}

bool sock_is_writeable(const struct sock *sk)
{
    return sk->send_used_bytes < sk->send_buffer_bytes >> 1;
}

void sock_queue_append(struct sock *sk, struct packet *p)
{
    p->device = NULL; /* may go away while we wait; in_ifindex stays */
    p->scratch[SOCK_SCRATCH_DROPS] = sk->drops;
    packet_queue_push(&sk->receive_queue, p);
    if (!sk->is_dead) sk->data_ready(sk);
}

int sock_queue_receive(struct sock *sk, struct packet *p)
{
    uint32_t keep_bytes = sock_filter_run(sk, p);

    if (!keep_bytes) return -EPERM;
    if (keep_bytes < packet_bytes(p)) packet_trim(p, keep_bytes);
    if (!sock_charge_receive(sk, p)) {
        sk->drops++;
        return -ENOMEM;
    }
    sock_queue_append(sk, p);
    return 0;
}

static int copy_piece(void *ctx, const uint8_t *at, uint32_t bytes)
{
    return user_iter_out(ctx, at, bytes);
}

int sock_copy_out(const struct packet *p, uint32_t offset, struct user_iter *to, uint32_t bytes)
{
    return packet_visit(p, offset, bytes, copy_piece, to);
}
