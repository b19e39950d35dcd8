#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <weir/device.h>
#include <weir/socket.h>

#define HOSTS 2
#define ARENA_BYTES ((size_t)256 << 20)
#define STREAM_BYTES 3000000
#define POINTS 200

/* A transfer over a bad cable: what the program knows is here, what the machines know in their arenas. */
struct world {
    struct weir_machine *machines[HOSTS];
    struct weir_task *tasks[HOSTS];
    int listener, client, server;
    uint64_t now_ns, sent, received, digest, steps;
};
static struct weir_env envs[HOSTS];
static struct world world;

static void see(void *ctx, uint64_t now_ns, const char *device, bool is_outgoing, const void *frame, size_t bytes)
{
    const uint8_t *at = frame;
    (void)ctx;
    world.digest = (world.digest ^ now_ns ^ (uint64_t)(unsigned char)device[0] ^ (uint64_t)is_outgoing) * 0x100000001b3u;
    for (size_t i = 0; i < bytes; i++) world.digest = (world.digest ^ at[i]) * 0x100000001b3u;
}

static void build(void)
{
    struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = inet_addr("10.0.0.2") };
    const struct weir_link_faults faults = { .delay_ns = 5000000, .jitter_ns = 2000000, .loss = UINT32_MAX / 50, .seed = 5 };
    memset(&world, 0, sizeof world);
    for (unsigned i = 0; i < HOSTS; i++) {
        assert_true(weir_env_map(&envs[i], ARENA_BYTES));
        world.machines[i] = weir_machine_create(&(struct weir_machine_config){ .seed = { 7, i } }, &envs[i]);
        world.tasks[i] = weir_task_create(world.machines[i]);
    }
    assert_int_equal(weir_link(world.machines[0], "eth0", world.machines[1], "eth0", 1500, &faults), 0);
    assert_int_equal(weir_address_add(world.machines[0], "eth0", "10.0.0.1/24"), 0);
    assert_int_equal(weir_address_add(world.machines[1], "eth0", "10.0.0.2/24"), 0);
    for (int i = 0; i < HOSTS; i++) weir_capture(world.machines[i], see, NULL);
    world.listener = weir_socket(world.tasks[1], AF_INET, SOCK_STREAM, 0);
    assert_int_equal(weir_bind(world.tasks[1], world.listener, (void *)&there, sizeof there), 0);
    assert_int_equal(weir_listen(world.tasks[1], world.listener, 1), 0);
    world.client = weir_socket(world.tasks[0], AF_INET, SOCK_STREAM, 0);
    weir_connect(world.tasks[0], world.client, (void *)&there, sizeof there);
    world.server = -1;
}

static void unbuild(void)
{
    for (int i = 0; i < HOSTS; i++) {
        weir_machine_destroy(world.machines[i]);
        weir_env_unmap(&envs[i]);
    }
}

/* One event of the whole. False: all is over, or (without memory) nothing comes any more. */
static bool go_on(void)
{
    const uint64_t patience_ns = 3600 * 1000000000ull;
    char buffer[8192];
    ssize_t n;
    memset(buffer, 'x', sizeof buffer);
    if (world.server < 0) world.server = weir_accept4(world.tasks[1], world.listener, NULL, NULL, 0);
    while (world.sent < STREAM_BYTES && (n = weir_send(world.tasks[0], world.client, buffer, sizeof buffer, 0)) > 0) world.sent += (uint64_t)n;
    while (world.server >= 0 && (n = weir_recv(world.tasks[1], world.server, buffer, sizeof buffer, 0)) > 0) world.received += (uint64_t)n;
    uint64_t next = UINT64_MAX;
    for (int i = 0; i < HOSTS; i++) {
        uint64_t due = weir_machine_next_deadline(world.machines[i]);
        if (due < next) next = due;
    }
    if (next == UINT64_MAX) return false;
    world.now_ns = next;
    world.steps++;
    for (int i = 0; i < HOSTS; i++) weir_machine_step(world.machines[i], next);
    return world.now_ns < patience_ns && (world.sent < STREAM_BYTES || world.received < world.sent);
}

struct saved { struct world world; void *images[HOSTS]; size_t bytes[HOSTS]; };

static void save(struct saved *s)
{
    s->world = world;
    for (int i = 0; i < HOSTS; i++) {
        s->bytes[i] = weir_machine_image_bytes(world.machines[i]);
        s->images[i] = malloc(s->bytes[i]);
        assert_int_equal(weir_machine_save(world.machines[i], s->images[i], s->bytes[i]), 0);
    }
}

static void restore(struct saved *s)
{
    world = s->world;
    for (int i = 0; i < HOSTS; i++) {
        assert_ptr_equal(weir_machine_image_arena(s->images[i], s->bytes[i]), envs[i].arena);
        assert_ptr_equal(weir_machine_restore(&envs[i], s->images[i], s->bytes[i]), world.machines[i]);
        free(s->images[i]);
    }
}

static void goes_on_as_before(void **state)
{
    (void)state;
    build();
    for (unsigned point = 0; point < POINTS; point++) {
        struct saved saved;
        save(&saved);
        for (unsigned i = 0; i < 20; i++) go_on();
        uint64_t digest = world.digest, now_ns = world.now_ns;
        restore(&saved);
        for (unsigned i = 0; i < 20; i++) go_on();
        assert_true(world.digest == digest);
        assert_true(world.now_ns == now_ns);
    }
    while (go_on()) {}
    assert_int_equal(world.received, world.sent);
    unbuild();
}

/* The machines' end comes before: their memory is all that a restored one has. */
static void comes_back_into_an_empty_arena(void **state)
{
    struct saved saved;
    (void)state;
    build();
    for (unsigned i = 0; i < 100; i++) go_on();
    save(&saved);
    while (go_on()) {}
    uint64_t digest = world.digest;
    for (int i = 0; i < HOSTS; i++) weir_machine_destroy(world.machines[i]);
    restore(&saved);
    while (go_on()) {}
    assert_true(world.digest == digest);
    unbuild();
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    build();
    size_t bytes = weir_machine_image_bytes(world.machines[0]);
    uint8_t *image = malloc(bytes);
    assert_int_equal(weir_machine_save(world.machines[0], image, bytes - 1), -22);
    assert_int_equal(weir_machine_save(world.machines[0], image, bytes), 0);
    assert_null(weir_machine_restore(&envs[1], image, bytes)); /* another address */
    assert_null(weir_machine_restore(&envs[0], image, bytes - 1));
    assert_null(weir_machine_restore(&envs[0], image, 3));
    struct weir_env small = envs[0];
    small.arena_bytes = 4096;
    assert_null(weir_machine_restore(&small, image, bytes));
    image[0] ^= 1; /* another build */
    assert_null(weir_machine_restore(&envs[0], image, bytes));
    free(image);
    while (go_on()) {}
    unbuild();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(goes_on_as_before), cmocka_unit_test(comes_back_into_an_empty_arena),
                                        cmocka_unit_test(refuses_what_does_not_fit) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
