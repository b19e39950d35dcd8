/* What the files of this room share. */
#ifndef WEIR_RAW_RAW_SOCK_H
#define WEIR_RAW_RAW_SOCK_H

#include "raw/raw.h"
#include "wire/checksum.h"
#include "wire/headers.h"

/* inet_sock has all that a raw sock needs; local_port is the protocol. */
struct raw_net {
    struct chain slots4[256], slots6[256]; /* inet_sock.lookup_node, by protocol */
    uint32_t count4, count6;
};

/* receive.c */
long raw_recvmsg(struct sock *sk, struct user_msg *msg);
/* send.c */
long raw_sendmsg(struct sock *sk, struct user_msg *msg);
/* option.c */
int raw_setsockopt(struct sock *sk, int level, int name, const struct user_option *o);
int raw_getsockopt(struct sock *sk, int level, int name, const struct user_option *o);

#endif
