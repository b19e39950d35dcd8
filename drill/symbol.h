/* The names of constants that scripts may use, and their values on Linux. */
#ifndef DRILL_SYMBOL_H
#define DRILL_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool symbol_find(const char *name, int64_t *value);
bool symbol_find_bytes(const char *name, size_t bytes, int64_t *value); /* a name without a NUL */
const char *symbol_errno(int error); /* "EAGAIN"; NULL: no error has this number */

#endif
