/* The headers as they lie on the wire: fixed parts only, network byte order, byte-aligned so that any offset may be cast.
 * Options and extension headers are parsed by the rooms that own them. */
#ifndef WEIR_WIRE_HEADERS_H
#define WEIR_WIRE_HEADERS_H

#include "wire/address.h"

#define WIRE_PACKED __attribute__((packed, aligned(1)))

struct wire_ethernet { struct mac_addr destination, source; be16_t type; } WIRE_PACKED;
struct wire_arp { /* Ethernet and IPv4 only */
    be16_t hardware, protocol; uint8_t hardware_bytes, protocol_bytes; be16_t operation;
    struct mac_addr sender_mac; be32_t sender_ip; struct mac_addr target_mac; be32_t target_ip;
} WIRE_PACKED;
struct wire_ipv4 {
    uint8_t version_ihl, tos; be16_t total_bytes, id, fragment; uint8_t ttl, protocol; be16_t checksum; be32_t source, destination;
} WIRE_PACKED;
#define IPV4_DF 0x4000u
#define IPV4_MF 0x2000u
#define IPV4_OFFSET_MASK 0x1fffu
struct wire_ipv6 {
    be32_t version_class_flow; be16_t payload_bytes; uint8_t next_header, hop_limit; uint8_t source[16], destination[16];
} WIRE_PACKED;
struct wire_ipv6_fragment { uint8_t next_header, reserved; be16_t offset_flags; be32_t id; } WIRE_PACKED;
struct wire_tcp {
    be16_t source, destination; be32_t sequence, acknowledgment; uint8_t offset_reserved, flags; be16_t window, checksum, urgent;
} WIRE_PACKED;
enum { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_ACK = 0x10, TCP_URG = 0x20, TCP_ECE = 0x40, TCP_CWR = 0x80 };
struct wire_udp { be16_t source, destination, length_bytes, checksum; } WIRE_PACKED;
struct wire_icmp { uint8_t type, code; be16_t checksum; be16_t id, sequence; } WIRE_PACKED; /* v4 and v6 */

static_assert(sizeof(struct wire_ethernet) == 14, "Ethernet II");
static_assert(sizeof(struct wire_arp) == 28, "RFC 826");
static_assert(sizeof(struct wire_ipv4) == 20, "RFC 791");
static_assert(sizeof(struct wire_ipv6) == 40, "RFC 8200");
static_assert(sizeof(struct wire_tcp) == 20, "RFC 9293");
static_assert(sizeof(struct wire_udp) == 8, "RFC 768");
static_assert(sizeof(struct wire_icmp) == 8, "RFC 792");

#endif
