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
#include "support/endpoint_word.h"

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

/* Joined with '+', as endpoints are written. */
static void note_addresses(struct lb_bench *bench, const struct lab_subconn *subconn)
{
    char list[256];
    struct grebe__text text = grebe__text_init(list, sizeof list);

    for (size_t i = 0; i < subconn->n_addresses; i++)
        grebe__text_printf(&text, "%s%s", i > 0 ? "+" : "",
                           grebe_address_text(subconn->addresses[i]));
    note(bench, "update to %s", subconn->n_addresses == 0 ? "nothing" : list);
}

/* What happened to a subconn; "drop nothing" if it has no addresses. */
static void note_subconn(struct lb_bench *bench, const char *what,
                         const struct lab_subconn *subconn)
{
    note(bench, "%s %s", what,
         subconn->n_addresses == 0 ? "nothing" : lab_subconn_name(subconn));
}

static void note_pick(struct lb_bench *bench, const struct lab_event *event)
{
    char name[24];

    switch (event->pick.kind) {
    case GREBE_PICK_QUEUE:
        snprintf(bench->text, sizeof bench->text, "queue");
        break;
    case GREBE_PICK_FAIL:
        snprintf(bench->text, sizeof bench->text, "fail: %s",
                 event->pick.status->message);
        break;
    case GREBE_PICK_DROP:
        snprintf(bench->text, sizeof bench->text, "drop %s: %s",
                 grebe_status_code_name(event->pick.status->code, name),
                 event->pick.status->message);
        break;
    case GREBE_PICK_COMPLETE:
        snprintf(bench->text, sizeof bench->text, "%s",
                 lab_subconn_name(event->pick.subconn));
        break;
    }
}

static void on_event(void *arg, const struct lab_event *event)
{
    struct lb_bench *bench = arg;

    switch (event->kind) {
    case LAB_NEW_SUBCONN:
        note_subconn(bench, "new", event->subconn);
        break;
    case LAB_CONNECT:
        note_subconn(bench, "connect", event->subconn);
        break;
    case LAB_SHUTDOWN:
        note_subconn(bench, "drop", event->subconn);
        break;
    case LAB_UPDATE_ADDRESSES:
        note_addresses(bench, event->subconn);
        break;
    case LAB_WATCH_HEALTH:
        bench->health_of = event->subconn;
        note_subconn(bench, "watch", event->subconn);
        break;
    case LAB_STATE:
        bench->n_published++;
        note(bench, "%s", grebe_connectivity_name(event->state.state));
        break;
    case LAB_RESOLVE_NOW:
        note(bench, "resolve");
        break;
    case LAB_PICK:
        note_pick(bench, event);
        break;
    case LAB_VIOLATION:
        print_message("# %s: %s\n", lab_rule_name(event->violation.rule),
                      event->violation.message);
        break;
    case LAB_UPDATE:
    case LAB_PICKS:
    case LAB_PRODUCER:
    case LAB_METRIC:
    case LAB_LOG:
    case LAB_CLOSE:
        break;
    }
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
    bench->builder = builder;
    result = lab_init(&bench->lab, &(struct lab_options){
                                       .mem = mem,
                                       .seed = seed,
                                       .target = "bench:///",
                                       .builder = builder,
                                       .checks_health = true,
                                       .on_event = on_event,
                                       .arg = bench,
                                   });
    if (result == GREBE_OK)
        return true;
    assert_int_equal(result, GREBE_ERR_NOMEM);
    assert_int_equal(bench->lab.n_violations, 0);
    assert_int_equal(bench->mem.n_live, 0);
    return false;
}

void lb_bench_fini(struct lb_bench *bench)
{
    uint32_t n_published = bench->n_published;

    lab_fini(&bench->lab);
    while (bench->n_configs > 0)
        bench->builder->free_config(bench->configs[--bench->n_configs]);
    assert_int_equal(bench->n_published, n_published); /* nothing after destroy() */
    assert_int_equal(bench->lab.n_violations, bench->n_violations_expected);
    assert_int_equal(bench->mem.n_live, 0);
}

/* ---- What happens to the policy -------------------------------------------------------------------- */

/* Endpoints made of text; the test's own memory never fails. */
struct endpoints {
    struct grebe_endpoint *list[LB_BENCH_ENDPOINTS];
    size_t n;
};

static struct grebe_endpoint *parse_endpoint(char *text)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    const struct grebe_attributes *attributes = endpoint_word_cut(&text);
    struct grebe_address *addresses[LB_BENCH_ENDPOINTS];
    struct grebe_endpoint *endpoint;
    char *save = NULL;
    size_t n = 0;

    for (char *name = strtok_r(text, "+", &save); name != NULL;
         name = strtok_r(NULL, "+", &save))
        assert_int_equal(grebe_address_new(NULL, name, &options, &addresses[n++]),
                         GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, addresses, n, attributes, &endpoint),
                     GREBE_OK);
    grebe_attributes_unref(attributes);
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
        assert_true(out->n < LB_BENCH_ENDPOINTS);
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
    if (config == NULL && bench->n_configs > 0)
        update.config = bench->configs[bench->n_configs - 1];
    result = lab_update(&bench->lab, &update);
    grebe_attributes_unref(attributes);
    while (parsed.n-- > 0)
        grebe_endpoint_unref(parsed.list[parsed.n]);
    return result;
}

int lb_bench_config(struct lb_bench *bench, const char *text)
{
    struct grebe_diag diag = {""};
    const struct grebe_json *json;
    int result;

    assert_true(bench->n_configs < LB_BENCH_CONFIGS);
    assert_int_equal(grebe_json_parse(text, strlen(text), &diag, &json), GREBE_OK);
    result = bench->builder->parse_config(json, &diag, &bench->configs[bench->n_configs]);
    if (result == GREBE_OK)
        bench->n_configs++;
    else
        snprintf(bench->text, sizeof bench->text, "%s", diag.text);
    grebe_json_free(json);
    return result;
}

void lb_bench_expect_configs(const struct grebe_balancer_builder *builder,
                             const struct lb_config_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct lb_bench bench;

        assert_true(lb_bench_init(&bench, builder, 1));
        assert_int_equal(lb_bench_config(&bench, cases[i].json),
                         cases[i].error == NULL ? GREBE_OK : GREBE_ERR_CONFIG);
        if (cases[i].error != NULL)
            assert_string_equal(bench.text, cases[i].error);
        lb_bench_fini(&bench);
    }
}

void lb_bench_resolver_error(struct lb_bench *bench, const char *text)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);

    lab_resolver_error(&bench->lab, &status);
}

void lb_bench_exit_idle(struct lb_bench *bench)
{
    lab_exit_idle(&bench->lab);
}

void lb_bench_advance_ms(struct lb_bench *bench, uint64_t ms)
{
    assert_true(lab_advance(&bench->lab, ms * 1000000));
}

void lb_bench_subconn(struct lb_bench *bench, const char *address,
                      enum grebe_connectivity state, const char *error)
{
    struct lab_subconn *subconn = lab_find_subconn(&bench->lab, address);
    struct grebe_status status = grebe_status_of(
        GREBE_STATUS_UNAVAILABLE, error == NULL ? "connection refused" : error);

    if (subconn == NULL && bench->mem.has_failed)
        return; /* it was never made */
    assert_non_null(subconn);
    lab_subconn(subconn, state, &status);
}

void lb_bench_health(struct lb_bench *bench, const char *address,
                     enum grebe_connectivity state, const char *error)
{
    struct lab_subconn *subconn = lab_find_subconn(&bench->lab, address);
    struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, error == NULL ? "" : error);

    assert_non_null(subconn);
    lab_health(subconn, state, &status);
}

void lb_bench_connect(struct lb_bench *bench, const char *address)
{
    lb_bench_subconn(bench, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(bench, address, GREBE_READY, NULL);
    lb_bench_health(bench, address, GREBE_READY, NULL);
}

void lb_bench_connect_all(struct lb_bench *bench, const char *addresses)
{
    char copy[LB_BENCH_TEXT], *save = NULL;

    snprintf(copy, sizeof copy, "%s", addresses);
    for (char *name = strtok_r(copy, " ", &save); name != NULL;
         name = strtok_r(NULL, " ", &save))
        lb_bench_connect(bench, name);
}

/* The way a real subconn takes to a state, and what a policy that wants health hears. */
static void bring_to(struct lb_bench *bench, const char *address, char state)
{
    const struct lab_subconn *subconn;

    if (state == 'I')
        return;
    lb_bench_subconn(bench, address, GREBE_CONNECTING, NULL);
    if (state == 'R') {
        lb_bench_subconn(bench, address, GREBE_READY, NULL);
        subconn = lab_find_subconn(&bench->lab, address);
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

const char *lb_bench_pick_call(struct lb_bench *bench, const struct lab_call *call)
{
    const struct lab_outcome fine = {.status = grebe_status_of(GREBE_STATUS_OK, "")};

    assert_int_equal(lab_pick(&bench->lab, call, 1, &fine), GREBE_OK);
    return bench->text;
}

const char *lb_bench_pick_hash(struct lb_bench *bench, uint64_t hash)
{
    return lb_bench_pick_call(
        bench, &(struct lab_call){.method = "/s/m", .has_hash = true, .hash = hash});
}

const char *lb_bench_pick(struct lb_bench *bench)
{
    return lb_bench_pick_call(bench, &(struct lab_call){.method = "/s/m"});
}

uint32_t lb_bench_n_live(const struct lb_bench *bench)
{
    uint32_t n = 0;

    grebe__list_foreach (link, &bench->lab.live) {
        if (!grebe_container_of(link, struct lab_subconn, link)->base.is_shutting_down)
            n++;
    }
    return n;
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
