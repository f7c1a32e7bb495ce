/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a channel says it talks to: targets, authorities, and what a policy hears of them.
 * Source: gRPC name resolution; grpc-go ClientConn. */
#include "support/test.h"

#include <grebe/registry.h>
#include <grebe/version.h>

#include "support/channel_bench.h"

/* TGT-4, TGT-5 */
TEST(targets_that_only_the_resolver_can_judge_fail_the_first_call)
{
    static const struct {
        const char *target, *why;
    } cases[] = {
        {"unix://authority/x", "invalid (non-empty) authority"},
        {"unix://authority", "invalid (non-empty) authority"},
        {"unix-abstract://a/b", "invalid (non-empty) authority"},
        {"", "missing address"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_bench b;

        channel_bench_init(&b);
        assert_int_equal(channel_bench_open(&b, cases[i].target), GREBE_OK);
        expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                      cases[i].why);
        channel_bench_fini(&b);
    }
}

/* TGT-16 */
TEST(option_and_credentials_may_both_name_the_server_if_they_agree)
{
    static const struct {
        const char *option, *credentials, *authority; /* NULL: refused */
    } cases[] = {
        {NULL, "of.credentials", "of.credentials"},
        {"of.option", NULL, "of.option"},
        {"same", "same", "same"},
        {"one", "other", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_bench b;
        struct grebe__channel_params params = {.target = "manual:///x"};

        channel_bench_init(&b);
        b.options.authority = cases[i].option;
        params.env = &b.sim.env;
        params.options = &b.options;
        params.credentials_name = cases[i].credentials;
        if (cases[i].authority == NULL) {
            assert_int_equal(grebe__channel_new(&params, &b.diag, &b.channel),
                             GREBE_ERR_INVALID);
            assert_string_equal(b.diag.text,
                                "authority \"one\" and server name \"other\" of the "
                                "credentials differ: set one of them");
        } else {
            assert_int_equal(grebe__channel_new(&params, &b.diag, &b.channel), GREBE_OK);
            assert_string_equal(b.channel->authority, cases[i].authority);
        }
        channel_bench_fini(&b);
    }
}

/* With credentials that name this server. */
static void open_named(struct channel_bench *b, const char *target, const char *name)
{
    struct grebe__channel_params params = {
        .env = &b->sim.env,
        .target = target,
        .options = &b->options,
        .credentials_name = name,
    };

    assert_int_equal(grebe__channel_new(&params, &b->diag, &b->channel), GREBE_OK);
}

/* TGT-17 */
TEST(server_name_of_an_address_counts_unless_the_application_fixed_one)
{
    static const struct {
        const char *option, *credentials, *authority;
    } cases[] = {
        {NULL, NULL, "backend.example"},
        {"of.option", NULL, "of.option"},
        {NULL, "of.credentials", "of.credentials"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_bench b;

        channel_bench_init(&b);
        b.options.authority = cases[i].option;
        b.server_name = "backend.example";
        b.resolves_to = "a";
        open_named(&b, "manual:///x", cases[i].credentials);
        channel_bench_servers(&b, "a");
        expect_echo(channel_bench_call(&b, NULL), "a");
        assert_string_equal(sim_server_find(&b.sim, "a")->authority, cases[i].authority);
        channel_bench_fini(&b);
    }
}

static char seen_target[64], seen_authority[64], seen_user_agent[64], seen_config[64];
static const struct grebe_attributes *seen_attributes; /* borrowed: to compare */
static size_t seen_endpoints;

static int parse_config(const struct grebe_json *json, struct grebe_diag *diag,
                        void **out)
{
    const char *foo = "";
    int result = grebe_json_get_string(json, "foo", &foo, diag);

    if (result == GREBE_OK)
        *out = grebe_mem_strdup(NULL, foo);
    return result;
}

static void free_config(void *config)
{
    grebe_mem_free(NULL, config);
}

static int look_update(struct grebe_balancer *base,
                       const struct grebe_balancer_update *update)
{
    (void)base;
    snprintf(seen_config, sizeof seen_config, "%s", (const char *)update->config);
    seen_endpoints = update->n_endpoints;
    seen_attributes = update->attributes;
    return GREBE_OK;
}

static void look_destroy(struct grebe_balancer *base)
{
    grebe_mem_free(NULL, base);
}

static const struct grebe_balancer_ops look_ops = {.update = look_update,
                                                   .destroy = look_destroy};

static int look_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    (void)cc;
    snprintf(seen_target, sizeof seen_target, "%s", options->target);
    snprintf(seen_authority, sizeof seen_authority, "%s", options->authority);
    snprintf(seen_user_agent, sizeof seen_user_agent, "%s", options->user_agent);
    *out = grebe_mem_alloc(NULL, sizeof **out);
    grebe_balancer_init(*out, &look_ops);
    return GREBE_OK;
}

static const struct grebe_balancer_builder look = {
    .api = GREBE_BALANCER_API,
    .name = "look",
    .parse_config = parse_config,
    .free_config = free_config,
    .build = look_build,
};

static const char look_hi[] = "{\"loadBalancingConfig\":[{\"look\":{\"foo\":\"hi\"}}]}";

/* TGT-20, CFG-1 */
TEST(a_policy_knows_target_authority_and_its_own_config)
{
    static const struct {
        const char *option, *credentials, *authority;
    } cases[] = {
        {NULL, NULL, "db:5432"},
        {"of.option", NULL, "of.option"},
        {NULL, "of.credentials", "of.credentials"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_bench b;

        channel_bench_init(&b);
        b.options.service_config = look_hi;
        b.options.authority = cases[i].option;
        b.resolves_to = "a";
        open_named(&b, "manual:///db:5432", cases[i].credentials);
        channel_bench_connect(&b);
        assert_string_equal(seen_target, "manual:///db:5432");
        assert_string_equal(seen_authority, cases[i].authority);
        assert_string_equal(seen_config, "hi");
        channel_bench_fini(&b);
    }
}

/* CFG-21 */
TEST(an_invalid_config_leaves_a_policy_its_old_one_and_gives_it_the_addresses)
{
    struct channel_bench b;

    channel_bench_start(&b, NULL);
    channel_bench_connect(&b);
    b.service_config = look_hi;
    assert_int_equal(channel_bench_resolve(&b, "a"), GREBE_OK);
    seen_config[0] = '\0';
    b.service_config = "{\"loadBalancingConfig\":[{\"look\":{\"foo\":7}}]}";
    assert_int_equal(channel_bench_resolve(&b, "a b c"), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(seen_config, "hi");
    assert_int_equal(seen_endpoints, 3);
    channel_bench_fini(&b);
}

TEST(the_user_agent_of_the_application_goes_before_the_librarys)
{
    static const struct {
        const char *option, *of_policy, *header;
    } cases[] = {
        {NULL, "", "grpc-c-grebe/" GREBE_VERSION},
        {"", "", "grpc-c-grebe/" GREBE_VERSION},
        {"app/7", "app/7", "app/7 grpc-c-grebe/" GREBE_VERSION},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_bench b;

        channel_bench_init(&b);
        b.options.service_config = look_hi;
        b.options.user_agent = cases[i].option;
        b.resolves_to = "a";
        assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
        channel_bench_connect(&b);
        assert_string_equal(b.channel->transport_options.user_agent, cases[i].header);
        assert_string_equal(seen_user_agent, cases[i].of_policy);
        channel_bench_fini(&b);
    }
}

TEST(attributes_of_an_update_reach_the_policy)
{
    static const struct grebe_attribute_key fact = {.name = "fact"};
    struct grebe_resolver_state found = GREBE_RESOLVER_STATE_INIT;
    struct channel_bench b;

    assert_int_equal(
        grebe_attributes_with(NULL, NULL, &fact, (void *)1, &found.attributes), GREBE_OK);
    channel_bench_start(&b, look_hi);
    channel_bench_connect(&b);
    seen_attributes = NULL;
    grebe__env_enter(&b.sim.env);
    assert_int_equal(grebe_resolver_conn_update(b.conn, &found), GREBE_OK);
    grebe__env_leave(&b.sim.env);
    assert_ptr_equal(seen_attributes, found.attributes);
    grebe_attributes_unref(found.attributes);
    channel_bench_fini(&b);
}

/* gRFC A18: TCP_USER_TIMEOUT is the timeout of keepalive, if there is keepalive. */
TEST(the_kernel_gives_up_on_a_peer_when_keepalive_would)
{
    static const struct {
        uint64_t keepalive_time_ns, keepalive_timeout_ns;
        uint32_t option_ms, expected_ms;
    } cases[] = {
        {UINT64_MAX, 5 * SECOND, 20000, 20000},
        {30 * SECOND, 5 * SECOND, 20000, 5000},
        {30 * SECOND, 60 * SECOND, 20000, 60000},
        {30 * SECOND, 1, 20000, 1},
        {30 * SECOND, UINT64_MAX, 20000, UINT32_MAX},
        {30 * SECOND, 5 * SECOND, 1234, 1234}, /* the application has the last word */
        {30 * SECOND, 5 * SECOND, 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct channel_bench b;

        channel_bench_init(&b);
        assert_int_equal(b.options.tcp_user_timeout_ms, 20000);
        b.options.keepalive_time_ns = cases[i].keepalive_time_ns;
        b.options.keepalive_timeout_ns = cases[i].keepalive_timeout_ns;
        b.options.tcp_user_timeout_ms = cases[i].option_ms;
        assert_int_equal(channel_bench_open(&b, "manual:///x"), GREBE_OK);
        assert_int_equal(b.channel->transport_options.tcp_user_timeout_ms,
                         cases[i].expected_ms);
        channel_bench_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_that_only_the_resolver_can_judge_fail_the_first_call),
        cmocka_unit_test(option_and_credentials_may_both_name_the_server_if_they_agree),
        cmocka_unit_test(
            server_name_of_an_address_counts_unless_the_application_fixed_one),
        cmocka_unit_test(a_policy_knows_target_authority_and_its_own_config),
        cmocka_unit_test(
            an_invalid_config_leaves_a_policy_its_old_one_and_gives_it_the_addresses),
        cmocka_unit_test(the_kernel_gives_up_on_a_peer_when_keepalive_would),
        cmocka_unit_test(the_user_agent_of_the_application_goes_before_the_librarys),
        cmocka_unit_test(attributes_of_an_update_reach_the_policy),
    };

    assert_int_equal(grebe_balancer_register(&look), GREBE_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
