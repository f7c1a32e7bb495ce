/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of threads, and what is counted and measured under them. */
#include "support/test.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/crew.h"
#include "base/latest.h"

enum { THREADS = GREBE__CREW_OTHERS + 3, TIMES = 20000 };

/* Thread pointers are aligned, so multiples of 8 stand for some. */
TEST(a_thread_keeps_its_number_and_the_last_one_is_for_everybody)
{
    struct grebe__crew *crew = grebe__crew_new(NULL);

    for (uintptr_t i = 0; i < GREBE__CREW_OTHERS + 3; i++)
        assert_int_equal(
            grebe__claims_find(crew->threads, GREBE__CREW_OTHERS, 8 * (i + 1)),
            i < GREBE__CREW_OTHERS ? i : GREBE__CREW_OTHERS);
    assert_int_equal(grebe__crew_number(crew), GREBE__CREW_OTHERS);
    grebe__crew_unref(crew);
}

TEST(the_first_thread_has_the_first_number)
{
    struct grebe__crew *crew = grebe__crew_new(NULL);

    assert_int_equal(grebe__crew_number(crew), 0);
    assert_int_equal(grebe__crew_number(crew), 0);
    assert_int_equal(grebe__claims_find(crew->threads, GREBE__CREW_OTHERS, 8), 1);
    grebe__crew_unref(crew);
}

/* As where the compiler does not tell: the thread pointer is 0. */
TEST(threads_that_cannot_be_told_apart_have_no_number)
{
    struct grebe__crew *crew = grebe__crew_new(NULL);

    assert_int_equal(grebe__claims_find(crew->threads, GREBE__CREW_OTHERS, 0),
                     GREBE__CREW_OTHERS);
    assert_int_equal(grebe__crew_number(crew), 0);
    grebe__crew_unref(crew);
}

/* ---- Threads at the same time ------------------------------------------------------------ */

struct shared {
    struct grebe__crew *crew;
    pthread_barrier_t all_there;
    uint32_t counts[GREBE__CREW_NUMBERS];
    struct grebe__latest latest;
};

static void *count(void *arg)
{
    struct shared *shared = arg;

    pthread_barrier_wait(&shared->all_there);
    for (int i = 0; i < TIMES; i++)
        grebe__crew_count(shared->counts, grebe__crew_number(shared->crew));
    return NULL;
}

/* A pair is both halves of one write, or it is torn. */
static void *measure(void *arg)
{
    struct shared *shared = arg;
    unsigned number = grebe__crew_number(shared->crew);
    uintptr_t n_torn = 0;

    pthread_barrier_wait(&shared->all_there);
    for (int i = 0; i < TIMES; i++) {
        uint64_t at_ns, version;
        double value;

        if (!grebe__latest_take(&shared->latest, number))
            continue;
        version = grebe__latest_read(&shared->latest, &value, &at_ns);
        n_torn += value != (double)at_ns;
        at_ns += number + 1;
        grebe__latest_write(&shared->latest, number, version, (double)at_ns, at_ns);
    }
    return (void *)n_torn;
}

static void with_threads(struct shared *shared, void *(*body)(void *))
{
    pthread_t threads[THREADS];

    shared->crew = grebe__crew_new(NULL);
    grebe__latest_init(&shared->latest, 0, 0);
    assert_int_equal(pthread_barrier_init(&shared->all_there, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, shared), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *flaws;

        assert_int_equal(pthread_join(threads[i], &flaws), 0);
        assert_null(flaws);
    }
    pthread_barrier_destroy(&shared->all_there);
    grebe__crew_unref(shared->crew);
}

TEST(nothing_that_threads_count_is_lost)
{
    struct shared shared = {0};

    with_threads(&shared, count);
    assert_int_equal(grebe__crew_sum(shared.counts), THREADS * TIMES);
}

TEST(no_thread_reads_the_half_of_a_write)
{
    struct shared shared = {0};
    uint64_t at_ns;
    double value;

    with_threads(&shared, measure);
    assert_true(grebe__latest_read(&shared.latest, &value, &at_ns) > TIMES);
}

/* ---- The latest ---------------------------------------------------------------------------- */

static void expect(const struct grebe__latest *latest, uint64_t n_writes, double value)
{
    uint64_t at_ns;
    double found;

    assert_int_equal(grebe__latest_read(latest, &found, &at_ns) / GREBE__LATEST_WRITE,
                     n_writes);
    assert_true(found == value);
    assert_int_equal(at_ns, (uint64_t)(value * 10));
}

static void write(struct grebe__latest *latest, unsigned number, double value)
{
    uint64_t at_ns;
    double before;

    assert_true(grebe__latest_take(latest, number));
    grebe__latest_write(latest, number, grebe__latest_read(latest, &before, &at_ns),
                        value, (uint64_t)(value * 10));
}

TEST(what_anybody_wrote_last_is_read)
{
    static const unsigned numbers[] = {0, 0, 0, 1, 0, 2, 3, 3, 1, 2, 2, 0, 3, 1, 1};
    struct grebe__latest latest;

    grebe__latest_init(&latest, 0.5, 5);
    expect(&latest, 0, 0.5);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        write(&latest, numbers[i], (double)i);
        expect(&latest, i + 1, (double)i);
    }
}

TEST(of_others_that_meet_one_gives_up)
{
    struct grebe__latest latest;

    grebe__latest_init(&latest, 0, 0);
    assert_true(grebe__latest_take(&latest, GREBE__CREW_OTHERS));
    assert_false(grebe__latest_take(&latest, GREBE__CREW_OTHERS));
    assert_true(grebe__latest_take(&latest, 1)); /* has cells of its own */
    grebe__latest_write(&latest, GREBE__CREW_OTHERS, 0, 1, 10);
    assert_true(grebe__latest_take(&latest, GREBE__CREW_OTHERS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_keeps_its_number_and_the_last_one_is_for_everybody),
        cmocka_unit_test(the_first_thread_has_the_first_number),
        cmocka_unit_test(threads_that_cannot_be_told_apart_have_no_number),
        cmocka_unit_test(nothing_that_threads_count_is_lost),
        cmocka_unit_test(no_thread_reads_the_half_of_a_write),
        cmocka_unit_test(what_anybody_wrote_last_is_read),
        cmocka_unit_test(of_others_that_meet_one_gives_up),
    };

    return cmocka_run_group_tests_name("crew", tests, NULL, NULL);
}
