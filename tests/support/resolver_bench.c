/* SPDX-License-Identifier: Apache-2.0 */
#include "support/resolver_bench.h"

#include "support/test.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/text.h"
#include "core/hop.h"
#include "resolver/proxied.h"
#include "resolver/target.h"

static struct resolver_bench *of(struct grebe_resolver_conn *conn)
{
    return grebe_container_of(conn, struct resolver_bench, conn);
}

/* Where the next note goes. */
static struct grebe__text begin_note(struct resolver_bench *bench)
{
    size_t used = strlen(bench->log);
    struct grebe__text text = {
        .buf = bench->log, .size = sizeof bench->log, .length = used};

    if (used > 0)
        grebe__text_append(&text, " | ", 3);
    return text;
}

static void drop_endpoints(struct resolver_bench *bench)
{
    for (size_t i = 0; i < bench->n_endpoints; i++)
        grebe_endpoint_unref(bench->endpoints[i]);
    bench->n_endpoints = 0;
}

static int on_update(struct grebe_resolver_conn *conn,
                     const struct grebe_resolver_state *state)
{
    const char *reason = grebe_attributes_get(state->attributes, &GREBE_ATTRIBUTE_REASON);
    struct resolver_bench *bench = of(conn);
    struct grebe__text text = begin_note(bench);

    drop_endpoints(bench);
    grebe__text_printf(&text, "update");
    for (size_t i = 0; i < state->n_endpoints; i++) {
        struct grebe_endpoint *endpoint = state->endpoints[i];

        for (size_t k = 0; k < grebe_endpoint_n_addresses(endpoint); k++) {
            const struct grebe_address *address = grebe_endpoint_address(endpoint, k);
            const struct grebe__hop *hop = grebe__hop_of(address);

            grebe__text_printf(&text, "%s%s%s%s", k == 0 ? " " : "+",
                               grebe_address_text(address), hop == NULL ? "" : "~",
                               hop == NULL ? "" : hop->address);
        }
        if (bench->n_endpoints < GREBE_ARRAY_LEN(bench->endpoints))
            bench->endpoints[bench->n_endpoints++] = grebe_endpoint_ref(endpoint);
    }
    if (state->service_config_error != NULL)
        grebe__text_printf(&text, " but %s", state->service_config_error);
    snprintf(bench->service_config, sizeof bench->service_config, "%s",
             state->service_config == NULL ? "" : state->service_config);
    snprintf(bench->source, sizeof bench->source, "%s",
             state->source == NULL ? "" : state->source);
    snprintf(bench->reason, sizeof bench->reason, "%s", reason == NULL ? "" : reason);
    grebe_attributes_unref(bench->attributes);
    bench->attributes = grebe_attributes_ref(state->attributes);
    bench->n_told = state->n_endpoints;
    bench->n_updates++;
    bench->ttl_ns = state->ttl_ns;
    bench->next_refresh_ns = state->next_refresh_ns;
    return bench->verdict;
}

static void on_error(struct grebe_resolver_conn *conn, const struct grebe_status *status)
{
    struct resolver_bench *bench = of(conn);
    struct grebe__text text = begin_note(bench);
    char buf[24];

    grebe__text_printf(&text, "error %s %s", grebe_status_code_name(status->code, buf),
                       status->message);
    bench->n_errors++;
    bench->next_attempt_ns = conn->next_ns;
}

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    struct resolver_bench *bench = arg;

    (void)level;
    bench->n_logged++;
    snprintf(bench->logged, sizeof bench->logged, "%s", message);
}

static const struct grebe_resolver_conn_ops conn_ops = {
    .update = on_update,
    .report_error = on_error,
};

void resolver_bench_init(struct resolver_bench *bench, uint64_t seed)
{
    memset(bench, 0, sizeof *bench);
    test_mem_init(&bench->mem);
    sim_init(&bench->sim, NULL, seed);
    bench->dns = (struct grebe__dns_options){
        .min_interval_ns = 30 * SECOND,
        .max_interval_ns = UINT64_MAX,
        .lookup_timeout_ns = 30 * SECOND,
    };
    bench->conn = (struct grebe_resolver_conn){
        .ops = &conn_ops,
        .env = &bench->sim.env,
        .mem = &bench->mem.interface,
        .dns = &bench->dns,
        .on_log = on_log,
        .log_arg = bench,
    };
}

void resolver_bench_fini(struct resolver_bench *bench)
{
    resolver_bench_destroy(bench);
    drop_endpoints(bench);
    grebe_attributes_unref(bench->attributes);
    grebe__target_free(NULL, bench->target);
    sim_fini(&bench->sim);
    assert_int_equal(bench->mem.n_live, 0);
}

int resolver_bench_build(struct resolver_bench *bench, const char *target)
{
    struct grebe__target_options options = {.resolvers = bench->builders,
                                            .n_resolvers = bench->n_builders};
    struct grebe_resolver_options how = {.ignores_service_config = bench->ignores_config};
    const struct grebe_resolver_builder *builder;
    int result = grebe__target_parse(NULL, target, &options, &bench->diag, &bench->target,
                                     &builder);

    assert_int_equal(result, GREBE_OK);
    grebe__env_enter(&bench->sim.env);
    result = grebe__resolver_build(builder, bench->proxy, bench->target, &bench->conn,
                                   how, &bench->diag, &bench->resolver);
    grebe__env_leave(&bench->sim.env);
    return result;
}

void resolver_bench_resolve_now(struct resolver_bench *bench)
{
    if (bench->resolver->ops->resolve_now == NULL)
        return;
    grebe__env_enter(&bench->sim.env);
    bench->resolver->ops->resolve_now(bench->resolver);
    grebe__env_leave(&bench->sim.env);
}

void resolver_bench_destroy(struct resolver_bench *bench)
{
    if (bench->resolver == NULL)
        return;
    grebe__env_enter(&bench->sim.env);
    bench->resolver->ops->destroy(bench->resolver);
    grebe__env_leave(&bench->sim.env);
    bench->resolver = NULL;
}

const char *resolver_bench_log(struct resolver_bench *bench)
{
    memcpy(bench->text, bench->log, sizeof bench->text);
    bench->log[0] = '\0';
    return bench->text;
}

uint64_t resolver_bench_wait_ns(struct resolver_bench *bench)
{
    uint64_t next_ns = grebe__wheel_next_ns(&bench->sim.env.wheel);

    return next_ns == UINT64_MAX ? UINT64_MAX : next_ns - sim_now(&bench->sim);
}
