/* SPDX-License-Identifier: Apache-2.0 */
#include "h2/keepalive.h"

#include <grebe/attr.h>

static const uint64_t time_ns_min = UINT64_C(10000000000);

static void on_timer(struct grebe__timer *timer);

void grebe__keepalive_init(struct grebe__keepalive *keepalive, struct grebe__env *env,
                           const struct grebe__keepalive_ops *ops, uint64_t time_ns,
                           uint64_t timeout_ns, bool works_without_calls)
{
    *keepalive = (struct grebe__keepalive){
        .ops = ops,
        .env = env,
        .time_ns = time_ns < time_ns_min ? time_ns_min : time_ns,
        .timeout_ns = timeout_ns,
        .works_without_calls = works_without_calls,
        .state = GREBE__KEEPALIVE_OFF,
    };
    grebe__timer_init(&keepalive->timer, on_timer);
}

/* UINT64_MAX stays UINT64_MAX: never. */
static uint64_t quiet_until(const struct grebe__keepalive *keepalive)
{
    return keepalive->time_ns > UINT64_MAX - keepalive->last_read_ns
               ? UINT64_MAX
               : keepalive->last_read_ns + keepalive->time_ns;
}

static void listen(struct grebe__keepalive *keepalive)
{
    keepalive->state = GREBE__KEEPALIVE_LISTENING;
    grebe__env_start_timer(keepalive->env, &keepalive->timer, quiet_until(keepalive));
}

static void ping(struct grebe__keepalive *keepalive)
{
    keepalive->state = GREBE__KEEPALIVE_WAITING;
    grebe__env_start_timer(keepalive->env, &keepalive->timer,
                           grebe__env_after(keepalive->env, keepalive->timeout_ns));
    keepalive->ops->ping(keepalive);
}

static void on_timer(struct grebe__timer *timer)
{
    struct grebe__keepalive *keepalive =
        grebe_container_of(timer, struct grebe__keepalive, timer);

    if (keepalive->state == GREBE__KEEPALIVE_WAITING) {
        keepalive->state = GREBE__KEEPALIVE_OFF;
        keepalive->ops->dead(keepalive);
    } else if (keepalive->env->now_ns < quiet_until(keepalive)) {
        listen(keepalive);
    } else if (keepalive->works_without_calls || keepalive->ops->has_calls(keepalive)) {
        ping(keepalive);
    } else {
        keepalive->state = GREBE__KEEPALIVE_DORMANT;
    }
}

void grebe__keepalive_start(struct grebe__keepalive *keepalive)
{
    if (keepalive->time_ns == UINT64_MAX)
        return;
    keepalive->last_read_ns = keepalive->env->now_ns;
    listen(keepalive);
}

void grebe__keepalive_stop(struct grebe__keepalive *keepalive)
{
    keepalive->state = GREBE__KEEPALIVE_OFF;
    grebe__timer_cancel(&keepalive->timer);
}

/* Cheap where it happens often: the timer finds out by itself that it is early. */
void grebe__keepalive_read(struct grebe__keepalive *keepalive)
{
    keepalive->last_read_ns = keepalive->env->now_ns;
    if (keepalive->state == GREBE__KEEPALIVE_WAITING)
        listen(keepalive);
}

void grebe__keepalive_call(struct grebe__keepalive *keepalive)
{
    if (keepalive->state != GREBE__KEEPALIVE_DORMANT)
        return;
    if (keepalive->env->now_ns >= quiet_until(keepalive))
        ping(keepalive);
    else
        listen(keepalive);
}
