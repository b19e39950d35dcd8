#include "file/user_memory.h"

#include "wire/checksum.h"

static void *address(uint64_t at) { return (void *)(uintptr_t)at; }

/* Of the caller's own bytes only the null page can be known to be bad. */
static int direct_in(void *ctx, void *to, uint64_t from, size_t bytes)
{
    (void)ctx;
    if (from < 4096) return -EFAULT;
    memcpy(to, address(from), bytes);
    return 0;
}

static int direct_out(void *ctx, uint64_t to, const void *from, size_t bytes)
{
    (void)ctx;
    if (to < 4096) return -EFAULT;
    memcpy(address(to), from, bytes);
    return 0;
}

const struct user_memory user_memory_direct = { direct_in, direct_out, NULL };

/* Bytes that may be copied in one piece. */
static size_t piece(struct user_iter *it, size_t bytes)
{
    while (it->count && it->skip == it->vec->bytes) {
        it->vec++;
        it->count--;
        it->skip = 0;
    }
    return it->count ? min_of(bytes, it->vec->bytes - it->skip) : 0;
}

uint64_t user_iter_piece(struct user_iter *it, uint64_t *at)
{
    size_t bytes = piece(it, it->left);
    *at = bytes ? it->vec->base + it->skip : 0;
    return bytes;
}

void user_iter_advance(struct user_iter *it, uint64_t bytes)
{
    it->left -= bytes;
    while (bytes) {
        size_t n = piece(it, bytes);
        it->skip += n;
        bytes -= n;
    }
}

/* Each moves the cursor only when all was copied: a fault leaves it where it was. */
int user_iter_in_pieces(struct user_iter *it, void *to, size_t bytes)
{
    struct user_iter at = *it;
    uint8_t *out = to;
    while (bytes) {
        size_t n = piece(&at, bytes);
        if (!n || user_in(at.memory, out, at.vec->base + at.skip, n)) return -EFAULT;
        at.skip += n;
        at.left -= n;
        out += n;
        bytes -= n;
    }
    *it = at;
    return 0;
}

int user_iter_out_pieces(struct user_iter *it, const void *from, size_t bytes)
{
    struct user_iter at = *it;
    const uint8_t *in = from;
    while (bytes) {
        size_t n = piece(&at, bytes);
        if (!n || user_out(at.memory, at.vec->base + at.skip, in, n)) return -EFAULT;
        at.skip += n;
        at.left -= n;
        in += n;
        bytes -= n;
    }
    *it = at;
    return 0;
}

static int piece_in_checksum(const struct user_memory *memory, void *to, uint64_t from, size_t bytes, uint32_t *sum)
{
    if (memory->copy_in == direct_in && from >= 4096) {
        *sum = checksum_copy(to, address(from), bytes, 0);
        return 0;
    }
    if (user_in(memory, to, from, bytes)) return -EFAULT;
    *sum = checksum_partial(to, bytes, 0);
    return 0;
}

int user_iter_in_checksum(struct user_iter *it, void *to, size_t bytes, uint32_t *sum)
{
    struct user_iter at = *it;
    uint8_t *out = to;
    size_t done = 0;
    while (done < bytes) {
        uint32_t block;
        size_t n = piece(&at, bytes - done);
        if (!n || piece_in_checksum(at.memory, out + done, at.vec->base + at.skip, n, &block)) return -EFAULT;
        *sum = checksum_block_add(*sum, block, done);
        at.skip += n;
        at.left -= n;
        done += n;
    }
    *it = at;
    return 0;
}
