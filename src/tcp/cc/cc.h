/* What congestion control algorithms share. */
#ifndef WEIR_TCP_CC_CC_H
#define WEIR_TCP_CC_CC_H

#include "tcp/data.h"

uint32_t cc_slow_start(struct tcp_sock *tp, uint32_t acked);              /* what is left of acked past ssthresh */
void cc_additive_increase(struct tcp_sock *tp, uint32_t per, uint32_t acked); /* one packet for each `per` acknowledged */
void reno_on_acked(struct tcp_sock *tp, seq_t ack, uint32_t acked);
uint32_t reno_ssthresh(struct tcp_sock *tp);
uint32_t reno_undo_cwnd(struct tcp_sock *tp);
extern const struct cc_ops reno_cc, cubic_cc, bbr_cc, dctcp_cc;

/* CUBIC's pure numbers; a tick is 1/1024 s. */
uint32_t cubic_root(uint64_t a);

#endif
