/* The control protocol of a machine's process: requests as a client sends them, whole, cut, with too many or too few fds. The
 * server's side runs as it does in the process; the socket between is a real one. */
#include "test/fuzz/harness.h"
#include "test/fuzz/mutate.h"

#include "runner/control.h"
#include "runner/fdpass.h"
#include "runner/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OP_REQUEST, OP_RAW, OPS, FDS_SHIFT = 4, FDS_MOST = 3 };

static struct fuzz_machine *machine;
static struct process process;
static int passed_fd, peer;

static struct client *connect_client(void)
{
    int pair[2];
    struct client *client = calloc(1, sizeof *client);
    if (!client || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) harness_fail("no socket pair: errno %d", errno);
    client->source.kind = SOURCE_CONTROL_CLIENT;
    client->process = &process;
    client->socket = pair[0];
    peer = pair[1];
    list_add_tail(&process.clients, &client->node);
    return client;
}

/* What the server answered. False: it has hung up. */
static bool read_answer(void)
{
    struct control_reply reply;
    int fds[2];
    ssize_t n = fdpass_receive(peer, &reply, sizeof reply, fds, 2);
    for (int i = 0; i < 2 && n >= 0; i++)
        if (fds[i] >= 0) close(fds[i]);
    if (n == -EAGAIN) harness_fail("no answer");
    if (n <= 0) return false;
    if (n != sizeof reply) harness_fail("an answer of %zd bytes", n);
    if (!memchr(reply.text, 0, sizeof reply.text)) harness_fail("an answer without an end");
    harness_note((uint64_t)reply.error);
    return true;
}

static void forget(struct client **client)
{
    close(peer);
    if (!(*client)->source.is_dead) {
        list_remove(&(*client)->node);
        close((*client)->socket);
    } else {
        list_remove(&(*client)->source.graveyard_node);
    }
    free(*client);
    *client = NULL;
}

static void send_request(uint8_t op, struct input *in)
{
    int fds[FDS_MOST] = { passed_fd, passed_fd, passed_fd };
    unsigned count = op >> FDS_SHIFT & 3;
    struct control_request request = { .version = CONTROL_VERSION };
    if ((op & 15) % OPS == OP_RAW) {
        if (in->left) fdpass_send(peer, in->at, in->left, fds, count);
        return;
    }
    request.verb = input_u8(in);
    request.number = (int32_t)input_u32(in);
    request.fd_base = input_u32(in);
    size_t got;
    const uint8_t *text = input_bytes(in, sizeof request.text, &got);
    if (got) memcpy(request.text, text, got);
    fdpass_send(peer, &request, sizeof request, fds, count);
}

static void end_runs(void)
{
    while (!list_is_empty(&process.door.runs)) {
        struct run *run = list_first(&process.door.runs, struct run, node);
        list_remove(&run->node);
        close(run->listener);
        if (run->is_brokered) close(run->broker.socket);
        free(run);
    }
    process.door.run_count = 0;
}

static void run(struct input *in)
{
    struct input payload;
    struct client *client = NULL;
    uint8_t op;
    process.is_ending = process.options.keep = false;
    while (input_next(in, &op, &payload)) {
        if (!client) client = connect_client();
        bool is_sent = (op & 15) % OPS != OP_RAW || payload.left > 0;
        send_request(op, &payload);
        control_server_event(client);
        if (is_sent && !read_answer()) forget(&client);
        else if (client->source.is_dead) forget(&client);
    }
    if (client) forget(&client);
    end_runs();
    harness_settle(machine);
}

static void set_up(void)
{
    machine = harness_open(0, false);
    process.door.machine = (struct machine *)machine->machine;
    process.door.net = process.door.machine->initial_net;
    process.door.self = machine->task;
    list_init(&process.clients);
    list_init(&process.door.runs);
    list_init(&process.door.graveyard);
    passed_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    harness_save(machine);
}

static void fresh(struct rng *rng, struct record *r)
{
    static const char *const texts[] = { "net/tcp", "net/dev", "sys/net/ipv4/tcp_rmem", "net/nothing", "", "../../etc/passwd", "sys/net/ipv4" };
    const char *text = texts[rng_below(rng, 7)];
    record_begin(r, (uint8_t)(rng_one_in(rng, 6) ? OP_RAW : rng_below(rng, 4) << FDS_SHIFT));
    record_put8(r, rng_below(rng, 10));
    record_put32(r, rng_one_in(rng, 2) ? rng_below(rng, 8) : UINT32_MAX);
    record_put32(r, rng_below(rng, 64));
    record_put(r, text, strlen(text));
}

const struct target target = { .name = "control", .ops = OPS, .op_flags = 3 << FDS_SHIFT, .set_up = set_up, .run = run, .fresh = fresh };
