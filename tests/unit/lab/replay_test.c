/* SPDX-License-Identifier: Apache-2.0 */
/* What is recorded of a channel is decided again, byte for byte, and what is not is found. */
#include "support/test.h"

#include <grebe/load_report.h>
#include <grebe/parent.h>
#include <grebe/registry.h>

#include "balancer/round_robin.h"
#include "base/assert.h"
#include "sim/services.h"
#include "support/channel_bench.h"
#include "support/recording.h"

/* ---- A policy of a user's, with a policy inside ---------------------------------------- */

/* Every input there is makes it do something: a timer that draws a number, metadata and
 * trailers that are read, wishes for exit_idle() from a picker, health and load that are
 * listened to.  What it does depends on all of that. */
struct nest {
    struct grebe_balancer base;
    struct grebe_client_conn *cc, *child;
    struct grebe_timer *timer;
    struct grebe_picker *inner; /* the child's last: a reference */
    enum grebe_connectivity state;
    uint64_t mood;               /* changes with all that is heard */
    struct grebe_subconn *probe; /* one of its own, beside the child's */
    struct grebe_orca_watch *watch;
};

struct nest_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    struct grebe_client_conn *child; /* a reference */
    struct grebe_picker *inner;      /* likewise */
    uint64_t mood;
    uint64_t heard; /* atomic: of calls that ended */
};

struct nest_done {
    struct nest_picker *picker; /* a reference */
    grebe_pick_done_fn on_done;
    void *arg;
};

static uint64_t mix(uint64_t mood, uint64_t news)
{
    return (mood ^ news) * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static uint64_t of_text(const struct grebe_metadata_entry *entry)
{
    uint64_t sum = 0;

    for (size_t i = 0; entry != NULL && i < entry->value_length; i++)
        sum = mix(sum, (unsigned char)entry->value[i]);
    return sum;
}

static void nest_done(void *arg, const struct grebe_done_info *info)
{
    struct nest_done *done = arg;
    struct nest_picker *picker = done->picker;
    uint64_t news = info->latency_ns + (uint64_t)info->status->code * 7 +
                    info->bytes_received * 3 +
                    of_text(grebe_metadata_get(info->trailers, "mood"));

    if (info->server_load != NULL)
        news += (uint64_t)(info->server_load->cpu_utilization * 1000);
    picker->heard = mix(picker->heard, news);
    if (done->on_done != NULL)
        done->on_done(done->arg, info);
    grebe_mem_free(NULL, done);
    grebe_picker_unref(&picker->base);
}

static void nest_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                      struct grebe_pick *out)
{
    struct nest_picker *picker = grebe_container_of(base, struct nest_picker, base);
    uint64_t luck = mix(picker->mood ^ picker->heard,
                        args->random + args->now_ns + args->deadline_ns +
                            of_text(grebe_metadata_get(args->metadata, "session")));
    struct nest_done *done;

    if (luck % 7 == 0)
        grebe_client_conn_request_exit_idle(picker->child);
    if (luck % 11 == 0) {
        static const struct grebe_status no = {
            .code = GREBE_STATUS_UNAVAILABLE, .message = "no luck", .message_length = 7};

        out->kind = GREBE_PICK_DROP;
        out->status = &no;
        return;
    }
    grebe_picker_pick(picker->inner, args, out);
    if (out->kind != GREBE_PICK_COMPLETE)
        return;
    done = grebe_mem_alloc(NULL, sizeof *done); /* a test's picker may */
    *done = (struct nest_done){picker, out->on_done, out->on_done_arg};
    grebe_picker_ref(base);
    out->on_done = nest_done;
    out->on_done_arg = done;
    out->wants_load_report = true;
}

static void nest_picker_destroy(struct grebe_picker *base)
{
    struct nest_picker *picker = grebe_container_of(base, struct nest_picker, base);

    grebe_picker_unref(picker->inner);
    grebe_client_conn_unref(picker->child);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops nest_picker_ops = {.pick = nest_pick,
                                                        .destroy = nest_picker_destroy};

static void publish(struct nest *nest)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(nest->cc);
    struct nest_picker *picker = grebe_mem_zalloc(mem, sizeof *picker);

    if (picker == NULL || nest->inner == NULL) {
        grebe_mem_free(mem, picker);
        return;
    }
    grebe_picker_init(&picker->base, &nest_picker_ops);
    picker->mem = mem;
    picker->child = grebe_client_conn_ref(nest->child);
    picker->inner = grebe_picker_ref(nest->inner);
    picker->mood = nest->mood;
    grebe_client_conn_update_state(nest->cc, nest->state, &picker->base);
}

static void on_child(void *arg, enum grebe_connectivity state,
                     struct grebe_picker *picker)
{
    struct nest *nest = arg;

    grebe_picker_unref(nest->inner);
    nest->inner = picker;
    nest->state = state;
    nest->mood = mix(nest->mood, state);
    publish(nest);
}

static const struct grebe_client_conn_ops child_ops = {.update_state = on_child};

static void on_timer(void *arg)
{
    struct nest *nest = arg;

    nest->mood = mix(nest->mood, grebe_client_conn_random(nest->cc));
    if (nest->mood % 3 == 0)
        grebe_client_conn_resolve_now(nest->cc);
    publish(nest);
    grebe_timer_start(nest->timer, grebe_client_conn_now_ns(nest->cc) + 40 * MS +
                                       grebe_client_conn_random_below(nest->cc, 30) * MS);
}

static void on_load(void *arg, const struct grebe_load_report *report)
{
    struct nest *nest = arg;

    nest->mood = mix(nest->mood, (uint64_t)(report->cpu_utilization * 1000));
    publish(nest);
}

static void on_probe_health(void *arg, struct grebe_subconn *subconn,
                            enum grebe_connectivity state,
                            const struct grebe_status *error)
{
    struct nest *nest = arg;

    (void)subconn;
    nest->mood = mix(nest->mood, state + (error == NULL ? 0 : error->message_length));
    publish(nest);
}

static void on_probe(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct nest *nest = arg;

    (void)error;
    nest->mood = mix(nest->mood, state);
    grebe_orca_stop(&nest->watch);
    if (state == GREBE_IDLE)
        grebe_subconn_connect(subconn);
    if (state != GREBE_READY)
        return;
    grebe_client_conn_watch_health(nest->cc, subconn, on_probe_health, nest);
    (void)!grebe_orca_watch(subconn, 50 * MS, on_load, nest, &nest->watch);
}

static int probe(struct nest *nest, struct grebe_address *address)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    int result;

    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_probe;
    options.arg = nest;
    if (nest->probe != NULL)
        return grebe_subconn_update_addresses(nest->probe, &address, 1);
    result = grebe_client_conn_new_subconn(nest->cc, &options, &nest->probe);
    if (result == GREBE_OK)
        grebe_subconn_connect(nest->probe);
    else
        nest->probe = NULL;
    return result;
}

static int nest_update(struct grebe_balancer *base,
                       const struct grebe_balancer_update *update)
{
    struct nest *nest = grebe_container_of(base, struct nest, base);
    struct grebe_balancer_update for_child = *update;

    for_child.config = NULL;
    if (update->n_endpoints > 0 && grebe_endpoint_n_addresses(update->endpoints[0]) > 0 &&
        probe(nest, grebe_endpoint_address(update->endpoints[0], 0)) != GREBE_OK)
        return GREBE_ERR_NOMEM;
    nest->mood = mix(nest->mood, update->n_endpoints);
    grebe_timer_start(nest->timer, grebe_client_conn_now_ns(nest->cc) + 50 * MS);
    return grebe_client_conn_update(nest->child, &for_child);
}

static void nest_resolver_error(struct grebe_balancer *base,
                                const struct grebe_status *status)
{
    grebe_client_conn_resolver_error(grebe_container_of(base, struct nest, base)->child,
                                     status);
}

static void nest_exit_idle(struct grebe_balancer *base)
{
    grebe_client_conn_exit_idle(grebe_container_of(base, struct nest, base)->child);
}

static void nest_destroy(struct grebe_balancer *base)
{
    struct nest *nest = grebe_container_of(base, struct nest, base);

    grebe_orca_stop(&nest->watch);
    grebe_timer_destroy(nest->timer);
    grebe_client_conn_close(nest->child);
    grebe_picker_unref(nest->inner);
    grebe_mem_free(grebe_client_conn_mem(nest->cc), nest);
}

static const struct grebe_balancer_ops nest_ops = {
    .update = nest_update,
    .resolver_error = nest_resolver_error,
    .exit_idle = nest_exit_idle,
    .destroy = nest_destroy,
};

static uint64_t first_mood; /* a replay with another one decides otherwise */

static int nest_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    struct nest *nest = grebe_mem_zalloc(grebe_client_conn_mem(cc), sizeof *nest);
    int result = GREBE_ERR_NOMEM;

    if (nest == NULL)
        return result;
    nest->cc = cc;
    nest->state = GREBE_CONNECTING;
    nest->mood = mix(first_mood, strlen(options->target) + strlen(options->authority));
    grebe_balancer_init(&nest->base, &nest_ops);
    result = grebe_timer_new(cc, on_timer, nest, &nest->timer);
    if (result == GREBE_OK)
        result = grebe_client_conn_new_child(cc, &child_ops, nest, &nest->child);
    if (result == GREBE_OK)
        result = grebe_client_conn_build(nest->child, &grebe__round_robin);
    if (result != GREBE_OK) {
        grebe_client_conn_close(nest->child);
        grebe_timer_destroy(nest->timer);
        grebe_mem_free(grebe_client_conn_mem(cc), nest);
        return result;
    }
    *out = &nest->base;
    return GREBE_OK;
}

static int nest_parse(const struct grebe_json *json, struct grebe_diag *diag, void **out)
{
    uint32_t depth = 0;

    *out = NULL;
    return grebe_json_get_uint32(json, "depth", &depth, diag);
}

static const struct grebe_balancer_builder nest_builder = {
    .api = GREBE_BALANCER_API,
    .name = "nest",
    .parse_config = nest_parse,
    .build = nest_build,
};

/* ---- A channel's life -------------------------------------------------------------------- */

static const char *const sessions[] = {"alice", "bob", "carol", "dave"};

static void calls(struct channel_bench *b, unsigned n)
{
    static const char secret[] = "Bearer 0123";

    for (unsigned i = 0; i < n; i++) {
        struct grebe_call_options options = timeout_ms(i % 3 == 0 && i % 5 != 0 ? 0 : 30);
        struct grebe_metadata *metadata = grebe_metadata_new(NULL);
        const char *session = sessions[i % 4];
        struct grebe_call *call;

        assert_int_equal(
            grebe_metadata_add(metadata, "session", session, strlen(session)), GREBE_OK);
        assert_int_equal(
            grebe_metadata_add(metadata, "authorization", secret, sizeof secret - 1),
            GREBE_OK);
        if (i % 2 == 0)
            options.metadata = metadata;
        options.wait_for_ready = i % 5 == 0 ? GREBE_YES : GREBE_NO;
        call = channel_bench_call(b, &options);
        if (i % 4 == 0)
            channel_bench_advance_ms(b, i % 3);
        grebe_call_unref(call);
        grebe_metadata_unref(metadata);
    }
}

static void start(struct channel_bench *b, const char *config)
{
    static const struct grebe_load_report load = {.cpu_utilization = 0.25, .rps = 10};

    channel_bench_init(b);
    b->options.service_config = config;
    b->record_sink = &recording_start()->sink;
    assert_int_equal(channel_bench_open(b, "manual:///test"), GREBE_OK);
    channel_bench_servers(b, "a b c d");
    sim_server_find(&b->sim, "a")->latency_ns = 3 * MS;
    sim_server_find(&b->sim, "b")->max_streams = 2;
    sim_server_find(&b->sim, "c")->connect_delay_ns = 15 * MS;
    sim_server_set_load(sim_server_find(&b->sim, "a"), &load, 10 * MS);
}

/* All that may happen to a channel, or much of it.  Servers say how they are, connections
 * break, names change, calls of every kind come and go, it sleeps and wakes. */
static void live(struct channel_bench *b)
{
    calls(b, 3); /* before anything is known */
    channel_bench_resolver_error(b, "the name server is asleep");
    channel_bench_resolve(b, "a b+d c");
    channel_bench_advance_ms(b, 1);
    calls(b, 40);
    sim_server_kill(sim_server_find(&b->sim, "a"), "connection reset");
    calls(b, 20);
    channel_bench_advance_ms(b, 100);
    sim_server_find(&b->sim, "c")->behaviour = SIM_REFUSES;
    sim_server_kill(sim_server_find(&b->sim, "c"), "connection reset");
    calls(b, 20);
    channel_bench_advance_ms(b, 1500);
    channel_bench_resolve(b, "c a d");
    calls(b, 20);
    sim_server_goaway(sim_server_find(&b->sim, "d"), 0, false);
    channel_bench_advance_ms(b, 200);
    calls(b, 20);
    channel_bench_resolve(b, "-");
    channel_bench_resolver_error(b, "nobody is there");
    calls(b, 5);
    sim_server_find(&b->sim, "a")->connect_delay_ns = 300 * MS;
    sim_server_find(&b->sim, "b")->connect_delay_ns = 400 * MS;
    channel_bench_resolve(b, "a b");
    channel_bench_advance_ms(b, 3000);
    calls(b, 10);
    channel_bench_advance_ms(b, 1000);
    grebe__env_enter(&b->sim.env);
    assert_true(grebe__channel_enter_idle(b->channel));
    grebe__env_leave(&b->sim.env);
    sim_settle(&b->sim);
    channel_bench_advance_ms(b, 100);
    channel_bench_connect(b);
    channel_bench_resolve(b, "a d");
    channel_bench_advance_ms(b, 20);
    calls(b, 10);
}

static struct recording *record(const char *config)
{
    struct channel_bench b;

    start(&b, config);
    live(&b);
    channel_bench_fini(&b);
    return grebe_container_of(b.record_sink, struct recording, sink);
}

#define NEST      "{\"loadBalancingConfig\":[{\"nest\":{\"depth\":2}}]}"
#define ROUND     "{\"loadBalancingConfig\":[{\"round_robin\":{}}]}"
#define FIRST     "{\"loadBalancingConfig\":[{\"pick_first\":{\"shuffleAddressList\":true}}]}"
#define CHECKED   "\"healthCheckConfig\":{\"serviceName\":\"s\"}}"
#define NEST_WELL "{\"loadBalancingConfig\":[{\"nest\":{}}]," CHECKED

static void expect_same(const struct recording *recording, const char *policy)
{
    struct test_mem mem;
    const struct replayed *replayed = recording_replay(recording, test_mem_init(&mem));

    assert_string_equal(replayed->error == GREBE_OK ? "" : replayed->diag.text, "");
    if (replayed->differences[0] != '\0')
        print_message("# recorded %s\n# now      %s\n", replayed->recorded,
                      replayed->now);
    assert_string_equal(replayed->differences, "");
    assert_string_equal(replayed->policy, policy);
    assert_true(replayed->result.has_end);
    assert_int_equal(replayed->result.n_unfollowed, 0);
    assert_int_equal(mem.n_live, 0);
}

/* ---- The same ---------------------------------------------------------------------------- */

TEST(round_robin_decides_the_same)
{
    struct recording *recording = record(ROUND);

    assert_true(recording_count(recording, "\"ev\":\"pick\"") > 100);
    assert_int_equal(recording_count(recording, "\"ev\":\"build\""), 2);
    expect_same(recording, "round_robin");
}

TEST(pick_first_decides_the_same)
{
    struct recording *recording = record(FIRST);

    assert_true(recording_count(recording, "\"ev\":\"timer\"") > 0); /* Happy Eyeballs */
    expect_same(recording, "pick_first");
}

TEST(a_users_policy_with_a_policy_inside_decides_the_same)
{
    struct recording *recording = record(NEST);

    assert_true(recording_count(recording, "\"kind\":\"drop\"") > 0);
    assert_true(recording_count(recording, "\"ev\":\"feed_message\"") > 0);
    assert_true(recording_count(recording, "\"ev\":\"timer\"") > 10);
    assert_true(recording_count(recording, "\"ev\":\"exit_idle\"") > 5);
    assert_true(recording_count(recording, "\"load\":{\"cpu_utilization\":0.25") > 0);
    assert_true(recording_count(recording, "[\"session\",\"carol\"]") > 5);
    expect_same(recording, "nest");
}

TEST(what_health_checks_say_comes_again)
{
    struct channel_bench b;
    struct recording *recording;

    start(&b, NEST_WELL);
    for (const char *name = "abcd"; *name != '\0'; name++)
        sim_server_set_health(sim_server_find(&b.sim, (char[]){*name, '\0'}), "s", 1);
    channel_bench_connect(&b);
    channel_bench_resolve(&b, "a b c");
    channel_bench_advance_ms(&b, 30);
    calls(&b, 10);
    sim_server_set_health(sim_server_find(&b.sim, "a"), "s", 2);
    channel_bench_advance_ms(&b, 30);
    calls(&b, 10);
    sim_server_set_health(sim_server_find(&b.sim, "a"), "s", 1);
    channel_bench_advance_ms(&b, 30);
    calls(&b, 10);
    recording = grebe_container_of(b.record_sink, struct recording, sink);
    channel_bench_fini(&b);
    assert_true(recording_count(recording, "\"ev\":\"health\"") > 4);
    expect_same(recording, "nest");
}

/* The graceful switch stands between the channel and the policy that is named. */
TEST(a_policy_that_takes_over_from_another_comes_again)
{
    struct channel_bench b;
    struct recording *recording;

    start(&b, NULL);
    channel_bench_connect(&b);
    b.service_config = ROUND;
    channel_bench_resolve(&b, "a b");
    calls(&b, 10);
    b.service_config = NEST;
    channel_bench_resolve(&b, "b c");
    calls(&b, 10);
    channel_bench_advance_ms(&b, 200);
    calls(&b, 10);
    b.service_config = FIRST;
    channel_bench_resolve(&b, "d a");
    calls(&b, 10);
    recording = grebe_container_of(b.record_sink, struct recording, sink);
    channel_bench_fini(&b);
    expect_same(recording, "pick_first");
}

/* With children of their own, timers, load reports, ejections, and hashes of headers. */
TEST(policies_of_all_kinds_decide_the_same)
{
    static const struct {
        const char *name, *config, *does; /* a line that shows that it was at work */
    } policies[] = {
        {"weighted_round_robin",
         "{\"enableOobLoadReport\":true,\"oobReportingPeriod\":\"0.05s\","
         "\"blackoutPeriod\":\"0.1s\",\"weightUpdatePeriod\":\"0.1s\"}",
         "\"ev\":\"feed_message\""},
        {"weighted_round_robin", "{\"blackoutPeriod\":\"0s\"}",
         "\"load\":{\"cpu_utilization\""},
        {"ring_hash", "{\"requestHashHeader\":\"session\",\"minRingSize\":64}",
         "[\"session\",\"carol\"]"},
        {"outlier_detection_experimental",
         "{\"interval\":\"0.05s\",\"baseEjectionTime\":\"0.1s\",\"maxEjectionPercent\":60,"
         "\"failurePercentageEjection\":{\"threshold\":10,\"minimumHosts\":1,"
         "\"requestVolume\":1},\"childPolicy\":[{\"round_robin\":{}}]}",
         "\"ev\":\"timer\""},
        {"least_request", "{\"choiceCount\":3}", "\"listeners\":"},
        {"p2c_ewma", "{}", "\"listeners\":"},
        {"aperture", "{\"minAperture\":1,\"highLoad\":0.1,\"lowLoad\":0}",
         "\"ev\":\"timer\""},
        {"maglev", "{\"requestHashHeader\":\"session\"}", "[\"session\",\"carol\"]"},
        {"random_subsetting",
         "{\"subsetSize\":2,\"childPolicy\":[{\"nest\":{\"depth\":1}}]}",
         "\"ev\":\"timer\""},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(policies); i++) {
        char config[1024];
        struct recording *recording;

        if (grebe_balancer_get(policies[i].name) == NULL)
            fail_msg("there is no %s", policies[i].name);
        snprintf(config, sizeof config, "{\"loadBalancingConfig\":[{\"%s\":%s}]}",
                 policies[i].name, policies[i].config);
        recording = record(config);
        if (recording_count(recording, policies[i].does) == 0)
            fail_msg("%s does not show", policies[i].name);
        expect_same(recording, policies[i].name);
    }
}

/* ---- Not the same ------------------------------------------------------------------------ */

TEST(a_pick_that_is_decided_otherwise_is_shown_at_its_line)
{
    static const char complete[] = "\"kind\":\"complete\",\"subconn\":";
    struct recording *recording = record(ROUND);
    char expected[64];
    struct replayed *replayed;

    snprintf(expected, sizeof expected, "line %u: pick",
             (unsigned)recording_line(recording, complete, 7));
    recording_change(recording, complete, 7, "\"kind\":\"complete\",\"subconn\":9");
    replayed = recording_replay(recording, NULL);
    assert_int_equal(replayed->error, GREBE_OK);
    assert_string_equal(replayed->differences, expected);
    assert_non_null(strstr(replayed->recorded, "\"subconn\":9"));
    assert_null(strstr(replayed->now, "\"subconn\":9"));
    assert_int_equal(replayed->result.n_unfollowed, 0);
}

TEST(a_request_that_is_not_made_ends_the_comparison_until_the_next_build)
{
    struct recording *recording = record(ROUND);
    char expected[64];
    struct replayed *replayed;

    recording_change(recording, "\"state\":\"TRANSIENT_FAILURE\",\"picks\":\"fail\"", 1,
                     "\"state\":\"READY\"");
    snprintf(
        expected, sizeof expected, "line %u: other",
        (unsigned)recording_line(recording, "\"ev\":\"state\",\"state\":\"READY\"", 1));
    replayed = recording_replay(recording, NULL);
    assert_string_equal(replayed->differences, expected);
    assert_true(replayed->result.n_unfollowed > 10);
}

/* A line that is missing shows in what comes of it. */
TEST(an_input_that_was_left_out_is_noticed)
{
    struct recording *recording = record(NEST);
    const struct replayed *replayed;

    recording_drop(recording, "\"ev\":\"timer\"", 3);
    replayed = recording_replay(recording, NULL);
    assert_int_equal(replayed->error, GREBE_OK);
    assert_true(replayed->result.n_differences > 0);
}

TEST(a_policy_that_has_changed_decides_otherwise)
{
    struct recording *recording = record(NEST);
    const struct replayed *replayed;

    first_mood = 1;
    replayed = recording_replay(recording, NULL);
    first_mood = 0;
    assert_int_equal(replayed->error, GREBE_OK);
    assert_true(replayed->result.n_differences > 0);
}

/* ---- Less than all ----------------------------------------------------------------------- */

TEST(after_lost_lines_nothing_is_compared_until_the_next_build)
{
    struct recording *recording = record(ROUND);
    const struct replayed *replayed;

    recording_change(recording, "\"ev\":\"pick\"", 30,
                     "\"ev\":\"lost\",\"lines\":17,\"was\":\"pick\"");
    replayed = recording_replay(recording, NULL);
    assert_int_equal(replayed->error, GREBE_OK);
    assert_string_equal(replayed->differences, "");
    assert_int_equal(replayed->result.n_lost, 17);
    assert_true(replayed->result.n_unfollowed > 100);
    assert_true(replayed->result.n_picks > 30); /* those of the second build, too */
}

/* Wherever a crash leaves it: what is there is decided the same. */
TEST(a_recording_may_end_anywhere)
{
    struct recording *recording = record(NEST);
    unsigned n_lines = recording_count(recording, "{");
    const char *end = recording->text;
    enum { LINE_BYTES = 4096 }; /* none is longer */

    for (unsigned n = 1; n < n_lines; n++) {
        struct test_mem mem;
        const struct replayed *replayed;

        end = (const char *)memchr(end, '\n', LINE_BYTES) + 1;
        if (n % 61 != 1)
            continue;
        recording->length = (size_t)(end - recording->text);
        replayed = recording_replay(recording, test_mem_init(&mem));
        assert_int_equal(replayed->error, GREBE_OK);
        assert_int_equal(replayed->line, n);
        assert_string_equal(replayed->differences, "");
        assert_false(replayed->result.has_end);
        assert_int_equal(mem.n_live, 0);
    }
}

/* ---- Damage ------------------------------------------------------------------------------ */

#define HEADER                                                                           \
    "{\"grebe_recording\":1,\"clock_ns\":5,\"target\":\"t\",\"authority\":\"a\","        \
    "\"user_agent\":\"\",\"happy_eyeballs_delay_ns\":250000000}\n"
#define BUILD  "{\"ns\":1,\"ev\":\"build\",\"seed\":\"1\"}\n"
#define UPDATE "{\"ns\":2,\"ev\":\"update\",\"endpoints\":[{\"addresses\":[\"a:1\"]}],"

static const struct {
    const char *text;
    uint32_t line;
    const char *flaw;
} damaged[] = {
    {"{", 1, "column 1: string or '}' expected"},
    {"[1]\n", 1, "an object is expected, and this is a list"},
    {BUILD, 1, "this is no recording: its first line has to say \"grebe_recording\""},
    {"{\"do\":\"update\"}\n", 1, "ev is missing"},
    {"{\"grebe_recording\":2}\n", 1,
     "a recording of version 2: this grebe reads version 1"},
    {"{\"grebe_recording\":1}\n", 1, "clock_ns is missing"},
    {"{\"grebe_recording\":1,\"clock_ns\":0,\"happy_eyeballs_delay_ns\":1,"
     "\"target\":\"\",\"authority\":\"\",\"user_agent\":\"\"}\n",
     1, "clock_ns: 0 is no moment"},
    {HEADER HEADER, 2, "a second first line: these are two recordings"},
    {HEADER "{\"ns\":1,\"ev\":\"jump\"}\n", 2, "ev: there is no event: \"jump\""},
    {HEADER "{\"ev\":\"end\"}\n", 2, "ns is missing"},
    {HEADER "{\"ns\":-1,\"ev\":\"end\"}\n", 2, "ns: a number from 0 on is expected"},
    {HEADER "{\"ns\":1,\"ev\":\"build\"}\n", 2, "seed is missing"},
    {HEADER "{\"ns\":1,\"ev\":\"build\",\"seed\":\"-1\"}\n", 2,
     "seed: a number of 64 bits in quotes is expected"},
    {HEADER "{\"ns\":1,\"ev\":\"close\"}\n", 2, "it comes before any policy was built"},
    {HEADER BUILD "{\"ns\":0,\"ev\":\"close\"}\n", 3,
     "ns: the line above is from a later moment"},
    {HEADER "{\"ns\":1,\"ev\":\"end\"}\n" BUILD, 3,
     "it stands behind the end of the recording"},
    {HEADER BUILD UPDATE "\"config\":[{\"nobody\":{}}]}\n", 3,
     "config: no supported policies found in [nobody]"},
    {HEADER BUILD UPDATE "\"config\":7}\n", 3, "config: expected a list of policies"},
    {HEADER BUILD "{\"ns\":2,\"ev\":\"update\",\"endpoints\":[{\"addresses\":[7]}]}\n", 3,
     "endpoints[0].addresses[0]: expected text, found a number"},
    {HEADER BUILD UPDATE "\"config\":[{\"round_robin\":{}}]}\n"
                         "{\"ns\":2,\"ev\":\"new_subconn\"}\n",
     4, ""},
    {HEADER BUILD "{\"ns\":2,\"ev\":\"subconn\",\"subconn\":\"x\"}\n", 3,
     "subconn: expected an integer, found a string"},
    {HEADER BUILD "{\"ns\":2,\"ev\":\"subconn\",\"subconn\":1,\"state\":\"GONE\"}\n", 3,
     "state: there is no state: \"GONE\""},
    {HEADER BUILD "{\"ns\":2,\"ev\":\"pick\",\"call\":1}\n", 3, "method is missing"},
    {HEADER BUILD "{\"ns\":2,\"ev\":\"pick\",\"call\":1,\"method\":\"/s/m\","
                  "\"metadata\":[[\"a b\",\"c\"]]}\n",
     3, "metadata[0]: a name and a value, fit for a call, are expected"},
    {HEADER BUILD "{\"ns\":2,\"ev\":\"done\",\"call\":1,\"code\":\"FINE\"}\n", 3,
     "code: there is no status code: \"FINE\""},
    {HEADER BUILD "{\"ns\":2,\"ev\":\"feed_message\",\"id\":0,\"bytes\":\"?\"}\n", 3,
     "bytes: base64 is expected"},
    {HEADER "{\"ns\":2,\"ev\":\"lost\"}\n", 2, "lines is missing"},
};

TEST(damage_is_named)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(damaged); i++) {
        struct recording *recording = recording_start();
        const struct replayed *replayed;
        struct test_mem mem;

        recording->length = strlen(damaged[i].text);
        memcpy(recording->text, damaged[i].text, recording->length + 1);
        replayed = recording_replay(recording, test_mem_init(&mem));
        assert_int_equal(mem.n_live, 0);
        assert_int_equal(replayed->line, damaged[i].line);
        assert_string_equal(replayed->error == GREBE_OK ? "" : replayed->diag.text,
                            damaged[i].flaw);
    }
}

/* Lines that are well-formed and make no sense: of nobody, at no time, in any order. */
TEST(lines_in_any_order_are_survived)
{
    static char whole[RECORDING_BYTES];
    struct recording *recording = record(NEST);
    size_t length = recording->length;
    uint64_t random = 1;

    memcpy(whole, recording->text, length + 1);
    for (unsigned round = 0; round < 20; round++) {
        struct test_mem mem;

        memcpy(recording->text, whole, length + 1);
        recording->length = length;
        for (unsigned i = 0; i < 5; i++) {
            unsigned n;

            random = mix(random, round + i);
            n = 2 + (unsigned)(random % 400);
            if (recording_find(recording, "\"ns\":", n) != NULL)
                recording_drop(recording, "\"ns\":", n);
        }
        recording_replay(recording, test_mem_init(&mem));
        assert_int_equal(mem.n_live, 0);
    }
}

/* ---- Memory ------------------------------------------------------------------------------ */

/* The channel goes on, and the recording says what it lacks. */
TEST(a_recording_without_memory_harms_nobody)
{
    struct test_mem *mem;
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct channel_bench b;

        channel_bench_init(&b);
        b.options.service_config = ROUND;
        b.record_sink = &recording_start()->sink;
        mem = &b.mem;
        mem->fail_at = n;
        if (channel_bench_open(&b, "manual:///test") != GREBE_OK) {
            has_failed = mem->has_failed;
            assert_int_equal(mem->n_live, 0);
            sim_fini(&b.sim);
            continue;
        }
        channel_bench_servers(&b, "a b");
        b.resolves_to = "a b";
        channel_bench_connect(&b);
        grebe_call_unref(channel_bench_call(&b, NULL));
        channel_bench_advance_ms(&b, 2000);
        has_failed = mem->has_failed;
        channel_bench_fini(&b);
    }
}

TEST(a_replay_without_memory_says_so)
{
    struct channel_bench b;
    struct recording *recording;
    bool has_failed = true;

    start(&b, NEST);
    channel_bench_connect(&b);
    channel_bench_resolve(&b, "a b");
    calls(&b, 6);
    channel_bench_advance_ms(&b, 100);
    recording = grebe_container_of(b.record_sink, struct recording, sink);
    channel_bench_fini(&b);
    for (uint32_t n = 1; has_failed; n++) {
        struct test_mem mem;
        const struct replayed *replayed;

        test_mem_init(&mem);
        mem.fail_at = n;
        replayed = recording_replay(recording, &mem.interface);
        has_failed = mem.has_failed;
        assert_int_equal(mem.n_live, 0);
        if (!has_failed)
            assert_string_equal(replayed->differences, "");
    }
}

static int set_up(void **state)
{
    (void)state;
    return grebe_balancer_register(&nest_builder);
}

static int tear_down(void **state)
{
    (void)state;
    grebe_balancer_unregister("nest");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_decides_the_same),
        cmocka_unit_test(pick_first_decides_the_same),
        cmocka_unit_test(a_users_policy_with_a_policy_inside_decides_the_same),
        cmocka_unit_test(what_health_checks_say_comes_again),
        cmocka_unit_test(a_policy_that_takes_over_from_another_comes_again),
        cmocka_unit_test(policies_of_all_kinds_decide_the_same),
        cmocka_unit_test(a_pick_that_is_decided_otherwise_is_shown_at_its_line),
        cmocka_unit_test(
            a_request_that_is_not_made_ends_the_comparison_until_the_next_build),
        cmocka_unit_test(an_input_that_was_left_out_is_noticed),
        cmocka_unit_test(a_policy_that_has_changed_decides_otherwise),
        cmocka_unit_test(after_lost_lines_nothing_is_compared_until_the_next_build),
        cmocka_unit_test(a_recording_may_end_anywhere),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(lines_in_any_order_are_survived),
        cmocka_unit_test(a_recording_without_memory_harms_nobody),
        cmocka_unit_test(a_replay_without_memory_says_so),
    };

    return cmocka_run_group_tests_name("replay", tests, set_up, tear_down);
}
