/* round_trips [seconds=1] [connections=1] [bytes=64] [count=0]: each connection has one request under way, answered with as much.
 * Who is readable comes from weir_watch(), as a callback, or from the kernel's epoll. count: so many round trips instead of a time. */
#include "connect.h"

enum { BATCH = 64, LISTENER_CONNECTIONS = 20000 };

static char buffer[65536];

/* Answers what has come, on both sides, up to BATCH messages: a cable's queue is bounded. How many reached the client. */
static uint64_t exchange(struct pair *p, size_t bytes)
{
    uint64_t answers = 0;
    struct end *e;
    pair_step(p, 1000);
    for (int i = 0; i < BATCH && (e = pair_take_ready(p)); i++) {
        ssize_t n = host_recv(e->host, e->fd, buffer, sizeof buffer);
        if (n <= 0) continue;
        must((size_t)n == bytes, "a part of a message");
        must(host_send(e->host, e->fd, buffer, bytes) == n, "send");
        if (e->host == &p->client) answers++;
    }
    return answers;
}

static void establish(struct pair *p, struct end *ends, unsigned connections)
{
    int listening = -1;
    for (unsigned i = 0; i < connections; i++) {
        unsigned listener = i / LISTENER_CONNECTIONS;
        if (i % LISTENER_CONNECTIONS == 0) listening = pair_listen(p, listener, BACKLOG);
        struct end *client = &ends[2 * i], *server = client + 1;
        *client = (struct end){ .host = &p->client };
        *server = (struct end){ .host = &p->server };
        pair_connect(p, listening, listener, &client->fd, &server->fd);
        pair_watch(p, client);
        pair_watch(p, server);
    }
}

int main(int argc, char **argv)
{
    double seconds = number(argc, argv, "seconds", 1), count = number(argc, argv, "count", 0);
    unsigned connections = (unsigned)number(argc, argv, "connections", 1);
    size_t bytes = (size_t)number(argc, argv, "bytes", 64);
    struct end *ends = calloc(2 * (size_t)connections, sizeof *ends);
    struct pair p;
    must(ends && bytes <= sizeof buffer, "arguments");
    pair_create(&p, argc, argv);
    establish(&p, ends, connections);
    for (unsigned i = 0; i < connections; i++) {
        must(host_send(&p.client, ends[2 * i].fd, buffer, bytes) > 0, "send");
        if (i % BATCH == 0) exchange(&p, bytes);
    }
    struct stopwatch clock = stopwatch_start();
    uint64_t answers = 0, looked = 0;
    for (;;) {
        uint64_t before = answers;
        for (int i = 0; i < 1000 && answers == before; i++) answers += exchange(&p, bytes);
        must(answers > before, "no answer");
        if (count > 0 ? (double)answers >= count : answers >= looked + 256 && cpu_s_since(&clock) >= seconds) break;
        if (answers >= looked + 256) looked = answers;
    }
    report(&clock, "round_trips_per_s", (double)answers / cpu_s_since(&clock), NULL);
    return 0;
}
