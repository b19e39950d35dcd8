#include "hosts.h"

static void time_never_goes_back_and_deadlines_are_met(void **state)
{
    struct host h;
    (void)state;
    host_open(&h, 1);
    assert_int_equal(weir_machine_now(h.machine), 1000000000);
    weir_machine_step(h.machine, 5);
    assert_int_equal(weir_machine_now(h.machine), 1000000000);
    /* Nothing is under way on a machine of its own: no timer but those of multicast reports may be set. */
    host_pass(&h, 3600 * NS_PER_S);
    assert_int_equal(weir_machine_now(h.machine), 3601 * NS_PER_S);
    assert_int_equal(weir_machine_next_deadline(h.machine), UINT64_MAX);
    host_close(&h);
}

static bool no_commit(void *ctx, void *base, size_t bytes)
{
    size_t *limit = ctx;
    (void)base;
    return bytes <= *limit && mprotect(base, bytes, PROT_READ | PROT_WRITE) == 0;
}

static void creation_without_memory_fails_and_leaves_nothing(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 400000; limit += 4096) {
        struct weir_env env;
        struct weir_machine_config config = { .seed = { 1, 2 } };
        assert_true(weir_env_map(&env, (size_t)1 << 30));
        env.commit = no_commit;
        env.ctx = &limit;
        struct weir_machine *m = weir_machine_create(&config, &env);
        if (m) end_machine(m);
        weir_env_unmap(&env);
    }
}

struct trace { uint64_t hash; unsigned frames; };

static void see(void *ctx, uint64_t now_ns, const char *device, bool is_outgoing, const void *frame, size_t bytes)
{
    struct trace *t = ctx;
    const uint8_t *b = frame;
    (void)device;
    t->frames++;
    t->hash = (t->hash ^ now_ns ^ is_outgoing) * 0x100000001b3ull;
    for (size_t i = 0; i < bytes; i++) t->hash = (t->hash ^ b[i]) * 0x100000001b3ull;
}

/* A short conversation; every frame of it goes into the trace. */
static struct trace converse(uint64_t seed)
{
    struct host h;
    struct trace trace = { 0 };
    char buffer[3000] = "";
    struct sockaddr_in a = loopback4(8000);
    host_open(&h, seed);
    weir_capture(h.machine, see, &trace);
    int listener = weir_socket(h.task, AF_INET, SOCK_STREAM, 0), client = weir_socket(h.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(weir_bind(h.task, listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(weir_listen(h.task, listener, 5), 0);
    weir_connect(h.task, client, (struct sockaddr *)&a, sizeof a);
    int server = weir_accept4(h.task, listener, NULL, NULL, 0);
    assert_true(server >= 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(weir_send(h.task, client, buffer, sizeof buffer, 0), sizeof buffer);
        assert_int_equal(weir_recv(h.task, server, buffer, sizeof buffer, 0), sizeof buffer);
        host_pass(&h, 100 * NS_PER_MS);
    }
    host_close(&h);
    return trace;
}

static void one_seed_gives_one_history(void **state)
{
    struct trace a = converse(1), b = converse(1), c = converse(2);
    (void)state;
    assert_true(a.frames > 20);
    assert_int_equal(a.hash, b.hash);
    assert_int_equal(a.frames, b.frames);
    assert_int_not_equal(a.hash, c.hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_never_goes_back_and_deadlines_are_met),
        cmocka_unit_test(creation_without_memory_fails_and_leaves_nothing),
        cmocka_unit_test(one_seed_gives_one_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
