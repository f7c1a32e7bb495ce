/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/orca.h"

#include <grebe/error.h>
#include <xds/service/orca/v3/orca.pb-c.h>

/* All three maps have entries of the same layout, each under a name of its own. */
typedef Xds__Data__Orca__V3__OrcaLoadReport__NamedMetricsEntry entry;

#define INIT_ENTRY xds__data__orca__v3__orca_load_report__named_metrics_entry__init

/* ---- Reports ------------------------------------------------------------------------ */

/* Entries and pointers to them, from one map after the other. */
struct entries {
    entry *next;
    entry **next_pointer;
};

static entry **add(struct entries *entries, const struct grebe_load_metric *metrics,
                   size_t n, const ProtobufCMessageDescriptor *descriptor)
{
    entry **pointers = entries->next_pointer;

    for (size_t i = 0; i < n; i++) {
        entry *it = entries->next++;

        INIT_ENTRY(it);
        it->base.descriptor = descriptor;
        it->key = (char *)(uintptr_t)metrics[i].name; /* only read */
        it->value = metrics[i].value;
        *entries->next_pointer++ = it;
    }
    return pointers;
}

int sim_orca_write(const struct grebe_mem *mem, const struct grebe_load_report *report,
                   unsigned char **out, size_t *length)
{
    size_t n = report->n_utilization + report->n_request_cost + report->n_named_metrics;
    char *block = grebe_mem_alloc(mem, n * (sizeof(entry) + sizeof(entry *)));
    struct entries entries = {(entry *)(void *)block,
                              (entry **)(void *)(block + n * sizeof(entry))};
    Xds__Data__Orca__V3__OrcaLoadReport message;
    unsigned char *bytes;

    if (block == NULL)
        return GREBE_ERR_NOMEM;
    xds__data__orca__v3__orca_load_report__init(&message);
    message.cpu_utilization = report->cpu_utilization;
    message.mem_utilization = report->mem_utilization;
    message.application_utilization = report->application_utilization;
    message.rps_fractional = report->rps;
    message.eps = report->eps;
    message.n_utilization = report->n_utilization;
    message.utilization = (void *)add(
        &entries, report->utilization, report->n_utilization,
        &xds__data__orca__v3__orca_load_report__utilization_entry__descriptor);
    message.n_request_cost = report->n_request_cost;
    message.request_cost = (void *)add(
        &entries, report->request_cost, report->n_request_cost,
        &xds__data__orca__v3__orca_load_report__request_cost_entry__descriptor);
    message.n_named_metrics = report->n_named_metrics;
    message.named_metrics =
        add(&entries, report->named_metrics, report->n_named_metrics,
            &xds__data__orca__v3__orca_load_report__named_metrics_entry__descriptor);
    *length = xds__data__orca__v3__orca_load_report__get_packed_size(&message);
    bytes = grebe_mem_alloc(mem, *length);
    if (bytes != NULL)
        xds__data__orca__v3__orca_load_report__pack(&message, bytes);
    grebe_mem_free(mem, block);
    *out = bytes;
    return bytes == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

/* ---- Requests ----------------------------------------------------------------------- */

uint64_t sim_orca_interval_ns(const void *request, size_t length)
{
    Xds__Service__Orca__V3__OrcaLoadReportRequest *message =
        xds__service__orca__v3__orca_load_report_request__unpack(NULL, length, request);
    uint64_t interval_ns = 0;

    if (message == NULL)
        return 0;
    if (message->report_interval != NULL)
        interval_ns = (uint64_t)message->report_interval->seconds * 1000000000 +
                      (uint64_t)message->report_interval->nanos;
    xds__service__orca__v3__orca_load_report_request__free_unpacked(message, NULL);
    return interval_ns;
}
