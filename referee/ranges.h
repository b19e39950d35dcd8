/* A set of sequence numbers as ranges without gaps between them, in order. For what a host was sent. */
#ifndef WEIR_REFEREE_RANGES_H
#define WEIR_REFEREE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

struct range { uint32_t left, right; };  /* left <= x < right, modulo 2^32 */
struct ranges { struct range *at; uint32_t count, room; };

/* All numbers of a set lie within 2^31 of each other. False: no memory, the set is as before. */
bool ranges_add(struct ranges *s, uint32_t left, uint32_t right);
bool ranges_contain(const struct ranges *s, uint32_t left, uint32_t right);  /* all of it */
bool ranges_touch(const struct ranges *s, uint32_t left, uint32_t right);    /* any of it */
void ranges_cut_below(struct ranges *s, uint32_t left);                      /* forgets what stands before left */
void ranges_fini(struct ranges *s);

#endif
