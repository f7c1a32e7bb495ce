/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/turns.h"

#include <grebe/explain.h>

#include "balancer/leaf.h"
#include "balancer/petiole.h"
#include "base/assert.h"
#include "base/rotation.h"

struct turns {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    const char *policy;
    struct grebe__rotation rotation;
    uint32_t n;
    struct grebe__leaf leaves[];
};

/* The child in turn first, then those whose turns come later.  Children that are not READY
 * have no subconn to name. */
static void explain(const struct turns *picker, uint32_t next,
                    struct grebe_explanation *explanation)
{
    grebe_explain_begin(explanation, picker->policy, "each endpoint in turn");
    for (uint32_t i = 0; i < picker->n; i++) {
        struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

        candidate.subconn = picker->leaves[(next + i) % picker->n].subconn;
        candidate.is_chosen = i == 0;
        candidate.reason = i == 0 ? "its turn" : "later in the turn";
        if (candidate.subconn != NULL)
            grebe_explain_candidate(explanation, &candidate);
    }
    grebe_explain_end(explanation);
}

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct turns *picker = grebe_container_of(base, struct turns, base);
    uint32_t next = grebe__rotation_next(&picker->rotation, grebe__petiole_caller(args));

    if (args->explanation != NULL)
        explain(picker, next, args->explanation);
    grebe__leaf_pick(&picker->leaves[next], args, out);
}

static void destroy(struct grebe_picker *base)
{
    struct turns *picker = grebe_container_of(base, struct turns, base);

    for (uint32_t i = 0; i < picker->n; i++)
        grebe__leaf_release(&picker->leaves[i]);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops ops = {.pick = pick, .destroy = destroy};

struct grebe_picker *grebe__turns_new(struct grebe_client_conn *cc, const char *policy,
                                      enum grebe_connectivity state,
                                      const struct grebe_sharding_child *children,
                                      size_t n)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct turns *picker =
        grebe_mem_alloc(mem, sizeof *picker + n * sizeof picker->leaves[0]);

    if (picker == NULL)
        return NULL;
    grebe_picker_init(&picker->base, &ops);
    picker->mem = mem;
    picker->policy = policy;
    picker->n = 0;
    for (size_t i = 0; i < n; i++)
        if (children[i].state == state)
            picker->leaves[picker->n++] = grebe__leaf_hold(children[i].picker);
    GREBE_ASSERT(picker->n > 0);
    grebe__rotation_init(&picker->rotation, picker->n,
                         grebe_client_conn_random_below(cc, picker->n));
    return &picker->base;
}
