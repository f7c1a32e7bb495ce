/* SPDX-License-Identifier: Apache-2.0 */
/* scenario/world.h on virtual time. */
#include "scenario/world.h"

#include "messages/health.h"
#include "sim/services.h"
#include "support/channel_bench.h"

struct world {
    struct channel_bench bench;
    char endpoints[128];
};

static struct world only;

struct world *world_open(const char *service_config)
{
    struct channel_bench *bench = &only.bench;

    channel_bench_init(bench);
    bench->options.service_config = service_config;
    bench->options.backoff_base_ns = 100 * MS;
    assert_int_equal(channel_bench_open(bench, "manual:///test"), GREBE_OK);
    return &only;
}

void world_close_channel(struct world *world)
{
    channel_bench_close(&world->bench);
}

void world_close(struct world *world)
{
    channel_bench_fini(&world->bench);
}

void world_server(struct world *world, const char *name, uint64_t latency_ms)
{
    struct sim_server *server = sim_server_find(&world->bench.sim, name);

    if (server == NULL)
        server = sim_server_new(&world->bench.sim, name);
    server->behaviour = SIM_ACCEPTS;
    server->echoes = true;
    server->latency_ns = latency_ms * MS;
    sim_server_set_health(server, "s", GREBE__SERVING_YES);
}

void world_set_serving(struct world *world, const char *name, bool is_serving)
{
    sim_server_set_health(sim_server_find(&world->bench.sim, name), "s",
                          is_serving ? GREBE__SERVING_YES : GREBE__SERVING_NO);
    sim_settle(&world->bench.sim);
}

void world_kill(struct world *world, const char *name)
{
    struct sim_server *server = sim_server_find(&world->bench.sim, name);

    server->behaviour = SIM_REFUSES;
    sim_server_kill(server, "reset");
    sim_settle(&world->bench.sim);
}

void world_resolve(struct world *world, const char *endpoints)
{
    snprintf(world->endpoints, sizeof world->endpoints, "%s", endpoints);
    if (world->bench.conn != NULL)
        channel_bench_resolve(&world->bench, endpoints);
    else
        world->bench.resolves_to = world->endpoints;
}

void world_resolver_error(struct world *world, const char *text)
{
    channel_bench_resolver_error(&world->bench, text);
}

void world_connect(struct world *world)
{
    channel_bench_connect(&world->bench);
}

void world_until(struct world *world, bool (*is_true)(const void *arg), const void *arg)
{
    for (int ms = 0; !is_true(arg); ms++) {
        assert_true(ms < 100000);
        channel_bench_advance_ms(&world->bench, 1);
    }
}

void world_run_ms(struct world *world, uint64_t ms)
{
    channel_bench_advance_ms(&world->bench, ms);
}

unsigned world_n_dials(const struct world *world, const char *name)
{
    char line[64];

    snprintf(line, sizeof line, "picks a new address \"%s\"", name);
    return channel_bench_n_logged(&world->bench, line);
}

enum grebe_connectivity world_state(struct world *world)
{
    return grebe__channel_get_state(world->bench.channel);
}

struct grebe_call *world_call(struct world *world, bool waits_for_ready)
{
    struct grebe_call_options options = waiting_ms(20000);

    if (!waits_for_ready)
        options.wait_for_ready = GREBE_DEFAULT;
    return channel_bench_call(&world->bench, &options);
}

char world_name(const char *address)
{
    return address[0];
}
