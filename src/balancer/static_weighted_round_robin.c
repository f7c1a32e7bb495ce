/* SPDX-License-Identifier: Apache-2.0 */
/* static_weighted_round_robin -- each READY endpoint takes calls in turn, as often as it
 * weighs.
 *
 * Weights are the resolver's: those of a file, of SRV records, of a program's own.  There
 * are three orders of turns.  "stride" is that of weighted_round_robin, for any number of
 * endpoints and any weights, but for its limits.  "smooth" is exact and as even as can be,
 * and takes a table to be O(1); where that were too much, turns are strides as well.  "edf"
 * is exact for any weights, and takes a queue: threads that meet there draw strides.
 *
 * A new list of endpoints, or another of them READY, makes a new picker, which begins
 * anywhere: nothing is kept of where the last one was.
 *
 * While an endpoint is new, and slow start is configured, it weighs less.  Turns are strides
 * then, whose shares change in place once a second; at the end the mode's own order takes
 * over, in the same picker.
 */
#include "balancer/static_weighted_round_robin.h"

#include <string.h>

#include "balancer/aged_load.h"
#include "balancer/petiole.h"
#include "balancer/ramp_config.h"
#include "balancer/weighted_turns.h"
#include "base/assert.h"
#include "base/diag.h"
#include "base/endpoint.h"

enum mode {
    STRIDE,
    SMOOTH,
    EDF,
};

struct config {
    enum mode mode;
    struct grebe__ramp ramp;
};

/* A picker some of whose endpoints may be new. */
struct ramping {
    struct grebe__weighted_turns *picker; /* as published: a reference */
    uint32_t n;
    struct grebe__loaded endpoints[]; /* in the order of the picker's children */
};

struct static_wrr {
    struct grebe__petiole petiole;
    struct config config;
    struct grebe__load_book book; /* since when endpoints have been READY */
    struct ramping *ramping;      /* NULL: nobody is new */
    struct grebe_timer *timer;    /* until their weights grow */
};

static struct static_wrr *of(struct grebe__petiole *petiole)
{
    return grebe_container_of(petiole, struct static_wrr, petiole);
}

/* ---- Picker ------------------------------------------------------------------------------ */

static const struct grebe__weighted_policy told = {
    .name = "static_weighted_round_robin",
    .rule = "in turn, as often as it weighs",
    .unknown = NULL, /* all weights are known */
};

static struct grebe__weighted_turns *turns_of(struct grebe_client_conn *cc,
                                              const struct grebe_sharding_child *children,
                                              size_t n)
{
    struct grebe__weighted_turns *picker;
    uint32_t n_ready = 0;

    for (size_t i = 0; i < n; i++)
        n_ready += children[i].state == GREBE_READY;
    picker = grebe__weighted_turns_new(cc, &told, false, n_ready);
    if (picker == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (children[i].state != GREBE_READY)
            continue;
        grebe__weighted_turns_weigh(picker, picker->n,
                                    grebe__endpoint_weight(children[i].endpoint));
        grebe__weighted_turns_add(picker, children[i].picker, NULL);
    }
    return picker;
}

/* Without memory for what a mode takes, turns are strides. */
static void put_in_order(struct grebe__weighted_turns *picker, enum mode mode,
                         struct grebe_client_conn *cc)
{
    if (mode == SMOOTH && grebe__weighted_turns_smooth(picker, cc))
        return;
    grebe__weighted_turns_settle(picker);
    if (mode == EDF)
        (void)grebe__weighted_turns_queue(picker, cc);
}

/* ---- Slow start -------------------------------------------------------------------------- */

static const uint64_t growth_period_ns = UINT64_C(1000000000);

static void ramp_free(struct static_wrr *wrr, struct ramping *ramping)
{
    grebe__loaded_release(ramping->endpoints, ramping->n);
    grebe_picker_unref(&ramping->picker->base);
    grebe_mem_free(wrr->petiole.mem, ramping);
}

static void ramp_end(struct static_wrr *wrr)
{
    grebe_timer_cancel(wrr->timer);
    if (wrr->ramping != NULL)
        ramp_free(wrr, wrr->ramping);
    wrr->ramping = NULL;
}

/* How many are new. */
static uint32_t weigh(const struct static_wrr *wrr, uint64_t now_ns)
{
    const struct ramping *ramping = wrr->ramping;
    uint32_t n_new = 0;

    for (uint32_t i = 0; i < ramping->n; i++) {
        const struct grebe__loaded *endpoint = &ramping->endpoints[i];
        double factor =
            grebe__aged_load_factor(endpoint->load, &wrr->config.ramp, now_ns);

        grebe__weighted_turns_weigh(ramping->picker, i, endpoint->weight * factor);
        n_new += factor < 1;
    }
    return n_new;
}

static void grow(struct static_wrr *wrr)
{
    uint64_t now_ns = grebe_client_conn_now_ns(wrr->petiole.cc);

    if (weigh(wrr, now_ns) > 0) {
        grebe__weighted_turns_settle(wrr->ramping->picker);
        grebe_timer_start(wrr->timer, now_ns + growth_period_ns);
        return;
    }
    put_in_order(wrr->ramping->picker, wrr->config.mode, wrr->petiole.cc);
    ramp_end(wrr);
}

static void on_timer(void *arg)
{
    grow(arg);
}

/* False: out of memory, and nothing has changed. */
static bool ramp_begin(struct static_wrr *wrr, struct grebe__weighted_turns *picker,
                       const struct grebe_sharding_child *children, size_t n)
{
    const struct grebe_mem *mem = wrr->petiole.mem;
    struct ramping *ramping =
        grebe_mem_alloc(mem, sizeof *ramping + n * sizeof ramping->endpoints[0]);

    if (ramping == NULL)
        return false;
    if (grebe__load_book_take(&wrr->book, children, n, ramping->endpoints, &ramping->n) !=
        GREBE_OK) {
        grebe_mem_free(mem, ramping);
        return false;
    }
    ramping->picker = picker;
    grebe_picker_ref(&picker->base);
    ramp_end(wrr);
    wrr->ramping = ramping;
    grow(wrr);
    return true;
}

/* ---- The next picker ----------------------------------------------------------------------- */

static struct grebe_picker *new_picker(struct grebe__petiole *petiole,
                                       enum grebe_connectivity state,
                                       const struct grebe_sharding_child *children,
                                       size_t n)
{
    struct static_wrr *wrr = of(petiole);
    struct grebe__weighted_turns *picker;

    if (state != GREBE_READY) {
        ramp_end(wrr);
        grebe__load_book_fini(&wrr->book);
        return grebe__petiole_turns(petiole, state, children, n);
    }
    picker = turns_of(petiole->cc, children, n);
    if (picker == NULL)
        return NULL;
    if (wrr->config.ramp.window_ns == 0) {
        ramp_end(wrr);
        put_in_order(picker, wrr->config.mode, petiole->cc);
    } else if (!ramp_begin(wrr, picker, children, n)) {
        grebe_picker_unref(&picker->base);
        return NULL;
    }
    return &picker->base;
}

static const struct grebe__petiole_ops petiole_ops = {
    .policy = "static_weighted_round_robin",
    .new_picker = new_picker,
    .is_of_ready = true,
};

/* ---- Balancer ---------------------------------------------------------------------------- */

static int static_update(struct grebe_balancer *base,
                         const struct grebe_balancer_update *update)
{
    struct static_wrr *wrr = of(grebe__petiole_of(base));
    const struct config *config = update->config;
    int result = grebe__petiole_update(&wrr->petiole, update, NULL);

    if (result != GREBE_ERR_NOMEM) /* else all stays as it was */
        wrr->config = config == NULL ? (struct config){.mode = STRIDE} : *config;
    return result;
}

static void static_destroy(struct grebe_balancer *base)
{
    struct static_wrr *wrr = of(grebe__petiole_of(base));

    ramp_end(wrr);
    grebe_timer_destroy(wrr->timer);
    grebe__petiole_fini(&wrr->petiole);
    grebe__load_book_fini(&wrr->book);
    grebe_mem_free(wrr->petiole.mem, wrr);
}

static const struct grebe_balancer_ops static_ops = {
    .update = static_update,
    .resolver_error = grebe__petiole_resolver_error,
    .exit_idle = grebe__petiole_exit_idle,
    .settled = grebe__petiole_settled,
    .destroy = static_destroy,
};

static int static_build(struct grebe_client_conn *cc,
                        const struct grebe_build_options *options,
                        struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct static_wrr *wrr = grebe_mem_zalloc(mem, sizeof *wrr);
    int result;

    (void)options;
    if (wrr == NULL)
        return GREBE_ERR_NOMEM;
    wrr->book = (struct grebe__load_book){
        .mem = mem,
        .size = sizeof(struct grebe__aged_load),
        .is_forgetful = true,
        .init = grebe__aged_load_init,
        .arg = cc,
    };
    result = grebe_timer_new(cc, on_timer, wrr, &wrr->timer);
    if (result == GREBE_OK)
        result = grebe__petiole_init(&wrr->petiole, cc, &static_ops, &petiole_ops);
    if (result != GREBE_OK) {
        grebe_timer_destroy(wrr->timer);
        grebe_mem_free(mem, wrr);
        return result;
    }
    *out = &wrr->petiole.base;
    return GREBE_OK;
}

/* ---- Configuration ----------------------------------------------------------------------- */

static int read_mode(const struct grebe_json *json, struct grebe_diag *diag,
                     enum mode *out)
{
    static const char *const names[] = {
        [STRIDE] = "stride", [SMOOTH] = "smooth", [EDF] = "edf"};
    const char *name = names[STRIDE];

    if (grebe_json_type(json) != GREBE_JSON_NULL &&
        grebe_json_get_string(json, "mode", &name, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum mode)i;
            return GREBE_OK;
        }
    grebe__diag_quote(diag, name, strlen(name),
                      "mode: none of \"stride\", \"smooth\" and \"edf\"");
    return GREBE_ERR_CONFIG;
}

static int read(const struct grebe_json *json, struct config *config,
                struct grebe_diag *diag)
{
    int result = read_mode(json, diag, &config->mode);

    if (result == GREBE_OK && grebe_json_type(json) != GREBE_JSON_NULL)
        result = grebe__ramp_config_get(json, diag, &config->ramp);
    return result;
}

static int parse_config(const struct grebe_json *json, struct grebe_diag *diag,
                        void **out)
{
    struct config config = {.mode = STRIDE}, *kept;
    int result = read(json, &config, diag);

    if (result != GREBE_OK)
        return result;
    kept = grebe_mem_alloc(NULL, sizeof *kept);
    if (kept == NULL)
        return GREBE_ERR_NOMEM;
    *kept = config;
    *out = kept;
    return GREBE_OK;
}

static void free_config(void *config)
{
    grebe_mem_free(NULL, config);
}

const struct grebe_balancer_builder grebe__static_weighted_round_robin = {
    .api = GREBE_BALANCER_API,
    .name = "static_weighted_round_robin",
    .parse_config = parse_config,
    .free_config = free_config,
    .build = static_build,
};
