/* SPDX-License-Identifier: Apache-2.0 */
/* Many states told as one: grpc-go balancer.ConnectivityStateEvaluator. */
#include "support/test.h"

#include <grebe/state_evaluator.h>

static enum grebe_connectivity state_of(char letter)
{
    switch (letter) {
    case 'I':
        return GREBE_IDLE;
    case 'C':
        return GREBE_CONNECTING;
    case 'R':
        return GREBE_READY;
    case 'T':
        return GREBE_TRANSIENT_FAILURE;
    default:
        assert_int_equal(letter, 'S');
        return GREBE_SHUTDOWN;
    }
}

/* BASE-1 */
TEST(one_newborn_is_what_it_became_and_none_is_a_failure)
{
    for (const char *to = "ICRT"; *to != '\0'; to++) {
        struct grebe_state_evaluator evaluator = {{0}};

        assert_int_equal(
            grebe_state_evaluator_record(&evaluator, GREBE_SHUTDOWN, state_of(*to)),
            state_of(*to));
        assert_int_equal(grebe_state_evaluator_state(&evaluator), state_of(*to));
    }
    assert_int_equal(grebe_state_evaluator_record(&(struct grebe_state_evaluator){{0}},
                                                  GREBE_SHUTDOWN, GREBE_SHUTDOWN),
                     GREBE_TRANSIENT_FAILURE);
}

/* BASE-2 */
TEST(the_same_state_again_changes_nothing)
{
    for (const char *at = "ICRT"; *at != '\0'; at++) {
        struct grebe_state_evaluator evaluator = {{0}};

        grebe_state_evaluator_record(&evaluator, GREBE_SHUTDOWN, state_of(*at));
        for (int i = 0; i < 5; i++)
            assert_int_equal(
                grebe_state_evaluator_record(&evaluator, state_of(*at), state_of(*at)),
                state_of(*at));
        assert_int_equal(
            grebe_state_evaluator_record(&evaluator, state_of(*at), GREBE_SHUTDOWN),
            GREBE_TRANSIENT_FAILURE);
    }
}

/* BASE-3 */
TEST(one_subconn_is_followed_wherever_it_goes)
{
    static const char *const ways[] = {"ICR", "ICT", "ICRI", "ICTI", "ICTC", "ICTIS"};

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct grebe_state_evaluator evaluator = {{0}};
        enum grebe_connectivity before = GREBE_SHUTDOWN;

        for (const char *at = ways[i]; *at != '\0'; at++) {
            enum grebe_connectivity now = state_of(*at);

            assert_int_equal(grebe_state_evaluator_record(&evaluator, before, now),
                             now == GREBE_SHUTDOWN ? GREBE_TRANSIENT_FAILURE : now);
            before = now;
        }
    }
}

/* BASE-4 */
TEST(ready_goes_before_connecting_before_idle_before_failure)
{
    static const struct {
        const char *members;
        enum grebe_connectivity all;
    } mixes[] = {
        {"TTTRT", GREBE_READY},     {"RCIT", GREBE_READY},
        {"TICT", GREBE_CONNECTING}, {"CCCI", GREBE_CONNECTING},
        {"TTIT", GREBE_IDLE},       {"TTTT", GREBE_TRANSIENT_FAILURE},
        {"SSSI", GREBE_IDLE},       {"SSSS", GREBE_TRANSIENT_FAILURE},
    };

    for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++) {
        struct grebe_state_evaluator evaluator = {{0}};

        for (const char *at = mixes[i].members; *at != '\0'; at++)
            grebe_state_evaluator_record(&evaluator, GREBE_SHUTDOWN, state_of(*at));
        assert_int_equal(grebe_state_evaluator_state(&evaluator), mixes[i].all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_newborn_is_what_it_became_and_none_is_a_failure),
        cmocka_unit_test(the_same_state_again_changes_nothing),
        cmocka_unit_test(one_subconn_is_followed_wherever_it_goes),
        cmocka_unit_test(ready_goes_before_connecting_before_idle_before_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
