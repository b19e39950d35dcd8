/* The state of an arena, kept beside it and put back: what is in use is copied, and the sanitizers' shadow with it. */
#ifndef WEIR_TEST_FUZZ_SAVED_H
#define WEIR_TEST_FUZZ_SAVED_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_saved;

/* The arena's first `bytes`; page-aligned. NULL: no memory. */
struct fuzz_saved *saved_create(uint8_t *arena, size_t bytes);
void saved_restore(const struct fuzz_saved *s);

#endif
