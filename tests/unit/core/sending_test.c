/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on their way out: handed to the stream there is, kept for repeating an attempt,
 * given back once nothing repeats any more.  Source: gRFC A6 (buffering), grpc-go
 * clientStream. */
#include "support/test.h"

#include "support/scripted_policy.h"

/* A call that sends two messages, and notes which it gets back: "1 2". */
static struct {
    struct grebe_call *call;
    struct grebe__outgoing_entry entries[2];
    char returned[16];
    unsigned n_statuses;
} user;

static void ignore_headers(struct grebe_call *call)
{
    (void)call;
}

static void free_message(struct grebe_call *call, void *bytes, size_t length)
{
    (void)length;
    grebe_mem_free(call->mem, bytes);
}

static void note_sent(struct grebe_call *call, struct grebe__outgoing *outgoing)
{
    size_t used = strlen(user.returned);

    (void)call;
    snprintf(user.returned + used, sizeof user.returned - used, "%s%s",
             used > 0 ? " " : "", outgoing == &user.entries[0].outgoing ? "1" : "2");
}

static void let_go(struct grebe__effect *completion)
{
    struct grebe_call *call =
        grebe_container_of(completion, struct grebe_call, completion);
    struct grebe_channel *channel = call->channel;

    call->channel = NULL;
    grebe_call_unref(call);
    grebe__channel_call_delivered(channel);
    grebe__channel_unref(channel);
}

static void count_status(struct grebe_call *call)
{
    user.n_statuses++;
    grebe__effect_init(&call->completion, let_go);
    grebe__env_finish(call->env, &call->completion);
}

static const struct grebe__call_handler handler = {
    .on_headers = ignore_headers,
    .on_message = free_message,
    .on_sent = note_sent,
    .on_status = count_status,
};

static void send_message(struct channel_bench *b, size_t i, size_t length)
{
    static const char bytes[300000];

    user.entries[i].outgoing =
        (struct grebe__outgoing){.bytes = bytes, .length = length, .is_last = i == 1};
    grebe__env_enter(&b->sim.env);
    grebe__call_send(user.call, &user.entries[i]);
    grebe__env_leave(&b->sim.env);
}

/* No message is sent yet. */
static void start_with(struct channel_bench *b, enum grebe_pick_kind kind,
                       const struct grebe_call_options *options)
{
    memset(&user, 0, sizeof user);
    scripted_start(b, kind);
    scripted_server(b)->echoes = false;
    assert_int_equal(grebe__call_new(b->channel, "/s/m", options, sim_now(&b->sim),
                                     &handler, &user.call),
                     GREBE_OK);
    grebe__env_enter(&b->sim.env);
    grebe__call_start(user.call);
    grebe__env_leave(&b->sim.env);
}

/* The call is streaming. */
static void start(struct channel_bench *b)
{
    start_with(b, GREBE_PICK_COMPLETE, NULL);
    assert_non_null(sim_server_request(scripted_server(b)));
}

static struct sim_request *request(struct channel_bench *b)
{
    return sim_server_request(scripted_server(b));
}

/* The transport has no more use for message `i`. */
static void report_sent(struct channel_bench *b, size_t i)
{
    struct grebe__stream *stream = request(b)->stream;

    grebe__env_enter(&b->sim.env);
    stream->listener->on_sent(stream, &user.entries[i].outgoing);
    grebe__env_leave(&b->sim.env);
}

static void report_headers(struct channel_bench *b)
{
    struct grebe__stream *stream = request(b)->stream;

    grebe__env_enter(&b->sim.env);
    stream->listener->on_headers(stream);
    grebe__env_leave(&b->sim.env);
}

static void finish(struct channel_bench *b)
{
    assert_int_equal(user.n_statuses, 0);
    channel_bench_cancel(b, user.call);
    assert_int_equal(user.n_statuses, 1);
    grebe_call_unref(user.call);
    channel_bench_fini(b);
}

/* ---- Tests ------------------------------------------------------------------------------- */

TEST(a_message_is_kept_until_the_answer_begins)
{
    struct channel_bench b;

    start(&b);
    send_message(&b, 0, 10);
    send_message(&b, 1, 10);
    assert_int_equal(request(&b)->n_messages, 2);
    report_sent(&b, 0);
    assert_string_equal(user.returned, ""); /* a retry would need it */
    report_headers(&b);
    assert_string_equal(user.returned, "1"); /* the other is still the transport's */
    report_sent(&b, 1);
    assert_string_equal(user.returned, "1 2");
    finish(&b);
}

TEST(messages_come_back_in_their_order)
{
    struct channel_bench b;

    start(&b);
    send_message(&b, 0, 10);
    send_message(&b, 1, 10);
    report_sent(&b, 0);
    report_sent(&b, 1);
    report_headers(&b);
    assert_string_equal(user.returned, "1 2");
    finish(&b);
}

TEST(what_was_sent_is_sent_again_by_the_next_attempt)
{
    struct channel_bench b;

    start(&b);
    send_message(&b, 0, 10);
    report_sent(&b, 0);
    sim_refuse(request(&b));
    assert_int_equal(request(&b)->n_messages, 1);
    assert_string_equal(user.returned, "");
    send_message(&b, 1, 10);
    assert_int_equal(request(&b)->n_messages, 2);
    report_headers(&b);
    assert_string_equal(user.returned, ""); /* nothing of this attempt is sent yet */
    report_sent(&b, 0);
    report_sent(&b, 1);
    assert_string_equal(user.returned, "1 2");
    finish(&b);
}

/* 256 KiB, framing included, is what one attempt may have sent and still be repeated. */
TEST(what_is_too_much_to_keep_is_given_back_once_sent)
{
    struct channel_bench b;

    start(&b);
    send_message(&b, 0, 10);
    report_sent(&b, 0);
    send_message(&b, 1, 262144);
    assert_string_equal(user.returned, "1");
    report_sent(&b, 1);
    assert_string_equal(user.returned, "1 2");
    sim_refuse(request(&b));
    sim_settle(&b.sim);
    assert_int_equal(user.n_statuses, 1);
    assert_int_equal(scripted_server(&b)->n_requests, 1);
    grebe_call_unref(user.call);
    channel_bench_fini(&b);
}

/* Each attempt has sent the message once, however many came before it. */
TEST(repeating_does_not_use_up_what_may_be_kept)
{
    struct channel_bench b;

    start(&b);
    send_message(&b, 1, 200000);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(scripted_server(&b)->n_requests, i + 1);
        sim_bounce(request(&b));
    }
    assert_int_equal(scripted_server(&b)->n_requests, 4);
    finish(&b);
}

/* Whether it has a stream already, or still waits for a picker that gives it one. */
TEST(a_message_over_the_limit_ends_a_call_that_runs)
{
    static const enum grebe_pick_kind kinds[] = {GREBE_PICK_COMPLETE, GREBE_PICK_QUEUE};

    for (size_t i = 0; i < 2; i++) {
        struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
        struct channel_bench b;

        options.max_send_bytes = 20;
        start_with(&b, kinds[i], &options);
        send_message(&b, 0, 20);
        assert_int_equal(user.n_statuses, 0);
        send_message(&b, 1, 21);
        sim_settle(&b.sim);
        assert_null(request(&b)); /* cancelled, or never sent */
        assert_int_equal(user.n_statuses, 1);
        assert_string_equal(grebe_call_status(user.call)->message,
                            "trying to send message larger than max (21 vs. 20)");
        grebe_call_unref(user.call);
        channel_bench_fini(&b);
    }
}

/* Until the first config is there nobody knows what is too large. */
TEST(a_message_may_come_before_the_name_is_resolved)
{
    struct channel_bench b;

    memset(&user, 0, sizeof user);
    channel_bench_start(&b, NULL);
    sim_server_new(&b.sim, "a");
    assert_int_equal(
        grebe__call_new(b.channel, "/s/m", NULL, sim_now(&b.sim), &handler, &user.call),
        GREBE_OK);
    grebe__env_enter(&b.sim.env);
    grebe__call_start(user.call);
    grebe__env_leave(&b.sim.env);
    send_message(&b, 0, 10);
    assert_int_equal(user.n_statuses, 0);
    channel_bench_resolve(&b, "a");
    assert_int_equal(request(&b)->n_messages, 1);
    finish(&b);
}

TEST(policy_hears_that_it_was_a_stream_and_when_its_headers_came)
{
    struct channel_bench b;

    start(&b);
    channel_bench_advance_ms(&b, 30);
    report_headers(&b);
    channel_bench_advance_ms(&b, 900);
    finish(&b);
    assert_int_equal(script.n_done, 1);
    assert_true(script.done_streaming);
    assert_int_equal(script.done_headers_ns, 30 * MS);
    assert_int_equal(script.done_latency_ns, 930 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_hears_that_it_was_a_stream_and_when_its_headers_came),
        cmocka_unit_test(a_message_is_kept_until_the_answer_begins),
        cmocka_unit_test(messages_come_back_in_their_order),
        cmocka_unit_test(what_was_sent_is_sent_again_by_the_next_attempt),
        cmocka_unit_test(what_is_too_much_to_keep_is_given_back_once_sent),
        cmocka_unit_test(repeating_does_not_use_up_what_may_be_kept),
        cmocka_unit_test(a_message_over_the_limit_ends_a_call_that_runs),
        cmocka_unit_test(a_message_may_come_before_the_name_is_resolved),
    };

    scripted_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
