/* SPDX-License-Identifier: Apache-2.0 */
#include "support/stub_policy.h"

#include "support/test.h"

struct stub_world stubs;

void stub_reset(void)
{
    memset(&stubs, 0, sizeof stubs);
    stubs.publishes_at_build = GREBE_SHUTDOWN;
}

static void note(const struct stub *stub, const char *what)
{
    size_t used = strlen(stubs.log);

    snprintf(stubs.log + used, sizeof stubs.log - used, "%s%s.%s", used > 0 ? ", " : "",
             stub->builder->name, what);
}

const char *stub_log(void)
{
    static char text[STUB_LOG_BYTES];

    memcpy(text, stubs.log, sizeof text);
    stubs.log[0] = '\0';
    return text;
}

struct stub *stub_at(size_t i)
{
    assert_true(i < stubs.n_built);
    assert_non_null(stubs.live[i]);
    return stubs.live[i];
}

void stub_publish(struct stub *stub, enum grebe_connectivity state, const char *text)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);

    stub->last_picker = grebe_picker_failing(grebe_client_conn_mem(stub->cc), &status);
    grebe_client_conn_update_state(stub->cc, state, stub->last_picker);
}

static struct stub *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct stub, base);
}

static int stub_update(struct grebe_balancer *base,
                       const struct grebe_balancer_update *update)
{
    struct stub *stub = of(base);

    note(stub, "update");
    stub->n_endpoints = update->n_endpoints;
    stub->config = update->config;
    stub->has_health =
        grebe_attributes_has(update->attributes, &GREBE_ATTRIBUTE_HEALTH_LISTENER);
    if (update->n_endpoints > 0 && grebe_endpoint_n_addresses(update->endpoints[0]) > 0)
        snprintf(stub->first_address, sizeof stub->first_address, "%s",
                 grebe_address_text(grebe_endpoint_address(update->endpoints[0], 0)));
    return stub->update_result;
}

static void stub_resolver_error(struct grebe_balancer *base,
                                const struct grebe_status *status)
{
    struct stub *stub = of(base);

    note(stub, "error");
    stub->error_code = status->code;
    snprintf(stub->error, sizeof stub->error, "%s", status->message);
    if (stubs.answers)
        stub_publish(stub, GREBE_CONNECTING, "an answer");
}

static void stub_exit_idle(struct grebe_balancer *base)
{
    note(of(base), "exit_idle");
    if (stubs.answers)
        stub_publish(of(base), GREBE_CONNECTING, "an answer");
}

static void stub_destroy(struct grebe_balancer *base)
{
    struct stub *stub = of(base);

    note(stub, "destroy");
    for (size_t i = 0; i < stubs.n_built; i++)
        if (stubs.live[i] == stub)
            stubs.live[i] = NULL;
    grebe_mem_free(grebe_client_conn_mem(stub->cc), stub);
}

static const struct grebe_balancer_ops stub_ops = {
    .update = stub_update,
    .resolver_error = stub_resolver_error,
    .exit_idle = stub_exit_idle,
    .destroy = stub_destroy,
};

static int build(const struct grebe_balancer_builder *builder,
                 struct grebe_client_conn *cc, struct grebe_balancer **out)
{
    struct stub *stub;

    if (stubs.is_short)
        return GREBE_ERR_NOMEM;
    stub = grebe_mem_zalloc(grebe_client_conn_mem(cc), sizeof *stub);
    if (stub == NULL)
        return GREBE_ERR_NOMEM;
    assert_true(stubs.n_built < STUBS_MAX);
    grebe_balancer_init(&stub->base, &stub_ops);
    stub->builder = builder;
    stub->cc = cc;
    stub->update_result = stubs.next_update_result;
    stubs.live[stubs.n_built++] = stub;
    note(stub, "build");
    if (stubs.publishes_at_build != GREBE_SHUTDOWN)
        stub_publish(stub, stubs.publishes_at_build, "at build");
    *out = &stub->base;
    return GREBE_OK;
}

static int build_x(struct grebe_client_conn *cc,
                   const struct grebe_build_options *options, struct grebe_balancer **out)
{
    (void)options;
    return build(&stub_x, cc, out);
}

static int build_y(struct grebe_client_conn *cc,
                   const struct grebe_build_options *options, struct grebe_balancer **out)
{
    (void)options;
    return build(&stub_y, cc, out);
}

const struct grebe_balancer_builder stub_x = {
    .api = GREBE_BALANCER_API,
    .name = "x",
    .build = build_x,
};
const struct grebe_balancer_builder stub_y = {
    .api = GREBE_BALANCER_API,
    .name = "y",
    .build = build_y,
};
