/* SPDX-License-Identifier: Apache-2.0 */
/* What a client_conn owes its balancer, and what it does when the balancer is gone: the
 * contract of grebe/balancer.h, with stub policies. */
#include "support/test.h"

#include <stddef.h>

#include <grebe/parent.h>

#include "support/lb_bench.h"
#include "support/stub_policy.h"

static void start(struct lb_bench *b)
{
    stub_reset();
    assert_true(lb_bench_init(b, &stub_x, 1));
}

static struct grebe_client_conn *cc(void)
{
    return stub_at(0)->cc;
}

/* What a subconn's listeners heard, each behind its name: "CONNECTING, health READY". */
static char heard[256];
static char nameless[] = "", early[] = "early ", first[] = "first ", health[] = "health ",
            again[] = "again ";

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    (void)subconn;
    (void)error;
    snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%s%s%s",
             heard[0] == '\0' ? "" : ", ", (const char *)arg,
             grebe_connectivity_name(state));
}

static struct grebe_subconn *new_subconn(struct grebe_client_conn *owner, int expected)
{
    const struct grebe_address_options address_options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_subconn *subconn = NULL;
    struct grebe_address *address;

    assert_int_equal(grebe_address_new(NULL, "a", &address_options, &address), GREBE_OK);
    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    options.arg = nameless;
    assert_int_equal(grebe_client_conn_new_subconn(owner, &options, &subconn), expected);
    grebe_address_unref(address);
    heard[0] = '\0';
    return subconn;
}

static void enter(struct lb_bench *b)
{
    grebe__env_enter(&b->lab.sim.env);
}

static void leave(struct lb_bench *b)
{
    grebe__env_leave(&b->lab.sim.env);
    sim_settle(&b->lab.sim);
}

/* The policy is destroyed; its client_conn lives on while something refers to it. */
static struct grebe_client_conn *destroy_policy(struct lb_bench *b)
{
    struct grebe_client_conn *kept = grebe_client_conn_ref(b->lab.root);

    enter(b);
    grebe_client_conn_close(b->lab.root);
    leave(b);
    b->lab.root = NULL;
    return kept;
}

/* ---- Requests are recorded ------------------------------------------------------------------ */

TEST(requests_take_effect_in_order_after_the_policy_has_returned)
{
    struct grebe_address *none[1] = {NULL};
    struct lb_bench b;
    struct grebe_subconn *subconn;

    start(&b);
    enter(&b);
    subconn = new_subconn(cc(), GREBE_OK);
    lb_bench_log(&b);
    stub_publish(stub_at(0), GREBE_CONNECTING, "1");
    grebe_subconn_connect(subconn);
    grebe_client_conn_resolve_now(cc());
    assert_int_equal(grebe_subconn_update_addresses(subconn, none, 0), GREBE_OK);
    stub_publish(stub_at(0), GREBE_READY, "2");
    grebe_client_conn_resolve_now(cc()); /* the hint is on its way */
    assert_string_equal(lb_bench_log(&b), "");
    leave(&b);
    assert_string_equal(lb_bench_log(&b),
                        "CONNECTING, connect a, resolve, update to nothing, READY");
    lb_bench_fini(&b);
}

TEST(reports_are_never_merged)
{
    struct lb_bench b;

    start(&b);
    enter(&b);
    stub_publish(stub_at(0), GREBE_READY, "");
    stub_publish(stub_at(0), GREBE_IDLE, "");
    stub_publish(stub_at(0), GREBE_IDLE, "");
    stub_publish(stub_at(0), GREBE_CONNECTING, "");
    leave(&b);
    assert_string_equal(lb_bench_log(&b), "READY, IDLE, IDLE, CONNECTING");
    lb_bench_fini(&b);
}

TEST(without_memory_the_latest_report_counts)
{
    struct lb_bench b;

    start(&b);
    enter(&b);
    stub_publish(stub_at(0), GREBE_CONNECTING, "first");
    b.mem.fail_at = b.mem.n_allocs + 3; /* after the picker's two */
    stub_publish(stub_at(0), GREBE_READY, "second");
    assert_true(b.mem.has_failed);
    leave(&b);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_string_equal(lb_bench_pick(&b), "fail: second");
    lb_bench_fini(&b);
}

TEST(exit_idle_is_asked_for_once_until_it_comes)
{
    struct lb_bench b;

    start(&b);
    stub_log();
    grebe_client_conn_request_exit_idle(cc());
    grebe_client_conn_request_exit_idle(cc());
    assert_string_equal(stub_log(), "");
    sim_settle(&b.lab.sim);
    assert_string_equal(stub_log(), "x.exit_idle");
    grebe_client_conn_request_exit_idle(cc());
    sim_settle(&b.lab.sim);
    assert_string_equal(stub_log(), "x.exit_idle");
    lb_bench_fini(&b);
}

/* ---- Subconns --------------------------------------------------------------------------------- */

TEST(states_are_told_in_order_and_none_twice)
{
    struct lb_bench b;

    start(&b);
    enter(&b);
    new_subconn(cc(), GREBE_OK);
    leave(&b);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL); /* it begins there */
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    assert_string_equal(heard, "CONNECTING, READY, IDLE");
    lb_bench_fini(&b);
}

/* SC-23 */
TEST(shutdown_is_told_once_even_if_never_connected)
{
    struct lb_bench b;
    struct grebe_subconn *subconn;

    start(&b);
    enter(&b);
    subconn = new_subconn(cc(), GREBE_OK);
    grebe_subconn_connect(subconn);
    grebe_subconn_shutdown(subconn);
    grebe_subconn_shutdown(subconn);
    grebe_subconn_connect(subconn);
    lb_bench_log(&b);
    leave(&b);
    assert_string_equal(heard, "SHUTDOWN");
    assert_string_equal(lb_bench_log(&b), "drop a");
    lb_bench_fini(&b);
}

TEST(subconn_that_was_shut_down_stays_readable_while_referred_to)
{
    struct grebe_address *none[1] = {NULL};
    struct lb_bench b;
    struct grebe_subconn *subconn;

    start(&b);
    enter(&b);
    subconn = grebe_subconn_ref(new_subconn(cc(), GREBE_OK));
    grebe_subconn_shutdown(subconn);
    leave(&b);
    assert_string_equal(lb_bench_log(&b), "new a, drop a");
    enter(&b);
    grebe_subconn_connect(subconn);
    assert_int_equal(grebe_subconn_update_addresses(subconn, none, 0), GREBE_OK);
    grebe_subconn_shutdown(subconn);
    leave(&b);
    assert_string_equal(lb_bench_log(&b), "");
    grebe_subconn_unref(subconn);
    lb_bench_fini(&b);
}

TEST(health_is_heard_from_ready_until_the_next_state)
{
    struct lb_bench b;
    struct grebe_subconn *subconn;

    start(&b);
    enter(&b);
    subconn = new_subconn(cc(), GREBE_OK);
    grebe_client_conn_watch_health(cc(), subconn, on_state, early); /* not READY */
    leave(&b);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    assert_string_equal(heard, "READY");
    enter(&b);
    grebe_client_conn_watch_health(cc(), subconn, on_state, first);
    grebe_client_conn_watch_health(cc(), subconn, on_state, health);
    leave(&b);
    lb_bench_health(&b, "a", GREBE_TRANSIENT_FAILURE, "ill");
    assert_string_equal(heard, "READY, health TRANSIENT_FAILURE");
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    assert_string_equal(heard, "READY, health TRANSIENT_FAILURE, IDLE");
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    enter(&b);
    grebe_client_conn_watch_health(cc(), subconn, on_state, again);
    grebe_client_conn_watch_health(cc(), subconn, NULL, NULL);
    leave(&b);
    heard[0] = '\0';
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    assert_string_equal(heard, "");
    lb_bench_fini(&b);
}

TEST(health_is_offered_in_ready_only_and_not_by_one_that_is_going)
{
    struct lb_bench b;
    struct grebe_subconn *subconn;

    start(&b);
    enter(&b);
    subconn = new_subconn(cc(), GREBE_OK);
    leave(&b);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_log(&b);
    enter(&b);
    grebe_client_conn_watch_health(cc(), subconn, on_state, early);
    leave(&b);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    enter(&b);
    grebe_client_conn_watch_health(cc(), subconn, on_state, health);
    grebe_subconn_shutdown(subconn);
    grebe_client_conn_watch_health(cc(), subconn, on_state, again);
    leave(&b);
    assert_string_equal(lb_bench_log(&b), "watch a, drop a");
    lb_bench_fini(&b);
}

/* It was compiled when subconns had no listeners of their own. */
TEST(subconn_of_an_older_policy_tells_the_policy)
{
    const struct grebe_address_options address_options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_address *address;
    struct grebe_subconn *subconn;
    struct lb_bench b;

    assert_int_equal(grebe_address_new(NULL, "a", &address_options, &address), GREBE_OK);
    options.struct_size = offsetof(struct grebe_subconn_options, on_state);
    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    options.arg = nameless;
    start(&b);
    heard[0] = '\0';
    enter(&b);
    assert_int_equal(grebe_client_conn_new_subconn(cc(), &options, &subconn), GREBE_OK);
    leave(&b);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    assert_string_equal(heard, "");
    grebe_address_unref(address);
    lb_bench_fini(&b);
}

/* ---- After destroy() ----------------------------------------------------------------------------- */

/* SER-1, SER-8 */
TEST(nothing_reaches_a_policy_that_was_destroyed)
{
    struct lb_bench b;
    struct grebe_client_conn *kept;
    struct grebe_picker *picker = grebe_picker_queueing();

    start(&b);
    enter(&b);
    new_subconn(cc(), GREBE_OK);
    leave(&b);
    stub_log();
    kept = destroy_policy(&b);
    assert_string_equal(stub_log(), "x.destroy");
    assert_string_equal(heard, ""); /* its subconn was shut down in silence */
    assert_int_equal(lb_bench_n_live(&b), 0);
    lb_bench_log(&b);
    enter(&b);
    grebe_client_conn_update_state(kept, GREBE_READY, picker);
    grebe_client_conn_resolve_now(kept);
    new_subconn(kept, GREBE_ERR_CLOSED);
    leave(&b);
    grebe_client_conn_request_exit_idle(kept);
    sim_settle(&b.lab.sim);
    assert_string_equal(lb_bench_log(&b), "");
    assert_string_equal(stub_log(), "");
    grebe_client_conn_unref(kept);
    b.n_violations_expected = 1; /* for all requests after destroy() */
    lb_bench_fini(&b);
}

/* The policy is gone, and its subconn has not heard of that yet. */
TEST(health_is_not_told_after_destroy)
{
    struct lb_bench b;
    struct grebe_subconn *subconn;

    start(&b);
    enter(&b);
    subconn = new_subconn(cc(), GREBE_OK);
    leave(&b);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    enter(&b);
    grebe_client_conn_watch_health(cc(), subconn, on_state, health);
    leave(&b);
    heard[0] = '\0';
    enter(&b);
    grebe_client_conn_close(b.lab.root);
    b.lab.root = NULL;
    grebe__subconn_deliver_health(subconn, GREBE_READY, NULL);
    leave(&b);
    assert_string_equal(heard, "");
    lb_bench_fini(&b);
}

TEST(report_on_its_way_is_dropped_with_the_policy)
{
    struct lb_bench b;

    start(&b);
    enter(&b);
    stub_publish(stub_at(0), GREBE_READY, "too late");
    grebe_client_conn_resolve_now(cc());
    grebe_client_conn_close(b.lab.root);
    b.lab.root = NULL;
    leave(&b);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_fini(&b);
}

/* ---- Timers ------------------------------------------------------------------------------------------- */

static void fire(void *arg)
{
    (*(unsigned *)arg)++;
}

TEST(timer_fires_once_at_its_time_and_can_be_moved)
{
    struct lb_bench b;
    struct grebe_timer *timer;
    unsigned n = 0;

    start(&b);
    assert_int_equal(grebe_timer_new(cc(), fire, &n, &timer), GREBE_OK);
    grebe_timer_start(timer, grebe_client_conn_now_ns(cc()) + 100 * MS);
    grebe_timer_start(timer, grebe_client_conn_now_ns(cc()) + 200 * MS);
    lb_bench_advance_ms(&b, 199);
    assert_int_equal(n, 0);
    lb_bench_advance_ms(&b, 1);
    assert_int_equal(n, 1);
    lb_bench_advance_ms(&b, 1000);
    assert_int_equal(n, 1);
    grebe_timer_start(timer, 0);
    grebe_timer_cancel(timer);
    lb_bench_advance_ms(&b, 1);
    assert_int_equal(n, 1);
    grebe_timer_destroy(timer);
    grebe_timer_destroy(NULL);
    lb_bench_fini(&b);
}

/* That it was left is a mistake, too. */
TEST(timer_of_a_destroyed_policy_never_fires)
{
    struct lb_bench b;
    struct grebe_client_conn *kept;
    struct grebe_timer *timer;
    unsigned n = 0;

    start(&b);
    assert_int_equal(grebe_timer_new(cc(), fire, &n, &timer), GREBE_OK);
    grebe_timer_start(timer, grebe_client_conn_now_ns(cc()) + 100 * MS);
    kept = destroy_policy(&b);
    grebe_timer_start(timer, grebe_client_conn_now_ns(kept) + 100 * MS);
    lb_bench_advance_ms(&b, 1000);
    assert_int_equal(n, 0);
    grebe_timer_destroy(timer);
    grebe_client_conn_unref(kept);
    b.n_violations_expected = 1;
    lb_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_take_effect_in_order_after_the_policy_has_returned),
        cmocka_unit_test(reports_are_never_merged),
        cmocka_unit_test(without_memory_the_latest_report_counts),
        cmocka_unit_test(exit_idle_is_asked_for_once_until_it_comes),
        cmocka_unit_test(states_are_told_in_order_and_none_twice),
        cmocka_unit_test(shutdown_is_told_once_even_if_never_connected),
        cmocka_unit_test(subconn_that_was_shut_down_stays_readable_while_referred_to),
        cmocka_unit_test(health_is_heard_from_ready_until_the_next_state),
        cmocka_unit_test(health_is_offered_in_ready_only_and_not_by_one_that_is_going),
        cmocka_unit_test(nothing_reaches_a_policy_that_was_destroyed),
        cmocka_unit_test(subconn_of_an_older_policy_tells_the_policy),
        cmocka_unit_test(health_is_not_told_after_destroy),
        cmocka_unit_test(report_on_its_way_is_dropped_with_the_policy),
        cmocka_unit_test(timer_fires_once_at_its_time_and_can_be_moved),
        cmocka_unit_test(timer_of_a_destroyed_policy_never_fires),
    };

    return cmocka_run_group_tests_name("client_conn", tests, NULL, NULL);
}
