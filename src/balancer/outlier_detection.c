/* SPDX-License-Identifier: Apache-2.0 */
/* outlier_detection -- endpoints whose calls fail too often get none for a while.
 *
 *   channel -- outlier_detection -- graceful switch -- any policy over endpoints
 *
 * Each call counts for the endpoint it went to.  Once in an interval the rules look at the
 * counts of all (outlier_rules.h), and who is found to be an outlier is ejected: its
 * subconns tell whoever listens to their health that they are ill, and a policy over
 * endpoints leaves them out by itself.  Connections stay.  The longer an endpoint has been
 * ejected before, the longer it is this time.
 *
 * When too few endpoints are left, and that is configured, ejection has no effect: the load
 * of all would be too much for them.  This is of Envoy, and of grebe alone here.
 *
 * The picker is the child's, and counts.  With neither of the rules configured it is the
 * child's and nothing more.
 *
 * Sources: gRFC A50, A61 (endpoints), A91 (metrics); grpc-go package outlierdetection.
 * Other than grpc-go: who is ejected is not ejected again, one that leaves the list no
 * longer counts as ejected, and an endpoint without calls has no rate.
 */
#include "balancer/outlier_detection.h"

#include <inttypes.h>

#include <grebe/explain.h>
#include <grebe/parent.h>

#include "balancer/child_policy.h"
#include "balancer/outlier_config.h"
#include "balancer/outlier_metrics.h"
#include "balancer/outlier_record.h"
#include "balancer/outlier_roster.h"
#include "balancer/outlier_rules.h"

static const char policy_name[] = "outlier_detection";

/* An interval of 0 is "as often as possible", and not for ever in the same moment. */
static const uint64_t min_interval_ns = UINT64_C(1000000);

struct outlier_detection {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    struct grebe_client_conn *child;     /* its balancer is a graceful switch */
    struct grebe__outlier_config config; /* in force; its child is not ours */
    struct grebe__outlier_roster roster;
    size_t n_ejected;          /* of it */
    bool is_in_panic;          /* they take calls all the same */
    struct grebe_timer *timer; /* runs while the config is active */
    uint64_t interval_began_ns;
    enum grebe_connectivity state; /* as the child said last */
    struct grebe_picker *picker;   /* likewise; a reference; NULL: it said nothing */
    bool is_uncounted; /* for want of memory the child's picker serves as it is */
};

static struct outlier_detection *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct outlier_detection, base);
}

static bool is_active(const struct outlier_detection *od)
{
    return grebe__outlier_config_is_active(&od->config);
}

/* ---- Picker -------------------------------------------------------------------------- */

struct counting_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    const void *owner;          /* of the tags; not to be looked into */
    struct grebe_picker *child; /* a reference */
    size_t n, n_ejected;        /* when it was made: endpoints */
    bool is_in_panic;           /* likewise */
};

static void explain(const struct counting_picker *picker,
                    const struct grebe_pick_args *args, struct grebe_pick *out)
{
    grebe_explain_begin(args->explanation, policy_name,
                        "endpoints that fail too often are left out");
    grebe_explain_note(args->explanation, "%zu of %zu ejected%s", picker->n_ejected,
                       picker->n, picker->is_in_panic ? ", and used in panic" : "");
    grebe_picker_pick(picker->child, args, out);
    grebe_explain_end(args->explanation);
}

static void counting_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                          struct grebe_pick *out)
{
    const struct counting_picker *picker =
        grebe_container_of(base, struct counting_picker, base);

    if (args->explanation != NULL)
        explain(picker, args, out);
    else
        grebe_picker_pick(picker->child, args, out);
    if (out->kind == GREBE_PICK_COMPLETE && out->subconn != NULL)
        grebe__outlier_record_listen(out, picker->owner);
}

static void counting_destroy(struct grebe_picker *base)
{
    struct counting_picker *picker =
        grebe_container_of(base, struct counting_picker, base);

    grebe_picker_unref(picker->child);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops counting_ops = {
    .pick = counting_pick,
    .destroy = counting_destroy,
};

static struct grebe_picker *new_counting_picker(const struct outlier_detection *od)
{
    struct counting_picker *picker = grebe_mem_alloc(od->mem, sizeof *picker);

    if (picker == NULL)
        return NULL;
    grebe_picker_init(&picker->base, &counting_ops);
    picker->mem = od->mem;
    picker->owner = od;
    picker->child = grebe_picker_ref(od->picker);
    picker->n = od->roster.n;
    picker->n_ejected = od->n_ejected;
    picker->is_in_panic = od->is_in_panic;
    return &picker->base;
}

/* Calls that nobody counts are better than calls that go where the child no longer sends
 * them; the next interval tries again. */
static void publish(struct outlier_detection *od)
{
    struct grebe_picker *picker = is_active(od) ? new_counting_picker(od) : NULL;

    od->is_uncounted = is_active(od) && picker == NULL;
    if (od->is_uncounted)
        grebe_client_conn_log(od->cc, GREBE_LOG_ERROR,
                              "%s: out of memory, calls are not counted", policy_name);
    if (picker == NULL)
        picker = grebe_picker_ref(od->picker);
    grebe_client_conn_update_state(od->cc, od->state, picker);
}

/* ---- Panic --------------------------------------------------------------------------- */

/* Of those that are not ejected. */
static size_t n_ready(const struct outlier_detection *od)
{
    size_t n = 0;

    for (size_t i = 0; i < od->roster.n; i++)
        n += od->roster.records[i]->ejection == NULL &&
             grebe__outlier_record_is_ready(od->roster.records[i]);
    return n;
}

static void tell_of_panic(const struct outlier_detection *od, size_t n)
{
    if (od->is_in_panic)
        grebe_client_conn_log(od->cc, GREBE_LOG_WARNING,
                              "%s: panic: %zu of %zu endpoints are READY and not "
                              "ejected, less than %u %%: those that are take calls",
                              policy_name, n, od->roster.n,
                              (unsigned)od->config.panic_threshold);
    else
        grebe_client_conn_log(od->cc, GREBE_LOG_INFO,
                              "%s: panic is over: who is ejected takes no calls",
                              policy_name);
}

/* Without anybody to bring back there is no panic. */
static void panic_or_not(struct outlier_detection *od)
{
    uint64_t enough = (uint64_t)od->config.panic_threshold * od->roster.n;
    bool was_in_panic = od->is_in_panic, is_possible = enough > 0 && od->n_ejected > 0;
    size_t n = is_possible ? n_ready(od) : 0;

    od->is_in_panic = is_possible && (uint64_t)100 * n < enough;
    if (!od->is_in_panic && !was_in_panic)
        return;
    for (size_t i = 0; i < od->roster.n; i++)
        if (od->roster.records[i]->is_overruled != od->is_in_panic)
            grebe__outlier_record_overrule(od->roster.records[i], od->is_in_panic);
    if (od->is_in_panic != was_in_panic)
        tell_of_panic(od, n);
}

/* ---- Interval ------------------------------------------------------------------------ */

/* Of candidates. */
static bool fails_too_often(const struct grebe__outlier_rule *rule,
                            const struct grebe__outlier_rates *rates,
                            struct grebe__outlier_calls calls)
{
    (void)rates;
    return grebe__outlier_fails_too_often(rule, calls);
}

struct method {
    const char *name; /* as metrics have it */
    const char *why;  /* for people */
    const char *fault;
    bool (*is_outlier)(const struct grebe__outlier_rule *rule,
                       const struct grebe__outlier_rates *rates,
                       struct grebe__outlier_calls calls);
};

static const struct method by_success_rate = {
    "success_rate", "ejected by outlier_detection for its success rate", "success rate",
    grebe__outlier_succeeds_too_rarely};
static const struct method by_failure_percentage = {
    "failure_percentage", "ejected by outlier_detection for its failures", "failures",
    fails_too_often};

static const char *name_of(const struct grebe__outlier_record *record)
{
    return grebe_address_text(grebe_endpoint_address(record->endpoint, 0));
}

static void eject(struct outlier_detection *od, size_t i, const struct method *method)
{
    struct grebe__outlier_record *record = od->roster.records[i];
    struct grebe__outlier_calls calls = od->roster.calls[i];
    uint64_t n = calls.n_succeeded + calls.n_failed;

    grebe__outlier_record_eject(record, method->why, od->interval_began_ns);
    od->n_ejected++;
    grebe_client_conn_log(od->cc, GREBE_LOG_WARNING,
                          "%s: %s ejected for its %s: %" PRIu64 " of %" PRIu64
                          " calls failed",
                          policy_name, name_of(record), method->fault, calls.n_failed, n);
}

/* The limit is looked at before each: above 0 percent there is always room for one. */
static const char *why_not_ejected(const struct outlier_detection *od,
                                   const struct grebe__outlier_rule *rule)
{
    uint64_t ejected_percents = (uint64_t)100 * od->n_ejected;

    if (ejected_percents >= (uint64_t)od->config.max_ejection_percent * od->roster.n)
        return "max_ejection_overflow";
    if (grebe_client_conn_random_below(od->cc, 100) >= rule->enforcement_percent)
        return "enforcement_percentage";
    return NULL;
}

static void judge(struct outlier_detection *od, size_t i,
                  const struct grebe__outlier_rule *rule, const struct method *method)
{
    struct grebe__outlier_record *record = od->roster.records[i];
    const char *why_not;

    if (record->ejection != NULL)
        return;
    why_not = why_not_ejected(od, rule);
    grebe__outlier_metrics_count(od->cc, record->endpoint, method->name, why_not);
    if (why_not == NULL)
        eject(od, i, method);
}

static void apply(struct outlier_detection *od, const struct grebe__outlier_rule *rule,
                  const struct method *method)
{
    const struct grebe__outlier_roster *roster = &od->roster;
    struct grebe__outlier_rates rates;

    if (!rule->is_on)
        return;
    grebe__outlier_rates_of(rule, roster->calls, roster->n, &rates);
    if (rates.n < rule->min_endpoints)
        return;
    for (size_t i = 0; i < roster->n; i++)
        if (grebe__outlier_is_candidate(rule, roster->calls[i]) &&
            method->is_outlier(rule, &rates, roster->calls[i]))
            judge(od, i, rule, method);
}

/* Who was not ejected in this interval, or has been for long enough, is the better for
 * it. */
static void age(struct outlier_detection *od, struct grebe__outlier_record *record)
{
    uint64_t lasts_ns = grebe__outlier_ejection_ns(&od->config, record->multiplier);

    if (record->ejection == NULL) {
        if (record->multiplier > 0)
            record->multiplier--;
    } else if (od->interval_began_ns > record->ejected_at_ns + lasts_ns) {
        grebe__outlier_record_readmit(record);
        od->n_ejected--;
        grebe_client_conn_log(od->cc, GREBE_LOG_INFO, "%s: %s is back in use",
                              policy_name, name_of(record));
    }
}

static void start_timer(struct outlier_detection *od)
{
    uint64_t interval_ns = od->config.interval_ns;

    if (interval_ns < min_interval_ns)
        interval_ns = min_interval_ns;
    grebe_timer_start(od->timer, od->interval_began_ns + interval_ns);
}

static void begin_interval(struct outlier_detection *od)
{
    od->interval_began_ns = grebe_client_conn_now_ns(od->cc);
    for (size_t i = 0; i < od->roster.n; i++)
        od->roster.calls[i] = grebe__outlier_record_take(od->roster.records[i]);
}

static void on_interval(void *arg)
{
    struct outlier_detection *od = arg;
    bool was_in_panic = od->is_in_panic;

    begin_interval(od);
    apply(od, &od->config.success_rate, &by_success_rate);
    apply(od, &od->config.failure_percentage, &by_failure_percentage);
    for (size_t i = 0; i < od->roster.n; i++)
        age(od, od->roster.records[i]);
    start_timer(od);
    panic_or_not(od);
    if (od->picker != NULL && (od->is_uncounted || od->is_in_panic || was_in_panic))
        publish(od);
}

/* ---- Endpoints ----------------------------------------------------------------------- */

/* A subconn of an endpoint that is gone may go on in the child's hands. */
static void replace_roster(struct outlier_detection *od,
                           const struct grebe__outlier_roster *roster)
{
    for (size_t i = 0; i < od->roster.n; i++) {
        struct grebe__outlier_record *record = od->roster.records[i];

        if (grebe__map_find(&roster->by_endpoint, record->endpoint) != NULL)
            continue;
        if (record->ejection != NULL)
            od->n_ejected--;
        grebe__outlier_record_readmit(record);
    }
    grebe__outlier_roster_fini(&od->roster, od->mem);
    od->roster = *roster;
}

/* ---- What the child asks and says ---------------------------------------------------- */

static void on_child_state(void *arg, enum grebe_connectivity state,
                           struct grebe_picker *picker)
{
    struct outlier_detection *od = arg;

    grebe_picker_unref(od->picker);
    od->picker = picker;
    od->state = state;
    panic_or_not(od);
    publish(od);
}

/* One that may go to several addresses belongs to no endpoint in particular. */
static int on_new_subconn(void *arg, const struct grebe_subconn_options *options,
                          struct grebe_subconn **out)
{
    struct outlier_detection *od = arg;
    struct grebe__outlier_record *record = NULL;

    if (options->n_addresses == 1)
        record = grebe__map_get(&od->roster.by_address,
                                grebe_address_text(options->addresses[0]));
    if (record == NULL)
        return grebe_client_conn_new_subconn(od->cc, options, out);
    return grebe__outlier_record_new_subconn(record, od, od->cc, options, out);
}

static void on_watch_health(void *arg, struct grebe_subconn *subconn,
                            grebe_subconn_state_fn on_health, void *health_arg)
{
    struct outlier_detection *od = arg;

    grebe__outlier_record_listen_to_health(subconn, od, on_health != NULL);
    grebe_client_conn_watch_health(od->cc, subconn, on_health, health_arg);
}

static const struct grebe_client_conn_ops child_ops = {
    .update_state = on_child_state,
    .new_subconn = on_new_subconn,
    .watch_health = on_watch_health,
};

/* ---- Updates ------------------------------------------------------------------------- */

static void stop_detection(struct outlier_detection *od)
{
    grebe_timer_cancel(od->timer);
    for (size_t i = 0; i < od->roster.n; i++) {
        grebe__outlier_record_readmit(od->roster.records[i]);
        od->roster.records[i]->multiplier = 0;
    }
    od->n_ejected = 0;
}

/* An interval that has begun goes on, as long as the new config says it does. */
static void replace_config(struct outlier_detection *od,
                           const struct grebe__outlier_config *config)
{
    bool was_active = is_active(od);

    od->config = *config;
    if (is_active(od) && !was_active)
        begin_interval(od);
    if (is_active(od))
        start_timer(od);
    else if (was_active)
        stop_detection(od);
    if (is_active(od) != was_active && od->picker != NULL)
        publish(od);
}

static int od_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct outlier_detection *od = of(base);
    const struct grebe__outlier_config *config = update->config;
    struct grebe_balancer_update for_child = *update;
    struct grebe__outlier_roster roster;
    int result;

    if (config == NULL)
        return grebe__child_policy_missing(od->cc, policy_name);
    grebe__outlier_roster_init(&roster, od->mem);
    result = grebe__outlier_roster_fill(&roster, &od->roster, od->mem, update);
    if (result != GREBE_OK) {
        grebe__outlier_roster_fini(&roster, od->mem);
        return result;
    }
    replace_roster(od, &roster);
    replace_config(od, config);
    for_child.config = config->child;
    return grebe_client_conn_update(od->child, &for_child);
}

static void od_resolver_error(struct grebe_balancer *base,
                              const struct grebe_status *status)
{
    grebe_client_conn_resolver_error(of(base)->child, status);
}

static void od_exit_idle(struct grebe_balancer *base)
{
    grebe_client_conn_exit_idle(of(base)->child);
}

/* ---- Life ---------------------------------------------------------------------------- */

static void od_destroy(struct grebe_balancer *base)
{
    struct outlier_detection *od = of(base);

    grebe_client_conn_close(od->child);
    grebe_timer_destroy(od->timer);
    grebe__outlier_roster_fini(&od->roster, od->mem);
    grebe_picker_unref(od->picker);
    grebe_mem_free(od->mem, od);
}

static const struct grebe_balancer_ops od_ops = {
    .update = od_update,
    .resolver_error = od_resolver_error,
    .exit_idle = od_exit_idle,
    .destroy = od_destroy,
};

static int od_build(struct grebe_client_conn *cc,
                    const struct grebe_build_options *options,
                    struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct outlier_detection *od = grebe_mem_zalloc(mem, sizeof *od);
    int result;

    (void)options;
    if (od == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&od->base, &od_ops);
    od->cc = cc;
    od->mem = mem;
    grebe__outlier_roster_init(&od->roster, mem);
    result = grebe__outlier_metrics_register();
    if (result == GREBE_OK)
        result = grebe_timer_new(cc, on_interval, od, &od->timer);
    if (result == GREBE_OK)
        result = grebe_client_conn_new_child(cc, &child_ops, od, &od->child);
    if (result == GREBE_OK)
        result = grebe_client_conn_build(od->child, &grebe_graceful_switch);
    if (result == GREBE_OK)
        *out = &od->base;
    else
        od_destroy(&od->base);
    return result;
}

const struct grebe_balancer_builder grebe__outlier_detection = {
    .api = GREBE_BALANCER_API,
    .name = "outlier_detection",
    .parse_config = grebe__outlier_config_parse,
    .free_config = grebe__outlier_config_free,
    .build = od_build,
};

const struct grebe_balancer_builder grebe__outlier_detection_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "outlier_detection_experimental",
    .parse_config = grebe__outlier_config_parse,
    .free_config = grebe__outlier_config_free,
    .build = od_build,
};
