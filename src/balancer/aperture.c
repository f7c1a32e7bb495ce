/* SPDX-License-Identifier: Apache-2.0 */
/* aperture -- each client uses a few of the endpoints, and of two of these the less busy.
 *
 * The endpoints stand in a row (lineup.h), and the client is connected to a part of it:
 *
 *   with coordinates     its arc of the circle (aperture_arc.h), for as long as the list of
 *                        endpoints and the numbers of clients stay
 *   without              the first `width` of a row that is this client's own; once a second
 *                        one more or one less, as its load wants it (aperture_band.h)
 *
 * Whoever is outside has no connection; who leaves finishes the calls it has.  The row of a
 * client with coordinates is that of all its peers, so that their arcs fit together.
 *
 * Source: Finagle, DeterministicAperture and RandomAperture with LoadBand.
 */
#include "balancer/aperture.h"

#include "balancer/aperture_config.h"
#include "balancer/aperture_picker.h"
#include "balancer/lineup.h"
#include "balancer/petiole.h"

static const uint64_t tick_ns = UINT64_C(1000000000);

/* What the last update that arrived said. */
struct given {
    struct grebe__aperture_config config;
    struct grebe__lineup lineup;
    const struct grebe_attributes *attributes; /* a reference */
};

struct aperture {
    struct grebe__petiole petiole;
    struct grebe__load_book book;
    struct given given;
    uint64_t own_seed; /* of this client's row, for as long as the policy lives */

    /* Without coordinates. */
    struct grebe__aperture_band band;
    uint32_t width; /* wanted, if there are as many and no fewer than the least */

    /* Of those in the aperture, as they last reported. */
    uint32_t n_failed;
    bool is_last_failed;

    struct grebe_timer *tick;
    uint64_t next_tick_ns; /* 0: it is not running */
    bool is_behind;        /* the leaves did not hear of `given`, for want of memory */
};

static struct aperture *of(struct grebe__petiole *petiole)
{
    return grebe_container_of(petiole, struct aperture, petiole);
}

/* ---- Who is in it --------------------------------------------------------------------- */

static bool has_place(const struct given *given)
{
    return given->config.place.n_clients > 0;
}

static uint32_t least(const struct given *given)
{
    return given->config.least < given->lineup.n ? given->config.least : given->lineup.n;
}

static uint32_t width(const struct aperture *ap)
{
    if (ap->width < least(&ap->given))
        return least(&ap->given);
    return ap->width < ap->given.lineup.n ? ap->width : ap->given.lineup.n;
}

/* There are endpoints. */
static struct grebe__aperture_arc arc_of(const struct aperture *ap)
{
    const struct given *given = &ap->given;

    if (has_place(given))
        return grebe__aperture_arc(&given->config.place, given->config.least,
                                   given->lineup.n);
    return (struct grebe__aperture_arc){
        .n = width(ap), .first_weight = 1, .last_weight = 1};
}

/* The `i`th of them. */
static struct grebe_endpoint *endpoint_at(const struct aperture *ap,
                                          const struct grebe__aperture_arc *arc,
                                          uint32_t i)
{
    const struct grebe__lineup *lineup = &ap->given.lineup;

    return lineup->endpoints[((uint64_t)arc->first + i) % lineup->n];
}

/* ---- Pickers -------------------------------------------------------------------------- */

static void note_failures(struct aperture *ap,
                          const struct grebe_sharding_child *children, size_t n,
                          const struct grebe_endpoint *last)
{
    ap->n_failed = 0;
    ap->is_last_failed = false;
    for (size_t i = 0; i < n; i++)
        if (children[i].state == GREBE_TRANSIENT_FAILURE) {
            ap->n_failed++;
            ap->is_last_failed |= children[i].endpoint == last;
        }
}

/* Calls are counted for as long as an endpoint is in the aperture, READY or not. */
static struct grebe_picker *new_picker(struct grebe__petiole *petiole,
                                       enum grebe_connectivity state,
                                       const struct grebe_sharding_child *children,
                                       size_t n)
{
    struct aperture *ap = of(petiole);
    struct grebe__aperture_ends ends = {.first = NULL};

    if (n > 0 && ap->given.lineup.n > 0) {
        struct grebe__aperture_arc arc = arc_of(ap);

        ends.first = endpoint_at(ap, &arc, 0);
        ends.last = endpoint_at(ap, &arc, arc.n - 1);
        ends.first_weight = arc.first_weight;
        ends.last_weight = arc.last_weight;
    }
    note_failures(ap, children, n, ends.last);
    if (n > 0 && state == GREBE_READY)
        return grebe__aperture_picker(&ap->book, children, n, &ends, ap->given.lineup.n);
    if (grebe__load_book_keep(&ap->book, children, n) != GREBE_OK)
        return NULL;
    return grebe__petiole_turns(petiole, state, children, n);
}

static const struct grebe__petiole_ops petiole_ops = {
    .policy = "aperture",
    .new_picker = new_picker,
};

/* ---- Telling the leaves --------------------------------------------------------------- */

static int tell(struct aperture *ap, struct grebe_endpoint *const *endpoints, uint32_t n)
{
    const struct grebe_balancer_update update = {
        .endpoints = endpoints,
        .n_endpoints = n,
        .attributes = ap->given.attributes,
    };

    return grebe__petiole_update(&ap->petiole, &update, NULL);
}

static int tell_those_in_it(struct aperture *ap)
{
    const struct grebe_mem *mem = ap->petiole.mem;
    struct grebe__aperture_arc arc = arc_of(ap);
    struct grebe_endpoint **endpoints = grebe_mem_alloc(mem, arc.n * sizeof *endpoints);
    int result;

    if (endpoints == NULL)
        return GREBE_ERR_NOMEM;
    for (uint32_t i = 0; i < arc.n; i++)
        endpoints[i] = endpoint_at(ap, &arc, i);
    result = tell(ap, endpoints, arc.n);
    grebe_mem_free(mem, endpoints);
    return result;
}

static int tell_leaves(struct aperture *ap)
{
    int result = ap->given.lineup.n == 0 ? tell(ap, NULL, 0) : tell_those_in_it(ap);

    ap->is_behind = result == GREBE_ERR_NOMEM;
    return result;
}

/* ---- A second later ------------------------------------------------------------------- */

/* Whether it changed. */
static bool adapt(struct aperture *ap)
{
    const struct grebe__aperture_view view = {
        .width = width(ap),
        .n_failed = ap->n_failed,
        .is_last_failed = ap->is_last_failed,
        .least = least(&ap->given),
        .most = ap->given.lineup.n,
        .n_calls = grebe__load_book_in_flight(&ap->book),
    };
    int step = grebe__aperture_band_look(&ap->band, &ap->given.config.limits, &view,
                                         grebe_client_conn_now_ns(ap->petiole.cc));

    if (step == 0)
        return false;
    ap->width = view.width + (uint32_t)step;
    grebe_client_conn_log(ap->petiole.cc, GREBE_LOG_DEBUG,
                          "aperture: %u of %u endpoints, for %.1f calls; %u failed",
                          ap->width, view.most, ap->band.calls, view.n_failed);
    return true;
}

static bool wants_to_adapt(const struct given *given)
{
    return !has_place(given) && given->lineup.n > given->config.least;
}

/* While there is something to do; updates do not put it off. */
static void keep_ticking(struct aperture *ap)
{
    if (!wants_to_adapt(&ap->given) && !ap->is_behind) {
        grebe_timer_cancel(ap->tick);
        ap->next_tick_ns = 0;
    } else if (ap->next_tick_ns == 0) {
        ap->next_tick_ns = grebe_client_conn_now_ns(ap->petiole.cc) + tick_ns;
        grebe_timer_start(ap->tick, ap->next_tick_ns);
    }
}

static void on_tick(void *arg)
{
    struct aperture *ap = arg;
    bool has_changed = wants_to_adapt(&ap->given) && adapt(ap);

    if (has_changed || ap->is_behind) {
        (void)tell_leaves(ap);
        grebe__petiole_settled(&ap->petiole.base);
    }
    ap->next_tick_ns = 0;
    keep_ticking(ap);
}

/* ---- Updates -------------------------------------------------------------------------- */

static void forget(struct given *given, const struct grebe_mem *mem)
{
    grebe__lineup_fini(&given->lineup, mem);
    grebe_attributes_unref(given->attributes);
}

static int read(const struct aperture *ap, const struct grebe_balancer_update *update,
                struct given *out)
{
    int result;

    out->config = update->config == NULL
                      ? grebe__aperture_defaults
                      : *(const struct grebe__aperture_config *)update->config;
    result = grebe__lineup_init(&out->lineup, ap->petiole.mem, update,
                                has_place(out) ? 0 : ap->own_seed);
    if (result == GREBE_OK)
        out->attributes = grebe_attributes_ref(update->attributes);
    return result;
}

static int aperture_update(struct grebe_balancer *base,
                           const struct grebe_balancer_update *update)
{
    struct aperture *ap = of(grebe__petiole_of(base));
    struct given before = ap->given, now;
    int result = read(ap, update, &now);

    if (result != GREBE_OK)
        return result;
    ap->given = now;
    result = tell_leaves(ap);
    if (result == GREBE_ERR_NOMEM)
        ap->given = before;
    forget(result == GREBE_ERR_NOMEM ? &now : &before, ap->petiole.mem);
    keep_ticking(ap);
    return result;
}

/* ---- Life ----------------------------------------------------------------------------- */

static void aperture_destroy(struct grebe_balancer *base)
{
    struct aperture *ap = of(grebe__petiole_of(base));

    grebe_timer_destroy(ap->tick);
    grebe__petiole_fini(&ap->petiole);
    grebe__load_book_fini(&ap->book);
    forget(&ap->given, ap->petiole.mem);
    grebe_mem_free(ap->petiole.mem, ap);
}

static const struct grebe_balancer_ops aperture_ops = {
    .update = aperture_update,
    .resolver_error = grebe__petiole_resolver_error,
    .exit_idle = grebe__petiole_exit_idle,
    .settled = grebe__petiole_settled,
    .destroy = aperture_destroy,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct aperture *ap = grebe_mem_zalloc(mem, sizeof *ap);
    int result;

    (void)options;
    if (ap == NULL)
        return GREBE_ERR_NOMEM;
    ap->book = (struct grebe__load_book){
        .mem = mem,
        .size = sizeof(struct grebe__endpoint_load),
    };
    ap->own_seed = grebe_client_conn_random(cc);
    result = grebe_timer_new(cc, on_tick, ap, &ap->tick);
    if (result == GREBE_OK)
        result = grebe__petiole_init(&ap->petiole, cc, &aperture_ops, &petiole_ops);
    if (result != GREBE_OK) {
        grebe_timer_destroy(ap->tick);
        grebe_mem_free(mem, ap);
        return result;
    }
    *out = &ap->petiole.base;
    return GREBE_OK;
}

const struct grebe_balancer_builder grebe__aperture = {
    .api = GREBE_BALANCER_API,
    .name = "aperture",
    .parse_config = grebe__aperture_config_parse,
    .free_config = grebe__aperture_config_free,
    .build = build,
};

/* As it is called where it is new. */
const struct grebe_balancer_builder grebe__aperture_experimental = {
    .api = GREBE_BALANCER_API,
    .name = "aperture_experimental",
    .parse_config = grebe__aperture_config_parse,
    .free_config = grebe__aperture_config_free,
    .build = build,
};
