/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers drawn by threads, and whose lanes they are on. */
#include "support/test.h"

#include <pthread.h>

#include "base/assert.h"
#include "base/lanes.h"

enum { THREADS = GREBE__LANES_OWN + 4, NUMBERS = 50000 };

#define APART (UINT64_C(1) << 32)

TEST(one_thread_draws_one_sequence)
{
    struct grebe__lanes lanes;

    grebe__lanes_init(&lanes, 7, APART);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(
            grebe__lane_next(grebe__lanes_of(&lanes, grebe__thread_pointer()), 3),
            7 + 3 * i);
}

TEST(a_sequence_goes_on_where_its_numbers_end)
{
    struct grebe__lanes lanes;

    grebe__lanes_init(&lanes, UINT64_MAX, APART);
    assert_int_equal(
        grebe__lane_next(grebe__lanes_of(&lanes, grebe__thread_pointer()), 2),
        UINT64_MAX);
    assert_int_equal(
        grebe__lane_next(grebe__lanes_of(&lanes, grebe__thread_pointer()), 2), 1);
}

TEST(who_has_a_lane_keeps_it_and_the_last_one_is_for_everybody)
{
    struct grebe__lanes lanes;

    grebe__lanes_init(&lanes, 0, APART);
    for (uintptr_t round = 0; round < 2; round++)
        for (uintptr_t who = 1; who <= GREBE__LANES_OWN + 3; who++) {
            size_t i = who <= GREBE__LANES_OWN ? who - 1 : GREBE__LANES_OWN;

            assert_ptr_equal(grebe__lanes_of(&lanes, who), &lanes.lanes[i]);
        }
}

/* Who cannot be told from others counts with everybody. */
TEST(nobody_in_particular_is_on_the_lane_for_everybody)
{
    struct grebe__lanes lanes;

    grebe__lanes_init(&lanes, 0, APART);
    assert_ptr_equal(grebe__lanes_of(&lanes, 0), &lanes.lanes[GREBE__LANES_OWN]);
    assert_true(lanes.lanes[GREBE__LANES_OWN].is_shared);
}

/* Neither with each other nor with what all of them read. */
TEST(lanes_do_not_meet_in_a_cache_line)
{
    struct grebe__lanes lanes;
    uintptr_t before = (uintptr_t)&lanes.owners[GREBE__LANES_OWN - 1];

    for (size_t i = 0; i <= GREBE__LANES_OWN; i++) {
        uintptr_t at = (uintptr_t)&lanes.lanes[i].at;

        assert_true((before + sizeof before - 1) / GREBE__LINE < at / GREBE__LINE);
        before = (uintptr_t)&lanes.lanes[i].is_shared;
        assert_int_equal(at / GREBE__LINE, before / GREBE__LINE);
    }
}

/* ---- Threads ------------------------------------------------------------------------- */

struct drawer {
    pthread_t thread;
    pthread_barrier_t *all_there;
    struct grebe__lanes *lanes;
    struct grebe__lane *lane;
    uint64_t numbers[NUMBERS];
};

static void *draw(void *arg)
{
    struct drawer *drawer = arg;

    pthread_barrier_wait(drawer->all_there); /* no two of them have a pointer in turn */
    drawer->lane = grebe__lanes_of(drawer->lanes, grebe__thread_pointer());
    for (size_t i = 0; i < NUMBERS; i++)
        drawer->numbers[i] =
            grebe__lane_next(grebe__lanes_of(drawer->lanes, grebe__thread_pointer()), 1);
    pthread_barrier_wait(drawer->all_there);
    return NULL;
}

static void draw_at_once(struct grebe__lanes *lanes, struct drawer *drawers)
{
    pthread_barrier_t all_there;

    assert_int_equal(pthread_barrier_init(&all_there, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        drawers[i].all_there = &all_there;
        drawers[i].lanes = lanes;
        assert_int_equal(pthread_create(&drawers[i].thread, NULL, draw, &drawers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(drawers[i].thread, NULL);
    pthread_barrier_destroy(&all_there);
}

/* Whoever owns a lane draws without a gap; the others draw each number of theirs once. */
TEST(no_number_is_lost_or_drawn_twice)
{
    static struct drawer drawers[THREADS];
    static uint8_t n_drawn[(THREADS - GREBE__LANES_OWN) * NUMBERS];
    struct grebe__lanes lanes;
    size_t n_owners = 0;

    grebe__lanes_init(&lanes, 0, APART);
    draw_at_once(&lanes, drawers);
    for (size_t k = 0; k < THREADS; k++) {
        const struct drawer *drawer = &drawers[k];
        uint64_t begin = APART * (uint64_t)(drawer->lane - lanes.lanes);

        n_owners += !drawer->lane->is_shared;
        for (size_t i = 0; i < NUMBERS; i++)
            if (!drawer->lane->is_shared)
                assert_int_equal(drawer->numbers[i], begin + i);
            else
                n_drawn[drawer->numbers[i] - begin]++;
    }
    assert_int_equal(n_owners, GREBE__LANES_OWN);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(n_drawn); i++)
        assert_int_equal(n_drawn[i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thread_draws_one_sequence),
        cmocka_unit_test(a_sequence_goes_on_where_its_numbers_end),
        cmocka_unit_test(who_has_a_lane_keeps_it_and_the_last_one_is_for_everybody),
        cmocka_unit_test(nobody_in_particular_is_on_the_lane_for_everybody),
        cmocka_unit_test(lanes_do_not_meet_in_a_cache_line),
        cmocka_unit_test(no_number_is_lost_or_drawn_twice),
    };

    return cmocka_run_group_tests_name("lanes", tests, NULL, NULL);
}
