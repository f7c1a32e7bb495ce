/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/p2c_config.h"

#include <string.h>

#include "base/assert.h"

#define MS     INT64_C(1000000)
#define SECOND (1000 * MS)

const struct grebe__p2c_config grebe__p2c_defaults = {
    .metric = GREBE__P2C_PEAK_EWMA,
    .decay_ns = 10 * SECOND,
    .default_rtt_ns = 30 * MS,
    .penalty_cap_ns = 300 * SECOND,
    .expiration_ns = 180 * SECOND,
    .floor = GREBE__P2C_FLOOR,
};

/* One of n names, by its place among them. */
static int read_name(const struct grebe_json *json, const char *name,
                     const char *const names[], unsigned n, const char *expected,
                     unsigned *out, struct grebe_diag *diag)
{
    const char *found = NULL;

    if (grebe_json_get_string(json, name, &found, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (found == NULL)
        return GREBE_OK;
    for (unsigned i = 0; i < n; i++)
        if (strcmp(found, names[i]) == 0) {
            *out = i;
            return GREBE_OK;
        }
    grebe_diag_set(diag, "%s: must be %s", name, expected);
    return GREBE_ERR_CONFIG;
}

static int read_names(const struct grebe_json *json, struct grebe__p2c_config *config,
                      struct grebe_diag *diag)
{
    static const char *const metrics[] = {
        [GREBE__P2C_PEAK_EWMA] = "peakEwma",
        [GREBE__P2C_PENDING] = "pending",
        [GREBE__P2C_ORCA_UTILIZATION] = "orcaUtilization",
    };
    static const char *const untils[] = {
        [GREBE__P2C_AUTO] = "auto",
        [GREBE__P2C_HEADERS] = "headers",
        [GREBE__P2C_END] = "end",
    };
    unsigned metric = config->metric, until = config->until;

    if (read_name(json, "loadMetric", metrics, GREBE_ARRAY_LEN(metrics),
                  "peakEwma, pending or orcaUtilization", &metric, diag) != GREBE_OK ||
        read_name(json, "rttUntil", untils, GREBE_ARRAY_LEN(untils),
                  "auto, headers or end", &until, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    config->metric = (enum grebe__p2c_metric)metric;
    config->until = (enum grebe__p2c_until)until;
    return GREBE_OK;
}

/* At least `least`, which `bound` says in words. */
static int read_duration(const struct grebe_json *json, const char *name, int64_t least,
                         const char *bound, int64_t *out, struct grebe_diag *diag)
{
    if (grebe_json_get_duration(json, name, out, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (*out >= least)
        return GREBE_OK;
    grebe_diag_set(diag, "%s: must be %s", name, bound);
    return GREBE_ERR_CONFIG;
}

static int read(const struct grebe_json *json, struct grebe__p2c_config *config,
                struct grebe_diag *diag)
{
    if (read_names(json, config, diag) != GREBE_OK ||
        read_duration(json, "decay", MS, ">= 1ms", &config->decay_ns, diag) != GREBE_OK ||
        read_duration(json, "defaultRtt", 1, "> 0", &config->default_rtt_ns, diag) !=
            GREBE_OK ||
        read_duration(json, "failurePenalty", 0, ">= 0", &config->failure_penalty_ns,
                      diag) != GREBE_OK ||
        read_duration(json, "penaltyCap", 0, ">= 0", &config->penalty_cap_ns, diag) !=
            GREBE_OK ||
        grebe_json_get_bool(json, "probeOnce", &config->probes_once, diag) != GREBE_OK ||
        read_duration(json, "weightExpirationPeriod", 0, ">= 0", &config->expiration_ns,
                      diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    return GREBE_OK;
}

int grebe__p2c_config_keep(const struct grebe__p2c_config *config, void **out)
{
    struct grebe__p2c_config *kept = grebe_mem_alloc(NULL, sizeof *kept);

    if (kept == NULL)
        return GREBE_ERR_NOMEM;
    *kept = *config;
    *out = kept;
    return GREBE_OK;
}

int grebe__p2c_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                            void **out)
{
    struct grebe__p2c_config config = grebe__p2c_defaults;

    if (read(json, &config, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    return grebe__p2c_config_keep(&config, out);
}

void grebe__p2c_config_free(void *config)
{
    grebe_mem_free(NULL, config);
}
