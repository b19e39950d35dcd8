/* Data that really flows through the pair, for a weir socket on a number whose read() and write() are not trapped: dup2()
 * onto 0, 1 or 2, or passed to another process. Once begun it stays: nobody can tell when the last such number is gone.
 *
 *   program -- write() --> pair --> up ----> machine's socket
 *   program <-- read() --- pair <-- down <-- machine's socket
 *
 * Each direction has one buffer and moves on when the other side has room again, so back-pressure passes through. The ends
 * are told on: end of stream by shutdown, in both directions; unread data at the last close becomes a reset.
 *
 * Streams and connected message sockets flow both ways. Of other message sockets only what is written flows: reading with
 * addresses stays trapped. For read() the first message waits in the pair as a shadow, while it is still in the machine's
 * queue: whoever takes one of the two makes the other go. */
#include "runner/door.h"

#include "runner/inside.h"
#include "sock/sock.h"
#include "socket/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { PUMP_BUFFER_BYTES = 65536, MESSAGES_EACH_TURN = 64 };

struct flow {
    char bytes[PUMP_BUFFER_BYTES];
    size_t start, end;
    bool is_at_end; /* the source has no more */
    bool is_ended;  /* the sink was told */
    bool has_message; /* perhaps an empty one */
};

struct pump {
    struct flow up, down;
    bool is_upward_only;
    bool has_shadow; /* the first message of the machine's queue is in the program's end too */
    bool is_running; /* against itself: a call inside wakes the socket */
};

bool pump_is_upward_only(const struct door_socket *socket)
{
    return socket->pump && socket->pump->is_upward_only;
}

static bool is_empty(const struct flow *flow)
{
    return flow->start == flow->end;
}

static void put(struct flow *flow, size_t bytes)
{
    flow->start = 0;
    flow->end = bytes;
}

/* Nothing that was written can arrive any more: the next write() fails. */
static void break_up(struct door_socket *socket)
{
    struct flow *up = &socket->pump->up;

    up->start = up->end = 0;
    up->is_at_end = up->is_ended = true;
    if (!socket->pump->is_upward_only)
        shutdown(socket->backing.machine_end, SHUT_RD);
}

/* True: the buffer has something, or the end was seen. */
static bool fill_up(struct door_socket *socket)
{
    struct flow *up = &socket->pump->up;
    ssize_t n = recv(socket->backing.machine_end, up->bytes, sizeof(up->bytes), MSG_DONTWAIT);

    if (n > 0) {
        put(up, (size_t)n);
        return true;
    }
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n < 0 && errno == ECONNRESET) /* closed with data unread */
        inside_make_abortive(socket->door, socket->file);
    up->is_at_end = true;
    return true;
}

static void move_up(struct door_socket *socket)
{
    struct flow *up = &socket->pump->up;

    while (!up->is_ended) {
        int64_t n;

        if (is_empty(up) && !up->is_at_end && !fill_up(socket))
            return;
        if (is_empty(up)) {
            if (socket->is_stream)
                inside_shutdown(socket->door, socket->file, SHUT_WR);
            up->is_ended = true;
            return;
        }
        n = inside_send(socket->door, socket->file, up->bytes + up->start, up->end - up->start);
        if (n == -EAGAIN)
            return;
        if (n >= 0)
            up->start += socket->is_stream ? (size_t)n : up->end - up->start;
        else if (socket->is_stream)
            break_up(socket);
        else
            put(up, 0); /* a datagram's error is the next call's */
    }
}

static bool fill_down(struct door_socket *socket)
{
    struct flow *down = &socket->pump->down;
    int64_t n = inside_receive(socket->door, socket->file, down->bytes, sizeof(down->bytes));

    if (n == -EAGAIN)
        return false;
    if (n > 0)
        put(down, (size_t)n);
    else
        down->is_at_end = true;
    return true;
}

static void move_down(struct door_socket *socket)
{
    struct flow *down = &socket->pump->down;

    while (!down->is_ended) {
        ssize_t n;

        if (is_empty(down) && !down->is_at_end && !fill_down(socket))
            return;
        if (is_empty(down)) {
            shutdown(socket->backing.machine_end, SHUT_WR);
            down->is_ended = true;
            return;
        }
        n = send(socket->backing.machine_end, down->bytes + down->start, down->end - down->start,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) { /* the program reads no more */
            down->start = down->end = 0;
            down->is_at_end = down->is_ended = true;
            return;
        }
        down->start += (size_t)n;
    }
}

/* A datagram is passed on whole; an error is skipped, as the next call would have taken it. */
static bool take_message(struct door_socket *socket)
{
    struct flow *down = &socket->pump->down;
    int64_t n = inside_receive(socket->door, socket->file, down->bytes, sizeof(down->bytes));

    if (n == -EAGAIN || (n == 0 && (file_poll(socket->file) & EPOLLRDHUP)))
        return false;
    if (n >= 0)
        put(down, (size_t)n);
    down->has_message = n >= 0;
    return true;
}

static void move_messages_down(struct door_socket *socket)
{
    struct flow *down = &socket->pump->down;

    for (int i = 0; i < MESSAGES_EACH_TURN; i++) {
        if (!down->has_message && !take_message(socket))
            return;
        if (down->has_message &&
            send(socket->backing.machine_end, down->bytes, down->end, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
            errno == EAGAIN)
            return;
        down->has_message = false;
    }
}

/* A shadow that read() took: its message leaves the machine's queue. */
static void settle_shadow(struct door_socket *socket)
{
    struct pump *pump = socket->pump;
    int unread = 1;

    if (!pump->has_shadow || ioctl(socket->backing.machine_end, SIOCOUTQ, &unread) < 0 || unread > 0)
        return;
    pump->has_shadow = false;
    inside_receive(socket->door, socket->file, pump->down.bytes, sizeof(pump->down.bytes));
}

static void cast_shadow(struct door_socket *socket)
{
    struct pump *pump = socket->pump;
    int64_t n = inside_peek(socket->door, socket->file, pump->down.bytes, sizeof(pump->down.bytes));

    pump->has_shadow = n >= 0 && send(socket->backing.machine_end, pump->down.bytes, (size_t)n,
                                      MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

uint32_t pump_show_first(struct door_socket *socket, uint32_t mask, int program_end)
{
    struct pump *pump = socket->pump;
    char byte;

    if (socket->backing.is_read_closed || socket->backing.machine_end < 0)
        return mask;
    settle_shadow(socket);
    if (pump->has_shadow && program_end >= 0) /* a call may have taken the message */
        pump->has_shadow = recv(program_end, &byte, 1, MSG_DONTWAIT) < 0;
    if (!pump->has_shadow && (mask & EPOLLIN) && !(mask & EPOLLERR))
        cast_shadow(socket);
    return (mask & ~(uint32_t)EPOLLIN) | EPOLLOUT; /* the pair's own room says the rest */
}

static bool is_hung_up(const struct door_socket *socket)
{
    struct pollfd end = { .fd = socket->backing.machine_end };

    return poll(&end, 1, 0) == 1 && (end.revents & POLLHUP);
}

void pump_event(struct door_socket *socket)
{
    struct pump *pump = socket->pump;

    if (pump->is_running || socket->backing.machine_end < 0)
        return;
    pump->is_running = true;
    move_up(socket);
    if (socket->is_stream)
        move_down(socket);
    else if (pump->is_upward_only)
        settle_shadow(socket);
    else
        move_messages_down(socket);
    pump->is_running = false;
    /* Shut by both sides or closed: nothing flows any more. What is still in the machine goes on without us. */
    if (pump->up.is_ended && is_hung_up(socket))
        sockets_close(socket);
}

static bool is_connected(const struct door_socket *socket)
{
    const struct socket *core_socket = socket_from_file(socket->file);

    if (core_socket && !socket->is_stream)
        return core_socket->sock && core_socket->sock->state == SOCK_ESTABLISHED; /* a connect() that waits for nobody */
    if (!core_socket || !core_socket->sock)
        return false;
    return core_socket->state == SOCKET_CONNECTED || core_socket->state == SOCKET_DISCONNECTING ||
           (core_socket->state == SOCKET_CONNECTING && /* a connect() that did not wait is told by poll() */
            SOCK_STATE_BIT(core_socket->sock->state) & (SOCK_STATE_BIT(SOCK_ESTABLISHED) | SOCK_STATE_BIT(SOCK_CLOSE_WAIT)));
}

/* Does nothing for a stream that is not connected: listeners are trapped whatever their number. Without the program's end
 * only where nothing is to be taken out of it. */
void pump_start(struct door_socket *socket, int program_end)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = &socket->source };

    if (socket->pump || socket->backing.machine_end < 0 || (socket->is_stream && !is_connected(socket)))
        return;
    if (program_end < 0 && (!socket->is_stream || socket->backing.wake_bytes > 0))
        return;
    socket->pump = calloc(1, sizeof(*socket->pump));
    if (!socket->pump)
        return;
    socket->pump->is_upward_only = !is_connected(socket);
    backing_open_flow(&socket->backing, program_end);
    epoll_ctl(socket->door->epoll_fd, EPOLL_CTL_MOD, socket->backing.machine_end, &event);
    pump_event(socket);
}

void pump_mark_low(struct door_socket *socket, int program_end)
{
    socket->is_low = true;
    pump_start(socket, program_end);
}

void pump_close(struct door_socket *socket)
{
    free(socket->pump);
    socket->pump = NULL;
}
