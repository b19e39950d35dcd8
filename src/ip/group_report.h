/* When the routers of a link are told of a group; what they are told is IGMP's and MLD's. */
#ifndef WEIR_IP_GROUP_REPORT_H
#define WEIR_IP_GROUP_REPORT_H

#include "ip/address.h"

/* Records of IGMPv3 and MLDv2 (RFC 3376 §4.2.12, RFC 3810 §5.2.12). The older versions say the same in their own way. */
enum { GROUP_IS_EXCLUDE = 2, GROUP_TO_INCLUDE = 3, GROUP_TO_EXCLUDE = 4 };

struct group_reporter {
    bool (*is_reported)(const struct ip_group *g);     /* some groups no router cares for */
    uint8_t (*robustness)(const struct net_device *d); /* how often a change is told */
    /* From one time to the next, at most. False: a leave is told once. */
    uint32_t (*unsolicited_ms)(const struct net_device *d, bool *tells_leaves);
    void (*report)(struct ip_group *g, uint8_t record);
};
extern const struct group_reporter igmp_reporter, mld_reporter;

bool ip_group_report_change(struct ip_group *g); /* joined or left. True: the timer will tell it, keep g */
void ip_group_report_fire(struct ip_group *g);
void ip_group_report_within(struct ip_group *g, uint32_t within_ms); /* a query asks */
void ip_group_report_heard(struct ip_group *g);                      /* somebody else on the link told it (RFC 2236 §3) */

#endif
