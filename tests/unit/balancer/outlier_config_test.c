/* SPDX-License-Identifier: Apache-2.0 */
/* What outlier_detection makes of its configuration: gRFC A50, and grpc-go where it has
 * other defaults. */
#include "support/test.h"

#include <grebe/registry.h>

#include "balancer/outlier_config.h"
#include "balancer/outlier_detection.h"

#define CHILD "\"childPolicy\": [{\"round_robin\": {}}]"

/* The caller's to free; NULL: `flaw` says why. */
static struct grebe__outlier_config *parse(const char *text, struct grebe_diag *flaw)
{
    const struct grebe_json *json;
    void *config = NULL;

    assert_int_equal(grebe_json_parse(text, strlen(text), flaw, &json), GREBE_OK);
    if (grebe__outlier_config_parse(json, flaw, &config) != GREBE_OK)
        config = NULL;
    grebe_json_free(json);
    return config;
}

static void expect_rule(const struct grebe__outlier_rule *rule, uint32_t limit,
                        uint32_t enforcement, uint32_t min_endpoints, uint32_t min_calls)
{
    assert_true(rule->is_on);
    assert_int_equal(rule->limit, limit);
    assert_int_equal(rule->enforcement_percent, enforcement);
    assert_int_equal(rule->min_endpoints, min_endpoints);
    assert_int_equal(rule->min_calls, min_calls);
}

/* O-1 */
TEST(a_child_is_enough)
{
    struct grebe_diag flaw;
    struct grebe__outlier_config *config = parse("{" CHILD "}", &flaw);

    assert_int_equal(config->interval_ns, 10 * SECOND);
    assert_int_equal(config->base_ejection_ns, 30 * SECOND);
    assert_int_equal(config->max_ejection_ns, 300 * SECOND);
    assert_int_equal(config->max_ejection_percent, 10);
    assert_false(config->success_rate.is_on || config->failure_percentage.is_on);
    assert_false(grebe__outlier_config_is_active(config));
    assert_ptr_equal(grebe_lb_config_builder(config->child),
                     grebe_balancer_get("round_robin"));
    grebe__outlier_config_free(config);
}

/* O-2 */
TEST(what_is_not_given_is_the_default)
{
    struct grebe_diag flaw;
    struct grebe__outlier_config *config = parse(
        "{\"interval\": \"15s\", \"max_ejection_time\": \"350s\", " CHILD "}", &flaw);

    assert_int_equal(config->interval_ns, 15 * SECOND);
    assert_int_equal(config->base_ejection_ns, 30 * SECOND);
    assert_int_equal(config->max_ejection_ns, 350 * SECOND);
    assert_int_equal(config->max_ejection_percent, 10);
    grebe__outlier_config_free(config);
}

/* O-3 */
TEST(an_empty_rule_is_on_with_its_defaults)
{
    struct grebe_diag flaw;
    struct grebe__outlier_config *config =
        parse("{\"successRateEjection\": {}, " CHILD "}", &flaw);

    expect_rule(&config->success_rate, 1900, 100, 5, 100);
    assert_false(config->failure_percentage.is_on);
    assert_true(grebe__outlier_config_is_active(config));
    grebe__outlier_config_free(config);
    config = parse("{\"failurePercentageEjection\": {}, " CHILD "}", &flaw);
    expect_rule(&config->failure_percentage, 85, 0, 5, 50);
    assert_false(config->success_rate.is_on);
    assert_true(grebe__outlier_config_is_active(config));
    grebe__outlier_config_free(config);
}

/* O-4 */
TEST(a_rule_in_part_has_defaults_for_the_rest)
{
    struct grebe_diag flaw;
    struct grebe__outlier_config *config =
        parse("{\"successRateEjection\": {\"stdevFactor\": 1000, \"minimumHosts\": 5}, "
              "\"failurePercentageEjection\": {\"threshold\": 80, \"request_volume\": 7, "
              "\"unknown\": true}, " CHILD "}",
              &flaw);

    expect_rule(&config->success_rate, 1000, 100, 5, 100);
    expect_rule(&config->failure_percentage, 80, 0, 5, 7);
    grebe__outlier_config_free(config);
}

/* O-5 */
TEST(explicit_zeros_are_kept)
{
    struct grebe_diag flaw;
    struct grebe__outlier_config *config = parse(
        "{\"interval\": \"0s\", \"baseEjectionTime\": \"0s\", \"maxEjectionTime\": \"0s\", "
        "\"maxEjectionPercent\": 0, \"successRateEjection\": {\"stdevFactor\": 0, "
        "\"enforcementPercentage\": 0, \"minimumHosts\": 0, \"requestVolume\": 0}, "
        "\"failurePercentageEjection\": {\"threshold\": 0, \"enforcementPercentage\": 0, "
        "\"minimumHosts\": 0, \"requestVolume\": 0}, " CHILD "}",
        &flaw);

    assert_int_equal(config->interval_ns, 0);
    assert_int_equal(config->base_ejection_ns, 0);
    assert_int_equal(config->max_ejection_ns, 0);
    assert_int_equal(config->max_ejection_percent, 0);
    expect_rule(&config->success_rate, 0, 0, 0, 0);
    expect_rule(&config->failure_percentage, 0, 0, 0, 0);
    grebe__outlier_config_free(config);
}

#define NAME "OutlierDetectionLoadBalancingConfig"

static const struct {
    const char *member, *error;
} wrong[] = {
    {"\"interval\": \"-10s\"", NAME ".interval = -10s; must be >= 0"},
    {"\"baseEjectionTime\": \"-10s\"", NAME ".base_ejection_time = -10s; must be >= 0"},
    {"\"maxEjectionTime\": \"-0.5s\"", NAME ".max_ejection_time = -0.5s; must be >= 0"},
    {"\"maxEjectionPercent\": 150", NAME ".max_ejection_percent = 150; must be <= 100"},
    {"\"panicThreshold\": 101", NAME ".panic_threshold = 101; must be <= 100"},
    {"\"successRateEjection\": {\"enforcementPercentage\": 150}",
     NAME ".SuccessRateEjection.enforcement_percentage = 150; must be <= 100"},
    {"\"failurePercentageEjection\": {\"threshold\": 150}",
     NAME ".FailurePercentageEjection.threshold = 150; must be <= 100"},
    {"\"failurePercentageEjection\": {\"enforcementPercentage\": 101}",
     NAME ".FailurePercentageEjection.enforcement_percentage = 101; must be <= 100"},
    {"\"interval\": 10", "interval: expected a string, found a number"},
    {"\"interval\": \"10m\"", "interval: not a duration such as \"1.5s\": \"10m\""},
    {"\"maxEjectionPercent\": -1", "maxEjectionPercent: -1 is not between 0 and "
                                   "4294967295"},
    {"\"successRateEjection\": 7",
     "successRateEjection: expected an object, found a number"},
    {"\"successRateEjection\": {\"stdevFactor\": \"1\"}",
     "successRateEjection.stdevFactor: expected an integer, found a string"},
    {"\"successRateEjection\": {\"minimumHosts\": 1.5}",
     "successRateEjection.minimumHosts: expected an integer, without fraction or exponent"},
    {"\"successRateEjection\": {\"requestVolume\": true}",
     "successRateEjection.requestVolume: expected an integer, found a boolean"},
    {"\"failurePercentageEjection\": {\"threshold\": {}}",
     "failurePercentageEjection.threshold: expected an integer, found an object"},
    {"\"failurePercentageEjection\": []",
     "failurePercentageEjection: expected an object, found a list"},
};

/* O-6, O-7 */
TEST(wrong_values_are_named)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct grebe_diag flaw = {.text = ""};
        char text[256];

        snprintf(text, sizeof text, "{%s, " CHILD "}", wrong[i].member);
        assert_null(parse(text, &flaw));
        assert_string_equal(flaw.text, wrong[i].error);
    }
}

/* O-8 */
TEST(a_child_is_required_and_its_errors_are_told_as_they_are)
{
    static const struct {
        const char *json, *error;
    } cases[] = {
        {"{}", "childPolicy: ChildPolicy must be specified"},
        {"{\"childPolicy\": [{\"nobody\": {}}]}",
         "childPolicy: no supported policies found in [nobody]"},
        {"{\"childPolicy\": [{\"outlier_detection\": {\"interval\": \"-1s\"}}]}",
         "childPolicy[0].outlier_detection." NAME ".interval = -1s; must be >= 0"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grebe_diag flaw = {.text = ""};

        assert_null(parse(cases[i].json, &flaw));
        assert_string_equal(flaw.text, cases[i].error);
    }
}

TEST(both_names_are_registered)
{
    assert_ptr_equal(grebe_balancer_get("outlier_detection"), &grebe__outlier_detection);
    assert_ptr_equal(grebe_balancer_get("outlier_detection_experimental"),
                     &grebe__outlier_detection_experimental);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_is_enough),
        cmocka_unit_test(what_is_not_given_is_the_default),
        cmocka_unit_test(an_empty_rule_is_on_with_its_defaults),
        cmocka_unit_test(a_rule_in_part_has_defaults_for_the_rest),
        cmocka_unit_test(explicit_zeros_are_kept),
        cmocka_unit_test(wrong_values_are_named),
        cmocka_unit_test(a_child_is_required_and_its_errors_are_told_as_they_are),
        cmocka_unit_test(both_names_are_registered),
    };

    return cmocka_run_group_tests_name("outlier_config", tests, NULL, NULL);
}
