/* SPDX-License-Identifier: Apache-2.0 */
/* lazy -- grebe/lazy.h.
 *
 * Before the child exists there is something `kept` for it, after that there is a `child`,
 * never both.  The child's client_conn answers nothing itself: it is as if the child stood
 * where the lazy policy stands.
 *
 * Source: grpc-go package balancer/lazy.
 */
#include <grebe/lazy.h>

#include <grebe/parent.h>

/* What the child will be told, in this order. */
struct kept {
    struct grebe_endpoint **endpoints; /* n references */
    size_t n;
    const struct grebe_attributes *attributes; /* a reference */
    const void *config;                        /* lives until the next update */
    bool has_update;
    char *error; /* of the resolver, after that update; NULL: none */
    int error_code;
};

struct lazy {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    const struct grebe_mem *mem;
    const struct grebe_balancer_builder *builder;
    struct grebe_client_conn *child; /* NULL: not built yet */
    struct kept kept;
    bool has_lost_update;      /* the last: there was no memory to keep it */
    struct grebe_timer *retry; /* of building it, when memory was short */
};

static const uint64_t retry_ns = UINT64_C(1000000000);

static struct lazy *of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct lazy, base);
}

/* ---- What is kept ----------------------------------------------------------------------- */

static void forget_error(struct lazy *lazy)
{
    grebe_mem_free(lazy->mem, lazy->kept.error);
    lazy->kept.error = NULL;
}

static void forget(struct lazy *lazy)
{
    for (size_t i = 0; i < lazy->kept.n; i++)
        grebe_endpoint_unref(lazy->kept.endpoints[i]);
    grebe_mem_free(lazy->mem, lazy->kept.endpoints);
    grebe_attributes_unref(lazy->kept.attributes);
    forget_error(lazy);
    lazy->kept = (struct kept){0};
}

/* A good update makes an earlier error a thing of the past.  Without memory for it nothing
 * is kept: the configuration of the one before is no longer ours to use. */
static int keep_update(struct lazy *lazy, const struct grebe_balancer_update *update)
{
    size_t n = update->n_endpoints;
    struct grebe_endpoint **endpoints =
        grebe_mem_alloc(lazy->mem, (n + 1) * sizeof *endpoints);

    forget(lazy);
    if (endpoints == NULL)
        return GREBE_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        endpoints[i] = grebe_endpoint_ref(update->endpoints[i]);
    lazy->kept = (struct kept){
        .endpoints = endpoints,
        .n = n,
        .attributes = grebe_attributes_ref(update->attributes),
        .config = update->config,
        .has_update = true,
    };
    return GREBE_OK;
}

static void keep_error(struct lazy *lazy, const struct grebe_status *status)
{
    forget_error(lazy);
    lazy->kept.error = grebe_mem_strdup(lazy->mem, status->message);
    lazy->kept.error_code = status->code;
}

/* ---- The child ------------------------------------------------------------------------------ */

/* GREBE_ERR_NOMEM, or GREBE_OK for all that the child will have to live with. */
static int tell_update(struct lazy *lazy)
{
    const struct grebe_balancer_update update = {
        .endpoints = lazy->kept.endpoints,
        .n_endpoints = lazy->kept.n,
        .attributes = lazy->kept.attributes,
        .config = lazy->kept.config,
    };
    int result;

    if (!lazy->kept.has_update)
        return GREBE_OK;
    result = grebe_client_conn_update(lazy->child, &update);
    if (result == GREBE_ERR_BAD_RESOLVER_STATE)
        grebe_client_conn_resolve_now(lazy->cc);
    else if (result != GREBE_OK)
        grebe_client_conn_log(lazy->cc, GREBE_LOG_WARNING,
                              "lazy: the update kept for %s is not taken: %s",
                              lazy->builder->name, grebe_strerror(result));
    return result == GREBE_ERR_NOMEM ? result : GREBE_OK;
}

static void tell_error(struct lazy *lazy)
{
    struct grebe_status status;

    if (lazy->kept.error == NULL)
        return;
    status = grebe_status_of(lazy->kept.error_code, lazy->kept.error);
    grebe_client_conn_resolver_error(lazy->child, &status);
}

static void publish_failure(struct lazy *lazy, int error)
{
    struct grebe_status status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, grebe_strerror(error));

    grebe_client_conn_update_state(lazy->cc, GREBE_TRANSIENT_FAILURE,
                                   grebe_picker_failing(lazy->mem, &status));
}

static int new_child(struct lazy *lazy)
{
    static const struct grebe_client_conn_ops passed_on = {0};
    int result = grebe_client_conn_new_child(lazy->cc, &passed_on, lazy, &lazy->child);

    if (result != GREBE_OK)
        return result;
    result = grebe_client_conn_build(lazy->child, lazy->builder);
    if (result == GREBE_OK)
        result = tell_update(lazy);
    if (result != GREBE_OK)
        grebe_client_conn_close(lazy->child);
    return result;
}

/* Without memory for it now, the next wish tries again, or, if none comes, a timer: calls
 * that wait ask once for each picker. */
static void build_child(struct lazy *lazy)
{
    int result;

    if (lazy->has_lost_update)
        return; /* see keep_or_fail() */
    result = new_child(lazy);
    if (result != GREBE_OK) {
        lazy->child = NULL;
        publish_failure(lazy, result);
        grebe_timer_start(lazy->retry, grebe_client_conn_now_ns(lazy->cc) + retry_ns);
        return;
    }
    grebe_timer_cancel(lazy->retry);
    tell_error(lazy);
    forget(lazy);
}

static void on_retry(void *arg)
{
    struct lazy *lazy = arg;

    if (lazy->child == NULL)
        build_child(lazy);
}

/* ---- The picker before there is a child ----------------------------------------------------- */

struct waking_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    struct grebe_client_conn *cc; /* a reference */
    uint32_t has_asked;           /* atomic */
};

static void wake(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct waking_picker *picker = grebe_container_of(base, struct waking_picker, base);

    (void)args;
    out->kind = GREBE_PICK_QUEUE;
    if (__atomic_exchange_n(&picker->has_asked, 1, __ATOMIC_RELAXED) == 0)
        grebe_client_conn_request_exit_idle(picker->cc);
}

static void free_picker(struct grebe_picker *base)
{
    struct waking_picker *picker = grebe_container_of(base, struct waking_picker, base);
    const struct grebe_mem *mem = picker->mem;

    grebe_client_conn_unref(picker->cc);
    grebe_mem_free(mem, picker);
}

static const struct grebe_picker_ops waking_ops = {.pick = wake, .destroy = free_picker};

static struct grebe_picker *new_waking_picker(struct lazy *lazy)
{
    struct waking_picker *picker = grebe_mem_zalloc(lazy->mem, sizeof *picker);

    if (picker == NULL)
        return NULL;
    grebe_picker_init(&picker->base, &waking_ops);
    picker->mem = lazy->mem;
    picker->cc = grebe_client_conn_ref(lazy->cc);
    return &picker->base;
}

/* ---- Balancer --------------------------------------------------------------------------------- */

/* A child without its update would have calls wait for ever: they fail until there is
 * another, and the child, whose turn may have come meanwhile, is built with that. */
static int keep_or_fail(struct lazy *lazy, const struct grebe_balancer_update *update)
{
    bool is_late = lazy->has_lost_update;
    int result = keep_update(lazy, update);

    lazy->has_lost_update = result != GREBE_OK;
    if (lazy->has_lost_update)
        publish_failure(lazy, result);
    else if (is_late)
        build_child(lazy);
    return result;
}

static int on_update(struct grebe_balancer *base,
                     const struct grebe_balancer_update *update)
{
    struct lazy *lazy = of(base);

    return lazy->child == NULL ? keep_or_fail(lazy, update)
                               : grebe_client_conn_update(lazy->child, update);
}

static void on_resolver_error(struct grebe_balancer *base,
                              const struct grebe_status *status)
{
    struct lazy *lazy = of(base);

    if (lazy->child == NULL)
        keep_error(lazy, status);
    else
        grebe_client_conn_resolver_error(lazy->child, status);
}

static void on_exit_idle(struct grebe_balancer *base)
{
    struct lazy *lazy = of(base);

    if (lazy->child == NULL)
        build_child(lazy);
    else
        grebe_client_conn_exit_idle(lazy->child);
}

static void destroy(struct grebe_balancer *base)
{
    struct lazy *lazy = of(base);

    grebe_client_conn_close(lazy->child);
    grebe_timer_destroy(lazy->retry);
    forget(lazy);
    grebe_mem_free(lazy->mem, lazy);
}

static const struct grebe_balancer_ops lazy_ops = {
    .update = on_update,
    .resolver_error = on_resolver_error,
    .exit_idle = on_exit_idle,
    .destroy = destroy,
};

int grebe_lazy_new(struct grebe_client_conn *cc,
                   const struct grebe_balancer_builder *child,
                   struct grebe_balancer **out)
{
    const struct grebe_mem *mem = grebe_client_conn_mem(cc);
    struct lazy *lazy = grebe_mem_zalloc(mem, sizeof *lazy);
    struct grebe_picker *picker = NULL;

    if (lazy == NULL)
        return GREBE_ERR_NOMEM;
    grebe_balancer_init(&lazy->base, &lazy_ops);
    lazy->cc = cc;
    lazy->mem = mem;
    lazy->builder = child;
    if (grebe_timer_new(cc, on_retry, lazy, &lazy->retry) == GREBE_OK)
        picker = new_waking_picker(lazy);
    if (picker == NULL) {
        grebe_timer_destroy(lazy->retry);
        grebe_mem_free(mem, lazy);
        return GREBE_ERR_NOMEM;
    }
    grebe_client_conn_update_state(cc, GREBE_IDLE, picker);
    *out = &lazy->base;
    return GREBE_OK;
}
