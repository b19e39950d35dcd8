/* Programs that cannot live with sockets on numbers from the base up. */
#ifndef RUNNER_LOW_NUMBERS_H
#define RUNNER_LOW_NUMBERS_H

#include <stdbool.h>

/* The name of a program, or as much of it as the kernel keeps (15 letters). Ends at the first control character. */
bool low_numbers_insisted_on(const char *program);

#endif
