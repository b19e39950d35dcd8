/* The kernel in weir's place (weir/pair.h): client and server sockets of one thread, so on one core and without a context switch.
 * client_ns=, server_ns=: files of the network namespaces the two sides live in, joined by veth; without them the loopback of a
 * namespace of our own (as root), else of the host. address=: where the server is. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

enum { BACKLOG = 100000, FIRST_PORT = 100, EVENTS = 64 };

struct host { int net; }; /* a namespace's file; -1: the one we are in */

struct pair {
    struct host client, server;
    in_addr_t address;
    int epoll, ready_count, ready_next;
    struct epoll_event events[EVENTS];
    bool may_configure;
};

struct end {
    struct host *host;
    int fd;
};

static inline void host_enter(const struct host *h)
{
    if (h->net >= 0) must(!setns(h->net, CLONE_NEWNET), "setns");
}

static inline void host_sysctl(const struct host *h, const char *path, const char *value)
{
    char full[128];
    snprintf(full, sizeof full, "/proc/%s", path);
    host_enter(h);
    int fd = open(full, O_WRONLY);
    must(fd >= 0 && write(fd, value, strlen(value)) > 0, path);
    close(fd);
}

static inline void loopback_up(void)
{
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    must(fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &request), "lo up");
    close(fd);
}

static inline int open_net(const char *path)
{
    int fd = *path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    must(!*path || fd >= 0, path);
    return fd;
}

static inline void pair_create(struct pair *p, int argc, char **argv)
{
    struct rlimit files;
    p->client.net = open_net(argument(argc, argv, "client_ns", ""));
    p->server.net = open_net(argument(argc, argv, "server_ns", ""));
    p->address = inet_addr(argument(argc, argv, "address", "127.0.0.1"));
    p->may_configure = p->client.net >= 0;
    if (p->client.net < 0 && !unshare(CLONE_NEWNET)) {
        loopback_up();
        p->may_configure = true;
    }
    if (p->may_configure) {
        host_sysctl(&p->server, "sys/net/core/somaxconn", "100000");
        host_sysctl(&p->client, "sys/net/ipv4/ip_local_port_range", "1024 65535");
    }
    must(!getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
    files.rlim_cur = files.rlim_max;
    must(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
    p->epoll = epoll_create1(0);
    p->ready_count = p->ready_next = 0;
}

static inline void pair_step(struct pair *p, uint64_t by_ns) { (void)p, (void)by_ns; }

static inline void pair_bound_time_wait(struct pair *p, uint64_t closed, uint64_t most)
{
    char text[24];
    if (closed != 1 || !p->may_configure) return;
    snprintf(text, sizeof text, "%llu", (unsigned long long)most);
    host_sysctl(&p->client, "sys/net/ipv4/tcp_max_tw_buckets", text);
}

static inline struct sockaddr_in server_address(const struct pair *p, unsigned listener)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)(FIRST_PORT + listener)),
                                 .sin_addr.s_addr = p->address };
}

static inline int stream_socket(const struct host *h)
{
    host_enter(h);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    must(fd >= 0, "socket");
    return fd;
}

static inline int pair_listen(struct pair *p, unsigned listener, int backlog)
{
    struct sockaddr_in address = server_address(p, listener);
    address.sin_addr.s_addr = 0; /* any: the flood comes by another way */
    const int yes = 1;
    int fd = stream_socket(&p->server);
    must(!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), "SO_REUSEADDR");
    must(!bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
    must(!listen(fd, backlog), "listen");
    host_enter(&p->client); /* from here on we make client sockets only, and need not switch for each */
    return fd;
}

static inline int pair_begin_connect(struct pair *p, unsigned listener)
{
    struct sockaddr_in address = server_address(p, listener);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    must(fd >= 0, "socket");
    must(!connect(fd, (struct sockaddr *)&address, sizeof address) || errno == EINPROGRESS, "connect");
    return fd;
}

static inline void host_next_process(struct host *h) { (void)h; }
enum { PROCESS_CONNECTIONS = 1000000 };

/* The kernel's slabs, all of them: what others do meanwhile is in it too. */
static inline double pair_used_bytes(const struct pair *p)
{
    char line[128];
    long long kib = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    (void)p;
    must(f, "/proc/meminfo");
    while (fgets(line, sizeof line, f) && sscanf(line, "Slab: %lld", &kib) != 1) continue;
    fclose(f);
    return (double)kib * 1024;
}

static inline int host_accept(struct host *h, int fd) { return (void)h, accept4(fd, NULL, NULL, SOCK_NONBLOCK); }
static inline ssize_t host_send(struct host *h, int fd, const void *at, size_t bytes) { return (void)h, send(fd, at, bytes, 0); }
static inline ssize_t host_recv(struct host *h, int fd, void *at, size_t bytes) { return (void)h, recv(fd, at, bytes, 0); }
static inline void host_close(struct host *h, int fd) { (void)h, must(!close(fd), "close"); }

static inline void host_set(struct host *h, int fd, int level, int name, const void *value, socklen_t bytes)
{
    (void)h, must(!setsockopt(fd, level, name, value, bytes), "setsockopt");
}

static inline void host_get(struct host *h, int fd, int level, int name, void *value, socklen_t bytes)
{
    (void)h, must(!getsockopt(fd, level, name, value, &bytes), "getsockopt");
}

/* A text of /proc/net of the server. */
static inline void server_proc(struct pair *p, const char *path, char *text, size_t bytes)
{
    char full[128];
    snprintf(full, sizeof full, "/proc/thread-self/%s", path);
    host_enter(&p->server);
    FILE *f = fopen(full, "r");
    must(f, full);
    text[fread(text, 1, bytes - 1, f)] = 0;
    fclose(f);
    host_enter(&p->client);
}

/* Where the flood comes from: a TUN device. What leaves by it nobody reads: its queue overflows, as cheap as can be. */
static int flood_fd;

static inline void flood_open(struct pair *p)
{
    struct ifreq request = { .ifr_name = "flood0", .ifr_flags = IFF_TUN | IFF_NO_PI };
    must(p->may_configure, "a TUN device needs a namespace of our own");
    host_enter(&p->server);
    flood_fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    must(flood_fd >= 0 && !ioctl(flood_fd, TUNSETIFF, &request), "/dev/net/tun");
    must(!system("ip address add 10.9.0.1/24 dev flood0 && ip link set flood0 up && ip route add default via 10.9.0.2"), "ip");
    host_enter(&p->client);
}

static inline void flood_send(uint8_t *packet, size_t bytes)
{
    must(write(flood_fd, packet, bytes) == (ssize_t)bytes, "write to the TUN device");
}

static inline void pair_watch(struct pair *p, struct end *e)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = e };
    must(!epoll_ctl(p->epoll, EPOLL_CTL_ADD, e->fd, &event), "epoll_ctl");
}

static inline struct end *pair_take_ready(struct pair *p)
{
    if (p->ready_next == p->ready_count) {
        p->ready_next = 0;
        p->ready_count = epoll_wait(p->epoll, p->events, EVENTS, 0);
        if (p->ready_count <= 0) return p->ready_count = 0, NULL;
    }
    return p->events[p->ready_next++].data.ptr;
}

#endif
