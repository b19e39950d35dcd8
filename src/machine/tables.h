/* The const tables of this room that composition.c joins. */
#ifndef WEIR_MACHINE_TABLES_H
#define WEIR_MACHINE_TABLES_H

#include "ip/ip.h"
#include "netlink/netlink.h"

extern const struct ip_protocol *const ip_protocols[256]; /* protocols.c */
extern const struct diag_protocol diag_protocols[];       /* diag.c */

#endif
