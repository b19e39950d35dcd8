/* Mutations that keep an input's form: records come, go, change places; frames stay frames. */
#ifndef WEIR_TEST_FUZZ_MUTATE_H
#define WEIR_TEST_FUZZ_MUTATE_H

#include "test/fuzz/record.h"

/* libFuzzer's own mutation of a record's bytes. */
void mutate_bytes(struct rng *rng, struct record *r, size_t from);
/* Sets an integer of 1, 2 or 4 bytes at `at` to an interesting value, a neighbour's, or one with a bit changed. */
void mutate_number(struct rng *rng, uint8_t *at, size_t bytes);
/* Changes one thing about an Ethernet frame that lies in the record from `from`; lengths and checksums are mended, mostly. */
void mutate_frame(struct rng *rng, struct record *r, size_t from);
/* A frame of a kind that a machine may meet: ARP, IPv4, IPv6, their fragments, ICMP, discovery, UDP, TCP. */
enum frame_kind { FRAME_ARP, FRAME_IPV4, FRAME_IPV6, FRAME_ICMP, FRAME_ND, FRAME_UDP, FRAME_TCP, FRAME_KINDS };
void fresh_frame(struct rng *rng, struct record *r, enum frame_kind kind);

#endif
