/* Explicit congestion notification: the flags of the handshake, and Accurate ECN. accecn.c; of this room only. */
#ifndef WEIR_TCP_ACCECN_H
#define WEIR_TCP_ACCECN_H

#include "tcp/tcp_sock.h"
#include "wire/headers.h"

struct ack_work;
struct tcp_request;

/* The three flags AE, CWR, ECE as a number. */
uint8_t tcp_ace_of(const struct tcp_segment *seg);
uint8_t tcp_ace_flags(uint8_t ace, bool *is_ae);
uint8_t tcp_ace_of_codepoint(uint8_t ecn);

void tcp_ecn_send_syn(struct tcp_sock *tp, struct packet *syn);
void tcp_ecn_fall_back(struct tcp_sock *tp, struct packet *syn);     /* before it goes again */
void tcp_ecn_syn_ack_received(struct tcp_sock *tp, const struct tcp_segment *seg);
void tcp_ecn_send_first_ack(struct tcp_sock *tp);                     /* of a SYN-ACK: says how it came */
void tcp_ecn_syn_received(struct tcp_sock *tp, const struct tcp_segment *seg); /* crossed SYNs */
void tcp_ecn_send_syn_ack(struct tcp_sock *tp, struct packet *p);
void tcp_ecn_child(struct tcp_sock *tp, const struct tcp_request *r, const struct tcp_segment *seg); /* seg: the ACK that made it */

void tcp_accecn_received(struct tcp_sock *tp, const struct tcp_segment *seg);  /* counts; nothing without Accurate ECN */
/* A SYN in the midst of a connection: the next ACK, which the caller sends, answers it; then it clears `reflects`. */
void tcp_accecn_syn_again(struct tcp_sock *tp, const struct tcp_segment *seg);
/* Data came that we have: when it is what the last option went with a D-SACK for, somebody drops ACKs with options. */
void tcp_accecn_data_again(struct tcp_sock *tp, seq_t at);
void tcp_accecn_header(struct tcp_sock *tp, const struct packet *p, struct wire_tcp *h);
bool tcp_accecn_is_ect(const struct tcp_sock *tp);
/* Bytes the option will add to the next segment's used_bytes of others; *count: its counters, 4: none goes. One of more than
 * two SACK blocks may have to go for it. */
uint32_t tcp_accecn_option_bytes(const struct tcp_sock *tp, uint32_t used_bytes, uint8_t *sacks, uint8_t *count);
/* It goes now; has_duplicate: with a D-SACK. */
void tcp_accecn_option(struct tcp_sock *tp, struct tcp_options *o, uint32_t used_bytes, bool has_duplicate);
void tcp_accecn_syn_ack_option(const struct net *net, struct tcp_options *o, uint32_t used_bytes);
uint32_t tcp_accecn_process(struct tcp_sock *tp, struct ack_work *w, uint32_t packets);

#endif
