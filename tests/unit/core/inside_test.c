/* SPDX-License-Identifier: Apache-2.0 */
/* What an application asks for from inside of something: a line of the log, a function of
 * its own policy, a callback.  The functions of a channel and of a call may be called
 * there as anywhere else; what they ask for must not run in the middle of what is going
 * on. */
#include "support/test.h"

#include <grebe/registry.h>

#include "base/assert.h"
#include "support/channel_bench.h"

/* What to do, once, at the next line of the log that has `at`. */
static struct {
    const char *at;
    void (*deed)(struct channel_bench *bench);
    struct grebe_call *call;
} plan;

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    struct channel_bench *b = arg;
    void (*deed)(struct channel_bench *) = plan.deed;

    (void)level;
    if (deed == NULL || strstr(message, plan.at) == NULL)
        return;
    plan.deed = NULL;
    deed(b);
}

static void start(struct channel_bench *b, const char *at,
                  void (*deed)(struct channel_bench *bench))
{
    memset(&plan, 0, sizeof plan);
    plan.at = at;
    plan.deed = deed;
    channel_bench_init(b);
    b->options.on_log = on_log;
    b->options.log_arg = b;
    b->resolves_to = "a";
    channel_bench_servers(b, "a");
    assert_int_equal(channel_bench_open(b, "manual:///x"), GREBE_OK);
}

/* ---- From the log ------------------------------------------------------------------------- */

static struct grebe_call *new_call(struct channel_bench *b)
{
    struct grebe_call *call;

    assert_int_equal(grebe__call_new(b->channel, "/s/m", NULL, b->sim.env.now_ns,
                                     &grebe__unary_handler, &call),
                     GREBE_OK);
    grebe__unary_init(call, "ping", 4, NULL, NULL);
    return call;
}

static void cancel(struct channel_bench *b)
{
    (void)b;
    grebe__call_submit_cancel(plan.call);
}

/* The call itself makes the channel leave idle mode: it is cancelled before it knows where
 * to wait. */
TEST(a_call_cancelled_while_it_starts_ends_once)
{
    static const char *const places[] = {"exiting idle mode", "to CONNECTING",
                                         "switches to new LB policy",
                                         "picks a new address"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(places); i++) {
        struct channel_bench b;

        start(&b, places[i], cancel);
        plan.call = new_call(&b);
        grebe__call_submit_start(plan.call);
        sim_settle(&b.sim);
        assert_null(plan.deed);
        expect_status(plan.call, GREBE_STATUS_CANCELLED, "context canceled");
        channel_bench_fini(&b);
    }
}

static void start_and_cancel(struct channel_bench *b)
{
    plan.call = new_call(b);
    grebe__call_submit_start(plan.call);
}

static void on_state(void *arg, enum grebe_connectivity state)
{
    (void)arg;
    (void)state;
    if (plan.call != NULL)
        grebe__call_submit_cancel(plan.call);
}

/* The start waits for the turn to end; the cancel, from a callback between turns, does not
 * have to, and must not come first. */
TEST(what_is_asked_for_later_comes_later)
{
    struct channel_bench b;

    start(&b, "to CONNECTING", start_and_cancel);
    assert_int_equal(grebe__channel_watch_state(b.channel, on_state, NULL), GREBE_OK);
    channel_bench_connect(&b);
    grebe__channel_unwatch_state(b.channel, on_state, NULL);
    expect_status(plan.call, GREBE_STATUS_CANCELLED, "context canceled");
    channel_bench_fini(&b);
}

static void enter_idle(struct channel_bench *b)
{
    grebe__channel_submit(b->channel, GREBE__REQUEST_ENTER_IDLE);
}

TEST(idle_mode_may_be_entered_from_any_line_of_the_log)
{
    static const char *const places[] = {
        "Channel exiting idle mode", "Channel switches to new LB policy",
        "Subchannel picks a new address", "Subchannel Connectivity change to READY",
        "Channel Connectivity change to READY"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(places); i++) {
        struct channel_bench b;

        start(&b, places[i], enter_idle);
        channel_bench_connect(&b);
        assert_null(plan.deed);
        assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
        assert_null(b.conn);
        expect_echo(channel_bench_call(&b, NULL), "a");
        channel_bench_fini(&b);
    }
}

static void close(struct channel_bench *b)
{
    struct grebe_channel *channel = b->channel;

    channel_bench_submit_close(b);
    assert_false(channel->is_closed);
}

TEST(a_channel_may_be_closed_from_the_log)
{
    struct channel_bench b;

    start(&b, "Subchannel Connectivity change to READY", close);
    plan.call = new_call(&b);
    grebe__call_submit_start(plan.call);
    sim_settle(&b.sim);
    assert_true(b.is_closed);
    expect_status(plan.call, GREBE_STATUS_CANCELLED, "closing");
    channel_bench_fini(&b);
}

/* ---- From a policy -------------------------------------------------------------------------- */

/* Asks its channel for things while it is being updated. */
struct asking {
    struct grebe_balancer base;
    bool is_inside;
};

static struct channel_bench *current;
static unsigned n_exit_idle, n_destroyed;

static void must_not_nest(struct grebe_balancer *base)
{
    assert_false(grebe_container_of(base, struct asking, base)->is_inside);
}

static int on_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct asking *asking = grebe_container_of(base, struct asking, base);

    (void)update;
    asking->is_inside = true;
    grebe__channel_submit(current->channel, GREBE__REQUEST_CONNECT);
    grebe__channel_submit(current->channel, GREBE__REQUEST_RESET_BACKOFF);
    if (n_exit_idle == 0)
        grebe__channel_submit(current->channel, GREBE__REQUEST_ENTER_IDLE);
    asking->is_inside = false;
    return GREBE_OK;
}

static void on_exit_idle(struct grebe_balancer *base)
{
    must_not_nest(base);
    n_exit_idle++;
}

static void on_destroy(struct grebe_balancer *base)
{
    must_not_nest(base);
    n_destroyed++;
    grebe_mem_free(NULL, grebe_container_of(base, struct asking, base));
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    static const struct grebe_balancer_ops ops = {
        .update = on_update, .exit_idle = on_exit_idle, .destroy = on_destroy};
    struct asking *asking = grebe_mem_zalloc(NULL, sizeof *asking);

    (void)cc;
    (void)options;
    grebe_balancer_init(&asking->base, &ops);
    *out = &asking->base;
    return GREBE_OK;
}

TEST(a_policy_may_ask_its_channel_for_anything)
{
    static const struct grebe_balancer_builder builder = {
        .api = GREBE_BALANCER_API, .name = "asking", .build = build};
    struct channel_bench b;

    n_exit_idle = n_destroyed = 0;
    current = &b;
    assert_int_equal(grebe_balancer_register(&builder), GREBE_OK);
    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"asking\":{}}]}");
    b.resolves_to = "a";
    channel_bench_connect(&b);
    /* Idle mode first, then out of it again, as asked for in one. */
    assert_int_equal(n_destroyed, 1);
    assert_true(n_exit_idle >= 1);
    channel_bench_fini(&b);
    grebe_balancer_unregister("asking");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_cancelled_while_it_starts_ends_once),
        cmocka_unit_test(what_is_asked_for_later_comes_later),
        cmocka_unit_test(idle_mode_may_be_entered_from_any_line_of_the_log),
        cmocka_unit_test(a_channel_may_be_closed_from_the_log),
        cmocka_unit_test(a_policy_may_ask_its_channel_for_anything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
