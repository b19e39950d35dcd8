/* Initial sequence numbers and timestamp offsets: a keyed hash of the pair, so that outsiders cannot guess them and old
 * segments of the same pair stay outside the window (RFC 6528 §3, RFC 7323 §5.4). */
#include "tcp/tcp_net.h"

seq_t tcp_new_isn(struct net *net, const ip_addr_t *l, uint16_t lp, const ip_addr_t *r, uint16_t rp)
{
    uint64_t words[5] = { l->quad[0], l->quad[1], r->quad[0], r->quad[1], (uint64_t)lp << 16 | rp };
    uint64_t wall_ns = net->machine->now_ns + net->machine->wall_offset_ns;
    /* Linux: one step each 64 ns. */
    return seq((uint32_t)siphash(&net->tcp->isn_key, words, sizeof words) + (uint32_t)(wall_ns >> 6));
}

/* The ports are part of it: one offset for all connections of two hosts would tell each of them how many the others make. */
uint32_t tcp_new_ts_offset(struct net *net, const ip_addr_t *l, uint16_t lp, const ip_addr_t *r, uint16_t rp)
{
    if (net->sysctl.tcp_timestamps != 1) return 0;
    struct tcp_offset_answer *last = &net->tcp->last_offset; /* a passive open asks for each of its segments again */
    uint64_t words[5] = { l->quad[0], l->quad[1], r->quad[0], r->quad[1], (uint64_t)lp << 16 | rp };
    if (memcmp(last->words, words, sizeof words)) {
        memcpy(last->words, words, sizeof words);
        last->offset = (uint32_t)siphash(&net->tcp->timestamp_key, words, sizeof words);
    }
    return last->offset;
}
