/* Fast Open's keys and cookies. What the cookies are was learned from Linux 6.18. */
#include "fastopen_peer.h"
#include "wire/headers.h"

static ip_addr_t v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) { return ip_from4(be32((uint32_t)a << 24 | (uint32_t)b << 16 | (uint32_t)c << 8 | d)); }

static void assert_cookie(int listener, ip_addr_t client, ip_addr_t server, uint64_t right)
{
    struct tcp_fastopen_cookie c;
    assert_true(tcp_fastopen_cookie_for(tcp_of(peer_sock(listener)), &client, &server, &c));
    assert_int_equal(c.bytes, 8);
    for (unsigned i = 0; i < 8; i++) assert_int_equal(c.value[i], (uint8_t)(right >> (56 - 8 * i)));
    assert_int_equal(tcp_fastopen_cookie_is_ours(tcp_of(peer_sock(listener)), &client, &server, &c), 1);
    c.value[7] ^= 1;
    assert_int_equal(tcp_fastopen_cookie_is_ours(tcp_of(peer_sock(listener)), &client, &server, &c), 0);
}

static void cookies_are_those_of_linux(void **state)
{
    static const uint8_t client6[16] = { 0xfd, 0x3d, 0xfa, 0x7b, 0xd1, 0x7d, [15] = 1 }, server6[16] = { 0xfd, 0x3d, 0x0a, 0x0b, 0x17, 0xd6, [15] = 1 };
    (void)state;
    int l = peer_listen(80, 5);
    set_sysctl("tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4");
    assert_cookie(l, v4(192, 0, 2, 1), v4(192, 168, 0, 1), 0x3021b9d889017eebull);
    assert_cookie(l, ip_from6(client6), ip_from6(server6), 0xc1d1e9742a47a9bcull);
    set_sysctl("tcp_fastopen_key", "a0bf63f7-ed803d81-cd641d30-cebc4a90");
    assert_cookie(l, v4(10, 248, 0, 2), v4(192, 168, 0, 2), 0x00abaaabe8e954c2ull);
    assert_cookie(l, v4(10, 248, 0, 3), v4(192, 168, 0, 3), 0x76d2c1c530f51f79ull);
    set_sysctl("tcp_fastopen_key", "0-0-0-0");
    assert_cookie(l, v4(10, 248, 0, 2), v4(192, 168, 0, 2), 0x93b7aa4f550f8a1aull);
}

static void assert_key(const char *right)
{
    char text[128] = { 0 };
    long n = weir_proc_read(peer.task, "sys/net/ipv4/tcp_fastopen_key", text, sizeof text - 1);
    assert_int_equal(n, (long)strlen(right) + 1);
    assert_memory_equal(text, right, strlen(right));
}

/* Tried on Linux 6.18, one after the other. */
static void key_texts(void **state)
{
    static const struct { const char *written, *read; } rows[] = { /* NULL: refused */
        { "1-2-3-4", "00000001-00000002-00000003-00000004" },
        { "1-2-3-4,5-6-7-8", "00000001-00000002-00000003-00000004,00000005-00000006-00000007-00000008" },
        { "1-2-3", NULL }, { "x", NULL }, { "1-2-3-4,", NULL }, { "1-2-3-4,5", NULL }, { "", NULL }, { "1--2-3-4", NULL }, { "-1-2-3-4", NULL },
        { "00000001-00000002-00000003-00000004 junk", "00000001-00000002-00000003-00000004" },
        { "1-2-3-5-5", "00000001-00000002-00000003-00000005" }, { "  1-2-3-4", "00000001-00000002-00000003-00000004" },
        { "0x1-2-3-6", "00000001-00000002-00000003-00000006" }, { "123456789-2-3-4", "23456789-00000002-00000003-00000004" },
        { "1- 2-3-4", "00000001-00000002-00000003-00000004" },
        { "1-2-3-4,5-6-7-9,9-1-2-3", "00000001-00000002-00000003-00000004,00000005-00000006-00000007-00000009" },
    };
    const char *last = "00000000-00000000-00000000-00000000";
    (void)state;
    assert_key(last);
    for (unsigned i = 0; i < array_count(rows); i++) {
        const char *w = rows[i].written;
        long n = weir_proc_write(peer.task, "sys/net/ipv4/tcp_fastopen_key", w, strlen(w));
        if (rows[i].read) last = rows[i].read;
        if (rows[i].read || *w) assert_int_equal(n, rows[i].read ? (long)strlen(w) : -EINVAL);
        assert_key(last);
    }
}

/* A listener's own keys, and what a child does not get of them. */
static void keys_of_a_listener(void **state)
{
    uint8_t keys[32], read[64];
    socklen_t bytes = sizeof read;
    uint32_t ours;
    (void)state;
    int l = peer_listen(80, 5), limit = 7;
    for (unsigned i = 0; i < sizeof keys; i++) keys[i] = (uint8_t)i;
    for (unsigned n = 0; n <= 33; n++) {
        long right = n == 16 || n == 32 ? 0 : -EINVAL;
        assert_int_equal(outcome(weir_setsockopt(peer.task, l, IPPROTO_TCP, TCP_FASTOPEN_KEY, keys, n)), right);
    }
    assert_int_equal(weir_getsockopt(peer.task, l, IPPROTO_TCP, TCP_FASTOPEN_KEY, read, &bytes), 0);
    assert_int_equal(bytes, 32);
    assert_memory_equal(read, keys, 32);
    bytes = 5;
    assert_int_equal(weir_getsockopt(peer.task, l, IPPROTO_TCP, TCP_FASTOPEN_KEY, read, &bytes), 0);
    assert_int_equal(bytes, 5);
    assert_int_equal(weir_setsockopt(peer.task, l, IPPROTO_TCP, TCP_FASTOPEN, &limit, sizeof limit), 0);
    assert_int_equal(get_int(l, TCP_FASTOPEN), 7);
    int fd = peer_accepts(l, 999, 80, 100, &ours);
    assert_int_equal(get_int(fd, TCP_FASTOPEN), 0);
    bytes = sizeof read;
    assert_int_equal(weir_getsockopt(peer.task, fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, read, &bytes), 0);
    assert_int_equal(bytes, 0);
}

static void limits_of_the_option(void **state)
{
    int v = -1;
    (void)state;
    int fd = weir_socket(peer.task, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(outcome(weir_setsockopt(peer.task, fd, IPPROTO_TCP, TCP_FASTOPEN, &v, sizeof v)), -EINVAL);
    v = 1000000;
    assert_int_equal(weir_setsockopt(peer.task, fd, IPPROTO_TCP, TCP_FASTOPEN, &v, sizeof v), 0);
    assert_int_equal(get_int(fd, TCP_FASTOPEN), 4096); /* somaxconn */
    set_sysctl("tcp_fastopen", "0x403");
    int l = peer_listen(80, 5);
    assert_int_equal(get_int(l, TCP_FASTOPEN), 5);
    assert_int_equal(weir_listen(peer.task, l, 9), 0);
    assert_int_equal(get_int(l, TCP_FASTOPEN), 5);
}

#define T(f) cmocka_unit_test_setup_teardown(f, peer_setup, peer_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = { T(cookies_are_those_of_linux), T(key_texts), T(keys_of_a_listener), T(limits_of_the_option) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
