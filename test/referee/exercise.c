/* Two weir machines over a cable of 1 ms that do most of what the referee judges: streams both ways over IPv4 and IPv6, datagrams
 * small and large, closed ports, pings, groups, an abort, a black hole, an answer that never comes, a port used again. With a
 * bug planted, much of it fails; nothing is expected of it then but that it ends. */
#include "test/referee/plant.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/device.h>
#include <weir/socket.h>

#define MTU 1500
#define DELAY_NS 1000000ull
#define SECOND_NS 1000000000ull
#define QUEUE 1024
#define BYTES 150000
enum { PORT = 7, PORT_CLOSED = 8, PORT_HOLE = 9, PORT_DEAF = 10, PORT_UDP = 11 };

struct passing { uint64_t due_ns; unsigned to; struct frame frame; };
struct side { struct world *world; unsigned host; struct weir_env env; struct weir_machine *machine; struct weir_task *task; };
struct world {
    struct side sides[2];
    struct referee *referee;
    const struct plant_row *row;
    uint64_t now_ns, state;
    unsigned first, count, sendings;
    bool has_syn_passed;
    struct passing *queue;
};

static void enqueue(struct world *w, unsigned to, const struct frame *f)
{
    if (w->count == QUEUE) return;
    struct passing *p = &w->queue[(w->first + w->count++) % QUEUE];
    p->due_ns = w->now_ns + DELAY_NS;
    p->to = to;
    p->frame.length = f->length;
    memcpy(p->frame.bytes, f->bytes, f->length);
}

/* The black hole, and the port whose answers nobody hears. */
static bool is_swallowed(struct world *w, const struct view *v)
{
    if (!v->is_tcp) return false;
    if (v->destination_port == PORT_HOLE || v->source_port == PORT_DEAF) return true;
    if (v->destination_port != PORT_DEAF) return false;
    bool is_first = !w->has_syn_passed;
    w->has_syn_passed = true;
    return !is_first;
}

static void plant(struct world *w, struct sending *s)
{
    const struct plant_row *row = w->row;
    struct frame *f = s->frame, before;
    before.length = f->length;
    memcpy(before.bytes, f->bytes, f->length);
    if (row->bug) row->bug(s);
    else if (row->on && row->on(s->v)) {
        uint8_t *at = row->base == AT_FRAME ? f->bytes : f->bytes + ((row->base == AT_NETWORK ? s->v->network : s->v->transport) - s->v->frame);
        if (row->flip) at[row->offset] ^= row->flip;
        else at[row->offset] = row->value;
    }
    if (!row->is_raw && (before.length != f->length || memcmp(before.bytes, f->bytes, f->length) != 0)) frame_repair(f);
}

static bool take(void *ctx, const void *frame, size_t bytes)
{
    struct side *side = ctx;
    struct world *w = side->world;
    struct frame f, original;
    struct view v;
    if (bytes > FRAME_BYTES) return false;
    f.length = original.length = bytes;
    memcpy(f.bytes, frame, bytes);
    memcpy(original.bytes, frame, bytes);
    view_parse(&v, REFEREE_ETHERNET, original.bytes, bytes);
    bool is_swallowed_now = is_swallowed(w, &v);
    struct sending s = { .frame = &f, .v = &v, .host = side->host, .count = ++w->sendings, .now_ns = w->now_ns, .state = &w->state };
    if (w->row) plant(w, &s);
    if (s.is_lost) return true;
    for (int i = 0; i <= s.is_repeated; i++) {
        referee_frame(w->referee, side->host, true, REFEREE_ETHERNET, MTU, w->now_ns, f.bytes, f.length);
        if (!is_swallowed_now) enqueue(w, !side->host, &f);
    }
    return true;
}

static void deliver(struct world *w)
{
    while (w->count && w->queue[w->first].due_ns <= w->now_ns) {
        struct passing *p = &w->queue[w->first];
        w->first = (w->first + 1) % QUEUE;
        w->count--;
        referee_frame(w->referee, p->to, false, REFEREE_ETHERNET, MTU, w->now_ns, p->frame.bytes, p->frame.length);
        weir_port_receive(w->sides[p->to].machine, "eth0", p->frame.bytes, p->frame.length);
    }
}

static void advance(struct world *w, uint64_t ns)
{
    uint64_t end_ns = w->now_ns + ns;
    for (;;) {
        uint64_t next = w->count ? w->queue[w->first].due_ns : UINT64_MAX;
        for (int i = 0; i < 2; i++) {
            uint64_t deadline = weir_machine_next_deadline(w->sides[i].machine);
            if (deadline < next) next = deadline;
        }
        if (next > end_ns) next = end_ns;
        if (next > w->now_ns) w->now_ns = next;
        for (int i = 0; i < 2; i++) weir_machine_step(w->sides[i].machine, w->now_ns);
        deliver(w);
        for (int i = 0; i < 2; i++) weir_machine_step(w->sides[i].machine, w->now_ns);
        if (next == end_ns) return;
    }
}

static socklen_t address(struct sockaddr_storage *a, int family, unsigned host, unsigned port)
{
    memset(a, 0, sizeof *a);
    a->ss_family = (sa_family_t)family;
    if (family == AF_INET) {
        struct sockaddr_in *in = (void *)a;
        in->sin_port = htons((uint16_t)port);
        in->sin_addr.s_addr = htonl(0x0a000001 + host);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (void *)a;
    in6->sin6_port = htons((uint16_t)port);
    in6->sin6_addr.s6_addr[0] = 0xfd;
    in6->sin6_addr.s6_addr[15] = (uint8_t)(1 + host);
    return sizeof *in6;
}

static void put_name(const struct sockaddr_storage *a, uint8_t to[16], uint16_t *port)
{
    const struct sockaddr_in *in = (const void *)a;
    const struct sockaddr_in6 *in6 = (const void *)a;
    memset(to, 0, 16);
    if (a->ss_family == AF_INET) {
        to[10] = to[11] = 0xff;
        memcpy(to + 12, &in->sin_addr, 4);
        *port = ntohs(in->sin_port);
    } else {
        memcpy(to, &in6->sin6_addr, 16);
        *port = ntohs(in6->sin6_port);
    }
}

/* The referee is told what a program was told, or with a bug something else. */
static void tell(struct side *s, int fd, struct referee_call call)
{
    struct sockaddr_storage local, remote;
    socklen_t n = sizeof local, m = sizeof remote;
    if (weir_getsockname(s->task, fd, (void *)&local, &n) || weir_getpeername(s->task, fd, (void *)&remote, &m)) return;
    put_name(&local, call.local, &call.local_port);
    put_name(&remote, call.remote, &call.remote_port);
    if (s->world->row && s->world->row->call_bug) s->world->row->call_bug(&call);
    referee_call(s->world->referee, s->host, s->world->now_ns, &call);
}

static uint8_t byte_at(uint64_t offset) { return (uint8_t)(offset * 2654435761u >> 13); }

/* Writes what fits from offset on; the new offset. */
static size_t push(struct side *s, int fd, size_t offset, size_t end)
{
    uint8_t block[8000];
    while (offset < end) {
        size_t n = end - offset < sizeof block ? end - offset : sizeof block;
        for (size_t i = 0; i < n; i++) block[i] = byte_at(offset + i);
        ssize_t took = weir_send(s->task, fd, block, n, MSG_NOSIGNAL);
        if (took <= 0) break;
        tell(s, fd, (struct referee_call){ .kind = REFEREE_SEND, .result = took, .data = block });
        offset += (size_t)took;
    }
    return offset;
}

static size_t pull(struct side *s, int fd)
{
    uint8_t block[8000];
    size_t sum = 0;
    ssize_t n;
    while ((n = weir_recv(s->task, fd, block, sizeof block, 0)) >= 0) {
        tell(s, fd, (struct referee_call){ .kind = REFEREE_RECV, .result = n, .data = block });
        sum += (size_t)n;
        if (n == 0) break;
    }
    return sum;
}

static void shut(struct side *s, int fd)
{
    if (weir_shutdown(s->task, fd, SHUT_WR) == 0) tell(s, fd, (struct referee_call){ .kind = REFEREE_SHUTDOWN, .argument = SHUT_WR });
}

static void finish(struct side *s, int fd)
{
    tell(s, fd, (struct referee_call){ .kind = REFEREE_CLOSE });
    weir_close(s->task, fd);
}

static int listener(struct side *s, int family, unsigned port)
{
    struct sockaddr_storage a;
    int fd = weir_socket(s->task, family, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    weir_setsockopt(s->task, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    socklen_t n = address(&a, family, s->host, port);
    weir_bind(s->task, fd, (void *)&a, n);
    weir_listen(s->task, fd, 8);
    return fd;
}

/* own_port 0: any. */
static int connect_to(struct world *w, int family, unsigned port, unsigned own_port)
{
    struct side *s = &w->sides[0];
    struct sockaddr_storage a;
    int fd = weir_socket(s->task, family, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    socklen_t n = address(&a, family, 0, own_port);
    weir_setsockopt(s->task, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (own_port) weir_bind(s->task, fd, (void *)&a, n);
    n = address(&a, family, 1, port);
    weir_connect(s->task, fd, (void *)&a, n);
    return fd;
}

static int accept_from(struct world *w, int fd)
{
    advance(w, 10 * DELAY_NS);
    return weir_accept4(w->sides[1].task, fd, NULL, NULL, SOCK_NONBLOCK);
}

/* Both ways at once; the client ends first. */
static void stream(struct world *w, int family, unsigned own_port, size_t bytes)
{
    struct side *client = &w->sides[0], *server = &w->sides[1];
    int at = listener(server, family, PORT), c = connect_to(w, family, PORT, own_port), s = accept_from(w, at);
    size_t sent[2] = { 0 }, got[2] = { 0 };
    for (unsigned round = 0; round < 2000 && s >= 0 && (got[0] < bytes || got[1] < bytes); round++) {
        sent[0] = push(client, c, sent[0], bytes);
        sent[1] = push(server, s, sent[1], bytes);
        advance(w, DELAY_NS);
        got[0] += pull(client, c);
        got[1] += pull(server, s);
    }
    shut(client, c);
    advance(w, 100 * DELAY_NS);
    if (s >= 0) pull(server, s), finish(server, s);
    advance(w, 100 * DELAY_NS);
    pull(client, c);
    finish(client, c);
    weir_close(server->task, at);
    advance(w, SECOND_NS);
}

/* The client closes with bytes unread while the server sends more. */
static void abort_stream(struct world *w, int family)
{
    struct side *client = &w->sides[0], *server = &w->sides[1];
    int at = listener(server, family, PORT), c = connect_to(w, family, PORT, 0), s = accept_from(w, at);
    push(server, s, 0, 1000);
    advance(w, 10 * DELAY_NS);
    push(server, s, 1000, 2000);
    finish(client, c);
    push(server, s, 2000, 3000);
    advance(w, 100 * DELAY_NS);
    weir_close(server->task, s);
    weir_close(server->task, at);
}

static void datagrams(struct world *w, int family)
{
    static const size_t sizes[] = { 0, 100, 4000, 1472, 3001 };
    static uint8_t block[4000];
    struct sockaddr_storage a;
    int fds[2];
    for (unsigned i = 0; i < 2; i++) {
        fds[i] = weir_socket(w->sides[i].task, family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        socklen_t n = address(&a, family, i, PORT_UDP);
        weir_bind(w->sides[i].task, fds[i], (void *)&a, n);
    }
    for (unsigned i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        socklen_t n = address(&a, family, !(i % 2), PORT_UDP);
        weir_sendto(w->sides[i % 2].task, fds[i % 2], block, sizes[i / 2], 0, (void *)&a, n);
        advance(w, 20 * DELAY_NS);
    }
    socklen_t n = address(&a, family, 1, PORT_CLOSED);
    weir_sendto(w->sides[0].task, fds[0], block, 900, 0, (void *)&a, n);
    advance(w, 20 * DELAY_NS);
    weir_sendto(w->sides[0].task, fds[0], block, 2000, 0, (void *)&a, n);
    advance(w, 3 * SECOND_NS);
    for (unsigned i = 0; i < 2; i++) weir_close(w->sides[i].task, fds[i]);
}

static void ping(struct world *w, int family)
{
    uint8_t request[108] = { family == AF_INET ? 8 : 128, 0, 0, 0, 0x12, 0x34, 0, 1, 'w', 'e', 'i', 'r' };
    struct sockaddr_storage a;
    int fd = weir_socket(w->sides[0].task, family, SOCK_RAW | SOCK_NONBLOCK, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    socklen_t n = address(&a, family, 1, 0);
    if (family == AF_INET) {
        uint32_t sum = 0x0800 + 0x1234 + 1 + ('w' << 8 | 'e') + ('i' << 8 | 'r');
        sum = ~(sum + (sum >> 16)) & 0xffff;
        request[2] = (uint8_t)(sum >> 8);
        request[3] = (uint8_t)sum;
    }
    weir_sendto(w->sides[0].task, fd, request, sizeof request, 0, (void *)&a, n);
    advance(w, 20 * DELAY_NS);
    weir_close(w->sides[0].task, fd);
}

static void join(struct world *w)
{
    struct ip_mreq four = { .imr_multiaddr.s_addr = htonl(0xe0010203), .imr_interface.s_addr = htonl(0x0a000001) };
    int fd = weir_socket(w->sides[0].task, AF_INET, SOCK_DGRAM, 0);
    weir_setsockopt(w->sides[0].task, fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four, sizeof four);
    advance(w, SECOND_NS);
    weir_close(w->sides[0].task, fd);
}

/* Nobody answers one; the other's answers are lost. */
static void wait_in_vain(struct world *w)
{
    int at = listener(&w->sides[1], AF_INET, PORT_DEAF), a = connect_to(w, AF_INET, PORT_HOLE, 0), b = connect_to(w, AF_INET, PORT_DEAF, 0);
    advance(w, 140 * SECOND_NS);
    weir_close(w->sides[0].task, a);
    weir_close(w->sides[0].task, b);
    weir_close(w->sides[1].task, at);
}

static void refused(struct world *w, int family)
{
    int fd = connect_to(w, family, PORT_CLOSED, 0);
    advance(w, SECOND_NS);
    weir_close(w->sides[0].task, fd);
}

static void build(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        struct side *s = &w->sides[i];
        struct weir_machine_config config = { .seed = { 1, i } };
        const uint8_t mac[6] = { 2, 0, 0, 0, 0, (uint8_t)(1 + i) };
        uint8_t own[3][16] = { { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = mac[5] }, { 0xfd, [15] = mac[5] },
                               { 0xfe, 0x80, [8] = 0, [11] = 0xff, [12] = 0xfe, [15] = mac[5] } };
        s->world = w;
        s->host = i;
        if (!weir_env_map(&s->env, (size_t)1 << 30) || !(s->machine = weir_machine_create(&config, &s->env)) ||
            weir_port_create(s->machine, "eth0", mac, MTU, take, s)) {
            printf("no machine\n");
            exit(1);
        }
        s->task = weir_task_create(s->machine);
        weir_address_add(s->machine, "eth0", i ? "10.0.0.2/24" : "10.0.0.1/24");
        weir_address_add(s->machine, "eth0", i ? "fd00::2/64" : "fd00::1/64");
        for (unsigned n = 0; n < 3; n++) referee_host_address(w->referee, i, own[n]);
    }
}

void exercise(struct referee *r, const struct plant_row *row)
{
    struct world *w = calloc(1, sizeof *w);
    w->referee = r;
    w->row = row;
    w->queue = malloc(QUEUE * sizeof *w->queue);
    build(w);
    advance(w, 3 * SECOND_NS);
    static const int families[] = { AF_INET, AF_INET6 };
    for (int i = 0; i < 2; i++) {
        stream(w, families[i], 4000, BYTES);
        abort_stream(w, families[i]);
        refused(w, families[i]);
        datagrams(w, families[i]);
        ping(w, families[i]);
    }
    join(w);
    wait_in_vain(w);
    stream(w, AF_INET, 4000, 1000);
    for (unsigned i = 0; i < 2; i++) {
        weir_machine_destroy(w->sides[i].machine);
        weir_env_unmap(&w->sides[i].env);
    }
    free(w->queue);
    free(w);
}
