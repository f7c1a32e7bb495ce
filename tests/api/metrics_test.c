/* SPDX-License-Identifier: Apache-2.0 */
/* Figures that are read while calls run, on real sockets.  Under ThreadSanitizer this is the
 * proof that nobody who reads needs a lock, and nobody who calls waits for who reads. */
#include "api/backend.h"

#include <pthread.h>

#include <grebe/memory_recorder.h>

enum { CHANNELS = 3, CALLS = 200 };

static struct process backend;
static struct grebe_memory_recorder *memory;

/* What is read, of one instrument. */
struct sum {
    const char *instrument;
    int64_t sum;
    uint64_t count;
};

static void add_up(void *arg, const struct grebe_figures *figures)
{
    struct sum *sum = arg;

    if (strcmp(figures->instrument->name, sum->instrument) != 0)
        return;
    sum->sum += figures->sum;
    sum->count += figures->count;
}

static struct sum sum_of(const char *instrument)
{
    struct sum sum = {.instrument = instrument};

    grebe_memory_recorder_each(memory, add_up, &sum);
    return sum;
}

static void new_recorder(void)
{
    static const char *const all[] = {"*"};
    struct grebe_memory_recorder_options options = GREBE_MEMORY_RECORDER_OPTIONS_INIT;

    options.enables = options.optional_labels = all;
    options.n_enables = options.n_optional_labels = 1;
    assert_int_equal(grebe_memory_recorder_new(&options, &memory), GREBE_OK);
}

static struct grebe_channel *open_channel(void)
{
    struct grebe_recorder *recorder = grebe_memory_recorder_base(memory);
    struct grebe_channel_options options;
    struct grebe_channel *channel;
    struct grebe_diag diag;
    char target[96];

    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.recorders = &recorder;
    options.n_recorders = 1;
    options.labels_all_methods = true;
    snprintf(target, sizeof target, "ipv4:%s", backend.address);
    if (grebe_channel_new(target, &options, &diag, &channel) != GREBE_OK)
        fail_msg("%s", diag.text);
    return channel;
}

/* A channel of its own for each thread: a loop of its own, too. */
static void *make_calls(void *arg)
{
    static const char *const methods[] = {"/s/a", "/s/b", "/s/c"};
    struct client_request request = {.message = "12345", .message_length = 5};
    struct grebe_channel *channel = open_channel();

    (void)arg;
    for (size_t i = 0; i < CALLS; i++) {
        struct grebe_call *call;

        request.method = methods[i % 3];
        call = client_call(channel, &request);
        client_expect_text(call, "12345");
        grebe_call_unref(call);
    }
    grebe_channel_destroy(channel);
    return NULL;
}

static bool is_over; /* atomic */

static void drop(void *arg, const char *text, size_t length)
{
    (void)text;
    *(size_t *)arg += length;
}

/* What is read never goes down. */
static void *keep_reading(void *arg)
{
    struct sum before = {0};
    size_t n_bytes = 0;

    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        struct sum now = sum_of("grpc.client.attempt.started");

        assert_true(now.sum >= before.sum);
        before = now;
        grebe_memory_recorder_write(memory, GREBE_EXPOSITION_PROMETHEUS, drop, &n_bytes);
    }
    *(size_t *)arg = n_bytes;
    return NULL;
}

TEST(figures_are_exact_however_many_threads_read_and_call)
{
    pthread_t callers[CHANNELS], reader;
    size_t n_bytes;

    new_recorder();
    pthread_create(&reader, NULL, keep_reading, &n_bytes);
    for (int i = 0; i < CHANNELS; i++)
        pthread_create(&callers[i], NULL, make_calls, NULL);
    for (int i = 0; i < CHANNELS; i++)
        pthread_join(callers[i], NULL);
    __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
    pthread_join(reader, NULL);
    assert_true(n_bytes > 0);

    assert_int_equal(sum_of("grpc.client.attempt.started").sum, CHANNELS * CALLS);
    assert_int_equal(sum_of("grpc.client.attempt.duration").count, CHANNELS * CALLS);
    assert_int_equal(sum_of("grpc.client.call.duration").count, CHANNELS * CALLS);
    assert_int_equal(sum_of("grpc.subchannel.connection_attempts_succeeded").sum,
                     CHANNELS);
    assert_int_equal(sum_of("grpc.subchannel.disconnections").sum, CHANNELS);
    assert_int_equal(sum_of("grpc.subchannel.open_connections").sum, 0);
    grebe_memory_recorder_unref(memory);
}

/* ---- Series of policies ------------------------------------------------------------------ */

static const double bounds[] = {1, 2};
static const struct grebe_instrument shared = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "test.shared",
    .description = "for tests",
    .unit = "1",
    .bounds = bounds,
    .n_bounds = 2,
};

enum { RECORDS = 1000000 }; /* by each thread: long enough to meet the others */

static void *series;
static pthread_barrier_t barrier;

static void *record(void *arg)
{
    struct grebe_recorder *recorder = grebe_memory_recorder_base(memory);

    (void)arg;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < RECORDS; i++)
        recorder->ops->record(recorder, series, 0.5);
    return NULL;
}

/* pick() and on_done() of a policy may record from any thread. */
TEST(series_that_threads_share_lose_nothing)
{
    const struct grebe_series_info info = {&shared, NULL, true};
    struct grebe_recorder *recorder;
    pthread_t threads[CHANNELS];
    struct sum sum;

    new_recorder();
    recorder = grebe_memory_recorder_base(memory);
    assert_true(recorder->ops->open(recorder, &info, &series));
    pthread_barrier_init(&barrier, NULL, CHANNELS);
    for (int i = 0; i < CHANNELS; i++)
        pthread_create(&threads[i], NULL, record, NULL);
    for (int i = 0; i < CHANNELS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    sum = sum_of("test.shared");
    assert_int_equal(sum.count, CHANNELS * RECORDS);
    grebe_memory_recorder_unref(memory);
}

static void *open_and_close(void *arg)
{
    struct grebe_recorder *recorder = grebe_memory_recorder_base(memory);

    for (int i = 0; i < 1000; i++) {
        static const char *const names[] = {"a", "b", "c", "d"};
        const struct grebe_instrument *instrument =
            grebe_instrument_get("grpc.client.attempt.started");
        const char *const values[] = {names[i % 4], "t", ""};
        const struct grebe_series_info info = {instrument, values, false};
        void *own;

        assert_true(recorder->ops->open(recorder, &info, &own));
        recorder->ops->add(recorder, own, 1);
        recorder->ops->close(recorder, own);
    }
    return arg;
}

TEST(channels_come_and_go_at_the_same_time)
{
    pthread_t threads[CHANNELS];

    new_recorder();
    for (int i = 0; i < CHANNELS; i++)
        pthread_create(&threads[i], NULL, open_and_close, NULL);
    for (int i = 0; i < CHANNELS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(sum_of("grpc.client.attempt.started").sum, CHANNELS * 1000);
    grebe_memory_recorder_unref(memory);
}

/* ---- Instruments --------------------------------------------------------------------------- */

enum { RACES = 50 };

static char names[RACES][32];

/* Each thread has instruments of its own with the same names: one of each gets in. */
static void *register_instruments(void *arg)
{
    static struct grebe_instrument made[CHANNELS][RACES];
    struct grebe_instrument *own = made[(size_t)arg];
    size_t n = 0;

    for (size_t i = 0; i < RACES; i++) {
        int result;

        own[i] = shared;
        own[i].name = names[i];
        pthread_barrier_wait(&barrier);
        result = grebe_instrument_register(&own[i]);
        assert_true(result == GREBE_OK || result == GREBE_ERR_INVALID);
        assert_int_equal(result == GREBE_OK, grebe_instrument_get(names[i]) == &own[i]);
        n += result == GREBE_OK;
    }
    return (void *)n;
}

TEST(of_instruments_with_one_name_one_gets_in)
{
    pthread_t threads[CHANNELS];
    size_t n = 0;

    for (size_t i = 0; i < RACES; i++)
        snprintf(names[i], sizeof names[i], "test.raced.n%zu", i);
    pthread_barrier_init(&barrier, NULL, CHANNELS);
    for (size_t i = 0; i < CHANNELS; i++)
        pthread_create(&threads[i], NULL, register_instruments, (void *)i);
    for (size_t i = 0; i < CHANNELS; i++) {
        void *result;

        pthread_join(threads[i], &result);
        n += (size_t)result;
    }
    pthread_barrier_destroy(&barrier);
    assert_int_equal(n, RACES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_exact_however_many_threads_read_and_call),
        cmocka_unit_test(series_that_threads_share_lose_nothing),
        cmocka_unit_test(channels_come_and_go_at_the_same_time),
        cmocka_unit_test(of_instruments_with_one_name_one_gets_in),
    };
    int n_failed;

    backend_start(&backend, "0ms");
    n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    process_stop(&backend);
    return n_failed;
}
