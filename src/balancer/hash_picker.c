/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_picker.h"

#include <string.h>

#include "balancer/hash_account.h"
#include "balancer/hash_request.h"
#include "balancer/hash_room.h"
#include "balancer/hash_seats.h"

enum {
    IS_READY = 1 << GREBE_READY,
    IS_IDLE = 1 << GREBE_IDLE,
    IS_CONNECTING = 1 << GREBE_CONNECTING,
    IS_ANYTHING = ~0
};

static struct grebe__hash_seats *of(struct grebe_picker *base)
{
    return grebe_container_of(base, struct grebe__hash_seats, base);
}

/* ---- Choosing ------------------------------------------------------------------------- */

/* All in TRANSIENT_FAILURE: the first one's error is as good as any. */
static void find_for_hash(const struct grebe__hash_seats *seats, uint64_t hash,
                          struct grebe__hash_place *place)
{
    if (!grebe__hash_seats_find(seats, hash, IS_READY | IS_IDLE | IS_CONNECTING, place))
        (void)grebe__hash_seats_find(seats, hash, (unsigned)IS_ANYTHING, place);
}

/* A connection that is being made will do, for endpoints are alike to this call: none is
 * asked for beside it. */
static bool connect_before(const struct grebe__hash_seats *seats, uint64_t hash,
                           const struct grebe_pick_args *args, struct grebe_pick *out)
{
    struct grebe__hash_place place;

    if ((seats->present & IS_CONNECTING) != 0 ||
        !grebe__hash_seats_find(seats, hash, IS_READY | IS_IDLE, &place) ||
        seats->states[place.member] != GREBE_IDLE)
        return false;
    /* Which queues. */
    grebe__leaf_pick(&seats->leaves[place.member], args, out);
    return true;
}

/* False: the call waits for a connection. */
static bool find_for_chance(const struct grebe__hash_seats *seats, uint64_t hash,
                            const struct grebe_pick_args *args, struct grebe_pick *out,
                            struct grebe__hash_place *place)
{
    bool is_connecting =
        connect_before(seats, hash, args, out) || (seats->present & IS_CONNECTING) != 0;

    if (grebe__hash_seats_find(seats, hash, IS_READY, place))
        return true;
    if (is_connecting)
        return false;
    return grebe__hash_seats_find(seats, hash, (unsigned)IS_ANYTHING, place);
}

static bool choose(const struct grebe__hash_seats *seats, enum grebe__hash_source source,
                   uint64_t hash, const struct grebe_pick_args *args,
                   struct grebe_pick *out, struct grebe__hash_place *place)
{
    if (source == GREBE__HASH_OF_CHANCE)
        return find_for_chance(seats, hash, args, out, place);
    find_for_hash(seats, hash, place);
    return true;
}

/* Sends the call to `member`, or, if that is full, to another; returns which. */
static uint32_t hand_over_bounded(const struct grebe__hash_seats *seats, uint64_t hash,
                                  uint32_t member, const struct grebe_pick_args *args,
                                  struct grebe_pick *out)
{
    struct grebe__load_sight sight;

    if (seats->bounds[member].load == NULL) { /* it is not READY */
        grebe__leaf_pick(&seats->leaves[member], args, out);
        return member;
    }
    sight = grebe__load_sight_of(seats->crew, args->now_ns);
    if (!grebe__hash_has_room(seats, member, &sight))
        member = grebe__hash_find_room(seats, hash, member, &sight, args, out);
    grebe__leaf_pick(&seats->leaves[member], args, out);
    grebe__hash_load_begin(seats->bounds[member].load, &sight, out);
    return member;
}

static inline uint32_t hand_over(const struct grebe__hash_seats *seats, uint64_t hash,
                                 uint32_t member, const struct grebe_pick_args *args,
                                 struct grebe_pick *out)
{
    if (seats->bounds != NULL)
        return hand_over_bounded(seats, hash, member, args, out);
    grebe__leaf_pick(&seats->leaves[member], args, out);
    return member;
}

/* ---- Picking ----------------------------------------------------------------------------- */

static void fail(struct grebe_pick *out)
{
    static const char why[] = "the call has no hash: requestHashHeader is not set, and "
                              "nothing else computed one";
    static const struct grebe_status status = {
        .code = GREBE_STATUS_UNAVAILABLE,
        .message = why,
        .message_length = sizeof why - 1,
    };

    out->kind = GREBE_PICK_FAIL;
    out->status = &status;
}

static void pick_explained(const struct grebe__hash_seats *seats,
                           const struct grebe_pick_args *args, struct grebe_pick *out)
{
    struct grebe_explanation *explanation = args->explanation;
    struct grebe__hash_account account = {.seats = seats};
    enum grebe__hash_source source =
        grebe__hash_of_call(&seats->header, args, &account.hash);

    grebe_explain_begin(explanation, seats->policy->name, seats->policy->layout->rule);
    grebe__hash_note_call(explanation, seats, source, account.hash);
    if (source == GREBE__HASH_MISSING) {
        fail(out);
    } else if (choose(seats, source, account.hash, args, out, &account.place)) {
        account.chosen = hand_over(seats, account.hash, account.place.member, args, out);
        grebe__hash_name_candidates(explanation, &account);
    }
    grebe_explain_end(explanation);
}

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    const struct grebe__hash_seats *seats = of(base);
    struct grebe__hash_place place = {0};
    enum grebe__hash_source source;
    uint64_t hash;

    if (args->explanation != NULL) {
        pick_explained(seats, args, out);
        return;
    }
    source = grebe__hash_of_call(&seats->header, args, &hash);
    if (source == GREBE__HASH_MISSING)
        fail(out);
    else if (choose(seats, source, hash, args, out, &place))
        (void)hand_over(seats, hash, place.member, args, out);
}

/* ---- Life ---------------------------------------------------------------------------------- */

static void destroy(struct grebe_picker *base)
{
    struct grebe__hash_seats *seats = of(base);

    for (uint32_t i = 0; i < seats->n; i++) {
        grebe__leaf_release(&seats->leaves[i]);
        if (seats->bounds != NULL && seats->bounds[i].load != NULL)
            grebe__kept_unref(&seats->bounds[i].load->kept);
    }
    grebe__hash_table_unref(seats->table);
    grebe_mem_free(seats->mem, seats);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick, .destroy = destroy};

/* One block: the leaves, the bounds, the states, the header's name. */
static struct grebe__hash_seats *alloc(const struct grebe_mem *mem, uint32_t n,
                                       const struct grebe__hash_config *config)
{
    bool is_bounded = config->balance_factor > 0;
    size_t length = config->header == NULL ? 0 : strlen(config->header);
    size_t bounds = is_bounded ? n * sizeof(struct grebe__hash_bound) : 0;
    struct grebe__hash_seats *seats = grebe_mem_alloc(
        mem, sizeof *seats + n * sizeof seats->leaves[0] + bounds + n + length + 1);

    if (seats == NULL)
        return NULL;
    *seats = (struct grebe__hash_seats){
        .mem = mem,
        .balance_factor = config->balance_factor,
        .bounds = is_bounded ? (struct grebe__hash_bound *)&seats->leaves[n] : NULL,
        .states = (uint8_t *)&seats->leaves[n] + bounds,
    };
    if (config->header != NULL)
        seats->header.name = memcpy(seats->states + n, config->header, length + 1);
    grebe_picker_init(&seats->base, &picker_ops);
    return seats;
}

static void add_seat(struct grebe__hash_seats *seats,
                     const struct grebe__hash_member *member,
                     const struct grebe_sharding_child *child)
{
    uint32_t i = seats->n++;

    seats->states[i] = (uint8_t)child->state;
    seats->present |= 1U << child->state;
    seats->leaves[i] = grebe__leaf_hold(child->picker);
    if (seats->bounds != NULL)
        seats->bounds[i] = (struct grebe__hash_bound){.weight = member->weight};
}

/* False: there is no memory for a new count. */
static bool add_loads(struct grebe__hash_seats *seats,
                      const struct grebe__hash_picker_options *options)
{
    if (seats->bounds == NULL) {
        grebe__load_book_fini(options->loads);
        return true;
    }
    if (grebe__load_book_begin(options->loads) != GREBE_OK)
        return false;
    for (uint32_t i = 0; i < seats->n; i++) {
        struct grebe__endpoint_load *load;

        if (seats->states[i] != GREBE_READY)
            continue;
        load = grebe__load_book_enter(
            options->loads, &options->children[options->members->list[i].child]);
        if (load == NULL)
            return false;
        grebe__kept_ref(&load->kept);
        seats->bounds[i].load = load;
    }
    grebe__load_book_end(options->loads);
    seats->crew = options->loads->crew;
    return true;
}

struct grebe_picker *grebe__hash_picker_new(
    const struct grebe_mem *mem, const struct grebe__hash_picker_options *options)
{
    const struct grebe__hash_members *members = options->members;
    struct grebe__hash_seats *seats = alloc(mem, members->n, options->config);

    if (seats == NULL)
        return NULL;
    seats->policy = options->policy;
    seats->table = grebe__hash_table_ref(options->table);
    seats->weight = members->weight;
    for (uint32_t i = 0; i < members->n; i++)
        add_seat(seats, &members->list[i], &options->children[members->list[i].child]);
    if (add_loads(seats, options))
        return &seats->base;
    grebe_picker_unref(&seats->base);
    return NULL;
}
