/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/p2c_load.h"

/* Finagle: what an endpoint costs that has calls and never answered any. */
static const double unproven = 140737488355327; /* 2^47 - 1 */

/* ---- Making --------------------------------------------------------------------------- */

static void set(int64_t *to, int64_t value)
{
    __atomic_store_n(to, value, __ATOMIC_RELAXED);
}

void grebe__p2c_load_configure(struct grebe__p2c_load *load,
                               const struct grebe__p2c_config *config)
{
    set(&load->decay_ns, config->decay_ns);
    set(&load->failure_penalty_ns, config->failure_penalty_ns);
    set(&load->penalty_cap_ns, config->penalty_cap_ns);
    __atomic_store_n(&load->is_out_of_band, config->is_out_of_band, __ATOMIC_RELAXED);
    __atomic_store_n(&load->until, (uint32_t)config->until, __ATOMIC_RELAXED);
}

void grebe__p2c_load_init(struct grebe__p2c_load *load,
                          const struct grebe__p2c_config *config, uint64_t now_ns)
{
    grebe__peak_ewma_init(&load->rtt, (double)config->default_rtt_ns, now_ns);
    grebe__stamped_init(&load->utilization, 0, 0);
    grebe__p2c_load_configure(load, config);
}

/* ---- Costs ---------------------------------------------------------------------------- */

static double cost_by_rtt(const struct grebe__p2c_load *load,
                          const struct grebe__p2c_config *config, uint32_t pending,
                          uint64_t now_ns)
{
    double rtt_ns;
    bool is_known =
        grebe__peak_ewma_read(&load->rtt, now_ns, (double)config->decay_ns, &rtt_ns);

    if (config->probes_once && !is_known)
        return pending == 0 ? 0 : unproven + pending;
    return rtt_ns * (pending + 1.0);
}

bool grebe__p2c_load_utilization(const struct grebe__p2c_load *load,
                                 int64_t expiration_ns, uint64_t now_ns, double *out)
{
    uint64_t then_ns;

    return grebe__stamped_read(&load->utilization, out, &then_ns) > 0 &&
           (now_ns <= then_ns || now_ns - then_ns < (uint64_t)expiration_ns);
}

static double cost_by_utilization(const struct grebe__p2c_load *load,
                                  const struct grebe__p2c_config *config, double mean,
                                  uint32_t pending, uint64_t now_ns)
{
    double utilization;

    if (!grebe__p2c_load_utilization(load, config->expiration_ns, now_ns, &utilization))
        utilization = mean;
    if (utilization < config->floor)
        utilization = config->floor;
    return utilization * (pending + 1.0);
}

double grebe__p2c_load_cost(const struct grebe__p2c_load *load,
                            const struct grebe__p2c_config *config, double mean,
                            uint64_t now_ns)
{
    uint32_t pending = grebe__endpoint_load_in_flight(&load->base);

    if (config->metric == GREBE__P2C_PENDING)
        return pending + 1.0;
    if (config->metric == GREBE__P2C_ORCA_UTILIZATION)
        return cost_by_utilization(load, config, mean, pending, now_ns);
    return cost_by_rtt(load, config, pending, now_ns);
}

/* ---- The end of a call ------------------------------------------------------------------ */

/* Not what the caller did wrong, but what the backend could not do. */
static bool is_failure(int code)
{
    return code == GREBE_STATUS_RESOURCE_EXHAUSTED || code == GREBE_STATUS_UNAVAILABLE ||
           code == GREBE_STATUS_UNKNOWN || code == GREBE_STATUS_DEADLINE_EXCEEDED ||
           code == GREBE_STATUS_INTERNAL || code == GREBE_STATUS_DATA_LOSS;
}

/* When the server wants to hear of the call again: milliseconds, as digits (gRFC A6); 0 if
 * it does not say. */
static double retry_hint_ns(const struct grebe_done_info *info)
{
    const struct grebe_metadata_entry *entry =
        info->trailers == NULL
            ? NULL
            : grebe_metadata_get(info->trailers, "grpc-retry-pushback-ms");
    double ms = 0;

    if (entry == NULL)
        return 0;
    for (size_t i = 0; i < entry->value_length; i++) {
        unsigned char c = ((const unsigned char *)entry->value)[i];

        if (c < '0' || c > '9')
            return 0;
        ms = ms * 10 + (c - '0');
    }
    return ms * 1e6;
}

/* So that fast failures do not look attractive. */
static double with_penalty(const struct grebe__p2c_load *load, double took_ns,
                           const struct grebe_done_info *info)
{
    double penalty = (double)__atomic_load_n(&load->failure_penalty_ns, __ATOMIC_RELAXED);
    double cap = (double)__atomic_load_n(&load->penalty_cap_ns, __ATOMIC_RELAXED);
    double hint = retry_hint_ns(info);

    if (hint > cap)
        hint = cap;
    if (penalty > took_ns)
        took_ns = penalty;
    return hint > took_ns ? hint : took_ns;
}

/* A stream lasts as long as its caller likes: how soon the backend takes it up is what there
 * is to know of the backend. */
static double answer_ns(const struct grebe__p2c_load *load,
                        const struct grebe_done_info *info)
{
    uint32_t until = __atomic_load_n(&load->until, __ATOMIC_RELAXED);
    bool waits_for_headers =
        until == GREBE__P2C_HEADERS || (until == GREBE__P2C_AUTO && info->is_streaming);

    return (double)(waits_for_headers && info->headers_ns != 0 ? info->headers_ns
                                                               : info->latency_ns);
}

static void observe_rtt(struct grebe__p2c_load *load, const struct grebe_done_info *info)
{
    double took_ns = answer_ns(load, info);
    int64_t decay_ns = __atomic_load_n(&load->decay_ns, __ATOMIC_RELAXED);

    if (is_failure(info->status->code) &&
        __atomic_load_n(&load->failure_penalty_ns, __ATOMIC_RELAXED) > 0)
        took_ns = with_penalty(load, took_ns, info);
    grebe__peak_ewma_observe(&load->rtt, grebe__crew_number(load->base.crew), took_ns,
                             info->now_ns, (double)decay_ns);
}

/* As gRFC A51 has it for weights: what the application says comes first. */
void grebe__p2c_load_report(struct grebe__endpoint_load *base,
                            const struct grebe_load_report *report, uint64_t now_ns)
{
    struct grebe__p2c_load *load = grebe__p2c_load_of(base);
    double utilization = report->application_utilization > 0
                             ? report->application_utilization
                             : report->cpu_utilization;

    if (utilization > 0 && grebe__stamped_take(&load->utilization))
        grebe__stamped_write(&load->utilization, utilization, now_ns);
}

/* A call that was cancelled by its caller, or lost to another attempt, tells how long
 * somebody waited and not how long the answer takes. */
void grebe__p2c_load_done(void *arg, const struct grebe_done_info *info)
{
    struct grebe__p2c_load *load = arg;

    if (!info->is_discarded && info->status->code != GREBE_STATUS_CANCELLED)
        observe_rtt(load, info);
    if (info->server_load != NULL &&
        !__atomic_load_n(&load->is_out_of_band, __ATOMIC_RELAXED))
        grebe__p2c_load_report(&load->base, info->server_load, info->now_ns);
    grebe__endpoint_load_end(&load->base);
}
