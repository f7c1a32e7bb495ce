/* SPDX-License-Identifier: Apache-2.0 */
/* What p2c_ewma and load_aware make of a configuration that says little: the values that the
 * guide promises.  What is refused is with what each does. */
#include "support/test.h"

#include "balancer/load_aware.h"
#include "balancer/p2c_config.h"
#include "balancer/p2c_ewma.h"

/* The caller's to free. */
static const struct grebe__p2c_config *parse(const struct grebe_balancer_builder *builder,
                                             const char *text)
{
    const struct grebe_json *json;
    struct grebe_diag flaw;
    void *config = NULL;

    assert_int_equal(grebe_json_parse(text, strlen(text), &flaw, &json), GREBE_OK);
    assert_int_equal(builder->parse_config(json, &flaw, &config), GREBE_OK);
    grebe_json_free(json);
    return config;
}

static void give_back(const struct grebe__p2c_config *config)
{
    grebe__p2c_config_free((void *)(uintptr_t)config);
}

TEST(p2c_ewma_has_defaults)
{
    static const char *const texts[] = {"{}", "{\"unknown\": 1}"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct grebe__p2c_config *config = parse(&grebe__p2c_ewma, texts[i]);

        assert_int_equal(config->metric, GREBE__P2C_PEAK_EWMA);
        assert_int_equal(config->until, GREBE__P2C_AUTO);
        assert_int_equal(config->decay_ns, 10 * SECOND);
        assert_int_equal(config->default_rtt_ns, 30 * MS);
        assert_int_equal(config->failure_penalty_ns, 0);
        assert_int_equal(config->penalty_cap_ns, 300 * SECOND);
        assert_int_equal(config->expiration_ns, 180 * SECOND);
        assert_false(config->probes_once || config->is_out_of_band);
        give_back(config);
    }
}

TEST(p2c_ewma_has_what_is_given_in_either_spelling)
{
    static const char *const texts[] = {
        "{\"loadMetric\": \"pending\", \"rttUntil\": \"headers\", \"decay\": \"1s\", "
        "\"defaultRtt\": \"2s\", \"failurePenalty\": \"3s\", \"penaltyCap\": \"4s\", "
        "\"probeOnce\": true, \"weightExpirationPeriod\": \"0s\"}",
        "{\"load_metric\": \"pending\", \"rtt_until\": \"headers\", \"decay\": \"1s\", "
        "\"default_rtt\": \"2s\", \"failure_penalty\": \"3s\", \"penalty_cap\": \"4s\", "
        "\"probe_once\": true, \"weight_expiration_period\": \"0s\"}",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct grebe__p2c_config *config = parse(&grebe__p2c_ewma, texts[i]);

        assert_int_equal(config->metric, GREBE__P2C_PENDING);
        assert_int_equal(config->until, GREBE__P2C_HEADERS);
        assert_int_equal(config->decay_ns, 1 * SECOND);
        assert_int_equal(config->default_rtt_ns, 2 * SECOND);
        assert_int_equal(config->failure_penalty_ns, 3 * SECOND);
        assert_int_equal(config->penalty_cap_ns, 4 * SECOND);
        assert_int_equal(config->expiration_ns, 0);
        assert_true(config->probes_once);
        give_back(config);
    }
}

TEST(load_aware_has_defaults)
{
    const struct grebe__p2c_config *config = parse(&grebe__load_aware, "{}");

    assert_int_equal(config->metric, GREBE__P2C_ORCA_UTILIZATION);
    assert_int_equal(config->expiration_ns, 180 * SECOND);
    assert_int_equal(config->oob_period_ns, 10 * SECOND);
    assert_false(config->is_out_of_band);
    assert_true(config->floor == 0.01);
    give_back(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p2c_ewma_has_defaults),
        cmocka_unit_test(p2c_ewma_has_what_is_given_in_either_spelling),
        cmocka_unit_test(load_aware_has_defaults),
    };

    return cmocka_run_group_tests_name("p2c_config", tests, NULL, NULL);
}
