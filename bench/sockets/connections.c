/* connections [seconds=1] [close=reset|normal] [time_wait=64] [count=0]: connect, accept, close, one after the other. normal: the
 * client closes first, and at most about time_wait connections stay in TIME-WAIT. count: so many instead of a time. */
#include "connect.h"

static void close_by_reset(struct pair *p, int client, int server)
{
    const struct linger now = { 1, 0 };
    host_set(&p->client, client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    host_close(&p->client, client);
    pair_step(p, 1000);
    host_close(&p->server, server);
}

static void close_normally(struct pair *p, int client, int server)
{
    host_close(&p->client, client);
    pair_step(p, 1000);
    host_close(&p->server, server);
    pair_step(p, 1000);
}

int main(int argc, char **argv)
{
    double seconds = number(argc, argv, "seconds", 1), count = number(argc, argv, "count", 0);
    uint64_t time_wait = (uint64_t)number(argc, argv, "time_wait", 64);
    bool is_normal = !strcmp(argument(argc, argv, "close", "reset"), "normal");
    struct pair p;
    pair_create(&p, argc, argv);
    int listening = pair_listen(&p, 0, BACKLOG);
    struct stopwatch clock = stopwatch_start();
    uint64_t done = 0;
    while (count > 0 ? (double)done < count : done % 64 != 0 || cpu_s_since(&clock) < seconds) {
        int client, server;
        pair_connect(&p, listening, 0, &client, &server);
        if (is_normal) close_normally(&p, client, server);
        else close_by_reset(&p, client, server);
        done++;
        if (is_normal) pair_bound_time_wait(&p, done, time_wait);
    }
    report(&clock, "connections_per_s", (double)done / cpu_s_since(&clock), NULL);
    return 0;
}
