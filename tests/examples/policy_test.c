/* SPDX-License-Identifier: Apache-2.0 */
/* The policy of an example program, named by EXAMPLE_FILE, on virtual time.  Built once
 * for each of them; what they have in common comes first. */
#include "support/test.h"

#include <pthread.h>

#include "core/subconn_stream.h"
#include "sim/orca.h"
#include "support/lb_bench.h"

int example_main(int argc, char *argv[]);

#define main example_main
#include EXAMPLE_FILE
#undef main

/* The program's own main() is not what is tested here. */
int print_shares_of(const struct grebe_balancer_builder *policy, const char *config,
                    grebe_log_fn on_log, const char *target, long n_calls)
{
    (void)policy, (void)config, (void)on_log, (void)target, (void)n_calls;
    return 2;
}

int print_shares(const char *policy, build_fn build_policy, const char *target,
                 long n_calls)
{
    (void)policy, (void)build_policy, (void)target, (void)n_calls;
    return 2;
}

int shares_main(const char *policy, build_fn build_policy, int argc, char *argv[])
{
    (void)argc, (void)argv;
    return print_shares(policy, build_policy, NULL, 0);
}

static const struct grebe_balancer_builder example = {
    .api = GREBE_BALANCER_API,
    .name = "example",
    .build = build,
};

static void start(struct lb_bench *b, const char *states)
{
    assert_true(lb_bench_init(b, &example, 1));
    lb_bench_set(b, states);
}

#ifdef EXAMPLE_custom_balancer

/* The bench knows a subconn by its first address. */
TEST(all_addresses_are_tried_on_one_subconn_that_reconnects_by_itself)
{
    struct lb_bench b;

    start(&b, "");
    lb_bench_update(&b, "a b+c", NULL);
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    assert_string_equal(lb_bench_pick(&b), "queue");
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_pick(&b), "a");
    lb_bench_log(&b);
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    assert_string_equal(lb_bench_log(&b), "connect a, IDLE");
    lb_bench_fini(&b);
}

TEST(a_new_list_goes_to_the_same_subconn_and_an_empty_one_ends_it)
{
    struct lb_bench b;

    start(&b, "");
    lb_bench_update(&b, "a b", NULL);
    lb_bench_log(&b);
    lb_bench_update(&b, "b c", NULL);
    assert_string_equal(lb_bench_log(&b), "update to b+c");
    assert_int_equal(lb_bench_update(&b, "-", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(lb_bench_log(&b), "drop b, TRANSIENT_FAILURE");
    assert_string_equal(lb_bench_pick(&b), "fail: the name has no address");
    lb_bench_fini(&b);
}

TEST(a_resolver_error_counts_only_while_nothing_else_is_known)
{
    struct lb_bench b;

    start(&b, "");
    lb_bench_resolver_error(&b, "timeout");
    assert_string_equal(lb_bench_pick(&b), "fail: timeout");
    lb_bench_update(&b, "a", NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_resolver_error(&b, "timeout");
    assert_string_equal(lb_bench_pick(&b), "a");
    lb_bench_fini(&b);
}

#elif defined EXAMPLE_logging_parent

static int parse_list(const char *text, struct grebe_diag *diag,
                      struct grebe_lb_config **out)
{
    const struct grebe_json *list;
    int result;

    assert_int_equal(grebe_json_parse(text, strlen(text), diag, &list), GREBE_OK);
    result = grebe_lb_config_parse(list, diag, out);
    grebe_json_free(list);
    return result;
}

static void update_to(struct lb_bench *b, const char *children)
{
    struct grebe_lb_config *config;
    struct grebe_diag diag;
    char text[256];

    snprintf(text, sizeof text, "[{\"logging\": {\"childPolicy\": %s}}]", children);
    if (parse_list(text, &diag, &config) != GREBE_OK)
        fail_msg("%s", diag.text);
    assert_int_equal(lb_bench_update(b, "a b", grebe_lb_config_value(config)), GREBE_OK);
    grebe_lb_config_unref(config);
}

static void connect_all(struct lb_bench *b)
{
    static const char *const names[] = {"a", "b"};

    for (size_t i = 0; i < 2; i++) {
        lb_bench_subconn(b, names[i], GREBE_CONNECTING, NULL);
        lb_bench_subconn(b, names[i], GREBE_READY, NULL);
        lb_bench_health(b, names[i], GREBE_READY, NULL);
    }
}

TEST(the_child_is_the_first_policy_that_is_known_and_changes_without_a_gap)
{
    struct lb_bench b;

    start(&b, "");
    update_to(&b, "[{\"unknown\": {}}, {\"round_robin\": {}}, {\"pick_first\": 7}]");
    connect_all(&b);
    assert_string_equal(lb_bench_cycle(&b), "a b");
    update_to(&b, "[{\"pick_first\": {}}]");
    assert_string_equal(lb_bench_cycle(&b), "a b"); /* until the new one is connected */
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_cycle(&b), "a");
    assert_int_equal(lb_bench_n_live(&b), 1);
    lb_bench_fini(&b);
}

static const struct {
    const char *config, *why;
} wrong[] = {
    {"{}", "[0].logging.childPolicy: expected a list of policies"},
    {"{\"childPolicy\": []}",
     "[0].logging.childPolicy: no supported policies found in []"},
    {"{\"childPolicy\": {}}",
     "[0].logging.childPolicy: expected a list, found an object"},
    {"{\"childPolicy\": [{\"x\": {}}, {\"y\": {}}]}",
     "[0].logging.childPolicy: no supported policies found in [x, y]"},
    {"{\"childPolicy\": [{\"logging\": {\"childPolicy\": [{\"x\": {}}, {}]}}]}",
     "[0].logging.childPolicy[0].logging.childPolicy[1]: expected one policy, found 0"},
};

TEST(what_is_wrong_with_a_child_is_told_with_its_place)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct grebe_lb_config *config = NULL;
        struct grebe_diag diag;
        char text[256];

        snprintf(text, sizeof text, "[{\"logging\": %s}]", wrong[i].config);
        assert_int_equal(parse_list(text, &diag, &config), GREBE_ERR_CONFIG);
        assert_string_equal(diag.text, wrong[i].why);
        assert_null(config);
    }
}

#else

TEST(only_ready_backends_take_calls)
{
    struct lb_bench b;

    start(&b, "a=R b=T c=R d=C e=I");
    assert_int_equal(lb_bench_count(&b, 100, "b"), 0);
    assert_int_equal(lb_bench_count(&b, 100, "d"), 0);
    assert_int_equal(lb_bench_count(&b, 100, "e"), 0);
    lb_bench_fini(&b);
    start(&b, "a=T b=C");
    assert_string_equal(lb_bench_pick(&b), "queue");
    lb_bench_fini(&b);
    start(&b, "a=T b=T");
    assert_string_equal(lb_bench_pick(&b),
                        "fail: last connection error: connection refused");
    lb_bench_fini(&b);
}

#endif

#ifdef EXAMPLE_round_robin_picker
TEST(calls_go_round)
{
    struct lb_bench b;

    start(&b, "a=R b=R c=R");
    assert_string_equal(lb_bench_cycle(&b), "a b c");
    lb_bench_fini(&b);
}
#endif

#ifdef EXAMPLE_weighted_round_robin_picker
static void set_weights(long a, long b, long c)
{
    const long all[] = {a, b, c};
    static const char *const names[] = {"a", "b", "c"};

    for (size_t i = 0; i < 3; i++) {
        weights[i].address = names[i];
        weights[i].weight = all[i];
    }
}

TEST(weights_are_kept_exactly_and_smoothly)
{
    struct lb_bench b;

    set_weights(5, 1, 2);
    start(&b, "a=R b=R c=R");
    assert_string_equal(lb_bench_cycle(&b), "a a c a a b a c");
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    assert_string_equal(lb_bench_cycle(&b), "b c c");
    lb_bench_fini(&b);
}

/* Z-1, Z-2: wherever a picker starts, and whatever the weights have in common. */
TEST(calls_follow_the_smooth_sequence)
{
    static const struct {
        long weights[3];
        const char *sequence; /* twice: each period is somewhere in it */
    } cases[] = {
        {{5, 1, 1}, "aabacaaaabacaa"},
        {{50, 10, 10}, "aabacaaaabacaa"},
        {{3, 2, 1}, "abacbaabacba"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t period = strlen(cases[i].sequence) / 2;
        struct lb_bench b;
        char picks[64];

        set_weights(cases[i].weights[0], cases[i].weights[1], cases[i].weights[2]);
        start(&b, "a=R b=R c=R");
        for (size_t k = 0; k < 5 * period; k++) {
            picks[k] = lb_bench_pick(&b)[0];
            if (k >= period)
                assert_int_equal(picks[k], picks[k - period]);
        }
        picks[period] = '\0';
        if (strstr(cases[i].sequence, picks) == NULL)
            fail_msg("%s is no turn of %s", picks, cases[i].sequence);
        lb_bench_fini(&b);
    }
}

enum { THREADS = 8, PICKS_OF_EACH = 7 };

static unsigned n_by_backend[3]; /* atomic: of a, b and c */

static void *pick_some(void *arg)
{
    struct lb_bench *b = arg;
    const struct grebe_pick_args args = {0};

    for (int i = 0; i < PICKS_OF_EACH; i++) {
        struct grebe_pick chosen = {0};

        grebe_picker_pick(b->lab.picker, &args, &chosen);
        for (uint32_t k = 0; k < 3; k++)
            if (chosen.subconn == &lab_subconn_at(&b->lab, k)->base)
                __atomic_fetch_add(&n_by_backend[k], 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* Z-3 */
TEST(threads_that_share_a_period_get_it_exactly)
{
    pthread_t threads[THREADS];
    struct lb_bench b;

    set_weights(40, 8, 8);
    start(&b, "a=R b=R c=R");
    for (int round = 1; round <= 20; round++) {
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, pick_some, &b), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(n_by_backend[0], 40 * round);
        assert_int_equal(n_by_backend[1], 8 * round);
        assert_int_equal(n_by_backend[2], 8 * round);
    }
    lb_bench_fini(&b);
}
#endif

#ifdef EXAMPLE_least_request_picker
TEST(the_backend_with_the_fewest_open_calls_is_next)
{
    const struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info info = {.status = &ok};
    struct grebe_pick open[9] = {{0}};
    unsigned n_of_first = 0;
    struct lb_bench b;

    start(&b, "a=R b=R c=R");
    for (unsigned i = 0; i < 9; i++) {
        const struct grebe_pick_args args = {.random = i * 7};

        grebe_picker_pick(b.lab.picker, &args, &open[i]);
    }
    for (unsigned i = 0; i < 9; i++)
        n_of_first += open[i].subconn == open[0].subconn;
    assert_int_equal(n_of_first, 3);
    /* A new picker takes the counts over: whoever gets a call back is the next. */
    lb_bench_update(&b, "a b c d", NULL);
    open[0].on_done(open[0].on_done_arg, &info);
    for (unsigned i = 0; i < 5; i++) {
        struct grebe_pick pick_now = {0};

        grebe_picker_pick(b.lab.picker, &(struct grebe_pick_args){.random = i},
                          &pick_now);
        assert_ptr_equal(pick_now.subconn, open[0].subconn);
        pick_now.on_done(pick_now.on_done_arg, &info);
    }
    for (unsigned i = 1; i < 9; i++)
        open[i].on_done(open[i].on_done_arg, &info);
    lb_bench_fini(&b);
}

TEST(a_call_may_end_after_the_policy)
{
    const struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_done_info info = {.status = &ok};
    struct grebe_pick open = {0};
    struct grebe_picker *picker;
    struct lb_bench b;

    start(&b, "a=R");
    picker = grebe_picker_ref(b.lab.picker);
    grebe_picker_pick(picker, &(struct grebe_pick_args){0}, &open);
    lb_bench_update(&b, "", NULL);
    grebe_picker_unref(picker);
    open.on_done(open.on_done_arg, &info);
    lb_bench_fini(&b);
}
#endif

#ifdef EXAMPLE_load_aware_picker
TEST(a_slow_backend_is_left_alone_until_its_measurement_is_old)
{
    const struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    struct grebe_done_info slow = {
        .status = &ok, .latency_ns = 100 * MS, .bytes_received = true};
    struct grebe_done_info fast = {
        .status = &ok, .latency_ns = 2 * MS, .bytes_received = true};
    struct grebe_pick_args args = {.now_ns = 5 * SECOND};
    struct grebe_pick first = {0}, second = {0}, third = {0};
    struct lb_bench b;

    slow.now_ns = fast.now_ns = args.now_ns;
    start(&b, "x=R y=R");
    grebe_picker_pick(b.lab.picker, &args, &first);
    grebe_picker_pick(b.lab.picker, &args, &second);
    assert_ptr_not_equal(first.subconn, second.subconn);
    first.on_done(first.on_done_arg, &slow);
    second.on_done(second.on_done_arg, &fast);
    for (int i = 0; i < 20; i++) {
        struct grebe_pick again = {0};

        grebe_picker_pick(b.lab.picker, &args, &again);
        assert_ptr_equal(again.subconn, second.subconn);
        again.on_done(again.on_done_arg, &fast);
    }
    /* Seven seconds on, 100 ms count for less than 2 ms measured just now. */
    args.now_ns += 7 * SECOND;
    fast.now_ns = args.now_ns;
    grebe_picker_pick(b.lab.picker, &args, &third);
    assert_ptr_equal(third.subconn, second.subconn);
    third.on_done(third.on_done_arg, &fast);
    grebe_picker_pick(b.lab.picker, &args, &third);
    assert_ptr_equal(third.subconn, first.subconn);
    third.on_done(third.on_done_arg, &fast);
    lb_bench_fini(&b);
}
#endif

#ifdef EXAMPLE_reported_load_picker
static struct grebe_subconn *subconn_of(const struct lb_bench *b, const char *address)
{
    return &lab_find_subconn(&b->lab, address)->base;
}

static void say(struct lb_bench *b, const char *address, double cpu, double application)
{
    const struct grebe_load_report report = {.cpu_utilization = cpu,
                                             .application_utilization = application};
    unsigned char *bytes;
    size_t length;

    assert_int_equal(sim_orca_write(NULL, &report, &bytes, &length), GREBE_OK);
    assert_true(lab_report_load(lab_find_subconn(&b->lab, address), bytes, length));
    grebe_mem_free(NULL, bytes);
}

/* At which load reports are wanted; 0: they are not. */
static uint64_t interval_of(const struct lb_bench *b, const char *address)
{
    const struct lab_subconn *subconn = lab_find_subconn(&b->lab, address);
    const struct grebe__subconn_stream *stream;

    if (grebe__list_is_empty(&subconn->streams))
        return 0;
    stream =
        grebe_container_of(subconn->streams.next, struct grebe__subconn_stream, link);
    return sim_orca_interval_ns(stream->request, stream->request_length);
}

TEST(calls_go_where_least_is_going_on)
{
    struct grebe_pick open[10] = {{0}};
    unsigned n_of_a = 0;
    struct lb_bench b;

    start(&b, "a=R b=R");
    assert_int_equal(interval_of(&b, "a"), SECOND);
    say(&b, "a", 0.9, 0.19); /* the application's word counts more */
    say(&b, "b", 0.79, 0);
    assert_int_equal(lb_bench_count(&b, 10, "a"), 10);
    /* Calls that are open count: 0.2 of n + 1 against 0.8 of n + 1. */
    for (unsigned i = 0; i < 10; i++) {
        grebe_picker_pick(b.lab.picker, &(struct grebe_pick_args){.random = i}, &open[i]);
        assert_true(open[i].wants_load_report);
        n_of_a += open[i].subconn == subconn_of(&b, "a");
    }
    assert_int_equal(n_of_a, 8);
    for (unsigned i = 0; i < 10; i++) {
        const struct grebe_load_report full = {.cpu_utilization = 1};
        const struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
        const struct grebe_done_info info = {
            .status = &ok,
            .server_load = open[i].subconn == subconn_of(&b, "a") ? &full : NULL};

        open[i].on_done(open[i].on_done_arg, &info);
    }
    assert_int_equal(lb_bench_count(&b, 10, "b"), 10);
    lb_bench_fini(&b);
}

TEST(a_backend_is_listened_to_while_it_is_ready)
{
    struct lb_bench b;

    start(&b, "c=R d=R");
    lb_bench_subconn(&b, "c", GREBE_IDLE, NULL);
    assert_int_equal(interval_of(&b, "c"), 0);
    assert_int_equal(interval_of(&b, "d"), SECOND);
    lb_bench_subconn(&b, "c", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "c", GREBE_READY, NULL);
    assert_int_equal(interval_of(&b, "c"), SECOND);
    lb_bench_fini(&b);
}
#endif

static void script(struct lb_bench *b)
{
    lb_bench_update(b, "a b", NULL);
    lb_bench_subconn(b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "a", GREBE_READY, NULL);
    lb_bench_pick(b);
    lb_bench_update(b, "a d", NULL);
    lb_bench_resolver_error(b, "lost");
    lb_bench_update(b, "", NULL);
    lb_bench_pick(b);
}

TEST(survives_each_allocation_of_the_library_failing)
{
    lb_bench_sweep(&example, script);
}

int main(void)
{
#ifdef EXAMPLE_logging_parent
    const bool is_registered = grebe_balancer_register(&builder) == GREBE_OK;
#else
    const bool is_registered = true;
#endif
    const struct CMUnitTest tests[] = {
#ifdef EXAMPLE_custom_balancer
        cmocka_unit_test(
            all_addresses_are_tried_on_one_subconn_that_reconnects_by_itself),
        cmocka_unit_test(a_new_list_goes_to_the_same_subconn_and_an_empty_one_ends_it),
        cmocka_unit_test(a_resolver_error_counts_only_while_nothing_else_is_known),
#elif defined EXAMPLE_logging_parent
        cmocka_unit_test(
            the_child_is_the_first_policy_that_is_known_and_changes_without_a_gap),
        cmocka_unit_test(what_is_wrong_with_a_child_is_told_with_its_place),
#else
        cmocka_unit_test(only_ready_backends_take_calls),
#endif
#ifdef EXAMPLE_round_robin_picker
        cmocka_unit_test(calls_go_round),
#endif
#ifdef EXAMPLE_weighted_round_robin_picker
        cmocka_unit_test(weights_are_kept_exactly_and_smoothly),
        cmocka_unit_test(calls_follow_the_smooth_sequence),
        cmocka_unit_test(threads_that_share_a_period_get_it_exactly),
#endif
#ifdef EXAMPLE_least_request_picker
        cmocka_unit_test(the_backend_with_the_fewest_open_calls_is_next),
        cmocka_unit_test(a_call_may_end_after_the_policy),
#endif
#ifdef EXAMPLE_load_aware_picker
        cmocka_unit_test(a_slow_backend_is_left_alone_until_its_measurement_is_old),
#endif
#ifdef EXAMPLE_reported_load_picker
        cmocka_unit_test(calls_go_where_least_is_going_on),
        cmocka_unit_test(a_backend_is_listened_to_while_it_is_ready),
#endif
        cmocka_unit_test(survives_each_allocation_of_the_library_failing),
    };

    return is_registered ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
