#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "packet/drop.h"

static void every_reason_has_a_name_of_its_own_and_a_text(void **state)
{
    (void)state;
    for (int i = 0; i < DROP_REASON_COUNT; i++) {
        assert_true(strlen(drop_reason_text((enum drop_reason)i)) > 8);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(drop_reason_name((enum drop_reason)i), drop_reason_name((enum drop_reason)j));
    }
    assert_string_equal(drop_reason_name(DROP_TCP_CSUM), "TCP_CSUM");
    assert_string_equal(drop_reason_name(DROP_REASON_COUNT), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_reason_has_a_name_of_its_own_and_a_text) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
