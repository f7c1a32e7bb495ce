/* SPDX-License-Identifier: Apache-2.0 */
#include "support/witness_policy.h"

#include "base/text.h"
#include "support/test.h"

struct witness witness;

struct instance {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
};

const char *witness_seen(void)
{
    static char buf[8192];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);

    for (uint32_t i = 0; i < witness.n; i++)
        grebe__text_printf(&text, "%s%s", i > 0 ? " " : "", witness.addresses[i]);
    return buf;
}

static int parse(const struct grebe_json *json, struct grebe_diag *diag, void **out)
{
    int64_t *wait_ns = grebe_mem_alloc(NULL, sizeof *wait_ns);
    int result;

    *wait_ns = (int64_t)(10 * SECOND);
    result = grebe_json_get_duration(json, "wait", wait_ns, diag);
    *out = wait_ns;
    if (result != GREBE_OK)
        grebe_mem_free(NULL, wait_ns);
    return result;
}

static void free_config(void *config)
{
    grebe_mem_free(NULL, config);
}

static void note_attributes(const struct grebe_attributes *attributes)
{
    const char *locality =
        grebe_attributes_get(attributes, &GREBE_ATTRIBUTE_LOCALITY_NAME);

    witness.wants_health =
        grebe_attributes_has(attributes, &GREBE_ATTRIBUTE_HEALTH_LISTENER);
    snprintf(witness.locality_name, sizeof witness.locality_name, "%s",
             locality == NULL ? "" : locality);
}

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    struct instance *instance = grebe_container_of(base, struct instance, base);
    struct grebe_status seen = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "seen");

    witness.n_updates++;
    witness.n = witness.n_addresses = 0;
    for (size_t i = 0; i < update->n_endpoints; i++) {
        assert_true(witness.n < WITNESS_ADDRESSES);
        witness.n_addresses += (uint32_t)grebe_endpoint_n_addresses(update->endpoints[i]);
        snprintf(witness.addresses[witness.n++], sizeof witness.addresses[0], "%s",
                 grebe_address_text(grebe_endpoint_address(update->endpoints[i], 0)));
    }
    note_attributes(update->attributes);
    if (update->config != NULL)
        witness.wait_ns = *(const int64_t *)update->config;
    grebe_client_conn_update_state(
        instance->cc, GREBE_READY,
        grebe_picker_failing(grebe_client_conn_mem(instance->cc), &seen));
    return update->n_endpoints == 0 ? GREBE_ERR_BAD_RESOLVER_STATE : GREBE_OK;
}

static void resolver_error(struct grebe_balancer *base, const struct grebe_status *status)
{
    (void)base, (void)status;
    witness.n_errors++;
}

static void exit_idle(struct grebe_balancer *base)
{
    (void)base;
    witness.n_exit_idle++;
}

static void destroy(struct grebe_balancer *base)
{
    struct instance *instance = grebe_container_of(base, struct instance, base);

    grebe_mem_free(grebe_client_conn_mem(instance->cc), instance);
}

static const struct grebe_balancer_ops ops = {
    .update = update,
    .resolver_error = resolver_error,
    .exit_idle = exit_idle,
    .destroy = destroy,
};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct instance *instance =
        grebe_mem_alloc(grebe_client_conn_mem(cc), sizeof *instance);

    (void)options;
    if (instance == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&instance->base, &ops);
    instance->cc = cc;
    *out = &instance->base;
    return GREBE_OK;
}

const struct grebe_balancer_builder witness_policy = {
    .api = GREBE_BALANCER_API,
    .name = "witness",
    .parse_config = parse,
    .free_config = free_config,
    .build = build,
};
