/* SPDX-License-Identifier: Apache-2.0 */
/* pick_first -- the first address that connects takes all calls.
 *
 * A pass goes through the list in order: the next address is dialled when the one before
 * it fails, or when it takes longer than a delay, so several attempts may run at once
 * (Happy Eyeballs).  The first to be READY wins and the others are shut down.  When all
 * have failed the policy reports TRANSIENT_FAILURE and stays there, trying every address
 * as its backoff ends, until one is READY: a parent must never take "I am trying again"
 * for "worth trying" (gRFC A62).
 *
 *   list      what to try, in order; `at` is the next, or the one in use
 *   attempts  a subconn for each address that was tried in this pass
 *
 * Losing the connection leads to IDLE: the next call, or exit_idle, starts a new pass.  Only
 * a subconn that may have several connections goes from READY to CONNECTING or
 * TRANSIENT_FAILURE; then the pass starts at once.
 *
 * Sources: gRFC A61, A62, A105, A113; RFC 8305; grpc-go package balancer/pickfirst.
 */
#include "balancer/pick_first.h"

#include <string.h>

#include "balancer/address_list.h"
#include "base/assert.h"
#include "base/list.h"

/* RFC 8305 section 8: 250 ms is recommended, 100 ms and 2 s are the limits. */
static const uint64_t default_delay_ns = UINT64_C(250000000);
static const uint64_t min_delay_ns = UINT64_C(100000000);
static const uint64_t max_delay_ns = UINT64_C(2000000000);
/* Until memory is asked for again. */
static const uint64_t short_delay_ns = UINT64_C(1000000000);

struct config {
    bool shuffles_address_list;
};

/* One address being tried. */
struct attempt {
    struct grebe__list link;
    struct grebe_address *address; /* a reference */
    struct grebe_subconn *subconn; /* ours until we shut it down */
    struct grebe_picker *picker;   /* for when it is READY */
    enum grebe_connectivity state; /* as the subconn last said */
    bool has_failed;               /* in this pass */
    struct grebe_picker *error;    /* fails with the last one; NULL if there was none */
};

struct pick_first {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    struct grebe__address_list list;
    uint32_t at;                   /* list.n: past the end */
    enum grebe_connectivity state; /* as published; CONNECTING before that */
    bool is_first_pass;
    bool is_short;       /* of memory: an address could not be tried in this pass */
    bool wants_health;   /* READY waits for the health listener */
    uint32_t n_failures; /* after the first pass: since the last report */
    struct grebe__list attempts;
    struct grebe_picker *error; /* fails with the latest error; NULL if there was none */
    struct grebe_timer *timer;  /* of the next address, or of the next pass if is_short */
    uint64_t delay_ns;          /* until the next address gets its chance too */
};

static void request_connection(struct pick_first *pf);

static struct pick_first *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct pick_first, base);
}

static struct attempt *attempt_of(struct grebe__list *link)
{
    return grebe_container_of(link, struct attempt, link);
}

/* ---- Publishing ------------------------------------------------------------------- */

static void force_publish(struct pick_first *pf, enum grebe_connectivity state,
                          struct grebe_picker *picker)
{
    pf->state = state;
    grebe_client_conn_update_state(pf->cc, state, picker);
}

/* The same state again is only news in TRANSIENT_FAILURE, where the text changes. */
static void publish(struct pick_first *pf, enum grebe_connectivity state,
                    struct grebe_picker *picker)
{
    if (state == pf->state && state != GREBE_TRANSIENT_FAILURE) {
        grebe_picker_unref(picker);
        return;
    }
    force_publish(pf, state, picker);
}

static void note_error(struct pick_first *pf, const struct grebe_status *error)
{
    grebe_picker_unref(pf->error);
    pf->error = grebe_picker_failing(pf->mem, error);
}

/* Found failed already: its error is news again. */
static void note_failed(struct pick_first *pf, struct attempt *attempt)
{
    attempt->has_failed = true;
    grebe_picker_unref(pf->error);
    pf->error = grebe_picker_ref(attempt->error);
}

static void note_failure(struct pick_first *pf, struct attempt *attempt,
                         const struct grebe_status *error)
{
    grebe_picker_unref(attempt->error);
    attempt->error = grebe_picker_failing(pf->mem, error);
    note_failed(pf, attempt);
}

static void note_text(struct pick_first *pf, const char *prefix, const char *text)
{
    size_t length = strlen(prefix) + strlen(text);
    char *joined = grebe_mem_alloc(pf->mem, length + 1);
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);

    if (joined != NULL) {
        memcpy(joined, prefix, strlen(prefix));
        memcpy(joined + strlen(prefix), text, strlen(text) + 1);
        status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, joined);
    }
    note_error(pf, &status);
    grebe_mem_free(pf->mem, joined);
}

static void publish_error(struct pick_first *pf)
{
    publish(pf, GREBE_TRANSIENT_FAILURE, grebe_picker_ref(pf->error));
}

static void publish_ready(struct pick_first *pf, struct attempt *winner)
{
    publish(pf, GREBE_READY, grebe_picker_ref(winner->picker));
}

/* ---- The picker of IDLE ----------------------------------------------------------- */

/* Queues calls; the first of them wakes the policy. */
struct idle_picker {
    struct grebe_picker base;
    struct grebe_client_conn *cc; /* a reference */
    bool has_asked;               /* atomic */
};

static void idle_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                      struct grebe_pick *out)
{
    struct idle_picker *picker = grebe_container_of(base, struct idle_picker, base);

    (void)args;
    out->kind = GREBE_PICK_QUEUE;
    if (!__atomic_exchange_n(&picker->has_asked, true, __ATOMIC_RELAXED))
        grebe_client_conn_request_exit_idle(picker->cc);
}

static void idle_destroy(struct grebe_picker *base)
{
    struct idle_picker *picker = grebe_container_of(base, struct idle_picker, base);
    const struct grebe_mem *mem = grebe_client_conn_mem(picker->cc);
    struct grebe_client_conn *cc = picker->cc;

    grebe_mem_free(mem, picker);
    grebe_client_conn_unref(cc);
}

static const struct grebe_picker_ops idle_ops = {
    .pick = idle_pick,
    .destroy = idle_destroy,
};

static void start_pass(struct pick_first *pf);

static void publish_idle(struct pick_first *pf)
{
    struct idle_picker *picker = grebe_mem_alloc(pf->mem, sizeof *picker);

    if (picker == NULL) {
        /* No picker could wake us: be awake. */
        publish(pf, GREBE_CONNECTING, grebe_picker_queueing());
        start_pass(pf);
        return;
    }
    grebe_picker_init(&picker->base, &idle_ops);
    picker->cc = grebe_client_conn_ref(pf->cc);
    picker->has_asked = false;
    publish(pf, GREBE_IDLE, &picker->base);
}

/* ---- Attempts --------------------------------------------------------------------- */

static struct attempt *find_by_address(struct pick_first *pf,
                                       const struct grebe_address *address)
{
    grebe__list_foreach (link, &pf->attempts) {
        if (grebe_address_equal(attempt_of(link)->address, address))
            return attempt_of(link);
    }
    return NULL;
}

static struct attempt *find_by_subconn(struct pick_first *pf,
                                       const struct grebe_subconn *subconn)
{
    grebe__list_foreach (link, &pf->attempts) {
        if (attempt_of(link)->subconn == subconn)
            return attempt_of(link);
    }
    return NULL;
}

/* Forgets it too: what its subconn still has to say is no longer ours to hear. */
static void drop_attempt(struct pick_first *pf, struct attempt *attempt)
{
    grebe__list_remove(&attempt->link);
    grebe_subconn_shutdown(attempt->subconn);
    grebe_address_unref(attempt->address);
    grebe_picker_unref(attempt->picker);
    grebe_picker_unref(attempt->error);
    grebe_mem_free(pf->mem, attempt);
}

/* All but `kept`, which may be NULL. */
static void drop_others(struct pick_first *pf, const struct attempt *kept)
{
    grebe__list_foreach_safe (link, &pf->attempts) {
        if (attempt_of(link) != kept)
            drop_attempt(pf, attempt_of(link));
    }
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error);

static struct attempt *new_attempt(struct pick_first *pf, struct grebe_address *address)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct attempt *attempt = grebe_mem_alloc(pf->mem, sizeof *attempt);

    if (attempt == NULL)
        return NULL;
    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    options.arg = pf;
    *attempt = (struct attempt){.state = GREBE_IDLE};
    grebe__list_init(&attempt->link);
    if (grebe_client_conn_new_subconn(pf->cc, &options, &attempt->subconn) != GREBE_OK) {
        grebe_mem_free(pf->mem, attempt);
        return NULL;
    }
    attempt->address = grebe_address_ref(address);
    grebe__list_append(&pf->attempts, &attempt->link);
    attempt->picker = grebe_picker_fixed(pf->mem, attempt->subconn);
    if (attempt->picker == NULL) {
        drop_attempt(pf, attempt);
        return NULL;
    }
    return attempt;
}

/* ---- A pass ----------------------------------------------------------------------- */

static void start_timer(struct pick_first *pf)
{
    if (pf->at + 1 < pf->list.n)
        grebe_timer_start(pf->timer, grebe_client_conn_now_ns(pf->cc) + pf->delay_ns);
}

/* The first pass ends when every address has failed; then each goes on by itself, but for
 * those that there was no memory for: they need another pass. */
static void try_to_end_pass(struct pick_first *pf)
{
    if (pf->at < pf->list.n)
        return;
    grebe__list_foreach (link, &pf->attempts) {
        if (!attempt_of(link)->has_failed)
            return;
    }
    pf->is_first_pass = false;
    publish_error(pf);
    grebe__list_foreach (link, &pf->attempts) {
        if (attempt_of(link)->state == GREBE_IDLE)
            grebe_subconn_connect(attempt_of(link)->subconn);
    }
    if (pf->is_short)
        grebe_timer_start(pf->timer, grebe_client_conn_now_ns(pf->cc) + short_delay_ns);
}

/* Dial list[at], or what comes after it if that is known to be down. */
static void request_connection(struct pick_first *pf)
{
    for (; pf->at < pf->list.n; pf->at++) {
        struct grebe_address *address = pf->list.addresses[pf->at];
        struct attempt *attempt = find_by_address(pf, address);

        if (attempt == NULL)
            attempt = new_attempt(pf, address);
        if (attempt == NULL) {
            note_text(pf, "", "out of memory");
            grebe_client_conn_resolve_now(pf->cc); /* its answer may be sooner */
            pf->is_short = true;
            continue;
        }
        if (attempt->state != GREBE_TRANSIENT_FAILURE) {
            if (attempt->state == GREBE_IDLE)
                grebe_subconn_connect(attempt->subconn);
            start_timer(pf);
            return;
        }
        note_failed(pf, attempt);
    }
    try_to_end_pass(pf);
}

static void start_pass(struct pick_first *pf)
{
    pf->is_first_pass = true;
    pf->is_short = false;
    pf->n_failures = 0;
    grebe__list_foreach (link, &pf->attempts) {
        attempt_of(link)->has_failed = false;
    }
    request_connection(pf);
}

static void on_timer(void *arg)
{
    struct pick_first *pf = arg;

    if (!pf->is_first_pass) {
        pf->at = 0;
        start_pass(pf);
        return;
    }
    pf->at++;
    request_connection(pf);
}

/* ---- What subconns say ------------------------------------------------------------ */

static void on_health(void *arg, struct grebe_subconn *subconn,
                      enum grebe_connectivity state, const struct grebe_status *error)
{
    struct pick_first *pf = arg;
    struct attempt *attempt = find_by_subconn(pf, subconn);

    if (attempt == NULL)
        return; /* one we gave up */
    if (state == GREBE_READY) {
        publish_ready(pf, attempt);
    } else if (state == GREBE_TRANSIENT_FAILURE) {
        note_text(pf, "pickfirst: health check failure: ", error->message);
        publish_error(pf);
    } else if (state == GREBE_CONNECTING) {
        publish(pf, GREBE_CONNECTING, grebe_picker_queueing());
    }
}

static void win(struct pick_first *pf, struct attempt *winner)
{
    grebe_timer_cancel(pf->timer);
    drop_others(pf, winner);
    pf->at = grebe__address_list_find(&pf->list, winner->address);
    if (!pf->wants_health) {
        publish_ready(pf, winner);
        return;
    }
    publish(pf, GREBE_CONNECTING, grebe_picker_queueing());
    grebe_client_conn_watch_health(pf->cc, winner->subconn, on_health, pf);
}

static void lose(struct pick_first *pf, struct attempt *loser)
{
    grebe_timer_cancel(pf->timer);
    drop_others(pf, loser);
    pf->at = 0;
    publish_idle(pf);
}

/* The last of a subconn's connections is gone while it makes, or waits to make, another
 * (gRFC A105): others get their chance at once, calls need not ask for it. */
static void reconnect(struct pick_first *pf)
{
    pf->at = 0;
    publish(pf, GREBE_CONNECTING, grebe_picker_queueing());
    grebe_client_conn_resolve_now(pf->cc);
    start_pass(pf);
}

static void fail_in_first_pass(struct pick_first *pf, struct attempt *attempt)
{
    bool is_current = pf->at < pf->list.n &&
                      grebe_address_equal(pf->list.addresses[pf->at], attempt->address);

    if (is_current) {
        grebe_timer_cancel(pf->timer);
        pf->at++;
        request_connection(pf);
    } else {
        try_to_end_pass(pf);
    }
}

/* Once for as many failures as there are addresses; one that fails often counts often. */
static void fail_after_first_pass(struct pick_first *pf)
{
    uint32_t n = 0;

    grebe__list_foreach (link, &pf->attempts) {
        n++;
    }
    pf->n_failures = (pf->n_failures + 1) % n;
    if (pf->n_failures == 0)
        publish_error(pf);
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct pick_first *pf = arg;
    struct attempt *attempt = find_by_subconn(pf, subconn);
    enum grebe_connectivity before;

    if (attempt == NULL)
        return; /* one we gave up */
    before = attempt->state;
    attempt->state = state;
    if (state == GREBE_TRANSIENT_FAILURE)
        note_failure(pf, attempt, error);

    if (state == GREBE_READY) {
        win(pf, attempt);
    } else if (before == GREBE_READY && state != GREBE_IDLE) {
        reconnect(pf);
    } else if (before == GREBE_READY ||
               (before == GREBE_CONNECTING && state == GREBE_IDLE)) {
        lose(pf, attempt);
    } else if (pf->is_first_pass) {
        if (state == GREBE_CONNECTING && pf->state != GREBE_TRANSIENT_FAILURE)
            publish(pf, GREBE_CONNECTING, grebe_picker_queueing());
        else if (state == GREBE_TRANSIENT_FAILURE)
            fail_in_first_pass(pf, attempt);
    } else if (state == GREBE_TRANSIENT_FAILURE) {
        fail_after_first_pass(pf);
    } else if (state == GREBE_IDLE) {
        grebe_subconn_connect(subconn);
    }
}

/* ---- Updates ---------------------------------------------------------------------- */

static uint64_t random_bits(void *arg)
{
    return grebe_client_conn_random(arg);
}

static void fail_for_no_addresses(struct pick_first *pf,
                                  const struct grebe_attributes *of_update)
{
    const char *reason = grebe_attributes_get(of_update, &GREBE_ATTRIBUTE_REASON);

    drop_others(pf, NULL);
    grebe__address_list_fini(&pf->list, pf->mem);
    pf->at = 0;
    note_text(
        pf, "name resolver error: ", reason == NULL ? "produced zero addresses" : reason);
    publish_error(pf);
}

/* The one in use, if it is connected. */
static struct attempt *connected(struct pick_first *pf)
{
    struct attempt *attempt = NULL;

    if (pf->at < pf->list.n)
        attempt = find_by_address(pf, pf->list.addresses[pf->at]);
    return attempt != NULL && attempt->state == GREBE_READY ? attempt : NULL;
}

static void drop_unlisted(struct pick_first *pf)
{
    grebe__list_foreach_safe (link, &pf->attempts) {
        if (grebe__address_list_find(&pf->list, attempt_of(link)->address) == pf->list.n)
            drop_attempt(pf, attempt_of(link));
    }
}

static int pf_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct pick_first *pf = of(base);
    const struct config *config = update->config;
    bool wants_shuffling = config != NULL && config->shuffles_address_list;
    struct attempt *in_use = connected(pf);
    uint32_t n_before = pf->list.n;
    struct grebe__address_list list;

    if (grebe__address_list_init(&list, pf->mem, update,
                                 wants_shuffling ? random_bits : NULL,
                                 pf->cc) != GREBE_OK)
        return GREBE_ERR_NOMEM;
    grebe_timer_cancel(pf->timer);
    if (list.n == 0) {
        fail_for_no_addresses(pf, update->attributes);
        return GREBE_ERR_BAD_RESOLVER_STATE;
    }
    pf->wants_health =
        grebe_attributes_has(update->attributes, &GREBE_ATTRIBUTE_HEALTH_LISTENER);
    grebe__address_list_fini(&pf->list, pf->mem);
    pf->list = list;
    pf->at = 0;
    if (in_use != NULL) {
        uint32_t at = grebe__address_list_find(&list, in_use->address);

        if (at < list.n) {
            pf->at = at;
            return GREBE_OK;
        }
    }
    drop_unlisted(pf);
    if (in_use != NULL || pf->state == GREBE_CONNECTING || n_before == 0) {
        force_publish(pf, GREBE_CONNECTING, grebe_picker_queueing());
        start_pass(pf);
    } else if (pf->state == GREBE_TRANSIENT_FAILURE) {
        start_pass(pf);
    }
    return GREBE_OK;
}

static void pf_resolver_error(struct grebe_balancer *base,
                              const struct grebe_status *status)
{
    struct pick_first *pf = of(base);

    if (pf->state != GREBE_TRANSIENT_FAILURE && pf->list.n > 0)
        return;
    note_text(pf, "name resolver error: ", status->message);
    publish_error(pf);
}

static void pf_exit_idle(struct grebe_balancer *base)
{
    struct pick_first *pf = of(base);

    if (pf->state != GREBE_IDLE)
        return;
    publish(pf, GREBE_CONNECTING, grebe_picker_queueing());
    start_pass(pf);
}

/* ---- Life ------------------------------------------------------------------------- */

static void pf_destroy(struct grebe_balancer *base)
{
    struct pick_first *pf = of(base);

    drop_others(pf, NULL);
    grebe_timer_destroy(pf->timer);
    grebe__address_list_fini(&pf->list, pf->mem);
    grebe_picker_unref(pf->error);
    grebe_mem_free(pf->mem, pf);
}

static const struct grebe_balancer_ops pf_ops = {
    .update = pf_update,
    .resolver_error = pf_resolver_error,
    .exit_idle = pf_exit_idle,
    .destroy = pf_destroy,
};

static uint64_t delay_of(const struct grebe_build_options *options)
{
    uint64_t delay_ns = options->happy_eyeballs_delay_ns;

    if (delay_ns == 0)
        return default_delay_ns;
    if (delay_ns < min_delay_ns)
        return min_delay_ns;
    return delay_ns > max_delay_ns ? max_delay_ns : delay_ns;
}

static int pf_build(struct grebe_client_conn *cc,
                    const struct grebe_build_options *options,
                    struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct pick_first *pf = grebe_mem_alloc(mem, sizeof *pf);
    int result;

    if (pf == NULL)
        return GREBE_ERR_NOMEM;
    *pf = (struct pick_first){
        .cc = cc,
        .mem = mem,
        .state = GREBE_CONNECTING,
        .delay_ns = delay_of(options),
    };
    grebe_balancer_init(&pf->base, &pf_ops);
    grebe__list_init(&pf->attempts);
    result = grebe_timer_new(cc, on_timer, pf, &pf->timer);
    if (result != GREBE_OK) {
        grebe_mem_free(mem, pf);
        return result;
    }
    *out = &pf->base;
    return GREBE_OK;
}

/* ---- Configuration ---------------------------------------------------------------- */

static int refuse(struct grebe_diag *diag, const char *why)
{
    grebe_diag_set(diag, "pickfirst: unable to unmarshal LB policy config: %s", why);
    return GREBE_ERR_CONFIG;
}

static int pf_parse_config(const struct grebe_json *json, struct grebe_diag *diag,
                           void **out)
{
    struct config *config;
    struct grebe_diag why = {0};
    bool shuffles = false;

    if (grebe_json_type(json) != GREBE_JSON_OBJECT &&
        grebe_json_type(json) != GREBE_JSON_NULL)
        return refuse(diag, "not an object");
    if (grebe_json_get_bool(json, "shuffleAddressList", &shuffles, &why) != GREBE_OK)
        return refuse(diag, why.text);
    config = grebe_mem_alloc(NULL, sizeof *config);
    if (config == NULL)
        return GREBE_ERR_NOMEM;
    config->shuffles_address_list = shuffles;
    *out = config;
    return GREBE_OK;
}

static void pf_free_config(void *config)
{
    grebe_mem_free(NULL, config);
}

const struct grebe_balancer_builder grebe__pick_first = {
    .api = GREBE_BALANCER_API,
    .name = "pick_first",
    .parse_config = pf_parse_config,
    .free_config = pf_free_config,
    .build = pf_build,
};
