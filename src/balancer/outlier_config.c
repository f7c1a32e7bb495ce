/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/outlier_config.h"

#include "balancer/child_policy.h"

/* Errors name the message as grpc-go does, and then the field by its proto name. */
#define MESSAGE "OutlierDetectionLoadBalancingConfig"

static const struct grebe__outlier_config by_default = {
    .interval_ns = UINT64_C(10000000000),
    .base_ejection_ns = UINT64_C(30000000000),
    .max_ejection_ns = UINT64_C(300000000000),
    .max_ejection_percent = 10,
};

static const struct grebe__outlier_rule success_rate_by_default = {
    .is_on = true,
    .limit = 1900,
    .enforcement_percent = 100,
    .min_endpoints = 5,
    .min_calls = 100,
};

/* 0 is the default of grpc-go and of Envoy; gRFC A50 has 100. */
static const struct grebe__outlier_rule failure_percentage_by_default = {
    .is_on = true,
    .limit = 85,
    .enforcement_percent = 0,
    .min_endpoints = 5,
    .min_calls = 50,
};

static int get_duration(const struct grebe_json *json, const char *name,
                        const char *proto_name, uint64_t *out, struct grebe_diag *diag)
{
    int64_t value = (int64_t)*out;
    int error = grebe_json_get_duration(json, name, &value, diag);

    if (error != GREBE_OK)
        return error;
    if (value < 0) {
        grebe_diag_set(diag, MESSAGE ".%s = %s; must be >= 0", proto_name,
                       grebe_json_string(grebe_json_member(json, name)));
        return GREBE_ERR_CONFIG;
    }
    *out = (uint64_t)value;
    return GREBE_OK;
}

/* A member of `json`, which is the member `where` of the whole, or the whole itself: NULL. */
static int get_number(const struct grebe_json *json, const char *where, const char *name,
                      uint32_t *out, struct grebe_diag *diag)
{
    int error = grebe_json_get_uint32(json, name, out, diag);

    if (error != GREBE_OK && where != NULL)
        grebe_diag_prefix(diag, "%s", where);
    return error;
}

static int get_percent(const struct grebe_json *json, const char *where, const char *name,
                       const char *proto_name, uint32_t *out, struct grebe_diag *diag)
{
    int error = get_number(json, where, name, out, diag);

    if (error != GREBE_OK || *out <= 100)
        return error;
    grebe_diag_set(diag, MESSAGE ".%s = %u; must be <= 100", proto_name, (unsigned)*out);
    return GREBE_ERR_CONFIG;
}

static int get_success_rate(const struct grebe_json *json,
                            struct grebe__outlier_rule *rule, struct grebe_diag *diag)
{
    static const char where[] = "successRateEjection";
    const struct grebe_json *object = NULL;
    int error = grebe_json_get_object(json, where, &object, diag);

    if (error != GREBE_OK || object == NULL)
        return error;
    *rule = success_rate_by_default;
    error = get_number(object, where, "stdevFactor", &rule->limit, diag);
    if (error == GREBE_OK)
        error = get_percent(object, where, "enforcementPercentage",
                            "SuccessRateEjection.enforcement_percentage",
                            &rule->enforcement_percent, diag);
    if (error == GREBE_OK)
        error = get_number(object, where, "minimumHosts", &rule->min_endpoints, diag);
    if (error == GREBE_OK)
        error = get_number(object, where, "requestVolume", &rule->min_calls, diag);
    return error;
}

static int get_failure_percentage(const struct grebe_json *json,
                                  struct grebe__outlier_rule *rule,
                                  struct grebe_diag *diag)
{
    static const char where[] = "failurePercentageEjection";
    const struct grebe_json *object = NULL;
    int error = grebe_json_get_object(json, where, &object, diag);

    if (error != GREBE_OK || object == NULL)
        return error;
    *rule = failure_percentage_by_default;
    error = get_percent(object, where, "threshold", "FailurePercentageEjection.threshold",
                        &rule->limit, diag);
    if (error == GREBE_OK)
        error = get_percent(object, where, "enforcementPercentage",
                            "FailurePercentageEjection.enforcement_percentage",
                            &rule->enforcement_percent, diag);
    if (error == GREBE_OK)
        error = get_number(object, where, "minimumHosts", &rule->min_endpoints, diag);
    if (error == GREBE_OK)
        error = get_number(object, where, "requestVolume", &rule->min_calls, diag);
    return error;
}

/* All but the child. */
static int read(const struct grebe_json *json, struct grebe__outlier_config *config,
                struct grebe_diag *diag)
{
    int error = get_duration(json, "interval", "interval", &config->interval_ns, diag);

    if (error == GREBE_OK)
        error = get_duration(json, "baseEjectionTime", "base_ejection_time",
                             &config->base_ejection_ns, diag);
    if (error == GREBE_OK)
        error = get_duration(json, "maxEjectionTime", "max_ejection_time",
                             &config->max_ejection_ns, diag);
    if (error == GREBE_OK)
        error = get_percent(json, NULL, "maxEjectionPercent", "max_ejection_percent",
                            &config->max_ejection_percent, diag);
    if (error == GREBE_OK)
        error = get_percent(json, NULL, "panicThreshold", "panic_threshold",
                            &config->panic_threshold, diag);
    if (error == GREBE_OK)
        error = get_success_rate(json, &config->success_rate, diag);
    if (error == GREBE_OK)
        error = get_failure_percentage(json, &config->failure_percentage, diag);
    return error;
}

int grebe__outlier_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                                void **out)
{
    struct grebe__outlier_config config = by_default, *made;
    int error = read(json, &config, diag);

    if (error == GREBE_OK)
        error = grebe__child_policy_read(json, diag, &config.child);
    if (error != GREBE_OK)
        return error;
    made = grebe_mem_alloc(NULL, sizeof *made);
    if (made == NULL) {
        grebe_lb_config_unref(config.child);
        return GREBE_ERR_NOMEM;
    }
    *made = config;
    *out = made;
    return GREBE_OK;
}

void grebe__outlier_config_free(void *config)
{
    struct grebe__outlier_config *of = config;

    grebe_lb_config_unref(of->child);
    grebe_mem_free(NULL, of);
}
