#include "runner/control.h"

#include "runner/fdpass.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int control_ask(int socket, struct control_request *request, struct control_reply *reply, int *fd)
{
    int received_fd = -1;
    ssize_t length;
    int error;

    request->version = CONTROL_VERSION;
    error = fdpass_send(socket, request, sizeof(*request), NULL, 0);
    if (error < 0)
        return error;
    length = fdpass_receive(socket, reply, sizeof(*reply), &received_fd, 1);
    if (fd)
        *fd = received_fd;
    else if (received_fd >= 0)
        close(received_fd);
    if (length != sizeof(*reply))
        return length < 0 ? (int)length : -ECONNRESET;
    reply->text[sizeof(reply->text) - 1] = '\0';
    return reply->error;
}
