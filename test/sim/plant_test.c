/* Each check of the simulation can fail: a deed that it has to speak of is planted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "sim/sim.h"

enum { CALM, SEED = 1 };

static void expect(enum sim_plant plant, unsigned save_points, const char *said)
{
    struct sim_result *r = calloc(1, sizeof *r);
    sim_run(&(struct sim_options){ .seed = SEED, .profile = CALM, .save_points = save_points, .plant = plant }, r);
    if (!said ? r->has_failed : !strstr(r->failure, said)) fail_msg("plant %d: %s", plant, r->has_failed ? r->failure : "nobody spoke");
    free(r);
}

static void nothing(void **state) { (void)state; expect(SIM_PLANT_NONE, 0, NULL); }
static void a_byte_is_flipped(void **state) { (void)state; expect(SIM_PLANT_FLIP, 0, "and should be"); }
static void the_last_byte_never_comes(void **state) { (void)state; expect(SIM_PLANT_STUCK, 0, "nothing moves any more"); }
static void memory_stays(void **state) { (void)state; expect(SIM_PLANT_LEAK, 0, "bytes of memory at the end"); }
static void a_socket_stays(void **state) { (void)state; expect(SIM_PLANT_SOCKET, 0, "is not empty"); }
static void an_errno_that_cannot_be(void **state) { (void)state; expect(SIM_PLANT_ERRNO, 0, "recv: ENOTCONN"); }
static void a_wrong_frame(void **state) { (void)state; expect(SIM_PLANT_REFEREE, 0, "TCP_CHECKSUM"); }
static void another_way_after_a_restore(void **state) { (void)state; expect(SIM_PLANT_RESTORE, 2, "goes another way"); }
static void saves_alone(void **state) { (void)state; expect(SIM_PLANT_NONE, 2, NULL); }

static void the_same_seed_gives_the_same_digest(void **state)
{
    struct sim_result *r = calloc(3, sizeof *r);
    (void)state;
    for (unsigned i = 0; i < 3; i++) sim_run(&(struct sim_options){ .seed = i < 2 ? 4 : 5, .profile = 1 }, &r[i]);
    assert_true(r[0].digest == r[1].digest && r[0].frames == r[1].frames);
    assert_true(r[0].digest != r[2].digest);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing), cmocka_unit_test(a_byte_is_flipped), cmocka_unit_test(the_last_byte_never_comes),
        cmocka_unit_test(memory_stays), cmocka_unit_test(a_socket_stays), cmocka_unit_test(an_errno_that_cannot_be),
        cmocka_unit_test(a_wrong_frame), cmocka_unit_test(another_way_after_a_restore), cmocka_unit_test(saves_alone),
        cmocka_unit_test(the_same_seed_gives_the_same_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
