/* SPDX-License-Identifier: Apache-2.0 */
/* The estimate of an endpoint's answers, and what a call to it costs, in the numbers of
 * tower and of linkerd. */
#include "support/test.h"

#include <math.h>

#include "balancer/p2c_load.h"
#include "base/assert.h"

static const double rate = 1 / 10e9; /* a decay of 10 s */

/* To the six digits that the numbers are given with. */
static void expect_ms(double found_ns, double expected_ms)
{
    if (fabs(found_ns / 1e6 - expected_ms) > 5e-7)
        fail_msg("%.9f ms instead of %.9f", found_ns / 1e6, expected_ms);
}

static struct grebe__peak_ewma guess(double first_ns, uint64_t at_ns)
{
    return (struct grebe__peak_ewma){first_ns, at_ns, true};
}

TEST(estimate_fades_while_nobody_answers)
{
    struct grebe__peak_ewma ewma = guess(30e6, 100 * SECOND);

    expect_ms(grebe__peak_ewma_read(&ewma, 100 * SECOND, rate), 30);
    expect_ms(grebe__peak_ewma_read(&ewma, 101 * SECOND, rate), 27.145122540);
    expect_ms(grebe__peak_ewma_read(&ewma, 110 * SECOND, rate), 11.036383235);
    expect_ms(grebe__peak_ewma_read(&ewma, 101 * SECOND, rate),
              27.145122540); /* changed nothing */
    grebe__peak_ewma_observe(&ewma, 5e6, 110 * SECOND, rate);
    expect_ms(grebe__peak_ewma_read(&ewma, 110 * SECOND, rate), 14.196986029);
}

TEST(peaks_are_believed_at_once_and_better_news_slowly)
{
    struct grebe__peak_ewma ewma = guess(30e6, 0);

    grebe__peak_ewma_observe(&ewma, 100e6, 0, rate);
    expect_ms(grebe__peak_ewma_read(&ewma, 0, rate), 100);
    grebe__peak_ewma_observe(&ewma, 20e6, 2 * SECOND, rate);
    expect_ms(grebe__peak_ewma_read(&ewma, 2 * SECOND, rate), 85.498460);
    grebe__peak_ewma_observe(&ewma, 20e6, 7 * SECOND, rate);
    expect_ms(grebe__peak_ewma_read(&ewma, 7 * SECOND, rate), 59.726824);
    expect_ms(grebe__peak_ewma_read(&ewma, 17 * SECOND, rate), 21.972271);
}

TEST(short_decay_fades_fast)
{
    struct grebe__peak_ewma ewma = guess(10e6, 0);

    expect_ms(grebe__peak_ewma_read(&ewma, 100 * MS, 1e-9), 9.048374);
    expect_ms(grebe__peak_ewma_read(&ewma, 200 * MS, 1e-9), 8.187308);
}

TEST(clock_that_runs_backwards_stands_still)
{
    struct grebe__peak_ewma ewma = guess(30e6, 10 * SECOND);

    expect_ms(grebe__peak_ewma_read(&ewma, 5 * SECOND, rate), 30);
    grebe__peak_ewma_observe(&ewma, 40e6, 5 * SECOND, rate);
    expect_ms(grebe__peak_ewma_read(&ewma, 10 * SECOND, rate), 40);
    expect_ms(grebe__peak_ewma_read(&ewma, 11 * SECOND, rate), 36.193496721);
}

/* ---- Others ---------------------------------------------------------------------------- */

TEST(who_never_had_an_answer_believes_others)
{
    struct grebe__peak_ewma mine = guess(30e6, 0), other = guess(99e6, SECOND);

    grebe__peak_ewma_hear(&mine, &other, rate);
    assert_true(mine.is_guess);
    expect_ms(grebe__peak_ewma_read(&mine, 0, rate), 30); /* a guess is no news */
    grebe__peak_ewma_observe(&other, 5e6, SECOND, rate);
    grebe__peak_ewma_hear(&mine, &other, rate);
    assert_false(mine.is_guess);
    assert_true(mine.estimate_ns == other.estimate_ns);
    assert_int_equal(mine.at_ns, SECOND);
}

/* As if it were an answer: peaks at once, and better news slowly. */
TEST(later_news_of_others_count_like_an_answer)
{
    struct grebe__peak_ewma mine = {100e6, 0, false}, other = {20e6, 2 * SECOND, false};

    grebe__peak_ewma_hear(&mine, &other, rate);
    expect_ms(grebe__peak_ewma_read(&mine, 2 * SECOND, rate), 85.498460);
    grebe__peak_ewma_hear(&mine, &other, rate); /* heard that already */
    expect_ms(grebe__peak_ewma_read(&mine, 2 * SECOND, rate), 85.498460);
    other = (struct grebe__peak_ewma){300e6, 3 * SECOND, false};
    grebe__peak_ewma_hear(&mine, &other, rate);
    expect_ms(grebe__peak_ewma_read(&mine, 3 * SECOND, rate), 300);
}

TEST(old_news_of_others_do_not_count)
{
    struct grebe__peak_ewma mine = {50e6, 2 * SECOND, false},
                            other = {90e6, SECOND, false};

    grebe__peak_ewma_hear(&mine, &other, rate);
    assert_true(mine.estimate_ns == 50e6);
    assert_int_equal(mine.at_ns, 2 * SECOND);
}

/* ---- Costs ---------------------------------------------------------------------------- */

/* As a book makes it. */
static struct grebe__p2c_load *new_load(const struct grebe__p2c_config *config)
{
    struct grebe__p2c_load *load = grebe__line_alloc(NULL, sizeof *load);
    struct grebe__crew *crew = grebe__crew_new(NULL, sizeof(struct grebe__p2c_rules));

    memset(load, 0, sizeof *load);
    grebe__load_views_init(load->base.views, crew);
    grebe__p2c_rules_set(grebe__p2c_rules_of(crew), config);
    grebe__p2c_load_init(load, config, 0);
    return load;
}

static void free_load(struct grebe__p2c_load *load)
{
    grebe__crew_unref(load->base.views[0].view.crew);
    grebe__line_free(NULL, load);
}

static struct grebe__p2c_view *view_of(struct grebe__p2c_load *load)
{
    return grebe__p2c_view_of(grebe__endpoint_load_view(&load->base));
}

static void begin(struct grebe__p2c_load *load, uint32_t n)
{
    while (n-- > 0) {
        struct grebe_pick call;

        grebe_pick_init(&call);
        call.kind = GREBE_PICK_COMPLETE;
        assert_true(
            grebe__load_view_begin(&view_of(load)->base, &call, grebe__p2c_load_done));
    }
}

static void end_with(struct grebe__p2c_load *load, int code, uint64_t took_ms,
                     uint64_t now_ns, const char *hint)
{
    struct grebe_metadata *trailers = grebe_metadata_new(NULL);
    struct grebe_status status = grebe_status_of(code, "");
    const struct grebe_done_info info = {
        .status = &status,
        .trailers = trailers,
        .now_ns = now_ns,
        .latency_ns = took_ms * MS,
    };

    if (hint != NULL)
        assert_int_equal(
            grebe_metadata_add(trailers, "grpc-retry-pushback-ms", hint, strlen(hint)),
            GREBE_OK);
    grebe__p2c_load_done(view_of(load), &info);
    grebe_metadata_unref(trailers);
}

static void end(struct grebe__p2c_load *load, uint64_t took_ms, uint64_t now_ns)
{
    end_with(load, GREBE_STATUS_OK, took_ms, now_ns, NULL);
}

static double cost(struct grebe__p2c_load *load, const struct grebe__p2c_config *config,
                   uint64_t now_ns)
{
    return grebe__p2c_cost(view_of(load), config, 0, now_ns);
}

TEST(cost_grows_with_calls_in_flight)
{
    struct grebe__p2c_load *load = new_load(&grebe__p2c_defaults);

    begin(load, 3);
    end(load, 100, 0);
    begin(load, 1);
    end(load, 20, 2 * SECOND);
    begin(load, 1);
    end(load, 20, 7 * SECOND);
    begin(load, 1);
    assert_int_equal(grebe__endpoint_load_in_flight(&load->base), 3);
    expect_ms(cost(load, &grebe__p2c_defaults, 17 * SECOND), 87.889083);
    free_load(load);
}

TEST(slow_answer_counts_twice_while_another_is_waited_for)
{
    struct grebe__p2c_config config = grebe__p2c_defaults;
    struct grebe__p2c_load *load;

    config.default_rtt_ns = 20 * (int64_t)MS;
    load = new_load(&config);
    begin(load, 2);
    end(load, 200, 200 * MS);
    expect_ms(cost(load, &config, 200 * MS), 400);
    end(load, 200, 200 * MS);
    expect_ms(cost(load, &config, 200 * MS), 200);
    free_load(load);
}

TEST(pending_is_nothing_but_that)
{
    struct grebe__p2c_config config = grebe__p2c_defaults;
    struct grebe__p2c_load *load;

    config.metric = GREBE__P2C_PENDING;
    load = new_load(&config);
    begin(load, 2);
    assert_true(cost(load, &config, 0) == 3);
    end(load, 10000, 0);
    assert_true(cost(load, &config, 0) == 2);
    free_load(load);
}

/* An idle backend may say that it has nothing to do; calls there are counted all the
 * same. */
TEST(utilization_is_never_nothing)
{
    struct grebe__p2c_config config = grebe__p2c_defaults;
    struct grebe__p2c_load *load;

    config.metric = GREBE__P2C_ORCA_UTILIZATION;
    load = new_load(&config);
    assert_true(grebe__p2c_cost(view_of(load), &config, 0, 0) == 0.01);
    begin(load, 2);
    assert_true(grebe__p2c_cost(view_of(load), &config, 0.001, 0) == 0.01 * 3);
    assert_true(grebe__p2c_cost(view_of(load), &config, 0.25, 0) == 0.75); /* the mean */
    free_load(load);
}

/* Finagle's way with who never answered: one call, and then a cost beyond all others. */
TEST(unproven_endpoint_may_be_probed_once)
{
    struct grebe__p2c_config config = grebe__p2c_defaults;
    struct grebe__p2c_load *load;

    config.probes_once = true;
    load = new_load(&config);
    assert_true(cost(load, &config, 0) == 0);
    begin(load, 1);
    assert_true(cost(load, &config, 0) == 140737488355328.0);
    begin(load, 1);
    assert_true(cost(load, &config, 0) == 140737488355329.0);
    end(load, 40, 0);
    expect_ms(cost(load, &config, 0), 80);
    free_load(load);
}

/* ---- Answers --------------------------------------------------------------------------- */

/* Of a call that took 90 ms, with its headers after 40 ms or without any. */
static double estimate_ms(enum grebe__p2c_until until, bool is_streaming,
                          uint64_t headers_ns)
{
    const struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info info = {
        .status = &ok,
        .latency_ns = 90 * MS,
        .headers_ns = headers_ns,
        .is_streaming = is_streaming,
    };
    struct grebe__p2c_config config = grebe__p2c_defaults;
    struct grebe__p2c_load *load;
    double found;

    config.until = until;
    load = new_load(&config);
    begin(load, 1);
    grebe__p2c_load_done(view_of(load), &info);
    found = cost(load, &config, 0);
    free_load(load);
    return found / 1e6;
}

TEST(answer_of_a_stream_is_its_headers_unless_the_config_says_otherwise)
{
    assert_true(estimate_ms(GREBE__P2C_AUTO, false, 40 * MS) == 90);
    assert_true(estimate_ms(GREBE__P2C_AUTO, true, 40 * MS) == 40);
    assert_true(estimate_ms(GREBE__P2C_HEADERS, false, 40 * MS) == 40);
    assert_true(estimate_ms(GREBE__P2C_HEADERS, true, 40 * MS) == 40);
    assert_true(estimate_ms(GREBE__P2C_END, false, 40 * MS) == 90);
    assert_true(estimate_ms(GREBE__P2C_END, true, 40 * MS) == 90);
}

TEST(answer_without_headers_is_there_at_the_end)
{
    assert_true(estimate_ms(GREBE__P2C_AUTO, true, 0) == 90);
    assert_true(estimate_ms(GREBE__P2C_HEADERS, false, 0) == 90);
}

/* ---- Failures ------------------------------------------------------------------------- */

static const struct {
    int code;
    const char *hint;
    double expected_ms;
} failures[] = {
    {GREBE_STATUS_OK, NULL, 30},
    {GREBE_STATUS_NOT_FOUND, NULL, 30}, /* the caller's doing */
    {GREBE_STATUS_RESOURCE_EXHAUSTED, NULL, 5000},
    {GREBE_STATUS_UNAVAILABLE, NULL, 5000},
    {GREBE_STATUS_UNKNOWN, NULL, 5000},
    {GREBE_STATUS_DEADLINE_EXCEEDED, NULL, 5000},
    {GREBE_STATUS_INTERNAL, NULL, 5000},
    {GREBE_STATUS_DATA_LOSS, NULL, 5000},
    {GREBE_STATUS_UNAVAILABLE, "7000", 7000},
    {GREBE_STATUS_UNAVAILABLE, "100", 5000},
    {GREBE_STATUS_UNAVAILABLE, "900000", 300000},
    {GREBE_STATUS_UNAVAILABLE, "99999999999999999999999999", 300000},
    {GREBE_STATUS_UNAVAILABLE, "-1", 5000},
    {GREBE_STATUS_UNAVAILABLE, "soon", 5000},
    {GREBE_STATUS_OK, "7000", 30},
};

TEST(failures_count_as_slow_answers_if_that_is_wanted)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(failures); i++) {
        struct grebe__p2c_config config = grebe__p2c_defaults;

        for (unsigned is_on = 0; is_on < 2; is_on++) {
            struct grebe__p2c_load *load;

            config.failure_penalty_ns = is_on ? (int64_t)(5 * SECOND) : 0;
            load = new_load(&config);
            begin(load, 1);
            end_with(load, failures[i].code, 1, 0, failures[i].hint);
            expect_ms(cost(load, &config, 0), is_on ? failures[i].expected_ms : 30);
            free_load(load);
        }
    }
}

TEST(penalty_never_makes_an_endpoint_cheaper)
{
    struct grebe__p2c_config config = grebe__p2c_defaults;
    struct grebe__p2c_load *load;
    double before;

    config.failure_penalty_ns = (int64_t)(5 * SECOND);
    load = new_load(&config);
    begin(load, 2);
    end(load, 20000, 0);
    before = cost(load, &config, 20 * SECOND) / 2;
    end_with(load, GREBE_STATUS_UNAVAILABLE, 1, 20 * SECOND, NULL);
    assert_true(cost(load, &config, 20 * SECOND) >= before);
    free_load(load);
}

TEST(calls_that_were_given_up_say_nothing)
{
    struct grebe__p2c_load *load = new_load(&grebe__p2c_defaults);
    struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info lost = {
        .status = &ok, .latency_ns = 90 * SECOND, .is_discarded = true};

    begin(load, 2);
    end_with(load, GREBE_STATUS_CANCELLED, 90000, 0, NULL);
    grebe__p2c_load_done(view_of(load), &lost);
    assert_int_equal(grebe__endpoint_load_in_flight(&load->base), 0);
    expect_ms(cost(load, &grebe__p2c_defaults, 0), 30);
    free_load(load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            answer_of_a_stream_is_its_headers_unless_the_config_says_otherwise),
        cmocka_unit_test(answer_without_headers_is_there_at_the_end),
        cmocka_unit_test(estimate_fades_while_nobody_answers),
        cmocka_unit_test(peaks_are_believed_at_once_and_better_news_slowly),
        cmocka_unit_test(short_decay_fades_fast),
        cmocka_unit_test(clock_that_runs_backwards_stands_still),
        cmocka_unit_test(who_never_had_an_answer_believes_others),
        cmocka_unit_test(later_news_of_others_count_like_an_answer),
        cmocka_unit_test(old_news_of_others_do_not_count),
        cmocka_unit_test(cost_grows_with_calls_in_flight),
        cmocka_unit_test(slow_answer_counts_twice_while_another_is_waited_for),
        cmocka_unit_test(pending_is_nothing_but_that),
        cmocka_unit_test(utilization_is_never_nothing),
        cmocka_unit_test(unproven_endpoint_may_be_probed_once),
        cmocka_unit_test(failures_count_as_slow_answers_if_that_is_wanted),
        cmocka_unit_test(penalty_never_makes_an_endpoint_cheaper),
        cmocka_unit_test(calls_that_were_given_up_say_nothing),
    };

    return cmocka_run_group_tests_name("peak_ewma", tests, NULL, NULL);
}
