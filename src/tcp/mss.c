/* How large a segment may be, and how much one packet takes: MSS from path MTU, options and the peer's window (RFC 9293
 * §3.7.1, RFC 6691), and the size up to which written data is gathered in one packet. */
#include "tcp/accecn.h"
#include "tcp/data.h"

/* A segment of more than half of the largest window the peer ever offered would stop and wait (RFC 9293 §3.8.6.2.1). */
static uint32_t bound_to_half_window(const struct tcp_sock *tp, uint32_t bytes)
{
    uint32_t cutoff = tp->snd.max_wnd > TCP_MSS_DEFAULT ? tp->snd.max_wnd >> 1 : tp->snd.max_wnd;

    return cutoff && bytes > cutoff ? max_of(cutoff, 68u - tp->header_bytes) : bytes;
}

uint32_t tcp_network_header_bytes(const struct tcp_sock *tp)
{
    return ip_is4(&tp->inet.remote) ? 20 : 40;
}

uint32_t tcp_mss_of_mtu(const struct tcp_sock *tp, uint32_t pmtu_bytes)
{
    uint32_t fixed = tcp_network_header_bytes(tp) + 20;
    uint32_t mss = pmtu_bytes > fixed ? pmtu_bytes - fixed : 0;

    if (tp->mss_clamp && mss > tp->mss_clamp) mss = tp->mss_clamp;
    mss = max_of(mss, (uint32_t)net_of(tp)->sysctl.tcp_min_snd_mss);
    return mss - (tp->header_bytes - 20u);
}

uint32_t tcp_mtu_of_mss(const struct tcp_sock *tp, uint32_t mss_bytes)
{
    return mss_bytes + tp->header_bytes + tcp_network_header_bytes(tp);
}

void tcp_sync_mss(struct tcp_sock *tp, uint32_t pmtu_bytes)
{
    if (tp->header_bytes < 20) tp->header_bytes = 20;
    tp->pmtu_cookie = pmtu_bytes;
    tp->mss_cache = bound_to_half_window(tp, tcp_mss_of_mtu(tp, pmtu_bytes));
    if (tp->settings->mtu.is_on) tp->mss_cache = tcp_mtu_probe_bound(tp, pmtu_bytes, tp->mss_cache);
}

/* The MSS for the next segment: less than mss_cache while SACK blocks take room. */
uint32_t tcp_mss_now(struct tcp_sock *tp)
{
    struct route *route = tp->inet.route;
    uint32_t mss, sack_bytes = 0;

    if (route) {
        uint32_t mtu = route_mtu(route);
        if (mtu != tp->pmtu_cookie) tcp_sync_mss(tp, mtu);
    }
    mss = tp->mss_cache;
    if (tp->settings->md5_keys) mss -= tcp_header_bytes(tp, tp->is_timestamp_ok) - tp->header_bytes; /* a key may come late */
    if (tp->is_sack_ok && (tp->flight->sack_count || tp->flight->has_duplicate_sack)) {
        uint32_t room = (40u - min_of(tp->header_bytes - 20u, 36u) - 4u) / 8u;
        uint32_t blocks = min_of(tp->flight->sack_count + (uint32_t)tp->flight->has_duplicate_sack, room);
        sack_bytes = blocks ? 4 + 8 * blocks : 0;
    }
    if (tp->is_accecn) {
        uint8_t count, sacks = (uint8_t)(sack_bytes / 8);
        sack_bytes += tcp_accecn_option_bytes(tp, tp->header_bytes - 20u + sack_bytes, &sacks, &count);
    }
    return mss > sack_bytes ? mss - sack_bytes : mss;
}

uint32_t tcp_most_at_once(uint32_t mss) { return max_of(TCP_GSO_MAX_BYTES / mss * mss, mss); }

uint32_t tcp_size_goal(struct tcp_sock *tp, uint32_t mss, bool may_be_large)
{
    uint32_t goal;

    if (!may_be_large || tp->settings->md5_keys) return mss; /* each segment has its own signature */
    goal = bound_to_half_window(tp, TCP_GSO_MAX_BYTES);
    return max_of(goal / mss * mss, mss);
}
