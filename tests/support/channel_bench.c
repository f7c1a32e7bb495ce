/* SPDX-License-Identifier: Apache-2.0 */
#include "support/channel_bench.h"

#include <grebe/explain.h>

#include "support/endpoint_word.h"
#include "support/test.h"

/* ---- The manual resolver ---------------------------------------------------------------- */

struct manual {
    struct grebe_resolver base;
    struct channel_bench *bench;
};

/* Builders are static, and a test has one channel at a time. */
static struct channel_bench *current;

static void manual_resolve_now(struct grebe_resolver *base)
{
    struct channel_bench *bench = grebe_container_of(base, struct manual, base)->bench;

    bench->n_resolve_now++;
    if (bench->on_resolve_now != NULL)
        bench->on_resolve_now(bench);
}

static void manual_destroy(struct grebe_resolver *base)
{
    struct manual *manual = grebe_container_of(base, struct manual, base);

    manual->bench->conn = NULL;
    grebe_mem_free(NULL, manual);
}

static const struct grebe_resolver_ops manual_ops = {
    .resolve_now = manual_resolve_now,
    .destroy = manual_destroy,
};

static int manual_build(const struct grebe_target *target,
                        struct grebe_resolver_conn *conn,
                        const struct grebe_resolver_options *options,
                        struct grebe_diag *diag, struct grebe_resolver **out)
{
    struct channel_bench *bench = current;
    struct manual *manual;

    (void)target;
    bench->n_builds++;
    bench->is_told_of_no_config = options->ignores_service_config;
    if (bench->build_error != NULL) {
        grebe_diag_set(diag, "%s", bench->build_error);
        return GREBE_ERR_TARGET;
    }
    manual = grebe_mem_alloc(NULL, sizeof *manual);
    grebe_resolver_init(&manual->base, &manual_ops);
    manual->bench = bench;
    bench->conn = conn;
    *out = &manual->base;
    if (bench->resolves_to != NULL)
        bench->inline_result = channel_bench_resolve(bench, bench->resolves_to);
    return GREBE_OK;
}

static const struct grebe_resolver_builder manual_builder = {
    .api = GREBE_RESOLVER_API,
    .scheme = "manual",
    .build = manual_build,
};
static const struct grebe_resolver_builder *const resolvers[] = {&manual_builder};

/* ---- Life ---------------------------------------------------------------------------------- */

static void append(char *text, const char *what)
{
    size_t used = strlen(text);

    assert_true(used + strlen(what) + 3 < CHANNEL_BENCH_TEXT);
    snprintf(text + used, CHANNEL_BENCH_TEXT - used, "%s%s", used > 0 ? ", " : "", what);
}

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    struct channel_bench *bench = arg;
    size_t used = strlen(bench->log);

    (void)level;
    if (used + strlen(message) + 2 < CHANNEL_BENCH_LOG)
        snprintf(bench->log + used, CHANNEL_BENCH_LOG - used, "%s\n", message);
}

static void on_state(void *arg, enum grebe_connectivity state)
{
    struct channel_bench *bench = arg;

    append(bench->states, grebe_connectivity_name(state));
}

void channel_bench_init(struct channel_bench *bench)
{
    memset(bench, 0, sizeof *bench);
    current = bench;
    sim_init(&bench->sim, NULL, 1);
    grebe_channel_options_init(&bench->options);
    bench->options.credentials = grebe_credentials_insecure();
    bench->options.mem = test_mem_init(&bench->mem);
    bench->options.resolvers = resolvers;
    bench->options.n_resolvers = 1;
    bench->options.on_log = on_log;
    bench->options.log_arg = bench;
}

int channel_bench_open(struct channel_bench *bench, const char *target)
{
    struct grebe__channel_params params = {
        .env = &bench->sim.env,
        .target = target,
        .options = &bench->options,
        .now_ns = bench->sim.env.now_ns,
        .record_sink = bench->record_sink,
    };
    int result = grebe__channel_new(&params, &bench->diag, &bench->channel);

    if (result != GREBE_OK)
        return result;
    result = grebe__channel_watch_state(bench->channel, on_state, bench);
    if (result != GREBE_OK) {
        grebe__channel_unref(bench->channel);
        bench->channel = NULL;
    }
    return result;
}

void channel_bench_start(struct channel_bench *bench, const char *service_config)
{
    channel_bench_init(bench);
    bench->options.service_config = service_config;
    assert_int_equal(channel_bench_open(bench, "manual:///test"), GREBE_OK);
}

static void on_closed(struct grebe_channel *channel, void *arg)
{
    struct channel_bench *bench = arg;

    assert_ptr_equal(channel, bench->channel);
    bench->is_closed = true;
}

void channel_bench_submit_close(struct channel_bench *bench)
{
    grebe__channel_submit_close(bench->channel, on_closed, bench);
}

void channel_bench_close(struct channel_bench *bench)
{
    grebe__env_enter(&bench->sim.env);
    grebe__channel_close(bench->channel, on_closed, bench);
    grebe__env_leave(&bench->sim.env);
    if (bench->sim.env.depth > 0)
        return; /* it is on its way */
    sim_settle(&bench->sim);
    assert_true(bench->is_closed);
}

void channel_bench_fini(struct channel_bench *bench)
{
    if (bench->channel != NULL) {
        if (!bench->is_closed)
            channel_bench_close(bench);
        grebe__channel_unref(bench->channel);
    }
    assert_null(bench->conn);
    assert_false(bench->sim.is_active);
    assert_int_equal(bench->sim.env.n_active, 0);
    assert_int_equal(grebe__wheel_next_ns(&bench->sim.env.wheel), UINT64_MAX);
    sim_fini(&bench->sim);
    assert_int_equal(bench->mem.n_live, 0);
}

/* ---- Events ------------------------------------------------------------------------------------ */

static size_t parse_endpoints(const struct channel_bench *bench, const char *text,
                              struct grebe_endpoint **out)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    char copy[CHANNEL_BENCH_TEXT], *outer = NULL;
    size_t n = 0;

    options.attributes = bench->address_attributes;
    options.balancer_attributes = bench->balancer_attributes;
    options.server_name = bench->server_name;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &outer); word != NULL;
         word = strtok_r(NULL, " ", &outer)) {
        const struct grebe_attributes *attributes = endpoint_word_cut(&word);
        struct grebe_address *addresses[16];
        char *inner = NULL;
        size_t k = 0;

        for (char *part = strtok_r(word, "+", &inner); part != NULL;
             part = strtok_r(NULL, "+", &inner))
            assert_int_equal(grebe_address_new(NULL, part, &options, &addresses[k++]),
                             GREBE_OK);
        assert_int_equal(grebe_endpoint_new(NULL, addresses, k, attributes, &out[n++]),
                         GREBE_OK);
        grebe_attributes_unref(attributes);
        while (k-- > 0)
            grebe_address_unref(addresses[k]);
    }
    return n;
}

int channel_bench_resolve(struct channel_bench *bench, const char *endpoints)
{
    struct grebe_resolver_state state = GREBE_RESOLVER_STATE_INIT;
    struct grebe_endpoint *parsed[80];
    int result;

    assert_non_null(bench->conn);
    state.n_endpoints = parse_endpoints(bench, endpoints, parsed);
    state.endpoints = parsed;
    state.service_config = bench->service_config;
    state.service_config_error = bench->service_config_error;
    grebe__env_enter(&bench->sim.env);
    result = grebe_resolver_conn_update(bench->conn, &state);
    grebe__env_leave(&bench->sim.env);
    for (size_t i = 0; i < state.n_endpoints; i++)
        grebe_endpoint_unref(parsed[i]);
    if (bench->sim.env.depth == 0)
        sim_settle(&bench->sim);
    return result;
}

void channel_bench_resolver_error(struct channel_bench *bench, const char *text)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);

    grebe__env_enter(&bench->sim.env);
    grebe_resolver_conn_report_error(bench->conn, &status);
    grebe__env_leave(&bench->sim.env);
    sim_settle(&bench->sim);
}

void channel_bench_connect(struct channel_bench *bench)
{
    grebe__env_enter(&bench->sim.env);
    grebe__channel_connect(bench->channel);
    grebe__env_leave(&bench->sim.env);
    sim_settle(&bench->sim);
}

void channel_bench_advance_ms(struct channel_bench *bench, uint64_t ms)
{
    sim_advance(&bench->sim, ms * MS);
}

struct grebe_call *channel_bench_call_method(struct channel_bench *bench,
                                             const char *method, const void *request,
                                             size_t length,
                                             const struct grebe_call_options *options)
{
    struct grebe_call *call = NULL;
    int result = grebe__call_new(bench->channel, method, options, bench->sim.env.now_ns,
                                 &grebe__unary_handler, &call);

    if (result == GREBE_ERR_NOMEM)
        return NULL;
    assert_int_equal(result, GREBE_OK);
    grebe__unary_init(call, request, length, NULL, NULL);
    grebe__env_enter(&bench->sim.env);
    grebe__call_start(call);
    grebe__env_leave(&bench->sim.env);
    /* Nothing completes inside the function that started it. */
    assert_false(grebe_call_is_done(call));
    sim_settle(&bench->sim);
    return call;
}

struct grebe_call *channel_bench_call(struct channel_bench *bench,
                                      const struct grebe_call_options *options)
{
    return channel_bench_call_method(bench, "/s/m", "ping", 4, options);
}

void channel_bench_cancel(struct channel_bench *bench, struct grebe_call *call)
{
    grebe__env_enter(&bench->sim.env);
    grebe__call_cancel(call);
    grebe__env_leave(&bench->sim.env);
    sim_settle(&bench->sim);
}

struct grebe_call_options timeout_ms(int64_t ms)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;

    options.timeout_ns = ms * (int64_t)MS;
    return options;
}

struct grebe_call_options waiting_ms(int64_t ms)
{
    struct grebe_call_options options = timeout_ms(ms);

    options.wait_for_ready = GREBE_YES;
    return options;
}

void channel_bench_servers(struct channel_bench *bench, const char *names)
{
    char copy[CHANNEL_BENCH_TEXT], *save = NULL;

    snprintf(copy, sizeof copy, "%s", names);
    for (char *name = strtok_r(copy, " ", &save); name != NULL;
         name = strtok_r(NULL, " ", &save))
        sim_server_new(&bench->sim, name)->echoes = true;
}

/* ---- Questions ------------------------------------------------------------------------------------ */

const char *channel_bench_states(struct channel_bench *bench)
{
    static char text[CHANNEL_BENCH_TEXT];

    memcpy(text, bench->states, sizeof text);
    bench->states[0] = '\0';
    return text;
}

unsigned channel_bench_n_logged(const struct channel_bench *bench, const char *part)
{
    const char *text = bench->log;
    unsigned n = 0;

    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        n++;
    }
    return n;
}

bool channel_bench_logged(const struct channel_bench *bench, const char *part)
{
    return channel_bench_n_logged(bench, part) > 0;
}

unsigned times_logged(const struct channel_bench *bench, const char *part)
{
    unsigned n = 0;

    for (const char *at = bench->log; (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}

void expect_status(struct grebe_call *call, int code, const char *part)
{
    const struct grebe_status *status = grebe_call_status(call);

    assert_true(grebe_call_is_done(call));
    if (strstr(status->message, part) == NULL)
        fail_msg("status %d \"%s\" does not say \"%s\"", status->code, status->message,
                 part);
    assert_int_equal(status->code, code);
    grebe_call_unref(call);
}

void expect_echo(struct grebe_call *call, const char *peer)
{
    size_t length;
    const void *response;

    assert_true(grebe_call_is_done(call));
    assert_string_equal(grebe_call_status(call)->message, "");
    assert_int_equal(grebe_call_status(call)->code, GREBE_STATUS_OK);
    response = grebe_call_response(call, &length);
    assert_int_equal(length, 4);
    assert_memory_equal(response, "ping", 4);
    assert_string_equal(grebe_call_peer(call), peer);
    grebe_call_unref(call);
}

void expect_pending(const struct grebe_call *call)
{
    assert_false(grebe_call_is_done(call));
}

void expect_explanation(struct channel_bench *bench, const char *policies)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    char text[4096], *picks;
    struct grebe_call *call;

    options.wants_explanation = true;
    call = channel_bench_call(bench, &options);
    channel_bench_advance_ms(bench, 1);
    assert_true(grebe_explanation_format(grebe_call_explain(call), text, sizeof text) <
                sizeof text);
    picks = strstr(text, "picks ");
    assert_non_null(picks);
    *picks = '\0';
    assert_string_equal(text, policies);
    grebe_call_unref(call);
}
