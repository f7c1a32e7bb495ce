/* SPDX-License-Identifier: Apache-2.0 */
/* hashBalanceFactor: who gets a call when the one whose it is has its share already. */
#include "support/test.h"

#include <pthread.h>
#include <stdlib.h>

#include "balancer/hash_picker.h"
#include "balancer/ring_hash.h"
#include "base/hash.h"
#include "base/rng.h"
#include "support/hash_bench.h"
#include "support/some_subconns.h"

/* ---- Shares ------------------------------------------------------------------------------- */

static uint64_t slots(uint64_t n_calls, uint32_t factor, uint32_t weight,
                      uint64_t weight_of_all)
{
    return grebe__hash_load_slots(grebe__hash_load_bound(n_calls, factor), weight,
                                  weight_of_all);
}

TEST(slots_are_the_ones_that_are_written_down)
{
    assert_int_equal(slots(0, 150, 1, 4), 1);
    assert_int_equal(slots(10, 150, 1, 4), 5);
    assert_int_equal(slots(9, 120, 1, 2), 6);
    assert_int_equal(slots(99, 125, 1, 10), 13);
    /* Of one endpoint: all of them. */
    assert_int_equal(slots(0, 150, 7, 7), 2);
    assert_int_equal(slots(10, 150, 7, 7), 17);
    assert_int_equal(slots(9, 120, 7, 7), 12);
    assert_int_equal(slots(99, 125, 7, 7), 125);
    /* Nobody's share is nothing, and what is too much to count is no bound. */
    assert_int_equal(slots(0, 100, 1, UINT64_C(1) << 40), 1);
    assert_int_equal(slots(UINT64_MAX, UINT32_MAX, 1, 1), UINT32_MAX);
}

/* Without the division it is the same, at each edge. */
TEST(who_fits_has_a_slot)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (int i = 0; i < 100000; i++) {
        uint64_t bound = grebe__rng_next(&rng) >> (32 + grebe__rng_below(&rng, 32));
        uint32_t weight =
            (uint32_t)(grebe__rng_next(&rng) >> (32 + grebe__rng_below(&rng, 31)));
        uint64_t all =
            weight + (grebe__rng_next(&rng) >> (24 + grebe__rng_below(&rng, 40)));
        uint64_t n = grebe__hash_load_slots(bound, weight, all == 0 ? 1 : all);

        all = all == 0 ? 1 : all;
        if (n > UINT32_MAX - 1)
            continue;
        assert_true(grebe__hash_load_fits(0, bound, weight, all));
        assert_true(grebe__hash_load_fits((uint32_t)n, bound, weight, all));
        assert_false(grebe__hash_load_fits((uint32_t)n + 1, bound, weight, all));
    }
}

/* ---- A picker, on a layout that says whose a call is ------------------------------------------ */

enum { MAX_MEMBERS = 1500 };

static uint32_t n_members, owner;

static bool find(const struct grebe__hash_table *table, uint64_t hash,
                 const struct grebe__hash_filter *filter, struct grebe__hash_place *out)
{
    (void)table, (void)hash;
    for (uint32_t i = 0; i < n_members; i++)
        if (grebe__hash_will_do(filter, (owner + i) % n_members)) {
            *out = (struct grebe__hash_place){.member = (owner + i) % n_members};
            return true;
        }
    return false;
}

static const struct grebe__hash_layout layout = {.find = find};
static const struct grebe__hash_policy policy = {.name = "bounded", .layout = &layout};

struct child {
    struct grebe_picker picker;
    uint32_t n_asked;
};

static struct child children[MAX_MEMBERS];
static enum grebe_connectivity states[MAX_MEMBERS];

/* Of one that is not READY: it queues. */
static void pick_child(struct grebe_picker *base, const struct grebe_pick_args *args,
                       struct grebe_pick *out)
{
    struct child *child = grebe_container_of(base, struct child, picker);

    (void)args, (void)out;
    child->n_asked++;
}

static void keep(struct grebe_picker *base)
{
    (void)base;
}

static const struct grebe_picker_ops child_ops = {.pick = pick_child, .destroy = keep};

static struct grebe_endpoint *new_endpoint(uint32_t i)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address;
    struct grebe_endpoint *endpoint;
    char text[16];

    snprintf(text, sizeof text, "e%u", i);
    assert_int_equal(grebe_address_new(NULL, text, &options, &address), GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, &address, 1, NULL, &endpoint), GREBE_OK);
    grebe_address_unref(address);
    return endpoint;
}

struct bench {
    struct grebe__hash_member list[MAX_MEMBERS];
    struct grebe__hash_members members;
    struct grebe_sharding_child views[MAX_MEMBERS];
    struct grebe__hash_table table;
    struct grebe__load_book loads;
    struct some_subconns some;
    struct grebe__hash_config config;
    struct grebe_picker *picker;
};

static struct bench b;

/* Those that are READY share a subconn: which of them has a call is told by its count. */
static struct grebe_picker *picker_of(uint32_t i)
{
    return states[i] == GREBE_READY ? b.some.pickers[0] : &children[i].picker;
}

static void make_picker(void)
{
    struct grebe_picker *before = b.picker;

    for (uint32_t i = 0; i < n_members; i++)
        b.views[i] = (struct grebe_sharding_child){
            .state = states[i], .endpoint = b.list[i].endpoint, .picker = picker_of(i)};
    b.picker = grebe__hash_picker_new(NULL, &(struct grebe__hash_picker_options){
                                                .policy = &policy,
                                                .table = &b.table,
                                                .members = &b.members,
                                                .children = b.views,
                                                .config = &b.config,
                                                .loads = &b.loads,
                                            });
    grebe_picker_unref(before);
}

/* `n` endpoints of equal weight, all READY, the call the first one's. */
static void open_bench(uint32_t n, uint32_t factor)
{
    b = (struct bench){.members = {b.list, n, n}, .config = {.balance_factor = factor}};
    some_subconns_make(&b.some);
    n_members = n;
    owner = 0;
    for (uint32_t i = 0; i < n; i++) {
        states[i] = GREBE_READY;
        children[i] = (struct child){.n_asked = 0};
        grebe_picker_init(&children[i].picker, &child_ops);
        b.list[i] = (struct grebe__hash_member){
            .endpoint = new_endpoint(i), .weight = 1, .child = i};
    }
    grebe__hash_table_init(&b.table, NULL);
    grebe__hash_loads_init(&b.loads, NULL);
    make_picker();
}

/* The count of an endpoint, as its book has it. */
static struct grebe__endpoint_load *load_of(uint32_t i)
{
    return grebe_endpoint_map_get(b.loads.loads, b.list[i].endpoint);
}

static uint32_t calls_of(uint32_t i)
{
    const struct grebe__load_sight sight = grebe__load_sight_of(b.loads.crew, 0);

    return grebe__hash_load_calls(load_of(i), &sight);
}

/* Long after anybody looked. */
static uint64_t total(void)
{
    static uint64_t now_ns;

    struct grebe__load_sight sight;

    now_ns += SECOND;
    sight = grebe__load_sight_of(b.loads.crew, now_ns);
    return grebe__hash_total_calls(b.loads.crew, &sight);
}

/* Calls that stay open, behind the back of the total: of no others is anything known. */
static void occupy(uint32_t i, uint32_t n)
{
    struct grebe__load_view *view = grebe__endpoint_load_view(load_of(i));

    view->begun = view->ended + n;
}

static void close_bench(void)
{
    grebe_picker_unref(b.picker);
    grebe__load_book_fini(&b.loads);
    for (uint32_t i = 0; i < n_members; i++) {
        assert_int_equal(children[i].picker.refs, 1);
        grebe_endpoint_unref(b.list[i].endpoint);
    }
    assert_int_equal(b.table.refs, 1);
    some_subconns_close(&b.some);
    some_subconns_give_up();
}

static struct grebe_pick pick(uint64_t hash)
{
    const struct grebe_pick_args args = {.hash = &hash};
    struct grebe_pick out;

    grebe_pick_init(&out);
    grebe_picker_pick(b.picker, &args, &out);
    return out;
}

static void end(const struct grebe_pick *call)
{
    const struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info info = {.status = &ok};

    grebe_pick_end(call, &info);
}

static uint32_t chosen(const struct grebe_pick *call)
{
    struct grebe__endpoint_load *load = grebe__endpoint_load_of(call->on_done_arg);
    uint32_t i = 0;

    assert_int_equal(call->kind, GREBE_PICK_COMPLETE);
    while (load_of(i) != load)
        i++;
    return i;
}

/* A call that ends at once. */
static uint32_t pick_and_end(uint64_t hash)
{
    struct grebe_pick call = pick(hash);
    uint32_t i = chosen(&call);

    end(&call);
    return i;
}

/* Four endpoints, a factor of 150 and ten calls: with five of them one may still have
 * another, with six it may not. */
TEST(an_endpoint_with_its_share_passes_calls_on)
{
    struct grebe_pick calls[10];

    open_bench(4, 150);
    for (uint32_t i = 0; i < 10; i++) {
        owner = i < 5 ? 1 + i % 3 : 0;
        calls[i] = pick(1);
    }
    assert_int_equal(calls_of(0), 5);
    assert_int_equal(total(), 10);
    owner = 0;
    assert_int_equal(pick_and_end(1), 0);
    occupy(0, 6);
    assert_true(pick_and_end(1) != 0);
    occupy(0, 5);
    for (uint32_t i = 0; i < 10; i++)
        end(&calls[i]);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(calls_of(i), 0);
    assert_int_equal(total(), 0);
    close_bench();
}

static void *end_on_a_thread(void *call)
{
    end(call);
    return NULL;
}

TEST(a_call_may_begin_on_one_thread_and_end_on_another)
{
    struct grebe_pick calls[3];
    pthread_t thread;

    open_bench(4, 150);
    owner = 0;
    for (size_t i = 0; i < 3; i++)
        calls[i] = pick(1);
    for (uint64_t i = 3; i-- > 0;) {
        assert_int_equal(pthread_create(&thread, NULL, end_on_a_thread, &calls[i]), 0);
        pthread_join(thread, NULL);
        assert_int_equal(total(), i);
    }
    close_bench();
}

/* Of two that have room, the one that chance puts first has the call, whoever else there
 * is and whosever it was. */
static void expect_order(const char *text, const uint32_t *order)
{
    uint64_t hash = grebe__hash64_text(text);

    for (uint32_t i = 0; i < 5; i++)
        for (uint32_t k = i + 1; k < 5; k++)
            for (owner = 0; owner < 5; owner++) {
                if (owner == order[i] || owner == order[k])
                    continue;
                for (uint32_t m = 0; m < 5; m++)
                    occupy(m, m == order[i] || m == order[k] ? 0 : 9);
                assert_int_equal(pick_and_end(hash), order[i]);
            }
}

TEST(the_order_of_asking_is_the_one_that_is_written_down)
{
    static const uint32_t user_1[] = {3, 0, 2, 1, 4}, user_2[] = {4, 2, 0, 1, 3};

    open_bench(5, 150);
    assert_true(grebe__hash64_text("user-2") == UINT64_C(0x7395dd9943ab55e9));
    expect_order("user-1", user_1);
    expect_order("user-2", user_2);
    for (uint32_t m = 0; m < 5; m++)
        occupy(m, 0);
    close_bench();
}

TEST(when_all_are_full_the_least_loaded_has_the_call)
{
    open_bench(5, 100);
    for (uint32_t i = 0; i < 5; i++)
        occupy(i, 20 - i % 3);
    for (uint64_t hash = 0; hash < 50; hash++)
        assert_int_equal(pick_and_end(hash), 2);
    for (uint32_t i = 0; i < 5; i++)
        occupy(i, 20);
    assert_int_equal(pick_and_end(7), 0); /* nobody has less: it stays where it belongs */
    for (uint32_t i = 0; i < 5; i++)
        occupy(i, 0);
    close_bench();
}

/* 20, 21 and 30 calls, where they should have 1, 1 and 4. */
TEST(who_may_have_more_is_less_loaded)
{
    open_bench(3, 600);
    b.list[2].weight = 4;
    b.members.weight = 6;
    make_picker();
    occupy(0, 20);
    occupy(1, 21);
    occupy(2, 30);
    for (uint64_t hash = 0; hash < 50; hash++)
        assert_int_equal(pick_and_end(hash), 2);
    occupy(2, 81); /* a quarter of which is more than 20 */
    assert_int_equal(pick_and_end(1), 0);
    for (uint32_t i = 0; i < 3; i++)
        occupy(i, 0);
    close_bench();
}

/* However many there are: the one with room is found. */
TEST(room_is_found_among_many)
{
    static const uint32_t ns[] = {2, 100, 1024, 1025, 1500};

    for (size_t i = 0; i < sizeof ns / sizeof ns[0]; i++) {
        open_bench(ns[i], 120);
        for (uint32_t k = 0; k < ns[i]; k++)
            occupy(k, 5);
        for (uint32_t k = 1; k < ns[i]; k += ns[i] / 7 + 1) {
            occupy(k, 0);
            assert_int_equal(pick_and_end(i * 1000 + k), k);
            occupy(k, 5);
        }
        for (uint32_t k = 0; k < ns[i]; k++)
            occupy(k, 0);
        close_bench();
    }
}

/* An IDLE one is connected for calls to come, one at a time; this one does not wait. */
TEST(an_idle_endpoint_is_connected_and_not_waited_for)
{
    uint32_t n_asked = 0;

    open_bench(5, 150);
    states[2] = states[3] = states[4] = GREBE_IDLE;
    states[1] = GREBE_TRANSIENT_FAILURE;
    make_picker();
    occupy(0, 9);
    assert_int_equal(pick_and_end(1), 0);
    for (uint32_t i = 0; i < 5; i++)
        if (states[i] == GREBE_IDLE)
            n_asked += children[i].n_asked;
    assert_int_equal(n_asked, 1);
    assert_int_equal(children[1].n_asked, 0);
    /* One that is being connected is enough. */
    states[3] = GREBE_CONNECTING;
    make_picker();
    children[2].n_asked = children[4].n_asked = 0;
    assert_int_equal(pick_and_end(1), 0);
    assert_int_equal(children[2].n_asked + children[3].n_asked + children[4].n_asked, 0);
    /* And a call whose own endpoint is IDLE waits for that, uncounted. */
    owner = 2;
    assert_int_equal(pick(1).kind, GREBE_PICK_QUEUE);
    assert_null(load_of(2));
    occupy(0, 0);
    close_bench();
}

/* Counts stay with an endpoint while it is READY, whoever picks, and no longer. */
TEST(a_count_lasts_as_long_as_the_endpoint_is_ready)
{
    struct grebe__endpoint_load *load;
    struct grebe_pick call, other;

    open_bench(2, 150);
    call = pick(1);
    assert_int_equal(chosen(&call), 0);
    load = load_of(0);
    make_picker();
    assert_ptr_equal(load_of(0), load);
    assert_int_equal(calls_of(0), 1);
    states[0] = GREBE_IDLE;
    make_picker();
    assert_null(load_of(0));
    states[0] = GREBE_READY;
    make_picker();
    assert_int_equal(calls_of(0), 0);
    /* The call that was on it is one of all still, and ends where nobody looks. */
    assert_int_equal(total(), 1);
    other = pick(1);
    end(&call);
    assert_int_equal(calls_of(0), 1);
    assert_int_equal(total(), 1);
    end(&other);
    close_bench();
}

TEST(without_a_factor_nothing_is_counted)
{
    struct grebe_pick call;

    open_bench(2, 0);
    call = pick(1);
    assert_null(call.on_done);
    assert_null(b.loads.loads);
    b.config.balance_factor = 150;
    make_picker();
    assert_int_equal(grebe_endpoint_map_n(b.loads.loads), 2);
    b.config.balance_factor = 0;
    make_picker();
    assert_null(b.loads.loads);
    close_bench();
}

/* ---- Configuration ---------------------------------------------------------------------- */

static void expect_factor(const struct grebe_balancer_builder *builder, const char *json,
                          uint32_t factor)
{
    struct grebe__hash_config *config = hash_bench_config(builder, json);

    assert_int_equal(config->balance_factor, factor);
    assert_int_equal(config->max_size, 4096);
    grebe__hash_config_free(config);
}

TEST(factor_is_at_least_a_hundred)
{
    const struct grebe_balancer_builder *bounded = &grebe__bounded_load_ring_hash;

    expect_factor(&grebe__ring_hash, "{}", 0);
    expect_factor(&grebe__ring_hash, "{\"hashBalanceFactor\":100}", 100);
    expect_factor(&grebe__ring_hash, "{\"hash_balance_factor\":0}", 0);
    expect_factor(bounded, "{}", 150);
    expect_factor(bounded, "{\"hashBalanceFactor\":0}", 150);
    expect_factor(bounded, "{\"hashBalanceFactor\":125}", 125);
    assert_string_equal(hash_bench_flaw(bounded, "{\"hashBalanceFactor\":99}"),
                        "hashBalanceFactor: 99 is less than 100: not all calls would "
                        "have a place");
    assert_string_equal(
        hash_bench_flaw(bounded, "{\"minRingSize\":10,\"maxRingSize\":2}"),
        "minRingSize: 10 is more than maxRingSize, 2");
    assert_string_equal(hash_bench_flaw(&grebe__ring_hash, "{\"hashBalanceFactor\":-1}"),
                        "hashBalanceFactor: -1 is not between 0 and 4294967295");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_the_ones_that_are_written_down),
        cmocka_unit_test(who_fits_has_a_slot),
        cmocka_unit_test(an_endpoint_with_its_share_passes_calls_on),
        cmocka_unit_test(a_call_may_begin_on_one_thread_and_end_on_another),
        cmocka_unit_test(the_order_of_asking_is_the_one_that_is_written_down),
        cmocka_unit_test(when_all_are_full_the_least_loaded_has_the_call),
        cmocka_unit_test(who_may_have_more_is_less_loaded),
        cmocka_unit_test(room_is_found_among_many),
        cmocka_unit_test(an_idle_endpoint_is_connected_and_not_waited_for),
        cmocka_unit_test(a_count_lasts_as_long_as_the_endpoint_is_ready),
        cmocka_unit_test(without_a_factor_nothing_is_counted),
        cmocka_unit_test(factor_is_at_least_a_hundred),
    };

    return cmocka_run_group_tests_name("hash_bound", tests, NULL, NULL);
}
