/* SPDX-License-Identifier: Apache-2.0 */
/* All of it is one block:
 *
 *   picker | n children, those that take part first | n sums of the lottery | names
 */
#include "balancer/weighted_picker.h"

#include <string.h>

#include <grebe/explain.h>

#include "base/lottery.h"
#include "base/rng.h"

struct child {
    struct grebe_picker *picker; /* a reference; NULL: does not take part */
    const char *name;
    enum grebe_connectivity state;
    uint32_t weight;
};

struct weighted_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    const char *policy;
    uint64_t salt; /* what makes of a call's random number one of this picker's own */
    struct grebe__lottery lottery;
    uint32_t n;
    struct child children[];
};

/* ---- Picking ---------------------------------------------------------------------------- */

static uint64_t total_weight(const struct weighted_picker *picker)
{
    return picker->lottery.sums[picker->lottery.n - 1];
}

static void explain_child(const struct weighted_picker *picker, const struct child *child,
                          bool is_chosen, struct grebe_explanation *explanation)
{
    if (child->picker == NULL)
        grebe_explain_note(explanation, "\"%s\" was passed over: %s", child->name,
                           grebe_connectivity_name(child->state));
    else
        grebe_explain_note(explanation, "\"%s\", weight %u of %llu, was %s", child->name,
                           child->weight, (unsigned long long)total_weight(picker),
                           is_chosen ? "drawn" : "not drawn");
}

static void explain(const struct weighted_picker *picker, const struct child *chosen,
                    const struct grebe_pick_args *args, struct grebe_pick *out)
{
    grebe_explain_begin(args->explanation, picker->policy,
                        "one child by chance, by its weight");
    explain_child(picker, chosen, true, args->explanation);
    for (uint32_t i = 0; i < picker->n; i++)
        if (&picker->children[i] != chosen)
            explain_child(picker, &picker->children[i], false, args->explanation);
    grebe_picker_pick(chosen->picker, args, out);
    grebe_explain_end(args->explanation);
}

static const struct child *draw(const struct weighted_picker *picker, uint64_t random)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, random ^ picker->salt);
    return &picker
                ->children[grebe__lottery_draw(&picker->lottery, grebe__rng_next(&rng))];
}

static void weighted_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                          struct grebe_pick *out)
{
    const struct weighted_picker *picker =
        grebe_container_of(base, struct weighted_picker, base);
    const struct child *chosen = draw(picker, args->random);

    if (args->explanation != NULL)
        explain(picker, chosen, args, out);
    else
        grebe_picker_pick(chosen->picker, args, out);
}

static void destroy(struct grebe_picker *base)
{
    struct weighted_picker *picker =
        grebe_container_of(base, struct weighted_picker, base);

    for (uint32_t i = 0; i < picker->n; i++)
        grebe_picker_unref(picker->children[i].picker);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops weighted_ops = {
    .pick = weighted_pick,
    .destroy = destroy,
};

/* ---- Making ----------------------------------------------------------------------------- */

static size_t size_of_names(const struct grebe__weighted_child *children, size_t n)
{
    size_t size = 0;

    for (size_t i = 0; i < n; i++)
        size += strlen(children[i].name) + 1;
    return size;
}

/* Adds those that take part, or those that do not; returns where the next name goes. */
static char *add(struct weighted_picker *picker,
                 const struct grebe__weighted_child *children, size_t n, bool takes_part,
                 char *names)
{
    for (size_t i = 0; i < n; i++) {
        const struct grebe__weighted_child *given = &children[i];
        size_t length = strlen(given->name) + 1;

        if (given->takes_part != takes_part)
            continue;
        memcpy(names, given->name, length);
        picker->children[picker->n++] = (struct child){
            .picker = takes_part ? grebe_picker_ref(given->picker) : NULL,
            .name = names,
            .state = given->state,
            .weight = given->weight,
        };
        names += length;
        if (takes_part)
            grebe__lottery_add(&picker->lottery, given->weight);
    }
    return names;
}

struct grebe_picker *grebe__weighted_picker(struct grebe_client_conn *cc,
                                            const char *policy,
                                            const struct grebe__weighted_child *children,
                                            size_t n)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    size_t before_sums = sizeof(struct weighted_picker) + n * sizeof(struct child);
    size_t before_names = before_sums + n * sizeof(uint64_t);
    struct weighted_picker *picker =
        grebe_mem_alloc(mem, before_names + size_of_names(children, n));
    char *names;

    if (picker == NULL)
        return NULL;
    names = (char *)picker + before_names;
    grebe_picker_init(&picker->base, &weighted_ops);
    picker->mem = mem;
    picker->policy = policy;
    picker->salt = grebe_client_conn_random(cc);
    picker->n = 0;
    grebe__lottery_init(&picker->lottery, (void *)((char *)picker + before_sums));
    names = add(picker, children, n, true, names);
    add(picker, children, n, false, names);
    return &picker->base;
}
