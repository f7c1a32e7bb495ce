/* SPDX-License-Identifier: Apache-2.0 */
/* The timing wheel against a table that is searched from end to end. */
#include "support/test.h"

#include <grebe/attr.h>

#include "base/rng.h"
#include "base/timer.h"

enum { N = 200 };

static struct grebe__wheel wheel;
static struct grebe__timer timers[N];
static bool is_live[N];

static void fire(struct grebe__timer *timer)
{
    (void)timer;
}

static uint64_t earliest(void)
{
    uint64_t at = UINT64_MAX;

    for (int i = 0; i < N; i++)
        if (is_live[i] && timers[i].deadline_ns < at)
            at = timers[i].deadline_ns;
    return at;
}

/* Pops all that is due and checks that it was all, and in order. */
static void pop_all(uint64_t now)
{
    uint64_t last_deadline = 0, last_sequence = 0;
    struct grebe__timer *timer;

    while ((timer = grebe__wheel_pop(&wheel)) != NULL) {
        assert_true(is_live[timer - timers]);
        is_live[timer - timers] = false;
        assert_true(timer->deadline_ns <= now);
        assert_true(
            timer->deadline_ns > last_deadline ||
            (timer->deadline_ns == last_deadline && timer->sequence >= last_sequence));
        last_deadline = timer->deadline_ns;
        last_sequence = timer->sequence;
    }
    assert_true(earliest() > now);
}

/* Delays of all magnitudes: from nanoseconds to centuries. */
static uint64_t any_delay(struct grebe__rng *rng)
{
    return grebe__rng_next(rng) >> (10 + grebe__rng_below(rng, 50));
}

TEST(wheel_agrees_with_a_table)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct grebe__rng rng;
        uint64_t now;

        grebe__rng_seed(&rng, seed);
        now = grebe__rng_next(&rng) >> 10;
        grebe__wheel_init(&wheel, now);
        for (int i = 0; i < N; i++) {
            grebe__timer_init(&timers[i], fire);
            is_live[i] = false;
        }
        for (int step = 0; step < 2000; step++) {
            uint32_t i = grebe__rng_below(&rng, N);

            switch (grebe__rng_below(&rng, 5)) {
            case 0:
            case 1:
                grebe__timer_start(&wheel, &timers[i], now + any_delay(&rng));
                is_live[i] = true;
                break;
            case 2:
                grebe__timer_cancel(&timers[i]);
                is_live[i] = false;
                break;
            case 3:
                if (earliest() != UINT64_MAX && earliest() > now)
                    now = earliest();
                grebe__wheel_advance(&wheel, now);
                pop_all(now);
                break;
            default:
                now += any_delay(&rng) >> 4;
                grebe__wheel_advance(&wheel, now);
                pop_all(now);
                break;
            }
            assert_int_equal(grebe__wheel_next_ns(&wheel), earliest());
            assert_true(wheel.next_ns <= earliest());
        }
    }
}

TEST(equal_deadlines_fire_in_the_order_they_were_started)
{
    grebe__wheel_init(&wheel, 0);
    for (int i = 0; i < 10; i++) {
        grebe__timer_init(&timers[i], fire);
        grebe__timer_start(&wheel, &timers[i], UINT64_C(5000000000));
    }
    grebe__wheel_advance(&wheel, UINT64_C(5000000000));
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(grebe__wheel_pop(&wheel), &timers[i]);
    assert_null(grebe__wheel_pop(&wheel));
}

TEST(timer_that_restarts_itself_waits_for_the_next_advance)
{
    grebe__wheel_init(&wheel, 100);
    grebe__timer_init(&timers[0], fire);
    grebe__timer_start(&wheel, &timers[0], 100);
    grebe__wheel_advance(&wheel, 100);
    assert_ptr_equal(grebe__wheel_pop(&wheel), &timers[0]);
    grebe__timer_start(&wheel, &timers[0], 50);
    assert_null(grebe__wheel_pop(&wheel));
    assert_int_equal(grebe__wheel_next_ns(&wheel), 50);
    grebe__wheel_advance(&wheel, 100);
    assert_ptr_equal(grebe__wheel_pop(&wheel), &timers[0]);
}

TEST(time_that_runs_backwards_fires_nothing)
{
    grebe__wheel_init(&wheel, 1000);
    grebe__timer_init(&timers[0], fire);
    grebe__timer_start(&wheel, &timers[0], 2000);
    grebe__wheel_advance(&wheel, 500);
    assert_null(grebe__wheel_pop(&wheel));
    grebe__wheel_advance(&wheel, 2000);
    assert_ptr_equal(grebe__wheel_pop(&wheel), &timers[0]);
}

TEST(restart_replaces_the_deadline)
{
    grebe__wheel_init(&wheel, 0);
    grebe__timer_init(&timers[0], fire);
    grebe__timer_start(&wheel, &timers[0], 1000);
    grebe__timer_start(&wheel, &timers[0], UINT64_C(90000000000000));
    assert_true(grebe__timer_is_running(&timers[0]));
    grebe__wheel_advance(&wheel, 1000);
    assert_null(grebe__wheel_pop(&wheel));
    assert_int_equal(grebe__wheel_next_ns(&wheel), UINT64_C(90000000000000));
    grebe__timer_cancel(&timers[0]);
    assert_int_equal(grebe__wheel_next_ns(&wheel), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wheel_agrees_with_a_table),
        cmocka_unit_test(equal_deadlines_fire_in_the_order_they_were_started),
        cmocka_unit_test(timer_that_restarts_itself_waits_for_the_next_advance),
        cmocka_unit_test(time_that_runs_backwards_fires_nothing),
        cmocka_unit_test(restart_replaces_the_deadline),
    };

    return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
