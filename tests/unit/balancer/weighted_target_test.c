/* SPDX-License-Identifier: Apache-2.0 */
/* weighted_target: what its targets are together, and who of them takes a call.  Children
 * are stubs, whose pickers fail with a text that says whose they are. */
#include "support/test.h"

#include <grebe/registry.h>

#include "balancer/weighted_target.h"
#include "base/assert.h"
#include "support/channel_bench.h"
#include "support/lb_bench.h"
#include "support/stub_policy.h"
#include "support/witness_policy.h"

#define TARGET(name, weight, policy)                                                     \
    "\"" name "\": {\"weight\": " weight ", \"childPolicy\": [{\"" policy "\": {}}]}"
#define TARGETS(list)   "{\"targets\": {" list "}}"
#define TWO(east, west) TARGETS(TARGET("east", east, "x") ", " TARGET("west", west, "x"))

static const char two_endpoints[] = "east>a west>b";

static void start(struct lb_bench *b, const char *config)
{
    stub_reset();
    memset(&witness, 0, sizeof witness);
    assert_true(lb_bench_init(b, &grebe__weighted_target, 1));
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
}

/* Two targets, both of policy x: stub 0 is in the east, stub 1 in the west. */
static void start_two(struct lb_bench *b, const char *config)
{
    start(b, config);
    assert_int_equal(lb_bench_update(b, two_endpoints, NULL), GREBE_OK);
    lb_bench_log(b);
}

static void publish(struct lb_bench *b, size_t i, enum grebe_connectivity state,
                    const char *text)
{
    grebe__env_enter(&b->lab.sim.env);
    stub_publish(stub_at(i), state, text);
    grebe__env_leave(&b->lab.sim.env);
}

/* `n` picks, of which about the part `p` fails with `text`: within 4 sigma,
 * sigma^2 = n p (1 - p), which a fair choice misses once in 16,000 times.  The seed is
 * fixed. */
static void expect_share(struct lb_bench *b, uint32_t n, double p, const char *text)
{
    double off = lb_bench_count(b, n, text) - n * p;

    assert_true(off * off <= 4 * 4 * n * p * (1 - p));
}

/* ---- Configuration ---------------------------------------------------------------------- */

static const struct lb_config_case wrong[] = {
    {"7", ": expected an object"},
    {"[]", ": expected an object"},
    {"{\"targets\": []}", "targets: expected an object, found a list"},
    {"{\"targets\": {\"east\": 7}}", "targets.east: expected an object"},
    {"{\"targets\": {\"east\": null}}", "targets.east: expected an object"},
    {"{\"targets\": {\"east\": {\"weight\": -1}}}",
     "targets.east.weight: -1 is not between 0 and 4294967295"},
    {"{\"targets\": {\"east\": {\"weight\": 1.5}}}",
     "targets.east.weight: expected an integer, without fraction or exponent"},
    {"{\"targets\": {\"east\": {\"weight\": 1}}}",
     "targets.east.childPolicy: expected a list of policies"},
    {"{\"targets\": {\"east\": {\"weight\": 1, \"childPolicy\": []}}}",
     "targets.east.childPolicy: no supported policies found in []"},
    {"{\"targets\": {" TARGET("east", "1", "x") ", " TARGET("w\\u001b", "1",
                                                            "nobody") "}}",
     "targets.w\\x1b.childPolicy: no supported policies found in [nobody]"},
    {"{\"targets\": {\"east\": {\"childPolicy\": [{\"witness\": {\"wait\": 1}}]}}}",
     "targets.east.childPolicy[0].witness.wait: expected a string, found a number"},
};

TEST(wrong_configurations_are_explained)
{
    lb_bench_expect_configs(&grebe__weighted_target, wrong, GREBE_ARRAY_LEN(wrong));
}

/* T-1: what is no JSON at all is refused before any policy sees it. */
TEST(empty_text_is_no_configuration)
{
    const struct grebe_json *json;
    struct grebe_diag diag;

    assert_int_equal(grebe_json_parse("", 0, &diag, &json), GREBE_ERR_CONFIG);
}

TEST(both_names_are_registered)
{
    assert_ptr_equal(grebe_balancer_get("weighted_target"), &grebe__weighted_target);
    assert_ptr_equal(grebe_balancer_get("weighted_target_experimental"),
                     &grebe__weighted_target_experimental);
}

TEST(unknown_members_are_ignored)
{
    struct lb_bench b;

    start(&b,
          "{\"more\": 1, \"targets\": {\"east\": {\"weight\": 1, \"colour\": \"red\", "
          "\"child_policy\": [{\"witness\": {}}]}}}");
    lb_bench_update(&b, "east>a", NULL);
    assert_string_equal(witness_seen(), "a");
    lb_bench_fini(&b);
}

TEST(named_without_a_configuration_it_says_what_it_needs)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__weighted_target, 1));
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_ERR_CONFIG);
    assert_non_null(strstr(lb_bench_pick(&b), "weighted_target needs a configuration"));
    lb_bench_fini(&b);
}

/* ---- Targets ----------------------------------------------------------------------------- */

/* T-2 */
TEST(no_targets_is_a_failure)
{
    struct lb_bench b;

    start(&b, "{}");
    assert_int_equal(lb_bench_update(&b, "east>a", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: no targets to pick from");
    assert_int_equal(lb_bench_config(&b, TWO("1", "1")), GREBE_OK);
    lb_bench_update(&b, two_endpoints, NULL);
    publish(&b, 0, GREBE_READY, "east");
    assert_string_equal(lb_bench_pick(&b), "fail: east");
    assert_int_equal(lb_bench_config(&b, TARGETS("")), GREBE_OK);
    lb_bench_update(&b, two_endpoints, NULL);
    assert_string_equal(lb_bench_pick(&b), "fail: no targets to pick from");
    lb_bench_fini(&b);
}

TEST(without_a_first_update_it_fails_as_the_resolver_does)
{
    struct lb_bench b;

    start(&b, TWO("1", "1"));
    b.mem.fail_at = b.mem.n_allocs + 1;
    assert_int_equal(lb_bench_update(&b, two_endpoints, NULL), GREBE_ERR_NOMEM);
    b.mem.fail_at = 0;
    lb_bench_resolver_error(&b, "gone");
    assert_string_equal(lb_bench_log(&b), "TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: gone");
    lb_bench_fini(&b);
}

/* T-3: in the order of the list, with all of their addresses; those of others, and those
 * without a path, are not seen. */
TEST(a_target_sees_the_endpoints_of_its_path)
{
    struct lb_bench b;

    start(&b, TARGETS(TARGET("east", "1", "witness")));
    lb_bench_update(&b, "east>d west>c b east>a+e", NULL);
    assert_string_equal(witness_seen(), "d a");
    assert_int_equal(witness.n_addresses, 3);
    lb_bench_update(&b, "east>a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q+r+s+t", NULL);
    assert_int_equal(witness.n_addresses, 20);
    lb_bench_update(&b, "west>c", NULL);
    assert_string_equal(witness_seen(), "");
    lb_bench_fini(&b);
}

/* T-3: the first name is taken off, the rest is for the next below. */
TEST(targets_may_have_targets)
{
    struct lb_bench b;

    start(&b, "{\"targets\": {\"east\": {\"weight\": 1, \"childPolicy\": "
              "[{\"weighted_target\": {\"targets\": {"
              "\"one\": {\"weight\": 1, \"childPolicy\": [{\"witness\": {}}]}}}}]}}}");
    lb_bench_update(&b, "east>one>a one>b east>two>c east>d east>one>more>e", NULL);
    assert_string_equal(witness_seen(), "a e");
    lb_bench_fini(&b);
}

/* gRFC A78: what metrics below it have as their locality is the name of the target; and what
 * was said of the update as a whole is heard as well. */
TEST(a_target_is_told_its_name)
{
    struct lb_bench b;

    start(&b, TARGETS(TARGET("east", "1", "witness")));
    lb_bench_update(&b, "east>a", NULL);
    assert_string_equal(witness.locality_name, "east");
    assert_false(witness.wants_health);
    b.wants_health = true;
    lb_bench_update(&b, "east>a", NULL);
    assert_string_equal(witness.locality_name, "east");
    assert_true(witness.wants_health);
    lb_bench_fini(&b);
}

/* T-4 */
TEST(a_target_that_is_removed_gives_up_its_subconns_at_once)
{
    struct lb_bench b;

    start(&b, TARGETS(TARGET("east", "1", "round_robin") ", " TARGET("west", "1",
                                                                     "round_robin")));
    lb_bench_update(&b, two_endpoints, NULL);
    for (const char *name = "ab"; *name != '\0'; name++) {
        const char text[] = {*name, '\0'};

        lb_bench_subconn(&b, text, GREBE_CONNECTING, NULL);
        lb_bench_subconn(&b, text, GREBE_READY, NULL);
        lb_bench_health(&b, text, GREBE_READY, NULL);
    }
    lb_bench_log(&b);
    assert_int_equal(lb_bench_config(&b, TARGETS(TARGET("west", "1", "round_robin"))),
                     GREBE_OK);
    lb_bench_update(&b, two_endpoints, NULL);
    assert_string_equal(lb_bench_log(&b), "drop a, READY");
    assert_string_equal(lb_bench_cycle(&b), "b");
    lb_bench_fini(&b);
}

/* T-14 */
TEST(a_target_of_another_policy_begins_anew)
{
    struct lb_bench b;

    start_two(&b, TWO("1", "1"));
    publish(&b, 0, GREBE_READY, "old");
    publish(&b, 1, GREBE_READY, "west");
    stub_log();
    assert_int_equal(lb_bench_config(&b, TARGETS(TARGET("east", "1", "y") ", " TARGET(
                                             "west", "1", "x"))),
                     GREBE_OK);
    lb_bench_update(&b, two_endpoints, NULL);
    assert_string_equal(stub_log(), "x.destroy, y.build, y.update, x.update");
    assert_string_equal(lb_bench_cycle(&b), "fail: west");
    publish(&b, 2, GREBE_READY, "new");
    expect_share(&b, 400, 0.5, "fail: new");
    lb_bench_fini(&b);
}

/* T-15 */
TEST(what_targets_say_to_their_updates_is_no_error)
{
    struct lb_bench b;

    start(&b, TWO("1", "1"));
    stubs.next_update_result = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_int_equal(lb_bench_update(&b, two_endpoints, NULL), GREBE_OK);
    assert_string_equal(stub_log(), "x.build, x.update, x.build, x.update");
    lb_bench_fini(&b);
}

TEST(errors_and_exit_idle_go_to_all_targets)
{
    struct lb_bench b;

    start_two(&b, TWO("1", "1"));
    stub_log();
    lb_bench_resolver_error(&b, "gone");
    lb_bench_exit_idle(&b);
    assert_string_equal(stub_log(), "x.error, x.error, x.exit_idle, x.exit_idle");
    lb_bench_fini(&b);
}

/* ---- What they are together ---------------------------------------------------------------- */

/* T-13 */
TEST(what_happens_in_an_update_is_published_once)
{
    struct lb_bench b;

    stub_reset();
    start(&b, TWO("1", "1"));
    stubs.publishes_at_build = GREBE_READY;
    lb_bench_update(&b, two_endpoints, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_string_equal(lb_bench_pick(&b), "fail: at build");
    lb_bench_fini(&b);
}

/* T-6: nothing is built, dropped or published for it; the next picker has it. */
TEST(a_weight_that_changes_touches_nobody)
{
    struct lb_bench b;

    start_two(&b, TWO("2", "1"));
    publish(&b, 0, GREBE_READY, "east");
    publish(&b, 1, GREBE_READY, "west");
    expect_share(&b, 3000, 2.0 / 3, "fail: east");
    lb_bench_log(&b);
    stub_log();
    assert_int_equal(lb_bench_config(&b, TWO("30", "1")), GREBE_OK);
    lb_bench_update(&b, two_endpoints, NULL);
    assert_string_equal(stub_log(), "x.update, x.update");
    assert_string_equal(lb_bench_log(&b), "");
    expect_share(&b, 3000, 2.0 / 3, "fail: east");
    publish(&b, 1, GREBE_READY, "west");
    expect_share(&b, 3000, 30.0 / 31, "fail: east");
    lb_bench_fini(&b);
}

/* T-8 */
TEST(one_failed_and_one_connecting_is_connecting)
{
    struct lb_bench b;

    start_two(&b, TWO("1", "1"));
    publish(&b, 0, GREBE_TRANSIENT_FAILURE, "east");
    publish(&b, 1, GREBE_CONNECTING, "west");
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    assert_string_equal(lb_bench_pick(&b), "queue");
    lb_bench_fini(&b);
}

/* T-9, T-10 */
TEST(a_target_that_failed_counts_as_failed_while_it_tries_again)
{
    struct lb_bench b;

    start_two(&b, TWO("1", "1"));
    publish(&b, 0, GREBE_CONNECTING, "east");
    publish(&b, 1, GREBE_CONNECTING, "west");
    publish(&b, 0, GREBE_TRANSIENT_FAILURE, "east");
    publish(&b, 1, GREBE_TRANSIENT_FAILURE, "west");
    lb_bench_log(&b);
    publish(&b, 0, GREBE_CONNECTING, "east");
    publish(&b, 0, GREBE_CONNECTING, "east again");
    assert_string_equal(lb_bench_log(&b), "");
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    publish(&b, 0, GREBE_IDLE, "east");
    assert_string_equal(lb_bench_log(&b), "IDLE");
    publish(&b, 0, GREBE_CONNECTING, "east");
    assert_string_equal(lb_bench_log(&b), "CONNECTING");
    lb_bench_fini(&b);
}

/* What it says is used all the same, with the next picker: calls wait for it. */
TEST(a_target_that_tries_again_has_its_calls_wait)
{
    struct lb_bench b;

    start_two(&b, TWO("1", "0"));
    publish(&b, 0, GREBE_TRANSIENT_FAILURE, "failed");
    publish(&b, 1, GREBE_TRANSIENT_FAILURE, "west");
    publish(&b, 0, GREBE_CONNECTING, "trying again");
    assert_string_equal(lb_bench_pick(&b), "fail: failed");
    publish(&b, 1, GREBE_TRANSIENT_FAILURE, "west");
    assert_string_equal(lb_bench_pick(&b), "fail: trying again");
    lb_bench_fini(&b);
}

/* T-12: grebe asks the pickers of targets that are IDLE, so that a call wakes one. */
TEST(idle_targets_are_woken_by_calls)
{
    struct lb_bench b;

    start_two(&b, TWO("3", "1"));
    publish(&b, 0, GREBE_TRANSIENT_FAILURE, "east");
    publish(&b, 1, GREBE_IDLE, "wake up");
    assert_int_equal(b.lab.state, GREBE_IDLE);
    assert_string_equal(lb_bench_cycle(&b), "fail: wake up");
    lb_bench_fini(&b);
}

static const struct {
    enum grebe_connectivity east, west, all;
} mixes[] = {
    {GREBE_READY, GREBE_CONNECTING, GREBE_READY},
    {GREBE_READY, GREBE_TRANSIENT_FAILURE, GREBE_READY},
    {GREBE_READY, GREBE_IDLE, GREBE_READY},
    {GREBE_CONNECTING, GREBE_IDLE, GREBE_CONNECTING},
    {GREBE_CONNECTING, GREBE_TRANSIENT_FAILURE, GREBE_CONNECTING},
    {GREBE_IDLE, GREBE_TRANSIENT_FAILURE, GREBE_IDLE},
    {GREBE_TRANSIENT_FAILURE, GREBE_TRANSIENT_FAILURE, GREBE_TRANSIENT_FAILURE},
};

TEST(the_best_state_of_a_target_is_that_of_all)
{
    for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++)
        for (size_t first = 0; first < 2; first++) {
            struct lb_bench b;

            start_two(&b, TWO("1", "1"));
            publish(&b, first, mixes[i].east, "east");
            publish(&b, 1 - first, mixes[i].west, "west");
            assert_int_equal(b.lab.state, mixes[i].all);
            lb_bench_fini(&b);
        }
}

/* ---- Who takes a call ------------------------------------------------------------------------ */

/* T-5, C-28 */
TEST(calls_are_shared_as_the_weights_say)
{
    struct lb_bench b;

    start_two(&b, TWO("3", "1"));
    publish(&b, 0, GREBE_READY, "east");
    publish(&b, 1, GREBE_READY, "west");
    expect_share(&b, 10000, 0.75, "fail: east");
    expect_share(&b, 10000, 0.25, "fail: west");
    lb_bench_fini(&b);
}

#define THREE                                                                            \
    TARGETS(TARGET("a", "3", "x") ", " TARGET("b", "1", "x") ", " TARGET("c", "6", "x"))

/* T-7, T-11, and the example of 3 and 1 READY and 6 failed. */
TEST(those_that_failed_are_left_out_until_all_have)
{
    struct lb_bench b;

    start(&b, THREE);
    lb_bench_update(&b, "a>1 b>2 c>3", NULL);
    publish(&b, 0, GREBE_READY, "a");
    publish(&b, 1, GREBE_READY, "b");
    publish(&b, 2, GREBE_TRANSIENT_FAILURE, "c");
    expect_share(&b, 4000, 0.75, "fail: a");
    expect_share(&b, 4000, 0.25, "fail: b");
    publish(&b, 0, GREBE_TRANSIENT_FAILURE, "a");
    assert_string_equal(lb_bench_cycle(&b), "fail: b");
    publish(&b, 1, GREBE_TRANSIENT_FAILURE, "b");
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    expect_share(&b, 4000, 0.3, "fail: a");
    expect_share(&b, 4000, 0.1, "fail: b");
    expect_share(&b, 4000, 0.6, "fail: c");
    lb_bench_fini(&b);
}

TEST(a_weight_of_0_takes_calls_only_if_all_weigh_nothing)
{
    struct lb_bench b;

    start_two(&b, TWO("0", "1"));
    publish(&b, 0, GREBE_READY, "east");
    publish(&b, 1, GREBE_READY, "west");
    assert_int_equal(lb_bench_count(&b, 1000, "fail: west"), 1000);
    publish(&b, 1, GREBE_TRANSIENT_FAILURE, "west");
    assert_int_equal(lb_bench_count(&b, 1000, "fail: east"), 1000);
    lb_bench_fini(&b);
    start_two(&b, TWO("0", "0"));
    publish(&b, 0, GREBE_READY, "east");
    publish(&b, 1, GREBE_READY, "west");
    expect_share(&b, 1000, 0.5, "fail: west");
    lb_bench_fini(&b);
}

#define INNER "[{\"weighted_target\": " TWO("1", "1") "}]"

/* One random number for a call, two draws: they must not follow from each other. */
TEST(targets_of_targets_are_drawn_independently)
{
    static const char *const names[] = {"fail: ee", "fail: ew", "fail: we", "fail: ww"};
    struct lb_bench b;

    start(&b, "{\"targets\": {\"e\": {\"weight\": 1, \"childPolicy\": " INNER "}, "
              "\"w\": {\"weight\": 1, \"childPolicy\": " INNER "}}}");
    lb_bench_update(&b, "e>east>1 e>west>2 w>east>3 w>west>4", NULL);
    for (size_t i = 0; i < 4; i++)
        publish(&b, i, GREBE_READY, names[i] + 6);
    for (size_t i = 0; i < 4; i++)
        expect_share(&b, 4000, 0.25, names[i]);
    lb_bench_fini(&b);
}

TEST(a_call_is_told_who_was_drawn_and_who_was_not)
{
    struct channel_bench b;

    channel_bench_start(
        &b, "{\"loadBalancingConfig\": [{\"weighted_target\": "
            "{\"targets\": {\"east\": {\"weight\": 3, \"childPolicy\": "
            "[{\"round_robin\": {}}]}, \"west\": {\"weight\": 1, \"childPolicy\": "
            "[{\"round_robin\": {}}]}, \"north\": {\"weight\": 2, \"childPolicy\": "
            "[{\"round_robin\": {}}]}}}}]}");
    channel_bench_servers(&b, "a b");
    b.resolves_to = "east>a west>b north>c";
    channel_bench_connect(&b);
    expect_explanation(
        &b,
        "weighted_target: one child by chance, by its weight (\"west\", weight 1 of 4, was "
        "drawn; \"east\", weight 3 of 4, was not drawn; \"north\" was passed over: "
        "TRANSIENT_FAILURE)\n"
        "  round_robin: each endpoint in turn\n"
        "    > b  READY  its turn\n"
        "    a  READY  not offered: the policy left it out\n"
        "    c  TRANSIENT_FAILURE  not offered: it cannot be reached\n");
    channel_bench_fini(&b);
}

/* ---- Out of memory ----------------------------------------------------------------------------- */

static void live_a_life(struct lb_bench *b)
{
    stub_reset();
    assert_int_equal(
        lb_bench_config(b, TARGETS(TARGET("east", "3", "pick_first") ", " TARGET(
                               "west", "1", "pick_first"))),
        GREBE_OK);
    lb_bench_update(b, "east>a east>b west>c", NULL);
    for (const char *name = "ac"; *name != '\0'; name++) {
        const char text[] = {*name, '\0'};

        lb_bench_subconn(b, text, GREBE_CONNECTING, NULL);
        lb_bench_subconn(b, text, GREBE_READY, NULL);
    }
    lb_bench_pick(b);
    lb_bench_resolver_error(b, "gone");
    assert_int_equal(lb_bench_config(b, TARGETS(TARGET("west", "1", "pick_first"))),
                     GREBE_OK);
    lb_bench_update(b, "west>c", NULL);
    for (int i = 0; i < 10; i++)
        lb_bench_pick(b); /* nobody that is gone */
    assert_int_equal(
        lb_bench_config(b, TARGETS(TARGET("east", "3", "pick_first") ", " TARGET(
                               "south", "1", "round_robin"))),
        GREBE_OK);
    lb_bench_update(b, "east>a east>b south>d", NULL);
    lb_bench_pick(b);
    lb_bench_advance_ms(b, 2000);
    assert_int_equal(lb_bench_config(b, "{}"), GREBE_OK);
    lb_bench_update(b, "", NULL);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__weighted_target, live_a_life);
}

TEST(out_of_memory_keeps_the_targets_and_a_later_update_has_them_all)
{
    struct lb_bench b;
    uint32_t fail_at = 1;
    int result;

    do {
        start_two(&b, TWO("1", "1"));
        publish(&b, 0, GREBE_READY, "east");
        assert_int_equal(lb_bench_config(&b, THREE), GREBE_OK);
        b.mem.fail_at = b.mem.n_allocs + fail_at++;
        result = lb_bench_update(&b, "a>1 b>2 c>3", NULL);
        b.mem.fail_at = 0;
        if (stubs.live[0] != NULL) /* it serves */
            assert_string_equal(lb_bench_cycle(&b), "fail: east");
        assert_int_equal(lb_bench_update(&b, "a>1 b>2 c>3", NULL), GREBE_OK);
        assert_null(stubs.live[0]);
        lb_bench_fini(&b);
    } while (result != GREBE_OK);
    assert_true(fail_at > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_configurations_are_explained),
        cmocka_unit_test(empty_text_is_no_configuration),
        cmocka_unit_test(both_names_are_registered),
        cmocka_unit_test(unknown_members_are_ignored),
        cmocka_unit_test(named_without_a_configuration_it_says_what_it_needs),
        cmocka_unit_test(no_targets_is_a_failure),
        cmocka_unit_test(without_a_first_update_it_fails_as_the_resolver_does),
        cmocka_unit_test(a_target_sees_the_endpoints_of_its_path),
        cmocka_unit_test(targets_may_have_targets),
        cmocka_unit_test(a_target_is_told_its_name),
        cmocka_unit_test(a_target_that_is_removed_gives_up_its_subconns_at_once),
        cmocka_unit_test(a_target_of_another_policy_begins_anew),
        cmocka_unit_test(what_targets_say_to_their_updates_is_no_error),
        cmocka_unit_test(errors_and_exit_idle_go_to_all_targets),
        cmocka_unit_test(what_happens_in_an_update_is_published_once),
        cmocka_unit_test(a_weight_that_changes_touches_nobody),
        cmocka_unit_test(one_failed_and_one_connecting_is_connecting),
        cmocka_unit_test(a_target_that_failed_counts_as_failed_while_it_tries_again),
        cmocka_unit_test(a_target_that_tries_again_has_its_calls_wait),
        cmocka_unit_test(idle_targets_are_woken_by_calls),
        cmocka_unit_test(the_best_state_of_a_target_is_that_of_all),
        cmocka_unit_test(calls_are_shared_as_the_weights_say),
        cmocka_unit_test(those_that_failed_are_left_out_until_all_have),
        cmocka_unit_test(a_weight_of_0_takes_calls_only_if_all_weigh_nothing),
        cmocka_unit_test(targets_of_targets_are_drawn_independently),
        cmocka_unit_test(a_call_is_told_who_was_drawn_and_who_was_not),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
        cmocka_unit_test(out_of_memory_keeps_the_targets_and_a_later_update_has_them_all),
    };

    assert_int_equal(grebe_balancer_register(&witness_policy), GREBE_OK);
    assert_int_equal(grebe_balancer_register(&stub_x), GREBE_OK);
    assert_int_equal(grebe_balancer_register(&stub_y), GREBE_OK);
    return cmocka_run_group_tests_name("weighted_target", tests, NULL, NULL);
}
