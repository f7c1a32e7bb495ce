/* SPDX-License-Identifier: Apache-2.0 */
/* bench/picks.c -- nanoseconds for a pick: the picker that a channel has, asked in a loop.
 *
 *   picks POLICY ENDPOINTS      prints "NS_PER_PICK ALLOCATIONS_PER_PICK"
 *   picks POLICY ENDPOINTS --explained   the same for a call that asks for an explanation:
 *                               the record is made, written by a pick, and freed
 *   picks --atomic              the same for one atomic addition and nothing else
 *
 * The channel is a real one on virtual servers, all of them READY.  An atomic addition is
 * what a turn that threads share costs at least: from 4 to 13 ns, by the machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/channel.h"
#include "core/explanation.h"
#include "core/options.h"
#include "sim/sim.h"

enum { PICKS = 20000000, EXPLAINED_PICKS = 1000000 };

static uint64_t n_allocations;

static void *counting_alloc(void *ctx, size_t size)
{
    (void)ctx;
    n_allocations++;
    return malloc(size);
}

static void *counting_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    n_allocations++;
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

/* "ipv4:127.0.0.1:1,127.0.0.2:1,...": a server for each. */
static char *make_target(struct sim *sim, int n)
{
    size_t size = (size_t)n * 24 + 8;
    char *target = malloc(size), address[24];
    size_t used = (size_t)snprintf(target, size, "ipv4:");

    for (int i = 0; i < n; i++) {
        snprintf(address, sizeof address, "127.%d.%d.%d:1", 1 + i / 62500, i / 250 % 250,
                 1 + i % 250);
        sim_server_new(sim, address);
        used += (size_t)snprintf(target + used, size - used, "%s%s", i > 0 ? "," : "",
                                 address);
    }
    return target;
}

/* One call, from the pick to its end, with a random hash for policies that hash. */
static enum grebe_pick_kind call_once(struct grebe_channel *channel,
                                      struct grebe_pick_args *args)
{
    struct grebe_pick pick;

    grebe_pick_init(&pick);
    args->random = grebe__rng_next(&channel->host.env->rng);
    args->hash = &args->random;
    grebe_picker_pick(channel->picker, args, &pick);
    if (pick.on_done != NULL) {
        struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
        struct grebe_done_info info = {.status = &ok};

        grebe_pick_end(&pick, &info);
    }
    return pick.kind;
}

/* Policies that connect for calls alone have connected to everybody when no call waits. */
static void connect_all(struct grebe_channel *channel, struct sim *sim, int n_endpoints)
{
    struct grebe_pick_args args = {.method = "/s/m", .deadline_ns = UINT64_MAX};
    bool is_waiting = true;

    while (is_waiting) {
        is_waiting = false;
        for (int i = 0; i < 64 * n_endpoints; i++)
            is_waiting |= call_once(channel, &args) != GREBE_PICK_COMPLETE;
        sim_settle(sim);
    }
}

static double measure(struct grebe_channel *channel)
{
    struct grebe_pick_args args = {.method = "/s/m", .deadline_ns = UINT64_MAX};
    uint64_t start = clock_ns();

    for (int i = 0; i < PICKS; i++)
        if (call_once(channel, &args) != GREBE_PICK_COMPLETE)
            abort();
    return (double)(clock_ns() - start) / PICKS;
}

static double measure_explained(const struct grebe_channel *channel)
{
    struct grebe_pick_args args = {.method = "/s/m", .deadline_ns = UINT64_MAX};
    uint64_t start = clock_ns();

    for (int i = 0; i < EXPLAINED_PICKS; i++) {
        struct grebe_pick pick;

        grebe_pick_init(&pick);
        args.explanation = grebe__explanation_new(&counting, channel->host.env->now_ns);
        if (args.explanation == NULL)
            abort();
        grebe__explanation_pick_begins(args.explanation);
        grebe_picker_pick(channel->picker, &args, &pick);
        grebe__explanation_pick_ends(args.explanation, channel, &pick);
        grebe__explanation_free(args.explanation);
    }
    return (double)(clock_ns() - start) / EXPLAINED_PICKS;
}

static double measure_atomic(void)
{
    uint64_t counter = 0, start = clock_ns();

    for (int i = 0; i < PICKS; i++)
        __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
    return (double)(clock_ns() - start) / PICKS;
}

int main(int argc, char **argv)
{
    struct grebe_channel_options options = grebe__channel_options_complete(NULL);
    struct grebe__channel_params params = {.options = &options};
    struct grebe_channel *channel;
    struct grebe_diag diag;
    struct sim sim;
    bool is_explained;
    uint64_t before;
    double ns;

    if (argc == 2 && strcmp(argv[1], "--atomic") == 0) {
        printf("%.2f 0\n", measure_atomic());
        return 0;
    }
    is_explained = argc == 4 && strcmp(argv[3], "--explained") == 0;
    if (argc != 3 && !is_explained) {
        fprintf(stderr, "usage: picks POLICY ENDPOINTS [--explained] | --atomic\n");
        return 2;
    }
    sim_init(&sim, NULL, 1);
    options.mem = &counting;
    options.policy = argv[1];
    options.credentials = grebe_credentials_insecure();
    params.env = &sim.env;
    params.target = make_target(&sim, atoi(argv[2]));
    if (grebe__channel_new(&params, &diag, &channel) != GREBE_OK) {
        fprintf(stderr, "picks: %s\n", diag.text);
        return 2;
    }
    grebe__env_enter(&sim.env);
    grebe__channel_connect(channel);
    grebe__env_leave(&sim.env);
    sim_settle(&sim);
    connect_all(channel, &sim, atoi(argv[2]));
    before = n_allocations;
    ns = is_explained ? measure_explained(channel) : measure(channel);
    printf("%.2f %.6f\n", ns,
           (double)(n_allocations - before) / (is_explained ? EXPLAINED_PICKS : PICKS));
    return 0;
}
