#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "library_net.h"
#include <linux/filter.h>
#include <linux/if_packet.h>

static int server, client;

static int setup(void **state)
{
    library_setup(state);
    server = weir_socket(task, AF_INET, SOCK_DGRAM, 0);
    client = weir_socket(task, AF_INET, SOCK_DGRAM, 0);
    bind_loopback(server, AF_INET, 7);
    return 0;
}

static int attach(struct sock_filter *code, unsigned short length)
{
    struct sock_fprog program = { length, code };

    return weir_setsockopt(task, server, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static ssize_t send_and_receive(const char *text)
{
    struct sockaddr_storage a;
    socklen_t bytes = loopback(&a, AF_INET, 7);
    char got[32];

    assert_int_equal(weir_sendto(task, client, text, strlen(text), 0, (struct sockaddr *)&a, bytes), (ssize_t)strlen(text));
    return weir_recv(task, server, got, sizeof(got), MSG_TRUNC);
}

/* A UDP filter sees the datagram from its header on: the payload begins at 8. */
static void bytes_decide(void **state)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'y', 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffff), BPF_STMT(BPF_RET | BPF_K, 0),
    };

    (void)state;
    assert_int_equal(attach(code, 4), 0);
    assert_int_equal(send_and_receive("yes"), 3);
    assert_int_equal(send_and_receive("no"), -1);
    assert_int_equal(weir_setsockopt(task, server, SOL_SOCKET, SO_DETACH_FILTER, code, sizeof(int)), 0);
    assert_int_equal(send_and_receive("no"), 2);
}

/* The kind of the device that it came by. */
static void the_device_decides(void **state)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_HATYPE), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 772 /* ARPHRD_LOOPBACK */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffff), BPF_STMT(BPF_RET | BPF_K, 0),
    };

    (void)state;
    assert_int_equal(attach(code, 4), 0);
    assert_int_equal(send_and_receive("lo"), 2);
}

static void what_is_kept_is_cut(void **state)
{
    struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 10) };

    (void)state;
    assert_int_equal(attach(code, 1), 0);
    assert_int_equal(send_and_receive("longer than two"), 2);
}

static void arithmetic_and_scratch(void **state)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_IMM, 5), BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_MEM, 3), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 8), BPF_STMT(BPF_ALU | BPF_MOD | BPF_X, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_RET | BPF_K, 100), BPF_STMT(BPF_RET | BPF_K, 0),
    };

    (void)state;
    assert_int_equal(attach(code, 10), 0);
    assert_int_equal(send_and_receive("12345"), 5); /* only multiples of five pass */
    assert_int_equal(send_and_receive("1234567890"), 10);
    assert_int_equal(send_and_receive("1234"), -1);
}

static void ancillary_data(void **state)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_IFINDEX), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_PROTOCOL), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0800, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 100), BPF_STMT(BPF_RET | BPF_K, 0),
    };

    (void)state;
    assert_int_equal(attach(code, 6), 0);
    assert_int_equal(send_and_receive("lo"), 2);
}

/* Reads beyond the packet end the program with "drop". */
static void reads_stay_inside(void **state)
{
    struct sock_filter code[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 11), BPF_STMT(BPF_RET | BPF_K, 100) };

    (void)state;
    assert_int_equal(attach(code, 2), 0);
    assert_int_equal(send_and_receive("123456"), -1);
    assert_int_equal(send_and_receive("1234567"), 7);
}

static void bad_programs_are_refused(void **state)
{
    struct sock_filter no_return[] = { BPF_STMT(BPF_LD | BPF_IMM, 1) };
    struct sock_filter far_jump[] = { BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 5), BPF_STMT(BPF_RET | BPF_K, 0) };
    struct sock_filter by_zero[] = { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 0) };
    struct sock_filter unset_scratch[] = { BPF_STMT(BPF_LD | BPF_MEM, 1), BPF_STMT(BPF_RET | BPF_A, 0) };
    struct sock_filter big_scratch[] = { BPF_STMT(BPF_ST, 16), BPF_STMT(BPF_RET | BPF_K, 0) };
    struct sock_filter half_set[] = { BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_ST, 1), BPF_STMT(BPF_LD | BPF_MEM, 1), BPF_STMT(BPF_RET | BPF_A, 0) };

    (void)state;
    assert_int_equal(attach(no_return, 1), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(attach(far_jump, 2), -1);
    assert_int_equal(attach(by_zero, 2), -1);
    assert_int_equal(attach(unset_scratch, 2), -1);
    assert_int_equal(attach(big_scratch, 2), -1);
    assert_int_equal(attach(half_set, 4), -1);
    assert_int_equal(send_and_receive("free"), 4);
}

/* A packet socket without link headers: what it steps over lies in the packet's head, the rest in its body. */
static void headers_stepped_over_can_be_read(void **state)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_LL_OFF + 10), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x1234, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffff), BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = { 4, code };
    struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(0x1234), .sll_ifindex = 1, .sll_halen = 6 };
    int from = weir_socket(task, AF_PACKET, SOCK_DGRAM, 0), packets = weir_socket(task, AF_PACKET, SOCK_DGRAM, htons(0x0003 /* ETH_P_ALL */));
    char got[64];

    (void)state;
    assert_int_equal(weir_setsockopt(task, packets, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
    assert_int_equal(weir_sendto(task, from, "body", 4, 0, (struct sockaddr *)&to, sizeof to), 4);
    assert_int_equal(weir_recv(task, packets, got, sizeof got, MSG_TRUNC), 4); /* as it leaves */
    assert_int_equal(weir_recv(task, packets, got, sizeof got, MSG_TRUNC), 4); /* as it arrives */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, library_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_decide), TEST(the_device_decides), TEST(what_is_kept_is_cut), TEST(arithmetic_and_scratch), TEST(ancillary_data), TEST(reads_stay_inside),
        TEST(bad_programs_are_refused), TEST(headers_stepped_over_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
