/* Options of SOL_TCP that few programs set. A sock shares the usual ones until it sets one; they live as long as it does. */
#include "tcp/tcp_net.h"

const struct tcp_settings tcp_usual_settings;

struct tcp_settings *tcp_settings_own(struct tcp_sock *tp)
{
    if (tp->settings == &tcp_usual_settings) {
        struct tcp_settings *own = machine_alloc(tp->inet.sk.net->machine, sizeof *own);
        if (!own) return NULL;
        tp->settings = own;
    }
    return (struct tcp_settings *)(uintptr_t)tp->settings;
}

bool tcp_settings_copy(struct tcp_sock *tp, const struct tcp_settings *of)
{
    tp->settings = &tcp_usual_settings;
    if (of == &tcp_usual_settings) return true;
    struct tcp_settings *own = tcp_settings_own(tp);
    if (!own) return false;
    *own = *of;
    own->saved_syn = NULL;
    own->mtu.is_on = false;
    own->md5_keys = NULL;
    own->fastopen_keys = NULL; /* a listener's, as these */
    own->fastopen_limit = own->defer_accept_s = 0;
    return true;
}

void tcp_settings_release(struct tcp_sock *tp)
{
    struct machine *m = tp->inet.sk.net->machine;
    struct tcp_settings *own = (struct tcp_settings *)(uintptr_t)tp->settings;
    if (own == &tcp_usual_settings) return;
    tcp_md5_release(m, own->md5_keys);
    if (own->saved_syn) machine_free(m, own->saved_syn, sizeof *own->saved_syn + own->saved_syn->bytes);
    machine_free(m, own->fastopen_keys, sizeof *own->fastopen_keys);
    machine_free(m, own, sizeof *own);
    tp->settings = &tcp_usual_settings;
}
