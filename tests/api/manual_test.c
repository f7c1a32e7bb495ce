/* SPDX-License-Identifier: Apache-2.0 */
/* One manual resolver, updated by many threads, listened to on many loops.  Under
 * ThreadSanitizer this is the proof that it may be. */
#include "api/backend.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <grebe/balancer.h>
#include <grebe/manual.h>
#include <grebe/registry.h>
#include <grebe/resolve.h>

enum { UPDATERS = 3, UPDATES = 200, LISTENERS = 3, MEETINGS = 60 };

static struct grebe_manual_resolver *manual;
static const struct grebe_resolver_builder *builder; /* its own */

static void make(const struct grebe_manual_resolver_options *options)
{
    assert_int_equal(grebe_manual_resolver_new(options, &manual), GREBE_OK);
    builder = grebe_manual_resolver_builder(manual);
}

static const char *address_of(const struct grebe_resolver_state *state)
{
    return grebe_address_text(grebe_endpoint_address(state->endpoints[0], 0));
}

static void use(struct grebe_channel_options *options)
{
    grebe_channel_options_init(options);
    options->resolvers = &builder;
    options->n_resolvers = 1;
}

static void set(const char *address)
{
    assert_int_equal(grebe_manual_resolver_set_addresses(manual, &address, 1), GREBE_OK);
}

static void wait_for(const int *counter, int n)
{
    uint64_t give_up_ns = grebe_now_ns() + 30 * SECOND;

    while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < n) {
        assert_true(grebe_now_ns() < give_up_ns);
        usleep(1000);
    }
}

/* "2:17": the eighteenth of the third thread. */
static void *update(void *arg)
{
    for (int i = 0; i < UPDATES; i++) {
        char address[32];

        snprintf(address, sizeof address, "%zu:%d", (size_t)arg, i);
        set(address);
    }
    return NULL;
}

/* ---- Order -------------------------------------------------------------------------- */

struct listener {
    struct grebe_loop *loop;
    struct grebe_resolver_watch *watch;
    int n; /* atomic; the loop's thread adds */
    struct {
        int updater, number;
    } heard[UPDATERS * UPDATES];
};

static void on_result(void *arg, const struct grebe_resolver_state *state,
                      const struct grebe_status *error, const char *scheme)
{
    struct listener *listener = arg;
    int n = listener->n;

    assert_null(error);
    assert_string_equal(scheme, "manual");
    assert_true(n < UPDATERS * UPDATES);
    assert_int_equal(sscanf(address_of(state), "%d:%d", &listener->heard[n].updater,
                            &listener->heard[n].number),
                     2);
    __atomic_store_n(&listener->n, n + 1, __ATOMIC_RELEASE);
}

static void listen(struct listener *listener)
{
    struct grebe_channel_options options;
    struct grebe_diag diag;

    use(&options);
    listener->n = 0;
    assert_int_equal(grebe_loop_new(NULL, &listener->loop), GREBE_OK);
    assert_int_equal(grebe_loop_start_thread(listener->loop), GREBE_OK);
    if (grebe_resolver_watch_new(listener->loop, "manual:///x", &options, &diag,
                                 on_result, listener, &listener->watch) != GREBE_OK)
        fail_msg("%s", diag.text);
}

static void hear_all(struct listener *listener)
{
    wait_for(&listener->n, UPDATERS * UPDATES);
    grebe_resolver_watch_destroy(listener->watch);
    grebe_loop_unref(listener->loop);
}

TEST(updates_of_all_threads_reach_all_loops_in_one_order)
{
    static struct listener listeners[LISTENERS];
    pthread_t threads[UPDATERS];
    int last[UPDATERS];

    make(NULL);
    for (int i = 0; i < LISTENERS; i++)
        listen(&listeners[i]);
    for (size_t i = 0; i < UPDATERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, update, (void *)i), 0);
    for (int i = 0; i < UPDATERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < LISTENERS; i++)
        hear_all(&listeners[i]);
    for (int i = 1; i < LISTENERS; i++)
        assert_memory_equal(listeners[i].heard, listeners[0].heard,
                            sizeof listeners[0].heard);
    for (int i = 0; i < UPDATERS; i++)
        last[i] = -1;
    for (int i = 0; i < UPDATERS * UPDATES; i++)
        assert_int_equal(listeners[0].heard[i].number,
                         ++last[listeners[0].heard[i].updater]);
    grebe_manual_resolver_unref(manual);
}

/* ---- Coming and going --------------------------------------------------------------- */

static int n_built, n_closed; /* atomic */

static void count_build(void *arg, uint64_t id, const char *target)
{
    (void)arg;
    (void)id;
    assert_string_equal(target, "manual:///x");
    __atomic_add_fetch(&n_built, 1, __ATOMIC_RELAXED);
}

static void count_close(void *arg, uint64_t id)
{
    (void)arg;
    (void)id;
    __atomic_add_fetch(&n_closed, 1, __ATOMIC_RELAXED);
}

static void ignore(void *arg, const struct grebe_resolver_state *state,
                   const struct grebe_status *error, const char *scheme)
{
    (void)arg;
    (void)state;
    (void)error;
    (void)scheme;
}

/* A loop that nobody runs but this thread, for a moment, again and again. */
static void *meet(void *arg)
{
    struct grebe_loop *loop = arg;

    for (int i = 0; i < MEETINGS; i++) {
        struct grebe_channel_options options;
        struct grebe_resolver_watch *watch;

        use(&options);
        assert_int_equal(grebe_resolver_watch_new(loop, "manual:///x", &options, NULL,
                                                  ignore, NULL, &watch),
                         GREBE_OK);
        grebe_loop_turn(loop, 0);
        grebe_resolver_watch_destroy(watch);
    }
    return NULL;
}

TEST(listeners_come_and_go_while_others_update)
{
    struct grebe_manual_resolver_options options = GREBE_MANUAL_RESOLVER_OPTIONS_INIT;
    pthread_t updaters[UPDATERS], listeners[LISTENERS];
    struct grebe_loop *loops[LISTENERS];

    options.on_build = count_build;
    options.on_close = count_close;
    make(&options);
    for (size_t i = 0; i < UPDATERS; i++)
        assert_int_equal(pthread_create(&updaters[i], NULL, update, (void *)i), 0);
    for (int i = 0; i < LISTENERS; i++) {
        assert_int_equal(grebe_loop_new(NULL, &loops[i]), GREBE_OK);
        assert_int_equal(pthread_create(&listeners[i], NULL, meet, loops[i]), 0);
    }
    for (int i = 0; i < LISTENERS; i++) {
        pthread_join(listeners[i], NULL);
        grebe_loop_unref(loops[i]); /* while the updates go on */
    }
    for (int i = 0; i < UPDATERS; i++)
        pthread_join(updaters[i], NULL);
    grebe_manual_resolver_unref(manual);
    assert_int_equal(n_built, LISTENERS * MEETINGS);
    assert_int_equal(n_closed, LISTENERS * MEETINGS);
}

/* ---- What a policy sees ---------------------------------------------------------------- */

static int n_inside, n_at_once, n_seen; /* atomic */

static int see_update(struct grebe_balancer *balancer,
                      const struct grebe_balancer_update *seen)
{
    (void)balancer, (void)seen;
    if (__atomic_fetch_add(&n_inside, 1, __ATOMIC_ACQ_REL) > 0)
        __atomic_add_fetch(&n_at_once, 1, __ATOMIC_RELAXED);
    sched_yield();
    __atomic_sub_fetch(&n_inside, 1, __ATOMIC_ACQ_REL);
    __atomic_add_fetch(&n_seen, 1, __ATOMIC_RELEASE);
    return GREBE_OK;
}

static void free_witness(struct grebe_balancer *balancer)
{
    free(balancer);
}

static const struct grebe_balancer_ops witness_ops = {.update = see_update,
                                                      .destroy = free_witness};

static int build_witness(struct grebe_client_conn *cc,
                         const struct grebe_build_options *options,
                         struct grebe_balancer **out)
{
    (void)cc, (void)options;
    *out = malloc(sizeof **out);
    grebe_balancer_init(*out, &witness_ops);
    return GREBE_OK;
}

static const struct grebe_balancer_builder witness = {
    .api = GREBE_BALANCER_API, .name = "witness", .build = build_witness};

/* SER-7: every update of every thread, one at a time. */
TEST(a_policy_sees_the_updates_of_all_threads_one_by_one)
{
    struct grebe_manual_resolver_options how = GREBE_MANUAL_RESOLVER_OPTIONS_INIT;
    struct grebe_channel_options options;
    struct grebe_channel *channel;
    struct grebe_diag diag;
    pthread_t threads[UPDATERS];

    n_built = 0;
    how.on_build = count_build;
    make(&how);
    use(&options);
    assert_int_equal(grebe_balancer_register(&witness), GREBE_OK);
    assert_int_equal(grebe_loop_new(NULL, &options.loop), GREBE_OK);
    assert_int_equal(grebe_loop_start_thread(options.loop), GREBE_OK);
    options.credentials = grebe_credentials_insecure();
    options.policy = "witness";
    if (grebe_channel_new("manual:///x", &options, &diag, &channel) != GREBE_OK)
        fail_msg("%s", diag.text);
    assert_int_equal(grebe_channel_connect(channel), GREBE_OK);
    wait_for(&n_built, 1);
    for (size_t i = 0; i < UPDATERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, update, (void *)i), 0);
    for (int i = 0; i < UPDATERS; i++)
        pthread_join(threads[i], NULL);
    wait_for(&n_seen, UPDATERS * UPDATES);
    grebe_channel_destroy(channel);
    grebe_loop_unref(options.loop);
    grebe_manual_resolver_unref(manual);
    grebe_balancer_unregister("witness");
    assert_int_equal(n_seen, UPDATERS * UPDATES);
    assert_int_equal(n_at_once, 0);
}

/* ---- Real calls ----------------------------------------------------------------------- */

TEST(calls_go_where_the_application_says)
{
    struct client_request request = {
        .method = "/s/m", .message = "x", .message_length = 1};
    struct grebe_channel_options options;
    struct grebe_channel *channel;
    struct process backends[2];
    struct grebe_diag diag;

    make(NULL);
    use(&options);
    options.credentials = grebe_credentials_insecure();
    if (grebe_channel_new("manual:///x", &options, &diag, &channel) != GREBE_OK)
        fail_msg("%s", diag.text);
    for (int i = 0; i < 2; i++) {
        struct grebe_call *call;

        backend_start(&backends[i], "0ms");
        set(backends[i].address);
        do { /* the update takes effect when its turn comes */
            call = client_call(channel, &request);
            client_expect_text(call, "x");
            if (strcmp(grebe_call_peer(call), backends[i].address) == 0)
                break;
            grebe_call_unref(call);
        } while (true);
        grebe_call_unref(call);
    }
    grebe_manual_resolver_unref(manual);
    grebe_channel_destroy(channel);
    for (int i = 0; i < 2; i++)
        process_kill(&backends[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_of_all_threads_reach_all_loops_in_one_order),
        cmocka_unit_test(listeners_come_and_go_while_others_update),
        cmocka_unit_test(a_policy_sees_the_updates_of_all_threads_one_by_one),
        cmocka_unit_test(calls_go_where_the_application_says),
    };

    return cmocka_run_group_tests_name("manual", tests, NULL, NULL);
}
