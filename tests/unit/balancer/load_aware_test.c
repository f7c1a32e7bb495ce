/* SPDX-License-Identifier: Apache-2.0 */
/* load_aware on the bench.  Who is compared with whom is p2c_ewma's business and has its
 * test; here is what is believed of whom.  Reports out of band are in tests/lab. */
#include "support/test.h"

#include <grebe/explain.h>
#include <grebe/load_report.h>

#include "balancer/load_aware.h"
#include "base/assert.h"
#include "support/channel_bench.h"
#include "support/lb_bench.h"

static const struct lab_call call = {.method = "/s/m"};

static struct grebe_load_report busy(double utilization)
{
    return (struct grebe_load_report){.cpu_utilization = utilization};
}

/* ---- Setting up ----------------------------------------------------------------------- */

/* Endpoints a, b, c, all READY. */
static void start(struct lb_bench *b, const char *config)
{
    assert_true(lb_bench_init(b, &grebe__load_aware, 1));
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
    lb_bench_set(b, "a=R b=R c=R");
}

/* The next call that `address` has, whatever it takes, reports this; NULL: nothing. */
static void answer(struct lb_bench *b, const char *address,
                   const struct grebe_load_report *load)
{
    for (int tries = 0; tries < 1000; tries++) {
        uint64_t id = b->lab.n_picks;
        struct lab_outcome outcome = {.status = grebe_status_of(GREBE_STATUS_OK, "")};
        bool is_it;

        assert_int_equal(lab_pick(&b->lab, &call, 1, NULL), GREBE_OK);
        is_it = strcmp(b->text, address) == 0;
        outcome.load = is_it ? load : NULL;
        assert_int_equal(lab_done(&b->lab, id, &outcome), GREBE_OK);
        if (is_it)
            return;
    }
    fail_msg("%s is never chosen", address);
}

static void report(struct lb_bench *b, const char *address, double utilization)
{
    struct grebe_load_report load = busy(utilization);

    answer(b, address, &load);
}

/* Of so many calls that stay, who has how many; chance makes a few of a difference. */
static void hold(struct lb_bench *b, uint32_t n, uint32_t counts[3])
{
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(lab_pick(&b->lab, &call, 1, NULL), GREBE_OK);
        counts[b->text[0] - 'a']++;
    }
}

static void expect_shares(struct lb_bench *b, uint32_t n, uint32_t of_a, uint32_t of_b,
                          uint32_t of_c)
{
    const uint32_t expected[3] = {of_a, of_b, of_c};
    uint32_t counts[3] = {0};

    hold(b, n, counts);
    for (int i = 0; i < 3; i++)
        assert_in_range(counts[i] + 4, expected[i], expected[i] + 8);
}

/* ---- Configuration -------------------------------------------------------------------- */

static const struct lb_config_case configs[] = {
    {"{}", NULL},
    {"{\"floor\": 2.5, \"weightExpirationPeriod\": \"0s\", \"whatever\": 1}", NULL},
    {"{\"enable_oob_load_report\": true, \"oob_reporting_period\": \"-1s\"}", NULL},
    {"{\"floor\": 0}", "floor: must be greater than 0"},
    {"{\"floor\": \"Infinity\"}", "floor: expected a number, found a string"},
    {"{\"weightExpirationPeriod\": \"-1s\"}", "weightExpirationPeriod: must be >= 0"},
    {"{\"enableOobLoadReport\": 1}",
     "enableOobLoadReport: expected a boolean, found a number"},
};

TEST(configuration_is_checked)
{
    lb_bench_expect_configs(&grebe__load_aware, configs, GREBE_ARRAY_LEN(configs));
}

/* ---- What is believed ------------------------------------------------------------------ */

/* Z-5: with calls that stay, shares are as 1/0.2, 1/0.8, and 1/0.5 for c, of whom nothing is
 * known but what the others say on average. */
TEST(endpoint_that_was_never_measured_is_an_average_one)
{
    struct lb_bench b;

    start(&b, "{}");
    report(&b, "a", 0.2);
    report(&b, "b", 0.8);
    lb_bench_advance_ms(&b, 1000); /* the mean is counted */
    expect_shares(&b, 660, 400, 100, 160);
    lb_bench_fini(&b);
}

/* What was said 10 seconds ago counts no longer: the mean of the others does. */
TEST(old_report_is_not_believed_for_ever)
{
    struct lb_bench b;

    start(&b, "{\"weightExpirationPeriod\": \"10s\"}");
    report(&b, "a", 0.1);
    lb_bench_advance_ms(&b, 5000);
    report(&b, "b", 0.4);
    report(&b, "c", 0.4);
    lb_bench_advance_ms(&b, 4999);
    expect_shares(&b, 60, 40, 10, 10);
    lb_bench_advance_ms(&b, 1001);
    expect_shares(&b, 60, 0, 30, 30); /* 40 for each */
    lb_bench_fini(&b);
}

/* Whoever says he does nothing still does what he has: 0.2 for each call, not 0.001. */
TEST(floor_is_the_least_that_a_call_counts)
{
    struct lb_bench b;

    start(&b, "{\"floor\": 0.2}");
    report(&b, "a", 0.001);
    report(&b, "b", 0.4);
    report(&b, "c", 0.4);
    expect_shares(&b, 200, 100, 50, 50);
    lb_bench_fini(&b);
}

/* It was told to go by what is said out of band, where nothing is said. */
TEST(calls_are_not_heard_where_reports_come_out_of_band)
{
    struct lb_bench b;

    start(&b, "{\"enableOobLoadReport\": true}");
    report(&b, "a", 0.9);
    lb_bench_advance_ms(&b, 1000);
    expect_shares(&b, 90, 30, 30, 30);
    lb_bench_fini(&b);
}

/* By answers in 1 s and in 1 ms p2c_ewma would tell them apart. */
TEST(latency_counts_for_nothing)
{
    struct lb_bench b;

    start(&b, "{}");
    for (int i = 0; i < 10; i++) {
        struct lab_outcome outcome = {.status = grebe_status_of(GREBE_STATUS_OK, ""),
                                      .has_latency = true,
                                      .latency_ns = SECOND};
        uint64_t id = b.lab.n_picks;

        assert_int_equal(lab_pick(&b.lab, &call, 1, NULL), GREBE_OK);
        if (b.text[0] != 'a')
            outcome.latency_ns = MS;
        assert_int_equal(lab_done(&b.lab, id, &outcome), GREBE_OK);
    }
    expect_shares(&b, 90, 30, 30, 30);
    lb_bench_fini(&b);
}

/* ---- Explanations ----------------------------------------------------------------------- */

TEST(a_pick_tells_of_utilization)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct channel_bench b;
    struct grebe_call *made;
    char text[2048];

    channel_bench_start(&b,
                        "{\"loadBalancingConfig\":[{\"load_aware\":{\"floor\":0.25}}]}");
    b.resolves_to = "a b";
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    options.wants_explanation = true;
    made = channel_bench_call(&b, &options);
    grebe_explanation_format(grebe_call_explain(made), text, sizeof text);
    assert_string_equal(
        text, "load_aware: the one that costs less, of two drawn at random\n"
              "  > b  READY  utilization 0.25  in flight 0  costs less\n"
              "    a  READY  utilization 0.25  in flight 0  does not cost less\n"
              "picks     0us b\n"
              "attempts  0us to 0us b OK\n");
    grebe_call_unref(made);
    channel_bench_fini(&b);
}

/* ---- Memory ----------------------------------------------------------------------------- */

TEST(picking_takes_no_memory)
{
    struct lb_bench b;
    uint32_t n_allocs;

    start(&b, "{}");
    report(&b, "a", 0.5);
    lb_bench_pick(&b);
    n_allocs = b.mem.n_allocs;
    lb_bench_count(&b, 1000, "a");
    assert_int_equal(b.mem.n_allocs, n_allocs);
    lb_bench_fini(&b);
}

static void live_a_life(struct lb_bench *b)
{
    assert_true(lb_bench_config(b, "{\"enableOobLoadReport\": true}") == GREBE_OK ||
                b->mem.has_failed);
    lb_bench_set(b, "a=R b=T c=R");
    assert_true(lab_pick(&b->lab, &call, 3, NULL) <= GREBE_OK);
    lb_bench_update(b, "a c d+e", NULL);
    lb_bench_pick(b);
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    lb_bench_advance_ms(b, 1000);
    assert_true(lb_bench_config(b, "{}") == GREBE_OK || b->mem.has_failed);
    lb_bench_update(b, "c", NULL);
    lb_bench_pick(b);
    lb_bench_update(b, "", NULL);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__load_aware, live_a_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_is_checked),
        cmocka_unit_test(endpoint_that_was_never_measured_is_an_average_one),
        cmocka_unit_test(old_report_is_not_believed_for_ever),
        cmocka_unit_test(floor_is_the_least_that_a_call_counts),
        cmocka_unit_test(calls_are_not_heard_where_reports_come_out_of_band),
        cmocka_unit_test(latency_counts_for_nothing),
        cmocka_unit_test(a_pick_tells_of_utilization),
        cmocka_unit_test(picking_takes_no_memory),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests_name("load_aware", tests, NULL, NULL);
}
