/* What is remembered of peers (Linux: tcp_metrics): round-trip time, congestion window, reordering, and what Fast Open needs,
 * for each pair of addresses. Learned when a connection ends, used when one begins. A chain holds six at most, the one that
 * was not written for longest makes room: a stranger can push memories out, and nothing more. */
#include "tcp/data.h"
#include "tcp/fastopen.h"
#include "tcp/tcp_net.h"

#define CHAIN_MOST 6u
#define LIFE_NS (3600 * NS_PER_S)

static struct chain *chain_of(struct tcp_net *tn, const ip_addr_t *source, const ip_addr_t *destination)
{
    uint64_t words[4] = { source->quad[0], source->quad[1], destination->quad[0], destination->quad[1] };
    return &tn->metrics[siphash_table(&tn->table_key, words, array_count(words)) % TCP_METRICS_CHAINS];
}

static struct tcp_metrics *metrics_at(struct chain_node *n) { return list_entry(n, struct tcp_metrics, node); }

/* What an hour did not confirm is not believed any more; a cookie is. */
static void forget_numbers(struct tcp_metrics *m, uint64_t now_ns)
{
    m->srtt_us = m->rttvar_us = m->ssthresh_packets = m->cwnd_packets = m->reordering = 0;
    m->stamp_ns = now_ns;
}

struct tcp_metrics *tcp_metrics_find(struct net *net, const ip_addr_t *source, const ip_addr_t *destination)
{
    uint64_t now_ns = net->machine->now_ns;

    chain_for_each(n, chain_of(net->tcp, source, destination)) {
        struct tcp_metrics *m = metrics_at(n);
        if (!ip_equal(&m->destination, destination) || !ip_equal(&m->source, source)) continue;
        if (now_ns - m->stamp_ns > LIFE_NS) forget_numbers(m, now_ns);
        return m;
    }
    return NULL;
}

/* A fresh one, or the oldest of a full chain, emptied. */
static struct tcp_metrics *make(struct net *net, const ip_addr_t *source, const ip_addr_t *destination)
{
    struct tcp_net *tn = net->tcp;
    struct chain *chain = chain_of(tn, source, destination);
    struct tcp_metrics *oldest = NULL, *m;
    unsigned depth = 0;

    chain_for_each(n, chain) {
        if (!oldest || metrics_at(n)->stamp_ns < oldest->stamp_ns) oldest = metrics_at(n);
        depth++;
    }
    if (depth >= CHAIN_MOST) {
        chain_remove(&oldest->node);
        m = oldest;
        memset(m, 0, sizeof(*m));
    } else {
        m = machine_alloc(net->machine, sizeof(*m));
        if (!m) return NULL;
        tn->metrics_count++;
    }
    m->source = *source;
    m->destination = *destination;
    m->stamp_ns = net->machine->now_ns;
    chain_add(chain, &m->node);
    return m;
}

struct tcp_metrics *tcp_metrics_of(struct tcp_sock *tp, bool create)
{
    const struct inet_sock *is = &tp->inet;
    struct tcp_metrics *m;

    if (!is->route) return NULL;
    m = tcp_metrics_find(net_of(tp), &is->source, &is->remote);
    return m || !create ? m : make(net_of(tp), &is->source, &is->remote);
}

/* The first RTO: a SYN is small and quick, data may not be. The estimate itself stays the handshake's. */
static void seed_rto(struct tcp_sock *tp, uint32_t srtt_us)
{
    if (srtt_us > tp->rtt.srtt_us) {
        uint64_t rtt_us = srtt_us >> 3;
        tp->rtt.rto_ns = (rtt_us + max_of(2 * rtt_us, tcp_rto_min_us(tp))) * NS_PER_US;
    } else if (!tp->rtt.srtt_us) { /* RFC 6298 §5.7: the handshake gave no sample */
        tp->rtt.rttvar_us = tp->rtt.mdev_us = tp->rtt.mdev_max_us = 3000000;
        tp->rtt.rto_ns = 3 * NS_PER_S;
    }
}

void tcp_metrics_begin(struct tcp_sock *tp)
{
    const struct tcp_metrics *m = tcp_metrics_of(tp, false);

    tp->snd.ssthresh_packets = TCP_INFINITE_SSTHRESH; /* trouble with the SYN says nothing of data */
    if (m && m->ssthresh_packets && !net_of(tp)->sysctl.tcp_no_ssthresh_metrics_save) tp->snd.ssthresh_packets = m->ssthresh_packets;
    if (m && m->reordering) tp->reordering = m->reordering;
    seed_rto(tp, m ? m->srtt_us : 0);
}

/* A larger one at once, a smaller one slowly: too long a time does less harm. */
static void save_rtt(const struct tcp_sock *tp, struct tcp_metrics *m)
{
    int64_t less = (int64_t)m->srtt_us - tp->rtt.srtt_us, deviation = less < 0 ? -less : less;

    m->srtt_us = less <= 0 ? tp->rtt.srtt_us : m->srtt_us - (uint32_t)(less >> 3);
    deviation = max_of(deviation >> 1, (int64_t)tp->rtt.mdev_us);
    if (deviation >= m->rttvar_us) m->rttvar_us = (uint32_t)deviation;
    else m->rttvar_us -= (m->rttvar_us - (uint32_t)deviation) >> 2;
}

static void save_window(const struct tcp_sock *tp, struct tcp_metrics *m)
{
    bool keeps_ssthresh = !tp->inet.sk.net->sysctl.tcp_no_ssthresh_metrics_save;
    uint32_t cwnd = tp->snd.cwnd_packets, ssthresh = tp->snd.ssthresh_packets;

    if (ssthresh >= TCP_INFINITE_SSTHRESH) { /* the first slow start did not end */
        if (keeps_ssthresh && m->ssthresh_packets && cwnd >> 1 > m->ssthresh_packets) m->ssthresh_packets = cwnd >> 1;
        m->cwnd_packets = max_of(m->cwnd_packets, cwnd);
    } else if (!tcp_in_slow_start(tp) && tp->flight->ca_state == TCP_CA_Open) {
        if (keeps_ssthresh) m->ssthresh_packets = max_of(cwnd >> 1, ssthresh);
        m->cwnd_packets = (m->cwnd_packets + cwnd) >> 1;
    } else { /* in the middle of something: the window means little */
        m->cwnd_packets = (m->cwnd_packets + ssthresh) >> 1;
        if (keeps_ssthresh && m->ssthresh_packets && ssthresh > m->ssthresh_packets) m->ssthresh_packets = ssthresh;
    }
}

void tcp_metrics_save(struct tcp_sock *tp)
{
    const struct net_sysctl *sysctl = &net_of(tp)->sysctl;
    bool has_rtt = !tp->backoff && tp->rtt.srtt_us;
    struct tcp_metrics *m;

    if (sysctl->tcp_no_metrics_save || !(m = tcp_metrics_of(tp, has_rtt))) return;
    if (!has_rtt) { /* what was believed did not hold */
        m->srtt_us = 0;
        return;
    }
    save_rtt(tp, m);
    save_window(tp, m);
    if (m->reordering < tp->reordering && tp->reordering != sysctl->tcp_reordering) m->reordering = tp->reordering;
    m->stamp_ns = tcp_now_ns(tp);
}

void tcp_metrics_flush(struct net *net, const ip_addr_t *destination)
{
    for (uint32_t i = 0; i < TCP_METRICS_CHAINS; i++) {
        chain_for_each_safe(n, next, &net->tcp->metrics[i]) {
            struct tcp_metrics *m = metrics_at(n);
            if (destination && !ip_equal(&m->destination, destination)) continue;
            chain_remove(n);
            machine_free(net->machine, m, sizeof(*m));
            net->tcp->metrics_count--;
        }
    }
}

void tcp_metrics_each(struct net *net, void (*visit)(void *ctx, const struct tcp_metrics *m), void *ctx)
{
    for (uint32_t i = 0; i < TCP_METRICS_CHAINS; i++)
        chain_for_each(n, &net->tcp->metrics[i]) visit(ctx, metrics_at(n));
}
