/* What the sysctl files of this room share. */
#ifndef WEIR_PROC_SYSCTL_H
#define WEIR_PROC_SYSCTL_H

#include "machine/net.h"

/* net.ipv4.ip_forward is net.ipv4.conf.all.forwarding: a write to either reaches every interface. */
void sysctl_set_forwarding4(struct net *net, int32_t on);
void sysctl_set_forwarding6(struct net *net, int32_t on);

#endif
