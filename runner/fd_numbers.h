/* Which number a new weir socket gets in a program's fd table: the lowest free one of the weir range, as far as can be
 * told from outside. Numbers given out are remembered until their socket ends; all others are looked up. */
#ifndef RUNNER_FD_NUMBERS_H
#define RUNNER_FD_NUMBERS_H

#include <stdint.h>

struct task_ref;

/* One fd table, kept with the leader of its thread group. */
struct fd_numbers {
    uint64_t *taken;  /* bit N: number N is believed to be in use */
    uint64_t *coming; /* bit N: number N was chosen and its fd is on its way: nobody else may give it away */
    unsigned capacity;
    int last;        /* put to use last; -1: none. An accept-and-fork server closes it at once */
};

/* The number, or -EMFILE or -ENOMEM. */
int fd_numbers_choose(struct fd_numbers *numbers, const struct task_ref *task, unsigned at_least, unsigned fd_base);
/* The number is in use now. (One that was only chosen may still be on its way.) */
void fd_numbers_installed(struct fd_numbers *numbers, unsigned number);
/* The number was chosen, but nothing came of it. */
void fd_numbers_cancel(struct fd_numbers *numbers, unsigned number);
/* A socket that had the number has ended. The number may have been given to another since: that one keeps it. */
void fd_numbers_release(struct fd_numbers *numbers, unsigned number);
/* The number turned out to be beyond the limit: what is believed is forgotten, so that the next choice looks again. */
void fd_numbers_forget(struct fd_numbers *numbers);
void fd_numbers_fini(struct fd_numbers *numbers);

#endif
