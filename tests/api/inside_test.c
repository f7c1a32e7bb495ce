/* SPDX-License-Identifier: Apache-2.0 */
/* A program whose policy uses its own channel, on a real loop: whatever it asks for from
 * inside of a policy's function waits until that function has returned. */
#include "support/test.h"

#include <stdlib.h>

#include <grebe/balancer.h>
#include <grebe/registry.h>

#include "support/client.h"

static struct {
    struct grebe_loop *loop; /* a reference */
    struct grebe_channel *channel;
    void (*ask)(void); /* in the next update */
    struct grebe_call *call;
    bool is_inside;
    unsigned n_exit_idle, n_destroyed;
} asking;

static int on_update(struct grebe_balancer *balancer,
                     const struct grebe_balancer_update *update)
{
    void (*ask)(void) = asking.ask;

    (void)balancer;
    (void)update;
    asking.is_inside = true;
    asking.ask = NULL;
    if (ask != NULL)
        ask();
    asking.is_inside = false;
    return GREBE_OK;
}

static void on_exit_idle(struct grebe_balancer *balancer)
{
    (void)balancer;
    assert_false(asking.is_inside);
    asking.n_exit_idle++;
}

static void on_destroy(struct grebe_balancer *balancer)
{
    assert_false(asking.is_inside);
    asking.n_destroyed++;
    free(balancer);
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    static const struct grebe_balancer_ops ops = {
        .update = on_update, .exit_idle = on_exit_idle, .destroy = on_destroy};

    (void)cc;
    (void)options;
    *out = malloc(sizeof **out);
    assert_non_null(*out);
    grebe_balancer_init(*out, &ops);
    return GREBE_OK;
}

static const struct grebe_balancer_builder builder = {
    .api = GREBE_BALANCER_API, .name = "asking", .build = build};

static void start(void (*ask)(void))
{
    memset(&asking, 0, sizeof asking);
    asking.channel = client_open("ipv4:127.0.0.1:1", "asking", NULL);
    asking.loop = grebe_loop_ref(grebe_channel_loop(asking.channel));
    asking.ask = ask;
    assert_int_equal(grebe_channel_connect(asking.channel), GREBE_OK);
    grebe_loop_turn(asking.loop, 0);
}

static void finish(void)
{
    grebe_channel_destroy(asking.channel);
    grebe_loop_unref(asking.loop);
}

/* ---- What may be asked ------------------------------------------------------------------- */

static void destroy(void)
{
    grebe_channel_destroy(asking.channel);
    assert_int_equal(asking.n_destroyed, 0);
}

TEST(a_policy_may_destroy_its_channel)
{
    start(destroy);
    for (int i = 0; i < 100 && asking.n_destroyed == 0; i++)
        grebe_loop_turn(asking.loop, 10);
    assert_int_equal(asking.n_destroyed, 1);
    grebe_loop_unref(asking.loop);
}

static void connect_and_rest(void)
{
    assert_int_equal(grebe_channel_connect(asking.channel), GREBE_OK);
    assert_int_equal(grebe_channel_reset_backoff(asking.channel), GREBE_OK);
    assert_int_equal(grebe_channel_enter_idle(asking.channel), GREBE_OK);
    assert_int_equal(asking.n_exit_idle, 0);
}

TEST(a_policy_may_have_its_channel_rest_and_connect)
{
    start(connect_and_rest);
    grebe_loop_turn(asking.loop, 0);
    assert_int_equal(asking.n_destroyed, 1);
    assert_true(asking.n_exit_idle >= 1);
    finish();
    assert_int_equal(asking.n_destroyed, 2);
}

static void call_and_cancel(void)
{
    asking.call = client_start(asking.channel, &(struct client_request){.method = "/s/m"},
                               NULL, NULL);
    grebe_call_cancel(asking.call);
    assert_false(grebe_call_is_done(asking.call));
}

TEST(a_policy_may_call_and_change_its_mind)
{
    start(call_and_cancel);
    assert_int_equal(grebe_call_wait(asking.call, 1000 * CLIENT_MS), GREBE_OK);
    client_expect(asking.call, GREBE_STATUS_CANCELLED, NULL);
    grebe_call_unref(asking.call);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_may_destroy_its_channel),
        cmocka_unit_test(a_policy_may_have_its_channel_rest_and_connect),
        cmocka_unit_test(a_policy_may_call_and_change_its_mind),
    };

    assert_int_equal(grebe_balancer_register(&builder), GREBE_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
