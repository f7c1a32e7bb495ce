/* SPDX-License-Identifier: Apache-2.0 */
/* A recording of a channel that many threads use, on real sockets, in a file.  Under
 * ThreadSanitizer this is the proof that the thread that writes and those that call agree. */
#include "api/backend.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/replay.h"

enum { THREADS = 4, CALLS = 150, BACKENDS = 3 };

static struct process backends[BACKENDS];
static struct grebe_channel *channel;
static char path[] = "/tmp/grebe-record-XXXXXX";

static void make_path(void)
{
    int fd;

    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

/* ---- Replay --------------------------------------------------------------------------- */

static void on_difference(void *arg, const struct lab_difference *difference)
{
    (void)arg;
    print_message("# line %u\n# recorded %s\n# now      %s\n", (unsigned)difference->line,
                  difference->recorded, difference->now);
}

/* What a replay says of the file; each line of it is right. */
static struct lab_replay_result replay_file(struct lab_replay **out)
{
    struct lab_replay *replay =
        lab_replay_new(&(struct lab_replay_options){.on_difference = on_difference});
    FILE *file = fopen(path, "r");
    size_t size = 0;
    char *line = NULL;
    ssize_t n;

    assert_non_null(file);
    assert_non_null(replay);
    while ((n = getline(&line, &size, file)) > 0) {
        struct grebe_diag diag = {""};

        assert_int_equal(line[n - 1], '\n');
        if (lab_replay_line(replay, line, (size_t)n - 1, &diag) != GREBE_OK)
            fail_msg("%s: %s", line, diag.text);
    }
    free(line);
    fclose(file);
    *out = replay;
    return lab_replay_result(replay);
}

/* ---- Calls ------------------------------------------------------------------------------ */

static void *call_blocking(void *arg)
{
    for (int i = 0; i < CALLS; i++) {
        struct client_request request = {
            .method = i % 2 == 0 ? "/s/even" : "/s/odd",
            .message = "x",
            .message_length = 1,
        };

        grebe_call_unref(client_call(channel, &request));
    }
    return arg;
}

static char log_text[4096];

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    size_t used = strlen(log_text);

    (void)arg, (void)level;
    if (used + 2 < sizeof log_text)
        snprintf(log_text + used, sizeof log_text - used, "%s\n", message);
}

static int open_channel(const char *file, uint32_t buffer_bytes, struct grebe_loop *loop,
                        struct grebe_diag *diag)
{
    struct grebe_channel_options options;
    char target[256];

    log_text[0] = '\0';
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.policy = "round_robin";
    options.loop = loop;
    options.record_path = file;
    options.on_log = on_log;
    if (buffer_bytes > 0)
        options.record_buffer_bytes = buffer_bytes;
    snprintf(target, sizeof target, "ipv4:%s,%s,%s", backends[0].address,
             backends[1].address, backends[2].address);
    return grebe_channel_new(target, &options, diag, &channel);
}

static void run_threads(bool kills)
{
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_blocking, NULL), 0);
    if (kills) {
        usleep(20000);
        process_kill(&backends[2]);
        process_kill(&backends[1]);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void expect_the_same(void)
{
    struct lab_replay *replayed;
    struct lab_replay_result result = replay_file(&replayed);

    assert_int_equal(result.n_differences, 0);
    assert_int_equal(result.n_unfollowed, 0);
    assert_int_equal(result.n_lost, 0);
    assert_true(result.has_end);
    assert_string_equal(result.policy, "round_robin");
    assert_true(result.n_picks >= THREADS * CALLS);
    lab_replay_destroy(replayed);
}

/* ---- Tests ------------------------------------------------------------------------------ */

TEST(what_many_threads_do_is_one_order_of_things)
{
    struct stat found;
    struct grebe_diag diag;

    make_path();
    unlink(path);
    assert_int_equal(open_channel(path, 0, NULL, &diag), GREBE_OK);
    run_threads(false);
    grebe_channel_destroy(channel);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600); /* methods and metadata are in it */
    expect_the_same();
    unlink(path);
}

TEST(backends_that_die_die_again)
{
    struct grebe_loop *loop;
    struct grebe_diag diag;

    make_path();
    assert_int_equal(grebe_loop_new(NULL, &loop), GREBE_OK);
    assert_int_equal(grebe_loop_start_thread(loop), GREBE_OK);
    assert_int_equal(open_channel(path, 0, loop, &diag), GREBE_OK);
    run_threads(true);
    grebe_channel_destroy(channel);
    grebe_loop_unref(loop);
    expect_the_same();
    unlink(path);
}

/* What finds no room is missing, and says so; nobody waited for it. */
TEST(a_buffer_that_is_too_small_makes_a_partial_recording)
{
    struct lab_replay *replayed;
    struct lab_replay_result result;
    struct grebe_diag diag;

    make_path();
    assert_int_equal(open_channel(path, 1024, NULL, &diag), GREBE_OK);
    run_threads(false);
    grebe_channel_destroy(channel);
    result = replay_file(&replayed);
    assert_true(result.n_lost > 0);
    assert_int_equal(result.n_differences, 0);
    assert_non_null(strstr(log_text, "some are lost"));
    lab_replay_destroy(replayed);
    unlink(path);
}

TEST(a_full_disk_ends_the_recording_and_not_the_calls)
{
    static const char why[] =
        "recording: /dev/full: No space left on device; it ends here";
    struct grebe_diag diag;
    struct client_request request = {
        .method = "/s/m", .message = "x", .message_length = 1};

    if (access("/dev/full", W_OK) != 0) {
        print_message("skipped: no /dev/full\n");
        skip();
    }
    assert_int_equal(open_channel("/dev/full", 0, NULL, &diag), GREBE_OK);
    call_blocking(NULL);
    usleep(50000); /* the thread has written by then */
    for (int i = 0; i < 3; i++) {
        struct grebe_call *call = client_call(channel, &request);

        client_expect_text(call, "x");
        grebe_call_unref(call);
    }
    grebe_channel_destroy(channel);
    assert_non_null(strstr(log_text, why));
    assert_null(strstr(strstr(log_text, why) + 1, why));
}

/* All of it still waits to be written when the channel is destroyed. */
TEST(a_short_recording_on_a_full_disk_is_told_of)
{
    struct grebe_diag diag;

    if (access("/dev/full", W_OK) != 0) {
        print_message("skipped: no /dev/full\n");
        skip();
    }
    assert_int_equal(open_channel("/dev/full", 0, NULL, &diag), GREBE_OK);
    *log_text = '\0';
    grebe_channel_destroy(channel);
    assert_non_null(strstr(log_text, "recording: /dev/full: No space left on device"));
}

TEST(a_file_that_cannot_be_made_is_an_error_of_the_channel)
{
    struct grebe_diag diag;

    assert_int_equal(open_channel("/nowhere/x.jsonl", 0, NULL, &diag), GREBE_ERR_INVALID);
    assert_string_equal(diag.text,
                        "recording /nowhere/x.jsonl: No such file or directory");
}

static void destroy_here(void *arg, struct grebe_call *call)
{
    (void)arg, (void)call;
    grebe_channel_destroy(channel);
}

/* The rest is written by a thread that nobody waits for. */
TEST(a_channel_destroyed_on_its_own_loop_does_not_wait)
{
    struct lab_replay *replayed;
    struct lab_replay_result result = {.has_end = false};
    struct grebe_loop *loop;
    struct grebe_diag diag;

    make_path();
    assert_int_equal(grebe_loop_new(NULL, &loop), GREBE_OK);
    assert_int_equal(grebe_loop_start_thread(loop), GREBE_OK);
    assert_int_equal(open_channel(path, 0, loop, &diag), GREBE_OK);
    assert_int_equal(
        grebe_call_start_unary(channel, "/s/m", "x", 1, NULL, destroy_here, NULL, NULL),
        GREBE_OK);
    for (int i = 0; i < 200 && !result.has_end; i++) {
        usleep(10000);
        result = replay_file(&replayed);
        lab_replay_destroy(replayed);
    }
    assert_true(result.has_end);
    assert_int_equal(result.n_differences, 0);
    grebe_loop_unref(loop);
    unlink(path);
}

static int start_backends(void **state)
{
    (void)state;
    for (size_t i = 0; i < BACKENDS; i++)
        backend_start(&backends[i], "0");
    return 0;
}

static int stop_backends(void **state)
{
    (void)state;
    for (size_t i = 0; i < BACKENDS; i++)
        process_kill(&backends[i]);
    return 0;
}

#define TEST_WITH_BACKENDS(test)                                                         \
    cmocka_unit_test_setup_teardown(test, start_backends, stop_backends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_BACKENDS(what_many_threads_do_is_one_order_of_things),
        TEST_WITH_BACKENDS(backends_that_die_die_again),
        TEST_WITH_BACKENDS(a_buffer_that_is_too_small_makes_a_partial_recording),
        TEST_WITH_BACKENDS(a_full_disk_ends_the_recording_and_not_the_calls),
        TEST_WITH_BACKENDS(a_short_recording_on_a_full_disk_is_told_of),
        TEST_WITH_BACKENDS(a_file_that_cannot_be_made_is_an_error_of_the_channel),
        TEST_WITH_BACKENDS(a_channel_destroyed_on_its_own_loop_does_not_wait),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
