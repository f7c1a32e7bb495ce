/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/child_health.h -- how many subconns of a child can take calls: those that are READY
 * and, where the child asks for their health, healthy.
 *
 * Each subconn of the child has a tag, which hears what the child is about to hear.  In panic
 * the child is told that those that are ill, or ejected, are well; they are counted as what
 * they are.
 */
#ifndef GREBE_BALANCER_CHILD_HEALTH_H
#define GREBE_BALANCER_CHILD_HEALTH_H

#include <stdbool.h>

#include <grebe/balancer.h>

#include "base/list.h"

struct grebe__child_health {
    struct grebe_client_conn *cc; /* the parent's */
    uint32_t n_healthy;
    uint32_t n_undecided;       /* neither healthy nor in TRANSIENT_FAILURE, so far */
    bool is_in_panic;           /* see below */
    struct grebe__list watches; /* of subconns that are not SHUTDOWN */
    void (*on_loss)(void *arg);
    void (*on_unheard)(void *arg);
    void *arg;
};

/* Of most changes the child will have something to report: its picker is another one then.
 * on_loss() tells of those that it may have reported before, because it gave up a subconn
 * that was counted; on_unheard() of those that it was not told, from inside its health
 * listener. */
void grebe__child_health_init(struct grebe__child_health *health,
                              struct grebe_client_conn *cc, void (*on_loss)(void *arg),
                              void (*on_unheard)(void *arg), void *arg);
/* The child has been closed. */
void grebe__child_health_fini(struct grebe__child_health *health);

/* What the child asks for, as in struct grebe_client_conn_ops. */
int grebe__child_health_new_subconn(struct grebe__child_health *health,
                                    const struct grebe_subconn_options *options,
                                    struct grebe_subconn **out);
void grebe__child_health_listen(struct grebe__child_health *health,
                                struct grebe_subconn *subconn,
                                grebe_subconn_state_fn on_childs_health, void *arg);

/* Whether the child is to use all subconns that are READY, whatever their health.  It hears of
 * those for which that makes a difference.  Not from inside a health listener. */
void grebe__child_health_set_panic(struct grebe__child_health *health, bool is_in_panic);

#endif
