/* The last step of input: raw socks, then the transport by number. */
#include "ip/state.h"
#include "machine/composition.h"

struct net_device *ip_input_device(struct net *net, const struct packet *p)
{
    return p->in_ifindex ? device_by_index(net, (uint32_t)p->in_ifindex) : NULL;
}

static const struct ip_protocol *handler_of(const struct net *net, uint8_t number)
{
    const struct composition *c = net->machine->composition;
    return c->ip_protocols ? c->ip_protocols[number] : NULL;
}

bool ip_offer_raw(struct net *net, struct packet *p)
{
    const struct composition *c = net->machine->composition;
    return c->raw_deliver && c->raw_deliver(net, p);
}

bool ip_has_handler(const struct net *net, uint8_t number) { return handler_of(net, number) != NULL; }

static void no_handler4(struct net *net, struct packet *p, bool was_taken)
{
    if (was_taken) {
        count(net, Ip, InDelivers);
        packet_consume(p);
        return;
    }
    count(net, Ip, InUnknownProtos);
    icmp_send_error(p, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
    packet_drop(p, DROP_IP_NOPROTO);
}

static void no_handler6(struct net *net, struct packet *p, bool was_taken, uint32_t named_at)
{
    if (was_taken) {
        count(net, Ip6, InDelivers);
        packet_consume(p);
        return;
    }
    count(net, Ip6, InUnknownProtos);
    icmp_send_error(p, ICMPV6_PARAMPROB, ICMPV6_UNK_NEXTHDR, named_at);
    packet_drop(p, DROP_IP_NOPROTO);
}

void ip_deliver(struct net *net, struct packet *p, uint32_t named_at)
{
    bool was_taken = ip_offer_raw(net, p);
    const struct ip_protocol *handler = handler_of(net, p->ip.protocol);
    if (!handler) {
        if (p->ip.version == 4) no_handler4(net, p, was_taken);
        else no_handler6(net, p, was_taken, named_at);
        return;
    }
    if (p->ip.version == 4) count(net, Ip, InDelivers);
    else count(net, Ip6, InDelivers);
    p->transport_offset = 0;
    handler->receive(net, p);
}
