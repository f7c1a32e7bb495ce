/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/leaf.h -- a leaf of a petiole, as the picker above it holds it.
 *
 * A leaf that is READY always chooses its one subconn.  That is remembered here, beside the
 * leaf's picker: a pick then reads its own picker's list and nothing else.  With thousands
 * of endpoints each of the steps that it saves, to the leaf's picker and from there to its
 * operations and its subconn, misses the cache.
 *
 * Other leaves queue or fail calls, and are asked.
 */
#ifndef GREBE_BALANCER_LEAF_H
#define GREBE_BALANCER_LEAF_H

#include <grebe/balancer.h>
#include <grebe/explain.h>

struct grebe__leaf {
    struct grebe_picker *picker;   /* a reference */
    struct grebe_subconn *subconn; /* the picker's, whenever it is asked; NULL: ask it */
};

/* Takes a reference to `picker`. */
static inline struct grebe__leaf grebe__leaf_hold(struct grebe_picker *picker)
{
    return (struct grebe__leaf){grebe_picker_ref(picker), grebe_picker_subconn(picker)};
}

static inline void grebe__leaf_release(const struct grebe__leaf *leaf)
{
    grebe_picker_unref(leaf->picker);
}

/* For pick(): asks the leaf that was chosen.  An explanation is not handed on: the policy
 * has given its own, and a leaf has nothing to choose. */
static inline void grebe__leaf_ask(struct grebe_picker *leaf,
                                   const struct grebe_pick_args *args,
                                   struct grebe_pick *out)
{
    struct grebe_pick_args unexplained;

    if (args->explanation == NULL) {
        grebe_picker_pick(leaf, args, out);
        return;
    }
    unexplained = *args;
    unexplained.explanation = NULL;
    grebe_picker_pick(leaf, &unexplained, out);
}

/* The same of one that has a subconn. */
static inline void grebe__leaf_take(const struct grebe__leaf *leaf,
                                    struct grebe_pick *out)
{
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = leaf->subconn;
}

/* The same, if there is anything to ask. */
static inline void grebe__leaf_pick(const struct grebe__leaf *leaf,
                                    const struct grebe_pick_args *args,
                                    struct grebe_pick *out)
{
    if (leaf->subconn == NULL)
        grebe__leaf_ask(leaf->picker, args, out);
    else
        grebe__leaf_take(leaf, out);
}

#endif
