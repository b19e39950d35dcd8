/* The life of a sock, who owns it, and whom it wakes. */
#include "sock/sock.h"

int sock_net_start(struct net *net)
{
    net->sock = machine_alloc(net->machine, sizeof(*net->sock));
    if (!net->sock) return -ENOMEM;
    list_init(&net->sock->all);
    net->sock->next_cookie = 1;
    return 0;
}

void sock_net_stop(struct net *net)
{
    /* Socks that outlive their sockets end with their rooms, which stop before this one. */
    assert(list_is_empty(&net->sock->all));
    machine_free(net->machine, net->sock, sizeof(*net->sock));
    net->sock = NULL;
}

static void register_sock(struct sock *sk)
{
    sk->references = 1;
    list_add_tail(&sk->net->sock->all, &sk->all_node);
    sk->net->sock->count++;
    timer_init(&sk->timer, NULL);
    packet_queue_init(&sk->receive_queue);
    packet_queue_init(&sk->backlog);
}

const struct sock_rare sock_usual = {
    .error_queue.packets = { (struct list *)(uintptr_t)&sock_usual.error_queue.packets, (struct list *)(uintptr_t)&sock_usual.error_queue.packets },
    .receive_timeout_ns = NS_NEVER, .send_timeout_ns = NS_NEVER, .max_pacing_rate = UINT64_MAX, .incoming_cpu = -1, .peek_offset = -1,
};

struct sock_rare *sock_rare(struct sock *sk)
{
    if (sk->rare == &sock_usual) {
        struct sock_rare *own = machine_alloc(sk->net->machine, sizeof(*own));
        if (!own) return NULL;
        *own = sock_usual;
        packet_queue_init(&own->error_queue);
        sk->rare = own;
    }
    return (struct sock_rare *)(uintptr_t)sk->rare;
}

static void set_defaults(struct sock *sk)
{
    sk->state = SOCK_CLOSE;
    sk->receive_buffer_bytes = (uint32_t)sk->net->sysctl.rmem_default;
    sk->send_buffer_bytes = (uint32_t)sk->net->sysctl.wmem_default;
    sk->receive_low_water = 1;
    sk->txrehash = 1;
    sk->rare = &sock_usual;
}

struct sock *sock_create(struct net *net, const struct proto *proto, int family, int type, int protocol)
{
    struct sock *sk = machine_alloc(net->machine, proto->sock_bytes);

    if (!sk) return NULL;
    sk->proto = proto;
    sk->net = net;
    sk->family = (uint16_t)family;
    sk->type = (uint8_t)type;
    sk->protocol = (uint8_t)protocol;
    set_defaults(sk);
    register_sock(sk);
    return sk;
}

struct sock *sock_clone(const struct sock *of)
{
    struct machine *m = of->net->machine;
    struct sock *sk = machine_alloc(m, of->proto->sock_bytes);

    if (!sk) return NULL;
    memcpy(sk, of, of->proto->sock_bytes);
    sk->rare = &sock_usual;
    if (of->rare != &sock_usual) {
        struct sock_rare *own = sock_rare(sk);
        if (!own) {
            machine_free(m, sk, of->proto->sock_bytes);
            return NULL;
        }
        *own = *of->rare;
        own->timestamp_key = 0;
        packet_queue_init(&own->error_queue);
    }
    sk->socket = NULL;
    sk->wait = NULL;
    sk->shutdown = sk->own_depth = 0;
    sk->is_owned = sk->is_dead = false;
    sk->err = sk->err_soft = 0;
    sk->cookie = sk->inode = sk->drops = 0;
    sk->receive_time_ns = 0;
    sk->receive_used_bytes = sk->backlog_bytes = 0;
    sk->send_used_bytes = sk->write_queued_bytes = sk->forward_allocated_bytes = 0;
    sock_filter_share(sk);
    register_sock(sk);
    return sk;
}

static void destroy(struct sock *sk)
{
    timer_cancel(&sk->net->machine->wheel, &sk->timer);
    if (sk->proto->destroy) sk->proto->destroy(sk);
    packet_queue_purge(&sk->receive_queue);
    sock_error_purge(sk);
    packet_queue_purge(&sk->backlog);
    sock_filter_detach(sk);
    if (sk->rare != &sock_usual) machine_free(sk->net->machine, (void *)(uintptr_t)sk->rare, sizeof(*sk->rare));
    list_remove(&sk->all_node);
    sk->net->sock->count--;
    machine_free(sk->net->machine, sk, sk->proto->sock_bytes);
}

void sock_put(struct sock *sk)
{
    assert(sk->references > 0);
    if (sk->references > 1) {
        sk->references--;
        return;
    }
    destroy(sk); /* the last reference stays counted, so that a get and put inside cannot end it twice */
}

void sock_graft(struct sock *sk, struct socket *s, struct wait_queue *wait)
{
    sk->socket = s;
    sk->wait = wait;
    sk->is_dead = false;
}

void sock_orphan(struct sock *sk)
{
    sk->is_dead = true;
    sk->socket = NULL;
    sk->wait = NULL;
}

void sock_own(struct sock *sk)
{
    sk->own_depth++;
    sk->is_owned = true;
}

static void run_backlog(struct sock *sk)
{
    struct packet *p;

    while ((p = packet_queue_pop(&sk->backlog))) {
        sk->backlog_bytes -= min_of(sk->backlog_bytes, p->truesize_bytes);
        sk->proto->backlog_receive(sk, p);
    }
    sk->backlog_bytes = 0;
}

void sock_release(struct sock *sk)
{
    assert(sk->own_depth > 0);
    if (sk->own_depth > 1) {
        sk->own_depth--;
        return;
    }
    sock_get(sk); /* the backlog may take the last reference of the protocol */
    do {
        run_backlog(sk);
        if (sk->proto->release_work) sk->proto->release_work(sk);
    } while (sk->backlog.count);
    sk->own_depth = 0;
    sk->is_owned = false;
    sock_put(sk);
}

bool sock_backlog_pass(struct sock *sk, struct packet *p)
{
    uint64_t limit = (uint64_t)sk->receive_buffer_bytes + sk->send_buffer_bytes + 65536;

    if (!sk->is_owned) return true;
    if ((uint64_t)sk->backlog_bytes + sk->receive_used_bytes > limit) {
        sk->drops++;
        if (sk->protocol == IPPROTO_TCP) count(sk->net, TcpExt, TCPBacklogDrop);
        packet_drop(p, DROP_SOCKET_BACKLOG);
        return false;
    }
    sk->backlog_bytes += p->truesize_bytes;
    packet_queue_push(&sk->backlog, p);
    return false;
}

int sock_take_error(struct sock *sk)
{
    int error = sk->err;

    sk->err = 0;
    return -error;
}

void sock_report_error(struct sock *sk, int error)
{
    sk->err = error;
    sock_error_raised(sk);
}

uint64_t sock_cookie(struct sock *sk)
{
    if (!sk->cookie) sk->cookie = sk->net->sock->next_cookie++;
    return sk->cookie;
}

void sock_wake(struct sock *sk, uint32_t events)
{
    if (sk->wait && !sk->is_dead) wait_wake(sk->wait, events);
}

void sock_state_change(struct sock *sk)
{
    sock_wake(sk, 0);
}

void sock_data_ready(struct sock *sk)
{
    sock_wake(sk, EPOLLIN | EPOLLPRI | EPOLLRDNORM | EPOLLRDBAND);
}

void sock_write_space(struct sock *sk)
{
    if (sk->proto->write_space) sk->proto->write_space(sk);
    else if (sock_is_writeable(sk)) sock_wake(sk, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
}

void sock_error_raised(struct sock *sk)
{
    sock_wake(sk, EPOLLERR);
}
