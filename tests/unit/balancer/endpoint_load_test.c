/* SPDX-License-Identifier: Apache-2.0 */
/* Who is counted, what threads see of it, and who frees the count: threads begin and end calls
 * while everybody else lets go. */
#include "balancer/endpoint_load.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "support/some_subconns.h"
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
    struct some_subconns some;
    struct grebe_endpoint *endpoint;
    struct grebe__load_book book;
    struct grebe__loaded loaded;
};

static void take(struct bench *b, struct grebe__loaded *out)
{
    const struct grebe_sharding_child child = {
        .endpoint = b->endpoint, .state = GREBE_READY, .picker = b->some.pickers[0]};
    uint32_t n;

    assert_int_equal(grebe__load_book_take(&b->book, &child, 1, out, &n), GREBE_OK);
    assert_int_equal(n, 1);
}

static void init(struct bench *b)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address;

    some_subconns_make(&b->some);
    assert_int_equal(grebe_address_new(NULL, "10.0.0.1:80", &options, &address),
                     GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, &address, 1, NULL, &b->endpoint), GREBE_OK);
    grebe_address_unref(address);
    b->book = (struct grebe__load_book){.mem = &counting,
                                        .size = sizeof(struct grebe__endpoint_load)};
    take(b, &b->loaded);
}

/* The picker and the policy go. */
static void let_go(struct bench *b)
{
    grebe__loaded_release(&b->loaded, 1);
    grebe__load_book_fini(&b->book);
    grebe_endpoint_unref(b->endpoint);
    some_subconns_close(&b->some);
}

static void fini(struct bench *b)
{
    let_go(b);
    some_subconns_give_up();
    assert_int_equal(n_blocks, 0);
}

static void begin(struct grebe__load_view *view, struct grebe_pick *call)
{
    grebe_pick_init(call);
    call->kind = GREBE_PICK_COMPLETE;
    assert_true(grebe__load_view_begin(view, call, grebe__load_view_done));
}

static void end(const struct grebe_pick *call)
{
    const struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info info = {.status = &ok};

    grebe_pick_end(call, &info);
}

/* ---- One thread ---------------------------------------------------------------------------- */

TEST(calls_are_in_flight_from_their_begin_to_their_end)
{
    struct grebe_pick calls[5];
    struct bench b;

    init(&b);
    for (uint32_t i = 0; i < 5; i++) {
        begin(grebe__endpoint_load_view(b.loaded.load), &calls[i]);
        assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), i + 1);
        assert_int_equal(grebe__load_book_in_flight(&b.book), i + 1);
    }
    for (uint32_t i = 5; i-- > 0;) {
        end(&calls[i]);
        assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), i);
    }
    fini(&b);
}

TEST(a_pick_that_is_not_sent_is_not_counted)
{
    struct grebe_pick queued;
    struct bench b;

    init(&b);
    grebe_pick_init(&queued);
    assert_false(grebe__load_view_begin(grebe__endpoint_load_view(b.loaded.load), &queued,
                                        grebe__load_view_done));
    assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), 0);
    fini(&b);
}

/* As after four thousand million of them. */
TEST(counts_of_calls_may_wrap)
{
    struct grebe__load_view *view;
    struct grebe_pick calls[3];
    struct bench b;

    init(&b);
    view = grebe__endpoint_load_view(b.loaded.load);
    view->begun = view->ended = UINT32_MAX - 1;
    for (int i = 0; i < 3; i++)
        begin(view, &calls[i]);
    end(&calls[0]);
    assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), 2);
    assert_int_equal(grebe__load_view_in_flight(view), 2);
    end(&calls[1]);
    end(&calls[2]);
    assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), 0);
    fini(&b);
}

TEST(a_call_may_outlive_its_policy_on_its_subconn)
{
    struct grebe_subconn *held;
    struct grebe_pick call;
    struct bench b;
    int64_t n_kept;

    init(&b);
    begin(grebe__endpoint_load_view(b.loaded.load), &call);
    held = grebe_subconn_ref(b.some.list[0]);
    let_go(&b);
    n_kept = n_blocks; /* the load and its crew, and who keeps them */
    assert_int_equal(n_kept, 3);
    end(&call);
    assert_int_equal(n_blocks, n_kept);
    grebe_subconn_unref(held);
    some_subconns_give_up();
    assert_int_equal(n_blocks, 0);
}

/* A forgetful book makes a new load each time, and the subconn stays. */
TEST(loads_that_are_forgotten_go_when_their_calls_are_over)
{
    struct grebe_pick call;
    struct bench b;
    int64_t n_blocks_with_two;

    init(&b);
    begin(grebe__endpoint_load_view(b.loaded.load), &call);
    b.book.is_forgetful = true;
    for (int i = 0; i < 10; i++) {
        grebe__loaded_release(&b.loaded, 1);
        assert_int_equal(grebe__load_book_keep(&b.book, NULL, 0), GREBE_OK);
        take(&b, &b.loaded);
        assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), 0);
    }
    n_blocks_with_two = n_blocks;
    end(&call);
    grebe__loaded_release(&b.loaded, 1);
    assert_int_equal(grebe__load_book_keep(&b.book, NULL, 0), GREBE_OK);
    take(&b, &b.loaded);
    assert_int_equal(n_blocks, n_blocks_with_two - 1);
    fini(&b);
}

/* ---- Views --------------------------------------------------------------------------------- */

/* As if another thread had it: its number is the next one. */
static struct grebe__load_view *view_of_another(struct bench *b)
{
    struct grebe__load_view *mine = grebe__endpoint_load_view(b->loaded.load);

    assert_int_equal(mine->number, 0);
    assert_int_equal(grebe__claims_find(mine->crew->threads, GREBE__CREW_OTHERS, 8), 1);
    return grebe__load_view_of(mine, 1);
}

static uint32_t glance(struct bench *b, uint64_t now_ns)
{
    struct grebe__load_sight sight = grebe__load_sight_of(b->book.crew, now_ns);

    return grebe__loaded_in_flight(&b->loaded, &sight);
}

TEST(what_others_do_is_seen_after_ten_microseconds)
{
    struct grebe_pick mine, theirs;
    struct bench b;

    init(&b);
    begin(grebe__endpoint_load_view(b.loaded.load), &mine);
    assert_int_equal(glance(&b, 0), 1);
    begin(view_of_another(&b), &theirs);
    assert_int_equal(glance(&b, 10000), 2); /* never looked before */
    end(&mine);
    assert_int_equal(glance(&b, 10000), 1); /* my own at once */
    begin(view_of_another(&b), &mine);
    assert_int_equal(glance(&b, 19999), 1);
    assert_int_equal(glance(&b, 20000), 2);
    assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), 2);
    end(&mine);
    end(&theirs);
    fini(&b);
}

TEST(what_others_do_is_seen_at_every_32nd_glance)
{
    struct grebe_pick theirs;
    struct bench b;

    init(&b);
    (void)view_of_another(&b);
    assert_int_equal(glance(&b, 10000), 0);
    begin(view_of_another(&b), &theirs);
    for (int i = 1; i < 32; i++)
        assert_int_equal(glance(&b, 10001), 0);
    assert_int_equal(glance(&b, 10001), 1);
    grebe__load_view_end(view_of_another(&b), 1);
    for (int i = 1; i < 32; i++)
        assert_int_equal(glance(&b, 10001), 1);
    assert_int_equal(glance(&b, 10001), 0);
    fini(&b);
}

/* A call of mine that another one ends, and I have looked since it began. */
TEST(a_call_that_ended_elsewhere_is_never_missing_twice)
{
    struct grebe_pick call;
    struct bench b;

    init(&b);
    (void)view_of_another(&b);
    begin(grebe__endpoint_load_view(b.loaded.load), &call);
    grebe__load_view_end(grebe__endpoint_load_view(b.loaded.load), 1);
    assert_int_equal(glance(&b, 10000), 0);
    begin(view_of_another(&b), &call);
    assert_int_equal(glance(&b, 20000), 1);
    grebe__load_view_end(grebe__endpoint_load_view(b.loaded.load), 0);
    assert_int_equal(glance(&b, 20001), 0);
    grebe__load_view_end(view_of_another(&b), 1); /* one end too many: none, and not -1 */
    assert_int_equal(glance(&b, 30001), 0);
    assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), 0);
    grebe__crew_count(&view_of_another(&b)->begun, 1);
    fini(&b);
}

/* ---- Threads ------------------------------------------------------------------------------- */

enum { PAIRS = 3, CALLS = 40, ROUNDS = 300 };

/* Calls that one thread begins and another one ends. */
struct pair {
    struct grebe__endpoint_load *load;
    struct grebe_subconn *subconn; /* a reference, of the calls */
    pthread_barrier_t *begun;
    uint32_t n_begun; /* atomic: so many may be ended */
    struct grebe_pick calls[CALLS];
    pthread_t begins, ends;
};

static void *begin_calls(void *arg)
{
    struct pair *pair = arg;

    for (uint32_t i = 0; i < CALLS; i++) {
        begin(grebe__endpoint_load_view(pair->load), &pair->calls[i]);
        __atomic_store_n(&pair->n_begun, i + 1, __ATOMIC_RELEASE);
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
        end(&pair->calls[i]);
    }
    grebe_subconn_unref(pair->subconn);
    return NULL;
}

/* As many as there are pairs begin calls on the endpoint; all have when `begun` is waited for. */
static void begin_on_threads(struct bench *b, struct pair *pairs,
                             pthread_barrier_t *begun)
{
    assert_int_equal(pthread_barrier_init(begun, NULL, PAIRS + 1), 0);
    for (size_t i = 0; i < PAIRS; i++) {
        struct pair *pair = &pairs[i];

        pair->load = b->loaded.load;
        pair->subconn = grebe_subconn_ref(b->some.list[0]);
        pair->begun = begun;
        assert_int_equal(pthread_create(&pair->begins, NULL, begin_calls, pair), 0);
    }
}

static void end_on_threads(struct pair *pairs)
{
    for (size_t i = 0; i < PAIRS; i++)
        assert_int_equal(pthread_create(&pairs[i].ends, NULL, end_calls, &pairs[i]), 0);
}

static void join(struct pair *pairs)
{
    for (size_t i = 0; i < PAIRS; i++) {
        pthread_join(pairs[i].begins, NULL);
        pthread_join(pairs[i].ends, NULL);
    }
}

/* The policy goes as soon as no call begins any more: calls end meanwhile. */
TEST(whoever_is_last_frees_the_load)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct pair pairs[PAIRS] = {{0}};
        pthread_barrier_t begun;
        struct bench b;

        init(&b);
        begin_on_threads(&b, pairs, &begun);
        end_on_threads(pairs);
        pthread_barrier_wait(&begun);
        let_go(&b);
        join(pairs);
        pthread_barrier_destroy(&begun);
        some_subconns_give_up();
        assert_int_equal(n_blocks, 0);
    }
}

/* Whatever number a thread has: when all calls have ended none is in flight. */
TEST(nothing_is_lost_between_threads)
{
    struct pair pairs[PAIRS] = {{0}};
    pthread_barrier_t begun;
    struct bench b;

    init(&b);
    begin_on_threads(&b, pairs, &begun);
    pthread_barrier_wait(&begun);
    assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), PAIRS * CALLS);
    end_on_threads(pairs);
    join(pairs);
    assert_int_equal(grebe__endpoint_load_in_flight(b.loaded.load), 0);
    pthread_barrier_destroy(&begun);
    fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_in_flight_from_their_begin_to_their_end),
        cmocka_unit_test(a_pick_that_is_not_sent_is_not_counted),
        cmocka_unit_test(counts_of_calls_may_wrap),
        cmocka_unit_test(a_call_may_outlive_its_policy_on_its_subconn),
        cmocka_unit_test(loads_that_are_forgotten_go_when_their_calls_are_over),
        cmocka_unit_test(what_others_do_is_seen_after_ten_microseconds),
        cmocka_unit_test(what_others_do_is_seen_at_every_32nd_glance),
        cmocka_unit_test(a_call_that_ended_elsewhere_is_never_missing_twice),
        cmocka_unit_test(whoever_is_last_frees_the_load),
        cmocka_unit_test(nothing_is_lost_between_threads),
    };

    return cmocka_run_group_tests_name("endpoint_load", tests, NULL, NULL);
}
