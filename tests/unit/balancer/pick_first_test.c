/* SPDX-License-Identifier: Apache-2.0 */
/* pick_first on the bench.  Behaviour: gRFC A61, A62; grpc-go package pickfirst. */
#include "support/test.h"

#include <grebe/parent.h>

#include "balancer/pick_first.h"
#include "config/json.h"
#include "support/lb_bench.h"

static void start(struct lb_bench *b, const char *endpoints)
{
    assert_true(lb_bench_init(b, &grebe__pick_first, 1));
    assert_int_equal(lb_bench_update(b, endpoints, NULL), GREBE_OK);
}

static void connect_to(struct lb_bench *b, const char *endpoints, const char *address)
{
    start(b, endpoints);
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_READY, NULL);
    lb_bench_log(b);
}

/* ---- The first pass ---------------------------------------------------------------------- */

/* PF-1 */
TEST(first_address_that_connects_takes_all_calls)
{
    struct lb_bench b;

    start(&b, "a b");
    assert_string_equal(lb_bench_log(&b), "new a, CONNECTING, connect a");
    assert_string_equal(lb_bench_pick(&b), "queue");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_string_equal(lb_bench_cycle(&b), "a");
    lb_bench_fini(&b);
}

TEST(next_address_is_dialled_when_one_fails)
{
    struct lb_bench b;

    start(&b, "a b");
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    assert_string_equal(lb_bench_log(&b), "new b, connect b");
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "drop a, READY");
    assert_string_equal(lb_bench_pick(&b), "b");
    lb_bench_fini(&b);
}

/* PF-25 */
TEST(slow_address_gets_company_after_250_ms)
{
    struct lb_bench b;

    start(&b, "a b c");
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_advance_ms(&b, 249);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_advance_ms(&b, 1);
    assert_string_equal(lb_bench_log(&b), "new b, connect b");
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "drop a, READY");
    lb_bench_advance_ms(&b, 1000);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_fini(&b);
}

/* pick_first in a channel with another delay. */
static uint64_t delay_ns;

static int build_with_delay(struct grebe_client_conn *cc,
                            const struct grebe_build_options *options,
                            struct grebe_balancer **out)
{
    struct grebe_build_options changed = *options;

    changed.happy_eyeballs_delay_ns = delay_ns;
    return grebe__pick_first.build(cc, &changed, out);
}

/* PF-43 */
TEST(delay_is_the_channels_within_100_ms_and_2_s)
{
    static const struct {
        uint64_t asked_ns, used_ns;
    } cases[] = {
        {0, 250 * MS},
        {50 * MS, 100 * MS},
        {100 * MS, 100 * MS},
        {300 * MS, 300 * MS},
        {2 * SECOND, 2 * SECOND},
        {5 * SECOND, 2 * SECOND},
        {UINT64_MAX, 2 * SECOND},
    };
    struct grebe_balancer_builder builder = grebe__pick_first;

    builder.build = build_with_delay;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lb_bench b;

        delay_ns = cases[i].asked_ns;
        assert_true(lb_bench_init(&b, &builder, 1));
        lb_bench_update(&b, "a b", NULL);
        assert_int_equal(grebe__wheel_next_ns(&b.lab.sim.env.wheel),
                         sim_now(&b.lab.sim) + cases[i].used_ns);
        lb_bench_fini(&b);
    }
}

/* PF-24 */
TEST(failures_out_of_order_end_the_pass_only_when_all_have_failed)
{
    struct lb_bench b;

    start(&b, "a b c");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_advance_ms(&b, 250);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_advance_ms(&b, 250);
    lb_bench_subconn(&b, "c", GREBE_CONNECTING, NULL);
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, "first");
    lb_bench_subconn(&b, "c", GREBE_TRANSIENT_FAILURE, "third");
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_subconn(&b, "b", GREBE_TRANSIENT_FAILURE, "second");
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: second");
    lb_bench_fini(&b);
}

/* The one whose turn it is has its 250 ms, whatever becomes of those before it. */
TEST(failure_of_an_earlier_address_hurries_nobody)
{
    struct lb_bench b;

    start(&b, "a b c");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_advance_ms(&b, 250);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_advance_ms(&b, 100);
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_advance_ms(&b, 149);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_advance_ms(&b, 1);
    assert_string_equal(lb_bench_log(&b), "new c, connect c");
    lb_bench_fini(&b);
}

/* PF-26 */
TEST(failure_before_the_timer_restarts_the_timer)
{
    struct lb_bench b;

    start(&b, "a b c");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_advance_ms(&b, 200);
    assert_string_equal(lb_bench_log(&b), "new a, CONNECTING, connect a");
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    assert_string_equal(lb_bench_log(&b), "new b, connect b");
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_advance_ms(&b, 249);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_advance_ms(&b, 1);
    assert_string_equal(lb_bench_log(&b), "new c, connect c");
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "drop a, drop c, READY");
    assert_string_equal(lb_bench_pick(&b), "b");
    lb_bench_fini(&b);
}

/* PF-32.  Nobody could be its company. */
TEST(last_address_has_no_timer)
{
    struct lb_bench b;

    start(&b, "a");
    assert_int_equal(grebe__wheel_next_ns(&b.lab.sim.env.wheel), UINT64_MAX);
    lb_bench_fini(&b);

    start(&b, "a b");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    assert_int_equal(grebe__wheel_next_ns(&b.lab.sim.env.wheel),
                     sim_now(&b.lab.sim) + 250 * MS);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    assert_int_equal(grebe__wheel_next_ns(&b.lab.sim.env.wheel), UINT64_MAX);
    lb_bench_fini(&b);
}

static bool has_timer(struct lb_bench *b)
{
    return grebe__wheel_next_ns(&b->lab.sim.env.wheel) != UINT64_MAX;
}

static void become_ready(struct lb_bench *b)
{
    lb_bench_subconn(b, "a", GREBE_READY, NULL);
}

/* Each with nothing left that could be dialled. */
static void fail_all(struct lb_bench *b)
{
    lb_bench_subconn(b, "a", GREBE_TRANSIENT_FAILURE, NULL);
}

static void shorten(struct lb_bench *b)
{
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_OK);
}

static void close_root(struct lb_bench *b)
{
    grebe__env_enter(&b->lab.sim.env);
    grebe_client_conn_close(b->lab.root);
    grebe__env_leave(&b->lab.sim.env);
    b->lab.root = NULL;
}

/* PF-32 */
TEST(timer_ends_with_success_failure_update_and_close)
{
    static void (*const ends[])(struct lb_bench *) = {become_ready, fail_all, shorten,
                                                      close_root};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct lb_bench b;

        start(&b, "a b");
        lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
        assert_true(has_timer(&b));
        ends[i](&b);
        assert_false(has_timer(&b));
        lb_bench_fini(&b);
    }
}

/* PF-30 */
TEST(subconn_idle_again_in_the_first_pass_waits_for_its_end)
{
    struct lb_bench b;

    start(&b, "a b");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_subconn(&b, "b", GREBE_TRANSIENT_FAILURE, NULL);
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE, connect a");
    lb_bench_fini(&b);
}

/* PF-23 */
TEST(duplicates_are_tried_once)
{
    struct lb_bench b;

    start(&b, "a b a b");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_TRANSIENT_FAILURE, NULL);
    assert_string_equal(
        lb_bench_log(&b),
        "new a, CONNECTING, connect a, new b, connect b, TRANSIENT_FAILURE");
    lb_bench_fini(&b);
}

/* ---- After it ----------------------------------------------------------------------------- */

static void fail_both(struct lb_bench *b)
{
    start(b, "a b");
    lb_bench_subconn(b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_subconn(b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "b", GREBE_TRANSIENT_FAILURE, "no route");
    lb_bench_log(b);
}

/* gRFC A62 */
TEST(transient_failure_is_left_only_by_ready)
{
    struct lb_bench b;

    fail_both(&b);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    assert_string_equal(lb_bench_log(&b), "connect a");
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "drop b, READY");
    lb_bench_fini(&b);
}

/* PF-31 */
TEST(error_is_renewed_after_as_many_failures_as_addresses)
{
    struct lb_bench b;

    fail_both(&b);
    assert_string_equal(lb_bench_pick(&b), "fail: no route");
    for (int i = 0; i < 2; i++) {
        lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
        lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
        lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, "timed out");
        assert_string_equal(lb_bench_pick(&b),
                            i == 0 ? "fail: no route" : "fail: timed out");
    }
    lb_bench_fini(&b);
}

/* The pass before it ended with a failure of each; that is no failure in this one. */
TEST(new_pass_ends_when_all_have_failed_anew)
{
    struct lb_bench b;

    fail_both(&b);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_log(&b);
    assert_int_equal(lb_bench_update(&b, "a b", NULL), GREBE_OK);
    lb_bench_advance_ms(&b, 250); /* b is passed over: it is in its backoff */
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, "timed out");
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: timed out");
    lb_bench_fini(&b);
}

static void fail_again(struct lb_bench *b, const char *address, const char *error)
{
    lb_bench_subconn(b, address, GREBE_IDLE, NULL);
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_TRANSIENT_FAILURE, error);
}

TEST(failures_are_counted_anew_after_each_pass)
{
    struct lb_bench b;

    fail_both(&b);
    fail_again(&b, "a", "one of two");
    assert_string_equal(lb_bench_pick(&b), "fail: no route");
    lb_bench_log(&b);
    assert_int_equal(lb_bench_update(&b, "a b", NULL),
                     GREBE_OK); /* a pass, at once over */
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    fail_again(&b, "a", "one of two again");
    assert_string_equal(lb_bench_pick(&b), "fail: no route");
    fail_again(&b, "b", "two of two");
    assert_string_equal(lb_bench_pick(&b), "fail: two of two");
    lb_bench_fini(&b);
}

/* PF-34 */
TEST(lost_connection_means_idle_until_a_call_comes)
{
    struct lb_bench b;

    start(&b, "a b");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    assert_string_equal(lb_bench_log(&b), "IDLE");
    assert_string_equal(lb_bench_pick(&b), "queue");
    assert_string_equal(lb_bench_log(&b), "CONNECTING, connect a");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    assert_int_equal(lb_bench_update(&b, "c", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "new c, drop a, CONNECTING, connect c");
    lb_bench_subconn(&b, "c", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "c", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_string_equal(lb_bench_pick(&b), "c");
    lb_bench_fini(&b);
}

/* gRFC A105: a subconn with several connections may report this; another may take over. */
TEST(ready_subconn_that_connects_again_starts_a_pass_and_resolves)
{
    struct lb_bench b;

    fail_both(&b);
    lb_bench_subconn(&b, "b", GREBE_IDLE, NULL);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    lb_bench_log(&b);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    assert_string_equal(lb_bench_log(&b), "new a, CONNECTING, resolve, connect a");
    assert_string_equal(lb_bench_pick(&b), "queue");
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "drop a, READY");
    assert_string_equal(lb_bench_pick(&b), "b");
    lb_bench_fini(&b);
}

/* gRFC A105 */
TEST(ready_subconn_that_fails_starts_a_pass_and_resolves)
{
    struct lb_bench b;

    start(&b, "a b");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, "a is down");
    assert_string_equal(lb_bench_log(&b), "new b, CONNECTING, resolve, connect b");
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_subconn(&b, "b", GREBE_TRANSIENT_FAILURE, "b is down");
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE, connect a");
    assert_string_equal(lb_bench_pick(&b), "fail: b is down");
    lb_bench_fini(&b);
}

TEST(only_subconn_that_fails_when_ready_ends_the_pass_at_once)
{
    struct lb_bench b;

    connect_to(&b, "a", "a");
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, "a is down");
    assert_string_equal(lb_bench_log(&b), "CONNECTING, resolve, TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: a is down");
    lb_bench_fini(&b);
}

/* PF-42: back to the beginning. */
TEST(new_pass_begins_with_the_first_address)
{
    struct lb_bench b;

    start(&b, "a b");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    lb_bench_subconn(&b, "b", GREBE_IDLE, NULL);
    lb_bench_log(&b);
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_log(&b), "new a, CONNECTING, connect a");
    lb_bench_fini(&b);
}

TEST(idle_picker_wakes_the_policy_once)
{
    struct lb_bench b;
    struct grebe_picker *idle;
    struct grebe_pick_args args = {.method = "/s/m"};

    start(&b, "a");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    idle = grebe_picker_ref(b.lab.picker);
    lb_bench_log(&b);
    for (int i = 0; i < 10; i++) {
        struct grebe_pick pick = {0};

        grebe_picker_pick(idle, &args, &pick);
        assert_int_equal(pick.kind, GREBE_PICK_QUEUE);
    }
    sim_settle(&b.lab.sim);
    assert_string_equal(lb_bench_log(&b), "CONNECTING, connect a");
    grebe_picker_unref(idle);
    lb_bench_fini(&b);
}

/* The next IDLE has a picker of its own: whoever still has the old one wakes nobody. */
TEST(idle_picker_of_a_former_idle_wakes_nobody)
{
    struct lb_bench b;
    struct grebe_picker *former;
    struct grebe_pick_args args = {.method = "/s/m"};
    struct grebe_pick pick = {0};

    start(&b, "a");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    former = grebe_picker_ref(b.lab.picker);
    grebe_picker_pick(former, &args, &pick);
    sim_settle(&b.lab.sim);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    lb_bench_log(&b);
    grebe_picker_pick(former, &args, &pick);
    sim_settle(&b.lab.sim);
    assert_string_equal(lb_bench_log(&b), "");
    assert_string_equal(lb_bench_pick(&b), "queue");
    assert_string_equal(lb_bench_log(&b), "CONNECTING, connect a");
    grebe_picker_unref(former);
    lb_bench_fini(&b);
}

TEST(idle_picker_may_outlive_the_policy)
{
    struct lb_bench b;
    struct grebe_picker *idle;
    struct grebe_pick_args args = {.method = "/s/m"};
    struct grebe_pick pick = {0};

    start(&b, "a");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    idle = grebe_picker_ref(b.lab.picker);
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_close(b.lab.root);
    b.lab.root = NULL;
    grebe__env_leave(&b.lab.sim.env);
    grebe_picker_pick(idle, &args, &pick);
    sim_settle(&b.lab.sim);
    grebe_picker_unref(idle);
    lb_bench_fini(&b);
}

/* PF-41 */
TEST(subconn_that_never_got_ready_counts_as_lost)
{
    struct lb_bench b;

    start(&b, "a b c");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_advance_ms(&b, 250);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_log(&b);
    assert_true(has_timer(&b));
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    assert_string_equal(lb_bench_log(&b), "drop b, IDLE");
    assert_false(has_timer(&b));
    assert_string_equal(lb_bench_pick(&b), "queue");
    assert_string_equal(lb_bench_log(&b), "CONNECTING, connect a");
    lb_bench_fini(&b);
}

/* ---- Updates -------------------------------------------------------------------------------- */

static const struct {
    const char *before, *after, *log;
} updates[] = {
    {"a b", "a b", ""},
    {"a b", "b a", ""},
    {"a", "a b c", ""},
    {"a b", "b", "new b, drop a, CONNECTING, connect b"},
    {"a b", "c d", "new c, drop a, CONNECTING, connect c"},
};

/* PF-6, PF-7 */
TEST(connection_is_kept_while_its_address_is_listed)
{
    for (size_t i = 0; i < sizeof updates / sizeof updates[0]; i++) {
        struct lb_bench b;

        connect_to(&b, updates[i].before, "a");
        assert_int_equal(lb_bench_update(&b, updates[i].after, NULL), GREBE_OK);
        assert_string_equal(lb_bench_log(&b), updates[i].log);
        lb_bench_fini(&b);
    }
}

/* PF-5 */
TEST(address_that_left_the_list_and_came_back_is_not_returned_to)
{
    struct lb_bench b;

    connect_to(&b, "a b c", "a");
    assert_int_equal(lb_bench_update(&b, "b c", NULL), GREBE_OK);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "new b, drop a, CONNECTING, connect b, READY");
    assert_int_equal(lb_bench_update(&b, "b c a", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "");
    assert_string_equal(lb_bench_pick(&b), "b");
    lb_bench_fini(&b);
}

/* PF-8 */
TEST(disjoint_list_replaces_the_connection)
{
    struct lb_bench b;

    start(&b, "a b");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_advance_ms(&b, 250);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "new a, CONNECTING, connect a, new b, "
                                          "connect b, drop b, READY");
    assert_int_equal(lb_bench_update(&b, "c d", NULL), GREBE_OK);
    lb_bench_subconn(&b, "c", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "c", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "new c, drop a, CONNECTING, connect c, READY");
    assert_int_equal(lb_bench_n_live(&b), 1);
    lb_bench_fini(&b);
}

/* PF-9 */
TEST(address_that_was_given_up_is_dialled_anew)
{
    struct lb_bench b;

    start(&b, "a b");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    lb_bench_log(&b);
    assert_int_equal(lb_bench_update(&b, "a c", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "new a, drop b, CONNECTING, connect a");
    lb_bench_fini(&b);
}

/* "a" and "b", the first with these attributes. */
static void update_with(struct lb_bench *b, const struct grebe_address_options *options,
                        bool is_reversed)
{
    const struct grebe_address_options none = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_endpoint *endpoints[2];
    struct grebe_balancer_update update = {.endpoints = endpoints, .n_endpoints = 2};

    for (size_t i = 0; i < 2; i++) {
        struct grebe_address *address;

        assert_int_equal(grebe_address_new(NULL, i == 0 ? "a" : "b",
                                           i == 0 ? options : &none, &address),
                         GREBE_OK);
        assert_int_equal(grebe_endpoint_new(NULL, &address, 1, NULL,
                                            &endpoints[is_reversed ? 1 - i : i]),
                         GREBE_OK);
        grebe_address_unref(address);
    }
    grebe__env_enter(&b->lab.sim.env);
    assert_int_equal(grebe_client_conn_update(b->lab.root, &update), GREBE_OK);
    grebe__env_leave(&b->lab.sim.env);
    for (size_t i = 0; i < 2; i++)
        grebe_endpoint_unref(endpoints[i]);
}

static const struct grebe_attribute_key fact = {.name = "fact"};

static const struct grebe_attributes *with_fact(void)
{
    const struct grebe_attributes *attributes;

    assert_int_equal(grebe_attributes_with(NULL, NULL, &fact, (void *)1, &attributes),
                     GREBE_OK);
    return attributes;
}

/* PF-19 */
TEST(other_attributes_make_another_address)
{
    for (int is_reversed = 0; is_reversed < 2; is_reversed++) {
        struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
        struct lb_bench b;

        connect_to(&b, "a b", "a");
        options.attributes = with_fact();
        update_with(&b, &options, is_reversed);
        assert_string_equal(lb_bench_log(&b),
                            is_reversed ? "new b, drop a, CONNECTING, connect b"
                                        : "new a, drop a, CONNECTING, connect a");
        grebe_attributes_unref(options.attributes);
        lb_bench_fini(&b);
    }
}

/* PF-20 */
TEST(other_attributes_for_policies_keep_the_connection)
{
    for (int is_reversed = 0; is_reversed < 2; is_reversed++) {
        struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
        struct lb_bench b;

        connect_to(&b, "a b", "a");
        options.balancer_attributes = with_fact();
        update_with(&b, &options, is_reversed);
        assert_string_equal(lb_bench_log(&b), "");
        assert_string_equal(lb_bench_pick(&b), "a");
        grebe_attributes_unref(options.balancer_attributes);
        lb_bench_fini(&b);
    }
}

/* PF-10 */
TEST(empty_list_fails_calls_and_the_next_good_one_connects)
{
    struct lb_bench b;

    connect_to(&b, "a", "a");
    assert_int_equal(lb_bench_update(&b, "", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(lb_bench_log(&b), "drop a, TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b),
                        "fail: name resolver error: produced zero addresses");
    assert_int_equal(lb_bench_update(&b, "- -", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    lb_bench_log(&b);
    assert_int_equal(lb_bench_update(&b, "b", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "new b, CONNECTING, connect b");
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    lb_bench_fini(&b);
}

/* PF-13 */
TEST(new_addresses_do_not_leave_transient_failure)
{
    struct lb_bench b;

    fail_both(&b);
    assert_int_equal(lb_bench_update(&b, "c", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "new c, drop a, drop b, connect c");
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    lb_bench_subconn(&b, "c", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "c", GREBE_TRANSIENT_FAILURE, "c is down");
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    lb_bench_fini(&b);
}

/* PF-33 */
TEST(subconn_in_backoff_is_skipped_and_counts_as_failed)
{
    struct lb_bench b;

    fail_both(&b);
    assert_int_equal(lb_bench_update(&b, "a b c", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "new c, connect c");
    lb_bench_subconn(&b, "c", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "c", GREBE_TRANSIENT_FAILURE, "c is down");
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    lb_bench_fini(&b);
}

/* What the pass tells of is why the addresses failed, not what came in between. */
TEST(pass_that_finds_all_in_backoff_ends_with_the_error_of_the_last)
{
    struct lb_bench b;

    fail_both(&b);
    lb_bench_resolver_error(&b, "no such host");
    lb_bench_log(&b);
    assert_int_equal(lb_bench_update(&b, "a b", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: no route");
    lb_bench_fini(&b);
}

/* PF-35 */
TEST(idle_policy_stays_idle_through_updates)
{
    struct lb_bench b;

    connect_to(&b, "a", "a");
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    lb_bench_log(&b);
    assert_int_equal(lb_bench_update(&b, "b", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "drop a");
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_log(&b), "new b, CONNECTING, connect b");
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_fini(&b);
}

TEST(update_while_connecting_keeps_the_attempt_of_a_listed_address)
{
    struct lb_bench b;

    start(&b, "a b");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_log(&b);
    assert_int_equal(lb_bench_update(&b, "a c", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "CONNECTING");
    lb_bench_advance_ms(&b, 250);
    assert_string_equal(lb_bench_log(&b), "new c, connect c");
    lb_bench_fini(&b);
}

/* ---- Resolver errors ---------------------------------------------------------------------------- */

/* PF-21, PF-22 */
TEST(resolver_error_counts_only_without_hope)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__pick_first, 1));
    lb_bench_resolver_error(&b, "no such host");
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: name resolver error: no such host");
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "new a, CONNECTING, connect a");
    lb_bench_resolver_error(&b, "ignored while connecting");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_resolver_error(&b, "ignored while ready");
    assert_string_equal(lb_bench_log(&b), "READY");
    lb_bench_fini(&b);
}

/* PF-22 */
TEST(resolver_error_in_transient_failure_replaces_the_text)
{
    struct lb_bench b;

    fail_both(&b);
    lb_bench_resolver_error(&b, "no such host");
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: name resolver error: no such host");
    assert_int_equal(lb_bench_n_live(&b), 2);
    lb_bench_fini(&b);
}

/* ---- Health ---------------------------------------------------------------------------------------- */

/* PF-39 */
TEST(health_decides_after_ready_when_asked_for)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__pick_first, 1));
    b.wants_health = true;
    lb_bench_update(&b, "a", NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "watch a");
    assert_string_equal(lb_bench_pick(&b), "queue");
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_pick(&b), "a");
    lb_bench_health(&b, "a", GREBE_TRANSIENT_FAILURE, "NOT_SERVING");
    assert_string_equal(lb_bench_pick(&b),
                        "fail: pickfirst: health check failure: NOT_SERVING");
    lb_bench_health(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    lb_bench_health(&b, "a", GREBE_TRANSIENT_FAILURE, "gone");
    assert_string_equal(lb_bench_log(&b), "READY, TRANSIENT_FAILURE, CONNECTING, READY, "
                                          "TRANSIENT_FAILURE");
    assert_int_equal(lb_bench_n_live(&b), 1);
    lb_bench_fini(&b);
}

/* gRFC A62: a connection is enough to leave it; what its health is comes after. */
TEST(ready_leaves_transient_failure_before_health_is_known)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__pick_first, 1));
    b.wants_health = true;
    lb_bench_set(&b, "a=T");
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "watch a, CONNECTING");
    assert_string_equal(lb_bench_pick(&b), "queue");
    lb_bench_fini(&b);
}

/* PF-38 */
TEST(health_is_not_watched_unless_asked_for)
{
    struct lb_bench b;

    start(&b, "a");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "new a, CONNECTING, connect a, READY");
    assert_null(b.health_of);
    lb_bench_fini(&b);
}

/* Each update says so anew. */
TEST(health_is_watched_for_as_long_as_updates_ask_for_it)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__pick_first, 1));
    b.wants_health = true;
    lb_bench_update(&b, "a", NULL);
    b.wants_health = false;
    lb_bench_update(&b, "a", NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    lb_bench_fini(&b);
}

/* PF-37: without a health service, one READY comes by itself and nothing more. */
TEST(first_report_of_health_makes_the_policy_ready)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__pick_first, 1));
    b.wants_health = true;
    lb_bench_update(&b, "a", NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "new a, CONNECTING, connect a, watch a, READY");
    assert_string_equal(lb_bench_pick(&b), "a");
    lb_bench_fini(&b);
}

/* ---- Configuration ------------------------------------------------------------------------------------ */

TEST(shuffling_orders_endpoints_by_the_seed_and_keeps_their_addresses_together)
{
    static const bool config[] = {true}; /* shuffleAddressList */
    bool seen_a = false, seen_c = false;

    for (uint64_t seed = 0; seed < 20; seed++) {
        struct lb_bench b;

        assert_true(lb_bench_init(&b, &grebe__pick_first, seed));
        lb_bench_update(&b, "a+b c", config);
        if (strcmp(lb_bench_log(&b), "new a, CONNECTING, connect a") == 0)
            seen_a = true;
        else
            seen_c = true;
        lb_bench_fini(&b);
    }
    assert_true(seen_a && seen_c);
}

/* PF-14: twenty seeds meet both orders. */
TEST(shuffling_keeps_a_connection_and_orders_the_next_list)
{
    static const bool config[] = {true}; /* shuffleAddressList */
    unsigned n_first = 0, n_second = 0;

    for (uint64_t seed = 0; seed < 20; seed++) {
        struct lb_bench b;
        const char *log;

        assert_true(lb_bench_init(&b, &grebe__pick_first, seed));
        lb_bench_update(&b, "a b", NULL);
        lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
        lb_bench_subconn(&b, "a", GREBE_READY, NULL);
        lb_bench_log(&b);
        lb_bench_update(&b, "a b", config);
        assert_string_equal(lb_bench_log(&b), "");
        lb_bench_update(&b, "", config);
        lb_bench_log(&b);
        lb_bench_update(&b, "a b", config);
        log = lb_bench_log(&b);
        n_first += strcmp(log, "new a, CONNECTING, connect a") == 0;
        n_second += strcmp(log, "new b, CONNECTING, connect b") == 0;
        lb_bench_fini(&b);
    }
    assert_true(n_first > 0 && n_second > 0);
    assert_int_equal(n_first + n_second, 20);
}

static const struct {
    const char *json, *error; /* NULL: it is accepted */
} configs[] = {
    {"{}", NULL},
    {"null", NULL},
    {"{\"shuffleAddressList\":true}", NULL},
    {"{\"shuffleAddressList\":false,\"unknown\":1}", NULL},
    {"{\"shuffleAddressList\":666}",
     "pickfirst: unable to unmarshal LB policy config: shuffleAddressList"},
    {"666", "pickfirst: unable to unmarshal LB policy config: not an object"},
    {"[]", "pickfirst: unable to unmarshal LB policy config: not an object"},
    {"true", "pickfirst: unable to unmarshal LB policy config: not an object"},
};

/* PF-18 */
TEST(configuration_is_an_object_with_a_boolean)
{
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        char text[128];
        struct grebe_diag diag = {0};
        const struct grebe_json *document, *json;
        void *config = NULL;
        int result;

        snprintf(text, sizeof text, "{\"c\":%s}", configs[i].json);
        assert_int_equal(grebe__json_parse(text, strlen(text), &diag, &document),
                         GREBE_OK);
        json = grebe_json_member(document, "c");
        result = grebe__pick_first.parse_config(json, &diag, &config);
        if (configs[i].error == NULL) {
            assert_int_equal(result, GREBE_OK);
            grebe__pick_first.free_config(config);
        } else {
            assert_int_equal(result, GREBE_ERR_CONFIG);
            assert_non_null(strstr(diag.text, configs[i].error));
            assert_null(config);
        }
        grebe_json_free(document);
    }
}

/* ---- Misfortune --------------------------------------------------------------------------------------------- */

TEST(event_of_a_subconn_that_was_given_up_is_ignored)
{
    struct lb_bench b;

    connect_to(&b, "a", "a");
    lb_bench_update(&b, "b", NULL);
    lb_bench_log(&b);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    lb_bench_fini(&b);
}

/* PF-40 */
TEST(report_that_crossed_the_update_is_ignored)
{
    struct lb_bench b;
    struct grebe_subconn *stale;

    connect_to(&b, "a b", "a");
    stale = &lab_subconn_at(&b.lab, 0)->base; /* its first member */
    grebe_subconn_ref(stale);
    lb_bench_update(&b, "b", NULL);
    lb_bench_log(&b);
    grebe__env_enter(&b.lab.sim.env);
    stale->on_state(stale->arg, stale, GREBE_READY, NULL);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(lb_bench_log(&b), "");
    assert_string_equal(lb_bench_pick(&b), "queue");
    grebe_subconn_unref(stale);
    lb_bench_fini(&b);
}

/* Nothing else would ever wake it: no subconn is left that could fail or succeed. */
TEST(without_subconns_the_resolver_is_asked_for_another_chance)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__pick_first, 1));
    b.lab.refuses_subconns = true;
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "CONNECTING, resolve, TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: out of memory");
    b.lab.refuses_subconns = false;
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "new a, connect a");
    lb_bench_fini(&b);
}

static void live_a_life(struct lb_bench *b)
{
    lb_bench_update(b, "a b", NULL);
    lb_bench_subconn(b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_subconn(b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "b", GREBE_READY, NULL);
    lb_bench_pick(b);
    lb_bench_subconn(b, "b", GREBE_IDLE, NULL);
    lb_bench_pick(b);
    lb_bench_resolver_error(b, "gone");
    lb_bench_update(b, "c", NULL);
    lb_bench_subconn(b, "c", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "c", GREBE_READY, NULL);
    lb_bench_subconn(b, "c", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_advance_ms(b, 1000);
    lb_bench_update(b, "", NULL);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__pick_first, live_a_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_address_that_connects_takes_all_calls),
        cmocka_unit_test(next_address_is_dialled_when_one_fails),
        cmocka_unit_test(slow_address_gets_company_after_250_ms),
        cmocka_unit_test(delay_is_the_channels_within_100_ms_and_2_s),
        cmocka_unit_test(failures_out_of_order_end_the_pass_only_when_all_have_failed),
        cmocka_unit_test(failure_of_an_earlier_address_hurries_nobody),
        cmocka_unit_test(failure_before_the_timer_restarts_the_timer),
        cmocka_unit_test(last_address_has_no_timer),
        cmocka_unit_test(subconn_idle_again_in_the_first_pass_waits_for_its_end),
        cmocka_unit_test(duplicates_are_tried_once),
        cmocka_unit_test(transient_failure_is_left_only_by_ready),
        cmocka_unit_test(error_is_renewed_after_as_many_failures_as_addresses),
        cmocka_unit_test(new_pass_ends_when_all_have_failed_anew),
        cmocka_unit_test(failures_are_counted_anew_after_each_pass),
        cmocka_unit_test(lost_connection_means_idle_until_a_call_comes),
        cmocka_unit_test(ready_subconn_that_connects_again_starts_a_pass_and_resolves),
        cmocka_unit_test(ready_subconn_that_fails_starts_a_pass_and_resolves),
        cmocka_unit_test(only_subconn_that_fails_when_ready_ends_the_pass_at_once),
        cmocka_unit_test(new_pass_begins_with_the_first_address),
        cmocka_unit_test(idle_picker_wakes_the_policy_once),
        cmocka_unit_test(idle_picker_of_a_former_idle_wakes_nobody),
        cmocka_unit_test(idle_picker_may_outlive_the_policy),
        cmocka_unit_test(subconn_that_never_got_ready_counts_as_lost),
        cmocka_unit_test(connection_is_kept_while_its_address_is_listed),
        cmocka_unit_test(empty_list_fails_calls_and_the_next_good_one_connects),
        cmocka_unit_test(new_addresses_do_not_leave_transient_failure),
        cmocka_unit_test(subconn_in_backoff_is_skipped_and_counts_as_failed),
        cmocka_unit_test(pass_that_finds_all_in_backoff_ends_with_the_error_of_the_last),
        cmocka_unit_test(idle_policy_stays_idle_through_updates),
        cmocka_unit_test(update_while_connecting_keeps_the_attempt_of_a_listed_address),
        cmocka_unit_test(resolver_error_counts_only_without_hope),
        cmocka_unit_test(resolver_error_in_transient_failure_replaces_the_text),
        cmocka_unit_test(health_decides_after_ready_when_asked_for),
        cmocka_unit_test(
            shuffling_orders_endpoints_by_the_seed_and_keeps_their_addresses_together),
        cmocka_unit_test(event_of_a_subconn_that_was_given_up_is_ignored),
        cmocka_unit_test(timer_ends_with_success_failure_update_and_close),
        cmocka_unit_test(address_that_left_the_list_and_came_back_is_not_returned_to),
        cmocka_unit_test(disjoint_list_replaces_the_connection),
        cmocka_unit_test(address_that_was_given_up_is_dialled_anew),
        cmocka_unit_test(other_attributes_make_another_address),
        cmocka_unit_test(other_attributes_for_policies_keep_the_connection),
        cmocka_unit_test(shuffling_keeps_a_connection_and_orders_the_next_list),
        cmocka_unit_test(configuration_is_an_object_with_a_boolean),
        cmocka_unit_test(ready_leaves_transient_failure_before_health_is_known),
        cmocka_unit_test(health_is_not_watched_unless_asked_for),
        cmocka_unit_test(health_is_watched_for_as_long_as_updates_ask_for_it),
        cmocka_unit_test(first_report_of_health_makes_the_policy_ready),
        cmocka_unit_test(report_that_crossed_the_update_is_ignored),
        cmocka_unit_test(without_subconns_the_resolver_is_asked_for_another_chance),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests_name("pick_first", tests, NULL, NULL);
}
