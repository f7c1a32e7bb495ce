/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/heard.h -- what a child has heard of one of its subconns, for tags that hear the same:
 * does the child take it for one that can take calls?
 */
#ifndef GREBE_BALANCER_HEARD_H
#define GREBE_BALANCER_HEARD_H

#include <stdbool.h>

#include <grebe/connectivity.h>

struct grebe__heard {
    enum grebe_connectivity state;
    enum grebe_connectivity health; /* as it was told last, CONNECTING before that */
    bool hears_health;              /* the child listens to it */
};

static inline struct grebe__heard grebe__heard_nothing(void)
{
    return (struct grebe__heard){.state = GREBE_IDLE, .health = GREBE_CONNECTING};
}

/* Listening to health ends with every change of the state. */
static inline void grebe__heard_state(struct grebe__heard *heard,
                                      enum grebe_connectivity state)
{
    heard->state = state;
    heard->hears_health = false;
}

static inline void grebe__heard_listen(struct grebe__heard *heard, bool hears_health)
{
    heard->hears_health = hears_health;
    heard->health = GREBE_CONNECTING;
}

static inline bool grebe__heard_is_healthy(const struct grebe__heard *heard)
{
    return heard->state == GREBE_READY &&
           (!heard->hears_health || heard->health == GREBE_READY);
}

static inline bool grebe__heard_is_ill(const struct grebe__heard *heard)
{
    return heard->hears_health && heard->health == GREBE_TRANSIENT_FAILURE;
}

#endif
