/* TCP's part in the life of a namespace, and its numbers. */
#include "tcp/tcp_net.h"

static int start_tables(struct tcp_net *tn)
{
    struct machine *m = tn->net->machine;
    struct { struct tcp_table *table; uint64_t (*hash_of)(const struct tcp_net *, const struct chain_node *); } tables[] = {
        { &tn->established, tcp_hash_of_sock }, { &tn->listening, tcp_hash_of_listener },
        { &tn->time_wait, tcp_hash_of_time_wait }, { &tn->requests, tcp_hash_of_request },
    };
    for (size_t i = 0; i < array_count(tables); i++) {
        int r = tcp_table_init(m, tables[i].table, tables[i].hash_of);
        if (r) return r;
    }
    tn->ports = port_table_create(m);
    return tn->ports ? 0 : -ENOMEM;
}

static void free_tables(struct tcp_net *tn)
{
    struct machine *m = tn->net->machine;
    struct tcp_table *tables[] = { &tn->established, &tn->listening, &tn->time_wait, &tn->requests };
    for (size_t i = 0; i < array_count(tables); i++) tcp_table_fini(m, tables[i]);
    if (tn->ports) port_table_destroy(m, tn->ports);
    tn->net->tcp = NULL;
    machine_free(m, tn, sizeof *tn);
}

/* As they are in the namespaces there are already: Linux has them once. */
static struct cubic_parameters inherited_cubic(const struct net *net)
{
    list_for_each(node, &net->machine->nets) {
        const struct net *other = list_entry(node, struct net, node);
        if (other != net && other->tcp) return other->tcp->cubic;
    }
    return cubic_usual_parameters;
}

int tcp_net_start(struct net *net)
{
    struct machine *m = net->machine;
    struct tcp_net *tn = machine_alloc(m, sizeof *tn);
    if (!tn) return -ENOMEM;
    tn->net = net;
    tn->cubic = inherited_cubic(net);
    net->tcp = tn;
    for (size_t i = 0; i < TIME_WAIT_SLOTS; i++) list_init(&tn->time_wait_ring[i]);
    timer_init(&tn->time_wait_timer, tcp_time_wait_fire);
    random_key(&m->random.isn, &tn->isn_key);
    random_key(&m->random.isn, &tn->timestamp_key);
    random_key(&m->random.isn, &tn->cookie_key[0]);
    random_key(&m->random.isn, &tn->cookie_key[1]);
    random_key(&m->random.keys, &tn->table_key);
    random_key(&m->random.keys, &tn->reuseport_key);
    int r = start_tables(tn);
    if (r) free_tables(tn);
    return r;
}

static int end_sock(void *ctx, struct chain_node *n)
{
    struct tcp_sock *tp = list_entry(n, struct tcp_sock, inet.lookup_node);
    (void)ctx;
    tcp_done(tp);
    return 0;
}

static int end_request(void *ctx, struct chain_node *n)
{
    (void)ctx;
    tcp_request_drop(list_entry(n, struct tcp_request, node));
    return 0;
}

static int end_time_wait(void *ctx, struct chain_node *n)
{
    tcp_time_wait_end(ctx, list_entry(n, struct tcp_time_wait, node));
    return 0;
}

void tcp_net_stop(struct net *net)
{
    struct tcp_net *tn = net->tcp;
    if (!tn) return;
    tcp_table_each(&tn->requests, end_request, NULL);
    tcp_table_each(&tn->established, end_sock, NULL);
    tcp_table_each(&tn->time_wait, end_time_wait, tn);
    tcp_metrics_flush(net, NULL);
    timer_cancel(&net->machine->wheel, &tn->time_wait_timer);
    free_tables(tn);
}

uint32_t tcp_sock_count(const struct net *net) { return net->tcp->sock_count; }
uint32_t tcp_orphan_count(const struct net *net) { return net->tcp->orphans; }
uint32_t tcp_time_wait_count(const struct net *net) { return net->tcp->time_wait_count; }
uint64_t tcp_memory_pages(const struct net *net) { return net->tcp->memory_pages; }
