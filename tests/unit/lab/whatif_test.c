/* SPDX-License-Identifier: Apache-2.0 */
/* What another policy would have done: recordings written by hand, and each rule of the
 * model (lab/whatif.h) by its effect. */
#include "support/test.h"

#include <stdarg.h>

#include <grebe/base_balancer.h>
#include <grebe/load_report.h>
#include <grebe/registry.h>

#include "base/assert.h"
#include "lab/whatif.h"
#include "support/mem.h"
#include "support/recording.h"

/* ---- A recording ------------------------------------------------------------------------- */

static struct recording *recording;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    char line[1024];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    line[n] = '\n';
    recording->sink.write(&recording->sink, line, (size_t)n + 1);
}

static unsigned long long ns(double ms)
{
    return (unsigned long long)(ms * 1e6);
}

/* Two backends, "a" as subconn 0 and "b" as subconn 1. */
static void begin(const char *policy)
{
    recording = recording_start();
    say("{\"grebe_recording\":1,\"clock_ns\":1000,\"target\":\"t\",\"authority\":\"t\","
        "\"user_agent\":\"\",\"happy_eyeballs_delay_ns\":250000000}");
    say("{\"ns\":0,\"ev\":\"build\",\"seed\":\"1\"}");
    say("{\"ns\":0,\"ev\":\"update\",\"config\":[{\"%s\":{}}],\"endpoints\":"
        "[{\"addresses\":[\"a\"]},{\"addresses\":[\"b\"]}]}",
        policy);
    say("{\"ns\":0,\"ev\":\"new_subconn\",\"subconn\":0,\"addresses\":[\"a\"]}");
    say("{\"ns\":0,\"ev\":\"new_subconn\",\"subconn\":1,\"addresses\":[\"b\"]}");
}

static void changes(double ms, int subconn, const char *name)
{
    say("{\"ns\":%llu,\"ev\":\"subconn\",\"subconn\":%d,\"state\":\"%s\"%s}", ns(ms),
        subconn, name,
        strcmp(name, "TRANSIENT_FAILURE") == 0
            ? ",\"code\":\"UNAVAILABLE\",\"message\":\"refused\""
            : "");
}

/* Both of them, in `took_ms`. */
static void connect_both(double took_ms)
{
    changes(0, 0, "CONNECTING");
    changes(0, 1, "CONNECTING");
    changes(took_ms, 0, "READY");
    changes(took_ms, 1, "READY");
}

static void pick(double ms, int call, int subconn, const char *more)
{
    say("{\"ns\":%llu,\"ev\":\"pick\",\"call\":%d,\"method\":\"/s/m\",\"random\":\"%d\","
        "%s\"kind\":\"complete\",\"subconn\":%d}",
        ns(ms), call, call, more, subconn);
}

static void done(double ms, int call, double latency_ms, const char *code,
                 const char *more)
{
    say("{\"ns\":%llu,\"ev\":\"done\",\"call\":%d,\"code\":\"%s\",\"latency_ns\":%llu,"
        "\"sent\":true%s}",
        ns(ms), call, code, ns(latency_ms), more);
}

static void end(double ms)
{
    say("{\"ns\":%llu,\"ev\":\"close\"}", ns(ms));
    say("{\"ns\":%llu,\"ev\":\"end\"}", ns(ms));
}

/* ---- The run ------------------------------------------------------------------------------ */

static char calls[8192]; /* "1: a OK 2ms -> b OK 3ms", joined with ", " */
static char backends[256];
static struct lab_whatif_result result;
static struct grebe_diag diag;

static void append_end(char *at, size_t size, const struct lab_whatif_end *how)
{
    char name[24];

    if (how->code < 0)
        snprintf(at, size, "unfinished");
    else
        snprintf(at, size, "%s %s %gms", how->address[0] == '\0' ? "-" : how->address,
                 grebe_status_code_name(how->code, name), (double)how->latency_ns / 1e6);
}

static void on_call(void *arg, const struct lab_whatif_call *call)
{
    size_t used = strlen(calls);
    char before[64], now[64];

    (void)arg;
    append_end(before, sizeof before, &call->recorded);
    append_end(now, sizeof now, &call->now);
    snprintf(calls + used, sizeof calls - used, "%s%u: %s -> %s", used > 0 ? ", " : "",
             (unsigned)call->number, before, now);
}

static void on_backend(void *arg, const char *address)
{
    (void)arg;
    if (strstr(backends, address) == NULL)
        strncat(backends, address, sizeof backends - strlen(backends) - 1);
}

static int run_with(const char *policy, const struct grebe_mem *mem)
{
    struct lab_whatif *whatif = lab_whatif_new(&(struct lab_whatif_options){
        .mem = mem, .on_call = on_call, .on_backend = on_backend});
    const char *line = recording->text;
    int error = whatif == NULL ? GREBE_ERR_NOMEM : GREBE_OK;

    calls[0] = backends[0] = '\0';
    for (; error == GREBE_OK && *line != '\0'; line = strchr(line, '\n') + 1)
        error = lab_whatif_line(whatif, line, strcspn(line, "\n"), &diag);
    if (error == GREBE_OK)
        error = lab_whatif_run(whatif, policy, &diag);
    if (whatif != NULL)
        result = lab_whatif_result(whatif);
    lab_whatif_destroy(whatif);
    return error;
}

static const char *run(const char *policy)
{
    struct test_mem mem;
    int error = run_with(policy, test_mem_init(&mem));

    if (error != GREBE_OK)
        fail_msg("%s", diag.text);
    assert_int_equal(mem.n_live, 0);
    return calls;
}

/* ---- Calls -------------------------------------------------------------------------------- */

TEST(a_call_is_like_the_one_nearest_in_time_on_its_backend)
{
    begin("round_robin");
    connect_both(1);
    pick(10, 1, 1, "");
    pick(10, 2, 0, "");
    done(12, 2, 2, "OK", "");
    done(15, 1, 5, "OK", "");
    pick(20, 3, 1, "");
    pick(26, 4, 0, "");
    done(30, 3, 10, "OK", "");
    done(33, 4, 7, "ABORTED", ",\"received\":true");
    end(50);
    assert_string_equal(run("pick_first"),
                        "1: b OK 5ms -> a OK 2ms, 2: a OK 2ms -> a OK 2ms, "
                        "3: b OK 10ms -> a ABORTED 7ms, "
                        "4: a ABORTED 7ms -> a ABORTED 7ms");
    assert_string_equal(backends, "ab");
    assert_int_equal(result.n_calls, 4);
    assert_int_equal(result.n_assumed_calls, 0);
    assert_true(result.has_end);
}

TEST(a_backend_without_calls_is_like_the_others)
{
    begin("pick_first");
    connect_both(1);
    pick(10, 1, 0, "");
    done(12, 1, 2, "OK", "");
    pick(20, 2, 0, "");
    done(24, 2, 4, "OK", "");
    end(50);
    run("round_robin");
    assert_non_null(strstr(calls, "-> b OK"));
    assert_int_equal(result.n_assumed_calls, 1);
}

TEST(the_end_of_the_recording_is_not_the_end_of_calls)
{
    begin("round_robin");
    connect_both(1);
    pick(10, 1, 0, "");
    done(12, 1, 2, "OK", "");
    pick(49, 2, 0, ""); /* which never ended */
    end(50);
    assert_string_equal(run("pick_first"),
                        "1: a OK 2ms -> a OK 2ms, 2: unfinished -> a OK 2ms");
}

TEST(what_was_retried_arrives_once)
{
    begin("round_robin");
    connect_both(1);
    pick(10, 1, 0, "");
    done(12, 1, 2, "UNAVAILABLE", "");
    pick(12, 1, 1, "");
    done(15, 1, 3, "OK", "");
    end(50);
    assert_string_equal(run("pick_first"), "1: b OK 3ms -> a UNAVAILABLE 2ms");
    assert_int_equal(result.n_retries, 1);
}

/* ---- Waiting ------------------------------------------------------------------------------ */

TEST(a_call_waits_for_a_connection_as_long_as_the_recorded_one_took)
{
    begin("round_robin");
    changes(0, 0, "CONNECTING");
    changes(0, 1, "CONNECTING");
    say("{\"ns\":%llu,\"ev\":\"pick\",\"call\":1,\"method\":\"/s/m\",\"random\":\"1\","
        "\"kind\":\"queue\"}",
        ns(10));
    say("{\"ns\":%llu,\"ev\":\"pick\",\"call\":2,\"method\":\"/s/m\",\"random\":\"1\","
        "\"deadline_ns\":%llu,\"kind\":\"queue\"}",
        ns(10), ns(20));
    changes(30, 0, "READY");
    changes(30, 1, "READY");
    pick(31, 1, 1, "");
    done(32, 1, 1, "OK", "");
    end(50);
    assert_string_equal(run("pick_first"), "2: unfinished -> - DEADLINE_EXCEEDED 10ms, "
                                           "1: b OK 1ms -> a OK 1ms");
}

TEST(a_connection_that_failed_fails_and_is_tried_again_after_its_backoff)
{
    begin("round_robin");
    changes(0, 0, "CONNECTING");
    changes(0, 1, "CONNECTING");
    changes(5, 0, "TRANSIENT_FAILURE");
    changes(5, 1, "READY");
    pick(10, 1, 1, "");
    done(11, 1, 1, "OK", "");
    changes(105, 0, "IDLE");
    changes(105, 0, "CONNECTING");
    changes(110, 0, "READY");
    pick(200, 2, 1, "");
    done(201, 2, 1, "OK", "");
    pick(202, 3, 1, "");
    done(203, 3, 1, "OK", "");
    end(300);
    /* pick_first goes to b when a refuses, and stays. */
    assert_string_equal(run("pick_first"), "1: b OK 1ms -> b OK 1ms, "
                                           "2: b OK 1ms -> b OK 1ms, "
                                           "3: b OK 1ms -> b OK 1ms");
    run("round_robin"); /* a has its turn again */
    assert_string_equal(calls, "1: b OK 1ms -> b OK 1ms, 2: b OK 1ms -> b OK 1ms, "
                               "3: b OK 1ms -> a OK 1ms");
}

TEST(a_connection_is_lost_when_the_recorded_one_was)
{
    begin("round_robin");
    connect_both(1);
    pick(10, 1, 0, "");
    done(11, 1, 1, "OK", "");
    changes(50, 0, "IDLE");
    changes(50, 0, "CONNECTING");
    changes(60, 0, "TRANSIENT_FAILURE");
    pick(70, 2, 1, "");
    done(72, 2, 2, "OK", "");
    end(100);
    assert_string_equal(run("pick_first"),
                        "1: a OK 1ms -> a OK 1ms, 2: b OK 2ms -> b OK 2ms");
}

TEST(a_policy_that_fails_calls_is_believed_unless_they_wait)
{
    begin("round_robin");
    changes(0, 0, "CONNECTING");
    changes(0, 1, "CONNECTING");
    changes(1, 0, "TRANSIENT_FAILURE");
    changes(1, 1, "TRANSIENT_FAILURE");
    say("{\"ns\":%llu,\"ev\":\"pick\",\"call\":1,\"method\":\"/s/m\",\"random\":\"1\","
        "\"kind\":\"fail\",\"code\":\"UNAVAILABLE\",\"message\":\"refused\"}",
        ns(10));
    say("{\"ns\":%llu,\"ev\":\"pick\",\"call\":2,\"method\":\"/s/m\",\"random\":\"1\","
        "\"wait_for_ready\":true,\"kind\":\"fail\",\"code\":\"UNAVAILABLE\","
        "\"message\":\"refused\"}",
        ns(10));
    end(20);
    assert_string_equal(run("round_robin"), "1: - UNAVAILABLE 0ms -> - UNAVAILABLE 0ms, "
                                            "2: unfinished -> unfinished");
}

TEST(a_channel_that_slept_builds_the_policy_anew)
{
    begin("round_robin");
    connect_both(1);
    pick(10, 1, 0, "");
    done(11, 1, 1, "OK", "");
    say("{\"ns\":%llu,\"ev\":\"close\"}", ns(20));
    say("{\"ns\":%llu,\"ev\":\"build\",\"seed\":\"2\"}", ns(40));
    say("{\"ns\":%llu,\"ev\":\"update\",\"config\":[{\"round_robin\":{}}],\"endpoints\":"
        "[{\"addresses\":[\"c\"]}]}",
        ns(40));
    say("{\"ns\":%llu,\"ev\":\"new_subconn\",\"subconn\":0,\"addresses\":[\"c\"]}",
        ns(40));
    changes(40, 0, "CONNECTING");
    changes(42, 0, "READY");
    pick(50, 2, 0, "");
    done(53, 2, 3, "OK", "");
    end(60);
    assert_string_equal(run("pick_first"),
                        "1: a OK 1ms -> a OK 1ms, 2: c OK 3ms -> c OK 3ms");
}

/* ---- Health and load ----------------------------------------------------------------------- */

TEST(health_comes_when_it_came)
{
    begin("round_robin");
    connect_both(1);
    say("{\"ns\":%llu,\"ev\":\"health\",\"subconn\":0,\"state\":\"TRANSIENT_FAILURE\"}",
        ns(5));
    for (int i = 0; i < 3; i++) {
        pick(10 + i, 1 + i, 1, "");
        done(11 + i, 1 + i, 1, "OK", "");
    }
    say("{\"ns\":%llu,\"ev\":\"health\",\"subconn\":0,\"state\":\"READY\"}", ns(20));
    for (int i = 0; i < 2; i++) {
        pick(30 + i, 4 + i, 0, "");
        done(31 + i, 4 + i, 1, "OK", "");
    }
    end(40);
    run("round_robin");
    assert_null(strstr(strstr(calls, "1: "), "1: b OK 1ms -> a"));
    assert_null(strstr(calls, "2: b OK 1ms -> a"));
    assert_null(strstr(calls, "3: b OK 1ms -> a"));
    assert_true((strstr(calls, "4: a OK 1ms -> a") == NULL) !=
                (strstr(calls, "5: a OK 1ms -> a") == NULL)); /* in turn again */
}

/* A policy that wants load: what it heard, in the order in which it came. */
static char loads[256];

static void note_load(const char *from, double cpu)
{
    size_t used = strlen(loads);

    snprintf(loads + used, sizeof loads - used, "%s%s %g", used > 0 ? ", " : "", from,
             cpu);
}

static void on_report(void *arg, const struct grebe_load_report *report)
{
    (void)arg;
    note_load("oob", report->cpu_utilization);
}

static void on_loaded_done(void *arg, const struct grebe_done_info *info)
{
    (void)arg;
    if (info->server_load != NULL)
        note_load("call", info->server_load->cpu_utilization);
}

struct loaded {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    struct grebe_orca_watch *watch;
};

static struct grebe_subconn *the_one;

static void loaded_pick(struct grebe_picker *picker, const struct grebe_pick_args *args,
                        struct grebe_pick *out)
{
    (void)picker, (void)args;
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = the_one;
    out->wants_load_report = true;
    out->on_done = on_loaded_done;
}

static void loaded_keep(struct grebe_picker *picker)
{
    (void)picker;
}

static void on_loaded_state(void *arg, struct grebe_subconn *subconn,
                            enum grebe_connectivity state_of,
                            const struct grebe_status *error)
{
    static const struct grebe_picker_ops ops = {.pick = loaded_pick,
                                                .destroy = loaded_keep};
    static struct grebe_picker picker = {&ops, 1, GREBE_BALANCER_API};
    struct loaded *loaded = arg;

    (void)error;
    grebe_orca_stop(&loaded->watch);
    if (state_of != GREBE_READY)
        return;
    the_one = subconn;
    (void)!grebe_orca_watch(subconn, 1000000, on_report, NULL, &loaded->watch);
    grebe_client_conn_update_state(loaded->cc, state_of, grebe_picker_ref(&picker));
}

static int loaded_update(struct grebe_balancer *base,
                         const struct grebe_balancer_update *update)
{
    struct loaded *loaded = grebe_container_of(base, struct loaded, base);
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_address *address = grebe_endpoint_address(update->endpoints[0], 0);
    struct grebe_subconn *subconn;
    int error;

    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_loaded_state;
    options.arg = loaded;
    error = grebe_client_conn_new_subconn(loaded->cc, &options, &subconn);
    if (error == GREBE_OK)
        grebe_subconn_connect(subconn);
    return error;
}

static void loaded_destroy(struct grebe_balancer *base)
{
    struct loaded *loaded = grebe_container_of(base, struct loaded, base);

    grebe_orca_stop(&loaded->watch);
    grebe_mem_free(grebe_client_conn_mem(loaded->cc), loaded);
}

static int loaded_build(struct grebe_client_conn *cc,
                        const struct grebe_build_options *options,
                        struct grebe_balancer **out)
{
    static const struct grebe_balancer_ops ops = {.update = loaded_update,
                                                  .destroy = loaded_destroy};
    struct loaded *loaded = grebe_mem_zalloc(grebe_client_conn_mem(cc), sizeof *loaded);

    (void)options;
    if (loaded == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&loaded->base, &ops);
    loaded->cc = cc;
    *out = &loaded->base;
    return GREBE_OK;
}

static const struct grebe_balancer_builder loaded_builder = {
    .api = GREBE_BALANCER_API, .name = "loaded", .build = loaded_build};

static void say_loads(void)
{
    begin("round_robin");
    connect_both(1);
    say("{\"ns\":%llu,\"ev\":\"start_feed\",\"id\":0,\"subconn\":0,\"method\":"
        "\"/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics\"}",
        ns(1));
    /* cpu_utilization: 0.5, and 0.25 */
    say("{\"ns\":%llu,\"ev\":\"feed_message\",\"id\":0,\"bytes\":\"CQAAAAAAAOA/\"}",
        ns(5));
    say("{\"ns\":%llu,\"ev\":\"feed_message\",\"id\":0,\"bytes\":\"CQAAAAAAANA/\"}",
        ns(30));
    pick(10, 1, 0, "");
    say("{\"ns\":%llu,\"ev\":\"resolver_error\",\"code\":\"UNAVAILABLE\",\"message\":\"x\"}",
        ns(30));
    done(31, 1, 2, "OK", ",\"load\":{\"cpu_utilization\":0.75}");
    end(40);
}

TEST(load_comes_when_it_came_and_with_the_calls_that_are_taken)
{
    say_loads();
    /* Lines of one moment may be written in any order of kinds. */
    recording_change(recording, "\"feed_message\",\"id\":0,\"bytes\":\"CQAAAAAAANA/\"", 1,
                     "\"resolve_now\"");
    loads[0] = '\0';
    assert_int_equal(run_with("loaded", NULL), GREBE_ERR_CONFIG); /* back in time */
    say_loads();
    recording_drop(recording, "\"ev\":\"feed_message\"", 2);
    loads[0] = '\0';
    run("loaded");
    assert_string_equal(loads, "oob 0.5, call 0.75");
}

/* ---- The policy ------------------------------------------------------------------------------ */

static void say_a_call(void)
{
    begin("round_robin");
    connect_both(1);
    pick(10, 1, 1, "\"hash\":\"7\",\"metadata\":[[\"session\",\"alice\"]],");
    done(12, 1, 2, "OK", "");
    end(20);
}

TEST(the_policy_is_a_name_or_a_config)
{
    static const char *const good[] = {
        "pick_first",
        "{\"pick_first\":{\"shuffleAddressList\":false}}",
        " [{\"nobody\":{}},{\"pick_first\":{}}]",
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(good); i++) {
        say_a_call();
        assert_int_equal(run_with(good[i], NULL), GREBE_OK);
        assert_int_equal(result.n_calls, 1);
    }
    say_a_call();
    assert_int_equal(run_with("nobody", NULL), GREBE_ERR_CONFIG);
    assert_string_equal(diag.text, "--policy: no supported policies found in [nobody]");
    assert_int_equal(run_with("{\"pick_first\":{\"shuffleAddressList\":7}}", NULL),
                     GREBE_ERR_CONFIG);
    assert_non_null(strstr(diag.text, "--policy[0].pick_first"));
    assert_int_equal(run_with("{", NULL), GREBE_ERR_CONFIG);
}

TEST(without_memory_it_says_so)
{
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct test_mem mem;

        say_a_call();
        test_mem_init(&mem);
        mem.fail_at = n;
        (void)run_with("round_robin", &mem.interface);
        has_failed = mem.has_failed;
        assert_int_equal(mem.n_live, 0);
    }
}

static int set_up(void **fixture)
{
    (void)fixture;
    return grebe_balancer_register(&loaded_builder);
}

static int tear_down(void **fixture)
{
    (void)fixture;
    grebe_balancer_unregister("loaded");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_like_the_one_nearest_in_time_on_its_backend),
        cmocka_unit_test(a_backend_without_calls_is_like_the_others),
        cmocka_unit_test(the_end_of_the_recording_is_not_the_end_of_calls),
        cmocka_unit_test(what_was_retried_arrives_once),
        cmocka_unit_test(a_call_waits_for_a_connection_as_long_as_the_recorded_one_took),
        cmocka_unit_test(
            a_connection_that_failed_fails_and_is_tried_again_after_its_backoff),
        cmocka_unit_test(a_connection_is_lost_when_the_recorded_one_was),
        cmocka_unit_test(a_policy_that_fails_calls_is_believed_unless_they_wait),
        cmocka_unit_test(a_channel_that_slept_builds_the_policy_anew),
        cmocka_unit_test(health_comes_when_it_came),
        cmocka_unit_test(load_comes_when_it_came_and_with_the_calls_that_are_taken),
        cmocka_unit_test(the_policy_is_a_name_or_a_config),
        cmocka_unit_test(without_memory_it_says_so),
    };

    return cmocka_run_group_tests_name("whatif", tests, set_up, tear_down);
}
