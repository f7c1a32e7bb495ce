/* SPDX-License-Identifier: Apache-2.0 */
/* All of it is one block:
 *
 *   picker | n zones, those that take calls | n sums over all | n sums over others | names
 */
#include "balancer/zone_picker.h"

#include <string.h>

#include <grebe/explain.h>

#include "balancer/zone_routing.h"
#include "base/lottery.h"
#include "base/rng.h"

struct zone {
    struct grebe_picker *picker; /* a reference */
    const char *name;
};

struct zone_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    uint64_t salt; /* what makes of a call's random number one of this picker's own */
    const char *why_spread; /* NULL: calls are routed */
    uint32_t percent;
    uint32_t stay; /* of GREBE__ZONE_ALL, in `own` */
    struct grebe__zone_share own_share;
    const char *own_name;
    struct grebe__lottery all;    /* of the zones, by their endpoints */
    struct grebe__lottery others; /* of those behind the own one, by their room */
    uint32_t n_own;               /* 1 if zones[0] is the own one, else 0 */
    uint32_t n;
    struct zone zones[];
};

/* ---- Picking ---------------------------------------------------------------------------- */

enum way { STAYS, GOES, IS_SPREAD, IS_NOT_ROUTED };

static const struct zone *choose(const struct zone_picker *picker, uint64_t random,
                                 enum way *way)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, random ^ picker->salt);
    *way = picker->why_spread != NULL ? IS_SPREAD : IS_NOT_ROUTED;
    if (picker->why_spread != NULL || grebe__rng_below(&rng, 100) >= picker->percent)
        return &picker->zones[grebe__lottery_draw(&picker->all, grebe__rng_next(&rng))];
    *way = STAYS;
    if (grebe__rng_below(&rng, GREBE__ZONE_ALL) < picker->stay)
        return &picker->zones[0];
    *way = GOES;
    return &picker->zones[picker->n_own +
                          grebe__lottery_draw(&picker->others, grebe__rng_next(&rng))];
}

static double percent_of(uint32_t share)
{
    return share * 100.0 / GREBE__ZONE_ALL;
}

static void explain(const struct zone_picker *picker, const struct zone *zone,
                    enum way way, struct grebe_explanation *explanation)
{
    static const char *const ways[] = {
        [STAYS] = "this one stays",
        [GOES] = "this one goes where there is room",
        [IS_NOT_ROUTED] = "this one is not routed by zone",
    };

    grebe_explain_note(explanation, "\"%s\"", zone->name);
    if (way == IS_SPREAD) {
        grebe_explain_note(explanation, "calls are spread over all endpoints: %s",
                           picker->why_spread);
        return;
    }
    grebe_explain_note(explanation,
                       "\"%s\" has %.2f %% of the clients and %.2f %% of the endpoints, "
                       "%.2f %% of its calls stay, %s",
                       picker->own_name, percent_of(picker->own_share.clients),
                       percent_of(picker->own_share.endpoints), percent_of(picker->stay),
                       ways[way]);
}

static void zone_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                      struct grebe_pick *out)
{
    const struct zone_picker *picker = grebe_container_of(base, struct zone_picker, base);
    enum way way;
    const struct zone *zone = choose(picker, args->random, &way);

    if (args->explanation == NULL) {
        grebe_picker_pick(zone->picker, args, out);
        return;
    }
    grebe_explain_begin(args->explanation, "zone_aware",
                        "the own zone, as far as it can bear it");
    explain(picker, zone, way, args->explanation);
    grebe_picker_pick(zone->picker, args, out);
    grebe_explain_end(args->explanation);
}

static void destroy(struct grebe_picker *base)
{
    struct zone_picker *picker = grebe_container_of(base, struct zone_picker, base);

    for (uint32_t i = 0; i < picker->n; i++)
        grebe_picker_unref(picker->zones[i].picker);
    grebe_mem_free(picker->mem, picker);
}

static const struct grebe_picker_ops zone_ops = {.pick = zone_pick, .destroy = destroy};

/* ---- Making ----------------------------------------------------------------------------- */

static char *copy_name(char **names, const char *name)
{
    size_t length = strlen(name) + 1;
    char *copy = *names;

    memcpy(copy, name, length);
    *names += length;
    return copy;
}

/* `shares` belong to the zones, if calls are routed. */
static void fill_in(struct zone_picker *picker, const struct grebe__zone_view *zones,
                    const struct grebe__zone_share *shares, size_t n, char *names)
{
    for (size_t i = 0; i < n; i++) {
        const struct grebe__zone_view *view = &zones[i];
        const char *name = copy_name(&names, view->name);

        if (i == 0)
            picker->own_name = name;
        if (view->picker == NULL)
            continue;
        picker->zones[picker->n++] = (struct zone){
            .picker = grebe_picker_ref(view->picker),
            .name = name,
        };
        grebe__lottery_add(&picker->all, view->n_healthy);
        if (shares != NULL && i > 0)
            grebe__lottery_add(&picker->others, shares[i].room);
    }
    picker->n_own = zones[0].picker != NULL;
}

static size_t size_of_names(const struct grebe__zone_view *zones, size_t n)
{
    size_t size = 0;

    for (size_t i = 0; i < n; i++)
        size += strlen(zones[i].name) + 1;
    return size;
}

static struct zone_picker *new_picker(struct grebe_client_conn *cc,
                                      const struct grebe__zone_view *zones,
                                      const struct grebe__zone_share *shares, size_t n)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    size_t before_sums = sizeof(struct zone_picker) + n * sizeof(struct zone);
    size_t before_names = before_sums + 2 * n * sizeof(uint64_t);
    struct zone_picker *picker =
        grebe_mem_alloc(mem, before_names + size_of_names(zones, n));
    uint64_t *sums;

    if (picker == NULL)
        return NULL;
    sums = (void *)((char *)picker + before_sums);
    *picker = (struct zone_picker){.mem = mem, .salt = grebe_client_conn_random(cc)};
    grebe_picker_init(&picker->base, &zone_ops);
    grebe__lottery_init(&picker->all, sums);
    grebe__lottery_init(&picker->others, sums + n);
    fill_in(picker, zones, shares, n, (char *)picker + before_names);
    return picker;
}

static struct grebe_picker *new_routing_picker(struct grebe_client_conn *cc,
                                               const struct grebe__zone_view *zones,
                                               size_t n, uint32_t percent)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct grebe__zone_share *shares = grebe_mem_zalloc(mem, n * sizeof *shares);
    struct zone_picker *picker;
    uint32_t stay;

    if (shares == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        shares[i].n_clients = zones[i].n_clients;
        shares[i].n_healthy = zones[i].n_healthy;
    }
    stay = grebe__zone_routing(shares, n);
    picker = new_picker(cc, zones, shares, n);
    if (picker != NULL) {
        picker->percent = percent;
        picker->stay = stay;
        picker->own_share = shares[0];
    }
    grebe_mem_free(mem, shares);
    return picker == NULL ? NULL : &picker->base;
}

struct grebe_picker *grebe__zone_picker(struct grebe_client_conn *cc,
                                        const struct grebe__zone_view *zones, size_t n,
                                        const char *why_spread, uint32_t percent)
{
    struct zone_picker *picker;

    if (why_spread == NULL)
        return new_routing_picker(cc, zones, n, percent);
    picker = new_picker(cc, zones, NULL, n);
    if (picker == NULL)
        return NULL;
    picker->why_spread = why_spread;
    return &picker->base;
}
