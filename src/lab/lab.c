/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a lab, and what is done to its policy but for picks. */
#include "lab/lab.h"

#include <stdarg.h>
#include <stdio.h>

#include "lab/internal.h"

/* ---- Events out --------------------------------------------------------------------- */

static const char *const rule_names[LAB_N_RULES] = {
    [LAB_RULE_CALL_AFTER_CLOSE] = "call_after_close",
    [LAB_RULE_UNBALANCED_REFERENCE] = "unbalanced_reference",
    [LAB_RULE_PICK_OF_SHUT_DOWN_SUBCONN] = "pick_of_shut_down_subconn",
    [LAB_RULE_MEMORY_NOT_RETURNED] = "memory_not_returned",
    [LAB_RULE_FREED_MEMORY_WRITTEN] = "freed_memory_written",
    [LAB_RULE_BAD_PICK] = "bad_pick",
    [LAB_RULE_BAD_BUILD] = "bad_build",
    [LAB_RULE_BAD_STATE] = "bad_state",
    [LAB_RULE_BAD_RESULT] = "bad_result",
    [LAB_RULE_NESTED_WATCH] = "nested_watch",
    [LAB_RULE_BAD_SERIES] = "bad_series",
};

const char *lab_rule_name(enum lab_rule rule)
{
    return rule_names[rule];
}

void lab__settle(struct lab *lab)
{
    if (!lab->host.is_driven)
        sim_settle(&lab->sim);
}

void lab__emit(struct lab *lab, struct lab_event event)
{
    event.at_ns = lab_now_ns(lab);
    lab->options.on_event(lab->options.arg, &event);
}

static void violate(struct lab *lab, enum lab_rule rule,
                    const struct lab_subconn *subconn, const char *message)
{
    lab->n_violations++;
    lab__emit(lab, (struct lab_event){.kind = LAB_VIOLATION,
                                      .violation = {rule, subconn, message}});
}

void lab__violate(struct lab *lab, enum lab_rule rule, const struct lab_subconn *subconn,
                  const char *format, ...)
{
    char message[256];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    violate(lab, rule, subconn, message);
}

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    lab__emit(arg, (struct lab_event){.kind = LAB_LOG, .log = {level, message}});
}

static enum lab_rule rule_of(enum grebe__fault fault)
{
    switch (fault) {
    case GREBE__FAULT_LATE:
        return LAB_RULE_CALL_AFTER_CLOSE;
    case GREBE__FAULT_BUILD:
        return LAB_RULE_BAD_BUILD;
    case GREBE__FAULT_STATE:
        return LAB_RULE_BAD_STATE;
    case GREBE__FAULT_RESULT:
        return LAB_RULE_BAD_RESULT;
    case GREBE__FAULT_REFERENCE:
    case GREBE__FAULT_CHILD:
    case GREBE__FAULT_TIMER:
        return LAB_RULE_UNBALANCED_REFERENCE;
    case GREBE__FAULT_INSTRUMENT:
        return LAB_RULE_BAD_SERIES;
    case GREBE__FAULT_HEALTH_WATCH:
        break;
    }
    return LAB_RULE_NESTED_WATCH;
}

static struct lab *lab_of(struct grebe__lb_host *host)
{
    return grebe_container_of(host, struct lab, host);
}

static void on_fault(struct grebe__lb_host *host, enum grebe__fault fault,
                     const char *message)
{
    violate(lab_of(host), rule_of(fault), NULL, message);
}

/* ---- Life --------------------------------------------------------------------------- */

static void on_root_freed(struct grebe__lb_host *host)
{
    lab_of(host)->n_roots--;
}

static void close_root(struct lab *lab, bool tells)
{
    struct grebe_client_conn *root = lab->root;

    grebe__env_enter(&lab->sim.env);
    lab->root = NULL;
    grebe_client_conn_close(root);
    if (tells)
        lab__emit(lab, (struct lab_event){.kind = LAB_CLOSE});
    grebe__env_leave(&lab->sim.env);
}

static int build_root(struct lab *lab)
{
    int result = grebe__client_conn_new_root(&lab->host, &lab__root_ops, lab, &lab->root);

    if (result != GREBE_OK)
        return result;
    lab->n_roots = 1;
    grebe__env_enter(&lab->sim.env);
    result = grebe_client_conn_build(lab->root, lab->options.builder);
    grebe__env_leave(&lab->sim.env);
    if (result != GREBE_OK)
        close_root(lab, false);
    lab__settle(lab);
    return result;
}

static int start_recording(struct lab *lab)
{
    lab->host.recording = lab->options.recording;
    if (lab->host.recording != NULL)
        lab->host.recording->host = &lab->host;
    if (lab->options.record_sink == NULL)
        return GREBE_OK;
    return grebe__recording_start(&lab->host,
                                  &(struct grebe__recording_options){
                                      .sink = lab->options.record_sink,
                                      .now_ns = lab->start_ns,
                                  },
                                  &lab->host.recording);
}

/* One that was given is its owner's to end. */
static void stop_recording(struct lab *lab)
{
    if (lab->options.record_sink != NULL) {
        grebe__recording_end(lab->host.recording);
        grebe__recording_free(lab->host.recording);
    }
    lab->host.recording = NULL;
}

/* From now on things happen by themselves again: what was left is cleared away. */
static void stop_driving(struct lab *lab)
{
    if (!lab->host.is_driven)
        return;
    lab->host.recording = NULL;
    lab->host.is_driven = false;
    grebe__env_leave(&lab->sim.env);
    grebe__list_foreach_safe (link, &lab->live) {
        struct lab_subconn *subconn = grebe_container_of(link, struct lab_subconn, link);

        if (subconn->base.is_shutting_down)
            lab__retire_subconn(subconn);
    }
}

int lab_init(struct lab *lab, const struct lab_options *options)
{
    int result;

    *lab = (struct lab){.options = *options, .state = GREBE_IDLE};
    sim_init(&lab->sim, options->mem, options->seed);
    if (options->clock_ns != 0) {
        lab->sim.env.now_ns = options->clock_ns;
        grebe__wheel_init(&lab->sim.env.wheel, options->clock_ns);
    }
    lab->start_ns = lab->sim.env.now_ns;
    lab->host = (struct grebe__lb_host){
        .env = &lab->sim.env,
        .mem = lab_mem_init(&lab->mem, options->mem),
        .build_options = {.target = options->target,
                          .authority = "lab",
                          .user_agent = "",
                          .happy_eyeballs_delay_ns = UINT64_C(250000000)},
        .on_log = on_log,
        .log_arg = lab,
        .on_fault = on_fault,
        .on_root_freed = on_root_freed,
        .is_driven = options->is_driven,
    };
    lab->mem.turns = &lab->sim.env.depth;
    lab->mem.keeps_freed = options->keeps_freed;
    if (options->build_options != NULL)
        lab->host.build_options = *options->build_options;
    if (options->is_driven)
        grebe__env_enter(&lab->sim.env); /* until lab_fini(): effects wait */
    grebe__list_init(&lab->host.feeds);
    grebe__list_init(&lab->live);
    grebe__list_init(&lab->retired);
    lab__calls_init(lab);
    result = lab__recorder_start(lab);
    if (result == GREBE_OK)
        result = start_recording(lab);
    if (result == GREBE_OK)
        result = build_root(lab);
    if (result != GREBE_OK)
        lab_fini(lab);
    return result;
}

static void drop_picker(struct lab *lab)
{
    grebe_picker_unref(lab->picker);
    lab->picker = NULL;
}

void lab_close(struct lab *lab)
{
    if (lab->root == NULL)
        return;
    close_root(lab, true);
    drop_picker(lab);
    lab__settle(lab);
}

/* What the library still holds of a client_conn that it had to keep is not the policy's
 * to return. */
static void tell_of_left(struct lab *lab)
{
    uint32_t n_blocks = lab->mem.n_blocks - lab->n_roots;
    uint32_t n_spoilt = lab_mem_n_spoilt(&lab->mem);

    if (lab->n_roots > 0)
        lab__violate(lab, LAB_RULE_UNBALANCED_REFERENCE, NULL,
                     "references to the client_conn do not balance");
    if (n_blocks > 0)
        lab__violate(lab, LAB_RULE_MEMORY_NOT_RETURNED, NULL,
                     "blocks of memory that were not returned: %u", (unsigned)n_blocks);
    if (n_spoilt > 0)
        lab__violate(lab, LAB_RULE_FREED_MEMORY_WRITTEN, NULL,
                     "blocks of memory that were written after they were returned: %u",
                     (unsigned)n_spoilt);
}

void lab_fini(struct lab *lab)
{
    stop_driving(lab);
    lab_close(lab);
    drop_picker(lab); /* if `root` was closed by others */
    lab__calls_fini(lab);
    lab__settle(lab);
    lab__release_subconns(lab);
    stop_recording(lab);
    tell_of_left(lab);
    lab__recorder_stop(lab);
    sim_fini(&lab->sim);
    lab_mem_reclaim(&lab->mem);
}

/* ---- Events in ---------------------------------------------------------------------- */

static void tell_update(struct lab *lab, int result, const char *error)
{
    lab__emit(lab, (struct lab_event){.kind = LAB_UPDATE, .update = {result, error}});
}

int lab_update(struct lab *lab, const struct grebe_balancer_update *update)
{
    int result;

    grebe__env_enter(&lab->sim.env);
    result = grebe_client_conn_update(lab->root, update);
    tell_update(lab, result, result == GREBE_OK ? NULL : grebe_strerror(result));
    grebe__env_leave(&lab->sim.env);
    lab__settle(lab);
    return result;
}

void lab_refuse_update(struct lab *lab, int result, const char *error)
{
    tell_update(lab, result, error);
}

void lab_resolver_error(struct lab *lab, const struct grebe_status *error)
{
    grebe__env_enter(&lab->sim.env);
    grebe_client_conn_resolver_error(lab->root, error);
    grebe__env_leave(&lab->sim.env);
    lab__settle(lab);
}

void lab_fail_allocation(struct lab *lab, uint64_t nth)
{
    lab->mem.has_failed = false;
    lab->mem.until_failure = nth;
}

void lab_exit_idle(struct lab *lab)
{
    grebe__env_enter(&lab->sim.env);
    grebe_client_conn_exit_idle(lab->root);
    grebe__env_leave(&lab->sim.env);
    lab__settle(lab);
}

void lab_subconn(struct lab_subconn *subconn, enum grebe_connectivity state,
                 const struct grebe_status *error)
{
    struct lab *lab = subconn->lab;

    grebe__env_enter(&lab->sim.env);
    grebe__subconn_deliver(&subconn->base, state,
                           state == GREBE_TRANSIENT_FAILURE ? error : NULL);
    grebe__env_leave(&lab->sim.env);
    lab__settle(lab);
}

bool lab_health(struct lab_subconn *subconn, enum grebe_connectivity state,
                const struct grebe_status *error)
{
    struct lab *lab = subconn->lab;

    if (subconn->base.on_health == NULL)
        return false;
    grebe__env_enter(&lab->sim.env);
    grebe__subconn_deliver_health(&subconn->base, state,
                                  state == GREBE_TRANSIENT_FAILURE ? error : NULL);
    grebe__env_leave(&lab->sim.env);
    lab__settle(lab);
    return true;
}

/* As sim_advance(), with a way out. */
bool lab_advance(struct lab *lab, uint64_t by_ns)
{
    uint64_t until = lab->sim.env.now_ns + by_ns;

    for (;;) {
        uint64_t next = grebe__wheel_next_ns(&lab->sim.env.wheel);

        if (lab->options.wants_stop != NULL && lab->options.wants_stop(lab->options.arg))
            return false;
        if (next > until)
            break;
        sim_advance(&lab->sim, next - lab->sim.env.now_ns);
    }
    sim_advance(&lab->sim, until - lab->sim.env.now_ns);
    return true;
}
