/* Security hook points (Linux: LSM) at the socket calls. 0: allowed; -errno: the call fails with it. */
#ifndef WEIR_SOCKET_SECURITY_H
#define WEIR_SOCKET_SECURITY_H

#include "socket/socket.h"

enum security_point { SECURITY_SOCKET, SECURITY_BIND, SECURITY_LISTEN, SECURITY_CONNECT, SECURITY_ACCEPT, SECURITY_SENDMSG, SECURITY_RECVMSG, SECURITY_POINTS };
struct security_request {
    const struct task *task;
    struct socket *socket;      /* NULL for SECURITY_SOCKET */
    int family, type, protocol; /* SECURITY_SOCKET */
    const struct sockaddr_storage *address; uint32_t address_bytes; /* bind, connect, sendmsg with a name */
};
struct security_hook { struct list node; int (*check)(struct security_hook *h, enum security_point at, const struct security_request *r); };
struct security_net { struct list hooks[SECURITY_POINTS]; };
int security_net_start(struct net *net);
void security_net_stop(struct net *net);
void security_add(struct net *net, enum security_point at, struct security_hook *h);
void security_remove(struct security_hook *h);
int security_ask(struct net *net, enum security_point at, const struct security_request *r);
static inline int security_check(struct net *net, enum security_point at, const struct security_request *r)
{
    return list_is_empty(&net->security->hooks[at]) ? 0 : security_ask(net, at, r);
}
/* The same of the fields of a request, which is made only where somebody will look at it. */
#define SECURITY_CHECK(net, at, ...) \
    (list_is_empty(&(net)->security->hooks[at]) ? 0 : security_ask(net, at, &(struct security_request){ __VA_ARGS__ }))

#endif
