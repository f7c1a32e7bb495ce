/* SPDX-License-Identifier: Apache-2.0 */
/* Targets that are reached through a proxy: what is looked up where, and what the channel
 * is told, on virtual time. */
#include "support/test.h"

#include <grebe/locality.h>

#include "base/assert.h"
#include "core/hop.h"
#include "resolver/proxied.h"
#include "support/channel_bench.h"
#include "support/resolver_bench.h"

/* ---- A scheme that says what the test wants ------------------------------------------- */

static struct grebe_resolver_conn
    *script; /* of the resolver "script:"; NULL: not built */
static struct grebe_resolver_options script_options;
static unsigned n_script_wishes;

static void script_resolve_now(struct grebe_resolver *resolver)
{
    (void)resolver;
    n_script_wishes++;
}

static void script_destroy(struct grebe_resolver *resolver)
{
    (void)resolver;
    script = NULL;
}

static int script_build(const struct grebe_target *target,
                        struct grebe_resolver_conn *conn,
                        const struct grebe_resolver_options *options,
                        struct grebe_diag *diag, struct grebe_resolver **out)
{
    static const struct grebe_resolver_ops ops = {.resolve_now = script_resolve_now,
                                                  .destroy = script_destroy};
    static struct grebe_resolver resolver;

    if (strcmp(target->endpoint, "bad") == 0) {
        grebe_diag_set(diag, "script: it is bad");
        return GREBE_ERR_TARGET;
    }
    n_script_wishes = 0;
    script = conn;
    script_options = *options;
    grebe_resolver_init(&resolver, &ops);
    *out = &resolver;
    return GREBE_OK;
}

static const struct grebe_resolver_builder script_builder = {
    .api = GREBE_RESOLVER_API, .scheme = "script", .build = script_build};
static const struct grebe_resolver_builder *const builders[] = {&script_builder};

/* "a:1+b:1 unix:c": endpoints with their addresses. */
static size_t make_endpoints(const char *text, struct grebe_endpoint **out)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    char copy[256], *outer = NULL, *inner = NULL;
    size_t n = 0;

    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &outer); word != NULL;
         word = strtok_r(NULL, " ", &outer)) {
        struct grebe_address *addresses[8];
        size_t k = 0;

        for (char *part = strtok_r(word, "+", &inner); part != NULL;
             part = strtok_r(NULL, "+", &inner))
            assert_int_equal(grebe_address_new(NULL, part, &options, &addresses[k++]),
                             GREBE_OK);
        assert_int_equal(grebe_endpoint_new(NULL, addresses, k, NULL, &out[n++]),
                         GREBE_OK);
        while (k > 0)
            grebe_address_unref(addresses[--k]);
    }
    return n;
}

static int say(const char *text)
{
    struct grebe_resolver_state found = GREBE_RESOLVER_STATE_INIT;
    struct grebe_endpoint *endpoints[8];
    int result;

    found.n_endpoints = make_endpoints(text, endpoints);
    found.endpoints = endpoints;
    result = grebe_resolver_conn_update(script, &found);
    for (size_t i = 0; i < found.n_endpoints; i++)
        grebe_endpoint_unref(endpoints[i]);
    return result;
}

/* ---- The bench --------------------------------------------------------------------------- */

struct bench {
    struct resolver_bench b;
    struct grebe__proxy proxy;
};

static void init(struct bench *b, const char *url, const char *no_proxy)
{
    resolver_bench_init(&b->b, 1);
    assert_int_equal(grebe__proxy_init(&b->proxy, NULL, url, no_proxy, NULL), GREBE_OK);
    b->b.proxy = &b->proxy;
    b->b.builders = builders;
    b->b.n_builders = 1;
    b->b.ignores_config = true;
}

static void fini(struct bench *b)
{
    resolver_bench_fini(&b->b);
    grebe__proxy_fini(&b->proxy, NULL);
}

static void build(struct bench *b, const char *target)
{
    if (resolver_bench_build(&b->b, target) != GREBE_OK)
        fail_msg("%s: %s", target, b->b.diag.text);
}

static const char *told(struct bench *b)
{
    sim_settle(&b->b.sim);
    return resolver_bench_log(&b->b);
}

/* ---- Names ------------------------------------------------------------------------------- */

static const struct {
    const char *target, *told;
} names[] = {
    {"dns:///host:8080", "update host:8080~10.0.0.9:3128"},
    {"host", "update host:443~10.0.0.9:3128"},
    {"dns:///host", "update host:443~10.0.0.9:3128"},
    {"dns://8.8.8.8/host", "update host:443~10.0.0.9:3128"},
    {"dns:///10.0.0.1:80", "update 10.0.0.1:80~10.0.0.9:3128"},
    {"[2001:db8::1]:80", "update [2001:db8::1]:80~10.0.0.9:3128"},
    {"2001:db8::1", "update [2001:db8::1]:443~10.0.0.9:3128"},
};

/* RES-23: "host:443" is what the proxy is asked to connect to. */
TEST(name_is_the_proxys_to_look_up)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++) {
        struct bench b;

        init(&b, "http://u:p@10.0.0.9:3128", NULL);
        sim_name_set(&b.b.sim, "host", "10.1.1.1", 0);
        build(&b, names[i].target);
        assert_string_equal(told(&b), names[i].told);
        assert_int_equal(b.b.sim.n_lookups, 0);
        assert_string_equal(b.b.source, "proxy 10.0.0.9:3128");
        assert_string_equal(
            grebe__hop_of(grebe_endpoint_address(b.b.endpoints[0], 0))->authorization,
            "Basic dTpw");
        fini(&b);
    }
}

static const struct {
    const char *target, *why;
} refused[] = {
    {"", "dns resolver: missing address"},
    {"dns:///", "dns resolver: missing address"},
    {"dns:///host:", "dns resolver: missing port after port-separator colon: \"host:\""},
    {"[::1", "dns resolver: invalid target address, brackets do not match: \"[::1\""},
    {"script:bad", "script: it is bad"},
};

/* RES-23 */
TEST(what_is_no_name_is_refused)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(refused); i++) {
        struct bench b;

        init(&b, "http://10.0.0.9:3128", NULL);
        assert_int_equal(resolver_bench_build(&b.b, refused[i].target), GREBE_ERR_TARGET);
        assert_string_equal(b.b.diag.text, refused[i].why);
        fini(&b);
    }
}

TEST(proxy_with_a_name_is_looked_up)
{
    struct bench b;

    init(&b, "http://proxy.corp:3128", NULL);
    sim_name_set(&b.b.sim, "proxy.corp", "10.0.0.8 2001:db8::8", 60 * SECOND);
    b.b.sim.lookup_delay_ns = MS;
    build(&b, "dns:///host");
    assert_string_equal(told(&b), "");
    sim_advance(&b.b.sim, MS);
    assert_string_equal(told(&b),
                        "update host:443~10.0.0.8:3128+host:443~[2001:db8::8]:3128");
    /* And again when its TTL ends. */
    sim_name_set(&b.b.sim, "proxy.corp", "10.0.0.7", 60 * SECOND);
    sim_advance(&b.b.sim, 70 * SECOND);
    assert_string_equal(told(&b), "update host:443~10.0.0.7:3128");
    fini(&b);
}

TEST(proxy_that_cannot_be_found_is_an_error)
{
    struct bench b;

    init(&b, "http://proxy.corp:3128", NULL);
    build(&b, "dns:///host");
    assert_string_equal(told(&b),
                        "error UNAVAILABLE proxy proxy.corp:3128: dns: no such name");
    sim_name_fail(&b.b.sim, GREBE__LOOKUP_ADDRESSES, "proxy.corp");
    sim_advance(&b.b.sim, 3 * SECOND);
    assert_string_equal(told(&b),
                        "error UNAVAILABLE proxy proxy.corp:3128: dns: A record "
                        "lookup error: no server answered");
    assert_true(b.b.conn.next_ns > sim_now(&b.b.sim)); /* the next attempt is told too */
    sim_name_set(&b.b.sim, "proxy.corp", "10.0.0.8", 0);
    sim_advance(&b.b.sim, 10 * SECOND);
    assert_string_equal(told(&b), "update host:443~10.0.0.8:3128");
    fini(&b);
}

TEST(name_that_is_spared_is_looked_up_here)
{
    static const char *const targets[] = {"localhost:80", "host:80", "a.corp:80",
                                          "127.0.0.1:80"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(targets); i++) {
        struct bench b;

        init(&b, "http://10.0.0.9:3128", "host,.corp");
        sim_name_set(&b.b.sim, "host", "10.1.1.1", 0);
        sim_name_set(&b.b.sim, "a.corp", "10.1.1.1", 0);
        sim_name_set(&b.b.sim, "localhost", "10.1.1.1", 0);
        build(&b, targets[i]);
        assert_string_equal(told(&b),
                            i == 3 ? "update 127.0.0.1:80" : "update 10.1.1.1:80");
        fini(&b);
    }
}

TEST(name_may_be_looked_up_here_all_the_same)
{
    struct bench b;

    init(&b, "http://proxy:3128", "10.2.0.0/16");
    b.proxy.resolves_here = true;
    sim_name_set(&b.b.sim, "host", "10.1.1.1 10.1.1.2 10.2.0.1", 0);
    sim_name_set(&b.b.sim, "proxy", "10.0.0.9", 0);
    build(&b, "dns:///host:80");
    assert_string_equal(told(&b), "update 10.1.1.1:80~10.0.0.9:3128 "
                                  "10.1.1.2:80~10.0.0.9:3128 10.2.0.1:80");
    fini(&b);
}

/* Where its ports are, only the DNS knows. */
TEST(service_is_looked_up_here)
{
    struct bench b;

    init(&b, "http://10.0.0.9:3128", NULL);
    sim_name_set_srv(&b.b.sim, "_grpc._tcp.corp", "10 1 5000 host.", 0);
    sim_name_set(&b.b.sim, "host.", "10.1.1.1", 0);
    build(&b, "dns:///_grpc._tcp.corp");
    assert_string_equal(told(&b), "update 10.1.1.1:5000~10.0.0.9:3128");
    fini(&b);
}

/* ---- Other schemes ------------------------------------------------------------------------- */

/* RES-23: pairs, when both sides have spoken. */
TEST(addresses_are_paired_with_those_of_the_proxy)
{
    for (int proxy_first = 0; proxy_first < 2; proxy_first++) {
        struct bench b;

        init(&b, "http://proxy:3128", NULL);
        sim_name_set(&b.b.sim, "proxy", "10.0.0.8 10.0.0.9", 0);
        b.b.sim.lookup_delay_ns = 5 * MS;
        build(&b, "script:x");
        assert_int_equal(b.b.sim.n_lookups, 0); /* nobody needs it yet */
        assert_int_equal(say("a:1+b:1+unix:u c:1"), GREBE_OK);
        assert_int_equal(b.b.sim.n_lookups, 1);
        sim_advance(&b.b.sim, 4 * MS);
        assert_string_equal(told(&b), "");
        if (proxy_first)
            sim_advance(&b.b.sim, MS);
        else
            assert_int_equal(say("a:1+b:1+unix:u c:1"), GREBE_OK);
        sim_advance(&b.b.sim, MS);
        assert_string_equal(
            told(&b),
            "update a:1~10.0.0.8:3128+b:1~10.0.0.8:3128+unix:u+a:1~10.0.0.9:3128+"
            "b:1~10.0.0.9:3128 c:1~10.0.0.8:3128+c:1~10.0.0.9:3128");
        assert_int_equal(say("d:1"), GREBE_OK);
        assert_string_equal(told(&b), "update d:1~10.0.0.8:3128+d:1~10.0.0.9:3128");
        assert_int_equal(b.b.sim.n_lookups, 1);
        fini(&b);
    }
}

/* RES-23 */
TEST(what_is_spared_passes_unchanged)
{
    struct bench b;

    init(&b, "http://10.0.0.9:3128", "b.corp,10.5.0.0/16");
    build(&b, "script:x");
    assert_int_equal(
        say("a:1+unix:/run/s 10.5.1.1:80 b.corp:1+c:1 127.0.0.1:9 what:e:ver"), GREBE_OK);
    assert_string_equal(told(&b), "update a:1~10.0.0.9:3128+unix:/run/s 10.5.1.1:80 "
                                  "b.corp:1+c:1~10.0.0.9:3128 127.0.0.1:9 what:e:ver");
    fini(&b);
}

/* RES-23 */
TEST(proxy_nobody_needs_is_not_looked_up)
{
    struct bench b;

    init(&b, "http://proxy:3128", NULL);
    sim_name_set(&b.b.sim, "proxy", "10.0.0.9", 0);
    build(&b, "script:x");
    assert_int_equal(say("unix:a 127.0.0.1:1"), GREBE_OK);
    assert_string_equal(told(&b), "update unix:a 127.0.0.1:1");
    assert_int_equal(say(""), GREBE_OK);
    assert_string_equal(told(&b), "update");
    assert_int_equal(b.b.sim.n_lookups, 0);
    assert_int_equal(say("a:1"), GREBE_OK);
    assert_string_equal(told(&b), "update a:1~10.0.0.9:3128");
    /* And back: the proxy is of no interest any more. */
    assert_int_equal(say("unix:a"), GREBE_OK);
    assert_string_equal(told(&b), "update unix:a");
    assert_int_equal(say("unix-abstract:a"), GREBE_OK);
    assert_string_equal(told(&b), "update unix-abstract:a");
    sim_advance(&b.b.sim, 60 * SECOND);
    resolver_bench_resolve_now(&b.b);
    assert_string_equal(told(&b), "");
    fini(&b);
}

TEST(fixed_targets_are_paired_too)
{
    static const struct {
        const char *target, *told;
    } fixed[] = {
        {"ipv4:10.0.0.1:80,127.0.0.1:80",
         "update 10.0.0.1:80~10.0.0.9:3128 127.0.0.1:80"},
        {"passthrough:///host:1", "update host:1~10.0.0.9:3128"},
        {"passthrough:///unix:a", "update unix:a"},
        {"unix:/run/s", "update /run/s"},
        {"unix-abstract:s", "update @s"},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(fixed); i++) {
        struct bench b;

        init(&b, "http://10.0.0.9:3128", NULL);
        build(&b, fixed[i].target);
        assert_string_equal(told(&b), fixed[i].told);
        fini(&b);
    }
}

TEST(no_more_than_sixteen_addresses_of_the_proxy_are_used)
{
    char addresses[512] = "";
    struct bench b;

    for (int i = 0; i < 20; i++)
        sprintf(addresses + strlen(addresses), "%s10.0.0.%d", i == 0 ? "" : " ", i);
    init(&b, "http://proxy:1", NULL);
    sim_name_set(&b.b.sim, "proxy", addresses, 0);
    build(&b, "dns:///h");
    sim_settle(&b.b.sim);
    assert_int_equal(grebe_endpoint_n_addresses(b.b.endpoints[0]), 16);
    fini(&b);
}

/* Everything but the way stays. */
TEST(address_keeps_its_name_and_its_attributes)
{
    static const struct grebe_attribute_key key = {.name = "mine"}, other = {.name = "b"};
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_resolver_state found = GREBE_RESOLVER_STATE_INIT;
    const struct grebe_attributes *seen = NULL, *balancing = NULL, *of_endpoint = NULL;
    struct grebe_address *address;
    struct grebe_endpoint *endpoint;
    struct bench b;

    assert_int_equal(grebe_attributes_with(NULL, NULL, &key, (void *)1, &seen), GREBE_OK);
    assert_int_equal(grebe_attributes_with(NULL, NULL, &other, (void *)2, &balancing),
                     GREBE_OK);
    assert_int_equal(grebe_attributes_with(NULL, NULL, &GREBE_ATTRIBUTE_WEIGHT, (void *)3,
                                           &of_endpoint),
                     GREBE_OK);
    options.server_name = "name";
    options.attributes = seen;
    options.balancer_attributes = balancing;
    assert_int_equal(grebe_address_new(NULL, "a:1", &options, &address), GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, &address, 1, of_endpoint, &endpoint),
                     GREBE_OK);
    init(&b, "http://10.0.0.9:3128", NULL);
    build(&b, "script:x");
    found.endpoints = &endpoint;
    found.n_endpoints = 1;
    found.service_config = "{}";
    found.attributes = balancing;
    found.ttl_ns = 7;
    found.source = "a script";
    assert_int_equal(grebe_resolver_conn_update(script, &found), GREBE_OK);
    assert_string_equal(told(&b), "update a:1~10.0.0.9:3128");
    assert_string_equal(b.b.service_config, "{}");
    assert_string_equal(b.b.source, "a script, proxy 10.0.0.9:3128");
    assert_int_equal(b.b.ttl_ns, 7);
    assert_ptr_equal(grebe_attributes_get(b.b.attributes, &other), (void *)2);
    assert_ptr_equal(grebe_attributes_get(grebe_endpoint_attributes(b.b.endpoints[0]),
                                          &GREBE_ATTRIBUTE_WEIGHT),
                     (void *)3);
    grebe_address_unref(address);
    address = grebe_endpoint_address(b.b.endpoints[0], 0);
    assert_string_equal(grebe_address_server_name(address), "name");
    assert_ptr_equal(grebe_attributes_get(grebe_address_attributes(address), &key),
                     (void *)1);
    assert_ptr_equal(
        grebe_attributes_get(grebe_address_balancer_attributes(address), &other),
        (void *)2);
    fini(&b);
    grebe_endpoint_unref(endpoint);
    grebe_attributes_unref(seen);
    grebe_attributes_unref(balancing);
    grebe_attributes_unref(of_endpoint);
}

TEST(addresses_through_different_proxies_are_different)
{
    struct grebe__hop *hops[4];
    static const struct {
        const char *address, *authorization;
    } texts[] = {{"p:1", NULL}, {"p:1", "x"}, {"p:2", NULL}, {"p:1", NULL}};
    const struct grebe_attributes *sets[4];

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            grebe__hop_new(NULL, texts[i].address, texts[i].authorization, &hops[i]),
            GREBE_OK);
        assert_int_equal(
            grebe_attributes_with(NULL, NULL, &grebe__attribute_hop, hops[i], &sets[i]),
            GREBE_OK);
        grebe__hop_unref(hops[i]);
    }
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(grebe_attributes_equal(sets[0], sets[i]), i == 3);
    for (size_t i = 0; i < 4; i++)
        grebe_attributes_unref(sets[i]);
}

/* ---- Wishes and verdicts ----------------------------------------------------------------------- */

TEST(wish_goes_to_both_sides)
{
    struct bench b;

    init(&b, "http://proxy:3128", NULL);
    sim_name_set(&b.b.sim, "proxy", "10.0.0.9", 0);
    build(&b, "script:x");
    assert_int_equal(say("a:1"), GREBE_OK);
    told(&b);
    sim_advance(&b.b.sim, 60 * SECOND);
    resolver_bench_resolve_now(&b.b);
    assert_int_equal(n_script_wishes, 1);
    assert_int_equal(b.b.sim.n_lookups, 2);
    fini(&b);
}

/* RES-23 */
TEST(refused_update_has_the_other_side_look_again)
{
    struct bench b;

    init(&b, "http://proxy:3128", NULL);
    sim_name_set(&b.b.sim, "proxy", "10.0.0.9", 40 * SECOND);
    build(&b, "script:x");
    assert_int_equal(say("a:1"), GREBE_OK);
    told(&b);
    /* The target's side speaks: the proxy is looked up again. */
    sim_advance(&b.b.sim, 31 * SECOND);
    assert_int_equal(b.b.sim.n_lookups, 1);
    b.b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_int_equal(say("b:1"), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_int_equal(n_script_wishes, 0);
    assert_int_equal(b.b.sim.n_lookups, 2);
    /* Its answer is refused as well: now the target's resolver is asked. */
    sim_settle(&b.b.sim);
    assert_int_equal(n_script_wishes, 1);
    assert_string_equal(told(&b), "update b:1~10.0.0.9:3128 | update b:1~10.0.0.9:3128");
    b.b.verdict = GREBE_OK;
    fini(&b);
}

TEST(wish_of_a_resolver_that_is_gone_is_forgotten)
{
    struct bench b;

    init(&b, "http://10.0.0.9:3128", NULL);
    build(&b, "script:x");
    b.b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    grebe__env_enter(&b.b.sim.env);
    assert_int_equal(say("b:1"), GREBE_ERR_BAD_RESOLVER_STATE);
    resolver_bench_destroy(&b.b);
    grebe__env_leave(&b.b.sim.env);
    assert_int_equal(n_script_wishes, 0);
    fini(&b);
}

TEST(errors_of_the_target_pass_through)
{
    const struct grebe_status why = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "no idea");
    struct bench b;

    init(&b, "http://10.0.0.9:3128", NULL);
    build(&b, "script:x");
    assert_true(script_options.ignores_service_config); /* as the channel said */
    assert_ptr_equal(script_options.builder, &script_builder);
    grebe_resolver_conn_report_error(script, &why);
    assert_string_equal(told(&b), "error UNAVAILABLE no idea");
    fini(&b);
    assert_null(script);
}

/* ---- A channel -------------------------------------------------------------------------------- */

TEST(channel_calls_backends_by_their_own_names)
{
    struct channel_bench b;

    channel_bench_init(&b);
    channel_bench_servers(&b, "host:443");
    b.options.proxy = "http://10.0.0.9:3128";
    assert_int_equal(channel_bench_open(&b, "dns:///host"), GREBE_OK);
    expect_echo(channel_bench_call(&b, NULL), "host:443");
    assert_string_equal(sim_server_find(&b.sim, "host:443")->authority, "host");
    channel_bench_fini(&b);
}

static void on_dial(void *arg, const char *address, struct grebe_dialing *dialing)
{
    (void)arg, (void)address, (void)dialing;
}

TEST(options_that_cannot_be_are_refused)
{
    const struct grebe_dialer dialer = {.struct_size = sizeof dialer, .dial = on_dial};
    struct channel_bench b;

    channel_bench_init(&b);
    b.options.proxy = "ftp://x";
    assert_int_equal(channel_bench_open(&b, "dns:///host"), GREBE_ERR_INVALID);
    assert_string_equal(b.diag.text,
                        "proxy: only http:// proxies are known; write http://host:port");
    b.options.proxy = "http://x";
    b.options.dialer = &dialer;
    assert_int_equal(channel_bench_open(&b, "dns:///host"), GREBE_ERR_INVALID);
    assert_string_equal(b.diag.text,
                        "proxy and dialer: the dialer makes all connections; "
                        "set one of them");
    b.options.proxy = ""; /* none */
    assert_int_equal(channel_bench_open(&b, "dns:///host"), GREBE_OK);
    channel_bench_fini(&b);
}

/* ---- Memory ------------------------------------------------------------------------------------ */

/* Whatever fails, in the end the channel has the list. */
TEST(out_of_memory_passes)
{
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct bench b;
        int error;

        init(&b, "http://u:p@proxy:3128", NULL);
        sim_name_set(&b.b.sim, "proxy", "10.0.0.8 10.0.0.9", 40 * SECOND);
        b.b.mem.fail_at = n;
        error = resolver_bench_build(&b.b, "dns:///host");
        if (error == GREBE_OK) {
            sim_advance(&b.b.sim, 120 * SECOND);
            assert_non_null(
                strstr(told(&b), "update host:443~10.0.0.8:3128+host:443~10.0.0.9:3128"));
        } else {
            assert_int_equal(error, GREBE_ERR_NOMEM);
            assert_null(b.b.resolver);
        }
        has_failed = b.b.mem.has_failed;
        fini(&b);
    }
}

TEST(out_of_memory_is_the_targets_to_hear_of)
{
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct bench b;
        int error;

        init(&b, "http://10.0.0.9:3128", NULL);
        build(&b, "script:x");
        b.b.mem.fail_at = b.b.mem.n_allocs + n;
        error = say("a:1+b:1 c:1");
        has_failed = b.b.mem.has_failed;
        assert_int_equal(error, has_failed ? GREBE_ERR_NOMEM : GREBE_OK);
        if (has_failed)
            assert_int_equal(say("a:1+b:1 c:1"), GREBE_OK);
        assert_string_equal(told(&b), "update a:1~10.0.0.9:3128+b:1~10.0.0.9:3128 "
                                      "c:1~10.0.0.9:3128");
        fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_is_the_proxys_to_look_up),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(proxy_with_a_name_is_looked_up),
        cmocka_unit_test(proxy_that_cannot_be_found_is_an_error),
        cmocka_unit_test(name_that_is_spared_is_looked_up_here),
        cmocka_unit_test(name_may_be_looked_up_here_all_the_same),
        cmocka_unit_test(service_is_looked_up_here),
        cmocka_unit_test(addresses_are_paired_with_those_of_the_proxy),
        cmocka_unit_test(what_is_spared_passes_unchanged),
        cmocka_unit_test(proxy_nobody_needs_is_not_looked_up),
        cmocka_unit_test(fixed_targets_are_paired_too),
        cmocka_unit_test(no_more_than_sixteen_addresses_of_the_proxy_are_used),
        cmocka_unit_test(address_keeps_its_name_and_its_attributes),
        cmocka_unit_test(addresses_through_different_proxies_are_different),
        cmocka_unit_test(wish_goes_to_both_sides),
        cmocka_unit_test(refused_update_has_the_other_side_look_again),
        cmocka_unit_test(wish_of_a_resolver_that_is_gone_is_forgotten),
        cmocka_unit_test(errors_of_the_target_pass_through),
        cmocka_unit_test(channel_calls_backends_by_their_own_names),
        cmocka_unit_test(options_that_cannot_be_are_refused),
        cmocka_unit_test(out_of_memory_passes),
        cmocka_unit_test(out_of_memory_is_the_targets_to_hear_of),
    };

    return cmocka_run_group_tests_name("proxied", tests, NULL, NULL);
}
