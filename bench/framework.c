/* SPDX-License-Identifier: Apache-2.0 */
/* bench/framework.c -- what the balancing framework itself costs: updates, states, pickers.
 *
 *   framework ENDPOINTS        prints lines of "WHAT NS ALLOCATIONS BYTES", one operation
 *                              each; medians of REPEATS
 *
 * round_robin, a pick_first child for each endpoint, under a graceful switch, as a channel
 * has it.  Subconns are structs that do as they are told; there is no network, no clock,
 * and no call.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <grebe/parent.h>
#include <grebe/registry.h>

#include "core/client_conn.h"
#include "sim/sim.h"

enum { REPEATS = 9, PICKS = 2000000, SWAPS = 10000, MAX_CHANGES = 1000 };

/* ---- Counting ------------------------------------------------------------------------- */

static uint64_t n_allocations, n_bytes;

static void *counting_alloc(void *ctx, size_t size)
{
    (void)ctx;
    n_allocations++;
    n_bytes += size;
    return malloc(size);
}

static void *counting_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    n_allocations++;
    n_bytes += size;
    return realloc(ptr, size);
}

static void counting_free(void *ctx, void *ptr)
{
    (void)ctx;
    free(ptr);
}

static const struct grebe_mem counting = {
    .alloc = counting_alloc,
    .realloc = counting_realloc,
    .free = counting_free,
};

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct sample {
    double ns, allocations, bytes;
};

static struct sample begin(void)
{
    return (struct sample){(double)clock_ns(), (double)n_allocations, (double)n_bytes};
}

static struct sample end(struct sample from, double operations)
{
    return (struct sample){
        ((double)clock_ns() - from.ns) / operations,
        ((double)n_allocations - from.allocations) / operations,
        ((double)n_bytes - from.bytes) / operations,
    };
}

static int by_ns(const void *a, const void *b)
{
    double x = ((const struct sample *)a)->ns, y = ((const struct sample *)b)->ns;

    return x < y ? -1 : x > y;
}

static void print(const char *what, struct sample *samples)
{
    qsort(samples, REPEATS, sizeof samples[0], by_ns);
    printf("%s %.1f %.2f %.1f\n", what, samples[REPEATS / 2].ns,
           samples[REPEATS / 2].allocations, samples[REPEATS / 2].bytes);
}

static void check(bool is_right, const char *what)
{
    if (is_right)
        return;
    fprintf(stderr, "framework: %s\n", what);
    exit(1);
}

/* ---- The channel's side ------------------------------------------------------------------- */

struct world {
    struct sim sim;
    struct grebe__lb_host host;
    struct grebe_client_conn *root;
    struct grebe_lb_config *config;
    struct grebe__list live; /* struct subconn, those not shut down */
    bool connects;           /* connect() leads to READY */
    enum grebe_connectivity state;
    struct grebe_picker *picker;
    uint64_t n_published;
};

struct subconn {
    struct grebe_subconn base;
    struct grebe__list link;
    struct world *world;
};

static struct subconn *of(struct grebe_subconn *base)
{
    return grebe_container_of(base, struct subconn, base);
}

static void connect_subconn(struct grebe_subconn *base)
{
    if (!of(base)->world->connects)
        return;
    grebe__subconn_deliver(base, GREBE_CONNECTING, NULL);
    grebe__subconn_deliver(base, GREBE_READY, NULL);
}

static void shut_down(struct grebe_subconn *base)
{
    grebe__list_remove(&of(base)->link);
    grebe__subconn_deliver(base, GREBE_SHUTDOWN, NULL);
}

static void update_addresses(struct grebe_subconn *base,
                             struct grebe_address *const *addresses, size_t n)
{
    (void)base, (void)addresses, (void)n;
}

static void destroy_subconn(struct grebe_subconn *base)
{
    free(of(base));
}

static const struct grebe__subconn_ops subconn_ops = {
    .connect = connect_subconn,
    .update_addresses = update_addresses,
    .shutdown = shut_down,
    .destroy = destroy_subconn,
};

/* Not counted: a real subconn has its own numbers (bench/footprint.c). */
static int new_subconn(void *arg, const struct grebe_subconn_options *options,
                       struct grebe_subconn **out)
{
    struct world *world = arg;
    struct subconn *subconn = calloc(1, sizeof *subconn);

    check(subconn != NULL, "out of memory");
    grebe__subconn_init(&subconn->base, &subconn_ops, options);
    subconn->world = world;
    grebe__list_init(&subconn->link);
    grebe__list_append(&world->live, &subconn->link);
    *out = &subconn->base;
    return GREBE_OK;
}

static void update_state(void *arg, enum grebe_connectivity state,
                         struct grebe_picker *picker)
{
    struct world *world = arg;

    grebe_picker_unref(world->picker);
    world->picker = picker;
    world->state = state;
    world->n_published++;
}

static void resolve_now(void *arg)
{
    (void)arg;
}

/* No health service: READY is healthy, as soon as the policy has returned. */
static void watch_health(void *arg, struct grebe_subconn *subconn,
                         grebe_subconn_state_fn on_health, void *health_arg)
{
    struct world *world = arg;

    if (grebe__subconn_watch_health(subconn, on_health, health_arg))
        grebe__env_do(&world->sim.env, &subconn->health_effect);
}

static const struct grebe_client_conn_ops root_ops = {
    .update_state = update_state,
    .resolve_now = resolve_now,
    .new_subconn = new_subconn,
    .watch_health = watch_health,
};

static void open_world(struct world *world)
{
    memset(world, 0, sizeof *world);
    sim_init(&world->sim, NULL, 1);
    grebe__list_init(&world->live);
    world->host = (struct grebe__lb_host){
        .env = &world->sim.env,
        .mem = &counting,
        .build_options = {.target = "bench:///", .authority = "bench", .user_agent = ""},
    };
    check(grebe_lb_config_new(grebe_balancer_get("round_robin"), &world->config) ==
              GREBE_OK,
          "no round_robin");
    check(grebe__client_conn_new_root(&world->host, &root_ops, world, &world->root) ==
                  GREBE_OK &&
              grebe_client_conn_build(world->root, &grebe_graceful_switch) == GREBE_OK,
          "no balancer");
}

static void close_world(struct world *world)
{
    grebe__env_enter(&world->sim.env);
    grebe_client_conn_close(world->root);
    grebe__env_leave(&world->sim.env);
    grebe_picker_unref(world->picker);
    grebe_lb_config_unref(world->config);
    sim_fini(&world->sim);
}

/* ---- Endpoints ------------------------------------------------------------------------------ */

static struct grebe_endpoint *new_endpoint(unsigned number)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address = NULL;
    struct grebe_endpoint *endpoint = NULL;
    char text[32];

    snprintf(text, sizeof text, "10.%u.%u.%u:443", number >> 16 & 255, number >> 8 & 255,
             number & 255);
    check(grebe_address_new(NULL, text, &options, &address) == GREBE_OK &&
              grebe_endpoint_new(NULL, &address, 1, NULL, &endpoint) == GREBE_OK,
          "out of memory");
    grebe_address_unref(address);
    return endpoint;
}

static struct grebe_endpoint **new_endpoints(unsigned first, unsigned n)
{
    struct grebe_endpoint **endpoints = malloc(n * sizeof *endpoints);

    check(endpoints != NULL, "out of memory");
    for (unsigned i = 0; i < n; i++)
        endpoints[i] = new_endpoint(first + i);
    return endpoints;
}

static void free_endpoints(struct grebe_endpoint **endpoints, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        grebe_endpoint_unref(endpoints[i]);
    free(endpoints);
}

static void update(struct world *world, struct grebe_endpoint **endpoints, unsigned n)
{
    struct grebe_balancer_update update = {
        .endpoints = endpoints, .n_endpoints = n, .config = world->config};

    grebe__env_enter(&world->sim.env);
    check(grebe_client_conn_update(world->root, &update) == GREBE_OK, "update failed");
    grebe__env_leave(&world->sim.env);
}

/* ---- What is measured ------------------------------------------------------------------------ */

/* An update in which every endpoint is another; connecting is not part of it. */
static void measure_all_changed(struct world *world, unsigned n)
{
    struct sample samples[REPEATS];

    world->connects = false;
    for (unsigned i = 0; i < REPEATS; i++) {
        struct grebe_endpoint **endpoints = new_endpoints((i + 1) * n, n);
        struct sample from = begin();

        update(world, endpoints, n);
        samples[i] = end(from, 1);
        free_endpoints(endpoints, n);
    }
    world->connects = true;
    print("update-all-changed", samples);
}

/* All are READY, and one of them is replaced by another that connects. */
static void measure_one_changed(struct world *world, struct grebe_endpoint **endpoints,
                                unsigned n)
{
    struct sample samples[REPEATS];

    for (unsigned i = 0; i < REPEATS; i++) {
        struct grebe_endpoint *replaced = endpoints[i * n / REPEATS];
        struct sample from;

        endpoints[i * n / REPEATS] = new_endpoint(0xff0000 + i);
        from = begin();
        update(world, endpoints, n);
        samples[i] = end(from, 1);
        check(world->state == GREBE_READY, "not READY");
        grebe_endpoint_unref(replaced);
    }
    print("update-one-changed", samples);
}

static void measure_no_change(struct world *world, struct grebe_endpoint **endpoints,
                              unsigned n)
{
    struct sample samples[REPEATS];

    for (unsigned i = 0; i < REPEATS; i++) {
        struct sample from = begin();

        update(world, endpoints, n);
        samples[i] = end(from, 1);
    }
    print("update-unchanged", samples);
}

/* A subconn is lost and READY again: four states, of which each that changes the rotation
 * makes a new picker.  The cost of one state. */
static void measure_states(struct world *world, unsigned n)
{
    static const enum grebe_connectivity way[] = {GREBE_IDLE, GREBE_CONNECTING,
                                                  GREBE_READY};
    struct sample samples[REPEATS];
    unsigned n_subconns = n < MAX_CHANGES / 3 ? n : MAX_CHANGES / 3;

    world->connects = false;
    for (unsigned i = 0; i < REPEATS; i++) {
        struct grebe__list *link = world->live.next;
        struct sample from = begin();

        for (unsigned k = 0; k < n_subconns; k++, link = link->next)
            for (unsigned s = 0; s < 3; s++) {
                struct subconn *subconn = grebe_container_of(link, struct subconn, link);

                grebe__env_enter(&world->sim.env);
                grebe__subconn_deliver(&subconn->base, way[s], NULL);
                grebe__env_leave(&world->sim.env);
            }
        samples[i] = end(from, n_subconns * 3);
    }
    world->connects = true;
    check(world->state == GREBE_READY, "not READY");
    print("subconn-state", samples);
}

/* A policy publishes a picker, and the channel has it. */
static void measure_swap(struct world *world)
{
    struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "");
    struct grebe_picker *pickers[2];
    struct sample samples[REPEATS];

    pickers[0] = grebe_picker_failing(&counting, &status);
    pickers[1] = grebe_picker_failing(&counting, &status);
    for (unsigned i = 0; i < REPEATS; i++) {
        struct sample from = begin();

        for (unsigned k = 0; k < SWAPS; k++) {
            grebe__env_enter(&world->sim.env);
            grebe_client_conn_update_state(world->root, GREBE_READY,
                                           grebe_picker_ref(pickers[k % 2]));
            grebe__env_leave(&world->sim.env);
        }
        samples[i] = end(from, SWAPS);
    }
    grebe_picker_unref(pickers[0]);
    grebe_picker_unref(pickers[1]);
    print("picker-swap", samples);
}

static void measure_pick(struct world *world)
{
    struct grebe_pick_args args = {.method = "/s/m", .deadline_ns = UINT64_MAX};
    struct sample samples[REPEATS];

    for (unsigned i = 0; i < REPEATS; i++) {
        struct sample from = begin();

        for (unsigned k = 0; k < PICKS; k++) {
            struct grebe_pick pick;

            grebe_pick_init(&pick);
            grebe_picker_pick(world->picker, &args, &pick);
            check(pick.kind == GREBE_PICK_COMPLETE, "no subconn");
        }
        samples[i] = end(from, PICKS);
    }
    print("pick", samples);
}

int main(int argc, char **argv)
{
    struct grebe_endpoint **endpoints;
    struct world world;
    unsigned n;

    if (argc != 2 || (n = (unsigned)atoi(argv[1])) == 0 || n > 60000) {
        fprintf(stderr, "usage: framework ENDPOINTS (1 to 60000)\n");
        return 2;
    }
    open_world(&world);
    measure_all_changed(&world, n);
    endpoints = new_endpoints(0, n);
    update(&world, endpoints, n); /* and all connect */
    check(world.state == GREBE_READY, "not READY");
    measure_no_change(&world, endpoints, n);
    measure_one_changed(&world, endpoints, n);
    measure_states(&world, n);
    measure_pick(&world);
    measure_swap(&world);
    free_endpoints(endpoints, n);
    close_world(&world);
    return 0;
}
