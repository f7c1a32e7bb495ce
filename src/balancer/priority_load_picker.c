/* SPDX-License-Identifier: Apache-2.0 */
/* All of it is one block:
 *
 *   picker | n priorities | names
 */
#include "balancer/priority_load_picker.h"

#include <string.h>

#include <grebe/explain.h>

#include "base/rng.h"

struct priority {
    struct grebe_picker *picker; /* a reference */
    const char *name;
    uint32_t last; /* number of a call that goes there */
    struct grebe__priority_share share;
};

struct load_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    uint64_t salt; /* what makes of a call's random number one of this picker's own */
    uint32_t n;
    struct priority priorities[];
};

/* ---- Picking ---------------------------------------------------------------------------- */

/* From 1 to 100. */
static uint32_t number_of(const struct load_picker *picker,
                          const struct grebe_pick_args *args)
{
    struct grebe__rng rng;

    if (args->hash != NULL)
        return (uint32_t)(*args->hash % GREBE__PRIORITY_ALL) + 1;
    grebe__rng_seed(&rng, args->random ^ picker->salt);
    return grebe__rng_below(&rng, GREBE__PRIORITY_ALL) + 1;
}

/* The last of them has number 100. */
static const struct priority *choose(const struct load_picker *picker, uint32_t number)
{
    const struct priority *priority = picker->priorities;

    while (priority->last < number)
        priority++;
    return priority;
}

static void explain(const struct load_picker *picker, const struct priority *chosen,
                    uint32_t number, struct grebe_explanation *explanation)
{
    grebe_explain_note(explanation, "\"%s\" has number %u", chosen->name, number);
    for (uint32_t i = 0; i < picker->n; i++) {
        const struct grebe__priority_share *share = &picker->priorities[i].share;

        grebe_explain_note(explanation, "\"%s\": %u of 100 calls, %u of %u healthy%s",
                           picker->priorities[i].name, share->load, share->n_healthy,
                           share->n_endpoints, share->is_in_panic ? ", in panic" : "");
    }
}

static void load_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                      struct grebe_pick *out)
{
    const struct load_picker *picker = grebe_container_of(base, struct load_picker, base);
    uint32_t number = number_of(picker, args);
    const struct priority *chosen = choose(picker, number);

    if (args->explanation == NULL) {
        grebe_picker_pick(chosen->picker, args, out);
        return;
    }
    grebe_explain_begin(args->explanation, "priority_load",
                        "the first priority, as far as it can bear it, then the next");
    explain(picker, chosen, number, args->explanation);
    grebe_picker_pick(chosen->picker, args, out);
    grebe_explain_end(args->explanation);
}

static void destroy(struct grebe_picker *base)
{
    struct load_picker *picker = grebe_container_of(base, struct load_picker, base);

    for (uint32_t i = 0; i < picker->n; i++)
        grebe_picker_unref(picker->priorities[i].picker);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops load_ops = {.pick = load_pick, .destroy = destroy};

/* ---- Making ----------------------------------------------------------------------------- */

static size_t size_of_names(const struct grebe__priority_view *views, size_t n)
{
    size_t size = 0;

    for (size_t i = 0; i < n; i++)
        size += strlen(views[i].name) + 1;
    return size;
}

static void add(struct load_picker *picker, const struct grebe__priority_view *view,
                const struct grebe__priority_share *share, uint32_t before, char *name)
{
    memcpy(name, view->name, strlen(view->name) + 1);
    picker->priorities[picker->n++] = (struct priority){
        .picker = grebe_picker_ref(view->picker),
        .name = name,
        .last = before + share->load,
        .share = *share,
    };
}

struct grebe_picker *grebe__priority_load_picker(
    struct grebe_client_conn *cc, const struct grebe__priority_view *views,
    const struct grebe__priority_share *shares, size_t n)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    size_t before_names = sizeof(struct load_picker) + n * sizeof(struct priority);
    struct load_picker *picker =
        grebe_mem_alloc(mem, before_names + size_of_names(views, n));
    uint32_t last = 0;
    char *name;

    if (picker == NULL)
        return NULL;
    *picker = (struct load_picker){.mem = mem, .salt = grebe_client_conn_random(cc)};
    grebe_picker_init(&picker->base, &load_ops);
    name = (char *)picker + before_names;
    for (size_t i = 0; i < n; i++) {
        add(picker, &views[i], &shares[i], last, name);
        last = picker->priorities[i].last;
        name += strlen(name) + 1;
    }
    return &picker->base;
}
