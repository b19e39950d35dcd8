/* The machine's own texts, by their names under /proc: "net/tcp", "sys/net/ipv4/tcp_rmem". */
#ifndef RUNNER_TEXTS_H
#define RUNNER_TEXTS_H

#include <stddef.h>
#include <stdint.h>

struct credentials;
struct door;

/* The whole text in fresh memory, for the caller to free; its length, or a negative errno: -ENOENT. */
int64_t texts_read(struct door *door, const char *name, char **text);

/* Bytes taken, or a negative errno. */
int64_t texts_write(struct door *door, const char *name, const char *text, size_t bytes);

/* The text as a sealed file open for reading only, or a negative errno. */
int texts_open(struct door *door, const char *name);

#endif
