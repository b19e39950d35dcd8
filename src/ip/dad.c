/* Duplicate address detection (RFC 4862 §5.4): the address is solicited from :: dad_transmits times; whoever answers or
 * asks the same has it. The same timer, later, ends the lifetimes of an address (§5.5.4). */
#include "ip/state.h"
#include "neighbour/neighbour.h"

static struct ip_address_entry *entry_of(struct ip_address *a) { return container_of(a, struct ip_address_entry, a); }
static struct wheel *wheel_of(const struct ip_address *a) { return &a->device->net->machine->wheel; }

ip_addr_t ip_solicited_node(const ip_addr_t *a)
{
    return (ip_addr_t){ .bytes = {
                            0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a->bytes[13], a->bytes[14], a->bytes[15] } };
}

/* RFC 4862 §5.4.2: the first solicitation waits a random part of a second. */
void ip_dad_start(struct ip_address *a)
{
    struct net *net = a->device->net;
    struct ip_address_entry *e = entry_of(a);
    if (!(a->device->flags & IFF_UP)) return;
    e->probes_left = (uint8_t)min_of(max_of(a->device->ip->config6.dad_transmits, 0), 255);
    uint64_t wait_ns = random_below(&net->machine->random.jitter, 1000) * NS_PER_MS;
    timer_arm(wheel_of(a), &e->timer, ip_now(net) + wait_ns);
}

void ip_dad_stop(struct ip_address *a) { timer_cancel(wheel_of(a), &entry_of(a)->timer); }

static uint64_t next_expiry(const struct ip_address *a)
{
    return a->flags & IFA_F_DEPRECATED ? a->valid_until_ns : min_of(a->valid_until_ns, a->preferred_until_ns);
}

static void watch_lifetime(struct ip_address *a)
{
    uint64_t next = next_expiry(a);
    if (next != NS_NEVER) timer_arm(wheel_of(a), &entry_of(a)->timer, next);
}

static void probe(struct ip_address_entry *e, uint64_t now_ns)
{
    static const ip_addr_t any;
    struct ip_address *a = &e->a;
    if (!e->probes_left) {
        ip_address_activate(a);
        watch_lifetime(a);
        return;
    }
    e->probes_left--;
    ip_addr_t group = ip_solicited_node(&a->local);
    const struct neighbour_parameters *np = a->device->ip->neighbour6;
    timer_arm(wheel_of(a), &e->timer, now_ns + (uint64_t)(np ? np->retrans_time_ms : 1000) * NS_PER_MS);
    ndp_solicit(a->device, &any, &group, &a->local);
}

void ip_dad_fire(struct timer *t, uint64_t now_ns)
{
    struct ip_address_entry *e = container_of(t, struct ip_address_entry, timer);
    struct ip_address *a = &e->a;
    if (a->flags & IFA_F_TENTATIVE) return probe(e, now_ns);
    if (a->valid_until_ns <= now_ns) {
        (void)ip_address_remove(a->device, &a->local, a->prefix_bits);
        return;
    }
    a->flags |= IFA_F_DEPRECATED;
    ip_tell_address(a, CHANGE_NEW);
    watch_lifetime(a);
}
