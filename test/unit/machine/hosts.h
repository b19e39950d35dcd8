/* Machines for tests of the whole stack through the library door. */
#ifndef WEIR_TEST_HOSTS_H
#define WEIR_TEST_HOSTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <weir/device.h>
#include <weir/socket.h>

#include "ended.h"
#include "machine/machine.h"

struct host { struct weir_env env; struct weir_machine *machine; struct weir_task *task; };

static inline void host_open(struct host *h, uint64_t seed)
{
    struct weir_machine_config config = { .seed = { seed, 7 }, .start_ns = 1000000000, .wall_ns = 1700000000000000000 };
    assert_true(weir_env_map(&h->env, (size_t)1 << 32));
    h->machine = weir_machine_create(&config, &h->env);
    assert_non_null(h->machine);
    h->task = weir_task_create(h->machine);
}

static inline void host_close(struct host *h)
{
    end_machine(h->machine);
    weir_env_unmap(&h->env);
}

/* Lets everything that is due happen for `ns`. */
static inline void host_pass(struct host *h, uint64_t ns)
{
    uint64_t end = weir_machine_now(h->machine) + ns;
    for (uint64_t next; (next = weir_machine_next_deadline(h->machine)) <= end;) weir_machine_step(h->machine, next);
    weir_machine_step(h->machine, end);
}

static inline struct sockaddr_in loopback4(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

#endif
