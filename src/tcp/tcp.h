/* TCP as the rest of the machine sees it. */
#ifndef WEIR_TCP_TCP_H
#define WEIR_TCP_TCP_H

#include "inet/inet.h"

/* Linux's module parameters of CUBIC, of the whole machine there, kept with each namespace here. beta and bic_scale are fixed. */
struct cubic_parameters { int32_t fast_convergence, beta, initial_ssthresh, bic_scale, tcp_friendliness, hystart, hystart_detect,
    hystart_low_window, hystart_ack_delta_us; };
/* The one of this name; NULL: none. */
int32_t *tcp_cubic_parameter(struct net *net, const char *name);
extern const struct proto tcp_proto;
int tcp_net_start(struct net *net);
void tcp_net_stop(struct net *net);
void tcp_receive(struct net *net, struct packet *p);                                     /* struct ip_protocol.receive */
void tcp_error(struct net *net, struct packet *p, const struct icmp_error *e);           /* struct ip_protocol.error */

/* Views for proc/, netlink/ and the listener statistics. kind: 0 established, 1 listener, 2 time-wait, 3 request */
enum tcp_view_kind { TCP_VIEW_SOCK, TCP_VIEW_LISTENER, TCP_VIEW_TIME_WAIT, TCP_VIEW_REQUEST };
struct tcp_view { /* one line of /proc/net/tcp; host order */
    enum tcp_view_kind kind; struct sock *sk; /* NULL for time-wait; the listener for requests */
    ip_addr_t local, remote; uint16_t local_port, remote_port; uint8_t state, family; uint32_t transmit_queue, receive_queue;
    uint8_t timer; uint64_t timer_left_ns; uint32_t retransmits, uid; uint8_t probes; uint64_t inode; uint32_t references;
    uint64_t rto_ns, ato_ns; uint32_t quick_or_pingpong, cwnd; int32_t ssthresh;
};
void tcp_each(struct net *net, int (*visit)(void *ctx, const struct tcp_view *v), void *ctx); /* listeners first, as Linux */

/* Per listener, what Linux does not have. */
struct tcp_listener_stats {
    uint64_t syns_received, syns_dropped_accept_queue, syns_dropped_syn_queue, syns_dropped_no_memory, syns_dropped_other,
        cookies_sent, cookies_valid, cookies_invalid, accept_overflows, requests_timed_out, requests_reset, accepted, established;
    uint32_t syn_queue, syn_queue_highest, accept_queue, accept_queue_highest, accept_queue_limit, syn_queue_limit;
};
bool tcp_listener_stats(const struct sock *sk, struct tcp_listener_stats *out); /* false: not a listener */
/* struct tcp_info of Linux 6.18 into at most `bytes`; returns bytes written. */
uint32_t tcp_fill_info(struct sock *sk, void *out, uint32_t bytes);
/* TCP_CC_INFO: bytes, 0 when the algorithm tells nothing or its bits are not among the wanted INET_DIAG_*; *attribute: which. */
uint32_t tcp_fill_cc_info(struct sock *sk, uint32_t wanted, void *out, uint32_t bytes, int *attribute);
uint32_t tcp_sock_count(const struct net *net); uint32_t tcp_orphan_count(const struct net *net); uint32_t tcp_time_wait_count(const struct net *net);
uint64_t tcp_memory_pages(const struct net *net);

#endif
