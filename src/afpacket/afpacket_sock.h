/* What the files of this room share. */
#ifndef WEIR_AFPACKET_AFPACKET_SOCK_H
#define WEIR_AFPACKET_AFPACKET_SOCK_H

#include "afpacket/afpacket.h"
#include "device/capture.h"
#include "sock/sock.h"

struct afpacket_tap { struct capture capture; struct list node; struct net_device *device; };

struct afpacket_net {
    struct list taps;    /* one on each device */
    struct list hooked;  /* struct afpacket_sock.hooked_node: those that want frames */
};

struct membership { struct list node; int32_t ifindex; uint16_t type, bytes; uint8_t address[8]; uint32_t count; };

struct afpacket_sock {
    struct sock sock;         /* first */
    struct list hooked_node;
    be16_t protocol;          /* 0: receives nothing */
    int32_t ifindex;          /* 0: all; -1: its interface is gone */
    bool wants_auxdata, ignores_outgoing, wants_origin, bypasses_queue;
    uint32_t seen, lost;      /* PACKET_STATISTICS, since last asked */
    struct list memberships;
};

static inline struct afpacket_sock *afpacket_of(struct sock *sk) { return (struct afpacket_sock *)(void *)sk; }

/* packet.scratch[] of a queued frame, after sock's own */
enum { AFPACKET_SCRATCH_BYTES = 1, AFPACKET_SCRATCH_STATUS, AFPACKET_SCRATCH_SOURCE, AFPACKET_SCRATCH_HARDWARE };

void afpacket_hook(struct sock *sk);    /* according to protocol and ifindex */
void afpacket_unhook(struct sock *sk);
long afpacket_sendmsg(struct socket *s, struct user_msg *msg);
long afpacket_recvmsg(struct socket *s, struct user_msg *msg);
int afpacket_setsockopt(struct socket *s, int level, int name, const struct user_option *o);
int afpacket_getsockopt(struct socket *s, int level, int name, const struct user_option *o);
void afpacket_leave_all(struct sock *sk);

#endif
