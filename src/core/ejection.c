/* SPDX-License-Identifier: Apache-2.0 */
/* What a health listener hears: the health of its subconn, unless a parent in between has
 * taken that out of service.
 *
 * Tags are how parents know the subconn again, and each may eject it.  While any does, the
 * listener has been told TRANSIENT_FAILURE once, and health is kept for later.  Parents ask
 * for it inside their own functions, so telling is an effect, and what is taken back in the
 * same turn was never heard.
 *
 * Source: gRFC A50, A61 (ejection by way of health).
 */
#include <string.h>

#include "base/assert.h"
#include "core/client_conn.h"

/* ---- Tags -------------------------------------------------------------------------- */

void grebe_subconn_attach(struct grebe_subconn *subconn, struct grebe_subconn_tag *tag)
{
    GREBE_ASSERT(tag->subconn == NULL);
    tag->subconn = subconn;
    tag->next = subconn->tags;
    __atomic_store_n(&subconn->tags, tag, __ATOMIC_RELEASE);
}

struct grebe_subconn_tag *grebe_subconn_tag_of(const struct grebe_subconn *subconn,
                                               const void *owner)
{
    struct grebe_subconn_tag *tag = __atomic_load_n(&subconn->tags, __ATOMIC_ACQUIRE);

    while (tag != NULL && tag->owner != owner)
        tag = tag->next;
    return tag;
}

void grebe__subconn_tell_tags(struct grebe_subconn *subconn,
                              enum grebe_connectivity state)
{
    for (struct grebe_subconn_tag *tag = subconn->tags; tag != NULL; tag = tag->next)
        if (tag->ops->on_state != NULL)
            tag->ops->on_state(tag, state);
}

void grebe__subconn_shut_down_tags(struct grebe_subconn *subconn)
{
    for (struct grebe_subconn_tag *tag = subconn->tags; tag != NULL; tag = tag->next)
        if (tag->ops->shut_down != NULL)
            tag->ops->shut_down(tag);
}

void grebe__subconn_release_tags(struct grebe_subconn *subconn)
{
    struct grebe_subconn_tag *tag = subconn->tags;

    subconn->tags = NULL;
    while (tag != NULL) {
        struct grebe_subconn_tag *next = tag->next;

        tag->ops->release(tag);
        tag = next;
    }
}

const char *grebe__subconn_ejection(const struct grebe_subconn *subconn)
{
    for (struct grebe_subconn_tag *tag = subconn->tags; tag != NULL; tag = tag->next)
        if (tag->ejection != NULL)
            return tag->ejection;
    return NULL;
}

/* ---- Listening --------------------------------------------------------------------- */

static void keep(struct grebe_subconn *subconn, enum grebe_connectivity health,
                 const struct grebe_status *error)
{
    const struct grebe_mem *mem = subconn->owner->host->mem;

    grebe_mem_free(mem, subconn->health_error);
    subconn->health = health;
    subconn->health_error = error == NULL ? NULL : grebe_mem_strdup(mem, error->message);
}

static void tell(struct grebe_subconn *subconn, enum grebe_connectivity health,
                 const struct grebe_status *error)
{
    for (struct grebe_subconn_tag *tag = subconn->tags; tag != NULL; tag = tag->next)
        if (tag->ops->on_health != NULL)
            tag->ops->on_health(tag, health);
    subconn->is_telling_health = true;
    subconn->on_health(subconn->health_arg, subconn, health, error);
    subconn->is_telling_health = false;
}

static void tell_text(struct grebe_subconn *subconn, enum grebe_connectivity health,
                      const char *error)
{
    const struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, error == NULL ? "unhealthy" : error);

    tell(subconn, health, health == GREBE_TRANSIENT_FAILURE ? &status : NULL);
}

static void run_ejection(struct grebe__effect *effect)
{
    struct grebe_subconn *subconn =
        grebe_container_of(effect, struct grebe_subconn, ejection_effect);
    bool is_ejected = subconn->n_ejections > 0;

    grebe__record_effect(subconn->owner->host->recording);
    if (subconn->owner->is_closed || subconn->on_health == NULL ||
        subconn->hears_ejection == is_ejected)
        return;
    subconn->hears_ejection = is_ejected;
    if (is_ejected)
        tell_text(subconn, GREBE_TRANSIENT_FAILURE, grebe__subconn_ejection(subconn));
    else
        tell_text(subconn, subconn->health, subconn->health_error);
}

void grebe__subconn_init_ejection(struct grebe_subconn *subconn)
{
    subconn->health = GREBE_CONNECTING;
    grebe__effect_init(&subconn->ejection_effect, run_ejection);
}

void grebe__subconn_deliver_health(struct grebe_subconn *subconn,
                                   enum grebe_connectivity state,
                                   const struct grebe_status *error)
{
    if (subconn->owner->is_closed || subconn->on_health == NULL)
        return;
    if (subconn->owner->host->recording != NULL)
        grebe__record_health(subconn->owner->host->recording, subconn, state, error);
    keep(subconn, state, error);
    if (subconn->n_ejections > 0)
        return;
    subconn->hears_ejection = false; /* if that was to end in this turn, it has */
    tell(subconn, state, error);
}

void grebe__subconn_forget_listener(struct grebe_subconn *subconn)
{
    subconn->on_health = NULL;
    subconn->hears_ejection = false;
    keep(subconn, GREBE_CONNECTING, NULL);
    grebe__effect_cancel(&subconn->health_effect);
    grebe__effect_cancel(&subconn->ejection_effect);
}

bool grebe__subconn_watch_health(struct grebe_subconn *subconn,
                                 grebe_subconn_state_fn on_health, void *arg)
{
    if (!subconn->is_on_offer || subconn->is_shutting_down)
        return false;
    grebe__subconn_forget_listener(subconn);
    subconn->on_health = on_health;
    subconn->health_arg = arg;
    if (on_health != NULL && subconn->n_ejections > 0)
        grebe__env_do(subconn->owner->host->env, &subconn->ejection_effect);
    return on_health != NULL;
}

/* ---- Ejection ---------------------------------------------------------------------- */

static void tell_later(struct grebe_subconn *subconn)
{
    if (subconn->on_health != NULL && !subconn->is_shutting_down)
        grebe__env_do(subconn->owner->host->env, &subconn->ejection_effect);
}

void grebe_subconn_eject(struct grebe_subconn_tag *tag, const char *why)
{
    bool is_new = tag->ejection == NULL;

    tag->ejection = why;
    if (!is_new)
        return;
    tag->subconn->n_ejections++;
    tell_later(tag->subconn);
}

void grebe_subconn_readmit(struct grebe_subconn_tag *tag)
{
    if (tag->ejection == NULL)
        return;
    tag->ejection = NULL;
    tag->subconn->n_ejections--;
    tell_later(tag->subconn);
}
