/* SPDX-License-Identifier: Apache-2.0 */
/* Who hears the states of a channel: each of them, in order, from the present one on. */
#include "support/test.h"

#include "support/channel_bench.h"

enum { HEARD_BYTES = 256 };

struct listener {
    char heard[HEARD_BYTES];               /* "CONNECTING, READY" */
    struct channel_bench *leaves_at_ready; /* and looks no more; or NULL */
    struct channel_bench *asks_at_the_end; /* for another like itself; or NULL */
    int answer;
};

static void on_state_too(void *arg, enum grebe_connectivity state);

static void on_state(void *arg, enum grebe_connectivity state)
{
    struct listener *listener = arg;
    size_t used = strlen(listener->heard);

    snprintf(listener->heard + used, HEARD_BYTES - used, "%s%s", used > 0 ? ", " : "",
             grebe_connectivity_name(state));
    if (state == GREBE_READY && listener->leaves_at_ready != NULL)
        grebe__channel_unwatch_state(listener->leaves_at_ready->channel, on_state,
                                     listener);
    if (state == GREBE_SHUTDOWN && listener->asks_at_the_end != NULL)
        listener->answer = grebe__channel_watch_state(listener->asks_at_the_end->channel,
                                                      on_state_too, listener);
}

static void on_state_too(void *arg, enum grebe_connectivity state)
{
    on_state(arg, state);
}

static void watch(struct channel_bench *b, struct listener *listener)
{
    grebe__env_enter(&b->sim.env);
    assert_int_equal(grebe__channel_watch_state(b->channel, on_state, listener),
                     GREBE_OK);
    grebe__env_leave(&b->sim.env);
    sim_settle(&b->sim);
}

static void start(struct channel_bench *b)
{
    channel_bench_start(b, NULL);
    b->resolves_to = "a";
    channel_bench_servers(b, "a");
}

/* CH-8 */
TEST(each_watcher_hears_every_state_from_the_present_one_on)
{
    struct listener early = {0}, late = {0};
    struct channel_bench b;

    start(&b);
    watch(&b, &early);
    assert_string_equal(early.heard, ""); /* IDLE, as it was made */
    channel_bench_connect(&b);
    watch(&b, &late);
    assert_string_equal(early.heard, "CONNECTING, READY");
    assert_string_equal(late.heard, "READY");
    sim_server_kill(sim_server_find(&b.sim, "a"), "connection reset");
    sim_settle(&b.sim);
    channel_bench_fini(&b);
    assert_string_equal(early.heard, "CONNECTING, READY, IDLE, SHUTDOWN");
    assert_string_equal(late.heard, "READY, IDLE, SHUTDOWN");
}

TEST(an_idle_channel_that_was_not_always_idle_says_so)
{
    struct listener listener = {0};
    struct channel_bench b;

    start(&b);
    channel_bench_connect(&b);
    sim_server_kill(sim_server_find(&b.sim, "a"), "connection reset");
    sim_settle(&b.sim);
    watch(&b, &listener);
    assert_string_equal(listener.heard, "IDLE");
    channel_bench_fini(&b);
}

TEST(a_watcher_is_a_function_and_its_argument)
{
    struct listener listener = {0};
    struct channel_bench b;

    start(&b);
    watch(&b, &listener);
    watch(&b, &listener);
    assert_int_equal(grebe__channel_watch_state(b.channel, on_state_too, &listener),
                     GREBE_OK);
    channel_bench_connect(&b);
    assert_string_equal(listener.heard, "CONNECTING, CONNECTING, READY, READY");
    grebe__channel_unwatch_state(b.channel, on_state, &listener);
    listener.heard[0] = '\0';
    sim_server_kill(sim_server_find(&b.sim, "a"), "connection reset");
    sim_settle(&b.sim);
    assert_string_equal(listener.heard, "IDLE");
    channel_bench_fini(&b);
}

/* CH-8: not what is on its way, either. */
TEST(a_watcher_that_left_hears_nothing)
{
    struct listener stays = {0}, leaves = {0}, other = {0};
    struct channel_bench b;

    start(&b);
    leaves.leaves_at_ready = &b;
    watch(&b, &leaves);
    watch(&b, &stays);
    watch(&b, &other);
    grebe__env_enter(&b.sim.env);
    grebe__channel_connect(b.channel);
    grebe__channel_unwatch_state(b.channel, on_state, &other);
    grebe__channel_unwatch_state(b.channel, on_state, &other); /* it is not there */
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    sim_server_kill(sim_server_find(&b.sim, "a"), "connection reset");
    sim_settle(&b.sim);
    channel_bench_fini(&b);
    assert_string_equal(other.heard, "");
    assert_string_equal(leaves.heard, "CONNECTING, READY");
    assert_string_equal(stays.heard, "CONNECTING, READY, IDLE, SHUTDOWN");
}

/* CH-8: nothing is heard after the end, so nobody begins to listen there. */
TEST(a_channel_that_is_being_closed_has_no_new_watchers)
{
    struct listener listener = {0};
    struct channel_bench b;

    start(&b);
    listener.asks_at_the_end = &b;
    watch(&b, &listener);
    channel_bench_connect(&b);
    channel_bench_fini(&b);
    assert_string_equal(listener.heard, "CONNECTING, READY, SHUTDOWN");
    assert_int_equal(listener.answer, GREBE_ERR_CLOSED);
}

/* Whoever reads the log ends the watcher that it is about. */
struct reader {
    struct channel_bench *bench;
    struct listener *listener;
    unsigned n_missed;
};

static void read_log(void *arg, enum grebe_log_level level, const char *message)
{
    struct reader *reader = arg;

    (void)level;
    if (strstr(message, "a state watcher misses CONNECTING") == NULL)
        return;
    reader->n_missed++;
    grebe__channel_unwatch_state(reader->bench->channel, on_state, reader->listener);
}

TEST(a_watcher_may_leave_when_the_log_says_that_it_missed_a_state)
{
    struct listener leaves = {0}, stays = {0};
    struct channel_bench b;
    struct reader reader = {&b, &leaves, 0};

    channel_bench_init(&b);
    b.options.on_log = read_log;
    b.options.log_arg = &reader;
    assert_int_equal(channel_bench_open(&b, "manual:///test"), GREBE_OK);
    watch(&b, &leaves);
    watch(&b, &stays);
    grebe__env_enter(&b.sim.env);
    grebe__channel_set_state(b.channel, GREBE_CONNECTING);
    b.mem.fail_at = b.mem.n_allocs + 2; /* the bench watches, too, and is the first */
    grebe__channel_set_state(b.channel, GREBE_IDLE);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_int_equal(reader.n_missed, 1);
    assert_string_equal(leaves.heard, "");
    assert_string_equal(stays.heard, "CONNECTING, IDLE");
    channel_bench_fini(&b);
}

/* READY is missed, and CONNECTING, merged into its report, was told before. */
TEST(a_missed_state_does_not_have_the_last_one_told_twice)
{
    struct listener listener = {0};
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    watch(&b, &listener);
    grebe__env_enter(&b.sim.env);
    grebe__channel_set_state(b.channel, GREBE_CONNECTING);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    grebe__env_enter(&b.sim.env);
    grebe__channel_set_state(b.channel, GREBE_READY);
    b.mem.fail_at = b.mem.n_allocs + 2; /* the bench watches, too, and is the first */
    grebe__channel_set_state(b.channel, GREBE_CONNECTING);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_true(channel_bench_logged(&b, "a state watcher misses READY"));
    assert_string_equal(listener.heard, "CONNECTING");
    channel_bench_fini(&b);
}

TEST(without_memory_there_is_no_watcher)
{
    struct listener listener = {0};
    struct channel_bench b;

    start(&b);
    b.mem.fail_at = b.mem.n_allocs + 1;
    assert_int_equal(grebe__channel_watch_state(b.channel, on_state, &listener),
                     GREBE_ERR_NOMEM);
    channel_bench_connect(&b);
    assert_string_equal(listener.heard, "");
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_watcher_hears_every_state_from_the_present_one_on),
        cmocka_unit_test(an_idle_channel_that_was_not_always_idle_says_so),
        cmocka_unit_test(a_watcher_is_a_function_and_its_argument),
        cmocka_unit_test(a_watcher_that_left_hears_nothing),
        cmocka_unit_test(a_channel_that_is_being_closed_has_no_new_watchers),
        cmocka_unit_test(a_watcher_may_leave_when_the_log_says_that_it_missed_a_state),
        cmocka_unit_test(a_missed_state_does_not_have_the_last_one_told_twice),
        cmocka_unit_test(without_memory_there_is_no_watcher),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
