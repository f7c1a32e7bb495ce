/* SPDX-License-Identifier: Apache-2.0 */
#include "core/env.h"

#include <grebe/attr.h>

#include "base/assert.h"

/* A task runs in a turn, and the end of a turn is all that is wanted. */
static void drain(struct grebe__task *task)
{
    grebe_container_of(task, struct grebe__env, drain_task)->is_drain_posted = false;
}

static void drain_later(struct grebe__env *env)
{
    if (env->depth > 0 || env->is_drain_posted)
        return;
    env->is_drain_posted = true;
    grebe__env_post(env, &env->drain_task);
}

void grebe__env_init(struct grebe__env *env, const struct grebe_mem *mem, uint64_t now_ns,
                     uint64_t seed)
{
    env->mem = mem;
    env->now_ns = now_ns;
    grebe__rng_seed(&env->rng, seed);
    grebe__wheel_init(&env->wheel, now_ns);
    grebe__list_init(&env->effects);
    grebe__list_init(&env->settling);
    grebe__list_init(&env->completions);
    env->depth = 0;
    env->n_active = 0;
    env->drain_task.run = drain;
    env->is_drain_posted = false;
}

void grebe__env_fini(struct grebe__env *env)
{
    GREBE_ASSERT(env->depth == 0);
    GREBE_ASSERT(grebe__list_is_empty(&env->effects));
    GREBE_ASSERT(grebe__list_is_empty(&env->settling));
    GREBE_ASSERT(grebe__list_is_empty(&env->completions));
}

static void run(struct grebe__list *link)
{
    struct grebe__effect *effect = grebe_container_of(link, struct grebe__effect, link);

    effect->run(effect);
}

void grebe__env_enter(struct grebe__env *env)
{
    env->depth++;
}

bool grebe__env_step(struct grebe__env *env)
{
    struct grebe__list *link = grebe__list_shift(&env->effects);

    if (link == NULL)
        link = grebe__list_shift(&env->settling);
    if (link != NULL)
        run(link);
    return link != NULL;
}

void grebe__env_leave(struct grebe__env *env)
{
    GREBE_ASSERT(env->depth > 0);
    /* Effects run while depth is still 1: what they enter and leave does not nest into
     * another round of this loop. */
    if (env->depth == 1)
        while (grebe__env_step(env))
            continue;
    env->depth--;
}

void grebe__env_run_timers(struct grebe__env *env)
{
    struct grebe__timer *timer;

    grebe__wheel_advance(&env->wheel, env->now_ns);
    while ((timer = grebe__wheel_pop(&env->wheel)) != NULL) {
        grebe__env_enter(env);
        timer->fire(timer);
        grebe__env_leave(env);
    }
}

void grebe__env_complete(struct grebe__env *env)
{
    struct grebe__list ready, *link;

    GREBE_ASSERT(env->depth == 0);
    grebe__list_init(&ready);
    grebe__list_splice(&ready, &env->completions);
    while ((link = grebe__list_shift(&ready)) != NULL)
        run(link);
}

void grebe__env_do(struct grebe__env *env, struct grebe__effect *effect)
{
    if (!grebe__effect_is_queued(effect))
        grebe__list_append(&env->effects, &effect->link);
    drain_later(env);
}

void grebe__env_settle(struct grebe__env *env, struct grebe__effect *effect)
{
    if (!grebe__effect_is_queued(effect))
        grebe__list_append(&env->settling, &effect->link);
    drain_later(env);
}

void grebe__env_finish(struct grebe__env *env, struct grebe__effect *completion)
{
    GREBE_ASSERT(!grebe__effect_is_queued(completion));
    grebe__list_append(&env->completions, &completion->link);
}

void grebe__env_start_timer(struct grebe__env *env, struct grebe__timer *timer,
                            uint64_t deadline_ns)
{
    uint64_t before = env->wheel.next_ns;

    grebe__timer_start(&env->wheel, timer, deadline_ns);
    if (deadline_ns < before)
        env->executor->rearm(env, deadline_ns);
}

void grebe__env_hold(struct grebe__env *env)
{
    if (env->n_active++ == 0)
        env->executor->set_active(env, true);
}

void grebe__env_release(struct grebe__env *env)
{
    GREBE_ASSERT(env->n_active > 0);
    if (--env->n_active == 0)
        env->executor->set_active(env, false);
}
