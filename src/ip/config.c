#include "ip/state.h"

struct ip4_config *ip4_config_all(struct net *net) { return &net->ip->all4; }
struct ip4_config *ip4_config_default(struct net *net) { return &net->ip->default4; }
struct ip6_config *ip6_config_all(struct net *net) { return &net->ip->all6; }
struct ip6_config *ip6_config_default(struct net *net) { return &net->ip->default6; }

void ip_config_defaults(struct ip_net *in)
{
    in->all4 = (struct ip4_config){ .accept_redirects = 1,
        .send_redirects = 1,
        .secure_redirects = 1,
        .shared_media = 1,
        .igmpv2_unsolicited_report_interval = 10000,
        .igmpv3_unsolicited_report_interval = 1000 };
    in->default4 = in->all4;
    in->default4.accept_source_route = 1;
    in->all6 = (struct ip6_config){ .hop_limit = 64,
        .mtu = 1280,
        .accept_ra = 1,
        .accept_redirects = 1,
        .autoconf = 1,
        .dad_transmits = 1,
        .router_solicitations = -1,
        .router_solicitation_interval = 4,
        .router_solicitation_delay = 1,
        .suppress_frag_ndisc = 1,
        .accept_ra_defrtr = 1,
        .accept_ra_mtu = 1,
        .accept_ra_pinfo = 1,
        .accept_ra_min_hop_limit = 1,
        .ra_defrtr_metric = 1024,
        .max_addresses = 16,
        .router_solicitation_max_interval = 3600,
        .mldv1_unsolicited_report_interval = 10000,
        .mldv2_unsolicited_report_interval = 1000 };
    in->default6 = in->all6;
    in->default6.accept_dad = 1;
}
