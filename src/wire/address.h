/* One address type for both IP versions: IPv4 is held IPv4-mapped (::ffff:a.b.c.d), so that dual-stack sockets, lookup and
 * hashing need one path. `unspecified` exists in both versions: ip_any4() and ip_any6(). */
#ifndef WEIR_WIRE_ADDRESS_H
#define WEIR_WIRE_ADDRESS_H

#include "base/types.h"

typedef struct ip_addr {
    union { uint8_t bytes[16]; uint16_t half[8]; uint32_t word[4]; uint64_t quad[2]; };
} ip_addr_t;

#define IP_MAPPED_WORD2 __builtin_bswap32(0x0000ffffu)

static inline ip_addr_t ip_from4(be32_t v4) { return (ip_addr_t){ .word = { 0, 0, IP_MAPPED_WORD2, v4.raw } }; }
static inline ip_addr_t ip_any4(void) { return ip_from4((be32_t){ 0 }); }
static inline ip_addr_t ip_any6(void) { return (ip_addr_t){ .quad = { 0, 0 } }; }
static inline ip_addr_t ip_from6(const void *sixteen_bytes) { ip_addr_t a; memcpy(&a, sixteen_bytes, 16); return a; }
static inline bool ip_is4(const ip_addr_t *a) { return a->quad[0] == 0 && a->word[2] == IP_MAPPED_WORD2; }
static inline be32_t ip_get4(const ip_addr_t *a) { return (be32_t){ a->word[3] }; }
static inline bool ip_equal(const ip_addr_t *a, const ip_addr_t *b) { return a->quad[0] == b->quad[0] && a->quad[1] == b->quad[1]; }
static inline bool ip_is_any6(const ip_addr_t *a) { return !(a->quad[0] | a->quad[1]); }
static inline bool ip_is_any(const ip_addr_t *a) { return ip_is_any6(a) || (ip_is4(a) && !a->word[3]); }
static inline bool ip_is_multicast(const ip_addr_t *a) { return ip_is4(a) ? (a->bytes[12] & 0xf0) == 0xe0 : a->bytes[0] == 0xff; }
static inline bool ip_is_loopback(const ip_addr_t *a)
{
    return ip_is4(a) ? a->bytes[12] == 127 : a->quad[0] == 0 && a->word[2] == 0 && a->word[3] == __builtin_bswap32(1);
}
static inline bool ip_is_link_local(const ip_addr_t *a)
{
    return ip_is4(a) ? a->bytes[12] == 169 && a->bytes[13] == 254 : a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}
static inline bool ip_is_broadcast4(const ip_addr_t *a) { return ip_is4(a) && a->word[3] == 0xffffffffu; }
/* prefix_bits counts in the address's own version: 0-32 for IPv4, 0-128 for IPv6. */
bool ip_in_prefix(const ip_addr_t *a, const ip_addr_t *net, unsigned prefix_bits);

struct mac_addr { uint8_t bytes[6]; };

#endif
