/* SPDX-License-Identifier: Apache-2.0 */
/* interop/interop.c -- the cases that every foreign server has to pass.
 *
 *     interop CERTIFICATES COMMAND [ARGUMENT...]
 *
 * COMMAND starts a server that keeps the contract of README.md.  Each case starts its own,
 * so that no case inherits the connections, or the counters, of another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <grebe/grebe.h>

#include "support/client.h"
#include "support/process.h"

#define ECHO      "/grebe.test.Echo/"
#define MAX_FLAGS 16
#define N_MAX     5 /* servers at once */
#define MIB       ((size_t)1024 * 1024)

#define N_IN_FLIGHT 20 /* calls, while servers go */

static const char *certificates;
static const char *const *command; /* how to start a server, NULL-terminated */

/* What a case starts from: running servers and a channel to all of them. */
struct world {
    struct process server[N_MAX];
    struct grebe_channel *channel;
};

/* ---- Servers ---------------------------------------------------------------------- */

static bool start(struct process *p, const char *const *flags)
{
    const char *argv[2 * MAX_FLAGS] = {NULL};
    size_t n = 0;

    for (size_t i = 0; command[i] != NULL && n < MAX_FLAGS; i++)
        argv[n++] = command[i];
    for (size_t i = 0; flags[i] != NULL && i < MAX_FLAGS - 1; i++)
        argv[n++] = flags[i];
    return process_start(p, argv);
}

static void start_plain(struct process *p, const char *name)
{
    const char *flags[] = {"--name", name, NULL};

    assert_true(start(p, flags));
}

static const char *certificate(const char *name)
{
    static char path[4][512]; /* as many as one expression needs */
    static size_t turn;
    char *p = path[turn++ % 4];

    snprintf(p, sizeof path[0], "%s/%s", certificates, name);
    return p;
}

/* The target "ipv4:127.0.0.1:1,127.0.0.1:2" of the first n servers. */
static const char *target(const struct world *w, size_t n)
{
    static char text[32 + N_MAX * 24];
    int length = snprintf(text, sizeof text, "ipv4:");

    for (size_t i = 0; i < n; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, "%s%s",
                           i == 0 ? "" : ",", w->server[i].address);
    return text;
}

static void start_world(struct world *w, size_t n, const char *policy)
{
    static const char *const names[N_MAX] = {"a", "b", "c", "d", "e"};

    for (size_t i = 0; i < n; i++)
        start_plain(&w->server[i], names[i]);
    w->channel = client_open(target(w, n), policy, NULL);
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct world));
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    grebe_channel_destroy(w->channel);
    for (size_t i = 0; i < N_MAX; i++)
        process_kill(&w->server[i]);
    free(w);
    return 0;
}

/* The counter `name` of the server that the channel talks to. */
static long stat_of(struct grebe_channel *channel, const char *name)
{
    struct grebe_call *call =
        client_call(channel, &(struct client_request){.method = ECHO "Stats"});
    char quoted[32], text[256];
    const char *found;
    long value = -1;

    client_copy_text(call, text, sizeof text);
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    found = strstr(text, quoted);
    if (found != NULL)
        value = strtol(found + strlen(quoted), NULL, 10);
    grebe_call_unref(call);
    return value;
}

/* A server counts a little after the client has moved on. */
static void wait_for_stat(struct grebe_channel *channel, const char *name, long value)
{
    struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

    for (int i = 0; i < 500; i++) {
        if (stat_of(channel, name) == value)
            return;
        nanosleep(&pause, NULL);
    }
    fail_msg("%s never became %ld", name, value);
}

/* ---- One call ------------------------------------------------------------------------ */

static void unary_echoes(void **state)
{
    struct world *w = *state;
    struct client_request request = {ECHO "Unary", "hello", 5, NULL, 0, false};
    struct grebe_call *call;

    start_world(w, 1, NULL);
    call = client_call(w->channel, &request);
    client_expect_text(call, "hello");
    assert_string_equal(grebe_call_peer(call), w->server[0].address);
    grebe_call_unref(call);

    request.message_length = 0;
    call = client_call(w->channel, &request);
    client_expect_text(call, "");
    grebe_call_unref(call);
}

static void metadata_travels_both_ways(void **state)
{
    static const unsigned char bytes[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff, ',', '\n'};
    struct world *w = *state;
    struct client_request request = {.method = ECHO "Unary"};
    const struct grebe_metadata_entry *entry;
    struct grebe_call *call;

    start_world(w, 1, NULL);
    request.metadata = client_metadata("X-Echo", "text, with ; and \"", NULL);
    assert_int_equal(
        grebe_metadata_add(request.metadata, "x-echo-bin", bytes, sizeof bytes),
        GREBE_OK);
    call = client_call(w->channel, &request);
    client_expect(call, GREBE_STATUS_OK, NULL);

    entry = grebe_metadata_get(grebe_call_headers(call), "x-echo");
    assert_non_null(entry);
    assert_string_equal(entry->value, "text, with ; and \"");
    entry = grebe_metadata_get(grebe_call_trailers(call), "x-echo-bin");
    assert_non_null(entry);
    assert_int_equal(entry->value_length, sizeof bytes);
    assert_memory_equal(entry->value, bytes, sizeof bytes);
    grebe_call_unref(call);
}

static void error_status_keeps_its_text(void **state)
{
    static const char *const messages[] = {
        "plain",
        "100% of it, %41 and %zz",
        "Wei\xc3\x9f ich nicht: \xe7\xb3\xbb\xe7\xbb\x9f \xf0\x9f\x90\xa6",
        "two\nlines",
        " edges ",
        "",
    };
    struct world *w = *state;

    start_world(w, 1, NULL);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct client_request request = {.method = ECHO "Fail"};
        struct grebe_call *call;
        size_t length;

        request.metadata =
            client_metadata("x-code", "9", "x-message-bin", messages[i], NULL);
        call = client_call(w->channel, &request);
        client_expect(call, GREBE_STATUS_FAILED_PRECONDITION, NULL);
        assert_string_equal(grebe_call_status(call)->message, messages[i]);
        assert_null(grebe_call_response(call, &length));
        grebe_call_unref(call);
    }
}

static void unknown_method_is_unimplemented(void **state)
{
    struct world *w = *state;
    struct grebe_call *call;

    start_world(w, 1, NULL);
    call = client_call(w->channel, &(struct client_request){.method = ECHO "Nothing"});
    client_expect(call, GREBE_STATUS_UNIMPLEMENTED, NULL);
    grebe_call_unref(call);
}

static void deadline_ends_the_call_on_both_sides(void **state)
{
    struct world *w = *state;
    struct client_request request = {.method = ECHO "Slow",
                                     .timeout_ns = 300 * CLIENT_MS};
    struct grebe_call_times times;
    struct grebe_call *call;

    start_world(w, 1, NULL);
    assert_int_equal(stat_of(w->channel, "slow"), 0); /* connected from here on */
    request.metadata = client_metadata("x-ms", "20000", NULL);
    call = client_call(w->channel, &request);
    client_expect(call, GREBE_STATUS_DEADLINE_EXCEEDED, NULL);
    times = grebe_call_times(call);
    /* The server may be a little faster: it counts in units of its own. */
    assert_in_range(times.done_ns - times.started_ns, 290 * CLIENT_MS, 3000 * CLIENT_MS);
    grebe_call_unref(call);

    wait_for_stat(w->channel, "cancelled", 1);
    assert_in_range(stat_of(w->channel, "deadline_ms"), 1, 300);
}

static void cancellation_reaches_the_server(void **state)
{
    struct world *w = *state;
    struct client_request request = {.method = ECHO "Slow"};
    struct grebe_call *call;

    start_world(w, 1, NULL);
    request.metadata = client_metadata("x-ms", "20000", NULL);
    call = client_start(w->channel, &request, NULL, NULL);
    wait_for_stat(w->channel, "slow", 1);
    grebe_call_cancel(call);
    assert_int_equal(grebe_call_wait(call, 5000 * CLIENT_MS), GREBE_OK);
    client_expect(call, GREBE_STATUS_CANCELLED, NULL);
    grebe_call_unref(call);
    wait_for_stat(w->channel, "cancelled", 1);
}

/* ---- Sizes --------------------------------------------------------------------------- */

static void large_messages_arrive_whole(void **state)
{
    const size_t sizes[] = {16384, 65535, 65536, 4 * MIB - 5, 4 * MIB};
    struct world *w = *state;
    unsigned char *message = malloc(4 * MIB);

    assert_non_null(message);
    for (size_t i = 0; i < 4 * MIB; i++)
        message[i] = (unsigned char)(i * 2654435761u >> 24);
    start_world(w, 1, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct client_request request = {ECHO "Unary", message, sizes[i], NULL, 0, false};
        struct grebe_call *call = client_call(w->channel, &request);
        const void *response;
        size_t length;

        client_expect(call, GREBE_STATUS_OK, NULL);
        response = grebe_call_response(call, &length);
        assert_int_equal(length, sizes[i]);
        assert_true(memcmp(response, message, length) == 0);
        grebe_call_unref(call);
    }
    free(message);
}

static void too_large_a_response_is_refused(void **state)
{
    struct world *w = *state;
    struct client_request request = {.method = ECHO "Big"};
    struct grebe_call *call;

    start_world(w, 1, NULL);
    request.metadata = client_metadata("x-size", "4194305", NULL);
    call = client_call(w->channel, &request);
    client_expect(call, GREBE_STATUS_RESOURCE_EXHAUSTED, "4194305 vs. 4194304");
    grebe_call_unref(call);

    /* The connection has survived it. */
    request.metadata = client_metadata("x-size", "4194304", NULL);
    call = client_call(w->channel, &request);
    client_expect(call, GREBE_STATUS_OK, NULL);
    grebe_call_unref(call);
}

/* ---- TLS ----------------------------------------------------------------------------- */

struct tls_case {
    const char *server_name;
    bool server_wants_certificate;
    bool has_certificate;
    int code;
    const char *message; /* a part of it */
};

static void check_tls(struct world *w, const struct tls_case *c)
{
    const char *flags[] = {"--name",      "t",
                           "--cert",      certificate("server.pem"),
                           "--key",       certificate("server.key"),
                           "--client-ca", certificate("ca.pem"),
                           NULL};
    struct grebe_tls_options options = GREBE_TLS_OPTIONS_INIT;
    struct grebe_credentials *credentials = NULL;
    struct grebe_diag diag = {""};
    struct grebe_call *call;

    if (!c->server_wants_certificate)
        flags[6] = NULL;
    assert_true(start(&w->server[0], flags));
    options.ca_file = certificate("ca.pem");
    options.server_name = c->server_name;
    if (c->has_certificate) {
        options.cert_file = certificate("client.pem");
        options.key_file = certificate("client.key");
    }
    if (grebe_credentials_tls(&options, &diag, &credentials) != GREBE_OK)
        fail_msg("%s", diag.text);
    w->channel = client_open(target(w, 1), NULL, credentials);
    grebe_credentials_unref(credentials);

    call = client_call(w->channel, &(struct client_request){.method = ECHO "Who"});
    client_expect(call, c->code, c->message);
    grebe_call_unref(call);
}

static void tls_serves(void **state)
{
    check_tls(*state, &(struct tls_case){.server_name = "grebe.test"});
}

static void tls_by_address_serves(void **state)
{
    check_tls(*state, &(struct tls_case){.server_name = NULL});
}

static void tls_with_a_wrong_name_fails(void **state)
{
    check_tls(*state, &(struct tls_case){.server_name = "coot.test",
                                         .code = GREBE_STATUS_UNAVAILABLE,
                                         .message = "mismatch"});
}

static void mtls_serves(void **state)
{
    check_tls(*state, &(struct tls_case){.server_name = "grebe.test",
                                         .server_wants_certificate = true,
                                         .has_certificate = true});
}

static void mtls_without_a_certificate_fails(void **state)
{
    check_tls(*state, &(struct tls_case){.server_name = "grebe.test",
                                         .server_wants_certificate = true,
                                         .code = GREBE_STATUS_UNAVAILABLE});
}

static void plaintext_to_a_tls_port_fails(void **state)
{
    struct world *w = *state;
    const char *flags[] = {"--cert", certificate("server.pem"), "--key",
                           certificate("server.key"), NULL};
    struct grebe_call *call;

    assert_true(start(&w->server[0], flags));
    w->channel = client_open(target(w, 1), NULL, NULL);
    call = client_call(w->channel, &(struct client_request){.method = ECHO "Who"});
    client_expect(call, GREBE_STATUS_UNAVAILABLE, NULL);
    grebe_call_unref(call);
}

/* ---- Servers that go ------------------------------------------------------------------ */

/* A closed loop of Slow calls: each call that ends starts the next, until told to stop. */
struct load {
    struct grebe_channel *channel;
    bool is_paused; /* calls that end start no others */
    int n_started;
    int n_running;
    int n_ok;
    int n_lost;
    char first_loss[256];
};

static void on_load_done(void *arg, struct grebe_call *call);

/* Of different lengths, so that calls begin and end at any time. */
static void load_start_one(struct load *load)
{
    struct client_request request = {.method = ECHO "Slow"};
    char ms[8];

    snprintf(ms, sizeof ms, "%d", 60 + load->n_started++ * 7 % 80);
    request.metadata = client_metadata("x-ms", ms, NULL);
    load->n_running++;
    grebe_call_unref(client_start(load->channel, &request, on_load_done, load));
}

static void on_load_done(void *arg, struct grebe_call *call)
{
    const struct grebe_status *status = grebe_call_status(call);
    struct load *load = arg;

    load->n_running--;
    if (status->code == GREBE_STATUS_OK) {
        load->n_ok++;
    } else if (load->n_lost++ == 0) {
        snprintf(load->first_loss, sizeof load->first_loss, "%d %s", status->code,
                 status->message);
    }
    if (!load->is_paused)
        load_start_one(load);
}

static void load_run(struct load *load, int ms)
{
    struct grebe_loop *loop = grebe_channel_loop(load->channel);
    uint64_t end_ns = grebe_now_ns() + (uint64_t)(ms * CLIENT_MS);

    while (grebe_now_ns() < end_ns)
        assert_int_equal(grebe_loop_turn(loop, 10), GREBE_OK);
}

static void load_resume(struct load *load)
{
    load->is_paused = false;
    while (load->n_running < N_IN_FLIGHT)
        load_start_one(load);
}

static void load_begin(struct load *load, struct grebe_channel *channel)
{
    *load = (struct load){.channel = channel};
    load_resume(load);
}

static void load_end(struct load *load)
{
    load->is_paused = true;
    for (int i = 0; load->n_running > 0 && i < 100; i++)
        load_run(load, 50);
    assert_int_equal(load->n_running, 0);
    if (load->n_lost > 0)
        fail_msg("%d of %d calls lost, the first by %s", load->n_lost,
                 load->n_lost + load->n_ok, load->first_loss);
}

/* Of two servers one stops gracefully: whoever was in flight ends well, the other takes
 * over.  Some servers refuse calls that reach them between the signal and their GOAWAY,
 * which no client can know of: GREBE_STOP_GAP_MS then says for how long no call starts,
 * before and after. */
static void graceful_stop_loses_nothing(struct world *w, const char *policy)
{
    const char *gap_ms = getenv("GREBE_STOP_GAP_MS");
    int gap = gap_ms == NULL ? 0 : (int)strtol(gap_ms, NULL, 10);
    struct load load;
    int n_before;

    start_world(w, 2, policy);
    load_begin(&load, w->channel);
    load_run(&load, 300);
    load.is_paused = gap_ms != NULL;
    load_run(&load, gap);
    assert_true(load.n_running > 0);
    process_stop(&w->server[0]);
    load_run(&load, gap);
    load_resume(&load);
    load_run(&load, 300);
    n_before = load.n_ok;
    load_run(&load, 300);
    assert_true(load.n_ok > n_before);
    load_end(&load);
    assert_int_equal(process_wait(&w->server[0], 10000), 0);
}

static void graceful_stop_loses_nothing_with_round_robin(void **state)
{
    graceful_stop_loses_nothing(*state, "round_robin");
}

static void graceful_stop_loses_nothing_with_pick_first(void **state)
{
    graceful_stop_loses_nothing(*state, "pick_first");
}

static void connections_told_to_go_away_lose_nothing(void **state)
{
    static const char *const flags[] = {"--max-age", "300", NULL};
    struct world *w = *state;
    struct load load;

    assert_true(start(&w->server[0], flags));
    w->channel = client_open(target(w, 1), NULL, NULL);
    load_begin(&load, w->channel);
    load_run(&load, 2000);
    load_end(&load);
}

static void killed_server_is_found_again(void **state)
{
    struct world *w = *state;
    struct client_request request = {.method = ECHO "Who"};
    struct grebe_call *call;
    char port[8];
    const char *flags[] = {"--name", "reborn", "--port", port, NULL};

    start_world(w, 1, NULL);
    call = client_call(w->channel, &request);
    client_expect_text(call, "a");
    grebe_call_unref(call);

    snprintf(port, sizeof port, "%s", process_port(&w->server[0]));
    process_kill(&w->server[0]);
    call = client_call(w->channel, &request);
    client_expect(call, GREBE_STATUS_UNAVAILABLE, w->server[0].address);
    grebe_call_unref(call);

    assert_true(start(&w->server[0], flags));
    request.waits_for_ready = true;
    call = client_call(w->channel, &request);
    client_expect_text(call, "reborn");
    grebe_call_unref(call);
}

/* ---- Shares --------------------------------------------------------------------------- */

/* Calls Who and says which of "abcde" answered. */
static size_t ask_who(struct grebe_channel *channel)
{
    struct grebe_call *call =
        client_call(channel, &(struct client_request){.method = ECHO "Who"});
    char name[8];
    size_t who;

    client_copy_text(call, name, sizeof name);
    who = (size_t)(name[0] - 'a');
    assert_true(who < N_MAX);
    grebe_call_unref(call);
    return who;
}

static void round_robin_shares_are_exact(void **state)
{
    struct world *w = *state;
    int calls[N_MAX] = {0};
    int n_known = 0;

    start_world(w, N_MAX, "round_robin");
    /* A picker with all five is in use once the fifth has answered. */
    for (int i = 0; n_known < N_MAX && i < 10000; i++)
        n_known += calls[ask_who(w->channel)]++ == 0;
    assert_int_equal(n_known, N_MAX);

    memset(calls, 0, sizeof calls);
    for (int i = 0; i < 200 * N_MAX; i++)
        calls[ask_who(w->channel)]++;
    for (size_t i = 0; i < N_MAX; i++)
        assert_int_equal(calls[i], 200);
}

/* ---------------------------------------------------------------------------------------- */

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char *argv[])
{
    const struct CMUnitTest cases[] = {
        CASE(unary_echoes),
        CASE(metadata_travels_both_ways),
        CASE(error_status_keeps_its_text),
        CASE(unknown_method_is_unimplemented),
        CASE(deadline_ends_the_call_on_both_sides),
        CASE(cancellation_reaches_the_server),
        CASE(large_messages_arrive_whole),
        CASE(too_large_a_response_is_refused),
        CASE(tls_serves),
        CASE(tls_by_address_serves),
        CASE(tls_with_a_wrong_name_fails),
        CASE(mtls_serves),
        CASE(mtls_without_a_certificate_fails),
        CASE(plaintext_to_a_tls_port_fails),
        CASE(graceful_stop_loses_nothing_with_round_robin),
        CASE(graceful_stop_loses_nothing_with_pick_first),
        CASE(connections_told_to_go_away_lose_nothing),
        CASE(killed_server_is_found_again),
        CASE(round_robin_shares_are_exact),
    };

    if (argc < 3) {
        fprintf(stderr, "usage: interop CERTIFICATES COMMAND [ARGUMENT...]\n");
        return 2;
    }
    certificates = argv[1];
    command = (const char *const *)argv + 2;
    return cmocka_run_group_tests_name("interop", cases, NULL, NULL);
}
