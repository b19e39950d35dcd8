/* What Linux cannot tell: why connections were lost, listener by listener, and every reason a packet was dropped for. */
#include "packet/drop.h"
#include "proc/texts.h"
#include "tcp/tcp.h"

static void format_address(char *out, size_t size, const ip_addr_t *a, uint16_t port)
{
    if (ip_is4(a)) {
        text_format(out, size, "%u.%u.%u.%u:%u", a->bytes[12], a->bytes[13], a->bytes[14], a->bytes[15], port);
        return;
    }
    size_t n = text_format(out, size, "[");
    for (int i = 0; i < 8; i++) n += text_format(out + n, size - n, i ? ":%x" : "%x", a->bytes[2 * i] << 8 | a->bytes[2 * i + 1]);
    if (ip_is_any6(a)) n = text_format(out, size, "[::");
    text_format(out + n, size - n, "]:%u", port);
}

/* One field a line would be long; the names stand in the first line. */
static int put_listener(void *ctx, const struct tcp_view *v)
{
    struct text *t = ctx;
    struct tcp_listener_stats s;
    char address[64];
    if (v->kind != TCP_VIEW_LISTENER || !tcp_listener_stats(v->sk, &s)) return 0;
    format_address(address, sizeof address, &v->local, v->local_port);
#define U(field) (unsigned long)s.field
    text_printf(t, "%s inode=%lu accept_queue=%lu accept_queue_highest=%lu accept_queue_limit=%lu syn_queue=%lu syn_queue_highest=%lu"
        " syn_queue_limit=%lu syns_received=%lu established=%lu accepted=%lu accept_overflows=%lu dropped_accept_queue=%lu"
        " dropped_syn_queue=%lu dropped_no_memory=%lu dropped_other=%lu cookies_sent=%lu cookies_valid=%lu cookies_invalid=%lu"
        " requests_timed_out=%lu requests_reset=%lu\n", address, (unsigned long)v->inode, U(accept_queue), U(accept_queue_highest),
        U(accept_queue_limit), U(syn_queue), U(syn_queue_highest), U(syn_queue_limit), U(syns_received), U(established), U(accepted),
        U(accept_overflows), U(syns_dropped_accept_queue), U(syns_dropped_syn_queue), U(syns_dropped_no_memory), U(syns_dropped_other),
        U(cookies_sent), U(cookies_valid), U(cookies_invalid), U(requests_timed_out), U(requests_reset));
#undef U
    return 0;
}

void proc_listeners(struct net *net, struct text *t)
{
    tcp_each(net, put_listener, t);
}

void proc_drops(struct net *net, struct text *t)
{
    for (int i = 0; i < DROP_REASON_COUNT; i++) {
        uint64_t count = net->drops[i] + (net == net->machine->initial_net ? net->machine->drops[i] : 0);
        if (count) text_printf(t, "%lu %s %s\n", (unsigned long)count, drop_reason_name((enum drop_reason)i), drop_reason_text((enum drop_reason)i));
    }
}
