/* SPDX-License-Identifier: Apache-2.0 */
/* A memory recorder's figures as text, to the byte.  That a parser of somebody else's
 * understands them is shown in tests/api. */
#include "support/test.h"

#include "support/figures.h"

static const char *const labels[] = {"grpc.target", "test.x"};
static const double bounds[] = {0.001, 1};

#define INSTRUMENT(kind_, name_, unit_)                                                  \
    {                                                                                    \
        .api = GREBE_METRICS_API, .kind = (kind_), .name = (name_),                      \
        .description = "What \"this\" is\\was\nfor", .unit = (unit_), .labels = labels,  \
        .n_labels = 2                                                                    \
    }

static const struct grebe_instrument counter =
    INSTRUMENT(GREBE_INSTRUMENT_COUNTER, "test.attempt.started", "{attempt}");
static const struct grebe_instrument bytes =
    INSTRUMENT(GREBE_INSTRUMENT_COUNTER, "test.sent", "By");
static const struct grebe_instrument balance =
    INSTRUMENT(GREBE_INSTRUMENT_UP_DOWN_COUNTER, "test.open", "{connection}");
static const struct grebe_instrument level =
    INSTRUMENT(GREBE_INSTRUMENT_GAUGE, "test.level", "1");
static const struct grebe_instrument named_by_unit =
    INSTRUMENT(GREBE_INSTRUMENT_GAUGE, "test.age_seconds", "s");

static const struct grebe_instrument spread = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "test.attempt.duration",
    .description = "Time",
    .unit = "s",
    .bounds = bounds,
    .n_bounds = 2,
};

static void *open_series(struct figures *f, const struct grebe_instrument *instrument,
                         const char *x)
{
    const char *const values[] = {"dns:///host:443", x};
    const struct grebe_series_info info = {instrument, values, false};
    void *series;

    assert_true(f->recorder->ops->open(f->recorder, &info, &series));
    return series;
}

static void add(struct figures *f, const struct grebe_instrument *instrument, int64_t by)
{
    f->recorder->ops->add(f->recorder, open_series(f, instrument, "v"), by);
}

static void expect(struct figures *f, enum grebe_exposition exposition, const char *text)
{
    assert_string_equal(figures_exposition(f, exposition), text);
}

TEST(counter_ends_in_total)
{
    struct figures f;

    figures_init(&f, NULL);
    add(&f, &counter, 3);
    add(&f, &bytes, 4096);
    expect(&f, GREBE_EXPOSITION_PROMETHEUS,
           "# HELP test_attempt_started_total What \"this\" is\\\\was\\nfor\n"
           "# TYPE test_attempt_started_total counter\n"
           "test_attempt_started_total{grpc_target=\"dns:///host:443\",test_x=\"v\"} 3\n"
           "# HELP test_sent_bytes_total What \"this\" is\\\\was\\nfor\n"
           "# TYPE test_sent_bytes_total counter\n"
           "test_sent_bytes_total{grpc_target=\"dns:///host:443\",test_x=\"v\"} 4096\n");
    expect(&f, GREBE_EXPOSITION_OPENMETRICS,
           "# HELP test_attempt_started What \\\"this\\\" is\\\\was\\nfor\n"
           "# TYPE test_attempt_started counter\n"
           "test_attempt_started_total{grpc_target=\"dns:///host:443\",test_x=\"v\"} 3\n"
           "# HELP test_sent_bytes What \\\"this\\\" is\\\\was\\nfor\n"
           "# TYPE test_sent_bytes counter\n"
           "# UNIT test_sent_bytes bytes\n"
           "test_sent_bytes_total{grpc_target=\"dns:///host:443\",test_x=\"v\"} 4096\n"
           "# EOF\n");
    figures_fini(&f);
}

TEST(histogram_has_buckets_that_add_up)
{
    struct figures f;
    void *series;

    figures_init(&f, NULL);
    series = open_series(&f, &spread, "");
    f.recorder->ops->record(f.recorder, series, 0.0005);
    f.recorder->ops->record(f.recorder, series, 0.25);
    f.recorder->ops->record(f.recorder, series, 0.5);
    f.recorder->ops->record(f.recorder, series, 7);
    expect(&f, GREBE_EXPOSITION_PROMETHEUS,
           "# HELP test_attempt_duration_seconds Time\n"
           "# TYPE test_attempt_duration_seconds histogram\n"
           "test_attempt_duration_seconds_bucket{le=\"0.001\"} 1\n"
           "test_attempt_duration_seconds_bucket{le=\"1.0\"} 3\n"
           "test_attempt_duration_seconds_bucket{le=\"+Inf\"} 4\n"
           "test_attempt_duration_seconds_sum 7.7504999999999997\n"
           "test_attempt_duration_seconds_count 4\n");
    figures_fini(&f);
}

TEST(gauges_have_no_total_and_units_stand_once)
{
    struct figures f;

    figures_init(&f, NULL);
    add(&f, &balance, -2);
    f.recorder->ops->set(f.recorder, open_series(&f, &level, "v"), 0.5);
    f.recorder->ops->set(f.recorder, open_series(&f, &named_by_unit, "v"), 12);
    expect(&f, GREBE_EXPOSITION_PROMETHEUS,
           "# HELP test_open What \"this\" is\\\\was\\nfor\n"
           "# TYPE test_open gauge\n"
           "test_open{grpc_target=\"dns:///host:443\",test_x=\"v\"} -2\n"
           "# HELP test_level_ratio What \"this\" is\\\\was\\nfor\n"
           "# TYPE test_level_ratio gauge\n"
           "test_level_ratio{grpc_target=\"dns:///host:443\",test_x=\"v\"} 0.5\n"
           "# HELP test_age_seconds What \"this\" is\\\\was\\nfor\n"
           "# TYPE test_age_seconds gauge\n"
           "test_age_seconds{grpc_target=\"dns:///host:443\",test_x=\"v\"} 12.0\n");
    figures_fini(&f);
}

TEST(values_of_labels_are_escaped_and_repaired)
{
    struct figures f;
    void *series;

    figures_init(&f, NULL);
    series = open_series(&f, &counter, "a\\b\"c\nd \xc3\xa9 \xff\xc3");
    f.recorder->ops->add(f.recorder, series, 1);
    assert_non_null(
        strstr(figures_exposition(&f, GREBE_EXPOSITION_PROMETHEUS),
               "test_x=\"a\\\\b\\\"c\\nd \xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd\"} 1\n"));
    figures_fini(&f);
}

TEST(families_stand_once_whatever_the_order_of_recording)
{
    struct figures f;
    const char *text;

    figures_init(&f, NULL);
    f.recorder->ops->add(f.recorder, open_series(&f, &counter, "1"), 1);
    f.recorder->ops->add(f.recorder, open_series(&f, &bytes, "1"), 1);
    f.recorder->ops->add(f.recorder, open_series(&f, &counter, "2"), 1);
    text = figures_exposition(&f, GREBE_EXPOSITION_PROMETHEUS);
    text = strstr(text, "# TYPE test_attempt_started_total");
    assert_non_null(text);
    assert_null(strstr(text + 1, "# TYPE test_attempt_started_total"));
    figures_fini(&f);
}

TEST(nothing_recorded_is_nothing_written)
{
    struct figures f;

    figures_init(&f, NULL);
    expect(&f, GREBE_EXPOSITION_PROMETHEUS, "");
    expect(&f, GREBE_EXPOSITION_OPENMETRICS, "# EOF\n");
    figures_fini(&f);
}

static void count_bytes(void *arg, const char *text, size_t length)
{
    (void)text;
    assert_true(length > 0);
    *(size_t *)arg += length;
}

TEST(text_larger_than_any_buffer_comes_in_pieces)
{
    size_t n = 0, whole;
    char small[10];
    struct figures f;

    figures_init(&f, NULL);
    for (int i = 0; i < 200; i++) {
        char value[24];

        snprintf(value, sizeof value, "value %d", i);
        f.recorder->ops->add(f.recorder, open_series(&f, &counter, value), i);
    }
    grebe_memory_recorder_write(f.memory, GREBE_EXPOSITION_PROMETHEUS, count_bytes, &n);
    assert_true(n > 10000);
    whole = grebe_memory_recorder_format(f.memory, GREBE_EXPOSITION_PROMETHEUS, small,
                                         sizeof small);
    assert_int_equal(whole, n);
    assert_string_equal(small, "# HELP te");
    assert_int_equal(
        grebe_memory_recorder_format(f.memory, GREBE_EXPOSITION_PROMETHEUS, NULL, 0), n);
    figures_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counter_ends_in_total),
        cmocka_unit_test(histogram_has_buckets_that_add_up),
        cmocka_unit_test(gauges_have_no_total_and_units_stand_once),
        cmocka_unit_test(values_of_labels_are_escaped_and_repaired),
        cmocka_unit_test(families_stand_once_whatever_the_order_of_recording),
        cmocka_unit_test(nothing_recorded_is_nothing_written),
        cmocka_unit_test(text_larger_than_any_buffer_comes_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
