#include "afpacket/afpacket.h"
#include "inet/inet.h"
#include "netlink/netlink.h"
#include "unix/unix.h"

const struct net_family *const net_families[] = {
    &inet_family,
    &inet6_family,
    &unix_family,
    &netlink_family,
    &afpacket_family,
    NULL,
};
