/* Two machines on a cable with 10 ms each way; one echoes what the other sends. All in this process, in virtual time. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/device.h>
#include <weir/machine.h>
#include <weir/socket.h>

struct host {
    struct weir_env env;
    struct weir_machine *machine;
    struct weir_task *task;
};

static void must(bool ok, const char *what) {
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void host_create(struct host *h, uint64_t seed) {
    must(weir_env_map(&h->env, 1 << 30), "weir_env_map");
    h->machine = weir_machine_create(&(struct weir_machine_config){.seed = {seed, 1}}, &h->env);
    must(h->machine && (h->task = weir_task_create(h->machine)), "weir_machine_create");
}

/* One clock for both: on to whatever is due first. */
static void step(const struct host *a, const struct host *b) {
    uint64_t next_a = weir_machine_next_deadline(a->machine), next_b = weir_machine_next_deadline(b->machine);
    uint64_t now_ns = next_a < next_b ? next_a : next_b;
    must(now_ns != UINT64_MAX, "nothing will ever happen again");
    weir_machine_step(a->machine, now_ns);
    weir_machine_step(b->machine, now_ns);
}

int main(void) {
    struct host server, client;
    host_create(&server, 1);
    host_create(&client, 2);
    const struct weir_link_faults faults = {.delay_ns = 10 * 1000 * 1000};
    must(weir_link(server.machine, "eth0", client.machine, "eth0", 1500, &faults) == 0, "weir_link");
    must(weir_address_add(server.machine, "eth0", "10.0.0.1/24") == 0, "weir_address_add");
    must(weir_address_add(client.machine, "eth0", "10.0.0.2/24") == 0, "weir_address_add");

    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = inet_addr("10.0.0.1")};
    int listener = weir_socket(server.task, AF_INET, SOCK_STREAM, 0);
    must(weir_bind(server.task, listener, (struct sockaddr *)&addr, sizeof addr) == 0, "bind");
    must(weir_listen(server.task, listener, 1) == 0, "listen");
    int fd = weir_socket(client.task, AF_INET, SOCK_STREAM, 0);
    weir_connect(client.task, fd, (struct sockaddr *)&addr, sizeof addr); /* EINPROGRESS: no call waits */

    static const char said[] = "hello, weir";
    char heard[64] = "", buffer[64];
    size_t got = 0;
    int peer = -1;
    bool sent = false;
    while (got < sizeof said) {
        step(&server, &client);
        sent = sent || weir_send(client.task, fd, said, sizeof said, 0) > 0;
        peer = peer >= 0 ? peer : weir_accept4(server.task, listener, NULL, NULL, 0);
        ssize_t bytes = peer < 0 ? -1 : weir_recv(server.task, peer, buffer, sizeof buffer, 0);
        must(bytes <= 0 || weir_send(server.task, peer, buffer, (size_t)bytes, 0) == bytes, "echo");
        bytes = weir_recv(client.task, fd, heard + got, sizeof heard - got, 0);
        got += bytes > 0 ? (size_t)bytes : 0;
    }
    printf("%s: back after %llu ms\n", heard, (unsigned long long)(weir_machine_now(client.machine) / 1000000));
    must(strcmp(heard, said) == 0, "what came back differs");
    weir_machine_destroy(client.machine);
    weir_machine_destroy(server.machine);
    weir_env_unmap(&client.env);
    weir_env_unmap(&server.env);
    return 0;
}
