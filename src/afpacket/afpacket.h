/* AF_PACKET: sockets that see and send whole frames (packet(7)). No ring buffers: PACKET_RX_RING and its kin are unknown
 * options, as on a kernel without them. */
#ifndef WEIR_AFPACKET_AFPACKET_H
#define WEIR_AFPACKET_AFPACKET_H

#include "base/text.h"
#include "device/net_device.h"
#include "socket/socket.h"

int afpacket_net_start(struct net *net);
void afpacket_net_stop(struct net *net);
void afpacket_device_event(struct net_device *d, enum device_event event);
extern const struct net_family afpacket_family;
/* The text of /proc/net/packet. */
void afpacket_proc_text(struct net *net, struct text *t);

#endif
