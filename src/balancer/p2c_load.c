/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/p2c_load.h"

#include <assert.h>

#include "base/apart.h"

static_assert(sizeof(struct grebe__p2c_view) <= GREBE__LINE, "a view is one line");

/* ---- Making --------------------------------------------------------------------------- */

static void set(int64_t *to, int64_t value)
{
    __atomic_store_n(to, value, __ATOMIC_RELAXED);
}

void grebe__p2c_rules_set(struct grebe__p2c_rules *rules,
                          const struct grebe__p2c_config *config, uint64_t now_ns)
{
    grebe__fading_set(&rules->fading, config->decay_ns, now_ns);
    set(&rules->failure_penalty_ns, config->failure_penalty_ns);
    set(&rules->penalty_cap_ns, config->penalty_cap_ns);
    __atomic_store_n(&rules->observes_rtt, config->metric == GREBE__P2C_PEAK_EWMA,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&rules->is_out_of_band, config->is_out_of_band, __ATOMIC_RELAXED);
    __atomic_store_n(&rules->until, (uint32_t)config->until, __ATOMIC_RELAXED);
}

static struct grebe__p2c_view *view_of(struct grebe__p2c_load *load, unsigned number)
{
    return grebe__p2c_view_of(&load->base.views[number].view);
}

void grebe__p2c_load_init(struct grebe__p2c_load *load,
                          const struct grebe__p2c_config *config, uint64_t now_ns)
{
    const struct grebe__fading *fading =
        &grebe__p2c_rules_of(load->base.views[0].view.crew)->fading;

    for (unsigned i = 0; i < GREBE__CREW_NUMBERS; i++)
        grebe__peak_ewma_init(&view_of(load, i)->rtt, (double)config->default_rtt_ns,
                              fading, now_ns);
    grebe__stamped_init(&load->utilization, 0, 0);
}

/* ---- Costs ---------------------------------------------------------------------------- */

/* A view that several threads share is written by one at a time, and who finds another one
 * at it goes without. */
static bool take(struct grebe__p2c_view *view)
{
    return view->base.number != GREBE__CREW_OTHERS || grebe__peak_ewma_take(&view->rtt);
}

static void release(struct grebe__p2c_view *view)
{
    if (view->base.number == GREBE__CREW_OTHERS)
        grebe__peak_ewma_release(&view->rtt);
}

void grebe__p2c_hear_the_others(struct grebe__p2c_view *view)
{
    if (!take(view))
        return;
    for (unsigned i = 0; i < GREBE__CREW_NUMBERS; i++)
        if (i != view->base.number)
            grebe__peak_ewma_hear(
                &view->rtt,
                &grebe__p2c_view_of(grebe__load_view_of(&view->base, i))->rtt);
    release(view);
}

bool grebe__p2c_load_utilization(const struct grebe__p2c_load *load,
                                 int64_t expiration_ns, uint64_t now_ns, double *out)
{
    uint64_t then_ns;

    return grebe__stamped_read(&load->utilization, out, &then_ns) > 0 &&
           (now_ns <= then_ns || now_ns - then_ns < (uint64_t)expiration_ns);
}

double grebe__p2c_cost_by_utilization(struct grebe__p2c_view *view,
                                      const struct grebe__p2c_config *config, double mean,
                                      uint32_t pending, uint64_t now_ns)
{
    const struct grebe__p2c_load *load =
        grebe__p2c_load_of(grebe__endpoint_load_of(&view->base));
    double utilization;

    if (!grebe__p2c_load_utilization(load, config->expiration_ns, now_ns, &utilization))
        utilization = mean;
    if (utilization < config->floor)
        utilization = config->floor;
    return utilization * (pending + 1.0);
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
static double with_penalty(const struct grebe__p2c_rules *rules, double took_ns,
                           const struct grebe_done_info *info)
{
    double penalty =
        (double)__atomic_load_n(&rules->failure_penalty_ns, __ATOMIC_RELAXED);
    double cap = (double)__atomic_load_n(&rules->penalty_cap_ns, __ATOMIC_RELAXED);
    double hint = retry_hint_ns(info);

    if (hint > cap)
        hint = cap;
    if (penalty > took_ns)
        took_ns = penalty;
    return hint > took_ns ? hint : took_ns;
}

/* A stream lasts as long as its caller likes: how soon the backend takes it up is what there
 * is to know of the backend. */
static double answer_ns(const struct grebe__p2c_rules *rules,
                        const struct grebe_done_info *info)
{
    uint32_t until = __atomic_load_n(&rules->until, __ATOMIC_RELAXED);
    bool waits_for_headers =
        until == GREBE__P2C_HEADERS || (until == GREBE__P2C_AUTO && info->is_streaming);

    return (double)(int64_t)(waits_for_headers && info->headers_ns != 0
                                 ? info->headers_ns
                                 : info->latency_ns);
}

static void observe_rtt(struct grebe__p2c_view *view,
                        const struct grebe__p2c_rules *rules,
                        const struct grebe_done_info *info)
{
    double took_ns = answer_ns(rules, info);

    if (__atomic_load_n(&rules->failure_penalty_ns, __ATOMIC_RELAXED) > 0 &&
        is_failure(info->status->code))
        took_ns = with_penalty(rules, took_ns, info);
    if (!take(view))
        return;
    grebe__peak_ewma_observe(&view->rtt, took_ns, &rules->fading, info->now_ns);
    release(view);
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

static bool observes_rtt(const struct grebe__p2c_rules *rules)
{
    return __atomic_load_n(&rules->observes_rtt, __ATOMIC_RELAXED);
}

/* A call that was cancelled by its caller, or lost to another attempt, tells how long
 * somebody waited and not how long the answer takes. */
GREBE__APART static void end(struct grebe__load_view *begun,
                             const struct grebe_done_info *info)
{
    const struct grebe__p2c_rules *rules = grebe__p2c_rules_of(begun->crew);
    unsigned number = grebe__crew_number(begun->crew);
    struct grebe__load_view *view = grebe__load_view_of(begun, number);

    if (observes_rtt(rules) && !info->is_discarded &&
        info->status->code != GREBE_STATUS_CANCELLED)
        observe_rtt(grebe__p2c_view_of(view), rules, info);
    if (info->server_load != NULL &&
        !__atomic_load_n(&rules->is_out_of_band, __ATOMIC_RELAXED))
        grebe__p2c_load_report(grebe__endpoint_load_of(view), info->server_load,
                               info->now_ns);
    grebe__load_view_end(view, number);
}

/* The same by the shortest way, which nearly all calls can go: answered with OK, without a
 * report, and ended by the thread that was there first and began it.  False: this one cannot. */
static inline bool end_plainly(struct grebe__p2c_view *begun,
                               const struct grebe_done_info *info)
{
    const struct grebe__p2c_rules *rules = grebe__p2c_rules_of(begun->base.crew);

    if (begun->base.number != 0 || !grebe__crew_is_first(begun->base.crew) ||
        !observes_rtt(rules) || info->is_discarded ||
        info->status->code != GREBE_STATUS_OK || info->server_load != NULL)
        return false;
    grebe__peak_ewma_observe(&begun->rtt, answer_ns(rules, info), &rules->fading,
                             info->now_ns);
    grebe__load_view_end(&begun->base, 0);
    return true;
}

void grebe__p2c_load_done(void *arg, const struct grebe_done_info *info)
{
    struct grebe__load_view *begun = arg;

    if (!end_plainly(grebe__p2c_view_of(begun), info))
        end(begun, info);
}
