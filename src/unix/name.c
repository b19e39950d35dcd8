#include "unix/unix_sock.h"

#define NAME_OFFSET ((uint32_t)offsetof(struct sockaddr_un, sun_path))
#define AUTOBIND_NAMES (1u << 20) /* "\0" and five hex digits */

int unix_check_name(const struct sockaddr_storage *a, uint32_t bytes, struct sockaddr_un *name, uint32_t *name_bytes)
{
    if (bytes <= NAME_OFFSET || bytes > sizeof *name || a->ss_family != AF_UNIX) return -EINVAL;
    memset(name, 0, sizeof *name);
    memcpy(name, a, bytes);
    if (name->sun_path[0]) { /* a path ends at its NUL, or where the room ends; the NUL is told where there is room for one */
        const char *end = memchr(name->sun_path, 0, UNIX_PATH_BYTES);
        uint32_t length = end ? (uint32_t)(end - name->sun_path) : UNIX_PATH_BYTES;
        memset(name->sun_path + length, 0, UNIX_PATH_BYTES - length);
        bytes = NAME_OFFSET + length + 1;
    }
    *name_bytes = bytes;
    return 0;
}

static struct chain *bucket_of(struct net *net, const struct sockaddr_un *name, uint32_t bytes)
{
    struct unix_net *u = net->unix_;
    uint64_t hash = siphash(&u->key, name, min_of(bytes, (uint32_t)sizeof *name));
    return &u->names[hash % UNIX_NAME_BUCKETS];
}

/* Abstract names of different socket types are different names; a path is one for all. */
static struct unix_sock *find_bound(struct net *net, const struct sockaddr_un *name, uint32_t bytes, int type)
{
    chain_for_each(it, bucket_of(net, name, bytes)) {
        struct unix_sock *u = container_of(it, struct unix_sock, name_node);
        const struct unix_address *a = u->address;
        if (!name->sun_path[0] && u->sock.type != type) continue;
        if (a->bytes == bytes && memcmp(&a->name, name, min_of(bytes, (uint32_t)sizeof *name)) == 0) return u;
    }
    return NULL;
}

int unix_find(struct net *net, const struct sockaddr_un *name, uint32_t bytes, int type, struct sock **out)
{
    struct unix_sock *u = find_bound(net, name, bytes, type);
    if (!u) return name->sun_path[0] ? -ENOENT : -ECONNREFUSED;
    if (u->sock.type != type) return -EPROTOTYPE;
    *out = &u->sock;
    return 0;
}

static int take_name(struct sock *sk, const struct sockaddr_un *name, uint32_t bytes)
{
    struct unix_sock *u = unix_of(sk);
    struct machine *m = sk->net->machine;
    struct unix_address *a = machine_alloc(m, sizeof *a);
    if (!a) return -ENOMEM;
    *a = (struct unix_address){ .machine = m, .references = 1, .bytes = bytes, .name = *name };
    u->address = a;
    chain_add(bucket_of(sk->net, name, bytes), &u->name_node);
    return 0;
}

void unix_address_put(struct unix_address *a)
{
    if (a && --a->references == 0) machine_free(a->machine, a, sizeof *a);
}

void unix_forget_name(struct sock *sk)
{
    struct unix_sock *u = unix_of(sk);
    chain_remove(&u->name_node);
    unix_address_put(u->address);
    u->address = NULL;
}

int unix_autobind(struct sock *sk)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    uint32_t bytes = NAME_OFFSET + 6;
    if (unix_of(sk)->address) return 0;
    uint32_t first = random_u32(&sk->net->machine->random.ports);
    for (uint32_t i = 0; i < AUTOBIND_NAMES; i++) {
        text_format(name.sun_path + 1, 6, "%05x", (first + i) % AUTOBIND_NAMES);
        if (!find_bound(sk->net, &name, bytes, sk->type)) return take_name(sk, &name, bytes);
    }
    return -ENOSPC;
}

int unix_bind(struct socket *s, const struct task *t, const struct sockaddr_storage *a, uint32_t bytes)
{
    struct sockaddr_un name;
    uint32_t name_bytes;
    (void)t;
    if (bytes == NAME_OFFSET && a->ss_family == AF_UNIX) return unix_autobind(s->sock);
    int error = unix_check_name(a, bytes, &name, &name_bytes);
    if (error) return error;
    bool is_taken = find_bound(s->net, &name, name_bytes, s->type) != NULL;
    if (name.sun_path[0] && is_taken) return -EADDRINUSE; /* Linux: the file is made before the socket is looked at */
    if (unix_of(s->sock)->address) return -EINVAL;
    return is_taken ? -EADDRINUSE : take_name(s->sock, &name, name_bytes);
}

int unix_getname(struct socket *s, struct sockaddr_storage *a, enum socket_name which)
{
    struct unix_sock *u = unix_of(s->sock);
    if (which && !u->peer) return -ENOTCONN;
    if (which) u = unix_of(u->peer);
    a->ss_family = AF_UNIX;
    if (!u->address) return NAME_OFFSET;
    memcpy(a, &u->address->name, sizeof u->address->name);
    return (int)u->address->bytes;
}

void unix_copy_name(struct user_msg *msg, const struct unix_address *a)
{
    msg->name_bytes = a ? a->bytes : 0;
    if (a) memcpy(&msg->name, &a->name, sizeof a->name);
}
