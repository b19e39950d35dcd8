#include "../bare_sock.h"
#include "tcp/cc/cc.h"

static void find_and_select(void **state)
{
    struct tcp_sock *tp = bare_sock();

    (void)state;
    assert_ptr_equal(cc_find("reno"), &reno_cc);
    assert_ptr_equal(cc_find("cubic"), &cubic_cc);
    assert_null(cc_find("cub"));
    assert_int_equal(tcp_cc_select(tp, "nonesuch", true), -ENOENT);
    assert_int_equal(tcp_cc_select(tp, "cubic", false), -EPERM);
    memcpy(bare_net.sysctl.tcp_allowed_congestion_control, "reno cubic", 11);
    assert_int_equal(tcp_cc_select(tp, "cubic", false), 0);
    assert_ptr_equal(tp->cc.ops, &cubic_cc);
    assert_int_equal(tcp_cc_select(tp, "reno", false), 0); /* anybody may */
    memcpy(bare_net.sysctl.tcp_congestion_control, "cubic", 6);
    assert_int_equal(tcp_cc_select(tp, NULL, true), 0);
    assert_ptr_equal(tp->cc.ops, &cubic_cc);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(find_and_select) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
