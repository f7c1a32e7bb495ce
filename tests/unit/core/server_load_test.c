/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports that come with responses, from the trailer to the policy's on_done: gRFC
 * A51. */
#include "support/test.h"

#include <stdlib.h>

#include <grebe/load_report.h>

#include "base/assert.h"
#include "messages/load_report.h"
#include "sim/services.h"
#include "support/channel_bench.h"
#include "support/scripted_policy.h"

static const char half_cpu[] = "\x09\0\0\0\0\0\0\xe0\x3f"; /* cpu_utilization: 0.5 */
enum { HALF_CPU_BYTES = sizeof half_cpu - 1 };

static void start(struct channel_bench *b)
{
    scripted_start(b, GREBE_PICK_COMPLETE);
    scripted_server(b)->echoes = false;
    script.wants_load_report = true;
    scripted_publish(b, GREBE_READY);
}

static struct grebe_call *call(struct channel_bench *b)
{
    struct grebe_call *started = channel_bench_call(b, NULL);

    assert_non_null(sim_server_request(scripted_server(b)));
    return started;
}

static void report(struct channel_bench *b, const void *bytes, size_t length)
{
    sim_trailer(sim_server_request(scripted_server(b)), GREBE__LOAD_REPORT_TRAILER, bytes,
                length);
}

static void answer(struct channel_bench *b, struct grebe_call *waiting)
{
    sim_answer(sim_server_request(scripted_server(b)), "ping", 4);
    sim_settle(&b->sim);
    expect_echo(waiting, "a");
}

/* X-3, PK-13 */
TEST(one_report_in_the_trailers_is_told_when_the_call_is_done)
{
    char bytes[HALF_CPU_BYTES + 5];
    struct grebe_call *waiting;
    struct channel_bench b;

    start(&b);
    waiting = call(&b);
    memcpy(bytes, half_cpu, HALF_CPU_BYTES);
    memcpy(bytes + HALF_CPU_BYTES, "\x42\x03\x0a\x01x", 5); /* and named metric x */
    report(&b, bytes, sizeof bytes);
    answer(&b, waiting);
    assert_int_equal(script.n_done, 1);
    assert_true(script.done_had_trailers);
    assert_true(script.done_had_load);
    assert_true(script.done_cpu == 0.5);
    channel_bench_fini(&b);
}

/* PK-13: also without a message, and with an error. */
TEST(a_call_that_fails_has_its_status_and_a_report_all_the_same)
{
    struct grebe_call *waiting;
    struct channel_bench b;

    start(&b);
    waiting = call(&b);
    report(&b, half_cpu, HALF_CPU_BYTES);
    sim_end(sim_server_request(scripted_server(&b)), GREBE_STATUS_ABORTED, "no");
    sim_settle(&b.sim);
    assert_int_equal(script.done_code, GREBE_STATUS_ABORTED);
    assert_true(script.done_had_load);
    expect_status(waiting, GREBE_STATUS_ABORTED, "no");
    channel_bench_fini(&b);
}

/* */
TEST(without_a_report_there_is_none_and_nothing_is_said)
{
    struct grebe_call *waiting;
    struct channel_bench b;

    start(&b);
    waiting = call(&b);
    sim_trailer(sim_server_request(scripted_server(&b)), "endpoint-load-metrics", "x", 1);
    sim_trailer(sim_server_request(scripted_server(&b)),
                GREBE__LOAD_REPORT_TRAILER "-bin", half_cpu, HALF_CPU_BYTES);
    answer(&b, waiting);
    assert_true(script.done_had_trailers);
    assert_false(script.done_had_load);
    assert_int_equal(times_logged(&b, "load report"), 0);
    channel_bench_fini(&b);
}

/* X-2, PR-7 */
TEST(two_reports_and_garbage_are_no_report)
{
    static const struct {
        const char *bytes;
        size_t length, n;
        const char *logged;
    } cases[] = {
        {half_cpu, HALF_CPU_BYTES, 2, "not used: there is more than one"},
        {"garbage", 7, 1, "not used: it is no OrcaLoadReport"},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(cases); i++) {
        struct grebe_call *waiting;
        struct channel_bench b;

        start(&b);
        waiting = call(&b);
        for (size_t k = 0; k < cases[i].n; k++)
            report(&b, cases[i].bytes, cases[i].length);
        answer(&b, waiting); /* which does not suffer for it */
        assert_true(script.done_had_trailers);
        assert_false(script.done_had_load);
        assert_int_equal(times_logged(&b, cases[i].logged), 1);
        channel_bench_fini(&b);
    }
}

TEST(too_many_metrics_are_no_report)
{
    size_t length = 4 * (GREBE__LOAD_METRICS_MAX + 1);
    char *bytes = malloc(length);
    struct grebe_call *waiting;
    struct channel_bench b;

    for (size_t at = 0; at < length; at += 4)
        memcpy(bytes + at, "\x42\x02\x0a\0", 4);
    start(&b);
    waiting = call(&b);
    report(&b, bytes, length);
    answer(&b, waiting);
    assert_false(script.done_had_load);
    assert_true(channel_bench_logged(&b, "more than 1024 named metrics"));
    channel_bench_fini(&b);
    free(bytes);
}

TEST(the_log_has_one_complaint_a_minute)
{
    struct channel_bench b;

    start(&b);
    for (int i = 0; i < 16; i++) {
        struct grebe_call *waiting = call(&b);

        report(&b, "garbage", 7);
        answer(&b, waiting);
        channel_bench_advance_ms(&b, 10000);
    }
    assert_int_equal(times_logged(&b, "a: its load report (endpoint-load-metrics-bin) is "
                                      "not used"),
                     3);
    assert_int_equal(times_logged(&b, "; 0 more since this was told last"), 1);
    assert_int_equal(times_logged(&b, "; 5 more since this was told last"), 2);
    channel_bench_fini(&b);
}

/* A report that nobody asked for costs nothing, and is not looked at. */
TEST(nobody_who_does_not_ask_is_told)
{
    for (int is_old = 0; is_old < 2; is_old++) {
        struct grebe_call *waiting;
        struct channel_bench b;
        uint32_t n_allocs;

        start(&b);
        script.wants_load_report = is_old; /* what was padding when API 1 was current */
        script.api = is_old ? 1 : 0;
        scripted_publish(&b, GREBE_READY);
        waiting = call(&b);
        report(&b, "\x42\x03\x0a\x01x", 5);
        report(&b, "garbage", 7);
        n_allocs = b.mem.n_allocs;
        answer(&b, waiting);
        assert_int_equal(b.mem.n_allocs, n_allocs + 1); /* the response */
        assert_int_equal(script.n_done, 1);
        assert_false(script.done_had_load);
        assert_int_equal(times_logged(&b, "load report"), 0);
        channel_bench_fini(&b);
    }
}

TEST(without_memory_there_is_no_report_and_the_call_is_unharmed)
{
    struct grebe_call *waiting;
    struct channel_bench b;

    start(&b);
    waiting = call(&b);
    report(&b, "\x42\x03\x0a\x01x", 5); /* named metrics need memory */
    b.mem.fail_at = b.mem.n_allocs + 2; /* after the response */
    answer(&b, waiting);
    assert_true(b.mem.has_failed);
    assert_false(script.done_had_load);
    assert_true(channel_bench_logged(&b, "not used: out of memory"));
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_report_in_the_trailers_is_told_when_the_call_is_done),
        cmocka_unit_test(a_call_that_fails_has_its_status_and_a_report_all_the_same),
        cmocka_unit_test(without_a_report_there_is_none_and_nothing_is_said),
        cmocka_unit_test(two_reports_and_garbage_are_no_report),
        cmocka_unit_test(too_many_metrics_are_no_report),
        cmocka_unit_test(the_log_has_one_complaint_a_minute),
        cmocka_unit_test(nobody_who_does_not_ask_is_told),
        cmocka_unit_test(without_memory_there_is_no_report_and_the_call_is_unharmed),
    };
    int failed;

    scripted_register();
    failed = cmocka_run_group_tests_name("server_load", tests, NULL, NULL);
    scripted_unregister();
    return failed;
}
