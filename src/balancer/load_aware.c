/* SPDX-License-Identifier: Apache-2.0 */
/* load_aware -- of two endpoints drawn at random, the one that says it has less to do.
 *
 *   load = max(reported utilization, floor) * (calls in flight + 1)
 *
 * The least loaded of all would be everybody's choice until the next report; of two drawn at
 * random it is not.  What was reported is believed for weightExpirationPeriod, and then, as
 * before the first report, the endpoint is taken for an average one: nobody is sent calls for
 * having said nothing.
 *
 * The picker and all around it are those of p2c_ewma; here are the configuration and the
 * name.
 */
#include "balancer/load_aware.h"

#include <float.h>

#include "balancer/p2c_ewma.h"

#define SECOND INT64_C(1000000000)

/* What p2c_ewma knows beyond that is never asked for. */
static const struct grebe__p2c_config defaults = {
    .metric = GREBE__P2C_ORCA_UTILIZATION,
    .decay_ns = 10 * SECOND,
    .default_rtt_ns = SECOND,
    .expiration_ns = 180 * SECOND,
    .floor = GREBE__P2C_FLOOR,
};

static int read_periods(const struct grebe_json *json, struct grebe__p2c_config *config,
                        struct grebe_diag *diag)
{
    int64_t oob_ns = 10 * SECOND;

    if (grebe_json_get_duration(json, "weightExpirationPeriod", &config->expiration_ns,
                                diag) != GREBE_OK ||
        grebe_json_get_duration(json, "oobReportingPeriod", &oob_ns, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (config->expiration_ns < 0) {
        grebe_diag_set(diag, "weightExpirationPeriod: must be >= 0");
        return GREBE_ERR_CONFIG;
    }
    config->oob_period_ns = oob_ns > 0 ? (uint64_t)oob_ns : 0;
    return GREBE_OK;
}

static int read(const struct grebe_json *json, struct grebe__p2c_config *config,
                struct grebe_diag *diag)
{
    if (read_periods(json, config, diag) != GREBE_OK ||
        grebe_json_get_bool(json, "enableOobLoadReport", &config->is_out_of_band, diag) !=
            GREBE_OK ||
        grebe_json_get_double(json, "floor", &config->floor, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (!(config->floor > 0 && config->floor <= DBL_MAX)) {
        grebe_diag_set(diag, "floor: must be greater than 0");
        return GREBE_ERR_CONFIG;
    }
    return GREBE_OK;
}

static int parse_config(const struct grebe_json *json, struct grebe_diag *diag,
                        void **out)
{
    struct grebe__p2c_config config = defaults;

    if (grebe_json_type(json) != GREBE_JSON_NULL && read(json, &config, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    return grebe__p2c_config_keep(&config, out);
}

static const struct grebe__petiole_ops petiole_ops = {
    .policy = "load_aware",
    .new_picker = grebe__p2c_new_picker,
    .is_of_ready = true,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)options;
    return grebe__p2c_build(cc, &petiole_ops, &defaults, out);
}

const struct grebe_balancer_builder grebe__load_aware = {
    .api = GREBE_BALANCER_API,
    .name = "load_aware",
    .parse_config = parse_config,
    .free_config = grebe__p2c_config_free,
    .build = build,
};
