/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of threads, and what is counted under them. */
#include "support/test.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/crew.h"
#include "base/line.h"

enum { THREADS = GREBE__CREW_OTHERS + 3, TIMES = 20000 };

/* Thread pointers are aligned, so multiples of 8 stand for some. */
TEST(a_thread_keeps_its_number_and_the_last_one_is_for_everybody)
{
    struct grebe__crew *crew = grebe__crew_new(NULL, sizeof(struct grebe__crew));

    for (uintptr_t i = 0; i < GREBE__CREW_OTHERS + 3; i++)
        assert_int_equal(
            grebe__claims_find(crew->threads, GREBE__CREW_OTHERS, 8 * (i + 1)),
            i < GREBE__CREW_OTHERS ? i : GREBE__CREW_OTHERS);
    assert_int_equal(grebe__crew_number(crew), GREBE__CREW_OTHERS);
    grebe__crew_unref(crew);
}

TEST(the_first_thread_has_the_first_number)
{
    struct grebe__crew *crew = grebe__crew_new(NULL, sizeof(struct grebe__crew));

    assert_int_equal(grebe__crew_number(crew), 0);
    assert_int_equal(grebe__crew_number(crew), 0);
    assert_int_equal(grebe__claims_find(crew->threads, GREBE__CREW_OTHERS, 8), 1);
    grebe__crew_unref(crew);
}

/* As where the compiler does not tell: the thread pointer is 0. */
TEST(threads_that_cannot_be_told_apart_have_no_number)
{
    struct grebe__crew *crew = grebe__crew_new(NULL, sizeof(struct grebe__crew));

    assert_int_equal(grebe__claims_find(crew->threads, GREBE__CREW_OTHERS, 0),
                     GREBE__CREW_OTHERS);
    assert_int_equal(grebe__crew_number(crew), 0);
    grebe__crew_unref(crew);
}

TEST(a_crew_knows_whether_one_thread_is_all_there_is)
{
    struct grebe__crew *crew = grebe__crew_new(NULL, sizeof(struct grebe__crew));

    assert_false(grebe__crew_is_one(crew)); /* nobody has come yet */
    assert_int_equal(grebe__crew_number(crew), 0);
    assert_true(grebe__crew_is_one(crew));
    assert_true(grebe__crew_is_alone(crew, 0));
    assert_int_equal(grebe__claims_find(crew->threads, GREBE__CREW_OTHERS, 8), 1);
    assert_false(grebe__crew_is_one(crew));
    assert_false(grebe__crew_is_alone(crew, 0));
    assert_false(grebe__crew_is_alone(crew, 1));
    grebe__crew_unref(crew);
}

/* Where threads cannot be told apart nobody is known to be alone. */
TEST(others_are_never_alone)
{
    struct grebe__crew *crew = grebe__crew_new(NULL, sizeof(struct grebe__crew));

    assert_false(grebe__crew_is_alone(crew, GREBE__CREW_OTHERS));
    grebe__crew_unref(crew);
}

TEST(what_threads_have_in_common_besides_is_zeroed_and_begins_with_a_line)
{
    struct {
        struct grebe__crew crew;
        char besides[1000];
    } * common;
    static const char nothing[sizeof common->besides];

    common = (void *)grebe__crew_new(NULL, sizeof *common);
    assert_int_equal((uintptr_t)common % GREBE__LINE, 0);
    assert_memory_equal(common->besides, nothing, sizeof nothing);
    assert_ptr_equal(grebe__crew_ref(&common->crew), &common->crew);
    grebe__crew_unref(&common->crew);
    grebe__crew_unref(&common->crew);
}

/* ---- Threads at the same time ------------------------------------------------------------ */

struct shared {
    struct grebe__crew *crew;
    pthread_barrier_t all_there;
    uint32_t counts[GREBE__CREW_NUMBERS];
};

static void *count(void *arg)
{
    struct shared *shared = arg;
    unsigned number = grebe__crew_number(shared->crew);

    pthread_barrier_wait(&shared->all_there);
    for (int i = 0; i < TIMES; i++)
        grebe__crew_count(&shared->counts[number], number);
    return NULL;
}

TEST(nothing_that_threads_count_is_lost)
{
    struct shared shared = {.crew = grebe__crew_new(NULL, sizeof(struct grebe__crew))};
    pthread_t threads[THREADS];
    uint32_t sum = 0;

    assert_int_equal(pthread_barrier_init(&shared.all_there, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, &shared), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < GREBE__CREW_NUMBERS; i++)
        sum += shared.counts[i];
    assert_int_equal(sum, THREADS * TIMES);
    assert_int_equal(shared.counts[0], TIMES); /* one thread's, and nobody else's */
    pthread_barrier_destroy(&shared.all_there);
    grebe__crew_unref(shared.crew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_keeps_its_number_and_the_last_one_is_for_everybody),
        cmocka_unit_test(the_first_thread_has_the_first_number),
        cmocka_unit_test(threads_that_cannot_be_told_apart_have_no_number),
        cmocka_unit_test(a_crew_knows_whether_one_thread_is_all_there_is),
        cmocka_unit_test(others_are_never_alone),
        cmocka_unit_test(
            what_threads_have_in_common_besides_is_zeroed_and_begins_with_a_line),
        cmocka_unit_test(nothing_that_threads_count_is_lost),
    };

    return cmocka_run_group_tests_name("crew", tests, NULL, NULL);
}
