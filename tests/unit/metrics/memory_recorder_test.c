/* SPDX-License-Identifier: Apache-2.0 */
/* What a memory recorder keeps, and for how long.  Channels are played by hand. */
#include "support/test.h"

#include "support/figures.h"

static const char *const labels[] = {"grpc.target"};
static const char *const optional_labels[] = {"test.x", "test.y"};
static const double bounds[] = {1, 2.5, 10};

static const struct grebe_instrument counter = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_COUNTER,
    .name = "test.counter",
    .description = "for tests",
    .unit = "{thing}",
    .labels = labels,
    .n_labels = 1,
    .optional_labels = optional_labels,
    .n_optional_labels = 2,
};

static const struct grebe_instrument balance = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_UP_DOWN_COUNTER,
    .name = "test.balance",
    .description = "for tests",
    .unit = "{thing}",
    .is_on_by_default = true,
};

static const struct grebe_instrument spread = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "test.spread",
    .description = "for tests",
    .unit = "s",
    .bounds = bounds,
    .n_bounds = 3,
};

static const struct grebe_instrument level = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_GAUGE,
    .name = "test.level",
    .description = "for tests",
    .unit = "1",
};

/* A series as a channel opens it; NULL: the recorder does not want it. */
static void *open_series(struct grebe_recorder *recorder,
                         const struct grebe_instrument *instrument,
                         const char *const *values, bool is_shared)
{
    const struct grebe_series_info info = {instrument, values, is_shared};
    void *series;

    return recorder->ops->open(recorder, &info, &series) ? series : NULL;
}

static void *open_counter(struct figures *f, const char *target, const char *x)
{
    const char *const values[] = {target, x, "y"};

    return open_series(f->recorder, &counter, values, false);
}

static void add(struct figures *f, void *series, int64_t by)
{
    f->recorder->ops->add(f->recorder, series, by);
}

static void close_series(struct figures *f, void *series)
{
    f->recorder->ops->close(f->recorder, series);
}

/* ---- Labels ------------------------------------------------------------------------------ */

TEST(each_set_of_values_counts_for_itself)
{
    struct figures f;

    figures_init(&f, NULL);
    add(&f, open_counter(&f, "a", "1"), 1);
    add(&f, open_counter(&f, "b", "1"), 10);
    add(&f, open_counter(&f, "a", "2"), 100);
    assert_string_equal(figures_of(&f, "test.counter"), "a,1,y 1; b,1,y 10; a,2,y 100");
    figures_fini(&f);
}

TEST(series_that_differ_in_a_label_not_kept_are_one)
{
    static const char *const kept[] = {"test.y", NULL};
    struct figures f;

    figures_init(&f, kept);
    add(&f, open_counter(&f, "a", "1"), 1);
    add(&f, open_counter(&f, "a", "2"), 10);
    assert_string_equal(figures_of(&f, "test.counter"), "a,y 11");
    figures_fini(&f);
}

static bool is_a(void *arg, const char *target)
{
    (void)arg;
    return strcmp(target, "a") == 0;
}

TEST(targets_that_are_not_kept_are_other)
{
    struct grebe_memory_recorder_options options = GREBE_MEMORY_RECORDER_OPTIONS_INIT;
    static const char *const all[] = {"*"};
    struct figures f;

    options.mem = test_mem_init(&f.mem);
    options.enables = all;
    options.n_enables = 1;
    options.keeps_target = is_a;
    assert_int_equal(grebe_memory_recorder_new(&options, &f.memory), GREBE_OK);
    f.recorder = grebe_memory_recorder_base(f.memory);
    add(&f, open_counter(&f, "a", ""), 1);
    add(&f, open_counter(&f, "b", ""), 10);
    add(&f, open_counter(&f, "c", ""), 100);
    assert_string_equal(figures_of(&f, "test.counter"), "a 1; other 110");
    figures_fini(&f);
}

/* ---- Which instruments ------------------------------------------------------------------- */

static bool is_kept(const struct grebe_memory_recorder_options *options,
                    const struct grebe_instrument *instrument)
{
    const char *const values[] = {"", "", ""};
    struct grebe_memory_recorder *memory;
    bool result;

    assert_int_equal(grebe_memory_recorder_new(options, &memory), GREBE_OK);
    result = open_series(grebe_memory_recorder_base(memory), instrument, values, false) !=
             NULL;
    grebe_memory_recorder_unref(memory);
    return result;
}

TEST(what_is_on_by_default_is_kept_and_more_on_request)
{
    struct grebe_memory_recorder_options options = GREBE_MEMORY_RECORDER_OPTIONS_INIT;
    static const char *const enables[] = {"test.cou*", "test.level"};
    static const char *const disables[] = {"test.level", "test.bal*"};

    assert_true(is_kept(NULL, &balance));
    assert_false(is_kept(NULL, &counter));
    options.enables = enables;
    options.n_enables = 2;
    assert_true(is_kept(&options, &balance));
    assert_true(is_kept(&options, &counter));
    assert_true(is_kept(&options, &level));
    assert_false(is_kept(&options, &spread));
    options.disables = disables;
    options.n_disables = 2;
    assert_false(is_kept(&options, &balance));
    assert_true(is_kept(&options, &counter));
    assert_false(is_kept(&options, &level));
}

/* ---- Kinds ------------------------------------------------------------------------------- */

static void copy_buckets(void *arg, const struct grebe_figures *figures)
{
    memcpy(arg, figures->buckets, 4 * sizeof figures->buckets[0]);
}

TEST(bucket_of_a_value_ends_at_its_bound)
{
    static const double values[] = {0, 1, 1.0000001, 2.5, 3, 9.99, 10, 10.01, 1e9, -1};
    for (int is_shared = 0; is_shared < 2; is_shared++) {
        struct figures f;
        uint64_t buckets[4];
        void *series;

        figures_init(&f, NULL);
        series = open_series(f.recorder, &spread, NULL, is_shared != 0);
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
            f.recorder->ops->record(f.recorder, series, values[i]);
        grebe_memory_recorder_each(f.memory, copy_buckets, buckets);
        assert_int_equal(buckets[0], 3);
        assert_int_equal(buckets[1], 2);
        assert_int_equal(buckets[2], 3);
        assert_int_equal(buckets[3], 2);
        assert_string_equal(figures_of(&f, "test.spread"), "10/1e+09");
        figures_fini(&f);
    }
}

TEST(gauge_is_its_last_value_while_its_channel_lives)
{
    struct figures f;
    void *series;

    figures_init(&f, NULL);
    series = open_series(f.recorder, &level, NULL, false);
    f.recorder->ops->set(f.recorder, series, 3);
    f.recorder->ops->set(f.recorder, series, 0.5);
    assert_string_equal(figures_of(&f, "test.level"), "0.5");
    close_series(&f, series);
    assert_string_equal(figures_of(&f, "test.level"), "");
    figures_fini(&f);
}

/* ---- Channels come and go ------------------------------------------------------------------ */

TEST(figures_of_a_channel_outlive_it)
{
    struct figures f;
    void *first, *second;

    figures_init(&f, NULL);
    first = open_counter(&f, "a", "");
    add(&f, first, 5);
    close_series(&f, first);
    assert_string_equal(figures_of(&f, "test.counter"), "a,,y 5");
    second = open_counter(&f, "a", "");
    add(&f, second, 1);
    assert_string_equal(figures_of(&f, "test.counter"), "a,,y 6");
    figures_fini(&f);
}

TEST(channels_with_the_same_labels_are_told_as_one)
{
    struct figures f;
    void *first, *second;

    figures_init(&f, NULL);
    first = open_series(f.recorder, &balance, NULL, false);
    second = open_series(f.recorder, &balance, NULL, false);
    assert_ptr_not_equal(first, second);
    add(&f, first, 3);
    add(&f, second, 4);
    add(&f, first, -1);
    assert_string_equal(figures_of(&f, "test.balance"), "6");
    figures_fini(&f);
}

TEST(memory_does_not_grow_with_channels_that_are_gone)
{
    struct figures f;
    uint32_t n_live;

    figures_init(&f, NULL);
    close_series(&f, open_counter(&f, "a", ""));
    n_live = f.mem.n_live;
    for (int i = 0; i < 100; i++) {
        void *series = open_counter(&f, "a", "");

        add(&f, series, 1);
        close_series(&f, series);
    }
    assert_int_equal(f.mem.n_live, n_live);
    assert_string_equal(figures_of(&f, "test.counter"), "a,,y 100");
    figures_fini(&f);
}

/* ---- Out of memory -------------------------------------------------------------------------- */

TEST(without_memory_a_series_is_not_kept_and_the_rest_is)
{
    bool has_failed = true;

    for (uint32_t fail_at = 1; has_failed; fail_at++) {
        struct grebe_memory_recorder_options options = GREBE_MEMORY_RECORDER_OPTIONS_INIT;
        static const char *const all[] = {"*"}, *const none[] = {"none"};
        struct figures f;
        void *series;

        options.mem = test_mem_init(&f.mem);
        options.enables = options.optional_labels = all;
        options.disables = none;
        options.n_enables = options.n_optional_labels = options.n_disables = 1;
        f.mem.fail_at = fail_at;
        if (grebe_memory_recorder_new(&options, &f.memory) == GREBE_OK) {
            f.recorder = grebe_memory_recorder_base(f.memory);
            series = open_counter(&f, "a", "");
            if (series != NULL)
                add(&f, series, 1);
            assert_int_equal(series == NULL, f.mem.has_failed);
            f.mem.fail_at = 0;
            assert_non_null(open_counter(&f, "a", ""));
            assert_string_equal(figures_of(&f, "test.counter"),
                                series == NULL ? "a,,y 0" : "a,,y 1");
            figures_fini(&f);
        }
        has_failed = f.mem.has_failed;
        assert_int_equal(f.mem.n_live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_set_of_values_counts_for_itself),
        cmocka_unit_test(series_that_differ_in_a_label_not_kept_are_one),
        cmocka_unit_test(targets_that_are_not_kept_are_other),
        cmocka_unit_test(what_is_on_by_default_is_kept_and_more_on_request),
        cmocka_unit_test(bucket_of_a_value_ends_at_its_bound),
        cmocka_unit_test(gauge_is_its_last_value_while_its_channel_lives),
        cmocka_unit_test(figures_of_a_channel_outlive_it),
        cmocka_unit_test(channels_with_the_same_labels_are_told_as_one),
        cmocka_unit_test(memory_does_not_grow_with_channels_that_are_gone),
        cmocka_unit_test(without_memory_a_series_is_not_kept_and_the_rest_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
