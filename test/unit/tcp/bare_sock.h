/* A TCP sock in a namespace that is only sysctls and a clock: for tests of pure numbers. */
#ifndef TEST_TCP_BARE_SOCK_H
#define TEST_TCP_BARE_SOCK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tcp/data.h"

static struct machine bare_machine;
static struct net bare_net;
static struct tcp_sock bare;
static struct tcp_flight bare_flight;

static inline struct tcp_sock *bare_sock(void)
{
    memset(&bare_machine, 0, sizeof bare_machine);
    memset(&bare_net, 0, sizeof bare_net);
    memset(&bare, 0, sizeof bare);
    bare_machine.now_ns = 1000 * NS_PER_S;
    bare_net.machine = &bare_machine;
#define SYSCTL(path, field, initial, low, high) bare_net.sysctl.field = initial;
#define SYSCTL_VECTOR(path, field, n, ...) do { \
        const int64_t v[] = { __VA_ARGS__ }; \
        memcpy(bare_net.sysctl.field, v, sizeof v); \
    } while (0);
#include "machine/sysctl.def"
#undef SYSCTL
#undef SYSCTL_VECTOR
    bare.inet.sk.net = &bare_net;
    bare.inet.sk.state = TCPS_ESTABLISHED;
    bare.rcv.ratio = 128;
    bare.snd.cwnd_packets = 10;
    bare.snd.ssthresh_packets = TCP_INFINITE_SSTHRESH;
    bare.is_cwnd_limited = true;
    bare.settings = &tcp_usual_settings;
    bare.flight = &bare_flight;
    tcp_flight_init(&bare, &bare_flight);
    return &bare;
}
#endif
