/* SPDX-License-Identifier: Apache-2.0 */
/* A number and its moment are read as a pair, whoever writes meanwhile. */
#include "support/test.h"

#include <pthread.h>

#include "base/stamped.h"

static void expect(const struct grebe__stamped *stamped, uint32_t n, double value,
                   uint64_t at_ns)
{
    double found;
    uint64_t found_at_ns;

    assert_int_equal(grebe__stamped_read(stamped, &found, &found_at_ns), n);
    assert_true(found == value);
    assert_int_equal(found_at_ns, at_ns);
}

TEST(what_was_written_last_is_read)
{
    struct grebe__stamped stamped;

    grebe__stamped_init(&stamped, 1.5, 10);
    expect(&stamped, 0, 1.5, 10);
    for (uint32_t i = 1; i <= 5; i++) {
        assert_true(grebe__stamped_take(&stamped));
        expect(&stamped, i - 1, i == 1 ? 1.5 : i - 1, i == 1 ? 10 : 100 * (i - 1));
        grebe__stamped_write(&stamped, i, 100 * i);
        expect(&stamped, i, i, 100 * i);
    }
}

TEST(of_writers_that_meet_one_gives_up)
{
    struct grebe__stamped stamped;

    grebe__stamped_init(&stamped, 0, 0);
    assert_true(grebe__stamped_take(&stamped));
    assert_false(grebe__stamped_take(&stamped));
    grebe__stamped_write(&stamped, 1, 1);
    assert_true(grebe__stamped_take(&stamped));
    grebe__stamped_write(&stamped, 2, 2);
}

enum { WRITERS = 2, READERS = 2, TIMES = 20000 };

static struct grebe__stamped shared;

static void *write_pairs(void *arg)
{
    uint64_t step = (uint64_t)(uintptr_t)arg;

    for (uint64_t i = 1; i <= TIMES; i++)
        if (grebe__stamped_take(&shared))
            grebe__stamped_write(&shared, (double)(i * step), i * step);
    return NULL;
}

static void *read_pairs(void *arg)
{
    uintptr_t n_torn = 0;

    (void)arg;
    for (int i = 0; i < TIMES; i++) {
        double value;
        uint64_t at_ns;

        grebe__stamped_read(&shared, &value, &at_ns);
        n_torn += value != (double)at_ns;
    }
    return (void *)n_torn;
}

TEST(no_reader_sees_the_half_of_a_write)
{
    pthread_t threads[WRITERS + READERS];

    grebe__stamped_init(&shared, 0, 0);
    for (size_t i = 0; i < WRITERS + READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i < WRITERS ? write_pairs : read_pairs,
                                        (void *)(i + 1)),
                         0);
    for (size_t i = 0; i < WRITERS + READERS; i++) {
        void *n_torn;

        assert_int_equal(pthread_join(threads[i], &n_torn), 0);
        assert_null(n_torn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_last_is_read),
        cmocka_unit_test(of_writers_that_meet_one_gives_up),
        cmocka_unit_test(no_reader_sees_the_half_of_a_write),
    };

    return cmocka_run_group_tests_name("stamped", tests, NULL, NULL);
}
