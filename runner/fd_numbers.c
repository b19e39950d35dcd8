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

static bool is_taken(const struct fd_numbers *numbers, unsigned number)
{
    return number < numbers->capacity && (numbers->taken[number / WORD_BITS] >> (number % WORD_BITS) & 1);
}

static int take(struct fd_numbers *numbers, unsigned number)
{
    if (number >= numbers->capacity) {
        unsigned capacity = numbers->capacity ? numbers->capacity : 1024;
        uint64_t *grown;

        while (capacity <= number)
            capacity *= 2;
        grown = realloc(numbers->taken, capacity / 8);
        if (!grown)
            return -ENOMEM;
        memset(grown + numbers->capacity / WORD_BITS, 0, (capacity - numbers->capacity) / 8);
        numbers->taken = grown;
        numbers->capacity = capacity;
    }
    numbers->taken[number / WORD_BITS] |= 1ULL << (number % WORD_BITS);
    return 0;
}

void fd_numbers_release(struct fd_numbers *numbers, unsigned number)
{
    if (number < numbers->capacity)
        numbers->taken[number / WORD_BITS] &= ~(1ULL << (number % WORD_BITS));
}

void fd_numbers_installed(struct fd_numbers *numbers, unsigned number)
{
    numbers->last = (int)number;
}

void fd_numbers_forget(struct fd_numbers *numbers)
{
    if (numbers->capacity)
        memset(numbers->taken, 0, numbers->capacity / 8);
    numbers->last = -1;
}

void fd_numbers_fini(struct fd_numbers *numbers)
{
    free(numbers->taken);
    *numbers = (struct fd_numbers){ .last = -1 };
}

int fd_numbers_choose(struct fd_numbers *numbers, const struct task_ref *task, unsigned at_least, unsigned fd_base)
{
    unsigned number = at_least > fd_base ? at_least : fd_base;
    bool is_low_range_full = fd_base > 0 && task_fd_in_use(task, fd_base - 1);
    unsigned skip = is_low_range_full ? GAP : 0;

    if (numbers->last >= 0 && is_taken(numbers, (unsigned)numbers->last) &&
        !task_fd_in_use(task, (unsigned)numbers->last))
        fd_numbers_release(numbers, (unsigned)numbers->last);
    for (; number < CAPACITY_MAX; number++) {
        if (is_taken(numbers, number))
            continue;
        if (!task_fd_in_use(task, number)) {
            if (skip-- > 0)
                continue;
            return take(numbers, number) < 0 ? -ENOMEM : (int)number;
        }
        if (take(numbers, number) < 0) /* in use by something else: believed so until looked at again */
            return -ENOMEM;
    }
    return -EMFILE;
}
