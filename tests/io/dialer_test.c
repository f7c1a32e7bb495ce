/* SPDX-License-Identifier: Apache-2.0 */
/* Dialers of the application: what they are asked, and what becomes of their answers.
 * tests/api/dialer_test.c has threads and real servers. */
#include "support/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grebe/dialer.h>
#include <grebe/endpoint.h>
#include <grebe/error.h>

#include "base/assert.h"
#include "bench.h"

/* A dialer that remembers what it was asked, and answers when the test says so. */
static struct {
    struct bench *bench;
    struct grebe_dialing *dialing; /* the last one; NULL: answered */
    char address[128];
    unsigned n_asked, n_cancelled;
    int fd; /* for answers; -1: `error` */
    const char *error;
    bool answers_at_once, answers_when_cancelled;
} desk;

static void answer(void)
{
    struct grebe_dialing *dialing = desk.dialing;

    desk.dialing = NULL;
    if (desk.error != NULL)
        grebe_dialing_failed(dialing, desk.error);
    else
        grebe_dialing_connected(dialing, desk.fd);
}

static void on_dial(void *arg, const char *address, struct grebe_dialing *dialing)
{
    assert_ptr_equal(arg, &desk);
    assert_int_equal(bench_env(desk.bench)->depth, 0); /* outside of turns */
    desk.n_asked++;
    desk.dialing = dialing;
    snprintf(desk.address, sizeof desk.address, "%s", address);
    if (desk.answers_at_once)
        answer();
}

static void on_cancel(void *arg, struct grebe_dialing *dialing)
{
    assert_ptr_equal(arg, &desk);
    assert_ptr_equal(dialing, desk.dialing);
    assert_int_equal(bench_env(desk.bench)->depth, 0);
    assert_true(grebe_dialing_is_cancelled(dialing));
    desk.n_cancelled++;
    if (desk.answers_when_cancelled)
        answer();
}

static const struct grebe_dialer dialer = {
    .struct_size = sizeof dialer,
    .dial = on_dial,
    .cancel = on_cancel,
    .arg = &desk,
};

static void init(struct bench *b)
{
    memset(&desk, 0, sizeof desk);
    desk.bench = b;
    desk.fd = -1;
    bench_init(b);
    b->options.dialer = &dialer;
}

/* A pair of sockets: one is for the answer, the other is the server's. */
static void make_pair(struct bench *b)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    desk.fd = pair[0];
    b->peer = pair[1];
    fcntl(b->peer, F_SETFL, O_NONBLOCK);
}

static void ask(struct bench *b)
{
    bench_dial(b, "host:1");
    bench_turns(b, 1);
    assert_int_equal(desk.n_asked, 1);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* ---- Questions ------------------------------------------------------------------------- */

static char network_unix[] = "unix";

static const struct {
    const char *text;
    bool is_local; /* GREBE_ATTRIBUTE_NETWORK is "unix" */
    const char *asked;
} questions[] = {
    {"127.0.0.1:5", false, "127.0.0.1:5"},
    {"[::1]:5", false, "[::1]:5"},
    {"host:http", false, "host:http"},
    {"", false, ""},
    {"anything at all", false, "anything at all"},
    {"a/b/c", true, "unix:a/b/c"},
    {"/a", true, "unix:///a"},
    {"@name", true, "unix-abstract:name"},
    {"@/na me", true, "unix-abstract:/na me"},
    {"unix:a/b/c", false, "unix:a/b/c"},
    {"unix:///a", false, "unix:///a"},
    {"unix:a", true, "unix:a"},
    {"unix-abstract:n", true, "unix-abstract:n"},
};

/* TGT-18: from the addresses that the targets' resolvers give */
TEST(address_is_asked_for_as_a_target_would_have_it)
{
    const struct grebe_attributes *local = NULL;

    assert_int_equal(
        grebe_attributes_with(NULL, NULL, &GREBE_ATTRIBUTE_NETWORK, network_unix, &local),
        GREBE_OK);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(questions); i++) {
        struct bench b;

        init(&b);
        desk.error = "no";
        b.address_attributes = questions[i].is_local ? local : NULL;
        bench_dial(&b, questions[i].text);
        bench_turns(&b, 1);
        assert_string_equal(desk.address, questions[i].asked);
        answer();
        bench_expect_error(&b, "dial: no");
        bench_fini(&b);
    }
    grebe_attributes_unref(local);
}

TEST(deadline_is_told)
{
    struct bench b;
    char stage[64];

    init(&b);
    desk.error = "no";
    b.deadline_ns = 123456;
    ask(&b);
    assert_int_equal(grebe_dialing_deadline_ns(desk.dialing), 123456);
    bench_env(&b)->connector->stage(bench_env(&b), &b.dial, stage, sizeof stage);
    assert_string_equal(stage, "dial");
    assert_false(grebe_dialing_is_cancelled(desk.dialing));
    answer();
    bench_fini(&b);
}

/* ---- Answers ----------------------------------------------------------------------------- */

TEST(socket_becomes_a_connection)
{
    struct bench b;
    unsigned char bytes[256];

    init(&b);
    make_pair(&b);
    ask(&b);
    assert_int_equal(b.n_done, 0);
    answer();
    bench_turns(&b, 3);
    assert_true(peer_hear(&b, bytes, sizeof bytes) > sizeof client_preface);
    assert_memory_equal(bytes, client_preface, sizeof client_preface);
    assert_int_equal(b.n_done, 0); /* not before SETTINGS */
    peer_say(&b, settings_frame, sizeof settings_frame);
    bench_expect_transport(&b);
    assert_string_equal(b.transport->peer, "host:1");
    assert_true(fcntl(desk.fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(desk.fd, F_GETFL) & O_NONBLOCK);
    bench_fini(&b);
    assert_false(is_open(desk.fd));
}

TEST(answer_may_come_at_once)
{
    struct bench b;

    init(&b);
    make_pair(&b);
    desk.answers_at_once = true;
    ask(&b);
    peer_say(&b, settings_frame, sizeof settings_frame);
    bench_expect_transport(&b);
    bench_fini(&b);
}

static int connect_to(const struct bench *b)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_port = htons((uint16_t)atoi(strchr(b->text, ':') + 1));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

TEST(tls_goes_over_the_socket_and_verifies_the_name)
{
    static const char *const names[] = {"grebe.test:443", "other.test:443"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++) {
        struct bench b;

        memset(&desk, 0, sizeof desk);
        desk.bench = &b;
        bench_init_tls(&b);
        b.options.dialer = &dialer;
        b.authority = names[i];
        bench_listen(&b);
        ask(&b);
        desk.fd = connect_to(&b);
        answer();
        peer_accept_tls(&b);
        if (i == 0) {
            peer_say(&b, settings_frame, sizeof settings_frame);
            bench_expect_transport(&b);
        } else {
            if (b.n_done == 0)
                bench_settle(&b, &b.n_done);
            assert_non_null(strstr(b.error, "tls handshake: "));
            assert_non_null(strstr(b.error, "hostname mismatch"));
        }
        bench_fini(&b);
    }
}

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t length = sizeof value;

    getsockopt(fd, IPPROTO_TCP, option, &value, &length);
    return value;
}

TEST(tcp_socket_gets_the_options_of_the_channel)
{
    struct bench b;

    init(&b);
    b.options.tcp_user_timeout_ms = 12345;
    bench_listen(&b);
    ask(&b);
    desk.fd = connect_to(&b);
    answer();
    peer_accept(&b);
    peer_say(&b, settings_frame, sizeof settings_frame);
    bench_expect_transport(&b);
    assert_int_equal(option_of(desk.fd, TCP_NODELAY), 1);
    assert_int_equal(option_of(desk.fd, TCP_USER_TIMEOUT), 12345);
    bench_fini(&b);
}

TEST(failure_is_told_with_its_reason)
{
    static char long_reason[400];
    struct bench b;

    init(&b);
    desk.error = "socks: host unreachable";
    ask(&b);
    answer();
    bench_expect_error(&b, "dial: socks: host unreachable");
    bench_fini(&b);

    memset(long_reason, 'x', sizeof long_reason - 1);
    init(&b);
    desk.error = long_reason;
    ask(&b);
    answer();
    bench_settle(&b, &b.n_done);
    assert_int_equal(strlen(b.error), strlen("dial: ") + 255);
    bench_fini(&b);
}

static int make_pipe(void)
{
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    close(pipes[1]);
    return pipes[0];
}

static int make_datagram_socket(void)
{
    return socket(AF_INET, SOCK_DGRAM, 0);
}

static int make_unconnected_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int make_nothing(void)
{
    return -1;
}

static const struct {
    int (*make)(void);
    const char *error;
} wrong[] = {
    {make_pipe, "dial: the descriptor is not a stream socket"},
    {make_datagram_socket, "dial: the descriptor is not a stream socket"},
    {make_unconnected_socket, "dial: the socket is not connected"},
    {make_nothing, "dial: not a descriptor"},
};

TEST(what_is_no_connected_socket_is_refused_and_closed)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(wrong); i++) {
        struct bench b;

        init(&b);
        ask(&b);
        desk.fd = wrong[i].make();
        answer();
        bench_expect_error(&b, wrong[i].error);
        assert_false(is_open(desk.fd));
        bench_fini(&b);
    }
}

TEST(socket_whose_other_end_is_gone_fails_the_dial)
{
    struct bench b;

    init(&b);
    make_pair(&b);
    bench_close(&b.peer);
    ask(&b);
    answer();
    bench_settle(&b, &b.n_done);
    assert_null(b.transport);
    assert_memory_equal(b.error, "http/2 handshake: ", 18);
    assert_false(is_open(desk.fd));
    bench_fini(&b);
}

/* ---- Giving up ------------------------------------------------------------------------------ */

/* Before the loop had time to ask. */
TEST(dial_given_up_at_once_is_never_asked_for)
{
    struct bench b;

    init(&b);
    assert_true(grebe__loop_try_drive(b.loop));
    bench_dial(&b, "host:1");
    bench_cancel(&b);
    grebe__loop_stop_driving(b.loop);
    bench_turns(&b, 3);
    assert_int_equal(desk.n_asked, 0);
    assert_int_equal(desk.n_cancelled, 0);
    bench_fini(&b);
}

TEST(answer_to_a_dial_given_up_is_closed)
{
    for (int when = 0; when < 3; when++) {
        struct bench b;

        init(&b);
        make_pair(&b);
        desk.answers_when_cancelled = when == 0;
        ask(&b);
        bench_cancel(&b);
        assert_int_equal(desk.n_cancelled, 0); /* not inside of what caused it */
        bench_turns(&b, 2);
        assert_int_equal(desk.n_cancelled, 1);
        if (when == 1)
            answer();
        bench_turns(&b, 2);
        assert_int_equal(b.n_done, 0);
        assert_int_equal(is_open(desk.fd), when == 2);
        if (when == 2)
            answer();
        assert_false(is_open(desk.fd));
        bench_fini(&b);
    }
}

TEST(answer_under_way_when_the_dial_is_given_up_is_closed)
{
    struct bench b;

    init(&b);
    make_pair(&b);
    ask(&b);
    assert_true(grebe__loop_try_drive(b.loop));
    answer();
    bench_cancel(&b);
    grebe__loop_stop_driving(b.loop);
    bench_turns(&b, 3);
    assert_int_equal(b.n_done, 0);
    assert_int_equal(desk.n_cancelled, 0);
    assert_false(is_open(desk.fd));
    bench_fini(&b);
}

/* The cancellation is on its way to the dialer, which answers first. */
TEST(cancellation_is_not_told_after_the_answer)
{
    struct bench b;

    init(&b);
    make_pair(&b);
    ask(&b);
    assert_true(grebe__loop_try_drive(b.loop));
    bench_cancel(&b);
    answer();
    grebe__loop_stop_driving(b.loop);
    bench_turns(&b, 3);
    assert_int_equal(desk.n_cancelled, 0);
    assert_false(is_open(desk.fd));
    bench_fini(&b);
}

TEST(connection_in_the_making_can_be_given_up)
{
    struct bench b;

    init(&b);
    make_pair(&b);
    ask(&b);
    answer();
    bench_turns(&b, 3); /* waits for SETTINGS */
    bench_cancel(&b);
    bench_turns(&b, 2);
    assert_int_equal(b.n_done, 0);
    assert_true(peer_has_hung_up(&b));
    assert_false(is_open(desk.fd));
    bench_fini(&b);
}

/* The memory of a dialing is the channel's, and everything else may be gone. */
TEST(answer_may_outlive_the_loop)
{
    struct bench b;
    struct test_mem mem;

    init(&b);
    make_pair(&b);
    ask(&b);
    bench_cancel(&b);
    bench_turns(&b, 2);
    grebe_loop_unref(b.loop);
    mem = b.mem;
    assert_true(mem.n_live > 0);
    answer();
    assert_false(is_open(desk.fd));
    assert_int_equal(grebe_loop_new(&b.mem.interface, &b.loop), GREBE_OK);
    bench_fini(&b);
}

TEST(dialer_without_cancel_is_not_told)
{
    const struct grebe_dialer deaf = {
        .struct_size = sizeof deaf, .dial = on_dial, .arg = &desk};
    struct bench b;

    init(&b);
    desk.error = "no";
    b.options.dialer = &deaf;
    ask(&b);
    bench_cancel(&b);
    bench_turns(&b, 2);
    answer();
    assert_int_equal(b.n_done, 0);
    bench_fini(&b);
}

/* ---- Memory ----------------------------------------------------------------------------------- */

TEST(out_of_memory_is_a_failed_dial)
{
    bool has_failed = true;

    for (uint32_t at = 1; has_failed; at++) {
        uint64_t give_up_ns = grebe_now_ns() + 10 * SECOND;
        struct bench b;

        init(&b);
        make_pair(&b);
        desk.answers_at_once = true;
        b.mem.fail_at = b.mem.n_allocs + at;
        bench_dial(&b, "host:1");
        while (b.n_done == 0) {
            bench_turns(&b, 1);
            send(b.peer, settings_frame, sizeof settings_frame, MSG_NOSIGNAL);
            assert_true(grebe_now_ns() < give_up_ns);
        }
        has_failed = b.mem.has_failed;
        assert_int_equal(b.n_done, 1);
        bench_fini(&b);
        if (desk.n_asked == 0)
            close(desk.fd); /* still ours */
        assert_false(is_open(desk.fd));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_is_asked_for_as_a_target_would_have_it),
        cmocka_unit_test(deadline_is_told),
        cmocka_unit_test(socket_becomes_a_connection),
        cmocka_unit_test(answer_may_come_at_once),
        cmocka_unit_test(tls_goes_over_the_socket_and_verifies_the_name),
        cmocka_unit_test(tcp_socket_gets_the_options_of_the_channel),
        cmocka_unit_test(failure_is_told_with_its_reason),
        cmocka_unit_test(what_is_no_connected_socket_is_refused_and_closed),
        cmocka_unit_test(socket_whose_other_end_is_gone_fails_the_dial),
        cmocka_unit_test(dial_given_up_at_once_is_never_asked_for),
        cmocka_unit_test(answer_to_a_dial_given_up_is_closed),
        cmocka_unit_test(answer_under_way_when_the_dial_is_given_up_is_closed),
        cmocka_unit_test(cancellation_is_not_told_after_the_answer),
        cmocka_unit_test(connection_in_the_making_can_be_given_up),
        cmocka_unit_test(answer_may_outlive_the_loop),
        cmocka_unit_test(dialer_without_cancel_is_not_told),
        cmocka_unit_test(out_of_memory_is_a_failed_dial),
    };

    return cmocka_run_group_tests_name("dialer", tests, NULL, NULL);
}
