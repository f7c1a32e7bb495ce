/* SPDX-License-Identifier: Apache-2.0 */
/* static_weighted_round_robin where a script of tests/lab cannot go: short of memory, under
 * threads, and in a channel.  What it does otherwise is in
 * tests/lab/static_weighted_round_robin_*.jsonl. */
#include "support/test.h"

#include <pthread.h>

#include <grebe/explain.h>

#include "balancer/static_weighted_round_robin.h"
#include "base/assert.h"
#include "support/channel_bench.h"
#include "support/lb_bench.h"

/* ---- Out of memory ------------------------------------------------------------------- */

static const char smooth[] = "{\"mode\":\"smooth\"}";
static const char edf[] = "{\"mode\":\"edf\"}";

static int update_with(struct lb_bench *b, const char *mode, const char *endpoints)
{
    assert_int_equal(lb_bench_config(b, mode), GREBE_OK);
    return lb_bench_update(b, endpoints, NULL);
}

static void live_a_life(struct lb_bench *b)
{
    lb_bench_set(b, "a=R b=R c=T");
    lb_bench_pick(b);
    assert_true(lb_bench_config(b, smooth) == GREBE_OK || b->mem.has_failed);
    lb_bench_update(b, "a*3 b*2 c", NULL);
    lb_bench_pick(b);
    assert_true(lb_bench_config(b, edf) == GREBE_OK || b->mem.has_failed);
    lb_bench_update(b, "b*2 c*7 d", NULL);
    lb_bench_resolver_error(b, "gone");
    lb_bench_update(b, "", NULL);
    lb_bench_pick(b);
}

static void live_slowly(struct lb_bench *b)
{
    assert_true(lb_bench_config(b, "{\"mode\": \"edf\", \"slowStartConfig\": "
                                   "{\"slowStartWindow\": \"3s\"}}") == GREBE_OK ||
                b->mem.has_failed);
    lb_bench_set(b, "a=R b=R c=T");
    lb_bench_update(b, "a*3 b c", NULL);
    lb_bench_pick(b);
    lb_bench_advance_ms(b, 2000);
    lb_bench_subconn(b, "b", GREBE_IDLE, NULL);
    lb_bench_advance_ms(b, 2000);
    lb_bench_pick(b);
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    lb_bench_advance_ms(b, 2000);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__static_weighted_round_robin, live_a_life);
    lb_bench_sweep(&grebe__static_weighted_round_robin, live_slowly);
}

/* The table is 20 kB, the queue is small; what would take their place, nothing.  How often
 * it was so is returned. */
static uint32_t count_strides(const char *mode)
{
    uint32_t n_strides = 0;

    for (uint32_t fail = 1; fail < 100; fail++) {
        struct lb_bench b;

        assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
        lb_bench_set(&b, "a=R b=R");
        b.mem.fail_at = b.mem.n_allocs + fail;
        if (update_with(&b, mode, "a*9999 b*1") == GREBE_OK) {
            uint32_t n = lb_bench_count(&b, 10000, "b");

            /* Exact, or strides, which let none count for less than a hundredth of the
             * mean, which is half of the larger one. */
            assert_true(n == 1 || (b.mem.has_failed && (n == 50 || n == 5000)));
            n_strides += n == 50;
        }
        fail = b.mem.has_failed ? fail : 100;
        lb_bench_fini(&b);
    }
    return n_strides;
}

TEST(without_memory_for_a_table_turns_are_strides)
{
    assert_int_equal(count_strides(smooth), 2); /* for the table, and to make it */
}

TEST(without_memory_for_a_queue_turns_are_strides)
{
    assert_int_equal(count_strides(edf), 1);
}

/* A new picker is strides, as before. */
TEST(a_mode_that_did_not_arrive_is_not_used)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    assert_int_equal(lb_bench_update(&b, "a*9999 b", NULL), GREBE_OK);
    assert_int_equal(lb_bench_config(&b, smooth), GREBE_OK);
    b.mem.fail_at = b.mem.n_allocs + 1;
    assert_int_equal(lb_bench_update(&b, "a*9999 b", NULL), GREBE_ERR_NOMEM);
    lb_bench_health(&b, "a", GREBE_TRANSIENT_FAILURE, "NOT_SERVING");
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    assert_in_range(lb_bench_count(&b, 10000, "b"), 49, 51);
    lb_bench_fini(&b);
}

TEST(picking_takes_no_memory)
{
    for (int is_queue = 0; is_queue < 2; is_queue++) {
        struct lb_bench b;
        uint32_t n_allocs;

        assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
        lb_bench_set(&b, "a=R b=R");
        update_with(&b, is_queue ? edf : smooth, "a*3 b*2");
        n_allocs = b.mem.n_allocs;
        assert_int_equal(lb_bench_count(&b, 1000, "a"), 600);
        assert_int_equal(b.mem.n_allocs, n_allocs);
        lb_bench_fini(&b);
    }
}

/* ---- Periods --------------------------------------------------------------------------- */

/* Weights of 5, 1 and 1: any seven turns in a row are a period. */
static void expect_periods(const char *turns, size_t n)
{
    uint32_t counts[3] = {0};

    for (size_t i = 0; i < n; i++) {
        counts[turns[i] - 'a']++;
        if (i >= 7)
            counts[turns[i - 7] - 'a']--;
        if (i >= 6)
            assert_memory_equal(counts, ((const uint32_t[]){5, 1, 1}), sizeof counts);
    }
}

/* Each attempt to reach d is reported, and no reason to begin anew. */
static void expect_exact_while_one_fails(const char *mode)
{
    static const enum grebe_connectivity states[] = {GREBE_IDLE, GREBE_CONNECTING,
                                                     GREBE_TRANSIENT_FAILURE};
    char turns[70];
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    lb_bench_set(&b, "a=R b=R c=R d=T");
    update_with(&b, mode, "a*5 b c d");
    for (size_t i = 0; i < sizeof turns; i++) {
        lb_bench_subconn(&b, "d", states[i % 3], NULL);
        turns[i] = lb_bench_pick(&b)[0];
    }
    expect_periods(turns, sizeof turns);
    lb_bench_fini(&b);
}

TEST(a_period_is_exact_while_another_backend_fails)
{
    expect_exact_while_one_fails(smooth);
    expect_exact_while_one_fails(edf);
}

/* Clients that start together do not walk the backends in step: how many turns a has before
 * another one's is no more than two numbers if all begin at the same place. */
static void expect_to_start_anywhere(const char *mode)
{
    uint32_t seen = 0, n_seen = 0;

    for (uint64_t seed = 0; seed < 40; seed++) {
        uint32_t n = 0;
        struct lb_bench b;

        assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, seed));
        lb_bench_set(&b, "a=R b=R c=R");
        update_with(&b, mode, "a*5 b c");
        while (lb_bench_pick(&b)[0] == 'a')
            n++;
        n_seen += (seen >> n & 1) == 0;
        seen |= UINT32_C(1) << n;
        lb_bench_fini(&b);
    }
    assert_in_range(n_seen, 4, 6);
}

TEST(a_period_begins_anywhere)
{
    expect_to_start_anywhere(smooth);
    expect_to_start_anywhere(edf);
}

/* What an update says counts, although those that are READY are the same as before. */
TEST(new_weights_count_at_once)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    update_with(&b, smooth, "a*3 b");
    assert_int_equal(lb_bench_count(&b, 400, "a"), 300);
    update_with(&b, smooth, "a b*3");
    assert_int_equal(lb_bench_count(&b, 400, "a"), 100);
    lb_bench_fini(&b);
}

/* ---- Deadlines ----------------------------------------------------------------------- */

/* C-27: the order of 1, 2, 3 is c b c and then all three, who are due at the same time, in the
 * order of the list, which begins anywhere.  "smooth" has another one. */
TEST(turns_are_those_of_the_earliest_deadline)
{
    static const char abc[] = "a b c c b c", bca[] = "a c b c b c", cab[] = "a b c b c c";
    struct lb_bench b;

    for (uint64_t seed = 1; seed < 20; seed++) {
        assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, seed));
        lb_bench_set(&b, "a=R b=R c=R");
        update_with(&b, edf, "a b*2 c*3");
        assert_int_equal(lb_bench_count(&b, 6, "c"), 3);
        lb_bench_cycle(&b);
        assert_true(strcmp(b.text, abc) == 0 || strcmp(b.text, bca) == 0 ||
                    strcmp(b.text, cab) == 0);
        lb_bench_fini(&b);
    }
}

/* More than a table is made for, and more than strides can tell apart. */
TEST(large_weights_are_exact_without_a_table)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    update_with(&b, edf, "a*100000 b*1");
    assert_int_equal(lb_bench_count(&b, 100001, "b"), 1);
    assert_int_equal(lb_bench_count(&b, 100001, "b"), 1);
    lb_bench_fini(&b);
}

/* ---- Slow start ---------------------------------------------------------------------- */

#define RAMP                                                                             \
    "\"slowStartConfig\": {\"slowStartWindow\": \"10s\", \"minWeightPercent\": 10}"

static void make_ready(struct lb_bench *b, const char *address)
{
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_READY, NULL);
    lb_bench_health(b, address, GREBE_READY, NULL);
}

/* Of `n`, but for `slack`. */
static void expect_counts(struct lb_bench *b, uint32_t n, const uint32_t *expected,
                          uint32_t slack)
{
    uint32_t counts[3] = {0};

    for (uint32_t i = 0; i < n; i++)
        counts[lb_bench_pick(b)[0] - 'a']++;
    for (int i = 0; i < 3; i++)
        assert_in_range(counts[i] + slack, expected[i], expected[i] + 2 * slack);
}

/* A tenth at first, a half after half of the window, all of it at its end; and anew when it
 * comes back.  Shares are looked at once a second; which mode it is makes no difference until
 * the end. */
static void ramp_up(const char *config)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    assert_int_equal(lb_bench_config(&b, config), GREBE_OK);
    assert_int_equal(lb_bench_update(&b, "a*2 b c", NULL), GREBE_OK);
    make_ready(&b, "a");
    make_ready(&b, "b");
    lb_bench_advance_ms(&b, 60000);
    make_ready(&b, "c");
    expect_counts(&b, 3100, (uint32_t[]){2000, 1000, 100}, 4);
    lb_bench_advance_ms(&b, 1999);
    expect_counts(&b, 3100, (uint32_t[]){2000, 1000, 100}, 4);
    lb_bench_advance_ms(&b, 1);
    expect_counts(&b, 3200, (uint32_t[]){2000, 1000, 200}, 4);
    lb_bench_advance_ms(&b, 3000);
    expect_counts(&b, 3500, (uint32_t[]){2000, 1000, 500}, 4);
    lb_bench_advance_ms(&b, 5000);
    expect_counts(&b, 4000, (uint32_t[]){2000, 1000, 1000}, 4);
    lb_bench_subconn(&b, "c", GREBE_IDLE, NULL);
    make_ready(&b, "c");
    expect_counts(&b, 3100, (uint32_t[]){2000, 1000, 100}, 4);
    assert_int_equal(lb_bench_config(&b, "{}"), GREBE_OK); /* and no more of it */
    assert_int_equal(lb_bench_update(&b, "a*2 b c", NULL), GREBE_OK);
    expect_counts(&b, 4000, (uint32_t[]){2000, 1000, 1000}, 4);
    lb_bench_fini(&b);
}

TEST(newcomer_has_few_turns_at_first)
{
    ramp_up("{" RAMP "}");
    ramp_up("{\"mode\": \"smooth\", " RAMP "}");
    ramp_up("{\"mode\": \"edf\", " RAMP "}");
}

/* What strides cannot do, a table and a queue do from the end of the ramp on, in the same
 * picker. */
static void expect_exact_after_the_ramp(const char *config)
{
    struct lb_bench b;
    uint32_t n_published;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    assert_int_equal(lb_bench_config(&b, config), GREBE_OK);
    assert_int_equal(lb_bench_update(&b, "a*9998 b c", NULL), GREBE_OK);
    make_ready(&b, "a");
    make_ready(&b, "b");
    make_ready(&b, "c");
    n_published = b.n_published;
    lb_bench_advance_ms(&b, 9999);
    assert_true(lb_bench_count(&b, 10000, "b") > 20);
    lb_bench_advance_ms(&b, 1);
    expect_counts(&b, 10000, (uint32_t[]){9998, 1, 1}, 0);
    expect_counts(&b, 10000, (uint32_t[]){9998, 1, 1}, 0);
    assert_int_equal(b.n_published, n_published);
    lb_bench_fini(&b);
}

TEST(modes_are_exact_after_the_ramp)
{
    expect_exact_after_the_ramp("{\"mode\": \"smooth\", " RAMP "}");
    expect_exact_after_the_ramp("{\"mode\": \"edf\", " RAMP "}");
}

/* Nothing is remembered of anybody when nobody is READY: both are new. */
TEST(all_that_were_lost_begin_anew)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    assert_int_equal(lb_bench_config(&b, "{" RAMP "}"), GREBE_OK);
    lb_bench_set(&b, "a=R b=R");
    lb_bench_advance_ms(&b, 60000);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    lb_bench_subconn(&b, "b", GREBE_IDLE, NULL);
    make_ready(&b, "b");
    make_ready(&b, "a");
    assert_int_equal(lb_bench_count(&b, 1000, "a"), 500);
    lb_bench_fini(&b);
}

static const struct lb_config_case wrong_ramps[] = {
    {"{\"slowStartConfig\": 1}", "slowStartConfig: expected an object, found a number"},
    {"{\"slowStartConfig\": {\"aggression\": 0}}",
     "slowStartConfig.aggression: must be greater than 0"},
    {"{\"slowStartConfig\": {\"minWeightPercent\": -1}}",
     "slowStartConfig.minWeightPercent: must be between 0 and 100"},
};

TEST(slow_start_is_checked)
{
    lb_bench_expect_configs(&grebe__static_weighted_round_robin, wrong_ramps,
                            GREBE_ARRAY_LEN(wrong_ramps));
}

/* ---- Threads ------------------------------------------------------------------------- */

enum { THREADS = 8, PICKS = 700 };

struct worker {
    struct grebe_picker *picker;
    uint32_t counts[3];
};

static char name_of(struct grebe_subconn *subconn)
{
    return lab_subconn_name(grebe_container_of(subconn, struct lab_subconn, base))[0];
}

static char pick_for(struct grebe_picker *picker, const void *caller)
{
    const struct grebe_pick_args args = {.method = "/s/m", .caller = caller};
    struct grebe_pick pick;

    grebe_pick_init(&pick);
    grebe_picker_pick(picker, &args, &pick);
    return name_of(pick.subconn);
}

static void *work(void *arg)
{
    struct worker *worker = arg;

    for (int i = 0; i < PICKS; i++)
        worker->counts[pick_for(worker->picker, NULL) - 'a']++;
    return NULL;
}

/* What all of them together had; the weights are 5, 1, 1. */
static void work_all(const char *mode, uint32_t *counts)
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    lb_bench_set(&b, "a=R b=R c=R");
    update_with(&b, mode, "a*5 b*1 c*1");
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.picker = b.lab.picker};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (size_t k = 0; k < 3; k++)
            counts[k] += workers[i].counts[k];
    }
    lb_bench_fini(&b);
}

/* Each thread has periods of its own, those without a lane have theirs together, and all of
 * them are at the end of one. */
TEST(threads_have_whole_periods)
{
    uint32_t counts[3] = {0};

    work_all(smooth, counts);
    assert_int_equal(counts[0], THREADS * PICKS / 7 * 5);
    assert_int_equal(counts[1], THREADS * PICKS / 7);
    assert_int_equal(counts[2], THREADS * PICKS / 7);
}

/* A channel: its picks are one sequence, whoever drives its loop. */
struct channel {
    struct grebe_picker *picker;
    pthread_mutex_t loop;
    size_t n;
    char picks[THREADS * PICKS];
};

static void *drive(void *arg)
{
    struct channel *channel = arg;

    for (int i = 0; i < PICKS; i++) {
        pthread_mutex_lock(&channel->loop);
        channel->picks[channel->n++] = pick_for(channel->picker, channel);
        pthread_mutex_unlock(&channel->loop);
    }
    return NULL;
}

/* Any seven of the calls that threads make on one channel. */
static void expect_each_period_exact(const char *mode)
{
    static struct channel channel;
    pthread_t threads[THREADS];
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    lb_bench_set(&b, "a=R b=R c=R");
    update_with(&b, mode, "a*5 b*1 c*1");
    channel.picker = b.lab.picker;
    channel.n = 0;
    assert_int_equal(pthread_mutex_init(&channel.loop, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, drive, &channel), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&channel.loop);
    expect_periods(channel.picks, channel.n);
    lb_bench_fini(&b);
}

/* Z-3: whichever of eight threads pick, a period is a period. */
TEST(threads_of_a_channel_share_each_period)
{
    expect_each_period_exact(smooth);
    expect_each_period_exact(edf);
}

/* Exactly one in 10,000 for him, whoever comes after him.  The other one has strides, for which
 * no weight is less than a hundredth of the mean. */
TEST(queue_is_of_the_first_caller)
{
    uint32_t of_other[2] = {0};
    struct lb_bench b;
    static char first, other;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    update_with(&b, edf, "a*9999 b*1");
    for (int round = 0; round < 3; round++) {
        uint32_t of_first[2] = {0};

        for (int i = 0; i < 10000; i++) {
            of_first[pick_for(b.lab.picker, &first) - 'a']++;
            of_other[pick_for(b.lab.picker, &other) - 'a']++;
        }
        assert_int_equal(of_first[1], 1);
    }
    assert_in_range(of_other[1], 3 * 50 - 1, 3 * 50 + 1);
    lb_bench_fini(&b);
}

/* An order of the queue, and one for each thread that has none; all of them end in the middle
 * of a period. */
TEST(threads_beside_the_queue_share_as_well)
{
    uint32_t counts[3] = {0};

    work_all(edf, counts);
    assert_in_range(counts[0], THREADS * PICKS / 7 * 5 - 20,
                    THREADS * PICKS / 7 * 5 + 20);
    assert_in_range(counts[1], THREADS * PICKS / 7 - 20, THREADS * PICKS / 7 + 20);
    assert_int_equal(counts[0] + counts[1] + counts[2], THREADS * PICKS);
}

/* ---- In a channel -------------------------------------------------------------------- */

static void expect_told(const char *mode)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct channel_bench b;
    struct grebe_call *call;
    char config[128], text[2048];

    snprintf(config, sizeof config,
             "{\"loadBalancingConfig\":[{\"static_weighted_round_robin\":%s}]}", mode);
    channel_bench_start(&b, config);
    b.resolves_to = "a*5 b*1";
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    options.wants_explanation = true;
    call = channel_bench_call(&b, &options);
    grebe_explanation_format(grebe_call_explain(call), text, sizeof text);
    assert_string_equal(text,
                        "static_weighted_round_robin: in turn, as often as it weighs\n"
                        "  > a  READY  weight 5  its turn\n"
                        "    b  READY  weight 1  later, as its weight has it\n"
                        "picks     0us a\n"
                        "attempts  0us to 0us a OK\n");
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

TEST(a_pick_tells_of_weights)
{
    expect_told(smooth);
    expect_told(edf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
        cmocka_unit_test(without_memory_for_a_table_turns_are_strides),
        cmocka_unit_test(without_memory_for_a_queue_turns_are_strides),
        cmocka_unit_test(a_mode_that_did_not_arrive_is_not_used),
        cmocka_unit_test(picking_takes_no_memory),
        cmocka_unit_test(a_period_is_exact_while_another_backend_fails),
        cmocka_unit_test(a_period_begins_anywhere),
        cmocka_unit_test(new_weights_count_at_once),
        cmocka_unit_test(turns_are_those_of_the_earliest_deadline),
        cmocka_unit_test(large_weights_are_exact_without_a_table),
        cmocka_unit_test(newcomer_has_few_turns_at_first),
        cmocka_unit_test(modes_are_exact_after_the_ramp),
        cmocka_unit_test(all_that_were_lost_begin_anew),
        cmocka_unit_test(slow_start_is_checked),
        cmocka_unit_test(threads_have_whole_periods),
        cmocka_unit_test(threads_of_a_channel_share_each_period),
        cmocka_unit_test(queue_is_of_the_first_caller),
        cmocka_unit_test(threads_beside_the_queue_share_as_well),
        cmocka_unit_test(a_pick_tells_of_weights),
    };

    return cmocka_run_group_tests_name("static_weighted_round_robin", tests, NULL, NULL);
}
