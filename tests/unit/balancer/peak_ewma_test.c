/* SPDX-License-Identifier: Apache-2.0 */
/* The estimate of an endpoint's answers, and what a call to it costs, in the numbers of
 * tower and of linkerd. */
#include "support/test.h"

#include <math.h>
#include <pthread.h>

#include "balancer/p2c_load.h"
#include "base/assert.h"
#include "base/rng.h"

static struct grebe__fading fading; /* a decay of 10 s */

static int begin_to_fade(void **state)
{
    (void)state;
    fading = (struct grebe__fading){0};
    grebe__fading_set(&fading, 10 * (int64_t)SECOND, 0);
    return 0;
}

/* To the six digits that the numbers are given with. */
static void expect_ms(double found_ns, double expected_ms)
{
    if (fabs(found_ns / 1e6 - expected_ms) > 5e-7)
        fail_msg("%.9f ms instead of %.9f", found_ns / 1e6, expected_ms);
}

static struct grebe__peak_ewma guess(double first_ns, uint64_t at_ns)
{
    struct grebe__peak_ewma ewma;

    grebe__peak_ewma_init(&ewma, first_ns, &fading, at_ns);
    return ewma;
}

/* The first answer is the estimate. */
static struct grebe__peak_ewma answered(double took_ns, uint64_t at_ns)
{
    struct grebe__peak_ewma ewma = guess(0, at_ns);

    grebe__peak_ewma_observe(&ewma, took_ns, &fading, at_ns);
    return ewma;
}

static void observe(struct grebe__peak_ewma *ewma, double took_ns, uint64_t at_ns)
{
    grebe__peak_ewma_observe(ewma, took_ns, &fading, at_ns);
}

static double read(const struct grebe__peak_ewma *ewma, uint64_t now_ns)
{
    return grebe__peak_ewma_read(ewma, &fading, now_ns);
}

TEST(estimate_fades_while_nobody_answers)
{
    struct grebe__peak_ewma ewma = guess(30e6, 100 * SECOND);

    expect_ms(read(&ewma, 100 * SECOND), 30);
    expect_ms(read(&ewma, 101 * SECOND), 27.145122540);
    expect_ms(read(&ewma, 110 * SECOND), 11.036383235);
    expect_ms(read(&ewma, 101 * SECOND), 27.145122540); /* changed nothing */
    observe(&ewma, 5e6, 110 * SECOND);
    expect_ms(read(&ewma, 110 * SECOND), 14.196986029);
}

TEST(peaks_are_believed_at_once_and_better_news_slowly)
{
    struct grebe__peak_ewma ewma = guess(30e6, 0);

    observe(&ewma, 100e6, 0);
    expect_ms(read(&ewma, 0), 100);
    observe(&ewma, 20e6, 2 * SECOND);
    expect_ms(read(&ewma, 2 * SECOND), 85.498460);
    observe(&ewma, 20e6, 7 * SECOND);
    expect_ms(read(&ewma, 7 * SECOND), 59.726824);
    expect_ms(read(&ewma, 17 * SECOND), 21.972271);
}

TEST(short_decay_fades_fast)
{
    struct grebe__peak_ewma ewma;

    fading = (struct grebe__fading){0};
    grebe__fading_set(&fading, (int64_t)SECOND, 0);
    ewma = guess(10e6, 0);
    expect_ms(read(&ewma, 100 * MS), 9.048374);
    expect_ms(read(&ewma, 200 * MS), 8.187308);
}

TEST(clock_that_runs_backwards_stands_still)
{
    struct grebe__peak_ewma ewma = guess(30e6, 10 * SECOND);

    expect_ms(read(&ewma, 5 * SECOND), 30);
    observe(&ewma, 40e6, 5 * SECOND);
    expect_ms(read(&ewma, 10 * SECOND), 40);
    expect_ms(read(&ewma, 11 * SECOND), 36.193496721);
}

/* ---- Eras ------------------------------------------------------------------------------ */

enum { ERA_S = 640 };

TEST(estimate_fades_through_landmarks)
{
    struct grebe__peak_ewma ewma = answered(100e6, (ERA_S - 10) * SECOND);

    expect_ms(read(&ewma, ERA_S * SECOND - 1), 36.787944121);
    expect_ms(read(&ewma, ERA_S * SECOND), 36.787944117);
    expect_ms(read(&ewma, (ERA_S + 10) * SECOND), 13.533528324);
    observe(&ewma, 20e6, (ERA_S + 10) * SECOND);
    expect_ms(read(&ewma, (ERA_S + 10) * SECOND), 30.826822659);
    expect_ms(read(&ewma, 100 * ERA_S * SECOND), 0);
    observe(&ewma, 20e6, 100 * ERA_S * SECOND);
    expect_ms(read(&ewma, 100 * ERA_S * SECOND), 20);
}

TEST(clock_stands_still_before_a_landmark_as_well)
{
    struct grebe__peak_ewma ewma = answered(30e6, (ERA_S + 10) * SECOND);

    expect_ms(read(&ewma, (ERA_S - 1) * SECOND), 30);
    observe(&ewma, 20e6, (ERA_S - 1) * SECOND);
    expect_ms(read(&ewma, (ERA_S + 10) * SECOND), 30);
    observe(&ewma, 40e6, (ERA_S - 1) * SECOND);
    expect_ms(read(&ewma, (ERA_S + 10) * SECOND), 40);
}

/* As the head of the file has it, step by step. */
struct model {
    double estimate_ns;
    uint64_t at_ns;
};

static double model_read(const struct model *model, uint64_t now_ns, double decay_ns)
{
    return model->estimate_ns * exp(-(double)(now_ns - model->at_ns) / decay_ns);
}

static void model_observe(struct model *model, double took_ns, uint64_t now_ns,
                          double decay_ns)
{
    double left = exp(-(double)(now_ns - model->at_ns) / decay_ns);

    model->estimate_ns = took_ns > model->estimate_ns
                             ? took_ns
                             : model->estimate_ns * left + took_ns * (1 - left);
    model->at_ns = now_ns;
}

/* Answers close together, and now and then none for up to four eras. */
TEST(any_answers_give_what_they_give_step_by_step)
{
    static const double decay_ns = 10e9;
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (int run = 0; run < 200; run++) {
        struct grebe__peak_ewma ewma = guess(30e6, 0);
        struct model model = {30e6, 0};
        uint64_t now_ns = 0;

        for (int i = 0; i < 500; i++) {
            double took_ns = 1e6 + 100e6 * grebe__rng_unit(&rng);
            double longest_s = i % 50 == 49 ? 4 * ERA_S : 5;
            double right;

            now_ns += (uint64_t)(longest_s * 1e9 * grebe__rng_unit(&rng));
            right = model_read(&model, now_ns, decay_ns);
            assert_true(fabs(read(&ewma, now_ns) - right) <= right * 1e-9);
            model_observe(&model, took_ns, now_ns, decay_ns);
            observe(&ewma, took_ns, now_ns);
        }
    }
}

/* A hundred million answers in little time: what is rounded does not add up. */
TEST(answers_that_are_close_together_lose_nothing)
{
    struct grebe__peak_ewma ewma = answered(100e6, SECOND);

    for (uint64_t now_ns = SECOND; now_ns < 11 * SECOND; now_ns += 5000)
        observe(&ewma, 20e6, now_ns);
    assert_true(fabs(read(&ewma, 11 * SECOND) / (20e6 + 80e6 * exp(-1)) - 1) < 1e-6);
}

TEST(estimate_survives_another_decay)
{
    struct grebe__peak_ewma ewma = answered(100e6, 10 * SECOND);

    grebe__fading_set(&fading, (int64_t)SECOND, 15 * SECOND);
    expect_ms(read(&ewma, 15 * SECOND), 60.653065971);
    expect_ms(read(&ewma, 16 * SECOND), 22.313016015);
}

/* ---- Others ---------------------------------------------------------------------------- */

static void hear(struct grebe__peak_ewma *ewma, const struct grebe__peak_ewma *other)
{
    grebe__peak_ewma_hear(ewma, other);
}

TEST(who_never_had_an_answer_believes_others)
{
    struct grebe__peak_ewma mine = guess(30e6, 0), other = guess(99e6, SECOND);

    hear(&mine, &other);
    assert_true(mine.is_guess);
    expect_ms(read(&mine, 0), 30); /* a guess is no news */
    observe(&other, 5e6, SECOND);
    hear(&mine, &other);
    assert_false(mine.is_guess);
    assert_true(mine.estimate == other.estimate);
    assert_true(mine.one == other.one);
}

/* As if it were an answer: peaks at once, and better news slowly. */
TEST(later_news_of_others_count_like_an_answer)
{
    struct grebe__peak_ewma mine = answered(100e6, 0), other = answered(20e6, 2 * SECOND);

    hear(&mine, &other);
    expect_ms(read(&mine, 2 * SECOND), 85.498460);
    hear(&mine, &other); /* heard that already */
    expect_ms(read(&mine, 2 * SECOND), 85.498460);
    other = answered(300e6, 3 * SECOND);
    hear(&mine, &other);
    expect_ms(read(&mine, 3 * SECOND), 300);
}

TEST(old_news_of_others_do_not_count)
{
    struct grebe__peak_ewma mine = answered(50e6, 2 * SECOND),
                            other = answered(90e6, SECOND);

    hear(&mine, &other);
    expect_ms(read(&mine, 2 * SECOND), 50);
}

TEST(news_are_heard_across_a_landmark)
{
    struct grebe__peak_ewma mine = answered(100e6, (ERA_S - 1) * SECOND),
                            other = answered(20e6, (ERA_S + 1) * SECOND), old = mine;

    hear(&mine, &other);
    expect_ms(read(&mine, (ERA_S + 1) * SECOND), 85.498460);
    hear(&mine, &old); /* of the era before */
    expect_ms(read(&mine, (ERA_S + 1) * SECOND), 85.498460);
    mine = guess(30e6, 0);
    hear(&mine, &other);
    expect_ms(read(&mine, (ERA_S + 1) * SECOND), 20);
}

/* Another thread's numbers change while they are heard.  Whatever is heard of two answers is
 * something between nothing and the slower one. */
TEST(news_of_two_answers_at_once_are_no_worse_than_either)
{
    struct grebe__peak_ewma before = answered(20e6, SECOND),
                            after = answered(50e6, 400 * SECOND), mixed, mine;

    for (unsigned i = 0; i < 4; i++) {
        mine = answered(30e6, 0);
        mixed = (struct grebe__peak_ewma){
            .estimate = i & 1 ? after.estimate : before.estimate,
            .one = i & 2 ? after.one : before.one,
        };
        hear(&mine, &mixed);
        assert_in_range(read(&mine, 400 * SECOND), 0, 50e6);
    }
}

TEST(one_that_turns_is_not_heard)
{
    struct grebe__peak_ewma mine = answered(30e6, 0), other = answered(90e6, SECOND);

    other.estimate = other.one = 0; /* as it is between two eras */
    hear(&mine, &other);
    expect_ms(read(&mine, SECOND), 27.145122540);
    mine = guess(30e6, 0);
    hear(&mine, &other);
    assert_true(mine.is_guess);
    other.era = 1;
    assert_true(read(&other, SECOND) == 0);
}

/* ---- At once --------------------------------------------------------------------------- */

enum { ANSWERS = 200000, SLOWEST_NS = 20000000 };

static struct grebe__peak_ewma answering;
static uint64_t answered_ns; /* atomic: not before the latest answer */

/* An era is over every other time. */
static void *answer_fast(void *arg)
{
    (void)arg;
    for (uint64_t i = 1; i <= ANSWERS; i++) {
        __atomic_store_n(&answered_ns, 40 * i, __ATOMIC_RELEASE);
        observe(&answering, SLOWEST_NS - (double)(i % 100), 40 * i);
    }
    return NULL;
}

TEST(nothing_is_heard_that_was_not_so)
{
    pthread_t thread;
    uint64_t now_ns;

    fading = (struct grebe__fading){0};
    grebe__fading_set(&fading, 1, 0);
    answering = guess(SLOWEST_NS, 0);
    assert_int_equal(pthread_create(&thread, NULL, answer_fast, NULL), 0);
    do {
        struct grebe__peak_ewma mine = guess(0, 0);

        hear(&mine, &answering);
        now_ns = __atomic_load_n(&answered_ns, __ATOMIC_ACQUIRE);
        assert_true(read(&mine, now_ns) < SLOWEST_NS * 1.000001);
    } while (now_ns < (uint64_t)40 * ANSWERS);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* ---- Costs ---------------------------------------------------------------------------- */

/* As a book makes it. */
static struct grebe__p2c_load *new_load(const struct grebe__p2c_config *config)
{
    struct grebe__p2c_load *load = grebe__line_alloc(NULL, sizeof *load);
    struct grebe__crew *crew = grebe__crew_new(NULL, sizeof(struct grebe__p2c_rules));

    memset(load, 0, sizeof *load);
    grebe__load_views_init(load->base.views, crew);
    grebe__p2c_rules_set(grebe__p2c_rules_of(crew), config, 0);
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

static struct grebe__p2c_view *numbered_view(struct grebe__p2c_load *load, unsigned i)
{
    return grebe__p2c_view_of(&load->base.views[i].view);
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

/* Of a call that was begun in that view. */
static void end_of(struct grebe__p2c_view *begun, int code, uint64_t took_ms,
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
    grebe__p2c_load_done(begun, &info);
    grebe_metadata_unref(trailers);
}

static void end_with(struct grebe__p2c_load *load, int code, uint64_t took_ms,
                     uint64_t now_ns, const char *hint)
{
    end_of(view_of(load), code, took_ms, now_ns, hint);
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
static double estimate_of(enum grebe__p2c_until until, bool is_streaming,
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
    return found;
}

TEST(answer_of_a_stream_is_its_headers_unless_the_config_says_otherwise)
{
    expect_ms(estimate_of(GREBE__P2C_AUTO, false, 40 * MS), 90);
    expect_ms(estimate_of(GREBE__P2C_AUTO, true, 40 * MS), 40);
    expect_ms(estimate_of(GREBE__P2C_HEADERS, false, 40 * MS), 40);
    expect_ms(estimate_of(GREBE__P2C_HEADERS, true, 40 * MS), 40);
    expect_ms(estimate_of(GREBE__P2C_END, false, 40 * MS), 90);
    expect_ms(estimate_of(GREBE__P2C_END, true, 40 * MS), 90);
}

TEST(answer_without_headers_is_there_at_the_end)
{
    expect_ms(estimate_of(GREBE__P2C_AUTO, true, 0), 90);
    expect_ms(estimate_of(GREBE__P2C_HEADERS, false, 0), 90);
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

/* ---- Threads --------------------------------------------------------------------------- */

/* To threads that share a view an answer is lost where two come at once, and no call is. */
TEST(of_those_who_share_a_view_one_at_a_time_writes)
{
    struct grebe__p2c_load *load = new_load(&grebe__p2c_defaults);
    struct grebe__crew *crew = load->base.views[0].view.crew;
    struct grebe__p2c_view *view;

    for (unsigned i = 0; i < GREBE__CREW_OTHERS; i++)
        crew->threads[i] = i; /* all numbers are taken */
    view = view_of(load);
    assert_int_equal(view->base.number, GREBE__CREW_OTHERS);
    grebe__peak_ewma_observe(&numbered_view(load, 0)->rtt, 500e6, &fading, 0);
    begin(load, 3);
    assert_true(grebe__peak_ewma_take(&view->rtt));
    end(load, 90, 0);
    grebe__p2c_hear_the_others(view);
    expect_ms(cost(load, &grebe__p2c_defaults, 0), 3 * 30);
    grebe__peak_ewma_release(&view->rtt);
    end(load, 90, 0);
    expect_ms(cost(load, &grebe__p2c_defaults, 0), 2 * 90);
    end(load, 100, 0); /* it was given back */
    expect_ms(cost(load, &grebe__p2c_defaults, 0), 100);
    free_load(load);
}

/* Ends the call that another one began. */
TEST(answer_is_of_the_thread_that_hears_it)
{
    struct grebe__p2c_load *load = new_load(&grebe__p2c_defaults);
    struct grebe__p2c_view *mine, *first = numbered_view(load, 0);

    load->base.views[0].view.crew->threads[0] = 0; /* somebody else */
    mine = view_of(load);
    assert_int_equal(mine->base.number, 1);
    end_of(first, GREBE_STATUS_OK, 90, 0, NULL);
    expect_ms(cost(load, &grebe__p2c_defaults, 0), 90);
    assert_int_equal(mine->base.ended, 1);
    assert_true(grebe__peak_ewma_is_guess(&first->rtt));
    free_load(load);
}

TEST(answer_of_a_call_that_another_one_began_is_of_the_first_as_well)
{
    struct grebe__p2c_load *load = new_load(&grebe__p2c_defaults);

    assert_int_equal(view_of(load)->base.number, 0);
    end_of(numbered_view(load, 1), GREBE_STATUS_OK, 90, 0, NULL);
    expect_ms(cost(load, &grebe__p2c_defaults, 0), 90);
    assert_int_equal(view_of(load)->base.ended, 1);
    free_load(load);
}

/* ---- Rules ----------------------------------------------------------------------------- */

static void use(struct grebe__p2c_load *load, const struct grebe__p2c_config *config,
                uint64_t now_ns)
{
    grebe__p2c_rules_set(grebe__p2c_rules_of(load->base.views[0].view.crew), config,
                         now_ns);
}

TEST(answers_are_for_who_wants_to_know_how_long_they_take)
{
    struct grebe__p2c_config config = grebe__p2c_defaults;
    struct grebe__p2c_load *load;

    config.metric = GREBE__P2C_PENDING;
    load = new_load(&config);
    begin(load, 2);
    end(load, 500, 0);
    use(load, &grebe__p2c_defaults, 0);
    expect_ms(cost(load, &grebe__p2c_defaults, 0), 2 * 30);
    end(load, 500, 0);
    expect_ms(cost(load, &grebe__p2c_defaults, 0), 500);
    free_load(load);
}

TEST(decay_may_change)
{
    struct grebe__p2c_config config = grebe__p2c_defaults;
    struct grebe__p2c_load *load = new_load(&config);

    begin(load, 1);
    end(load, 100, 10 * SECOND);
    config.decay_ns = (int64_t)SECOND;
    use(load, &config, 15 * SECOND);
    expect_ms(cost(load, &config, 15 * SECOND), 60.653065971);
    expect_ms(cost(load, &config, 16 * SECOND), 22.313016015);
    free_load(load);
}

/* Whatever the metric is, for the day that it becomes another one. */
TEST(reports_are_kept)
{
    struct grebe__p2c_load *load = new_load(&grebe__p2c_defaults);
    const struct grebe_load_report report = {.cpu_utilization = 0.5};
    const struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info info = {
        .status = &ok, .latency_ns = MS, .server_load = &report};
    double utilization = 0;

    begin(load, 1);
    grebe__p2c_load_done(view_of(load), &info);
    assert_true(grebe__p2c_load_utilization(load, 1, 0, &utilization));
    assert_true(utilization == 0.5);
    free_load(load);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(estimate_fades_while_nobody_answers, begin_to_fade),
        cmocka_unit_test_setup(peaks_are_believed_at_once_and_better_news_slowly,
                               begin_to_fade),
        cmocka_unit_test_setup(short_decay_fades_fast, begin_to_fade),
        cmocka_unit_test_setup(clock_that_runs_backwards_stands_still, begin_to_fade),
        cmocka_unit_test_setup(estimate_fades_through_landmarks, begin_to_fade),
        cmocka_unit_test_setup(clock_stands_still_before_a_landmark_as_well,
                               begin_to_fade),
        cmocka_unit_test_setup(any_answers_give_what_they_give_step_by_step,
                               begin_to_fade),
        cmocka_unit_test_setup(answers_that_are_close_together_lose_nothing,
                               begin_to_fade),
        cmocka_unit_test_setup(estimate_survives_another_decay, begin_to_fade),
        cmocka_unit_test_setup(who_never_had_an_answer_believes_others, begin_to_fade),
        cmocka_unit_test_setup(later_news_of_others_count_like_an_answer, begin_to_fade),
        cmocka_unit_test_setup(old_news_of_others_do_not_count, begin_to_fade),
        cmocka_unit_test_setup(news_are_heard_across_a_landmark, begin_to_fade),
        cmocka_unit_test_setup(news_of_two_answers_at_once_are_no_worse_than_either,
                               begin_to_fade),
        cmocka_unit_test_setup(one_that_turns_is_not_heard, begin_to_fade),
        cmocka_unit_test_setup(nothing_is_heard_that_was_not_so, begin_to_fade),
        cmocka_unit_test_setup(cost_grows_with_calls_in_flight, begin_to_fade),
        cmocka_unit_test_setup(slow_answer_counts_twice_while_another_is_waited_for,
                               begin_to_fade),
        cmocka_unit_test_setup(pending_is_nothing_but_that, begin_to_fade),
        cmocka_unit_test_setup(utilization_is_never_nothing, begin_to_fade),
        cmocka_unit_test_setup(unproven_endpoint_may_be_probed_once, begin_to_fade),
        cmocka_unit_test_setup(
            answer_of_a_stream_is_its_headers_unless_the_config_says_otherwise,
            begin_to_fade),
        cmocka_unit_test_setup(answer_without_headers_is_there_at_the_end, begin_to_fade),
        cmocka_unit_test_setup(failures_count_as_slow_answers_if_that_is_wanted,
                               begin_to_fade),
        cmocka_unit_test_setup(penalty_never_makes_an_endpoint_cheaper, begin_to_fade),
        cmocka_unit_test_setup(calls_that_were_given_up_say_nothing, begin_to_fade),
        cmocka_unit_test_setup(of_those_who_share_a_view_one_at_a_time_writes,
                               begin_to_fade),
        cmocka_unit_test_setup(answer_is_of_the_thread_that_hears_it, begin_to_fade),
        cmocka_unit_test_setup(
            answer_of_a_call_that_another_one_began_is_of_the_first_as_well,
            begin_to_fade),
        cmocka_unit_test_setup(answers_are_for_who_wants_to_know_how_long_they_take,
                               begin_to_fade),
        cmocka_unit_test_setup(decay_may_change, begin_to_fade),
        cmocka_unit_test_setup(reports_are_kept, begin_to_fade),
    };

    return cmocka_run_group_tests_name("peak_ewma", tests, NULL, NULL);
}
