#include "fake_file.h"

static void control_messages_are_laid_out_as_cmsg(void **state)
{
    uint8_t buffer[64] __attribute__((aligned(8)));
    struct user_msg msg = { .control = buffer, .control_bytes = sizeof buffer };
    int value = 7;
    (void)state;
    user_msg_put_control(&msg, SOL_IP, IP_TTL, &value, sizeof value);
    user_msg_put_control(&msg, SOL_IP, IP_TOS, "x", 1);
    assert_int_equal(msg.control_used, CMSG_SPACE(4) + CMSG_SPACE(1));
    assert_int_equal(msg.out_flags, 0);
    struct msghdr h = { .msg_control = buffer, .msg_controllen = msg.control_used };
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    assert_int_equal(c->cmsg_type, IP_TTL);
    assert_int_equal(c->cmsg_len, CMSG_LEN(4));
    assert_memory_equal(CMSG_DATA(c), &value, 4);
    c = CMSG_NXTHDR(&h, c);
    assert_int_equal(c->cmsg_type, IP_TOS);
    assert_int_equal(*CMSG_DATA(c), 'x');
}

static void what_does_not_fit_is_cut_and_told(void **state)
{
    uint8_t buffer[20] __attribute__((aligned(8)));
    struct user_msg msg = { .control = buffer, .control_bytes = sizeof buffer };
    struct cmsghdr h;
    (void)state;
    user_msg_put_control(&msg, SOL_IP, IP_PKTINFO, "0123456789", 10);
    memcpy(&h, buffer, sizeof h);
    assert_int_equal(h.cmsg_len, 20);
    assert_int_equal(msg.out_flags, MSG_CTRUNC);
    assert_int_equal(msg.control_used, 20);
    msg.out_flags = 0;
    user_msg_put_control(&msg, SOL_IP, IP_TTL, "0123", 4);
    assert_int_equal(msg.out_flags, MSG_CTRUNC);
    assert_int_equal(msg.control_used, 20);
}

static void options_copy_the_smaller_length(void **state)
{
    int value = 0x01020304, length = 2, got = 0;
    struct user_option o = { .memory = &user_memory_direct, .value = (uint64_t)(uintptr_t)&got,
        .length_out = (uint64_t)(uintptr_t)&length, .bytes = 2 };
    (void)state;
    assert_int_equal(option_out_int(&o, value), 0);
    assert_int_equal(got, 0x0304);
    assert_int_equal(length, 2);
    assert_int_equal(option_int(&o, &value), -EINVAL);
    o.bytes = 100;
    assert_int_equal(option_out_int(&o, value), 0);
    assert_int_equal(length, 4);
    o.bytes = 4;
    assert_int_equal(option_int(&o, &got), 0);
    o.value = 8;
    assert_int_equal(option_int(&o, &got), -EFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_messages_are_laid_out_as_cmsg),
        cmocka_unit_test(what_does_not_fit_is_cut_and_told),
        cmocka_unit_test(options_copy_the_smaller_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
