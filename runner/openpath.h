/* Which paths mean the machine's own texts: /proc/net (by any of its names) and /proc/sys/net. */
#ifndef RUNNER_OPENPATH_H
#define RUNNER_OPENPATH_H

#include <stdbool.h>
#include <stddef.h>

enum { OPENPATH_MAX = 4096 };

/* Could this path, or one relative to a directory not looked at yet, be the machine's? A cheap no for most. */
bool openpath_may_be_served(const char *path);

/* Writes the canonical name (/proc/net/..., /proc/sys/net/...) of `path` seen from the absolute directory `base`. False
 * when it is not the machine's or too long. Works on the text alone: symbolic links of the user's are not followed. */
bool openpath_canonical(const char *base, const char *path, char *canonical, size_t size);

#endif
