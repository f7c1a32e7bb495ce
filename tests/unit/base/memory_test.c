/* SPDX-License-Identifier: Apache-2.0 */
/* Pool, task queue, lists, random numbers. */
#include "support/test.h"

#include <pthread.h>
#include <stdalign.h>

#include <grebe/attr.h>

#include "base/list.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/task.h"
#include "support/mem.h"

/* ---- Pool ---------------------------------------------------------------------------------- */

TEST(freed_block_is_given_out_again)
{
    struct test_mem mem;
    struct grebe__pool pool;
    void *first, *second;

    grebe__pool_init(&pool, test_mem_init(&mem));
    first = grebe__pool_alloc(&pool, 100);
    grebe__pool_free(&pool, first);
    second = grebe__pool_alloc(&pool, 110); /* the same class of 112 bytes */
    assert_ptr_equal(first, second);
    grebe__pool_free(&pool, second);
    grebe__pool_free(&pool, NULL);
    grebe__pool_fini(&pool);
    assert_int_equal(mem.n_live, 0);
}

TEST(pool_keeps_blocks_apart_and_aligned)
{
    struct test_mem mem;
    struct grebe__pool pool;
    struct grebe__rng rng;
    struct {
        unsigned char *bytes;
        size_t size;
        unsigned char fill;
    } blocks[64] = {{0}};

    grebe__rng_seed(&rng, 1);
    grebe__pool_init(&pool, test_mem_init(&mem));
    for (int step = 0; step < 20000; step++) {
        uint32_t i = grebe__rng_below(&rng, 64);

        if (blocks[i].bytes == NULL) {
            blocks[i].size = grebe__rng_below(&rng, 3000);
            blocks[i].bytes = grebe__pool_alloc(&pool, blocks[i].size);
            blocks[i].fill = (unsigned char)step;
            assert_int_equal((uintptr_t)blocks[i].bytes % alignof(max_align_t), 0);
            memset(blocks[i].bytes, blocks[i].fill, blocks[i].size);
            continue;
        }
        for (size_t k = 0; k < blocks[i].size; k++)
            assert_int_equal(blocks[i].bytes[k], blocks[i].fill);
        if (step % 3 == 0) {
            size_t size = blocks[i].size + grebe__rng_below(&rng, 500);

            blocks[i].bytes = grebe__pool_realloc(&pool, blocks[i].bytes, size);
            memset(blocks[i].bytes, blocks[i].fill, size);
            blocks[i].size = size;
        } else {
            grebe__pool_free(&pool, blocks[i].bytes);
            blocks[i].bytes = NULL;
        }
    }
    for (size_t i = 0; i < 64; i++)
        grebe__pool_free(&pool, blocks[i].bytes);
    grebe__pool_fini(&pool);
    assert_int_equal(mem.n_live, 0);
}

TEST(pool_without_memory_gives_none)
{
    struct test_mem mem;
    struct grebe__pool pool;
    void *block;

    grebe__pool_init(&pool, test_mem_init(&mem));
    mem.fail_at = 1;
    assert_null(grebe__pool_alloc(&pool, 10));
    block = grebe__pool_alloc(&pool, 10);
    assert_non_null(block);
    mem.fail_at = mem.n_allocs + 1;
    assert_null(grebe__pool_realloc(&pool, block, 5000));
    assert_null(grebe__pool_alloc(&pool, SIZE_MAX));
    grebe__pool_free(&pool, block);
    grebe__pool_fini(&pool);
    assert_int_equal(mem.n_live, 0);
}

/* ---- Task queue ------------------------------------------------------------------------------ */

enum { PRODUCERS = 4, TASKS = 20000 };

struct numbered {
    struct grebe__task task;
    int producer, number;
};

static struct grebe__task_queue queue;
static struct numbered tasks[PRODUCERS][TASKS];

static void *produce(void *arg)
{
    struct numbered *mine = arg;

    for (int i = 0; i < TASKS; i++)
        grebe__task_queue_push(&queue, &mine[i].task);
    return NULL;
}

TEST(tasks_of_each_producer_come_out_in_order)
{
    pthread_t threads[PRODUCERS];
    int next[PRODUCERS] = {0}, n = 0;

    grebe__task_queue_init(&queue);
    assert_true(grebe__task_queue_is_empty(&queue));
    for (int p = 0; p < PRODUCERS; p++) {
        for (int i = 0; i < TASKS; i++)
            tasks[p][i] = (struct numbered){.producer = p, .number = i};
        assert_int_equal(pthread_create(&threads[p], NULL, produce, tasks[p]), 0);
    }
    while (n < PRODUCERS * TASKS) {
        struct grebe__task *task = grebe__task_queue_pop(&queue);
        struct numbered *got;

        if (task == NULL)
            continue;
        got = grebe_container_of(task, struct numbered, task);
        assert_int_equal(got->number, next[got->producer]++);
        n++;
    }
    for (int p = 0; p < PRODUCERS; p++)
        pthread_join(threads[p], NULL);
    assert_null(grebe__task_queue_pop(&queue));
    assert_true(grebe__task_queue_is_empty(&queue));
}

TEST(task_may_be_queued_again_when_it_was_taken)
{
    struct grebe__task task = {.run = NULL};

    grebe__task_queue_init(&queue);
    for (int i = 0; i < 3; i++) {
        grebe__task_queue_push(&queue, &task);
        assert_false(grebe__task_queue_is_empty(&queue));
        assert_ptr_equal(grebe__task_queue_pop(&queue), &task);
        assert_null(grebe__task_queue_pop(&queue));
    }
}

/* ---- Lists -------------------------------------------------------------------------------------- */

TEST(list_keeps_order_through_removal_and_splicing)
{
    struct grebe__list a, b, nodes[6];
    size_t n = 0;

    grebe__list_init(&a);
    grebe__list_init(&b);
    for (size_t i = 0; i < 6; i++) {
        grebe__list_init(&nodes[i]);
        grebe__list_append(i < 3 ? &a : &b, &nodes[i]);
    }
    grebe__list_remove(&nodes[1]);
    grebe__list_remove(&nodes[1]);
    assert_false(grebe__list_is_linked(&nodes[1]));
    grebe__list_splice(&a, &b);
    assert_true(grebe__list_is_empty(&b));
    grebe__list_foreach_safe (node, &a) {
        static const size_t order[] = {0, 2, 3, 4, 5};

        assert_ptr_equal(node, &nodes[order[n++]]);
        grebe__list_remove(node);
    }
    assert_int_equal(n, 5);
    assert_null(grebe__list_shift(&a));
}

/* ---- Randomness ----------------------------------------------------------------------------------- */

TEST(seed_zero_gives_the_published_numbers)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 0);
    assert_true(grebe__rng_next(&rng) == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(grebe__rng_next(&rng) == UINT64_C(0x6e789e6aa1b965f4));
    assert_true(grebe__rng_next(&rng) == UINT64_C(0x06c45d188009454f));
    assert_true(grebe__rng_next(&rng) == UINT64_C(0xf88bb8a8724c81ec));
}

TEST(draws_below_n_are_below_n_and_even)
{
    struct grebe__rng rng;
    unsigned counts[7] = {0};

    grebe__rng_seed(&rng, 5);
    for (int i = 0; i < 70000; i++) {
        uint32_t draw = grebe__rng_below(&rng, 7);
        double unit = grebe__rng_unit(&rng);

        assert_true(draw < 7);
        assert_true(unit >= 0 && unit < 1);
        counts[draw]++;
    }
    /* 70000 draws of 1/7: sigma is 92.6; five of them. */
    for (size_t i = 0; i < 7; i++)
        assert_in_range(counts[i], 10000 - 463, 10000 + 463);
    assert_int_equal(grebe__rng_below(&rng, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freed_block_is_given_out_again),
        cmocka_unit_test(pool_keeps_blocks_apart_and_aligned),
        cmocka_unit_test(pool_without_memory_gives_none),
        cmocka_unit_test(tasks_of_each_producer_come_out_in_order),
        cmocka_unit_test(task_may_be_queued_again_when_it_was_taken),
        cmocka_unit_test(list_keeps_order_through_removal_and_splicing),
        cmocka_unit_test(seed_zero_gives_the_published_numbers),
        cmocka_unit_test(draws_below_n_are_below_n_and_even),
    };

    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
