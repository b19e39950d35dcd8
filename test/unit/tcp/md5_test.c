#include "peer.h"

#include "base/md5.h"

#include <errno.h>
#include <linux/tcp.h>

enum { SYN_OPTIONS = 28 }; /* the signature, MSS, SACK permitted */

/* RFC 2385 §2.0, from the bytes of the wire. */
static void sign(uint8_t digest[16], const uint8_t from[4], const uint8_t to[4], const struct wire_tcp *h, size_t option_bytes, const char *data, const char *key)
{
    uint8_t rest[4] = { 0, IPPROTO_TCP, 0, (uint8_t)(20 + option_bytes + strlen(data)) };
    struct wire_tcp header = *h;
    struct md5 m;

    header.checksum = be16(0);
    md5_init(&m);
    md5_add(&m, from, 4);
    md5_add(&m, to, 4);
    md5_add(&m, rest, 4);
    md5_add(&m, &header, 20);
    md5_add(&m, data, strlen(data));
    md5_add(&m, key, strlen(key));
    md5_end(&m, digest);
}

static void say_signed(struct say s, const char *key)
{
    uint8_t options[SYN_OPTIONS] = { 1, 1, 19, 18, [20] = 2, 4, 1000 >> 8, 1000 & 255, 4, 2, 1, 1 };
    size_t bytes = s.flags & S ? SYN_OPTIONS : 20;
    struct wire_tcp h = { .source = be16(s.from), .destination = be16(s.to), .sequence = be32(s.seq), .acknowledgment = be32(s.ack),
        .offset_reserved = (uint8_t)((20 + bytes) / 4 << 4), .flags = s.flags, .window = be16(65535) };

    sign(options + 4, peer_ip, our_ip, &h, bytes, s.data ? s.data : "", key);
    s.options = options;
    s.options_bytes = (uint8_t)bytes;
    peer_say(s);
}

static bool is_signed(const struct seen *s, const char *key)
{
    struct wire_tcp h = { .source = be16(s->source_port), .destination = be16(s->destination_port), .sequence = be32(s->seq), .acknowledgment = be32(s->ack),
        .offset_reserved = (uint8_t)((20 + s->options_bytes) / 4 << 4), .flags = s->flags, .window = be16(s->window) };
    uint8_t digest[16];

    sign(digest, our_ip, peer_ip, &h, s->options_bytes, "", key);
    return s->options_bytes >= 20 && s->options[2] == 19 && !memcmp(digest, s->options + 4, 16);
}

static int set_key(int fd, const char *key, uint8_t prefix_bits)
{
    struct tcp_md5sig given = { .tcpm_flags = TCP_MD5SIG_FLAG_PREFIX, .tcpm_prefixlen = prefix_bits, .tcpm_keylen = (uint16_t)strlen(key) };
    struct sockaddr_in peer_at = { .sin_family = AF_INET };

    memcpy(&peer_at.sin_addr, peer_ip, 4);
    memcpy(&given.tcpm_addr, &peer_at, sizeof peer_at);
    memcpy(given.tcpm_key, key, strlen(key));
    return weir_setsockopt(peer.task, fd, IPPROTO_TCP, TCP_MD5SIG_EXT, &given, sizeof given) ? errno : 0;
}

static void handshake_is_signed(void **state)
{
    struct seen s;
    int listener = peer_listen(80, 5), fd;

    (void)state;
    assert_int_equal(set_key(listener, "secret", 32), 0);
    say_signed((struct say){ .from = 999, .to = 80, .seq = 5000, .flags = S }, "secret");
    s = peer_hear_flags(S | A);
    assert_true(is_signed(&s, "secret"));
    say_signed((struct say){ .from = 999, .to = 80, .seq = 5001, .ack = s.seq + 1, .flags = A }, "secret");
    fd = weir_accept4(peer.task, listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(fd >= 0);
    say_signed((struct say){ .from = 999, .to = 80, .seq = 5001, .ack = s.seq + 1, .flags = A | P, .data = "hello" }, "secret");
    peer_wait_ms(300);
    s = peer_hear_flags(A);
    assert_int_equal(s.ack, 5006);
    assert_true(is_signed(&s, "secret"));
    /* The rest of the connection, and who answers for it after, sign too. */
    assert_int_equal(weir_shutdown(peer.task, fd, SHUT_WR), 0);
    peer_step();
    s = peer_hear_flags(F | A);
    assert_true(is_signed(&s, "secret"));
    say_signed((struct say){ .from = 999, .to = 80, .seq = 5006, .ack = s.seq + 1, .flags = F | A }, "secret");
    s = peer_hear_flags(A);
    assert_true(is_signed(&s, "secret"));
    say_signed((struct say){ .from = 999, .to = 80, .seq = 5006, .ack = s.seq, .flags = F | A }, "secret");
    s = peer_hear_flags(A); /* TIME-WAIT */
    assert_true(is_signed(&s, "secret"));
}

static void unsigned_and_forged_are_ignored(void **state)
{
    uint64_t missing = COUNTER(TcpExt, TCPMD5NotFound), wrong = COUNTER(TcpExt, TCPMD5Failure), strange = COUNTER(TcpExt, TCPMD5Unexpected);
    int listener = peer_listen(80, 5), open = peer_listen(81, 5);

    (void)state;
    (void)open;
    assert_int_equal(set_key(listener, "secret", 32), 0);
    peer_say((struct say){ .from = 999, .to = 80, .seq = 5000, .flags = S });
    say_signed((struct say){ .from = 999, .to = 80, .seq = 5000, .flags = S }, "guess");
    say_signed((struct say){ .from = 999, .to = 81, .seq = 5000, .flags = S }, "secret");
    peer_hears_nothing();
    assert_int_equal(COUNTER(TcpExt, TCPMD5NotFound) - missing, 1);
    assert_int_equal(COUNTER(TcpExt, TCPMD5Failure) - wrong, 1);
    assert_int_equal(COUNTER(TcpExt, TCPMD5Unexpected) - strange, 1);
}

/* The longest prefix counts; a key that is gone is missed. */
static void keys_have_prefixes(void **state)
{
    struct seen s;
    int listener = peer_listen(80, 5);

    (void)state;
    assert_int_equal(set_key(listener, "wide", 8), 0);
    assert_int_equal(set_key(listener, "narrow", 24), 0);
    say_signed((struct say){ .from = 999, .to = 80, .seq = 5000, .flags = S }, "wide");
    peer_hears_nothing();
    assert_int_equal(set_key(listener, "", 24), 0);
    assert_int_equal(set_key(listener, "", 24), ENOENT);
    say_signed((struct say){ .from = 999, .to = 80, .seq = 5000, .flags = S }, "wide");
    s = peer_hear_flags(S | A);
    assert_true(is_signed(&s, "wide"));
    assert_int_equal(set_key(listener, "x", 33), EINVAL);
}

/* To no connection: the key of who listens there answers for it, or nobody. */
static void reset_is_signed(void **state)
{
    struct seen s;
    int listener = peer_listen(80, 5);

    (void)state;
    assert_int_equal(set_key(listener, "secret", 32), 0);
    say_signed((struct say){ .from = 999, .to = 80, .seq = 5000, .ack = 77, .flags = A }, "secret");
    s = peer_hear_flags(R);
    assert_true(is_signed(&s, "secret"));
    say_signed((struct say){ .from = 999, .to = 4444, .seq = 5000, .ack = 77, .flags = A }, "secret");
    peer_hears_nothing();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(handshake_is_signed, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(unsigned_and_forged_are_ignored, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(keys_have_prefixes, peer_setup, peer_teardown),
        cmocka_unit_test_setup_teardown(reset_is_signed, peer_setup, peer_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
