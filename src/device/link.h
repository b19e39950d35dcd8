/* A cable between two namespaces or machines (as Linux's veth). Between machines the packet's bytes are copied. */
#ifndef WEIR_DEVICE_LINK_H
#define WEIR_DEVICE_LINK_H

#include "device/impairment.h"

/* Creates both ends, named a_name in a and b_name in b, joined, down. Faults apply in each direction with its own stream.
 * impairment may be NULL. 0 or -errno. */
int link_create(struct net *a, const char *a_name, struct net *b, const char *b_name, uint32_t mtu_bytes,
                const struct impairment_config *impairment, struct net_device **a_out, struct net_device **b_out);

#endif
