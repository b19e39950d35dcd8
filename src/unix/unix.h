/* AF_UNIX: stream, datagram and sequenced-packet sockets within a namespace. There is no file system here: a path name is a
 * name in the namespace's own table and lives as long as the socket that is bound to it. */
#ifndef WEIR_UNIX_UNIX_H
#define WEIR_UNIX_UNIX_H

#include "base/text.h"
#include "socket/socket.h"

int unix_net_start(struct net *net);
void unix_net_stop(struct net *net);
extern const struct net_family unix_family;
/* The text of /proc/net/unix. */
void unix_proc_text(struct net *net, struct text *t);

#endif
