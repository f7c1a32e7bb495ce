/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/wrr_metrics.h"

#include "base/assert.h"

static const char *const labels[] = {"grpc.target"};
static const char *const optional_labels[] = {"grpc.lb.locality",
                                              "grpc.lb.backend_service"};

/* Requests a second of one backend that is fully used. */
static const double bounds[] = {
    0,   1,   2,   5,   10,  20,  50,  100, 200, 500,
    1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6,
};

#define INSTRUMENT(of_kind, called, text, in_unit)                                       \
    .api = GREBE_METRICS_API, .kind = (of_kind), .name = (called),                       \
    .description = (text), .unit = (in_unit), .labels = labels,                          \
    .n_labels = GREBE_ARRAY_LEN(labels), .optional_labels = optional_labels,             \
    .n_optional_labels = GREBE_ARRAY_LEN(optional_labels)

static const struct grebe_instrument fallback = {
    INSTRUMENT(GREBE_INSTRUMENT_COUNTER, "grpc.lb.wrr.rr_fallback",
               "Times that weights were settled with fewer than two that are usable, so "
               "that turns are plain ones",
               "{update}"),
};

static const struct grebe_instrument not_yet_usable = {
    INSTRUMENT(GREBE_INSTRUMENT_COUNTER, "grpc.lb.wrr.endpoint_weight_not_yet_usable",
               "Endpoints, each time that weights were settled, without load reports or "
               "in their blackout period",
               "{endpoint}"),
};

static const struct grebe_instrument stale = {
    INSTRUMENT(GREBE_INSTRUMENT_COUNTER, "grpc.lb.wrr.endpoint_weight_stale",
               "Endpoints, each time that weights were settled, whose last load report "
               "is older than the expiration period",
               "{endpoint}"),
};

static const struct grebe_instrument weights = {
    INSTRUMENT(GREBE_INSTRUMENT_HISTOGRAM, "grpc.lb.wrr.endpoint_weights",
               "The weight of each endpoint, each time that weights were settled; 0 for "
               "one that is not usable",
               "{endpoint}"),
    .bounds = bounds,
    .n_bounds = GREBE_ARRAY_LEN(bounds),
};

static const struct grebe_instrument in_slow_start = {
    INSTRUMENT(GREBE_INSTRUMENT_GAUGE, "grpc.lb.wrr.endpoints_in_slow_start",
               "Endpoints that are new, when weights were last settled, if there is a "
               "slow start",
               "{endpoint}"),
};

int grebe__wrr_metrics_register(void)
{
    static const struct grebe_instrument *const all[] = {
        &fallback, &not_yet_usable, &stale, &weights, &in_slow_start};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(all); i++)
        if (grebe_instrument_register(all[i]) == GREBE_ERR_NOMEM)
            return GREBE_ERR_NOMEM;
    return GREBE_OK; /* another's of that name is told by the library */
}

void grebe__wrr_metrics_find(struct grebe__wrr_metrics *metrics,
                             struct grebe_client_conn *cc,
                             const struct grebe_attributes *attributes)
{
    const char *const values[] = {
        grebe_client_conn_target(cc),
        grebe_attributes_get(attributes, &GREBE_ATTRIBUTE_LOCALITY_NAME),
        grebe_attributes_get(attributes, &GREBE_ATTRIBUTE_BACKEND_SERVICE),
    };
    enum { N = GREBE_ARRAY_LEN(values) };

    metrics->fallback = grebe_client_conn_series(cc, &fallback, values, N);
    metrics->not_yet_usable = grebe_client_conn_series(cc, &not_yet_usable, values, N);
    metrics->stale = grebe_client_conn_series(cc, &stale, values, N);
    metrics->weights = grebe_client_conn_series(cc, &weights, values, N);
    metrics->in_slow_start = grebe_client_conn_series(cc, &in_slow_start, values, N);
}
