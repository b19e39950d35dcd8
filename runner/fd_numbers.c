#include "runner/fd_numbers.h"

#include "runner/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORD_BITS = 64,
    CAPACITY_MAX = 1 << 24,
    GAP = 8, /* kept to the numbers that the program's own open() would take next, against a race with it */
};

static bool is_set(const struct fd_numbers *numbers, const uint64_t *bits, unsigned number)
{
    return number < numbers->capacity && (bits[number / WORD_BITS] >> (number % WORD_BITS) & 1);
}

static void set(uint64_t *bits, unsigned number) { bits[number / WORD_BITS] |= 1ULL << (number % WORD_BITS); }
static void clear(uint64_t *bits, unsigned number) { bits[number / WORD_BITS] &= ~(1ULL << (number % WORD_BITS)); }

static bool grow_bits(uint64_t **bits, unsigned from, unsigned to)
{
    uint64_t *grown = realloc(*bits, to / 8);

    if (!grown)
        return false;
    memset(grown + from / WORD_BITS, 0, (to - from) / 8);
    *bits = grown;
    return true;
}

static int take(struct fd_numbers *numbers, unsigned number)
{
    if (number >= numbers->capacity) {
        unsigned capacity = numbers->capacity ? numbers->capacity : 1024;

        while (capacity <= number)
            capacity *= 2;
        if (!grow_bits(&numbers->taken, numbers->capacity, capacity) ||
            !grow_bits(&numbers->coming, numbers->capacity, capacity))
            return -ENOMEM;
        numbers->capacity = capacity;
    }
    set(numbers->taken, number);
    return 0;
}

void fd_numbers_release(struct fd_numbers *numbers, unsigned number)
{
    if (number < numbers->capacity && !is_set(numbers, numbers->coming, number))
        clear(numbers->taken, number);
}

void fd_numbers_cancel(struct fd_numbers *numbers, unsigned number)
{
    if (number >= numbers->capacity)
        return;
    clear(numbers->coming, number);
    clear(numbers->taken, number);
}

void fd_numbers_installed(struct fd_numbers *numbers, unsigned number)
{
    if (number < numbers->capacity)
        clear(numbers->coming, number);
    numbers->last = (int)number;
}

void fd_numbers_forget(struct fd_numbers *numbers)
{
    if (numbers->capacity) {
        memset(numbers->taken, 0, numbers->capacity / 8);
        memset(numbers->coming, 0, numbers->capacity / 8);
    }
    numbers->last = -1;
}

void fd_numbers_fini(struct fd_numbers *numbers)
{
    free(numbers->taken);
    free(numbers->coming);
    *numbers = (struct fd_numbers){ .last = -1 };
}

int fd_numbers_choose(struct fd_numbers *numbers, const struct task_ref *task, unsigned at_least, unsigned fd_base)
{
    unsigned number = at_least > fd_base ? at_least : fd_base;
    bool is_low_range_full = fd_base > 0 && task_fd_in_use(task, fd_base - 1);
    unsigned skip = is_low_range_full ? GAP : 0;

    if (numbers->last >= 0 && !task_fd_in_use(task, (unsigned)numbers->last))
        fd_numbers_release(numbers, (unsigned)numbers->last);
    for (; number < CAPACITY_MAX; number++) {
        if (is_set(numbers, numbers->taken, number))
            continue;
        if (!task_fd_in_use(task, number)) {
            if (skip-- > 0)
                continue;
            if (take(numbers, number) < 0)
                return -ENOMEM;
            set(numbers->coming, number);
            return (int)number;
        }
        if (take(numbers, number) < 0) /* in use by something else: believed so until looked at again */
            return -ENOMEM;
    }
    return -EMFILE;
}
