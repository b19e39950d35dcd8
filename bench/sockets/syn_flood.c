/* syn_flood [seconds=1] [rate=100000]: SYNs from addresses that never answer, at a listener whose queue is full, so that each is
 * answered by a cookie: first as many as can be; then a bulk stream alone, and the same stream beside `rate` of them for each second
 * of processor time. */
#include "connect.h"

enum { FRAMES = 4096, LINK_BYTES = 14, IP_BYTES = 20, TCP_BYTES = 24, LISTENER = 1, SHORT_BACKLOG = 128 };

struct syn { uint8_t link[16], packet[IP_BYTES + TCP_BYTES]; }; /* the link header's room ends where the packet begins */

static struct syn syns[FRAMES];
static char sent[65536], got[1 << 20], text[1 << 16];

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t sum(const uint8_t *at, size_t bytes, uint32_t so_far)
{
    for (size_t i = 0; i < bytes; i += 2) so_far += (uint32_t)(at[i] << 8 | at[i + 1]);
    return so_far;
}

static unsigned fold(uint32_t s)
{
    while (s >> 16) s = (s & 0xffff) + (s >> 16);
    return ~s & 0xffff;
}

static void make_syn(uint8_t *ip, uint64_t random)
{
    uint8_t *tcp = ip + IP_BYTES;
    memset(ip, 0, IP_BYTES + TCP_BYTES);
    ip[0] = 0x45;
    put16(ip + 2, IP_BYTES + TCP_BYTES);
    ip[8] = 64;
    ip[9] = IPPROTO_TCP;
    memcpy(ip + 12, (const uint8_t[]){ 11, (uint8_t)(random >> 8), (uint8_t)(random >> 16), (uint8_t)(random >> 24 | 1) }, 4);
    memcpy(ip + 16, (const uint8_t[]){ 10, 9, 0, 1 }, 4);
    put16(ip + 10, fold(sum(ip, IP_BYTES, 0)));
    put16(tcp, 1024 + (unsigned)(random >> 32 & 0x7fff));
    put16(tcp + 2, FIRST_PORT + LISTENER);
    put16(tcp + 4, (unsigned)(random >> 48));
    tcp[12] = TCP_BYTES / 4 << 4;
    tcp[13] = 2; /* SYN */
    put16(tcp + 14, 65535);
    memcpy(tcp + 20, (const uint8_t[]){ 2, 4, 5, 0xb4 }, 4); /* MSS 1460 */
    put16(tcp + 16, fold(sum(tcp, TCP_BYTES, sum(ip + 12, 8, IPPROTO_TCP + TCP_BYTES))));
}

static void send_syns(uint64_t count)
{
    static uint64_t next;
    for (uint64_t i = 0; i < count; i++) flood_send(syns[next++ % FRAMES].packet, IP_BYTES + TCP_BYTES);
}

/* The counter of that name in the two-line form of /proc/net/netstat. */
static double counter(struct pair *p, const char *name)
{
    server_proc(p, "net/netstat", text, sizeof text);
    char *names_end, *values = strchr(text, '\n'), *names = text, *saved_names, *saved_values;
    must(values, "net/netstat");
    names_end = values++;
    *names_end = 0;
    char *n = strtok_r(names, " ", &saved_names), *v = strtok_r(values, " ", &saved_values);
    for (; n && v; n = strtok_r(NULL, " ", &saved_names), v = strtok_r(NULL, " ", &saved_values)) {
        if (!strcmp(n, name)) return atof(v);
    }
    must(false, name);
    return 0;
}

static double flood_only(struct pair *p, double seconds)
{
    struct stopwatch clock = stopwatch_start();
    uint64_t count = 0;
    for (; cpu_s_since(&clock) < seconds; count += 256) {
        send_syns(256);
        pair_step(p, 10000);
    }
    return (double)count / cpu_s_since(&clock);
}

static double stream(struct pair *p, int client, int server, double seconds, double rate)
{
    struct stopwatch clock = stopwatch_start();
    uint64_t bytes = 0;
    double flooded = 0, now;
    for (unsigned round = 0; (now = cpu_s_since(&clock)) < seconds; round++) {
        for (; flooded < now * rate; flooded += 8) send_syns(8);
        for (int i = 0; i < 4; i++) {
            host_send(&p->client, client, sent, sizeof sent);
            pair_step(p, 10000);
            for (ssize_t n; (n = host_recv(&p->server, server, got, sizeof got)) > 0;) bytes += (uint64_t)n;
        }
    }
    return (double)bytes / cpu_s_since(&clock);
}

int main(int argc, char **argv)
{
    double seconds = number(argc, argv, "seconds", 1), rate = number(argc, argv, "rate", 100000);
    uint64_t random = 88172645463325252;
    struct pair p;
    int client, server;
    for (int i = 0; i < FRAMES; i++) make_syn(syns[i].packet, random_next(&random));
    pair_create(&p, argc, argv);
    flood_open(&p);
    pair_connect(&p, pair_listen(&p, 0, BACKLOG), 0, &client, &server);
    pair_listen(&p, LISTENER, SHORT_BACKLOG);
    struct stopwatch clock = stopwatch_start();
    double syns_per_s = flood_only(&p, seconds);
    must(counter(&p, "SyncookiesSent") > syns_per_s * seconds * 0.9 - 1000, "not answered by cookies");
    stream(&p, client, server, seconds * 0.1, 0);
    double alone = stream(&p, client, server, seconds / 2, 0), beside = stream(&p, client, server, seconds / 2, rate);
    report(&clock, "syns_per_s", syns_per_s, "alone_gbit_per_s", alone * 8e-9, "beside_gbit_per_s", beside * 8e-9, "kept_percent",
           100 * beside / alone, NULL);
    return 0;
}
