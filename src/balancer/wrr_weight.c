/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/wrr_weight.h"

#include <stdbool.h>

#include "base/real.h"

#define NEVER UINT64_MAX

/* So that sums and quotients of weights are numbers, whatever a backend says. */
static const double most = 1e290;
static const double least = 1e-290;

/* ---- Life ------------------------------------------------------------------------------ */

static void free_weight(struct grebe__kept *kept)
{
    struct grebe__wrr_weight *weight =
        grebe_container_of(kept, struct grebe__wrr_weight, kept);

    grebe__wrr_config_unref(weight->config);
    grebe_mem_free(weight->mem, weight);
}

static const struct grebe__kept_ops kept_ops = {.free = free_weight};

struct grebe__wrr_weight *grebe__wrr_weight_new(const struct grebe_mem *mem,
                                                const struct grebe__wrr_config *config)
{
    struct grebe__wrr_weight *weight = grebe_mem_alloc(mem, sizeof *weight);

    if (weight == NULL)
        return NULL;
    *weight = (struct grebe__wrr_weight){
        .mem = mem,
        .config = grebe__wrr_config_ref(config),
        .error_penalty = config->error_penalty,
        .last_updated_ns = NEVER,
        .non_empty_since_ns = NEVER,
    };
    grebe__kept_init(&weight->kept, &kept_ops);
    return weight;
}

void grebe__wrr_weight_unref(struct grebe__wrr_weight *weight)
{
    if (weight != NULL)
        grebe__kept_unref(&weight->kept);
}

int grebe__wrr_weight_configure(struct grebe__wrr_weight **weight,
                                const struct grebe__wrr_config *config)
{
    struct grebe__wrr_weight *old = *weight, *renewed;

    if (grebe__wrr_config_has_metrics_of(old->config, config)) {
        grebe__real_set(&old->error_penalty, config->error_penalty);
        return GREBE_OK;
    }
    renewed = grebe__wrr_weight_new(old->mem, config);
    if (renewed == NULL)
        return GREBE_ERR_NOMEM;
    renewed->in_service_since_ns = old->in_service_since_ns;
    renewed->value = grebe__real_get(&old->value);
    renewed->last_updated_ns = __atomic_load_n(&old->last_updated_ns, __ATOMIC_ACQUIRE);
    renewed->non_empty_since_ns =
        __atomic_load_n(&old->non_empty_since_ns, __ATOMIC_RELAXED);
    grebe__wrr_weight_unref(old);
    *weight = renewed;
    return GREBE_OK;
}

/* ---- Reports --------------------------------------------------------------------------- */

/* The largest of the metrics that were asked for, or else what the application says of
 * itself, or else the processor; 0 if there is none. */
static double utilization_of(const struct grebe_load_report *report,
                             const struct grebe__wrr_config *config)
{
    double utilization = 0, said;

    for (size_t i = 0; i < config->n_metrics; i++)
        if (grebe_load_report_get(report, config->metrics[i], &said) &&
            said > utilization)
            utilization = said;
    if (utilization > 0)
        return utilization;
    return report->application_utilization > 0 ? report->application_utilization
                                               : report->cpu_utilization;
}

static double value_of(const struct grebe_load_report *report, double utilization,
                       double penalty)
{
    double value = report->rps / (utilization + report->eps / report->rps * penalty);

    if (value > most)
        return most;
    return value >= least ? value : least; /* NaN, too */
}

void grebe__wrr_weight_report(struct grebe__wrr_weight *weight,
                              const struct grebe_load_report *report, uint64_t now_ns)
{
    double utilization = utilization_of(report, weight->config);
    uint64_t never = NEVER;

    if (!(utilization > 0) || !(report->rps > 0))
        return;
    grebe__real_set(&weight->value, value_of(report, utilization,
                                             grebe__real_get(&weight->error_penalty)));
    __atomic_compare_exchange_n(&weight->non_empty_since_ns, &never, now_ns, false,
                                __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    __atomic_store_n(&weight->last_updated_ns, now_ns, __ATOMIC_RELEASE);
}

void grebe__wrr_weight_forget(struct grebe__wrr_weight *weight)
{
    __atomic_store_n(&weight->last_updated_ns, NEVER, __ATOMIC_RELAXED);
    __atomic_store_n(&weight->non_empty_since_ns, NEVER, __ATOMIC_RELAXED);
}

/* ---- Weight ---------------------------------------------------------------------------- */

/* A report may be a little younger than the loop's time. */
static int64_t age(uint64_t since_ns, uint64_t now_ns)
{
    return since_ns > now_ns ? 0 : (int64_t)(now_ns - since_ns);
}

enum grebe__wrr_standing grebe__wrr_weight_at(struct grebe__wrr_weight *weight,
                                              const struct grebe__wrr_config *config,
                                              uint64_t now_ns, double *out)
{
    uint64_t updated = __atomic_load_n(&weight->last_updated_ns, __ATOMIC_ACQUIRE);
    uint64_t since = __atomic_load_n(&weight->non_empty_since_ns, __ATOMIC_RELAXED);

    *out = 0;
    if (updated == NEVER)
        return GREBE__WRR_NOT_YET;
    if (age(updated, now_ns) >= config->expiration_ns) {
        __atomic_store_n(&weight->non_empty_since_ns, NEVER, __ATOMIC_RELAXED);
        return GREBE__WRR_STALE;
    }
    if (config->blackout_ns > 0 &&
        (since == NEVER || age(since, now_ns) < config->blackout_ns))
        return GREBE__WRR_NOT_YET;
    *out = grebe__real_get(&weight->value);
    return GREBE__WRR_USABLE;
}
