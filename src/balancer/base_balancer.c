/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/base_balancer.h.
 *
 *   members    one for each subconn that has not said SHUTDOWN, oldest first
 *   by_address address -> member, for those still listed
 *
 * A member whose address is gone is shut down at once but counted until it says so.
 *
 * Source: grpc-go package balancer/base.
 */
#include <grebe/base_balancer.h>

#include <stdio.h>

#include <grebe/map.h>
#include <grebe/state_evaluator.h>

#include "base/list.h"
#include "base/options.h"

struct member {
    struct base_balancer *owner;
    struct grebe__list link;
    struct grebe_address *address; /* a reference */
    struct grebe_subconn *subconn; /* the library's, until SHUTDOWN */
    enum grebe_connectivity state; /* as counted: TRANSIENT_FAILURE lasts until READY */
    bool is_listed;                /* in the last update */
};

struct base_balancer {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    struct grebe_base_balancer_options options;
    void *picker_arg; /* the options' arg, or the configuration of the last update */
    struct grebe_address_map *by_address;
    struct grebe__list members;
    uint32_t n_members;
    struct grebe_state_evaluator states;
    enum grebe_connectivity state; /* of them all */
    struct grebe_picker *picker;   /* a reference: what serves now */
    char *connection_error;        /* the last, or NULL */
    char *resolver_error;          /* since the last good update, or NULL */
    struct grebe_timer *retry;     /* of building a picker, when memory was short */
};

static const uint64_t retry_ns = UINT64_C(1000000000);

static struct base_balancer *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct base_balancer, base);
}

static struct member *member_of(struct grebe__list *link)
{
    return grebe_container_of(link, struct member, link);
}

/* ---- Publishing ----------------------------------------------------------------------- */

static void keep_text(struct base_balancer *b, char **slot, const char *text)
{
    grebe_mem_free(b->mem, *slot);
    *slot = text == NULL ? NULL : grebe_mem_strdup(b->mem, text);
}

static struct grebe_picker *error_picker(const struct base_balancer *b)
{
    const char *connection = b->connection_error, *resolver = b->resolver_error;
    struct grebe_status status;
    char text[1024];

    snprintf(text, sizeof text, "%s%s%s%s%s",
             connection == NULL ? "" : "last connection error: ",
             connection == NULL ? "" : connection,
             connection != NULL && resolver != NULL ? "; " : "",
             resolver == NULL ? "" : "last resolver error: ",
             resolver == NULL ? "" : resolver);
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE,
                             text[0] == '\0' ? "out of memory" : text);
    return grebe_picker_failing(b->mem, &status);
}

/* NULL when out of memory. */
static struct grebe_picker *picker_over_ready(struct base_balancer *b)
{
    struct grebe_ready_subconn *ready =
        grebe_mem_alloc(b->mem, (b->n_members + 1) * sizeof *ready);
    struct grebe_picker *picker;
    size_t n = 0;

    if (ready == NULL)
        return NULL;
    grebe__list_foreach (link, &b->members) {
        const struct member *member = member_of(link);

        if (member->is_listed && member->state == GREBE_READY)
            ready[n++] = (struct grebe_ready_subconn){member->subconn, member->address};
    }
    picker = b->options.build_picker(b->picker_arg, b->cc, ready, n);
    grebe_mem_free(b->mem, ready);
    return picker;
}

static void rebuild_picker(struct base_balancer *b)
{
    struct grebe_picker *picker =
        b->state == GREBE_TRANSIENT_FAILURE ? error_picker(b) : picker_over_ready(b);

    if (picker == NULL) {
        grebe_client_conn_log(b->cc, GREBE_LOG_ERROR,
                              "out of memory: the last picker goes on serving");
        grebe_timer_start(b->retry, grebe_client_conn_now_ns(b->cc) + retry_ns);
        return;
    }
    grebe_timer_cancel(b->retry);
    grebe_picker_unref(b->picker);
    b->picker = picker;
}

static void publish(struct base_balancer *b)
{
    grebe_client_conn_update_state(b->cc, b->state, grebe_picker_ref(b->picker));
}

static void on_retry(void *arg)
{
    struct base_balancer *b = arg;

    rebuild_picker(b);
    publish(b);
}

/* ---- Subconns --------------------------------------------------------------------------- */

static void free_member(struct member *member)
{
    grebe__list_remove(&member->link);
    member->owner->n_members--;
    grebe_address_unref(member->address);
    grebe_mem_free(member->owner->mem, member);
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    struct member *member = arg;
    struct base_balancer *b = member->owner;
    enum grebe_connectivity before = member->state;

    if (state == GREBE_IDLE)
        grebe_subconn_connect(subconn);
    /* Many backends that are all down would otherwise always look like CONNECTING. */
    if (before == GREBE_TRANSIENT_FAILURE &&
        (state == GREBE_IDLE || state == GREBE_CONNECTING))
        return;
    if (state == GREBE_TRANSIENT_FAILURE && error != NULL)
        keep_text(b, &b->connection_error, error->message);
    member->state = state;
    b->state = grebe_state_evaluator_record(&b->states, before, state);
    if (state == GREBE_SHUTDOWN)
        free_member(member);
    if ((state == GREBE_READY) != (before == GREBE_READY) ||
        b->state == GREBE_TRANSIENT_FAILURE)
        rebuild_picker(b);
    publish(b);
}

static int add_member(struct base_balancer *b, struct grebe_address *address)
{
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct member *member = grebe_mem_alloc(b->mem, sizeof *member);
    int result;

    if (member == NULL)
        return GREBE_ERR_NOMEM;
    *member = (struct member){
        .owner = b,
        .address = grebe_address_ref(address),
        .state = GREBE_IDLE,
        .is_listed = true,
    };
    grebe__list_init(&member->link);
    grebe__list_append(&b->members, &member->link);
    b->n_members++;
    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    options.arg = member;
    options.wants_health_check = b->options.wants_health_check;
    result = grebe_address_map_put(b->by_address, address, member);
    if (result == GREBE_OK) {
        result = grebe_client_conn_new_subconn(b->cc, &options, &member->subconn);
        if (result != GREBE_OK)
            grebe_address_map_remove(b->by_address, address);
    }
    if (result != GREBE_OK) {
        free_member(member);
        return result;
    }
    grebe_state_evaluator_record(&b->states, GREBE_SHUTDOWN, GREBE_IDLE);
    grebe_subconn_connect(member->subconn);
    return GREBE_OK;
}

static void drop_member(struct base_balancer *b, struct member *member)
{
    grebe_address_map_remove(b->by_address, member->address);
    grebe_subconn_shutdown(member->subconn); /* its last state comes later */
}

/* ---- Balancer --------------------------------------------------------------------------- */

static void on_resolver_error(struct grebe_balancer *base,
                              const struct grebe_status *status)
{
    struct base_balancer *b = of(base);

    keep_text(b, &b->resolver_error, status->message);
    if (grebe_address_map_n(b->by_address) == 0)
        b->state = GREBE_TRANSIENT_FAILURE;
    if (b->state != GREBE_TRANSIENT_FAILURE)
        return;
    rebuild_picker(b);
    publish(b);
}

/* An address that cannot be added is left out: the others serve. */
static int add_listed(struct base_balancer *b, struct grebe_address *address)
{
    struct member *member = grebe_address_map_get(b->by_address, address);
    int result;

    if (member != NULL) {
        member->is_listed = true;
        return GREBE_OK;
    }
    result = add_member(b, address);
    if (result != GREBE_OK)
        grebe_client_conn_log(b->cc, GREBE_LOG_WARNING, "no subconn for %s: %s",
                              grebe_address_text(address), grebe_strerror(result));
    return result == GREBE_ERR_NOMEM ? result : GREBE_OK;
}

static int on_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct base_balancer *b = of(base);
    int result = GREBE_OK;

    keep_text(b, &b->resolver_error, NULL);
    if (b->options.gives_config)
        b->picker_arg = (void *)(uintptr_t)update->config;
    grebe__list_foreach (link, &b->members) {
        member_of(link)->is_listed = false;
    }
    for (size_t i = 0; i < update->n_endpoints; i++)
        for (size_t j = 0; j < grebe_endpoint_n_addresses(update->endpoints[i]); j++) {
            int of_one = add_listed(b, grebe_endpoint_address(update->endpoints[i], j));

            if (result == GREBE_OK)
                result = of_one;
        }
    grebe__list_foreach (link, &b->members) {
        struct member *member = member_of(link);

        if (!member->is_listed &&
            grebe_address_map_get(b->by_address, member->address) == member)
            drop_member(b, member);
    }
    if (grebe_address_map_n(b->by_address) == 0 && result == GREBE_OK) {
        const char *reason =
            grebe_attributes_get(update->attributes, &GREBE_ATTRIBUTE_REASON);
        struct grebe_status none =
            grebe_status_of(GREBE_STATUS_UNAVAILABLE,
                            reason == NULL ? "produced zero addresses" : reason);

        on_resolver_error(base, &none);
        return GREBE_ERR_BAD_RESOLVER_STATE;
    }
    rebuild_picker(b);
    publish(b);
    return result;
}

static void destroy(struct grebe_balancer *base)
{
    struct base_balancer *b = of(base);

    while (!grebe__list_is_empty(&b->members))
        free_member(member_of(b->members.next));
    grebe_address_map_free(b->by_address);
    grebe_timer_destroy(b->retry);
    grebe_picker_unref(b->picker);
    if (b->options.free_arg != NULL)
        b->options.free_arg(b->options.arg);
    grebe_mem_free(b->mem, b->connection_error);
    grebe_mem_free(b->mem, b->resolver_error);
    grebe_mem_free(b->mem, b);
}

static const struct grebe_balancer_ops ops = {
    .update = on_update,
    .resolver_error = on_resolver_error,
    .destroy = destroy,
};

int grebe_base_balancer_new(struct grebe_client_conn *cc,
                            const struct grebe_base_balancer_options *options,
                            struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct base_balancer *b;

    if (options->build_picker == NULL)
        return GREBE_ERR_INVALID;
    b = grebe_mem_zalloc(mem, sizeof *b);
    if (b == NULL)
        return GREBE_ERR_NOMEM;
    if (grebe_address_map_new(mem, &b->by_address) != GREBE_OK ||
        grebe_timer_new(cc, on_retry, b, &b->retry) != GREBE_OK) {
        grebe_address_map_free(b->by_address);
        grebe_mem_free(mem, b);
        return GREBE_ERR_NOMEM;
    }
    grebe_balancer_init(&b->base, &ops);
    b->cc = cc;
    b->mem = mem;
    grebe__options_read(&b->options, sizeof b->options, options);
    b->picker_arg = b->options.gives_config ? NULL : b->options.arg;
    grebe__list_init(&b->members);
    b->state = GREBE_CONNECTING;
    b->picker = grebe_picker_queueing();
    *out = &b->base;
    return GREBE_OK;
}
