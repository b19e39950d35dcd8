/* idle [connections=1000] [packets=200000]: what an established connection without work takes, and what a packet costs for a random one.
 * Each connection carries one request and answer first, and then is left alone for two minutes (where the clock is ours).
 * A packet is 64 B from send() to recv(), in turn to the server and back. chase_ns: one cache miss in as much memory. */
#include "connect.h"

enum { LISTENER_CONNECTIONS = 20000, BYTES = 64, HOT = 10 };

struct connection { int client, server; };

static struct host *clients, *servers; /* by process */
static char buffer[BYTES];

static void pass(struct pair *p, struct host *from, int from_fd, struct host *to, int to_fd)
{
    must(host_send(from, from_fd, buffer, BYTES) == BYTES, "send");
    for (int i = 0; i < 100; i++) {
        if (host_recv(to, to_fd, buffer, BYTES) == BYTES) return;
        pair_step(p, 1000);
    }
    must(false, "recv");
}

static void pass_both_ways(struct pair *p, const struct connection *all, size_t chosen)
{
    size_t process = chosen / PROCESS_CONNECTIONS;
    const struct connection *c = &all[chosen];
    pass(p, &clients[process], c->client, &servers[process], c->server);
    pass(p, &servers[process], c->server, &clients[process], c->client);
}

static void establish(struct pair *p, struct connection *all, size_t count)
{
    int listening = -1;
    for (size_t i = 0; i < count; i++) {
        size_t process = i / PROCESS_CONNECTIONS;
        unsigned listener = (unsigned)(i / LISTENER_CONNECTIONS);
        if (i && i % PROCESS_CONNECTIONS == 0) host_next_process(&p->client), host_next_process(&p->server);
        if (i % LISTENER_CONNECTIONS == 0) listening = pair_listen(p, listener, BACKLOG);
        pair_connect(p, listening, listener, &all[i].client, &all[i].server);
        clients[process] = p->client;
        servers[process] = p->server;
        pass_both_ways(p, all, i);
    }
}

static double packet_ns(struct pair *p, const struct connection *all, size_t among, uint64_t packets)
{
    uint64_t seed = 88172645463325252, start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (uint64_t i = 0; i < packets; i += 2) pass_both_ways(p, all, random_next(&seed) % among);
    return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / (double)packets;
}

int main(int argc, char **argv)
{
    size_t count = (size_t)number(argc, argv, "connections", 1000);
    uint64_t packets = (uint64_t)number(argc, argv, "packets", 200000);
    struct connection *all = malloc(count * sizeof *all);
    struct pair p;
    clients = calloc(count / PROCESS_CONNECTIONS + 1, sizeof *clients);
    servers = calloc(count / PROCESS_CONNECTIONS + 1, sizeof *servers);
    must(all && clients && servers && count >= HOT, "arguments");
    memset(all, 0, count * sizeof *all);
    pair_create(&p, argc, argv);
    struct stopwatch clock = stopwatch_start();
    double used = pair_used_bytes(&p), resident = resident_bytes(), ends = 2 * (double)count;
    establish(&p, all, count);
    for (int i = 0; i < 120; i++) pair_step(&p, 1000000000);
    used = pair_used_bytes(&p) - used;
    resident = resident_bytes() - resident;
    packet_ns(&p, all, HOT, 1000);
    double hot_ns = packet_ns(&p, all, HOT, packets), random_ns = packet_ns(&p, all, count, packets);
    report(&clock, "used_bytes", used / ends, "resident_bytes", resident / ends, "hot_ns", hot_ns, "random_ns", random_ns,
           "chase_ns", chase_ns((size_t)used), NULL);
    return 0;
}
