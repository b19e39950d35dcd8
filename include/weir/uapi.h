/* The one door to the system's headers for src/: constants and structs of Linux's user API, no functions but mem* and str*.
 * netinet/ first, then linux/: libc's own guards then keep the two from clashing. linux/tcp.h and not netinet/tcp.h: the
 * kernel's struct tcp_info is the longer one. Constants newer than Debian 12's headers are added at the end. */
#ifndef WEIR_UAPI_H
#define WEIR_UAPI_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <linux/capability.h>
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/in_route.h>
#include <linux/inet_diag.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <linux/route.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/tcp.h>

/* The C library's assert() prints; the core may only stop. */
#undef assert
#define assert(condition) ((condition) ? (void)0 : __builtin_trap())
#undef static_assert
#define static_assert _Static_assert

/* Kernel-internal errno values that never reach a program. */
#define ERESTARTSYS 512
#define ENOIOCTLCMD 515

#endif
