/* SPDX-License-Identifier: Apache-2.0 */
/* scenario/world.h on real sockets: servers are processes, time is time. */
#include "scenario/world.h"

#include <signal.h>
#include <stdlib.h>

#include <grebe/grebe.h>
#include <grebe/resolver.h>

#include "support/process.h"

enum { MAX_SERVERS = 26, PATIENCE_MS = 20000 };

struct world {
    struct grebe_loop *loop;
    struct grebe_channel *channel;
    struct grebe_resolver_conn *conn; /* NULL: the resolver is not built */
    char endpoints[128];
    bool has_endpoints;
    struct process servers[MAX_SERVERS];
    unsigned n_dials[MAX_SERVERS];
};

static struct world only;

/* ---- The resolver: what the test says ------------------------------------------------------- */

/* A server that never ran has an address on which nobody listens. */
static const char *address_of(char name)
{
    const char *address = only.servers[name - 'a'].address;

    return address[0] == '\0' ? "127.0.0.1:1" : address;
}

static void hand_over(struct world *world)
{
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_resolver_state state = GREBE_RESOLVER_STATE_INIT;
    struct grebe_endpoint *endpoints[MAX_SERVERS];
    size_t n = 0;

    for (const char *at = world->endpoints; *at != '\0'; at++) {
        struct grebe_address *address;

        if (*at == ' ')
            continue;
        assert_int_equal(grebe_address_new(NULL, address_of(*at), &plain, &address),
                         GREBE_OK);
        assert_int_equal(grebe_endpoint_new(NULL, &address, 1, NULL, &endpoints[n++]),
                         GREBE_OK);
        grebe_address_unref(address);
    }
    state.endpoints = endpoints;
    state.n_endpoints = n;
    (void)grebe_resolver_conn_update(world->conn, &state);
    while (n > 0)
        grebe_endpoint_unref(endpoints[--n]);
}

static void destroy(struct grebe_resolver *resolver)
{
    only.conn = NULL;
    free(resolver);
}

static const struct grebe_resolver_ops ops = {.destroy = destroy};

static int build(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                 const struct grebe_resolver_options *options, struct grebe_diag *diag,
                 struct grebe_resolver **out)
{
    (void)target, (void)options, (void)diag;
    *out = malloc(sizeof **out);
    assert_non_null(*out);
    grebe_resolver_init(*out, &ops);
    only.conn = conn;
    if (only.has_endpoints)
        hand_over(&only);
    return GREBE_OK;
}

static const struct grebe_resolver_builder builder = {
    .api = GREBE_RESOLVER_API, .scheme = "manual", .build = build};
static const struct grebe_resolver_builder *const resolvers[] = {&builder};

/* ---- The log -------------------------------------------------------------------------------- */

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    static const char picks[] = "picks a new address \"";
    const char *address = strstr(message, picks);

    (void)arg, (void)level;
    if (address == NULL)
        return;
    address += sizeof picks - 1;
    for (size_t i = 0; i < MAX_SERVERS; i++) {
        size_t length = strlen(only.servers[i].address);

        if (length > 0 && strncmp(address, only.servers[i].address, length) == 0 &&
            address[length] == '"')
            only.n_dials[i]++;
    }
}

/* ---- The world ------------------------------------------------------------------------------ */

struct world *world_open(const char *service_config)
{
    struct grebe_channel_options options;
    struct grebe_diag diag;

    memset(&only, 0, sizeof only);
    assert_int_equal(grebe_loop_new(NULL, &only.loop), GREBE_OK);
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.loop = only.loop;
    options.service_config = service_config;
    options.backoff_base_ns = 100 * MS;
    options.resolvers = resolvers;
    options.n_resolvers = 1;
    options.on_log = on_log;
    if (grebe_channel_new("manual:///test", &options, &diag, &only.channel) != GREBE_OK)
        fail_msg("%s", diag.text);
    return &only;
}

void world_close_channel(struct world *world)
{
    grebe_channel_destroy(world->channel);
    world->channel = NULL;
}

void world_close(struct world *world)
{
    grebe_channel_destroy(world->channel);
    grebe_loop_unref(world->loop);
    for (size_t i = 0; i < MAX_SERVERS; i++)
        process_kill(&world->servers[i]);
}

void world_server(struct world *world, const char *name, uint64_t latency_ms)
{
    struct process *server = &world->servers[name[0] - 'a'];
    char listen[64] = "127.0.0.1:0", delay[24];
    const char *const argv[] = {
        getenv("GREBE_TOOL"), "backend",   "--listen", listen, "--delay", delay,
        "--health",           "s=SERVING", NULL};

    assert_non_null(argv[0]);
    if (server->address[0] != '\0')
        snprintf(listen, sizeof listen, "%s", server->address);
    snprintf(delay, sizeof delay, "%ums", (unsigned)latency_ms);
    assert_true(process_start(server, argv));
}

void world_kill(struct world *world, const char *name)
{
    process_kill(&world->servers[name[0] - 'a']);
}

void world_set_serving(struct world *world, const char *name, bool is_serving)
{
    assert_int_equal(
        kill(world->servers[name[0] - 'a'].pid, is_serving ? SIGUSR2 : SIGUSR1), 0);
}

static void post_update(void *arg)
{
    struct world *world = arg;

    if (world->conn != NULL)
        hand_over(world);
}

void world_resolve(struct world *world, const char *endpoints)
{
    snprintf(world->endpoints, sizeof world->endpoints, "%s", endpoints);
    world->has_endpoints = true;
    assert_int_equal(grebe_loop_post(world->loop, post_update, world), GREBE_OK);
    grebe_loop_turn(world->loop, 0);
}

static void post_error(void *text)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);

    if (only.conn != NULL)
        grebe_resolver_conn_report_error(only.conn, &status);
}

void world_resolver_error(struct world *world, const char *text)
{
    static char copy[128];

    snprintf(copy, sizeof copy, "%s", text);
    assert_int_equal(grebe_loop_post(world->loop, post_error, copy), GREBE_OK);
    grebe_loop_turn(world->loop, 0);
}

void world_connect(struct world *world)
{
    assert_int_equal(grebe_channel_connect(world->channel), GREBE_OK);
    grebe_loop_turn(world->loop, 0);
}

void world_until(struct world *world, bool (*is_true)(const void *arg), const void *arg)
{
    uint64_t end_ns = grebe_now_ns() + PATIENCE_MS * MS;

    while (!is_true(arg)) {
        if (grebe_now_ns() > end_ns)
            fail_msg("this does not come to be");
        grebe_loop_turn(world->loop, 10);
    }
}

void world_run_ms(struct world *world, uint64_t ms)
{
    uint64_t end_ns = grebe_now_ns() + ms * MS;

    while (grebe_now_ns() < end_ns)
        grebe_loop_turn(world->loop, 1);
}

unsigned world_n_dials(const struct world *world, const char *name)
{
    return world->n_dials[name[0] - 'a'];
}

enum grebe_connectivity world_state(struct world *world)
{
    return grebe_channel_state(world->channel);
}

struct grebe_call *world_call(struct world *world, bool waits_for_ready)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct grebe_call *call;

    options.timeout_ns = INT64_C(20000000000);
    if (waits_for_ready)
        options.wait_for_ready = GREBE_YES;
    assert_int_equal(grebe_call_start_unary(world->channel, "/s/m", "ping", 4, &options,
                                            NULL, NULL, &call),
                     GREBE_OK);
    grebe_loop_turn(world->loop, 0);
    return call;
}

char world_name(const char *address)
{
    for (size_t i = 0; i < MAX_SERVERS; i++)
        if (strcmp(only.servers[i].address, address) == 0)
            return (char)('a' + i);
    return '?';
}
