/* What the programs over a pair share. */
#ifndef BENCH_CONNECT_H
#define BENCH_CONNECT_H

#include "pair.h"

/* An established connection: both descriptors. */
static inline void pair_connect(struct pair *p, int listening, unsigned listener, int *client, int *server)
{
    *client = pair_begin_connect(p, listener);
    for (int i = 0; i < 100; i++) {
        pair_step(p, 1000);
        *server = host_accept(&p->server, listening);
        if (*server >= 0) return;
    }
    must(false, "accept");
}

#endif
