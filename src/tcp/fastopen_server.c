/* Fast Open, passive side (RFC 7413 §4.2.2): a SYN with a good cookie makes a child at once, in SYN-RECEIVED, that the program
 * accepts, reads and writes before the handshake ends. Its request stays with it for that long: it repeats the SYN-ACK and
 * judges segments. Each listener lets so many be pending; one that a RST ends counts for a minute more once it was accepted, so
 * that forged addresses use up Fast Open and nothing else (§5.1). */
#include "tcp/data.h"
#include "tcp/fastopen.h"
#include "tcp/tcp_net.h"

#define RESET_MEMORY_NS (60 * NS_PER_S)

void tcp_fastopen_set_limit(struct tcp_sock *listener, int32_t pending)
{
    struct tcp_settings *own = tcp_settings_own(listener);
    if (own) own->fastopen_limit = (int32_t)min_of((int64_t)pending, listener->inet.sk.net->sysctl.somaxconn);
}

/* Room for one more: the oldest of those ended by a RST may have served its time. */
static bool has_room(struct tcp_sock *listener)
{
    struct tcp_listener *l = listener->listener;
    struct net *net = net_of(listener);
    int32_t limit = listener->settings->fastopen_limit;
    struct tcp_request *first = l->reset_first;

    if (!limit) return false;
    if (l->fastopen_pending < (uint32_t)limit) return true;
    if (!first || first->timer.deadline_ns > net->machine->now_ns) {
        count(net, TcpExt, TCPFastOpenListenOverflow);
        return false;
    }
    l->reset_first = first->next;
    l->fastopen_pending--;
    tcp_request_free(first);
    return true;
}

static bool needs_no_cookie(const struct tcp_request *r)
{
    const struct tcp_sock *listener = r->listener;
    if (listener->settings->fastopen_no_cookie || listener->inet.sk.net->sysctl.tcp_fastopen & FASTOPEN_SERVER_NO_COOKIE) return true;
    struct route *route = tcp_request_route(r);
    bool route_needs_none = route && route->needs_no_cookie;
    if (route) route_put(route);
    return route_needs_none;
}

static struct tcp_sock *make_child(struct tcp_request *r, const struct tcp_segment *seg)
{
    struct tcp_sock *listener = r->listener, *child;

    r->bits |= REQUEST_FASTOPEN;
    child = tcp_child_create(r, seg);
    if (!child) {
        r->bits &= (uint16_t)~REQUEST_FASTOPEN;
        return NULL;
    }
    r->child = child;
    r->timer.deadline_ns = tcp_now_ns(child) + TCP_TIMEOUT_INIT_NS;
    listener->listener->fastopen_pending++;
    child->rcv.open.is_child = true;
    child->flight->request = r;
    child->snd.wnd = child->snd.max_wnd = seg->window; /* never scaled in a SYN */
    tcp_retransmit_arm(child, TCP_TIMEOUT_INIT_NS);
    tcp_init_transfer(child);
    tcp_fastopen_take_data(child, seg);
    child->rcv.wup = child->rcv.nxt;
    return child;
}

struct tcp_sock *tcp_fastopen_try(struct tcp_request *r, const struct tcp_segment *seg, struct tcp_fastopen_cookie *cookie)
{
    struct tcp_sock *listener = r->listener, *child = NULL;
    struct net *net = net_of(listener);
    struct tcp_fastopen_cookie offered = *cookie;
    unsigned key = 0;

    cookie->bytes = -1;
    if (!offered.bytes) count(net, TcpExt, TCPFastOpenCookieReqd);
    if (!(net->sysctl.tcp_fastopen & FASTOPEN_SERVER) || (!seg->payload_bytes && offered.bytes < 0) || !has_room(listener)) return NULL;
    bool is_free = needs_no_cookie(r);
    if (!is_free && offered.bytes < 0) return NULL;
    if (!is_free) {
        if (offered.bytes) key = tcp_fastopen_cookie_is_ours(listener, &r->remote, &r->local, &offered);
        if (key != 1) tcp_fastopen_cookie_for(listener, &r->remote, &r->local, cookie);
        cookie->is_experimental = offered.is_experimental;
        if (!offered.bytes) return NULL;
    }
    if (is_free || key) child = make_child(r, seg);
    if (!child) {
        count(net, TcpExt, TCPFastOpenPassiveFail);
        if (key) tcp_fastopen_cookie_for(listener, &r->remote, &r->local, cookie);
        cookie->is_experimental = offered.is_experimental;
        return NULL;
    }
    if (key == 2) count(net, TcpExt, TCPFastOpenPassiveAltKey);
    count(net, TcpExt, TCPFastOpenPassive);
    return child;
}

/* Linux lists only those that were accepted: the others wait in the accept queue, which is limited itself. */
static void remember_reset(struct tcp_listener *l, struct tcp_request *r)
{
    r->timer.deadline_ns = r->listener->inet.sk.net->machine->now_ns + RESET_MEMORY_NS;
    r->child = NULL;
    r->next = NULL;
    if (l->reset_first) l->reset_last->next = r;
    else l->reset_first = r;
    l->reset_last = r;
}

void tcp_fastopen_forget(struct tcp_sock *child, bool by_reset)
{
    struct tcp_request *r = child->flight->request;
    struct tcp_listener *l;

    if (!r) return;
    child->flight->request = NULL;
    l = r->listener->listener;
    if (by_reset && l && r->bits & REQUEST_ACCEPTED) {
        remember_reset(l, r);
        return;
    }
    if (l && l->fastopen_pending) l->fastopen_pending--; /* a sock that listens anew has not counted those of before */
    tcp_request_free(r);
}

void tcp_fastopen_forget_resets(struct tcp_sock *listener)
{
    struct tcp_listener *l = listener->listener;
    struct tcp_request *r;

    while ((r = l->reset_first)) {
        l->reset_first = r->next;
        tcp_request_free(r);
    }
}

void tcp_fastopen_established(struct tcp_sock *child)
{
    tcp_undo_after_syn_ack(child);
    tcp_fastopen_forget(child, false);
    tcp_rearm_rto(child); /* data may be on their way */
}

/* Until the SYN-ACK is answered nothing else is sent again. One more time than without Fast Open. */
void tcp_fastopen_syn_ack_timeout(struct tcp_sock *child)
{
    struct tcp_request *r = child->flight->request;
    int64_t own = child->settings->syn_retries, most = own ? own : net_of(child)->sysctl.tcp_synack_retries + 1;

    count(net_of(child), TcpExt, TCPTimeouts);
    if (r->timeouts >= most) {
        tcp_write_error(child);
        return;
    }
    if (child->retransmits == 1) tcp_enter_loss(child);
    if (!tcp_request_repeat(r)) child->flight->past.total_retrans++;
    r->timeouts++;
    tcp_count_timeout(child);
    if (!child->flight->retrans_stamp_ns) child->flight->retrans_stamp_ns = tcp_now_ns(child);
    tcp_retransmit_arm(child, TCP_TIMEOUT_INIT_NS << min_of(r->timeouts, 20));
}
