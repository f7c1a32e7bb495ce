/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports out of band: one stream for all who watch a subconn.  gRFC A51; grpc-go
 * package orca. */
#include "support/test.h"

#include <grebe/load_report.h>

#include "base/assert.h"
#include "core/subconn.h"
#include "messages/load_report.h"
#include "sim/services.h"
#include "support/channel_bench.h"
#include "support/one_subconn.h"

static const char half_cpu[] = "\x09\0\0\0\0\0\0\xe0\x3f"; /* cpu_utilization: 0.5 */
enum { HALF_CPU_BYTES = sizeof half_cpu - 1 };

/* ---- Who watches -------------------------------------------------------------------------------- */

static char heard[512]; /* "a 0.5, b 0.5" */
static struct grebe_orca_watch *watches[8];

static void hear(void *arg, const struct grebe_load_report *report)
{
    size_t used = strlen(heard);

    if (used + 32 < sizeof heard)
        snprintf(heard + used, sizeof heard - used, "%s%s %g", used > 0 ? ", " : "",
                 (const char *)arg, report->cpu_utilization);
}

static const char *hears(void)
{
    static char text[sizeof heard];

    memcpy(text, heard, sizeof text);
    heard[0] = '\0';
    return text;
}

static struct sim_server *server;

static void enter(struct channel_bench *b)
{
    grebe__env_enter(&b->sim.env);
}

static void leave(struct channel_bench *b)
{
    grebe__env_leave(&b->sim.env);
    sim_settle(&b->sim);
}

static void watch(struct channel_bench *b, size_t i, uint64_t interval_ms,
                  const char *name)
{
    enter(b);
    assert_int_equal(grebe_orca_watch(one.subconn, interval_ms * MS, hear,
                                      (void *)(uintptr_t)name, &watches[i]),
                     GREBE_OK);
    leave(b);
}

static void stop(struct channel_bench *b, size_t i)
{
    enter(b);
    grebe_orca_stop(&watches[i]);
    leave(b);
}

/* The stream that the server has; its interval, 0: there is none. */
static struct sim_request *stream(void)
{
    return sim_server_request_of(server, GREBE__LOAD_REPORT_STREAM);
}

static uint64_t interval_ms(void)
{
    uint64_t interval_ns = sim_server_load_interval_ns(server);

    return interval_ns == UINT64_MAX ? 0 : interval_ns / MS;
}

static void report(struct channel_bench *b)
{
    assert_non_null(stream());
    sim_push(stream(), half_cpu, HALF_CPU_BYTES);
    sim_settle(&b->sim);
}

static void end_stream(struct channel_bench *b, int code)
{
    assert_non_null(stream());
    sim_end(stream(), code, "because");
    sim_settle(&b->sim);
}

static void start(struct channel_bench *b)
{
    memset(watches, 0, sizeof watches);
    heard[0] = '\0';
    one_subconn_register();
    channel_bench_start(b, "{\"loadBalancingConfig\":[{\"one_subconn\":{}}]}");
    server = sim_server_new(&b->sim, "a");
    b->resolves_to = "a";
    channel_bench_connect(b);
    assert_int_equal(one.state, GREBE_READY);
}

static void finish(struct channel_bench *b)
{
    enter(b);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(watches); i++)
        grebe_orca_stop(&watches[i]);
    leave(b);
    channel_bench_fini(b);
    one_subconn_unregister();
}

/* ---- Intervals -------------------------------------------------------------------------------------- */

/* PR-3 */
TEST(the_shortest_interval_is_the_one_of_the_stream)
{
    struct channel_bench b;

    start(&b);
    watch(&b, 0, 123000, "a");
    assert_int_equal(interval_ms(), 123000);
    assert_int_equal(server->n_requests, 1);
    watch(&b, 1, 234000, "b");
    assert_int_equal(server->n_requests, 1);
    watch(&b, 2, 56000, "c");
    assert_int_equal(interval_ms(), 56000);
    assert_int_equal(server->n_requests, 2);
    stop(&b, 1);
    assert_int_equal(server->n_requests, 2);
    stop(&b, 2);
    assert_int_equal(interval_ms(), 123000);
    assert_int_equal(server->n_requests, 3);
    stop(&b, 0);
    assert_int_equal(interval_ms(), 0);
    finish(&b);
}

/* PR-6 */
TEST(everyone_hears_every_report_whatever_they_asked_for)
{
    struct channel_bench b;

    start(&b);
    watch(&b, 0, 100, "a");
    watch(&b, 1, 50, "b");
    assert_int_equal(interval_ms(), 50);
    report(&b);
    assert_string_equal(hears(), "a 0.5, b 0.5");
    watch(&b, 2, 500, "c"); /* longer: no restart */
    assert_int_equal(server->n_requests, 2);
    report(&b);
    assert_string_equal(hears(), "a 0.5, b 0.5, c 0.5");
    stop(&b, 1);
    assert_int_equal(interval_ms(), 100);
    assert_int_equal(server->n_requests, 3);
    report(&b);
    assert_string_equal(hears(), "a 0.5, c 0.5");
    finish(&b);
}

TEST(an_interval_that_two_share_stays_until_both_have_left)
{
    struct channel_bench b;

    start(&b);
    watch(&b, 0, 50, "a");
    watch(&b, 1, 50, "b");
    watch(&b, 2, 70, "c");
    assert_int_equal(server->n_requests, 1);
    stop(&b, 0);
    assert_int_equal(server->n_requests, 1);
    stop(&b, 1);
    assert_int_equal(interval_ms(), 70);
    finish(&b);
}

/* A backend that sends by itself, each interval, as it was asked. */
TEST(reports_come_each_interval)
{
    const struct grebe_load_report load = {.cpu_utilization = 0.25};
    struct channel_bench b;

    start(&b);
    sim_server_set_load(server, &load, 30 * MS);
    watch(&b, 0, 100, "a");
    assert_string_equal(hears(), "a 0.25"); /* one at once */
    channel_bench_advance_ms(&b, 199);
    assert_string_equal(hears(), "a 0.25");
    channel_bench_advance_ms(&b, 1);
    assert_string_equal(hears(), "a 0.25");
    stop(&b, 0);
    channel_bench_advance_ms(&b, 1000);
    assert_string_equal(hears(), "");
    watch(&b, 0, 10, "a"); /* below what the backend does */
    hears();
    channel_bench_advance_ms(&b, 60);
    assert_string_equal(hears(), "a 0.25, a 0.25");
    finish(&b);
}

TEST(an_interval_may_be_nothing_or_for_ever)
{
    struct channel_bench b;

    start(&b);
    enter(&b);
    assert_int_equal(grebe_orca_watch(one.subconn, UINT64_MAX, hear,
                                      (void *)(uintptr_t) "a", &watches[0]),
                     GREBE_OK);
    leave(&b);
    assert_non_null(stream());
    watch(&b, 1, 0, "b");
    assert_int_equal(sim_server_load_interval_ns(server), 0);
    finish(&b);
}

/* ---- The end of the stream ------------------------------------------------------------------------------ */

/* PR-4, X-11 */
TEST(a_stream_with_a_report_is_opened_again_at_once_and_one_without_is_not)
{
    static const uint64_t at_least_ms[] = {1000, 1280, 2048};
    static const uint64_t at_most_ms[] = {1000, 1920, 3072};
    struct channel_bench b;

    start(&b);
    watch(&b, 0, 50, "a");
    report(&b);
    end_stream(&b, GREBE_STATUS_INTERNAL);
    for (unsigned i = 0; i < 3; i++) {
        end_stream(&b, GREBE_STATUS_INTERNAL); /* it is there again */
        channel_bench_advance_ms(&b, at_least_ms[i] - 1);
        assert_null(stream());
        channel_bench_advance_ms(&b, at_most_ms[i] - at_least_ms[i] + 1);
    }
    report(&b);
    end_stream(&b, GREBE_STATUS_INTERNAL);
    end_stream(&b, GREBE_STATUS_INTERNAL);
    channel_bench_advance_ms(&b, 999);
    assert_null(stream());
    channel_bench_advance_ms(&b, 1);
    assert_non_null(stream());
    /* It is told once, and not for what is usual. */
    assert_int_equal(times_logged(&b, "a: no load reports out of band: the stream ended "
                                      "with INTERNAL"),
                     1);
    finish(&b);
}

TEST(a_backend_that_goes_away_is_no_news)
{
    struct channel_bench b;

    start(&b);
    watch(&b, 0, 50, "a");
    end_stream(&b, GREBE_STATUS_UNAVAILABLE);
    channel_bench_advance_ms(&b, 1000);
    end_stream(&b, GREBE_STATUS_CANCELLED);
    channel_bench_advance_ms(&b, 2000);
    end_stream(&b, GREBE_STATUS_OK);
    assert_int_equal(times_logged(&b, "load reports"), 0);
    finish(&b);
}

/* PR-5, X-12 */
TEST(a_backend_without_load_reports_is_asked_once_for_each_connection)
{
    struct channel_bench b;

    start(&b);
    watch(&b, 0, 50, "a");
    end_stream(&b, GREBE_STATUS_UNIMPLEMENTED);
    assert_int_equal(times_logged(&b, "UNIMPLEMENTED, and is not tried again"), 1);
    channel_bench_advance_ms(&b, 300000);
    watch(&b, 1, 10, "b"); /* not for a shorter interval */
    stop(&b, 1);
    stop(&b, 0);
    watch(&b, 0, 50, "a"); /* and not for another who asks */
    channel_bench_advance_ms(&b, 300000);
    assert_int_equal(server->n_requests, 1);
    sim_server_kill(server, "reset");
    sim_settle(&b.sim);
    stop(&b, 0);
    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_READY);
    watch(&b, 0, 50, "a");
    assert_int_equal(server->n_requests, 2);
    finish(&b);
}

TEST(garbage_ends_the_stream)
{
    struct channel_bench b;

    start(&b);
    watch(&b, 0, 50, "a");
    sim_push(stream(), "garbage", 7);
    sim_settle(&b.sim);
    assert_null(stream());
    assert_string_equal(hears(), "");
    channel_bench_advance_ms(&b, 1000);
    report(&b);
    assert_string_equal(hears(), "a 0.5");
    finish(&b);
}

/* ---- States ------------------------------------------------------------------------------------------------- */

TEST(a_watch_ends_with_the_state_and_may_be_stopped_late)
{
    struct channel_bench b;

    start(&b);
    watch(&b, 0, 50, "a");
    watch(&b, 1, 60, "b");
    sim_server_kill(server, "reset");
    sim_settle(&b.sim);
    channel_bench_connect(&b);
    assert_int_equal(one.state, GREBE_READY);
    channel_bench_advance_ms(&b, 300000);
    assert_null(stream());
    watch(&b, 2, 70, "c");
    assert_int_equal(interval_ms(), 70); /* those of the old connection do not count */
    report(&b);
    assert_string_equal(hears(), "c 0.5");
    stop(&b, 0);
    stop(&b, 1);
    report(&b);
    assert_string_equal(hears(), "c 0.5");
    finish(&b);
}

/* */
TEST(stopping_twice_is_harmless_and_so_is_stopping_too_late)
{
    struct grebe_subconn *kept;
    struct channel_bench b;

    start(&b);
    watch(&b, 0, 50, "a");
    watch(&b, 1, 50, "b");
    stop(&b, 0);
    assert_null(watches[0]);
    stop(&b, 0);
    report(&b);
    assert_string_equal(hears(), "b 0.5");
    kept = grebe_subconn_ref(one.subconn);
    channel_bench_close(&b);
    assert_int_equal(
        grebe_orca_watch(kept, 1, hear, (void *)(uintptr_t) "c", &watches[2]),
        GREBE_ERR_CLOSED);
    assert_null(watches[2]);
    grebe_subconn_unref(kept);
    stop(&b, 1); /* the subconn is gone */
    finish(&b);
}

/* ---- From inside a report -------------------------------------------------------------------------------------- */

static int inside; /* what meddle() does */

static void meddle(void *arg, const struct grebe_load_report *load)
{
    hear(arg, load);
    if (inside == 1) {
        grebe_orca_stop(&watches[0]); /* itself */
    } else if (inside == 2) {
        grebe_orca_stop(&watches[1]); /* one that was not told yet */
    } else if (inside == 3) {
        for (size_t i = 0; i < 3; i++)
            grebe_orca_stop(&watches[i]);
    } else if (inside == 4) {
        assert_int_equal(grebe_orca_watch(one.subconn, 10 * MS, hear,
                                          (void *)(uintptr_t) "new", &watches[3]),
                         GREBE_OK);
    } else if (inside == 5) {
        for (size_t i = 0; i < 3; i++)
            grebe_orca_stop(&watches[i]);
        assert_int_equal(grebe_orca_watch(one.subconn, 10 * MS, hear,
                                          (void *)(uintptr_t) "new", &watches[3]),
                         GREBE_OK);
    }
    inside = 0;
}

TEST(whoever_hears_a_report_may_stop_and_watch)
{
    static const struct {
        int inside;
        const char *first, *second; /* heard */
        uint64_t interval_ms;
    } cases[] = {
        {1, "a 0.5, b 0.5, c 0.5", "b 0.5, c 0.5", 60},
        {2, "a 0.5, c 0.5", "a 0.5, c 0.5", 50},
        {3, "a 0.5", NULL, 0},
        {4, "a 0.5, b 0.5, c 0.5", "a 0.5, b 0.5, c 0.5, new 0.5", 10},
        {5, "a 0.5", "new 0.5", 10},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(cases); i++) {
        struct channel_bench b;

        start(&b);
        enter(&b);
        assert_int_equal(grebe_orca_watch(one.subconn, 50 * MS, meddle,
                                          (void *)(uintptr_t) "a", &watches[0]),
                         GREBE_OK);
        leave(&b);
        watch(&b, 1, 60, "b");
        watch(&b, 2, 70, "c");
        inside = cases[i].inside;
        report(&b);
        assert_string_equal(hears(), cases[i].first);
        assert_int_equal(interval_ms(), cases[i].interval_ms);
        if (cases[i].second != NULL) {
            report(&b);
            assert_string_equal(hears(), cases[i].second);
        }
        finish(&b);
    }
}

/* ---- What a backend may do to it ----------------------------------------------------------------------------------- */

TEST(a_flood_of_reports_is_read_slowly)
{
    struct channel_bench b;

    start(&b);
    watch(&b, 0, 50, "a");
    for (int i = 0; i < 10000; i++)
        sim_push(stream(), half_cpu, HALF_CPU_BYTES);
    sim_settle(&b.sim);
    hears();
    assert_int_equal(times_logged(&b, "faster than they are of use"), 1);
    channel_bench_advance_ms(&b, 100);
    assert_int_equal(strlen(hears()), 10 * 5 + 9 * 2); /* "a 0.5", ten times */
    finish(&b);
}

/* ---- Out of memory --------------------------------------------------------------------------------------------------- */

TEST(each_allocation_may_fail)
{
    for (uint32_t i = 1;; i++) {
        struct channel_bench b;
        int result;

        start(&b);
        watch(&b, 0, 100, "a");
        report(&b);
        b.mem.fail_at = b.mem.n_allocs + i;
        enter(&b);
        result = grebe_orca_watch(one.subconn, 50 * MS, hear, (void *)(uintptr_t) "b",
                                  &watches[1]);
        leave(&b);
        if (result != GREBE_OK) {
            assert_int_equal(result, GREBE_ERR_NOMEM);
            assert_null(watches[1]);
            assert_int_equal(interval_ms(), 100); /* as it was */
        }
        stop(&b, 1);
        b.mem.fail_at = 0;
        channel_bench_advance_ms(&b, 1000); /* a stream that could not be opened */
        hears();
        report(&b);
        assert_string_equal(hears(), "a 0.5");
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
        cmocka_unit_test(the_shortest_interval_is_the_one_of_the_stream),
        cmocka_unit_test(everyone_hears_every_report_whatever_they_asked_for),
        cmocka_unit_test(an_interval_that_two_share_stays_until_both_have_left),
        cmocka_unit_test(reports_come_each_interval),
        cmocka_unit_test(an_interval_may_be_nothing_or_for_ever),
        cmocka_unit_test(
            a_stream_with_a_report_is_opened_again_at_once_and_one_without_is_not),
        cmocka_unit_test(a_backend_that_goes_away_is_no_news),
        cmocka_unit_test(
            a_backend_without_load_reports_is_asked_once_for_each_connection),
        cmocka_unit_test(garbage_ends_the_stream),
        cmocka_unit_test(a_watch_ends_with_the_state_and_may_be_stopped_late),
        cmocka_unit_test(stopping_twice_is_harmless_and_so_is_stopping_too_late),
        cmocka_unit_test(whoever_hears_a_report_may_stop_and_watch),
        cmocka_unit_test(a_flood_of_reports_is_read_slowly),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("orca", tests, NULL, NULL);
}
