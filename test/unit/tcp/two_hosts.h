/* Two machines with a cable between them, 10.0.0.1 and 10.0.0.2, one clock, and a TCP connection; the cable's faults are
 * seeded. For tests of the data half through the calls that programs make. */
#ifndef TEST_TCP_TWO_HOSTS_H
#define TEST_TCP_TWO_HOSTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/device.h>
#include <weir/machine.h>
#include <weir/socket.h>

#include "ended.h"
#include "tcp/data.h"
#include "file/task.h"
#include "socket/socket.h"

struct host { struct weir_env env; struct weir_machine *m; struct weir_task *task; };
static struct host hosts[2];
static uint64_t clock_ns;
static int listener, client, server; /* fds: listener and server on host 1, client on host 0 */

static inline struct net *net_at(int i) { return ((struct machine *)(void *)hosts[i].m)->initial_net; }
static inline uint64_t counter_at(int i, enum mib which) { return net_at(i)->mib[which]; }
#define counter(i, group, name) counter_at(i, MIB_##group##_##name)

static inline struct tcp_sock *tcp_at(int i, int fd)
{
    struct file *f = fd_table_get(&((struct task *)(void *)hosts[i].task)->fds, fd);

    return f ? tcp_of(socket_from_file(f)->sock) : NULL;
}
/* What the counters of the scoreboard say is what the queues hold. */
static inline void check_scoreboard(struct tcp_sock *tp)
{
    uint32_t out = 0, sacked = 0, lost = 0, again = 0, truesize = 0, in_time = 0;
    seq_t next = tp->snd.una;

    for (struct packet *p = packet_queue_peek(&tp->flight->retransmit_queue); p; p = tcp_queue_next(&tp->flight->retransmit_queue, p)) {
        uint32_t n = tcp_segments(p);
        out += n;
        if (p->tcp.sacked & MARK_SACKED) sacked += n;
        if (p->tcp.sacked & MARK_LOST) lost += n;
        if (p->tcp.sacked & MARK_RETRANSMITTED) again += n;
        assert_true((p->tcp.sacked & (MARK_SACKED | MARK_LOST)) != (MARK_SACKED | MARK_LOST));
        /* In flight for RACK: neither there nor lost, or lost and sent again. */
        if (!(p->tcp.sacked & (MARK_SACKED | MARK_LOST)) || p->tcp.sacked & MARK_RETRANSMITTED) assert_true(list_is_linked(&p->by_time));
        if (out > n) assert_int_equal(p->tcp.seq.v, next.v);
        else assert_true(seq_at_or_before(p->tcp.seq, next));
        next = p->tcp.end_seq;
        truesize += p->truesize_bytes;
    }
    assert_int_equal(next.v, tp->flight->retransmit_queue.count ? tp->snd.nxt.v : next.v);
    for (struct packet *p = packet_queue_peek(&tp->flight->write_queue); p; p = tcp_queue_next(&tp->flight->write_queue, p)) {
        assert_int_equal(p->tcp.seq.v, tp->flight->retransmit_queue.count || truesize ? next.v : p->tcp.seq.v);
        next = p->tcp.end_seq;
        truesize += p->truesize_bytes;
    }
    assert_int_equal(out, tp->flight->packets_out);
    if (tp->is_sack_ok) assert_int_equal(sacked, tp->flight->sacked_out);
    assert_int_equal(lost, tp->flight->lost_out);
    assert_int_equal(again, tp->flight->retrans_out);
    assert_true(tcp_left_out(tp) <= tp->flight->packets_out);
    assert_int_equal(truesize, tp->inet.sk.write_queued_bytes);
    list_for_each(node, &tp->flight->sent_by_time) in_time++;
    assert_true(in_time <= tp->flight->retransmit_queue.count);
    assert_true(tp->snd.cwnd_packets > 0);
    /* Something in flight or waiting: a timer runs (RFC 9293 needs one of them). */
    if (tp->inet.sk.state != TCPS_CLOSE && tp->flight->packets_out) assert_true(tcp_pending_any(tp));
}
/* The next event of either machine, but no later than limit. */
static inline void step_once(uint64_t limit_ns)
{
    uint64_t a = weir_machine_next_deadline(hosts[0].m), b = weir_machine_next_deadline(hosts[1].m), next = a < b ? a : b;

    if (next < clock_ns) next = clock_ns;
    clock_ns = next < limit_ns ? next : limit_ns;
    weir_machine_step(hosts[0].m, clock_ns);
    weir_machine_step(hosts[1].m, clock_ns);
}
static inline void run_for(uint64_t ns)
{
    uint64_t limit = clock_ns + ns;

    for (int i = 0; i < 1000000 && clock_ns < limit; i++) step_once(limit);
}
static inline void hosts_up(const char *faults, uint64_t seed, uint32_t mtu)
{
    struct weir_link_faults f = { 0 };

    clock_ns = 1000000000;
    assert_int_equal(faults ? weir_link_faults_parse(faults, &f, NULL) : 0, 0);
    f.seed = seed;
    for (int i = 0; i < 2; i++) {
        struct weir_machine_config config = { .seed = { seed, (uint64_t)i }, .start_ns = clock_ns };
        assert_true(weir_env_map(&hosts[i].env, 1ull << 30));
        hosts[i].m = weir_machine_create(&config, &hosts[i].env);
        assert_non_null(hosts[i].m);
        hosts[i].task = weir_task_create(hosts[i].m);
        assert_non_null(hosts[i].task);
    }
    assert_int_equal(weir_link(hosts[0].m, "eth0", hosts[1].m, "eth0", mtu, &f), 0);
    assert_int_equal(weir_address_add(hosts[0].m, "eth0", "10.0.0.1/24"), 0);
    assert_int_equal(weir_address_add(hosts[1].m, "eth0", "10.0.0.2/24"), 0);
}
static inline void hosts_down(void)
{
    for (int i = 0; i < 2; i++) weir_task_destroy(hosts[i].task);
    for (int i = 0; i < 2; i++) end_machine(hosts[i].m);
    for (int i = 0; i < 2; i++) weir_env_unmap(&hosts[i].env);
}
static inline void listen_up(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80), .sin_addr = { htonl(0x0a000002) } };

    listener = weir_socket(hosts[1].task, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(weir_bind(hosts[1].task, listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(weir_listen(hosts[1].task, listener, 5), 0);
}
/* Three-way handshake, within a minute of virtual time. */
static inline void connect_up(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(80), .sin_addr = { htonl(0x0a000002) } };

    listen_up();
    client = weir_socket(hosts[0].task, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(weir_connect(hosts[0].task, client, (struct sockaddr *)&a, sizeof a), -1);
    assert_int_equal(errno, EINPROGRESS);
    server = -1;
    for (uint64_t limit = clock_ns + 60000000000ull; server < 0 && clock_ns < limit;) {
        step_once(limit);
        server = weir_accept4(hosts[1].task, listener, NULL, NULL, SOCK_NONBLOCK);
    }
    assert_true(server >= 0);
}
static inline uint8_t byte_at(uint64_t i) { return (uint8_t)(i * 31 + (i >> 8) * 7 + (i >> 16)); }

/* One direction of a transfer: what was written and read so far. */
struct stream { int from, from_fd, to, to_fd; uint64_t total, sent, received; size_t write_bytes, read_bytes; bool is_closed, at_end; };

static inline bool stream_write(struct stream *s)
{
    static uint8_t buffer[1 << 16];
    size_t n = s->write_bytes < sizeof buffer ? s->write_bytes : sizeof buffer;
    ssize_t r;

    if (s->sent == s->total) {
        if (!s->is_closed) weir_shutdown(hosts[s->from].task, s->from_fd, SHUT_WR);
        s->is_closed = true;
        return false;
    }
    if (n > s->total - s->sent) n = (size_t)(s->total - s->sent);
    for (size_t i = 0; i < n; i++) buffer[i] = byte_at(s->sent + i);
    r = weir_send(hosts[s->from].task, s->from_fd, buffer, n, MSG_NOSIGNAL);
    if (r < 0) {
        if (errno != EAGAIN) fail_msg("send: errno %d after %llu bytes", errno, (unsigned long long)s->sent);
        return false;
    }
    s->sent += (uint64_t)r;
    return true;
}
static inline bool stream_read(struct stream *s)
{
    static uint8_t buffer[1 << 16];
    size_t n = s->read_bytes < sizeof buffer ? s->read_bytes : sizeof buffer;
    ssize_t r = weir_recv(hosts[s->to].task, s->to_fd, buffer, n, 0);

    if (r < 0) {
        if (errno != EAGAIN) fail_msg("recv: errno %d after %llu bytes", errno, (unsigned long long)s->received);
        return false;
    }
    if (!r) {
        s->at_end = true;
        return false;
    }
    for (ssize_t i = 0; i < r; i++) {
        if (buffer[i] != byte_at(s->received + (uint64_t)i)) fail_msg("byte %llu differs", (unsigned long long)(s->received + (uint64_t)i));
    }
    s->received += (uint64_t)r;
    return true;
}
/* Runs until the reader has seen the end, or the virtual time is up. */
static inline void stream_run(struct stream *s, uint64_t within_ns)
{
    uint64_t limit = clock_ns + within_ns;

    while (!s->at_end && clock_ns < limit) {
        while (stream_write(s)) {}
        while (stream_read(s)) {}
        if (!s->at_end) step_once(limit);
        if (tcp_at(s->from, s->from_fd)) check_scoreboard(tcp_at(s->from, s->from_fd));
    }
    if (!s->at_end) fail_msg("stuck: sent %llu received %llu of %llu", (unsigned long long)s->sent, (unsigned long long)s->received, (unsigned long long)s->total);
    assert_true(s->received == s->total);
}
#endif
