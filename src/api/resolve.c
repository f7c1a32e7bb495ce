/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/resolve.h: a resolver with nobody but the application to listen to it. */
#include <grebe/resolve.h>

#include "base/diag.h"
#include "core/options.h"
#include "core/resolver_conn.h"
#include "io/loop.h"
#include "resolver/proxied.h"
#include "resolver/target.h"

struct grebe_resolver_watch {
    struct grebe_resolver_conn conn;
    struct grebe__dns_options dns;
    const struct grebe_mem *mem;
    struct grebe_loop *loop; /* a reference */
    struct grebe_target *target;
    const struct grebe_resolver_builder *builder; /* a reference */
    struct grebe__proxy proxy;                    /* if has_proxy */
    bool has_proxy, has_dialer;
    struct grebe_resolver *resolver;
    grebe_resolve_fn on_result;
    void *arg;
    struct grebe_diag *diag; /* while it is built */
    int result;              /* of that */
};

static struct grebe_resolver_watch *of(struct grebe_resolver_conn *conn)
{
    return grebe_container_of(conn, struct grebe_resolver_watch, conn);
}

static int on_update(struct grebe_resolver_conn *conn,
                     const struct grebe_resolver_state *state)
{
    struct grebe_resolver_watch *watch = of(conn);

    watch->on_result(watch->arg, state, NULL, watch->builder->scheme);
    /* What a balancer would say, so that the resolver asks again as it would then. */
    return state->n_endpoints == 0 ? GREBE_ERR_BAD_RESOLVER_STATE : GREBE_OK;
}

static void on_error(struct grebe_resolver_conn *conn, const struct grebe_status *status)
{
    struct grebe_resolver_watch *watch = of(conn);

    watch->on_result(watch->arg, NULL, status, watch->builder->scheme);
}

static const struct grebe_resolver_conn_ops conn_ops = {
    .update = on_update,
    .report_error = on_error,
};

static void free_watch(struct grebe_resolver_watch *watch)
{
    struct grebe_loop *loop = watch->loop;

    grebe__target_free(watch->mem, watch->target);
    grebe__resolver_builder_unref(watch->builder);
    if (watch->has_proxy)
        grebe__proxy_fini(&watch->proxy, watch->mem);
    grebe_mem_free(watch->mem, watch);
    grebe_loop_unref(loop);
}

static void build(void *arg)
{
    struct grebe_resolver_watch *watch = arg;
    const struct grebe_resolver_options options = {.has_dialer = watch->has_dialer};

    watch->result = grebe__resolver_build(
        watch->builder, watch->has_proxy ? &watch->proxy : NULL, watch->target,
        &watch->conn, options, watch->diag, &watch->resolver);
    if (watch->result == GREBE_OK)
        grebe__env_hold(watch->conn.env);
}

static int make(struct grebe_loop *loop, const char *target,
                const struct grebe_channel_options *given, struct grebe_diag *diag,
                grebe_resolve_fn on_result, void *arg, struct grebe_resolver_watch **out)
{
    struct grebe_channel_options options = grebe__channel_options_complete(given);
    struct grebe__target_options how = grebe__channel_options_target(&options);
    struct grebe_resolver_watch *watch = grebe_mem_zalloc(options.mem, sizeof *watch);
    int result;

    if (watch == NULL)
        return GREBE_ERR_NOMEM;
    watch->mem = options.mem;
    watch->loop = grebe_loop_ref(loop);
    watch->on_result = on_result;
    watch->arg = arg;
    watch->diag = diag;
    watch->has_dialer = options.dialer != NULL;
    watch->dns = grebe__channel_options_dns(&options);
    watch->conn = (struct grebe_resolver_conn){
        .ops = &conn_ops,
        .env = grebe__loop_env(loop),
        .mem = options.mem,
        .dns = &watch->dns,
        .on_log = options.on_log,
        .log_arg = options.log_arg,
    };
    result = grebe__target_parse(options.mem, target, &how, diag, &watch->target,
                                 &watch->builder);
    if (result == GREBE_OK)
        grebe__resolver_builder_ref(watch->builder);
    if (result == GREBE_OK)
        result = grebe__channel_options_proxy(&options, options.mem, diag, &watch->proxy,
                                              &watch->has_proxy);
    if (result == GREBE_OK)
        result = grebe__loop_call(loop, build, watch);
    if (result == GREBE_OK)
        result = watch->result;
    if (result != GREBE_OK) {
        free_watch(watch);
        return result;
    }
    *out = watch;
    return GREBE_OK;
}

int grebe_resolver_watch_new(struct grebe_loop *loop, const char *target,
                             const struct grebe_channel_options *options,
                             struct grebe_diag *diag, grebe_resolve_fn on_result,
                             void *arg, struct grebe_resolver_watch **out)
{
    struct grebe_diag why = {""};

    return grebe__diag_give(diag, &why,
                            make(loop, target, options, &why, on_result, arg, out));
}

uint64_t grebe_resolver_watch_next_ns(const struct grebe_resolver_watch *watch)
{
    return watch == NULL ? 0 : watch->conn.next_ns;
}

static void resolve_now(void *arg)
{
    struct grebe_resolver_watch *watch = arg;

    if (watch->resolver->ops->resolve_now != NULL)
        watch->resolver->ops->resolve_now(watch->resolver);
}

int grebe_resolver_watch_resolve_now(struct grebe_resolver_watch *watch)
{
    return grebe__loop_call(watch->loop, resolve_now, watch);
}

static void destroy(void *arg)
{
    struct grebe_resolver_watch *watch = arg;

    watch->resolver->ops->destroy(watch->resolver);
    grebe__env_release(watch->conn.env);
}

void grebe_resolver_watch_destroy(struct grebe_resolver_watch *watch)
{
    if (watch == NULL || grebe__loop_call(watch->loop, destroy, watch) != GREBE_OK)
        return;
    free_watch(watch);
}
