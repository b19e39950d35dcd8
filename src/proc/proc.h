/* The texts of /proc/net and the tree of /proc/sys/net, by their path under /proc: "net/tcp", "sys/net/ipv4/tcp_rmem".
 * Formats are Linux's to the byte. Two texts are weir's own: "net/weir/listeners" and "net/weir/drops". */
#ifndef WEIR_PROC_PROC_H
#define WEIR_PROC_PROC_H

#include "base/text.h"
#include "file/task.h"
#include "machine/net.h"

/* S_IFREG or S_IFDIR with permission bits (0444, 0644, 0555); -ENOENT: the machine has no such name. */
int proc_mode(struct net *net, const char *path);
/* Adds the whole text; text->is_cut: it did not fit, try again with more room. 0, -ENOENT, -EISDIR, -EACCES (root's alone). */
int proc_read(struct net *net, const struct credentials *by, const char *path, struct text *text);
/* One write(2) to a sysctl from position 0. Bytes taken (all), or -ENOENT, -EISDIR, -EACCES (not root's, or not writable),
 * -EINVAL, -ENOMEM ... as Linux gives for the value. */
long proc_write(struct net *net, const struct credentials *by, const char *path, const char *bytes, size_t count);
/* The names in a directory, without "." and "..". Stops when visit returns non-zero. 0, -ENOENT, -ENOTDIR. */
int proc_list(struct net *net, const char *path, int (*visit)(void *ctx, const char *name, int mode), void *ctx);

#endif
