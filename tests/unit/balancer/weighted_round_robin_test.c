/* SPDX-License-Identifier: Apache-2.0 */
/* weighted_round_robin where a script of tests/lab cannot go: short of memory, with labels,
 * and in a channel.  What it does otherwise is in tests/lab/weighted_round_robin_*.jsonl. */
#include "support/test.h"

#include <grebe/explain.h>

#include "balancer/weighted_round_robin.h"
#include "base/assert.h"
#include "config/json.h"
#include "sim/orca.h"
#include "sim/services.h"
#include "support/channel_bench.h"
#include "support/figures.h"
#include "support/lb_bench.h"

/* ---- Out of memory ------------------------------------------------------------------- */

static void *parse(const char *text)
{
    const struct grebe_json *json = NULL;
    void *config = NULL;

    assert_int_equal(grebe__json_parse(text, strlen(text), NULL, &json), GREBE_OK);
    assert_int_equal(grebe__weighted_round_robin.parse_config(json, NULL, &config),
                     GREBE_OK);
    grebe_json_free(json);
    return config;
}

static void report(struct lb_bench *b, const char *address, double rps)
{
    const struct grebe_load_report load = {.rps = rps, .cpu_utilization = 1};
    struct lab_subconn *subconn = lab_find_subconn(&b->lab, address);
    unsigned char *bytes;
    size_t length;

    assert_int_equal(sim_orca_write(NULL, &load, &bytes, &length), GREBE_OK);
    if (subconn != NULL)
        lab_report_load(subconn, bytes, length);
    grebe_mem_free(NULL, bytes);
}

static void *configs[2];

static void live_a_life(struct lb_bench *b)
{
    lb_bench_set(b, "a=R b=R c=T");
    lb_bench_pick(b);
    lb_bench_update(b, "a b c", configs[0]);
    report(b, "a", 10);
    report(b, "b", 20);
    lb_bench_advance_ms(b, 1000);
    lb_bench_pick(b);
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    lb_bench_update(b, "b c d", configs[1]);
    lb_bench_advance_ms(b, 2000);
    lb_bench_resolver_error(b, "gone");
    lb_bench_update(b, "", NULL);
    lb_bench_pick(b);
}

TEST(out_of_memory_anywhere_is_survived)
{
    configs[0] = parse("{\"enableOobLoadReport\":true,\"blackoutPeriod\":\"0s\"}");
    configs[1] = parse("{\"metricNamesForComputingUtilization\":[\"mem_utilization\"]}");
    lb_bench_sweep(&grebe__weighted_round_robin, live_a_life);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(configs); i++)
        grebe__weighted_round_robin.free_config(configs[i]);
}

TEST(out_of_memory_keeps_the_last_picker_and_its_weights)
{
    void *config = parse("{\"enableOobLoadReport\":true,\"blackoutPeriod\":\"0s\"}");
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__weighted_round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    lb_bench_update(&b, "a b", config);
    report(&b, "a", 10);
    report(&b, "b", 10);
    b.mem.fail_at = b.mem.n_allocs + 1; /* the next allocation */
    assert_int_equal(lb_bench_update(&b, "a b c", NULL), GREBE_ERR_NOMEM);
    assert_true(b.mem.has_failed);
    report(&b, "b", 30);
    lb_bench_advance_ms(&b, 1000);
    assert_int_equal(lb_bench_count(&b, 400, "b"), 300);
    lb_bench_fini(&b);
    grebe__weighted_round_robin.free_config(config);
}

/* W-38: the clock goes on, the policy does not. */
TEST(weights_are_looked_at_once_a_second_and_cost_no_memory)
{
    struct lb_bench b;
    uint32_t n_allocs, n_published;

    assert_true(lb_bench_init(&b, &grebe__weighted_round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    n_allocs = b.mem.n_allocs;
    n_published = b.n_published;
    lb_bench_advance_ms(&b, 100000);
    for (int i = 0; i < 1000; i++)
        lb_bench_pick(&b);
    assert_int_equal(b.mem.n_allocs, n_allocs);
    assert_int_equal(b.n_published, n_published);
    lb_bench_fini(&b);
}

/* ---- Slow start (draft gRFC A100) ---------------------------------------------------- */

static void make_ready(struct lb_bench *b, const char *address)
{
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_READY, NULL);
    lb_bench_health(b, address, GREBE_READY, NULL);
}

/* a and b have been there for long, c is READY now. */
static void *start_with_newcomer(struct lb_bench *b, const char *text)
{
    void *config = parse(text);

    assert_true(lb_bench_init(b, &grebe__weighted_round_robin, 1));
    lb_bench_update(b, "a b", config);
    make_ready(b, "a");
    make_ready(b, "b");
    lb_bench_advance_ms(b, 100000);
    lb_bench_update(b, "a b c", config);
    make_ready(b, "c");
    return config;
}

/* Of 10,000 calls; shares of strides are of 16 bits. */
static void expect_ten_thousandths(struct lb_bench *b, const char *address, uint32_t n)
{
    uint32_t found = lb_bench_count(b, 10000, address);

    assert_in_range(found, n - 5, n + 5);
}

#define SLOWLY "\"slowStartConfig\":{\"slowStartWindow\":\"60s\"}"

/* c can do twice what each of the others can, and has a quarter of that so far. */
TEST(the_weight_of_a_newcomer_grows)
{
    struct lb_bench b;
    void *config = start_with_newcomer(
        &b, "{\"enableOobLoadReport\":true,\"blackoutPeriod\":\"0s\"," SLOWLY "}");

    report(&b, "a", 10);
    report(&b, "b", 10);
    report(&b, "c", 20);
    lb_bench_advance_ms(&b, 15000);
    expect_ten_thousandths(&b, "c", 10000 * 5 / 25);
    lb_bench_advance_ms(&b, 15000);
    expect_ten_thousandths(&b, "c", 10000 * 10 / 30);
    lb_bench_advance_ms(&b, 30000);
    expect_ten_thousandths(&b, "c", 10000 * 20 / 40);
    lb_bench_fini(&b);
    grebe__weighted_round_robin.free_config(config);
}

/* The mean stands for what is not known, and its factor counts, too. */
TEST(the_mean_that_stands_for_a_newcomers_weight_grows)
{
    struct lb_bench b;
    void *config = start_with_newcomer(
        &b, "{\"enableOobLoadReport\":true,\"blackoutPeriod\":\"0s\"," SLOWLY "}");

    report(&b, "a", 10);
    report(&b, "b", 30);
    lb_bench_advance_ms(&b, 15000);
    expect_ten_thousandths(&b, "c", 10000 * 5 / 45);
    expect_ten_thousandths(&b, "b", 10000 * 30 / 45);
    lb_bench_fini(&b);
    grebe__weighted_round_robin.free_config(config);
}

TEST(without_any_weights_a_newcomer_has_its_factor_alone)
{
    struct lb_bench b;
    void *config = start_with_newcomer(&b, "{" SLOWLY "}");

    lb_bench_advance_ms(&b, 30000);
    expect_ten_thousandths(&b, "c", 10000 * 1 / 5);
    lb_bench_advance_ms(&b, 30000);
    assert_string_equal(lb_bench_cycle(&b), "a b c");
    lb_bench_fini(&b);
    grebe__weighted_round_robin.free_config(config);
}

/* Its connection was there all the time. */
TEST(who_was_ill_is_new_when_it_is_well)
{
    struct lb_bench b;
    void *config = start_with_newcomer(&b, "{" SLOWLY "}");

    lb_bench_advance_ms(&b, 100000);
    assert_string_equal(lb_bench_cycle(&b), "a b c");
    lb_bench_health(&b, "a", GREBE_TRANSIENT_FAILURE, "ill");
    lb_bench_advance_ms(&b, 100000);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    lb_bench_advance_ms(&b, 30000);
    expect_ten_thousandths(&b, "a", 10000 * 1 / 5);
    lb_bench_fini(&b);
    grebe__weighted_round_robin.free_config(config);
}

/* Who can be slowed down to nothing takes nothing: that is not a weight that is unknown. */
TEST(the_slowest_start_is_no_mean)
{
    struct lb_bench b;
    void *config = start_with_newcomer(
        &b, "{\"enableOobLoadReport\":true,\"blackoutPeriod\":\"0s\","
            "\"slowStartConfig\":{\"slowStartWindow\":\"60s\",\"aggression\":0.001,"
            "\"minWeightPercent\":0}}");

    report(&b, "a", 10);
    report(&b, "b", 10);
    report(&b, "c", 10);
    lb_bench_advance_ms(&b, 2000);
    expect_ten_thousandths(&b, "c", 10000 / 301); /* a hundredth of the mean: the least */
    lb_bench_fini(&b);
    grebe__weighted_round_robin.free_config(config);
}

/* ---- In a channel -------------------------------------------------------------------- */

static const char of_calls[] = "{\"loadBalancingConfig\":[{\"weighted_round_robin\":"
                               "{\"blackoutPeriod\":\"0s\"}}]}";

static void start_with(struct channel_bench *b, struct figures *f, const char *config)
{
    figures_init(f, NULL);
    channel_bench_init(b);
    b->options.recorders = &f->recorder;
    b->options.n_recorders = 1;
    b->options.service_config = config;
    b->resolves_to = "a b";
    channel_bench_servers(b, "a b");
    sim_server_set_load(sim_server_find(&b->sim, "a"),
                        &(struct grebe_load_report){.rps = 10, .cpu_utilization = .5},
                        SECOND);
    sim_server_set_load(sim_server_find(&b->sim, "b"),
                        &(struct grebe_load_report){.rps = 30, .cpu_utilization = .5},
                        SECOND);
    assert_int_equal(channel_bench_open(b, "manual:///test"), GREBE_OK);
    channel_bench_connect(b);
}

static void start(struct channel_bench *b, struct figures *f)
{
    start_with(b, f, of_calls);
}

static unsigned share(struct channel_bench *b, unsigned n, const char *name)
{
    unsigned to_name = 0;

    while (n-- > 0) {
        struct grebe_call *call = channel_bench_call(b, NULL);

        assert_int_equal(grebe_call_status(call)->code, GREBE_STATUS_OK);
        to_name += strcmp(grebe_call_peer(call), name) == 0;
        grebe_call_unref(call);
    }
    return to_name;
}

/* gRFC A58, A51: through the trailers of real calls. */
TEST(calls_go_where_the_reports_of_calls_say)
{
    struct channel_bench b;
    struct figures f;

    start(&b, &f);
    assert_int_equal(share(&b, 10, "b"), 5);
    channel_bench_advance_ms(&b, 1000);
    assert_int_equal(share(&b, 40, "b"), 30);
    channel_bench_fini(&b);
    figures_fini(&f);
}

static void expect_explained(struct channel_bench *b, const char *expected)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct grebe_call *call;
    char text[2048];

    options.wants_explanation = true;
    call = channel_bench_call(b, &options);
    grebe_explanation_format(grebe_call_explain(call), text, sizeof text);
    assert_string_equal(text, expected);
    grebe_call_unref(call);
}

TEST(a_pick_tells_of_weights_and_whom_they_passed_over)
{
    struct channel_bench b;
    struct figures f;

    start(&b, &f);
    expect_explained(&b,
                     "weighted_round_robin: in turn, as often as its load reports say "
                     "it can (0 passed over for their weights)\n"
                     "  > b  READY  in turn, no usable load reports: as often as "
                     "the mean\n"
                     "    a  READY  in turn, no usable load reports: as often as "
                     "the mean\n"
                     "picks     0us b\n"
                     "attempts  0us to 0us b OK\n");
    share(&b, 2, "b");
    channel_bench_advance_ms(&b, 1000);
    share(&b, 3, "b");
    expect_explained(&b,
                     "weighted_round_robin: in turn, as often as its load reports say "
                     "it can (1 passed over for their weights)\n"
                     "  > b  READY  weight 60  its turn\n"
                     "    a  READY  weight 20  later, as its weight has it\n"
                     "picks     0us b\n"
                     "attempts  0us to 0us b OK\n");
    channel_bench_fini(&b);
    figures_fini(&f);
}

/* W-29: gRFC A78, with a sample for each endpoint at each look. */
TEST(what_it_counts_is_recorded_with_the_names_of_grpc)
{
    struct channel_bench b;
    struct figures f;

    start(&b, &f);
    share(&b, 2, "a");
    channel_bench_advance_ms(&b, 1000);
    assert_string_equal(figures_of(&f, "grpc.lb.wrr.rr_fallback"), "manual:///test,, 2");
    assert_string_equal(figures_of(&f, "grpc.lb.wrr.endpoint_weight_not_yet_usable"),
                        "manual:///test,, 3");
    assert_string_equal(figures_of(&f, "grpc.lb.wrr.endpoint_weight_stale"),
                        "manual:///test,, 0");
    assert_string_equal(figures_of(&f, "grpc.lb.wrr.endpoint_weights"),
                        "manual:///test,, 5/80");
    channel_bench_fini(&b);
    figures_fini(&f);
}

/* Without a slow start nobody is in one. */
TEST(without_a_slow_start_the_gauge_tells_of_nobody)
{
    static const char slowly[] =
        "{\"loadBalancingConfig\":[{\"weighted_round_robin\":{" SLOWLY "}}]}";
    static const char name[] = "grpc.lb.wrr.endpoints_in_slow_start";
    struct channel_bench b;
    struct figures f;

    start_with(&b, &f, slowly);
    assert_string_equal(figures_of(&f, name), "manual:///test,, 2");
    b.service_config = of_calls;
    channel_bench_resolve(&b, "a b");
    assert_string_equal(figures_of(&f, name), "manual:///test,, 0");
    b.service_config = slowly;
    channel_bench_resolve(&b, "a b");
    assert_string_equal(figures_of(&f, name), "manual:///test,, 2");
    channel_bench_fini(&b);
    figures_fini(&f);
}

/* ---- Labels -------------------------------------------------------------------------- */

static char labels[256];

static void keep_labels(void *arg, const struct lab_event *event)
{
    (void)arg;
    if (event->kind == LAB_METRIC)
        snprintf(labels, sizeof labels, "%s|%s|%s", event->metric.values[0],
                 event->metric.values[1], event->metric.values[2]);
}

static void resolve(struct lab *lab, const struct grebe_attributes *attributes)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address;
    struct grebe_endpoint *endpoint;

    assert_int_equal(grebe_address_new(NULL, "a", &options, &address), GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, &address, 1, NULL, &endpoint), GREBE_OK);
    assert_int_equal(
        lab_update(lab, &(struct grebe_balancer_update){.endpoints = &endpoint,
                                                        .n_endpoints = 1,
                                                        .attributes = attributes}),
        GREBE_OK);
    grebe_endpoint_unref(endpoint);
    grebe_address_unref(address);
}

/* W-39: gRFC A78, A89. */
TEST(the_update_says_what_locality_and_service_it_is)
{
    const struct lab_options options = {.seed = 1,
                                        .target = "lab:///",
                                        .builder = &grebe__weighted_round_robin,
                                        .on_event = keep_labels};
    const struct grebe_attributes *located = NULL, *both = NULL;
    struct lab lab;

    assert_int_equal(grebe_attributes_with_text(
                         NULL, NULL, &GREBE_ATTRIBUTE_LOCALITY_NAME, "L1", &located),
                     GREBE_OK);
    assert_int_equal(grebe_attributes_with_text(
                         NULL, located, &GREBE_ATTRIBUTE_BACKEND_SERVICE, "svc", &both),
                     GREBE_OK);
    assert_int_equal(lab_init(&lab, &options), GREBE_OK);
    resolve(&lab, NULL);
    lab_subconn(lab_find_subconn(&lab, "a"), GREBE_CONNECTING, NULL);
    lab_subconn(lab_find_subconn(&lab, "a"), GREBE_READY, NULL);
    assert_string_equal(labels, "lab:///||");
    resolve(&lab, both);
    assert_string_equal(labels, "lab:///|L1|svc");
    lab_fini(&lab);
    assert_int_equal(lab.n_violations, 0);
    grebe_attributes_unref(both);
    grebe_attributes_unref(located);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
        cmocka_unit_test(out_of_memory_keeps_the_last_picker_and_its_weights),
        cmocka_unit_test(weights_are_looked_at_once_a_second_and_cost_no_memory),
        cmocka_unit_test(the_weight_of_a_newcomer_grows),
        cmocka_unit_test(the_mean_that_stands_for_a_newcomers_weight_grows),
        cmocka_unit_test(without_any_weights_a_newcomer_has_its_factor_alone),
        cmocka_unit_test(who_was_ill_is_new_when_it_is_well),
        cmocka_unit_test(the_slowest_start_is_no_mean),
        cmocka_unit_test(without_a_slow_start_the_gauge_tells_of_nobody),
        cmocka_unit_test(calls_go_where_the_reports_of_calls_say),
        cmocka_unit_test(a_pick_tells_of_weights_and_whom_they_passed_over),
        cmocka_unit_test(what_it_counts_is_recorded_with_the_names_of_grpc),
        cmocka_unit_test(the_update_says_what_locality_and_service_it_is),
    };

    return cmocka_run_group_tests_name("weighted_round_robin", tests, NULL, NULL);
}
