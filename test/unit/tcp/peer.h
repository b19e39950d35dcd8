/* A machine with one Ethernet port, and a peer behind it made of single segments: the test says what the peer sends and sees
 * what the machine answers. 10.0.0.1 is the machine, 10.0.0.2 the peer. The clock is the test's. */
#ifndef WEIR_TEST_TCP_PEER_H
#define WEIR_TEST_TCP_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <weir/device.h>
#include <weir/machine.h>
#include <weir/socket.h>

#include "ended.h"
#include "tcp/tcp_net.h"
#include "wire/checksum.h"

#define PEER_ROOM 512
enum { F = TCP_FIN, S = TCP_SYN, R = TCP_RST, P = TCP_PSH, A = TCP_ACK };

struct seen { uint16_t source_port, destination_port; uint32_t seq, ack; uint8_t flags; uint16_t window; uint8_t options[40];
    uint32_t options_bytes, payload_bytes; uint64_t at_ns; };

struct peer {
    struct weir_env env;
    struct weir_machine *m;
    struct weir_task *task;
    uint64_t now_ns;
    struct seen seen[PEER_ROOM];
    unsigned first, count;
    uint8_t arp[60]; bool owes_arp;
};
static struct peer peer;
static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 2 }, our_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t peer_ip[4] = { 10, 0, 0, 2 }, our_ip[4] = { 10, 0, 0, 1 };

static inline struct net *peer_net(void) { return ((struct machine *)(void *)peer.m)->initial_net; }

static inline void peer_note(const uint8_t *ip, size_t bytes)
{
    size_t ip_bytes = (size_t)(ip[0] & 15) * 4;
    if (bytes < ip_bytes + 20 || ip[9] != IPPROTO_TCP) return;
    size_t total = (size_t)ip[2] << 8 | ip[3];
    struct wire_tcp h;
    memcpy(&h, ip + ip_bytes, sizeof h);
    size_t header = (size_t)(h.offset_reserved >> 4) * 4;
    struct seen s = { .source_port = host16(h.source), .destination_port = host16(h.destination), .seq = host32(h.sequence),
        .ack = host32(h.acknowledgment), .flags = h.flags, .window = host16(h.window), .options_bytes = (uint32_t)(header - 20),
        .payload_bytes = (uint32_t)(total - ip_bytes - header), .at_ns = peer.now_ns };
    memcpy(s.options, ip + ip_bytes + 20, header - 20);
    assert_true(peer.count < PEER_ROOM);
    peer.seen[(peer.first + peer.count++) % PEER_ROOM] = s;
}

static inline bool peer_take_frame(void *ctx, const void *frame, size_t bytes)
{
    const uint8_t *f = frame;
    (void)ctx;
    if (f[12] == 8 && f[13] == 0) peer_note(f + 14, bytes - 14);
    if (f[12] == 8 && f[13] == 6 && f[21] == 1 && !memcmp(f + 38, peer_ip, 4)) { /* who has 10.0.0.2? */
        static const uint8_t head[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 2 };
        memcpy(peer.arp, our_mac, 6);
        memcpy(peer.arp + 6, peer_mac, 6);
        memcpy(peer.arp + 12, head, sizeof head);
        memcpy(peer.arp + 22, peer_mac, 6);
        memcpy(peer.arp + 28, peer_ip, 4);
        memcpy(peer.arp + 32, our_mac, 6);
        memcpy(peer.arp + 38, our_ip, 4);
        peer.owes_arp = true;
    }
    return true;
}

static inline void peer_step(void)
{
    weir_machine_step(peer.m, peer.now_ns);
    while (peer.owes_arp) {
        peer.owes_arp = false;
        weir_port_receive(peer.m, "eth0", peer.arp, 60);
        weir_machine_step(peer.m, peer.now_ns);
    }
}

/* Runs every timer on the way. */
static inline void peer_wait_ms(uint64_t ms)
{
    uint64_t until = peer.now_ns + ms * NS_PER_MS;
    for (uint64_t next; (next = weir_machine_next_deadline(peer.m)) <= until;) {
        peer.now_ns = max_of(next, peer.now_ns);
        peer_step();
    }
    peer.now_ns = until;
    peer_step();
}

static inline void peer_frame(const uint8_t *ip, size_t bytes)
{
    uint8_t frame[1600] = { 0 };
    memcpy(frame, our_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    frame[12] = 8;
    memcpy(frame + 14, ip, bytes);
    assert_int_equal(weir_port_receive(peer.m, "eth0", frame, max_of(bytes + 14, (size_t)60)), 0);
    peer_step();
}

static uint8_t peer_destination_last = 1; /* last byte of the address spoken to */
static bool peer_spoils_checksum;
static uint16_t peer_mtu; /* what peer_unreachable(4, ...) tells */
static inline void peer_ip_header(uint8_t *ip, uint8_t protocol, size_t total, uint8_t source_last)
{
    uint8_t h[20] = { 0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, source_last, 10, 0, 0, peer_destination_last };
    be16_t sum = checksum_fold(checksum_partial(h, 20, 0));
    memcpy(h + 10, &sum, 2);
    memcpy(ip, h, 20);
}

struct say { uint16_t from, to; uint32_t seq, ack; uint8_t flags; uint16_t window; const uint8_t *options; uint8_t options_bytes;
    const char *data; uint8_t host; /* last byte of the peer's address; 0: 2 */ };

static uint16_t peer_urgent; /* urgent pointer of what is said next */
static inline void peer_say(struct say s)
{
    uint8_t ip[1500] = { 0 };
    size_t data = s.data ? strlen(s.data) : 0, header = 20u + s.options_bytes, total = 20 + header + data;
    struct wire_tcp h = { .source = be16(s.from), .destination = be16(s.to), .sequence = be32(s.seq), .acknowledgment = be32(s.ack),
        .offset_reserved = (uint8_t)(header / 4 << 4), .flags = s.flags, .window = be16(s.window ? s.window : 65535), .urgent = be16(peer_urgent) };
    peer_ip_header(ip, IPPROTO_TCP, total, s.host ? s.host : 2);
    memcpy(ip + 20, &h, 20);
    if (s.options_bytes) memcpy(ip + 40, s.options, s.options_bytes);
    if (data) memcpy(ip + 20 + header, s.data, data);
    uint8_t pseudo[12] = { ip[12], ip[13], ip[14], ip[15], ip[16], ip[17], ip[18], ip[19], 0, 6, (uint8_t)((header + data) >> 8), (uint8_t)(header + data) };
    be16_t sum = checksum_fold(checksum_partial(ip + 20, header + data, checksum_partial(pseudo, 12, 0)));
    if (peer_spoils_checksum) sum.raw ^= 0x0101;
    memcpy(ip + 36, &sum, 2);
    peer_frame(ip, total);
}

/* ICMP destination unreachable of `code` about a segment of ours. */
static inline void peer_unreachable(uint8_t code, uint16_t our_port, uint16_t peer_port, uint32_t at)
{
    uint8_t ip[56] = { 0 };
    uint8_t quoted[28] = { 0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, (uint8_t)(our_port >> 8), (uint8_t)our_port,
        (uint8_t)(peer_port >> 8), (uint8_t)peer_port, (uint8_t)(at >> 24), (uint8_t)(at >> 16), (uint8_t)(at >> 8), (uint8_t)at };
    be16_t sum = checksum_fold(checksum_partial(quoted, 20, 0));
    memcpy(quoted + 10, &sum, 2);
    peer_ip_header(ip, IPPROTO_ICMP, 56, 2);
    ip[20] = 3;
    ip[21] = code;
    ip[26] = (uint8_t)(peer_mtu >> 8);
    ip[27] = (uint8_t)peer_mtu;
    memcpy(ip + 28, quoted, 28);
    sum = checksum_fold(checksum_partial(ip + 20, 36, 0));
    memcpy(ip + 22, &sum, 2);
    peer_frame(ip, 56);
}

/* The next segment that the machine sent. */
static inline struct seen peer_hear(void)
{
    assert_true(peer.count > 0);
    struct seen s = peer.seen[peer.first];
    peer.first = (peer.first + 1) % PEER_ROOM;
    peer.count--;
    return s;
}
static inline void peer_hears_nothing(void) { assert_int_equal(peer.count, 0); }
static inline struct seen peer_hear_flags(uint8_t flags)
{
    struct seen s = peer_hear();
    assert_int_equal(s.flags, flags);
    return s;
}
static inline void peer_forget(void) { peer.count = 0; }
/* TSval of a segment's timestamp option; has: whether there is one. */
static inline uint32_t peer_timestamp(const struct seen *s, bool *has)
{
    *has = false;
    for (uint32_t i = 0; i < s->options_bytes && s->options[i]; ) {
        const uint8_t *o = s->options + i;
        if (*o == 1) { i++; continue; }
        if (*o == 8) {
            *has = true;
            return (uint32_t)o[2] << 24 | (uint32_t)o[3] << 16 | (uint32_t)o[4] << 8 | o[5];
        }
        i += o[1];
    }
    return 0;
}

static inline int peer_setup(void **state)
{
    (void)state;
    memset(&peer, 0, sizeof peer);
    peer_destination_last = 1;
    peer_spoils_checksum = false;
    peer_urgent = peer_mtu = 0;
    peer.now_ns = 1000 * NS_PER_S;
    struct weir_machine_config config = { .seed = { 7, 9 }, .start_ns = peer.now_ns, .wall_ns = 1700000000ull * NS_PER_S };
    assert_true(weir_env_map(&peer.env, (size_t)1 << 30));
    peer.m = weir_machine_create(&config, &peer.env);
    assert_non_null(peer.m);
    peer.task = weir_task_create(peer.m);
    assert_non_null(peer.task);
    assert_int_equal(weir_port_create(peer.m, "eth0", our_mac, 1500, peer_take_frame, NULL), 0);
    assert_int_equal(weir_address_add(peer.m, "eth0", "10.0.0.1/24"), 0);
    peer_step();
    return 0;
}

static inline int peer_teardown(void **state)
{
    (void)state;
    weir_task_destroy(peer.task);
    end_machine(peer.m);
    weir_env_unmap(&peer.env);
    return 0;
}

static inline struct sockaddr_in peer_address(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = be16(port).raw, .sin_addr.s_addr = be32(0x0a000002).raw };
}

static inline int peer_listen(uint16_t port, int backlog)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = be16(port).raw };
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(weir_bind(peer.task, fd, (void *)&a, sizeof a), 0);
    assert_int_equal(weir_listen(peer.task, fd, backlog), 0);
    return fd;
}

static inline struct sock *peer_sock(int fd)
{
    struct task *t = (struct task *)(void *)peer.task;
    return socket_from_file(fd_table_get(&t->fds, fd))->sock;
}

/* A full handshake from the peer; *ours: what the machine's sequence continues with. */
static inline int peer_accepts(int listener, uint16_t from, uint16_t to, uint32_t isn, uint32_t *ours)
{
    peer_say((struct say){ .from = from, .to = to, .seq = isn, .flags = S });
    struct seen s = peer_hear_flags(S | A);
    assert_int_equal(s.ack, isn + 1);
    *ours = s.seq + 1;
    peer_say((struct say){ .from = from, .to = to, .seq = isn + 1, .ack = *ours, .flags = A });
    int fd = weir_accept4(peer.task, listener, NULL, NULL, 0);
    assert_true(fd >= 0);
    return fd;
}

#define COUNTER(group, name) (peer_net()->mib[MIB_##group##_##name])
/* The counter moved by n since `before`, which follows it. */
#define assert_counted(before, group, name, n) do { \
        assert_int_equal(COUNTER(group, name) - (before), n); \
        (before) = COUNTER(group, name); \
    } while (0)

#endif
