/* SPDX-License-Identifier: Apache-2.0 */
/* outlier_detection over round_robin on virtual time: who is ejected, when, and for how
 * long.  Sources: gRFC A50, A61, A91; grpc-go package outlierdetection and its tests. */
#include "support/test.h"

#include <stdlib.h>

#include <grebe/registry.h>

#include "balancer/outlier_detection.h"
#include "support/channel_bench.h"
#include "support/lb_bench.h"
#include "support/stub_policy.h"

#define CHILD "\"childPolicy\": [{\"round_robin\": {}}]"
/* Of three endpoints with five calls each, those with more than half of them failed. */
#define HALF                                                                              \
    "\"failurePercentageEjection\": {\"threshold\": 50, \"enforcementPercentage\": 100, " \
    "\"minimumHosts\": 3, \"requestVolume\": 3}"
/* And when less than this many percent are left they are used all the same. */
#define PANIC(percent) HALF ", \"maxEjectionPercent\": 100, \"panicThreshold\": " #percent
#define RATE(factor)                                                                     \
    "\"successRateEjection\": {\"stdevFactor\": " #factor                                \
    ", \"enforcementPercentage\": 100, \"minimumHosts\": 3, \"requestVolume\": 3}"
#define INTERVAL(s) "\"interval\": \"" #s "s\""

/* ---- A policy, and what it told ---------------------------------------------------------- */

static struct {
    struct lb_bench b;
    lab_event_fn forward;
    char metrics[4096];
} world;

static struct lb_bench *const b = &world.b;

/* "enforced success_rate", "unenforced success_rate max_ejection_overflow". */
static void note_metric(const struct lab_metric *metric)
{
    const char *name = strrchr(metric->instrument->name, '_') + 1;
    size_t used = strlen(world.metrics);

    assert_true(metric->is_integer);
    assert_int_equal(metric->integer, 1);
    used += (size_t)snprintf(world.metrics + used, sizeof world.metrics - used, "%s%s %s",
                             used > 0 ? ", " : "", name, metric->values[1]);
    if (metric->instrument->n_labels == 3)
        snprintf(world.metrics + used, sizeof world.metrics - used, " %s",
                 metric->values[2]);
}

static void on_event(void *arg, const struct lab_event *event)
{
    if (event->kind == LAB_METRIC)
        note_metric(&event->metric);
    world.forward(arg, event);
}

static const char *metrics(void)
{
    static char text[sizeof world.metrics];

    memcpy(text, world.metrics, sizeof text);
    world.metrics[0] = '\0';
    return text;
}

static void start(const char *config)
{
    world.metrics[0] = '\0';
    assert_true(lb_bench_init(b, &grebe__outlier_detection, 1));
    world.forward = b->lab.options.on_event;
    b->lab.options.on_event = on_event;
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
}

/* With these endpoints, all READY. */
static void start_ready(const char *config, const char *states)
{
    start(config);
    lb_bench_set(b, states);
    lb_bench_log(b);
}

/* Its newest subconn, all the way. */
static void make_ready(const char *address)
{
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_READY, NULL);
    lb_bench_health(b, address, GREBE_READY, NULL);
}

static void configure(const char *config, const char *endpoints)
{
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
    assert_int_equal(lb_bench_update(b, endpoints, NULL), GREBE_OK);
}

/* ---- Calls --------------------------------------------------------------------------------- */

/* How many calls each endpoint still gets: "a=5/0 c=0/5", successes and failures. */
struct share {
    char name[8];
    unsigned n_good, n_bad;
};

static size_t parse_shares(const char *text, struct share *shares)
{
    size_t n = 0;
    int used = 0;

    while (sscanf(text, " %7[^=]=%u/%u%n", shares[n].name, &shares[n].n_good,
                  &shares[n].n_bad, &used) == 3) {
        text += used;
        n++;
    }
    assert_int_equal(*text, '\0');
    return n;
}

/* The code a call on `name` ends with; -1: it has had all its calls. */
static int outcome_for(struct share *shares, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(shares[i].name, name) == 0) {
            if (shares[i].n_good > 0)
                return shares[i].n_good--, GREBE_STATUS_OK;
            if (shares[i].n_bad > 0)
                return shares[i].n_bad--, GREBE_STATUS_UNAVAILABLE;
        }
    return -1;
}

static void pick(struct grebe_pick *out)
{
    const struct grebe_pick_args args = {.method = "/s/m", .deadline_ns = UINT64_MAX};

    grebe_pick_init(out);
    grebe_picker_pick(b->lab.picker, &args, out);
    assert_int_equal(out->kind, GREBE_PICK_COMPLETE);
}

static void end(const struct grebe_pick *pick, int code)
{
    const struct grebe_status status = grebe_status_of(code < 0 ? 0 : code, "");
    const struct grebe_done_info info = {
        .status = &status, .bytes_sent = code >= 0, .is_discarded = code < 0};

    grebe_pick_end(pick, &info);
}

static const char *name_of(const struct grebe_pick *pick)
{
    return grebe_address_text(pick->subconn->address);
}

/* The child decides who is next; calls beyond the shares are discarded. */
static void calls(const char *text)
{
    struct share shares[32];
    size_t n = parse_shares(text, shares);
    unsigned left = 0;

    for (size_t i = 0; i < n; i++)
        left += shares[i].n_good + shares[i].n_bad;
    for (unsigned i = 0; left > 0; i++) {
        struct grebe_pick chosen;
        int code;

        assert_true(i < 10000);
        pick(&chosen);
        code = outcome_for(shares, n, name_of(&chosen));
        left -= code >= 0;
        end(&chosen, code);
    }
}

/* Who takes calls, in the order of their names: "a b".  Nothing is counted for it. */
static const char *in_use(void)
{
    static char text[256];
    char names[32][8];
    size_t n = 0;

    for (unsigned i = 0; i < 64; i++) {
        struct grebe_pick chosen;
        size_t at = 0;

        pick(&chosen);
        while (at < n && strcmp(names[at], name_of(&chosen)) != 0)
            at++;
        assert_true(at < 32);
        snprintf(names[at], sizeof names[at], "%s", name_of(&chosen));
        n += at == n;
        end(&chosen, -1);
    }
    qsort(names, n, sizeof names[0], (int (*)(const void *, const void *))strcmp);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
                 i > 0 ? " " : "", names[i]);
    return text;
}

static void expect_in_use(const char *names)
{
    assert_string_equal(in_use(), names);
}

static bool is_counted(void)
{
    struct grebe_pick chosen;
    bool is_listened_to;

    pick(&chosen);
    is_listened_to = chosen.on_done != NULL;
    end(&chosen, -1);
    return is_listened_to;
}

/* ---- No-op ----------------------------------------------------------------------------------- */

/* O-9 */
TEST(without_rules_nothing_is_counted_and_no_timer_runs)
{
    struct grebe_pick chosen;

    start_ready("{" CHILD "}", "a=R b=R c=R");
    pick(&chosen);
    assert_null(chosen.on_done);
    assert_true(b->lab.sim.env.wheel.next_ns == UINT64_MAX);
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 1000000);
    expect_in_use("a b c");
    assert_string_equal(metrics(), "");
    lb_bench_fini(b);
}

/* O-24 */
TEST(a_config_without_rules_lets_everybody_back)
{
    struct grebe_pick chosen;

    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    configure("{" CHILD "}", "a b c");
    expect_in_use("a b c");
    assert_true(b->lab.sim.env.wheel.next_ns == UINT64_MAX);
    pick(&chosen);
    assert_null(chosen.on_done);
    /* The multiplier is gone as well: the next ejection lasts 30 s, and ends with the first
     * tick that is later. */
    configure("{" HALF ", " CHILD "}", "a b c");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    lb_bench_advance_ms(b, 39999);
    expect_in_use("a b");
    lb_bench_advance_ms(b, 1);
    expect_in_use("a b c");
    lb_bench_fini(b);
}

/* ---- The interval -------------------------------------------------------------------------------- */

/* O-10 */
TEST(a_new_interval_counts_from_where_the_old_one_began)
{
    start_ready("{" INTERVAL(8) ", " HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 5000);
    configure("{" INTERVAL(9) ", " HALF ", " CHILD "}", "a b c");
    lb_bench_advance_ms(b, 3999);
    expect_in_use("a b c");
    lb_bench_advance_ms(b, 1);
    expect_in_use("a b"); /* and what was counted before is counted */
    configure("{" CHILD "}", "a b c");
    assert_true(b->lab.sim.env.wheel.next_ns == UINT64_MAX);
    lb_bench_fini(b);
}

/* O-11 */
TEST(an_interval_that_is_over_ends_at_once)
{
    start_ready("{" INTERVAL(8) ", " HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 5000);
    configure("{" INTERVAL(4) ", " HALF ", " CHILD "}", "a b c");
    lb_bench_advance_ms(b, 0);
    expect_in_use("a b");
    lb_bench_fini(b);
}

TEST(an_interval_of_nothing_is_a_millisecond)
{
    start_ready("{" INTERVAL(0) ", " HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    expect_in_use("a b c");
    lb_bench_advance_ms(b, 1);
    expect_in_use("a b");
    lb_bench_fini(b);
}

/* O-12: what was called while nobody counted, or just before, is not held against anyone. */
TEST(rules_that_are_new_begin_a_new_interval)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    configure("{" CHILD "}", "a b c");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 7000);
    configure("{" HALF ", " CHILD "}", "a b c");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b c");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 9999);
    expect_in_use("a b c");
    lb_bench_advance_ms(b, 1);
    expect_in_use("a b");
    lb_bench_fini(b);
}

/* O-37: calls of an interval count in it, and once. */
TEST(calls_count_in_their_own_interval)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/2");
    lb_bench_advance_ms(b, 10000);
    calls("a=5/0 b=5/0 c=0/2");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b c"); /* never three at a time */
    calls("a=5/0 b=5/0 c=0/3");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    lb_bench_fini(b);
}

/* An interval in which nobody is found, and one that finds somebody again, tell nobody. */
TEST(nothing_is_published_but_what_the_child_says)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=5/0");
    lb_bench_advance_ms(b, 10000);
    assert_string_equal(lb_bench_log(b), "");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    assert_string_equal(lb_bench_log(b), "READY"); /* of two */
    lb_bench_advance_ms(b, 30000);
    assert_string_equal(lb_bench_log(b), "");
    lb_bench_advance_ms(b, 10000);
    assert_string_equal(lb_bench_log(b), "READY"); /* of three */
    lb_bench_fini(b);
}

/* ---- Failure percentage --------------------------------------------------------------------------- */

/* O-13 */
TEST(nobody_who_succeeds_is_ejected)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=5/0");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b c");
    assert_string_equal(metrics(), "");
    lb_bench_fini(b);
}

/* O-14, O-40 */
TEST(who_fails_is_ejected_and_the_others_take_its_calls)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 9999);
    expect_in_use("a b c");
    lb_bench_advance_ms(b, 1);
    expect_in_use("a b");
    assert_string_equal(metrics(), "enforced failure_percentage");
    assert_int_equal(b->lab.state, GREBE_READY);
    assert_int_equal(lb_bench_n_live(b), 3); /* its connection stays */
    lb_bench_fini(b);
}

/* O-15 */
TEST(enforcement_of_zero_ejects_nobody_and_tells)
{
    start_ready(
        "{\"failurePercentageEjection\": {\"threshold\": 50, \"minimumHosts\": 3, "
        "\"requestVolume\": 3}, " CHILD "}",
        "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b c");
    assert_string_equal(metrics(),
                        "unenforced failure_percentage enforcement_percentage");
    lb_bench_fini(b);
}

/* O-16 */
TEST(a_maximum_of_zero_ejects_nobody_and_tells)
{
    start_ready("{\"maxEjectionPercent\": 0, " HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b c");
    assert_string_equal(metrics(), "unenforced failure_percentage max_ejection_overflow");
    lb_bench_fini(b);
}

/* O-17 */
TEST(ten_percent_of_three_is_one)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=0/5 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("b c"); /* in the order of the list */
    assert_string_equal(metrics(), "enforced failure_percentage, "
                                   "unenforced failure_percentage max_ejection_overflow");
    lb_bench_fini(b);
}

static unsigned n_in_use(const char *names)
{
    unsigned n = 1;

    for (; *names != '\0'; names++)
        n += *names == ' ';
    return n;
}

TEST(at_most_the_maximum_is_ejected)
{
    static const struct {
        unsigned n, percent, n_ejected;
    } cases[] = {{10, 10, 1}, {20, 10, 2}, {5, 10, 1}, {5, 50, 3}, {4, 100, 4}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char config[512], states[256] = "", shares[256] = "";

        for (unsigned k = 0; k < cases[i].n; k++) {
            snprintf(states + strlen(states), sizeof states - strlen(states), "%se%02u=R",
                     k > 0 ? " " : "", k);
            snprintf(shares + strlen(shares), sizeof shares - strlen(shares),
                     "%se%02u=0/3", k > 0 ? " " : "", k);
        }
        snprintf(config, sizeof config,
                 "{\"maxEjectionPercent\": %u, " HALF ", " CHILD "}", cases[i].percent);
        start_ready(config, states);
        calls(shares);
        lb_bench_advance_ms(b, 10000);
        if (cases[i].n_ejected == cases[i].n)
            assert_string_equal(lb_bench_pick(b),
                                "fail: pickfirst: health check failure: ejected by "
                                "outlier_detection for its failures");
        else
            assert_int_equal(n_in_use(in_use()), cases[i].n - cases[i].n_ejected);
        lb_bench_fini(b);
    }
}

/* Of 400 verdicts. */
static unsigned n_enforced_of_400(unsigned percent)
{
    unsigned n_enforced = 0;
    char config[256];

    snprintf(config, sizeof config,
             "{\"failurePercentageEjection\": {\"threshold\": 50, "
             "\"enforcementPercentage\": %u, \"minimumHosts\": 1, "
             "\"requestVolume\": 1}, " CHILD "}",
             percent);
    for (unsigned round = 0; round < 400; round++) {
        assert_true(lb_bench_init(b, &grebe__outlier_detection, round));
        assert_int_equal(lb_bench_config(b, config), GREBE_OK);
        lb_bench_set(b, "a=R b=R");
        calls("a=1/0 b=0/1");
        lb_bench_advance_ms(b, 10000);
        n_enforced += strcmp(in_use(), "a") == 0;
        lb_bench_fini(b);
    }
    return n_enforced;
}

/* At 30 % it is 120, give or take 4 sigma of 9.2. */
TEST(enforcement_in_part_is_by_chance)
{
    assert_int_equal(n_enforced_of_400(0), 0);
    assert_in_range(n_enforced_of_400(30), 120 - 37, 120 + 37);
    assert_int_equal(n_enforced_of_400(100), 400);
}

/* O-22 in the policy: 85 of 100 is not more than 85 percent. */
TEST(who_is_at_the_threshold_stays)
{
    start_ready("{\"failurePercentageEjection\": {\"enforcementPercentage\": 100, "
                "\"minimumHosts\": 2}, " CHILD "}",
                "a=R b=R");
    calls("a=100/0 b=15/85");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    calls("a=100/0 b=14/86");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a");
    lb_bench_fini(b);
}

/* O-23 */
TEST(too_few_candidates_and_nothing_happens)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=2/0 b=5/0 c=0/5"); /* a has too few calls, so two are left */
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b c");
    assert_string_equal(metrics(), "");
    lb_bench_fini(b);
}

/* O-38 */
TEST(a_call_that_its_caller_gave_up_is_a_failure)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0");
    for (unsigned n = 0; n < 3;) {
        struct grebe_pick chosen;
        bool is_c;

        pick(&chosen);
        is_c = strcmp(name_of(&chosen), "c") == 0;
        end(&chosen, is_c ? GREBE_STATUS_CANCELLED : -1);
        n += is_c;
    }
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    lb_bench_fini(b);
}

/* What never was an attempt is no success, either. */
TEST(discarded_picks_do_not_count)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/3");
    for (unsigned i = 0; i < 30; i++) {
        struct grebe_pick chosen;

        pick(&chosen);
        end(&chosen, -1);
    }
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    lb_bench_fini(b);
}

/* ---- Success rate ------------------------------------------------------------------------------- */

/* O-20 */
TEST(who_succeeds_too_rarely_is_ejected)
{
    start_ready("{" RATE(500) ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    assert_string_equal(metrics(), "enforced success_rate");
    lb_bench_fini(b);
    start_ready("{" RATE(1900) ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b c");
    lb_bench_fini(b);
}

/* O-21: the mean of 1, .5 and 0 is .5, and so is nobody's rate below mean - 0. */
TEST(who_is_at_the_mean_stays_without_a_factor)
{
    start_ready("{\"maxEjectionPercent\": 100, " RATE(0) ", " CHILD "}", "a=R b=R c=R");
    calls("a=4/0 b=2/2 c=0/4");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    lb_bench_fini(b);
}

/* Both rules look, success rate first; who is ejected by it is not judged again. */
TEST(two_rules_are_applied_in_turn)
{
    start_ready("{\"maxEjectionPercent\": 100, " RATE(500) ", " HALF ", " CHILD "}",
                "a=R b=R c=R");
    calls("a=5/0 b=2/3 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a"); /* b: .4 is not below the threshold of .46 - .2 */
    assert_string_equal(metrics(), "enforced success_rate, enforced failure_percentage");
    lb_bench_fini(b);
}

/* ---- The way back ------------------------------------------------------------------------------- */

/* O-19, O-39 */
TEST(ejection_ends_with_the_first_tick_after_its_time)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    for (unsigned s = 20; s <= 40;
         s += 10) { /* at 40 s it has been for 30 s, not longer */
        lb_bench_advance_ms(b, 10000);
        expect_in_use("a b");
    }
    lb_bench_advance_ms(b, 9999);
    expect_in_use("a b");
    lb_bench_advance_ms(b, 1);
    expect_in_use("a b c");
    lb_bench_fini(b);
}

/* O-39: a tick a nanosecond later than the time. */
TEST(ejection_ends_a_nanosecond_after_its_time)
{
    start_ready("{" HALF ", \"baseEjectionTime\": \"9.999999999s\", " CHILD "}",
                "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b c");
    lb_bench_fini(b);
}

/* O-25, O-26: a third ejection in a row lasts three times as long; an interval in which all
 * went well takes one back. */
TEST(who_is_ejected_again_is_ejected_for_longer)
{
    start_ready("{\"interval\": \"1s\", " HALF ", " CHILD "}", "a=R b=R c=R");
    for (unsigned nth = 1; nth <= 3; nth++) {
        calls("a=5/0 b=5/0 c=0/5");
        lb_bench_advance_ms(b, 1000);
        expect_in_use("a b");
        lb_bench_advance_ms(b, 30000 * nth);
        expect_in_use("a b");
        lb_bench_advance_ms(b, 1000);
        expect_in_use("a b c");
        /* No clean interval in between: the multiplier stays. */
    }
    lb_bench_advance_ms(b, 2000); /* two of them: 3 - 2 = 1 */
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 1000);
    lb_bench_advance_ms(b, 60000);
    expect_in_use("a b");
    lb_bench_advance_ms(b, 1000);
    expect_in_use("a b c");       /* 60 s: the second */
    lb_bench_advance_ms(b, 2000); /* 2 - 2 = 0, and no lower */
    lb_bench_advance_ms(b, 9000);
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 31000);
    expect_in_use("a b");
    lb_bench_advance_ms(b, 1000);
    expect_in_use("a b c");
    lb_bench_fini(b);
}

/* O-27 in the policy. */
TEST(a_base_above_the_maximum_is_the_maximum)
{
    start_ready("{\"baseEjectionTime\": \"400s\", \"maxEjectionTime\": \"300s\", " HALF
                ", " CHILD "}",
                "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    lb_bench_advance_ms(b, 400000);
    expect_in_use("a b");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b c");
    lb_bench_fini(b);
}

/* O-33: calls that began before it was ejected, and end badly after. */
TEST(who_is_ejected_is_not_ejected_again)
{
    struct grebe_pick late[64];
    size_t n_late = 0;

    start_ready("{\"maxEjectionPercent\": 50, " HALF ", " CHILD "}", "a=R b=R c=R");
    while (n_late < 5) {
        pick(&late[n_late]);
        if (strcmp(name_of(&late[n_late]), "c") == 0)
            n_late++;
        else
            end(&late[n_late], -1);
    }
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    assert_string_equal(metrics(), "enforced failure_percentage");
    for (size_t i = 0; i < n_late; i++)
        end(&late[i], GREBE_STATUS_INTERNAL);
    calls("a=5/0 b=0/5");
    lb_bench_advance_ms(b, 10000);
    /* b is another one: had c counted twice there would be no room. */
    expect_in_use("a");
    assert_string_equal(metrics(), "enforced failure_percentage");
    lb_bench_advance_ms(b, 30000);
    expect_in_use("a c"); /* c as of its first ejection, and not of a second */
    lb_bench_fini(b);
}

/* ---- Health ------------------------------------------------------------------------------------- */

/* O-18 */
TEST(health_of_who_is_ejected_is_kept_for_later)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    lb_bench_health(b, "c", GREBE_CONNECTING, NULL);
    lb_bench_advance_ms(b, 40000);
    expect_in_use("a b"); /* back, and not well yet */
    lb_bench_health(b, "c", GREBE_READY, NULL);
    expect_in_use("a b c");
    lb_bench_fini(b);
}

/* O-30, O-36: it loses its connection while it is ejected, and gets another one. */
TEST(a_new_connection_does_not_end_an_ejection)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    lb_bench_log(b);
    lb_bench_subconn(b, "c", GREBE_IDLE, NULL);
    make_ready("c");
    assert_non_null(strstr(lb_bench_log(b), "watch c"));
    expect_in_use("a b");
    lb_bench_advance_ms(b, 40000);
    expect_in_use("a b c");
    lb_bench_fini(b);
}

/* O-30: a child that replaces the one there was makes subconns of its own. */
TEST(a_new_subconn_of_who_is_ejected_begins_ejected)
{
    static struct grebe_balancer_builder other;

    other = *grebe_balancer_get("round_robin");
    other.name = "other_round_robin";
    assert_int_equal(grebe_balancer_register(&other), GREBE_OK);
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    configure("{" HALF ", \"childPolicy\": [{\"other_round_robin\": {}}]}", "a b c");
    lb_bench_log(b);
    for (const char *name = "abc"; *name != '\0'; name++) {
        const char address[] = {*name, '\0'};

        make_ready(address);
    }
    expect_in_use("a b");
    lb_bench_advance_ms(b, 40000);
    expect_in_use("a b c");
    lb_bench_fini(b);
    grebe_balancer_unregister("other_round_robin");
}

/* O-34 */
TEST(a_child_that_does_not_listen_to_health_is_not_touched)
{
    start("{\"failurePercentageEjection\": {\"enforcementPercentage\": 100, "
          "\"minimumHosts\": 1, \"requestVolume\": 1}, "
          "\"childPolicy\": [{\"pick_first\": {}}]}");
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_OK);
    make_ready("a");
    lb_bench_log(b);
    calls("a=0/5");
    lb_bench_advance_ms(b, 10000);
    assert_string_equal(metrics(), "enforced failure_percentage");
    assert_string_equal(lb_bench_log(b), "");
    assert_string_equal(lb_bench_pick(b), "a");
    lb_bench_fini(b);
}

/* A parent may have it listen: then it is ejected like any other. */
TEST(a_subconn_that_outlives_its_endpoint_is_let_back)
{
    start("{\"failurePercentageEjection\": {\"enforcementPercentage\": 100, "
          "\"minimumHosts\": 1, \"requestVolume\": 1}, "
          "\"childPolicy\": [{\"pick_first\": {}}]}");
    b->wants_health = true;
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_OK);
    make_ready("a");
    calls("a=0/5");
    lb_bench_advance_ms(b, 10000);
    assert_int_equal(b->lab.state, GREBE_TRANSIENT_FAILURE);
    b->wants_health = true;
    assert_int_equal(lb_bench_update(b, "a+b", NULL), GREBE_OK);
    assert_string_equal(lb_bench_pick(b), "a");
    lb_bench_fini(b);
}

/* The child has nothing new to say, but who counts is new. */
TEST(counting_begins_and_ends_with_the_rules)
{
    static const char with[] = "{" HALF ", \"childPolicy\": [{\"pick_first\": {}}]}";
    static const char without[] = "{\"childPolicy\": [{\"pick_first\": {}}]}";

    start(without);
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_OK);
    make_ready("a");
    assert_false(is_counted());
    configure(with, "a");
    assert_true(is_counted());
    configure(without, "a");
    assert_false(is_counted());
    lb_bench_fini(b);
}

/* ---- Endpoints -------------------------------------------------------------------------------------- */

/* O-28: whatever address of it is in use. */
TEST(all_addresses_of_an_endpoint_count_together_and_are_ejected_together)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    assert_int_equal(lb_bench_update(b, "a b c+d", NULL), GREBE_OK);
    make_ready("c");
    calls("a=5/0 b=5/0 c=0/2");
    lb_bench_subconn(b, "c", GREBE_IDLE, NULL); /* lost: d is next */
    lb_bench_subconn(b, "c", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "c", GREBE_TRANSIENT_FAILURE, NULL);
    make_ready("d");
    expect_in_use("a b d");
    calls("d=1/1"); /* 3 of 4 failed in all */
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    lb_bench_fini(b);
}

/* O-29 */
TEST(another_set_of_addresses_is_another_endpoint)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    assert_int_equal(lb_bench_update(b, "b a c+d", NULL), GREBE_OK);
    make_ready("c");
    expect_in_use("a b c");
    lb_bench_fini(b);
}

/* The order of an endpoint's addresses, and a second mention, make no other one of it. */
TEST(the_same_set_of_addresses_stays_ejected)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R");
    assert_int_equal(lb_bench_update(b, "a b c+d", NULL), GREBE_OK);
    make_ready("c");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    assert_int_equal(lb_bench_update(b, "d+c b c+d a", NULL), GREBE_OK);
    expect_in_use("a b");
    lb_bench_fini(b);
}

/* One that is listed twice is one of three, of which 33 percent are one; and without an address
 * it is none. */
TEST(an_endpoint_counts_once_and_only_with_an_address)
{
    static const char config[] = "{\"maxEjectionPercent\": 33, " HALF ", " CHILD "}";

    start_ready(config, "a=R b=R c=R");
    assert_int_equal(lb_bench_update(b, "a b c a -", NULL), GREBE_OK);
    calls("a=0/5 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("b c");
    lb_bench_fini(b);
}

/* O-32: of three one may be ejected; when that one leaves, another may. */
TEST(who_leaves_the_list_no_longer_counts_as_ejected)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R d=R");
    calls("a=5/0 b=5/0 c=5/0 d=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b c");
    metrics();
    assert_int_equal(lb_bench_update(b, "a b c", NULL), GREBE_OK);
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    assert_string_equal(metrics(), "enforced failure_percentage");
    lb_bench_fini(b);
}

/* O-31: ejecting and letting back go to those that are left. */
TEST(subconns_that_are_shut_down_are_forgotten)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    assert_int_equal(lb_bench_update(b, "a b c+d", NULL), GREBE_OK);
    lb_bench_subconn(b, "c", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "c", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_log(b);
    make_ready("d");
    assert_non_null(strstr(lb_bench_log(b), "drop c"));
    calls("a=5/0 b=5/0 d=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    lb_bench_advance_ms(b, 40000);
    expect_in_use("a b d");
    lb_bench_fini(b);
}

/* A subconn of a child that is gone, with calls on it, ends when it ends. */
TEST(calls_that_outlive_the_policy_count_for_nobody)
{
    struct grebe_pick chosen;
    struct grebe_subconn *subconn;

    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    pick(&chosen);
    subconn = grebe_subconn_ref(chosen.subconn);
    lab_close(&b->lab);
    end(&chosen, GREBE_STATUS_UNAVAILABLE);
    grebe_subconn_unref(subconn);
    lb_bench_fini(b);
}

TEST(an_update_without_endpoints_empties_the_list)
{
    start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    assert_int_equal(lb_bench_update(b, "", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    lb_bench_advance_ms(b, 10000);
    assert_string_equal(metrics(), "");
    assert_string_equal(lb_bench_pick(b), "fail: no children to pick from");
    lb_bench_fini(b);
}

TEST(named_without_a_configuration_it_says_what_it_needs)
{
    assert_true(lb_bench_init(b, &grebe__outlier_detection, 1));
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_ERR_CONFIG);
    assert_string_equal(lb_bench_pick(b),
                        "fail: outlier_detection needs a configuration: name it in "
                        "loadBalancingConfig, with one");
    lb_bench_fini(b);
}

/* ---- Requests that pass through -------------------------------------------------------------------- */

TEST(errors_of_the_resolver_go_to_the_child)
{
    start("{" HALF ", " CHILD "}");
    lb_bench_resolver_error(b, "no such host");
    assert_string_equal(lb_bench_pick(b), "fail: no such host");
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_OK);
    lb_bench_subconn(b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    assert_string_equal(lb_bench_pick(b), "fail: connection refused");
    lb_bench_fini(b);
}

/* ---- A child that does as it is told ------------------------------------------------------ */

static void start_stub(void)
{
    stub_reset();
    start("{" HALF ", \"childPolicy\": [{\"x\": {}}]}");
    assert_int_equal(lb_bench_update(b, "a b", NULL), GREBE_OK);
    stub_log();
    lb_bench_log(b);
}

TEST(wishes_pass_in_both_directions)
{
    start_stub();
    lb_bench_exit_idle(b);
    assert_string_equal(stub_log(), "x.exit_idle");
    grebe__env_enter(&b->lab.sim.env);
    grebe_client_conn_resolve_now(stub_at(0)->cc);
    grebe__env_leave(&b->lab.sim.env);
    assert_string_equal(lb_bench_log(b), "resolve");
    lb_bench_fini(b);
}

/* Whether calls count on a subconn of the child that may go to any of `n` addresses. */
static bool counts_calls_to(const char *const *names, size_t n)
{
    const struct grebe_address_options how = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_address *addresses[2];
    struct grebe_subconn *subconn;
    bool is_listened_to;

    for (size_t i = 0; i < n; i++)
        assert_int_equal(grebe_address_new(NULL, names[i], &how, &addresses[i]),
                         GREBE_OK);
    options.addresses = addresses;
    options.n_addresses = n;
    grebe__env_enter(&b->lab.sim.env);
    assert_int_equal(grebe_client_conn_new_subconn(stub_at(0)->cc, &options, &subconn),
                     GREBE_OK);
    grebe_client_conn_update_state(
        stub_at(0)->cc, GREBE_READY,
        grebe_picker_fixed(grebe_client_conn_mem(stub_at(0)->cc), subconn));
    grebe__env_leave(&b->lab.sim.env);
    is_listened_to = is_counted();
    grebe__env_enter(&b->lab.sim.env);
    grebe_subconn_shutdown(subconn);
    stub_publish(stub_at(0), GREBE_CONNECTING, "none");
    grebe__env_leave(&b->lab.sim.env);
    while (n-- > 0)
        grebe_address_unref(addresses[n]);
    return is_listened_to;
}

/* Of one address, and a known one. */
TEST(only_subconns_of_an_endpoint_count)
{
    static const char *const known[] = {"a", "b"}, *const unknown[] = {"z"};

    start_stub();
    assert_true(counts_calls_to(known, 1));
    assert_false(counts_calls_to(known, 2));
    assert_false(counts_calls_to(unknown, 1));
    lb_bench_fini(b);
}

/* ---- Two in a row ---------------------------------------------------------------------------------- */

/* Both count each call; what one lets back the other may still keep out. */
TEST(one_inside_another_is_heard_as_well)
{
    start_ready("{\"baseEjectionTime\": \"100s\", " HALF ", \"childPolicy\": "
                "[{\"outlier_detection\": {" RATE(500) ", " CHILD "}}]}",
                "a=R b=R c=R");
    calls("a=5/0 b=5/0 c=0/5");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b");
    assert_string_equal(metrics(), "enforced failure_percentage, enforced success_rate");
    lb_bench_advance_ms(b, 50000); /* the inner one's is over */
    expect_in_use("a b");
    lb_bench_advance_ms(b, 60000);
    expect_in_use("a b c");
    lb_bench_fini(b);
}

/* ---- In a channel ----------------------------------------------------------------------------------- */

static void call_until(struct channel_bench *c, const char *peer, unsigned n, int code)
{
    while (n > 0) {
        struct grebe_call *call = channel_bench_call(c, NULL);
        struct sim_server *server = sim_server_find(&c->sim, grebe_call_peer(call));

        if (strcmp(grebe_call_peer(call), peer) != 0) {
            sim_answer(sim_server_request(server), "ping", 4);
        } else {
            sim_end(sim_server_request(server), code, "ill");
            n--;
        }
        sim_settle(&c->sim);
        grebe_call_unref(call);
    }
}

/* Servers a, b and c, of which c, that may have another address, has been ejected. */
#define CHANNEL(rules)                                                                   \
    "{\"loadBalancingConfig\": [{\"outlier_detection\": {" rules ", " CHILD "}}]}"

static void start_channel(struct channel_bench *c, const char *config,
                          const char *endpoints)
{
    channel_bench_start(c, config);
    channel_bench_servers(c, "a b c");
    channel_bench_connect(c);
    channel_bench_resolve(c, endpoints);
    for (const char *name = "abc"; *name != '\0'; name++)
        sim_server_find(&c->sim, (char[]){*name, '\0'})->echoes = false;
    call_until(c, "c", 5, GREBE_STATUS_INTERNAL);
    channel_bench_advance_ms(c, 10000);
}

/* O-31: the subconn for d was given up, and freed, before its endpoint was ejected. */
TEST(a_subconn_that_is_gone_is_neither_ejected_nor_let_back)
{
    struct channel_bench c;

    start_channel(&c, CHANNEL(HALF), "a b d+c");
    assert_true(channel_bench_logged(
        &c, "outlier_detection: d ejected for its failures: 5 of 5 "));
    channel_bench_advance_ms(&c, 40000);
    assert_true(channel_bench_logged(&c, "outlier_detection: d is back in use"));
    channel_bench_fini(&c);
}

/* Whoever asks why a call went elsewhere is told. */
TEST(an_explanation_names_who_is_ejected)
{
    struct channel_bench c;

    start_channel(&c, CHANNEL(HALF), "a b c");
    for (const char *name = "ab"; *name != '\0'; name++)
        sim_server_find(&c.sim, (char[]){*name, '\0'})->echoes = true;
    expect_explanation(
        &c, "outlier_detection: endpoints that fail too often are left out (1 of 3 "
            "ejected)\n"
            "  round_robin: each endpoint in turn\n"
            "    > b  READY  its turn\n"
            "      a  READY  later in the turn\n"
            "    c  READY  ejected by outlier_detection for its failures\n");
    channel_bench_fini(&c);
}

/* ---- Panic ------------------------------------------------------------------------------------------ */

/* c and d are ejected, so that two of four are left. */
static void start_ejecting(const char *config)
{
    start_ready(config, "a=R b=R c=R d=R");
    calls("a=5/0 b=5/0 c=0/5 d=0/5");
    lb_bench_advance_ms(b, 10000);
}

TEST(in_panic_those_that_are_ejected_take_calls)
{
    start_ejecting("{" PANIC(50) ", " CHILD "}");
    expect_in_use("a b"); /* a half is not less than that */
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    expect_in_use("b c d"); /* and nobody without a connection */
    make_ready("a");
    expect_in_use("a b");
    lb_bench_health(b, "a", GREBE_TRANSIENT_FAILURE, "NOT_SERVING");
    expect_in_use("b c d");
    lb_bench_health(b, "a", GREBE_READY, NULL);
    expect_in_use("a b");
    lb_bench_fini(b);
}

/* There is nobody to bring back. */
TEST(without_an_ejection_there_is_no_panic)
{
    start_ready("{" PANIC(100) ", " CHILD "}", "a=R b=T c=T");
    lb_bench_advance_ms(b, 20000);
    assert_string_equal(lb_bench_log(b), ""); /* in panic, each interval is told of */
    expect_in_use("a");
    lb_bench_fini(b);
}

/* As it is by default: gRFC A50 knows of no panic. */
TEST(without_a_threshold_there_is_no_panic)
{
    start_ejecting("{" HALF ", \"maxEjectionPercent\": 100, " CHILD "}");
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    expect_in_use("b");
    lb_bench_fini(b);
}

/* Whoever is ejected then is never left out, and counts as ejected all the same. */
TEST(panic_may_begin_with_an_ejection)
{
    start_ready("{" PANIC(50) ", " CHILD "}", "a=R b=R c=R d=R");
    calls("a=5/0 b=0/5 c=0/5 d=0/5");
    lb_bench_log(b);
    lb_bench_advance_ms(b, 10000);
    assert_string_equal(lb_bench_log(b), "READY"); /* the child is told of nothing */
    expect_in_use("a b c d");
    assert_string_equal(metrics(), "enforced failure_percentage, enforced "
                                   "failure_percentage, enforced failure_percentage");
    /* one more, in the midst of it */
    calls("a=0/5 b=5/0 c=5/0 d=5/0");
    lb_bench_advance_ms(b, 10000);
    expect_in_use("a b c d");
    assert_string_equal(metrics(), "enforced failure_percentage");
    /* b, c and d are back: a alone is ejected, and panic is over */
    lb_bench_advance_ms(b, 30000);
    expect_in_use("b c d");
    lb_bench_fini(b);
}

TEST(in_panic_endpoints_that_are_ill_take_no_calls)
{
    start_ejecting("{" PANIC(50) ", " CHILD "}");
    lb_bench_health(b, "c", GREBE_TRANSIENT_FAILURE, "NOT_SERVING");
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    expect_in_use("b d");
    lb_bench_fini(b);
}

TEST(in_panic_new_subconns_of_those_that_are_ejected_take_calls)
{
    start_ejecting("{" PANIC(50) ", " CHILD "}");
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    configure("{" PANIC(50) ", \"childPolicy\": [{\"static_weighted_round_robin\": {}}]}",
              "a b c d");
    make_ready("b");
    make_ready("c");
    make_ready("d");
    expect_in_use("b c d");
    make_ready("a");
    expect_in_use("a b");
    lb_bench_fini(b);
}

TEST(panic_ends_with_its_configuration)
{
    start_ejecting("{" PANIC(51) ", " CHILD "}");
    expect_in_use("a b c d");
    configure("{" PANIC(50) ", " CHILD "}", "a b c d");
    expect_in_use("a b");
    configure("{" PANIC(51) ", " CHILD "}", "a b c d");
    expect_in_use("a b c d");
    configure("{" HALF ", \"maxEjectionPercent\": 100, " CHILD "}", "a b c d");
    expect_in_use("a b");
    lb_bench_fini(b);
}

TEST(panic_is_told_of)
{
    struct channel_bench c;

    start_channel(&c, CHANNEL(PANIC(80)), "a b c");
    assert_true(channel_bench_logged(
        &c, "outlier_detection: panic: 2 of 3 endpoints are READY and not ejected, less "
            "than 80 %: those that are take calls"));
    for (const char *name = "abc"; *name != '\0'; name++)
        sim_server_find(&c.sim, (char[]){*name, '\0'})->echoes = true;
    expect_explanation(
        &c, "outlier_detection: endpoints that fail too often are left out (1 of 3 "
            "ejected, and used in panic)\n"
            "  round_robin: each endpoint in turn\n"
            "    > a  READY  its turn\n"
            "      b  READY  later in the turn\n"
            "      c  READY  later in the turn\n");
    channel_bench_advance_ms(&c, 40000);
    assert_true(channel_bench_logged(
        &c, "outlier_detection: panic is over: who is ejected takes no calls"));
    channel_bench_fini(&c);
}

TEST(an_update_may_begin_and_end_a_panic)
{
    start_ejecting("{" PANIC(50) ", " CHILD "}");
    configure("{" PANIC(50) ", " CHILD "}", "a b c d e");
    expect_in_use("a b c d"); /* two of five */
    configure("{" PANIC(50) ", " CHILD "}", "a b c");
    expect_in_use("a b");
    configure("{" PANIC(50) ", " CHILD "}", "c");
    expect_in_use("c"); /* none of one */
    lb_bench_fini(b);
}

/* ---- Memory ----------------------------------------------------------------------------------------- */

static void script(struct lb_bench *bench)
{
    (void)lb_bench_config(bench, "{" HALF ", " CHILD "}");
    if (bench->n_configs == 0)
        return;
    lb_bench_set(bench, "a=R b=R c=R");
    lb_bench_advance_ms(bench, 5000);
    for (unsigned i = 0; i < 20; i++)
        lb_bench_pick(bench);
    lb_bench_update(bench, "a c+d b", NULL);
    lb_bench_advance_ms(bench, 10000);
    lb_bench_update(bench, "a c", NULL);
    lb_bench_advance_ms(bench, 60000);
}

TEST(want_of_memory_is_survived)
{
    lb_bench_sweep(&grebe__outlier_detection, script);
}

/* The same with somebody ejected: all calls of the script above went well. */
static void eject_someone(struct lb_bench *bench)
{
    lb_bench_set(bench, "a=R b=R c=R");
    for (unsigned i = 0; i < 30; i++) {
        const struct grebe_pick_args args = {.method = "/s/m"};
        struct grebe_pick chosen;

        grebe_pick_init(&chosen);
        if (bench->lab.picker != NULL)
            grebe_picker_pick(bench->lab.picker, &args, &chosen);
        if (chosen.kind == GREBE_PICK_COMPLETE)
            end(&chosen, strcmp(name_of(&chosen), "c") == 0 ? GREBE_STATUS_INTERNAL
                                                            : GREBE_STATUS_OK);
    }
    lb_bench_advance_ms(bench, 10000);
    lb_bench_update(bench, "a b c d", NULL);
    lb_bench_advance_ms(bench, 10000);
    lb_bench_update(bench, "a b", NULL);
    lb_bench_advance_ms(bench, 60000);
}

static void ejecting_script(struct lb_bench *bench)
{
    (void)lb_bench_config(bench, "{" HALF ", " CHILD "}");
    if (bench->n_configs > 0)
        eject_someone(bench);
}

/* With more than half of them to be there it ends in panic. */
static void panicking_script(struct lb_bench *bench)
{
    (void)lb_bench_config(bench, "{" PANIC(80) ", " CHILD "}");
    if (bench->n_configs > 0)
        eject_someone(bench);
}

TEST(want_of_memory_in_panic_is_survived)
{
    lb_bench_sweep(&grebe__outlier_detection, panicking_script);
}

TEST(want_of_memory_during_an_ejection_is_survived)
{
    lb_bench_sweep(&grebe__outlier_detection, ejecting_script);
}

/* Whichever allocation it is that the picker needs: until the interval ends the child's own
 * serves, and the next one is made then. */
TEST(a_picker_that_could_not_be_made_is_made_later)
{
    unsigned n_uncounted = 0;

    for (uint32_t i = 1; i < 20; i++) {
        start_ready("{" HALF ", " CHILD "}", "a=R b=R c=R");
        b->mem.fail_at = b->mem.n_allocs + i;
        lb_bench_subconn(b, "c", GREBE_IDLE, NULL);
        n_uncounted += !is_counted();
        b->mem.fail_at = 0;
        lb_bench_advance_ms(b, 10000);
        assert_true(is_counted());
        lb_bench_fini(b);
    }
    assert_true(n_uncounted > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules_nothing_is_counted_and_no_timer_runs),
        cmocka_unit_test(a_config_without_rules_lets_everybody_back),
        cmocka_unit_test(a_new_interval_counts_from_where_the_old_one_began),
        cmocka_unit_test(an_interval_that_is_over_ends_at_once),
        cmocka_unit_test(an_interval_of_nothing_is_a_millisecond),
        cmocka_unit_test(rules_that_are_new_begin_a_new_interval),
        cmocka_unit_test(calls_count_in_their_own_interval),
        cmocka_unit_test(nothing_is_published_but_what_the_child_says),
        cmocka_unit_test(nobody_who_succeeds_is_ejected),
        cmocka_unit_test(who_fails_is_ejected_and_the_others_take_its_calls),
        cmocka_unit_test(enforcement_of_zero_ejects_nobody_and_tells),
        cmocka_unit_test(a_maximum_of_zero_ejects_nobody_and_tells),
        cmocka_unit_test(ten_percent_of_three_is_one),
        cmocka_unit_test(at_most_the_maximum_is_ejected),
        cmocka_unit_test(enforcement_in_part_is_by_chance),
        cmocka_unit_test(who_is_at_the_threshold_stays),
        cmocka_unit_test(too_few_candidates_and_nothing_happens),
        cmocka_unit_test(a_call_that_its_caller_gave_up_is_a_failure),
        cmocka_unit_test(discarded_picks_do_not_count),
        cmocka_unit_test(who_succeeds_too_rarely_is_ejected),
        cmocka_unit_test(who_is_at_the_mean_stays_without_a_factor),
        cmocka_unit_test(two_rules_are_applied_in_turn),
        cmocka_unit_test(ejection_ends_with_the_first_tick_after_its_time),
        cmocka_unit_test(ejection_ends_a_nanosecond_after_its_time),
        cmocka_unit_test(who_is_ejected_again_is_ejected_for_longer),
        cmocka_unit_test(a_base_above_the_maximum_is_the_maximum),
        cmocka_unit_test(who_is_ejected_is_not_ejected_again),
        cmocka_unit_test(health_of_who_is_ejected_is_kept_for_later),
        cmocka_unit_test(a_new_connection_does_not_end_an_ejection),
        cmocka_unit_test(a_new_subconn_of_who_is_ejected_begins_ejected),
        cmocka_unit_test(a_child_that_does_not_listen_to_health_is_not_touched),
        cmocka_unit_test(a_subconn_that_outlives_its_endpoint_is_let_back),
        cmocka_unit_test(counting_begins_and_ends_with_the_rules),
        cmocka_unit_test(
            all_addresses_of_an_endpoint_count_together_and_are_ejected_together),
        cmocka_unit_test(another_set_of_addresses_is_another_endpoint),
        cmocka_unit_test(the_same_set_of_addresses_stays_ejected),
        cmocka_unit_test(an_endpoint_counts_once_and_only_with_an_address),
        cmocka_unit_test(who_leaves_the_list_no_longer_counts_as_ejected),
        cmocka_unit_test(subconns_that_are_shut_down_are_forgotten),
        cmocka_unit_test(calls_that_outlive_the_policy_count_for_nobody),
        cmocka_unit_test(an_update_without_endpoints_empties_the_list),
        cmocka_unit_test(named_without_a_configuration_it_says_what_it_needs),
        cmocka_unit_test(errors_of_the_resolver_go_to_the_child),
        cmocka_unit_test(wishes_pass_in_both_directions),
        cmocka_unit_test(only_subconns_of_an_endpoint_count),
        cmocka_unit_test(one_inside_another_is_heard_as_well),
        cmocka_unit_test(a_subconn_that_is_gone_is_neither_ejected_nor_let_back),
        cmocka_unit_test(an_explanation_names_who_is_ejected),
        cmocka_unit_test(in_panic_those_that_are_ejected_take_calls),
        cmocka_unit_test(without_an_ejection_there_is_no_panic),
        cmocka_unit_test(without_a_threshold_there_is_no_panic),
        cmocka_unit_test(panic_may_begin_with_an_ejection),
        cmocka_unit_test(in_panic_endpoints_that_are_ill_take_no_calls),
        cmocka_unit_test(in_panic_new_subconns_of_those_that_are_ejected_take_calls),
        cmocka_unit_test(panic_ends_with_its_configuration),
        cmocka_unit_test(panic_is_told_of),
        cmocka_unit_test(an_update_may_begin_and_end_a_panic),
        cmocka_unit_test(want_of_memory_in_panic_is_survived),
        cmocka_unit_test(want_of_memory_is_survived),
        cmocka_unit_test(want_of_memory_during_an_ejection_is_survived),
        cmocka_unit_test(a_picker_that_could_not_be_made_is_made_later),
    };

    assert_int_equal(grebe_balancer_register(&stub_x), GREBE_OK);
    return cmocka_run_group_tests_name("outlier_detection", tests, NULL, NULL);
}
