/* From the devices to the socks: one tap on each device looks at every frame and copies it to those who want it. */
#include "afpacket/afpacket_sock.h"
#include "wire/headers.h"

static bool wants(const struct afpacket_sock *a, const struct net_device *d, const struct packet *p, bool is_outgoing)
{
    if (a->ifindex && a->ifindex != (int32_t)d->ifindex) return false;
    if (is_outgoing && (a->ignores_outgoing || p->sock == &a->sock)) return false; /* not what it sent itself */
    if (host16(a->protocol) == ETH_P_ALL) return true;
    return !is_outgoing && be16_equal(a->protocol, p->protocol); /* Linux: what leaves is shown to ETH_P_ALL only */
}

static void keep_source(struct packet *copy, const struct net_device *d)
{
    const struct wire_ethernet *e = (const void *)packet_data(copy);
    uint64_t source = 0;
    if (d->header_bytes) memcpy(&source, &e->source, sizeof e->source);
    copy->scratch[AFPACKET_SCRATCH_SOURCE] = source;
    copy->scratch[AFPACKET_SCRATCH_HARDWARE] = d->hardware_type;
}

static uint32_t status_of(const struct packet *p)
{
    if (p->checksum == PACKET_CHECKSUM_PARTIAL) return TP_STATUS_USER | TP_STATUS_CSUMNOTREADY;
    return TP_STATUS_USER | (p->checksum == PACKET_CHECKSUM_VERIFIED ? TP_STATUS_CSUM_VALID : 0);
}

static void take_copy(struct afpacket_sock *a, struct net_device *d, const struct packet *p, bool is_outgoing)
{
    struct sock *sk = &a->sock;
    struct packet *copy = packet_clone(p);
    if (!copy || !packet_pull_check(copy, d->header_bytes)) goto lost;
    copy->net = d->net;
    copy->device = d;
    copy->in_ifindex = (int32_t)d->ifindex;
    copy->time_ns = d->net->machine->now_ns;
    if (is_outgoing) copy->kind = PACKET_OUTGOING;
    keep_source(copy, d);
    copy->link_offset = 0;
    if (sk->type == SOCK_DGRAM) packet_pull(copy, d->header_bytes);
    uint32_t bytes = packet_bytes(copy), keep_bytes = sock_filter_run(sk, copy);
    if (keep_bytes == 0) {
        packet_consume(copy); /* asked not to see it: no loss */
        return;
    }
    a->seen++;
    if (!sock_charge_receive(sk, copy)) goto full;
    if (keep_bytes < bytes) packet_trim(copy, keep_bytes);
    copy->scratch[AFPACKET_SCRATCH_BYTES] = bytes;
    copy->scratch[AFPACKET_SCRATCH_STATUS] = status_of(copy);
    sock_queue_append(sk, copy);
    return;
lost:
    a->seen++;
full:
    a->lost++;
    sk->drops++;
    if (copy) packet_drop(copy, DROP_SOCKET_RCVBUFF);
    else d->net->drops[DROP_NOMEM]++;
}

static void see(struct capture *c, struct net_device *d, const struct packet *p, bool is_outgoing)
{
    (void)c;
    list_for_each_safe(it, tmp, &d->net->afpacket->hooked) {
        struct afpacket_sock *a = list_entry(it, struct afpacket_sock, hooked_node);
        if (wants(a, d, p, is_outgoing)) take_copy(a, d, p, is_outgoing);
    }
}

static void add_tap(struct net_device *d)
{
    struct afpacket_tap *t = machine_alloc(d->net->machine, sizeof *t);
    if (!t) return; /* the device works, only unseen */
    t->device = d;
    t->capture.see = see;
    list_init(&t->capture.node);
    list_add_tail(&d->net->afpacket->taps, &t->node);
    if (!list_is_empty(&d->net->afpacket->hooked)) capture_add(d, &t->capture);
}

/* Nobody there to see: no device stops for us. */
static void show_taps(struct afpacket_net *a, bool is_watched)
{
    list_for_each(it, &a->taps) {
        struct afpacket_tap *t = list_entry(it, struct afpacket_tap, node);
        capture_remove(&t->capture);
        if (is_watched) capture_add(t->device, &t->capture);
    }
}

static void remove_tap(struct net_device *d)
{
    list_for_each_safe(it, tmp, &d->net->afpacket->taps) {
        struct afpacket_tap *t = list_entry(it, struct afpacket_tap, node);
        if (t->device != d) continue;
        capture_remove(&t->capture);
        list_remove(&t->node);
        machine_free(d->net->machine, t, sizeof *t);
    }
}

static void tell_bound(struct net_device *d, bool is_gone)
{
    list_for_each_safe(it, tmp, &d->net->sock->all) {
        struct sock *sk = list_entry(it, struct sock, all_node);
        if (sk->family != AF_PACKET || afpacket_of(sk)->ifindex != (int32_t)d->ifindex) continue;
        if (is_gone) {
            afpacket_unhook(sk);
            afpacket_of(sk)->ifindex = -1;
        }
        sock_report_error(sk, ENETDOWN);
    }
}

void afpacket_device_event(struct net_device *d, enum device_event event)
{
    if (!d->net->afpacket) return;
    if (event == DEVICE_CREATED) add_tap(d);
    if (event == DEVICE_DOWN || event == DEVICE_GONE) tell_bound(d, event == DEVICE_GONE);
    if (event == DEVICE_GONE) remove_tap(d);
}

void afpacket_unhook(struct sock *sk)
{
    struct afpacket_net *a = sk->net->afpacket;
    bool was_watched = a && !list_is_empty(&a->hooked);
    list_remove(&afpacket_of(sk)->hooked_node);
    if (was_watched && list_is_empty(&a->hooked)) show_taps(a, false);
}

void afpacket_hook(struct sock *sk)
{
    struct afpacket_sock *a = afpacket_of(sk);
    afpacket_unhook(sk);
    if (!a->protocol.raw || a->ifindex < 0) return;
    if (list_is_empty(&sk->net->afpacket->hooked)) show_taps(sk->net->afpacket, true);
    list_add_tail(&sk->net->afpacket->hooked, &a->hooked_node);
}

int afpacket_net_start(struct net *net)
{
    struct afpacket_net *a = machine_alloc(net->machine, sizeof *a);
    if (!a) return -ENOMEM;
    list_init(&a->taps);
    list_init(&a->hooked);
    net->afpacket = a;
    return 0;
}

void afpacket_net_stop(struct net *net)
{
    machine_free(net->machine, net->afpacket, sizeof *net->afpacket);
    net->afpacket = NULL;
}
