/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds: streams on a subconn that are kept open.  The contract is that of
 * grebe/producer.h; the loop is that of gRFC A17 and A51. */
#include "support/test.h"

#include <grebe/producer.h>

#include "core/subconn.h"
#include "support/channel_bench.h"
#include "support/one_subconn.h"

#define PATH "/test.Feed/Watch"

/* ---- A feed that notes what it is told ------------------------------------------------------- */

static struct {
    struct grebe_feed *feed;
    char log[1024]; /* "open, ping, end 14" */
    uint32_t n_open, n_messages, n_ends;
    struct grebe_status last; /* its message is in last_text */
    char last_text[256], last_peer[64];
    bool last_was_open;
    bool is_over; /* on_end says: that was all */
    enum { NEVER, IN_OPEN, IN_MESSAGE, IN_END } stops;
    bool refuses_messages;
} f;

static void note(const char *what)
{
    size_t used = strlen(f.log);

    if (used + strlen(what) + 3 < sizeof f.log)
        snprintf(f.log + used, sizeof f.log - used, "%s%s", used > 0 ? ", " : "", what);
}

static void on_open(void *arg)
{
    assert_ptr_equal(arg, &f);
    f.n_open++;
    note("open");
    if (f.stops == IN_OPEN)
        grebe_feed_stop(&f.feed);
}

static bool on_message(void *arg, const void *bytes, size_t length)
{
    char text[32];

    assert_ptr_equal(arg, &f);
    f.n_messages++;
    snprintf(text, sizeof text, "%.*s", (int)length, (const char *)bytes);
    note(text);
    if (f.stops == IN_MESSAGE)
        grebe_feed_stop(&f.feed);
    return !f.refuses_messages;
}

static bool on_end(void *arg, const struct grebe_feed_end *end)
{
    char text[32];

    assert_ptr_equal(arg, &f);
    f.n_ends++;
    f.last = *end->status;
    f.last_was_open = end->was_open;
    snprintf(f.last_text, sizeof f.last_text, "%s", end->status->message);
    snprintf(f.last_peer, sizeof f.last_peer, "%s", end->peer);
    snprintf(text, sizeof text, "end %d", end->status->code);
    note(text);
    if (f.stops == IN_END)
        grebe_feed_stop(&f.feed);
    return !f.is_over;
}

static const char *told(void)
{
    static char text[sizeof f.log];

    memcpy(text, f.log, sizeof text);
    f.log[0] = '\0';
    return text;
}

static struct grebe_feed_options options(void)
{
    struct grebe_feed_options options = GREBE_FEED_OPTIONS_INIT;

    options.method = PATH;
    options.request = "hello";
    options.request_length = 5;
    options.on_open = on_open;
    options.on_message = on_message;
    options.on_end = on_end;
    options.arg = &f;
    return options;
}

static void start_feed(struct channel_bench *b)
{
    struct grebe_feed_options how = options();

    grebe__env_enter(&b->sim.env);
    assert_int_equal(grebe_feed_start(one.subconn, &how, &f.feed), GREBE_OK);
    grebe__env_leave(&b->sim.env);
    sim_settle(&b->sim);
}

static void stop_feed(struct channel_bench *b)
{
    grebe__env_enter(&b->sim.env);
    grebe_feed_stop(&f.feed);
    grebe__env_leave(&b->sim.env);
    sim_settle(&b->sim);
}

/* ---- The bench ---------------------------------------------------------------------------------- */

static struct sim_server *server;

static struct sim_request *request(void)
{
    struct sim_request *found = sim_server_request_of(server, PATH);

    assert_non_null(found);
    return found;
}

static bool is_open(void)
{
    return sim_server_request_of(server, PATH) != NULL;
}

static const struct grebe__call_counts *counts(void)
{
    return &grebe_container_of(one.subconn, struct grebe__subconn, base)->counts;
}

/* A subconn to a server that answers nothing by itself. */
static void start_with(struct channel_bench *b, const char *config)
{
    memset(&f, 0, sizeof f);
    one_subconn_register();
    channel_bench_start(b, config);
    server = sim_server_new(&b->sim, "a");
    b->resolves_to = "a";
    channel_bench_connect(b);
    assert_int_equal(one.state, GREBE_READY);
}

static void start(struct channel_bench *b)
{
    start_with(b, "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}");
}

static void finish(struct channel_bench *b)
{
    stop_feed(b);
    channel_bench_fini(b);
    one_subconn_unregister();
}

static void push(struct channel_bench *b, const char *text)
{
    sim_push(request(), text, strlen(text));
    sim_settle(&b->sim);
}

static void end_stream(struct channel_bench *b, int code)
{
    sim_end(request(), code, "because");
    sim_settle(&b->sim);
}

/* ---- One stream ------------------------------------------------------------------------------------ */

TEST(the_request_is_sent_and_messages_are_told)
{
    struct channel_bench b;

    start(&b);
    start_feed(&b);
    assert_int_equal(request()->n_messages, 1);
    assert_true(request()->is_half_closed);
    assert_memory_equal(request()->bytes, "hello", 5);
    assert_int_equal(request()->stream->deadline_ns, UINT64_MAX);
    assert_int_equal(request()->stream->max_receive_bytes, 65536);
    push(&b, "one");
    push(&b, "two");
    assert_string_equal(told(), "open, one, two");
    assert_int_equal(counts()->n_started, 1);
    assert_int_equal(counts()->last_started_ns, b.sim.env.now_ns);
    finish(&b);
}

/* It is no call: it keeps no channel from being idle, and no policy sees it. */
TEST(a_feed_is_no_call_of_the_channel)
{
    struct channel_bench b;

    memset(&f, 0, sizeof f);
    one_subconn_register();
    channel_bench_init(&b);
    b.options.service_config = "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}";
    b.options.idle_timeout_ns = 5 * SECOND;
    assert_int_equal(channel_bench_open(&b, "manual:///test"), GREBE_OK);
    server = sim_server_new(&b.sim, "a");
    b.resolves_to = "a";
    channel_bench_connect(&b);
    start_feed(&b);
    push(&b, "one");
    assert_int_equal(b.channel->n_calls, 0);
    channel_bench_advance_ms(&b, 5000);
    assert_int_equal(grebe__channel_get_state(b.channel), GREBE_IDLE);
    assert_false(is_open());
    assert_string_equal(told(), "open, one");
    finish(&b);
}

TEST(metadata_of_the_feed_and_of_the_address_goes_with_it)
{
    struct channel_bench b;
    struct grebe_feed_options how = options();
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);
    struct grebe_metadata *of_address = grebe_metadata_new(NULL);
    const struct grebe_attributes *attributes = NULL;

    assert_int_equal(grebe_metadata_add(metadata, "k", "v", 1), GREBE_OK);
    assert_int_equal(grebe_metadata_add(of_address, "zone", "z", 1), GREBE_OK);
    assert_int_equal(grebe_attributes_with(NULL, NULL, &GREBE_ATTRIBUTE_METADATA,
                                           of_address, &attributes),
                     GREBE_OK);
    memset(&f, 0, sizeof f);
    one_subconn_register();
    channel_bench_start(&b, "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}");
    b.address_attributes = attributes;
    server = sim_server_new(&b.sim, "a");
    b.resolves_to = "a";
    channel_bench_connect(&b);
    how.metadata = metadata;
    grebe__env_enter(&b.sim.env);
    assert_int_equal(grebe_feed_start(one.subconn, &how, &f.feed), GREBE_OK);
    grebe__env_leave(&b.sim.env);
    grebe_metadata_unref(metadata);
    assert_string_equal(grebe_metadata_get(request()->stream->metadata, "k")->value, "v");
    assert_string_equal(grebe_metadata_get(request()->stream->of_address, "zone")->value,
                        "z");
    finish(&b);
    grebe_attributes_unref(attributes);
    grebe_metadata_unref(of_address);
}

TEST(an_end_is_told_with_its_status_and_its_peer)
{
    struct channel_bench b;

    start(&b);
    f.is_over = true;
    start_feed(&b);
    end_stream(&b, GREBE_STATUS_NOT_FOUND);
    assert_string_equal(told(), "open, end 5");
    assert_string_equal(f.last_text, "because");
    assert_string_equal(f.last_peer, "a");
    assert_true(f.last_was_open);
    channel_bench_advance_ms(&b, 300000);
    assert_int_equal(f.n_open, 1); /* that was all */
    finish(&b);
}

TEST(incomplete_options_are_refused)
{
    struct channel_bench b;
    struct grebe_feed_options how;

    start(&b);
    how = options(), how.method = NULL;
    assert_int_equal(grebe_feed_start(one.subconn, &how, &f.feed), GREBE_ERR_INVALID);
    how = options(), how.on_message = NULL;
    assert_int_equal(grebe_feed_start(one.subconn, &how, &f.feed), GREBE_ERR_INVALID);
    how = options(), how.on_end = NULL;
    assert_int_equal(grebe_feed_start(one.subconn, &how, &f.feed), GREBE_ERR_INVALID);
    assert_null(f.feed);
    finish(&b);
}

/* ---- One stream after the other --------------------------------------------------------------------- */

TEST(streams_without_a_message_are_opened_after_a_growing_wait)
{
    static const uint64_t at_least_ms[] = {1000, 1280, 2048, 3276, 5242};
    static const uint64_t at_most_ms[] = {1000, 1920, 3072, 4916, 7865};
    struct channel_bench b;

    start(&b);
    start_feed(&b);
    for (uint32_t i = 0; i < 5; i++) {
        end_stream(&b, GREBE_STATUS_INTERNAL);
        assert_false(is_open());
        channel_bench_advance_ms(&b, at_least_ms[i] - 1);
        assert_false(is_open());
        channel_bench_advance_ms(&b, at_most_ms[i] - at_least_ms[i] + 1);
        assert_true(is_open());
    }
    assert_int_equal(counts()->n_started, 6);
    assert_int_equal(counts()->n_failed, 5);
    finish(&b);
}

TEST(a_stream_that_brought_something_is_opened_again_at_once)
{
    struct channel_bench b;

    start(&b);
    start_feed(&b);
    end_stream(&b, GREBE_STATUS_INTERNAL);
    channel_bench_advance_ms(&b, 1000);
    push(&b, "one");
    end_stream(&b, GREBE_STATUS_OK);
    assert_true(is_open());
    assert_string_equal(told(), "open, end 13, open, one, end 0, open");
    assert_int_equal(counts()->n_succeeded, 1);
    /* The wait begins from its beginning. */
    end_stream(&b, GREBE_STATUS_INTERNAL);
    channel_bench_advance_ms(&b, 999);
    assert_false(is_open());
    channel_bench_advance_ms(&b, 1);
    assert_true(is_open());
    finish(&b);
}

TEST(a_message_without_sense_ends_the_stream)
{
    struct channel_bench b;

    start(&b);
    f.refuses_messages = true;
    start_feed(&b);
    push(&b, "nonsense");
    assert_string_equal(told(), "open, nonsense, end 13");
    assert_string_equal(f.last_text, "the message cannot be understood");
    assert_false(is_open()); /* it is no message, and the wait is not short */
    channel_bench_advance_ms(&b, 999);
    assert_false(is_open());
    channel_bench_advance_ms(&b, 1);
    assert_true(is_open());
    finish(&b);
}

/* ---- Connections ---------------------------------------------------------------------------------------- */

/* gRFC A17: a stream that never ends by itself must not keep a connection that drains. */
TEST(a_feed_leaves_a_connection_that_drains)
{
    struct channel_bench b;
    struct grebe_call *call;

    start(&b);
    start_feed(&b);
    call = channel_bench_call(&b, NULL);
    sim_server_goaway(server, 0, false);
    sim_settle(&b.sim);
    assert_false(is_open());
    assert_int_equal(one.state, GREBE_IDLE);
    /* Nobody stopped it: it finds that there is no connection. */
    assert_string_equal(told(), "open, end 14");
    assert_false(f.last_was_open);
    assert_string_equal(f.last_text, "SubConn state is not Ready");
    assert_string_equal(f.last_peer, "");
    sim_answer(sim_server_request(server), "ping", 4); /* the call is unharmed */
    sim_settle(&b.sim);
    expect_echo(call, "a");
    finish(&b);
}

TEST(a_feed_is_told_what_took_its_stream_only_if_it_was_not_the_connection)
{
    struct channel_bench b;

    start(&b);
    start_feed(&b);
    sim_server_kill(server, "reset");
    sim_settle(&b.sim);
    assert_string_equal(told(), "open, end 14");
    assert_string_equal(f.last_text, "SubConn state is not Ready");
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 1000);
    assert_true(is_open());
    assert_string_equal(told(), "open");
    finish(&b);
}

static struct sim_server *start_scaled(struct channel_bench *b, uint32_t max_streams)
{
    memset(&f, 0, sizeof f);
    one_subconn_register();
    channel_bench_start(b, "{\"loadBalancingConfig\":[{\"one_subconn\":{}}],"
                           "\"connectionScaling\":{\"maxConnectionsPerSubchannel\":2}}");
    server = sim_server_new(&b->sim, "a");
    server->max_streams = max_streams;
    b->resolves_to = "a";
    channel_bench_connect(b);
    return server;
}

static void end_calls(struct channel_bench *b, struct grebe_call **calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        channel_bench_cancel(b, calls[i]);
        grebe_call_unref(calls[i]);
    }
}

/* gRFC A105: the subconn has another connection, so nothing is to be told. */
TEST(a_feed_moves_to_another_connection_without_a_word)
{
    struct channel_bench b;
    struct grebe_call *calls[2];
    struct grebe__subconn *subconn;
    struct grebe__transport *oldest;

    start_scaled(&b, 2);
    start_feed(&b);
    push(&b, "one");
    for (size_t i = 0; i < 2; i++)
        calls[i] = channel_bench_call(&b, NULL);
    subconn = grebe_container_of(one.subconn, struct grebe__subconn, base);
    assert_int_equal(subconn->n_transports, 2);
    oldest = grebe__subconn_oldest(subconn);
    assert_ptr_equal(request()->stream->transport, oldest);
    channel_bench_advance_ms(&b, 100);
    sim_break(oldest, "reset");
    sim_settle(&b.sim);
    assert_int_equal(one.state, GREBE_READY);
    assert_true(is_open());
    assert_string_equal(told(), "open, one");
    push(&b, "two");
    assert_string_equal(told(), "two");
    end_calls(&b, calls, 2);
    finish(&b);
}

/* The oldest seems to have room: it is over, and has not said so yet. */
TEST(a_feed_that_is_refused_goes_to_another_connection)
{
    const struct grebe_status closing =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, "closed");
    struct channel_bench b;
    struct grebe_call *calls[3];
    struct grebe__transport *oldest;

    start_scaled(&b, 2);
    for (size_t i = 0; i < 3; i++)
        calls[i] = channel_bench_call(&b, NULL);
    end_calls(&b, calls, 3);
    oldest = grebe__subconn_oldest(
        grebe_container_of(one.subconn, struct grebe__subconn, base));
    grebe__env_enter(&b.sim.env);
    oldest->ops->close(oldest, &closing);
    grebe__env_leave(&b.sim.env);
    start_feed(&b);
    assert_true(is_open());
    push(&b, "one");
    assert_string_equal(told(), "open, one");
    finish(&b);
}

TEST(a_feed_waits_for_room_and_goes_before_calls)
{
    struct channel_bench b;
    struct grebe_call *first, *second;

    start(&b);
    sim_server_set_max_streams(server, 1);
    sim_settle(&b.sim);
    first = channel_bench_call(&b, NULL);
    second = channel_bench_call(&b, NULL); /* waits already */
    start_feed(&b);
    assert_int_equal(server->n_requests, 1);
    assert_string_equal(told(), "open");
    sim_answer(sim_server_request(server), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(first, "a");
    assert_true(is_open());
    push(&b, "one");
    assert_string_equal(told(), "one");
    stop_feed(&b); /* makes room for the other call */
    sim_answer(sim_server_request(server), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(second, "a");
    finish(&b);
}

TEST(a_feed_that_waits_for_room_ends_with_the_last_connection)
{
    struct channel_bench b;
    struct grebe_call *call;

    start(&b);
    sim_server_set_max_streams(server, 1);
    sim_settle(&b.sim);
    call = channel_bench_call(&b, NULL);
    start_feed(&b);
    sim_server_kill(server, "reset");
    sim_settle(&b.sim);
    assert_string_equal(told(), "open, end 14");
    assert_int_equal(counts()->n_started, 1); /* the call */
    expect_status(call, GREBE_STATUS_UNAVAILABLE, "reset");
    finish(&b);
}

TEST(after_the_subconn_is_shut_down_a_feed_is_silent)
{
    struct channel_bench b;

    start(&b);
    start_feed(&b);
    assert_string_equal(told(), "open");
    channel_bench_close(&b);
    assert_string_equal(told(), "");
    /* The reference that it holds is named, since it was not given up in time. */
    assert_true(channel_bench_logged(&b, "1 references to subconns"));
    stop_feed(&b);
    finish(&b);
}

/* ---- Stopping -------------------------------------------------------------------------------------------- */

TEST(a_feed_may_be_stopped_from_each_of_its_callbacks)
{
    static const char *const expected[] = {
        [NEVER] = "open, one, end 0, open",
        [IN_OPEN] = "open",
        [IN_MESSAGE] = "open, one",
        [IN_END] = "open, one, end 0",
    };

    for (int where = NEVER; where <= IN_END; where++) {
        struct channel_bench b;

        start(&b);
        f.stops = where;
        start_feed(&b);
        if (where != IN_OPEN)
            push(&b, "one");
        if (is_open())
            end_stream(&b, GREBE_STATUS_OK);
        channel_bench_advance_ms(&b, 5000);
        assert_string_equal(told(), expected[where]);
        assert_int_equal(is_open(), where == NEVER);
        finish(&b);
    }
}

/* The next message would have to wait: for nobody, now. */
TEST(a_feed_that_is_stopped_in_a_flood_leaves_no_timer)
{
    struct channel_bench b;

    start(&b);
    start_feed(&b);
    for (int i = 0; i < 99; i++)
        sim_push(request(), "x", 1);
    sim_settle(&b.sim);
    f.stops = IN_MESSAGE;
    for (int i = 0; i < 10; i++)
        sim_push(request(), "x", 1);
    sim_settle(&b.sim);
    assert_int_equal(f.n_messages, 100);
    assert_false(is_open());
    assert_true(grebe__wheel_next_ns(&b.sim.env.wheel) > sim_now(&b.sim) + SECOND);
    channel_bench_advance_ms(&b, 5000);
    assert_int_equal(f.n_messages, 100);
    finish(&b);
}

/* ... and then there is no wait for the next stream either. */
TEST(a_feed_that_is_stopped_when_it_ends_does_not_back_off)
{
    struct channel_bench b;

    start(&b);
    f.stops = IN_END;
    start_feed(&b);
    end_stream(&b, GREBE_STATUS_INTERNAL);
    assert_true(grebe__wheel_next_ns(&b.sim.env.wheel) > b.sim.env.now_ns + SECOND);
    channel_bench_advance_ms(&b, 5000);
    assert_string_equal(told(), "open, end 13");
    finish(&b);
}

TEST(nothing_is_told_after_a_feed_was_stopped)
{
    struct channel_bench b;

    start(&b);
    start_feed(&b);
    grebe__env_enter(&b.sim.env);
    sim_respond(request(), "one", 3);
    sim_end(request(), GREBE_STATUS_INTERNAL, "x");
    grebe_feed_stop(&f.feed); /* the end is on its way */
    assert_null(f.feed);
    grebe_feed_stop(&f.feed);
    grebe__env_leave(&b.sim.env);
    channel_bench_advance_ms(&b, 5000);
    assert_string_equal(told(), "open, one");

    start_feed(&b);
    end_stream(&b, GREBE_STATUS_INTERNAL);
    stop_feed(&b); /* in its wait */
    channel_bench_advance_ms(&b, 5000);
    assert_string_equal(told(), "open, end 13");

    grebe__env_enter(&b.sim.env);
    {
        struct grebe_feed_options how = options();

        assert_int_equal(grebe_feed_start(one.subconn, &how, &f.feed), GREBE_OK);
        grebe_feed_stop(&f.feed); /* before it began */
    }
    grebe__env_leave(&b.sim.env);
    sim_settle(&b.sim);
    assert_string_equal(told(), "");
    assert_int_equal(counts()->n_started, 2);
    finish(&b);
}

/* ---- What a backend may do to it --------------------------------------------------------------------------- */

TEST(a_flood_is_read_at_a_hundred_messages_a_second)
{
    struct channel_bench b;

    start(&b);
    start_feed(&b);
    for (int i = 0; i < 1000; i++)
        sim_push(request(), "x", 1);
    sim_settle(&b.sim);
    assert_int_equal(f.n_messages, 100);
    channel_bench_advance_ms(&b, 1000);
    assert_int_equal(f.n_messages, 200);
    channel_bench_advance_ms(&b, 8000);
    assert_int_equal(f.n_messages, 1000);
    assert_true(channel_bench_logged(&b, "a: " PATH
                                         " sends messages faster than they are of use"));
    assert_null(strstr(strstr(b.log, "faster than") + 1, "faster than")); /* once */
    /* After a while without, a burst is welcome again. */
    channel_bench_advance_ms(&b, 1000);
    for (int i = 0; i < 100; i++)
        sim_push(request(), "x", 1);
    sim_settle(&b.sim);
    assert_int_equal(f.n_messages, 1100);
    finish(&b);
}

/* Each stream brings a message, so each may be followed by the next at once: ten times. */
TEST(streams_that_end_all_the_time_are_left_alone)
{
    struct channel_bench b;

    start(&b);
    start_feed(&b);
    for (int i = 0; i < 10; i++) {
        push(&b, "x");
        end_stream(&b, GREBE_STATUS_OK);
        assert_true(is_open());
    }
    push(&b, "x");
    end_stream(&b, GREBE_STATUS_OK);
    assert_false(is_open());
    assert_true(channel_bench_logged(&b, "a: " PATH " ends all the time"));
    channel_bench_advance_ms(&b, 1000);
    push(&b, "x");
    end_stream(&b, GREBE_STATUS_OK); /* still too many in ten seconds */
    assert_false(is_open());
    assert_null(strstr(strstr(b.log, "ends all") + 1, "ends all")); /* once */
    channel_bench_advance_ms(&b, 1000);
    push(&b, "x");
    channel_bench_advance_ms(&b, 10000);
    end_stream(&b, GREBE_STATUS_OK); /* that was long enough */
    assert_true(is_open());
    finish(&b);
}

/* ---- Out of memory --------------------------------------------------------------------------------------- */

TEST(each_allocation_may_fail)
{
    for (uint32_t i = 1;; i++) {
        struct channel_bench b;
        struct grebe_feed_options how = options();
        int result;

        start(&b);
        b.mem.fail_at = b.mem.n_allocs + i;
        grebe__env_enter(&b.sim.env);
        result = grebe_feed_start(one.subconn, &how, &f.feed);
        grebe__env_leave(&b.sim.env);
        sim_settle(&b.sim);
        if (result != GREBE_OK)
            assert_null(f.feed);
        if (is_open())
            push(&b, "one");
        if (is_open())
            end_stream(&b, GREBE_STATUS_INTERNAL);
        channel_bench_advance_ms(&b, 1000);
        if (result == GREBE_OK)
            assert_true(is_open()); /* it was worth another try */
        if (!b.mem.has_failed) {
            finish(&b);
            break;
        }
        finish(&b);
        assert_true(i < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_is_sent_and_messages_are_told),
        cmocka_unit_test(a_feed_is_no_call_of_the_channel),
        cmocka_unit_test(metadata_of_the_feed_and_of_the_address_goes_with_it),
        cmocka_unit_test(an_end_is_told_with_its_status_and_its_peer),
        cmocka_unit_test(incomplete_options_are_refused),
        cmocka_unit_test(streams_without_a_message_are_opened_after_a_growing_wait),
        cmocka_unit_test(a_stream_that_brought_something_is_opened_again_at_once),
        cmocka_unit_test(a_message_without_sense_ends_the_stream),
        cmocka_unit_test(a_feed_leaves_a_connection_that_drains),
        cmocka_unit_test(
            a_feed_is_told_what_took_its_stream_only_if_it_was_not_the_connection),
        cmocka_unit_test(a_feed_moves_to_another_connection_without_a_word),
        cmocka_unit_test(a_feed_that_is_refused_goes_to_another_connection),
        cmocka_unit_test(a_feed_waits_for_room_and_goes_before_calls),
        cmocka_unit_test(a_feed_that_waits_for_room_ends_with_the_last_connection),
        cmocka_unit_test(after_the_subconn_is_shut_down_a_feed_is_silent),
        cmocka_unit_test(a_feed_may_be_stopped_from_each_of_its_callbacks),
        cmocka_unit_test(a_feed_that_is_stopped_in_a_flood_leaves_no_timer),
        cmocka_unit_test(a_feed_that_is_stopped_when_it_ends_does_not_back_off),
        cmocka_unit_test(nothing_is_told_after_a_feed_was_stopped),
        cmocka_unit_test(a_flood_is_read_at_a_hundred_messages_a_second),
        cmocka_unit_test(streams_that_end_all_the_time_are_left_alone),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
