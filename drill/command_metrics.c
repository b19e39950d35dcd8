/* ip tcp_metrics: what the machine remembers of peers. Linux shows it by generic netlink; here it is asked for
 * directly. */
#include "drill/command_shell.h"

#include <arpa/inet.h>
#include <string.h>

#include "machine/machine.h"
#include "tcp/fastopen.h"

static struct net *net_of(const struct invocation *i) { return ((struct machine *)i->c->machine.machine)->initial_net; }

static bool read_address(const char *text, ip_addr_t *out)
{
    be32_t v4;
    uint8_t v6[16];

    if (inet_pton(AF_INET, text, &v4) == 1) *out = ip_from4(v4);
    else if (inet_pton(AF_INET6, text, v6) == 1) *out = ip_from6(v6);
    else return false;
    return true;
}

static const char *address_text(const ip_addr_t *a, char out[INET6_ADDRSTRLEN])
{
    return ip_is4(a) ? inet_ntop(AF_INET, a->bytes + 12, out, INET6_ADDRSTRLEN) : inet_ntop(AF_INET6, a->bytes, out, INET6_ADDRSTRLEN);
}

static void print_number(struct text_buffer *out, const char *name, uint32_t value, const char *unit)
{
    if (value) buffer_print(out, " %s %u%s", name, value, unit);
}

static void print_fastopen(struct text_buffer *out, const struct tcp_metrics *m, uint64_t now_ns)
{
    print_number(out, "fo_mss", m->fastopen.mss_bytes, "");
    if (m->fastopen.lost_syns) {
        uint64_t ago_ms = (now_ns - m->fastopen.last_lost_ns) / NS_PER_MS;
        buffer_print(out, " fo_syn_drops %u/%u.%03usec ago", m->fastopen.lost_syns, (unsigned)(ago_ms / 1000), (unsigned)(ago_ms % 1000));
    }
    if (m->fastopen.cookie.bytes <= 0) return;
    buffer_print(out, " fo_cookie ");
    for (int i = 0; i < m->fastopen.cookie.bytes; i++) buffer_print(out, "%02x", m->fastopen.cookie.value[i]);
}

struct showing { struct invocation *i; const ip_addr_t *wanted; };

static void show_one(void *ctx, const struct tcp_metrics *m)
{
    const struct showing *s = ctx;
    struct text_buffer *out = s->i->out;
    uint64_t now_ns = net_of(s->i)->machine->now_ns, age_ms = (now_ns - m->stamp_ns) / NS_PER_MS;
    char text[INET6_ADDRSTRLEN];

    if (s->wanted && !ip_equal(s->wanted, &m->destination)) return;
    buffer_print(out, "%s age %u.%03usec", address_text(&m->destination, text), (unsigned)(age_ms / 1000), (unsigned)(age_ms % 1000));
    print_number(out, "ssthresh", m->ssthresh_packets, "");
    print_number(out, "cwnd", m->cwnd_packets, "");
    print_number(out, "reordering", m->reordering, "");
    print_number(out, "rtt", m->srtt_us >> 3, "us");
    print_number(out, "rttvar", m->rttvar_us >> 2, "us");
    print_fastopen(out, m, now_ns);
    buffer_print(out, " source %s\n", address_text(&m->source, text));
}

int command_tcp_metrics(struct invocation *i, int at)
{
    const char *verb = at < i->argc ? i->argv[at] : "show", *which = at + 1 < i->argc ? i->argv[at + 1] : NULL;
    struct showing s = { .i = i };
    ip_addr_t address;

    if (which && strcmp(which, "all") != 0) {
        if (!read_address(which, &address) || at + 2 < i->argc) return unsupported(i->c, "it runs 'ip tcp_metrics %s %s ...', which weir drill does not know", verb, which);
        s.wanted = &address;
    }
    if (!strcmp(verb, "show") || !strcmp(verb, "list")) tcp_metrics_each(net_of(i), show_one, &s);
    else if (!strcmp(verb, "flush") || (!strcmp(verb, "delete") && s.wanted)) tcp_metrics_flush(net_of(i), s.wanted);
    else return unsupported(i->c, "it runs 'ip tcp_metrics %s', which weir drill does not know", verb);
    return 0;
}
