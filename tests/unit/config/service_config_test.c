/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <grebe/status.h>

#include "base/assert.h"
#include "config/service_config.h"
#include "support/mem.h"

static struct grebe__service_config *parse(const char *text)
{
    struct grebe__service_config *config = NULL;
    struct grebe_diag diag = {""};

    if (grebe__service_config_parse(NULL, text, &diag, &config) != GREBE_OK)
        fail_msg("%s: %s", text, diag.text);
    return config;
}

static void assert_refused(const char *text, const char *why)
{
    struct grebe__service_config *config = NULL;
    struct grebe_diag diag = {""};

    if (grebe__service_config_parse(NULL, text, &diag, &config) != GREBE_ERR_CONFIG)
        fail_msg("accepted: %s", text);
    assert_null(config);
    if (strcmp(diag.text, why) != 0)
        fail_msg("%s: \"%s\", want \"%s\"", text, diag.text, why);
}

/* The `entry` of a config that has no other, for all methods. */
static struct grebe__service_config *parse_entry(const char *entry,
                                                 const struct grebe__method_config **out)
{
    struct grebe__service_config *config;
    char text[1024];

    snprintf(text, sizeof text, "{\"methodConfig\":[{\"name\":[{}],%s}]}", entry);
    config = parse(text);
    *out = grebe__service_config_method(config, "/any/Method");
    assert_non_null(*out);
    return config;
}

static void assert_entry_refused(const char *entry, const char *why)
{
    char text[1024], whole[512];

    snprintf(text, sizeof text, "{\"methodConfig\":[{\"name\":[{}],%s}]}", entry);
    snprintf(whole, sizeof whole, "methodConfig[0].%s", why);
    assert_refused(text, whole);
}

/* ---- The text as a whole ----------------------------------------------------------- */

TEST(empty_object_says_nothing)
{
    struct grebe__service_config *config = parse("{}");

    assert_null(grebe__service_config_lb(config));
    assert_null(grebe__service_config_method(config, "/s/m"));
    assert_null(grebe__service_config_health_service(config));
    assert_int_equal(grebe__service_config_retry_throttling(config).max_milli_tokens, 0);
    grebe__service_config_unref(config);
    grebe__service_config_unref(NULL);
}

TEST(null_counts_as_absent_everywhere)
{
    struct grebe__service_config *config =
        parse("{\"loadBalancingConfig\":null,\"loadBalancingPolicy\":null,"
              "\"methodConfig\":null,\"retryThrottling\":null,"
              "\"healthCheckConfig\":null}");

    assert_null(grebe__service_config_lb(config));
    grebe__service_config_unref(config);
}

/* CFG-14 */
TEST(unknown_members_are_ignored_at_every_level)
{
    struct grebe__service_config *config =
        parse("{\"x\":{\"y\":[1.5e3,\"\\u0000\",{\"z\":null}]},"
              "\"methodConfig\":[{\"name\":[{\"service\":\"s\",\"x\":[]}],\"x\":1,"
              "\"retryPolicy\":{\"maxAttempts\":2,\"initialBackoff\":\"1s\","
              "\"maxBackoff\":\"1s\",\"backoffMultiplier\":1,"
              "\"retryableStatusCodes\":[14],\"x\":{}}}],"
              "\"retryThrottling\":{\"maxTokens\":1,\"tokenRatio\":1,\"x\":1},"
              "\"healthCheckConfig\":{\"x\":1}}");

    assert_non_null(grebe__service_config_method(config, "/s/m"));
    grebe__service_config_unref(config);
}

static const struct {
    const char *text;
    const char *why;
} refused[] = {
    {"[]", "expected an object, found a list"},
    {"null", "expected an object, found null"},
    {"{\"loadBalancingPolicy\":1}",
     "loadBalancingPolicy: expected a string, found a number"},
    {"{\"loadBalancingConfig\":[{\"round_robin\":{}}],\"loadBalancingPolicy\":1}",
     "loadBalancingPolicy: expected a string, found a number"},
    {"{\"loadBalancingConfig\":{\"round_robin\":{}}}",
     "loadBalancingConfig: expected a list, found an object"},
    {"{\"loadBalancingConfig\":[]}",
     "loadBalancingConfig: no supported policies found in []"},
    {"{\"loadBalancingConfig\":[{\"no\":{}}],\"loadBalancingPolicy\":\"round_robin\"}",
     "loadBalancingConfig: no supported policies found in [no]"},
    {"{\"loadBalancingConfig\":[{\"a\":1,\"b\":2}]}",
     "loadBalancingConfig[0]: expected one policy, found 2"},
    {"{\"methodConfig\":{}}", "methodConfig: expected a list, found an object"},
    {"{\"methodConfig\":[{},7]}", "methodConfig[1].name: expected inside an object, "
                                  "not a number"},
    {"{\"retryThrottling\":{\"maxTokens\":0,\"tokenRatio\":1}}",
     "retryThrottling.maxTokens: missing, or less than 0.001"},
    {"{\"retryThrottling\":{\"maxTokens\":-1,\"tokenRatio\":1}}",
     "retryThrottling.maxTokens: missing, or less than 0.001"},
    {"{\"retryThrottling\":{\"maxTokens\":1001,\"tokenRatio\":1}}",
     "retryThrottling.maxTokens: more than 1000"},
    {"{\"methodConfig\":[{\"name\":[{}]}],"
     "\"retryThrottling\":{\"maxTokens\":1001,\"tokenRatio\":1}}",
     "retryThrottling.maxTokens: more than 1000"},
    {"{\"retryThrottling\":{\"maxTokens\":1000.001,\"tokenRatio\":1}}",
     "retryThrottling.maxTokens: more than 1000"},
    {"{\"retryThrottling\":{\"maxTokens\":1e300,\"tokenRatio\":1}}",
     "retryThrottling.maxTokens: more than 1000"},
    {"{\"retryThrottling\":{\"maxTokens\":10,\"tokenRatio\":0}}",
     "retryThrottling.tokenRatio: missing, or less than 0.001"},
    {"{\"retryThrottling\":{\"maxTokens\":10,\"tokenRatio\":0.0009}}",
     "retryThrottling.tokenRatio: missing, or less than 0.001"},
    {"{\"retryThrottling\":{\"maxTokens\":10}}",
     "retryThrottling.tokenRatio: missing, or less than 0.001"},
    {"{\"retryThrottling\":{\"maxTokens\":\"10\",\"tokenRatio\":1}}",
     "retryThrottling.maxTokens: expected a number, found a string"},
    {"{\"healthCheckConfig\":{\"serviceName\":1}}",
     "healthCheckConfig.serviceName: expected a string, found a number"},
    {"{\"connectionScaling\":{\"maxConnectionsPerSubchannel\":-1}}",
     "connectionScaling.maxConnectionsPerSubchannel: -1 is not between 0 and "
     "4294967295"},
    {"{\"connectionScaling\":[]}", "connectionScaling: expected an object, found a list"},
    {"{\"healthCheckConfig\":\"s\"}",
     "healthCheckConfig: expected an object, found a string"},
};

/* CFG-2, CFG-12 */
TEST(known_member_of_the_wrong_kind_spoils_the_whole)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(refused); i++)
        assert_refused(refused[i].text, refused[i].why);
}

TEST(names_match_in_any_case_and_in_snake_case)
{
    struct grebe__service_config *config = parse(
        "{\"METHODCONFIG\":[{\"NAME\":[{\"Service\":\"s\"}],\"wait_for_ready\":true,"
        "\"retry_policy\":{\"MaxAttempts\":3,\"INITIALBACKOFF\":\"1s\","
        "\"max_backoff\":\"2s\",\"backoffMultiplier\":1.5,"
        "\"retryableStatusCodes\":[\"UNAVAILABLE\"]}}]}");
    const struct grebe__method_config *method =
        grebe__service_config_method(config, "/s/m");

    assert_true(method->has_wait_for_ready && method->wait_for_ready);
    assert_int_equal(method->retry.max_attempts, 3);
    assert_int_equal(method->retry.initial_backoff_ns, SECOND);
    grebe__service_config_unref(config);
}

/* ---- Policy ------------------------------------------------------------------------ */

static const struct {
    const char *text;
    const char *name; /* NULL: none */
} policies[] = {
    {"{\"loadBalancingPolicy\":\"round_robin\"}", "round_robin"},
    {"{\"loadBalancingPolicy\":\"no_such_policy\"}", NULL},
    {"{\"loadBalancingPolicy\":\"\"}", NULL},
    {"{\"loadBalancingConfig\":[{\"round_robin\":{}}]}", "round_robin"},
    {"{\"loadBalancingConfig\":[{\"no\":{}},{\"pick_first\":{}},{\"round_robin\":{}}]}",
     "pick_first"},
    {"{\"loadBalancingConfig\":[{\"pick_first\":{}}],"
     "\"loadBalancingPolicy\":\"round_robin\"}",
     "pick_first"},
    {"{\"loadBalancingConfig\":null,\"loadBalancingPolicy\":\"round_robin\"}",
     "round_robin"},
};

/* CFG-3, C-23, gRFC A24 */
TEST(list_of_policies_wins_over_the_name_of_one)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(policies); i++) {
        struct grebe__service_config *config = parse(policies[i].text);
        const struct grebe_lb_config *lb = grebe__service_config_lb(config);

        if (policies[i].name == NULL)
            assert_null(lb);
        else
            assert_string_equal(grebe_lb_config_builder(lb)->name, policies[i].name);
        grebe__service_config_unref(config);
    }
}

/* ---- Names of methods -------------------------------------------------------------- */

/* Timeouts of 1 s, 2 s and 3 s tell which entry was found. */
static const char three_entries[] =
    "{\"methodConfig\":["
    "{\"name\":[{\"service\":\"s\",\"method\":\"m\"}],\"timeout\":\"1s\"},"
    "{\"name\":[{\"service\":\"s\"},{\"service\":\"a.b.S\",\"method\":\"\"}],"
    "\"timeout\":\"2s\"},"
    "{\"name\":[{}],\"timeout\":\"3s\"}]}";

static const struct {
    const char *path;
    int64_t timeout_s;
} lookups[] = {
    {"/s/m", 1},  {"/s/x", 2},     {"/s/", 2},    {"/t/y", 3}, {"/s/mm", 2},
    {"/ss/m", 3}, {"/a.b.S/M", 2}, {"/s/m/", 3},  {"s/m", 3},  {"", 3},
    {"/", 3},     {"noslash", 3},  {"/a.b/M", 3},
};

/* CFG-9 */
TEST(method_is_found_by_name_then_service_then_default)
{
    struct grebe__service_config *config = parse(three_entries);

    for (size_t i = 0; i < GREBE_ARRAY_LEN(lookups); i++)
        assert_int_equal(
            grebe__service_config_method(config, lookups[i].path)->timeout_ns,
            lookups[i].timeout_s * (int64_t)SECOND);
    grebe__service_config_unref(config);
}

TEST(entries_are_not_merged)
{
    struct grebe__service_config *config =
        parse("{\"methodConfig\":["
              "{\"name\":[{\"service\":\"s\",\"method\":\"m\"}],\"waitForReady\":true},"
              "{\"name\":[{}],\"timeout\":\"3s\"}]}");
    const struct grebe__method_config *method =
        grebe__service_config_method(config, "/s/m");

    assert_false(method->has_timeout);
    assert_true(method->wait_for_ready);
    grebe__service_config_unref(config);
}

/* CFG-9 */
TEST(without_a_default_other_methods_have_nothing)
{
    struct grebe__service_config *config =
        parse("{\"methodConfig\":[{\"name\":[{\"service\":\"s\"}]}]}");

    assert_non_null(grebe__service_config_method(config, "/s/m"));
    assert_null(grebe__service_config_method(config, "/t/m"));
    grebe__service_config_unref(config);
}

/* CFG-7 */
TEST(empty_null_and_missing_service_all_mean_the_default)
{
    static const char *const names[] = {"{}", "{\"service\":null}", "{\"service\":\"\"}",
                                        "{\"service\":\"\",\"method\":\"\"}"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++) {
        struct grebe__service_config *config;
        char text[256];

        snprintf(text, sizeof text, "{\"methodConfig\":[{\"name\":[%s]}]}", names[i]);
        config = parse(text);
        assert_non_null(grebe__service_config_method(config, "/x/y"));
        grebe__service_config_unref(config);
    }
}

static const struct {
    const char *list;
    const char *why;
} bad_names[] = {
    {"{\"name\":[{\"method\":\"Bar\"}]}",
     "methodConfig[0].name[0]: method without a service: \"Bar\""},
    {"{\"name\":[{\"service\":\"\",\"method\":\"Bar\"}]}",
     "methodConfig[0].name[0]: method without a service: \"Bar\""},
    {"{\"name\":[{\"service\":\"s\"},{\"service\":\"s\"}]}",
     "methodConfig[0].name[1]: duplicated name, of service: \"s\""},
    {"{\"name\":[{\"service\":\"s\",\"method\":\"m\"}]},"
     "{\"name\":[{\"service\":\"x\"},{\"service\":\"s\",\"method\":\"m\"}]}",
     "methodConfig[1].name[1]: duplicated name, of service: \"s\""},
    {"{\"name\":[{}]},{\"name\":[{\"service\":null}]}",
     "methodConfig[1].name[0]: duplicated name, of service: \"\""},
    {"{\"name\":[{\"service\":1}]}",
     "methodConfig[0].name[0].service: expected a string, found a number"},
    {"{\"name\":[7]}", "methodConfig[0].name[0].service: expected inside an object, "
                       "not a number"},
    {"{\"name\":{}}", "methodConfig[0].name: expected a list, found an object"},
};

/* CFG-7, CFG-8 */
TEST(names_are_unique_and_have_a_service)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(bad_names); i++) {
        char text[512];

        snprintf(text, sizeof text, "{\"methodConfig\":[%s]}", bad_names[i].list);
        assert_refused(text, bad_names[i].why);
    }
}

/* As grpc-go decodes first and looks at values later. */
TEST(entry_without_names_needs_only_be_well_formed)
{
    static const char *const unused[] = {
        "{\"name\":null,\"retryPolicy\":{}}",
        "{\"retryPolicy\":{\"maxAttempts\":1},\"hedgingPolicy\":{}}",
        "{\"name\":[],\"maxRequestMessageBytes\":-1}",
        "{}",
    };
    static const struct {
        const char *entry;
        const char *why;
    } ill_formed[] = {
        {"{\"name\":null,\"timeout\":\"5m\"}",
         "methodConfig[0].timeout: not a duration such as \"1.5s\": \"5m\""},
        {"{\"retryPolicy\":{\"initialBackoff\":1}}",
         "methodConfig[0].retryPolicy.initialBackoff: expected a string, found a number"},
    };
    char text[256];

    for (size_t i = 0; i < GREBE_ARRAY_LEN(unused); i++) {
        struct grebe__service_config *config;

        snprintf(text, sizeof text, "{\"methodConfig\":[%s]}", unused[i]);
        config = parse(text);
        assert_null(grebe__service_config_method(config, "/s/m"));
        grebe__service_config_unref(config);
    }
    for (size_t i = 0; i < GREBE_ARRAY_LEN(ill_formed); i++) {
        snprintf(text, sizeof text, "{\"methodConfig\":[%s]}", ill_formed[i].entry);
        assert_refused(text, ill_formed[i].why);
    }
}

TEST(thousand_methods_are_told_apart)
{
    static char text[64 * 1024];
    struct grebe__service_config *config;
    size_t used = (size_t)sprintf(text, "{\"methodConfig\":[");

    for (int i = 1; i <= 1000; i++)
        used += (size_t)sprintf(
            text + used, "%s{\"name\":[{\"service\":\"s%d\"}],\"timeout\":\"%ds\"}",
            i == 1 ? "" : ",", i, i);
    sprintf(text + used, "]}");
    config = parse(text);
    for (int i = 1; i <= 1000; i++) {
        char path[32];

        sprintf(path, "/s%d/Method", i);
        assert_int_equal(grebe__service_config_method(config, path)->timeout_ns,
                         i * (int64_t)SECOND);
    }
    grebe__service_config_unref(config);
}

/* ---- Fields of methods ------------------------------------------------------------- */

/* CFG-4 */
TEST(wait_for_ready_is_yes_no_or_unsaid)
{
    const struct grebe__method_config *method;
    struct grebe__service_config *config = parse_entry("\"waitForReady\":true", &method);

    assert_true(method->has_wait_for_ready && method->wait_for_ready);
    grebe__service_config_unref(config);
    config = parse_entry("\"waitForReady\":false", &method);
    assert_true(method->has_wait_for_ready && !method->wait_for_ready);
    grebe__service_config_unref(config);
    config = parse_entry("\"waitForReady\":null", &method);
    assert_false(method->has_wait_for_ready);
    grebe__service_config_unref(config);
    assert_entry_refused("\"waitForReady\":\"true\"",
                         "waitForReady: expected a boolean, found a string");
    assert_refused("{\"methodConfig\":[{\"name\":[{}],\"waitForReady\":fall}]}",
                   "line 1 column 49: invalid token");
}

static const struct {
    const char *text;
    bool has_timeout;
    int64_t ns;
} timeouts[] = {
    {"\"timeout\":\"1s\"", true, 1000000000},
    {"\"timeout\":\"0s\"", true, 0},
    {"\"timeout\":\"1000000000s\"", true, 1000000000000000000},
    {"\"timeout\":\"315576000000s\"", true, INT64_MAX},
    {"\"timeout\":\"-1s\"", false, 0},
    {"\"timeout\":null", false, 0},
};

/* CFG-5, CFG-13, C-25 */
TEST(timeout_is_a_duration_and_negative_is_none)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(timeouts); i++) {
        const struct grebe__method_config *method;
        struct grebe__service_config *config = parse_entry(timeouts[i].text, &method);

        assert_int_equal(method->has_timeout, timeouts[i].has_timeout);
        assert_int_equal(method->timeout_ns, timeouts[i].ns);
        grebe__service_config_unref(config);
    }
    assert_entry_refused("\"timeout\":\"3c\"",
                         "timeout: not a duration such as \"1.5s\": \"3c\"");
    assert_entry_refused("\"timeout\":123", "timeout: expected a string, found a number");
    /* One that cannot be read spoils the whole, whatever follows it. */
    assert_refused("{\"methodConfig\":[{\"name\":[{}],\"timeout\":\"3c\"},"
                   "{\"name\":[{\"service\":\"s\"}],\"timeout\":\"1s\"}]}",
                   "methodConfig[0].timeout: not a duration such as \"1.5s\": \"3c\"");
    assert_entry_refused("\"timeout\":\"315576000001s\"",
                         "timeout: beyond 315576000000 seconds: \"315576000001s\"");
}

/* CFG-6 */
TEST(size_limits_are_integers_and_huge_ones_are_clamped)
{
    const struct grebe__method_config *method;
    struct grebe__service_config *config =
        parse_entry("\"maxRequestMessageBytes\":0,"
                    "\"maxResponseMessageBytes\":99999999999999",
                    &method);

    assert_true(method->has_max_request_bytes && method->has_max_response_bytes);
    assert_int_equal(method->max_request_bytes, 0);
    assert_int_equal(method->max_response_bytes, INT32_MAX);
    grebe__service_config_unref(config);
    config = parse_entry("\"timeout\":\"1s\"", &method);
    assert_false(method->has_max_request_bytes || method->has_max_response_bytes);
    grebe__service_config_unref(config);
    assert_entry_refused("\"maxRequestMessageBytes\":\"1024\"",
                         "maxRequestMessageBytes: expected an integer, found a string");
    assert_entry_refused(
        "\"maxRequestMessageBytes\":1.0",
        "maxRequestMessageBytes: expected an integer, without fraction or exponent");
    assert_entry_refused("\"maxResponseMessageBytes\":-1",
                         "maxResponseMessageBytes: -1 is less than 0");
}

/* ---- Retries and hedges ------------------------------------------------------------ */

/* A retry policy that is valid but for one field. */
static const char *retry_policy(const char *attempts, const char *initial,
                                const char *max, const char *multiplier,
                                const char *codes)
{
    static char text[512];

    snprintf(text, sizeof text,
             "\"retryPolicy\":{\"maxAttempts\":%s,\"initialBackoff\":%s,"
             "\"maxBackoff\":%s,\"backoffMultiplier\":%s,\"retryableStatusCodes\":%s}",
             attempts, initial, max, multiplier, codes);
    return text;
}

/* CFG-10 */
TEST(retry_policy_is_kept)
{
    const struct grebe__method_config *method;
    struct grebe__service_config *config =
        parse_entry(retry_policy("9", "\"2s\"", "\".5s\"", "0.5",
                                 "[\"unavailable\",10,\"CANCELLED\"]"),
                    &method);
    const struct grebe__retry_policy *retry = &method->retry;

    assert_int_equal(retry->max_attempts, 9);
    assert_int_equal(retry->initial_backoff_ns, 2 * SECOND);
    assert_int_equal(retry->max_backoff_ns, SECOND / 2);
    assert_true(retry->backoff_multiplier == 0.5);
    assert_true(grebe__code_set_has(retry->retryable_codes, GREBE_STATUS_UNAVAILABLE));
    assert_true(grebe__code_set_has(retry->retryable_codes, GREBE_STATUS_ABORTED));
    assert_true(grebe__code_set_has(retry->retryable_codes, GREBE_STATUS_CANCELLED));
    assert_false(grebe__code_set_has(retry->retryable_codes, GREBE_STATUS_OK));
    assert_false(grebe__code_set_has(retry->retryable_codes, 1000));
    assert_false(grebe__code_set_has(retry->retryable_codes, -1));
    assert_int_equal(method->hedging.max_attempts, 0);
    grebe__service_config_unref(config);
}

static const struct {
    const char *attempts, *initial, *max, *multiplier, *codes;
    const char *why;
} bad_retries[] = {
    {"1", "\"1s\"", "\"1s\"", "1", "[14]", "maxAttempts: 1 is less than 2"},
    {"-1", "\"1s\"", "\"1s\"", "1", "[14]", "maxAttempts: -1 is less than 2"},
    {"null", "\"1s\"", "\"1s\"", "1", "[14]", "maxAttempts: missing"},
    {"2.0", "\"1s\"", "\"1s\"", "1", "[14]",
     "maxAttempts: expected an integer, without fraction or exponent"},
    {"\"3\"", "\"1s\"", "\"1s\"", "1", "[14]",
     "maxAttempts: expected an integer, found a string"},
    {"2", "\"0s\"", "\"1s\"", "1", "[14]", "initialBackoff: not more than 0"},
    {"2", "null", "\"1s\"", "1", "[14]", "initialBackoff: missing"},
    {"2", "\"1s\"", "\"0s\"", "1", "[14]", "maxBackoff: not more than 0"},
    {"2", "\"1s\"", "\"-1s\"", "1", "[14]", "maxBackoff: not more than 0"},
    {"2", "\"1s\"", "\"1s\"", "0", "[14]",
     "backoffMultiplier: missing, or not more than 0"},
    {"2", "\"1s\"", "\"1s\"", "null", "[14]",
     "backoffMultiplier: missing, or not more than 0"},
    {"2", "\"1s\"", "\"1s\"", "1", "[]", "retryableStatusCodes: missing, or empty"},
    {"2", "\"1s\"", "\"1s\"", "1", "null", "retryableStatusCodes: missing, or empty"},
    {"2", "\"1s\"", "\"1s\"", "1", "[14,17]",
     "retryableStatusCodes[1]: not a status code"},
    {"2", "\"1s\"", "\"1s\"", "1", "[-1]", "retryableStatusCodes[0]: not a status code"},
    {"2", "\"1s\"", "\"1s\"", "1", "[14.0]",
     "retryableStatusCodes[0]: not a status code"},
    {"2", "\"1s\"", "\"1s\"", "1", "[\"CANCELED\"]",
     "retryableStatusCodes[0]: not a status code"},
    {"2", "\"1s\"", "\"1s\"", "1", "[null]",
     "retryableStatusCodes[0]: not a status code"},
};

/* CFG-10 */
TEST(retry_policy_needs_all_of_its_fields)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(bad_retries); i++) {
        char why[256];

        snprintf(why, sizeof why, "retryPolicy.%s", bad_retries[i].why);
        assert_entry_refused(retry_policy(bad_retries[i].attempts, bad_retries[i].initial,
                                          bad_retries[i].max, bad_retries[i].multiplier,
                                          bad_retries[i].codes),
                             why);
    }
}

TEST(hedging_policy_has_defaults)
{
    const struct grebe__method_config *method;
    struct grebe__service_config *config =
        parse_entry("\"hedgingPolicy\":{\"maxAttempts\":4,\"hedgingDelay\":\"0.01s\","
                    "\"nonFatalStatusCodes\":[\"UNAVAILABLE\"]}",
                    &method);

    assert_int_equal(method->hedging.max_attempts, 4);
    assert_int_equal(method->hedging.hedging_delay_ns, 10 * MS);
    assert_int_equal(method->hedging.non_fatal_codes, 1 << GREBE_STATUS_UNAVAILABLE);
    assert_int_equal(method->retry.max_attempts, 0);
    grebe__service_config_unref(config);
    config = parse_entry("\"hedgingPolicy\":{\"maxAttempts\":2}", &method);
    assert_int_equal(method->hedging.hedging_delay_ns, 0);
    assert_int_equal(method->hedging.non_fatal_codes, 0);
    grebe__service_config_unref(config);
    assert_entry_refused("\"hedgingPolicy\":{}", "hedgingPolicy.maxAttempts: missing");
    assert_entry_refused("\"hedgingPolicy\":{\"maxAttempts\":1}",
                         "hedgingPolicy.maxAttempts: 1 is less than 2");
    assert_entry_refused("\"hedgingPolicy\":{\"maxAttempts\":2,\"hedgingDelay\":\"-1s\"}",
                         "hedgingPolicy.hedgingDelay: less than 0");
    assert_entry_refused(
        "\"hedgingPolicy\":{\"maxAttempts\":2,\"nonFatalStatusCodes\":{}}",
        "hedgingPolicy.nonFatalStatusCodes: expected a list, found an object");
}

TEST(retries_and_hedges_exclude_each_other)
{
    char text[600];

    snprintf(text, sizeof text, "%s,\"hedgingPolicy\":{\"maxAttempts\":2}",
             retry_policy("2", "\"1s\"", "\"1s\"", "1", "[14]"));
    assert_entry_refused(text, "hedgingPolicy: there is a retryPolicy too");
}

static const struct {
    const char *max, *ratio;
    uint32_t max_milli, ratio_milli;
} throttles[] = {
    {"10", "0.5", 10000, 500},        {"1000", "1", 1000000, 1000},
    {"0.001", "0.001", 1, 1},         {"10", "0.5466", 10000, 546},
    {"9.9999", "0.29", 9999, 290},    {"1.001", "1.009", 1001, 1009},
    {"1", "1e300", 1000, 1000000000},
};

TEST(throttling_keeps_three_decimals)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(throttles); i++) {
        struct grebe__retry_throttling throttling;
        struct grebe__service_config *config;
        char text[128];

        snprintf(text, sizeof text,
                 "{\"retryThrottling\":{\"maxTokens\":%s,\"tokenRatio\":%s}}",
                 throttles[i].max, throttles[i].ratio);
        config = parse(text);
        throttling = grebe__service_config_retry_throttling(config);
        assert_int_equal(throttling.max_milli_tokens, throttles[i].max_milli);
        assert_int_equal(throttling.milli_tokens_per_success, throttles[i].ratio_milli);
        grebe__service_config_unref(config);
    }
}

/* ---- Health ------------------------------------------------------------------------ */

TEST(health_service_may_be_empty_but_must_be_there)
{
    struct grebe__service_config *config =
        parse("{\"healthCheckConfig\":{\"serviceName\":\"s\"}}");

    assert_string_equal(grebe__service_config_health_service(config), "s");
    grebe__service_config_unref(config);
    config = parse("{\"healthCheckConfig\":{\"serviceName\":\"\"}}");
    assert_string_equal(grebe__service_config_health_service(config), "");
    grebe__service_config_unref(config);
    config = parse("{\"healthCheckConfig\":{}}");
    assert_null(grebe__service_config_health_service(config));
    grebe__service_config_unref(config);
}

/* ---- Memory ------------------------------------------------------------------------ */

/* gRFC A105 */
TEST(connections_of_a_subconn_may_be_many)
{
    struct grebe__service_config *config =
        parse("{\"connectionScaling\":{\"maxConnectionsPerSubchannel\":7}}");

    assert_int_equal(grebe__service_config_max_connections(config), 7);
    grebe__service_config_unref(config);
    config = parse("{\"connectionScaling\":{}}");
    assert_int_equal(grebe__service_config_max_connections(config), 0);
    grebe__service_config_unref(config);
}

TEST(out_of_memory_anywhere_leaves_nothing_behind)
{
    static const char text[] =
        "{\"loadBalancingConfig\":[{\"round_robin\":{}}],\"methodConfig\":["
        "{\"name\":[{\"service\":\"a\"},{\"service\":\"b\",\"method\":\"m\"},{}]},"
        "{\"name\":[{\"service\":\"c\"},{\"service\":\"d\"},{\"service\":\"e\"}]}],"
        "\"healthCheckConfig\":{\"serviceName\":\"s\"}}";
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct test_mem mem;
        const struct grebe_mem *interface = test_mem_init(&mem);
        struct grebe__service_config *config = NULL;
        struct grebe_diag diag;
        int error;

        mem.fail_at = n;
        error = grebe__service_config_parse(interface, text, &diag, &config);
        has_failed = mem.has_failed;
        assert_int_equal(error, has_failed ? GREBE_ERR_NOMEM : GREBE_OK);
        assert_true(has_failed == (config == NULL));
        grebe__service_config_unref(config);
        assert_int_equal(mem.n_live, 0);
        assert_true(n < 100);
    }
}

TEST(last_reference_frees)
{
    struct test_mem mem;
    const struct grebe_mem *interface = test_mem_init(&mem);
    struct grebe__service_config *config = NULL;

    assert_int_equal(grebe__service_config_parse(interface, three_entries, NULL, &config),
                     GREBE_OK);
    assert_ptr_equal(grebe__service_config_ref(config), config);
    grebe__service_config_unref(config);
    assert_non_null(grebe__service_config_method(config, "/s/m"));
    grebe__service_config_unref(config);
    assert_int_equal(mem.n_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_object_says_nothing),
        cmocka_unit_test(null_counts_as_absent_everywhere),
        cmocka_unit_test(unknown_members_are_ignored_at_every_level),
        cmocka_unit_test(known_member_of_the_wrong_kind_spoils_the_whole),
        cmocka_unit_test(names_match_in_any_case_and_in_snake_case),
        cmocka_unit_test(list_of_policies_wins_over_the_name_of_one),
        cmocka_unit_test(method_is_found_by_name_then_service_then_default),
        cmocka_unit_test(entries_are_not_merged),
        cmocka_unit_test(without_a_default_other_methods_have_nothing),
        cmocka_unit_test(empty_null_and_missing_service_all_mean_the_default),
        cmocka_unit_test(names_are_unique_and_have_a_service),
        cmocka_unit_test(entry_without_names_needs_only_be_well_formed),
        cmocka_unit_test(thousand_methods_are_told_apart),
        cmocka_unit_test(wait_for_ready_is_yes_no_or_unsaid),
        cmocka_unit_test(timeout_is_a_duration_and_negative_is_none),
        cmocka_unit_test(size_limits_are_integers_and_huge_ones_are_clamped),
        cmocka_unit_test(retry_policy_is_kept),
        cmocka_unit_test(retry_policy_needs_all_of_its_fields),
        cmocka_unit_test(hedging_policy_has_defaults),
        cmocka_unit_test(retries_and_hedges_exclude_each_other),
        cmocka_unit_test(throttling_keeps_three_decimals),
        cmocka_unit_test(health_service_may_be_empty_but_must_be_there),
        cmocka_unit_test(connections_of_a_subconn_may_be_many),
        cmocka_unit_test(out_of_memory_anywhere_leaves_nothing_behind),
        cmocka_unit_test(last_reference_frees),
    };

    return cmocka_run_group_tests_name("service_config", tests, NULL, NULL);
}
