/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/wrr_config.h"

#include <string.h>

#include "balancer/ramp_config.h"
#include "base/assert.h"
#include "base/ref.h"

#define SECOND_NS INT64_C(1000000000)

static const int64_t default_oob_period_ns = 10 * SECOND_NS;
static const int64_t least_update_period_ns = SECOND_NS / 10;

#define DEFAULTS                                                                         \
    {                                                                                    \
        .refs = 1, .blackout_ns = 10 * SECOND_NS, .expiration_ns = 180 * SECOND_NS,      \
        .update_period_ns = SECOND_NS, .error_penalty = 1, .ramp = {                     \
            .aggression = 1,                                                             \
            .least = 0.1                                                                 \
        }                                                                                \
    }

/* ---- Names of metrics ------------------------------------------------------------------ */

/* Anything else is never said, so that asking for it is no use (gRFC A114). */
static bool is_metric(const char *name)
{
    static const char *const names[] = {"application_utilization", "cpu_utilization",
                                        "mem_utilization"};
    static const char *const maps[] = {"named_metrics.", "utilization."};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    for (size_t i = 0; i < GREBE_ARRAY_LEN(maps); i++)
        if (strncmp(name, maps[i], strlen(maps[i])) == 0)
            return true;
    return false;
}

/* How much room the names of `list` take. */
static int measure(const struct grebe_json *list, size_t *size, struct grebe_diag *diag)
{
    *size = 0;
    for (size_t i = 0; i < grebe_json_length(list); i++) {
        const char *name = grebe_json_string(grebe_json_element(list, i));

        if (name == NULL) {
            grebe_diag_set(
                diag, "metricNamesForComputingUtilization[%zu]: expected a string", i);
            return GREBE_ERR_CONFIG;
        }
        *size += sizeof(const char *) + strlen(name) + 1;
    }
    return GREBE_OK;
}

/* Their text follows the pointers to it. */
static void copy(struct grebe__wrr_config *config, const struct grebe_json *list)
{
    size_t n = grebe_json_length(list);
    char *text = (char *)&config->metrics[n];

    for (size_t i = 0; i < n; i++) {
        const char *name = grebe_json_string(grebe_json_element(list, i));
        size_t size = strlen(name) + 1;

        if (!is_metric(name))
            continue;
        config->metrics[config->n_metrics++] = memcpy(text, name, size);
        text += size;
    }
}

bool grebe__wrr_config_has_metrics_of(const struct grebe__wrr_config *a,
                                      const struct grebe__wrr_config *b)
{
    if (a->n_metrics != b->n_metrics)
        return false;
    for (size_t i = 0; i < a->n_metrics; i++)
        if (strcmp(a->metrics[i], b->metrics[i]) != 0)
            return false;
    return true;
}

/* ---- Fields ---------------------------------------------------------------------------- */

static int read_periods(const struct grebe_json *json, struct grebe__wrr_config *config,
                        struct grebe_diag *diag)
{
    int64_t oob = default_oob_period_ns;
    int64_t update = (int64_t)config->update_period_ns;

    if (grebe_json_get_duration(json, "oobReportingPeriod", &oob, diag) != GREBE_OK ||
        grebe_json_get_duration(json, "blackoutPeriod", &config->blackout_ns, diag) !=
            GREBE_OK ||
        grebe_json_get_duration(json, "weightExpirationPeriod", &config->expiration_ns,
                                diag) != GREBE_OK ||
        grebe_json_get_duration(json, "weightUpdatePeriod", &update, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    config->oob_period_ns = config->is_out_of_band && oob > 0 ? (uint64_t)oob : 0;
    config->update_period_ns =
        (uint64_t)(update < least_update_period_ns ? least_update_period_ns : update);
    return GREBE_OK;
}

static int read(const struct grebe_json *json, struct grebe__wrr_config *config,
                const struct grebe_json **metrics, struct grebe_diag *diag)
{
    if (grebe_json_get_bool(json, "enableOobLoadReport", &config->is_out_of_band, diag) !=
            GREBE_OK ||
        read_periods(json, config, diag) != GREBE_OK ||
        grebe__ramp_config_get(json, diag, &config->ramp) != GREBE_OK ||
        grebe_json_get_double(json, "errorUtilizationPenalty", &config->error_penalty,
                              diag) != GREBE_OK ||
        grebe_json_get_array(json, "metricNamesForComputingUtilization", metrics, diag) !=
            GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (config->error_penalty < 0) {
        grebe_diag_set(diag, "errorUtilizationPenalty: must be non-negative");
        return GREBE_ERR_CONFIG;
    }
    return GREBE_OK;
}

int grebe__wrr_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                            void **out)
{
    struct grebe__wrr_config config = DEFAULTS, *made;
    const struct grebe_json *metrics = NULL;
    size_t size = 0;
    int result = GREBE_OK;

    if (grebe_json_type(json) != GREBE_JSON_NULL)
        result = read(json, &config, &metrics, diag);
    if (result == GREBE_OK)
        result = measure(metrics, &size, diag);
    if (result != GREBE_OK)
        return result;
    made = grebe_mem_alloc(NULL, sizeof *made + size);
    if (made == NULL)
        return GREBE_ERR_NOMEM;
    *made = config;
    copy(made, metrics);
    *out = made;
    return GREBE_OK;
}

/* ---- Life ------------------------------------------------------------------------------ */

struct grebe__wrr_config *grebe__wrr_config_ref(const void *config)
{
    static struct grebe__wrr_config defaults = DEFAULTS;
    struct grebe__wrr_config *counted =
        config == NULL ? &defaults : (struct grebe__wrr_config *)(uintptr_t)config;

    grebe__ref_get(&counted->refs);
    return counted;
}

void grebe__wrr_config_unref(struct grebe__wrr_config *config)
{
    if (config != NULL && grebe__ref_put(&config->refs))
        grebe_mem_free(NULL, config);
}
