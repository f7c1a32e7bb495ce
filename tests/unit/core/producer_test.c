/* SPDX-License-Identifier: Apache-2.0 */
/* Producers and their holds: one of each kind, closed by the last release and by every
 * change of state.  The contract is that of grebe/producer.h; grpc-go's producers. */
#include "support/test.h"

#include <stdlib.h>

#include <grebe/producer.h>

#include "support/channel_bench.h"
#include "support/one_subconn.h"

/* ---- Producers that note what is done to them ---------------------------------------------- */

struct noted {
    struct grebe_producer base;
    struct grebe_subconn *subconn;
};

static unsigned n_built, n_closed;
static int build_result;
static void (*when_closed)(void);

/* Between what the policy hears, to see what comes first. */
static void close_noted(struct grebe_producer *base)
{
    size_t used = strlen(one.states);

    n_closed++;
    snprintf(one.states + used, sizeof one.states - used, ", closed");
    free(grebe_container_of(base, struct noted, base));
    if (when_closed != NULL)
        when_closed();
}

static int build_none(struct grebe_subconn *subconn, struct grebe_producer **out)
{
    (void)subconn, (void)out;
    return GREBE_OK;
}

static const struct grebe_producer_ops noted_ops = {.close = close_noted};

static int build_noted(struct grebe_subconn *subconn, struct grebe_producer **out)
{
    struct noted *noted;

    if (build_result != GREBE_OK)
        return build_result;
    noted = calloc(1, sizeof *noted);
    grebe_producer_init(&noted->base, &noted_ops);
    noted->subconn = subconn;
    n_built++;
    *out = &noted->base;
    return GREBE_OK;
}

static const struct grebe_producer_builder apples = {GREBE_PRODUCER_API, "apples",
                                                     build_noted},
                                           pears = {GREBE_PRODUCER_API, "pears",
                                                    build_noted};

static struct grebe_producer_hold *hold_of(const struct grebe_producer_builder *builder)
{
    struct grebe_producer_hold *hold = NULL;

    assert_int_equal(grebe_subconn_get_producer(one.subconn, builder, &hold), GREBE_OK);
    return hold;
}

/* A subconn to server "a", READY. */
static void start(struct channel_bench *b)
{
    n_built = n_closed = 0;
    build_result = GREBE_OK;
    when_closed = NULL;
    one_subconn_register();
    channel_bench_start(b, "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}");
    channel_bench_servers(b, "a b");
    b->resolves_to = "a";
    channel_bench_connect(b);
    assert_int_equal(one.state, GREBE_READY);
}

static void finish(struct channel_bench *b)
{
    channel_bench_fini(b);
    one_subconn_unregister();
}

/* ---- Holds ------------------------------------------------------------------------------------ */

/* PR-1 */
TEST(one_producer_serves_all_who_hold_it)
{
    struct channel_bench b;
    struct grebe_producer_hold *first, *second;

    start(&b);
    first = hold_of(&apples);
    second = hold_of(&apples);
    assert_int_equal(n_built, 1);
    assert_ptr_equal(grebe_producer_held(first), grebe_producer_held(second));
    grebe_producer_release(&first);
    assert_null(first);
    assert_int_equal(n_closed, 0);
    grebe_producer_release(&first); /* once more counts for nothing */
    assert_int_equal(n_closed, 0);
    assert_non_null(grebe_producer_held(second));
    grebe_producer_release(&second);
    assert_int_equal(n_closed, 1);
    grebe_producer_release(&second);
    assert_int_equal(n_closed, 1);
    finish(&b);
}

TEST(kinds_are_told_apart_by_their_builders)
{
    struct channel_bench b;
    struct grebe_producer_hold *apple, *pear;

    start(&b);
    apple = hold_of(&apples);
    pear = hold_of(&pears);
    assert_int_equal(n_built, 2);
    assert_ptr_not_equal(grebe_producer_held(apple), grebe_producer_held(pear));
    assert_ptr_equal(
        grebe_container_of(grebe_producer_held(apple), struct noted, base)->subconn,
        one.subconn);
    grebe_producer_release(&apple);
    assert_int_equal(n_closed, 1);
    assert_non_null(grebe_producer_held(pear));
    grebe_producer_release(&pear);
    finish(&b);
}

TEST(a_producer_that_was_released_is_built_anew)
{
    struct channel_bench b;
    struct grebe_producer_hold *hold;

    start(&b);
    hold = hold_of(&apples);
    grebe_producer_release(&hold);
    hold = hold_of(&apples);
    assert_int_equal(n_built, 2);
    grebe_producer_release(&hold);
    finish(&b);
}

/* ---- States ------------------------------------------------------------------------------------- */

/* PR-2, SER-9: however many hold it. */
TEST(a_change_of_state_closes_producers_before_the_policy_hears)
{
    struct channel_bench b;
    struct grebe_producer_hold *first, *second, *later;

    start(&b);
    first = hold_of(&apples);
    second = hold_of(&apples);
    one.states[0] = '\0';
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    sim_settle(&b.sim);
    assert_string_equal(one.states, ", closed, IDLE");
    assert_null(grebe_producer_held(first));
    assert_int_equal(n_closed, 1);

    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_READY);
    later = hold_of(&apples);
    assert_int_equal(n_built, 2);
    grebe_producer_release(&first); /* too late to matter */
    grebe_producer_release(&second);
    assert_int_equal(n_closed, 1);
    assert_non_null(grebe_producer_held(later));
    grebe_producer_release(&later);
    assert_int_equal(n_closed, 2);
    finish(&b);
}

TEST(every_state_ends_producers_and_none_outlives_the_subconn)
{
    struct channel_bench b;
    struct grebe_producer_hold *hold;

    start(&b);
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    sim_settle(&b.sim);
    assert_int_equal(one.state, GREBE_IDLE);
    hold = hold_of(&apples); /* of no use, and allowed */
    channel_bench_connect(&b);
    assert_int_equal(n_closed, 1);
    grebe_producer_release(&hold);

    hold = hold_of(&apples);
    channel_bench_close(&b);
    assert_int_equal(n_closed, 2);
    assert_null(grebe_producer_held(hold));
    grebe_producer_release(&hold); /* the subconn is gone */
    finish(&b);
}

static bool never_message(void *arg, const void *bytes, size_t length)
{
    (void)arg, (void)bytes, (void)length;
    fail();
    return false;
}

static bool never_end(void *arg, const struct grebe_feed_end *end)
{
    (void)arg, (void)end;
    fail();
    return false;
}

TEST(a_subconn_that_was_shut_down_has_no_producers)
{
    struct channel_bench b;
    struct grebe_producer_hold *hold = NULL;
    struct grebe_feed *feed = NULL;
    struct grebe_feed_options options = GREBE_FEED_OPTIONS_INIT;
    struct grebe_subconn *kept;

    start(&b);
    kept = grebe_subconn_ref(one.subconn);
    grebe__env_enter(&b.sim.env);
    grebe_subconn_shutdown(one.subconn);
    assert_int_equal(grebe_subconn_get_producer(kept, &apples, &hold), GREBE_ERR_CLOSED);
    options.method = "/s/m";
    options.on_message = never_message;
    options.on_end = never_end;
    assert_int_equal(grebe_feed_start(kept, &options, &feed), GREBE_ERR_CLOSED);
    grebe__env_leave(&b.sim.env);
    assert_null(hold);
    assert_int_equal(n_built, 0);
    grebe_subconn_unref(kept);
    finish(&b);
}

/* ---- Closing ---------------------------------------------------------------------------------------- */

static struct grebe_producer_hold *other;

static void release_other(void)
{
    grebe_producer_release(&other);
}

TEST(a_producer_may_release_another_while_it_is_closed)
{
    struct channel_bench b;
    struct grebe_producer_hold *hold;

    start(&b);
    hold = hold_of(&apples);
    other = hold_of(&pears);
    when_closed = release_other;
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    sim_settle(&b.sim);
    assert_int_equal(n_closed, 2);
    grebe_producer_release(&hold);
    finish(&b);
}

/* ---- Failure ----------------------------------------------------------------------------------------- */

TEST(what_build_says_is_the_result)
{
    static const struct grebe_producer_builder builders[] = {
        {GREBE_PRODUCER_API + 1, "newer", build_noted},
        {0, "older than anything", build_noted},
        {GREBE_PRODUCER_API, "nothing", NULL},
        {GREBE_PRODUCER_API, "liar", build_none},
    };
    struct grebe_producer_hold *hold = NULL;
    struct channel_bench b;

    start(&b);
    build_result = GREBE_ERR_UNSUPPORTED;
    assert_int_equal(grebe_subconn_get_producer(one.subconn, &apples, &hold),
                     GREBE_ERR_UNSUPPORTED);
    build_result = GREBE_OK;
    for (size_t i = 0; i < sizeof builders / sizeof builders[0]; i++)
        assert_int_equal(grebe_subconn_get_producer(one.subconn, &builders[i], &hold),
                         GREBE_ERR_INVALID);
    assert_null(hold);
    assert_null(grebe_producer_held(NULL));
    finish(&b);
}

TEST(without_memory_nothing_is_held_and_nothing_leaks)
{
    struct channel_bench b;

    start(&b);
    for (uint32_t i = 1;; i++) {
        struct grebe_producer_hold *hold = NULL;
        int result;

        b.mem.has_failed = false;
        b.mem.fail_at = b.mem.n_allocs + i;
        result = grebe_subconn_get_producer(one.subconn, &apples, &hold);
        if (!b.mem.has_failed) {
            assert_int_equal(result, GREBE_OK);
            grebe_producer_release(&hold);
            break;
        }
        assert_int_equal(result, GREBE_ERR_NOMEM);
        assert_null(hold);
    }
    assert_int_equal(n_built, n_closed);
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_producer_serves_all_who_hold_it),
        cmocka_unit_test(kinds_are_told_apart_by_their_builders),
        cmocka_unit_test(a_producer_that_was_released_is_built_anew),
        cmocka_unit_test(a_change_of_state_closes_producers_before_the_policy_hears),
        cmocka_unit_test(every_state_ends_producers_and_none_outlives_the_subconn),
        cmocka_unit_test(a_subconn_that_was_shut_down_has_no_producers),
        cmocka_unit_test(a_producer_may_release_another_while_it_is_closed),
        cmocka_unit_test(what_build_says_is_the_result),
        cmocka_unit_test(without_memory_nothing_is_held_and_nothing_leaks),
    };

    return cmocka_run_group_tests_name("producer", tests, NULL, NULL);
}
