/* SPDX-License-Identifier: Apache-2.0 */
/* What load reports make of an endpoint's weight: gRFC A58, A114. */
#include "support/test.h"

#include <math.h>

#include "balancer/wrr_weight.h"
#include "base/assert.h"
#include "support/mem.h"

static struct grebe__wrr_config config;

/* No blackout, an expiration of three minutes. */
static struct grebe__wrr_weight *fresh(double penalty)
{
    config = (struct grebe__wrr_config){
        .refs = 1, .expiration_ns = 180 * SECOND, .error_penalty = penalty};
    return grebe__wrr_weight_new(NULL, &config);
}

static double at(struct grebe__wrr_weight *weight, uint64_t now_ns,
                 enum grebe__wrr_standing standing)
{
    double value = -1;

    assert_int_equal(grebe__wrr_weight_at(weight, &config, now_ns, &value), standing);
    assert_true(standing == GREBE__WRR_USABLE || value == 0);
    return value;
}

/* ---- The formula --------------------------------------------------------------------- */

static const struct {
    struct grebe_load_report report;
    double penalty;
    double weight; /* 0: it is no report */
} formula[] = {
    {{.rps = 100, .application_utilization = 0.5}, 1, 200},
    {{.rps = 100, .eps = 5, .application_utilization = 0.5}, 1, 181.81818181818181},
    {{.rps = 20, .eps = 2, .application_utilization = 0.4}, 0.5, 44.444444444444443},
    {{.rps = 10, .eps = 10, .application_utilization = 0.1}, 0.9, 10},
    {{.rps = 10, .application_utilization = 1.0}, 7, 10},
    {{.rps = 10, .application_utilization = 0.1}, 7, 100},
    {{.rps = 10, .application_utilization = 2.5}, 1, 4},
    {{.rps = 50, .cpu_utilization = 0.25}, 1, 200},
    {{.rps = 50, .cpu_utilization = 0.25, .application_utilization = 0.5}, 1, 100},
    {{.rps = 0, .application_utilization = 0.9}, 1, 0},
    {{.rps = -3, .application_utilization = 0.9}, 1, 0},
    {{.rps = 10, .application_utilization = -1}, 1, 0},
    {{.rps = 10, .mem_utilization = 0.5}, 1, 0},
    {{.rps = NAN, .cpu_utilization = 0.5}, 1, 0},
    {{.rps = 10, .cpu_utilization = NAN}, 1, 0},
    /* Whatever a backend says, weights can be added and divided. */
    {{.rps = 1e308, .cpu_utilization = 1e-300}, 1, 1e290},
    {{.rps = 1e-300, .cpu_utilization = 1}, 1, 1e-290},
    {{.rps = 1e-300, .eps = 1e300, .cpu_utilization = 1}, 1, 1e-290},
    {{.rps = 1e-300, .eps = 1e300, .cpu_utilization = 1}, 0, 1e-290},
};

/* W-21, W-22: without load, or without requests, it is no report. */
TEST(weight_is_requests_by_utilization_and_errors)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(formula); i++) {
        struct grebe__wrr_weight *weight = fresh(formula[i].penalty);

        grebe__wrr_weight_report(weight, &formula[i].report, SECOND);
        if (formula[i].weight == 0)
            assert_true(at(weight, SECOND, GREBE__WRR_NOT_YET) == 0);
        else
            assert_true(at(weight, SECOND, GREBE__WRR_USABLE) == formula[i].weight);
        grebe__wrr_weight_unref(weight);
    }
}

/* W-21: nor does it keep an old one alive. */
TEST(what_is_no_report_leaves_everything_as_it_was)
{
    const struct grebe_load_report good = {.rps = 10, .cpu_utilization = 0.1};
    const struct grebe_load_report idle = {.rps = 10};
    struct grebe__wrr_weight *weight = fresh(1);

    grebe__wrr_weight_report(weight, &good, 1 * SECOND);
    grebe__wrr_weight_report(weight, &idle, 100 * SECOND);
    assert_true(at(weight, 180 * SECOND, GREBE__WRR_USABLE) == 100);
    at(weight, 181 * SECOND, GREBE__WRR_STALE);
    grebe__wrr_weight_unref(weight);
}

/* ---- Names of metrics (gRFC A114) ------------------------------------------------------ */

union named_config {
    struct grebe__wrr_config config;
    char room[sizeof(struct grebe__wrr_config) + 2 * sizeof(const char *)];
};

static double named(const struct grebe_load_report *report)
{
    static union named_config names;
    struct grebe__wrr_weight *weight;
    double value;

    config = (struct grebe__wrr_config){.refs = 1, .expiration_ns = 180 * SECOND};
    names.config = config;
    names.config.n_metrics = 2;
    names.config.metrics[0] = "named_metrics.q.depth";
    names.config.metrics[1] = "cpu_utilization";
    weight = grebe__wrr_weight_new(NULL, &names.config);
    grebe__wrr_weight_report(weight, report, SECOND);
    value = at(weight, SECOND, GREBE__WRR_USABLE);
    grebe__wrr_weight_unref(weight);
    return value;
}

/* W-40, W-41 */
TEST(the_largest_of_the_named_metrics_is_the_utilization)
{
    static const struct grebe_load_metric depths[] = {
        {"q.depth", 0.8}, {"q.depth", 0.2}, {"q.depth", NAN}, {"q", 3}};
    struct grebe_load_report report = {
        .rps = 8, .cpu_utilization = 0.5, .application_utilization = 0.9};

    report.named_metrics = &depths[0];
    report.n_named_metrics = 1;
    assert_true(named(&report) == 10);
    report.named_metrics = &depths[1];
    assert_true(named(&report) == 16);
    report.named_metrics = &depths[2];
    assert_true(named(&report) == 16);
    report.named_metrics = &depths[3]; /* another name */
    assert_true(named(&report) == 16);
}

TEST(where_none_of_them_is_said_the_rest_counts)
{
    struct grebe_load_report report = {.rps = 9, .application_utilization = 0.9};

    assert_true(named(&report) == 10);
}

/* ---- Time ------------------------------------------------------------------------------ */

static const struct grebe_load_report ten = {.rps = 1, .cpu_utilization = 0.1};

/* W-15, W-16, W-18: blackout 10 s, expiration 180 s, reports at 1 s, 6 s, and 201 s. */
TEST(a_weight_counts_after_its_blackout_until_it_expires)
{
    struct grebe__wrr_weight *weight = fresh(1);
    const uint64_t t = 1 * SECOND;

    config.blackout_ns = 10 * SECOND;
    at(weight, t, GREBE__WRR_NOT_YET);
    grebe__wrr_weight_report(weight, &ten, t);
    grebe__wrr_weight_report(weight, &ten, t + 5 * SECOND);
    at(weight, t + 10 * SECOND - 1, GREBE__WRR_NOT_YET);
    assert_true(at(weight, t + 10 * SECOND, GREBE__WRR_USABLE) == 10);
    assert_true(at(weight, t + 185 * SECOND - 1, GREBE__WRR_USABLE) == 10);
    at(weight, t + 185 * SECOND, GREBE__WRR_STALE);
    at(weight, t + 199 * SECOND, GREBE__WRR_STALE);
    grebe__wrr_weight_report(weight, &ten, t + 200 * SECOND);
    at(weight, t + 200 * SECOND, GREBE__WRR_NOT_YET);
    at(weight, t + 210 * SECOND - 1, GREBE__WRR_NOT_YET);
    assert_true(at(weight, t + 210 * SECOND, GREBE__WRR_USABLE) == 10);
    grebe__wrr_weight_unref(weight);
}

/* W-18 */
TEST(without_a_blackout_a_weight_counts_at_once_and_again)
{
    struct grebe__wrr_weight *weight = fresh(1);

    grebe__wrr_weight_report(weight, &ten, SECOND);
    assert_true(at(weight, SECOND, GREBE__WRR_USABLE) == 10);
    at(weight, 181 * SECOND, GREBE__WRR_STALE);
    grebe__wrr_weight_report(weight, &ten, 200 * SECOND);
    assert_true(at(weight, 200 * SECOND, GREBE__WRR_USABLE) == 10);
    grebe__wrr_weight_unref(weight);
}

/* W-19: expired before its blackout is over, it is stale. */
TEST(stale_comes_before_blackout)
{
    struct grebe__wrr_weight *weight = fresh(1);

    config.blackout_ns = 500 * SECOND;
    grebe__wrr_weight_report(weight, &ten, SECOND);
    at(weight, 180 * SECOND, GREBE__WRR_NOT_YET);
    at(weight, 181 * SECOND, GREBE__WRR_STALE);
    grebe__wrr_weight_unref(weight);
}

/* W-20 */
TEST(a_new_connection_has_no_weight_until_reports_and_a_blackout)
{
    struct grebe__wrr_weight *weight = fresh(1);

    config.blackout_ns = 10 * SECOND;
    grebe__wrr_weight_report(weight, &ten, SECOND);
    assert_true(at(weight, 20 * SECOND, GREBE__WRR_USABLE) == 10);
    grebe__wrr_weight_forget(weight);
    at(weight, 20 * SECOND, GREBE__WRR_NOT_YET);
    grebe__wrr_weight_report(weight, &ten, 21 * SECOND);
    at(weight, 31 * SECOND - 1, GREBE__WRR_NOT_YET);
    assert_true(at(weight, 31 * SECOND, GREBE__WRR_USABLE) == 10);
    grebe__wrr_weight_unref(weight);
}

/* Threads have clocks of their own. */
TEST(a_report_may_be_younger_than_the_loop)
{
    struct grebe__wrr_weight *weight = fresh(1);

    grebe__wrr_weight_report(weight, &ten, 5 * SECOND);
    assert_true(at(weight, 4 * SECOND, GREBE__WRR_USABLE) == 10);
    grebe__wrr_weight_unref(weight);
}

/* ---- Another config -------------------------------------------------------------------- */

/* W-14 */
TEST(another_penalty_counts_from_the_next_report_on)
{
    const struct grebe_load_report half_bad = {
        .rps = 10, .eps = 5, .cpu_utilization = .5};
    struct grebe__wrr_weight *weight = fresh(0), *before = weight;

    grebe__wrr_weight_report(weight, &half_bad, SECOND);
    assert_true(at(weight, SECOND, GREBE__WRR_USABLE) == 20);
    config.error_penalty = 1;
    assert_int_equal(grebe__wrr_weight_configure(&weight, &config), GREBE_OK);
    assert_ptr_equal(weight, before);
    assert_true(at(weight, SECOND, GREBE__WRR_USABLE) == 20);
    grebe__wrr_weight_report(weight, &half_bad, SECOND);
    assert_true(at(weight, SECOND, GREBE__WRR_USABLE) == 10);
    grebe__wrr_weight_unref(weight);
}

/* Calls under way hold the one they were picked with. */
TEST(other_metrics_make_another_object_with_the_same_weight)
{
    const struct grebe_load_report both = {
        .rps = 10, .cpu_utilization = 0.5, .mem_utilization = 0.1};
    static union named_config names;
    struct grebe__wrr_weight *weight = fresh(1),
                             *of_a_call = grebe__wrr_weight_ref(weight);
    struct test_mem mem;

    grebe__wrr_weight_report(weight, &both, SECOND);
    names.config = config;
    names.config.n_metrics = 1;
    names.config.metrics[0] = "mem_utilization";
    weight->mem = test_mem_init(&mem);
    mem.fail_at = 1;
    assert_int_equal(grebe__wrr_weight_configure(&weight, &names.config),
                     GREBE_ERR_NOMEM);
    assert_ptr_equal(weight, of_a_call);
    weight->mem = NULL;
    assert_int_equal(grebe__wrr_weight_configure(&weight, &names.config), GREBE_OK);
    assert_ptr_not_equal(weight, of_a_call);
    assert_true(at(weight, SECOND, GREBE__WRR_USABLE) == 20);
    grebe__wrr_weight_report(of_a_call, &both, SECOND);
    assert_true(at(weight, SECOND, GREBE__WRR_USABLE) == 20);
    grebe__wrr_weight_report(weight, &both, SECOND);
    assert_true(at(weight, SECOND, GREBE__WRR_USABLE) == 100);
    grebe__wrr_weight_unref(of_a_call);
    grebe__wrr_weight_unref(weight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weight_is_requests_by_utilization_and_errors),
        cmocka_unit_test(what_is_no_report_leaves_everything_as_it_was),
        cmocka_unit_test(the_largest_of_the_named_metrics_is_the_utilization),
        cmocka_unit_test(where_none_of_them_is_said_the_rest_counts),
        cmocka_unit_test(a_weight_counts_after_its_blackout_until_it_expires),
        cmocka_unit_test(without_a_blackout_a_weight_counts_at_once_and_again),
        cmocka_unit_test(stale_comes_before_blackout),
        cmocka_unit_test(a_new_connection_has_no_weight_until_reports_and_a_blackout),
        cmocka_unit_test(a_report_may_be_younger_than_the_loop),
        cmocka_unit_test(another_penalty_counts_from_the_next_report_on),
        cmocka_unit_test(other_metrics_make_another_object_with_the_same_weight),
    };

    return cmocka_run_group_tests_name("wrr_weight", tests, NULL, NULL);
}
