/* SPDX-License-Identifier: Apache-2.0 */
/* Pickers that always give the same answer. */
#include "core/picker.h"

#include <grebe/explain.h>

#include "base/ref.h"
#include "core/status.h"

struct grebe_picker *grebe_picker_ref(struct grebe_picker *picker)
{
    grebe__ref_get(&picker->refs);
    return picker;
}

void grebe_picker_unref(struct grebe_picker *picker)
{
    if (picker != NULL && grebe__ref_put(&picker->refs))
        picker->ops->destroy(picker);
}

/* ---- Queue ------------------------------------------------------------------------- */

static void queue_pick(struct grebe_picker *picker, const struct grebe_pick_args *args,
                       struct grebe_pick *out)
{
    (void)picker;
    (void)args;
    out->kind = GREBE_PICK_QUEUE;
}

/* For pickers in static storage: their first reference is never given up. */
static void destroy_static(struct grebe_picker *picker)
{
    (void)picker;
}

static const struct grebe_picker_ops queue_ops = {
    .pick = queue_pick,
    .destroy = destroy_static,
};

struct grebe_picker *grebe_picker_queueing(void)
{
    static struct grebe_picker picker = {&queue_ops, 1, GREBE_BALANCER_API};

    return grebe_picker_ref(&picker);
}

/* ---- Fail and drop ------------------------------------------------------------------ */

struct status_picker {
    struct grebe_picker base;
    enum grebe_pick_kind kind;
    struct grebe__status status;
};

static void status_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                        struct grebe_pick *out)
{
    struct status_picker *picker = grebe_container_of(base, struct status_picker, base);

    (void)args;
    out->kind = picker->kind;
    out->status = &picker->status.view;
}

static void status_destroy(struct grebe_picker *base)
{
    struct status_picker *picker = grebe_container_of(base, struct status_picker, base);
    const struct grebe_mem *mem = picker->status.mem;

    grebe__status_fini(&picker->status);
    grebe_mem_free(mem, picker);
}

static const struct grebe_picker_ops status_ops = {
    .pick = status_pick,
    .destroy = status_destroy,
};

static const struct grebe_picker_ops out_of_memory_ops = {
    .pick = status_pick,
    .destroy = destroy_static,
};

static struct status_picker out_of_memory = {
    .base = {&out_of_memory_ops, 1, GREBE_BALANCER_API},
    .kind = GREBE_PICK_FAIL,
    .status = {.view = {GREBE_STATUS_UNAVAILABLE, "out of memory", 13, NULL, 0, NULL}},
};

static struct grebe_picker *new_status_picker(const struct grebe_mem *mem,
                                              const struct grebe_status *status,
                                              enum grebe_pick_kind kind)
{
    struct status_picker *picker = grebe_mem_alloc(mem, sizeof *picker);

    if (picker == NULL)
        return grebe_picker_ref(&out_of_memory.base);
    grebe_picker_init(&picker->base, &status_ops);
    picker->kind = kind;
    grebe__status_init(&picker->status, mem);
    grebe__status_copy(&picker->status, status);
    return &picker->base;
}

struct grebe_picker *grebe_picker_failing(const struct grebe_mem *mem,
                                          const struct grebe_status *status)
{
    return new_status_picker(mem, status, GREBE_PICK_FAIL);
}

struct grebe_picker *grebe_picker_dropping(const struct grebe_mem *mem,
                                           const struct grebe_status *status)
{
    return new_status_picker(mem, status, GREBE_PICK_DROP);
}

/* ---- One subconn --------------------------------------------------------------------- */

struct fixed_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    struct grebe_subconn *subconn; /* referenced */
};

static void fixed_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                       struct grebe_pick *out)
{
    struct fixed_picker *picker = grebe_container_of(base, struct fixed_picker, base);

    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = picker->subconn;
    if (args->explanation != NULL) {
        struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

        candidate.subconn = picker->subconn;
        candidate.reason = "takes all calls";
        candidate.is_chosen = true;
        grebe_explain_candidate(args->explanation, &candidate);
    }
}

static void fixed_destroy(struct grebe_picker *base)
{
    struct fixed_picker *picker = grebe_container_of(base, struct fixed_picker, base);

    grebe_subconn_unref(picker->subconn);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops fixed_ops = {
    .pick = fixed_pick,
    .destroy = fixed_destroy,
};

struct grebe_subconn *grebe_picker_subconn(const struct grebe_picker *base)
{
    return base->ops == &fixed_ops
               ? ((const struct fixed_picker *)(const void *)base)->subconn
               : NULL;
}

struct grebe_picker *grebe_picker_fixed(const struct grebe_mem *mem,
                                        struct grebe_subconn *subconn)
{
    struct fixed_picker *picker = grebe_mem_alloc(mem, sizeof *picker);

    if (picker == NULL)
        return NULL;
    grebe_picker_init(&picker->base, &fixed_ops);
    picker->mem = mem;
    picker->subconn = grebe_subconn_ref(subconn);
    return &picker->base;
}

/* ---- From outside ---------------------------------------------------------------------- */

bool grebe__picker_is_constant(const struct grebe_picker *picker,
                               enum grebe_pick_kind *out)
{
    if (picker->ops == &queue_ops) {
        *out = GREBE_PICK_QUEUE;
        return true;
    }
    if (picker->ops == &fixed_ops) {
        *out = GREBE_PICK_COMPLETE;
        return true;
    }
    if (picker->ops == &status_ops || picker->ops == &out_of_memory_ops) {
        *out = ((const struct status_picker *)picker)->kind;
        return true;
    }
    return false;
}
