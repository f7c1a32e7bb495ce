/* SPDX-License-Identifier: Apache-2.0 */
/* Channels that are looked at while they work, on real sockets.  Under ThreadSanitizer this
 * is the proof that whoever looks needs nobody's leave, and nobody waits for it. */
#include "api/backend.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <grebe/channelz.h>

enum { THREADS = 3, CHANNELS = 20, CALLS = 10 };

static struct process backend;

static void call(struct grebe_channel *channel)
{
    const struct client_request request = {
        .method = "/s/m", .message = "12345", .message_length = 5};
    struct grebe_call *call = client_call(channel, &request);

    client_expect_text(call, "12345");
    grebe_call_unref(call);
}

static size_t count_channels(void)
{
    struct grebe_channelz_page *page;
    size_t n;

    assert_int_equal(grebe_channelz_top_channels(0, 1000, NULL, &page), GREBE_OK);
    n = page->n;
    grebe_channelz_page_free(page);
    return n;
}

static struct grebe_channelz_channel *look(enum grebe_channelz_kind kind, int64_t id)
{
    struct grebe_channelz_channel *channel;

    assert_int_equal(kind == GREBE_CHANNELZ_CHANNEL
                         ? grebe_channelz_channel_get(id, NULL, &channel)
                         : grebe_channelz_subchannel_get(id, NULL, &channel),
                     GREBE_OK);
    return channel;
}

/* ---- What there is ------------------------------------------------------------------------ */

static int64_t only_child(const struct grebe_channelz_channel *channel,
                          enum grebe_channelz_kind kind)
{
    const struct grebe_channelz_ref *child = grebe_channelz_channel_child(channel, 0);

    assert_int_equal(channel->n_children, 1);
    assert_null(grebe_channelz_channel_child(channel, 1));
    assert_int_equal(child->kind, kind);
    return child->id;
}

static int64_t expect_channel(int64_t id)
{
    struct grebe_channelz_channel *channel = look(GREBE_CHANNELZ_CHANNEL, id);
    const struct grebe_channelz_endpoint *endpoint =
        grebe_channelz_channel_endpoint(channel, 0);
    int64_t child = only_child(channel, GREBE_CHANNELZ_SUBCHANNEL);

    assert_memory_equal(channel->target, "ipv4:", 5);
    assert_string_equal(channel->target + 5, backend.address);
    assert_int_equal(channel->state, GREBE_READY);
    assert_int_equal(channel->calls_started, 2);
    assert_int_equal(channel->calls_succeeded, 2);
    assert_true(channel->created_ns <= channel->last_call_started_ns);
    assert_true(channel->last_call_started_ns <= grebe_now_ns());
    assert_true(channel->latency_ns > 0);
    assert_int_equal(channel->n_endpoints, 1);
    assert_string_equal(endpoint->address, backend.address);
    assert_int_equal(endpoint->calls_succeeded, 2);
    assert_int_equal(endpoint->state, GREBE_READY);
    assert_null(grebe_channelz_channel_endpoint(channel, 1));
    assert_non_null(strstr(grebe_channelz_channel_event(channel, 0)->description,
                           "Channel created for target"));
    assert_null(grebe_channelz_channel_event(channel, channel->n_events));
    grebe_channelz_channel_free(channel);
    return child;
}

static int64_t expect_subchannel(int64_t id)
{
    struct grebe_channelz_channel *subchannel = look(GREBE_CHANNELZ_SUBCHANNEL, id);
    int64_t child = only_child(subchannel, GREBE_CHANNELZ_SOCKET);

    assert_string_equal(subchannel->target, backend.address);
    assert_int_equal(subchannel->state, GREBE_READY);
    assert_int_equal(subchannel->calls_succeeded, 2);
    grebe_channelz_channel_free(subchannel);
    return child;
}

static void expect_socket(int64_t id)
{
    struct grebe_channelz_socket *socket;

    assert_int_equal(grebe_channelz_socket_get(id, NULL, &socket), GREBE_OK);
    assert_string_equal(socket->remote, backend.address);
    assert_memory_equal(socket->local, "127.0.0.1:", 10);
    assert_null(socket->cipher);
    assert_int_equal(socket->streams_started, 2);
    assert_int_equal(socket->streams_succeeded, 2);
    assert_int_equal(socket->messages_sent, 2);
    assert_int_equal(socket->messages_received, 2);
    assert_true(socket->last_stream_ns <= socket->last_sent_ns);
    assert_true(socket->last_sent_ns <= socket->last_received_ns);
    assert_true(socket->remote_window > 0 && socket->local_window > 0);
    assert_false(socket->has_goaway);
    grebe_channelz_socket_free(socket);
}

TEST(channel_is_seen_down_to_its_socket)
{
    struct grebe_channel *channel = backend_open(&backend, NULL);
    struct grebe_channelz_channel *none;
    int64_t id = grebe_channelz_id(channel);

    call(channel);
    call(channel);
    assert_int_equal(count_channels(), 1);
    expect_socket(expect_subchannel(expect_channel(id)));
    grebe_channel_destroy(channel);
    assert_int_equal(count_channels(), 0);
    assert_int_equal(grebe_channelz_channel_get(id, NULL, &none), GREBE_ERR_NOT_FOUND);
}

/* A loop that nobody runs has nobody to ask. */
TEST(channel_is_seen_while_nobody_runs_its_loop)
{
    struct grebe_loop *loop;
    struct grebe_channel *channel;
    struct grebe_channelz_channel *seen;

    assert_int_equal(grebe_loop_new(NULL, &loop), GREBE_OK);
    channel = backend_open(&backend, loop);
    seen = look(GREBE_CHANNELZ_CHANNEL, grebe_channelz_id(channel));
    assert_int_equal(seen->state, GREBE_IDLE);
    grebe_channelz_channel_free(seen);
    grebe_channel_destroy(channel);
    grebe_loop_unref(loop);
}

TEST(channel_is_not_seen_if_nobody_wants_to)
{
    struct grebe_channel *channel;

    grebe_channelz_set_enabled(false);
    channel = backend_open(&backend, NULL);
    grebe_channelz_set_enabled(true);
    call(channel);
    assert_int_equal(grebe_channelz_id(channel), 0);
    assert_int_equal(count_channels(), 0);
    grebe_channel_destroy(channel);
}

/* ---- Threads -------------------------------------------------------------------------------- */

/* Channels on loops of their own. */
static void *come_and_go(void *arg)
{
    for (int i = 0; i < CHANNELS; i++) {
        struct grebe_channel *channel = backend_open(&backend, NULL);
        struct grebe_channelz_channel *seen;

        for (int j = 0; j < CALLS; j++)
            call(channel);
        seen = look(GREBE_CHANNELZ_CHANNEL, grebe_channelz_id(channel));
        assert_int_equal(seen->calls_succeeded, CALLS);
        grebe_channelz_channel_free(seen);
        grebe_channel_destroy(channel);
    }
    return arg;
}

static bool is_over; /* atomic */

static void add_length(void *arg, const char *text, size_t length)
{
    (void)text;
    *(size_t *)arg += length;
}

/* Ids go by; what they stood for may be gone at any moment. */
static void *keep_looking(void *arg)
{
    size_t n_bytes = 0;
    int64_t id = 1;

    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        struct grebe_channelz_channel *channel;
        struct grebe_channelz_socket *socket;
        struct grebe_channelz_page *page;

        assert_int_equal(grebe_channelz_json_all(add_length, &n_bytes), GREBE_OK);
        assert_int_equal(grebe_channelz_top_channels(id, 0, NULL, &page), GREBE_OK);
        if (page->n > 0)
            id = grebe_channelz_page_channel(page, page->n - 1)->id;
        grebe_channelz_page_free(page);
        for (int64_t i = id; i < id + 20; i++) {
            if (grebe_channelz_channel_get(i, NULL, &channel) == GREBE_OK ||
                grebe_channelz_subchannel_get(i, NULL, &channel) == GREBE_OK)
                grebe_channelz_channel_free(channel);
            if (grebe_channelz_socket_get(i, NULL, &socket) == GREBE_OK)
                grebe_channelz_socket_free(socket);
        }
    }
    *(size_t *)arg = n_bytes;
    return NULL;
}

TEST(channels_are_looked_at_while_they_come_and_go)
{
    pthread_t callers[THREADS], reader;
    size_t n_bytes;

    pthread_create(&reader, NULL, keep_looking, &n_bytes);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&callers[i], NULL, come_and_go, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(callers[i], NULL);
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    pthread_join(reader, NULL);
    assert_true(n_bytes > 0);
    assert_int_equal(count_channels(), 0);
}

/* ---- fork() ------------------------------------------------------------------------------------ */

/* The child has channels of its own, and their ids go on. */
static int exit_code_of_child(int64_t parents_id)
{
    struct grebe_channel *channel;
    struct grebe_channelz_channel *seen;

    if (count_channels() != 0 ||
        grebe_channelz_channel_get(parents_id, NULL, &seen) != GREBE_ERR_NOT_FOUND)
        return 1;
    channel = backend_open(&backend, NULL);
    call(channel);
    return count_channels() == 1 && grebe_channelz_id(channel) > parents_id ? 0 : 2;
}

TEST(child_of_a_fork_does_not_see_the_channels_of_its_parent)
{
    struct grebe_channel *channel = backend_open(&backend, NULL);
    int64_t id = grebe_channelz_id(channel);
    int status = -1;
    pid_t child;

    call(channel);
    child = fork();
    if (child == 0)
        _exit(exit_code_of_child(id));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    call(channel);
    assert_int_equal(count_channels(), 1);
    grebe_channel_destroy(channel);
}

static int start_backend(void **state)
{
    (void)state;
    backend_start(&backend, "0ms");
    return 0;
}

static int stop_backend(void **state)
{
    (void)state;
    process_kill(&backend);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channel_is_seen_down_to_its_socket),
        cmocka_unit_test(channel_is_seen_while_nobody_runs_its_loop),
        cmocka_unit_test(channel_is_not_seen_if_nobody_wants_to),
        cmocka_unit_test(channels_are_looked_at_while_they_come_and_go),
        cmocka_unit_test(child_of_a_fork_does_not_see_the_channels_of_its_parent),
    };

    return cmocka_run_group_tests(tests, start_backend, stop_backend);
}
