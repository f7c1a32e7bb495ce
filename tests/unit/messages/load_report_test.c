/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports as backends write them: the generated code writes, ours reads. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>

#include <grebe/error.h>
#include <xds/data/orca/v3/orca_load_report.pb-c.h>
#include <xds/service/orca/v3/orca.pb-c.h>

#include "base/assert.h"
#include "base/rng.h"
#include "messages/load_report.h"
#include "support/mem.h"

/* ---- Writing ---------------------------------------------------------------------------- */

static size_t put_varint(unsigned char *out, uint64_t value)
{
    size_t n = 0;

    for (; value >= 128; value >>= 7)
        out[n++] = (unsigned char)(value | 128);
    out[n++] = (unsigned char)value;
    return n;
}

static size_t put_double(unsigned char *out, unsigned field, double value)
{
    size_t n = put_varint(out, field << 3 | 1);

    memcpy(out + n, &value, 8);
    return n + 8;
}

static size_t put_entry(unsigned char *out, unsigned field, const char *name,
                        size_t length, double value)
{
    size_t n = put_varint(out, field << 3 | 2);

    n += put_varint(out + n, length + 11);
    out[n++] = 1 << 3 | 2;
    out[n++] = (unsigned char)length;
    memcpy(out + n, name, length);
    n += length;
    return n + put_double(out + n, 2, value);
}

static struct grebe__load_report read_ok(struct test_mem *mem, const void *bytes,
                                         size_t length)
{
    struct grebe__load_report report;

    assert_int_equal(grebe__load_report_read(test_mem_init(mem), bytes, length, &report),
                     GREBE_OK);
    return report;
}

static void expect_metric(const struct grebe_load_metric *metric, const char *name,
                          double value)
{
    assert_string_equal(metric->name, name);
    assert_true(metric->value == value);
}

/* ---- Tests ------------------------------------------------------------------------------- */

typedef Xds__Data__Orca__V3__OrcaLoadReport Report;
typedef Xds__Data__Orca__V3__OrcaLoadReport__RequestCostEntry Cost;
typedef Xds__Data__Orca__V3__OrcaLoadReport__UtilizationEntry Utilization;
typedef Xds__Data__Orca__V3__OrcaLoadReport__NamedMetricsEntry Metric;

/* what was sent is what is read. */
TEST(a_report_has_everything_that_was_sent)
{
    char cost_name[] = "db", util_name[] = "gpu", one_name[] = "queue", two_name[] = "";
    struct grebe__load_report report;
    Metric one, two, *named[] = {&one, &two};
    Utilization util, *utils[] = {&util};
    Cost cost, *costs[] = {&cost};
    unsigned char bytes[256];
    struct test_mem mem;
    Report sent;

    xds__data__orca__v3__orca_load_report__init(&sent);
    xds__data__orca__v3__orca_load_report__request_cost_entry__init(&cost);
    xds__data__orca__v3__orca_load_report__utilization_entry__init(&util);
    xds__data__orca__v3__orca_load_report__named_metrics_entry__init(&one);
    xds__data__orca__v3__orca_load_report__named_metrics_entry__init(&two);
    sent.cpu_utilization = 1.25;
    sent.mem_utilization = 0.5;
    sent.rps_fractional = 100.5;
    sent.eps = 2;
    sent.application_utilization = 0.75;
    cost.key = cost_name, cost.value = 3456.32;
    util.key = util_name, util.value = 0.30499;
    one.key = one_name, one.value = -4;
    two.key = two_name, two.value = 0;
    sent.n_request_cost = 1, sent.request_cost = costs;
    sent.n_utilization = 1, sent.utilization = utils;
    sent.n_named_metrics = 2, sent.named_metrics = named;
    report =
        read_ok(&mem, bytes, xds__data__orca__v3__orca_load_report__pack(&sent, bytes));

    assert_true(report.view.cpu_utilization == 1.25);
    assert_true(report.view.mem_utilization == 0.5);
    assert_true(report.view.application_utilization == 0.75);
    assert_true(report.view.rps == 100.5);
    assert_true(report.view.eps == 2);
    assert_int_equal(report.view.n_request_cost, 1);
    expect_metric(&report.view.request_cost[0], "db", 3456.32);
    assert_int_equal(report.view.n_utilization, 1);
    expect_metric(&report.view.utilization[0], "gpu", 0.30499);
    assert_int_equal(report.view.n_named_metrics, 2);
    expect_metric(&report.view.named_metrics[0], "queue", -4);
    expect_metric(&report.view.named_metrics[1], "", 0);
    assert_int_equal(mem.n_allocs, 1);
    grebe__load_report_fini(&report);
    assert_int_equal(mem.n_live, 0);
}

TEST(a_report_without_names_needs_no_memory)
{
    unsigned char bytes[64];
    struct test_mem mem;
    struct grebe__load_report report = read_ok(&mem, bytes, put_double(bytes, 1, 0.5));

    assert_true(report.view.cpu_utilization == 0.5);
    assert_int_equal(mem.n_allocs, 0);
    grebe__load_report_fini(&report);
}

TEST(an_empty_report_says_nothing)
{
    struct test_mem mem;
    struct grebe__load_report report = read_ok(&mem, NULL, 0);
    double value = 42;

    assert_false(grebe_load_report_get(&report.view, "cpu_utilization", &value));
    assert_false(grebe_load_report_get(&report.view, "named_metrics.x", &value));
    assert_true(value == 42);
    grebe__load_report_fini(&report);
}

TEST(what_cannot_be_true_is_left_out)
{
    static const double no_amounts[] = {-1, NAN, INFINITY, -INFINITY, -1e-300};
    unsigned char bytes[256];
    struct test_mem mem;

    for (size_t i = 0; i < GREBE_ARRAY_LEN(no_amounts); i++) {
        static const unsigned scalars[] = {1, 2, 6, 7, 9};
        struct grebe__load_report report;
        size_t n = 0;

        for (size_t k = 0; k < GREBE_ARRAY_LEN(scalars); k++)
            n += put_double(bytes + n, scalars[k], no_amounts[i]);
        report = read_ok(&mem, bytes, n);
        assert_true(report.view.cpu_utilization == 0);
        assert_true(report.view.mem_utilization == 0);
        assert_true(report.view.application_utilization == 0);
        assert_true(report.view.rps == 0);
        assert_true(report.view.eps == 0);
        grebe__load_report_fini(&report);
    }
}

TEST(only_fractions_end_at_1)
{
    unsigned char bytes[256];
    struct grebe__load_report report;
    struct test_mem mem;
    size_t n = 0;

    n += put_double(bytes + n, 1, 1e308);
    n += put_double(bytes + n, 2, 1.5);
    n += put_entry(bytes + n, 5, "over", 4, 1.1);
    n += put_entry(bytes + n, 5, "full", 4, 1);
    n += put_entry(bytes + n, 5, "below", 5, -0.5);
    n += put_entry(bytes + n, 8, "nan", 3, NAN);
    n += put_entry(bytes + n, 8, "debt", 4, -1e308);
    n += put_entry(bytes + n, 4, "inf", 3, INFINITY);
    report = read_ok(&mem, bytes, n);
    assert_true(report.view.cpu_utilization == 1e308);
    assert_true(report.view.mem_utilization == 0);
    assert_int_equal(report.view.n_utilization, 1);
    expect_metric(&report.view.utilization[0], "full", 1);
    assert_int_equal(report.view.n_named_metrics, 1);
    expect_metric(&report.view.named_metrics[0], "debt", -1e308);
    assert_int_equal(report.view.n_request_cost, 0);
    grebe__load_report_fini(&report);
    assert_int_equal(mem.n_live, 0);
}

TEST(names_are_text)
{
    unsigned char bytes[256];
    struct grebe__load_report report;
    struct test_mem mem;
    size_t n = 0;

    n += put_entry(bytes + n, 8, "a\0b", 3, 1);
    n += put_entry(bytes + n, 8, "\xff\xfe", 2, 2);
    n += put_entry(bytes + n, 8, "\xc3", 1, 3);
    n += put_entry(bytes + n, 8,
                   "gr\xc3\xa8"
                   "be",
                   6, 4);
    report = read_ok(&mem, bytes, n);
    assert_int_equal(report.view.n_named_metrics, 1);
    expect_metric(&report.view.named_metrics[0],
                  "gr\xc3\xa8"
                  "be",
                  4);
    grebe__load_report_fini(&report);
}

TEST(fields_of_other_numbers_and_types_are_passed_over)
{
    static const char bytes[] = "\x08\x05"                   /* 1 as a varint */
                                "\x41\0\0\0\0\0\0\0\0"       /* 8 as a double */
                                "\x25\1\2\3\4"               /* 4 as four bytes */
                                "\x7a\3abc"                  /* 15 */
                                "\x42\x05\x0a\x01q\x10\x07"; /* the value a varint */
    struct test_mem mem;
    struct grebe__load_report report = read_ok(&mem, bytes, sizeof bytes - 1);

    assert_true(report.view.cpu_utilization == 0);
    assert_int_equal(report.view.n_request_cost, 0);
    assert_int_equal(report.view.n_named_metrics, 1);
    expect_metric(&report.view.named_metrics[0], "q", 0);
    grebe__load_report_fini(&report);
}

TEST(more_names_than_the_limit_are_refused_before_memory_is_asked_for)
{
    unsigned char *bytes = malloc(4 * (GREBE__LOAD_METRICS_MAX + 1));
    struct grebe__load_report report;
    struct test_mem mem;
    size_t n = 0;

    for (size_t i = 0; i < GREBE__LOAD_METRICS_MAX; i++) {
        memcpy(bytes + n, "\x42\x02\x0a\0", 4); /* a metric without a name, at 0 */
        n += 4;
    }
    report = read_ok(&mem, bytes, n);
    assert_int_equal(report.view.n_named_metrics, GREBE__LOAD_METRICS_MAX);
    grebe__load_report_fini(&report);
    memcpy(bytes + n, "\x2a\x02\x0a\0", 4); /* and a resource */
    assert_int_equal(grebe__load_report_read(test_mem_init(&mem), bytes, n + 4, &report),
                     GREBE_ERR_TOO_LARGE);
    assert_int_equal(mem.n_allocs, 0);
    free(bytes);
}

/* what is no message gives no report. */
TEST(garbage_is_no_report)
{
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        {"garbage", 7},
        {"\x09\1\2\3", 4},
        {"\x42\x05\x0a\x01q", 5},
        {"\x42\x03\x0a\x05q", 5}, /* the entry is, not what holds it */
        {"\x09\0\0\0\0\0\0\xe0\x3f\x0b", 10},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(cases); i++) {
        struct grebe__load_report report;
        struct test_mem mem;

        assert_int_equal(grebe__load_report_read(test_mem_init(&mem), cases[i].bytes,
                                                 cases[i].length, &report),
                         GREBE_ERR_INVALID);
        assert_int_equal(mem.n_live, 0);
    }
}

TEST(out_of_memory_is_told_apart_from_garbage)
{
    unsigned char bytes[64];
    size_t n = put_entry(bytes, 8, "x", 1, 1);
    struct grebe__load_report report;
    struct test_mem mem;

    test_mem_init(&mem);
    mem.fail_at = 1;
    assert_int_equal(grebe__load_report_read(&mem.interface, bytes, n, &report),
                     GREBE_ERR_NOMEM);
    assert_int_equal(mem.n_live, 0);
}

/* The names of gRFC A114. */
TEST(metrics_are_found_by_their_names)
{
    static const char *const scalars[] = {"cpu_utilization", "mem_utilization",
                                          "rps_fractional", "eps",
                                          "application_utilization"};
    static const unsigned numbers[] = {1, 2, 6, 7, 9};
    struct grebe__load_report report;
    unsigned char bytes[256];
    struct test_mem mem;
    double value;
    size_t n = 0;

    for (unsigned i = 0; i < 5; i++)
        n += put_double(bytes + n, numbers[i], 0.125 * (i + 1));
    n += put_entry(bytes + n, 4, "x", 1, 10);
    n += put_entry(bytes + n, 5, "x", 1, 0.5);
    n += put_entry(bytes + n, 8, "x", 1, 20);
    n += put_entry(bytes + n, 8, "x.y", 3, 30);
    n += put_entry(bytes + n, 8, "x", 1, 40); /* again: the last counts */
    report = read_ok(&mem, bytes, n);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(grebe_load_report_get(&report.view, scalars[i], &value));
        assert_true(value == 0.125 * (i + 1));
    }
    assert_true(grebe_load_report_get(&report.view, "request_cost.x", &value));
    assert_true(value == 10);
    assert_true(grebe_load_report_get(&report.view, "utilization.x", &value));
    assert_true(value == 0.5);
    assert_true(grebe_load_report_get(&report.view, "named_metrics.x", &value));
    assert_true(value == 40);
    assert_true(grebe_load_report_get(&report.view, "named_metrics.x.y", &value));
    assert_true(value == 30);
    value = 42;
    assert_false(grebe_load_report_get(&report.view, "named_metrics.z", &value));
    assert_false(grebe_load_report_get(&report.view, "named_metrics", &value));
    assert_false(grebe_load_report_get(&report.view, "utilization", &value));
    assert_false(grebe_load_report_get(&report.view, "cpu", &value));
    assert_false(grebe_load_report_get(&report.view, "", &value));
    assert_true(value == 42);
    grebe__load_report_fini(&report);
}

TEST(a_request_has_its_interval)
{
    static const uint64_t intervals[] = {0, 1, 1000000000, 30 * SECOND + 5, UINT64_MAX};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(intervals); i++) {
        unsigned char bytes[GREBE__LOAD_REQUEST_MAX];
        size_t length = grebe__load_request_write(intervals[i], bytes);
        Xds__Service__Orca__V3__OrcaLoadReportRequest *request =
            xds__service__orca__v3__orca_load_report_request__unpack(NULL, length, bytes);

        assert_true(length <= sizeof bytes);
        assert_non_null(request->report_interval);
        assert_int_equal(request->report_interval->seconds, intervals[i] / SECOND);
        assert_int_equal(request->report_interval->nanos, intervals[i] % SECOND);
        assert_int_equal(request->n_request_cost_names, 0);
        xds__service__orca__v3__orca_load_report_request__free_unpacked(request, NULL);
    }
}

/* ---- Against another reader ---------------------------------------------------------------- */

/* A report of a few fields, often damaged: a bit turned over, the end cut off. */
static size_t random_report(struct grebe__rng *rng, unsigned char *bytes)
{
    static const unsigned maps[] = {4, 5, 8};
    size_t n = 0;

    for (uint32_t i = grebe__rng_below(rng, 6); i > 0; i--) {
        char name[8];

        snprintf(name, sizeof name, "%u", grebe__rng_below(rng, 1000));
        n += put_double(bytes + n, 1 + grebe__rng_below(rng, 12), grebe__rng_unit(rng));
        n += put_entry(bytes + n, maps[grebe__rng_below(rng, 3)], name, strlen(name),
                       grebe__rng_unit(rng));
    }
    if (n > 0 && grebe__rng_below(rng, 2) == 0)
        bytes[grebe__rng_below(rng, (uint32_t)n)] ^=
            (unsigned char)(1u << grebe__rng_below(rng, 8));
    if (n > 0 && grebe__rng_below(rng, 4) == 0)
        n = grebe__rng_below(rng, (uint32_t)n);
    return n;
}

static double amount(double value)
{
    return isfinite(value) && value >= 0 ? value : 0;
}

/* What is impossible, or no text, is in theirs and not in ours: ours is a part of it. */
static void expect_part_of(const struct grebe_load_report *ours, const Report *theirs)
{
    size_t at = 0;

    assert_true(ours->cpu_utilization == amount(theirs->cpu_utilization));
    assert_true(ours->rps == amount(theirs->rps_fractional));
    assert_true(ours->eps == amount(theirs->eps));
    assert_true(ours->application_utilization == amount(theirs->application_utilization));
    assert_true(ours->n_utilization <= theirs->n_utilization);
    assert_true(ours->n_request_cost <= theirs->n_request_cost);
    for (size_t i = 0; i < ours->n_named_metrics; i++) {
        while (
            at < theirs->n_named_metrics &&
            (strcmp(theirs->named_metrics[at]->key, ours->named_metrics[i].name) != 0 ||
             theirs->named_metrics[at]->value != ours->named_metrics[i].value))
            at++;
        assert_true(at++ < theirs->n_named_metrics);
    }
}

TEST(what_protobuf_c_takes_is_read_the_same)
{
    uint32_t n_good = 0, n_bad = 0;
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (uint32_t round = 0; round < 20000; round++) {
        struct grebe__load_report ours;
        unsigned char bytes[512];
        struct test_mem mem;
        size_t length = random_report(&rng, bytes);
        int result = grebe__load_report_read(test_mem_init(&mem), bytes, length, &ours);
        Report *theirs =
            xds__data__orca__v3__orca_load_report__unpack(NULL, length, bytes);

        if (theirs != NULL) {
            n_good++;
            assert_int_equal(result, GREBE_OK);
            expect_part_of(&ours.view, theirs);
            xds__data__orca__v3__orca_load_report__free_unpacked(theirs, NULL);
        }
        if (result == GREBE_OK)
            grebe__load_report_fini(&ours);
        else
            n_bad++;
        assert_int_equal(mem.n_live, 0);
    }
    assert_true(n_good > 5000);
    assert_true(n_bad > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_has_everything_that_was_sent),
        cmocka_unit_test(a_report_without_names_needs_no_memory),
        cmocka_unit_test(an_empty_report_says_nothing),
        cmocka_unit_test(what_cannot_be_true_is_left_out),
        cmocka_unit_test(only_fractions_end_at_1),
        cmocka_unit_test(names_are_text),
        cmocka_unit_test(fields_of_other_numbers_and_types_are_passed_over),
        cmocka_unit_test(
            more_names_than_the_limit_are_refused_before_memory_is_asked_for),
        cmocka_unit_test(garbage_is_no_report),
        cmocka_unit_test(out_of_memory_is_told_apart_from_garbage),
        cmocka_unit_test(metrics_are_found_by_their_names),
        cmocka_unit_test(a_request_has_its_interval),
        cmocka_unit_test(what_protobuf_c_takes_is_read_the_same),
    };

    return cmocka_run_group_tests_name("load_report", tests, NULL, NULL);
}
