/* Bounded text building for /proc texts: a small printf without libc. Never overruns; remembers that it was cut. */
#ifndef WEIR_BASE_TEXT_H
#define WEIR_BASE_TEXT_H

#include "base/types.h"

struct text { char *at; size_t capacity, length; bool is_cut; };

static inline struct text text_in(void *buffer, size_t capacity) { return (struct text){ buffer, capacity, 0, false }; }
/* %d %i %u %x %X %c %s %% with flags -,0,+,space, width, precision, * and l, ll, z, h. Nothing else. Not terminated. */
void text_printf(struct text *t, const char *format, ...) WEIR_PRINTF(2, 3);
void text_vprintf(struct text *t, const char *format, va_list args);
void text_put(struct text *t, const void *bytes, size_t length);
/* Terminated version into a buffer; returns the length without the NUL, cut to size-1. */
size_t text_format(char *buffer, size_t size, const char *format, ...) WEIR_PRINTF(3, 4);
/* Decimal, 0x and leading 0 as strtol base 0. Returns characters eaten, 0 when none. */
size_t text_parse_i64(const char *s, size_t length, int64_t *out);

#endif
