#include "runner/inside.h"

#include "runner/door.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static struct file *get_file(struct task *task, int fd)
{
    (void)fd;
    return file_get(task->door);
}

static const struct task_ops inside_task_ops = { .file_get = get_file };

int64_t inside_call(struct door *door, struct file *file, long number, const uint64_t args[6])
{
    struct task task = {
        .ops = &inside_task_ops, .machine = door->machine, .net = door->net, .memory = &user_memory_direct,
        .door = file, .credentials = { .capabilities = UINT64_MAX },
    };
    struct call call = { .task = &task, .number = number, .never_park = true };

    memcpy(call.args, args, sizeof(call.args));
    return call_start(&call);
}

static uint64_t address(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

int64_t inside_receive(struct door *door, struct file *file, void *buffer, size_t bytes)
{
    return inside_call(door, file, SYS_recvfrom, (uint64_t[6]){ 0, address(buffer), bytes, MSG_DONTWAIT });
}

int64_t inside_peek(struct door *door, struct file *file, void *buffer, size_t bytes)
{
    return inside_call(door, file, SYS_recvfrom, (uint64_t[6]){ 0, address(buffer), bytes, MSG_DONTWAIT | MSG_PEEK });
}

int64_t inside_send(struct door *door, struct file *file, const void *buffer, size_t bytes)
{
    return inside_call(door, file, SYS_sendto,
                       (uint64_t[6]){ 0, address(buffer), bytes, MSG_DONTWAIT | MSG_NOSIGNAL });
}

int64_t inside_shutdown(struct door *door, struct file *file, int how)
{
    return inside_call(door, file, SYS_shutdown, (uint64_t[6]){ 0, (uint64_t)how });
}

void inside_make_abortive(struct door *door, struct file *file)
{
    const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    inside_call(door, file, SYS_setsockopt,
                (uint64_t[6]){ 0, SOL_SOCKET, SO_LINGER, address(&at_once), sizeof(at_once) });
}
