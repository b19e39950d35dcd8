#include "unix/unix_sock.h"

#define ACCEPTS_CONNECTIONS 0x10000u /* Linux: __SO_ACCEPTCON */

static void put_name(struct text *t, const struct unix_address *a)
{
    uint32_t length = a->bytes - (uint32_t)offsetof(struct sockaddr_un, sun_path);
    if (a->name.sun_path[0]) length--; /* the NUL */
    text_put(t, " ", 1);
    for (uint32_t i = 0; i < length; i++) text_put(t, a->name.sun_path[i] ? &a->name.sun_path[i] : "@", 1);
}

void unix_proc_text(struct net *net, struct text *t)
{
    text_printf(t, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    list_for_each(it, &net->sock->all) {
        struct sock *sk = list_entry(it, struct sock, all_node);
        if (sk->family != AF_UNIX) continue;
        int state = sk->socket ? (sk->state == SOCK_ESTABLISHED ? SOCKET_CONNECTED : SOCKET_UNCONNECTED)
                               : (sk->state == SOCK_ESTABLISHED ? SOCKET_CONNECTING : SOCKET_DISCONNECTING);
        text_printf(t, "%016lx: %08X %08X %08X %04X %02X %5lu", 0ul, sk->references, 0u,
                    sk->state == SOCK_LISTEN ? ACCEPTS_CONNECTIONS : 0u, sk->type, (unsigned)state, (unsigned long)sk->inode);
        if (unix_of(sk)->address) put_name(t, unix_of(sk)->address);
        text_put(t, "\n", 1);
    }
}
