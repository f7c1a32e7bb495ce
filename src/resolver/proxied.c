/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/proxied.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/endpoint.h"
#include "base/text.h"
#include "core/env.h"
#include "core/hop.h"
#include "core/resolver_conn.h"
#include "resolver/dns.h"
#include "resolver/endpoint_list.h"
#include "resolver/host_port.h"
#include "resolver/snapshot.h"
#include "resolver/target.h"

enum {
    MAX_HOPS = 16, /* addresses of the proxy: no more are of use */
    ADDRESS_BYTES = 320,
};

/* A resolver and where it tells what it finds. */
struct side {
    struct grebe_resolver_conn conn;
    struct grebe_resolver *resolver; /* NULL: there is none, or it is being built */
    bool is_wanted;                  /* to look again, when this turn is over */
};

struct proxied {
    struct grebe_resolver base;
    const struct grebe__proxy *proxy;
    struct grebe_resolver_conn *conn;
    const struct grebe_mem *mem;
    struct side target, through;
    struct grebe__snapshot *known;     /* of the target; NULL: nothing yet */
    struct grebe__dns_options dns;     /* for `through` */
    struct grebe_target *proxy_target; /* likewise; NULL: not needed so far */
    bool is_building;                  /* `through` */
    struct grebe__hop *hops[MAX_HOPS]; /* n_hops references */
    size_t n_hops;
    struct grebe__effect nudge; /* asks the sides that are wanted */
    char source[160];
};

/* ---- Which addresses go through the proxy ---------------------------------------------- */

/* What is not host and port is left to the connector as it is. */
static bool is_spared(const struct grebe__proxy *proxy,
                      const struct grebe_address *address)
{
    const char *text = grebe_address_text(address);
    struct grebe__host_port parts;

    return grebe__address_is_local(address) ||
           grebe__host_port_split(text, strlen(text), "443", &parts) != NULL ||
           grebe__proxy_spares(proxy, parts.host, parts.host_length, parts.port,
                               parts.port_length);
}

static bool needs_proxy(const struct grebe__proxy *proxy,
                        const struct grebe_resolver_state *state)
{
    for (size_t i = 0; i < state->n_endpoints; i++)
        for (size_t k = 0; k < grebe_endpoint_n_addresses(state->endpoints[i]); k++)
            if (!is_spared(proxy, grebe_endpoint_address(state->endpoints[i], k)))
                return true;
    return false;
}

/* ---- Both sides together ------------------------------------------------------------------ */

/* `from`, reached through `hop`.  *out is the caller's to unref. */
static int add_hop(const struct proxied *p, struct grebe_address *from,
                   struct grebe__hop *hop, struct grebe_address **out)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    const struct grebe_attributes *attributes;
    int error = grebe_attributes_with(p->mem, grebe_address_attributes(from),
                                      &grebe__attribute_hop, hop, &attributes);

    if (error != GREBE_OK)
        return error;
    options.server_name = grebe_address_server_name(from);
    options.attributes = attributes;
    options.balancer_attributes = grebe_address_balancer_attributes(from);
    error = grebe_address_new(p->mem, grebe_address_text(from), &options, out);
    grebe_attributes_unref(attributes);
    return error;
}

/* The addresses of an endpoint, with all hops in turn; n of them in `out`, which has room
 * and gets references.  Those that are spared come once. */
static int add_hops(const struct proxied *p, const struct grebe_endpoint *endpoint,
                    struct grebe_address **out, size_t *n)
{
    for (size_t i = 0; i < p->n_hops; i++) {
        for (size_t k = 0; k < grebe_endpoint_n_addresses(endpoint); k++) {
            struct grebe_address *address = grebe_endpoint_address(endpoint, k);
            bool is_plain = is_spared(p->proxy, address);
            int error = GREBE_OK;

            if (is_plain && i == 0)
                out[(*n)++] = grebe_address_ref(address);
            else if (!is_plain)
                error = add_hop(p, address, p->hops[i], &out[*n]);
            if (error != GREBE_OK)
                return error;
            if (!is_plain)
                ++*n;
        }
    }
    return GREBE_OK;
}

static int add_endpoint(const struct proxied *p, struct grebe__endpoint_list *list,
                        const struct grebe_endpoint *endpoint)
{
    size_t room = grebe_endpoint_n_addresses(endpoint) * p->n_hops, n = 0;
    struct grebe_address **addresses =
        grebe_mem_alloc(p->mem, (room + 1) * sizeof(struct grebe_address *));
    int error = GREBE_ERR_NOMEM;

    if (addresses != NULL)
        error = add_hops(p, endpoint, addresses, &n);
    if (error == GREBE_OK)
        error = grebe__endpoint_list_add_endpoint(list, addresses, n,
                                                  grebe_endpoint_attributes(endpoint));
    while (n > 0)
        grebe_address_unref(addresses[--n]);
    grebe_mem_free(p->mem, addresses);
    return error;
}

static void want(struct proxied *p, struct side *side)
{
    side->is_wanted = true;
    grebe__env_do(grebe__resolver_conn_env(p->conn), &p->nudge);
}

/* Tells the channel if there is something to tell.  `other` is asked to look again if the
 * channel cannot use it. */
static int publish(struct proxied *p, struct side *other)
{
    struct grebe_resolver_state state;
    struct grebe__endpoint_list list;
    int error = GREBE_OK;

    if (p->known == NULL || p->n_hops == 0)
        return GREBE_OK;
    state = p->known->state;
    grebe__endpoint_list_init(&list, p->mem);
    for (size_t i = 0; i < state.n_endpoints && error == GREBE_OK; i++)
        error = add_endpoint(p, &list, state.endpoints[i]);
    snprintf(p->source, sizeof p->source, "%.60s%sproxy %.80s",
             state.source == NULL ? "" : state.source, state.source == NULL ? "" : ", ",
             p->proxy->address);
    state.endpoints = list.endpoints;
    state.n_endpoints = list.n;
    state.source = p->source;
    if (error == GREBE_OK)
        error = grebe_resolver_conn_update(p->conn, &state);
    grebe__endpoint_list_fini(&list);
    if (error == GREBE_ERR_BAD_RESOLVER_STATE)
        want(p, other);
    return error;
}

/* ---- The proxy's side ----------------------------------------------------------------------- */

static struct proxied *of_through(struct grebe_resolver_conn *conn)
{
    return grebe_container_of(conn, struct proxied, through.conn);
}

static void drop_hops(struct proxied *p)
{
    while (p->n_hops > 0)
        grebe__hop_unref(p->hops[--p->n_hops]);
}

static void report_through(struct proxied *p, int code, const char *format, ...)
    GREBE_PRINTF(3, 4);

static void report_through(struct proxied *p, int code, const char *format, ...)
{
    struct grebe_status status;
    char text[600];
    struct grebe__text line = grebe__text_init(text, sizeof text);
    char why[512];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    grebe__text_printf(&line, "proxy %s: %s", p->proxy->address, why);
    status = grebe_status_of(code, text);
    p->conn->next_ns = p->through.conn.next_ns;
    grebe_resolver_conn_report_error(p->conn, &status);
}

/* The hops there are stay if there is no memory for others. */
static int take_hops(struct proxied *p, const struct grebe_resolver_state *state)
{
    struct grebe__hop *made[MAX_HOPS];
    size_t n = 0;
    int error = GREBE_OK;

    for (size_t i = 0; i < state->n_endpoints && n < MAX_HOPS && error == GREBE_OK; i++) {
        const struct grebe_address *address =
            grebe_endpoint_address(state->endpoints[i], 0);

        error = grebe__hop_new(p->mem, grebe_address_text(address),
                               p->proxy->authorization, &made[n]);
        n += error == GREBE_OK;
    }
    if (error != GREBE_OK) {
        while (n > 0)
            grebe__hop_unref(made[--n]);
        return error;
    }
    drop_hops(p);
    memcpy(p->hops, made, n * sizeof made[0]);
    p->n_hops = n;
    return GREBE_OK;
}

static int on_through_update(struct grebe_resolver_conn *conn,
                             const struct grebe_resolver_state *state)
{
    const char *reason = grebe_attributes_get(state->attributes, &GREBE_ATTRIBUTE_REASON);
    struct proxied *p = of_through(conn);
    int error;

    if (state->n_endpoints == 0) {
        report_through(p, GREBE_STATUS_UNAVAILABLE, "%s",
                       reason == NULL ? "no address" : reason);
        return GREBE_ERR_BAD_RESOLVER_STATE;
    }
    error = take_hops(p, state);
    if (error != GREBE_OK || p->is_building)
        return error;
    return publish(p, &p->target);
}

static void on_through_error(struct grebe_resolver_conn *conn,
                             const struct grebe_status *status)
{
    report_through(of_through(conn), status->code, "%s", status->message);
}

static const struct grebe_resolver_conn_ops through_ops = {
    .update = on_through_update,
    .report_error = on_through_error,
};

static int parse_proxy_target(struct proxied *p)
{
    const struct grebe__target_options options = {0};
    const struct grebe_resolver_builder *builder;
    char text[ADDRESS_BYTES + sizeof "dns:///"];

    snprintf(text, sizeof text, "dns:///%s", p->proxy->address);
    return grebe__target_parse(p->mem, text, &options, NULL, &p->proxy_target, &builder);
}

/* Once the proxy is needed.  Nothing is published meanwhile. */
static int start_through(struct proxied *p)
{
    const struct grebe_resolver_options options = {.ignores_service_config = true,
                                                   .builder = &grebe__dns_resolver};
    int error = GREBE_OK;

    if (p->through.resolver != NULL)
        return GREBE_OK;
    if (p->proxy_target == NULL)
        error = parse_proxy_target(p);
    if (error != GREBE_OK)
        return error;
    p->is_building = true;
    error = grebe__dns_resolver.build(p->proxy_target, &p->through.conn, &options, NULL,
                                      &p->through.resolver);
    p->is_building = false;
    return error;
}

/* ---- The target's side ------------------------------------------------------------------------ */

static struct proxied *of_target(struct grebe_resolver_conn *conn)
{
    return grebe_container_of(conn, struct proxied, target.conn);
}

static int take_state(struct proxied *p, const struct grebe_resolver_state *state)
{
    struct grebe__snapshot *made = grebe__snapshot_of_state(p->mem, state);

    if (made == NULL)
        return GREBE_ERR_NOMEM;
    grebe__snapshot_unref(p->known);
    p->known = made;
    return GREBE_OK;
}

/* What needs no proxy does not wait for it. */
static int use_state(struct proxied *p, const struct grebe_resolver_state *state)
{
    int error;

    if (!needs_proxy(p->proxy, state)) {
        grebe__snapshot_unref(p->known);
        p->known = NULL;
        return grebe_resolver_conn_update(p->conn, state);
    }
    error = take_state(p, state);
    if (error == GREBE_OK)
        error = start_through(p);
    return error == GREBE_OK ? publish(p, &p->through) : error;
}

static int on_target_update(struct grebe_resolver_conn *conn,
                            const struct grebe_resolver_state *state)
{
    return use_state(of_target(conn), state);
}

static void on_target_error(struct grebe_resolver_conn *conn,
                            const struct grebe_status *status)
{
    struct proxied *p = of_target(conn);

    p->conn->next_ns = conn->next_ns;
    grebe_resolver_conn_report_error(p->conn, status);
}

static const struct grebe_resolver_conn_ops target_ops = {
    .update = on_target_update,
    .report_error = on_target_error,
};

/* ---- Life ---------------------------------------------------------------------------------------- */

static void resolve(struct side *side)
{
    side->is_wanted = false;
    if (side->resolver != NULL && side->resolver->ops->resolve_now != NULL)
        side->resolver->ops->resolve_now(side->resolver);
}

static void run_nudge(struct grebe__effect *effect)
{
    struct proxied *p = grebe_container_of(effect, struct proxied, nudge);

    if (p->target.is_wanted)
        resolve(&p->target);
    if (p->through.is_wanted)
        resolve(&p->through);
}

static void resolve_now(struct grebe_resolver *base)
{
    struct proxied *p = grebe_container_of(base, struct proxied, base);

    resolve(&p->target);
    resolve(&p->through);
}

static void destroy_side(struct side *side)
{
    if (side->resolver != NULL)
        side->resolver->ops->destroy(side->resolver);
}

static void destroy(struct grebe_resolver *base)
{
    struct proxied *p = grebe_container_of(base, struct proxied, base);

    grebe__effect_cancel(&p->nudge);
    destroy_side(&p->target);
    destroy_side(&p->through);
    grebe__snapshot_unref(p->known);
    drop_hops(p);
    grebe__target_free(p->mem, p->proxy_target);
    grebe_mem_free(p->mem, p);
}

static const struct grebe_resolver_ops ops = {
    .resolve_now = resolve_now,
    .destroy = destroy,
};

static struct proxied *new_proxied(const struct grebe__proxy *proxy,
                                   struct grebe_resolver_conn *conn)
{
    const struct grebe_mem *mem = grebe_resolver_conn_mem(conn);
    struct proxied *p = grebe_mem_zalloc(mem, sizeof *p);

    if (p == NULL)
        return NULL;
    grebe_resolver_init(&p->base, &ops);
    p->proxy = proxy;
    p->conn = conn;
    p->mem = mem;
    p->target.conn = *conn;
    p->target.conn.ops = &target_ops;
    p->through.conn = *conn;
    p->through.conn.ops = &through_ops;
    p->dns = *grebe__resolver_conn_dns(conn);
    p->dns.ignores_srv = true;
    p->dns.accepts_empty = false;
    p->dns.wants_balancers = false;
    p->through.conn.dns = &p->dns;
    grebe__effect_init(&p->nudge, run_nudge);
    return p;
}

/* One endpoint, whose name the proxy will look up. */
static int use_name(struct proxied *p, const struct grebe__host_port *name)
{
    struct grebe_resolver_state state = GREBE_RESOLVER_STATE_INIT;
    struct grebe__endpoint_list list;
    char address[ADDRESS_BYTES];
    int error;

    grebe__host_port_join(name, address, sizeof address);
    grebe__endpoint_list_init(&list, p->mem);
    error = grebe__endpoint_list_add(&list, address, NULL);
    state.endpoints = list.endpoints;
    state.n_endpoints = list.n;
    if (error == GREBE_OK)
        error = use_state(p, &state);
    grebe__endpoint_list_fini(&list);
    return error == GREBE_ERR_BAD_RESOLVER_STATE ? GREBE_OK : error;
}

/* The name in a target for the DNS.  Errors are worded as its resolver words them. */
static int split_name(const char *text, struct grebe_diag *diag,
                      struct grebe__host_port *out)
{
    const char *flaw = grebe__host_port_split(text, strlen(text), "443", out);

    if (flaw == NULL && out->host_length + out->port_length > 300)
        flaw = "invalid target address, name is too long";
    if (flaw == NULL)
        return GREBE_OK;
    if (text[0] == '\0')
        grebe_diag_set(diag, "dns resolver: %s", flaw);
    else
        grebe__diag_quote(diag, text, strlen(text), "dns resolver: %s", flaw);
    return GREBE_ERR_TARGET;
}

int grebe__resolver_build(const struct grebe_resolver_builder *builder,
                          const struct grebe__proxy *proxy,
                          const struct grebe_target *target,
                          struct grebe_resolver_conn *conn,
                          struct grebe_resolver_options options, struct grebe_diag *diag,
                          struct grebe_resolver **out)
{
    bool is_name =
        builder == &grebe__dns_resolver && (!grebe__dns_is_service(target->endpoint) ||
                                            grebe__resolver_conn_dns(conn)->ignores_srv);
    struct grebe__host_port name;
    struct proxied *p;
    int error = GREBE_OK;

    options.builder = builder;
    if (proxy != NULL && is_name)
        error = split_name(target->endpoint, diag, &name);
    if (error != GREBE_OK)
        return error;
    if (proxy == NULL ||
        (is_name && grebe__proxy_spares(proxy, name.host, name.host_length, name.port,
                                        name.port_length)))
        return builder->build(target, conn, &options, diag, out);
    p = new_proxied(proxy, conn);
    if (p == NULL)
        return GREBE_ERR_NOMEM;
    if (is_name && !proxy->resolves_here)
        error = use_name(p, &name);
    else
        error =
            builder->build(target, &p->target.conn, &options, diag, &p->target.resolver);
    if (error == GREBE_OK)
        *out = &p->base;
    else
        destroy(&p->base);
    return error;
}
