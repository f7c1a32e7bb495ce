/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_loads.h"

#include "base/assert.h"
#include "base/endpoint.h"
#include "base/ref.h"

/* ---- Counts ------------------------------------------------------------------------------- */

struct grebe__hash_total {
    const struct grebe_mem *mem;
    uint32_t refs;
    uint64_t n_calls; /* atomic */
};

static void unref_total(struct grebe__hash_total *total)
{
    if (total != NULL && grebe__ref_put(&total->refs))
        grebe_mem_free(total->mem, total);
}

void grebe__hash_load_ref(struct grebe__hash_load *load)
{
    grebe__ref_get(&load->refs);
}

void grebe__hash_load_unref(struct grebe__hash_load *load)
{
    if (load == NULL || !grebe__ref_put(&load->refs))
        return;
    grebe_endpoint_unref(load->endpoint);
    unref_total(load->total);
    grebe_mem_free(load->mem, load);
}

uint64_t grebe__hash_load_total(const struct grebe__hash_load *load)
{
    return __atomic_load_n(&load->total->n_calls, __ATOMIC_RELAXED);
}

static void on_done(void *arg, const struct grebe_done_info *info)
{
    struct grebe__hash_load *load = arg;
    uint32_t before = __atomic_fetch_sub(&load->n_calls, 1, __ATOMIC_RELAXED);

    (void)info;
    GREBE_ASSERT(before > 0);
    __atomic_fetch_sub(&load->total->n_calls, 1, __ATOMIC_RELAXED);
    grebe__hash_load_unref(load);
}

void grebe__hash_load_begin(struct grebe__hash_load *load, struct grebe_pick *pick)
{
    if (!grebe_pick_listen(pick, on_done, load))
        return; /* the connection is not there, or nobody would tell us of the end */
    grebe__hash_load_ref(load);
    __atomic_fetch_add(&load->n_calls, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&load->total->n_calls, 1, __ATOMIC_RELAXED);
}

/* (n_calls + 1) * factor %, and of that the share: both rounded up.  More than fits into 32
 * bits is as good as no bound. */
uint64_t grebe__hash_load_slots(uint64_t n_calls, uint32_t factor, uint32_t weight,
                                uint64_t weight_of_all)
{
    uint64_t calls = n_calls < UINT32_MAX ? n_calls + 1 : UINT32_MAX;
    uint64_t all = (calls * factor + 99) / 100, slots;

    if (all > UINT32_MAX)
        all = UINT32_MAX;
    slots = (all * weight + weight_of_all - 1) / weight_of_all;
    return slots > 0 ? slots : 1;
}

/* ---- The set ------------------------------------------------------------------------------- */

void grebe__hash_loads_init(struct grebe__hash_loads *loads, const struct grebe_mem *mem)
{
    *loads = (struct grebe__hash_loads){.mem = mem};
    grebe__map_init(&loads->by_endpoint, mem, &grebe__by_endpoint);
}

void grebe__hash_loads_fini(struct grebe__hash_loads *loads)
{
    grebe__hash_loads_begin(loads);
    grebe__hash_loads_end(loads);
    grebe__map_fini(&loads->by_endpoint);
    unref_total(loads->total);
}

static struct grebe__hash_total *total_of(struct grebe__hash_loads *loads)
{
    if (loads->total != NULL)
        return loads->total;
    loads->total = grebe_mem_alloc(loads->mem, sizeof *loads->total);
    if (loads->total != NULL)
        *loads->total = (struct grebe__hash_total){.mem = loads->mem, .refs = 1};
    return loads->total;
}

static struct grebe__hash_load *new_load(struct grebe__hash_loads *loads,
                                         struct grebe_endpoint *endpoint)
{
    struct grebe__hash_total *total = total_of(loads);
    struct grebe__hash_load *load;

    if (total == NULL)
        return NULL;
    load = grebe_mem_alloc(loads->mem, sizeof *load);
    if (load == NULL)
        return NULL;
    if (grebe__map_put(&loads->by_endpoint, endpoint, load) != GREBE_OK) {
        grebe_mem_free(loads->mem, load);
        return NULL;
    }
    grebe__ref_get(&total->refs);
    *load = (struct grebe__hash_load){
        .mem = loads->mem,
        .endpoint = grebe_endpoint_ref(endpoint),
        .total = total,
        .refs = 1,
        .round = loads->round - 1,
    };
    return load;
}

void grebe__hash_loads_begin(struct grebe__hash_loads *loads)
{
    loads->round++;
    loads->n_in_round = 0;
}

struct grebe__hash_load *grebe__hash_loads_get(struct grebe__hash_loads *loads,
                                               struct grebe_endpoint *endpoint)
{
    struct grebe__hash_load *load = grebe__map_get(&loads->by_endpoint, endpoint);

    if (load == NULL)
        load = new_load(loads, endpoint);
    if (load != NULL && load->round != loads->round) {
        load->round = loads->round;
        loads->n_in_round++;
    }
    return load;
}

void grebe__hash_loads_end(struct grebe__hash_loads *loads)
{
    struct grebe__map_entry *entry = NULL;

    if (loads->n_in_round == loads->by_endpoint.n)
        return;
    while ((entry = grebe__map_next(&loads->by_endpoint, entry)) != NULL) {
        struct grebe__hash_load *load = entry->value;

        if (load->round == loads->round)
            continue;
        grebe__map_remove(&loads->by_endpoint, load->endpoint);
        grebe__hash_load_unref(load);
    }
}
