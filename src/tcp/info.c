/* TCP_INFO: struct tcp_info of Linux 6.18, which is longer than Debian 12's header knows. */
#include "tcp/tcp_net.h"

enum { OPT_TFO_CHILD = 128 }; /* newer than Debian 12's header */

struct info618 {
    struct tcp_info info; /* to tcpi_snd_wnd */
    uint32_t rcv_wnd, rehash;
    uint16_t total_rto, total_rto_recoveries;
    uint32_t total_rto_time, received_ce, delivered_e1_bytes, delivered_e0_bytes, delivered_ce_bytes, received_e1_bytes,
        received_e0_bytes, received_ce_bytes;
    uint16_t accecn_fail_mode, accecn_opt_seen;
};
static_assert(offsetof(struct tcp_info, tcpi_snd_wnd) == 228, "the kernel's header, not libc's");
static_assert(sizeof(struct info618) == 280, "Linux 6.18");

static uint32_t since_ms(const struct tcp_sock *tp, uint64_t then_ns)
{
    return then_ns ? (uint32_t)((tp->inet.sk.net->machine->now_ns - then_ns) / NS_PER_MS) : 0;
}

static void fill_state(const struct tcp_sock *tp, struct tcp_info *i)
{
    i->tcpi_ca_state = tp->flight->ca_state;
    i->tcpi_retransmits = tp->retransmits;
    i->tcpi_probes = tp->probes_out;
    i->tcpi_backoff = tp->backoff;
    if (tp->is_timestamp_ok) i->tcpi_options |= TCPI_OPT_TIMESTAMPS;
    if (tp->is_sack_ok) i->tcpi_options |= TCPI_OPT_SACK;
    if (tp->is_wscale_ok) {
        i->tcpi_options |= TCPI_OPT_WSCALE;
        i->tcpi_snd_wscale = tp->snd.scale & 15u;
        i->tcpi_rcv_wscale = tp->rcv.scale & 15u;
    }
    if (tp->is_ecn_ok) i->tcpi_options |= TCPI_OPT_ECN;
    if (tp->ecn_seen) i->tcpi_options |= TCPI_OPT_ECN_SEEN;
    if (tp->rcv.open.data_was_taken) i->tcpi_options |= TCPI_OPT_SYN_DATA;
    if (tp->rcv.open.is_child) i->tcpi_options |= OPT_TFO_CHILD;
    i->tcpi_fastopen_client_fail = tp->rcv.open.failure;
    i->tcpi_delivery_rate_app_limited = tp->rate_is_app_limited;
}

static void fill_path(const struct tcp_sock *tp, struct tcp_info *i)
{
    i->tcpi_rto = (uint32_t)(tp->rtt.rto_ns / NS_PER_US);
    i->tcpi_ato = tp->ato_ms * 1000;
    i->tcpi_snd_mss = tp->mss_cache;
    i->tcpi_rcv_mss = tp->rcv.mss_estimate;
    i->tcpi_unacked = tp->flight->packets_out;
    i->tcpi_sacked = tp->flight->sacked_out;
    i->tcpi_lost = tp->flight->lost_out;
    i->tcpi_retrans = tp->flight->retrans_out;
    i->tcpi_last_data_sent = since_ms(tp, tp->last_sent_ns);
    i->tcpi_last_data_recv = since_ms(tp, tp->last_received_ns);
    i->tcpi_last_ack_recv = since_ms(tp, tp->last_ack_received_ns);
    i->tcpi_pmtu = tp->pmtu_cookie;
    i->tcpi_rcv_ssthresh = tp->rcv.ssthresh_bytes;
    i->tcpi_rtt = tp->rtt.srtt_us >> 3;
    i->tcpi_rttvar = tp->rtt.mdev_us >> 2;
    i->tcpi_snd_ssthresh = tp->snd.ssthresh_packets;
    i->tcpi_snd_cwnd = tp->snd.cwnd_packets;
    i->tcpi_advmss = tp->rcv.advmss;
    i->tcpi_reordering = tp->reordering;
    i->tcpi_rcv_rtt = tp->tune.rtt_us >> 3;
    i->tcpi_rcv_space = tp->tune.space;
    i->tcpi_min_rtt = tcp_min_rtt_us(tp);
}

static void fill_counts(const struct tcp_sock *tp, struct info618 *f)
{
    struct tcp_info *i = &f->info;
    uint32_t unsent = seq_diff(tp->snd.write, tp->snd.nxt);
    i->tcpi_total_retrans = (uint32_t)tcp_past(tp)->total_retrans;
    i->tcpi_bytes_acked = tp->bytes_acked;
    i->tcpi_bytes_received = tp->bytes_received;
    i->tcpi_segs_out = (uint32_t)tp->segs_out;
    i->tcpi_segs_in = (uint32_t)tp->segs_in;
    i->tcpi_notsent_bytes = (int32_t)unsent > 0 ? unsent : 0;
    i->tcpi_data_segs_in = (uint32_t)tp->data_segs_in;
    i->tcpi_data_segs_out = (uint32_t)tp->data_segs_out;
    i->tcpi_delivered = (uint32_t)tp->delivered;
    i->tcpi_delivered_ce = tp->delivered_ce;
    i->tcpi_bytes_sent = tp->bytes_sent;
    i->tcpi_bytes_retrans = tcp_past(tp)->bytes_retrans;
    i->tcpi_dsack_dups = (uint32_t)tcp_past(tp)->dsack_dups;
    i->tcpi_reord_seen = (uint32_t)tcp_past(tp)->reord_seen;
    i->tcpi_rcv_ooopack = (uint32_t)tcp_past(tp)->rcv_ooopack;
    i->tcpi_snd_wnd = tp->snd.wnd;
    f->rcv_wnd = tp->rcv.wnd;
    f->rehash = tcp_past(tp)->rehash;
    f->total_rto = tcp_past(tp)->rto_count;
    f->total_rto_recoveries = tcp_past(tp)->rto_recoveries;
    f->total_rto_time = tcp_past(tp)->rto_total_ms + since_ms(tp, tp->flight->rto_start_ns);
    uint64_t busy_us, window_us, buffer_us;
    tcp_busy_times(tp, &busy_us, &window_us, &buffer_us);
    i->tcpi_busy_time = busy_us;
    i->tcpi_rwnd_limited = window_us;
    i->tcpi_sndbuf_limited = buffer_us;
}

static void fill_accecn(const struct tcp_sock *tp, struct info618 *f)
{
    const struct tcp_accecn *a = &tcp_past(tp)->accecn;

    f->received_ce = a->received_ce;
    f->received_e1_bytes = a->received_bytes[0];
    f->received_e0_bytes = a->received_bytes[1];
    f->received_ce_bytes = a->received_bytes[2];
    f->delivered_e1_bytes = a->delivered_bytes[0];
    f->delivered_e0_bytes = a->delivered_bytes[1];
    f->delivered_ce_bytes = a->delivered_bytes[2];
    f->accecn_fail_mode = a->fail_mode;
    f->accecn_opt_seen = a->option_seen;
}

static uint64_t delivery_rate(const struct tcp_sock *tp)
{
    if (!tp->rate.delivered || !tp->rate.interval_us) return 0;
    return (uint64_t)tp->rate.delivered * tp->mss_cache * 1000000 / tp->rate.interval_us;
}

uint32_t tcp_fill_info(struct sock *sk, void *out, uint32_t bytes)
{
    const struct tcp_sock *tp = tcp_of(sk);
    struct info618 f = { 0 };
    f.info.tcpi_state = sk->state;
    f.info.tcpi_pacing_rate = tp->pacing_rate_bytes_per_s ? tp->pacing_rate_bytes_per_s : UINT64_MAX;
    f.info.tcpi_max_pacing_rate = sk->rare->max_pacing_rate ? sk->rare->max_pacing_rate : UINT64_MAX;
    f.info.tcpi_reordering = tp->reordering;
    f.info.tcpi_snd_cwnd = tp->snd.cwnd_packets;
    if (sk->state == TCPS_LISTEN) { /* Linux: the accept queue, in the fields of what is in flight */
        f.info.tcpi_unacked = tp->listener->accept_count;
        f.info.tcpi_sacked = tp->listener->limit;
    } else {
        fill_state(tp, &f.info);
        fill_path(tp, &f.info);
        fill_counts(tp, &f);
        fill_accecn(tp, &f);
        f.info.tcpi_delivery_rate = delivery_rate(tp);
    }
    bytes = min_of(bytes, (uint32_t)sizeof f);
    memcpy(out, &f, bytes);
    return bytes;
}

uint32_t tcp_fill_cc_info(struct sock *sk, uint32_t wanted, void *out, uint32_t bytes, int *attribute)
{
    struct tcp_sock *tp = tcp_of(sk);
    union tcp_cc_info_out info = { 0 };
    uint32_t have;

    if (!tp->cc.ops || !tp->cc.ops->info) return 0;
    have = min_of(tp->cc.ops->info(tp, &info, attribute), bytes);
    if (!(wanted >> (*attribute - 1) & 1) && !(wanted >> (INET_DIAG_VEGASINFO - 1) & 1)) return 0; /* Linux: Vegas' bit asks for any */
    memcpy(out, &info, have);
    return have;
}
