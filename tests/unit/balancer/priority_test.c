/* SPDX-License-Identifier: Apache-2.0 */
/* priority: who is in use, who waits for whom, and who is parked (gRFC A56, A115).  Most
 * children are stubs, numbered as they are built, whose pickers fail with a text that says
 * whose they are. */
#include "support/test.h"

#include <grebe/registry.h>

#include "balancer/priority.h"
#include "base/assert.h"
#include "support/channel_bench.h"
#include "support/lb_bench.h"
#include "support/stub_policy.h"
#include "support/witness_policy.h"

#define CHILD(name, policy) "\"" name "\": {\"config\": [{\"" policy "\": {}}]}"
#define X(name)             CHILD(name, "x")
#define ONE                 "{\"children\": {" X("0") "}, \"priorities\": [\"0\"]}"
#define TWO                 "{\"children\": {" X("0") ", " X("1") "}, \"priorities\": [\"0\", \"1\"]}"
#define THREE                                                                            \
    "{\"children\": {" X("0") ", " X("1") ", " X(                                        \
        "2") "}, "                                                                       \
             "\"priorities\": [\"0\", \"1\", \"2\"]}"
#define NONE "{}"

enum { MINUTE_MS = 60 * 1000 };

static const char endpoints[] = "0>a 1>b 2>c";

static void start(struct lb_bench *b, const char *config)
{
    stub_reset();
    memset(&witness, 0, sizeof witness);
    assert_true(lb_bench_init(b, &grebe__priority, 1));
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
    assert_int_equal(lb_bench_update(b, endpoints, NULL), GREBE_OK);
    lb_bench_log(b);
    stub_log();
}

static void update(struct lb_bench *b, const char *config)
{
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
    assert_int_equal(lb_bench_update(b, endpoints, NULL), GREBE_OK);
}

static void publish(struct lb_bench *b, size_t i, enum grebe_connectivity state)
{
    char text[16];

    snprintf(text, sizeof text, "stub %zu", i);
    grebe__env_enter(&b->lab.sim.env);
    stub_publish(stub_at(i), state, text);
    grebe__env_leave(&b->lab.sim.env);
}

/* The first child of two fails, and the second one is in use. */
static void start_with_second(struct lb_bench *b)
{
    start(b, TWO);
    publish(b, 0, GREBE_TRANSIENT_FAILURE);
    publish(b, 1, GREBE_READY);
}

/* Of three, the third. */
static void start_with_third(struct lb_bench *b)
{
    start(b, THREE);
    publish(b, 0, GREBE_TRANSIENT_FAILURE);
    publish(b, 1, GREBE_TRANSIENT_FAILURE);
    publish(b, 2, GREBE_READY);
}

static void expect_in_use(struct lb_bench *b, size_t i)
{
    char text[32];

    snprintf(text, sizeof text, "fail: stub %zu", i);
    assert_string_equal(lb_bench_pick(b), text);
}

/* ---- Configuration ---------------------------------------------------------------------- */

static const struct lb_config_case wrong[] = {
    {"[]", ": expected an object"},
    {"{\"children\": 7}", "children: expected an object, found a number"},
    {"{\"children\": {\"0\": {}}}", "children.0.config: expected a list of policies"},
    {"{\"children\": {" CHILD("0", "nobody") "}}",
     "children.0.config: no supported policies found in [nobody]"},
    {"{\"children\": {\"0\": {\"ignoreReresolutionRequests\": 1}}}",
     "children.0.ignoreReresolutionRequests: expected a boolean, found a number"},
    {"{\"priorities\": \"0\"}", "priorities: expected a list, found a string"},
    {"{\"priorities\": [0]}", "priorities[0]: expected the name of a child"},
    {"{\"children\": {" X("0") "}, \"priorities\": [\"0\", \"one\"]}",
     "priorities[1]: is not among the children: \"one\""},
    {"{\"children\": {" X("0") ", " X("1") "}, \"priorities\": [\"1\"]}",
     "children: one is not among the priorities: \"0\""},
    {"{\"children\": {" X("0") "}, \"priorities\": [\"0\", \"0\"]}",
     "priorities[1]: is there twice: \"0\""},
    {"{\"cacheRemovedChildren\": \"yes\"}",
     "cacheRemovedChildren: expected a boolean, found a string"},
};

/* P-1 */
TEST(wrong_configurations_are_explained)
{
    lb_bench_expect_configs(&grebe__priority, wrong, GREBE_ARRAY_LEN(wrong));
}

TEST(both_names_are_registered)
{
    assert_ptr_equal(grebe_balancer_get("priority"), &grebe__priority);
    assert_ptr_equal(grebe_balancer_get("priority_experimental"),
                     &grebe__priority_experimental);
}

TEST(named_without_a_configuration_it_says_what_it_needs)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__priority, 1));
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_ERR_CONFIG);
    assert_non_null(strstr(lb_bench_pick(&b), "priority needs a configuration"));
    lb_bench_fini(&b);
}

TEST(a_child_sees_the_endpoints_of_its_path_when_it_is_started)
{
    struct lb_bench b;

    start(&b, "{\"children\": {" X("0") ", " CHILD(
                  "1", "witness") "}, "
                                  "\"priorities\": [\"0\", \"1\"], \"more\": []}");
    assert_int_equal(lb_bench_update(&b, "1>d 0>a 1>more>b c", NULL), GREBE_OK);
    assert_int_equal(witness.n_updates, 0);
    publish(&b, 0, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(witness_seen(), "d b");
    lb_bench_fini(&b);
}

/* ---- Failing over, and back --------------------------------------------------------------- */

/* P-2 */
TEST(a_child_that_is_ready_is_enough)
{
    struct lb_bench b;

    start(&b, TWO);
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    assert_string_equal(lb_bench_pick(&b), "queue");
    publish(&b, 0, GREBE_READY);
    assert_string_equal(lb_bench_log(&b), "READY");
    expect_in_use(&b, 0);
    lb_bench_advance_ms(&b, 20 * MINUTE_MS);
    assert_int_equal(stubs.n_built, 1);
    lb_bench_fini(&b);
}

/* P-3 */
TEST(one_that_failed_is_not_waited_for)
{
    struct lb_bench b;

    start(&b, TWO);
    publish(&b, 0, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(stub_log(), "x.build, x.update");
    assert_string_equal(lb_bench_log(&b), "CONNECTING");
    publish(&b, 1, GREBE_READY);
    expect_in_use(&b, 1);
    lb_bench_fini(&b);
}

/* P-4 */
TEST(one_that_says_nothing_has_10_s)
{
    struct lb_bench b;

    start(&b, TWO);
    assert_true(lab_advance(&b.lab, 10 * SECOND - 1));
    assert_int_equal(stubs.n_built, 1);
    assert_true(lab_advance(&b.lab, 1));
    assert_int_equal(stubs.n_built, 2);
    lb_bench_fini(&b);
}

/* P-5 */
TEST(the_better_one_is_back_in_use_as_soon_as_it_is_ready)
{
    struct lb_bench b;

    start_with_second(&b);
    stub_log();
    lb_bench_log(&b);
    publish(&b, 0, GREBE_READY);
    assert_string_equal(lb_bench_log(&b), "READY");
    expect_in_use(&b, 0);
    /* Parked: it lives, and is not heard. */
    assert_string_equal(stub_log(), "");
    publish(&b, 1, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_fini(&b);
}

/* P-6 */
TEST(one_that_loses_its_connection_has_10_s_to_come_back)
{
    struct lb_bench b;

    start(&b, TWO);
    publish(&b, 0, GREBE_READY);
    lb_bench_advance_ms(&b, 60000);
    publish(&b, 0, GREBE_CONNECTING);
    assert_string_equal(lb_bench_log(&b), "READY, CONNECTING");
    lb_bench_advance_ms(&b, 9999);
    assert_int_equal(stubs.n_built, 1);
    lb_bench_advance_ms(&b, 1);
    assert_int_equal(stubs.n_built, 2);
    lb_bench_fini(&b);
}

/* P-7 */
TEST(three_children_fail_over_one_by_one_and_back)
{
    struct lb_bench b;

    start_with_third(&b);
    expect_in_use(&b, 2);
    publish(&b, 1, GREBE_READY);
    expect_in_use(&b, 1);
    stub_log();
    publish(&b, 1, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(stub_log(), "x.update"); /* the one that was parked */
    expect_in_use(&b, 2);
    assert_int_equal(stubs.n_built, 3);
    lb_bench_fini(&b);
}

/* P-8 */
TEST(a_child_that_is_added_when_all_have_failed_starts_at_once)
{
    struct lb_bench b;

    start(&b, TWO);
    publish(&b, 0, GREBE_TRANSIENT_FAILURE);
    publish(&b, 1, GREBE_TRANSIENT_FAILURE);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    expect_in_use(&b, 1);
    stub_log();
    update(&b, THREE);
    assert_string_equal(stub_log(), "x.update, x.update, x.build, x.update");
    publish(&b, 2, GREBE_READY);
    expect_in_use(&b, 2);
    lb_bench_fini(&b);
}

/* P-9 */
TEST(a_parked_child_is_closed_after_15_minutes)
{
    struct lb_bench b;

    start_with_third(&b);
    publish(&b, 0, GREBE_READY);
    stub_log();
    lb_bench_advance_ms(&b, 15 * MINUTE_MS - 1);
    assert_string_equal(stub_log(), "");
    lb_bench_advance_ms(&b, 1);
    assert_string_equal(stub_log(), "x.destroy, x.destroy");
    publish(&b, 0, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(stub_log(), "x.build, x.update");
    lb_bench_fini(&b);
}

#define REAL                                                                             \
    "{\"children\": {" CHILD("0", "round_robin") ", " CHILD(                             \
        "1", "round_robin") "}, "                                                        \
                            "\"priorities\": [\"0\", \"1\"]}"

static void lose(struct lb_bench *b, const char *address)
{
    lb_bench_subconn(b, address, GREBE_IDLE, NULL);
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_TRANSIENT_FAILURE, NULL);
}

/* P-10 */
TEST(a_parked_child_comes_back_with_its_connections)
{
    struct lb_bench b;

    start(&b, REAL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_connect(&b, "b");
    assert_string_equal(lb_bench_cycle(&b), "b");
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    lb_bench_connect(&b, "a");
    assert_string_equal(lb_bench_cycle(&b), "a");
    lb_bench_advance_ms(&b, 14 * MINUTE_MS);
    lb_bench_log(&b);
    lose(&b, "a");
    /* In the same turn in which the first failed, the second takes calls. */
    assert_null(strstr(lb_bench_log(&b), "new b"));
    assert_int_equal(b.lab.state, GREBE_READY);
    assert_string_equal(lb_bench_cycle(&b), "b");
    lb_bench_fini(&b);
}

/* The timeline of the specification, to the millisecond. */
TEST(a_timeline_of_failing_over_and_back)
{
    struct lb_bench b;

    start(&b, TWO);
    lb_bench_advance_ms(&b, 10000);
    assert_int_equal(stubs.n_built, 2);
    lb_bench_advance_ms(&b, 1000);
    publish(&b, 1, GREBE_READY); /* 11 s */
    expect_in_use(&b, 1);
    lb_bench_advance_ms(&b, 49000);
    publish(&b, 0, GREBE_READY); /* 60 s */
    expect_in_use(&b, 0);
    lb_bench_advance_ms(&b, 840000);
    publish(&b, 0, GREBE_TRANSIENT_FAILURE); /* 900 s */
    expect_in_use(&b, 1);
    lb_bench_advance_ms(&b, 10000);
    publish(&b, 0, GREBE_READY); /* 910 s */
    expect_in_use(&b, 0);
    stub_log();
    lb_bench_advance_ms(&b, 900000 - 1);
    assert_string_equal(stub_log(), "");
    lb_bench_advance_ms(&b, 1); /* 1810 s */
    assert_string_equal(stub_log(), "x.destroy");
    lb_bench_fini(&b);
}

/* ---- What counts as usable ------------------------------------------------------------------ */

/* P-19, P-20 */
TEST(one_that_is_idle_is_in_use)
{
    struct lb_bench b;

    start(&b, ONE);
    publish(&b, 0, GREBE_IDLE);
    assert_string_equal(lb_bench_log(&b), "IDLE");
    lb_bench_advance_ms(&b, 60000);
    update(&b, TWO);
    assert_int_equal(stubs.n_built, 1);
    assert_int_equal(b.lab.state, GREBE_IDLE);
    expect_in_use(&b, 0);
    lb_bench_fini(&b);
}

/* P-22 */
TEST(connecting_again_while_connecting_wins_no_time)
{
    struct lb_bench b;

    start(&b, TWO);
    publish(&b, 0, GREBE_CONNECTING);
    lb_bench_advance_ms(&b, 8000);
    publish(&b, 0, GREBE_CONNECTING);
    lb_bench_advance_ms(&b, 1999);
    assert_int_equal(stubs.n_built, 1);
    lb_bench_advance_ms(&b, 1);
    assert_int_equal(stubs.n_built, 2);
    lb_bench_fini(&b);
}

/* P-23 */
TEST(connecting_after_a_failure_takes_nothing_from_the_next)
{
    struct lb_bench b;

    start_with_second(&b);
    lb_bench_log(&b);
    publish(&b, 0, GREBE_CONNECTING);
    assert_string_equal(lb_bench_log(&b), "");
    expect_in_use(&b, 1);
    lb_bench_fini(&b);
}

/* P-24 */
TEST(connecting_after_idle_has_10_s_again)
{
    struct lb_bench b;

    start(&b, TWO);
    publish(&b, 0, GREBE_READY);
    publish(&b, 0, GREBE_IDLE);
    lb_bench_advance_ms(&b, 60000);
    publish(&b, 0, GREBE_CONNECTING);
    lb_bench_advance_ms(&b, 9999);
    assert_int_equal(stubs.n_built, 1);
    lb_bench_advance_ms(&b, 1);
    assert_int_equal(stubs.n_built, 2);
    lb_bench_fini(&b);
}

/* P-6, P-24: that it failed before it was READY, or IDLE, is forgotten. */
TEST(an_old_failure_costs_no_patience)
{
    static const enum grebe_connectivity usable[] = {GREBE_READY, GREBE_IDLE};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(usable); i++) {
        struct lb_bench b;

        start_with_second(&b);
        publish(&b, 0, usable[i]);
        publish(&b, 0, GREBE_CONNECTING);
        expect_in_use(&b, 0);
        lb_bench_advance_ms(&b, 9999);
        expect_in_use(&b, 0);
        lb_bench_advance_ms(&b, 1);
        expect_in_use(&b, 1);
        lb_bench_fini(&b);
    }
}

/* gRFC A56: a better child that is waited for does not cost the one behind it its
 * connections, as it would if that were parked. */
TEST(one_that_is_waited_for_parks_nobody)
{
    struct lb_bench b;

    start_with_second(&b);
    stub_log();
    update(&b, "{\"children\": {" CHILD("0", "y") ", " X(
                   "1") "}, "
                        "\"priorities\": [\"0\", \"1\"]}");
    assert_string_equal(stub_log(), "x.destroy, y.build, y.update, x.update");
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    lb_bench_resolver_error(&b, "do both hear?");
    assert_string_equal(stub_log(), "x.error, y.error");
    lb_bench_advance_ms(&b, 10000);
    expect_in_use(&b, 1);
    lb_bench_fini(&b);
}

/* gRFC A56: where nobody is usable or waited for, calls wait for the first that connects, and
 * do not fail with the last. */
TEST(the_first_that_connects_is_in_use_when_none_is_usable)
{
    struct lb_bench b;

    start(&b, THREE);
    lb_bench_advance_ms(&b, 10000);
    publish(&b, 1, GREBE_TRANSIENT_FAILURE);
    publish(&b, 2, GREBE_TRANSIENT_FAILURE);
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    assert_string_equal(lb_bench_pick(&b), "queue");
    publish(&b, 0, GREBE_TRANSIENT_FAILURE);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    expect_in_use(&b, 2);
    publish(&b, 1, GREBE_CONNECTING);
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    lb_bench_fini(&b);
}

/* ---- Updates ---------------------------------------------------------------------------------- */

/* P-11 */
TEST(without_priorities_calls_fail_until_there_are_some)
{
    struct lb_bench b;

    start(&b, TWO);
    publish(&b, 0, GREBE_READY);
    lb_bench_log(&b);
    update(&b, NONE);
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(stub_log(), "x.destroy");
    assert_string_equal(lb_bench_pick(&b),
                        "fail: no priority is provided, all priorities are removed");
    lb_bench_resolver_error(&b, "gone");
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_log(&b), "");
    update(&b, TWO);
    publish(&b, 1, GREBE_READY);
    expect_in_use(&b, 1);
    lb_bench_fini(&b);
}

TEST(without_a_first_update_it_fails_as_the_resolver_does)
{
    struct lb_bench b;

    stub_reset();
    assert_true(lb_bench_init(&b, &grebe__priority, 1));
    assert_int_equal(lb_bench_config(&b, TWO), GREBE_OK);
    b.mem.fail_at = b.mem.n_allocs + 1;
    assert_int_equal(lb_bench_update(&b, endpoints, NULL), GREBE_ERR_NOMEM);
    b.mem.fail_at = 0;
    lb_bench_resolver_error(&b, "gone");
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: gone");
    lb_bench_fini(&b);
}

/* P-12 */
TEST(a_child_without_endpoints_is_passed_over)
{
    struct lb_bench b;

    stub_reset();
    assert_true(lb_bench_init(&b, &grebe__priority, 1));
    assert_int_equal(lb_bench_config(&b, REAL), GREBE_OK);
    assert_int_equal(lb_bench_update(&b, "1>b", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "new b, connect b, CONNECTING");
    lb_bench_connect(&b, "b");
    assert_string_equal(lb_bench_cycle(&b), "b");
    lb_bench_update(&b, "0>a 1>b", NULL);
    lb_bench_connect(&b, "a");
    assert_string_equal(lb_bench_cycle(&b), "a");
    lb_bench_fini(&b);
}

/* P-13 */
TEST(a_child_that_moves_to_the_front_keeps_its_connections)
{
    struct lb_bench b;

    start_with_second(&b);
    stub_log();
    lb_bench_log(&b);
    update(&b,
           "{\"children\": {" X("0") ", " X("1") "}, \"priorities\": [\"1\", \"0\"]}");
    assert_string_equal(stub_log(), "x.update, x.update");
    expect_in_use(&b, 1);
    lb_bench_advance_ms(&b, 15 * MINUTE_MS);
    assert_string_equal(stub_log(), "x.destroy"); /* the other one was parked */
    expect_in_use(&b, 1);
    lb_bench_fini(&b);
}

/* P-14 */
TEST(without_the_one_that_was_ready_the_others_say_how_they_are)
{
    struct lb_bench b;

    start_with_second(&b);
    update(&b, ONE);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    expect_in_use(&b, 0);
    publish(&b, 0, GREBE_READY);
    assert_int_equal(b.lab.state, GREBE_READY);
    expect_in_use(&b, 0);
    lb_bench_fini(&b);
}

/* P-15, gRFC A115 */
TEST(a_child_that_is_removed_is_closed_at_once_unless_it_shall_be_kept)
{
    static const char *const only_0[] = {
        ONE,
        "{\"children\": {" X("0") "}, \"priorities\": [\"0\"], "
                                  "\"cacheRemovedChildren\": true}",
    };

    for (int is_kept = 0; is_kept < 2; is_kept++) {
        struct lb_bench b;

        start_with_second(&b);
        stub_log();
        update(&b, only_0[is_kept]);
        assert_string_equal(stub_log(), is_kept ? "x.update" : "x.update, x.destroy");
        expect_in_use(&b, 0);
        lb_bench_advance_ms(&b, 15 * MINUTE_MS - 1);
        stub_log();
        update(&b, TWO);
        if (is_kept) {
            assert_string_equal(stub_log(), "x.update, x.update");
            expect_in_use(&b, 1);
        } else {
            assert_string_equal(stub_log(), "x.update, x.build, x.update");
        }
        lb_bench_fini(&b);
    }
}

/* gRFC A115: one that was parked already is gone as well. */
TEST(a_parked_child_that_is_removed_is_closed_at_once)
{
    struct lb_bench b;

    start_with_second(&b);
    publish(&b, 0, GREBE_READY);
    stub_log();
    update(&b, ONE);
    assert_string_equal(stub_log(), "x.update, x.destroy");
    expect_in_use(&b, 0);
    lb_bench_fini(&b);
}

/* Nobody hears of it. */
TEST(a_child_that_is_not_in_use_may_be_removed)
{
    struct lb_bench b;

    start_with_third(&b);
    publish(&b, 0, GREBE_READY);
    lb_bench_log(&b);
    update(&b, TWO);
    assert_string_equal(lb_bench_log(&b), "");
    expect_in_use(&b, 0);
    lb_bench_fini(&b);
}

/* P-16 */
TEST(a_child_of_another_policy_begins_anew)
{
    struct lb_bench b;

    start(&b, ONE);
    publish(&b, 0, GREBE_READY);
    lb_bench_log(&b);
    update(&b, "{\"children\": {" CHILD("0", "y") "}, \"priorities\": [\"0\"]}");
    assert_string_equal(stub_log(), "x.destroy, y.build, y.update");
    assert_string_equal(lb_bench_log(&b), "CONNECTING");
    publish(&b, 1, GREBE_READY);
    expect_in_use(&b, 1);
    lb_bench_fini(&b);
}

/* One that was not started is not for that. */
TEST(a_stopped_child_of_another_policy_stays_stopped)
{
    struct lb_bench b;

    start_with_second(&b);
    publish(&b, 0, GREBE_READY);
    stub_log();
    update(&b, "{\"children\": {" X("0") ", " CHILD(
                   "1", "y") "}, "
                             "\"priorities\": [\"0\", \"1\"]}");
    assert_string_equal(stub_log(), "x.update, x.destroy");
    publish(&b, 0, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(stub_log(), "y.build, y.update");
    lb_bench_fini(&b);
}

/* P-17 */
TEST(what_happens_in_an_update_is_published_once)
{
    struct lb_bench b;

    stub_reset();
    stubs.publishes_at_build = GREBE_READY;
    assert_true(lb_bench_init(&b, &grebe__priority, 1));
    assert_int_equal(lb_bench_config(&b, TWO), GREBE_OK);
    lb_bench_update(&b, endpoints, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_int_equal(stubs.n_built, 1);
    lb_bench_fini(&b);
}

/* P-18 */
TEST(wishes_of_a_child_to_resolve_again_may_be_ignored)
{
    struct lb_bench b;

    start(&b, "{\"children\": {\"0\": {\"config\": [{\"x\": {}}], "
              "\"ignoreReresolutionRequests\": true}, " X(
                  "1") "}, "
                       "\"priorities\": [\"0\", \"1\"]}");
    publish(&b, 0, GREBE_TRANSIENT_FAILURE);
    lb_bench_log(&b);
    for (size_t i = 0; i < 2; i++) {
        grebe__env_enter(&b.lab.sim.env);
        grebe_client_conn_resolve_now(stub_at(i)->cc);
        grebe__env_leave(&b.lab.sim.env);
        assert_string_equal(lb_bench_log(&b), i == 0 ? "" : "resolve");
    }
    lb_bench_fini(&b);
}

/* P-21 */
TEST(a_better_child_that_failed_hears_of_new_endpoints)
{
    struct lb_bench b;

    start_with_second(&b);
    lb_bench_update(&b, "0>z 1>b", NULL);
    assert_string_equal(stub_at(0)->first_address, "z");
    expect_in_use(&b, 1);
    lb_bench_fini(&b);
}

/* A parked one hears when it comes back. */
TEST(a_parked_child_comes_back_with_the_newest_endpoints)
{
    struct lb_bench b;

    start_with_second(&b);
    publish(&b, 0, GREBE_READY);
    lb_bench_update(&b, "0>a 1>z", NULL);
    assert_string_equal(stub_at(1)->first_address, "b");
    publish(&b, 0, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(stub_at(1)->first_address, "z");
    lb_bench_fini(&b);
}

/* Of one that is started later, too. */
TEST(children_hear_what_is_said_of_the_update_as_a_whole)
{
    struct lb_bench b;

    start(&b, TWO);
    assert_false(stub_at(0)->has_health);
    b.wants_health = true;
    assert_int_equal(lb_bench_update(&b, endpoints, NULL), GREBE_OK);
    assert_true(stub_at(0)->has_health);
    publish(&b, 0, GREBE_TRANSIENT_FAILURE);
    assert_true(stub_at(1)->has_health);
    lb_bench_fini(&b);
}

/* P-25 */
TEST(a_child_that_refuses_its_update_has_failed)
{
    struct lb_bench b;

    stub_reset();
    stubs.next_update_result = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_true(lb_bench_init(&b, &grebe__priority, 1));
    assert_int_equal(lb_bench_config(&b, ONE), GREBE_OK);
    assert_int_equal(lb_bench_update(&b, endpoints, NULL), GREBE_OK);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(lb_bench_pick(&b), "fail: bad resolver state");
    update(&b, TWO);
    assert_int_equal(stubs.n_built, 2);
    lb_bench_fini(&b);
}

/* P-26 */
TEST(errors_and_exit_idle_go_to_all_that_are_started)
{
    struct lb_bench b;

    start(&b, THREE);
    publish(&b, 0, GREBE_TRANSIENT_FAILURE);
    stub_log();
    lb_bench_exit_idle(&b);
    lb_bench_resolver_error(&b, "gone");
    assert_string_equal(stub_log(), "x.exit_idle, x.exit_idle, x.error, x.error");
    lb_bench_fini(&b);
}

TEST(a_call_is_told_who_is_in_use_and_who_was_passed_over)
{
    struct channel_bench b;

    channel_bench_start(&b, "{\"loadBalancingConfig\": [{\"priority\": {\"children\": {"
                            "\"first\": {\"config\": [{\"round_robin\": {}}]}, "
                            "\"second\": {\"config\": [{\"round_robin\": {}}]}, "
                            "\"third\": {\"config\": [{\"round_robin\": {}}]}}, "
                            "\"priorities\": [\"first\", \"second\", \"third\"]}}]}");
    channel_bench_servers(&b, "b c");
    b.resolves_to = "first>a second>b third>c";
    channel_bench_connect(&b);
    expect_explanation(&b,
                       "priority: the first child that is usable (\"second\" is number "
                       "2 of 3; \"first\" was passed over: TRANSIENT_FAILURE)\n"
                       "  round_robin: each endpoint in turn\n"
                       "    > b  READY  its turn\n"
                       "    a  TRANSIENT_FAILURE  not offered: it cannot be reached\n");
    channel_bench_fini(&b);
}

/* The servers of the first do not answer at all. */
TEST(a_call_is_told_who_was_waited_for_long_enough)
{
    struct channel_bench b;

    channel_bench_start(&b, "{\"loadBalancingConfig\": [{\"priority\": " REAL "}]}");
    channel_bench_servers(&b, "a b");
    sim_server_find(&b.sim, "a")->behaviour = SIM_HANGS;
    b.resolves_to = "0>a 1>b";
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 10000);
    expect_explanation(&b,
                       "priority: the first child that is usable (\"1\" is number 2 of "
                       "2; \"0\" was passed over: CONNECTING for 10 s)\n"
                       "  round_robin: each endpoint in turn\n"
                       "    > b  READY  its turn\n"
                       "    a  CONNECTING  not offered: it is being connected\n");
    channel_bench_fini(&b);
}

/* ---- Out of memory ------------------------------------------------------------------------------ */

#define LATER                                                                            \
    "{\"children\": {" CHILD("0", "pick_first") ", " CHILD(                              \
        "2", "round_robin") "}, "                                                        \
                            "\"priorities\": [\"2\", \"0\"]}"

static void live_a_life(struct lb_bench *b)
{
    stub_reset();
    assert_int_equal(lb_bench_config(b, REAL), GREBE_OK);
    lb_bench_update(b, endpoints, NULL);
    if (lab_find_subconn(&b->lab, "a") != NULL) {
        lb_bench_subconn(b, "a", GREBE_CONNECTING, NULL);
        lb_bench_subconn(b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    }
    if (lab_find_subconn(&b->lab, "b") != NULL) {
        lb_bench_subconn(b, "b", GREBE_CONNECTING, NULL);
        lb_bench_subconn(b, "b", GREBE_READY, NULL);
    }
    lb_bench_pick(b);
    if (lab_find_subconn(&b->lab, "a") != NULL) {
        lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
        lb_bench_subconn(b, "a", GREBE_CONNECTING, NULL);
        lb_bench_subconn(b, "a", GREBE_READY, NULL);
    }
    lb_bench_resolver_error(b, "gone");
    assert_int_equal(lb_bench_config(b, LATER), GREBE_OK);
    lb_bench_update(b, endpoints, NULL);
    lb_bench_pick(b);
    lb_bench_advance_ms(b, 20000);
    assert_int_equal(lb_bench_config(b, NONE), GREBE_OK);
    lb_bench_update(b, endpoints, NULL);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__priority, live_a_life);
}

/* Whatever there was no memory for, a second later there is, and the child is used. */
TEST(out_of_memory_is_made_up_for)
{
    struct lb_bench b;
    uint32_t fail_at = 1;
    bool has_failed;

    do {
        stub_reset();
        stubs.publishes_at_build = GREBE_READY;
        assert_true(lb_bench_init(&b, &grebe__priority, 1));
        assert_int_equal(lb_bench_config(&b, ONE), GREBE_OK);
        b.mem.fail_at = b.mem.n_allocs + fail_at++;
        if (lb_bench_update(&b, endpoints, NULL) != GREBE_OK && stubs.n_built == 0)
            lb_bench_update(&b, endpoints, NULL); /* nothing had begun */
        has_failed = b.mem.has_failed;
        lb_bench_advance_ms(&b, 1000);
        assert_int_equal(b.lab.state, GREBE_READY);
        lb_bench_fini(&b);
    } while (has_failed);
    assert_true(fail_at > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_configurations_are_explained),
        cmocka_unit_test(both_names_are_registered),
        cmocka_unit_test(named_without_a_configuration_it_says_what_it_needs),
        cmocka_unit_test(a_child_sees_the_endpoints_of_its_path_when_it_is_started),
        cmocka_unit_test(a_child_that_is_ready_is_enough),
        cmocka_unit_test(one_that_failed_is_not_waited_for),
        cmocka_unit_test(one_that_says_nothing_has_10_s),
        cmocka_unit_test(the_better_one_is_back_in_use_as_soon_as_it_is_ready),
        cmocka_unit_test(one_that_loses_its_connection_has_10_s_to_come_back),
        cmocka_unit_test(three_children_fail_over_one_by_one_and_back),
        cmocka_unit_test(a_child_that_is_added_when_all_have_failed_starts_at_once),
        cmocka_unit_test(a_parked_child_is_closed_after_15_minutes),
        cmocka_unit_test(a_parked_child_comes_back_with_its_connections),
        cmocka_unit_test(a_timeline_of_failing_over_and_back),
        cmocka_unit_test(one_that_is_idle_is_in_use),
        cmocka_unit_test(connecting_again_while_connecting_wins_no_time),
        cmocka_unit_test(connecting_after_a_failure_takes_nothing_from_the_next),
        cmocka_unit_test(connecting_after_idle_has_10_s_again),
        cmocka_unit_test(an_old_failure_costs_no_patience),
        cmocka_unit_test(one_that_is_waited_for_parks_nobody),
        cmocka_unit_test(the_first_that_connects_is_in_use_when_none_is_usable),
        cmocka_unit_test(without_priorities_calls_fail_until_there_are_some),
        cmocka_unit_test(without_a_first_update_it_fails_as_the_resolver_does),
        cmocka_unit_test(a_child_without_endpoints_is_passed_over),
        cmocka_unit_test(a_child_that_moves_to_the_front_keeps_its_connections),
        cmocka_unit_test(without_the_one_that_was_ready_the_others_say_how_they_are),
        cmocka_unit_test(
            a_child_that_is_removed_is_closed_at_once_unless_it_shall_be_kept),
        cmocka_unit_test(a_parked_child_that_is_removed_is_closed_at_once),
        cmocka_unit_test(a_child_that_is_not_in_use_may_be_removed),
        cmocka_unit_test(a_child_of_another_policy_begins_anew),
        cmocka_unit_test(a_stopped_child_of_another_policy_stays_stopped),
        cmocka_unit_test(what_happens_in_an_update_is_published_once),
        cmocka_unit_test(wishes_of_a_child_to_resolve_again_may_be_ignored),
        cmocka_unit_test(a_better_child_that_failed_hears_of_new_endpoints),
        cmocka_unit_test(a_parked_child_comes_back_with_the_newest_endpoints),
        cmocka_unit_test(children_hear_what_is_said_of_the_update_as_a_whole),
        cmocka_unit_test(a_child_that_refuses_its_update_has_failed),
        cmocka_unit_test(errors_and_exit_idle_go_to_all_that_are_started),
        cmocka_unit_test(a_call_is_told_who_is_in_use_and_who_was_passed_over),
        cmocka_unit_test(a_call_is_told_who_was_waited_for_long_enough),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
        cmocka_unit_test(out_of_memory_is_made_up_for),
    };

    assert_int_equal(grebe_balancer_register(&witness_policy), GREBE_OK);
    assert_int_equal(grebe_balancer_register(&stub_x), GREBE_OK);
    assert_int_equal(grebe_balancer_register(&stub_y), GREBE_OK);
    return cmocka_run_group_tests_name("priority", tests, NULL, NULL);
}
