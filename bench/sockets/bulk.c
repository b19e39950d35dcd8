/* bulk [seconds=1] [mtu=1500] [chunk=65536] [megabytes=0]: one stream from the client's send() to the server's recv().
 * megabytes: that much instead of a time, so that instructions can be counted. */
#include "connect.h"

static char sent[1 << 20], got[1 << 20];

int main(int argc, char **argv)
{
    double seconds = number(argc, argv, "seconds", 1), bytes_wanted = number(argc, argv, "megabytes", 0) * 1e6;
    size_t chunk_bytes = (size_t)number(argc, argv, "chunk", 65536);
    struct pair p;
    struct tcp_info info = { 0 };
    int client, server;
    must(chunk_bytes <= sizeof sent, "chunk");
    pair_create(&p, argc, argv);
    pair_connect(&p, pair_listen(&p, 0, BACKLOG), 0, &client, &server);
    struct stopwatch clock = stopwatch_start();
    uint64_t bytes = 0;
    for (unsigned round = 0;; round++) {
        if (round % 64 == 0 && (bytes_wanted > 0 ? (double)bytes >= bytes_wanted : cpu_s_since(&clock) >= seconds)) break;
        host_send(&p.client, client, sent, chunk_bytes);
        pair_step(&p, 10000);
        for (ssize_t n; (n = host_recv(&p.server, server, got, sizeof got)) > 0;) bytes += (uint64_t)n;
    }
    double rate = (double)bytes / cpu_s_since(&clock);
    host_get(&p.client, client, IPPROTO_TCP, TCP_INFO, &info, sizeof info);
    report(&clock, "gbit_per_s", rate * 8e-9, "segments_per_s", rate / info.tcpi_snd_mss, "mss_bytes", (double)info.tcpi_snd_mss, NULL);
    return 0;
}
