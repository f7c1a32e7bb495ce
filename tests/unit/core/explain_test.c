/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/explain.h: what a call can tell of the way it went. */
#include "support/test.h"

#include <grebe/explain.h>

#include "core/explanation.h"
#include "support/scripted_policy.h"

static const char round_robin[] = "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}";

/* A call that is over, of which everything is known. */
static struct grebe_call *explained(struct channel_bench *b, uint64_t ms)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct grebe_call *call;

    options.wants_explanation = true;
    options.wait_for_ready = GREBE_YES;
    call = channel_bench_call(b, &options);
    channel_bench_advance_ms(b, ms);
    assert_true(grebe_call_is_done(call));
    assert_non_null(grebe_call_explain(call));
    return call;
}

static void expect_text(const struct grebe_call *call, const char *expected)
{
    char text[4096];
    size_t length = grebe_explanation_format(grebe_call_explain(call), text, sizeof text);

    assert_int_equal(length, strlen(text));
    assert_string_equal(text, expected);
}

TEST(nothing_is_kept_unless_it_is_asked_for)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, round_robin);
    b.resolves_to = "a";
    channel_bench_servers(&b, "a");
    call = channel_bench_call(&b, NULL);
    assert_null(grebe_call_explain(call));
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

TEST(round_robin_tells_whose_turn_it_was_and_who_was_not_offered)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, round_robin);
    b.resolves_to = "a b c";
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 100);
    call = explained(&b, 0);
    assert_string_equal(grebe_call_peer(call), "a");
    expect_text(call, "round_robin: each endpoint in turn\n"
                      "  > a  READY  its turn\n"
                      "    b  READY  later in the turn\n"
                      "    c  TRANSIENT_FAILURE  not offered: it cannot be reached\n"
                      "picks     0us a\n"
                      "attempts  0us to 0us a OK\n");
    grebe_call_unref(call);
    call = explained(&b, 0);
    expect_text(call, "round_robin: each endpoint in turn\n"
                      "  > b  READY  its turn\n"
                      "    a  READY  later in the turn\n"
                      "    c  TRANSIENT_FAILURE  not offered: it cannot be reached\n"
                      "picks     0us b\n"
                      "attempts  0us to 0us b OK\n");
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

/* CH-31, PK-18: and nothing of a wait that there was not. */
TEST(time_spent_waiting_is_told_with_each_answer_on_the_way)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct channel_bench b;
    struct grebe_explained_waits waits;
    const struct grebe_explanation *explanation;
    struct grebe_call *call;

    channel_bench_start(&b, round_robin);
    channel_bench_servers(&b, "a");
    sim_server_find(&b.sim, "a")->connect_delay_ns = 30 * MS;
    sim_server_find(&b.sim, "a")->latency_ns = 7 * MS;
    options.wants_explanation = true;
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 20);
    channel_bench_resolve(&b, "a");
    channel_bench_advance_ms(&b, 100);
    expect_text(call, "round_robin: each endpoint in turn\n"
                      "  > a  READY  its turn\n"
                      "picks     20ms queue; 50ms a\n"
                      "attempts  50ms to 57ms a OK\n"
                      "waited    20ms for name resolution, 30ms for a picker\n");
    explanation = grebe_call_explain(call);
    waits = grebe_explanation_waits(explanation);
    assert_int_equal(waits.resolver_ns, 20 * MS);
    assert_int_equal(waits.picker_ns, 30 * MS);
    assert_int_equal(waits.stream_ns, 0);
    assert_int_equal(grebe_explanation_attempt(explanation, 0)->headers_ns, 57 * MS);
    assert_int_equal(grebe_explanation_pick(explanation, 0)->kind, GREBE_PICK_QUEUE);
    assert_null(grebe_explanation_pick(explanation, 2));
    expect_echo(call, "a");

    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 7);
    explanation = grebe_call_explain(call);
    waits = grebe_explanation_waits(explanation);
    assert_int_equal(waits.resolver_ns + waits.picker_ns + waits.stream_ns, 0);
    assert_int_equal(grebe_explanation_pick(explanation, 0)->kind, GREBE_PICK_COMPLETE);
    assert_null(grebe_explanation_pick(explanation, 1));
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

TEST(pick_first_names_the_one_that_takes_all_and_those_it_left)
{
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a b";
    channel_bench_servers(&b, "a b");
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 10);
    call = explained(&b, 0);
    expect_text(call, "pick_first: one backend for all calls\n"
                      "  > a  READY  takes all calls\n"
                      "picks     0us a\n"
                      "attempts  0us to 0us a OK\n");
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

TEST(policy_that_says_nothing_is_named_with_what_it_chose)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    call = explained(&b, 0);
    expect_text(call, "scripted: does not say how it chooses\n"
                      "  > a  READY  chosen\n"
                      "picks     0us a\n"
                      "attempts  0us to 0us a OK\n");
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

TEST(what_a_silent_child_chose_is_named_for_the_last_who_spoke)
{
    struct channel_bench b;
    struct grebe_call *call;

    memset(&script, 0, sizeof script);
    script.kind = GREBE_PICK_COMPLETE;
    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"deterministic_subsetting\":{"
                            "\"subsetSize\":1,\"clientIndex\":0,"
                            "\"childPolicy\":[{\"scripted\":{}}]}}]}");
    channel_bench_servers(&b, "a");
    b.resolves_to = "a";
    channel_bench_connect(&b);
    call = explained(&b, 10);
    expect_text(call,
                "deterministic_subsetting: the endpoints dealt to this client, by the "
                "child policy (1 of 1 endpoints)\n"
                "  > a  READY  chosen\n"
                "picks     0us a\n"
                "attempts  0us to 0us a OK\n");
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

TEST(failed_pick_says_why)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_FAIL);
    options.wants_explanation = true;
    call = channel_bench_call(&b, &options);
    expect_text(call, "scripted: has no backend to offer\n"
                      "    a  READY  not offered: the policy left it out\n"
                      "picks     0us fail: the picker says no\n");
    expect_status(call, GREBE_STATUS_UNAVAILABLE, "the picker says no");
    channel_bench_fini(&b);
}

TEST(each_attempt_of_a_call_is_told)
{
    struct channel_bench b;
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct grebe_call *call;

    channel_bench_start(&b, round_robin);
    b.resolves_to = "a b";
    channel_bench_servers(&b, "a b");
    sim_server_find(&b.sim, "a")->echoes = false;
    sim_server_find(&b.sim, "b")->echoes = false;
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 100);
    options.wants_explanation = true;
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 5);
    sim_refuse(sim_server_request(sim_server_find(&b.sim, "a")));
    channel_bench_advance_ms(&b, 5);
    sim_answer(sim_server_request(sim_server_find(&b.sim, "b")), "ping", 4);
    sim_settle(&b.sim);
    expect_text(call, "round_robin: each endpoint in turn\n"
                      "  > b  READY  its turn\n"
                      "    a  READY  later in the turn\n"
                      "picks     0us a; 5ms b\n"
                      "attempts  0us to 5ms a UNAVAILABLE; 5ms to 10ms b OK\n");
    expect_echo(call, "b");
    channel_bench_fini(&b);
}

/* ---- What pickers may say ----------------------------------------------------------------- */

/* A tree of policies, as pickers within pickers tell it. */
static void tell_a_tree(struct grebe_explanation *explanation,
                        struct grebe_subconn *subconn)
{
    struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

    candidate.subconn = subconn;
    grebe_explain_begin(explanation, "outer", "by weight");
    grebe_explain_note(explanation, "drew %d of %d", 3, 10);
    grebe_explain_begin(explanation, "inner", "the least loaded");
    candidate.score_name = "load";
    candidate.score = 0.25;
    candidate.in_flight = 4;
    candidate.is_chosen = true;
    candidate.reason = "the least";
    grebe_explain_candidate(explanation, &candidate);
    grebe_explain_end(explanation);
    grebe_explain_note(explanation, "child \"%s\"", "east");
    grebe_explain_end(explanation);
}

TEST(policies_within_policies_speak_for_themselves)
{
    struct grebe_subconn subconn = {.delivered = GREBE_READY};
    struct grebe_explanation *explanation = grebe__explanation_new(NULL, 0);
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    char text[512];

    assert_int_equal(grebe_address_new(NULL, "a", &options, &subconn.address), GREBE_OK);
    tell_a_tree(explanation, &subconn);
    assert_int_equal(grebe_explanation_n_policies(explanation), 2);
    assert_string_equal(grebe_explanation_policy(explanation, 0)->notes,
                        "drew 3 of 10; child \"east\"");
    assert_int_equal(grebe_explanation_policy(explanation, 1)->depth, 1);
    assert_int_equal(grebe_explanation_candidate(explanation, 0)->policy, 1);
    /* The next pick forgets all of it. */
    grebe__explanation_pick_begins(explanation);
    assert_int_equal(grebe_explanation_n_policies(explanation), 0);
    assert_int_equal(grebe_explanation_n_candidates(explanation, NULL), 0);
    grebe_explanation_format(explanation, text, sizeof text);
    assert_string_equal(text, "");
    grebe__explanation_free(explanation);
    grebe_address_unref(subconn.address);
}

TEST(more_than_there_is_room_for_is_counted)
{
    struct grebe_subconn subconn = {.delivered = GREBE_READY};
    struct grebe_explanation *explanation = grebe__explanation_new(NULL, 0);
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    size_t omitted;

    assert_int_equal(grebe_address_new(NULL, "a", &options, &subconn.address), GREBE_OK);
    for (int i = 0; i < 40; i++) {
        tell_a_tree(explanation, &subconn);
        tell_a_tree(explanation, &subconn);
        grebe_explain_begin(explanation, "never", "ends");
        grebe_explain_note(explanation, "%0200d", i);
    }
    for (int i = 0; i < 60; i++)
        grebe_explain_end(explanation); /* more often than it began */
    assert_int_equal(grebe_explanation_n_policies(explanation), 16);
    assert_int_equal(grebe_explanation_n_candidates(explanation, &omitted), 64);
    assert_int_equal(omitted, 16);
    for (uint64_t i = 1; i <= 20; i++) {
        grebe__explanation_attempt_begins(explanation, subconn.address, i);
        grebe__explanation_attempt_ends(explanation, 0, GREBE_STATUS_UNAVAILABLE, i + 1);
    }
    assert_int_equal(grebe_explanation_n_attempts(explanation, &omitted), 8);
    assert_int_equal(omitted, 12);
    assert_int_equal(grebe_explanation_attempt(explanation, 0)->started_ns, 13);
    assert_int_equal(grebe_explanation_attempt(explanation, 7)->started_ns, 20);
    grebe__explanation_free(explanation);
    grebe_address_unref(subconn.address);
}

/* Policies beyond the limit are taken for those around them, however deep they are. */
TEST(policies_without_room_speak_as_their_parents)
{
    struct grebe_subconn subconn = {.delivered = GREBE_READY};
    struct grebe_explanation *explanation = grebe__explanation_new(NULL, 0);
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

    assert_int_equal(grebe_address_new(NULL, "a", &options, &subconn.address), GREBE_OK);
    candidate.subconn = &subconn;
    for (int i = 0; i < 16; i++) {
        grebe_explain_begin(explanation, "sibling", "first to come");
        grebe_explain_end(explanation);
    }
    for (int i = 0; i < 100; i++) {
        grebe_explain_begin(explanation, "nested", "too late");
        grebe_explain_note(explanation, "level %d", i);
        if (i % 10 == 0)
            grebe_explain_candidate(explanation, &candidate);
    }
    assert_int_equal(grebe_explanation_n_policies(explanation), 16);
    for (size_t i = 0; i < grebe_explanation_n_candidates(explanation, NULL); i++)
        assert_int_equal(grebe_explanation_candidate(explanation, i)->policy, 0);
    grebe__explanation_free(explanation);
    grebe_address_unref(subconn.address);
}

/* As a parent does that asks its child again and again: nothing of it takes up room. */
TEST(what_is_taken_back_was_not_said)
{
    struct grebe_explanation *explanation = grebe__explanation_new(NULL, 0);

    grebe__explanation_pick_begins(explanation);
    grebe_explain_take_back(explanation); /* nobody has said anything */
    grebe_explain_begin(explanation, "outer", "");
    grebe_explain_note(explanation, "kept");
    grebe_explain_begin(explanation, "parent", "");
    grebe_explain_note(explanation, "forgotten");
    for (int i = 0; i < 50; i++) {
        grebe_explain_take_back(explanation);
        grebe_explain_begin(explanation, "child", "");
        grebe_explain_note(explanation, "%0200d", i);
        grebe_explain_end(explanation);
    }
    grebe_explain_note(explanation, "told");
    grebe_explain_end(explanation);
    grebe_explain_end(explanation);
    assert_int_equal(grebe_explanation_n_policies(explanation), 3);
    assert_string_equal(grebe_explanation_policy(explanation, 0)->notes, "kept");
    assert_string_equal(grebe_explanation_policy(explanation, 1)->notes, "told");
    assert_string_equal(grebe_explanation_policy(explanation, 2)->notes + 198, "49");
    grebe__explanation_free(explanation);
}

/* Who had no room of its own speaks as another, whose words are not its to take back. */
TEST(who_speaks_as_another_takes_nothing_back)
{
    struct grebe_explanation *explanation = grebe__explanation_new(NULL, 0);

    grebe__explanation_pick_begins(explanation);
    for (int i = 0; i < 16; i++)
        grebe_explain_begin(explanation, "policy", "");
    grebe_explain_note(explanation, "said");
    for (int i = 0; i < 3; i++) {
        grebe_explain_begin(explanation, "another", "");
        grebe_explain_take_back(explanation);
    }
    assert_int_equal(grebe_explanation_n_policies(explanation), 16);
    assert_string_equal(grebe_explanation_policy(explanation, 15)->notes, "said");
    grebe__explanation_free(explanation);
}

TEST(last_picks_are_kept_of_a_call_that_is_asked_about_often)
{
    struct channel_bench b;
    const struct grebe_explanation *explanation;
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct grebe_call *call;
    size_t omitted;

    scripted_start(&b, GREBE_PICK_QUEUE);
    options.wants_explanation = true;
    call = channel_bench_call(&b, &options);
    for (int i = 1; i <= 20; i++) {
        channel_bench_advance_ms(&b, 1);
        script.kind = i == 20 ? GREBE_PICK_COMPLETE : GREBE_PICK_QUEUE;
        scripted_publish(&b, GREBE_READY);
    }
    explanation = grebe_call_explain(call);
    assert_int_equal(grebe_explanation_n_picks(explanation, &omitted), 16);
    assert_int_equal(omitted, 5);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(grebe_explanation_pick(explanation, i)->at_ns, (i + 5) * MS);
    assert_string_equal(grebe_explanation_pick(explanation, 15)->address, "a");
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

/* A call that cannot be explained goes on all the same. */
TEST(survives_each_allocation_failing)
{
    bool has_failed = true;

    for (uint32_t k = 1; has_failed; k++) {
        struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
        struct channel_bench b;
        struct grebe_call *call;

        channel_bench_start(&b, round_robin);
        b.resolves_to = "a b";
        channel_bench_servers(&b, "a b");
        channel_bench_connect(&b);
        channel_bench_advance_ms(&b, 100);
        options.wants_explanation = true;
        b.mem.fail_at = b.mem.n_allocs + k;
        b.mem.has_failed = false;
        call = channel_bench_call(&b, &options);
        channel_bench_advance_ms(&b, 100);
        has_failed = b.mem.has_failed;
        assert_true(call == NULL || grebe_call_is_done(call));
        grebe_call_unref(call);
        channel_bench_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_kept_unless_it_is_asked_for),
        cmocka_unit_test(round_robin_tells_whose_turn_it_was_and_who_was_not_offered),
        cmocka_unit_test(time_spent_waiting_is_told_with_each_answer_on_the_way),
        cmocka_unit_test(pick_first_names_the_one_that_takes_all_and_those_it_left),
        cmocka_unit_test(policy_that_says_nothing_is_named_with_what_it_chose),
        cmocka_unit_test(what_a_silent_child_chose_is_named_for_the_last_who_spoke),
        cmocka_unit_test(failed_pick_says_why),
        cmocka_unit_test(each_attempt_of_a_call_is_told),
        cmocka_unit_test(policies_within_policies_speak_for_themselves),
        cmocka_unit_test(more_than_there_is_room_for_is_counted),
        cmocka_unit_test(policies_without_room_speak_as_their_parents),
        cmocka_unit_test(what_is_taken_back_was_not_said),
        cmocka_unit_test(who_speaks_as_another_takes_nothing_back),
        cmocka_unit_test(last_picks_are_kept_of_a_call_that_is_asked_about_often),
        cmocka_unit_test(survives_each_allocation_failing),
    };

    int result;

    scripted_register();
    result = cmocka_run_group_tests_name("explain", tests, NULL, NULL);
    scripted_unregister();
    return result;
}
