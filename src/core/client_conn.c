/* SPDX-License-Identifier: Apache-2.0 */
#include "core/client_conn.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "base/ref.h"
#include "core/status.h"
#include "core/tell.h"

/* ---- Blame ------------------------------------------------------------------------- */

static const char *name_of(const struct grebe_client_conn *cc)
{
    return cc->builder == NULL ? "?" : cc->builder->name;
}

void grebe__client_conn_blame(struct grebe_client_conn *cc, enum grebe__fault fault,
                              const char *what)
{
    struct grebe__lb_host *host = cc->host;
    char message[512];

    if (cc->faults & fault)
        return;
    cc->faults |= fault;
    snprintf(message, sizeof message, "balancer \"%s\": %s", name_of(cc), what);
    if (host->on_fault != NULL)
        host->on_fault(host, fault, message);
    else
        grebe__tell_text(host, GREBE_LOG_ERROR, GREBE_LOG_WARNING, message);
}

/* True, and told, if the balancer asks for something after it was destroyed.  What it
 * asks for while it is being destroyed is ignored without a word. */
static bool is_late(struct grebe_client_conn *cc, const char *what)
{
    if (cc->is_closed && cc->balancer == NULL)
        grebe__client_conn_blame(cc, GREBE__FAULT_LATE, what);
    return cc->is_closed;
}

/* ---- Recording ----------------------------------------------------------------------- */

/* An input for the policy on top, or a request of it, goes through `cc`. */
static bool records_root(const struct grebe_client_conn *cc)
{
    return cc->host->recording != NULL && cc->parent == NULL;
}

static void count_effect(const struct grebe_client_conn *cc)
{
    grebe__record_effect(cc->host->recording);
}

/* ---- Life -------------------------------------------------------------------------- */

static void run_report(struct grebe__effect *effect);
static void run_settled(struct grebe__effect *effect);
static void run_resolve(struct grebe__effect *effect);
static void run_exit_idle(struct grebe__task *task);

static int new_client_conn(struct grebe__lb_host *host, struct grebe_client_conn *parent,
                           const struct grebe_client_conn_ops *ops, void *arg,
                           struct grebe_client_conn **out)
{
    struct grebe_client_conn *cc = grebe_mem_zalloc(host->mem, sizeof *cc);

    if (cc == NULL)
        return GREBE_ERR_NOMEM;
    cc->ops = ops;
    cc->arg = arg;
    cc->host = host;
    cc->parent = parent == NULL ? NULL : grebe_client_conn_ref(parent);
    cc->id = host->next_id.client_conns++;
    cc->refs = 1;
    grebe__list_init(&cc->children);
    grebe__list_init(&cc->sibling);
    grebe__list_init(&cc->subconns);
    grebe__list_init(&cc->timers);
    grebe__effect_init(&cc->report.effect, run_report);
    grebe__effect_init(&cc->settled_effect, run_settled);
    grebe__effect_init(&cc->resolve_effect, run_resolve);
    cc->exit_idle_task.run = run_exit_idle;
    *out = cc;
    return GREBE_OK;
}

int grebe__client_conn_new_root(struct grebe__lb_host *host,
                                const struct grebe_client_conn_ops *ops, void *arg,
                                struct grebe_client_conn **out)
{
    GREBE_ASSERT(ops->new_subconn != NULL && ops->update_state != NULL &&
                 ops->resolve_now != NULL && ops->watch_health != NULL);
    memset(&host->next_id, 0, sizeof host->next_id);
    return new_client_conn(host, NULL, ops, arg, out);
}

int grebe_client_conn_new_child(struct grebe_client_conn *parent,
                                const struct grebe_client_conn_ops *ops, void *arg,
                                struct grebe_client_conn **out)
{
    int result = new_client_conn(parent->host, parent, ops, arg, out);

    if (result == GREBE_OK)
        grebe__list_append(&parent->children, &(*out)->sibling);
    return result;
}

struct grebe_client_conn *grebe_client_conn_ref(struct grebe_client_conn *cc)
{
    grebe__ref_get(&cc->refs);
    return cc;
}

/* Someone gave up a reference that was not theirs.  Who is left without one is not known,
 * so the object is kept for ever. */
static void keep_for_ever(uint32_t *refs)
{
    __atomic_store_n(refs, UINT32_MAX / 4, __ATOMIC_RELAXED);
}

void grebe_client_conn_unref(struct grebe_client_conn *cc)
{
    /* Up the tree without recursion: its depth is a stranger's choice. */
    while (cc != NULL && grebe__ref_put(&cc->refs)) {
        struct grebe_client_conn *parent = cc->parent;
        struct grebe__lb_host *host = cc->host;

        if (!cc->is_closed && cc->balancer != NULL) {
            keep_for_ever(&cc->refs);
            __atomic_store_n(&cc->is_overdrawn, true, __ATOMIC_RELAXED);
            return;
        }
        grebe__list_remove(&cc->sibling); /* if it was never closed */
        grebe_mem_free(host->mem, cc);
        if (parent == NULL && host->on_root_freed != NULL)
            host->on_root_freed(host);
        cc = parent;
    }
}

int grebe_client_conn_build(struct grebe_client_conn *cc,
                            const struct grebe_balancer_builder *builder)
{
    int result;

    GREBE_ASSERT(cc->balancer == NULL && !cc->is_closed);
    cc->builder = builder;
    if (records_root(cc))
        grebe__record_build(cc->host->recording);
    result = builder->build(cc, &cc->host->build_options, &cc->balancer);
    if (result != GREBE_OK) {
        cc->balancer = NULL;
        return result;
    }
    if (cc->balancer == NULL || cc->balancer->ops->update == NULL ||
        cc->balancer->ops->destroy == NULL) {
        grebe__client_conn_blame(cc, GREBE__FAULT_BUILD,
                                 "build() returned GREBE_OK without a whole balancer");
        cc->balancer = NULL;
        return GREBE_ERR_INVALID;
    }
    return GREBE_OK;
}

static void cancel_timers(struct grebe_client_conn *cc);

/* What the balancer did wrong and could not be told before. */
static void blame_last(struct grebe_client_conn *cc)
{
    if (__atomic_load_n(&cc->is_overdrawn, __ATOMIC_RELAXED))
        grebe__client_conn_blame(cc, GREBE__FAULT_REFERENCE,
                                 "it gave up a reference to its client_conn that it did "
                                 "not hold; the client_conn's memory is kept");
    if (!grebe__list_is_empty(&cc->timers))
        grebe__client_conn_blame(cc, GREBE__FAULT_TIMER,
                                 "it was destroyed and left a timer; the timer's memory "
                                 "is kept");
}

/* Those that a parent forgot.  Whoever was to answer them is gone. */
static void close_children(struct grebe_client_conn *cc)
{
    struct grebe__list *link;

    while ((link = grebe__list_shift(&cc->children)) != NULL) {
        grebe__client_conn_blame(cc, GREBE__FAULT_CHILD,
                                 "it was destroyed and left a child open");
        grebe_client_conn_close(
            grebe_container_of(link, struct grebe_client_conn, sibling));
    }
}

void grebe_client_conn_close(struct grebe_client_conn *cc)
{
    if (cc == NULL)
        return;
    GREBE_ASSERT(!cc->is_closed);
    if (records_root(cc))
        grebe__record_close(cc->host->recording);
    cc->is_closed = true;
    grebe__list_remove(&cc->sibling);
    if (cc->balancer != NULL)
        cc->balancer->ops->destroy(cc->balancer);
    cc->balancer = NULL;
    close_children(cc);
    blame_last(cc);
    grebe__list_foreach_safe (link, &cc->subconns) {
        grebe_subconn_shutdown(
            grebe_container_of(link, struct grebe_subconn, owner_link));
    }
    cancel_timers(cc);
    grebe_client_conn_unref(cc);
}

/* ---- Calls into the balancer -------------------------------------------------------- */

static void settle(struct grebe_client_conn *cc)
{
    if (cc->balancer->ops->settled == NULL ||
        grebe__effect_is_queued(&cc->settled_effect))
        return;
    grebe_client_conn_ref(cc);
    grebe__env_settle(cc->host->env, &cc->settled_effect);
}

static void run_settled(struct grebe__effect *effect)
{
    struct grebe_client_conn *cc =
        grebe_container_of(effect, struct grebe_client_conn, settled_effect);

    count_effect(cc);
    if (cc->balancer != NULL)
        cc->balancer->ops->settled(cc->balancer);
    grebe_client_conn_unref(cc);
}

int grebe_client_conn_update(struct grebe_client_conn *cc,
                             const struct grebe_balancer_update *update)
{
    int result;

    if (cc->balancer == NULL)
        return GREBE_ERR_CLOSED;
    if (records_root(cc))
        grebe__record_update(cc->host->recording, update);
    result = cc->balancer->ops->update(cc->balancer, update);
    settle(cc);
    if (result != GREBE_OK && records_root(cc))
        grebe__record_refusal(cc->host->recording, result);
    if (result <= GREBE_OK)
        return result;
    grebe__client_conn_blame(cc, GREBE__FAULT_RESULT,
                             "update() returned a number that is no GREBE_ERR");
    return GREBE_ERR_BAD_RESOLVER_STATE;
}

void grebe_client_conn_resolver_error(struct grebe_client_conn *cc,
                                      const struct grebe_status *status)
{
    if (cc->balancer == NULL || cc->balancer->ops->resolver_error == NULL)
        return;
    if (records_root(cc))
        grebe__record_resolver_error(cc->host->recording, status);
    cc->balancer->ops->resolver_error(cc->balancer, status);
    settle(cc);
}

/* For a policy that leaves it to us.  Those that are not IDLE do not listen. */
static void connect_all(struct grebe_client_conn *cc)
{
    grebe__list_foreach (link, &cc->subconns) {
        grebe_subconn_connect(grebe_container_of(link, struct grebe_subconn, owner_link));
    }
}

void grebe_client_conn_exit_idle(struct grebe_client_conn *cc)
{
    if (cc->balancer == NULL)
        return;
    if (records_root(cc))
        grebe__record_exit_idle(cc->host->recording, cc);
    if (cc->balancer->ops->exit_idle == NULL) {
        connect_all(cc);
        return;
    }
    cc->balancer->ops->exit_idle(cc->balancer);
    settle(cc);
}

void grebe_client_conn_request_exit_idle(struct grebe_client_conn *cc)
{
    if (__atomic_exchange_n(&cc->wants_exit_idle, true, __ATOMIC_ACQ_REL))
        return; /* it is on its way */
    grebe_client_conn_ref(cc);
    grebe__env_post(cc->host->env, &cc->exit_idle_task);
}

static void run_exit_idle(struct grebe__task *task)
{
    struct grebe_client_conn *cc =
        grebe_container_of(task, struct grebe_client_conn, exit_idle_task);

    __atomic_store_n(&cc->wants_exit_idle, false, __ATOMIC_RELEASE);
    if (cc->balancer != NULL && cc->parent != NULL && cc->host->recording != NULL)
        grebe__record_exit_idle(cc->host->recording, cc);
    grebe_client_conn_exit_idle(cc);
    grebe_client_conn_unref(cc);
}

struct grebe_client_conn *grebe__client_conn_of_exit(struct grebe__task *task)
{
    return task->run != run_exit_idle
               ? NULL
               : grebe_container_of(task, struct grebe_client_conn, exit_idle_task);
}

/* ---- Requests of the balancer -------------------------------------------------------- */

/* The nearest client_conn, from `cc` up, whose maker answers this kind of request. */
#define ANSWERED_BY(cc, request)                                                         \
    do {                                                                                 \
        while ((cc)->ops->request == NULL)                                               \
            (cc) = (cc)->parent;                                                         \
    } while (0)

static struct grebe__lb_report *new_report(struct grebe_client_conn *cc)
{
    struct grebe__lb_report *report;

    if (!grebe__effect_is_queued(&cc->report.effect))
        return &cc->report;
    report = grebe_mem_alloc(cc->host->mem, sizeof *report);
    if (report != NULL)
        grebe__effect_init(&report->effect, run_report);
    return report;
}

void grebe_client_conn_update_state(struct grebe_client_conn *cc,
                                    enum grebe_connectivity state,
                                    struct grebe_picker *picker)
{
    struct grebe__lb_report *report;

    if (is_late(cc, "update_state() after it was destroyed")) {
        grebe_picker_unref(picker);
        return;
    }
    if (picker == NULL)
        picker = grebe_picker_queueing();
    if ((unsigned)state >= GREBE_SHUTDOWN) {
        grebe__client_conn_blame(cc, GREBE__FAULT_STATE,
                                 "it published SHUTDOWN, or a state that does not exist; "
                                 "TRANSIENT_FAILURE is taken instead");
        state = GREBE_TRANSIENT_FAILURE;
    }
    report = new_report(cc);
    if (report == NULL) {
        /* Out of memory: better a merged report than a lost one. */
        report = cc->newest;
        grebe_picker_unref(report->picker);
        report->state = state;
        report->picker = picker;
        return;
    }
    report->cc = grebe_client_conn_ref(cc);
    report->state = state;
    report->picker = picker;
    cc->newest = report;
    grebe__env_do(cc->host->env, &report->effect);
}

static void run_report(struct grebe__effect *effect)
{
    struct grebe__lb_report *report =
        grebe_container_of(effect, struct grebe__lb_report, effect);
    struct grebe_client_conn *cc = report->cc;
    struct grebe_client_conn *answering = cc;
    enum grebe_connectivity state = report->state;
    struct grebe_picker *picker = report->picker;

    if (cc->newest == report)
        cc->newest = NULL;
    if (report != &cc->report)
        grebe_mem_free(cc->host->mem, report);
    count_effect(cc);
    ANSWERED_BY(answering, update_state);
    if (cc->is_closed) { /* as all are whose parent is */
        grebe_picker_unref(picker);
    } else {
        if (records_root(answering))
            grebe__record_state(cc->host->recording, state, picker);
        answering->ops->update_state(answering->arg, state, picker);
    }
    grebe_client_conn_unref(cc);
}

void grebe_client_conn_resolve_now(struct grebe_client_conn *cc)
{
    if (is_late(cc, "resolve_now() after it was destroyed") ||
        grebe__effect_is_queued(&cc->resolve_effect))
        return;
    grebe_client_conn_ref(cc);
    grebe__env_do(cc->host->env, &cc->resolve_effect);
}

static void run_resolve(struct grebe__effect *effect)
{
    struct grebe_client_conn *cc =
        grebe_container_of(effect, struct grebe_client_conn, resolve_effect);
    struct grebe_client_conn *answering = cc;

    count_effect(cc);
    ANSWERED_BY(answering, resolve_now);
    if (!cc->is_closed && !answering->is_closed) {
        if (records_root(answering))
            grebe__record_resolve_now(cc->host->recording);
        answering->ops->resolve_now(answering->arg);
    }
    grebe_client_conn_unref(cc);
}

/* It is new to the host: parents that hand the request on find it there. */
static void enrol(struct grebe__lb_host *host, struct grebe_subconn *subconn,
                  const struct grebe_subconn_options *options)
{
    __atomic_fetch_add(&host->n_subconns, 1, __ATOMIC_RELAXED);
    subconn->id = host->next_id.subconns++;
    if (host->recording != NULL)
        grebe__record_new_subconn(host->recording, subconn, options);
}

int grebe_client_conn_new_subconn(struct grebe_client_conn *cc,
                                  const struct grebe_subconn_options *asked,
                                  struct grebe_subconn **out)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_client_conn *answering = cc;
    struct grebe_subconn *subconn;
    int result;

    grebe__options_read(&options, sizeof options, asked);
    if (options.n_addresses == 0)
        return GREBE_ERR_INVALID;
    if (is_late(cc, "new_subconn() after it was destroyed"))
        return GREBE_ERR_CLOSED;
    ANSWERED_BY(answering, new_subconn);
    if (answering->is_closed)
        return GREBE_ERR_CLOSED;
    result = answering->ops->new_subconn(answering->arg, &options, &subconn);
    if (result != GREBE_OK)
        return result;
    /* The innermost client_conn, whose balancer asked, comes last and keeps it. */
    grebe_client_conn_ref(cc);
    grebe_client_conn_unref(subconn->owner);
    if (subconn->owner == NULL)
        enrol(cc->host, subconn, &options);
    subconn->owner = cc;
    grebe__list_remove(&subconn->owner_link);
    grebe__list_append(&cc->subconns, &subconn->owner_link);
    *out = subconn;
    return GREBE_OK;
}

void grebe_client_conn_watch_health(struct grebe_client_conn *cc,
                                    struct grebe_subconn *subconn,
                                    grebe_subconn_state_fn on_health, void *arg)
{
    if (is_late(cc, "watch_health() after it was destroyed"))
        return;
    if (subconn->is_telling_health)
        grebe__client_conn_blame(cc, GREBE__FAULT_HEALTH_WATCH,
                                 "watch_health() from inside a health listener of the "
                                 "same subconn");
    ANSWERED_BY(cc, watch_health);
    if (cc->is_closed)
        return;
    if (records_root(cc))
        grebe__record_watch_health(cc->host->recording, subconn, on_health != NULL);
    cc->ops->watch_health(cc->arg, subconn, on_health, arg);
}

const char *grebe_client_conn_target(const struct grebe_client_conn *cc)
{
    return cc->host->build_options.target;
}

const struct grebe_mem *grebe_client_conn_mem(const struct grebe_client_conn *cc)
{
    return cc->host->mem;
}

uint64_t grebe_client_conn_now_ns(const struct grebe_client_conn *cc)
{
    return cc->host->env->now_ns;
}

/* A recording has one of its own, so that what the policy draws can be drawn again. */
static struct grebe__rng *rng_of(const struct grebe_client_conn *cc)
{
    struct grebe__recording *recording = cc->host->recording;

    return recording != NULL ? &recording->rng : &cc->host->env->rng;
}

uint64_t grebe_client_conn_random(struct grebe_client_conn *cc)
{
    return grebe__rng_next(rng_of(cc));
}

uint32_t grebe_client_conn_random_below(struct grebe_client_conn *cc, uint32_t n)
{
    GREBE_ASSERT(n > 0);
    return grebe__rng_below(rng_of(cc), n);
}

void grebe_client_conn_log(struct grebe_client_conn *cc, enum grebe_log_level level,
                           const char *format, ...)
{
    char text[512];
    va_list args;

    if (!grebe__is_heard(cc->host, level, GREBE_LOG_WARNING))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    grebe__tell_text(cc->host, level, GREBE_LOG_WARNING, text);
}

struct grebe_series *grebe_client_conn_series(struct grebe_client_conn *cc,
                                              const struct grebe_instrument *instrument,
                                              const char *const *values, size_t n)
{
    struct grebe_series *series = NULL;

    if (grebe_instrument_get(instrument->name) != instrument)
        grebe__client_conn_blame(cc, GREBE__FAULT_INSTRUMENT,
                                 "it records to an instrument that is not registered");
    else if (cc->host->meter != NULL)
        series = grebe__meter_series(cc->host->meter, instrument, values, n, true);
    return series != NULL ? series : grebe__series_of_nobody();
}

/* ---- Timers -------------------------------------------------------------------------- */

struct grebe_timer {
    struct grebe__timer timer;
    struct grebe__list link;      /* on cc->timers until cc is closed */
    struct grebe_client_conn *cc; /* a reference */
    uint32_t id;                  /* of host->next_id */
    grebe_timer_fn on_fire;
    void *arg;
};

static void fire(struct grebe__timer *base)
{
    struct grebe_timer *timer = grebe_container_of(base, struct grebe_timer, timer);

    if (timer->cc->host->recording != NULL)
        grebe__record_timer(timer->cc->host->recording, timer->id);
    timer->on_fire(timer->arg);
}

bool grebe__client_conn_fire(struct grebe__lb_host *host, uint32_t id)
{
    grebe__wheel_advance(&host->env->wheel, host->env->now_ns);
    grebe__list_foreach (link, &host->env->wheel.due) {
        struct grebe__timer *base = grebe_container_of(link, struct grebe__timer, link);
        struct grebe_timer *timer = grebe_container_of(base, struct grebe_timer, timer);

        if (base->fire == fire && timer->id == id) {
            grebe__timer_cancel(base);
            fire(base);
            return true;
        }
    }
    return false;
}

int grebe_timer_new(struct grebe_client_conn *cc, grebe_timer_fn on_fire, void *arg,
                    struct grebe_timer **out)
{
    struct grebe_timer *timer = grebe_mem_alloc(cc->host->mem, sizeof *timer);

    if (timer == NULL)
        return GREBE_ERR_NOMEM;
    grebe__timer_init(&timer->timer, fire);
    grebe__list_init(&timer->link);
    grebe__list_append(&cc->timers, &timer->link);
    timer->cc = grebe_client_conn_ref(cc);
    timer->id = cc->host->next_id.timers++;
    timer->on_fire = on_fire;
    timer->arg = arg;
    *out = timer;
    return GREBE_OK;
}

void grebe_timer_start(struct grebe_timer *timer, uint64_t at_ns)
{
    struct grebe__lb_host *host = timer->cc->host;

    if (timer->cc->is_closed)
        return;
    if (host->recording != NULL)
        grebe__record_start_timer(host->recording, timer->id, at_ns);
    grebe__env_start_timer(host->env, &timer->timer, at_ns);
}

void grebe_timer_cancel(struct grebe_timer *timer)
{
    grebe__timer_cancel(&timer->timer);
}

void grebe_timer_destroy(struct grebe_timer *timer)
{
    struct grebe_client_conn *cc;

    if (timer == NULL)
        return;
    cc = timer->cc;
    grebe__timer_cancel(&timer->timer);
    grebe__list_remove(&timer->link);
    grebe_mem_free(cc->host->mem, timer);
    grebe_client_conn_unref(cc);
}

static void cancel_timers(struct grebe_client_conn *cc)
{
    struct grebe__list *link;

    while ((link = grebe__list_shift(&cc->timers)) != NULL)
        grebe_timer_cancel(grebe_container_of(link, struct grebe_timer, link));
}

/* ---- Subconns ------------------------------------------------------------------------ */

static void record_request(const struct grebe_subconn *subconn, const char *what)
{
    struct grebe__recording *recording = subconn->owner->host->recording;

    if (recording != NULL)
        grebe__record_request(recording, what, subconn);
}

static void run_connect(struct grebe__effect *effect)
{
    struct grebe_subconn *subconn =
        grebe_container_of(effect, struct grebe_subconn, connect_effect);

    count_effect(subconn->owner);
    if (subconn->is_shutting_down)
        return;
    record_request(subconn, "connect");
    subconn->ops->connect(subconn);
}

static void run_shutdown(struct grebe__effect *effect)
{
    struct grebe_subconn *subconn =
        grebe_container_of(effect, struct grebe_subconn, shutdown_effect);

    count_effect(subconn->owner);
    record_request(subconn, "shutdown");
    subconn->ops->shutdown(subconn);
}

static void run_health(struct grebe__effect *effect)
{
    struct grebe_subconn *subconn =
        grebe_container_of(effect, struct grebe_subconn, health_effect);

    count_effect(subconn->owner);
    if (subconn->ops->listen_for_health != NULL)
        subconn->ops->listen_for_health(subconn);
    else
        grebe__subconn_deliver_health(subconn, GREBE_READY, NULL);
}

void grebe__subconn_init(struct grebe_subconn *subconn,
                         const struct grebe__subconn_ops *ops,
                         const struct grebe_subconn_options *options)
{
    *subconn = (struct grebe_subconn){
        .ops = ops,
        .refs = 1,
        .delivered = GREBE_IDLE,
        .address = grebe_address_ref(options->addresses[0]),
        .on_state = options->on_state,
        .arg = options->arg,
    };
    grebe__list_init(&subconn->owner_link);
    grebe__list_init(&subconn->producers);
    grebe__effect_init(&subconn->connect_effect, run_connect);
    grebe__effect_init(&subconn->shutdown_effect, run_shutdown);
    grebe__effect_init(&subconn->health_effect, run_health);
    grebe__subconn_init_ejection(subconn);
}

/* To the listener of the subconn, or to the policy as a whole if it has none. */
static void tell(struct grebe_subconn *subconn, enum grebe_connectivity state,
                 const struct grebe_status *error)
{
    struct grebe_balancer *balancer = subconn->owner->balancer;

    if (subconn->owner->is_closed)
        return;
    if (subconn->on_state != NULL)
        subconn->on_state(subconn->arg, subconn, state, error);
    else if (balancer != NULL && balancer->ops->update_subconn_state != NULL)
        balancer->ops->update_subconn_state(balancer, subconn, state, error);
}

void grebe__subconn_deliver(struct grebe_subconn *subconn, enum grebe_connectivity state,
                            const struct grebe_status *error)
{
    if (state == subconn->delivered)
        return;
    if (subconn->owner->host->recording != NULL)
        grebe__record_subconn(subconn->owner->host->recording, subconn, state, error);
    if (__atomic_load_n(&subconn->is_overdrawn, __ATOMIC_RELAXED))
        grebe__client_conn_blame(subconn->owner, GREBE__FAULT_REFERENCE,
                                 "it gave up a reference to a subconn that it did not "
                                 "hold; the subconn's memory is kept");
    subconn->delivered = state;
    grebe__subconn_forget_listener(subconn);
    subconn->is_on_offer = state == GREBE_READY;
    subconn->lacks_load_reports = false;
    grebe__subconn_close_producers(subconn);
    if (state != GREBE_SHUTDOWN)
        grebe__subconn_tell_tags(subconn, state);
    tell(subconn, state, error);
    if (state == GREBE_SHUTDOWN) {
        grebe__list_remove(&subconn->owner_link);
        grebe__subconn_shut_down_tags(subconn);
        grebe_subconn_unref(subconn);
    }
}

void grebe_subconn_connect(struct grebe_subconn *subconn)
{
    if (!subconn->is_shutting_down)
        grebe__env_do(subconn->owner->host->env, &subconn->connect_effect);
}

void grebe_subconn_shutdown(struct grebe_subconn *subconn)
{
    if (subconn->is_shutting_down)
        return;
    subconn->is_shutting_down = true;
    grebe__env_do(subconn->owner->host->env, &subconn->shutdown_effect);
}

struct grebe_subconn *grebe_subconn_ref(struct grebe_subconn *subconn)
{
    grebe__ref_get(&subconn->refs);
    return subconn;
}

/* The library's own reference lasts until SHUTDOWN is delivered. */
void grebe_subconn_unref(struct grebe_subconn *subconn)
{
    struct grebe_client_conn *owner;

    if (subconn == NULL || !grebe__ref_put(&subconn->refs))
        return;
    if (subconn->delivered != GREBE_SHUTDOWN) {
        keep_for_ever(&subconn->refs);
        __atomic_store_n(&subconn->is_overdrawn, true, __ATOMIC_RELAXED);
        return;
    }
    owner = subconn->owner;
    __atomic_fetch_sub(&owner->host->n_subconns, 1, __ATOMIC_RELAXED);
    grebe_address_unref(subconn->address);
    grebe__subconn_release_tags(subconn);
    subconn->ops->destroy(subconn);
    grebe_client_conn_unref(owner);
}

/* ---- update_addresses ---------------------------------------------------------------- */

struct address_change {
    struct grebe__effect effect;
    struct grebe_subconn *subconn; /* a reference */
    size_t n;
    struct grebe_address *addresses[]; /* n references */
};

static void run_address_change(struct grebe__effect *effect)
{
    struct address_change *change =
        grebe_container_of(effect, struct address_change, effect);
    struct grebe_subconn *subconn = change->subconn;

    count_effect(subconn->owner);
    if (!subconn->is_shutting_down && subconn->owner->host->recording != NULL)
        grebe__record_addresses(subconn->owner->host->recording, subconn,
                                change->addresses, change->n);
    if (!subconn->is_shutting_down && change->n > 0) {
        grebe_address_unref(subconn->address);
        subconn->address = grebe_address_ref(change->addresses[0]);
    }
    if (!subconn->is_shutting_down)
        subconn->ops->update_addresses(subconn, change->addresses, change->n);
    for (size_t i = 0; i < change->n; i++)
        grebe_address_unref(change->addresses[i]);
    grebe_mem_free(subconn->owner->host->mem, change);
    grebe_subconn_unref(subconn);
}

int grebe_subconn_update_addresses(struct grebe_subconn *subconn,
                                   struct grebe_address *const *addresses, size_t n)
{
    struct grebe__lb_host *host = subconn->owner->host;
    struct address_change *change =
        grebe_mem_alloc(host->mem, sizeof *change + n * sizeof(struct grebe_address *));

    if (change == NULL)
        return GREBE_ERR_NOMEM;
    grebe__effect_init(&change->effect, run_address_change);
    change->subconn = grebe_subconn_ref(subconn);
    change->n = n;
    for (size_t i = 0; i < n; i++)
        change->addresses[i] = grebe_address_ref(addresses[i]);
    grebe__env_do(host->env, &change->effect);
    return GREBE_OK;
}
