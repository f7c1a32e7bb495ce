/* SPDX-License-Identifier: Apache-2.0 */
/* Channels whose connections the program makes: by threads, through a SOCKS proxy, with
 * more time than there is.  Under ThreadSanitizer this is the proof that answers may come
 * from any thread. */
#include "api/backend.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grebe/dialer.h>

static struct process backend, socks;

static const struct client_request echo = {
    .method = "/s/m", .message = "x", .message_length = 1};

static int n_descriptors(void)
{
    DIR *all = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(all) != NULL)
        n++;
    closedir(all);
    return n;
}

/* `loop` NULL: one of its own.  With one, a connection gets 3 ms. */
static struct grebe_channel *open_with(const char *target,
                                       const struct grebe_dialer *dialer,
                                       struct grebe_loop *loop)
{
    struct grebe_channel_options options;
    struct grebe_channel *channel;
    struct grebe_diag diag;

    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.dialer = dialer;
    options.loop = loop;
    if (loop != NULL) {
        options.min_connect_timeout_ns = 3 * CLIENT_MS;
        options.backoff_base_ns = options.backoff_max_ns = CLIENT_MS;
    }
    if (grebe_channel_new(target, &options, &diag, &channel) != GREBE_OK)
        fail_msg("%s", diag.text);
    return channel;
}

/* ---- What is asked ------------------------------------------------------------------------- */

static char asked[128];

static void refuse(void *arg, const char *address, struct grebe_dialing *dialing)
{
    (void)arg;
    snprintf(asked, sizeof asked, "%s", address);
    grebe_dialing_failed(dialing, "not today");
}

static const struct {
    const char *target, *asked;
} questions[] = {
    {"unix:a/b/c", "unix:a/b/c"},
    {"unix:/a", "unix:///a"},
    {"unix:///a", "unix:///a"},
    {"unix-abstract:a b", "unix-abstract:a b"},
    {"dns:///127.0.0.1:5", "127.0.0.1:5"},
    {"ipv6:[::1]:5", "[::1]:5"},
    {"passthrough:///no such host:x", "no such host:x"},
    {"passthrough:///unix:///a", "unix:///a"},
    {"passthrough:///", ""},
};

/* TGT-18, RES-19 */
TEST(dialer_is_asked_for_the_addresses_of_the_target)
{
    struct grebe_dialer dialer = GREBE_DIALER_INIT;

    dialer.dial = refuse;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        struct grebe_channel *channel = open_with(questions[i].target, &dialer, NULL);
        struct grebe_call *call = client_call(channel, &echo);

        client_expect(call, GREBE_STATUS_UNAVAILABLE, "dial: not today");
        assert_string_equal(asked, questions[i].asked);
        grebe_call_unref(call);
        grebe_channel_destroy(channel);
    }
}

/* ---- Threads ------------------------------------------------------------------------------- */

/* A connection that a thread makes, as a library that blocks would. */
struct job {
    struct grebe_dialing *dialing;
    char address[64];
    uint64_t delay_us;
};

static int n_jobs, n_over; /* atomic */

static int connect_to(const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    char host[64];
    const char *colon = strchr(address, ':');
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    inet_pton(AF_INET, host, &to.sin_addr);
    to.sin_port = htons((uint16_t)atoi(colon + 1));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static void *connect_in_thread(void *arg)
{
    struct job *job = arg;
    int fd;

    usleep((useconds_t)job->delay_us);
    fd = connect_to(job->address);
    if (fd >= 0)
        grebe_dialing_connected(job->dialing, fd);
    else
        grebe_dialing_failed(job->dialing, "nobody there");
    free(job);
    __atomic_add_fetch(&n_over, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void start_job(void *(*work)(void *), const char *address,
                      struct grebe_dialing *dialing, uint64_t delay_us)
{
    struct job *job = malloc(sizeof *job);
    pthread_t thread;

    job->dialing = dialing;
    job->delay_us = delay_us;
    snprintf(job->address, sizeof job->address, "%s", address);
    n_jobs++;
    assert_int_equal(pthread_create(&thread, NULL, work, job), 0);
    pthread_detach(thread);
}

static void wait_for_jobs(void)
{
    while (__atomic_load_n(&n_over, __ATOMIC_ACQUIRE) < n_jobs)
        usleep(1000);
}

static void dial_in_thread(void *arg, const char *address, struct grebe_dialing *dialing)
{
    (void)arg;
    start_job(connect_in_thread, address, dialing, 0);
}

TEST(thread_makes_the_connections)
{
    struct grebe_dialer dialer = GREBE_DIALER_INIT;
    struct grebe_channel *channel;
    struct grebe_call *call;
    char target[96];

    dialer.dial = dial_in_thread;
    snprintf(target, sizeof target, "ipv4:%s", backend.address);
    channel = open_with(target, &dialer, NULL);
    memset(&dialer, 0, sizeof dialer); /* it was copied */
    call = client_call(channel, &echo);
    client_expect_text(call, "x");
    assert_string_equal(grebe_call_peer(call), backend.address);
    grebe_call_unref(call);
    grebe_channel_destroy(channel);
    wait_for_jobs();
}

static int n_cancelled;

static void dial_late(void *arg, const char *address, struct grebe_dialing *dialing)
{
    unsigned *seed = arg;

    assert_true(grebe_dialing_deadline_ns(dialing) > grebe_now_ns() - SECOND);
    start_job(connect_in_thread, address, dialing, (uint64_t)rand_r(seed) % 6000);
}

static void count_cancel(void *arg, struct grebe_dialing *dialing)
{
    (void)arg;
    assert_true(grebe_dialing_is_cancelled(dialing));
    n_cancelled++;
}

/* The time is up while the thread connects, again and again, and in the end the channel is
 * gone before the thread.  Every socket is closed, whoever came first. */
TEST(answers_race_with_the_end_of_the_time)
{
    struct grebe_dialer dialer = GREBE_DIALER_INIT;
    struct grebe_loop *loop;
    unsigned seed = 1;
    char target[96];
    int before;

    dialer.dial = dial_late;
    dialer.cancel = count_cancel;
    dialer.arg = &seed;
    snprintf(target, sizeof target, "ipv4:%s", backend.address);
    n_cancelled = 0;
    assert_int_equal(grebe_loop_new(NULL, &loop), GREBE_OK);
    before = n_descriptors();
    for (int i = 0; i < 60; i++) {
        struct client_request request = echo;
        struct grebe_channel *channel = open_with(target, &dialer, loop);
        struct grebe_call *call;

        request.timeout_ns = 8 * CLIENT_MS;
        request.waits_for_ready = true;
        call = client_call(channel, &request);
        grebe_call_unref(call);
        grebe_channel_destroy(channel);
    }
    wait_for_jobs();
    assert_true(n_cancelled > 0);
    assert_int_equal(n_descriptors(), before);
    grebe_loop_unref(loop);
}

/* ---- SOCKS --------------------------------------------------------------------------------- */

static bool hear(int fd, unsigned char *bytes, size_t n)
{
    return recv(fd, bytes, n, MSG_WAITALL) == (ssize_t)n;
}

/* RFC 1928, with a name; 0, or the proxy's answer. */
static int ask_socks(int fd, const char *address)
{
    unsigned char bytes[300] = {5, 1, 0};
    const char *colon = strrchr(address, ':');
    unsigned port = (unsigned)atoi(colon + 1);
    size_t n = (size_t)(colon - address);

    if (send(fd, bytes, 3, MSG_NOSIGNAL) != 3 || !hear(fd, bytes, 2))
        return -1;
    bytes[1] = 1;
    bytes[2] = 0;
    bytes[3] = 3;
    bytes[4] = (unsigned char)n;
    memcpy(bytes + 5, address, n);
    bytes[5 + n] = (unsigned char)(port >> 8);
    bytes[6 + n] = (unsigned char)port;
    if (send(fd, bytes, n + 7, MSG_NOSIGNAL) != (ssize_t)(n + 7) || !hear(fd, bytes, 10))
        return -1;
    return bytes[1];
}

static void *connect_through_socks(void *arg)
{
    struct job *job = arg;
    int fd = connect_to(socks.address);
    int code = fd < 0 ? -1 : ask_socks(fd, job->address);
    char why[64];

    if (code == 0) {
        grebe_dialing_connected(job->dialing, fd);
    } else {
        snprintf(why, sizeof why, "socks: reply %d", code);
        grebe_dialing_failed(job->dialing, why);
        if (fd >= 0)
            close(fd);
    }
    free(job);
    __atomic_add_fetch(&n_over, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void dial_socks(void *arg, const char *address, struct grebe_dialing *dialing)
{
    (void)arg;
    start_job(connect_through_socks, address, dialing, 0);
}

/* The name is the proxy's to look up: nobody else knows it. */
TEST(calls_go_through_a_socks_proxy)
{
    struct grebe_dialer dialer = GREBE_DIALER_INIT;
    struct grebe_channel *channel;
    struct grebe_call *call;
    char target[96];

    dialer.dial = dial_socks;
    snprintf(target, sizeof target, "passthrough:///backend.test:%s",
             process_port(&backend));
    channel = open_with(target, &dialer, NULL);
    for (int i = 0; i < 20; i++) {
        call = client_call(channel, &echo);
        client_expect_text(call, "x");
        grebe_call_unref(call);
    }
    grebe_channel_destroy(channel);

    channel = open_with("passthrough:///backend.test:1", &dialer, NULL);
    call = client_call(channel, &echo);
    client_expect(call, GREBE_STATUS_UNAVAILABLE,
                  "connection error: backend.test:1: dial: socks: reply 2");
    grebe_call_unref(call);
    grebe_channel_destroy(channel);
    wait_for_jobs();
}

int main(int argc, char **argv)
{
    const char *const proxy[] = {"/usr/bin/python3", argc > 1 ? argv[1] : "", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dialer_is_asked_for_the_addresses_of_the_target),
        cmocka_unit_test(thread_makes_the_connections),
        cmocka_unit_test(answers_race_with_the_end_of_the_time),
        cmocka_unit_test(calls_go_through_a_socks_proxy),
    };
    int n_failed;

    backend_start(&backend, "0ms");
    assert_true(process_start(&socks, proxy));
    n_failed = cmocka_run_group_tests_name("dialer", tests, NULL, NULL);
    process_kill(&socks);
    process_kill(&backend);
    return n_failed;
}
