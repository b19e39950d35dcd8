/* MD5 (RFC 1321): broken as a hash, but what RFC 2385 signs TCP segments with. */
#ifndef WEIR_BASE_MD5_H
#define WEIR_BASE_MD5_H

#include "base/types.h"

#define MD5_BYTES 16

struct md5 {
    uint32_t state[4];
    uint64_t bytes;       /* taken so far */
    uint8_t block[64];    /* the last, not yet full one */
};
void md5_init(struct md5 *m);
void md5_add(struct md5 *m, const void *data, size_t bytes);
void md5_end(struct md5 *m, uint8_t digest[MD5_BYTES]);

#endif
