/* Frames as the fuzz targets build, read and mend them; written apart from src/wire/, so that one judges the other. */
#ifndef WEIR_TEST_FUZZ_FRAMES_H
#define WEIR_TEST_FUZZ_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_BYTES_MAX = 1514, ETHERNET_BYTES = 14 };

/* Where the parts of an Ethernet frame lie. */
struct frame_view {
    uint8_t version;      /* 4, 6; 0: not IP, or cut short */
    uint8_t protocol;     /* of the transport, behind extension headers */
    bool is_fragment;     /* of a packet with more than one */
    size_t network, transport, end; /* offsets; end: as IP's length says, not behind the frame's */
};
/* False: no whole IP header. */
bool frames_parse(const uint8_t *frame, size_t bytes, struct frame_view *v);
/* Lengths as the frame is, then checksums as the headers now say, whatever that is. */
void frames_mend(uint8_t *frame, size_t bytes);
void frames_mend_checksums(uint8_t *frame, size_t bytes);
/* Internet checksum of the transport with its pseudo-header: 0 when right. Not for fragments. */
uint16_t frames_transport_sum(const uint8_t *frame, const struct frame_view *v);
uint16_t frames_sum(const uint8_t *at, size_t bytes, uint32_t sum);

unsigned frames_get16(const uint8_t *at);
uint32_t frames_get32(const uint8_t *at);
void frames_put16(uint8_t *at, unsigned value);
void frames_put32(uint8_t *at, uint32_t value);

/* Ethernet and IP headers from peer to machine (or, from_machine, the other way) before `bytes` of payload; IPv4 10.0.0.x, IPv6 fd00::x. Machine is x.
 * Returns the frame's length; lengths and checksums are right. */
size_t frames_build(uint8_t *frame, unsigned version, unsigned from, unsigned to, uint8_t protocol, const void *payload, size_t bytes);

#endif
