/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_loads.h"

#include "base/assert.h"
#include "base/crew.h"
#include "base/endpoint.h"
#include "base/line.h"
#include "base/ref.h"

/* ---- Of all endpoints ---------------------------------------------------------------------- */

/* What every call changes is apart for each thread (base/crew.h). */
struct tally {
    uint32_t begun, ended; /* atomic */
    char apart[GREBE__LINE - 2 * sizeof(uint32_t)];
};

struct grebe__hash_total {
    struct tally tallies[GREBE__CREW_NUMBERS];
    const struct grebe_mem *mem;
    struct grebe__crew *crew; /* a reference */
    uint32_t refs;
};

static struct grebe__hash_total *new_total(const struct grebe_mem *mem)
{
    struct grebe__hash_total *total = grebe__line_alloc(mem, sizeof *total);

    if (total == NULL)
        return NULL;
    *total =
        (struct grebe__hash_total){.mem = mem, .crew = grebe__crew_new(mem), .refs = 1};
    if (total->crew == NULL) {
        grebe__line_free(mem, total);
        return NULL;
    }
    return total;
}

static void unref_total(struct grebe__hash_total *total)
{
    if (total == NULL || !grebe__ref_put(&total->refs))
        return;
    grebe__crew_unref(total->crew);
    grebe__line_free(total->mem, total);
}

static void count_begin(struct grebe__hash_total *total)
{
    unsigned number = grebe__crew_number(total->crew);

    grebe__crew_count_one(&total->tallies[number].begun, number);
}

static void count_end(struct grebe__hash_total *total)
{
    unsigned number = grebe__crew_number(total->crew);

    grebe__crew_count_one(&total->tallies[number].ended, number);
}

/* Threads count meanwhile: a call may be seen to end that was not seen to begin. */
uint64_t grebe__hash_load_total(const struct grebe__hash_load *load)
{
    const struct grebe__hash_total *total = load->total;
    uint32_t n_calls = 0;

    for (unsigned i = 0; i < GREBE__CREW_NUMBERS; i++) {
        n_calls -= __atomic_load_n(&total->tallies[i].ended, __ATOMIC_RELAXED);
        n_calls += __atomic_load_n(&total->tallies[i].begun, __ATOMIC_RELAXED);
    }
    return (int32_t)n_calls < 0 ? 0 : n_calls;
}

/* ---- Counts ------------------------------------------------------------------------------- */

static const uint64_t one_ref = UINT64_C(1) << 32;

void grebe__hash_load_ref(struct grebe__hash_load *load)
{
    __atomic_fetch_add(&load->uses, one_ref, __ATOMIC_RELAXED);
}

/* A reference or a call less: the last one frees it. */
static void give_up(struct grebe__hash_load *load, uint64_t use)
{
    uint64_t before = __atomic_fetch_sub(&load->uses, use, __ATOMIC_ACQ_REL);

    GREBE_ASSERT(before >= use);
    if (before != use)
        return;
    grebe_endpoint_unref(load->endpoint);
    unref_total(load->total);
    grebe_mem_free(load->mem, load);
}

void grebe__hash_load_unref(struct grebe__hash_load *load)
{
    if (load != NULL)
        give_up(load, one_ref);
}

static void on_done(void *arg, const struct grebe_done_info *info)
{
    struct grebe__hash_load *load = arg;

    (void)info;
    count_end(load->total);
    give_up(load, 1);
}

void grebe__hash_load_begin(struct grebe__hash_load *load, struct grebe_pick *pick)
{
    if (!grebe_pick_listen(pick, on_done, load))
        return; /* the connection is not there, or nobody would tell us of the end */
    __atomic_fetch_add(&load->uses, 1, __ATOMIC_RELAXED);
    count_begin(load->total);
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
    if (loads->total == NULL)
        loads->total = new_total(loads->mem);
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
        .uses = one_ref,
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
