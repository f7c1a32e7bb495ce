/* SPDX-License-Identifier: Apache-2.0 */
/* priority_load: who gets how many of 100 calls, what happens in panic, and who is counted.
 * The hashes 0 to 99 are all the numbers a call can have, so loads are exact. */
#include "support/test.h"

#include <grebe/registry.h>

#include "balancer/priority_load.h"
#include "base/assert.h"
#include "support/channel_bench.h"
#include "support/lb_bench.h"
#include "support/stub_policy.h"

#define CHILD(name, policy) "\"" name "\": {\"config\": [{\"" policy "\": {}}]}"
#define PAIR(policy, more)                                                               \
    "{\"children\": {" CHILD("a", policy) ", " CHILD(                                    \
        "b", policy) "}, \"priorities\": [\"a\", \"b\"]" more "}"
#define TWO   PAIR("round_robin", "")
#define STUBS PAIR("x", "")
#define THREE                                                                            \
    "{\"children\": {" CHILD("a", "round_robin") ", " CHILD(                             \
        "b",                                                                             \
        "round_robin") ", " CHILD("c",                                                   \
                                  "round_robin") "}, \"priorities\": [\"a\", \"b\", \"c\"]}"

/* Four in each. */
static const char eight[] = "a>a1 a>a2 a>a3 a>a4 b>b1 b>b2 b>b3 b>b4";

static void start(struct lb_bench *b, const char *config, const char *endpoints)
{
    stub_reset();
    assert_true(lb_bench_init(b, &grebe__priority_load, 1));
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
    assert_int_equal(lb_bench_update(b, endpoints, NULL), GREBE_OK);
    lb_bench_log(b);
    stub_log();
}

static void refuse(struct lb_bench *b, const char *address)
{
    char text[32];

    snprintf(text, sizeof text, "refused by %s", address);
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_TRANSIENT_FAILURE, text);
}

static void start_ready(struct lb_bench *b, const char *config, const char *ready)
{
    start(b, config, eight);
    lb_bench_connect_all(b, ready);
}

static void make_ill(struct lb_bench *b, const char *address)
{
    lb_bench_health(b, address, GREBE_TRANSIENT_FAILURE, "NOT_SERVING");
}

/* Whoever is ill when panic begins, or ends, is asked again. */
static void answer_again(struct lb_bench *b, const char *address)
{
    make_ill(b, address);
}

/* Of the 100 numbers, how many get an answer that begins like this. */
static unsigned load_of(struct lb_bench *b, const char *prefix)
{
    unsigned n = 0;

    for (uint64_t hash = 0; hash < 100; hash++)
        n += strncmp(lb_bench_pick_hash(b, hash), prefix, strlen(prefix)) == 0;
    return n;
}

static void expect_loads(struct lb_bench *b, unsigned in_a, unsigned in_b)
{
    assert_int_equal(load_of(b, "a"), in_a);
    assert_int_equal(load_of(b, "b"), in_b);
}

/* ---- Configuration ---------------------------------------------------------------------- */

static const struct lb_config_case wrong[] = {
    {"{\"priorities\": [\"0\"]}", "priorities[0]: is not among the children: \"0\""},
    {"{\"children\": {" CHILD("0", "nobody") "}}",
     "children.0.config: no supported policies found in [nobody]"},
    {"{\"panicThreshold\": 101}", "panicThreshold: 101 is more than 100"},
    {"{\"panicThreshold\": \"50\"}",
     "panicThreshold: expected an integer, found a string"},
    {"{\"overprovisioningFactor\": 99}", "overprovisioningFactor: 99 is less than 100"},
    {"{\"failTrafficOnPanic\": 1}",
     "failTrafficOnPanic: expected a boolean, found a number"},
};

TEST(wrong_configurations_are_explained)
{
    lb_bench_expect_configs(&grebe__priority_load, wrong, GREBE_ARRAY_LEN(wrong));
}

TEST(both_names_are_registered)
{
    assert_ptr_equal(grebe_balancer_get("priority_load"), &grebe__priority_load);
    assert_ptr_equal(grebe_balancer_get("priority_load_experimental"),
                     &grebe__priority_load_experimental);
}

TEST(named_without_a_configuration_it_says_what_it_needs)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__priority_load, 1));
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_ERR_CONFIG);
    assert_non_null(strstr(lb_bench_pick(&b), "priority_load needs a configuration"));
    lb_bench_fini(&b);
}

/* ---- Loads -------------------------------------------------------------------------------- */

static const struct {
    const char *config;
    unsigned n_endpoints; /* of each */
    unsigned n_ready[3];  /* of a, b, c */
    unsigned loads[3];
} rows[] = {
    {TWO, 10, {10, 10}, {100, 0}},        {TWO, 100, {71, 100}, {99, 1}},
    {TWO, 100, {50, 100}, {70, 30}},      {TWO, 100, {0, 50}, {0, 100}},
    {TWO, 100, {25, 25}, {50, 50}},       {TWO, 100, {25, 20}, {50, 50}},
    {THREE, 10, {3, 2, 1}, {34, 33, 33}},
};

/* "a>a0 a>a1 ..." for each of "abc" that there is. */
static const char *list_endpoints(size_t n_priorities, unsigned n)
{
    static char text[LB_BENCH_TEXT];
    size_t used = 0;

    for (size_t i = 0; i < n_priorities * n; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%c>%c%zu ",
                                 "abc"[i / n], "abc"[i / n], i % n);
    return text;
}

TEST(loads_are_those_of_the_table)
{
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        size_t n = strcmp(rows[row].config, THREE) == 0 ? 3 : 2;
        struct lb_bench b;

        start(&b, rows[row].config, list_endpoints(n, rows[row].n_endpoints));
        for (size_t i = 0; i < n; i++)
            for (unsigned k = 0; k < rows[row].n_ready[i]; k++) {
                char address[16];

                snprintf(address, sizeof address, "%c%u", "abc"[i], k);
                lb_bench_connect(&b, address);
                lb_bench_log(&b);
            }
        for (size_t i = 0; i < n; i++)
            assert_int_equal(load_of(&b, (const char *[]){"a", "b", "c"}[i]),
                             rows[row].loads[i]);
        lb_bench_fini(&b);
    }
}

/* A call with a hash stays where it is as long as the loads do: the first 70 numbers are a's. */
TEST(the_first_numbers_are_those_of_the_first_priority)
{
    struct lb_bench b;

    start_ready(&b, TWO, "a1 a2 b1 b2 b3 b4");
    assert_int_equal(lb_bench_pick_hash(&b, 69)[0], 'a');
    assert_int_equal(lb_bench_pick_hash(&b, 70)[0], 'b');
    assert_int_equal(lb_bench_pick_hash(&b, 100)[0], 'a');
    assert_int_equal(lb_bench_pick_hash(&b, UINT64_MAX)[0], 'a'); /* ...615 */
    lb_bench_fini(&b);
}

/* Within 4 sigma: sigma^2 = n p (1 - p). */
TEST(calls_without_a_hash_are_shared_by_chance)
{
    enum { N = 20000 };
    struct lb_bench b;
    double off = -0.7 * N;

    start_ready(&b, TWO, "a1 a2 b1 b2 b3 b4");
    for (int i = 0; i < N; i++)
        off += lb_bench_pick(&b)[0] == 'a';
    assert_true(off * off <= 4 * 4 * N * 0.7 * 0.3);
    lb_bench_fini(&b);
}

/* Each makes of a call's random number one of its own: if they did not, of the calls that go
 * to the first priority of the outer one too many would go to the first of the inner one. */
TEST(one_inside_another_draws_for_itself)
{
    enum { N = 20000 };
    struct lb_bench b;
    double off = -0.7 * 0.7 * N;

    start(&b,
          "{\"children\": {\"o\": {\"config\": [{\"priority_load\": " TWO
          "}]}, \"p\": {\"config\": [{\"round_robin\": {}}]}}, \"priorities\": [\"o\", "
          "\"p\"]}",
          "o>a>a1 o>a>a2 o>b>b1 o>b>b2 p>c1 p>c2 p>c3 p>c4");
    lb_bench_connect_all(&b, "a1 b1 c1 c2 c3 c4"); /* two of four in o: a 70, b 70 */
    lb_bench_connect(&b, "b2");
    lb_bench_subconn(&b, "b2", GREBE_IDLE, NULL);
    for (int i = 0; i < N; i++)
        off += lb_bench_pick(&b)[0] == 'a';
    assert_true(off * off <= 4 * 4 * N * 0.49 * 0.51);
    lb_bench_fini(&b);
}

TEST(the_factor_may_be_another_one)
{
    struct lb_bench b;

    start_ready(&b, PAIR("round_robin", ", \"overprovisioningFactor\": 100"),
                "a1 a2 a3 b1 b2 b3 b4");
    expect_loads(&b, 75, 25);
    lb_bench_config(&b, PAIR("round_robin", ", \"overprovisioningFactor\": 134"));
    lb_bench_update(&b, eight, NULL);
    expect_loads(&b, 100, 0);
    lb_bench_fini(&b);
}

TEST(endpoints_that_are_lost_or_ill_do_not_count)
{
    struct lb_bench b;

    start_ready(&b, TWO, "a1 a2 a3 a4 b1 b2 b3 b4");
    expect_loads(&b, 100, 0);
    lb_bench_subconn(&b, "a4", GREBE_IDLE, NULL);
    expect_loads(&b, 100, 0); /* 3 of 4: 105 */
    make_ill(&b, "a3");
    expect_loads(&b, 70, 30);
    make_ill(&b, "a2");
    expect_loads(&b, 35, 65);
    lb_bench_health(&b, "a3", GREBE_READY, NULL);
    lb_bench_health(&b, "a2", GREBE_READY, NULL);
    expect_loads(&b, 100, 0);
    lb_bench_fini(&b);
}

/* By an update, which then lists fewer, and by a child of another policy. */
TEST(endpoints_that_are_removed_do_not_count)
{
    struct lb_bench b;

    start_ready(&b, TWO, "a1 a2 b1 b2 b3 b4");
    expect_loads(&b, 70, 30);
    lb_bench_update(&b, "a>a1 a>a3 a>a1 a> b>b1", NULL); /* 1 of 2 */
    expect_loads(&b, 70, 30);
    lb_bench_update(&b, "a>a1 b>b1", NULL);
    expect_loads(&b, 100, 0);
    lb_bench_config(&b, PAIR("pick_first", ""));
    lb_bench_update(&b, "a>a1 b>b1", NULL);
    lb_bench_connect_all(&b, "a1 b1");
    expect_loads(&b, 100, 0);
    assert_int_equal(lb_bench_n_live(&b), 2);
    lb_bench_fini(&b);
}

/* ---- Panic --------------------------------------------------------------------------------- */

/* One of four in each is healthy, and of a one that is ill is connected. */
TEST(in_panic_endpoints_that_are_ill_are_used)
{
    struct lb_bench b;

    start_ready(&b, TWO, "a1 a2 b1 b2 b3 b4");
    make_ill(&b, "a2");
    assert_int_equal(load_of(&b, "a2"), 0); /* all together can bear it */
    make_ill(&b, "b2");
    make_ill(&b, "b3");
    make_ill(&b, "b4");
    answer_again(&b, "a2");
    answer_again(&b, "b2");
    answer_again(&b, "b3");
    answer_again(&b, "b4");
    expect_loads(&b, 50, 50);
    assert_int_equal(load_of(&b, "a1"), 25);
    assert_int_equal(load_of(&b, "a2"), 25);
    assert_in_range(load_of(&b, "b4"), 12, 13);
    assert_int_equal(load_of(&b, "a3"), 0); /* without a connection */
    /* and no longer, when there are enough */
    lb_bench_health(&b, "b2", GREBE_READY, NULL);
    lb_bench_health(&b, "b3", GREBE_READY, NULL);
    answer_again(&b, "a2");
    answer_again(&b, "b4");
    expect_loads(&b, 35, 65); /* 35 and 105: nobody is in panic */
    assert_int_equal(load_of(&b, "a2"), 0);
    assert_int_equal(load_of(&b, "b4"), 0);
    lb_bench_fini(&b);
}

/* The priority that panics alone does so for itself. */
TEST(a_priority_may_be_in_panic_alone)
{
    struct lb_bench b;

    start_ready(&b, TWO, "a1 a2 b1 b2 b3");
    make_ill(&b, "a2");
    make_ill(&b, "b3");
    /* 1 of 4 and 2 of 4: 35, 70: together 105 */
    assert_int_equal(load_of(&b, "a2"), 0);
    lb_bench_config(&b, PAIR("round_robin", ", \"panicThreshold\": 30, "
                                            "\"overprovisioningFactor\": 100"));
    lb_bench_update(&b, eight, NULL);
    /* 25 and 50, of 75: 33 and 66, and one more for the first; only a is below 30 */
    answer_again(&b, "a2");
    expect_loads(&b, 34, 66);
    assert_int_equal(load_of(&b, "a2"), 17);
    assert_int_equal(load_of(&b, "b3"), 0);
    lb_bench_fini(&b);
}

/* Whom nobody can reach cannot help in panic. */
TEST(in_panic_priorities_without_a_connection_are_passed_over)
{
    struct lb_bench b;

    start_ready(&b, TWO, "b1");
    expect_loads(&b, 0, 100);
    lb_bench_subconn(&b, "b1", GREBE_IDLE, NULL);
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    lb_bench_fini(&b);
}

TEST(what_becomes_of_one_that_is_ill_in_panic_is_heard)
{
    struct lb_bench b;

    start_ready(&b, TWO, "a1 a2 b1");
    make_ill(&b, "a2"); /* 1 of 4, 1 of 4 */
    answer_again(&b, "a2");
    assert_int_equal(load_of(&b, "a2"), 25);
    make_ill(&b, "a1"); /* in the midst of it */
    assert_int_equal(load_of(&b, "a1"), 25);
    lb_bench_subconn(&b, "a2", GREBE_IDLE, NULL);
    assert_int_equal(load_of(&b, "a1"), 50);
    lb_bench_subconn(&b, "a1", GREBE_IDLE, NULL);
    expect_loads(&b, 0, 100);
    lb_bench_connect_all(&b, "a1 a2 a3");
    expect_loads(&b, 100, 0); /* 3 of 4: 105 */
    lb_bench_fini(&b);
}

TEST(without_a_threshold_there_is_no_panic)
{
    struct lb_bench b;

    start_ready(&b, PAIR("round_robin", ", \"panicThreshold\": 0"), "a1 a2 b1");
    make_ill(&b, "a2");
    /* 35 and 35, of 70 */
    expect_loads(&b, 50, 50);
    assert_int_equal(load_of(&b, "a2"), 0);
    lb_bench_subconn(&b, "b1", GREBE_IDLE, NULL);
    make_ill(&b, "a1");
    refuse(&b, "a3");
    refuse(&b, "a4");
    /* nobody is healthy, but b may be soon */
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    refuse(&b, "b1");
    refuse(&b, "b2");
    refuse(&b, "b3");
    refuse(&b, "b4");
    /* all of it is the first one's, and fails there */
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_int_equal(load_of(&b, "fail"), 100);
    assert_non_null(strstr(lb_bench_pick_hash(&b, 99), "refused by a"));
    lb_bench_fini(&b);
}

/* ---- Panic, and calls fail ------------------------------------------------------------------ */

#define FAILS PAIR("round_robin", ", \"failTrafficOnPanic\": true")

TEST(in_panic_calls_fail_if_that_is_wanted)
{
    static const char why[] =
        "fail: priority_load: \"b\" is in panic: 1 of 4 endpoints are healthy";
    struct lb_bench b;

    start_ready(&b, FAILS, "a1 a2 b1");
    make_ill(&b, "a2");
    lb_bench_subconn(&b, "a4", GREBE_CONNECTING, NULL);
    refuse(&b, "a3");
    answer_again(&b, "a2");
    assert_int_equal(load_of(&b, "a1"), 50); /* a4 may come yet, and a2 is not used */
    lb_bench_subconn(&b, "a4", GREBE_TRANSIENT_FAILURE, "refused by a4");
    expect_loads(&b, 0, 100); /* a has failed; of b three may come */
    assert_int_equal(b.lab.state, GREBE_READY);
    lb_bench_subconn(&b, "b2", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b2", GREBE_READY, NULL);
    make_ill(&b, "b2"); /* who is ill when it comes has failed as well */
    refuse(&b, "b3");
    expect_loads(&b, 0, 100); /* with the last one it would be half */
    refuse(&b, "b4");
    assert_int_equal(load_of(&b, "fail: priority_load: \"a\" is in panic: 1 of 4"), 50);
    assert_int_equal(load_of(&b, why), 50);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    lb_bench_health(&b, "a2", GREBE_READY, NULL);
    expect_loads(&b, 70, 30); /* all together can bear it */
    lb_bench_fini(&b);
}

/* Connected is not healthy yet, and has not failed: of four it takes three that are ill. */
TEST(nobody_is_told_of_panic_before_health_is_known)
{
    struct lb_bench b;

    start_ready(&b, FAILS, "a1");
    for (const char *const *name = (const char *const[]){"a2", "a3", "a4", NULL};
         *name != NULL; name++) {
        lb_bench_subconn(&b, *name, GREBE_CONNECTING, NULL);
        lb_bench_subconn(&b, *name, GREBE_READY, NULL);
    }
    refuse(&b, "b1"); /* something to publish */
    expect_loads(&b, 100, 0);
    make_ill(&b, "a2");
    make_ill(&b, "a3");
    expect_loads(&b, 100, 0);
    make_ill(&b, "a4");
    assert_int_equal(b.lab.state, GREBE_CONNECTING); /* b may come yet */
    /* a second attempt is no hope any more */
    lb_bench_subconn(&b, "a4", GREBE_IDLE, NULL);
    lb_bench_subconn(&b, "a4", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a4", GREBE_READY, NULL);
    refuse(&b, "b2");
    assert_string_equal(lb_bench_pick(&b), "queue");
    lb_bench_fini(&b);
}

/* As long as nobody is READY calls wait, or hear of their child why they fail. */
TEST(nobody_is_told_of_panic_before_somebody_is_ready)
{
    struct lb_bench b;

    start(&b, FAILS, "a>a1 a>a2 b>b1 b>b2");
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    assert_string_equal(lb_bench_pick(&b), "queue");
    refuse(&b, "a1");
    refuse(&b, "a2");
    refuse(&b, "b1");
    refuse(&b, "b2");
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_non_null(strstr(lb_bench_pick(&b), "refused"));
    lb_bench_fini(&b);
}

/* It has failed, and whoever is on the way may be better. */
TEST(calls_wait_for_the_next_one_while_it_connects)
{
    struct lb_bench b;

    start_ready(&b, FAILS, "a1");
    refuse(&b, "a2");
    refuse(&b, "a3");
    refuse(&b, "a4");
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    assert_string_equal(lb_bench_pick(&b), "queue");
    lb_bench_connect_all(&b, "b1 b2 b3");
    expect_loads(&b, 35, 65);
    lb_bench_fini(&b);
}

/* ---- Ejection -------------------------------------------------------------------------------- */

#define EJECTING                                                                          \
    "{\"outlier_detection\": {\"interval\": \"1s\", \"maxEjectionPercent\": 100, "        \
    "\"failurePercentageEjection\": {\"threshold\": 50, \"enforcementPercentage\": 100, " \
    "\"minimumHosts\": 1, \"requestVolume\": 1}, \"childPolicy\": [{\"round_robin\": "    \
    "{}}]}}"

/* In an interval of their own, calls to these addresses fail. */
static void fail_calls(struct lb_bench *b, const char *addresses)
{
    lb_bench_advance_ms(b, 1000);
    for (uint64_t hash = 0; hash < 100; hash++) {
        const struct grebe_pick_args args = {
            .method = "/s/m", .deadline_ns = UINT64_MAX, .hash = &hash};
        struct grebe_status status = grebe_status_of(GREBE_STATUS_OK, "");
        const struct grebe_done_info info = {.status = &status};
        struct grebe_pick pick;

        grebe_pick_init(&pick);
        grebe_picker_pick(b->lab.picker, &args, &pick);
        assert_int_equal(pick.kind, GREBE_PICK_COMPLETE);
        if (strstr(addresses, grebe_address_text(pick.subconn->address)) != NULL)
            status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "x");
        grebe_pick_end(&pick, &info);
    }
    lb_bench_advance_ms(b, 1000);
}

TEST(who_is_ejected_does_not_count_and_is_used_in_panic)
{
    struct lb_bench b;

    start(&b,
          "{\"children\": {\"a\": {\"config\": [" EJECTING "]}, \"b\": {\"config\": "
          "[" EJECTING "]}}, \"priorities\": [\"a\", \"b\"]}",
          "a>a1 a>a2 a>a3 a>a4 b>b1 b>b2");
    lb_bench_connect_all(&b, "a1 a2 a3 a4 b1 b2");
    fail_calls(&b, "a1 a2");
    expect_loads(&b, 70, 30);
    assert_int_equal(load_of(&b, "a1"), 0);
    fail_calls(&b, "a3 b1 b2");
    /* 1 of 4, 0 of 2: all are in panic, and serve */
    expect_loads(&b, 67, 33);
    assert_in_range(load_of(&b, "a1"), 16, 17);
    lb_bench_fini(&b);
}

/* ---- Children -------------------------------------------------------------------------------- */

static void publish(struct lb_bench *b, size_t i, enum grebe_connectivity state,
                    const char *text)
{
    grebe__env_enter(&b->lab.sim.env);
    stub_publish(stub_at(i), state, text);
    grebe__env_leave(&b->lab.sim.env);
}

static const struct {
    enum grebe_connectivity a, b, all;
    const char *pick;
} mixes[] = {
    {GREBE_READY, GREBE_READY, GREBE_READY, "fail: a"},
    {GREBE_CONNECTING, GREBE_READY, GREBE_READY, "fail: b"},
    {GREBE_CONNECTING, GREBE_IDLE, GREBE_CONNECTING, "queue"},
    {GREBE_TRANSIENT_FAILURE, GREBE_CONNECTING, GREBE_CONNECTING, "queue"},
    {GREBE_TRANSIENT_FAILURE, GREBE_IDLE, GREBE_IDLE, "fail: b"},
    {GREBE_TRANSIENT_FAILURE, GREBE_TRANSIENT_FAILURE, GREBE_TRANSIENT_FAILURE,
     "fail: a"},
};

/* The stubs have no subconns, so all are in panic: hash 0 is the first one's that is usable. */
TEST(the_best_state_of_a_priority_is_that_of_all)
{
    for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++) {
        struct lb_bench b;

        start(&b, STUBS, "a>a1 b>b1");
        publish(&b, 0, mixes[i].a, "a");
        publish(&b, 1, mixes[i].b, "b");
        assert_int_equal(b.lab.state, mixes[i].all);
        assert_string_equal(lb_bench_pick_hash(&b, 0), mixes[i].pick);
        lb_bench_fini(&b);
    }
}

/* It would have no healthy endpoint for ever, and so no calls that could wake it. */
TEST(a_child_that_becomes_idle_is_woken)
{
    struct lb_bench b;

    start(&b, STUBS, "a>a1 b>b1");
    publish(&b, 1, GREBE_READY, "b");
    publish(&b, 0, GREBE_IDLE, "a");
    lb_bench_advance_ms(&b, 0);
    assert_string_equal(stub_log(), "x.exit_idle");
    publish(&b, 0, GREBE_IDLE, "a"); /* once is enough */
    lb_bench_advance_ms(&b, 0);
    assert_string_equal(stub_log(), "");
    publish(&b, 0, GREBE_READY, "a");
    publish(&b, 0, GREBE_IDLE, "a");
    lb_bench_advance_ms(&b, 0);
    assert_string_equal(stub_log(), "x.exit_idle");
    lb_bench_fini(&b);
}

TEST(children_see_the_endpoints_of_their_path_and_come_and_go)
{
    struct lb_bench b;

    start(&b, STUBS, "b>b1 a>a1 c nobody>d");
    assert_string_equal(stub_at(0)->first_address, "a1");
    assert_int_equal(stub_at(0)->n_endpoints, 1);
    assert_string_equal(stub_at(1)->first_address, "b1");
    /* in another order: the same children */
    lb_bench_config(&b, "{\"children\": {" CHILD("b", "x") ", " CHILD(
                            "a", "x") "}, \"priorities\": [\"b\", \"a\"]}");
    lb_bench_update(&b, "b>b1 a>a1", NULL);
    assert_string_equal(stub_log(), "x.update, x.update");
    lb_bench_exit_idle(&b);
    lb_bench_resolver_error(&b, "gone");
    assert_string_equal(stub_log(), "x.exit_idle, x.exit_idle, x.error, x.error");
    lb_bench_config(&b, "{\"children\": {" CHILD("a", "x") "}, \"priorities\": [\"a\"]}");
    lb_bench_update(&b, "b>b1 a>a2", NULL);
    assert_string_equal(stub_log(), "x.update, x.destroy");
    assert_string_equal(stub_at(0)->first_address, "a2");
    lb_bench_fini(&b);
}

TEST(children_hear_what_is_said_of_the_update_as_a_whole)
{
    struct lb_bench b;

    start(&b, STUBS, "b>b1 a>a1");
    assert_false(stub_at(0)->has_health);
    b.wants_health = true;
    lb_bench_update(&b, "b>b1 a>a1", NULL);
    assert_true(stub_at(0)->has_health && stub_at(1)->has_health);
    lb_bench_fini(&b);
}

TEST(what_happens_in_an_update_is_published_once)
{
    struct lb_bench b;

    stub_reset();
    stubs.publishes_at_build = GREBE_READY;
    assert_true(lb_bench_init(&b, &grebe__priority_load, 1));
    assert_int_equal(lb_bench_config(&b, STUBS), GREBE_OK);
    lb_bench_update(&b, "a>a1 b>b1", NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    lb_bench_fini(&b);
}

TEST(without_priorities_calls_fail)
{
    struct lb_bench b;

    start_ready(&b, TWO, "a1");
    lb_bench_config(&b, "{}");
    assert_int_equal(lb_bench_update(&b, eight, NULL), GREBE_OK);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(lb_bench_pick(&b), "fail: no priority is provided, all "
                                           "priorities are removed");
    assert_int_equal(lb_bench_n_live(&b), 0);
    lb_bench_fini(&b);
}

/* It fails, and the next one takes all. */
TEST(a_priority_without_endpoints_is_passed_over)
{
    struct lb_bench b;

    start(&b, TWO, "b>b1");
    lb_bench_connect(&b, "b1");
    expect_loads(&b, 0, 100);
    lb_bench_update(&b, "", NULL);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    lb_bench_fini(&b);
}

/* A child that says no to its update, and publishes nothing, does not have calls wait. */
TEST(a_child_that_refuses_its_update_has_failed)
{
    struct lb_bench b;

    stub_reset();
    stubs.next_update_result = GREBE_ERR_INVALID;
    assert_true(lb_bench_init(&b, &grebe__priority_load, 1));
    lb_bench_config(&b, "{\"children\": {" CHILD("a", "x") "}, \"priorities\": [\"a\"]}");
    assert_int_equal(lb_bench_update(&b, "a>a1", NULL), GREBE_OK);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_non_null(strstr(lb_bench_pick(&b), grebe_strerror(GREBE_ERR_INVALID)));
    lb_bench_fini(&b);
}

/* b's wish to resolve names again is its own affair. */
/* What it served before is not what it should serve now. */
TEST(a_ready_child_that_refuses_its_update_has_failed)
{
    struct lb_bench b;

    start(&b, STUBS, "a>a1 b>b1");
    publish(&b, 0, GREBE_READY, "a");
    assert_int_equal(b.lab.state, GREBE_READY);
    stub_at(0)->update_result = GREBE_ERR_BAD_RESOLVER_STATE;
    publish(&b, 1, GREBE_TRANSIENT_FAILURE, "b");
    assert_int_equal(lb_bench_update(&b, "a>a1 b>b1", NULL), GREBE_OK);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    lb_bench_fini(&b);
}

TEST(errors_of_the_resolver_are_for_the_children)
{
    struct lb_bench b;

    start_ready(&b, TWO, "a1 a2 a3");
    lb_bench_log(&b);
    lb_bench_resolver_error(&b, "no such host");
    assert_int_equal(b.lab.state, GREBE_READY);
    expect_loads(&b, 100, 0);
    lb_bench_fini(&b);
}

TEST(without_a_first_update_it_fails_as_the_resolver_does)
{
    struct lb_bench b;

    stub_reset();
    assert_true(lb_bench_init(&b, &grebe__priority_load, 1));
    lb_bench_resolver_error(&b, "no such host");
    assert_string_equal(lb_bench_pick(&b), "fail: no such host");
    lb_bench_fini(&b);
}

TEST(wishes_to_resolve_again_may_be_ignored)
{
    struct lb_bench b;

    start(&b,
          "{\"children\": {" CHILD(
              "a", "x") ", \"b\": {\"config\": [{\"x\": {}}], "
                        "\"ignoreReresolutionRequests\": true}}, \"priorities\": [\"a\", "
                        "\"b\"]}",
          "a>a1 b>b1");
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_resolve_now(stub_at(1)->cc);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(lb_bench_log(&b), "");
    grebe__env_enter(&b.lab.sim.env);
    grebe_client_conn_resolve_now(stub_at(0)->cc);
    grebe__env_leave(&b.lab.sim.env);
    assert_string_equal(lb_bench_log(&b), "resolve");
    lb_bench_fini(&b);
}

/* ---- Why --------------------------------------------------------------------------------------- */

TEST(a_call_is_told_where_it_went_and_why)
{
    struct channel_bench b;

    channel_bench_start(&b, "{\"loadBalancingConfig\": [{\"priority_load\": " TWO "}]}");
    channel_bench_servers(&b, "x y");
    b.resolves_to = "a>x b>y";
    channel_bench_connect(&b);
    expect_explanation(
        &b, "priority_load: the first priority, as far as it can bear it, then "
            "the next (\"a\" has number 73; \"a\": 100 of 100 calls, 1 of 1 "
            "healthy; \"b\": 0 of 100 calls, 1 of 1 healthy)\n"
            "  round_robin: each endpoint in turn\n"
            "    > x  READY  its turn\n"
            "    y  READY  not offered: the policy left it out\n");
    channel_bench_fini(&b);
}

/* ---- Out of memory ------------------------------------------------------------------------------ */

static void live_a_life(struct lb_bench *b)
{
    stub_reset();
    assert_int_equal(lb_bench_config(b, FAILS), GREBE_OK);
    lb_bench_update(b, "a>a1 a>a2 a>a3 b>b1", NULL);
    for (const char *const *name = (const char *const[]){"a1", "b1", NULL}; *name != NULL;
         name++)
        if (lab_find_subconn(&b->lab, *name) != NULL) {
            lb_bench_subconn(b, *name, GREBE_CONNECTING, NULL);
            lb_bench_subconn(b, *name, GREBE_READY, NULL);
        }
    lb_bench_pick(b);
    lb_bench_resolver_error(b, "gone");
    lb_bench_config(b, THREE);
    lb_bench_update(b, "a>a1 c>c1", NULL);
    for (int i = 0; i < 10; i++)
        lb_bench_pick(b); /* nobody that is gone */
    lb_bench_advance_ms(b, 2000);
    lb_bench_config(b, "{}");
    lb_bench_update(b, "", NULL);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__priority_load, live_a_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_configurations_are_explained),
        cmocka_unit_test(both_names_are_registered),
        cmocka_unit_test(named_without_a_configuration_it_says_what_it_needs),
        cmocka_unit_test(loads_are_those_of_the_table),
        cmocka_unit_test(the_first_numbers_are_those_of_the_first_priority),
        cmocka_unit_test(calls_without_a_hash_are_shared_by_chance),
        cmocka_unit_test(one_inside_another_draws_for_itself),
        cmocka_unit_test(the_factor_may_be_another_one),
        cmocka_unit_test(endpoints_that_are_lost_or_ill_do_not_count),
        cmocka_unit_test(endpoints_that_are_removed_do_not_count),
        cmocka_unit_test(in_panic_endpoints_that_are_ill_are_used),
        cmocka_unit_test(a_priority_may_be_in_panic_alone),
        cmocka_unit_test(in_panic_priorities_without_a_connection_are_passed_over),
        cmocka_unit_test(what_becomes_of_one_that_is_ill_in_panic_is_heard),
        cmocka_unit_test(without_a_threshold_there_is_no_panic),
        cmocka_unit_test(in_panic_calls_fail_if_that_is_wanted),
        cmocka_unit_test(calls_wait_for_the_next_one_while_it_connects),
        cmocka_unit_test(nobody_is_told_of_panic_before_health_is_known),
        cmocka_unit_test(nobody_is_told_of_panic_before_somebody_is_ready),
        cmocka_unit_test(who_is_ejected_does_not_count_and_is_used_in_panic),
        cmocka_unit_test(the_best_state_of_a_priority_is_that_of_all),
        cmocka_unit_test(a_child_that_becomes_idle_is_woken),
        cmocka_unit_test(children_see_the_endpoints_of_their_path_and_come_and_go),
        cmocka_unit_test(children_hear_what_is_said_of_the_update_as_a_whole),
        cmocka_unit_test(what_happens_in_an_update_is_published_once),
        cmocka_unit_test(without_priorities_calls_fail),
        cmocka_unit_test(a_priority_without_endpoints_is_passed_over),
        cmocka_unit_test(a_child_that_refuses_its_update_has_failed),
        cmocka_unit_test(a_ready_child_that_refuses_its_update_has_failed),
        cmocka_unit_test(errors_of_the_resolver_are_for_the_children),
        cmocka_unit_test(without_a_first_update_it_fails_as_the_resolver_does),
        cmocka_unit_test(wishes_to_resolve_again_may_be_ignored),
        cmocka_unit_test(a_call_is_told_where_it_went_and_why),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    assert_int_equal(grebe_balancer_register(&stub_x), GREBE_OK);
    return cmocka_run_group_tests_name("priority_load", tests, NULL, NULL);
}
