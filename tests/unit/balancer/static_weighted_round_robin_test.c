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

static int update_smooth(struct lb_bench *b, const char *endpoints)
{
    assert_int_equal(lb_bench_config(b, smooth), GREBE_OK);
    return lb_bench_update(b, endpoints, NULL);
}

static void live_a_life(struct lb_bench *b)
{
    lb_bench_set(b, "a=R b=R c=T");
    lb_bench_pick(b);
    assert_true(lb_bench_config(b, smooth) == GREBE_OK || b->mem.has_failed);
    lb_bench_update(b, "a*3 b*2 c", NULL);
    lb_bench_pick(b);
    lb_bench_update(b, "b*2 c*7 d", NULL);
    lb_bench_resolver_error(b, "gone");
    lb_bench_update(b, "", NULL);
    lb_bench_pick(b);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__static_weighted_round_robin, live_a_life);
}

/* The table is 20 kB; what would take its place, nothing. */
TEST(without_memory_for_a_table_turns_are_strides)
{
    for (uint32_t fail = 1; fail < 100; fail++) {
        struct lb_bench b;

        assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
        lb_bench_set(&b, "a=R b=R");
        b.mem.fail_at = b.mem.n_allocs + fail;
        if (update_smooth(&b, "a*9999 b*1") == GREBE_OK) {
            uint32_t n = lb_bench_count(&b, 10000, "b");

            /* Smooth turns are exact; strides let none count for less than a hundredth
             * of the mean, which is half of the larger one. */
            assert_true(n == 1 || (b.mem.has_failed && (n == 50 || n == 5000)));
        }
        fail = b.mem.has_failed ? fail : 100;
        lb_bench_fini(&b);
    }
}

TEST(picking_takes_no_memory)
{
    struct lb_bench b;
    uint32_t n_allocs;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    update_smooth(&b, "a*3 b*2");
    n_allocs = b.mem.n_allocs;
    assert_int_equal(lb_bench_count(&b, 1000, "a"), 600);
    assert_int_equal(b.mem.n_allocs, n_allocs);
    lb_bench_fini(&b);
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

static void *work(void *arg)
{
    struct worker *worker = arg;

    for (int i = 0; i < PICKS; i++) {
        const struct grebe_pick_args args = {.method = "/s/m"};
        struct grebe_pick pick;

        grebe_pick_init(&pick);
        grebe_picker_pick(worker->picker, &args, &pick);
        worker->counts[name_of(pick.subconn) - 'a']++;
    }
    return NULL;
}

/* Z-3: whoever picks, a period is a period. */
TEST(threads_share_one_order)
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    uint32_t counts[3] = {0};
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__static_weighted_round_robin, 1));
    lb_bench_set(&b, "a=R b=R c=R");
    update_smooth(&b, "a*5 b*1 c*1");
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.picker = b.lab.picker};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (size_t k = 0; k < 3; k++)
            counts[k] += workers[i].counts[k];
    }
    assert_int_equal(counts[0], THREADS * PICKS / 7 * 5);
    assert_int_equal(counts[1], THREADS * PICKS / 7);
    assert_int_equal(counts[2], THREADS * PICKS / 7);
    lb_bench_fini(&b);
}

/* ---- In a channel -------------------------------------------------------------------- */

TEST(a_pick_tells_of_weights)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct channel_bench b;
    struct grebe_call *call;
    char text[2048];

    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"static_weighted_round_robin\":"
                            "{\"mode\":\"smooth\"}}]}");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
        cmocka_unit_test(without_memory_for_a_table_turns_are_strides),
        cmocka_unit_test(picking_takes_no_memory),
        cmocka_unit_test(threads_share_one_order),
        cmocka_unit_test(a_pick_tells_of_weights),
    };

    return cmocka_run_group_tests_name("static_weighted_round_robin", tests, NULL, NULL);
}
