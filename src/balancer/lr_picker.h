/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/lr_picker.h -- the picker of least_request: who of those that are READY has a call.
 *
 *   DRAW   some are drawn, and the least busy of them has it
 *   SCAN   all are looked at, each time from another one on, so that equals take turns
 *   LOT    all are looked at, and of equals one has it by chance
 *   QUEUE  turns by weight and calls (balancer/weighted_least.h); a draw of two while all
 *          weigh the same
 *
 * Where weights count, an endpoint of weight 3 is as busy as one of weight 1 with a third of
 * the calls; the call to be sent counts as if it were there already.  Weights may change
 * while the picker is in use.
 *
 * Threading   pick(): any.  Everything else is the loop's.
 */
#ifndef GREBE_BALANCER_LR_PICKER_H
#define GREBE_BALANCER_LR_PICKER_H

#include <grebe/balancer.h>

#include "balancer/aged_load.h"
#include "balancer/lr_config.h"
#include "balancer/weighted_least.h"
#include "base/rotation.h"

enum grebe__lr_way {
    GREBE__LR_DRAW,
    GREBE__LR_SCAN,
    GREBE__LR_LOT,
    GREBE__LR_QUEUE,
};

struct grebe__lr_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    const char *policy;
    enum grebe__lr_way way;
    struct grebe__lr_config config;
    struct grebe__rotation rotation;     /* SCAN: where it begins */
    struct grebe__weighted_least *queue; /* QUEUE: owned */
    struct grebe__crew *crew;            /* of the loads, which hold it */
    bool is_even;                        /* atomic: all weigh the same */
    uint32_t n_new;  /* endpoints that weigh less because they are new; the loop's */
    double *weights; /* n, atomic; NULL: they do not count */
    uint32_t n;
    struct grebe__loaded endpoints[];
};

/* Of the children that are READY; their loads, in `book`, are struct grebe__aged_load.
 * `policy` is static storage.  NULL when out of memory. */
struct grebe__lr_picker *
grebe__lr_picker_new(struct grebe_client_conn *cc, const char *policy,
                     const struct grebe__lr_config *config, struct grebe__load_book *book,
                     const struct grebe_sharding_child *children, size_t n);

/* Weights as they are now. */
void grebe__lr_picker_renew(struct grebe__lr_picker *picker, uint64_t now_ns);

#endif
