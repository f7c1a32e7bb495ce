/* SPDX-License-Identifier: Apache-2.0 */
/* What a service config may say to weighted_round_robin: gRFC A58, A114.  What it may not
 * is in tests/lab/weighted_round_robin_config_errors.jsonl. */
#include "support/test.h"

#include "balancer/wrr_config.h"
#include "config/json.h"

static struct grebe__wrr_config *parse(const char *text)
{
    const struct grebe_json *json = NULL;
    struct grebe_diag diag = {.text = ""};
    void *config = NULL;

    assert_int_equal(grebe__json_parse(text, strlen(text), &diag, &json), GREBE_OK);
    assert_int_equal(grebe__wrr_config_parse(json, &diag, &config), GREBE_OK);
    assert_string_equal(diag.text, "");
    grebe_json_free(json);
    return config;
}

static void expect_defaults(struct grebe__wrr_config *config)
{
    assert_false(config->is_out_of_band);
    assert_int_equal(config->oob_period_ns, 0);
    assert_int_equal(config->blackout_ns, 10 * SECOND);
    assert_int_equal(config->expiration_ns, 180 * SECOND);
    assert_int_equal(config->update_period_ns, SECOND);
    assert_true(config->error_penalty == 1.0);
    assert_int_equal(config->ramp.window_ns, 0);
    assert_int_equal(config->n_metrics, 0);
    grebe__wrr_config_unref(config);
}

TEST(what_is_not_said_is_at_its_default)
{
    expect_defaults(parse("{}"));
    expect_defaults(parse("null"));
    expect_defaults(parse("{\"blackoutPeriod\":null,\"unknown\":[]}"));
    expect_defaults(grebe__wrr_config_ref(NULL));
}

TEST(every_field_is_read)
{
    struct grebe__wrr_config *config =
        parse("{\"enableOobLoadReport\":true,\"oobReportingPeriod\":\"0.3s\","
              "\"blackoutPeriod\":\"1s\",\"weightExpirationPeriod\":\"2s\","
              "\"weightUpdatePeriod\":\"3s\",\"errorUtilizationPenalty\":0.5}");

    assert_true(config->is_out_of_band);
    assert_int_equal(config->oob_period_ns, 300 * MS);
    assert_int_equal(config->blackout_ns, SECOND);
    assert_int_equal(config->expiration_ns, 2 * SECOND);
    assert_int_equal(config->update_period_ns, 3 * SECOND);
    assert_true(config->error_penalty == 0.5);
    grebe__wrr_config_unref(config);
}

/* As configs that were written for others have them. */
TEST(slow_start_is_read)
{
    struct grebe__wrr_config *config =
        parse("{\"slowStartConfig\":{\"slowStartWindow\":\"60s\",\"aggression\":1.5,"
              "\"minWeightPercent\":20}}");

    assert_int_equal(config->ramp.window_ns, 60 * SECOND);
    assert_true(config->ramp.aggression == 1.5);
    assert_true(config->ramp.least == 0.2);
    grebe__wrr_config_unref(config);
    config = parse("{\"slowStartConfig\":{}}");
    assert_int_equal(config->ramp.window_ns, 0);
    grebe__wrr_config_unref(config);
}

TEST(slow_start_that_makes_no_sense_is_refused)
{
    static const char *const wrong[][2] = {
        {"{\"slowStartConfig\":{\"aggression\":0}}",
         "slowStartConfig.aggression: must be greater than 0"},
        {"{\"slowStartConfig\":{\"slowStartWindow\":\"-1s\"}}",
         "slowStartConfig.slowStartWindow: must be non-negative"},
        {"{\"slowStartConfig\":{\"minWeightPercent\":101}}",
         "slowStartConfig.minWeightPercent: must be between 0 and 100"},
        {"{\"slowStartConfig\":7}",
         "slowStartConfig: expected an object, found a number"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct grebe_json *json = NULL;
        struct grebe_diag diag = {.text = ""};
        void *config = NULL;

        assert_int_equal(
            grebe__json_parse(wrong[i][0], strlen(wrong[i][0]), &diag, &json), GREBE_OK);
        assert_int_equal(grebe__wrr_config_parse(json, &diag, &config), GREBE_ERR_CONFIG);
        assert_string_equal(diag.text, wrong[i][1]);
        grebe_json_free(json);
    }
}

TEST(names_may_be_those_of_the_proto)
{
    struct grebe__wrr_config *config =
        parse("{\"enable_oob_load_report\":true,\"oob_reporting_period\":\"30s\"}");

    assert_int_equal(config->oob_period_ns, 30 * SECOND);
    grebe__wrr_config_unref(config);
}

/* W-2 */
TEST(weights_are_updated_ten_times_a_second_at_most)
{
    static const char *const texts[] = {
        "{\"weightUpdatePeriod\":\"0.01s\"}", "{\"weightUpdatePeriod\":\"0.1s\"}",
        "{\"weightUpdatePeriod\":\"0s\"}", "{\"weightUpdatePeriod\":\"-5s\"}"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct grebe__wrr_config *config = parse(texts[i]);

        assert_int_equal(config->update_period_ns, 100 * MS);
        grebe__wrr_config_unref(config);
    }
}

/* W-4 */
TEST(a_period_out_of_band_is_none_while_that_is_off)
{
    struct grebe__wrr_config *off = parse("{\"oobReportingPeriod\":\"30s\"}");
    struct grebe__wrr_config *by_default = parse("{\"enableOobLoadReport\":true}");
    struct grebe__wrr_config *negative =
        parse("{\"enableOobLoadReport\":true,\"oobReportingPeriod\":\"-1s\"}");

    assert_int_equal(off->oob_period_ns, 0);
    assert_int_equal(by_default->oob_period_ns, 10 * SECOND);
    assert_int_equal(negative->oob_period_ns, 0);
    grebe__wrr_config_unref(off);
    grebe__wrr_config_unref(by_default);
    grebe__wrr_config_unref(negative);
}

/* gRFC A114: of the names those that a report can have. */
TEST(names_of_metrics_that_no_report_has_are_left_out)
{
    struct grebe__wrr_config *some =
        parse("{\"metricNamesForComputingUtilization\":[\"cpu_utilization\",\"eps\","
              "\"named_metrics.a.b\",\"request_cost.a\",\"\",\"cpu_utilization.x\","
              "\"utilization.disk\",\"mem_utilization\",\"application_utilization\"]}");
    struct grebe__wrr_config *one =
        parse("{\"metricNamesForComputingUtilization\":[\"cpu_utilization\"]}");
    static const char *const names[] = {"cpu_utilization", "named_metrics.a.b",
                                        "utilization.disk", "mem_utilization",
                                        "application_utilization"};

    assert_int_equal(some->n_metrics, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(some->metrics[i], names[i]);
    assert_true(grebe__wrr_config_has_metrics_of(some, some));
    assert_false(grebe__wrr_config_has_metrics_of(some, one));
    grebe__wrr_config_unref(some);
    grebe__wrr_config_unref(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_is_at_its_default),
        cmocka_unit_test(every_field_is_read),
        cmocka_unit_test(slow_start_is_read),
        cmocka_unit_test(slow_start_that_makes_no_sense_is_refused),
        cmocka_unit_test(names_may_be_those_of_the_proto),
        cmocka_unit_test(weights_are_updated_ten_times_a_second_at_most),
        cmocka_unit_test(a_period_out_of_band_is_none_while_that_is_off),
        cmocka_unit_test(names_of_metrics_that_no_report_has_are_left_out),
    };

    return cmocka_run_group_tests_name("wrr_config", tests, NULL, NULL);
}
