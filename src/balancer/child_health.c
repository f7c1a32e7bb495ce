/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/child_health.h"

#include <grebe/parent.h>

#include "balancer/heard.h"
#include "balancer/tagged.h"

/* One subconn; freed with it, whatever came of those who watch. */
struct watch {
    struct grebe_subconn_tag tag;
    const struct grebe_mem *mem;
    struct grebe__child_health *owner; /* NULL: SHUTDOWN, or nobody counts any more */
    struct grebe__list link;           /* on the owner's watches */
    struct grebe__heard heard;
    grebe_subconn_state_fn on_childs_health; /* if it listens to health */
    void *childs_arg;
    enum grebe_connectivity told; /* to it, CONNECTING before that */
    bool is_news;                 /* that it is counted, or is no longer */
    bool is_counted;
    bool is_decided;          /* it was healthy, or failed */
    bool is_decided_by_state; /* for being READY, the last it heard */
};

static struct watch *of(struct grebe_subconn_tag *tag)
{
    return grebe_container_of(tag, struct watch, tag);
}

static bool has_failed(const struct watch *watch)
{
    return watch->heard.state == GREBE_TRANSIENT_FAILURE ||
           watch->heard.state == GREBE_SHUTDOWN || grebe__heard_is_ill(&watch->heard);
}

static void count(struct watch *watch)
{
    bool is_healthy = grebe__heard_is_healthy(&watch->heard);

    if (watch->owner == NULL)
        return;
    if (!watch->is_decided && (is_healthy || has_failed(watch))) {
        watch->is_decided = true;
        watch->owner->n_undecided--;
    }
    if (is_healthy == watch->is_counted)
        return;
    watch->is_counted = is_healthy;
    watch->is_news = true;
    watch->owner->n_healthy += is_healthy ? 1 : UINT32_MAX; /* that is, -1 */
}

static void on_state(struct grebe_subconn_tag *tag, enum grebe_connectivity state)
{
    struct watch *watch = of(tag);
    bool was_decided = watch->is_decided;

    grebe__heard_state(&watch->heard, state);
    count(watch);
    watch->is_decided_by_state =
        !was_decided && watch->is_decided && state == GREBE_READY;
}

static void on_health(struct grebe_subconn_tag *tag, enum grebe_connectivity health)
{
    of(tag)->heard.health = health;
    of(tag)->is_news = false;
    count(of(tag));
}

static void forget(struct watch *watch)
{
    watch->owner = NULL;
    grebe__list_remove(&watch->link);
}

static void shut_down(struct grebe_subconn_tag *tag)
{
    struct watch *watch = of(tag);
    struct grebe__child_health *owner = watch->owner;
    bool was_counted = watch->is_counted;

    if (owner == NULL)
        return;
    grebe__heard_state(&watch->heard, GREBE_SHUTDOWN);
    count(watch);
    forget(watch);
    if (was_counted)
        owner->on_loss(owner->arg);
}

static void release(struct grebe_subconn_tag *tag)
{
    grebe_mem_free(of(tag)->mem, of(tag));
}

static const struct grebe_subconn_tag_ops tag_ops = {
    .on_state = on_state,
    .on_health = on_health,
    .shut_down = shut_down,
    .release = release,
};

int grebe__child_health_new_subconn(struct grebe__child_health *health,
                                    const struct grebe_subconn_options *options,
                                    struct grebe_subconn **out)
{
    struct watch *watch;
    void *tag;
    int result = grebe__tagged_subconn(health->cc, options, sizeof *watch, &tag, out);

    if (result != GREBE_OK)
        return result;
    watch = tag;
    watch->mem = grebe_client_conn_mem(health->cc);
    watch->owner = health;
    watch->heard = grebe__heard_nothing();
    health->n_undecided++;
    grebe__list_append(&health->watches, &watch->link);
    grebe_subconn_tag_init(&watch->tag, &tag_ops, health);
    grebe_subconn_attach(*out, &watch->tag);
    return GREBE_OK;
}

/* ---- What the child hears --------------------------------------------------------------- */

/* Who is told the same twice may have nothing to report of it. */
static void relay(void *arg, struct grebe_subconn *subconn,
                  enum grebe_connectivity health, const struct grebe_status *error)
{
    struct watch *watch = arg;
    const struct grebe__child_health *owner = watch->owner;

    if (health == GREBE_TRANSIENT_FAILURE && owner != NULL && owner->is_in_panic) {
        health = GREBE_READY;
        error = NULL;
    }
    if (health == watch->told && watch->is_news && owner != NULL)
        owner->on_unheard(owner->arg);
    watch->told = health;
    watch->on_childs_health(watch->childs_arg, subconn, health, error);
}

/* It is READY, and what decides is its health. */
static void decide_later(struct watch *watch)
{
    if (watch->owner == NULL || !watch->is_decided_by_state)
        return;
    watch->is_decided = watch->is_decided_by_state = false;
    watch->owner->n_undecided++;
}

void grebe__child_health_listen(struct grebe__child_health *health,
                                struct grebe_subconn *subconn,
                                grebe_subconn_state_fn on_childs_health, void *arg)
{
    struct watch *watch = of(grebe_subconn_tag_of(subconn, health));

    grebe__heard_listen(&watch->heard, on_childs_health != NULL);
    watch->on_childs_health = on_childs_health;
    watch->childs_arg = arg;
    watch->told = GREBE_CONNECTING;
    if (on_childs_health != NULL)
        decide_later(watch);
    count(watch);
    grebe_client_conn_watch_health(health->cc, subconn,
                                   on_childs_health == NULL ? NULL : relay, watch);
}

/* Whoever begins to listen is told all anew. */
void grebe__child_health_set_panic(struct grebe__child_health *health, bool is_in_panic)
{
    if (health->is_in_panic == is_in_panic)
        return;
    health->is_in_panic = is_in_panic;
    grebe__list_foreach (link, &health->watches) {
        struct watch *watch = grebe_container_of(link, struct watch, link);

        if (grebe__heard_is_ill(&watch->heard))
            grebe_client_conn_watch_health(health->cc, watch->tag.subconn, relay, watch);
    }
}

/* ---- Life ------------------------------------------------------------------------------- */

void grebe__child_health_init(struct grebe__child_health *health,
                              struct grebe_client_conn *cc, void (*on_loss)(void *arg),
                              void (*on_unheard)(void *arg), void *arg)
{
    *health = (struct grebe__child_health){
        .cc = cc, .on_loss = on_loss, .on_unheard = on_unheard, .arg = arg};
    grebe__list_init(&health->watches);
}

void grebe__child_health_fini(struct grebe__child_health *health)
{
    grebe__list_foreach_safe (link, &health->watches) {
        forget(grebe_container_of(link, struct watch, link));
    }
}
