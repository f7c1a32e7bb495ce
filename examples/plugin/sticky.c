/* SPDX-License-Identifier: Apache-2.0 */
/* sticky.c -- a policy in a shared object: the calls of a session go to one backend.
 *
 *     cc -shared -fPIC sticky.c -o sticky.so $(pkg-config --cflags grebe)
 *
 *     {"loadBalancingConfig": [{"sticky": {"header": "session-id"}}]}
 *
 * The session's hash says which READY backend; calls without a session go anywhere.  When
 * a backend comes or goes most sessions move: ring_hash is for those who mind.
 */
#include <stdlib.h>
#include <string.h>

#include <grebe/base_balancer.h>
#include <grebe/plugin.h>

/* Whatever a picker needs is its own, for it may outlive the balancer. */
struct sticky_picker {
    struct grebe_picker base;
    char *header;
    size_t n;
    struct grebe_subconn *subconns[]; /* n references */
};

static uint64_t hash(const char *bytes, size_t length) /* FNV-1a */
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return h;
}

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    struct sticky_picker *picker = (struct sticky_picker *)base;
    const struct grebe_metadata_entry *session =
        grebe_metadata_get(args->metadata, picker->header);
    uint64_t key =
        session == NULL ? args->random : hash(session->value, session->value_length);

    if (picker->n == 0)
        return; /* nobody is READY: `out` says QUEUE already */
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = picker->subconns[key % picker->n];
}

static void destroy(struct grebe_picker *base)
{
    struct sticky_picker *picker = (struct sticky_picker *)base;

    for (size_t i = 0; i < picker->n; i++)
        grebe_subconn_unref(picker->subconns[i]);
    free(picker->header);
    free(picker);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick, .destroy = destroy};

/* NULL when out of memory: the picker we have goes on serving. */
static struct grebe_picker *build_picker(void *config, struct grebe_client_conn *cc,
                                         const struct grebe_ready_subconn *ready,
                                         size_t n)
{
    struct sticky_picker *made =
        malloc(sizeof *made + n * sizeof(struct grebe_subconn *));

    (void)cc;
    if (made == NULL)
        return NULL;
    grebe_picker_init(&made->base, &picker_ops);
    made->header = strdup(config == NULL ? "session-id" : config);
    for (made->n = 0; made->n < n; made->n++)
        made->subconns[made->n] = grebe_subconn_ref(ready[made->n].subconn);
    if (made->header != NULL)
        return &made->base;
    destroy(&made->base);
    return NULL;
}

static int parse_config(const struct grebe_json *json, struct grebe_diag *diag,
                        void **out)
{
    const char *header = "session-id";
    int result = grebe_json_get_string(json, "header", &header, diag);

    if (result == GREBE_OK && (*out = strdup(header)) == NULL)
        result = GREBE_ERR_NOMEM;
    return result;
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct grebe_base_balancer_options base = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)options;
    base.build_picker = build_picker;
    base.gives_config = true;
    return grebe_base_balancer_new(cc, &base, out);
}

static const struct grebe_balancer_builder sticky = {
    .api = GREBE_BALANCER_API,
    .name = "sticky",
    .parse_config = parse_config,
    .free_config = free,
    .build = build,
};
static const struct grebe_balancer_builder *const balancers[] = {&sticky, NULL};
static const struct grebe_plugin plugin = {
    .api = GREBE_PLUGIN_API, .name = "sticky", .balancers = balancers};

const struct grebe_plugin *grebe_plugin_entry(uint32_t host_api)
{
    return host_api >= GREBE_PLUGIN_API ? &plugin : NULL;
}
