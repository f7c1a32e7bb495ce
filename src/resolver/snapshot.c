/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/snapshot.h"

#include "base/ref.h"
#include "core/options.h"

void grebe__snapshot_unref(struct grebe__snapshot *snapshot)
{
    const struct grebe_resolver_state *state;

    if (snapshot == NULL || !grebe__ref_put(&snapshot->refs))
        return;
    state = &snapshot->state;
    for (size_t i = 0; i < state->n_endpoints; i++)
        grebe_endpoint_unref(state->endpoints[i]);
    grebe_mem_free(snapshot->mem, (void *)(uintptr_t)state->endpoints);
    grebe_mem_free(snapshot->mem, (void *)(uintptr_t)state->service_config);
    grebe_mem_free(snapshot->mem, (void *)(uintptr_t)state->service_config_error);
    grebe_mem_free(snapshot->mem, (void *)(uintptr_t)state->source);
    grebe_attributes_unref(state->attributes);
    grebe__status_fini(&snapshot->error);
    grebe_mem_free(snapshot->mem, snapshot);
}

struct grebe__snapshot *grebe__snapshot_ref(struct grebe__snapshot *snapshot)
{
    if (snapshot != NULL)
        grebe__ref_get(&snapshot->refs);
    return snapshot;
}

static struct grebe__snapshot *new_snapshot(const struct grebe_mem *mem)
{
    struct grebe__snapshot *snapshot = grebe_mem_zalloc(mem, sizeof *snapshot);

    if (snapshot == NULL)
        return NULL;
    snapshot->mem = mem;
    snapshot->refs = 1;
    snapshot->state = (struct grebe_resolver_state)GREBE_RESOLVER_STATE_INIT;
    grebe__status_init(&snapshot->error, mem);
    return snapshot;
}

struct grebe__snapshot *grebe__snapshot_of_error(const struct grebe_mem *mem,
                                                 const struct grebe_status *status)
{
    struct grebe__snapshot *snapshot = new_snapshot(mem);

    if (snapshot == NULL)
        return NULL;
    snapshot->is_error = true;
    grebe__status_copy(&snapshot->error, status);
    return snapshot;
}

static bool copy_text(const struct grebe_mem *mem, const char *from, const char **out)
{
    *out = from == NULL ? NULL : grebe_mem_strdup(mem, from);
    return from == NULL || *out != NULL;
}

static bool copy_endpoints(const struct grebe_mem *mem,
                           const struct grebe_resolver_state *from,
                           struct grebe_resolver_state *out)
{
    struct grebe_endpoint **endpoints;

    if (from->n_endpoints == 0)
        return true;
    endpoints = grebe_mem_alloc(mem, from->n_endpoints * sizeof(struct grebe_endpoint *));
    if (endpoints == NULL)
        return false;
    for (size_t i = 0; i < from->n_endpoints; i++)
        endpoints[i] = grebe_endpoint_ref(from->endpoints[i]);
    out->endpoints = endpoints;
    out->n_endpoints = from->n_endpoints;
    return true;
}

struct grebe__snapshot *grebe__snapshot_of_state(const struct grebe_mem *mem,
                                                 const struct grebe_resolver_state *given)
{
    struct grebe_resolver_state from = grebe__resolver_state_complete(given), *to;
    struct grebe__snapshot *snapshot = new_snapshot(mem);

    if (snapshot == NULL)
        return NULL;
    to = &snapshot->state;
    to->attributes = grebe_attributes_ref(from.attributes);
    to->ttl_ns = from.ttl_ns;
    to->next_refresh_ns = from.next_refresh_ns;
    if (copy_endpoints(mem, &from, to) &&
        copy_text(mem, from.service_config, &to->service_config) &&
        copy_text(mem, from.service_config_error, &to->service_config_error) &&
        copy_text(mem, from.source, &to->source))
        return snapshot;
    grebe__snapshot_unref(snapshot);
    return NULL;
}
