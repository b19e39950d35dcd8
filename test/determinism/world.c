#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "machine/machine.h"

#define PORT 5000
#define MS_NS 1000000ull
#define BLOCK_BYTES 16384

struct world world;
struct weir_env world_envs[WORLD_HOSTS];

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

static uint64_t draw(uint64_t below) { return mix(world.seed * 0x9e3779b97f4a7c15ull + ++world.draws) % below; }

void world_fail(const char *what)
{
    printf("seed %lu, event %u: %s (errno %s)\n", world.seed, world.events, what, strerrorname_np(errno));
    exit(1);
}

static void note(uint64_t value) { world.digest = mix(world.digest ^ value) + world.now_ns; }

static void note_bytes(const void *at, size_t bytes)
{
    uint64_t hash = bytes;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word = 0;
        memcpy(&word, (const char *)at + i, bytes - i < 8 ? bytes - i : 8);
        hash = (hash ^ word) * 0x100000001b3ull;
        hash ^= hash >> 32;
    }
    note(hash);
}

/* What a call said, seen by the digest. */
static long said(long result)
{
    note(result < 0 ? (uint64_t)errno << 32 : (uint64_t)result);
    return result;
}

static void see(void *ctx, uint64_t now_ns, const char *device, bool is_outgoing, const void *frame, size_t bytes)
{
    world.frames++;
    note(now_ns ^ (uint64_t)(uintptr_t)ctx << 1 ^ is_outgoing);
    note_bytes(device, strlen(device));
    note_bytes(frame, bytes);
}

static void write_sysctl(unsigned host, const char *path, const char *value)
{
    if (weir_proc_write(world.tasks[host], path, value, strlen(value)) < 0) world_fail(path);
}

static struct weir_link_faults draw_faults(void)
{
    static const uint64_t rates[] = { 0, 1000000, 10000000, 1000000000 };
    struct weir_link_faults f = { .delay_ns = draw(30) * MS_NS, .seed = draw(UINT32_MAX) };
    if (draw(2)) f.jitter_ns = draw(20) * MS_NS;
    if (draw(2)) f.loss = UINT32_MAX / 100 * (uint32_t)draw(12);
    if (draw(3) == 0) f.duplicate = UINT32_MAX / 100 * (uint32_t)draw(5);
    if (draw(3) == 0) f.reorder = UINT32_MAX / 100 * (uint32_t)draw(10);
    if (draw(4) == 0) f.corrupt = UINT32_MAX / 1000 * (uint32_t)draw(10);
    f.rate_bits_per_s = rates[draw(4)];
    f.limit_packets = 10 + (uint32_t)draw(200);
    return f;
}

/* Host 0 is the only one, or one end of a cable, or the router in the middle of the others. */
static void join(unsigned host)
{
    char near[16], far[32];
    const struct weir_link_faults faults = draw_faults();
    const uint32_t mtu = draw(3) ? 1500 : 1280 + (uint32_t)draw(300);
    snprintf(near, sizeof near, "eth%u", host - 1);
    int error = weir_link(world.machines[0], near, world.machines[host], "eth0", mtu, &faults);
    for (unsigned side = 0; side < 2 && !error; side++) {
        struct weir_machine *m = world.machines[side ? host : 0];
        snprintf(far, sizeof far, "10.0.%u.%u/24", host, side + 1);
        error = weir_address_add(m, side ? "eth0" : near, far);
        snprintf(far, sizeof far, "fd00:%u::%u/64", host, side + 1);
        if (!error) error = weir_address_add(m, side ? "eth0" : near, far);
    }
    snprintf(far, sizeof far, "10.0.%u.1", host);
    if (!error) error = weir_route_add(world.machines[host], "default", far, NULL);
    snprintf(far, sizeof far, "fd00:%u::1", host);
    if (!error) error = weir_route_add(world.machines[host], "default6", far, NULL);
    errno = -error;
    if (error) world_fail("no cable");
}

static void draw_flows(void)
{
    world.flow_count = 2 + (unsigned)draw(WORLD_FLOWS - 1);
    for (unsigned i = 0; i < world.flow_count; i++) {
        struct flow *f = &world.flows[i];
        *f = (struct flow){ .kind = (enum flow_kind)draw(FLOW_KINDS), .listener = -1, .fds = { -1, -1 } };
        f->client = (unsigned)draw(world.host_count);
        do f->server = (unsigned)draw(world.host_count); while (world.host_count > 1 && f->server == f->client);
        if (f->kind == FLOW_UNIX) f->server = f->client;
    }
}

bool world_reserve(unsigned host, enum world_place place)
{
    const uintptr_t fixed = (uintptr_t)0x200000000000 + host * 2 * WORLD_ARENA_BYTES;
    struct weir_env *env = &world_envs[place == WORLD_MOVED ? WORLD_HOSTS - 1 - host : host];
    if (!weir_env_map(env, WORLD_ARENA_BYTES)) return false;
    if (place == WORLD_ANYWHERE) return true;
    if (place == WORLD_MOVED) {
        const size_t by_bytes = (host + 1) * 5 * 4096;
        munmap(env->arena, by_bytes);
        env->arena = (char *)env->arena + by_bytes;
        env->arena_bytes -= by_bytes;
        return true;
    }
    env->arena = mremap(env->arena, WORLD_ARENA_BYTES, WORLD_ARENA_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, fixed);
    return env->arena == (void *)fixed;
}

void world_open(uint64_t seed, enum world_place place)
{
    world = (struct world){ .seed = seed };
    world.host_count = 1 + (unsigned)draw(WORLD_HOSTS);
    world.is_v6 = draw(2);
    struct weir_machine_config config = { .seed = { seed }, .start_ns = draw(2) ? UINT32_MAX - draw(1u << 30) : draw(1ull << 40),
                                          .wall_ns = 1700000000000000000 };
    world.now_ns = config.start_ns;
    for (unsigned i = 0; i < WORLD_HOSTS; i++)
        if (!world_reserve(i, place)) world_fail("no arena");
    for (unsigned i = 0; i < world.host_count; i++) {
        config.seed[1] = i;
        world.machines[i] = weir_machine_create(&config, &world_envs[i]);
        world.tasks[i] = weir_task_create(world.machines[i]);
        weir_capture(world.machines[i], see, (void *)(uintptr_t)i);
        world.epolls[i] = weir_epoll_create(world.tasks[i]);
        if (world.epolls[i] < 0) world_fail("no machine");
    }
    for (unsigned i = 1; i < world.host_count; i++) join(i);
    if (world.host_count > 2) {
        write_sysctl(0, "sys/net/ipv4/ip_forward", "1");
        write_sysctl(0, "sys/net/ipv6/conf/all/forwarding", "1");
    }
    draw_flows();
}

static socklen_t address_of(const struct flow *f, struct sockaddr_storage *a)
{
    char text[32];
    const unsigned port = PORT + (unsigned)(f - world.flows), cable = f->server ? f->server : f->client;
    memset(a, 0, sizeof *a);
    if (world.is_v6) {
        struct sockaddr_in6 *in6 = (void *)a;
        *in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
        snprintf(text, sizeof text, world.host_count == 1 ? "::1" : "fd00:%u::%u", cable, f->server ? 2u : 1u);
        inet_pton(AF_INET6, text, &in6->sin6_addr);
        return sizeof *in6;
    }
    struct sockaddr_in *in = (void *)a;
    *in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    snprintf(text, sizeof text, world.host_count == 1 ? "127.0.0.1" : "10.0.%u.%u", cable, f->server ? 2u : 1u);
    inet_pton(AF_INET, text, &in->sin_addr);
    return sizeof *in;
}

static void watch(unsigned host, int fd)
{
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = (uint64_t)fd };
    if (fd >= 0) said(weir_epoll_ctl(world.tasks[host], world.epolls[host], EPOLL_CTL_ADD, fd, &e));
}

static void set_options(unsigned host, int fd)
{
    int bytes = 2000 + (int)draw(60000), one = 1;
    if (draw(3) == 0) said(weir_setsockopt(world.tasks[host], fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes));
    if (draw(3) == 0) said(weir_setsockopt(world.tasks[host], fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes));
    if (draw(3) == 0) said(weir_setsockopt(world.tasks[host], fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof one));
}

static void begin(struct flow *f)
{
    struct sockaddr_storage a;
    const socklen_t bytes = address_of(f, &a);
    const int family = world.is_v6 ? AF_INET6 : AF_INET, type = (f->kind == FLOW_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK;
    struct weir_task *client = world.tasks[f->client], *server = world.tasks[f->server];
    int one = 1;
    f->bytes = f->kind == FLOW_ECHO ? 1 + draw(20) : 1 + draw(200000);
    f->sent = f->received = 0;
    f->is_connected = f->has_shut = false;
    if (f->kind == FLOW_UNIX) {
        said(weir_socketpair(client, AF_UNIX, type, 0, f->fds));
        return;
    }
    f->fds[0] = (int)said(weir_socket(client, family, type, 0));
    set_options(f->client, f->fds[0]);
    watch(f->client, f->fds[0]);
    if (f->listener < 0) {
        f->listener = (int)said(weir_socket(server, family, type, 0));
        said(weir_setsockopt(server, f->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
        said(weir_bind(server, f->listener, (void *)&a, bytes));
        if (f->kind != FLOW_UDP) said(weir_listen(server, f->listener, 3));
        watch(f->server, f->listener);
    }
    if (f->kind == FLOW_UDP) f->fds[1] = f->listener;
    said(weir_connect(client, f->fds[0], (void *)&a, bytes));
}

/* At times the hard way. The flow begins anew later. */
static void finish(struct flow *f)
{
    const struct linger hard = { 1, 0 };
    if (draw(3) == 0) weir_setsockopt(world.tasks[f->client], f->fds[0], SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    said(weir_close(world.tasks[f->client], f->fds[0]));
    if (f->fds[1] >= 0) said(weir_close(world.tasks[f->server], f->fds[1]));
    if (f->kind == FLOW_UDP) f->listener = -1;
    f->fds[0] = f->fds[1] = -1;
    f->again_ns = world.now_ns + draw(500) * MS_NS;
}

/* All that there is to read; echoed: written back. -1: an error or the end. */
static int64_t drain(unsigned host, int fd, bool echoed)
{
    static char block[BLOCK_BYTES];
    struct sockaddr_storage from;
    socklen_t from_bytes = sizeof from;
    int64_t total = 0;
    for (unsigned i = 0; i < 50; i++) {
        long n = said(weir_recvfrom(world.tasks[host], fd, block, sizeof block, 0, (void *)&from, &from_bytes));
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) return -1;
        note_bytes(block, (size_t)n);
        total += n;
        if (echoed) said(weir_sendto(world.tasks[host], fd, block, (size_t)n, MSG_NOSIGNAL, from_bytes ? (void *)&from : NULL, from_bytes));
        from_bytes = sizeof from;
    }
    return total;
}

static void push(struct flow *f)
{
    static char block[BLOCK_BYTES];
    while (f->sent < f->bytes) {
        size_t n = 1 + draw(sizeof block);
        memset(block, (int)f->sent, n);
        long took = said(weir_send(world.tasks[f->client], f->fds[0], block, n, MSG_NOSIGNAL));
        if (took <= 0) return;
        f->sent += (uint64_t)took;
    }
    if (!f->has_shut) said(weir_shutdown(world.tasks[f->client], f->fds[0], SHUT_WR));
    f->has_shut = true;
}

static void ask(struct flow *f)
{
    char block[1400] = { 0 };
    if (f->again_ns > world.now_ns && f->received < f->sent) return;
    if (f->sent >= f->bytes * 500) { finish(f); return; }
    long took = said(weir_send(world.tasks[f->client], f->fds[0], block, 500, MSG_NOSIGNAL));
    if (took > 0) f->sent += (uint64_t)took;
    f->again_ns = world.now_ns + 300 * MS_NS;
}

static void work(struct flow *f)
{
    if (f->fds[0] < 0) {
        if (f->again_ns <= world.now_ns) begin(f);
        return;
    }
    if (f->fds[1] < 0) {
        f->fds[1] = (int)said(weir_accept4(world.tasks[f->server], f->listener, NULL, NULL, SOCK_NONBLOCK));
        if (f->fds[1] >= 0) watch(f->server, f->fds[1]);
    }
    const bool is_echo = f->kind == FLOW_ECHO || f->kind == FLOW_UDP;
    int64_t at_server = f->fds[1] >= 0 ? drain(f->server, f->fds[1], is_echo) : 0;
    if (is_echo) {
        int64_t at_client = drain(f->client, f->fds[0], false);
        if (at_client > 0) f->received += (uint64_t)at_client;
        if (at_client < 0 && f->kind == FLOW_ECHO) finish(f); else ask(f);
        return;
    }
    push(f);
    if (at_server < 0) finish(f);
}

static void note_ready(unsigned host)
{
    struct epoll_event events[16];
    long n = said(weir_epoll_wait(world.tasks[host], world.epolls[host], events, 16));
    for (long i = 0; i < n; i++) note(events[i].data.u64 << 32 | events[i].events);
}

bool world_go_on(void)
{
    uint64_t next = world.now_ns + 100 * MS_NS;
    for (unsigned i = 0; i < world.flow_count; i++) work(&world.flows[i]);
    for (unsigned i = 0; i < world.host_count; i++) note_ready(i);
    for (unsigned i = 0; i < world.host_count; i++) {
        uint64_t due = weir_machine_next_deadline(world.machines[i]);
        if (due < next) next = due;
    }
    if (next > world.now_ns) world.now_ns = next;
    for (unsigned i = 0; i < world.host_count; i++) weir_machine_step(world.machines[i], world.now_ns);
    return ++world.events < WORLD_EVENTS;
}

uint64_t world_end(void)
{
    static const char *const texts[] = { "net/tcp", "net/tcp6", "net/udp", "net/udp6", "net/unix", "net/snmp", "net/snmp6", "net/netstat", "net/sockstat",
                                         "net/sockstat6", "net/dev", "net/route", "net/arp", "net/weir/drops" };
    static char text[1 << 18];
    for (unsigned i = 0; i < world.host_count; i++)
        for (unsigned j = 0; j < sizeof texts / sizeof *texts; j++) {
            long n = said(weir_proc_read(world.tasks[i], texts[j], text, sizeof text));
            if (n > 0) note_bytes(text, (size_t)n < sizeof text ? (size_t)n : sizeof text);
        }
    for (unsigned i = 0; i < world.host_count; i++) weir_task_destroy(world.tasks[i]);
    for (unsigned i = 0; i < world.host_count; i++)
        if (machine_empty((struct machine *)world.machines[i])) world_fail("memory was not given back");
    for (unsigned i = 0; i < world.host_count; i++) weir_machine_destroy(world.machines[i]);
    for (unsigned i = 0; i < WORLD_HOSTS; i++) weir_env_unmap(&world_envs[i]);
    return world.digest;
}

void world_save(struct world_image *image)
{
    image->world = world;
    for (unsigned i = 0; i < world.host_count; i++) {
        image->bytes[i] = weir_machine_image_bytes(world.machines[i]);
        image->images[i] = malloc(image->bytes[i]);
        if (!image->images[i] || weir_machine_save(world.machines[i], image->images[i], image->bytes[i])) world_fail("not saved");
    }
}

void world_restore(struct world_image *image)
{
    world = image->world;
    for (unsigned i = 0; i < world.host_count; i++) {
        if (weir_machine_restore(&world_envs[i], image->images[i], image->bytes[i]) != world.machines[i]) world_fail("not restored");
        free(image->images[i]);
    }
}
