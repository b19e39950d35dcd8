/* Value types that make a missing swap or a wrong comparison a compile error. One machine word each; no code in the result. */
#ifndef WEIR_BASE_TYPES_H
#define WEIR_BASE_TYPES_H

#include <weir/uapi.h>

/* Network byte order, as on the wire. */
typedef struct { uint16_t raw; } be16_t;
typedef struct { uint32_t raw; } be32_t;

static inline be16_t be16(uint16_t host) { return (be16_t){ __builtin_bswap16(host) }; }
static inline be32_t be32(uint32_t host) { return (be32_t){ __builtin_bswap32(host) }; }
static inline uint16_t host16(be16_t v) { return __builtin_bswap16(v.raw); }
static inline uint32_t host32(be32_t v) { return __builtin_bswap32(v.raw); }
static inline bool be16_equal(be16_t a, be16_t b) { return a.raw == b.raw; }
static inline bool be32_equal(be32_t a, be32_t b) { return a.raw == b.raw; }

/* TCP sequence number, host order, modulo 2^32 (RFC 9293 §3.4). */
typedef struct { uint32_t v; } seq_t;

static inline seq_t seq(uint32_t v) { return (seq_t){ v }; }
static inline seq_t seq_add(seq_t a, uint32_t n) { return (seq_t){ a.v + n }; }
static inline seq_t seq_sub(seq_t a, uint32_t n) { return (seq_t){ a.v - n }; }
static inline uint32_t seq_diff(seq_t to, seq_t from) { return to.v - from.v; } /* bytes from `from` to `to` */
static inline bool seq_equal(seq_t a, seq_t b) { return a.v == b.v; }
static inline bool seq_before(seq_t a, seq_t b) { return (int32_t)(a.v - b.v) < 0; }
static inline bool seq_after(seq_t a, seq_t b) { return (int32_t)(b.v - a.v) < 0; }
static inline bool seq_at_or_before(seq_t a, seq_t b) { return !seq_after(a, b); }
static inline bool seq_at_or_after(seq_t a, seq_t b) { return !seq_before(a, b); }
static inline seq_t seq_max(seq_t a, seq_t b) { return seq_after(a, b) ? a : b; }
static inline seq_t seq_min(seq_t a, seq_t b) { return seq_before(a, b) ? a : b; }
/* low <= x < high */
static inline bool seq_within(seq_t x, seq_t low, seq_t high) { return seq_diff(x, low) < seq_diff(high, low); }

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define array_count(a) (sizeof(a) / sizeof((a)[0]))
#define min_of(a, b) ((a) < (b) ? (a) : (b))
#define max_of(a, b) ((a) > (b) ? (a) : (b))
#define clamp_of(v, lo, hi) ((v) < (lo) ? (lo) : (v) > (hi) ? (hi) : (v))
#define RARELY __attribute__((noinline)) /* its caller is called often, and stays small without it */
#define WEIR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull
#define NS_NEVER  UINT64_MAX

#endif
