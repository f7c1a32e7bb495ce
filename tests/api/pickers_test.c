/* SPDX-License-Identifier: Apache-2.0 */
/* Pickers under threads: four of them pick and complete while the balancer replaces the
 * picker, subconns come and go, and the channel closes.  Under ThreadSanitizer this is the
 * proof of what grebe/balancer.h says of pick(), on_done() and references.
 *
 * The main thread drives a policy on virtual time; a seed decides what happens.  What it
 * publishes goes into a slot, from which a thread takes a reference of its own.  A round is
 * a fixed number of events and of picks, side by side; a barrier ends it, so that the
 * amount of work is always the same.  Each pick is completed by another thread than the one
 * that picked, when the picker may be long gone.
 *
 * A policy joins by a line in `subjects`.  Endpoints have paths, "east" or "west", and are in
 * zones of these names.
 */
#include "support/test.h"

#include <pthread.h>
#include <stdlib.h>

#include <grebe/balancer.h>
#include <grebe/balancer_group.h>
#include <grebe/base_balancer.h>
#include <grebe/lazy.h>
#include <grebe/load_report.h>
#include <grebe/parent.h>

#include "balancer/aperture.h"
#include "balancer/deterministic_subsetting.h"
#include "balancer/hash_config.h"
#include "balancer/least_request.h"
#include "balancer/load_aware.h"
#include "balancer/maglev.h"
#include "balancer/outlier_detection.h"
#include "balancer/p2c_ewma.h"
#include "balancer/pick_first.h"
#include "balancer/priority.h"
#include "balancer/priority_load.h"
#include "balancer/random_subsetting.h"
#include "balancer/rendezvous.h"
#include "balancer/ring_hash.h"
#include "balancer/round_robin.h"
#include "balancer/slow_start.h"
#include "balancer/static_weighted_round_robin.h"
#include "balancer/weighted_round_robin.h"
#include "balancer/weighted_target.h"
#include "balancer/zone_aware.h"
#include "core/client_conn.h"
#include "core/subconn_stream.h"
#include "registry/registry.h"
#include "sim/sim.h"
#include "support/endpoint_word.h"

enum {
    THREADS = 4,
    ROUNDS = 40,
    CLOSING_ROUND =
        36, /* the rounds after it have the last picker, of a closed channel */
    EVENTS_PER_ROUND = 12,
    PICKS_PER_ROUND = 120, /* of each thread */
    PICKS_PER_PICKER = 8,
    MAX_SUBCONNS = 64
};

/* ---- Memory: malloc that counts, on any thread ---------------------------------------------- */

static int n_blocks; /* atomic */

static void *counted_alloc(void *ctx, size_t size)
{
    (void)ctx;
    __atomic_fetch_add(&n_blocks, 1, __ATOMIC_RELAXED);
    return malloc(size);
}

static void *counted_realloc(void *ctx, void *block, size_t size)
{
    if (block == NULL)
        return counted_alloc(ctx, size);
    return realloc(block, size);
}

static void counted_free(void *ctx, void *block)
{
    (void)ctx;
    __atomic_fetch_sub(&n_blocks, 1, __ATOMIC_RELAXED);
    free(block);
}

static const struct grebe_mem mem = {
    .alloc = counted_alloc,
    .realloc = counted_realloc,
    .free = counted_free,
};

/* ---- The slot: where the newest picker is ------------------------------------------------------ */

static pthread_mutex_t slot_lock = PTHREAD_MUTEX_INITIALIZER;
static struct grebe_picker *slot; /* a reference */

/* Takes over the reference.  The old picker may end here or with its last user. */
static void put_picker(struct grebe_picker *picker)
{
    struct grebe_picker *old;

    pthread_mutex_lock(&slot_lock);
    old = slot;
    slot = picker;
    pthread_mutex_unlock(&slot_lock);
    grebe_picker_unref(old);
}

/* The lock keeps the slot's own reference while ours is taken. */
static struct grebe_picker *take_picker(void)
{
    struct grebe_picker *picker;

    pthread_mutex_lock(&slot_lock);
    picker = slot == NULL ? NULL : grebe_picker_ref(slot);
    pthread_mutex_unlock(&slot_lock);
    return picker;
}

/* ---- The channel --------------------------------------------------------------------------------- */

/* A subconn that does what chance says. */
struct fake {
    struct grebe_subconn base;
    enum grebe_connectivity state; /* the main thread's */
    bool is_asked;                 /* to connect */
    bool is_closed;
    struct grebe__list streams; /* that its backend would answer on */
};

static struct {
    struct sim sim;
    struct grebe__lb_host host;
    struct grebe_client_conn *root;
    int n_roots;                      /* atomic: not yet freed */
    struct fake *fakes[MAX_SUBCONNS]; /* the open ones */
    size_t n_fakes;
    uint32_t n_published, n_reports;
    uint32_t n_ejected; /* as the log has it */
} channel;

static struct fake *of(struct grebe_subconn *base)
{
    return grebe_container_of(base, struct fake, base);
}

static void fake_connect(struct grebe_subconn *base)
{
    of(base)->is_asked = true;
}

static void fake_update(struct grebe_subconn *base,
                        struct grebe_address *const *addresses, size_t n)
{
    (void)base, (void)addresses, (void)n;
}

static void fake_shutdown(struct grebe_subconn *base)
{
    size_t i = 0;

    while (channel.fakes[i] != of(base))
        i++;
    channel.fakes[i] = channel.fakes[--channel.n_fakes];
    of(base)->is_closed = true;
    grebe__subconn_deliver(base, GREBE_SHUTDOWN, NULL);
}

/* On the thread that gave up the last reference. */
static void fake_destroy(struct grebe_subconn *base)
{
    assert_true(of(base)->is_closed);
    grebe_mem_free(&mem, of(base));
}

static void forget_stream(struct grebe__subconn_stream *stream)
{
    grebe__list_remove(&stream->link);
}

static int fake_open_stream(struct grebe_subconn *base,
                            struct grebe__subconn_stream *stream)
{
    stream->on_close = forget_stream;
    grebe__list_append(&of(base)->streams, &stream->link);
    return GREBE_OK;
}

static const struct grebe__subconn_ops fake_ops = {
    .connect = fake_connect,
    .update_addresses = fake_update,
    .shutdown = fake_shutdown,
    .destroy = fake_destroy,
    .open_stream = fake_open_stream,
};

static int new_subconn(void *arg, const struct grebe_subconn_options *options,
                       struct grebe_subconn **out)
{
    struct fake *fake = grebe_mem_zalloc(&mem, sizeof *fake);

    (void)arg;
    assert_true(channel.n_fakes < MAX_SUBCONNS);
    grebe__subconn_init(&fake->base, &fake_ops, options);
    grebe__list_init(&fake->streams);
    channel.fakes[channel.n_fakes++] = fake;
    *out = &fake->base;
    return GREBE_OK;
}

static void update_state(void *arg, enum grebe_connectivity state,
                         struct grebe_picker *picker)
{
    (void)arg, (void)state;
    channel.n_published++;
    put_picker(picker);
}

static void resolve_now(void *arg)
{
    (void)arg;
}

/* The health service says READY whenever it is asked. */
static void watch_health(void *arg, struct grebe_subconn *subconn,
                         grebe_subconn_state_fn on_health, void *health_arg)
{
    (void)arg;
    if (grebe__subconn_watch_health(subconn, on_health, health_arg))
        grebe__env_do(&channel.sim.env, &subconn->health_effect);
}

static const struct grebe_client_conn_ops root_ops = {
    .update_state = update_state,
    .resolve_now = resolve_now,
    .new_subconn = new_subconn,
    .watch_health = watch_health,
};

static void on_root_freed(struct grebe__lb_host *host)
{
    (void)host;
    __atomic_fetch_sub(&channel.n_roots, 1, __ATOMIC_ACQ_REL);
}

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    (void)arg, (void)level;
    channel.n_ejected += strstr(message, " ejected for its ") != NULL;
}

static void open_channel(const struct grebe_balancer_builder *builder)
{
    memset(&channel, 0, sizeof channel);
    sim_init(&channel.sim, NULL, 1);
    channel.host = (struct grebe__lb_host){
        .env = &channel.sim.env,
        .mem = &mem,
        .build_options = {.target = "test:///", .authority = "test", .user_agent = ""},
        .on_root_freed = on_root_freed,
        .on_log = on_log,
    };
    channel.n_roots = 1;
    assert_int_equal(
        grebe__client_conn_new_root(&channel.host, &root_ops, NULL, &channel.root),
        GREBE_OK);
    grebe__env_enter(&channel.sim.env);
    assert_int_equal(grebe_client_conn_build(channel.root, builder), GREBE_OK);
    grebe__env_leave(&channel.sim.env);
}

static void close_channel(void)
{
    grebe__env_enter(&channel.sim.env);
    grebe_client_conn_close(channel.root);
    grebe__env_leave(&channel.sim.env);
    channel.root = NULL;
    sim_settle(&channel.sim);
    assert_int_equal(channel.n_fakes, 0);
}

/* ---- What happens to it --------------------------------------------------------------------------- */

static uint32_t below(uint32_t n)
{
    return grebe__rng_below(&channel.sim.env.rng, n);
}

static const char *const pair_names[] = {"east", "west"};

static struct grebe_endpoint *new_endpoint(uint32_t number)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address;
    struct grebe_endpoint *endpoint;
    const struct grebe_attributes *attributes;
    char text[48], *word = text;

    snprintf(text, sizeof text, "%s>10.0.0.%u:80@%s", pair_names[number % 2], number,
             pair_names[number % 2]);
    attributes = endpoint_word_cut(&word);
    assert_int_equal(grebe_address_new(NULL, word, &options, &address), GREBE_OK);
    assert_int_equal(grebe_endpoint_new(NULL, &address, 1, attributes, &endpoint),
                     GREBE_OK);
    grebe_address_unref(address);
    grebe_attributes_unref(attributes);
    return endpoint;
}

/* A subject's configuration for the n-th update; NULL if it has none. */
typedef const void *(*config_fn)(uint32_t n);

/* Some of eight endpoints; now and then none. */
static void resolve(const void *config)
{
    struct grebe_endpoint *endpoints[8];
    struct grebe_balancer_update update = {.endpoints = endpoints, .config = config};
    uint32_t chosen = below(16) == 0 ? 0 : below(256);

    for (uint32_t i = 0; i < 8; i++)
        if (chosen >> i & 1)
            endpoints[update.n_endpoints++] = new_endpoint(i);
    grebe__env_enter(&channel.sim.env);
    (void)grebe_client_conn_update(channel.root, &update); /* the empty one fails */
    grebe__env_leave(&channel.sim.env);
    while (update.n_endpoints > 0)
        grebe_endpoint_unref(endpoints[--update.n_endpoints]);
}

/* The next state that a subconn may take; mostly that of a server that works. */
static enum grebe_connectivity next_state(const struct fake *fake)
{
    switch (fake->state) {
    case GREBE_IDLE:
        return fake->is_asked ? GREBE_CONNECTING : GREBE_IDLE;
    case GREBE_CONNECTING:
        return below(4) == 0 ? GREBE_TRANSIENT_FAILURE : GREBE_READY;
    default:
        return GREBE_IDLE; /* lost, or the backoff is over */
    }
}

static void change_subconn(void)
{
    struct grebe_status refused =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, "connection refused");
    struct fake *fake;

    if (channel.n_fakes == 0)
        return;
    fake = channel.fakes[below((uint32_t)channel.n_fakes)];
    if (fake->state == GREBE_READY && below(3) != 0)
        return; /* they last longer */
    fake->state = next_state(fake);
    if (fake->state == GREBE_CONNECTING)
        fake->is_asked = false;
    grebe__env_enter(&channel.sim.env);
    grebe__subconn_deliver(&fake->base, fake->state,
                           fake->state == GREBE_TRANSIENT_FAILURE ? &refused : NULL);
    grebe__env_leave(&channel.sim.env);
}

/* A load report comes, to whoever listens. */
static void report(void)
{
    static const char half_busy[] = "\x09\0\0\0\0\0\0\xe0\x3f"  /* CPU 0.5 */
                                    "\x31\0\0\0\0\0\0\x59\x40"; /* 100 a second */
    struct grebe__subconn_stream *stream;
    struct fake *fake;

    if (channel.n_fakes == 0)
        return;
    fake = channel.fakes[below((uint32_t)channel.n_fakes)];
    if (grebe__list_is_empty(&fake->streams))
        return;
    stream = grebe_container_of(fake->streams.next, struct grebe__subconn_stream, link);
    grebe__env_enter(&channel.sim.env);
    stream->listener->on_message(stream, half_busy, sizeof half_busy - 1);
    grebe__env_leave(&channel.sim.env);
    channel.n_reports++;
}

static void happen(config_fn config, uint32_t n)
{
    report();
    if (n % EVENTS_PER_ROUND == 0)
        resolve(config == NULL ? NULL : config(n / EVENTS_PER_ROUND));
    else
        change_subconn();
    sim_advance(&channel.sim, below(100) * MS);
}

/* ---- Picking ----------------------------------------------------------------------------------------- */

/* A call under way: picked by one thread, completed by another. */
struct call {
    struct grebe_pick pick;
    struct grebe_subconn *subconn; /* a reference */
};

static pthread_barrier_t round_begins, round_ends;
static struct call *handed_over[THREADS];   /* atomic: to thread i */
static int n_picks, n_sent, n_owed, n_done; /* atomic */

static void count(int *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static bool is_third_ill; /* calls to the third backend fail */

static bool has_failed(const struct call *call)
{
    return is_third_ill &&
           strstr(grebe_address_text(call->subconn->address), "10.0.0.3") != NULL;
}

static void complete(struct call *call)
{
    struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    struct grebe_status failed = grebe_status_of(GREBE_STATUS_INTERNAL, "ill");
    const struct grebe_load_report load = {.cpu_utilization = 0.25, .rps = 100};
    struct grebe_done_info info = {.status = &ok, .bytes_sent = true};

    if (call == NULL)
        return;
    if (has_failed(call))
        info.status = &failed;
    if (call->pick.wants_load_report)
        info.server_load = &load;
    if (call->pick.on_done != NULL)
        count(&n_done);
    grebe_pick_end(&call->pick, &info);
    grebe_subconn_unref(call->subconn);
    free(call);
}

static struct call *hand_over(size_t to, struct call *call)
{
    return __atomic_exchange_n(&handed_over[to], call, __ATOMIC_ACQ_REL);
}

static void pick_once(struct grebe_picker *picker, size_t thread, struct grebe__rng *rng)
{
    uint64_t hash = grebe__rng_next(rng);
    struct grebe_pick_args args = {
        .method = "/s/m",
        .deadline_ns = UINT64_MAX,
        .random = grebe__rng_next(rng),
        .hash = hash % 2 == 0 ? &hash : NULL,
    };
    struct grebe_pick pick;
    struct call *call;

    grebe_pick_init(&pick);
    grebe_picker_pick(picker, &args, &pick);
    count(&n_picks);
    if (pick.kind != GREBE_PICK_COMPLETE)
        return;
    call = malloc(sizeof *call);
    *call = (struct call){.pick = pick, .subconn = grebe_subconn_ref(pick.subconn)};
    count(&n_sent);
    if (pick.on_done != NULL)
        count(&n_owed);
    /* What the other thread did not fetch yet we complete ourselves. */
    complete(hand_over((thread + 1) % THREADS, call));
}

static void pick_for_a_round(size_t thread, struct grebe__rng *rng)
{
    for (int i = 0; i < PICKS_PER_ROUND; i += PICKS_PER_PICKER) {
        struct grebe_picker *picker = take_picker();

        for (int k = 0; k < PICKS_PER_PICKER && picker != NULL; k++)
            pick_once(picker, thread, rng);
        grebe_picker_unref(picker);
        complete(hand_over(thread, NULL));
    }
}

static void *run_thread(void *arg)
{
    size_t thread = (size_t)(uintptr_t)arg;
    struct grebe__rng rng;

    grebe__rng_seed(&rng, thread);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&round_begins);
        pick_for_a_round(thread, &rng);
        pthread_barrier_wait(&round_ends);
    }
    return NULL;
}

/* ---- A parent of endpoint sharding whose pickers are owed an on_done, and listen ---------------- */

/* With the policy itself as many as there is room for. */
enum { LISTENERS = GREBE_PICK_LISTENERS };

struct scatter_picker {
    struct grebe_picker base;
    struct grebe_client_conn *cc; /* a reference */
    uint32_t n_in_flight;         /* atomic */
    uint32_t n_listening;         /* atomic */
    uint32_t n;
    struct grebe_picker *children[]; /* n references */
};

/* Also the picker's last user, perhaps. */
static void scatter_done(void *arg, const struct grebe_done_info *info)
{
    struct scatter_picker *picker = arg;

    assert_int_equal(info->status->code, GREBE_STATUS_OK);
    assert_true(__atomic_fetch_sub(&picker->n_in_flight, 1, __ATOMIC_RELAXED) > 0);
    grebe_picker_unref(&picker->base);
}

static void scatter_heard(void *arg, const struct grebe_done_info *info)
{
    struct scatter_picker *picker = arg;

    assert_int_equal(info->status->code, GREBE_STATUS_OK);
    assert_true(__atomic_fetch_sub(&picker->n_listening, 1, __ATOMIC_RELAXED) > 0);
    grebe_picker_unref(&picker->base);
}

/* As parents of its own would. */
static void scatter_listen(struct scatter_picker *picker, struct grebe_pick *out)
{
    for (int i = 0; i < LISTENERS; i++) {
        __atomic_fetch_add(&picker->n_listening, 1, __ATOMIC_RELAXED);
        grebe_picker_ref(&picker->base);
        assert_true(grebe_pick_listen(out, scatter_heard, picker));
    }
    assert_false(grebe_pick_listen(out, scatter_heard, picker));
}

static void scatter_pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                         struct grebe_pick *out)
{
    struct scatter_picker *picker = grebe_container_of(base, struct scatter_picker, base);

    if (args->random >> 60 == 0) /* some wishes come from several threads at a time */
        grebe_client_conn_request_exit_idle(picker->cc);
    if (picker->n == 0)
        return;
    grebe_picker_pick(picker->children[args->random % picker->n], args, out);
    if (out->kind != GREBE_PICK_COMPLETE)
        return;
    __atomic_fetch_add(&picker->n_in_flight, 1, __ATOMIC_RELAXED);
    out->on_done = scatter_done;
    out->on_done_arg = picker;
    grebe_picker_ref(base);
    scatter_listen(picker, out);
}

static void scatter_picker_destroy(struct grebe_picker *base)
{
    struct scatter_picker *picker = grebe_container_of(base, struct scatter_picker, base);

    assert_int_equal(__atomic_load_n(&picker->n_in_flight, __ATOMIC_RELAXED), 0);
    assert_int_equal(__atomic_load_n(&picker->n_listening, __ATOMIC_RELAXED), 0);
    for (uint32_t i = 0; i < picker->n; i++)
        grebe_picker_unref(picker->children[i]);
    grebe_client_conn_unref(picker->cc);
    grebe_mem_free(&mem, picker);
}

static const struct grebe_picker_ops scatter_picker_ops = {
    .pick = scatter_pick,
    .destroy = scatter_picker_destroy,
};

static void on_children(void *arg, struct grebe_client_conn *cc,
                        enum grebe_connectivity state,
                        const struct grebe_sharding_child *children, size_t n)
{
    struct scatter_picker *picker =
        grebe_mem_zalloc(&mem, sizeof *picker + n * sizeof(struct grebe_picker *));

    (void)arg;
    grebe_picker_init(&picker->base, &scatter_picker_ops);
    picker->cc = grebe_client_conn_ref(cc);
    for (size_t i = 0; i < n; i++)
        if (children[i].state == state)
            picker->children[picker->n++] = grebe_picker_ref(children[i].picker);
    grebe_client_conn_update_state(cc, state, &picker->base);
}

static const struct grebe_endpoint_sharding_ops scatter_sharding_ops = {
    .on_children = on_children,
};

struct scatter {
    struct grebe_balancer base;
    struct grebe_endpoint_sharding *sharding;
};

static struct grebe_endpoint_sharding *sharding_of(struct grebe_balancer *base)
{
    return grebe_container_of(base, struct scatter, base)->sharding;
}

static int scatter_update(struct grebe_balancer *base,
                          const struct grebe_balancer_update *update)
{
    return grebe_endpoint_sharding_update(sharding_of(base), update);
}

static void scatter_resolver_error(struct grebe_balancer *base,
                                   const struct grebe_status *status)
{
    grebe_endpoint_sharding_resolver_error(sharding_of(base), status);
}

static void scatter_exit_idle(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_exit_idle(sharding_of(base));
}

static void scatter_settled(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_settled(sharding_of(base));
}

static void scatter_destroy(struct grebe_balancer *base)
{
    grebe_endpoint_sharding_destroy(sharding_of(base));
    grebe_mem_free(&mem, grebe_container_of(base, struct scatter, base));
}

static const struct grebe_balancer_ops scatter_ops = {
    .update = scatter_update,
    .resolver_error = scatter_resolver_error,
    .exit_idle = scatter_exit_idle,
    .settled = scatter_settled,
    .destroy = scatter_destroy,
};

/* Idle children stay idle, so that picks wake them. */
static int scatter_build(struct grebe_client_conn *cc,
                         const struct grebe_build_options *options,
                         struct grebe_balancer **out)
{
    struct grebe_endpoint_sharding_options how = GREBE_ENDPOINT_SHARDING_OPTIONS_INIT;
    struct scatter *scatter = grebe_mem_zalloc(&mem, sizeof *scatter);

    (void)options;
    grebe_balancer_init(&scatter->base, &scatter_ops);
    how.ops = &scatter_sharding_ops;
    how.arg = scatter;
    how.leaves_idle_alone = true;
    assert_int_equal(grebe_endpoint_sharding_new(cc, &how, &scatter->sharding), GREBE_OK);
    *out = &scatter->base;
    return GREBE_OK;
}

static const struct grebe_balancer_builder scatter = {
    .api = GREBE_BALANCER_API,
    .name = "scatter",
    .build = scatter_build,
};

/* ---- The base balancer: any of those that are READY --------------------------------------------- */

static struct grebe_picker *build_any(void *arg, struct grebe_client_conn *cc,
                                      const struct grebe_ready_subconn *ready, size_t n)
{
    (void)arg;
    if (n == 0)
        return grebe_picker_queueing();
    return grebe_picker_fixed(
        &mem, ready[grebe_client_conn_random_below(cc, (uint32_t)n)].subconn);
}

static int base_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    struct grebe_base_balancer_options how = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)options;
    how.build_picker = build_any;
    return grebe_base_balancer_new(cc, &how, out);
}

static const struct grebe_balancer_builder base_balancer = {
    .api = GREBE_BALANCER_API,
    .name = "base",
    .build = base_build,
};

/* ---- A lazy child, which the first pick wakes ------------------------------------------------------ */

static int lazy_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    (void)options;
    return grebe_lazy_new(cc, &grebe__round_robin, out);
}

static const struct grebe_balancer_builder lazy = {
    .api = GREBE_BALANCER_API,
    .name = "lazy",
    .build = lazy_build,
};

/* ---- A balancer group: two children that take turns at being parked ---------------------------------- */

struct pair {
    struct grebe_balancer base;
    struct grebe_client_conn *cc;
    struct grebe_balancer_group *group;
    struct grebe_lb_config *config; /* of both */
    uint32_t n_updates;
};

static void pair_on_state(void *arg, const char *name, enum grebe_connectivity child,
                          struct grebe_picker *picker)
{
    struct pair *pair = arg;

    (void)name;
    grebe_client_conn_update_state(pair->cc, child, grebe_picker_ref(picker));
}

static int pair_update(struct grebe_balancer *base,
                       const struct grebe_balancer_update *update)
{
    struct pair *pair = (struct pair *)base;
    struct grebe_balancer_update for_child = *update;

    grebe_balancer_group_remove(pair->group, pair_names[pair->n_updates++ % 2]);
    for_child.config = pair->config;
    for (size_t i = 0; i < 2; i++) {
        if (i == pair->n_updates % 2)
            assert_int_equal(
                grebe_balancer_group_add(pair->group, pair_names[i], &grebe__round_robin),
                GREBE_OK);
        (void)grebe_balancer_group_update(pair->group, pair_names[i], &for_child);
    }
    return GREBE_OK;
}

static void pair_error(struct grebe_balancer *base, const struct grebe_status *status)
{
    grebe_balancer_group_resolver_error(((struct pair *)base)->group, status);
}

static void pair_exit_idle(struct grebe_balancer *base)
{
    grebe_balancer_group_exit_idle(((struct pair *)base)->group);
}

static void pair_destroy(struct grebe_balancer *base)
{
    struct pair *pair = (struct pair *)base;

    grebe_balancer_group_destroy(pair->group);
    grebe_lb_config_unref(pair->config);
    grebe_mem_free(&mem, pair);
}

static const struct grebe_balancer_ops pair_ops = {
    .update = pair_update,
    .resolver_error = pair_error,
    .exit_idle = pair_exit_idle,
    .destroy = pair_destroy,
};

static int pair_build(struct grebe_client_conn *cc,
                      const struct grebe_build_options *options,
                      struct grebe_balancer **out)
{
    struct grebe_balancer_group_options how = GREBE_BALANCER_GROUP_OPTIONS_INIT;
    struct pair *pair = grebe_mem_zalloc(&mem, sizeof *pair);

    (void)options;
    grebe_balancer_init(&pair->base, &pair_ops);
    pair->cc = cc;
    how.on_state = pair_on_state;
    how.arg = pair;
    how.park_ns = 50 * MS;
    assert_int_equal(grebe_balancer_group_new(cc, &how, &pair->group), GREBE_OK);
    assert_int_equal(grebe_lb_config_new(&grebe__round_robin, &pair->config), GREBE_OK);
    *out = &pair->base;
    return GREBE_OK;
}

static const struct grebe_balancer_builder group = {
    .api = GREBE_BALANCER_API,
    .name = "group",
    .build = pair_build,
};

/* ---- Graceful switch: another policy with every other update ----------------------------------- */

static struct grebe_lb_config *switch_configs[2];

static const void *config_of_switch(uint32_t n)
{
    return switch_configs[n / 2 % 2];
}

/* ---- Hashing: another table, and bounds, with every other update ------------------------- */

static const void *config_of_hash(uint32_t n)
{
    static char header[] = "x-key";
    static const struct grebe__hash_config configs[] = {
        {.min_size = 67, .max_size = 128, .balance_factor = 100, .header = header},
        {.min_size = 101, .max_size = 101, .header = NULL},
    };

    return &configs[n / 2 % 2];
}

/* ---- An example, which hears of load on the loop and on every thread: reported_load.c ------ */

extern const struct grebe_balancer_builder reported_load;

/* ---- Policies that stand on a configuration, which is the same all the time ------------------- */

static void *parsed; /* of the subject's text */

static const void *config_of_text(uint32_t n)
{
    (void)n;
    return parsed;
}

static void parse_text(const struct grebe_balancer_builder *builder, const char *text)
{
    const struct grebe_json *json;

    assert_int_equal(grebe_json_parse(text, strlen(text), NULL, &json), GREBE_OK);
    assert_int_equal(builder->parse_config(json, NULL, &parsed), GREBE_OK);
    grebe_json_free(json);
}

#define CHILD "\"childPolicy\": [{\"round_robin\": {}}]"

/* ---- weighted_round_robin: reports with calls and out of band, of several metrics -------- */

static const char *const weights_texts[] = {
    "[{\"weighted_round_robin\":{\"blackoutPeriod\":\"0s\","
    "\"weightUpdatePeriod\":\"0.1s\"}}]",
    "[{\"weighted_round_robin\":{\"blackoutPeriod\":\"0s\","
    "\"metricNamesForComputingUtilization\":[\"mem_utilization\"]}}]",
    "[{\"weighted_round_robin\":{\"blackoutPeriod\":\"0s\","
    "\"enableOobLoadReport\":true}}]",
};

enum { N_WEIGHTS_CONFIGS = sizeof weights_texts / sizeof weights_texts[0] };

static struct grebe_lb_config *weights_configs[N_WEIGHTS_CONFIGS];

static void parse_weights_configs(void)
{
    for (size_t i = 0; i < N_WEIGHTS_CONFIGS; i++) {
        const struct grebe_json *json;

        assert_int_equal(
            grebe_json_parse(weights_texts[i], strlen(weights_texts[i]), NULL, &json),
            GREBE_OK);
        assert_int_equal(grebe_lb_config_parse(json, NULL, &weights_configs[i]),
                         GREBE_OK);
        grebe_json_free(json);
    }
}

static const void *config_of_weights(uint32_t n)
{
    return grebe_lb_config_value(weights_configs[n / 2 % N_WEIGHTS_CONFIGS]);
}

/* ---- The test ------------------------------------------------------------------------------------------- */

static const struct {
    const struct grebe_balancer_builder *builder;
    config_fn config; /* may be NULL */
    const char *text; /* instead; NULL: none */
} subjects[] = {
    {&grebe__pick_first, NULL, NULL},
    {&grebe__round_robin, NULL, NULL},
    {&grebe__ring_hash, config_of_hash, NULL},
    {&grebe__bounded_load_ring_hash, NULL, NULL},
    {&grebe__least_request, config_of_text, "{\"choiceCount\": 3}"},
    {&grebe__least_request_full, NULL, NULL},
    {&grebe__least_request_full, config_of_text,
     "{\"weighted\": true, \"slowStartConfig\": {\"slowStartWindow\": \"2s\"}}"},
    {&grebe__load_aware, NULL, NULL},
    {&grebe__load_aware, config_of_text, "{\"enableOobLoadReport\": true}"},
    {&grebe__maglev, config_of_hash, NULL},
    {&grebe__p2c_ewma, NULL, NULL},
    {&grebe__p2c_ewma, config_of_text, "{\"loadMetric\": \"orcaUtilization\"}"},
    {&grebe__aperture, config_of_text,
     "{\"minAperture\": 2, \"smoothingWindow\": \"0.001s\"}"},
    {&grebe__aperture, config_of_text,
     "{\"minAperture\": 2, \"clientIndex\": 1, \"clientCount\": 7}"},
    {&grebe__rendezvous, config_of_hash, NULL},
    {&grebe_graceful_switch, config_of_switch, NULL},
    {&scatter, NULL, NULL},
    {&base_balancer, NULL, NULL},
    {&lazy, NULL, NULL},
    {&group, NULL, NULL},
    {&reported_load, NULL, NULL},
    {&grebe__random_subsetting, config_of_text, "{\"subsetSize\": 3, " CHILD "}"},
    {&grebe__deterministic_subsetting, config_of_text,
     "{\"subsetSize\": 2, \"clientIndex\": 7, " CHILD "}"},
    {&grebe__priority, config_of_text,
     "{\"children\": {\"east\": {\"config\": [{\"round_robin\": {}}]}, "
     "\"west\": {\"config\": [{\"pick_first\": {}}]}}, "
     "\"priorities\": [\"east\", \"west\"]}"},
    {&grebe__priority_load, config_of_text,
     "{\"children\": {\"east\": {\"config\": [{\"round_robin\": {}}]}, "
     "\"west\": {\"config\": [{\"round_robin\": {}}]}}, "
     "\"priorities\": [\"east\", \"west\"], \"failTrafficOnPanic\": true}"},
    {&grebe__weighted_target, config_of_text,
     "{\"targets\": {\"east\": {\"weight\": 3, " CHILD "}, "
     "\"west\": {\"weight\": 1, " CHILD "}}}"},
    {&grebe__weighted_round_robin, config_of_weights, NULL},
    {&grebe__static_weighted_round_robin, config_of_text, "{\"mode\": \"smooth\"}"},
    {&grebe__static_weighted_round_robin, config_of_text,
     "{\"mode\": \"edf\", \"slowStartConfig\": {\"slowStartWindow\": \"2s\"}}"},
    {&grebe__static_weighted_round_robin, config_of_text, "{\"mode\": \"stride\"}"},
    {&grebe__slow_start, config_of_text,
     "{\"slowStartWindow\": \"5s\", \"aggression\": 2, " CHILD "}"},
    {&grebe__outlier_detection, config_of_text,
     "{\"interval\": \"0.01s\", \"baseEjectionTime\": \"0.015s\", "
     "\"failurePercentageEjection\": {\"threshold\": 50, \"enforcementPercentage\": 100, "
     "\"minimumHosts\": 2, \"requestVolume\": 1}, \"panicThreshold\": 60, " CHILD "}"},
    {&grebe__zone_aware, config_of_text,
     "{\"localZone\": \"east\", \"localCounts\": {\"east\": 3, \"west\": 1}, "
     "\"minClusterSize\": 2, " CHILD "}"},
};

/* Itself, or under its other name. */
static bool is_subject(const struct grebe_balancer_builder *builder)
{
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
        if (subjects[i].builder->build == builder->build)
            return true;
    return false;
}

static void live(config_fn config)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&round_begins);
        if (round == CLOSING_ROUND)
            close_channel();
        for (uint32_t i = 0; i < EVENTS_PER_ROUND && round < CLOSING_ROUND; i++)
            happen(config, round * EVENTS_PER_ROUND + i);
        sim_settle(&channel.sim);
        pthread_barrier_wait(&round_ends);
    }
}

static void expect_everything_back(int n_blocks_before)
{
    for (size_t i = 0; i < THREADS; i++)
        complete(hand_over(i, NULL));
    put_picker(NULL);
    sim_settle(&channel.sim); /* exit_idle, asked for at the last moment */
    assert_int_equal(n_done, n_owed);
    assert_int_equal(channel.n_roots, 0);
    sim_fini(&channel.sim);
    assert_int_equal(n_blocks, n_blocks_before);
}

static void exercise(const struct grebe_balancer_builder *builder, config_fn config)
{
    int n_blocks_before = n_blocks;
    pthread_t threads[THREADS];

    n_picks = n_sent = n_owed = n_done = 0;
    open_channel(builder);
    happen(config, 0); /* a picker for the first round */
    assert_int_equal(pthread_barrier_init(&round_begins, NULL, THREADS + 1), 0);
    assert_int_equal(pthread_barrier_init(&round_ends, NULL, THREADS + 1), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, run_thread, (void *)(uintptr_t)i), 0);
    live(config);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&round_begins);
    pthread_barrier_destroy(&round_ends);
    print_message("# %s: %u pickers, %u reports, %d picks, %d of them sent\n",
                  builder->name, channel.n_published, channel.n_reports, n_picks, n_sent);
    assert_int_equal(n_picks, THREADS * ROUNDS * PICKS_PER_ROUND);
    assert_true(n_sent > 0);
    assert_true((builder != &reported_load && builder != &grebe__weighted_round_robin) ||
                channel.n_reports > 0);
    expect_everything_back(n_blocks_before);
}

TEST(pickers_serve_threads_while_policies_replace_them_and_channels_close)
{
    assert_int_equal(grebe_lb_config_new(&grebe__pick_first, &switch_configs[0]),
                     GREBE_OK);
    assert_int_equal(grebe_lb_config_new(&grebe__round_robin, &switch_configs[1]),
                     GREBE_OK);
    parse_weights_configs();
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        if (subjects[i].text != NULL)
            parse_text(subjects[i].builder, subjects[i].text);
        is_third_ill = subjects[i].builder == &grebe__outlier_detection;
        exercise(subjects[i].builder, subjects[i].config);
        assert_int_equal(channel.n_ejected > 0, is_third_ill);
        if (subjects[i].text != NULL)
            subjects[i].builder->free_config(parsed);
    }
    for (size_t i = 0; i < N_WEIGHTS_CONFIGS; i++)
        grebe_lb_config_unref(weights_configs[i]);
    grebe_lb_config_unref(switch_configs[0]);
    grebe_lb_config_unref(switch_configs[1]);
}

TEST(every_policy_that_is_built_in_is_a_subject)
{
    for (size_t i = 0; grebe__builtin_balancers[i] != NULL; i++)
        if (!is_subject(grebe__builtin_balancers[i]))
            fail_msg("%s is not among the subjects", grebe__builtin_balancers[i]->name);
}

/* ---- The picker of IDLE ----------------------------------------------------------------------------- */

enum { WAKERS = 10 };

static uint32_t n_exit_idle;

static void count_exit_idle(struct grebe_balancer *base);

static struct grebe_balancer_ops counting_ops;
static const struct grebe_balancer_ops *counted_ops;

static void count_exit_idle(struct grebe_balancer *base)
{
    n_exit_idle++;
    counted_ops->exit_idle(base);
}

/* pick_first, its exit_idle counted. */
static int build_counting(struct grebe_client_conn *cc,
                          const struct grebe_build_options *options,
                          struct grebe_balancer **out)
{
    int result = grebe__pick_first.build(cc, options, out);

    counted_ops = (*out)->ops;
    counting_ops = *counted_ops;
    counting_ops.exit_idle = count_exit_idle;
    (*out)->ops = &counting_ops;
    return result;
}

static void *wake(void *arg)
{
    struct grebe_picker *picker = take_picker();
    struct grebe__rng rng;

    (void)arg;
    grebe__rng_seed(&rng, 1);
    pthread_barrier_wait(&round_begins);
    pick_once(picker, 0, &rng);
    grebe_picker_unref(picker);
    return NULL;
}

/* Ten threads pick once from what was published last, while we take turns: however these
 * interleave, nobody is sent anywhere. */
static void wake_with_ten_threads(void)
{
    pthread_t threads[WAKERS];

    n_sent = 0;
    assert_int_equal(pthread_barrier_init(&round_begins, NULL, WAKERS), 0);
    for (size_t i = 0; i < WAKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wake, NULL), 0);
    for (int i = 0; i < 100; i++)
        sim_settle(&channel.sim);
    for (size_t i = 0; i < WAKERS; i++)
        pthread_join(threads[i], NULL);
    sim_settle(&channel.sim);
    pthread_barrier_destroy(&round_begins);
    assert_int_equal(n_sent, 0);
}

static void update_with(struct grebe_endpoint *endpoint)
{
    struct grebe_balancer_update update = {.endpoints = &endpoint, .n_endpoints = 1};

    grebe__env_enter(&channel.sim.env);
    assert_int_equal(grebe_client_conn_update(channel.root, &update), GREBE_OK);
    grebe__env_leave(&channel.sim.env);
}

static void close_and_forget(void)
{
    close_channel();
    put_picker(NULL);
    assert_int_equal(channel.n_roots, 0);
    sim_fini(&channel.sim);
}

static void deliver_to_all(enum grebe_connectivity state)
{
    for (size_t i = 0; i < channel.n_fakes; i++) {
        grebe__env_enter(&channel.sim.env);
        grebe__subconn_deliver(&channel.fakes[i]->base, state, NULL);
        grebe__env_leave(&channel.sim.env);
    }
}

/* PF-36 */
TEST(ten_threads_wake_an_idle_policy_once)
{
    struct grebe_balancer_builder builder = grebe__pick_first;
    struct grebe_endpoint *endpoint = new_endpoint(1);

    builder.build = build_counting;
    open_channel(&builder);
    update_with(endpoint);
    deliver_to_all(GREBE_CONNECTING);
    deliver_to_all(GREBE_READY);
    deliver_to_all(GREBE_IDLE);
    n_exit_idle = 0;
    wake_with_ten_threads();
    assert_int_equal(n_exit_idle, 1);
    grebe_endpoint_unref(endpoint);
    close_and_forget();
}

/* ---- The picker of a lazy child ----------------------------------------------------------------------- */

static uint32_t n_built;

static int build_counted(struct grebe_client_conn *cc,
                         const struct grebe_build_options *options,
                         struct grebe_balancer **out)
{
    n_built++;
    return grebe__round_robin.build(cc, options, out);
}

static const struct grebe_balancer_builder counted_child = {
    .api = GREBE_BALANCER_API,
    .name = "counted",
    .build = build_counted,
};

static int build_lazy_counted(struct grebe_client_conn *cc,
                              const struct grebe_build_options *options,
                              struct grebe_balancer **out)
{
    (void)options;
    return grebe_lazy_new(cc, &counted_child, out);
}

/* C-11 */
TEST(ten_threads_have_a_lazy_child_built_once)
{
    static const struct grebe_balancer_builder builder = {
        .api = GREBE_BALANCER_API, .name = "lazy", .build = build_lazy_counted};
    struct grebe_endpoint *endpoint = new_endpoint(1);

    n_built = 0;
    open_channel(&builder);
    update_with(endpoint);
    wake_with_ten_threads();
    assert_int_equal(n_built, 1);
    assert_int_equal(channel.n_fakes, 1);
    grebe_endpoint_unref(endpoint);
    close_and_forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            pickers_serve_threads_while_policies_replace_them_and_channels_close),
        cmocka_unit_test(every_policy_that_is_built_in_is_a_subject),
        cmocka_unit_test(ten_threads_wake_an_idle_policy_once),
        cmocka_unit_test(ten_threads_have_a_lazy_child_built_once),
    };

    return cmocka_run_group_tests_name("pickers", tests, NULL, NULL);
}
