#include "ip/state.h"

struct ip4_config *ip4_config_all(struct net *net) { return &net->ip->all4; }
struct ip4_config *ip4_config_default(struct net *net) { return &net->ip->default4; }
struct ip6_config *ip6_config_all(struct net *net) { return &net->ip->all6; }
struct ip6_config *ip6_config_default(struct net *net) { return &net->ip->default6; }

void ip_config_defaults(struct ip_net *in)
{
    in->all4 = (struct ip4_config){ .accept_redirects = 1, .send_redirects = 1, .secure_redirects = 1, .shared_media = 1 };
    in->default4 = in->all4;
    in->default4.accept_source_route = 1;
    in->all6 = (struct ip6_config){
        .hop_limit = 64, .mtu = 1280, .accept_ra = 1, .accept_redirects = 1, .autoconf = 1, .dad_transmits = 1,
        .router_solicitations = -1, .router_solicitation_interval = 4, .router_solicitation_delay = 1,
        .suppress_frag_ndisc = 1 };
    in->default6 = in->all6;
    in->default6.accept_dad = 1;
}
