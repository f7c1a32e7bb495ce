/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/outlier_metrics.h"

#include <grebe/metrics.h>

#include "base/assert.h"

#define PREFIX "grpc.lb.outlier_detection."

static const char *const of_enforced[] = {"grpc.target", PREFIX "detection_method"};
static const char *const of_unenforced[] = {"grpc.target", PREFIX "detection_method",
                                            PREFIX "unenforced_reason"};
static const char *const optional[] = {"grpc.lb.backend_service"};

static const struct grebe_instrument enforced = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_COUNTER,
    .name = PREFIX "ejections_enforced",
    .description = "Endpoints that were found to be outliers and ejected",
    .unit = "{ejection}",
    .labels = of_enforced,
    .n_labels = GREBE_ARRAY_LEN(of_enforced),
    .optional_labels = optional,
    .n_optional_labels = GREBE_ARRAY_LEN(optional),
};

static const struct grebe_instrument unenforced = {
    .api = GREBE_METRICS_API,
    .kind = GREBE_INSTRUMENT_COUNTER,
    .name = PREFIX "ejections_unenforced",
    .description = "Endpoints that were found to be outliers and stay in use",
    .unit = "{ejection}",
    .labels = of_unenforced,
    .n_labels = GREBE_ARRAY_LEN(of_unenforced),
    .optional_labels = optional,
    .n_optional_labels = GREBE_ARRAY_LEN(optional),
};

int grebe__outlier_metrics_register(void)
{
    int result = grebe_instrument_register(&enforced);

    return result == GREBE_OK ? grebe_instrument_register(&unenforced) : result;
}

/* Ejections are rare: a series is looked up when it is needed. */
void grebe__outlier_metrics_count(struct grebe_client_conn *cc,
                                  const struct grebe_endpoint *endpoint,
                                  const char *method, const char *why_not)
{
    const char *service = grebe_attributes_get(
        grebe_address_attributes(grebe_endpoint_address(endpoint, 0)),
        &GREBE_ATTRIBUTE_BACKEND_SERVICE);
    const char *values[4] = {grebe_client_conn_target(cc), method};
    size_t n = 2;

    if (why_not != NULL)
        values[n++] = why_not;
    values[n++] = service;
    grebe_series_add(grebe_client_conn_series(
                         cc, why_not == NULL ? &enforced : &unenforced, values, n),
                     1);
}
