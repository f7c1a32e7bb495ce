/* SPDX-License-Identifier: Apache-2.0 */
/* The manual resolver and the channels that listen to it, on virtual time.
 * tests/api/manual_test.c has the threads. */
#include "support/test.h"

#include <grebe/manual.h>

#include "base/assert.h"
#include "resolver/endpoint_list.h"
#include "support/channel_bench.h"

/* A channel whose targets are resolved by a manual resolver that the test talks to.  What
 * the resolver tells the application is kept as text: "build 1 manual:///x, result 1 OK". */
struct bench {
    struct channel_bench channel;
    struct test_mem mem;
    struct grebe_manual_resolver_options options;
    struct grebe_manual_resolver *manual;
    const struct grebe_resolver_builder *builders[1];
    char told[512], text[512];
};

static void tell(struct bench *b, const char *format, ...) GREBE_PRINTF(2, 3);

static void tell(struct bench *b, const char *format, ...)
{
    size_t used = strlen(b->told);
    va_list args;

    assert_int_equal(b->channel.sim.env.depth, 0); /* outside of all turns */
    if (used > 0)
        used += (size_t)snprintf(b->told + used, sizeof b->told - used, ", ");
    va_start(args, format);
    vsnprintf(b->told + used, sizeof b->told - used, format, args);
    va_end(args);
}

static void on_build(void *arg, uint64_t id, const char *target)
{
    tell(arg, "build %u %s", (unsigned)id, target);
}

static void on_resolve_now(void *arg, uint64_t id)
{
    tell(arg, "resolve_now %u", (unsigned)id);
}

static void on_result(void *arg, uint64_t id, int result)
{
    tell(arg, "result %u %s", (unsigned)id,
         result == GREBE_OK ? "OK" : grebe_error_name(result));
}

static void on_close(void *arg, uint64_t id)
{
    tell(arg, "close %u", (unsigned)id);
}

/* Since the last time. */
static const char *told(struct bench *b)
{
    sim_settle(&b->channel.sim);
    memcpy(b->text, b->told, sizeof b->text);
    b->told[0] = '\0';
    return b->text;
}

static void init(struct bench *b)
{
    memset(b, 0, sizeof *b);
    channel_bench_init(&b->channel);
    channel_bench_servers(&b->channel, "a b c");
    b->options = (struct grebe_manual_resolver_options){
        .struct_size = sizeof b->options,
        .mem = test_mem_init(&b->mem),
        .on_build = on_build,
        .on_resolve_now = on_resolve_now,
        .on_result = on_result,
        .on_close = on_close,
        .arg = b,
    };
}

static void make(struct bench *b)
{
    assert_int_equal(grebe_manual_resolver_new(&b->options, &b->manual), GREBE_OK);
    b->builders[0] = grebe_manual_resolver_builder(b->manual);
    b->channel.options.resolvers = b->builders;
}

static void open_channel(struct bench *b)
{
    assert_int_equal(channel_bench_open(&b->channel, "manual:///x"), GREBE_OK);
}

static void start(struct bench *b)
{
    init(b);
    make(b);
    open_channel(b);
}

/* The test's reference goes first: the channel has its own. */
static void fini(struct bench *b)
{
    grebe_manual_resolver_unref(b->manual);
    channel_bench_fini(&b->channel);
    assert_int_equal(b->mem.n_live, 0);
}

/* Space-separated. */
static int set(struct bench *b, const char *addresses)
{
    const char *list[16];
    char copy[128], *save = NULL;
    size_t n = 0;

    snprintf(copy, sizeof copy, "%s", addresses);
    for (char *word = strtok_r(copy, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save))
        list[n++] = word;
    return grebe_manual_resolver_set_addresses(b->manual, list, n);
}

static int report(struct bench *b, const char *text)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);

    return grebe_manual_resolver_report_error(b->manual, &status);
}

static void enter_idle(struct bench *b)
{
    size_t used = strlen(b->told);

    grebe__env_enter(&b->channel.sim.env);
    assert_true(grebe__channel_enter_idle(b->channel.channel));
    grebe__env_leave(&b->channel.sim.env);
    assert_int_equal(strlen(b->told), used); /* not inside of what caused it */
}

static void call(struct bench *b, const char *peer)
{
    expect_echo(channel_bench_call(&b->channel, NULL), peer);
}

static void call_fails(struct bench *b, const char *part)
{
    expect_status(channel_bench_call(&b->channel, NULL), GREBE_STATUS_UNAVAILABLE, part);
}

/* ---- States ---------------------------------------------------------------------------- */

/* RES-18.  There is nothing of the channel's to ask for before the build, and an update
 * before it is only stored. */
TEST(state_known_before_is_delivered_with_the_build)
{
    struct bench b;

    init(&b);
    make(&b);
    assert_int_equal(set(&b, "a"), GREBE_OK);
    assert_string_equal(told(&b), "");
    open_channel(&b);
    channel_bench_connect(&b.channel);
    assert_string_equal(told(&b), "build 1 manual:///x, result 1 OK");
    assert_string_equal(channel_bench_states(&b.channel), "CONNECTING, READY");
    call(&b, "a");
    fini(&b);
}

/* RES-18 */
TEST(state_is_sent_again_when_the_channel_leaves_idle_mode)
{
    struct bench b;

    start(&b);
    assert_int_equal(set(&b, "a"), GREBE_OK);
    call(&b, "a");
    assert_string_equal(told(&b), "build 1 manual:///x, result 1 OK");
    for (unsigned id = 2; id < 5; id++) {
        char expected[96];

        enter_idle(&b);
        snprintf(expected, sizeof expected, "close %u", id - 1);
        assert_string_equal(told(&b), expected);
        call(&b, "a");
        snprintf(expected, sizeof expected, "build %u manual:///x, result %u OK", id, id);
        assert_string_equal(told(&b), expected);
    }
    fini(&b);
}

/* RES-18 */
TEST(update_of_an_idle_channel_waits_for_its_next_build)
{
    struct bench b;

    start(&b);
    assert_int_equal(set(&b, "a"), GREBE_OK);
    call(&b, "a");
    enter_idle(&b);
    assert_int_equal(set(&b, "b"), GREBE_OK);
    assert_int_equal(set(&b, "c"), GREBE_OK);
    assert_string_equal(told(&b), "build 1 manual:///x, result 1 OK, close 1");
    call(&b, "c");
    assert_string_equal(told(&b), "build 2 manual:///x, result 2 OK");
    fini(&b);
}

TEST(channel_waits_for_the_first_state)
{
    struct bench b;
    struct grebe_call *waiting;

    start(&b);
    waiting = channel_bench_call(&b.channel, NULL);
    sim_advance(&b.channel.sim, 3600 * SECOND);
    expect_pending(waiting);
    assert_string_equal(told(&b), "build 1 manual:///x");
    assert_int_equal(set(&b, "a"), GREBE_OK);
    assert_string_equal(told(&b), "result 1 OK");
    expect_echo(waiting, "a");
    fini(&b);
}

TEST(updates_are_all_delivered_in_order)
{
    struct bench b;

    start(&b);
    channel_bench_connect(&b.channel);
    assert_int_equal(set(&b, "a"), GREBE_OK);
    assert_int_equal(set(&b, ""), GREBE_OK);
    assert_int_equal(report(&b, "gone for lunch"), GREBE_OK);
    assert_int_equal(set(&b, "b"), GREBE_OK);
    assert_string_equal(b.told, "build 1 manual:///x"); /* posted, not done here */
    assert_string_equal(told(&b), "build 1 manual:///x, result 1 OK, "
                                  "result 1 GREBE_ERR_BAD_RESOLVER_STATE, result 1 OK");
    assert_true(channel_bench_logged(&b.channel, "gone for lunch"));
    call(&b, "b");
    fini(&b);
}

TEST(update_under_way_to_a_channel_that_goes_idle_is_dropped)
{
    struct bench b;

    start(&b);
    channel_bench_connect(&b.channel);
    assert_int_equal(set(&b, "a"), GREBE_OK);
    assert_int_equal(report(&b, "too late"), GREBE_OK);
    enter_idle(&b);
    assert_string_equal(told(&b), "build 1 manual:///x, close 1");
    assert_false(channel_bench_logged(&b.channel, "too late"));
    fini(&b);
}

TEST(everything_in_a_state_reaches_the_channel)
{
    struct grebe_resolver_state found = GREBE_RESOLVER_STATE_INIT;
    struct grebe_address_options how = GREBE_ADDRESS_OPTIONS_INIT;
    char config[] = "{\"loadBalancingPolicy\":\"round_robin\"}";
    struct grebe_address *address;
    struct grebe_endpoint *endpoint;
    struct bench b;

    start(&b);
    assert_int_equal(grebe_address_new(NULL, "a", &how, &address), GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, &address, 1, NULL, &endpoint), GREBE_OK);
    found.endpoints = &endpoint;
    found.n_endpoints = 1;
    found.service_config = config;
    assert_int_equal(grebe_manual_resolver_update(b.manual, &found), GREBE_OK);
    memset(config, 'x', sizeof config - 1); /* it was copied */
    grebe_endpoint_unref(endpoint);
    grebe_address_unref(address);
    call(&b, "a");
    assert_true(channel_bench_logged(&b.channel, "LB policy \"round_robin\""));

    found = (struct grebe_resolver_state)GREBE_RESOLVER_STATE_INIT;
    found.service_config_error = "no TXT record today";
    assert_int_equal(grebe_manual_resolver_update(b.manual, &found), GREBE_OK);
    assert_string_equal(told(&b), "build 1 manual:///x, result 1 OK, "
                                  "result 1 GREBE_ERR_BAD_RESOLVER_STATE");
    assert_true(channel_bench_logged(&b.channel, "no TXT record today"));
    fini(&b);
}

/* ---- Errors ---------------------------------------------------------------------------- */

TEST(error_without_a_state_fails_calls)
{
    struct bench b;

    start(&b);
    assert_int_equal(report(&b, "the registry is down"), GREBE_OK);
    call_fails(&b, "the registry is down");
    enter_idle(&b);
    call_fails(&b, "the registry is down"); /* remembered as well */
    assert_int_equal(set(&b, "a"), GREBE_OK);
    sim_settle(&b.channel.sim);
    call(&b, "a");
    fini(&b);
}

TEST(error_newer_than_the_state_is_remembered_and_a_newer_state_forgets_it)
{
    struct bench b;

    start(&b);
    assert_int_equal(set(&b, "a"), GREBE_OK);
    assert_int_equal(report(&b, "one"), GREBE_OK);
    assert_int_equal(report(&b, "two"), GREBE_OK);
    call(&b, "a"); /* the state still serves */
    assert_false(channel_bench_logged(&b.channel, "name resolution failed: one"));
    assert_true(channel_bench_logged(&b.channel, "name resolution failed: two"));
    enter_idle(&b);
    b.channel.log[0] = '\0';
    assert_int_equal(set(&b, "b"), GREBE_OK);
    call(&b, "b");
    assert_false(channel_bench_logged(&b.channel, "name resolution failed: two"));
    fini(&b);
}

TEST(reason_for_an_empty_list_is_what_calls_say)
{
    struct grebe_resolver_state nobody = GREBE_RESOLVER_STATE_INIT;
    struct bench b;

    start(&b);
    assert_int_equal(grebe_attributes_with_text(NULL, NULL, &GREBE_ATTRIBUTE_REASON,
                                                "no backend is registered",
                                                &nobody.attributes),
                     GREBE_OK);
    assert_int_equal(grebe_manual_resolver_update(b.manual, &nobody), GREBE_OK);
    grebe_attributes_unref(nobody.attributes);
    call_fails(&b, "name resolver error: no backend is registered");
    enter_idle(&b);
    call_fails(&b, "name resolver error: no backend is registered");
    nobody.attributes = NULL;
    assert_int_equal(grebe_manual_resolver_update(b.manual, &nobody), GREBE_OK);
    sim_settle(&b.channel.sim);
    call_fails(&b, "name resolver error: produced zero addresses");
    fini(&b);
}

/* ---- What the application hears ---------------------------------------------------------- */

TEST(wish_stands_for_those_that_come_before_it_is_told)
{
    struct bench b;

    start(&b);
    assert_int_equal(set(&b, "a"), GREBE_OK);
    call(&b, "a");
    assert_string_equal(told(&b), "build 1 manual:///x, result 1 OK");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            grebe__env_enter(&b.channel.sim.env);
            grebe__channel_resolve_now(b.channel.channel);
            grebe__env_leave(&b.channel.sim.env);
        }
        assert_string_equal(told(&b), "resolve_now 1");
    }
    fini(&b);
}

/* Discovery by polling: look when somebody wants it. */
static void update_on_wish(void *arg, uint64_t id)
{
    struct bench *b = arg;

    (void)id;
    assert_int_equal(set(b, "b"), GREBE_OK);
}

TEST(callbacks_may_update)
{
    struct bench b;

    init(&b);
    b.options.on_resolve_now = update_on_wish;
    make(&b);
    open_channel(&b);
    assert_int_equal(set(&b, "nobody"), GREBE_OK);
    call_fails(&b, "connection refused");
    sim_advance(&b.channel.sim, SECOND);
    call(&b, "b");
    fini(&b);
}

TEST(callbacks_may_be_missing)
{
    struct bench b;

    init(&b);
    b.options = (struct grebe_manual_resolver_options)GREBE_MANUAL_RESOLVER_OPTIONS_INIT;
    make(&b);
    open_channel(&b);
    assert_int_equal(set(&b, "nobody"), GREBE_OK);
    call_fails(&b, "connection refused");
    enter_idle(&b);
    assert_string_equal(told(&b), "");
    fini(&b);
}

/* ---- Life ------------------------------------------------------------------------------ */

TEST(closed_channel_listens_no_more)
{
    struct bench b;

    start(&b);
    assert_int_equal(set(&b, "a"), GREBE_OK);
    call(&b, "a");
    channel_bench_close(&b.channel);
    assert_string_equal(told(&b), "build 1 manual:///x, result 1 OK, close 1");
    assert_int_equal(set(&b, "b"), GREBE_OK);
    assert_string_equal(told(&b), "");
    fini(&b);
}

TEST(channel_keeps_its_resolver_alive)
{
    struct bench b;

    start(&b);
    assert_int_equal(set(&b, "a"), GREBE_OK);
    grebe_manual_resolver_unref(b.manual);
    b.manual = NULL;
    call(&b, "a");
    enter_idle(&b);
    call(&b, "a");
    fini(&b);
}

TEST(channels_share_a_resolver)
{
    struct channel_bench other;
    struct bench b;

    start(&b);
    channel_bench_init(&other);
    channel_bench_servers(&other, "a b");
    other.options.resolvers = b.builders;
    assert_int_equal(channel_bench_open(&other, "manual:///other"), GREBE_OK);
    channel_bench_connect(&b.channel);
    channel_bench_connect(&other);
    assert_int_equal(set(&b, "b"), GREBE_OK);
    sim_settle(&other.sim);
    assert_string_equal(told(&b), "build 1 manual:///x, build 2 manual:///other, "
                                  "result 2 OK, result 1 OK");
    call(&b, "b");
    expect_echo(channel_bench_call(&other, NULL), "b");
    channel_bench_fini(&other);
    assert_string_equal(told(&b), "close 2");
    fini(&b);
}

TEST(scheme_may_be_another)
{
    struct bench b;

    init(&b);
    b.options.scheme = "zookeeper";
    make(&b);
    assert_string_equal(b.builders[0]->scheme, "zookeeper");
    assert_int_equal(set(&b, "a"), GREBE_OK);
    assert_int_equal(channel_bench_open(&b.channel, "zookeeper:///path"), GREBE_OK);
    call(&b, "a");
    fini(&b);
}

/* A resolver of the application's own that has a manual one inside. */
static struct grebe_manual_resolver *inside;

static int build_inside(const struct grebe_target *target,
                        struct grebe_resolver_conn *conn,
                        const struct grebe_resolver_options *options,
                        struct grebe_diag *diag, struct grebe_resolver **out)
{
    (void)options, (void)diag;
    return grebe_manual_resolver_build(inside, target, conn, out);
}

TEST(builder_of_another_scheme_may_have_one_inside)
{
    static const struct grebe_resolver_builder registry = {
        .api = GREBE_RESOLVER_API, .scheme = "registry", .build = build_inside};
    struct bench b;

    init(&b);
    make(&b);
    inside = b.manual;
    b.builders[0] = &registry;
    assert_int_equal(set(&b, "a"), GREBE_OK);
    assert_int_equal(channel_bench_open(&b.channel, "registry:///x"), GREBE_OK);
    call(&b, "a");
    assert_string_equal(told(&b), "build 1 registry:///x, result 1 OK");
    assert_int_equal(set(&b, "b"), GREBE_OK);
    assert_string_equal(told(&b), "result 1 OK");
    call(&b, "b");
    enter_idle(&b);
    assert_string_equal(told(&b), "close 1");
    b.mem.fail_at = b.mem.n_allocs + 1;
    channel_bench_connect(&b.channel);
    assert_true(b.mem.has_failed);
    assert_int_equal(grebe__channel_get_state(b.channel.channel),
                     GREBE_TRANSIENT_FAILURE);
    call(&b, "b");
    fini(&b);
}

TEST(options_and_states_of_older_programs_are_understood)
{
    struct grebe_manual_resolver_options options = GREBE_MANUAL_RESOLVER_OPTIONS_INIT;
    struct grebe_resolver_state found = GREBE_RESOLVER_STATE_INIT;
    struct bench b;

    init(&b);
    options.scheme = "made up";
    options.struct_size = offsetof(struct grebe_manual_resolver_options, scheme);
    assert_int_equal(grebe_manual_resolver_new(&options, &b.manual), GREBE_OK);
    assert_string_equal(grebe_manual_resolver_builder(b.manual)->scheme, "manual");
    found.service_config = (const char *)1; /* not looked at */
    found.struct_size = offsetof(struct grebe_resolver_state, service_config);
    assert_int_equal(grebe_manual_resolver_update(b.manual, &found), GREBE_OK);
    fini(&b);
}

/* ---- Memory ---------------------------------------------------------------------------- */

TEST(list_of_addresses_without_memory_for_it_changes_nothing)
{
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct bench b;
        int error;

        start(&b);
        b.mem.fail_at = b.mem.n_allocs + n;
        error = set(&b, "a b c");
        has_failed = b.mem.has_failed;
        assert_int_equal(error, has_failed ? GREBE_ERR_NOMEM : GREBE_OK);
        fini(&b);
    }
}

static int set_with_config(struct bench *b, const char *address)
{
    struct grebe_resolver_state found = GREBE_RESOLVER_STATE_INIT;
    struct grebe__endpoint_list list;
    int error;

    grebe__endpoint_list_init(&list, NULL);
    assert_int_equal(grebe__endpoint_list_add(&list, address, NULL), GREBE_OK);
    found.endpoints = list.endpoints;
    found.n_endpoints = list.n;
    found.service_config = "{\"loadBalancingPolicy\":\"round_robin\"}";
    error = grebe_manual_resolver_update(b->manual, &found);
    grebe__endpoint_list_fini(&list);
    return error;
}

/* Whichever allocation fails, an update is for all channels or for none, and what was
 * there before goes on serving. */
TEST(out_of_memory_changes_nothing)
{
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct bench b;
        int error;

        start(&b);
        assert_int_equal(set(&b, "a"), GREBE_OK);
        call(&b, "a");
        b.mem.fail_at = b.mem.n_allocs + n;
        error = set_with_config(&b, "b");
        has_failed = b.mem.has_failed;
        b.mem.fail_at = 0;
        assert_int_equal(error, has_failed ? GREBE_ERR_NOMEM : GREBE_OK);
        sim_settle(&b.channel.sim);
        call(&b, has_failed ? "a" : "b");
        assert_true(has_failed != channel_bench_logged(&b.channel, "\"round_robin\""));
        enter_idle(&b);
        call(&b, has_failed ? "a" : "b");
        fini(&b);
    }
}

TEST(error_without_memory_for_it_is_not_told)
{
    struct grebe_call *waiting;
    struct bench b;

    start(&b);
    b.mem.fail_at = b.mem.n_allocs + 1;
    assert_int_equal(report(&b, "lost"), GREBE_ERR_NOMEM);
    waiting = channel_bench_call(&b.channel, NULL);
    expect_pending(waiting);
    assert_int_equal(set(&b, "a"), GREBE_OK);
    sim_settle(&b.channel.sim);
    expect_echo(waiting, "a");
    fini(&b);
}

TEST(out_of_memory_fails_the_build_and_the_next_call_has_another)
{
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct bench b;

        start(&b);
        assert_int_equal(set(&b, "a"), GREBE_OK);
        assert_int_equal(report(&b, "newer"), GREBE_OK);
        b.mem.fail_at = b.mem.n_allocs + n;
        channel_bench_connect(&b.channel);
        has_failed = b.mem.has_failed;
        if (has_failed)
            assert_int_equal(grebe__channel_get_state(b.channel.channel),
                             GREBE_TRANSIENT_FAILURE);
        call(&b, "a");
        fini(&b);
    }
}

TEST(out_of_memory_makes_no_object)
{
    struct bench b;

    init(&b);
    b.mem.fail_at = 1;
    assert_int_equal(grebe_manual_resolver_new(&b.options, &b.manual), GREBE_ERR_NOMEM);
    assert_null(b.manual);
    fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_known_before_is_delivered_with_the_build),
        cmocka_unit_test(state_is_sent_again_when_the_channel_leaves_idle_mode),
        cmocka_unit_test(update_of_an_idle_channel_waits_for_its_next_build),
        cmocka_unit_test(channel_waits_for_the_first_state),
        cmocka_unit_test(updates_are_all_delivered_in_order),
        cmocka_unit_test(update_under_way_to_a_channel_that_goes_idle_is_dropped),
        cmocka_unit_test(everything_in_a_state_reaches_the_channel),
        cmocka_unit_test(error_without_a_state_fails_calls),
        cmocka_unit_test(reason_for_an_empty_list_is_what_calls_say),
        cmocka_unit_test(
            error_newer_than_the_state_is_remembered_and_a_newer_state_forgets_it),
        cmocka_unit_test(wish_stands_for_those_that_come_before_it_is_told),
        cmocka_unit_test(callbacks_may_update),
        cmocka_unit_test(callbacks_may_be_missing),
        cmocka_unit_test(closed_channel_listens_no_more),
        cmocka_unit_test(channel_keeps_its_resolver_alive),
        cmocka_unit_test(channels_share_a_resolver),
        cmocka_unit_test(scheme_may_be_another),
        cmocka_unit_test(builder_of_another_scheme_may_have_one_inside),
        cmocka_unit_test(options_and_states_of_older_programs_are_understood),
        cmocka_unit_test(list_of_addresses_without_memory_for_it_changes_nothing),
        cmocka_unit_test(out_of_memory_changes_nothing),
        cmocka_unit_test(error_without_memory_for_it_is_not_told),
        cmocka_unit_test(out_of_memory_fails_the_build_and_the_next_call_has_another),
        cmocka_unit_test(out_of_memory_makes_no_object),
    };

    return cmocka_run_group_tests_name("manual", tests, NULL, NULL);
}
