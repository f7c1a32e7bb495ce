/* SPDX-License-Identifier: Apache-2.0 */
/* Where calls go: what a picker may answer, and what it must not.  Sources: grpc-go
 * pickerWrapper, wait-for-ready semantics, gRFC A54. */
#include "support/test.h"

#include "support/one_subconn.h"
#include "support/scripted_policy.h"

/* ---- Picking ---------------------------------------------------------------------------------- */

/* PK-3, PK-11 */
TEST(pick_is_asked_once_for_each_picker)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_QUEUE);
    call = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 1000);
    assert_int_equal(script.n_picks, 1);
    scripted_publish(&b, GREBE_READY);
    assert_int_equal(script.n_picks, 2);
    expect_pending(call);
    script.kind = GREBE_PICK_COMPLETE;
    scripted_publish(&b, GREBE_READY);
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

/* PK-2 */
TEST(one_new_picker_releases_all_waiting_calls_in_order)
{
    struct channel_bench b;
    struct grebe_call *calls[5];

    scripted_start(&b, GREBE_PICK_QUEUE);
    scripted_server(&b)->echoes = false;
    for (size_t i = 0; i < 5; i++) {
        char method[16];

        snprintf(method, sizeof method, "/s/%zu", i);
        calls[i] = channel_bench_call_method(&b, method, "ping", 4, NULL);
    }
    script.kind = GREBE_PICK_COMPLETE;
    scripted_publish(&b, GREBE_READY);
    for (size_t i = 0; i < 5; i++) {
        struct sim_request *request = sim_server_request(scripted_server(&b));

        assert_int_equal(request->path[3], '0' + (int)i);
        sim_answer(request, "ping", 4);
        sim_settle(&b.sim);
        expect_echo(calls[i], "a");
    }
    channel_bench_fini(&b);
}

TEST(picker_sees_method_metadata_deadline_time_and_a_fresh_random_number)
{
    struct channel_bench b;
    struct grebe_call_options options = timeout_ms(5000);
    uint64_t before;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    options.metadata = grebe_metadata_new(NULL);
    channel_bench_advance_ms(&b, 30);
    expect_echo(channel_bench_call(&b, &options), "a");
    assert_string_equal(script.picked_method, "/s/m");
    assert_ptr_equal(script.picked_metadata, options.metadata);
    assert_int_equal(script.picked_deadline_ns, sim_now(&b.sim) + 5 * SECOND);
    assert_int_equal(script.picked_now_ns, sim_now(&b.sim));
    before = script.picked_random;
    expect_echo(channel_bench_call(&b, NULL), "a");
    assert_null(script.picked_metadata);
    assert_int_equal(script.picked_deadline_ns, UINT64_MAX);
    assert_true(script.picked_random != before);
    grebe_metadata_unref(options.metadata);
    channel_bench_fini(&b);
}

/* PK-4, PK-6, PK-7, C-30 */
TEST(failing_pick_fails_the_call_unless_it_waits)
{
    struct channel_bench b;
    struct grebe_call_options options = waiting_ms(1000);
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_FAIL);
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "the picker says no");
    call = channel_bench_call(&b, &options);
    expect_pending(call);
    /* QUEUE after FAIL does not take the error from the deadline's message. */
    script.kind = GREBE_PICK_QUEUE;
    scripted_publish(&b, GREBE_CONNECTING);
    channel_bench_advance_ms(&b, 1000);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED,
                  "latest balancer error: the picker says no");
    channel_bench_fini(&b);
}

/* PK-6 */
TEST(cancelled_wait_tells_the_balancers_error_too)
{
    struct channel_bench b;
    struct grebe_call_options options = waiting_ms(0);
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_FAIL);
    call = channel_bench_call(&b, &options);
    channel_bench_cancel(&b, call);
    expect_status(call, GREBE_STATUS_CANCELLED,
                  "latest balancer error: the picker says no");
    channel_bench_fini(&b);
}

TEST(drop_fails_even_a_call_that_waits)
{
    struct channel_bench b;
    struct grebe_call_options options = waiting_ms(0);

    scripted_start(&b, GREBE_PICK_DROP);
    script.status = grebe_status_of(GREBE_STATUS_RESOURCE_EXHAUSTED, "shed");
    expect_status(channel_bench_call(&b, &options), GREBE_STATUS_RESOURCE_EXHAUSTED,
                  "shed");
    channel_bench_fini(&b);
}

static const int illegal_codes[] = {
    GREBE_STATUS_OK,        GREBE_STATUS_INVALID_ARGUMENT,    GREBE_STATUS_NOT_FOUND,
    GREBE_STATUS_ABORTED,   GREBE_STATUS_FAILED_PRECONDITION, GREBE_STATUS_ALREADY_EXISTS,
    GREBE_STATUS_DATA_LOSS, GREBE_STATUS_OUT_OF_RANGE,
};

/* PK-9, C-29, gRFC A54 */
TEST(codes_that_only_servers_may_use_become_internal)
{
    for (size_t i = 0; i < sizeof illegal_codes / sizeof illegal_codes[0]; i++) {
        struct channel_bench b;
        char name[24], part[128];

        scripted_start(&b, GREBE_PICK_DROP);
        script.status = grebe_status_of(illegal_codes[i], "the cause");
        snprintf(part, sizeof part,
                 "received picker error with illegal status: %s: the cause",
                 grebe_status_code_name(illegal_codes[i], name));
        expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_INTERNAL, part);
        channel_bench_fini(&b);
    }
}

/* PK-5, C-31 */
TEST(subconn_that_is_not_ready_holds_the_call_and_done_is_told)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    sim_server_kill(scripted_server(&b), "reset");
    sim_settle(&b.sim);
    call = channel_bench_call(&b, NULL);
    expect_pending(call);
    assert_int_equal(script.n_done, 1);
    assert_int_equal(script.done_code, GREBE_STATUS_OK);
    assert_false(script.done_sent || script.done_received);
    assert_false(script.done_had_trailers || script.done_had_load);
    assert_int_equal(script.done_latency_ns, 0);
    assert_true(script.done_discarded);
    grebe__env_enter(&b.sim.env);
    grebe_subconn_connect(script.subconn);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    assert_int_equal(script.n_done, 2);
    assert_false(script.done_discarded);
    channel_bench_fini(&b);
}

/* PK-8 */
TEST(a_drop_with_a_code_of_the_channel_fails_at_once_too)
{
    struct grebe_call_options options = waiting_ms(0);
    struct channel_bench b;

    scripted_start(&b, GREBE_PICK_DROP);
    expect_status(channel_bench_call(&b, &options), GREBE_STATUS_UNAVAILABLE,
                  "the picker says no");
    channel_bench_fini(&b);
}

/* PK-20 */
TEST(no_picker_holds_calls)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    grebe__env_enter(&b.sim.env);
    grebe_client_conn_update_state(script.cc, GREBE_READY, NULL);
    grebe__env_leave(&b.sim.env);
    call = channel_bench_call(&b, NULL);
    expect_pending(call);
    scripted_publish(&b, GREBE_READY);
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

/* ---- What a picker must not do --------------------------------------------------------------- */

static void note_closed(struct grebe_channel *closed, void *arg)
{
    (void)closed;
    *(bool *)arg = true;
}

/* A call that gets no backend from any of these pickers. */
static void expect_pending_then_late(struct channel_bench *b,
                                     const struct grebe_call_options *options)
{
    struct grebe_call *call = channel_bench_call(b, options);

    expect_pending(call);
    scripted_publish(b, GREBE_READY);
    channel_bench_advance_ms(b, 10);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED, "");
}

/* PK-17: told once, however many calls and pickers it happens to. */
TEST(a_foreign_subconn_holds_calls_and_is_named_once)
{
    struct grebe_subconn foreign = {0};
    struct grebe_call *calls[2];
    struct channel_bench b;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    script.picks = &foreign;
    for (size_t i = 0; i < 2; i++) {
        calls[i] = channel_bench_call(&b, NULL);
        expect_pending(calls[i]);
        scripted_publish(&b, GREBE_READY);
    }
    assert_int_equal(script.n_done, 0);
    assert_int_equal(channel_bench_n_logged(
                         &b, "balancer \"scripted\": its picker chose a subconn that "
                             "is not of this channel\n"),
                     1);
    script.picks = NULL;
    scripted_publish(&b, GREBE_READY);
    for (size_t i = 0; i < 2; i++)
        expect_echo(calls[i], "a");
    channel_bench_fini(&b);
}

/* PK-17: a subconn that is READY, but in the channel next door. */
TEST(a_subconn_of_another_channel_is_foreign_too)
{
    struct channel_bench b;
    struct grebe_channel_options options;
    struct grebe__channel_params params = {.target = "manual:///next"};
    struct grebe_channel *next;
    struct grebe_call *call;
    bool is_closed = false;

    one_subconn_register();
    scripted_start(&b, GREBE_PICK_COMPLETE);
    options = b.options;
    options.service_config = "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}";
    params.env = &b.sim.env;
    params.options = &options;
    assert_int_equal(grebe__channel_new(&params, NULL, &next), GREBE_OK);
    grebe__env_enter(&b.sim.env);
    grebe__channel_connect(next);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_int_equal(one.state, GREBE_READY);
    script.picks = one.subconn;
    call = channel_bench_call(&b, NULL);
    expect_pending(call);
    assert_int_equal(script.n_done, 0);
    assert_true(channel_bench_logged(&b, "chose a subconn that is not of this channel"));
    script.picks = NULL;
    scripted_publish(&b, GREBE_READY);
    expect_echo(call, "a");
    grebe__env_enter(&b.sim.env);
    grebe__channel_close(next, note_closed, &is_closed);
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_true(is_closed);
    grebe__channel_unref(next);
    one_subconn_unregister();
    channel_bench_fini(&b);
}

TEST(each_kind_of_mistake_is_told_and_again_for_another_policy)
{
    struct grebe_call_options options = timeout_ms(10);
    struct channel_bench b;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    for (int i = 0; i < 2; i++) {
        script.picks_nothing = true;
        expect_pending_then_late(&b, &options);
        script.kind = (enum grebe_pick_kind)77;
        expect_pending_then_late(&b, &options);
        script.kind = GREBE_PICK_COMPLETE;
    }
    assert_int_equal(channel_bench_n_logged(&b, "its picker"), 2);
    b.service_config = "{\"loadBalancingConfig\":[{\"pick_first\":{}}]}";
    channel_bench_resolve(&b, "a");
    script.picks_nothing = true;
    b.service_config = "{\"loadBalancingConfig\":[{\"scripted\":{}}]}";
    channel_bench_resolve(&b, "a");
    expect_pending_then_late(&b, &options);
    assert_int_equal(channel_bench_n_logged(&b, "its picker"), 3);
    channel_bench_fini(&b);
}

TEST(a_pick_without_a_subconn_holds_the_call_and_is_named)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    script.picks_nothing = true;
    call = channel_bench_call(&b, NULL);
    expect_pending(call);
    assert_true(
        channel_bench_logged(&b, "its picker completed a pick without a subconn"));
    channel_bench_cancel(&b, call);
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

TEST(a_failure_without_a_status_fails_the_call_and_is_named)
{
    static const enum grebe_pick_kind kinds[] = {GREBE_PICK_FAIL, GREBE_PICK_DROP};

    for (size_t i = 0; i < 2; i++) {
        struct channel_bench b;

        scripted_start(&b, kinds[i]);
        script.no_status = &script.status;
        expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                      "the balancer did not say why");
        assert_true(
            channel_bench_logged(&b, "its picker failed a call without saying why"));
        channel_bench_fini(&b);
    }
}

TEST(an_answer_that_does_not_exist_holds_the_call_and_is_named)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, (enum grebe_pick_kind)77);
    call = channel_bench_call(&b, NULL);
    expect_pending(call);
    assert_true(
        channel_bench_logged(&b, "its picker gave an answer that does not exist"));
    channel_bench_cancel(&b, call);
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

/* ---- What goes with a pick, and what comes back ---------------------------------------------- */

/* PK-14 */
TEST(metadata_of_a_pick_is_sent_beside_the_applications)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct channel_bench b;
    struct grebe_call *call;
    struct sim_request *request;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    options.metadata = grebe_metadata_new(NULL);
    script.metadata = grebe_metadata_new(NULL);
    assert_int_equal(grebe_metadata_add(script.metadata, "from", "pick", 4), GREBE_OK);
    call = channel_bench_call(&b, &options);
    request = sim_server_request(scripted_server(&b));
    assert_ptr_equal(request->stream->metadata, options.metadata);
    assert_ptr_equal(request->stream->additional, script.metadata);
    sim_answer(request, "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    grebe_metadata_unref(options.metadata);
    grebe_metadata_unref(script.metadata);
    channel_bench_fini(&b);
}

/* PK-16, gRFC A81: what a pick gives is for its own attempt. */
TEST(metadata_of_a_pick_is_gone_when_the_attempt_is_repeated)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    script.metadata = grebe_metadata_new(NULL);
    assert_int_equal(grebe_metadata_add(script.metadata, ":authority", "other", 5),
                     GREBE_OK);
    call = channel_bench_call(&b, NULL);
    assert_non_null(grebe_metadata_get(
        sim_server_request(scripted_server(&b))->stream->additional, ":authority"));
    grebe_metadata_unref(script.metadata);
    script.metadata = NULL;
    sim_refuse(sim_server_request(scripted_server(&b)));
    sim_settle(&b.sim);
    assert_null(sim_server_request(scripted_server(&b))->stream->additional);
    sim_answer(sim_server_request(scripted_server(&b)), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

/* PK-12 */
TEST(done_is_told_as_often_as_a_subconn_was_picked_whatever_happens)
{
    struct grebe_call_options options = waiting_ms(0);
    struct grebe_call *calls[40];
    struct channel_bench b;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    script.n_parents = 2;
    scripted_server(&b)->latency_ns = 7 * MS;
    for (size_t i = 0; i < 40; i++) {
        calls[i] = channel_bench_call(&b, &options);
        channel_bench_advance_ms(&b, 1);
        if (i == 10)
            sim_server_goaway(scripted_server(&b), 3, false);
        if (i == 20)
            sim_server_kill(scripted_server(&b), "reset");
        if (i % 5 == 0)
            channel_bench_cancel(&b, calls[i]);
        if (script.subconn != NULL) {
            grebe__env_enter(&b.sim.env);
            grebe_subconn_connect(script.subconn);
            grebe__env_leave(&b.sim.env);
            sim_settle(&b.sim);
        }
    }
    channel_bench_advance_ms(&b, 100);
    assert_int_equal(script.n_done, script.n_picks);
    for (size_t i = 0; i < script.n_picks; i++)
        assert_memory_equal(script.heard + 3 * i, "d01", 3);
    for (size_t i = 0; i < 40; i++) {
        assert_true(grebe_call_is_done(calls[i]));
        grebe_call_unref(calls[i]);
    }
    channel_bench_fini(&b);
}

TEST(done_says_when_headers_came)
{
    struct channel_bench b;
    struct sim_request *request;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    channel_bench_advance_ms(&b, 5); /* before the pick */
    call = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 20);
    request = sim_server_request(scripted_server(&b));
    assert_true(sim_respond(request, "x", 1));
    sim_settle(&b.sim);
    channel_bench_advance_ms(&b, 50);
    sim_end(request, GREBE_STATUS_OK, "");
    sim_settle(&b.sim);
    expect_status(call, GREBE_STATUS_OK, "");
    assert_int_equal(script.done_headers_ns, 20 * MS);
    assert_int_equal(script.done_latency_ns, 70 * MS);
    assert_false(script.done_streaming);
    channel_bench_fini(&b);
}

TEST(done_comes_once_with_the_attempts_end)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 70);
    assert_int_equal(script.n_done, 0);
    sim_end(sim_server_request(scripted_server(&b)), GREBE_STATUS_ABORTED, "conflict");
    sim_settle(&b.sim);
    expect_status(call, GREBE_STATUS_ABORTED, "conflict");
    assert_int_equal(script.n_done, 1);
    assert_int_equal(script.done_code, GREBE_STATUS_ABORTED);
    assert_true(script.done_sent && script.done_received);
    assert_int_equal(script.done_latency_ns, 70 * MS);
    assert_int_equal(script.done_headers_ns, 0); /* none but the trailers */
    assert_false(script.done_streaming);
    channel_bench_fini(&b);
}

TEST(done_has_the_trailers_there_were)
{
    for (int has_trailers = 0; has_trailers < 2; has_trailers++) {
        struct channel_bench b;
        struct sim_request *request;
        struct grebe_call *call;

        scripted_start(&b, GREBE_PICK_COMPLETE);
        scripted_server(&b)->echoes = false;
        call = channel_bench_call(&b, NULL);
        request = sim_server_request(scripted_server(&b));
        if (has_trailers)
            assert_int_equal(
                grebe__metadata_append(request->stream->trailers, "cost", 4, "7", 1),
                GREBE_OK);
        sim_answer(request, "ping", 4);
        sim_settle(&b.sim);
        expect_echo(call, "a");
        assert_int_equal(script.n_done, 1);
        assert_int_equal(script.done_code, GREBE_STATUS_OK);
        assert_int_equal(script.done_had_trailers, has_trailers);
        channel_bench_fini(&b);
    }
}

TEST(done_comes_for_a_cancelled_call)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    channel_bench_cancel(&b, call);
    assert_int_equal(script.n_done, 1);
    assert_int_equal(script.done_code, GREBE_STATUS_CANCELLED);
    assert_true(script.done_sent);
    assert_false(script.done_received);
    assert_null(sim_server_request(scripted_server(&b)));
    expect_status(call, GREBE_STATUS_CANCELLED, "context canceled");
    channel_bench_fini(&b);
}

TEST(done_knows_that_the_answer_of_a_cancelled_call_had_begun)
{
    struct channel_bench b;
    struct grebe__stream *stream;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    stream = sim_server_request(scripted_server(&b))->stream;
    assert_int_equal(grebe__metadata_append(stream->headers, "k", 1, "v", 1), GREBE_OK);
    grebe__env_enter(&b.sim.env);
    stream->listener->on_headers(stream);
    grebe__env_leave(&b.sim.env);
    channel_bench_cancel(&b, call);
    assert_int_equal(script.done_code, GREBE_STATUS_CANCELLED);
    assert_true(script.done_sent && script.done_received);
    expect_status(call, GREBE_STATUS_CANCELLED, "context canceled");
    channel_bench_fini(&b);
}

/* The subconn was READY and had no stream to spare: nothing was sent. */
TEST(done_comes_for_a_call_that_got_no_stream)
{
    struct channel_bench b;
    struct grebe_call *first, *second;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    sim_server_set_max_streams(scripted_server(&b), 1);
    first = channel_bench_call(&b, NULL);
    second = channel_bench_call(&b, NULL);
    assert_int_equal(script.n_picks, 2);
    channel_bench_cancel(&b, second);
    assert_int_equal(script.n_done, 1);
    assert_int_equal(script.done_code, GREBE_STATUS_CANCELLED);
    assert_false(script.done_sent || script.done_received);
    expect_status(second, GREBE_STATUS_CANCELLED, "waiting for a stream");
    channel_bench_cancel(&b, first);
    grebe_call_unref(first);
    channel_bench_fini(&b);
}

/* It waits for a stream when the connection goes: the pick comes to nothing, and the call
 * goes to whom the next picker says. */
TEST(done_comes_for_a_call_whose_connection_is_lost_before_it_has_a_stream)
{
    struct grebe_call *first, *second;
    struct channel_bench b;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    sim_server_set_max_streams(scripted_server(&b), 1);
    first = channel_bench_call(&b, NULL);
    second = channel_bench_call(&b, NULL);
    sim_server_goaway(scripted_server(&b), 0, false);
    sim_settle(&b.sim);
    assert_int_equal(script.n_done, 1);
    assert_int_equal(script.done_code, GREBE_STATUS_OK);
    assert_false(script.done_sent || script.done_received);
    assert_true(script.done_discarded);
    expect_pending(first);
    expect_pending(second);
    for (int i = 0; i < 2; i++) {
        struct grebe_call *call = i == 0 ? first : second;

        channel_bench_cancel(&b, call);
        grebe_call_unref(call);
    }
    channel_bench_fini(&b);
}

/* PK-11: who was asked for already is not asked for again because of another call. */
TEST(a_call_that_lost_its_connection_has_no_other_call_picked_again)
{
    struct grebe_call *calls[3];
    struct channel_bench b;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    scripted_server(&b)->echoes = false;
    sim_server_set_max_streams(scripted_server(&b), 1);
    calls[0] = channel_bench_call(&b, NULL);
    calls[1] = channel_bench_call(&b, NULL); /* waits for a stream */
    script.kind = GREBE_PICK_QUEUE;
    scripted_publish(&b, GREBE_READY);
    calls[2] = channel_bench_call(&b, NULL); /* waits for a picker */
    assert_int_equal(script.n_picks, 3);
    sim_server_goaway(scripted_server(&b), 0, false);
    sim_settle(&b.sim);
    assert_int_equal(script.n_picks, 4); /* the second call's */
    for (size_t i = 0; i < 3; i++) {
        channel_bench_cancel(&b, calls[i]);
        grebe_call_unref(calls[i]);
    }
    channel_bench_fini(&b);
}

/* ---- Parents that listen ----------------------------------------------------------------------- */

/* One more than there is room for: it is told that it will not hear. */
TEST(parents_hear_after_the_policy_from_the_innermost_out)
{
    struct channel_bench b;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    script.n_parents = 1 + GREBE_PICK_LISTENERS;
    expect_echo(channel_bench_call(&b, NULL), "a");
    assert_string_equal(script.heard, "d0123");
    assert_int_equal(script.n_refused, 1);
    channel_bench_fini(&b);
}

TEST(a_policy_that_does_not_listen_leaves_its_place_to_a_parent)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    script.has_no_on_done = true;
    script.n_parents = 2 + GREBE_PICK_LISTENERS;
    script.done_code = GREBE_STATUS_OK;
    scripted_server(&b)->echoes = false;
    call = channel_bench_call(&b, NULL);
    assert_int_equal(script.n_refused, 1);
    assert_string_equal(script.heard, "");
    sim_answer(sim_server_request(scripted_server(&b)), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    assert_string_equal(script.heard, "01234");
    channel_bench_fini(&b);
}

/* What is no COMPLETE has no end. */
TEST(nobody_listens_to_a_pick_that_sends_the_call_nowhere)
{
    struct channel_bench b;

    scripted_start(&b, GREBE_PICK_FAIL);
    script.n_parents = 3;
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "the picker says no");
    assert_int_equal(script.n_refused, 3);
    assert_string_equal(script.heard, "");
    channel_bench_fini(&b);
}

TEST(parents_hear_of_a_pick_that_came_too_late)
{
    struct channel_bench b;
    struct grebe_call *call;

    scripted_start(&b, GREBE_PICK_COMPLETE);
    script.n_parents = 2;
    sim_server_kill(scripted_server(&b), "reset");
    sim_settle(&b.sim);
    call = channel_bench_call(&b, NULL);
    assert_string_equal(script.heard, "d01");
    channel_bench_cancel(&b, call);
    grebe_call_unref(call);
    channel_bench_fini(&b);
}

/* A picker that was compiled before there were listeners, and does not know their place. */
TEST(a_picker_of_an_earlier_api_is_listened_to_by_parents_of_this_one)
{
    struct channel_bench b;

    for (uint32_t api = 1; api < GREBE_BALANCER_API; api++) {
        scripted_start(&b, GREBE_PICK_COMPLETE);
        script.api = api;
        script.n_parents = 2;
        scripted_publish(&b, GREBE_READY);
        expect_echo(channel_bench_call(&b, NULL), "a");
        assert_string_equal(script.heard, "d01");
        channel_bench_fini(&b);
    }
}

/* ---- With pick_first: what a caller sees ----------------------------------------------------- */

/* PK-22: TLS that cannot work is an error now, not at the deadline. */
TEST(a_handshake_that_fails_is_told_before_the_deadline)
{
    struct grebe_call_options options = timeout_ms(5000);
    struct channel_bench b;
    struct sim_server *server;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    server = sim_server_new(&b.sim, "a");
    server->behaviour = SIM_REFUSES;
    server->refusal = "TLS handshake: certificate has expired";
    expect_status(channel_bench_call(&b, &options), GREBE_STATUS_UNAVAILABLE,
                  "TLS handshake: certificate has expired");
    channel_bench_fini(&b);
}

/* PK-23 */
TEST(a_call_that_waits_for_a_dead_server_ends_at_its_deadline)
{
    struct grebe_call_options options = waiting_ms(3000);
    struct channel_bench b;
    struct sim_server *server;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    server = sim_server_new(&b.sim, "a");
    channel_bench_connect(&b);
    server->behaviour = SIM_REFUSES;
    sim_server_kill(server, "reset");
    sim_settle(&b.sim);
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 2999);
    expect_pending(call);
    channel_bench_advance_ms(&b, 1);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED, "latest balancer error");
    channel_bench_fini(&b);
}

/* PK-24 */
TEST(a_call_that_waits_completes_when_a_good_address_comes)
{
    struct grebe_call_options options = waiting_ms(0);
    struct channel_bench b;
    struct grebe_call *call;

    channel_bench_start(&b, NULL);
    b.resolves_to = "dead";
    channel_bench_servers(&b, "a");
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 100);
    expect_pending(call);
    channel_bench_resolve(&b, "a");
    expect_echo(call, "a");
    channel_bench_fini(&b);
}

/* PK-26 */
TEST(a_call_beyond_the_peers_limit_waits_for_a_stream_until_its_deadline)
{
    struct grebe_call_options options = timeout_ms(1000);
    struct grebe_call *first, *second;
    struct channel_bench b;
    struct sim_server *server;

    channel_bench_start(&b, NULL);
    b.resolves_to = "a";
    server = sim_server_new(&b.sim, "a");
    server->max_streams = 1;
    first = channel_bench_call(&b, NULL);
    second = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 1000);
    expect_status(second, GREBE_STATUS_DEADLINE_EXCEEDED, "waiting for a stream: a");
    sim_answer(sim_server_request(server), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(first, "a");
    server->echoes = true;
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pick_is_asked_once_for_each_picker),
        cmocka_unit_test(one_new_picker_releases_all_waiting_calls_in_order),
        cmocka_unit_test(
            picker_sees_method_metadata_deadline_time_and_a_fresh_random_number),
        cmocka_unit_test(failing_pick_fails_the_call_unless_it_waits),
        cmocka_unit_test(cancelled_wait_tells_the_balancers_error_too),
        cmocka_unit_test(drop_fails_even_a_call_that_waits),
        cmocka_unit_test(codes_that_only_servers_may_use_become_internal),
        cmocka_unit_test(subconn_that_is_not_ready_holds_the_call_and_done_is_told),
        cmocka_unit_test(a_drop_with_a_code_of_the_channel_fails_at_once_too),
        cmocka_unit_test(no_picker_holds_calls),
        cmocka_unit_test(a_foreign_subconn_holds_calls_and_is_named_once),
        cmocka_unit_test(a_subconn_of_another_channel_is_foreign_too),
        cmocka_unit_test(each_kind_of_mistake_is_told_and_again_for_another_policy),
        cmocka_unit_test(a_pick_without_a_subconn_holds_the_call_and_is_named),
        cmocka_unit_test(a_failure_without_a_status_fails_the_call_and_is_named),
        cmocka_unit_test(an_answer_that_does_not_exist_holds_the_call_and_is_named),
        cmocka_unit_test(metadata_of_a_pick_is_sent_beside_the_applications),
        cmocka_unit_test(metadata_of_a_pick_is_gone_when_the_attempt_is_repeated),
        cmocka_unit_test(done_is_told_as_often_as_a_subconn_was_picked_whatever_happens),
        cmocka_unit_test(done_says_when_headers_came),
        cmocka_unit_test(done_comes_once_with_the_attempts_end),
        cmocka_unit_test(done_has_the_trailers_there_were),
        cmocka_unit_test(done_comes_for_a_cancelled_call),
        cmocka_unit_test(done_knows_that_the_answer_of_a_cancelled_call_had_begun),
        cmocka_unit_test(done_comes_for_a_call_that_got_no_stream),
        cmocka_unit_test(
            done_comes_for_a_call_whose_connection_is_lost_before_it_has_a_stream),
        cmocka_unit_test(a_call_that_lost_its_connection_has_no_other_call_picked_again),
        cmocka_unit_test(parents_hear_after_the_policy_from_the_innermost_out),
        cmocka_unit_test(a_policy_that_does_not_listen_leaves_its_place_to_a_parent),
        cmocka_unit_test(nobody_listens_to_a_pick_that_sends_the_call_nowhere),
        cmocka_unit_test(parents_hear_of_a_pick_that_came_too_late),
        cmocka_unit_test(
            a_picker_of_an_earlier_api_is_listened_to_by_parents_of_this_one),
        cmocka_unit_test(a_handshake_that_fails_is_told_before_the_deadline),
        cmocka_unit_test(a_call_that_waits_for_a_dead_server_ends_at_its_deadline),
        cmocka_unit_test(a_call_that_waits_completes_when_a_good_address_comes),
        cmocka_unit_test(
            a_call_beyond_the_peers_limit_waits_for_a_stream_until_its_deadline),
    };

    scripted_register();
    return cmocka_run_group_tests_name("pick", tests, NULL, NULL);
}
