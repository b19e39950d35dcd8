#include "runner/texts.h"

#include "runner/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FIRST_BYTES = 8192 };

int64_t texts_read(struct door *door, const char *name, char **text)
{
    size_t size = FIRST_BYTES;

    for (;;) {
        char *buffer = malloc(size);
        long length;

        if (!buffer)
            return -ENOMEM;
        length = weir_proc_read(door->self, name, buffer, size);
        if (length >= 0 && (size_t)length <= size) {
            *text = buffer;
            return length;
        }
        free(buffer);
        if (length < 0)
            return length;
        size = (size_t)length + FIRST_BYTES; /* it may grow meanwhile */
    }
}

int64_t texts_write(struct door *door, const char *name, const char *text, size_t bytes)
{
    return weir_proc_write(door->self, name, text, bytes);
}

static int reopen_read_only(int fd)
{
    char path[32];
    int copy;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    copy = open(path, O_RDONLY | O_CLOEXEC);
    return copy < 0 ? -errno : copy;
}

static int write_all(int fd, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = write(fd, text, bytes);

        if (n < 0)
            return -errno;
        text += n;
        bytes -= (size_t)n;
    }
    return 0;
}

int texts_open(struct door *door, const char *name)
{
    char *text = NULL;
    int64_t length = texts_read(door, name, &text);
    int fd, result;

    if (length < 0)
        return (int)length;
    fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        free(text);
        return -ENFILE;
    }
    result = write_all(fd, text, (size_t)length);
    free(text);
    if (result == 0)
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    if (result == 0)
        result = reopen_read_only(fd);
    close(fd);
    return result;
}
