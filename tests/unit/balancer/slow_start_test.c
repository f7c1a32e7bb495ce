/* SPDX-License-Identifier: Apache-2.0 */
/* slow_start on virtual time: shares of endpoints that are new, or back.  Source: gRFC A100
 * (draft), for the factor; shares follow from it. */
#include "support/test.h"

#include <grebe/explain.h>
#include <grebe/registry.h>

#include "balancer/slow_start.h"
#include "base/ramp.h"
#include "base/rng.h"
#include "support/channel_bench.h"
#include "support/lb_bench.h"

#define CONFIG(window, aggression, child)                                                \
    "{\"slowStartWindow\": \"" #window "s\", \"aggression\": " #aggression               \
    ", \"childPolicy\": [{\"" child "\": {}}]}"

static struct lb_bench bench, *const b = &bench;
static struct grebe__rng rng;

static void start(const char *config)
{
    grebe__rng_seed(&rng, 1);
    assert_true(lb_bench_init(b, &grebe__slow_start, 1));
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
}

static void make_ready(const char *address)
{
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_READY, NULL);
    lb_bench_health(b, address, GREBE_READY, NULL);
}

static void advance_s(uint64_t s)
{
    lb_bench_advance_ms(b, s * 1000);
}

/* a and those before `name` READY for a minute and more, `name` just now. */
static void start_with_one_new(const char *config, const char *old, const char *all,
                               const char *name)
{
    start(config);
    lb_bench_set(b, old);
    advance_s(100);
    assert_int_equal(lb_bench_update(b, all, NULL), GREBE_OK);
    make_ready(name);
}

/* ---- Calls ------------------------------------------------------------------------------- */

static void pick(struct grebe_pick *out)
{
    const struct grebe_pick_args args = {
        .method = "/s/m",
        .now_ns = b->lab.sim.env.now_ns,
        .deadline_ns = UINT64_MAX,
        .random = grebe__rng_next(&rng),
    };

    grebe_pick_init(out);
    grebe_picker_pick(b->lab.picker, &args, out);
    assert_int_equal(out->kind, GREBE_PICK_COMPLETE);
}

static void end(const struct grebe_pick *pick)
{
    const struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info info = {.status = &ok, .bytes_sent = true};

    grebe_pick_end(pick, &info);
}

/* Of n calls, each over before the next. */
static unsigned n_to(const char *address, unsigned n)
{
    unsigned n_to = 0;

    for (unsigned i = 0; i < n; i++) {
        struct grebe_pick chosen;

        pick(&chosen);
        n_to += strcmp(grebe_address_text(chosen.subconn->address), address) == 0;
        end(&chosen);
    }
    return n_to;
}

/* `n` is as `share` of N says, give or take 4 sigma. */
enum { N = 40000 };

static void expect_share(unsigned n, double share)
{
    double off = n - share * N;

    if (off * off > 16 * N * share * (1 - share))
        fail_msg("%u of %d calls, expected were %.0f", n, N, share * N);
}

/* ---- Shares ------------------------------------------------------------------------------- */

static const struct {
    unsigned s;
    double factor; /* of a window of 60 s, aggression 1, at least 10 % */
} steps[] = {{0, .1}, {6, .1}, {15, .25}, {30, .5}, {45, .75}, {59, 59.0 / 60}, {60, 1}};

/* The child takes all four alike, so the new one takes factor / (3 + factor). */
TEST(share_of_a_newcomer_grows_in_a_straight_line)
{
    unsigned now = 0;

    start_with_one_new(CONFIG(60, 1, "round_robin"), "a=R b=R c=R", "a b c d", "d");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        advance_s(steps[i].s - now);
        now = steps[i].s;
        expect_share(n_to("d", N), steps[i].factor / (3 + steps[i].factor));
    }
    lb_bench_fini(b);
}

/* The others share the rest as ever. */
TEST(the_others_take_the_rest_alike)
{
    start_with_one_new(CONFIG(60, 1, "round_robin"), "a=R b=R c=R", "a b c d", "d");
    advance_s(15);
    expect_share(n_to("a", N), 1 / 3.25);
    expect_share(n_to("b", N), 1 / 3.25);
    expect_share(n_to("c", N), 1 / 3.25);
    lb_bench_fini(b);
}

TEST(aggression_bends_the_line)
{
    static const struct {
        const char *config;
        double factor; /* after 15 of 60 s */
    } cases[] = {
        {CONFIG(60, 2, "round_robin"), .5},
        {CONFIG(60, 0.5, "round_robin"), .1}, /* .0625, but for the least */
        {CONFIG(60, 1.5, "round_robin"), .396850},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start_with_one_new(cases[i].config, "a=R b=R c=R", "a b c d", "d");
        advance_s(15);
        expect_share(n_to("d", N), cases[i].factor / (3 + cases[i].factor));
        lb_bench_fini(b);
    }
}

/* Exactly, and in their order: there is nothing to be new against. */
TEST(those_who_start_together_share_as_always)
{
    start(CONFIG(60, 1, "round_robin"));
    lb_bench_set(b, "a=R b=R c=R");
    assert_string_equal(lb_bench_cycle(b), "a b c");
    advance_s(30);
    assert_string_equal(lb_bench_cycle(b), "a b c");
    lb_bench_fini(b);
}

/* Two that came at different times, before anybody's window is over: a's factor is .5, b's is
 * .25, and half of what a takes is b's. */
TEST(among_newcomers_the_oldest_is_the_measure)
{
    start(CONFIG(60, 1, "round_robin"));
    lb_bench_set(b, "a=R");
    advance_s(15);
    assert_int_equal(lb_bench_update(b, "a b", NULL), GREBE_OK);
    make_ready("b");
    advance_s(15);
    expect_share(n_to("b", N), 1.0 / 3);
    lb_bench_fini(b);
}

TEST(when_the_window_is_over_turns_are_exact_again)
{
    start_with_one_new(CONFIG(60, 1, "round_robin"), "a=R b=R", "a b c", "c");
    advance_s(60);
    assert_string_equal(lb_bench_cycle(b), "a b c");
    lb_bench_fini(b);
}

/* Nine of ten are new: the one that is not is chosen by ten draws out of ten thousand, not
 * each time, and takes .1 / (.1 + .9 * .1) of the calls, less what ten tries leave: with r =
 * .81 it is .1 (1 - r^9) / (1 - r) + .1 r^9 = .4624, were the draws independent.  Turns are
 * not: nine new ones in a row and the old one is next. */
TEST(the_child_is_asked_ten_times_at_most)
{
    unsigned n;

    start(CONFIG(60, 1, "round_robin"));
    lb_bench_set(b, "a=R");
    advance_s(100);
    assert_int_equal(lb_bench_update(b, "a b c d e f g h i j", NULL), GREBE_OK);
    for (const char *name = "bcdefghij"; *name != '\0'; name++)
        make_ready((char[]){*name, '\0'});
    n = n_to("a", N);
    expect_share(n, .1 / (.1 + .9 * .1));
    lb_bench_fini(b);
}

/* ---- Who is new ------------------------------------------------------------------------------ */

TEST(who_lost_its_connection_starts_anew)
{
    start(CONFIG(60, 1, "round_robin"));
    lb_bench_set(b, "a=R b=R");
    advance_s(100);
    lb_bench_subconn(b, "b", GREBE_IDLE, NULL);
    advance_s(100);
    make_ready("b");
    expect_share(n_to("b", N), .1 / 1.1);
    advance_s(30);
    expect_share(n_to("b", N), .5 / 1.5);
    lb_bench_fini(b);
}

/* It counts from when it is healthy, not from when it was connected. */
TEST(who_was_ill_starts_anew)
{
    start(CONFIG(60, 1, "round_robin"));
    lb_bench_set(b, "a=R b=R");
    advance_s(100);
    lb_bench_health(b, "b", GREBE_TRANSIENT_FAILURE, "ill");
    assert_int_equal(n_to("b", 100), 0);
    advance_s(100);
    lb_bench_health(b, "b", GREBE_READY, NULL);
    advance_s(15);
    expect_share(n_to("b", N), .25 / 1.25);
    lb_bench_health(b, "b", GREBE_READY, NULL); /* no news */
    advance_s(15);
    expect_share(n_to("b", N), .5 / 1.5);
    lb_bench_fini(b);
}

/* Whichever of the two is the parent. */
static const char *const with_outlier_detection[] = {
    "{\"slowStartWindow\": \"60s\", \"childPolicy\": [{\"outlier_detection\": {"
    "\"failurePercentageEjection\": {\"enforcementPercentage\": 100, \"minimumHosts\": 1, "
    "\"requestVolume\": 5}, \"childPolicy\": [{\"round_robin\": {}}]}}]}",
    "{\"failurePercentageEjection\": {\"enforcementPercentage\": 100, \"minimumHosts\": 1, "
    "\"requestVolume\": 5}, \"childPolicy\": [{\"slow_start\": {\"slowStartWindow\": \"60s\", "
    "\"childPolicy\": [{\"round_robin\": {}}]}}]}",
};

TEST(who_was_ejected_starts_anew)
{
    for (size_t i = 0; i < 2; i++) {
        const struct grebe_status failed = grebe_status_of(GREBE_STATUS_INTERNAL, "");
        const struct grebe_done_info info = {.status = &failed, .bytes_sent = true};
        unsigned n_failed = 0;

        grebe__rng_seed(&rng, 1);
        assert_true(lb_bench_init(
            b, grebe_balancer_get(i == 0 ? "slow_start" : "outlier_detection"), 1));
        assert_int_equal(lb_bench_config(b, with_outlier_detection[i]), GREBE_OK);
        lb_bench_set(b, "a=R b=R");
        advance_s(100);
        while (n_failed < 5) {
            struct grebe_pick chosen;

            pick(&chosen);
            if (strcmp(grebe_address_text(chosen.subconn->address), "b") != 0) {
                end(&chosen);
                continue;
            }
            grebe_pick_end(&chosen, &info);
            n_failed++;
        }
        advance_s(10);
        assert_int_equal(n_to("b", 100), 0);
        advance_s(40);
        expect_share(n_to("b", N), .1 / 1.1);
        advance_s(30);
        expect_share(n_to("b", N), .5 / 1.5);
        lb_bench_fini(b);
    }
}

/* ---- What is given back ------------------------------------------------------------------------ */

/* A policy that counts its open calls, and takes the endpoint with the fewest: one that is
 * new would have all calls until it has as many as the others.  Here it is held to its
 * share, and the counts come out even. */
static unsigned n_open[4], n_discarded;
static bool insists; /* on c */

static void on_done(void *arg, const struct grebe_done_info *info)
{
    assert_true(*(unsigned *)arg > 0);
    --*(unsigned *)arg;
    n_discarded += info->is_discarded;
}

struct fewest_picker {
    struct grebe_picker base;
    size_t n;
    struct grebe_picker *children[4];
};

static void fewest_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                        struct grebe_pick *out)
{
    struct fewest_picker *picker = grebe_container_of(base, struct fewest_picker, base);
    size_t chosen = args->random % picker->n, other = args->random / 7 % picker->n;

    if (n_open[other] < n_open[chosen])
        chosen = other;
    for (size_t i = 0; insists && i < picker->n; i++)
        if (strcmp(grebe_address_text(grebe_picker_subconn(picker->children[i])->address),
                   "c") == 0)
            chosen = i;
    grebe_picker_pick(picker->children[chosen], args, out);
    assert_null(out->on_done);
    assert_int_equal(out->n_listeners, 0);
    out->on_done = on_done;
    out->on_done_arg = &n_open[chosen];
    n_open[chosen]++;
}

static void fewest_destroy(struct grebe_picker *base)
{
    struct fewest_picker *picker = grebe_container_of(base, struct fewest_picker, base);

    for (size_t i = 0; i < picker->n; i++)
        grebe_picker_unref(picker->children[i]);
    grebe_mem_free(NULL, picker);
}

static const struct grebe_picker_ops fewest_ops = {.pick = fewest_pick,
                                                   .destroy = fewest_destroy};

static struct fewest {
    struct grebe_balancer base;
    struct grebe_endpoint_sharding *sharding;
} fewest;

static void on_children(void *arg, struct grebe_client_conn *cc,
                        enum grebe_connectivity state,
                        const struct grebe_sharding_child *children, size_t n)
{
    struct fewest_picker *picker = grebe_mem_zalloc(NULL, sizeof *picker);

    (void)arg;
    grebe_picker_init(&picker->base, &fewest_ops);
    for (size_t i = 0; i < n; i++)
        if (children[i].state == GREBE_READY)
            picker->children[picker->n++] = grebe_picker_ref(children[i].picker);
    if (picker->n > 0) {
        grebe_client_conn_update_state(cc, state, &picker->base);
        return;
    }
    grebe_picker_unref(&picker->base);
    grebe_client_conn_update_state(cc, state, NULL);
}

static const struct grebe_endpoint_sharding_ops sharding_ops = {.on_children =
                                                                    on_children};

static int fewest_update(struct grebe_balancer *base,
                         const struct grebe_balancer_update *update)
{
    struct grebe_balancer_update for_children = *update;

    (void)base;
    for_children.config = NULL;
    return grebe_endpoint_sharding_update(fewest.sharding, &for_children);
}

static void fewest_settled(struct grebe_balancer *base)
{
    (void)base;
    grebe_endpoint_sharding_settled(fewest.sharding);
}

static void fewest_done(struct grebe_balancer *base)
{
    (void)base;
    grebe_endpoint_sharding_destroy(fewest.sharding);
}

static const struct grebe_balancer_ops fewest_balancer_ops = {
    .update = fewest_update, .settled = fewest_settled, .destroy = fewest_done};

static int fewest_build(struct grebe_client_conn *cc,
                        const struct grebe_build_options *options,
                        struct grebe_balancer **out)
{
    struct grebe_endpoint_sharding_options how = GREBE_ENDPOINT_SHARDING_OPTIONS_INIT;

    (void)options;
    grebe_balancer_init(&fewest.base, &fewest_balancer_ops);
    how.ops = &sharding_ops;
    assert_int_equal(grebe_endpoint_sharding_new(cc, &how, &fewest.sharding), GREBE_OK);
    *out = &fewest.base;
    return GREBE_OK;
}

/* No health is heard of its subconns. */
static void connect_alone(const char *address)
{
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_READY, NULL);
}

static const struct grebe_balancer_builder fewest_builder = {
    .api = GREBE_BALANCER_API, .name = "fewest", .build = fewest_build};

static void start_fewest(void)
{
    memset(n_open, 0, sizeof n_open);
    n_discarded = 0;
    insists = false;
    assert_int_equal(grebe_balancer_register(&fewest_builder), GREBE_OK);
    start(CONFIG(60, 1, "fewest"));
    assert_int_equal(lb_bench_update(b, "a b", NULL), GREBE_OK);
    connect_alone("a");
    connect_alone("b");
    advance_s(100);
    assert_int_equal(lb_bench_update(b, "a b c", NULL), GREBE_OK);
    connect_alone("c");
}

static void end_fewest(void)
{
    lb_bench_fini(b);
    grebe_balancer_unregister("fewest");
}

/* Of n calls, those to c; after each the counts have to be right. */
static unsigned n_to_newcomer(unsigned n)
{
    unsigned n_new = 0;

    for (unsigned i = 0; i < n; i++) {
        struct grebe_pick chosen;

        pick(&chosen);
        n_new += strcmp(grebe_address_text(chosen.subconn->address), "c") == 0;
        assert_int_equal(n_open[0] + n_open[1] + n_open[2] + n_open[3], 1);
        end(&chosen);
        assert_int_equal(n_open[0] + n_open[1] + n_open[2] + n_open[3], 0);
    }
    return n_new;
}

/* The child would give c a third; nine times out of ten it is asked again. */
TEST(picks_that_are_given_back_are_told_once_as_discarded)
{
    start_fewest();
    expect_share(n_to_newcomer(N), .1 / 2.1);
    assert_in_range(n_discarded, N * .3 / .7 * .97, N * .3 / .7 * 1.03);
    end_fewest();
}

/* Those that came before are not in service: they are no measure for the others. */
TEST(who_is_out_of_service_makes_nobody_new)
{
    start_fewest();
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    lb_bench_subconn(b, "b", GREBE_IDLE, NULL);
    assert_int_equal(lb_bench_update(b, "a b c d", NULL), GREBE_OK);
    connect_alone("d");
    assert_in_range(n_to_newcomer(1000), 1, 999);
    assert_int_equal(n_discarded, 0);
    end_fewest();
}

/* With one place to go it is asked ten times, and not for ever. */
TEST(a_child_that_insists_is_given_its_way)
{
    start_fewest();
    insists = true;
    assert_int_equal(n_to_newcomer(1000), 1000);
    assert_in_range(n_discarded, 5300, 5730); /* .9 + ... + .9^9 each: 5.51 */
    end_fewest();
}

/* ---- Configuration ------------------------------------------------------------------------------ */

#define CHILD "\"childPolicy\": [{\"round_robin\": {}}]"

static const struct {
    const char *json, *error;
} wrong[] = {
    {"{\"slowStartWindow\": \"-1s\", " CHILD "}",
     "slowStartWindow: must be non-negative"},
    {"{\"slowStartWindow\": 60, " CHILD "}",
     "slowStartWindow: expected a string, found a number"},
    {"{\"aggression\": 0, " CHILD "}", "aggression: must be greater than 0"},
    {"{\"aggression\": -1, " CHILD "}", "aggression: must be greater than 0"},
    {"{\"aggression\": \"NaN\", " CHILD "}",
     "aggression: expected a number, found a string"},
    {"{\"minWeightPercent\": -0.1, " CHILD "}",
     "minWeightPercent: must be between 0 and 100"},
    {"{\"minWeightPercent\": 100.5, " CHILD "}",
     "minWeightPercent: must be between 0 and 100"},
    {"{}", "childPolicy: ChildPolicy must be specified"},
    {"{\"childPolicy\": [{\"nobody\": {}}]}",
     "childPolicy: no supported policies found in [nobody]"},
};

TEST(wrong_values_are_named)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_true(lb_bench_init(b, &grebe__slow_start, 1));
        assert_int_equal(lb_bench_config(b, wrong[i].json), GREBE_ERR_CONFIG);
        assert_string_equal(b->text, wrong[i].error);
        lb_bench_fini(b);
    }
}

TEST(without_a_window_nothing_is_slowed_down)
{
    start_with_one_new("{" CHILD "}", "a=R b=R", "a b c", "c");
    assert_string_equal(lb_bench_cycle(b), "a b c");
    lb_bench_fini(b);
}

TEST(a_new_window_counts_at_once)
{
    start_with_one_new(CONFIG(60, 1, "round_robin"), "a=R b=R", "a b c", "c");
    advance_s(30);
    expect_share(n_to("c", N), .5 / 2.5);
    assert_int_equal(lb_bench_config(b, CONFIG(120, 1, "round_robin")), GREBE_OK);
    assert_int_equal(lb_bench_update(b, "a b c", NULL), GREBE_OK);
    expect_share(n_to("c", N), .25 / 2.25); /* the others have been there for 130 s */
    assert_int_equal(lb_bench_config(b, "{" CHILD "}"), GREBE_OK);
    assert_int_equal(lb_bench_update(b, "a b c", NULL), GREBE_OK);
    assert_string_equal(lb_bench_cycle(b), "a b c");
    lb_bench_fini(b);
}

#define LEAST(percent)                                                                   \
    "{\"slowStartWindow\": \"60s\", \"minWeightPercent\": " #percent ", " CHILD "}"

/* With a window that stays as it is. */
TEST(a_new_aggression_and_a_new_minimum_count_at_once)
{
    static const struct {
        const char *config;
        double factor; /* after 15 of 60 s */
    } cases[] = {
        {CONFIG(60, 2, "round_robin"), .5},
        {CONFIG(60, 1, "round_robin"), .25},
        {LEAST(40), .4},
        {LEAST(30), .3},
    };

    start_with_one_new(CONFIG(60, 1, "round_robin"), "a=R", "a b", "b");
    advance_s(15);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(lb_bench_config(b, cases[i].config), GREBE_OK);
        assert_int_equal(lb_bench_update(b, "a b", NULL), GREBE_OK);
        expect_share(n_to("b", N), cases[i].factor / (1 + cases[i].factor));
    }
    lb_bench_fini(b);
}

/* The child has nothing new to say. */
TEST(a_window_begins_and_ends_with_its_config)
{
    struct grebe_picker *of_child;

    start("{\"childPolicy\": [{\"pick_first\": {}}]}");
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_OK);
    lb_bench_subconn(b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "a", GREBE_READY, NULL);
    of_child = b->lab.picker;
    assert_int_equal(lb_bench_config(b, CONFIG(60, 1, "pick_first")), GREBE_OK);
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_OK);
    assert_ptr_not_equal(b->lab.picker, of_child);
    assert_int_equal(lb_bench_config(b, "{\"childPolicy\": [{\"pick_first\": {}}]}"),
                     GREBE_OK);
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_OK);
    assert_ptr_equal(b->lab.picker, of_child);
    lb_bench_fini(b);
}

TEST(named_without_a_configuration_it_says_what_it_needs)
{
    assert_true(lb_bench_init(b, &grebe__slow_start, 1));
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_ERR_CONFIG);
    assert_string_equal(lb_bench_pick(b),
                        "fail: slow_start needs a configuration: name it in "
                        "loadBalancingConfig, with one");
    lb_bench_fini(b);
}

/* ---- The rest -------------------------------------------------------------------------------------- */

TEST(errors_and_waiting_are_the_childs)
{
    start(CONFIG(60, 1, "round_robin"));
    lb_bench_resolver_error(b, "no such host");
    assert_string_equal(lb_bench_pick(b), "fail: no such host");
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_OK);
    assert_string_equal(lb_bench_pick(b), "queue");
    lb_bench_subconn(b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    assert_string_equal(lb_bench_pick(b), "fail: connection refused");
    lb_bench_fini(b);
}

TEST(wishes_for_a_connection_are_the_childs)
{
    start(CONFIG(60, 1, "pick_first"));
    assert_int_equal(lb_bench_update(b, "a", NULL), GREBE_OK);
    connect_alone("a");
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    lb_bench_log(b);
    lb_bench_exit_idle(b);
    assert_non_null(strstr(lb_bench_log(b), "connect a"));
    lb_bench_fini(b);
}

TEST(calls_may_outlive_the_policy)
{
    struct grebe_pick chosen;
    struct grebe_subconn *subconn;

    start_with_one_new(CONFIG(60, 1, "round_robin"), "a=R b=R", "a b c", "c");
    pick(&chosen);
    subconn = grebe_subconn_ref(chosen.subconn);
    lab_close(&b->lab);
    end(&chosen);
    grebe_subconn_unref(subconn);
    lb_bench_fini(b);
}

/* A state that was on its way when the policy was destroyed. */
TEST(states_after_the_end_are_nobodys)
{
    struct grebe_subconn *subconn;
    struct grebe_pick chosen;

    start(CONFIG(60, 1, "round_robin"));
    lb_bench_set(b, "a=R");
    pick(&chosen);
    subconn = chosen.subconn;
    end(&chosen);
    grebe__env_enter(&b->lab.sim.env);
    grebe_client_conn_close(b->lab.root);
    b->lab.root = NULL;
    grebe__subconn_deliver(subconn, GREBE_IDLE, NULL);
    grebe__subconn_deliver(subconn, GREBE_READY, NULL);
    grebe__env_leave(&b->lab.sim.env);
    lb_bench_fini(b);
}

/* What was said for a choice that was given back is not told. */
TEST(an_explanation_tells_the_last_choice_alone)
{
    struct channel_bench c;
    char text[4096];
    bool had_note = false;

    channel_bench_start(&c, "{\"loadBalancingConfig\": [{\"slow_start\": " CONFIG(
                                60, 1, "round_robin") "}]}");
    channel_bench_servers(&c, "a b c");
    channel_bench_connect(&c);
    channel_bench_resolve(&c, "a b");
    channel_bench_advance_ms(&c, 100000);
    channel_bench_resolve(&c, "a b c");
    channel_bench_advance_ms(&c, 1);
    for (unsigned i = 0; i < 30; i++) {
        struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
        const struct grebe_explanation *explanation;
        unsigned n_chosen = 0;
        struct grebe_call *call;

        options.wants_explanation = true;
        call = channel_bench_call(&c, &options);
        explanation = grebe_call_explain(call);
        assert_int_equal(grebe_explanation_n_policies(explanation), 2);
        assert_int_equal(grebe_explanation_n_candidates(explanation, NULL), 3);
        for (size_t k = 0; k < 3; k++) {
            const struct grebe_explained_candidate *candidate =
                grebe_explanation_candidate(explanation, k);

            n_chosen += candidate->is_chosen;
            if (candidate->is_chosen)
                assert_string_equal(candidate->address, grebe_call_peer(call));
        }
        assert_int_equal(n_chosen, 1);
        grebe_explanation_format(explanation, text, sizeof text);
        assert_ptr_equal(strstr(text, "slow_start: who is new gets few calls at first"),
                         text);
        had_note |=
            strstr(text, "(1 chosen before it, for being new, given back)") != NULL;
        grebe_call_unref(call);
    }
    assert_true(had_note);
    channel_bench_resolve(&c, "a b"); /* the subconn for c is freed, and forgotten */
    channel_bench_advance_ms(&c, 1);
    channel_bench_resolve(&c, "a b c");
    channel_bench_advance_ms(&c, 1);
    channel_bench_fini(&c);
}

static void script(struct lb_bench *lb)
{
    (void)lb_bench_config(lb, CONFIG(60, 2, "round_robin"));
    if (lb->n_configs == 0)
        return;
    lb_bench_set(lb, "a=R b=R");
    lb_bench_advance_ms(lb, 100000);
    lb_bench_update(lb, "a b c", NULL);
    for (unsigned i = 0; i < 20; i++)
        lb_bench_pick(lb);
    lb_bench_advance_ms(lb, 30000);
    lb_bench_update(lb, "b c", NULL);
}

TEST(want_of_memory_is_survived)
{
    lb_bench_sweep(&grebe__slow_start, script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(share_of_a_newcomer_grows_in_a_straight_line),
        cmocka_unit_test(the_others_take_the_rest_alike),
        cmocka_unit_test(aggression_bends_the_line),
        cmocka_unit_test(those_who_start_together_share_as_always),
        cmocka_unit_test(among_newcomers_the_oldest_is_the_measure),
        cmocka_unit_test(when_the_window_is_over_turns_are_exact_again),
        cmocka_unit_test(the_child_is_asked_ten_times_at_most),
        cmocka_unit_test(who_lost_its_connection_starts_anew),
        cmocka_unit_test(who_was_ill_starts_anew),
        cmocka_unit_test(who_was_ejected_starts_anew),
        cmocka_unit_test(picks_that_are_given_back_are_told_once_as_discarded),
        cmocka_unit_test(who_is_out_of_service_makes_nobody_new),
        cmocka_unit_test(a_child_that_insists_is_given_its_way),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test(without_a_window_nothing_is_slowed_down),
        cmocka_unit_test(a_new_window_counts_at_once),
        cmocka_unit_test(a_new_aggression_and_a_new_minimum_count_at_once),
        cmocka_unit_test(a_window_begins_and_ends_with_its_config),
        cmocka_unit_test(named_without_a_configuration_it_says_what_it_needs),
        cmocka_unit_test(errors_and_waiting_are_the_childs),
        cmocka_unit_test(wishes_for_a_connection_are_the_childs),
        cmocka_unit_test(calls_may_outlive_the_policy),
        cmocka_unit_test(states_after_the_end_are_nobodys),
        cmocka_unit_test(an_explanation_tells_the_last_choice_alone),
        cmocka_unit_test(want_of_memory_is_survived),
    };

    return cmocka_run_group_tests_name("slow_start", tests, NULL, NULL);
}
