/* io_submit(): the kernel would do what is asked to the backing pair. Refused where one of the fds is a weir socket, as for
 * a file that cannot be read so; the completion could not be told. */
#include "runner/door.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <unistd.h>

enum { BLOCKS_MAX = 1024 };

static bool is_on_weir_socket(struct trapped_call *c, uint64_t block_address)
{
    struct iocb block;
    int fd;
    bool is_weirs;

    if (task_read(c->task, &block, block_address, sizeof(block)) < 0)
        return false; /* the kernel says EFAULT */
    fd = task_duplicate_fd(c->task, (int)block.aio_fildes);
    if (fd < 0)
        return false;
    is_weirs = sockets_of_fd(c->door, fd) != NULL;
    close(fd);
    return is_weirs;
}

void aio_submit(struct trapped_call *c)
{
    uint64_t addresses[BLOCKS_MAX];
    int64_t count = (int64_t)c->data.args[1];
    int64_t result = 0;

    if (count > BLOCKS_MAX)
        count = BLOCKS_MAX; /* more are looked at by nobody, and harm nobody but the program */
    if (count > 0 && task_read(c->task, addresses, c->data.args[2], (size_t)count * sizeof(addresses[0])) == 0)
        for (int64_t i = 0; i < count && result == 0; i++)
            result = is_on_weir_socket(c, addresses[i]) ? -EINVAL : 0;
    if (result < 0)
        notify_reply(c, result);
    else
        notify_continue(c);
    calls_free(c);
}
