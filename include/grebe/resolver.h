/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/resolver.h -- how to write a resolver: a target in, endpoints out.
 *
 * A channel builds one resolver when it leaves idle mode and destroys it when it goes
 * back.  The resolver hands over what it finds with grebe_resolver_conn_update().
 *
 * Threading   Everything here runs on the channel's loop thread.  A resolver whose news comes
 *             from another thread is a manual resolver inside, which any thread may tell:
 *             grebe_manual_resolver_build(), in grebe/manual.h.
 * Re-entrancy update and report_error may be called from build() and resolve_now().
 *             resolve_now() is never called from inside an update.
 * Sources     grpc-go package resolver; gRPC name resolution; gRFC A61.
 */
#ifndef GREBE_RESOLVER_H
#define GREBE_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/attributes.h>
#include <grebe/endpoint.h>
#include <grebe/error.h>
#include <grebe/log.h>
#include <grebe/mem.h>
#include <grebe/status.h>

GREBE_BEGIN_DECLS

#define GREBE_RESOLVER_API 2

struct grebe_resolver;
struct grebe_resolver_conn; /* the channel, as a resolver sees it */

/* scheme://authority/path or scheme:opaque, taken apart.  All text is NUL-terminated and
 * never NULL. */
struct grebe_target {
    const char *text;      /* as the application wrote it */
    const char *scheme;    /* lower case */
    const char *authority; /* "" if none */
    const char *path;      /* decoded, with its leading '/'; "" if the target is opaque */
    const char *opaque;    /* not decoded; "" if there is a path */
    const char *query;     /* without '?'; "" if none */
    const char *endpoint;  /* path or opaque, without one leading '/' */
};

struct grebe_resolver_state {
    size_t struct_size;
    struct grebe_endpoint *const *endpoints; /* referenced by the channel as it needs */
    size_t n_endpoints;
    const char *service_config;       /* JSON text; NULL: none.  Copied */
    const char *service_config_error; /* why it could not be had; NULL: no error */
    const struct grebe_attributes *attributes;
    /* For `grebe resolve` and failure reports; 0 or NULL if unknown. */
    uint64_t ttl_ns;          /* how long the answer is good for; a TTL of 0 is 1 */
    uint64_t next_refresh_ns; /* when it will be asked for again, on the loop's clock */
    const char *source;       /* where it was found: "SRV, A", a path; NULL: not said */
};
#define GREBE_RESOLVER_STATE_INIT                                                        \
    {                                                                                    \
        sizeof(struct grebe_resolver_state), NULL, 0, NULL, NULL, NULL, 0, 0, NULL       \
    }

struct grebe_resolver_ops {
    /* A hint: now would be a good time.  Many may come; NULL: not interested. */
    void (*resolve_now)(struct grebe_resolver *resolver);
    /* Free it.  Never called from inside a function of its own. */
    void (*destroy)(struct grebe_resolver *resolver);
};

/* The first member of every resolver. */
struct grebe_resolver {
    const struct grebe_resolver_ops *ops;
    uint32_t api;
};

static inline void grebe_resolver_init(struct grebe_resolver *resolver,
                                       const struct grebe_resolver_ops *ops)
{
    resolver->ops = ops;
    resolver->api = GREBE_RESOLVER_API;
}

struct grebe_resolver_builder;

struct grebe_resolver_options {
    bool ignores_service_config; /* the channel will not look at it: do not ask */
    const struct grebe_resolver_builder
        *builder; /* itself: it may be part of an object */
    bool
        has_dialer; /* addresses are the application's business, whatever they look like */
};

struct grebe_resolver_builder {
    uint32_t api;       /* GREBE_RESOLVER_API */
    const char *scheme; /* lower case; static storage, or as long as it is referenced */
    /* `target` and `conn` outlive the resolver.  On failure `diag` says why; the channel
     * reports TRANSIENT_FAILURE with it. */
    int (*build)(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                 const struct grebe_resolver_options *options, struct grebe_diag *diag,
                 struct grebe_resolver **out);
    /* The channel's authority if it is not the endpoint: written to `buf` as snprintf()
     * does, the length it has returned.  NULL: it is the endpoint. */
    size_t (*authority)(const struct grebe_target *target, char *buf, size_t size);
    /* ---- Since API 2.  A channel counts among the users of its builder from its making
     * to its end.  Any thread; NULL: static storage. */
    void (*ref)(const struct grebe_resolver_builder *builder);
    void (*unref)(const struct grebe_resolver_builder *builder);
};

/* The endpoints as they are now.  GREBE_ERR_BAD_RESOLVER_STATE: the channel cannot use
 * this; try again with backoff until an update is accepted. */
GREBE_API int grebe_resolver_conn_update(struct grebe_resolver_conn *conn,
                                         const struct grebe_resolver_state *state);

/* Name resolution failed.  The channel keeps what it had. */
GREBE_API void grebe_resolver_conn_report_error(struct grebe_resolver_conn *conn,
                                                const struct grebe_status *status);

/* The channel's allocator, the time on its loop's clock, and its log. */
GREBE_API const struct grebe_mem *
grebe_resolver_conn_mem(const struct grebe_resolver_conn *conn);
GREBE_API uint64_t grebe_resolver_conn_now_ns(const struct grebe_resolver_conn *conn);
GREBE_API void grebe_resolver_conn_log(struct grebe_resolver_conn *conn,
                                       enum grebe_log_level level, const char *format,
                                       ...) GREBE_PRINTF(3, 4);

GREBE_END_DECLS

#endif
