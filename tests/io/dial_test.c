/* SPDX-License-Identifier: Apache-2.0 */
/* Dials: from the text of an address to a transport, or to a reason why not. */
#include "support/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <grebe/error.h>
#include <grebe/loop.h>

#include "base/assert.h"
#include "bench.h"
#include "core/dns.h"

/* ---- Dials that fail -------------------------------------------------------------- */

TEST(a_refused_connection_says_so)
{
    struct bench bench;

    bench_init(&bench);
    bench_listen(&bench);
    bench_close(&bench.listener);
    bench_dial(&bench, bench.text);
    bench_expect_error(&bench, "connect: connection refused");
    bench_fini(&bench);
}

static const struct {
    const char *text, *error;
} hopeless[] = {
    {"localhost", "invalid address: the port is missing"},
    {"::1:80", "invalid address: an IPv6 address needs brackets: [address]:port"},
    {"unix:/nosuchfolder/socket", "connect: no such file or directory"},
    {"unix-abstract:grebe-test-nobody-here", "connect: connection refused"},
    {"255.255.255.255:1", "connect: network is unreachable"},
};

TEST(what_fails_at_once_is_reported_later)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(hopeless); i++) {
        struct bench bench;

        bench_init(&bench);
        bench_dial(&bench, hopeless[i].text);
        bench_expect_error(&bench, hopeless[i].error);
        bench_fini(&bench);
    }
}

static void say_nothing(struct bench *bench)
{
    peer_hang_up(bench);
}

static void speak_ssh(struct bench *bench)
{
    static const char banner[] = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n";

    peer_say(bench, banner, sizeof banner - 1);
}

static void speak_out_of_turn(struct bench *bench)
{
    static const unsigned char ping[17] = {0, 0, 8, 6};

    peer_say(bench, ping, sizeof ping);
}

static const struct {
    void (*act)(struct bench *bench);
    const char *part; /* of the error */
} rude[] = {
    {say_nothing, "connection closed before SETTINGS"},
    {peer_reset, "connection reset by peer"},
    {peer_speak_http_1, "peer speaks HTTP/1.x"},
    {speak_ssh, ""},
    {speak_out_of_turn, ""},
};

/* CH-5, SC-2 */
TEST(a_server_without_settings_is_none)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(rude); i++) {
        static const char phase[] = "http/2 handshake: ";
        struct bench bench;

        bench_init(&bench);
        bench_listen(&bench);
        bench_dial(&bench, bench.text);
        peer_accept(&bench);
        rude[i].act(&bench);
        bench_settle(&bench, &bench.n_done);
        assert_null(bench.transport);
        assert_memory_equal(bench.error, phase, sizeof phase - 1);
        if (strstr(bench.error, rude[i].part) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", bench.error, rude[i].part);
        bench_turns(&bench, 2);
        assert_int_equal(bench.n_done, 1);
        bench_fini(&bench);
    }
}

/* ---- Cancelling ------------------------------------------------------------------- */

/* After so many turns: connecting, connected, waiting for SETTINGS. */
TEST(a_silent_server_can_be_given_up_at_any_time)
{
    for (unsigned n_turns = 0; n_turns < 6; n_turns++) {
        struct bench bench;

        bench_init(&bench);
        bench_listen(&bench);
        bench_dial(&bench, bench.text);
        bench_turns(&bench, n_turns);
        bench_cancel(&bench);
        bench_turns(&bench, 3);
        assert_int_equal(bench.n_done, 0);
        bench.peer = accept4(bench.listener, NULL, NULL, SOCK_NONBLOCK);
        if (bench.peer >= 0)
            assert_true(peer_has_hung_up(&bench));
        bench_fini(&bench);
    }
}

/* Nothing of the loop's own comes between the dial and its end. */
TEST(a_failure_on_its_way_can_be_given_up)
{
    struct bench bench;

    bench_init(&bench);
    assert_true(grebe__loop_try_drive(bench.loop));
    bench_dial(&bench, "unix:/nosuchfolder/socket");
    bench_cancel(&bench);
    grebe__loop_stop_driving(bench.loop);
    bench_turns(&bench, 3);
    assert_int_equal(bench.n_done, 0);
    bench_fini(&bench);
}

TEST(a_name_in_the_making_can_be_given_up)
{
    struct bench bench;

    bench_init(&bench);
    bench_dial(&bench, "localhost:1");
    bench_cancel(&bench);
    bench_turns(&bench, 3);
    assert_int_equal(bench.n_done, 0);
    bench_fini(&bench);
}

/* ---- What a dial is about ---------------------------------------------------------- */

static void expect_stage(struct bench *bench, const char *expected)
{
    struct grebe__env *env = bench_env(bench);
    char stage[256];

    assert_true(grebe__loop_try_drive(bench->loop));
    env->connector->stage(env, &bench->dial, stage, sizeof stage);
    assert_string_equal(stage, expected);
    grebe__loop_stop_driving(bench->loop);
}

TEST(stage_tells_what_is_waited_for)
{
    for (unsigned is_tls = 0; is_tls < 2; is_tls++) {
        struct bench bench;

        if (is_tls)
            bench_init_tls(&bench);
        else
            bench_init(&bench);
        bench_listen(&bench);
        bench_dial(&bench, bench.text);
        expect_stage(&bench, "connect");
        peer_accept(&bench);
        expect_stage(&bench, is_tls ? "tls handshake" : "http/2 handshake");
        bench_cancel(&bench);
        bench_fini(&bench);
    }
}

/* Nothing of the loop's own comes between the dial and the question. */
TEST(stage_of_a_dial_without_memory_or_hope_is_known)
{
    struct bench bench;

    bench_init(&bench);
    assert_true(grebe__loop_try_drive(bench.loop));
    bench.mem.fail_at = bench.mem.n_allocs + 1;
    bench_dial(&bench, "127.0.0.1:1");
    expect_stage(&bench, "out of memory");
    grebe__loop_stop_driving(bench.loop);
    bench_expect_error(&bench, "out of memory");
    assert_true(grebe__loop_try_drive(bench.loop));
    bench_dial(&bench, "unix:/nosuchfolder/socket");
    expect_stage(&bench, "connect");
    grebe__loop_stop_driving(bench.loop);
    bench_expect_error(&bench, "connect: no such file or directory");
    bench_fini(&bench);
}

/* ---- Dials that succeed ----------------------------------------------------------- */

TEST(settings_make_a_transport)
{
    struct bench bench;
    unsigned char bytes[256];

    bench_init(&bench);
    bench_listen(&bench);
    bench_dial(&bench, bench.text);
    peer_accept(&bench);
    /* Preface, SETTINGS and WINDOW_UPDATE are there at once. */
    assert_true(peer_hear(&bench, bytes, sizeof bytes) > sizeof client_preface + 2 * 9);
    assert_memory_equal(bytes, client_preface, sizeof client_preface);
    assert_int_equal(bytes[sizeof client_preface + 3], 4);
    assert_int_equal(bench.n_done, 0);
    peer_say(&bench, settings_frame, 5);
    bench_turns(&bench, 3);
    assert_int_equal(bench.n_done, 0);
    peer_say(&bench, settings_frame + 5, sizeof settings_frame - 5);
    bench_expect_transport(&bench);
    assert_string_equal(bench.transport->peer, bench.text);
    bench_fini(&bench);
    assert_int_equal(bench.n_closed, 1); /* with the loop */
}

/* RES-21 */
TEST(unix_sockets_work_by_path_and_by_abstract_name)
{
    char folder[] = "/tmp/grebe-test-XXXXXX";

    assert_non_null(mkdtemp(folder));
    for (unsigned i = 0; i < 2; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        bool is_abstract = i == 1;
        struct bench bench;
        int n;

        bench_init(&bench);
        n = snprintf(address.sun_path + i, sizeof address.sun_path - i, "%s/a socket",
                     folder);
        snprintf(bench.text, sizeof bench.text, "unix%s:%s/a socket",
                 is_abstract ? "-abstract" : "", folder);
        bench.listener = socket(AF_UNIX, SOCK_STREAM, 0);
        /* The exact length counts: a NUL more would be another abstract name. */
        assert_int_equal(
            bind(bench.listener, (struct sockaddr *)&address,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)),
            0);
        assert_int_equal(listen(bench.listener, 1), 0);
        bench_dial(&bench, bench.text);
        peer_accept(&bench);
        peer_say(&bench, settings_frame, sizeof settings_frame);
        bench_expect_transport(&bench);
        assert_string_equal(bench.transport->peer, bench.text);
        bench_fini(&bench);
        if (!is_abstract)
            unlink(address.sun_path);
    }
    rmdir(folder);
}

static struct grebe__lookup *looked_up; /* by the last dial of a name */

/* A DNS that gives two addresses for every name but "nosuch": nobody listens at the
 * first. */
static void look_up(struct grebe__env *env, struct grebe__lookup *lookup)
{
    (void)env;
    lookup->pending = lookup;
    looked_up = lookup;
}

static void forget_lookup(struct grebe__env *env, struct grebe__lookup *lookup)
{
    (void)env;
    lookup->pending = NULL;
    looked_up = NULL;
}

static const struct grebe__dns_ops fake_dns = {.lookup = look_up,
                                               .cancel = forget_lookup};

static void answer_lookup(struct bench *bench)
{
    static const struct grebe__lookup_answer answers[] = {
        {.text = "127.0.0.2"}, {.text = "nonsense"}, {.text = "127.0.0.1"}};
    static const struct grebe__lookup_result found = {
        .outcome = GREBE__LOOKUP_FOUND,
        .answers = answers,
        .n = GREBE_ARRAY_LEN(answers),
    };
    static const struct grebe__lookup_result not_found = {
        .outcome = GREBE__LOOKUP_NOT_FOUND,
        .error = "lookup nosuch: no such host",
    };
    struct grebe__lookup *lookup = looked_up;

    (void)bench;
    lookup->pending = NULL;
    lookup->on_done(lookup, strcmp(lookup->name, "nosuch") == 0 ? &not_found : &found);
}

static void dial_name(struct bench *bench, const char *host)
{
    char text[64];

    bench->loop->env.dns = &fake_dns;
    snprintf(text, sizeof text, "%s%s", host, strchr(bench->text, ':'));
    bench_dial(bench, text);
    assert_non_null(looked_up);
    bench_in_turn(bench, answer_lookup);
}

TEST(stage_of_a_name_is_its_lookup_and_then_its_address)
{
    struct bench bench;
    char text[64], stage[256];

    bench_init(&bench);
    bench_listen(&bench);
    bench.loop->env.dns = &fake_dns;
    snprintf(text, sizeof text, "host%s", strchr(bench.text, ':'));
    bench_dial(&bench, text);
    expect_stage(&bench, "lookup host");
    bench_in_turn(&bench, answer_lookup);
    bench_turns(&bench, 3);
    peer_accept(&bench);
    snprintf(stage, sizeof stage, "%s (address 2 of 2): http/2 handshake", bench.text);
    expect_stage(&bench, stage);
    bench_cancel(&bench);
    bench_fini(&bench);
}

TEST(the_addresses_of_a_name_are_tried_in_turn)
{
    struct bench bench;

    bench_init(&bench);
    bench_listen(&bench);
    dial_name(&bench, "host");
    bench_turns(&bench, 3);
    peer_accept(&bench);
    peer_say(&bench, settings_frame, sizeof settings_frame);
    bench_expect_transport(&bench);
    assert_string_equal(bench.transport->peer, bench.text);
    bench_fini(&bench);
}

TEST(the_last_address_of_a_name_is_in_its_error)
{
    struct bench bench;
    char error[256];

    bench_init(&bench);
    bench_listen(&bench);
    bench_close(&bench.listener);
    dial_name(&bench, "host");
    snprintf(error, sizeof error, "%s (address 2 of 2): connect: connection refused",
             bench.text);
    bench_expect_error(&bench, error);
    bench_fini(&bench);
}

TEST(a_name_that_does_not_exist_fails_the_dial)
{
    struct bench bench;

    bench_init(&bench);
    bench_listen(&bench);
    dial_name(&bench, "nosuch");
    bench_expect_error(&bench, "lookup nosuch: no such host");
    bench_fini(&bench);
}

TEST(localhost_needs_no_server)
{
    struct bench bench;
    char name[64];

    bench_init(&bench);
    bench_listen(&bench);
    snprintf(name, sizeof name, "localhost%s", strchr(bench.text, ':'));
    bench_dial(&bench, name);
    bench_turns(&bench, 3);
    peer_accept(&bench);
    peer_say(&bench, settings_frame, sizeof settings_frame);
    bench_expect_transport(&bench);
    bench_fini(&bench);
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t length = sizeof value;

    getsockopt(fd, level, option, &value, &length);
    return value;
}

/* gRFC A18 */
TEST(tcp_options_are_set)
{
    struct bench bench;
    char congestion[16] = "";
    socklen_t length = sizeof congestion;
    int fd;

    bench_init(&bench);
    bench.options.tcp_user_timeout_ms = 12345;
    bench.options.tcp_congestion = "reno";
    bench_open(&bench);
    fd = bench_client_fd(&bench);
    assert_true(fd >= 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &length);
    assert_string_equal(congestion, "reno");
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    bench_fini(&bench);
}

enum { LOG_LINE_SIZE = 128 };

static void keep_line(void *arg, enum grebe_log_level level, const char *line)
{
    assert_int_equal(level, GREBE_LOG_WARNING);
    snprintf(arg, LOG_LINE_SIZE, "%s", line);
}

TEST(an_option_that_the_system_refuses_is_logged_and_no_obstacle)
{
    struct bench bench;
    char line[LOG_LINE_SIZE] = "";

    bench_init(&bench);
    bench.options.tcp_congestion = "nosuchalgorithm";
    bench.options.on_log = keep_line;
    bench.options.log_arg = line;
    bench_open(&bench);
    assert_string_equal(line, "the system refuses socket option TCP_CONGESTION: "
                              "no such file or directory");
    bench_fini(&bench);
}

/* A graceful shutdown can begin between accept and the first read: READY must not be
 * reported for a transport that takes no streams, so the dial hands it over draining. */
TEST(a_server_that_says_goodbye_at_once_gives_a_draining_transport)
{
    static const unsigned char goaway[9 + 8] = {0, 0, 8, 7};
    unsigned char greeting[sizeof settings_frame + sizeof goaway];
    struct bench bench;

    memcpy(greeting, settings_frame, sizeof settings_frame);
    memcpy(greeting + sizeof settings_frame, goaway, sizeof goaway);
    bench_init(&bench);
    bench_listen(&bench);
    bench_dial(&bench, bench.text);
    peer_accept(&bench);
    peer_say(&bench, greeting, sizeof greeting);
    bench_settle(&bench, &bench.n_closed);
    assert_int_equal(bench.n_done, 1);
    assert_string_equal(bench.error, "");
    assert_true(bench.came_draining);
    bench_fini(&bench);
}

/* ---- TLS -------------------------------------------------------------------------- */

TEST(a_wrong_name_fails_the_dial)
{
    struct bench bench;

    bench_init_tls(&bench);
    bench_listen(&bench);
    bench.authority = "other.test:443";
    bench_dial(&bench, bench.text);
    peer_accept_tls(&bench);
    bench_expect_error(
        &bench, "tls handshake: certificate verify failed (hostname mismatch: it is "
                "not for other.test)");
    bench_fini(&bench);
}

TEST(a_plaintext_server_fails_the_dial)
{
    struct bench bench;

    bench_init_tls(&bench);
    bench_listen(&bench);
    bench_dial(&bench, bench.text);
    peer_accept(&bench);
    peer_speak_http_1(&bench);
    bench_expect_error(&bench, "tls handshake: the peer does not speak TLS");
    bench_fini(&bench);
}

TEST(a_server_that_hangs_up_fails_the_handshake)
{
    struct bench bench;

    bench_init_tls(&bench);
    bench_listen(&bench);
    bench_dial(&bench, bench.text);
    peer_accept(&bench);
    peer_hang_up(&bench);
    bench_expect_error(&bench, "tls handshake: connection closed by the peer");
    bench_fini(&bench);
}

TEST(a_handshake_can_be_given_up)
{
    struct bench bench;

    bench_init_tls(&bench);
    bench_listen(&bench);
    bench_dial(&bench, bench.text);
    peer_accept(&bench);
    bench_cancel(&bench);
    bench_turns(&bench, 3);
    assert_int_equal(bench.n_done, 0);
    assert_true(peer_has_hung_up(&bench));
    bench_fini(&bench);
}

/* ---- Memory ----------------------------------------------------------------------- */

static void dial_and_serve(struct bench *bench, const char *text)
{
    uint64_t give_up_ns = grebe_now_ns() + 10 * SECOND;

    bench_dial(bench, text);
    fcntl(bench->listener, F_SETFL, O_NONBLOCK);
    while (bench->n_done == 0) {
        bench_turns(bench, 1);
        if (bench->peer < 0)
            bench->peer = accept4(bench->listener, NULL, NULL, SOCK_NONBLOCK);
        if (bench->peer >= 0)
            send(bench->peer, settings_frame, sizeof settings_frame, MSG_NOSIGNAL);
        assert_true(grebe_now_ns() < give_up_ns);
    }
}

/* Whichever allocation fails, the dial has one result, and nothing is left behind. */
TEST(out_of_memory_is_a_failed_dial)
{
    for (unsigned is_name = 0; is_name < 2; is_name++) {
        bool has_failed = true;

        for (uint32_t at = 1; has_failed; at++) {
            struct bench bench;
            char name[64];

            bench_init(&bench);
            bench_listen(&bench);
            snprintf(name, sizeof name, "localhost%s", strchr(bench.text, ':'));
            bench.mem.fail_at = bench.mem.n_allocs + at;
            dial_and_serve(&bench, is_name ? name : bench.text);
            has_failed = bench.mem.has_failed;
            assert_int_equal(bench.n_done, 1);
            bench_fini(&bench);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_connection_says_so),
        cmocka_unit_test(what_fails_at_once_is_reported_later),
        cmocka_unit_test(a_server_without_settings_is_none),
        cmocka_unit_test(a_silent_server_can_be_given_up_at_any_time),
        cmocka_unit_test(a_failure_on_its_way_can_be_given_up),
        cmocka_unit_test(a_name_in_the_making_can_be_given_up),
        cmocka_unit_test(stage_tells_what_is_waited_for),
        cmocka_unit_test(stage_of_a_dial_without_memory_or_hope_is_known),
        cmocka_unit_test(stage_of_a_name_is_its_lookup_and_then_its_address),
        cmocka_unit_test(settings_make_a_transport),
        cmocka_unit_test(unix_sockets_work_by_path_and_by_abstract_name),
        cmocka_unit_test(the_addresses_of_a_name_are_tried_in_turn),
        cmocka_unit_test(the_last_address_of_a_name_is_in_its_error),
        cmocka_unit_test(a_name_that_does_not_exist_fails_the_dial),
        cmocka_unit_test(localhost_needs_no_server),
        cmocka_unit_test(tcp_options_are_set),
        cmocka_unit_test(an_option_that_the_system_refuses_is_logged_and_no_obstacle),
        cmocka_unit_test(a_server_that_says_goodbye_at_once_gives_a_draining_transport),
        cmocka_unit_test(a_wrong_name_fails_the_dial),
        cmocka_unit_test(a_plaintext_server_fails_the_dial),
        cmocka_unit_test(a_server_that_hangs_up_fails_the_handshake),
        cmocka_unit_test(a_handshake_can_be_given_up),
        cmocka_unit_test(out_of_memory_is_a_failed_dial),
    };

    return cmocka_run_group_tests_name("dial", tests, NULL, NULL);
}
