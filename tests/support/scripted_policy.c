/* SPDX-License-Identifier: Apache-2.0 */
#include "support/scripted_policy.h"

#include <grebe/load_report.h>
#include <grebe/registry.h>

#include "support/test.h"

struct script script;

static void note_heard(char who)
{
    size_t length = strlen(script.heard);

    if (length + 1 < sizeof script.heard)
        script.heard[length] = who;
}

static void on_done(void *arg, const struct grebe_done_info *info)
{
    (void)arg;
    note_heard('d');
    script.n_done++;
    script.done_code = info->status->code;
    script.done_sent = info->bytes_sent;
    script.done_received = info->bytes_received;
    script.done_discarded = info->is_discarded;
    script.done_had_trailers = info->trailers != NULL;
    script.done_had_load = info->server_load != NULL;
    script.done_cpu = info->server_load == NULL ? 0 : info->server_load->cpu_utilization;
    script.done_latency_ns = info->latency_ns;
    script.done_headers_ns = info->headers_ns;
    script.done_streaming = info->is_streaming;
}

/* Parents hear what the policy itself hears. */
static void on_done_of_parent(void *arg, const struct grebe_done_info *info)
{
    const char *name = arg;

    note_heard(*name);
    if (*name == '0' && script.has_no_on_done)
        return;
    assert_int_equal(info->status->code, script.done_code);
    assert_int_equal(info->latency_ns, script.done_latency_ns);
    assert_int_equal(info->server_load != NULL, script.done_had_load);
}

static void listen_as_parents(struct grebe_pick *pick)
{
    static char names[] = "0123456789";

    for (uint32_t i = 0; i < script.n_parents; i++)
        if (!grebe_pick_listen(pick, on_done_of_parent, &names[i]))
            script.n_refused++;
}

static void scripted_pick(struct grebe_picker *picker, const struct grebe_pick_args *args,
                          struct grebe_pick *out)
{
    (void)picker;
    script.n_picks++;
    snprintf(script.picked_method, sizeof script.picked_method, "%s", args->method);
    script.picked_metadata = args->metadata;
    script.picked_deadline_ns = args->deadline_ns;
    script.picked_now_ns = args->now_ns;
    script.picked_random = args->random;
    out->kind = script.kind;
    out->status = script.no_status != NULL ? NULL : &script.status;
    out->metadata = script.metadata;
    out->wants_load_report = script.wants_load_report;
    out->on_done = script.has_no_on_done ? NULL : on_done;
    out->subconn = script.picks != NULL ? script.picks : script.subconn;
    if (script.picks_nothing)
        out->subconn = NULL;
    listen_as_parents(out);
}

static void scripted_picker_destroy(struct grebe_picker *picker)
{
    grebe_mem_free(NULL, picker);
}

static const struct grebe_picker_ops picker_ops = {
    .pick = scripted_pick,
    .destroy = scripted_picker_destroy,
};

void scripted_publish(struct channel_bench *b, enum grebe_connectivity state)
{
    struct grebe_picker *picker = grebe_mem_alloc(NULL, sizeof *picker);

    grebe_picker_init(picker, &picker_ops);
    if (script.api != 0)
        picker->api = script.api;
    if (b != NULL)
        grebe__env_enter(&b->sim.env);
    grebe_client_conn_update_state(script.cc, state, picker);
    if (b != NULL) {
        grebe__env_leave(&b->sim.env);
        sim_settle(&b->sim);
    }
}

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    (void)arg;
    (void)subconn;
    (void)error;
    if (state == GREBE_READY)
        scripted_publish(NULL, GREBE_READY);
}

static int scripted_update(struct grebe_balancer *base,
                           const struct grebe_balancer_update *update)
{
    struct grebe_address *address = grebe_endpoint_address(update->endpoints[0], 0);
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;

    (void)base;
    if (script.subconn != NULL)
        return GREBE_OK;
    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    assert_int_equal(grebe_client_conn_new_subconn(script.cc, &options, &script.subconn),
                     GREBE_OK);
    grebe_subconn_connect(script.subconn);
    return GREBE_OK;
}

static void scripted_error(struct grebe_balancer *base, const struct grebe_status *status)
{
    (void)base;
    (void)status;
}

static void scripted_destroy(struct grebe_balancer *base)
{
    script.subconn = NULL;
    grebe_mem_free(NULL, base);
}

static const struct grebe_balancer_ops scripted_ops = {
    .update = scripted_update,
    .resolver_error = scripted_error,
    .destroy = scripted_destroy,
};

static int scripted_build(struct grebe_client_conn *cc,
                          const struct grebe_build_options *options,
                          struct grebe_balancer **out)
{
    (void)options;
    *out = grebe_mem_alloc(NULL, sizeof **out);
    grebe_balancer_init(*out, &scripted_ops);
    script.cc = cc;
    return GREBE_OK;
}

static const struct grebe_balancer_builder scripted = {
    .api = GREBE_BALANCER_API,
    .name = "scripted",
    .build = scripted_build,
};

void scripted_register(void)
{
    assert_int_equal(grebe_balancer_register(&scripted), GREBE_OK);
}

void scripted_unregister(void)
{
    grebe_balancer_unregister(scripted.name);
}

void scripted_start(struct channel_bench *b, enum grebe_pick_kind kind)
{
    memset(&script, 0, sizeof script);
    script.kind = kind;
    script.status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "the picker says no");
    channel_bench_start(b, "{\"loadBalancingConfig\":[{\"scripted\":{}}]}");
    channel_bench_servers(b, "a");
    b->resolves_to = "a";
    channel_bench_connect(b);
}

struct sim_server *scripted_server(struct channel_bench *b)
{
    return sim_server_find(&b->sim, "a");
}
