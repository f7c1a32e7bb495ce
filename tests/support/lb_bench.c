/* SPDX-License-Identifier: Apache-2.0 */
#include "support/lb_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

/* ---- Notes ------------------------------------------------------------------------------- */

static void note(struct lb_bench *bench, const char *format, ...) GREBE_PRINTF(2, 3);

static void note(struct lb_bench *bench, const char *format, ...)
{
    size_t used = strlen(bench->log);
    va_list args;

    assert_true(used < sizeof bench->log - 64);
    if (used > 0)
        used += (size_t)snprintf(bench->log + used, sizeof bench->log - used, ", ");
    va_start(args, format);
    vsnprintf(bench->log + used, sizeof bench->log - used, format, args);
    va_end(args);
}

const char *lb_bench_log(struct lb_bench *bench)
{
    memcpy(bench->text, bench->log, sizeof bench->text);
    bench->log[0] = '\0';
    return bench->text;
}

/* ---- Subconns ------------------------------------------------------------------------------ */

struct bench_subconn {
    struct grebe_subconn base;
    struct lb_bench *bench;
    char name[64];
    enum grebe_connectivity state;
    bool is_given_up;
};

static struct bench_subconn *of(struct grebe_subconn *base)
{
    return grebe_container_of(base, struct bench_subconn, base);
}

static void connect_subconn(struct grebe_subconn *base)
{
    note(of(base)->bench, "connect %s", of(base)->name);
}

static void shut_down(struct grebe_subconn *base)
{
    struct bench_subconn *subconn = of(base);

    note(subconn->bench, "drop %s", subconn->name);
    subconn->is_given_up = true;
    subconn->state = GREBE_SHUTDOWN;
    grebe__subconn_deliver(base, GREBE_SHUTDOWN, NULL);
}

static void update_addresses(struct grebe_subconn *base,
                             struct grebe_address *const *addresses, size_t n)
{
    note(of(base)->bench, "update %s to %s", of(base)->name,
         n == 0 ? "nothing" : grebe_address_text(addresses[0]));
}

static void destroy_subconn(struct grebe_subconn *base)
{
    struct bench_subconn *subconn = of(base);
    struct lb_bench *bench = subconn->bench;

    for (uint32_t i = 0; i < bench->n_subconns; i++)
        if (bench->subconns[i] == subconn)
            bench->subconns[i] = NULL;
    grebe_mem_free(bench->host.mem, subconn);
}

static const struct grebe__subconn_ops subconn_ops = {
    .connect = connect_subconn,
    .update_addresses = update_addresses,
    .shutdown = shut_down,
    .destroy = destroy_subconn,
};

static struct bench_subconn *find(struct lb_bench *bench, const char *address)
{
    for (uint32_t i = bench->n_subconns; i-- > 0;) {
        struct bench_subconn *subconn = bench->subconns[i];

        if (subconn != NULL && !subconn->is_given_up &&
            strcmp(subconn->name, address) == 0)
            return subconn;
    }
    return NULL;
}

uint32_t lb_bench_n_live(const struct lb_bench *bench)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < bench->n_subconns; i++)
        if (bench->subconns[i] != NULL && !bench->subconns[i]->is_given_up)
            n++;
    return n;
}

/* ---- The fake client_conn -------------------------------------------------------------------- */

static int new_subconn(void *arg, const struct grebe_subconn_options *options,
                       struct grebe_subconn **out)
{
    struct lb_bench *bench = arg;
    struct bench_subconn *subconn;

    if (bench->holds_new_subconn)
        return GREBE_ERR_CLOSED;
    subconn = grebe_mem_zalloc(bench->host.mem, sizeof *subconn);
    if (subconn == NULL)
        return GREBE_ERR_NOMEM;
    assert_true(bench->n_subconns < LB_BENCH_SUBCONNS);
    grebe__subconn_init(&subconn->base, &subconn_ops, options);
    subconn->bench = bench;
    snprintf(subconn->name, sizeof subconn->name, "%s",
             grebe_address_text(options->addresses[0]));
    bench->subconns[bench->n_subconns++] = subconn;
    note(bench, "new %s", subconn->name);
    *out = &subconn->base;
    return GREBE_OK;
}

static void update_state(void *arg, enum grebe_connectivity state,
                         struct grebe_picker *picker)
{
    struct lb_bench *bench = arg;

    grebe_picker_unref(bench->picker);
    bench->picker = picker;
    bench->state = state;
    bench->n_published++;
    note(bench, "%s", grebe_connectivity_name(state));
}

static void resolve_now(void *arg)
{
    note(arg, "resolve");
}

static void watch_health(void *arg, struct grebe_subconn *subconn,
                         grebe_subconn_state_fn on_health, void *health_arg)
{
    struct lb_bench *bench = arg;

    if (!grebe__subconn_watch_health(subconn, on_health, health_arg))
        return;
    bench->health_of = of(subconn);
    note(bench, "watch %s", of(subconn)->name);
}

static const struct grebe_client_conn_ops root_ops = {
    .update_state = update_state,
    .resolve_now = resolve_now,
    .new_subconn = new_subconn,
    .watch_health = watch_health,
};

static void on_root_freed(struct grebe__lb_host *host)
{
    grebe_container_of(host, struct lb_bench, host)->n_roots--;
}

/* ---- Life --------------------------------------------------------------------------------------- */

bool lb_bench_init(struct lb_bench *bench, const struct grebe_balancer_builder *builder,
                   uint64_t seed)
{
    return lb_bench_init_failing(bench, builder, seed, 0);
}

bool lb_bench_init_failing(struct lb_bench *bench,
                           const struct grebe_balancer_builder *builder, uint64_t seed,
                           uint32_t fail_at)
{
    const struct grebe_mem *mem = test_mem_init(&bench->mem);
    int result;

    memset((char *)bench + sizeof bench->mem, 0, sizeof *bench - sizeof bench->mem);
    bench->mem.fail_at = fail_at;
    sim_init(&bench->sim, NULL, seed);
    bench->host = (struct grebe__lb_host){
        .env = &bench->sim.env,
        .mem = mem,
        .build_options = {.target = "bench:///",
                          .authority = "bench",
                          .user_agent = "",
                          .happy_eyeballs_delay_ns = 250 * UINT64_C(1000000)},
        .on_root_freed = on_root_freed,
    };
    result = grebe__client_conn_new_root(&bench->host, &root_ops, bench, &bench->root);
    if (result == GREBE_OK) {
        bench->n_roots = 1;
        grebe__env_enter(&bench->sim.env);
        result = grebe_client_conn_build(bench->root, builder);
        grebe__env_leave(&bench->sim.env);
    }
    if (result == GREBE_OK)
        return true;
    assert_int_equal(result, GREBE_ERR_NOMEM);
    lb_bench_fini(bench);
    return false;
}

void lb_bench_fini(struct lb_bench *bench)
{
    uint32_t n_published = bench->n_published;

    if (bench->root != NULL) {
        grebe__env_enter(&bench->sim.env);
        grebe_client_conn_close(bench->root);
        grebe__env_leave(&bench->sim.env);
    }
    bench->root = NULL;
    grebe_picker_unref(bench->picker);
    bench->picker = NULL;
    sim_settle(&bench->sim);
    assert_int_equal(bench->n_published, n_published); /* nothing after destroy() */
    assert_int_equal(lb_bench_n_live(bench), 0);
    assert_int_equal(bench->n_roots, 0);
    sim_fini(&bench->sim);
    assert_int_equal(bench->mem.n_live, 0);
}

/* ---- What happens to the policy -------------------------------------------------------------------- */

/* Endpoints made of text; the test's own memory never fails. */
struct endpoints {
    struct grebe_endpoint *list[LB_BENCH_SUBCONNS];
    size_t n;
};

static struct grebe_endpoint *parse_endpoint(char *text)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *addresses[LB_BENCH_SUBCONNS];
    struct grebe_endpoint *endpoint;
    char *save = NULL;
    size_t n = 0;

    for (char *name = strtok_r(text, "+", &save); name != NULL;
         name = strtok_r(NULL, "+", &save))
        assert_int_equal(grebe_address_new(NULL, name, &options, &addresses[n++]),
                         GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, addresses, n, NULL, &endpoint), GREBE_OK);
    while (n-- > 0)
        grebe_address_unref(addresses[n]);
    return endpoint;
}

/* "-" alone is an endpoint without addresses. */
static void parse_endpoints(struct endpoints *out, const char *text)
{
    char copy[LB_BENCH_TEXT], *save = NULL;

    out->n = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        if (strcmp(word, "-") == 0)
            word[0] = '\0';
        assert_true(out->n < LB_BENCH_SUBCONNS);
        out->list[out->n++] = parse_endpoint(word);
    }
}

int lb_bench_update(struct lb_bench *bench, const char *endpoints, const void *config)
{
    static char yes;
    const struct grebe_attributes *attributes = NULL;
    struct endpoints parsed;
    struct grebe_balancer_update update;
    int result;

    parse_endpoints(&parsed, endpoints);
    if (bench->wants_health)
        assert_int_equal(grebe_attributes_with(NULL, NULL,
                                               &GREBE_ATTRIBUTE_HEALTH_LISTENER, &yes,
                                               &attributes),
                         GREBE_OK);
    update = (struct grebe_balancer_update){
        .endpoints = parsed.list,
        .n_endpoints = parsed.n,
        .attributes = attributes,
        .config = config,
    };
    grebe__env_enter(&bench->sim.env);
    result = grebe_client_conn_update(bench->root, &update);
    grebe__env_leave(&bench->sim.env);
    grebe_attributes_unref(attributes);
    while (parsed.n-- > 0)
        grebe_endpoint_unref(parsed.list[parsed.n]);
    sim_settle(&bench->sim);
    return result;
}

void lb_bench_resolver_error(struct lb_bench *bench, const char *text)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);

    grebe__env_enter(&bench->sim.env);
    grebe_client_conn_resolver_error(bench->root, &status);
    grebe__env_leave(&bench->sim.env);
    sim_settle(&bench->sim);
}

void lb_bench_exit_idle(struct lb_bench *bench)
{
    grebe__env_enter(&bench->sim.env);
    grebe_client_conn_exit_idle(bench->root);
    grebe__env_leave(&bench->sim.env);
    sim_settle(&bench->sim);
}

void lb_bench_advance_ms(struct lb_bench *bench, uint64_t ms)
{
    sim_advance(&bench->sim, ms * 1000000);
}

void lb_bench_subconn(struct lb_bench *bench, const char *address,
                      enum grebe_connectivity state, const char *error)
{
    struct bench_subconn *subconn = find(bench, address);
    struct grebe_status status = grebe_status_of(
        GREBE_STATUS_UNAVAILABLE, error == NULL ? "connection refused" : error);

    if (subconn == NULL && bench->mem.has_failed)
        return; /* it was never made */
    assert_non_null(subconn);
    subconn->state = state;
    grebe__env_enter(&bench->sim.env);
    grebe__subconn_deliver(&subconn->base, state,
                           state == GREBE_TRANSIENT_FAILURE ? &status : NULL);
    grebe__env_leave(&bench->sim.env);
    sim_settle(&bench->sim);
}

void lb_bench_health(struct lb_bench *bench, const char *address,
                     enum grebe_connectivity state, const char *error)
{
    struct bench_subconn *subconn = find(bench, address);
    struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, error == NULL ? "" : error);

    assert_non_null(subconn);
    grebe__env_enter(&bench->sim.env);
    grebe__subconn_deliver_health(&subconn->base, state,
                                  state == GREBE_TRANSIENT_FAILURE ? &status : NULL);
    grebe__env_leave(&bench->sim.env);
    sim_settle(&bench->sim);
}

/* The way a real subconn takes to a state, and what a policy that wants health hears. */
static void bring_to(struct lb_bench *bench, const char *address, char state)
{
    struct bench_subconn *subconn;

    if (state == 'I')
        return;
    lb_bench_subconn(bench, address, GREBE_CONNECTING, NULL);
    if (state == 'R') {
        lb_bench_subconn(bench, address, GREBE_READY, NULL);
        subconn = find(bench, address);
        if (subconn != NULL && bench->health_of == subconn)
            lb_bench_health(bench, address, GREBE_READY, NULL);
    } else if (state == 'T') {
        lb_bench_subconn(bench, address, GREBE_TRANSIENT_FAILURE, NULL);
    } else {
        assert_int_equal(state, 'C');
    }
}

void lb_bench_set(struct lb_bench *bench, const char *states)
{
    char names[LB_BENCH_TEXT], copy[LB_BENCH_TEXT], *save = NULL;

    snprintf(copy, sizeof copy, "%s", states);
    names[0] = '\0';
    for (char *word = strtok_r(copy, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        size_t used = strlen(names);

        snprintf(names + used, sizeof names - used, "%s%.*s", used > 0 ? " " : "",
                 (int)strcspn(word, "="), word);
    }
    lb_bench_update(bench, names, NULL);
    snprintf(copy, sizeof copy, "%s", states);
    for (char *word = strtok_r(copy, " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save)) {
        char *sign = strchr(word, '=');

        *sign = '\0';
        bring_to(bench, word, sign[1]);
    }
}

/* ---- What the policy did ------------------------------------------------------------------------------ */

static void complete(struct lb_bench *bench, const struct grebe_pick *pick)
{
    struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    struct grebe_done_info info = {.status = &ok, .now_ns = bench->sim.env.now_ns};

    if (pick->on_done != NULL)
        pick->on_done(pick->on_done_arg, &info);
}

const char *lb_bench_pick(struct lb_bench *bench)
{
    struct grebe_pick_args args = {
        .method = "/s/m",
        .now_ns = bench->sim.env.now_ns,
        .deadline_ns = UINT64_MAX,
        .random = grebe__rng_next(&bench->sim.env.rng),
    };
    struct grebe_pick pick = {0};
    char name[24];

    if (bench->picker == NULL)
        return "queue";
    grebe_picker_pick(bench->picker, &args, &pick);
    switch (pick.kind) {
    case GREBE_PICK_QUEUE:
        sim_settle(&bench->sim);
        return "queue";
    case GREBE_PICK_FAIL:
        snprintf(bench->text, sizeof bench->text, "fail: %s", pick.status->message);
        return bench->text;
    case GREBE_PICK_DROP:
        snprintf(bench->text, sizeof bench->text, "drop %s: %s",
                 grebe_status_code_name(pick.status->code, name), pick.status->message);
        return bench->text;
    case GREBE_PICK_COMPLETE:
        break;
    }
    complete(bench, &pick);
    assert_false(of(pick.subconn)->is_given_up);
    snprintf(bench->text, sizeof bench->text, "%s", of(pick.subconn)->name);
    return bench->text;
}

uint32_t lb_bench_count(struct lb_bench *bench, uint32_t n, const char *address)
{
    uint32_t hits = 0;

    while (n-- > 0)
        if (strcmp(lb_bench_pick(bench), address) == 0)
            hits++;
    return hits;
}

enum { CYCLE_PICKS = 64 };

static bool repeats(char names[][64], size_t period)
{
    for (size_t i = period; i < CYCLE_PICKS; i++)
        if (strcmp(names[i], names[i - period]) != 0)
            return false;
    return true;
}

const char *lb_bench_cycle(struct lb_bench *bench)
{
    char names[CYCLE_PICKS][64];
    struct grebe__text text = grebe__text_init(bench->text, sizeof bench->text);
    size_t period = 1, first = 0;

    for (size_t i = 0; i < CYCLE_PICKS; i++)
        snprintf(names[i], sizeof names[i], "%s", lb_bench_pick(bench));
    while (period < CYCLE_PICKS && !repeats(names, period))
        period++;
    for (size_t i = 1; i < period; i++)
        if (strcmp(names[i], names[first]) < 0)
            first = i;
    text = grebe__text_init(bench->text, sizeof bench->text);
    for (size_t i = 0; i < period; i++)
        grebe__text_printf(&text, "%s%s", i > 0 ? " " : "", names[(first + i) % period]);
    return bench->text;
}

void lb_bench_sweep(const struct grebe_balancer_builder *builder,
                    void (*script)(struct lb_bench *bench))
{
    struct lb_bench bench;

    for (uint32_t fail_at = 1;; fail_at++) {
        bool has_failed;

        if (!lb_bench_init_failing(&bench, builder, 1, fail_at))
            continue;
        script(&bench);
        has_failed = bench.mem.has_failed;
        lb_bench_fini(&bench);
        if (!has_failed)
            break;
        assert_true(fail_at < 10000);
    }
}
