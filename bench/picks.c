/* SPDX-License-Identifier: Apache-2.0 */
/* bench/picks.c -- nanoseconds for a pick: the picker that a channel has, asked in a loop.
 *
 *   picks POLICY ENDPOINTS      prints "NS_PER_PICK ALLOCATIONS_PER_PICK"
 *   picks POLICY ENDPOINTS --explained   the same for a call that asks for an explanation:
 *                               the record is made, written by a pick, and freed
 *   picks POLICY ENDPOINTS --threads N   the same for each of N threads that share it
 *   picks POLICY ENDPOINTS --lost        prints "NS HEAP_BYTES": what it takes until an
 *                               endpoint that was lost is out of the picker, and what the
 *                               channel holds for each endpoint
 *   picks --atomic              the same for one atomic addition and nothing else
 *
 * POLICY is a name, or one entry of a loadBalancingConfig.  Exit code 3: there is no such
 * policy.
 *
 * The channel is a real one on virtual servers, all of them READY, with weights from 1 to
 * 10, by the resolver and by their load reports, and in two groups, one behind the other, if
 * the policy has priorities.  Each pick has a hash of its own.  An atomic addition is what a
 * turn that threads share costs at least: from 4 to 13 ns, by the machine.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <grebe/registry.h>

#include "core/channel.h"
#include "core/explanation.h"
#include "core/options.h"
#include "sim/services.h"
#include "sim/sim.h"

#define SECOND UINT64_C(1000000000)

/* Long enough for what is quick, and an end for what is not. */
static const uint64_t time_limit_ns = 300000000;

enum {
    PICKS = 5000000, /* at most */
    PICKS_AT_ONCE = 1000,
    A_PICK_NS = 50, /* of virtual time: from one to the next */
    SHORTEST_CALL_NS = 1 << 16,
    EXPLAINED_PICKS = 1000000,
    LOSSES = 9,
    MAX_THREADS = 16,
    NO_POLICY = 3,
};

/* ---- Memory ---------------------------------------------------------------------------- */

static uint64_t n_allocations; /* atomic, as the other */
static int64_t n_bytes;        /* not yet freed */

static void count(void *block, int sign)
{
    __atomic_fetch_add(&n_bytes, sign * (int64_t)malloc_usable_size(block),
                       __ATOMIC_RELAXED);
}

static void *counting_realloc(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    __atomic_fetch_add(&n_allocations, 1, __ATOMIC_RELAXED);
    count(ptr, -1);
    ptr = realloc(ptr, size);
    count(ptr, 1);
    return ptr;
}

static void *counting_alloc(void *ctx, size_t size)
{
    return counting_realloc(ctx, NULL, size);
}

static void counting_free(void *ctx, void *ptr)
{
    (void)ctx;
    count(ptr, -1);
    free(ptr);
}

static const struct grebe_mem counting = {
    .alloc = counting_alloc,
    .realloc = counting_realloc,
    .free = counting_free,
};

/* Of the thread's processor: what other programs do is not counted. */
static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* ---- The channel ----------------------------------------------------------------------- */

struct bench {
    struct sim sim;
    struct grebe_channel *channel;
    int n; /* endpoints */
};

/* The list of endpoints as file: has it, and a server for each. */
static char *make_list(struct sim *sim, const char *policy, int n)
{
    bool has_priorities = strstr(policy, "\"priorities\"") != NULL;
    size_t size = (size_t)n * 80 + 8;
    char *list = malloc(size), address[24];
    size_t used = (size_t)snprintf(list, size, "[");

    for (int i = 0; i < n; i++) {
        int weight = 1 + i % 10;
        const struct grebe_load_report load = {.rps = weight, .cpu_utilization = 0.5};
        struct sim_server *server;

        snprintf(address, sizeof address, "127.%d.%d.%d:1", 1 + i / 62500, i / 250 % 250,
                 1 + i % 250);
        server = sim_server_new(sim, address);
        sim_server_set_load(server, &load, SECOND);
        used += (size_t)snprintf(list + used, size - used,
                                 "%s{\"address\":\"%s\",\"weight\":%d%s}",
                                 i > 0 ? "," : "", address, weight,
                                 has_priorities && i % 2 == 1 ? ",\"priority\":1" : "");
    }
    snprintf(list + used, size - used, "]");
    return list;
}

/* As a service config; the name if it is not a configuration. */
static void write_config(char *config, size_t size, const char *policy)
{
    snprintf(config, size, "{\"loadBalancingConfig\":[%s%s%s]}",
             policy[0] == '{' ? "" : "{\"", policy, policy[0] == '{' ? "" : "\":{}}");
}

static void pick_args_init(struct grebe_pick_args *args, uint64_t now_ns, uint64_t *hash)
{
    *args = (struct grebe_pick_args){
        .method = "/s/m", .now_ns = now_ns, .deadline_ns = UINT64_MAX, .hash = hash};
}

/* Backends are unequally fast, and their calls not all alike. */
static uint64_t call_ns(const struct grebe_pick *pick, uint64_t random)
{
    uint64_t own = (uint64_t)(uintptr_t)pick->subconn * 0x9e3779b97f4a7c15 >> 48;

    return SHORTEST_CALL_NS + own + random % SHORTEST_CALL_NS / 8;
}

static enum grebe_pick_kind pick(struct grebe_picker *picker,
                                 const struct grebe_pick_args *args)
{
    struct grebe_pick out;

    grebe_pick_init(&out);
    grebe_picker_pick(picker, args, &out);
    if (out.kind == GREBE_PICK_COMPLETE && out.on_done != NULL) {
        struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
        struct grebe_done_info info = {.status = &ok,
                                       .now_ns = args->now_ns,
                                       .latency_ns = call_ns(&out, args->random)};

        grebe_pick_end(&out, &info);
    }
    return out.kind;
}

/* Some policies connect only what is asked for: all of it, then. */
static void wake(struct bench *b)
{
    uint64_t hash;
    struct grebe_pick_args args;
    bool is_ready = false;

    pick_args_init(&args, b->sim.env.now_ns, &hash);
    while (!is_ready) {
        is_ready = true;
        for (int i = 0; i < 100 * b->n; i++) {
            args.random = hash = grebe__rng_next(&b->sim.env.rng);
            is_ready = pick(b->channel->picker, &args) == GREBE_PICK_COMPLETE && is_ready;
        }
        sim_advance(&b->sim, 2 * SECOND);
    }
}

static void open_bench(struct bench *b, const char *policy, int n)
{
    struct grebe_channel_options options = grebe__channel_options_complete(NULL);
    struct grebe__channel_params params = {.options = &options};
    struct grebe_diag diag;
    char config[1024], *list;

    write_config(config, sizeof config, policy);
    sim_init(&b->sim, NULL, 1);
    b->n = n;
    list = make_list(&b->sim, policy, n);
    sim_file_set(&b->sim, "/endpoints", list);
    options.mem = &counting;
    options.service_config = config;
    options.credentials = grebe_credentials_insecure();
    params.env = &b->sim.env;
    params.target = "file:/endpoints";
    if (grebe__channel_new(&params, &diag, &b->channel) != GREBE_OK) {
        fprintf(stderr, "picks: %s\n", diag.text);
        exit(strstr(diag.text, "no supported policies") == NULL ? 1 : NO_POLICY);
    }
    free(list);
    grebe__env_enter(&b->sim.env);
    grebe__channel_connect(b->channel);
    grebe__env_leave(&b->sim.env);
    sim_advance(&b->sim, 2 * SECOND);
    wake(b);
}

/* ---- Measuring ------------------------------------------------------------------------- */

/* How many of PICKS_AT_ONCE found nobody. */
static unsigned pick_some(struct grebe_picker *picker, uint64_t now_ns,
                          struct grebe__rng *rng)
{
    struct grebe_pick_args args;
    unsigned n_missed = 0;
    uint64_t hash;

    pick_args_init(&args, now_ns, &hash);
    for (int i = 0; i < PICKS_AT_ONCE; i++) {
        args.now_ns += A_PICK_NS;
        args.random = hash = grebe__rng_next(rng);
        n_missed += pick(picker, &args) != GREBE_PICK_COMPLETE;
    }
    return n_missed;
}

/* Nanoseconds for each; *n counts picks. */
static double measure(struct grebe_picker *picker, uint64_t now_ns, uint64_t seed,
                      uint64_t *n)
{
    struct grebe__rng rng;
    uint64_t start = clock_ns(), n_missed = 0, lasted;

    grebe__rng_seed(&rng, seed);
    *n = 0;
    do {
        n_missed += pick_some(picker, now_ns + *n * A_PICK_NS, &rng);
        *n += PICKS_AT_ONCE;
        lasted = clock_ns() - start;
    } while (*n < PICKS && lasted < time_limit_ns);
    if (n_missed > *n / 1000)
        abort(); /* more than endpoints that no hash had reached before */
    return (double)lasted / (double)*n;
}

struct worker {
    pthread_t thread;
    pthread_barrier_t *all_there;
    struct grebe_picker *picker;
    uint64_t now_ns; /* virtual: when it begins */
    uint64_t seed;
    uint64_t n;
    double ns;
};

static void *work(void *arg)
{
    struct worker *worker = arg;

    pthread_barrier_wait(worker->all_there);
    worker->ns = measure(worker->picker, worker->now_ns, worker->seed, &worker->n);
    return NULL;
}

/* The mean of all threads, of which this is one: it has picked before. */
static double measure_with_threads(const struct bench *b, int n, uint64_t *n_picks)
{
    struct worker workers[MAX_THREADS];
    pthread_barrier_t all_there;
    double ns = 0;

    if (n < 1 || n > MAX_THREADS ||
        pthread_barrier_init(&all_there, NULL, (unsigned)n) != 0)
        abort();
    for (int i = 0; i < n; i++) {
        workers[i] = (struct worker){
            .all_there = &all_there,
            .picker = b->channel->picker,
            .now_ns = b->sim.env.now_ns,
            .seed = (uint64_t)i,
        };
        if (i > 0 && pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            abort();
    }
    (void)work(&workers[0]);
    for (int i = 0; i < n; i++) {
        if (i > 0)
            pthread_join(workers[i].thread, NULL);
        ns += workers[i].ns / n;
        *n_picks += workers[i].n;
    }
    pthread_barrier_destroy(&all_there);
    return ns;
}

static double measure_explained(const struct bench *b)
{
    struct grebe_channel *channel = b->channel;
    struct grebe_pick_args args;
    uint64_t hash = 0, start = clock_ns();

    pick_args_init(&args, channel->host.env->now_ns, &hash);
    for (int i = 0; i < EXPLAINED_PICKS; i++) {
        struct grebe_pick out;

        grebe_pick_init(&out);
        args.explanation = grebe__explanation_new(&counting, channel->host.env->now_ns);
        if (args.explanation == NULL)
            abort();
        grebe__explanation_pick_begins(args.explanation);
        grebe_picker_pick(channel->picker, &args, &out);
        grebe__explanation_pick_ends(args.explanation, channel, &out);
        grebe__explanation_free(args.explanation);
    }
    return (double)(clock_ns() - start) / EXPLAINED_PICKS;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* One endpoint is lost, and refuses from then on: IDLE, CONNECTING, TRANSIENT_FAILURE, each
 * with a picker of its own. */
static double measure_loss(struct bench *b)
{
    double samples[LOSSES];

    for (int i = 0; i < LOSSES; i++) {
        struct grebe__list *link = b->sim.servers.next;
        struct sim_server *server = grebe_container_of(link, struct sim_server, link);
        uint64_t start;

        server->behaviour = SIM_REFUSES;
        start = clock_ns();
        sim_server_kill(server, "connection reset");
        sim_settle(&b->sim);
        samples[i] = (double)(clock_ns() - start);
        server->behaviour = SIM_ACCEPTS;
        sim_advance(&b->sim, 5 * SECOND);
    }
    qsort(samples, LOSSES, sizeof samples[0], by_size);
    return samples[LOSSES / 2];
}

static double measure_atomic(void)
{
    uint64_t counter = 0, start = clock_ns();

    for (int i = 0; i < PICKS; i++)
        __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
    return (double)(clock_ns() - start) / PICKS;
}

/* ---- The program ----------------------------------------------------------------------- */

static void print_picks(const struct bench *b, bool is_explained, int n_threads)
{
    uint64_t before = n_allocations, n = is_explained ? EXPLAINED_PICKS : 0;
    double ns =
        is_explained ? measure_explained(b) : measure_with_threads(b, n_threads, &n);

    printf("%.2f %.6f\n", ns, (double)(n_allocations - before) / (double)n);
}

int main(int argc, char **argv)
{
    const char *option = argc > 3 ? argv[3] : "";
    bool is_explained = strcmp(option, "--explained") == 0;
    bool is_threaded = argc == 5 && strcmp(option, "--threads") == 0;
    bool is_lost = strcmp(option, "--lost") == 0;
    struct bench b;

    if (argc == 2 && strcmp(argv[1], "--atomic") == 0) {
        printf("%.2f 0\n", measure_atomic());
        return 0;
    }
    if (argc != 3 + is_explained + is_lost + 2 * is_threaded || atoi(argv[2]) < 1) {
        fprintf(stderr, "usage: picks POLICY ENDPOINTS [--explained | --threads N | "
                        "--lost] | --atomic\n");
        return 2;
    }
    open_bench(&b, argv[1], atoi(argv[2]));
    if (is_lost) {
        int64_t bytes = n_bytes;

        printf("%.0f %.0f\n", measure_loss(&b), (double)bytes / b.n);
    } else {
        print_picks(&b, is_explained, is_threaded ? atoi(argv[4]) : 1);
    }
    return 0;
}
