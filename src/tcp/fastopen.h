/* TCP Fast Open (RFC 7413): data in a SYN, and what lets a server take it: a cookie that the client once got from it. And what
 * is remembered of each peer (Linux: tcp_metrics), cookies among it. */
#ifndef WEIR_TCP_FASTOPEN_H
#define WEIR_TCP_FASTOPEN_H

#include "base/text.h"
#include "tcp/tcp_sock.h"

struct tcp_zero_copy;

/* net.ipv4.tcp_fastopen */
enum { FASTOPEN_CLIENT = 1, FASTOPEN_SERVER = 2, FASTOPEN_CLIENT_NO_COOKIE = 4, FASTOPEN_SERVER_NO_COOKIE = 0x200,
    FASTOPEN_WITHOUT_OPTION = 0x400 /* every listener, with its backlog as limit */ };
enum { FASTOPEN_COOKIE_MIN_BYTES = 4, FASTOPEN_COOKIE_MAX_BYTES = 16, FASTOPEN_OWN_COOKIE_BYTES = 8, FASTOPEN_KEY_BYTES = 16,
    FASTOPEN_KEYS = 2 /* one to sign with, one that was */ };

/* bytes -1: no option; 0: one that asks. Experimental: the option of RFC 6994 with Fast Open's number, from before it had a kind. */
struct tcp_fastopen_cookie { int8_t bytes; bool is_experimental; uint8_t value[FASTOPEN_COOKIE_MAX_BYTES]; };
struct tcp_fastopen_keys { uint32_t count; uint8_t key[FASTOPEN_KEYS][FASTOPEN_KEY_BYTES]; };

/* One pair of addresses (Linux: tcp_metrics_block). Scaled as in struct tcp_sock. */
struct tcp_metrics {
    struct chain_node node;
    ip_addr_t source, destination;
    uint64_t stamp_ns;                   /* when it was last written */
    uint32_t srtt_us, rttvar_us, ssthresh_packets, cwnd_packets, reordering; /* 0: not known */
    struct { uint64_t last_lost_ns; uint32_t lost_syns; uint16_t mss_bytes; uint8_t try_experimental; struct tcp_fastopen_cookie cookie; } fastopen;
};

/* fastopen.c: keys of a namespace and of a listener, cookies */
void tcp_fastopen_key_fill(struct net *net, struct text *t);                         /* net.ipv4.tcp_fastopen_key */
int tcp_fastopen_key_take(struct net *net, const char *bytes, size_t count);
void tcp_fastopen_need_key(struct net *net);                                         /* draws one where there is none */
int tcp_fastopen_set_keys(struct tcp_sock *tp, const uint8_t *keys, uint32_t count); /* 0, -ENOMEM */
/* The cookie of this pair of addresses under the first key. False: no key. */
bool tcp_fastopen_cookie_for(const struct tcp_sock *listener, const ip_addr_t *client, const ip_addr_t *server, struct tcp_fastopen_cookie *out);
/* Which key made it, counted from 1; 0: none. */
unsigned tcp_fastopen_cookie_is_ours(const struct tcp_sock *listener, const ip_addr_t *client, const ip_addr_t *server,
                                     const struct tcp_fastopen_cookie *c);
struct tcp_fastopen_cookie tcp_fastopen_offered(const struct tcp_options *o);        /* of a received SYN or SYN-ACK */
/* Into the options of a SYN or SYN-ACK, whose others are set. c outlives o. is_signed: an MD5 signature comes too. False: no room. */
bool tcp_fastopen_put(struct tcp_options *o, const struct tcp_fastopen_cookie *c, bool is_signed);
/* The payload of a SYN or SYN-ACK goes to the program: in order behind rcv.nxt, which is the byte after its SYN. */
void tcp_fastopen_take_data(struct tcp_sock *tp, const struct tcp_segment *seg);

/* fastopen_client.c */
/* MSG_FASTOPEN, or the first send after a deferred connect(): opens with as much of the message as fits the SYN. 0: open, write
 * on; -EINPROGRESS: on its way; msg->opening tells the caller to wait for it and come again. */
int tcp_fastopen_send(struct tcp_sock *tp, struct user_msg *msg, struct tcp_zero_copy *zero_copy);
bool tcp_fastopen_defers(struct tcp_sock *tp);            /* connect(): true: nothing is sent before the first write */
int tcp_fastopen_send_syn(struct tcp_sock *tp, struct packet *syn); /* instead of tcp_transmit(): with option and data */
/* The SYN-ACK, after tcp_ack(). True: what the SYN carried was not taken, and is on its way again. */
bool tcp_fastopen_syn_acked(struct tcp_sock *tp, const struct tcp_segment *seg);
/* Middleboxes that let the SYN through and lose the rest: connections of the namespace open the usual way for a while. */
void tcp_fastopen_disable(struct net *net);
void tcp_fastopen_timed_out(struct tcp_sock *tp, bool is_last);
void tcp_fastopen_judge_path(struct tcp_sock *tp);        /* a connection ends */

/* fastopen_server.c */
/* A SYN: the child that takes its data, or NULL; *cookie: what it offered, replaced by what the SYN-ACK is to say. */
struct tcp_sock *tcp_fastopen_try(struct tcp_request *r, const struct tcp_segment *seg, struct tcp_fastopen_cookie *cookie);
void tcp_fastopen_forget(struct tcp_sock *child, bool by_reset); /* its handshake is over, one way or the other */
void tcp_fastopen_established(struct tcp_sock *child);
void tcp_fastopen_syn_ack_timeout(struct tcp_sock *child);
void tcp_fastopen_set_limit(struct tcp_sock *listener, int32_t pending);
void tcp_fastopen_forget_resets(struct tcp_sock *listener);

/* metrics.c */
struct tcp_metrics *tcp_metrics_find(struct net *net, const ip_addr_t *source, const ip_addr_t *destination);
struct tcp_metrics *tcp_metrics_of(struct tcp_sock *tp, bool create);                /* NULL: none, no route, no memory */
void tcp_metrics_begin(struct tcp_sock *tp);                                         /* ssthresh, reordering, RTO of what begins */
void tcp_metrics_save(struct tcp_sock *tp);                                          /* of what ended well */
void tcp_metrics_flush(struct net *net, const ip_addr_t *destination);               /* NULL: all */
void tcp_metrics_each(struct net *net, void (*visit)(void *ctx, const struct tcp_metrics *m), void *ctx);

#endif
