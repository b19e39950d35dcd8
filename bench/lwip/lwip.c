/* Two lwIP stacks (Debian's liblwip) in one process, one thread, joined by a memory cable of Ethernet frames: the workloads of
 * sockets/, written against lwIP's raw callback interface, its fastest. WORKLOAD is bulk, round_trips, connections or idle; arguments
 * are as there. A stack is all of the library's variables, so the library is loaded twice. No copy at the reader: lwIP hands out
 * its own buffers. */
#include <dlfcn.h>
#include <fcntl.h>
#include <lwip/etharp.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <malloc.h>
#include <netif/ethernet.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../measure.h"

#define CALLS(call) \
    call(tcpip_init) call(sys_lock_tcpip_core) call(netif_add) call(netif_set_up) call(netif_set_link_up) call(netif_set_default) \
    call(etharp_output) call(ethernet_input) call(pbuf_alloc) call(pbuf_free) call(pbuf_copy_partial) call(tcp_new) call(tcp_bind) \
    call(tcp_listen_with_backlog) call(tcp_connect) call(tcp_accept) call(tcp_recv) call(tcp_err) call(tcp_arg) call(tcp_write) \
    call(tcp_output) call(tcp_recved) call(tcp_close) call(tcp_abort) call(tcp_tmr) call(tcp_slowtmr) call(tcp_ticks)

enum { QUEUE_FRAMES = 65536, PORT = 100, CHUNK_BYTES = 65535 };

struct queue { struct pbuf *frames[QUEUE_FRAMES]; unsigned head, tail; }; /* frames under way to a stack, made by it */

struct stack {
#define POINTER(name) __typeof__(&name) name;
    CALLS(POINTER)
    struct netif netif;
    struct stack *peer;
    struct queue in;
};

static struct stack client, server;
static const ip_addr_t any_address;
static char message[65536];
static uint64_t bytes_received, answers, frames;
static size_t message_bytes;
static struct tcp_pcb *accepted;

static int library_copy(const char *path)
{
    struct stat info;
    int from = open(path, O_RDONLY | O_CLOEXEC), to = memfd_create("liblwip", MFD_CLOEXEC);
    must(from >= 0 && !fstat(from, &info) && to >= 0, path);
    for (off_t at = 0; at < info.st_size;) must(sendfile(to, from, &at, (size_t)(info.st_size - at)) > 0, "sendfile");
    close(from);
    return to;
}

/* From one stack's device to the other's queue: the bytes are copied, as by a cable between two machines. */
static err_t carry(struct netif *netif, struct pbuf *p)
{
    struct stack *to = ((struct stack *)netif->state)->peer;
    struct queue *q = &to->in;
    if (q->tail - q->head == QUEUE_FRAMES) return ERR_OK; /* dropped */
    struct pbuf *copy = to->pbuf_alloc(PBUF_RAW, p->tot_len, PBUF_RAM);
    must(copy, "pbuf_alloc");
    to->pbuf_copy_partial(p, copy->payload, p->tot_len, 0);
    q->frames[q->tail++ % QUEUE_FRAMES] = copy;
    return ERR_OK;
}

static err_t start_device(struct netif *netif)
{
    struct stack *s = netif->state;
    netif->name[0] = 'e';
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, (const uint8_t[]){ 2, 0, 0, 0, 0, s == &server ? 2 : 1 }, 6);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->output = s->etharp_output;
    netif->linkoutput = carry;
    return ERR_OK;
}

static void stack_load(struct stack *s, struct stack *peer, const char *path)
{
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", library_copy(path));
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    must(library, "dlopen");
#define LOAD(symbol) must((s->symbol = (__typeof__(s->symbol))dlsym(library, #symbol)), #symbol);
    CALLS(LOAD)
    s->peer = peer;
}

static void stack_start(struct stack *s, uint8_t number)
{
    ip4_addr_t address, mask, gateway = { 0 };
    s->tcpip_init(NULL, NULL);
    s->sys_lock_tcpip_core(); /* for good: the library's own thread sleeps, the timers are ours */
    IP4_ADDR(&address, 10, 0, 0, number);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    must(s->netif_add(&s->netif, &address, &mask, &gateway, s, start_device, s->ethernet_input), "netif_add");
    s->netif_set_default(&s->netif);
    s->netif_set_up(&s->netif);
    s->netif_set_link_up(&s->netif);
}

static bool take(struct stack *s)
{
    struct queue *q = &s->in;
    if (q->head == q->tail) return false;
    struct pbuf *p = q->frames[q->head++ % QUEUE_FRAMES];
    frames++;
    if (s->netif.input(p, &s->netif) != ERR_OK) s->pbuf_free(p);
    return true;
}

/* Until both are quiet. */
static void settle(void)
{
    for (bool any = true; any;) {
        any = false;
        for (int i = 0; i < 64 && take(&server); i++) any = true;
        for (int i = 0; i < 64 && take(&client); i++) any = true;
    }
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
    (void)arg;
    if (error == ERR_OK) accepted = pcb;
    return error;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error) { return (void)arg, (void)pcb, error; }
static void on_error(void *arg, err_t error) { (void)arg, (void)error; }

static void listen_on_server(void)
{
    struct tcp_pcb *pcb = server.tcp_new();
    must(pcb && server.tcp_bind(pcb, &any_address, PORT) == ERR_OK, "tcp_bind");
    must((pcb = server.tcp_listen_with_backlog(pcb, 255)), "tcp_listen");
    server.tcp_accept(pcb, on_accept);
}

/* One connection; the server's end is in `accepted`. port 0: lwIP picks one by a linear search. */
static struct tcp_pcb *connect_one(uint16_t port)
{
    ip_addr_t to;
    struct tcp_pcb *pcb = client.tcp_new();
    IP_ADDR4(&to, 10, 0, 0, 2);
    must(pcb, "tcp_new");
    if (port) must(client.tcp_bind(pcb, &any_address, port) == ERR_OK, "tcp_bind");
    client.tcp_err(pcb, on_error);
    accepted = NULL;
    must(client.tcp_connect(pcb, &to, PORT, on_connected) == ERR_OK, "tcp_connect");
    settle();
    must(accepted, "accept");
    server.tcp_err(accepted, on_error);
    tcp_nagle_disable(pcb);
    tcp_nagle_disable(accepted);
    return pcb;
}

static err_t swallow(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct stack *s = arg;
    if (!p) return ERR_OK;
    bytes_received += p->tot_len;
    s->tcp_recved(pcb, p->tot_len);
    s->pbuf_free(p);
    return error;
}

static void bulk(double seconds, double bytes_wanted)
{
    listen_on_server();
    struct tcp_pcb *pcb = connect_one(0);
    server.tcp_arg(accepted, &server);
    server.tcp_recv(accepted, swallow);
    struct stopwatch clock = stopwatch_start();
    for (unsigned round = 0;; round++) {
        if (round % 64 == 0 && (bytes_wanted > 0 ? (double)bytes_received >= bytes_wanted : cpu_s_since(&clock) >= seconds)) break;
        uint64_t before = bytes_received;
        size_t room = tcp_sndbuf(pcb) < CHUNK_BYTES ? tcp_sndbuf(pcb) : CHUNK_BYTES;
        if (client.tcp_write(pcb, message, (u16_t)room, TCP_WRITE_FLAG_COPY) == ERR_OK) client.tcp_output(pcb);
        settle();
        if (bytes_received == before) client.tcp_tmr(), server.tcp_tmr();
    }
    double rate = (double)bytes_received / cpu_s_since(&clock);
    report(&clock, "gbit_per_s", rate * 8e-9, "segments_per_s", rate / tcp_mss(pcb), "mss_bytes", (double)tcp_mss(pcb), NULL);
}

static err_t answer(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct stack *s = arg;
    if (!p) return ERR_OK;
    must(p->tot_len == message_bytes, "a part of a message");
    if (s == &client) answers++;
    s->tcp_recved(pcb, p->tot_len);
    s->pbuf_free(p);
    must(s->tcp_write(pcb, message, (u16_t)message_bytes, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
    s->tcp_output(pcb);
    return error;
}

static void round_trips(double seconds, double count, unsigned connections)
{
    struct tcp_pcb **pcbs = calloc(connections, sizeof *pcbs);
    listen_on_server();
    for (unsigned i = 0; i < connections; i++) {
        pcbs[i] = connect_one((uint16_t)(1024 + i));
        client.tcp_arg(pcbs[i], &client);
        client.tcp_recv(pcbs[i], answer);
        server.tcp_arg(accepted, &server);
        server.tcp_recv(accepted, answer);
    }
    for (unsigned i = 0; i < connections; i++) {
        must(client.tcp_write(pcbs[i], message, (u16_t)message_bytes, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
        client.tcp_output(pcbs[i]);
    }
    struct stopwatch clock = stopwatch_start();
    uint64_t looked = 0;
    while (count > 0 ? (double)answers < count : answers < looked + 256 || cpu_s_since(&clock) < seconds) {
        if (answers >= looked + 256) looked = answers;
        bool any = take(&server);
        any = take(&client) || any;
        must(any, "no answer");
    }
    report(&clock, "round_trips_per_s", (double)answers / cpu_s_since(&clock), NULL);
}

static err_t close_after(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct stack *s = arg;
    if (p) s->pbuf_free(p);
    else s->tcp_close(pcb);
    return error;
}

/* Its clock jumps past TIME-WAIT. */
static void end_time_wait(struct stack *s)
{
    *s->tcp_ticks += 2 * TCP_MSL / TCP_SLOW_INTERVAL + 1;
    s->tcp_slowtmr();
}

static void connections(double seconds, double count, bool is_normal, uint64_t time_wait)
{
    uint64_t done = 0;
    listen_on_server();
    struct stopwatch clock = stopwatch_start();
    while (count > 0 ? (double)done < count : done % 64 != 0 || cpu_s_since(&clock) < seconds) {
        struct tcp_pcb *pcb = connect_one(0);
        server.tcp_arg(accepted, &server);
        server.tcp_recv(accepted, close_after);
        if (is_normal) must(client.tcp_close(pcb) == ERR_OK, "tcp_close");
        else client.tcp_abort(pcb);
        settle();
        if (is_normal && ++done % time_wait == 0) end_time_wait(&client);
        else if (!is_normal) done++;
    }
    report(&clock, "connections_per_s", (double)done / cpu_s_since(&clock), NULL);
}

static err_t count_answer(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct stack *s = arg;
    if (!p) return ERR_OK;
    answers++;
    s->tcp_recved(pcb, p->tot_len);
    s->pbuf_free(p);
    return error;
}

struct both { struct tcp_pcb *client, *server; };

static void pass(struct stack *s, struct tcp_pcb *pcb)
{
    uint64_t before = answers;
    must(s->tcp_write(pcb, message, (u16_t)message_bytes, TCP_WRITE_FLAG_COPY) == ERR_OK, "tcp_write");
    s->tcp_output(pcb);
    settle();
    must(answers == before + 1, "not received");
}

static double packet_ns(const struct both *all, size_t among, uint64_t packets)
{
    uint64_t seed = 88172645463325252, start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (uint64_t i = 0; i < packets; i += 2) {
        const struct both *b = &all[random_next(&seed) % among];
        pass(&client, b->client);
        pass(&server, b->server);
    }
    return (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / (double)packets;
}

static void idle(size_t count, uint64_t packets)
{
    struct both *all = calloc(count, sizeof *all);
    listen_on_server();
    struct stopwatch clock = stopwatch_start();
    size_t used = mallinfo2().uordblks;
    double resident = resident_bytes(), ends = 2 * (double)count;
    for (size_t i = 0; i < count; i++) {
        all[i] = (struct both){ connect_one((uint16_t)(1024 + i)), accepted };
        client.tcp_arg(all[i].client, &client);
        client.tcp_recv(all[i].client, count_answer);
        server.tcp_arg(accepted, &server);
        server.tcp_recv(accepted, count_answer);
        pass(&client, all[i].client);
        pass(&server, all[i].server);
    }
    for (int i = 0; i < 8; i++) client.tcp_tmr(), server.tcp_tmr(), settle();
    used = mallinfo2().uordblks - used;
    resident = resident_bytes() - resident;
    report(&clock, "used_bytes", (double)used / ends, "resident_bytes", resident / ends, "hot_ns", packet_ns(all, 10, packets),
           "random_ns", packet_ns(all, count, packets), "chase_ns", chase_ns(used), NULL);
}

int main(int argc, char **argv)
{
    const char *workload = argument(argc, argv, "workload", ""), *path = argument(argc, argv, "library", "");
    double seconds = number(argc, argv, "seconds", 1), count = number(argc, argv, "count", 0);
    message_bytes = (size_t)number(argc, argv, "bytes", 64);
    stack_load(&client, &server, path);
    stack_load(&server, &client, path);
    stack_start(&client, 1);
    stack_start(&server, 2);
    if (!strcmp(workload, "bulk")) {
        bulk(seconds, number(argc, argv, "megabytes", 0) * 1e6);
    } else if (!strcmp(workload, "round_trips")) {
        round_trips(seconds, count, (unsigned)number(argc, argv, "connections", 1));
    } else if (!strcmp(workload, "connections")) {
        connections(seconds, count, !strcmp(argument(argc, argv, "close", "reset"), "normal"),
                    (uint64_t)number(argc, argv, "time_wait", 64));
    } else if (!strcmp(workload, "idle")) {
        idle((size_t)number(argc, argv, "connections", 1000), (uint64_t)number(argc, argv, "packets", 200000));
    } else {
        fprintf(stderr, "lwip workload=bulk|round_trips|connections|idle library=PATH ...\n");
        return 2;
    }
    return 0;
}
