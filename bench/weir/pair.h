/* Two weir machines on a cable without faults, in this process: a client and a server. Public headers only.
 * kernel/pair.h offers the same over two sides of the kernel; the programs of sockets/ are written once, over either. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <weir/device.h>
#include <weir/machine.h>
#include <weir/socket.h>

#include "measure.h"

#define ARENA_BYTES ((size_t)24 << 30) /* of address space, taken up as needed; callgrind has no room for two of 64 GiB */
enum { BACKLOG = 100000, FIRST_PORT = 100 };

struct host {
    struct weir_env env;
    struct weir_machine *machine;
    struct weir_task *task;
};

struct pair {
    struct host client, server;
    uint64_t now_ns; /* one clock for both, moved by the workload: reading the host's for each packet would be measured too */
};

/* One side of a connection, in the list of those that have become readable since they were last taken. */
struct end {
    struct host *host;
    int fd;
    bool is_ready;
    struct end *next;
};

static struct { struct end *first, **last; } ready = { NULL, &ready.first };

static inline void host_sysctl(struct host *h, const char *path, const char *value)
{
    must(weir_proc_write(h->task, path, value, strlen(value)) >= 0, path);
}

static inline void host_create(struct host *h, uint64_t seed)
{
    must(weir_env_map(&h->env, ARENA_BYTES), "weir_env_map");
    h->machine = weir_machine_create(&(struct weir_machine_config){ .seed = { seed, 1 }, .start_ns = 1000000000 }, &h->env);
    must(h->machine && (h->task = weir_task_create(h->machine)), "weir_machine_create");
    host_sysctl(h, "sys/net/core/somaxconn", "100000");
    host_sysctl(h, "sys/net/ipv4/ip_local_port_range", "1024 65535");
}

static inline void pair_create(struct pair *p, int argc, char **argv)
{
    host_create(&p->client, 1);
    host_create(&p->server, 2);
    uint32_t mtu_bytes = (uint32_t)number(argc, argv, "mtu", 1500);
    must(!weir_link(p->client.machine, "eth0", p->server.machine, "eth0", mtu_bytes, NULL), "weir_link");
    must(!weir_address_add(p->client.machine, "eth0", "10.0.0.1/24"), "weir_address_add");
    must(!weir_address_add(p->server.machine, "eth0", "10.0.0.2/24"), "weir_address_add");
    p->now_ns = 1000000000;
}

/* Time passes, and each machine takes what the other sent. */
static inline void pair_step(struct pair *p, uint64_t by_ns)
{
    p->now_ns += by_ns;
    weir_machine_step(p->server.machine, p->now_ns);
    weir_machine_step(p->client.machine, p->now_ns);
}

/* At most about so many connections stay in TIME-WAIT: called after each that was closed. */
static inline void pair_bound_time_wait(struct pair *p, uint64_t closed, uint64_t most)
{
    if (closed % most == 0) pair_step(p, 61000000000); /* Linux: 60 s */
}

static inline struct sockaddr_in server_address(unsigned listener)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)(FIRST_PORT + listener)),
                                 .sin_addr.s_addr = htonl(0x0a000002) };
}

static inline int pair_listen(struct pair *p, unsigned listener, int backlog)
{
    struct sockaddr_in address = server_address(listener);
    address.sin_addr.s_addr = 0; /* any: the flood comes by another way */
    int fd = weir_socket(p->server.task, AF_INET, SOCK_STREAM, 0);
    must(fd >= 0, "socket");
    must(!weir_bind(p->server.task, fd, (struct sockaddr *)&address, sizeof address), "bind");
    must(!weir_listen(p->server.task, fd, backlog), "listen");
    return fd;
}

static inline int pair_begin_connect(struct pair *p, unsigned listener)
{
    struct sockaddr_in address = server_address(listener);
    int fd = weir_socket(p->client.task, AF_INET, SOCK_STREAM, 0);
    must(fd >= 0, "socket");
    must(!weir_connect(p->client.task, fd, (struct sockaddr *)&address, sizeof address) || errno == EINPROGRESS, "connect");
    return fd;
}

/* The host's next sockets are another process's: one may have a million descriptors. */
static inline void host_next_process(struct host *h) { must((h->task = weir_task_create(h->machine)), "weir_task_create"); }
enum { PROCESS_CONNECTIONS = 1000000 };

/* What the stack's own books say. */
static inline double pair_used_bytes(const struct pair *p)
{
    return (double)(weir_machine_used_bytes(p->client.machine) + weir_machine_used_bytes(p->server.machine));
}

static inline int host_accept(struct host *h, int fd) { return weir_accept4(h->task, fd, NULL, NULL, 0); }
static inline ssize_t host_send(struct host *h, int fd, const void *at, size_t bytes) { return weir_send(h->task, fd, at, bytes, 0); }
static inline ssize_t host_recv(struct host *h, int fd, void *at, size_t bytes) { return weir_recv(h->task, fd, at, bytes, 0); }
static inline void host_close(struct host *h, int fd) { must(!weir_close(h->task, fd), "close"); }

static inline void host_set(struct host *h, int fd, int level, int name, const void *value, socklen_t bytes)
{
    must(!weir_setsockopt(h->task, fd, level, name, value, bytes), "setsockopt");
}

static inline void host_get(struct host *h, int fd, int level, int name, void *value, socklen_t bytes)
{
    must(!weir_getsockopt(h->task, fd, level, name, value, &bytes), "getsockopt");
}

static inline void note(void *ctx, uint32_t events)
{
    struct end *e = ctx;
    if (!(events & EPOLLIN) || e->is_ready) return;
    e->is_ready = true;
    e->next = NULL;
    *ready.last = e;
    ready.last = &e->next;
}

static inline void pair_watch(struct pair *p, struct end *e)
{
    (void)p;
    must(!weir_watch(e->host->task, e->fd, note, e), "weir_watch");
}

/* A text of /proc/net of the server. */
static inline void server_proc(struct pair *p, const char *path, char *text, size_t bytes)
{
    long length = weir_proc_read(p->server.task, path, text, bytes - 1);
    must(length >= 0 && (size_t)length < bytes, path);
    text[length] = 0;
}

/* Where the flood comes from: an Ethernet port of the server, whose gateway we are. */
static struct { bool is_asked; struct pair *pair; uint8_t request[42]; } flood;
static const uint8_t flood_mac[6] = { 2, 0, 0, 0, 9, 1 };

static inline bool flood_hears(void *ctx, const void *frame, size_t bytes)
{
    (void)ctx;
    const uint8_t *at = frame;
    if (bytes < sizeof flood.request || at[12] != 8 || at[13] != 6 || at[21] != 1) return true;
    memcpy(flood.request, frame, sizeof flood.request); /* who has the gateway? Answered later: not from within the machine */
    flood.is_asked = true;
    return true;
}

static inline void flood_open(struct pair *p)
{
    flood.pair = p;
    must(!weir_port_create(p->server.machine, "flood0", flood_mac, 1500, flood_hears, NULL), "weir_port_create");
    must(!weir_address_add(p->server.machine, "flood0", "10.9.0.1/24"), "weir_address_add");
    must(!weir_route_add(p->server.machine, "default", "10.9.0.2", "flood0"), "weir_route_add");
}

static inline void flood_answer_arp(void)
{
    uint8_t reply[42];
    const uint8_t *request = flood.request;
    static const uint8_t gateway[6] = { 2, 0, 0, 0, 9, 2 };
    memcpy(reply, request, sizeof reply);
    memcpy(reply, request + 6, 6);
    memcpy(reply + 6, gateway, 6);
    reply[21] = 2; /* a reply; sender and target change places */
    memcpy(reply + 22, gateway, 6);
    memcpy(reply + 28, request + 38, 4);
    memcpy(reply + 32, request + 22, 10);
    flood.is_asked = false;
    weir_port_receive(flood.pair->server.machine, "flood0", reply, sizeof reply);
}

/* An IPv4 packet for 10.9.0.1; 14 bytes in front of it are ours to write. */
static inline void flood_send(uint8_t *packet, size_t bytes)
{
    uint8_t *frame = packet - 14;
    memcpy(frame, flood_mac, 6);
    memcpy(frame + 6, (const uint8_t[]){ 2, 0, 0, 0, 9, 2, 8, 0 }, 8);
    weir_port_receive(flood.pair->server.machine, "flood0", frame, bytes + 14);
    if (flood.is_asked) flood_answer_arp();
}

/* One that has something to read; NULL: none. */
static inline struct end *pair_take_ready(struct pair *p)
{
    (void)p;
    struct end *e = ready.first;
    if (!e) return NULL;
    ready.first = e->next;
    if (!ready.first) ready.last = &ready.first;
    e->is_ready = false;
    return e;
}

#endif
