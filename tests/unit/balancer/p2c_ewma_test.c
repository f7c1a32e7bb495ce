/* SPDX-License-Identifier: Apache-2.0 */
/* p2c_ewma on the bench.  What a call costs has a test of its own, peak_ewma_test.c; here
 * is who is compared with whom, and what is kept of whom for how long.  Endpoints have
 * numbers, in the order in which the picker has them. */
#include "support/test.h"

#include <pthread.h>

#include <grebe/load_report.h>

#include "balancer/endpoint_load.h"
#include "balancer/p2c_ewma.h"
#include "base/assert.h"
#include "base/rng.h"
#include "core/explanation.h"
#include "support/drawn.h"
#include "support/lb_bench.h"

enum { MAX_ENDPOINTS = 10 };

struct rig {
    struct lb_bench b;
    uint32_t n;
    char names[MAX_ENDPOINTS][16];
};

/* ---- Calls ---------------------------------------------------------------------------- */

static const struct lab_call call = {.method = "/s/m"};

/* The next call compares a with b; there are two endpoints at least. */
static void set_pair(struct rig *rig, uint32_t a, uint32_t b)
{
    drawn_set(&rig->b, (uint32_t[]){rig->n, rig->n - 1},
              (uint32_t[]){a, b > a ? b - 1 : b}, 2);
}

static uint32_t number_of(const struct rig *rig, const char *name)
{
    uint32_t i = 0;

    while (strcmp(rig->names[i], name) != 0) {
        assert_true(i < rig->n);
        i++;
    }
    return i;
}

/* A call that stays open; the endpoint that has it. */
static uint32_t hold(struct rig *rig)
{
    assert_int_equal(lab_pick(&rig->b.lab, &call, 1, NULL), GREBE_OK);
    return number_of(rig, rig->b.text);
}

static void end(struct rig *rig, uint64_t id, int code, double took_ms,
                const struct grebe_load_report *load)
{
    const struct lab_outcome outcome = {
        .status = grebe_status_of(code, ""),
        .load = load,
        .has_latency = true,
        .latency_ns = (uint64_t)(took_ms * 1e6),
    };

    assert_int_equal(lab_done(&rig->b.lab, id, &outcome), GREBE_OK);
}

static uint32_t call_of(struct rig *rig, int code, double took_ms,
                        const struct grebe_load_report *load)
{
    uint64_t id = rig->b.lab.n_picks;
    uint32_t chosen = hold(rig);

    end(rig, id, code, took_ms, load);
    return chosen;
}

/* Compares a with b; the one that has the call. */
static uint32_t compare(struct rig *rig, uint32_t a, uint32_t b)
{
    uint64_t id = rig->b.lab.n_picks;
    uint32_t chosen;
    const struct lab_outcome given_up = {.status =
                                             grebe_status_of(GREBE_STATUS_CANCELLED, "")};

    set_pair(rig, a, b);
    chosen = hold(rig);
    assert_int_equal(lab_done(&rig->b.lab, id, &given_up),
                     GREBE_OK); /* teaches nothing */
    return chosen;
}

/* The next answer of endpoint `i`, with whatever it takes to have it chosen, took so long. */
static void answer(struct rig *rig, uint32_t i, int code, double took_ms,
                   const struct grebe_load_report *load)
{
    for (int tries = 0; tries < 1000; tries++) {
        uint64_t id = rig->b.lab.n_picks;
        const struct lab_outcome given_up = {
            .status = grebe_status_of(GREBE_STATUS_CANCELLED, "")};

        if (hold(rig) == i) {
            end(rig, id, code, took_ms, load);
            return;
        }
        assert_int_equal(lab_done(&rig->b.lab, id, &given_up), GREBE_OK);
    }
    fail_msg("endpoint %u is never chosen", i);
}

/* ---- Setting up ----------------------------------------------------------------------- */

static void make_ready(struct lb_bench *b, const char *address)
{
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_READY, NULL);
    lb_bench_health(b, address, GREBE_READY, NULL);
}

/* While all cost the same the first of two is chosen. */
static void learn_names(struct rig *rig, uint32_t n)
{
    rig->n = n;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t id = rig->b.lab.n_picks;
        const struct lab_outcome given_up = {
            .status = grebe_status_of(GREBE_STATUS_CANCELLED, "")};

        if (n > 1)
            set_pair(rig, i, (i + 1) % n);
        assert_int_equal(lab_pick(&rig->b.lab, &call, 1, NULL), GREBE_OK);
        snprintf(rig->names[i], sizeof rig->names[i], "%.15s", rig->b.text);
        assert_int_equal(lab_done(&rig->b.lab, id, &given_up), GREBE_OK);
    }
}

/* Endpoints a, b, and so on. */
static void start(struct rig *rig, const char *config, uint32_t n)
{
    char list[64] = "", name[4];

    assert_true(lb_bench_init(&rig->b, &grebe__p2c_ewma, 1));
    assert_int_equal(lb_bench_config(&rig->b, config), GREBE_OK);
    for (uint32_t i = 0; i < n; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%c ", 'a' + (int)i);
    lb_bench_update(&rig->b, list, NULL);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%c", 'a' + (int)i);
        make_ready(&rig->b, name);
    }
    learn_names(rig, n);
}

static void fini(struct rig *rig)
{
    lb_bench_fini(&rig->b);
}

/* ---- Configuration -------------------------------------------------------------------- */

static const struct lb_config_case configs[] = {
    {"{}", NULL},
    {"{\"loadMetric\": \"pending\", \"whatever\": 1}", NULL},
    {"{\"loadMetric\": \"orcaUtilization\", \"weightExpirationPeriod\": \"0s\"}", NULL},
    {"{\"loadMetric\": \"peakEwma\", \"decay\": \"0.001s\", \"probeOnce\": true}", NULL},
    {"{\"default_rtt\": \"1s\", \"failurePenalty\": \"5s\", \"penaltyCap\": \"0s\"}",
     NULL},
    {"{\"loadMetric\": \"cpu\"}",
     "loadMetric: must be peakEwma, pending or orcaUtilization"},
    {"{\"rttUntil\": \"auto\"}", NULL},
    {"{\"rttUntil\": \"headers\"}", NULL},
    {"{\"rtt_until\": \"end\"}", NULL},
    {"{\"rttUntil\": \"trailers\"}", "rttUntil: must be auto, headers or end"},
    {"{\"decay\": \"0.000999999s\"}", "decay: must be >= 1ms"},
    {"{\"defaultRtt\": \"0s\"}", "defaultRtt: must be > 0"},
    {"{\"failurePenalty\": \"-1s\"}", "failurePenalty: must be >= 0"},
    {"{\"penaltyCap\": \"-1s\"}", "penaltyCap: must be >= 0"},
    {"{\"weightExpirationPeriod\": \"-1s\"}", "weightExpirationPeriod: must be >= 0"},
    {"{\"probeOnce\": 1}", "probeOnce: expected a boolean, found a number"},
    {"{\"loadMetric\": 1}", "loadMetric: expected a string, found a number"},
};

TEST(configuration_is_checked)
{
    lb_bench_expect_configs(&grebe__p2c_ewma, configs, GREBE_ARRAY_LEN(configs));
}

/* ---- Two are compared ------------------------------------------------------------------ */

TEST(one_endpoint_has_all_calls)
{
    struct rig rig;

    start(&rig, "{}", 1);
    for (int i = 0; i < 5; i++)
        assert_int_equal(hold(&rig), 0);
    fini(&rig);
}

/* Two different ones, each pair of them, in either order; of equals the first. */
TEST(any_two_are_compared_and_no_third)
{
    struct rig rig;

    start(&rig, "{}", 5);
    for (uint32_t a = 0; a < 5; a++)
        for (uint32_t b = 0; b < 5; b++)
            if (a != b)
                assert_int_equal(compare(&rig, a, b), a);
    /* 4 answered slowly: it loses against each, and only where it is drawn. */
    answer(&rig, 4, GREBE_STATUS_OK, 500, NULL);
    for (uint32_t a = 0; a < 4; a++) {
        assert_int_equal(compare(&rig, 4, a), a);
        assert_int_equal(compare(&rig, a, 4), a);
        assert_int_equal(compare(&rig, a, (a + 1) % 4), a);
    }
    fini(&rig);
}

/* Both orders of two are as likely: of 10,000 calls with equal costs 5,000 go to each, and
 * sigma is sqrt(10,000 / 4) = 50.  Five of them are 250. */
TEST(two_endpoints_share_evenly)
{
    struct rig rig;
    uint32_t n = 0;

    start(&rig, "{\"loadMetric\": \"pending\"}", 2);
    for (int i = 0; i < 10000; i++)
        n += call_of(&rig, GREBE_STATUS_OK, 1, NULL);
    assert_in_range(n, 5000 - 250, 5000 + 250);
    fini(&rig);
}

/* Each of ten is as likely: 2,000 of 20,000, and sigma is sqrt(20,000 * 0.1 * 0.9) = 42.4;
 * five of them are 213. */
TEST(many_endpoints_share_evenly)
{
    uint32_t counts[10] = {0};
    struct rig rig;

    start(&rig, "{\"loadMetric\": \"pending\"}", 10);
    for (int i = 0; i < 20000; i++)
        counts[call_of(&rig, GREBE_STATUS_OK, 1, NULL)]++;
    for (uint32_t i = 0; i < 10; i++)
        assert_in_range(counts[i], 2000 - 213, 2000 + 213);
    fini(&rig);
}

/* ---- Peak EWMA ------------------------------------------------------------------------- */

/* 10 ms against 50 ms; the first has all calls until five of them wait there: 60 against
 * 50. */
TEST(fast_endpoint_has_the_calls_until_they_queue_there)
{
    struct rig rig;

    start(&rig, "{\"defaultRtt\": \"0.010s\"}", 2);
    answer(&rig, 1, GREBE_STATUS_OK, 50, NULL);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(compare(&rig, 0, 1), 0);
        assert_int_equal(compare(&rig, 1, 0), 0);
    }
    for (int i = 0; i < 4; i++) {
        set_pair(&rig, 1, 0);
        assert_int_equal(hold(&rig), 0);
    }
    assert_int_equal(compare(&rig, 0, 1), 0); /* 50 against 50: the first */
    assert_int_equal(compare(&rig, 1, 0), 1);
    set_pair(&rig, 0, 1);
    assert_int_equal(hold(&rig), 0);
    assert_int_equal(compare(&rig, 0, 1), 1);
    fini(&rig);
}

TEST(slow_endpoint_is_tried_again_when_its_estimate_has_faded)
{
    struct rig rig;

    start(&rig, "{\"decay\": \"1s\"}", 2);
    answer(&rig, 1, GREBE_STATUS_OK, 300, NULL);
    assert_int_equal(compare(&rig, 1, 0), 0);
    /* 0 answers in 20 ms all the time; 300 ms fade to 20 in ln(15) = 2.7 s. */
    for (int i = 0; i < 27; i++) {
        assert_int_equal(compare(&rig, 1, 0), 0);
        lb_bench_advance_ms(&rig.b, 100);
        set_pair(&rig, 0, 1);
        assert_int_equal(call_of(&rig, GREBE_STATUS_OK, 20, NULL), 0);
    }
    lb_bench_advance_ms(&rig.b, 200);
    set_pair(&rig, 0, 1);
    assert_int_equal(call_of(&rig, GREBE_STATUS_OK, 20, NULL), 1);
    fini(&rig);
}

/* An era lasts 64 decays: 0 answers in 20 ms in one, 1 in 100 ms in the next. */
TEST(estimates_of_two_eras_are_compared_as_of_now)
{
    struct rig rig;

    start(&rig, "{\"decay\": \"1s\"}", 2);
    lb_bench_advance_ms(&rig.b, 63000);
    answer(&rig, 0, GREBE_STATUS_OK, 20, NULL);
    lb_bench_advance_ms(&rig.b, 2000);
    answer(&rig, 1, GREBE_STATUS_OK, 100, NULL);
    assert_int_equal(compare(&rig, 0, 1), 0);
    assert_int_equal(compare(&rig, 1, 0), 0);
    answer(&rig, 0, GREBE_STATUS_OK, 200, NULL);
    assert_int_equal(compare(&rig, 0, 1), 1);
    assert_int_equal(compare(&rig, 1, 0), 1);
    fini(&rig);
}

TEST(decay_may_change)
{
    struct rig rig;

    start(&rig, "{\"decay\": \"1000s\"}", 2);
    answer(&rig, 1, GREBE_STATUS_OK, 300, NULL);
    assert_int_equal(lb_bench_config(&rig.b, "{\"decay\": \"1s\"}"), GREBE_OK);
    assert_int_equal(lb_bench_update(&rig.b, "a b", NULL), GREBE_OK);
    lb_bench_advance_ms(&rig.b, 3000);
    answer(&rig, 0, GREBE_STATUS_OK, 20, NULL);
    assert_int_equal(compare(&rig, 0, 1), 1); /* 300 ms fade to 15 */
    fini(&rig);
}

/* 16 calls, in 30 ms each, and 500 ms. */
static void *hold_sixteen(void *arg)
{
    struct rig *rig = arg;

    for (uint64_t i = 0; i < 16; i++) {
        const struct grebe_pick_args args = {.now_ns = rig->b.lab.sim.env.now_ns,
                                             .random = i};
        const struct grebe__load_view *view;
        struct grebe_pick pick;

        grebe_pick_init(&pick);
        grebe_picker_pick(rig->b.lab.picker, &args, &pick);
        assert_int_equal(pick.kind, GREBE_PICK_COMPLETE);
        view = pick.on_done_arg;
        assert_int_equal(view->number, 1); /* each thread counts in its own */
    }
    return NULL;
}

TEST(calls_of_another_thread_count)
{
    struct rig rig;
    pthread_t thread;

    start(&rig, "{}", 2);
    answer(&rig, 1, GREBE_STATUS_OK, 500, NULL);
    assert_int_equal(compare(&rig, 1, 0), 0);
    assert_int_equal(pthread_create(&thread, NULL, hold_sixteen, &rig), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    lb_bench_advance_ms(&rig.b, 1);
    assert_int_equal(compare(&rig, 0, 1), 1); /* 17 * 30 are more than 500 */
    fini(&rig);
}

/* Who asks why has the pick that he would have had anyway. */
TEST(explained_picks_are_the_same)
{
    struct rig rig;
    struct grebe__rng rng;

    start(&rig, "{\"decay\": \"1s\"}", MAX_ENDPOINTS);
    grebe__rng_seed(&rng, 1);
    for (int i = 0; i < 2000; i++) {
        struct grebe_explanation *explanation = grebe__explanation_new(NULL, 0);
        uint64_t now_ns = rig.b.lab.sim.env.now_ns;
        struct grebe_subconn *chosen[2];

        for (unsigned k = 0; k < 2; k++) {
            const struct grebe_pick_args args = {
                .now_ns = now_ns,
                .random = (uint64_t)i,
                .explanation = k == 1 ? explanation : NULL,
            };
            const struct grebe_status status =
                grebe_status_of(k == 0 ? GREBE_STATUS_CANCELLED : GREBE_STATUS_OK, "");
            const struct grebe_done_info info = {
                .status = &status,
                .now_ns = now_ns,
                .latency_ns = grebe__rng_below(&rng, 100) * MS,
            };
            struct grebe_pick pick;

            grebe_pick_init(&pick);
            grebe_picker_pick(rig.b.lab.picker, &args, &pick);
            chosen[k] = pick.subconn;
            if (k == 0 || i % 3 > 0) /* else it stays open */
                grebe_pick_end(&pick, &info);
        }
        assert_ptr_equal(chosen[0], chosen[1]);
        grebe__explanation_free(explanation);
        lb_bench_advance_ms(&rig.b, grebe__rng_below(&rng, 100));
    }
    fini(&rig);
}

/* 0 fails within a millisecond, 1 works in 25. */
TEST(failing_endpoint_is_avoided_if_that_is_configured)
{
    for (unsigned is_on = 0; is_on < 2; is_on++) {
        struct rig rig;

        start(&rig, is_on ? "{\"failurePenalty\": \"5s\"}" : "{}", 2);
        lb_bench_advance_ms(&rig.b, 10000);
        answer(&rig, 1, GREBE_STATUS_OK, 25, NULL);
        answer(&rig, 0, GREBE_STATUS_UNAVAILABLE, 1, NULL);
        assert_int_equal(compare(&rig, 0, 1), is_on);
        assert_int_equal(compare(&rig, 1, 0), is_on);
        fini(&rig);
    }
}

/* Who never answered gets one call at a time. */
TEST(newcomer_is_probed_once)
{
    struct rig rig;

    start(&rig, "{\"probeOnce\": true}", 2);
    set_pair(&rig, 0, 1);
    assert_int_equal(hold(&rig), 0);
    set_pair(&rig, 0, 1);
    assert_int_equal(hold(&rig), 1);
    end(&rig, rig.b.lab.n_picks - 1, GREBE_STATUS_OK, 20, NULL);
    for (int i = 0; i < 50; i++) {
        set_pair(&rig, 0, 1);
        assert_int_equal(hold(&rig), 1);
    }
    fini(&rig);
}

TEST(weight_makes_calls_cheaper)
{
    struct rig rig;
    uint32_t heavy, n = 0;

    assert_true(lb_bench_init(&rig.b, &grebe__p2c_ewma, 1));
    assert_int_equal(lb_bench_config(&rig.b, "{\"loadMetric\": \"pending\"}"), GREBE_OK);
    lb_bench_update(&rig.b, "a*3 b", NULL);
    make_ready(&rig.b, "a");
    make_ready(&rig.b, "b");
    rig.n = 2;
    snprintf(rig.names[0], sizeof rig.names[0], "a");
    snprintf(rig.names[1], sizeof rig.names[1], "b");
    heavy = 0;
    for (int i = 0; i < 100; i++)
        n += hold(&rig) == heavy;
    assert_in_range(n, 74, 76);
    fini(&rig);
}

/* ---- What is kept of whom -------------------------------------------------------------- */

TEST(estimates_outlive_updates_and_connections)
{
    uint32_t slow;
    struct rig rig;

    start(&rig, "{}", 2);
    answer(&rig, 1, GREBE_STATUS_OK, 500, NULL);
    assert_int_equal(lb_bench_config(&rig.b, "{\"decay\": \"20s\"}"), GREBE_OK);
    assert_int_equal(lb_bench_update(&rig.b, "b a", NULL), GREBE_OK);
    lb_bench_subconn(&rig.b, rig.names[1], GREBE_IDLE, NULL);
    make_ready(&rig.b, rig.names[1]);
    for (int i = 0; i < 20; i++)
        assert_string_equal(lb_bench_pick(&rig.b), rig.names[0]);
    /* Who leaves the list is forgotten. */
    slow = 1;
    assert_int_equal(lb_bench_update(&rig.b, rig.names[0], NULL), GREBE_OK);
    assert_int_equal(lb_bench_update(&rig.b, "a b", NULL), GREBE_OK);
    make_ready(&rig.b, rig.names[slow]);
    answer(&rig, slow, GREBE_STATUS_OK, 1, NULL);
    fini(&rig);
}

TEST(calls_of_endpoints_that_are_gone_end_quietly)
{
    struct rig rig;
    uint64_t first;

    start(&rig, "{}", 3);
    first = rig.b.lab.n_picks;
    for (int i = 0; i < 12; i++)
        hold(&rig);
    lb_bench_update(&rig.b, "d", NULL);
    for (uint64_t i = 0; i < 12; i++)
        end(&rig, first + i, GREBE_STATUS_OK, 10, NULL);
    fini(&rig);
}

/* ---- Utilization ----------------------------------------------------------------------- */

static struct grebe_load_report busy(double utilization)
{
    return (struct grebe_load_report){.cpu_utilization = utilization};
}

TEST(reported_utilization_decides)
{
    struct grebe_load_report half = busy(0.5), full = busy(0.9);
    struct rig rig;

    start(&rig, "{\"loadMetric\": \"orcaUtilization\"}", 2);
    answer(&rig, 0, GREBE_STATUS_OK, 1, &half);
    answer(&rig, 1, GREBE_STATUS_OK, 1, &full);
    assert_int_equal(compare(&rig, 1, 0), 0);
    /* 0.5 for each call there and one more, against 0.9. */
    set_pair(&rig, 1, 0);
    assert_int_equal(hold(&rig), 0);
    assert_int_equal(compare(&rig, 0, 1), 1);
    fini(&rig);
}

/* What the application says comes before what its machine says. */
TEST(application_utilization_comes_first)
{
    struct grebe_load_report one = {.cpu_utilization = 0.1,
                                    .application_utilization = 0.8};
    struct grebe_load_report other = busy(0.4);
    struct rig rig;

    start(&rig, "{\"loadMetric\": \"orcaUtilization\"}", 2);
    answer(&rig, 0, GREBE_STATUS_OK, 1, &one);
    answer(&rig, 1, GREBE_STATUS_OK, 1, &other);
    assert_int_equal(compare(&rig, 0, 1), 1);
    fini(&rig);
}

/* Z-5: half a second after its first answers c has said nothing yet; it counts as 0.4,
 * the mean of 0.3 and 0.5, and has neither all calls nor none. */
TEST(endpoint_that_was_never_measured_is_an_average_one)
{
    struct grebe_load_report low = busy(0.3), high = busy(0.5);
    struct rig rig;
    uint32_t counts[3] = {0};

    start(&rig, "{\"loadMetric\": \"orcaUtilization\"}", 3);
    answer(&rig, 0, GREBE_STATUS_OK, 1, &low);
    answer(&rig, 1, GREBE_STATUS_OK, 1, &high);
    lb_bench_advance_ms(&rig.b, 1000); /* the mean is counted */
    assert_int_equal(compare(&rig, 2, 0), 0);
    assert_int_equal(compare(&rig, 2, 1), 2);
    for (uint32_t i = 0; i < 300; i++)
        counts[hold(&rig)]++;
    /* With calls that stay, shares are as 1/0.3, 1/0.5, 1/0.4: 128, 77 and 96. */
    assert_in_range(counts[0], 123, 133);
    assert_in_range(counts[1], 72, 82);
    assert_in_range(counts[2], 91, 101);
    fini(&rig);
}

TEST(old_report_is_not_believed_for_ever)
{
    struct grebe_load_report low = busy(0.1), high = busy(0.9);
    struct rig rig;

    start(&rig,
          "{\"loadMetric\": \"orcaUtilization\", \"weightExpirationPeriod\": \"10s\"}",
          2);
    answer(&rig, 0, GREBE_STATUS_OK, 1, &low);
    answer(&rig, 1, GREBE_STATUS_OK, 1, &high);
    lb_bench_advance_ms(&rig.b, 9999);
    assert_int_equal(compare(&rig, 1, 0), 0);
    lb_bench_advance_ms(&rig.b, 1);
    assert_int_equal(compare(&rig, 1, 0), 1); /* the same for both: the first */
    assert_int_equal(compare(&rig, 0, 1), 0);
    fini(&rig);
}

/* ---- Out of memory --------------------------------------------------------------------- */

TEST(configuration_that_did_not_arrive_is_not_used)
{
    struct rig rig;

    start(&rig, "{\"loadMetric\": \"pending\"}", 2);
    assert_int_equal(lb_bench_config(&rig.b, "{}"), GREBE_OK);
    rig.b.mem.fail_at = rig.b.mem.n_allocs + 1;
    assert_int_equal(lb_bench_update(&rig.b, "a b", NULL), GREBE_ERR_NOMEM);
    lb_bench_health(&rig.b, "a", GREBE_TRANSIENT_FAILURE, "NOT_SERVING");
    lb_bench_health(&rig.b, "a", GREBE_READY, NULL);
    answer(&rig, 1, GREBE_STATUS_OK, 500, NULL);
    assert_int_equal(compare(&rig, 1, 0), 1); /* by latency it would be 0 */
    fini(&rig);
}

static void live_a_life(struct lb_bench *b)
{
    lb_bench_set(b, "a=R b=T c=C");
    assert_true(lab_pick(&b->lab, &call, 3, NULL) <= GREBE_OK);
    lb_bench_update(b, "a c d+e", NULL);
    lb_bench_pick(b);
    lb_bench_resolver_error(b, "gone");
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    lb_bench_pick(b);
    lb_bench_update(b, "", NULL);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__p2c_ewma, live_a_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_is_checked),
        cmocka_unit_test(one_endpoint_has_all_calls),
        cmocka_unit_test(any_two_are_compared_and_no_third),
        cmocka_unit_test(two_endpoints_share_evenly),
        cmocka_unit_test(many_endpoints_share_evenly),
        cmocka_unit_test(fast_endpoint_has_the_calls_until_they_queue_there),
        cmocka_unit_test(slow_endpoint_is_tried_again_when_its_estimate_has_faded),
        cmocka_unit_test(estimates_of_two_eras_are_compared_as_of_now),
        cmocka_unit_test(decay_may_change),
        cmocka_unit_test(calls_of_another_thread_count),
        cmocka_unit_test(explained_picks_are_the_same),
        cmocka_unit_test(failing_endpoint_is_avoided_if_that_is_configured),
        cmocka_unit_test(newcomer_is_probed_once),
        cmocka_unit_test(weight_makes_calls_cheaper),
        cmocka_unit_test(estimates_outlive_updates_and_connections),
        cmocka_unit_test(calls_of_endpoints_that_are_gone_end_quietly),
        cmocka_unit_test(reported_utilization_decides),
        cmocka_unit_test(application_utilization_comes_first),
        cmocka_unit_test(endpoint_that_was_never_measured_is_an_average_one),
        cmocka_unit_test(old_report_is_not_believed_for_ever),
        cmocka_unit_test(configuration_that_did_not_arrive_is_not_used),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests_name("p2c_ewma", tests, NULL, NULL);
}
