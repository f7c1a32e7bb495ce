/* SPDX-License-Identifier: Apache-2.0 */
/* The fake client_conn: each request of the policy is an event, and nothing else happens.
 *
 * The lab holds a reference to each subconn until the end, so that it sees whether the
 * policy's own balance: in the end the lab's has to be the only one. */
#include <string.h>

#include "core/picker.h"
#include "lab/internal.h"

/* ---- Subconns ----------------------------------------------------------------------- */

static struct lab_subconn *of(struct grebe_subconn *base)
{
    return grebe_container_of(base, struct lab_subconn, base);
}

static void tell(const struct lab_subconn *subconn, enum lab_event_kind kind)
{
    lab__emit(subconn->lab, (struct lab_event){.kind = kind, .subconn = subconn});
}

static void free_addresses(struct lab_subconn *subconn)
{
    for (size_t i = 0; i < subconn->n_addresses; i++)
        grebe_address_unref(subconn->addresses[i]);
    grebe_mem_free(subconn->lab->options.mem, subconn->addresses);
    subconn->addresses = NULL;
    subconn->n_addresses = 0;
}

static int set_addresses(struct lab_subconn *subconn,
                         struct grebe_address *const *addresses, size_t n)
{
    struct grebe_address **copy =
        grebe_mem_alloc(subconn->lab->options.mem, n * sizeof(struct grebe_address *));

    if (copy == NULL)
        return GREBE_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        copy[i] = grebe_address_ref(addresses[i]);
    free_addresses(subconn);
    subconn->addresses = copy;
    subconn->n_addresses = n;
    return GREBE_OK;
}

static void free_subconn(struct lab_subconn *subconn)
{
    free_addresses(subconn);
    grebe__list_remove(&subconn->link);
    grebe_mem_free(subconn->lab->options.mem, subconn);
}

static void on_connect(struct grebe_subconn *base)
{
    tell(of(base), LAB_CONNECT);
}

static void on_update_addresses(struct grebe_subconn *base,
                                struct grebe_address *const *addresses, size_t n)
{
    struct lab_subconn *subconn = of(base);

    if (set_addresses(subconn, addresses, n) != GREBE_OK)
        subconn->lab->is_short_of_memory = true;
    tell(subconn, LAB_UPDATE_ADDRESSES);
}

void lab__retire_subconn(struct lab_subconn *subconn)
{
    grebe__list_remove(&subconn->link);
    grebe__list_append(&subconn->lab->retired, &subconn->link);
    grebe__subconn_deliver(&subconn->base, GREBE_SHUTDOWN, NULL);
}

/* When it is over is for a replay to say. */
static void on_shutdown(struct grebe_subconn *base)
{
    struct lab_subconn *subconn = of(base);

    tell(subconn, LAB_SHUTDOWN);
    if (!subconn->lab->host.is_driven)
        lab__retire_subconn(subconn);
}

/* What it hears, too, or for a script. */
static void on_listen_for_health(struct grebe_subconn *base)
{
    const struct lab *lab = of(base)->lab;

    if (!lab->host.is_driven && !lab->options.checks_health)
        grebe__subconn_deliver_health(base, GREBE_READY, NULL);
}

static void tell_overdrawn(const struct lab_subconn *subconn)
{
    lab__violate(subconn->lab, LAB_RULE_UNBALANCED_REFERENCE, subconn,
                 "the policy gave up a reference to a subconn that it did not hold");
}

/* Before the end the last reference was the lab's, and somebody else gave it up: whoever
 * is left without one must not find the subconn gone. */
static void on_destroy(struct grebe_subconn *base)
{
    struct lab_subconn *subconn = of(base);

    if (subconn->is_released) {
        free_subconn(subconn);
        return;
    }
    subconn->is_overdrawn = true;
    subconn->base.refs = UINT32_MAX / 4;
    subconn->base.address = NULL; /* given up just now */
    tell_overdrawn(subconn);
}

static const struct grebe__subconn_ops subconn_ops = {
    .connect = on_connect,
    .update_addresses = on_update_addresses,
    .shutdown = on_shutdown,
    .destroy = on_destroy,
    .open_stream = lab__open_stream,
    .listen_for_health = on_listen_for_health,
};

struct lab_subconn *lab__subconn_of(struct lab *lab, struct grebe_subconn *subconn)
{
    if (subconn == NULL || subconn->ops != &subconn_ops || of(subconn)->lab != lab)
        return NULL;
    return of(subconn);
}

static struct lab_subconn *find_id(const struct grebe__list *list, uint32_t id)
{
    grebe__list_foreach (link, list) {
        struct lab_subconn *subconn = grebe_container_of(link, struct lab_subconn, link);

        if (subconn->id == id)
            return subconn;
    }
    return NULL;
}

struct lab_subconn *lab_subconn_at(const struct lab *lab, uint32_t id)
{
    struct lab_subconn *live = find_id(&lab->live, id);

    return live != NULL ? live : find_id(&lab->retired, id);
}

static bool has_address(const struct lab_subconn *subconn, const char *address)
{
    for (size_t i = 0; i < subconn->n_addresses; i++)
        if (strcmp(grebe_address_text(subconn->addresses[i]), address) == 0)
            return true;
    return false;
}

struct lab_subconn *lab_find_subconn(const struct lab *lab, const char *address)
{
    for (struct grebe__list *link = lab->live.prev; link != &lab->live;
         link = link->prev) {
        struct lab_subconn *subconn = grebe_container_of(link, struct lab_subconn, link);

        if (has_address(subconn, address))
            return subconn;
    }
    return NULL;
}

/* ---- Requests of the policy ----------------------------------------------------------- */

static int on_new_subconn(void *arg, const struct grebe_subconn_options *options,
                          struct grebe_subconn **out)
{
    struct lab *lab = arg;
    struct lab_subconn *subconn;

    if (lab->refuses_subconns)
        return GREBE_ERR_CLOSED;
    subconn = grebe_mem_zalloc(lab->options.mem, sizeof *subconn);
    if (subconn == NULL)
        return GREBE_ERR_NOMEM;
    grebe__list_init(&subconn->link);
    grebe__list_init(&subconn->streams);
    subconn->lab = lab;
    subconn->id = lab->n_subconns;
    subconn->wants_health_check = options->wants_health_check;
    if (set_addresses(subconn, options->addresses, options->n_addresses) != GREBE_OK) {
        grebe_mem_free(lab->options.mem, subconn);
        return GREBE_ERR_NOMEM;
    }
    grebe__subconn_init(&subconn->base, &subconn_ops, options);
    grebe__list_append(&lab->live, &subconn->link);
    grebe_subconn_ref(&subconn->base);
    lab->n_subconns++;
    tell(subconn, LAB_NEW_SUBCONN);
    *out = &subconn->base;
    return GREBE_OK;
}

static void on_update_state(void *arg, enum grebe_connectivity state,
                            struct grebe_picker *picker)
{
    struct lab *lab = arg;
    struct lab_event event = {.kind = LAB_STATE, .state = {.state = state}};

    grebe_picker_unref(lab->picker);
    lab->picker = picker;
    lab->state = state;
    event.state.is_answer_known = grebe__picker_is_constant(picker, &event.state.answer);
    lab__emit(lab, event);
}

static void on_resolve_now(void *arg)
{
    lab__emit(arg, (struct lab_event){.kind = LAB_RESOLVE_NOW});
}

static void on_watch_health(void *arg, struct grebe_subconn *subconn,
                            grebe_subconn_state_fn on_health, void *health_arg)
{
    struct lab *lab = arg;
    bool had_listener = subconn->on_health != NULL;

    bool waits = grebe__subconn_watch_health(subconn, on_health, health_arg);

    if (waits)
        tell(of(subconn), LAB_WATCH_HEALTH);
    if (waits || had_listener) /* as in a channel */
        grebe__env_do(&lab->sim.env, &subconn->health_effect);
}

const struct grebe_client_conn_ops lab__root_ops = {
    .update_state = on_update_state,
    .resolve_now = on_resolve_now,
    .new_subconn = on_new_subconn,
    .watch_health = on_watch_health,
};

/* ---- The end ---------------------------------------------------------------------------- */

/* A reference too many given up while the subconn was in use was told when its next state
 * was delivered, if there was one. */
static bool is_told(const struct grebe_subconn *base)
{
    return (base->owner->faults & GREBE__FAULT_REFERENCE) != 0;
}

static void release_retired(struct lab_subconn *subconn)
{
    struct grebe_subconn *base = &subconn->base;

    if (subconn->is_overdrawn) {
        free_subconn(subconn);
        return;
    }
    if (base->is_overdrawn && !is_told(base))
        tell_overdrawn(subconn);
    else if (!base->is_overdrawn && base->refs > 1)
        lab__violate(subconn->lab, LAB_RULE_UNBALANCED_REFERENCE, subconn,
                     "references to it that were not given back: %u",
                     (unsigned)base->refs - 1);
    subconn->is_released = true;
    base->refs = 1;
    grebe_subconn_unref(base);
}

/* The policy was destroyed, and has shut down all subconns of its own: this one belongs to
 * a child that is still there. */
static void release_live(struct lab_subconn *subconn)
{
    lab__violate(subconn->lab, LAB_RULE_UNBALANCED_REFERENCE, subconn,
                 "the client_conn it was made with was never closed");
    grebe__subconn_forget_listener(&subconn->base);
    grebe__subconn_release_tags(&subconn->base);
    grebe_address_unref(subconn->base.address);
    free_subconn(subconn);
}

void lab__release_subconns(struct lab *lab)
{
    grebe__list_foreach_safe (link, &lab->retired) {
        release_retired(grebe_container_of(link, struct lab_subconn, link));
    }
    grebe__list_foreach_safe (link, &lab->live) {
        release_live(grebe_container_of(link, struct lab_subconn, link));
    }
}
