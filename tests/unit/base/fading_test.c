/* SPDX-License-Identifier: Apache-2.0 */
/* What will be left at a landmark: by the exponential, across eras, through changes of the
 * decay. */
#include "support/test.h"

#include <math.h>
#include <pthread.h>

#include "base/assert.h"
#include "base/fading.h"

enum { DECAY_S = 10, ERA_S = GREBE__FADING_DECAYS * DECAY_S };

static struct grebe__fading fading_since(uint64_t now_ns)
{
    struct grebe__fading fading = {0};

    grebe__fading_set(&fading, DECAY_S * (int64_t)SECOND, now_ns);
    return fading;
}

static void expect(const struct grebe__fading *fading, uint64_t now_ns, uint32_t era,
                   double decays_ahead)
{
    static const uint32_t asked_with[] = {0, 1, 2, 77, UINT32_MAX};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(asked_with); i++) {
        struct grebe__fading_unit one = grebe__fading_unit(fading, asked_with[i], now_ns);
        double right = exp(-decays_ahead);

        assert_int_equal(one.era, era);
        if (fabs(one.left - right) > right * 2e-12)
            fail_msg("%a instead of %a", one.left, right);
    }
}

TEST(left_is_by_what_is_ahead)
{
    struct grebe__fading fading = fading_since(5 * SECOND);

    expect(&fading, 5 * SECOND, 0, 64);
    expect(&fading, 15 * SECOND, 0, 63);
    expect(&fading, (5 + ERA_S / 2) * SECOND, 0, 32);
    expect(&fading, (5 + ERA_S) * SECOND - 1, 0, 1e-10);
}

TEST(landmark_is_where_the_next_era_begins)
{
    struct grebe__fading fading = fading_since(5 * SECOND);

    expect(&fading, (5 + ERA_S) * SECOND, 1, 64);
    expect(&fading, (5 + ERA_S) * SECOND + 1, 1, 64 - 1e-10);
    expect(&fading, (5 + 2 * ERA_S) * SECOND - 1, 1, 1e-10);
    expect(&fading, (5 + 1000 * (uint64_t)ERA_S) * SECOND, 1000, 64);
    expect(&fading, (15 + 1000 * (uint64_t)ERA_S) * SECOND, 1000, 63);
}

TEST(eras_before_the_first_are_counted_backwards)
{
    struct grebe__fading fading = fading_since(5 * SECOND);

    expect(&fading, 5 * SECOND - 1, UINT32_MAX, 1e-10);
    expect(&fading, 0, UINT32_MAX, 0.5);
    fading = fading_since((5 + ERA_S) * SECOND);
    expect(&fading, 5 * SECOND, UINT32_MAX, 64);
    expect(&fading, 5 * SECOND - 1, UINT32_MAX - 1, 1e-10);
}

TEST(what_is_kept_for_one_landmark_is_less_at_the_next)
{
    assert_true(fabs(grebe__fading_from(7, 8) / exp(-64) - 1) < 2e-12);
    assert_true(fabs(grebe__fading_from(UINT32_MAX, 1) / exp(-128) - 1) < 2e-12);
    assert_true(grebe__fading_from(0, 10) > 0);
    assert_true(grebe__fading_from(0, 11) == 0);
    assert_true(grebe__fading_from(0, UINT32_MAX) == 0);
}

/* ---- Changes ----------------------------------------------------------------------------- */

/* A tenth as long: what was left of an era is over in a tenth of the time. */
TEST(decays_that_were_ahead_are_ahead_in_the_new_measure)
{
    struct grebe__fading fading = fading_since(0);

    grebe__fading_set(&fading, (int64_t)SECOND, 140 * SECOND);
    expect(&fading, 140 * SECOND, 0, 50);
    expect(&fading, 141 * SECOND, 0, 49);
    expect(&fading, 190 * SECOND, 1, 64);
    expect(&fading, 125 * SECOND, UINT32_MAX,
           1); /* before the change: as if it had been */
}

TEST(change_finds_the_era_that_is_there)
{
    struct grebe__fading fading = fading_since(0);

    grebe__fading_set(&fading, 20 * (int64_t)SECOND, (3 * ERA_S + 40) * SECOND);
    expect(&fading, (3 * ERA_S + 40) * SECOND, 3, 60);
    expect(&fading, (3 * ERA_S + 60) * SECOND, 3, 59);
}

TEST(same_decay_is_no_change)
{
    struct grebe__fading fading = fading_since(0);
    uint32_t version = fading.version;

    grebe__fading_set(&fading, DECAY_S * (int64_t)SECOND, 17 * SECOND);
    assert_int_equal(fading.version, version);
    expect(&fading, 20 * SECOND, 0, 62);
}

TEST(longest_decay_is_two_years)
{
    struct grebe__fading fading = {0};
    uint64_t year_ns = 365 * 24 * 3600 * SECOND;

    grebe__fading_set(&fading, INT64_MAX, 3 * SECOND);
    expect(&fading, 3 * SECOND, 0, 64);
    expect(&fading, 3 * SECOND + GREBE__FADING_LONGEST, 0, 63);
    assert_in_range(GREBE__FADING_LONGEST, 2 * year_ns, 3 * year_ns);
    grebe__fading_set(&fading, (int64_t)MS, 4 * SECOND);
    expect(&fading, 4 * SECOND, 0,
           64 - 1e-6); /* a second of two years, to a nanosecond */
}

/* ---- Threads ----------------------------------------------------------------------------- */

enum { READERS = 3, TIMES = 20000 };

static struct grebe__fading shared;

/* Every decay that there ever is. */
static int64_t decay_ns(uint64_t i)
{
    return (int64_t)((1 + i % 7) * MS);
}

static void *read_paces(void *arg)
{
    uintptr_t n_torn = 0;

    (void)arg;
    for (int i = 0; i < TIMES; i++) {
        struct grebe__fading_pace pace = grebe__fading_pace(&shared);

        n_torn += fabs((double)pace.era_ns * pace.rate - GREBE__FADING_DECAYS) > 1e-9;
    }
    return (void *)n_torn;
}

TEST(no_reader_sees_the_half_of_a_change)
{
    pthread_t threads[READERS];

    grebe__fading_set(&shared, decay_ns(0), 0);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_paces, NULL), 0);
    for (uint64_t i = 1; i < TIMES; i++)
        grebe__fading_set(&shared, decay_ns(i), i * MS);
    for (size_t i = 0; i < READERS; i++) {
        void *n_torn;

        assert_int_equal(pthread_join(threads[i], &n_torn), 0);
        assert_null(n_torn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(left_is_by_what_is_ahead),
        cmocka_unit_test(landmark_is_where_the_next_era_begins),
        cmocka_unit_test(eras_before_the_first_are_counted_backwards),
        cmocka_unit_test(what_is_kept_for_one_landmark_is_less_at_the_next),
        cmocka_unit_test(decays_that_were_ahead_are_ahead_in_the_new_measure),
        cmocka_unit_test(change_finds_the_era_that_is_there),
        cmocka_unit_test(same_decay_is_no_change),
        cmocka_unit_test(longest_decay_is_two_years),
        cmocka_unit_test(no_reader_sees_the_half_of_a_change),
    };

    return cmocka_run_group_tests_name("fading", tests, NULL, NULL);
}
