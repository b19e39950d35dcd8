/* The NUD state machine (RFC 4861 §7.3), with Linux's timing.
 *
 *   NONE, FAILED --packet--> INCOMPLETE --answer--> REACHABLE --time--> STALE --packet--> DELAY --time--> PROBE
 *                                |                      ^                                  |               |
 *                                +--no answer--> FAILED +-------- confirmation ------------+---------------+ */
#include "neighbour/state.h"

static struct wheel *wheel_of(const struct neighbour *n) { return &n->device->net->machine->wheel; }

/* RFC 4861 §6.3.2: uniform between half and one and a half of the base. */
static uint64_t reachable_ns(const struct neighbour *n)
{
    uint64_t base_ms = (uint64_t)n->parameters->base_reachable_time_ms;
    return (base_ms / 2 + random_below(&n->device->net->machine->random.jitter, (uint32_t)max_of(base_ms, 1u)))
        * NS_PER_MS;
}
static uint64_t retrans_ns(const struct neighbour *n)
{
    return (uint64_t)max_of(n->parameters->retrans_time_ms, 10) * NS_PER_MS;
}
static uint64_t delay_ns(const struct neighbour *n)
{
    return (uint64_t)n->parameters->delay_first_probe_time_s * NS_PER_S;
}

static void solicit(struct neighbour *n)
{
    const struct packet *waiting = packet_queue_peek(&n->pending);
    bool is_unicast = n->state == NUD_PROBE && n->probes < (uint32_t)n->parameters->ucast_solicit;
    n->probes++;
    if (ip_is4(&n->address)) arp_solicit(n, waiting, is_unicast);
    else ndp_solicit_for(n, waiting, is_unicast);
}

/* Each packet that waited is told of separately (Linux: error_report). */
static void give_up(struct neighbour *n)
{
    struct packet *p;
    n->state = NUD_FAILED;
    n->updated_ns = now_of(n->device);
    neighbour_tell(n, CHANGE_NEW);
    neighbour_get(n);
    while ((p = packet_queue_pop(&n->pending)) != NULL) {
        const struct neighbour_host *host = host_of(n->device);
        if (host && host->unreachable) host->unreachable(n->device, p);
        else packet_drop(p, DROP_NEIGH_FAILED);
    }
    neighbour_put(n);
}

static void reachable_over(struct neighbour *n, uint64_t now_ns)
{
    if (now_ns < n->confirmed_ns + (uint64_t)n->parameters->base_reachable_time_ms * NS_PER_MS) {
        timer_arm(wheel_of(n), &n->timer, n->confirmed_ns + reachable_ns(n) + NS_PER_MS);
    } else if (now_ns <= n->used_ns + delay_ns(n)) {
        n->state = NUD_DELAY;
        n->updated_ns = now_ns;
        timer_arm(wheel_of(n), &n->timer, now_ns + delay_ns(n));
    } else {
        n->state = NUD_STALE;
        n->updated_ns = now_ns;
        neighbour_tell(n, CHANGE_NEW);
    }
}

static void probe(struct neighbour *n, uint64_t now_ns)
{
    int64_t most = n->parameters->ucast_solicit + n->parameters->app_solicit
        + (n->state == NUD_PROBE ? n->parameters->mcast_resolicit : n->parameters->mcast_solicit);
    if (n->probes >= most) {
        give_up(n);
        return;
    }
    timer_arm(wheel_of(n), &n->timer, now_ns + retrans_ns(n));
    solicit(n);
}

void nud_fire(struct timer *t, uint64_t now_ns)
{
    struct neighbour *n = container_of(t, struct neighbour, timer);
    switch (n->state) {
    case NUD_REACHABLE: return reachable_over(n, now_ns);
    case NUD_DELAY:
        if (now_ns <= n->confirmed_ns + delay_ns(n)) {
            n->state = NUD_REACHABLE;
            n->updated_ns = now_ns;
            timer_arm(wheel_of(n), &n->timer, now_ns + reachable_ns(n));
            neighbour_tell(n, CHANGE_NEW);
            return;
        }
        n->state = NUD_PROBE;
        n->updated_ns = now_ns;
        n->probes = 0;
        probe(n, now_ns);
        if (n->state == NUD_PROBE) neighbour_tell(n, CHANGE_NEW);
        return;
    case NUD_PROBE:
    case NUD_INCOMPLETE: return probe(n, now_ns);
    default: return;
    }
}

static int transmit(struct neighbour *n, struct packet *p)
{
    if (n->device->is_blocked) {
        packet_drop(p, DROP_QDISC_DROP);
        return -ENOBUFS;
    }
    if (!device_push_header(n->device, p, &n->mac)) {
        packet_drop(p, DROP_NOMEM);
        return -ENOBUFS;
    }
    device_transmit(n->device, p);
    return 0;
}

/* The oldest gives way when the bytes that wait pass unres_qlen_bytes. */
static void wait_for_answer(struct neighbour *n, struct packet *p)
{
    uint64_t limit = (uint64_t)n->parameters->unres_qlen_bytes;
    packet_queue_push(&n->pending, p);
    while (n->pending.count > 1 && n->pending.bytes > limit)
        packet_drop(packet_queue_pop(&n->pending), DROP_NEIGH_QUEUEFULL);
}

static int resolve(struct neighbour *n, struct packet *p)
{
    if (n->state == NUD_INCOMPLETE) {
        wait_for_answer(n, p);
        return 0;
    }
    if (!n->parameters->mcast_solicit) {
        n->state = NUD_FAILED;
        packet_drop(p, DROP_NEIGH_FAILED);
        return -EHOSTUNREACH;
    }
    n->state = NUD_INCOMPLETE;
    n->updated_ns = now_of(n->device);
    n->probes = (uint32_t)n->parameters->ucast_solicit;
    wait_for_answer(n, p);
    timer_arm(wheel_of(n), &n->timer, n->updated_ns + retrans_ns(n));
    solicit(n);
    return 0;
}

int neighbour_output(struct neighbour *n, struct packet *p)
{
    n->used_ns = now_of(n->device);
    if (p->confirms_neighbour) neighbour_confirm(n);
    p->confirms_neighbour = false; /* it says nothing of a next hop's neighbour */
    if (!chain_is_linked(&n->table_node)) { /* the interface went away under a cached route */
        packet_drop(p, DROP_NEIGH_DEAD);
        return -EHOSTUNREACH;
    }
    if (!(n->state & NUD_VALID)) return resolve(n, p);
    if (n->state == NUD_STALE) {
        n->state = NUD_DELAY;
        n->updated_ns = n->used_ns;
        timer_arm(wheel_of(n), &n->timer, n->used_ns + delay_ns(n));
    }
    return transmit(n, p);
}

void neighbour_confirm(struct neighbour *n)
{
    n->confirmed_ns = now_of(n->device); /* the timer of the state will see it */
}

static void send_pending(struct neighbour *n)
{
    struct packet *p;
    neighbour_get(n);
    while ((n->state & NUD_VALID) && (p = packet_queue_pop(&n->pending)) != NULL) (void)transmit(n, p);
    neighbour_put(n);
}

static void enter(struct neighbour *n, uint16_t new_state)
{
    if (n->state == new_state && new_state != NUD_REACHABLE) return;
    timer_cancel(wheel_of(n), &n->timer);
    n->state = new_state;
    if (new_state == NUD_REACHABLE) timer_arm(wheel_of(n), &n->timer, now_of(n->device) + reachable_ns(n));
    else if (new_state == NUD_DELAY) timer_arm(wheel_of(n), &n->timer, now_of(n->device) + delay_ns(n));
    else if (new_state & (NUD_PROBE | NUD_INCOMPLETE))
        timer_arm(wheel_of(n), &n->timer, now_of(n->device) + retrans_ns(n));
}

static void note_router(struct neighbour *n, uint32_t flags)
{
    if (!(flags & NEIGHBOUR_SET_ROUTER)) return;
    n->is_router = flags & NEIGHBOUR_IS_ROUTER;
    if (n->is_router) n->flags |= NTF_ROUTER;
    else n->flags &= (uint8_t)~NTF_ROUTER;
}

/* RFC 4861 §7.2.5 and Linux's neigh_update(). */
int neighbour_update(struct neighbour *n, const struct mac_addr *mac, uint16_t new_state, uint32_t flags)
{
    uint16_t old = n->state;
    if (!(flags & NEIGHBOUR_ADMIN) && (old & (NUD_NOARP | NUD_PERMANENT))) return -EPERM;
    if (!chain_is_linked(&n->table_node)) return -EINVAL;
    if (!(new_state & NUD_VALID)) {
        enter(n, new_state);
        n->updated_ns = now_of(n->device);
        if ((old & (NUD_INCOMPLETE | NUD_PROBE)) && (new_state & NUD_FAILED)) give_up(n);
        else if (old & NUD_VALID) neighbour_tell(n, CHANGE_NEW);
        return 0;
    }
    if (!mac && !(old & NUD_VALID) && !(n->device->flags & IFF_NOARP)) return -EINVAL;
    if (!mac) mac = &n->mac;
    bool differs = memcmp(mac->bytes, n->mac.bytes, 6) != 0;
    if ((old & NUD_VALID) && differs && !(flags & NEIGHBOUR_OVERRIDE)) {
        if (!(flags & NEIGHBOUR_WEAK_OVERRIDE) || !(old & NUD_CONNECTED)) return 0;
        mac = &n->mac; /* keep what is known, but ask again */
        new_state = NUD_STALE;
        differs = false;
    } else if ((old & NUD_VALID) && !differs && new_state == NUD_STALE && (old & NUD_CONNECTED)
        && !(flags & NEIGHBOUR_ADMIN)) {
        new_state = old; /* the same address heard again is no reason to doubt */
    }
    if (new_state & NUD_CONNECTED) n->confirmed_ns = now_of(n->device);
    if (new_state != old || differs) n->updated_ns = now_of(n->device);
    n->mac = *mac;
    enter(n, new_state);
    bool was_router = n->is_router;
    note_router(n, flags);
    if (!(old & NUD_VALID)) send_pending(n);
    if (n->state != old || differs || n->is_router != was_router) neighbour_tell(n, CHANGE_NEW);
    return 0;
}
