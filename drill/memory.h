/* A script's memory: pieces that live as long as it does. */
#ifndef DRILL_MEMORY_H
#define DRILL_MEMORY_H

#include <stddef.h>

struct script_memory;

struct script_memory *script_memory_create(void); /* NULL: no memory */
void script_memory_destroy(struct script_memory *memory);
/* Zero-filled, aligned for anything. NULL: no memory. */
void *script_alloc(struct script_memory *memory, size_t bytes);
char *script_copy(struct script_memory *memory, const char *text, size_t bytes); /* ends with a NUL */

#endif
