#include "inet/inet.h"

#ifdef HAS_UNIX
#include "unix/unix.h"
#endif
#ifdef HAS_NETLINK
#include "netlink/netlink.h"
#endif
#ifdef HAS_AFPACKET
#include "afpacket/afpacket.h"
#endif

const struct net_family *const net_families[] = {
    &inet_family,
    &inet6_family,
#ifdef HAS_UNIX
    &unix_family,
#endif
#ifdef HAS_NETLINK
    &netlink_family,
#endif
#ifdef HAS_AFPACKET
    &afpacket_family,
#endif
    NULL,
};
