/* SPDX-License-Identifier: Apache-2.0 */
/* Dials through an HTTP proxy, which the test plays: the peer of the bench is first the
 * proxy and, once the tunnel is open, the server at its other end. */
#include "support/test.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grebe/error.h>

#include "base/assert.h"
#include "bench.h"
#include "core/hop.h"

static const char open_answer[] = "HTTP/1.1 200 Connection established\r\n\r\n";

/* The next dial goes through the proxy that listens at bench->text. */
static void put_proxy(struct bench *b, const char *authorization)
{
    struct grebe__hop *hop;

    assert_int_equal(grebe__hop_new(NULL, b->text, authorization, &hop), GREBE_OK);
    assert_int_equal(grebe_attributes_with(NULL, NULL, &grebe__attribute_hop, hop,
                                           &b->address_attributes),
                     GREBE_OK);
    grebe__hop_unref(hop);
}

static void start(struct bench *b, const char *target)
{
    bench_init(b);
    bench_listen(b);
    put_proxy(b, NULL);
    bench_dial(b, target);
    peer_accept(b);
}

static void fini(struct bench *b)
{
    const struct grebe_attributes *attributes = b->address_attributes;

    bench_fini(b);
    grebe_attributes_unref(attributes);
}

static void say(struct bench *b, const char *text)
{
    peer_say(b, text, strlen(text));
}

static const char *hear(struct bench *b)
{
    static char text[1024];
    size_t n = peer_hear(b, text, sizeof text - 1);

    text[n] = '\0';
    return text;
}

/* "proxy 127.0.0.1:1234: " and the rest. */
static void expect_error(struct bench *b, const char *place, const char *rest)
{
    char error[512];

    snprintf(error, sizeof error, "%s %s: %s", place, b->text, rest);
    bench_expect_error(b, error);
}

/* ---- Tunnels ----------------------------------------------------------------------------- */

static const struct {
    const char *target, *destination;
} destinations[] = {
    {"host:443", "host:443"},
    {"host:https", "host:443"},
    {"10.0.0.1:80", "10.0.0.1:80"},
    {"[2001:db8::1]:8080", "[2001:db8::1]:8080"},
};

/* RES-23: the proxy is asked for the target, whose name nobody here looks up. */
TEST(proxy_is_asked_for_the_target)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(destinations); i++) {
        unsigned char bytes[256];
        char request[256];
        struct bench b;

        start(&b, destinations[i].target);
        snprintf(request, sizeof request,
                 "CONNECT %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: test\r\n\r\n",
                 destinations[i].destination, destinations[i].destination);
        assert_string_equal(hear(&b), request);
        assert_int_equal(b.n_done, 0);
        say(&b, open_answer);
        bench_turns(&b, 3);
        assert_true(peer_hear(&b, bytes, sizeof bytes) > sizeof client_preface);
        assert_memory_equal(bytes, client_preface, sizeof client_preface);
        peer_say(&b, settings_frame, sizeof settings_frame);
        bench_expect_transport(&b);
        assert_string_equal(b.transport->peer, destinations[i].target);
        fini(&b);
    }
}

TEST(credentials_are_sent_to_the_proxy_alone)
{
    unsigned char bytes[512];
    struct bench b;
    size_t n;

    bench_init(&b);
    bench_listen(&b);
    put_proxy(&b, "Basic dTpw");
    bench_dial(&b, "host:443");
    peer_accept(&b);
    assert_non_null(strstr(hear(&b), "\r\nProxy-Authorization: Basic dTpw\r\n"));
    say(&b, open_answer);
    bench_turns(&b, 3);
    n = peer_hear(&b, bytes, sizeof bytes);
    assert_true(n > 0);
    assert_null(memmem(bytes, n, "dTpw", 4));
    bench_cancel(&b);
    fini(&b);
}

/* The server may speak before the client has seen the tunnel open. */
TEST(bytes_behind_the_answer_are_the_servers)
{
    unsigned char all[sizeof open_answer - 1 + sizeof settings_frame];

    memcpy(all, open_answer, sizeof open_answer - 1);
    memcpy(all + sizeof open_answer - 1, settings_frame, sizeof settings_frame);
    for (size_t size = 1; size <= sizeof all; size += size < 45 ? 1 : 20) {
        struct bench b;

        start(&b, "host:443");
        for (size_t at = 0; at < sizeof all; at += size) {
            size_t n = sizeof all - at < size ? sizeof all - at : size;

            peer_say(&b, all + at, n);
            bench_turns(&b, 1);
        }
        bench_expect_transport(&b);
        fini(&b);
    }
}

TEST(tls_goes_through_the_tunnel_and_verifies_the_target)
{
    static const char *const names[] = {"grebe.test:443", "other.test:443"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++) {
        struct bench b;

        bench_init_tls(&b);
        b.authority = names[i];
        bench_listen(&b);
        put_proxy(&b, NULL);
        bench_dial(&b, names[i]);
        peer_accept(&b);
        assert_non_null(strstr(hear(&b), names[i]));
        say(&b, open_answer);
        bench_turns(&b, 3);
        b.ssl = SSL_new(b.context);
        SSL_set_fd(b.ssl, b.peer);
        SSL_set_accept_state(b.ssl);
        for (unsigned k = 0; k < 10 && SSL_do_handshake(b.ssl) != 1; k++)
            bench_turns(&b, 2);
        if (i == 0) {
            peer_say(&b, settings_frame, sizeof settings_frame);
            bench_expect_transport(&b);
        } else {
            if (b.n_done == 0)
                bench_settle(&b, &b.n_done);
            assert_memory_equal(b.error, "through proxy 127.0.0.1:", 24);
            assert_non_null(strstr(b.error, ": tls handshake: "));
            assert_non_null(strstr(b.error, "hostname mismatch"));
        }
        fini(&b);
    }
}

TEST(socket_to_the_proxy_has_the_options_of_the_channel)
{
    socklen_t length = sizeof(int);
    struct bench b;
    int value = 0;

    bench_init(&b);
    b.options.tcp_user_timeout_ms = 12345;
    bench_listen(&b);
    put_proxy(&b, NULL);
    bench_dial(&b, "host:443");
    peer_accept(&b);
    getsockopt(bench_client_fd(&b), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &length);
    assert_int_equal(value, 12345);
    bench_cancel(&b);
    fini(&b);
}

/* ---- Failures ------------------------------------------------------------------------------ */

TEST(proxy_that_is_not_there_is_named)
{
    struct bench b;

    bench_init(&b);
    bench_listen(&b);
    bench_close(&b.listener);
    put_proxy(&b, NULL);
    bench_dial(&b, "host:443");
    expect_error(&b, "proxy", "connect: connection refused");
    fini(&b);
}

static const struct {
    const char *answer, *error;
} refusals[] = {
    {"HTTP/1.1 403 Forbidden\r\n\r\n", "403 Forbidden"},
    {"HTTP/1.1 407 Proxy Authentication Required\r\n",
     "407 Proxy Authentication Required (write http://user:password@host:port)"},
    {"HTTP/1.1 502 Bad Gateway\r\nX: y\r\n\r\n<html></html>", "502 Bad Gateway"},
    {"SSH-2.0-x\r\n", "it does not speak HTTP/1.1: \"S\""},
};

TEST(refusal_is_told_in_the_proxys_words)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(refusals); i++) {
        struct bench b;

        start(&b, "host:443");
        hear(&b);
        say(&b, refusals[i].answer);
        expect_error(&b, "proxy", refusals[i].error);
        assert_true(peer_has_hung_up(&b));
        fini(&b);
    }
}

TEST(proxy_that_hangs_up_is_named)
{
    static const char *const parts[] = {"", "HTTP/1.1 200 OK\r\n", "HTTP/1"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(parts); i++) {
        struct bench b;

        start(&b, "host:443");
        if (parts[i][0] != '\0')
            say(&b, parts[i]);
        peer_hang_up(&b);
        expect_error(&b, "proxy", "connection closed before the answer to CONNECT");
        fini(&b);
    }
}

TEST(proxy_that_resets_is_named)
{
    struct bench b;

    start(&b, "host:443");
    peer_reset(&b);
    expect_error(&b, "proxy", "read: connection reset by peer");
    fini(&b);
}

TEST(end_of_the_tunnel_is_told_as_such)
{
    struct bench b;

    start(&b, "host:443");
    hear(&b);
    say(&b, open_answer);
    bench_turns(&b, 3);
    peer_hang_up(&b);
    expect_error(&b, "through proxy",
                 "http/2 handshake: connection closed before SETTINGS");
    fini(&b);
}

TEST(endless_answer_is_given_up)
{
    struct bench b;

    start(&b, "host:443");
    hear(&b);
    say(&b, "HTTP/1.1 200 OK\r\n");
    while (b.n_done == 0) {
        send(b.peer, "X-Filler: 0123456789\r\n", 22, MSG_NOSIGNAL);
        bench_turns(&b, 1);
    }
    expect_error(&b, "proxy", "its answer is longer than 16384 bytes");
    fini(&b);
}

static const struct {
    const char *target, *error;
} hopeless[] = {
    {"host", "invalid address: the port is missing"},
    {"a b:1", "invalid address: the host has characters that no name has"},
    {"a\r\nX: y:1", "invalid address: an IPv6 address needs brackets: [address]:port"},
    {"a\r\nX:1", "invalid address: the host has characters that no name has"},
};

TEST(target_that_cannot_be_asked_for_is_not)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(hopeless); i++) {
        struct bench b;

        bench_init(&b);
        bench_listen(&b);
        put_proxy(&b, NULL);
        bench_dial(&b, hopeless[i].target);
        expect_error(&b, "proxy", hopeless[i].error);
        fini(&b);
    }
}

/* Looking names up is the resolver's part. */
TEST(proxy_without_an_address_fails_the_dial)
{
    struct bench b;

    bench_init(&b);
    strcpy(b.text, "proxy:3128");
    put_proxy(&b, NULL);
    bench_dial(&b, "host:443");
    expect_error(&b, "proxy", "connect: the proxy's name was not looked up");
    fini(&b);
}

/* ---- Giving up ------------------------------------------------------------------------------- */

TEST(tunnel_in_the_making_can_be_given_up_at_any_time)
{
    for (unsigned stage = 0; stage < 4; stage++) {
        struct bench b;

        bench_init(&b);
        bench_listen(&b);
        put_proxy(&b, NULL);
        bench_dial(&b, "host:443");
        if (stage > 0)
            peer_accept(&b);
        if (stage > 1)
            say(&b, stage == 2 ? "HTTP/1.1 200 OK\r\n" : open_answer);
        bench_turns(&b, 3);
        bench_cancel(&b);
        bench_turns(&b, 3);
        assert_int_equal(b.n_done, 0);
        if (stage > 0)
            assert_true(peer_has_hung_up(&b));
        fini(&b);
    }
}

static void expect_stage(struct bench *b, const char *place, const char *rest)
{
    struct grebe__env *env = bench_env(b);
    char stage[256], expected[256];

    snprintf(expected, sizeof expected, "%s %s: %s", place, b->text, rest);
    env->connector->stage(env, &b->dial, stage, sizeof stage);
    assert_string_equal(stage, expected);
}

TEST(stage_tells_whether_it_is_the_proxy_that_is_waited_for)
{
    struct bench b;

    bench_init(&b);
    bench_listen(&b);
    put_proxy(&b, NULL);
    bench_dial(&b, "host:443");
    expect_stage(&b, "proxy", "connect");
    peer_accept(&b);
    expect_stage(&b, "proxy", "answer to CONNECT");
    say(&b, open_answer);
    bench_turns(&b, 3);
    expect_stage(&b, "through proxy", "http/2 handshake");
    bench_cancel(&b);
    fini(&b);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

TEST(out_of_memory_is_a_failed_dial)
{
    bool has_failed = true;

    for (uint32_t at = 1; has_failed; at++) {
        uint64_t give_up_ns = grebe_now_ns() + 10 * SECOND;
        struct bench b;
        bool has_said = false;

        bench_init(&b);
        bench_listen(&b);
        put_proxy(&b, NULL);
        b.mem.fail_at = b.mem.n_allocs + at;
        bench_dial(&b, "host:443");
        while (b.n_done == 0) {
            bench_turns(&b, 1);
            if (b.peer < 0)
                b.peer = accept4(b.listener, NULL, NULL, SOCK_NONBLOCK);
            if (b.peer >= 0 && !has_said) {
                send(b.peer, open_answer, sizeof open_answer - 1, MSG_NOSIGNAL);
                send(b.peer, settings_frame, sizeof settings_frame, MSG_NOSIGNAL);
                has_said = true;
            }
            assert_true(grebe_now_ns() < give_up_ns);
        }
        has_failed = b.mem.has_failed;
        assert_int_equal(b.n_done, 1);
        fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proxy_is_asked_for_the_target),
        cmocka_unit_test(credentials_are_sent_to_the_proxy_alone),
        cmocka_unit_test(bytes_behind_the_answer_are_the_servers),
        cmocka_unit_test(tls_goes_through_the_tunnel_and_verifies_the_target),
        cmocka_unit_test(socket_to_the_proxy_has_the_options_of_the_channel),
        cmocka_unit_test(proxy_that_is_not_there_is_named),
        cmocka_unit_test(refusal_is_told_in_the_proxys_words),
        cmocka_unit_test(proxy_that_hangs_up_is_named),
        cmocka_unit_test(proxy_that_resets_is_named),
        cmocka_unit_test(end_of_the_tunnel_is_told_as_such),
        cmocka_unit_test(endless_answer_is_given_up),
        cmocka_unit_test(target_that_cannot_be_asked_for_is_not),
        cmocka_unit_test(proxy_without_an_address_fails_the_dial),
        cmocka_unit_test(tunnel_in_the_making_can_be_given_up_at_any_time),
        cmocka_unit_test(stage_tells_whether_it_is_the_proxy_that_is_waited_for),
        cmocka_unit_test(out_of_memory_is_a_failed_dial),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
