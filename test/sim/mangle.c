/* Two machines that talk TCP, UDP and ICMP through a hand that spoils frames and then makes their checksums good again, so
 * that nonsense reaches every parser. Nothing is expected of the talk; the machines have to live, and end with nothing held.
 *
 * sim_mangle               the seeds of every run
 * sim_mangle FIRST [LAST]  these
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "machine/machine.h"
#include <weir/device.h>
#include <weir/socket.h>

#define SEEDS 10
#define STEPS 4000
#define SOCKETS 24
#define FRAMES 256
#define FRAME_BYTES 2048

struct frame { unsigned char bytes[FRAME_BYTES]; size_t length; };
struct world;
struct side {
    struct world *world;
    struct weir_env env;
    struct weir_machine *machine;
    struct weir_task *task;
    struct frame out[FRAMES];
    unsigned count, spoilt;
    int fds[SOCKETS];
};
struct world { struct side sides[2]; uint64_t seed, draw, now_ns; };

static uint64_t draw(struct world *w, uint64_t below)
{
    uint64_t x = w->seed * 0x9e3779b97f4a7c15ull + ++w->draw;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return (x ^ x >> 31) % below;
}

static bool collect(void *ctx, const void *frame, size_t bytes)
{
    struct side *s = ctx;
    if (s->count == FRAMES || bytes > FRAME_BYTES) return false;
    memcpy(s->out[s->count].bytes, frame, bytes);
    s->out[s->count++].length = bytes;
    return true;
}

static uint32_t sum_of(const unsigned char *at, size_t bytes, uint32_t sum)
{
    for (size_t i = 0; i < bytes; i++) sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
    return sum;
}

static void put_sum(unsigned char *at, uint32_t sum)
{
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    at[0] = (unsigned char)(~sum >> 8);
    at[1] = (unsigned char)~sum;
}

static void repair_transport(unsigned char *at, size_t bytes, unsigned protocol, uint32_t pseudo)
{
    size_t field = protocol == 6 ? 16 : protocol == 17 ? 6 : 2;
    if (bytes < field + 2 || (protocol != 6 && protocol != 17 && protocol != 1 && protocol != 58)) return;
    at[field] = at[field + 1] = 0;
    put_sum(at + field, sum_of(at, bytes, protocol == 1 ? 0 : pseudo + protocol + (uint32_t)bytes));
}

/* As the headers now say, whatever that is. */
static void repair(struct frame *f)
{
    unsigned char *ip = f->bytes + 14;
    if (f->length < 34) return;
    if (f->bytes[12] == 8 && f->bytes[13] == 0) {
        size_t header = (ip[0] & 15u) * 4, total = (size_t)ip[2] << 8 | ip[3];
        if (header < 20 || header > f->length - 14) return;
        ip[10] = ip[11] = 0;
        put_sum(ip + 10, sum_of(ip, header, 0));
        if (total > f->length - 14) total = f->length - 14;
        if (total > header && !(ip[6] & 0x3f) && !ip[7]) repair_transport(ip + header, total - header, ip[9], sum_of(ip + 12, 8, 0));
    } else if (f->bytes[12] == 0x86 && f->length >= 54) {
        repair_transport(ip + 40, f->length - 54, ip[6], sum_of(ip + 8, 32, 0));
    }
}

static void spoil(struct world *w, struct frame *f)
{
    static const unsigned char interesting[] = { 0, 1, 2, 4, 5, 8, 0x45, 0x4f, 0x7f, 0x80, 0xff };
    /* Mostly headers; the MAC addresses seldom, or nobody would listen. */
    size_t from = draw(w, 20) ? 14 : 0, span = f->length - from < 90 ? f->length - from : 90;
    for (uint64_t n = 1 + draw(w, 3); n > 0; n--) {
        unsigned char *at = f->bytes + from + draw(w, span);
        if (draw(w, 2)) *at ^= (unsigned char)(1u << draw(w, 8));
        else *at = interesting[draw(w, sizeof interesting)];
    }
    if (draw(w, 8) == 0) f->length = 1 + draw(w, f->length);
    if (draw(w, 16) == 0 && f->length < FRAME_BYTES - 64) f->length += draw(w, 64);
    if (draw(w, 8)) repair(f);
}

static void carry(struct world *w, struct side *from, struct side *to)
{
    unsigned count = from->count;
    static struct frame moving[FRAMES];
    memcpy(moving, from->out, count * sizeof moving[0]);
    from->count = 0;
    for (unsigned i = 0; i < count; i++) {
        struct frame original = moving[i];
        if (draw(w, 3) == 0) {
            spoil(w, &moving[i]);
            from->spoilt++;
            weir_port_receive(to->machine, "port", moving[i].bytes, moving[i].length);
            if (draw(w, 2)) continue; /* instead of the true one, or before it */
        }
        weir_port_receive(to->machine, "port", original.bytes, original.length);
    }
}

static socklen_t some_address(struct world *w, int family, bool is_peer, int side, struct sockaddr_storage *a)
{
    char text[32];
    uint16_t port = htons((uint16_t)(7000 + draw(w, 3)));
    memset(a, 0, sizeof *a);
    snprintf(text, sizeof text, family == AF_INET ? "10.0.0.%d" : "fd00::%d", 1 + (side ^ is_peer));
    a->ss_family = (sa_family_t)family;
    if (family == AF_INET) {
        struct sockaddr_in *in = (void *)a;
        in->sin_port = port;
        inet_pton(family, text, &in->sin_addr);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (void *)a;
    in6->sin6_port = port;
    inet_pton(family, text, &in6->sin6_addr);
    return sizeof *in6;
}

static void open_socket(struct world *w, int side, int *fd)
{
    static const struct { int type, protocol[2]; } kinds[] = {
        { SOCK_STREAM, { 0, 0 } }, { SOCK_STREAM, { 0, 0 } }, { SOCK_DGRAM, { 0, 0 } }, { SOCK_RAW, { IPPROTO_ICMP, IPPROTO_ICMPV6 } },
        { SOCK_DGRAM, { IPPROTO_ICMP, IPPROTO_ICMPV6 } }, { SOCK_RAW, { IPPROTO_UDP, IPPROTO_UDP } },
    };
    struct side *s = &w->sides[side];
    int family = draw(w, 2) ? AF_INET : AF_INET6, one = 1;
    size_t kind = draw(w, 6);
    struct sockaddr_storage a;
    *fd = weir_socket(s->task, family, kinds[kind].type | SOCK_NONBLOCK, kinds[kind].protocol[family == AF_INET6]);
    if (*fd < 0) return;
    weir_setsockopt(s->task, *fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (family == AF_INET) weir_setsockopt(s->task, *fd, IPPROTO_IP, IP_RECVERR, &one, sizeof one);
    else weir_setsockopt(s->task, *fd, IPPROTO_IPV6, IPV6_RECVERR, &one, sizeof one);
    bool connects = draw(w, 2);
    socklen_t n = some_address(w, family, connects, side, &a);
    if (connects) weir_connect(s->task, *fd, (void *)&a, n);
    else if (!weir_bind(s->task, *fd, (void *)&a, n)) weir_listen(s->task, *fd, 4);
}

static void use_socket(struct world *w, int side, int *fd)
{
    static unsigned char data[9000];
    struct side *s = &w->sides[side];
    struct sockaddr_storage a;
    int family = AF_INET;
    socklen_t n = sizeof family;
    weir_getsockopt(s->task, *fd, SOL_SOCKET, SO_DOMAIN, &family, &n);
    n = some_address(w, family, true, side, &a);
    int slot = (int)draw(w, SOCKETS);
    switch (draw(w, 12)) {
    case 0: weir_close(s->task, *fd); *fd = -1; return;
    case 1:
        if (s->fds[slot] < 0) s->fds[slot] = weir_accept4(s->task, *fd, NULL, NULL, SOCK_NONBLOCK);
        return;
    case 2: weir_shutdown(s->task, *fd, (int)draw(w, 3)); return;
    case 3: case 4: weir_recv(s->task, *fd, data, sizeof data, draw(w, 4) ? 0 : MSG_ERRQUEUE); return;
    case 5: case 6:
        data[0] = family == AF_INET ? 8 : 128; /* an echo request, for the sockets of ICMP */
        weir_sendto(s->task, *fd, data, 8 + draw(w, sizeof data - 8), MSG_NOSIGNAL, (void *)&a, n);
        return;
    default: weir_send(s->task, *fd, data, 1 + draw(w, sizeof data), MSG_NOSIGNAL); return;
    }
}

static void step(struct world *w, uint64_t now_ns)
{
    w->now_ns = now_ns;
    for (int i = 0; i < 2; i++) weir_machine_step(w->sides[i].machine, now_ns);
}

static void build(struct world *w)
{
    for (int i = 0; i < 2; i++) {
        struct side *s = &w->sides[i];
        struct weir_machine_config config = { .seed = { w->seed, (uint64_t)i } };
        uint8_t mac[6] = { 2, 0, 0, 0, 0, (uint8_t)(1 + i) };
        char address[32];
        s->world = w;
        if (!weir_env_map(&s->env, (size_t)1 << 30)) abort();
        s->machine = weir_machine_create(&config, &s->env);
        s->task = weir_task_create(s->machine);
        if (weir_port_create(s->machine, "port", mac, 1500, collect, s)) abort();
        snprintf(address, sizeof address, "10.0.0.%d/24", 1 + i);
        if (weir_address_add(s->machine, "port", address)) abort();
        snprintf(address, sizeof address, "fd00::%d/64", 1 + i);
        if (weir_address_add(s->machine, "port", address)) abort();
        for (int n = 0; n < SOCKETS; n++) s->fds[n] = -1;
    }
}

static void work(struct world *w)
{
    for (int n = 0; n < 8; n++) {
        int side = n & 1, *fd = &w->sides[side].fds[draw(w, SOCKETS)];
        if (*fd < 0) open_socket(w, side, fd);
        else use_socket(w, side, fd);
    }
    if (draw(w, 4) == 0) { /* some allocation to come fails */
        struct memory *m = ((struct machine *)w->sides[draw(w, 2)].machine)->memory;
        memory_fail_at(m, memory_alloc_count(m) + 1 + draw(w, 60));
    }
    carry(w, &w->sides[0], &w->sides[1]);
    carry(w, &w->sides[1], &w->sides[0]);
    step(w, w->now_ns + draw(w, draw(w, 20) ? 20000000 : 3000000000));
}

/* All programs are gone: no socket may be left, of any kind. */
static void check_ends(const struct world *w, int side)
{
    static const char *const paths[] = { "net/tcp", "net/tcp6", "net/udp", "net/udp6", "net/raw", "net/raw6", "net/icmp", "net/icmp6" };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char text[4096];
        long n = weir_proc_read(w->sides[side].task, paths[i], text, sizeof text);
        if (n > 0 && n <= (long)sizeof text && memchr(text, '\n', (size_t)n) == text + n - 1) continue;
        printf("seed %lu, side %d: %s is not empty\n%.*s", w->seed, side, paths[i], (int)(n < (long)sizeof text ? n : (long)sizeof text), text);
        exit(1);
    }
}

static void run(uint64_t seed)
{
    static struct world world;
    struct world *w = &world;
    memset(w, 0, sizeof *w);
    w->seed = seed;
    build(w);
    step(w, 2000000000);
    step(w, 4000000000);
    for (int i = 0; i < STEPS; i++) work(w);
    for (int i = 0; i < 2; i++) {
        struct side *s = &w->sides[i];
        memory_fail_at(((struct machine *)s->machine)->memory, 0);
        weir_task_destroy(s->task);
        s->task = weir_task_create(s->machine);
    }
    for (int i = 0; i < 2000; i++) { /* what is left on its own ends */
        step(w, w->now_ns + 1000000000);
        for (int side = 0; side < 2; side++) w->sides[side].count = 0;
    }
    for (int side = 0; side < 2; side++) check_ends(w, side);
    printf("seed %lu: %u and %u frames spoilt\n", seed, w->sides[0].spoilt, w->sides[1].spoilt);
    for (int i = 0; i < 2; i++) {
        if (machine_empty((struct machine *)w->sides[i].machine)) abort();
        weir_machine_destroy(w->sides[i].machine);
        weir_env_unmap(&w->sides[i].env);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, last = argc > 2 ? strtoull(argv[2], NULL, 0) : argc > 1 ? first : SEEDS;
    for (uint64_t seed = first; seed <= last; seed++) run(seed);
    return 0;
}
