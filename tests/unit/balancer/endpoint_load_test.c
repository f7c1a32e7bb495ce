/* SPDX-License-Identifier: Apache-2.0 */
/* Who is counted, and who frees the count: threads begin and end calls while everybody else
 * lets go. */
#include "balancer/endpoint_load.h"

#include <pthread.h>
#include <stdlib.h>

#include "support/test.h"

/* ---- A book with one endpoint ------------------------------------------------------------ */

static int64_t n_blocks; /* atomic: not yet freed */

static void *counting_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    if (ptr == NULL)
        __atomic_fetch_add(&n_blocks, 1, __ATOMIC_RELAXED);
    return realloc(ptr, size);
}

static void *counting_alloc(void *ctx, size_t size)
{
    return counting_realloc(ctx, NULL, size);
}

static void counting_free(void *ctx, void *ptr)
{
    (void)ctx;
    __atomic_fetch_sub(&n_blocks, 1, __ATOMIC_RELAXED);
    free(ptr);
}

static const struct grebe_mem counting = {
    .alloc = counting_alloc,
    .realloc = counting_realloc,
    .free = counting_free,
};

struct bench {
    struct grebe_endpoint *endpoint;
    struct grebe__load_book book;
    struct grebe__loaded loaded;
};

static void init(struct bench *b)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_sharding_child child = {.state = GREBE_READY};
    struct grebe_address *address;
    uint32_t n;

    assert_int_equal(grebe_address_new(NULL, "10.0.0.1:80", &options, &address),
                     GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, &address, 1, NULL, &b->endpoint), GREBE_OK);
    grebe_address_unref(address);
    b->book = (struct grebe__load_book){.mem = &counting,
                                        .size = sizeof(struct grebe__endpoint_load)};
    child.endpoint = b->endpoint;
    child.picker = grebe_picker_queueing();
    assert_int_equal(grebe__load_book_take(&b->book, &child, 1, &b->loaded, &n),
                     GREBE_OK);
    grebe_picker_unref(child.picker);
    assert_int_equal(n, 1);
}

static void fini(struct bench *b)
{
    grebe__loaded_release(&b->loaded, 1);
    grebe__load_book_fini(&b->book);
    grebe_endpoint_unref(b->endpoint);
}

/* ---- One thread ---------------------------------------------------------------------------- */

TEST(calls_are_in_flight_from_their_begin_to_their_end)
{
    struct bench b;

    init(&b);
    for (uint32_t i = 1; i <= 5; i++) {
        grebe__endpoint_load_begin(b.loaded.load);
        assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), i);
    }
    for (uint32_t i = 5; i-- > 0;) {
        grebe__endpoint_load_end(b.loaded.load);
        assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), i);
    }
    fini(&b);
    assert_int_equal(n_blocks, 0);
}

/* As after four thousand million of them. */
TEST(counts_of_calls_may_wrap)
{
    struct bench b;

    init(&b);
    b.loaded.load->begun[0] = UINT32_MAX - 1;
    b.loaded.load->uses += (uint64_t)(UINT32_MAX - 1) << 32;
    for (int i = 0; i < 3; i++)
        grebe__endpoint_load_begin(b.loaded.load);
    grebe__endpoint_load_end(b.loaded.load);
    assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), 2);
    grebe__endpoint_load_end(b.loaded.load);
    grebe__endpoint_load_end(b.loaded.load);
    assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), 0);
    fini(&b);
    assert_int_equal(n_blocks, 0);
}

TEST(a_call_that_outlives_its_policy_frees_the_load)
{
    struct bench b;
    struct grebe__endpoint_load *load;

    init(&b);
    load = b.loaded.load;
    grebe__endpoint_load_begin(load);
    grebe__endpoint_load_begin(load);
    fini(&b);
    assert_int_equal(n_blocks, 2); /* the load and its crew */
    grebe__endpoint_load_end(load);
    assert_int_equal(n_blocks, 2);
    grebe__endpoint_load_end(load);
    assert_int_equal(n_blocks, 0);
}

/* ---- Threads ------------------------------------------------------------------------------- */

enum { PAIRS = 3, CALLS = 40, ROUNDS = 300 };

/* Calls that one thread begins and another one ends. */
struct pair {
    struct grebe__endpoint_load *load;
    pthread_barrier_t *begun;
    uint32_t n_begun; /* atomic: so many may be ended */
    pthread_t begins, ends;
};

static void *begin_calls(void *arg)
{
    struct pair *pair = arg;

    for (uint32_t i = 1; i <= CALLS; i++) {
        grebe__endpoint_load_begin(pair->load);
        __atomic_store_n(&pair->n_begun, i, __ATOMIC_RELEASE);
    }
    pthread_barrier_wait(pair->begun);
    return NULL;
}

static void *end_calls(void *arg)
{
    struct pair *pair = arg;

    for (uint32_t i = 0; i < CALLS; i++) {
        while (__atomic_load_n(&pair->n_begun, __ATOMIC_ACQUIRE) <= i)
            sched_yield();
        grebe__endpoint_load_end(pair->load);
    }
    return NULL;
}

/* The policy goes as soon as no call begins any more: calls end meanwhile. */
TEST(whoever_is_last_frees_the_load)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct pair pairs[PAIRS] = {{0}};
        pthread_barrier_t begun;
        struct bench b;

        init(&b);
        assert_int_equal(pthread_barrier_init(&begun, NULL, PAIRS + 1), 0);
        for (size_t i = 0; i < PAIRS; i++) {
            struct pair *pair = &pairs[i];

            pair->load = b.loaded.load;
            pair->begun = &begun;
            assert_int_equal(pthread_create(&pair->begins, NULL, begin_calls, pair), 0);
            assert_int_equal(pthread_create(&pair->ends, NULL, end_calls, pair), 0);
        }
        pthread_barrier_wait(&begun);
        fini(&b);
        for (size_t i = 0; i < PAIRS; i++) {
            pthread_join(pairs[i].begins, NULL);
            pthread_join(pairs[i].ends, NULL);
        }
        pthread_barrier_destroy(&begun);
        assert_int_equal(n_blocks, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_in_flight_from_their_begin_to_their_end),
        cmocka_unit_test(counts_of_calls_may_wrap),
        cmocka_unit_test(a_call_that_outlives_its_policy_frees_the_load),
        cmocka_unit_test(whoever_is_last_frees_the_load),
    };

    return cmocka_run_group_tests_name("endpoint_load", tests, NULL, NULL);
}
