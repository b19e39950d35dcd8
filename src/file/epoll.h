/* epoll: a file that remembers which of the files it watches may be ready. Work for each event is O(1); a wait looks only
 * at files that were reported, never at all of them. */
#ifndef WEIR_FILE_EPOLL_H
#define WEIR_FILE_EPOLL_H

#include "file/file.h"

struct epoll;

struct file *epoll_file_create(struct machine *m, uint32_t flags);   /* NULL: no memory */
struct epoll *epoll_from_file(const struct file *f);            /* NULL: not an epoll */
/* op: EPOLL_CTL_*. 0, -EEXIST, -ENOENT, -EINVAL, -ELOOP, -EPERM, -ENOMEM. */
int epoll_control(struct epoll *e, int op, struct file *f, int fd, const struct epoll_event *event);
/* Hands up to `limit` events that are true now to put(); the count, or put's error when it refused the first one. */
int epoll_collect(struct epoll *e, int limit, int (*put)(void *ctx, int index, const struct epoll_event *event), void *ctx);
/* The file's last reference is gone. */
void epoll_forget(struct file *f);

#endif
