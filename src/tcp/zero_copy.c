/* MSG_ZEROCOPY: the bytes are copied, as Linux does towards every device that may keep a packet (loopback, TUN), and the program
 * is told so; but when it is told is the same: as soon as the last packet with bytes of the call is acknowledged and gone. Calls
 * that end in the same packet share a notice, a range of numbers. */
#include "tcp/data.h"

#define SHARED_BYTES (512u * 1024) /* what one notice may stand for */

struct tcp_zero_copy {
    struct sock *sk;      /* outlives it: the notice ends with the sock's queues */
    uint64_t bytes;
    uint32_t references, first, count;
};

static struct tcp_zero_copy *create(struct sock *sk, uint64_t bytes)
{
    struct tcp_zero_copy *z = machine_alloc(sk->net->machine, sizeof(*z));

    if (z) *z = (struct tcp_zero_copy){ .sk = sk, .bytes = bytes, .references = 1, .first = sk->zero_copy_key++, .count = 1 };
    return z;
}

struct tcp_zero_copy *tcp_zero_copy_begin(struct tcp_sock *tp, uint64_t bytes, bool goes_on)
{
    struct sock *sk = sk_of(tp);
    const struct packet *p = tcp_queue_last(&tp->flight->write_queue);
    struct tcp_zero_copy *z = p ? p->tcp.zero_copy : NULL;
    bool is_latest = z && z->first + z->count == sk->zero_copy_key;

    if (goes_on) return is_latest ? tcp_zero_copy_get(z) : NULL; /* else it has been told: what it gave was copied */
    if (!is_latest || z->count == UINT16_MAX - 1 || z->bytes + bytes > SHARED_BYTES) return create(sk, bytes);
    z->bytes += bytes;
    z->count++;
    sk->zero_copy_key++;
    return tcp_zero_copy_get(z);
}

struct tcp_zero_copy *tcp_zero_copy_get(struct tcp_zero_copy *z)
{
    if (z) z->references++;
    return z;
}

void tcp_zero_copy_put(struct tcp_zero_copy *z)
{
    struct sock *sk = z ? z->sk : NULL;

    if (!z || --z->references) return;
    if (z->count) sock_zero_copy_notice(sk, z->first, z->first + z->count - 1);
    machine_free(sk->net->machine, z, sizeof(*z));
}

/* Nothing of the call was taken: its number goes to the next one. */
void tcp_zero_copy_abort(struct tcp_zero_copy *z)
{
    if (!z) return;
    z->sk->zero_copy_key--;
    z->count--;
    tcp_zero_copy_put(z);
}

enum { PAGE = 4096, MAX_PAGES = 17 }; /* Linux: MAX_SKB_FRAGS */

uint32_t tcp_zero_copy_room(const struct packet *p, struct user_iter *from, uint32_t bytes, uint32_t *pages)
{
    uint64_t at, piece_bytes = user_iter_piece(from, &at), start = at % PAGE, left = (uint64_t)(MAX_PAGES - p->tcp.user_pages) * PAGE;

    left = left > start ? left - start : 0;
    bytes = (uint32_t)min_of((uint64_t)bytes, min_of(left, piece_bytes));
    *pages = bytes ? (uint32_t)((start + bytes + PAGE - 1) / PAGE) : 0;
    return bytes;
}
