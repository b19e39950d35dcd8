#include "runner/low_numbers.h"

#include <stddef.h>
#include <string.h>

enum { KERNEL_NAME_LENGTH = 15 };

/* The first checks that its socket is number 3; the second has room for as many numbers as it makes connections. */
static const char *const programs[] = { "systemd-socket-activate", "wrk" };

bool low_numbers_insisted_on(const char *program)
{
    size_t length = 0;

    while ((unsigned char)program[length] >= ' ')
        length++;
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        size_t wanted = strlen(programs[i]);

        if ((length == wanted || (length == KERNEL_NAME_LENGTH && wanted > length)) &&
            strncmp(program, programs[i], length) == 0)
            return true;
    }
    return false;
}
