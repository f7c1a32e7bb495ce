/* SPDX-License-Identifier: Apache-2.0 */
/* What a channel records, exactly, on virtual time: gRFC A66 (calls), A94 (subchannels), A79
 * (policies), A108 (custom label). */
#include "support/test.h"

#include <grebe/locality.h>
#include <grebe/metrics.h>

#include "core/channel.h"
#include "support/figures.h"
#include "support/one_subconn.h"
#include "support/scripted_policy.h"

#define ATTEMPT      "grpc.client.attempt."
#define SUBCHANNEL   "grpc.subchannel."
#define DISCONNECTED SUBCHANNEL "disconnections"
#define OPEN         SUBCHANNEL "open_connections"
#define SUCCEEDED    SUBCHANNEL "connection_attempts_succeeded"
#define FAILED       SUBCHANNEL "connection_attempts_failed"
#define T            "manual:///test"

static const char *const only_reasons[] = {"grpc.disconnect_error", NULL};
static const char *const no_labels[] = {NULL};

/* A channel that records to `f`, with these addresses. */
static void start(struct channel_bench *b, struct figures *f, const char *const *labels,
                  const char *addresses)
{
    figures_init(f, labels);
    channel_bench_init(b);
    b->options.recorders = &f->recorder;
    b->options.n_recorders = 1;
    b->options.labels_all_methods = true;
    b->resolves_to = addresses;
    assert_int_equal(channel_bench_open(b, T), GREBE_OK);
}

static void expect(struct figures *f, const char *instrument, const char *text)
{
    assert_string_equal(figures_of(f, instrument), text);
}

static void finish(struct channel_bench *b, struct figures *f)
{
    channel_bench_fini(b);
    figures_fini(f);
}

/* ---- Subchannels ------------------------------------------------------------------------ */

/* MX-1 */
TEST(connection_that_drains_was_one_and_is_none)
{
    struct channel_bench b;
    struct figures f;

    start(&b, &f, NULL, "a");
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    expect(&f, SUCCEEDED, T ",, 1");
    expect(&f, OPEN, T ",,,none 1");
    expect(&f, DISCONNECTED, "");
    sim_server_goaway(sim_server_find(&b.sim, "a"), 0, false);
    sim_settle(&b.sim);
    expect(&f, SUCCEEDED, T ",, 1");
    expect(&f, OPEN, T ",,,none 0");
    expect(&f, DISCONNECTED, T ",,,GOAWAY NO_ERROR 1");
    expect(&f, FAILED, "");
    finish(&b, &f);
}

/* MX-2: the label is the transport's; which errno gives which is tested in tests/io. */
TEST(label_says_why_a_connection_ended)
{
    struct channel_bench b;
    struct figures f;

    start(&b, &f, only_reasons, "a");
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    sim_settle(&b.sim);
    expect(&f, DISCONNECTED, T ",connection reset 1");
    channel_bench_connect(&b);
    channel_bench_close(&b);
    expect(&f, DISCONNECTED, T ",connection reset 1; " T ",subchannel shutdown 1");
    finish(&b, &f);
}

struct watch {
    struct figures *figures;
    char at_idle[256];
};

static void note_figures(void *arg, enum grebe_connectivity state)
{
    struct watch *watch = arg;

    if (state == GREBE_IDLE)
        snprintf(watch->at_idle, sizeof watch->at_idle, "%s",
                 figures_of(watch->figures, DISCONNECTED));
}

/* MX-3 */
TEST(loss_is_counted_before_anybody_hears_of_it)
{
    struct watch watch = {0};
    struct channel_bench b;
    struct figures f;

    start(&b, &f, no_labels, "dead a");
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    expect(&f, FAILED, T " 1");
    expect(&f, SUCCEEDED, T " 1");
    watch.figures = &f;
    assert_int_equal(grebe__channel_watch_state(b.channel, note_figures, &watch),
                     GREBE_OK);
    sim_server_goaway(sim_server_find(&b.sim, "a"), 0, false);
    sim_settle(&b.sim);
    assert_string_equal(watch.at_idle, T " 1");
    expect(&f, FAILED, T " 1");
    expect(&f, SUCCEEDED, T " 1");
    finish(&b, &f);
}

/* MX-4 */
TEST(first_cause_of_an_end_is_its_label)
{
    struct channel_bench b;
    struct figures f;
    struct grebe_call *call;

    start(&b, &f, only_reasons, "a");
    sim_server_new(&b.sim, "a");
    call = channel_bench_call(&b, NULL);
    sim_server_goaway(sim_server_find(&b.sim, "a"), 0, true);
    sim_settle(&b.sim);
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    sim_settle(&b.sim);
    expect_status(call, GREBE_STATUS_UNAVAILABLE, "reset");
    expect(&f, DISCONNECTED, T ",GOAWAY ENHANCE_YOUR_CALM 1");
    finish(&b, &f);
}

/* PF-27: "a" is slow, "b" wins, and what becomes of the attempt to "a" counts nowhere. */
TEST(loser_of_a_race_leaves_no_trace)
{
    struct channel_bench b;
    struct figures f;

    start(&b, &f, no_labels, "a b");
    channel_bench_servers(&b, "a b");
    sim_server_find(&b.sim, "a")->connect_delay_ns = 400 * MS;
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 1000);
    assert_string_equal(channel_bench_states(&b), "CONNECTING, READY");
    assert_int_equal(b.sim.n_dials, 2);
    expect(&f, SUCCEEDED, T " 1");
    expect(&f, OPEN, T " 1");
    expect(&f, FAILED, "");
    expect(&f, DISCONNECTED, "");
    finish(&b, &f);
}

/* SC-25 */
TEST(connection_that_drains_at_once_is_a_success_and_a_loss)
{
    struct channel_bench b;
    struct figures f;

    start(&b, &f, only_reasons, "a");
    channel_bench_servers(&b, "a");
    sim_server_find(&b.sim, "a")->drains_at_once = true;
    channel_bench_connect(&b);
    expect(&f, SUCCEEDED, T " 1");
    expect(&f, DISCONNECTED, T ",GOAWAY NO_ERROR 1");
    expect(&f, OPEN, T " 0");
    finish(&b, &f);
}

TEST(round_that_is_cancelled_is_neither_success_nor_failure)
{
    struct channel_bench b;
    struct figures f;

    start(&b, &f, no_labels, "a");
    sim_server_new(&b.sim, "a")->behaviour = SIM_HANGS;
    channel_bench_connect(&b);
    channel_bench_close(&b);
    expect(&f, SUCCEEDED, "");
    expect(&f, FAILED, "");
    finish(&b, &f);
}

TEST(round_counts_once_however_many_addresses_it_tried)
{
    struct channel_bench b;
    struct figures f;

    one_subconn_register();
    figures_init(&f, no_labels);
    channel_bench_init(&b);
    b.options.recorders = &f.recorder;
    b.options.n_recorders = 1;
    b.options.policy = "one_subconn";
    b.resolves_to = "x y z";
    assert_int_equal(channel_bench_open(&b, T), GREBE_OK);
    channel_bench_connect(&b);
    assert_int_equal(b.sim.n_dials, 3);
    expect(&f, FAILED, T " 1");
    finish(&b, &f);
    one_subconn_unregister();
}

/* A backend that accepts and closes is put off after a while: no attempt has failed. */
TEST(churn_is_no_failed_attempt)
{
    struct channel_bench b;
    struct figures f;

    start(&b, &f, no_labels, "a");
    channel_bench_servers(&b, "a");
    for (int i = 0; i < 12; i++) {
        channel_bench_connect(&b);
        sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
        sim_settle(&b.sim);
    }
    expect(&f, FAILED, "");
    expect(&f, OPEN, T " 0");
    finish(&b, &f);
}

/* ---- Calls ------------------------------------------------------------------------------ */

TEST(call_that_succeeds_is_told_with_all_its_figures)
{
    struct channel_bench b;
    struct figures f;

    start(&b, &f, no_labels, "a");
    channel_bench_servers(&b, "a");
    sim_server_find(&b.sim, "a")->latency_ns = 250 * MS;
    channel_bench_connect(&b);
    for (int i = 0; i < 2; i++) {
        struct grebe_call *call = channel_bench_call(&b, NULL);

        channel_bench_advance_ms(&b, 250);
        expect_echo(call, "a");
    }
    expect(&f, ATTEMPT "started", "s/m," T " 2");
    expect(&f, ATTEMPT "duration", "s/m," T ",OK 2/0.5");
    expect(&f, ATTEMPT "sent_total_compressed_message_size", "s/m," T ",OK 2/8");
    expect(&f, ATTEMPT "rcvd_total_compressed_message_size", "s/m," T ",OK 2/8");
    expect(&f, "grpc.client.call.duration", "s/m," T ",OK 2/0.5");
    expect(&f, "grpc.client.call.transparent_retries", "");
    finish(&b, &f);
}

/* A call starts its clock before names are resolved, an attempt after. */
TEST(attempt_starts_when_names_are_resolved)
{
    struct channel_bench b;
    struct figures f;
    struct grebe_call *call;

    start(&b, &f, no_labels, NULL);
    channel_bench_servers(&b, "a");
    call = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 500);
    expect(&f, ATTEMPT "started", "");
    channel_bench_resolve(&b, "a");
    expect_echo(call, "a");
    expect(&f, ATTEMPT "duration", "s/m," T ",OK 1/0");
    expect(&f, "grpc.client.call.duration", "s/m," T ",OK 1/0.5");
    finish(&b, &f);
}

/* An attempt includes its pick: one that never finds a backend was one all the same. */
TEST(attempt_without_a_backend_counts)
{
    struct channel_bench b;
    struct figures f;

    start(&b, &f, no_labels, "nobody");
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE, "refused");
    expect(&f, ATTEMPT "started", "s/m," T " 1");
    expect(&f, ATTEMPT "duration", "s/m," T ",UNAVAILABLE 1/0");
    expect(&f, ATTEMPT "sent_total_compressed_message_size", "s/m," T ",UNAVAILABLE 1/0");
    expect(&f, "grpc.client.call.duration", "s/m," T ",UNAVAILABLE 1/0");
    finish(&b, &f);
}

TEST(call_that_never_got_an_attempt_has_only_a_duration)
{
    struct grebe_call_options options = timeout_ms(20);
    struct channel_bench b;
    struct figures f;
    struct grebe_call *call;

    start(&b, &f, no_labels, NULL);
    call = channel_bench_call(&b, &options);
    channel_bench_advance_ms(&b, 20);
    expect_status(call, GREBE_STATUS_DEADLINE_EXCEEDED, "name resolution");
    expect(&f, ATTEMPT "started", "");
    expect(&f, ATTEMPT "duration", "");
    expect(&f, "grpc.client.call.duration", "s/m," T ",DEADLINE_EXCEEDED 1/0.02");
    finish(&b, &f);
}

TEST(each_transparent_retry_is_an_attempt_of_its_own)
{
    struct channel_bench b;
    struct figures f;
    struct sim_server *server;
    struct grebe_call *call;

    start(&b, &f, no_labels, "a");
    server = sim_server_new(&b.sim, "a");
    call = channel_bench_call(&b, NULL);
    sim_refuse(sim_server_request(server));
    sim_settle(&b.sim);
    sim_bounce(sim_server_request(server));
    sim_settle(&b.sim);
    expect(&f, ATTEMPT "started", "s/m," T " 3");
    sim_answer(sim_server_request(server), "ping", 4);
    sim_settle(&b.sim);
    expect_echo(call, "a");
    expect(&f, ATTEMPT "duration", "s/m," T ",UNAVAILABLE 2/0; s/m," T ",OK 1/0");
    expect(&f, "grpc.client.call.duration", "s/m," T ",OK 1/0");
    expect(&f, "grpc.client.call.transparent_retries", "s/m," T " 1/2");
    finish(&b, &f);
}

/* The connection is gone before the call that waits for a stream has one. */
TEST(attempt_that_is_bounced_ends_and_another_begins)
{
    struct grebe_call_options options = waiting_ms(0);
    struct channel_bench b;
    struct figures f;
    struct grebe_call *first, *second;

    start(&b, &f, no_labels, "a");
    sim_server_new(&b.sim, "a")->max_streams = 1;
    first = channel_bench_call(&b, &options);
    second = channel_bench_call(&b, &options);
    sim_server_kill(sim_server_find(&b.sim, "a"), "reset");
    sim_settle(&b.sim);
    expect(&f, ATTEMPT "started", "s/m," T " 3");
    channel_bench_cancel(&b, second);
    expect(&f, ATTEMPT "duration", "s/m," T ",UNAVAILABLE 2/0; s/m," T ",CANCELLED 1/0");
    expect_status(first, GREBE_STATUS_UNAVAILABLE, "reset");
    expect_status(second, GREBE_STATUS_CANCELLED, "");
    finish(&b, &f);
}

/* OK without a message is no success, and the figures know. */
TEST(status_is_the_one_that_the_caller_sees)
{
    struct channel_bench b;
    struct figures f;
    struct grebe_call *call;

    start(&b, &f, no_labels, "a");
    sim_server_new(&b.sim, "a");
    call = channel_bench_call(&b, NULL);
    sim_end(sim_server_request(sim_server_find(&b.sim, "a")), GREBE_STATUS_OK, "");
    sim_settle(&b.sim);
    expect_status(call, GREBE_STATUS_INTERNAL, "no response message");
    expect(&f, ATTEMPT "duration", "s/m," T ",INTERNAL 1/0");
    expect(&f, "grpc.client.call.duration", "s/m," T ",INTERNAL 1/0");
    finish(&b, &f);
}

TEST(status_that_has_no_name_is_unknown)
{
    struct channel_bench b;
    struct figures f;
    struct grebe_call *call;

    start(&b, &f, no_labels, "a");
    sim_server_new(&b.sim, "a");
    call = channel_bench_call(&b, NULL);
    sim_end(sim_server_request(sim_server_find(&b.sim, "a")), 4711, "");
    sim_settle(&b.sim);
    expect_status(call, 4711, "");
    expect(&f, "grpc.client.call.duration", "s/m," T ",UNKNOWN 1/0");
    finish(&b, &f);
}

/* ---- Labels of calls ---------------------------------------------------------------------- */

/* gRFC A66: a method is named only if the program vouches for it. */
TEST(method_is_other_unless_the_program_knows_it)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct channel_bench b;
    struct figures f;

    figures_init(&f, no_labels);
    channel_bench_init(&b);
    b.options.recorders = &f.recorder;
    b.options.n_recorders = 1;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, T), GREBE_OK);
    channel_bench_servers(&b, "a");
    expect_echo(channel_bench_call(&b, NULL), "a");
    expect_echo(channel_bench_call_method(&b, "/x.Y/Z", "ping", 4, &options), "a");
    options.labels_method = true;
    expect_echo(channel_bench_call_method(&b, "/x.Y/Z", "ping", 4, &options), "a");
    expect(&f, ATTEMPT "started", "other," T " 2; x.Y/Z," T " 1");
    finish(&b, &f);
}

/* gRFC A108 */
TEST(custom_label_of_a_call_is_kept_on_request)
{
    static const char *const custom[] = {"grpc.client.call.custom", NULL};
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct channel_bench b;
    struct figures f;

    start(&b, &f, custom, "a");
    channel_bench_servers(&b, "a");
    expect_echo(channel_bench_call(&b, NULL), "a");
    options.custom_label = "batch";
    expect_echo(channel_bench_call(&b, &options), "a");
    expect_echo(channel_bench_call(&b, &options), "a");
    expect(&f, ATTEMPT "started", "s/m," T ", 1; s/m," T ",batch 2");
    expect(&f, ATTEMPT "duration", "s/m," T ",OK, 1/0; s/m," T ",OK,batch 2/0");
    expect(&f, "grpc.client.call.duration", "s/m," T ",OK, 1/0; s/m," T ",OK,batch 2/0");
    finish(&b, &f);
}

/* A78, A89: what the address of a backend says of it. */
TEST(locality_and_service_of_a_backend_are_labels)
{
    static const char *const kept[] = {"grpc.lb.locality", "grpc.lb.backend_service",
                                       NULL};
    const struct grebe_attributes *where, *both;
    struct grebe_locality *locality;
    struct channel_bench b;
    struct figures f;

    assert_int_equal(grebe_locality_new(NULL, "eu", "z1", "", &locality), GREBE_OK);
    assert_int_equal(
        grebe_attributes_with(NULL, NULL, &GREBE_ATTRIBUTE_LOCALITY, locality, &where),
        GREBE_OK);
    assert_int_equal(grebe_attributes_with_text(
                         NULL, where, &GREBE_ATTRIBUTE_BACKEND_SERVICE, "shop", &both),
                     GREBE_OK);
#define WHERE "{region=\"eu\", zone=\"z1\", sub_zone=\"\"}"
    start(&b, &f, kept, NULL);
    b.balancer_attributes = both;
    channel_bench_servers(&b, "a");
    channel_bench_connect(&b);
    channel_bench_resolve(&b, "a");
    for (int i = 0; i < 2; i++)
        expect_echo(channel_bench_call(&b, NULL), "a");
    expect(&f, ATTEMPT "duration", "s/m," T ",OK," WHERE ",shop 2/0");
    expect(&f, ATTEMPT "started", "s/m," T " 2");
    expect(&f, SUCCEEDED, T ",shop," WHERE " 1");
    channel_bench_close(&b);
    expect(&f, OPEN, T ",shop," WHERE " 0");
    expect(&f, DISCONNECTED, T ",shop," WHERE " 1");
    finish(&b, &f);
#undef WHERE
    grebe_attributes_unref(both);
    grebe_attributes_unref(where);
    grebe_locality_unref(locality);
}

/* ---- Recorders --------------------------------------------------------------------------- */

TEST(every_recorder_gets_everything)
{
    struct channel_bench b;
    struct figures first, second;
    struct grebe_recorder *recorders[2];

    figures_init(&first, no_labels);
    figures_init(&second, no_labels);
    channel_bench_init(&b);
    recorders[0] = first.recorder;
    recorders[1] = second.recorder;
    b.options.recorders = recorders;
    b.options.n_recorders = 2;
    b.resolves_to = "a";
    assert_int_equal(channel_bench_open(&b, T), GREBE_OK);
    channel_bench_servers(&b, "a");
    expect_echo(channel_bench_call(&b, NULL), "a");
    channel_bench_fini(&b);
    expect(&first, ATTEMPT "started", "other," T " 1");
    expect(&second, ATTEMPT "started", "other," T " 1");
    expect(&second, OPEN, T " 0");
    figures_fini(&first);
    figures_fini(&second);
}

TEST(recorder_of_a_later_version_is_refused)
{
    struct channel_bench b;
    struct figures f;

    figures_init(&f, no_labels);
    channel_bench_init(&b);
    b.options.recorders = &f.recorder;
    b.options.n_recorders = 1;
    f.recorder->api = GREBE_METRICS_API + 1;
    assert_int_equal(channel_bench_open(&b, T), GREBE_ERR_UNSUPPORTED);
    assert_non_null(strstr(b.diag.text, "later version"));
    finish(&b, &f);
}

/* ---- Policies ---------------------------------------------------------------------------- */

static const char *const labels[] = {"grpc.target", "test.kind"};
static const char *const optional_labels[] = {"test.extra"};
static const double bounds[] = {1, 2};

static const struct grebe_instrument picks = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_COUNTER,
    .name = "test.meter.picks",
    .description = "for tests",
    .unit = "{pick}",
    .labels = labels,
    .n_labels = 2,
    .optional_labels = optional_labels,
    .n_optional_labels = 1,
};

static const struct grebe_instrument weights = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_HISTOGRAM,
    .name = "test.meter.weights",
    .description = "for tests",
    .unit = "{weight}",
    .bounds = bounds,
    .n_bounds = 2,
};

static const struct grebe_instrument level = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_GAUGE,
    .name = "test.meter.level",
    .description = "for tests",
    .unit = "1",
};

static void open_scripted(struct channel_bench *b, struct figures *f)
{
    figures_init(f, NULL);
    channel_bench_init(b);
    b->options.recorders = &f->recorder;
    b->options.n_recorders = 1;
    b->options.policy = "scripted";
    b->resolves_to = "a";
    assert_int_equal(channel_bench_open(b, T), GREBE_OK);
    channel_bench_connect(b);
}

/* gRFC A79 */
TEST(policy_records_what_it_likes)
{
    const char *const values[] = {T, "odd"}, *const more[] = {T, NULL, "more"};
    struct channel_bench b;
    struct figures f;
    struct grebe_series *series;

    assert_int_equal(grebe_instrument_register(&picks), GREBE_OK);
    assert_int_equal(grebe_instrument_register(&weights), GREBE_OK);
    assert_int_equal(grebe_instrument_register(&level), GREBE_OK);
    open_scripted(&b, &f);
    series = grebe_client_conn_series(script.cc, &picks, values, 2);
    assert_ptr_equal(grebe_client_conn_series(script.cc, &picks, values, 2), series);
    grebe_series_add(series, 2);
    grebe_series_add(series, 1);
    grebe_series_add(grebe_client_conn_series(script.cc, &picks, more, 3), 1);
    expect(&f, picks.name, T ",odd, 3; " T ",,more 1");
    series = grebe_client_conn_series(script.cc, &weights, NULL, 0);
    grebe_series_record(series, 1.5);
    grebe_series_record(series, 7);
    expect(&f, weights.name, "2/8.5");
    grebe_series_set(grebe_client_conn_series(script.cc, &level, NULL, 0), 0.5);
    expect(&f, level.name, "0.5");
    finish(&b, &f);
}

TEST(policy_may_record_where_nobody_listens)
{
    struct channel_bench b;
    struct grebe_series *series;

    assert_int_equal(grebe_instrument_register(&weights), GREBE_OK);
    scripted_start(&b, GREBE_PICK_QUEUE);
    series = grebe_client_conn_series(script.cc, &weights, NULL, 0);
    assert_non_null(series);
    grebe_series_record(series, 1);
    channel_bench_fini(&b);
}

TEST(instrument_that_is_not_registered_is_named_and_forgotten)
{
    static struct grebe_instrument unknown;
    struct channel_bench b;
    struct figures f;

    unknown = weights;
    unknown.name = "test.meter.unknown";
    open_scripted(&b, &f);
    grebe_series_record(grebe_client_conn_series(script.cc, &unknown, NULL, 0), 1);
    expect(&f, unknown.name, "");
    assert_true(channel_bench_logged(&b, "instrument that is not registered"));
    finish(&b, &f);
}

/* ---- Out of memory ------------------------------------------------------------------------ */

/* Whatever allocation fails, calls go on, and what could not be recorded is missing. */
TEST(calls_go_on_without_memory_for_figures)
{
    bool has_failed = true;

    for (uint32_t fail_at = 1; has_failed; fail_at++) {
        struct channel_bench b;
        struct figures f;

        figures_init(&f, NULL);
        channel_bench_init(&b);
        b.options.recorders = &f.recorder;
        b.options.n_recorders = 1;
        b.resolves_to = "a";
        b.mem.fail_at = fail_at;
        if (channel_bench_open(&b, T) == GREBE_OK) {
            channel_bench_servers(&b, "a");
            channel_bench_connect(&b);
            for (int i = 0; i < 3; i++) {
                struct grebe_call *call = channel_bench_call(&b, NULL);

                channel_bench_advance_ms(&b, 2000);
                grebe_call_unref(call);
            }
        }
        has_failed = b.mem.has_failed;
        finish(&b, &f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection_that_drains_was_one_and_is_none),
        cmocka_unit_test(label_says_why_a_connection_ended),
        cmocka_unit_test(loss_is_counted_before_anybody_hears_of_it),
        cmocka_unit_test(first_cause_of_an_end_is_its_label),
        cmocka_unit_test(loser_of_a_race_leaves_no_trace),
        cmocka_unit_test(connection_that_drains_at_once_is_a_success_and_a_loss),
        cmocka_unit_test(round_that_is_cancelled_is_neither_success_nor_failure),
        cmocka_unit_test(round_counts_once_however_many_addresses_it_tried),
        cmocka_unit_test(churn_is_no_failed_attempt),
        cmocka_unit_test(call_that_succeeds_is_told_with_all_its_figures),
        cmocka_unit_test(attempt_starts_when_names_are_resolved),
        cmocka_unit_test(attempt_without_a_backend_counts),
        cmocka_unit_test(call_that_never_got_an_attempt_has_only_a_duration),
        cmocka_unit_test(each_transparent_retry_is_an_attempt_of_its_own),
        cmocka_unit_test(attempt_that_is_bounced_ends_and_another_begins),
        cmocka_unit_test(status_is_the_one_that_the_caller_sees),
        cmocka_unit_test(status_that_has_no_name_is_unknown),
        cmocka_unit_test(method_is_other_unless_the_program_knows_it),
        cmocka_unit_test(custom_label_of_a_call_is_kept_on_request),
        cmocka_unit_test(locality_and_service_of_a_backend_are_labels),
        cmocka_unit_test(every_recorder_gets_everything),
        cmocka_unit_test(recorder_of_a_later_version_is_refused),
        cmocka_unit_test(policy_records_what_it_likes),
        cmocka_unit_test(policy_may_record_where_nobody_listens),
        cmocka_unit_test(instrument_that_is_not_registered_is_named_and_forgotten),
        cmocka_unit_test(calls_go_on_without_memory_for_figures),
    };
    int n_failed;

    scripted_register();
    n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    scripted_unregister();
    return n_failed;
}
