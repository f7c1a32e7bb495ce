/* SPDX-License-Identifier: Apache-2.0 */
/* hostile/services.c -- what a backend's health and load services may do to us.
 *
 *     services SERVER
 *
 * For each attack of services.py: calls go on as they should, memory stays bounded, and
 * the log says what it was, once, however long it goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <grebe/base_balancer.h>
#include <grebe/grebe.h>
#include <grebe/load_report.h>

#include "hostile/measure.h"
#include "support/client.h"
#include "support/process.h"

#define ATTACK_MS  1200 /* how long calls are made under it */
#define MAX_CPU_MS 1000 /* in that time, calls included */

static const char *server;

struct attack {
    const char *name;
    enum { ALL_GO_THROUGH, WAITING_ONES_GO_THROUGH, NONE_GO_THROUGH } calls;
    const char *logged;  /* a part of the line; NULL: the calls say it */
    const char *message; /* a part of that of calls that fail; NULL: none do */
    const char *health;  /* NONE_GO_THROUGH: what such a call tells of it */
};

#define NOT_ASKED "connection active but received health check RPC error: "

static const struct attack attacks[] = {
    {.name = "watch_flood", .logged = "faster than they are of use"},
    {.name = "watch_flips",
     .calls = WAITING_ONES_GO_THROUGH,
     .logged = "faster than they are of use",
     .message = "health check failed. status=NOT_SERVING"},
    {.name = "watch_giant",
     .calls = WAITING_ONES_GO_THROUGH,
     .message = "received message larger than max (2147483647 vs. 65536)"},
    {.name = "watch_garbage",
     .calls = WAITING_ONES_GO_THROUGH,
     .message = NOT_ASKED "INTERNAL: the message cannot be understood"},
    {.name = "watch_resets",
     .calls = NONE_GO_THROUGH,
     .logged = "ends all the time",
     .message = NOT_ASKED,
     .health = "INTERNAL: stream reset by"},
    {.name = "watch_trickle",
     .calls = NONE_GO_THROUGH,
     .message = "waiting for connections to become ready",
     .health = "no answer yet"},
    {.name = "watch_web_page",
     .calls = WAITING_ONES_GO_THROUGH,
     .message = "unexpected HTTP status code received from server: 502"},
    {.name = "load_flood", .logged = "faster than they are of use"},
    {.name = "load_giant", .logged = "the stream ended with RESOURCE_EXHAUSTED"},
    {.name = "load_metrics", .logged = "the stream ended with INTERNAL"},
    {.name = "load_garbage", .logged = "the stream ended with INTERNAL"},
    {.name = "load_resets", .logged = "ends all the time"},
    {.name = "trailer_twice", .logged = "is not used: there is more than one"},
    {.name = "trailer_garbage", .logged = "is not used: it is no OrcaLoadReport"},
    {.name = "trailer_metrics", .logged = "is not used: more than 1024 named"},
};
#define N_ATTACKS (sizeof attacks / sizeof attacks[0])

/* ---- A policy that wants everything that a backend may say -------------------------------------- */

static unsigned n_reports; /* out of band and with calls */
static struct grebe_orca_watch *watch;

static void on_report(void *arg, const struct grebe_load_report *report)
{
    (void)arg;
    n_reports += report->cpu_utilization > 0;
}

static void on_done(void *arg, const struct grebe_done_info *info)
{
    if (info->server_load != NULL)
        on_report(arg, info->server_load);
}

struct curious_picker {
    struct grebe_picker base;
    struct grebe_subconn *subconn; /* a reference */
};

static void pick(struct grebe_picker *base, const struct grebe_pick_args *args,
                 struct grebe_pick *out)
{
    (void)args;
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = ((struct curious_picker *)base)->subconn;
    out->wants_load_report = true;
    out->on_done = on_done;
}

static void destroy(struct grebe_picker *base)
{
    grebe_subconn_unref(((struct curious_picker *)base)->subconn);
    free(base);
}

static const struct grebe_picker_ops picker_ops = {.pick = pick, .destroy = destroy};

static struct grebe_picker *build_picker(void *arg, struct grebe_client_conn *cc,
                                         const struct grebe_ready_subconn *ready,
                                         size_t n)
{
    struct curious_picker *picker;

    (void)arg, (void)cc;
    grebe_orca_stop(&watch);
    if (n == 0)
        return grebe_picker_queueing();
    picker = malloc(sizeof *picker);
    grebe_picker_init(&picker->base, &picker_ops);
    picker->subconn = grebe_subconn_ref(ready[0].subconn);
    assert_int_equal(grebe_orca_watch(picker->subconn, 1000000, on_report, NULL, &watch),
                     GREBE_OK);
    return &picker->base;
}

static void forget(void *arg)
{
    (void)arg;
    grebe_orca_stop(&watch);
}

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    struct grebe_base_balancer_options base = GREBE_BASE_BALANCER_OPTIONS_INIT;

    (void)options;
    base.build_picker = build_picker;
    base.free_arg = forget;
    base.wants_health_check = true;
    return grebe_base_balancer_new(cc, &base, out);
}

static const struct grebe_balancer_builder curious = {
    .api = GREBE_BALANCER_API, .name = "curious", .build = build};

/* ---- The world ------------------------------------------------------------------------------------ */

struct world {
    const struct attack *attack;
    struct process server;
    struct grebe_channel *channel;
    unsigned n_ok, n_failed;
    char log[65536];
};

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    struct world *w = arg;
    size_t used = strlen(w->log);

    (void)level;
    assert_null(strchr(message, 0x1b)); /* a peer's bytes come escaped */
    if (used + strlen(message) + 2 < sizeof w->log)
        sprintf(w->log + used, "%s\n", message);
}

static unsigned times_logged(const struct world *w, const char *part)
{
    unsigned n = 0;

    for (const char *at = w->log; (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}

static void open_world(struct world *w)
{
    const char *argv[] = {"python3", server, w->attack == NULL ? NULL : w->attack->name,
                          NULL};
    struct grebe_channel_options options;
    struct grebe_diag diag = {""};
    char target[80];

    n_reports = 0;
    assert_true(process_start(&w->server, argv));
    snprintf(target, sizeof target, "ipv4:%s", w->server.address);
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.service_config = "{\"loadBalancingConfig\":[{\"curious\":{}}],"
                             "\"healthCheckConfig\":{\"serviceName\":\"evil\"}}";
    options.on_log = on_log;
    options.log_arg = w;
    if (grebe_channel_new(target, &options, &diag, &w->channel) != GREBE_OK)
        fail_msg("%s", diag.text);
}

static int close_world(void **state)
{
    struct world *w = *state;

    grebe_channel_destroy(w->channel);
    process_kill(&w->server);
    w->channel = NULL;
    return 0;
}

static struct grebe_call *echo(struct world *w, bool waits_for_ready, int64_t timeout_ms)
{
    struct client_request request = {
        .method = "/grebe.test.Echo/Unary",
        .message = "hello",
        .message_length = 5,
        .timeout_ns = timeout_ms * CLIENT_MS,
        .waits_for_ready = waits_for_ready,
    };

    return client_call(w->channel, &request);
}

static void check(struct world *w, struct grebe_call *call)
{
    const struct grebe_status *status = grebe_call_status(call);

    if (status->code == GREBE_STATUS_OK) {
        client_expect_text(call, "hello");
        w->n_ok++;
    } else {
        w->n_failed++;
        assert_non_null(w->attack->message);
        if (strstr(status->message, w->attack->message) == NULL)
            fail_msg("%d %s", status->code, status->message);
        assert_null(memchr(status->message, 0x1b, status->message_length));
    }
    grebe_call_unref(call);
}

static void linger(struct world *w, int ms)
{
    uint64_t until_ns = grebe_now_ns() + (uint64_t)ms * CLIENT_MS;

    while (grebe_now_ns() < until_ns)
        assert_int_equal(grebe_loop_turn(grebe_channel_loop(w->channel), 1), GREBE_OK);
}

/* A call each 5 ms, first not waiting, then waiting. */
static void call_for_a_while(struct world *w)
{
    uint64_t until_ns = grebe_now_ns() + ATTACK_MS * (uint64_t)CLIENT_MS;
    bool waits = false;

    while (grebe_now_ns() < until_ns) {
        check(w, echo(w, waits, 3000));
        linger(w, 5);
        waits = !waits;
    }
}

static void fail_to_call(struct world *w)
{
    struct grebe_call *call = echo(w, true, 500);
    const struct grebe_status *status = grebe_call_status(call);

    client_expect(call, GREBE_STATUS_DEADLINE_EXCEEDED, w->attack->message);
    assert_non_null(
        strstr(grebe_failure_address(status->failure, 0)->health, w->attack->health));
    grebe_call_unref(call);
}

static void survives(void **state)
{
    struct world *w = *state;
    long rss_kb = max_rss_kb();
    uint64_t before_ms;

    open_world(w);
    if (w->attack->calls == NONE_GO_THROUGH)
        fail_to_call(w);
    else
        check(w, echo(w, true, 5000));
    before_ms = cpu_ms();
    if (w->attack->calls == NONE_GO_THROUGH)
        linger(w, ATTACK_MS);
    else
        call_for_a_while(w);
    if (measures()) {
        assert_in_range(cpu_ms() - before_ms, 0, MAX_CPU_MS);
        assert_in_range(max_rss_kb() - rss_kb, 0, MAX_GROWTH_KB);
    }
    if (w->attack->calls == ALL_GO_THROUGH)
        assert_int_equal(w->n_failed, 0);
    if (w->attack->calls != NONE_GO_THROUGH)
        assert_true(w->n_ok > 10);
    if (w->attack->logged != NULL)
        assert_int_equal(times_logged(w, w->attack->logged), 1);
}

/* Shows that the server is fit to be called good. */
static void good_server_is_good(void **state)
{
    struct world *w = *state;

    open_world(w);
    check(w, echo(w, true, 5000));
    call_for_a_while(w);
    assert_int_equal(w->n_failed, 0);
    assert_true(n_reports > 0);
    assert_int_equal(times_logged(w, "load report"), 0);
    assert_int_equal(times_logged(w, "health"), 0);
}

int main(int argc, char *argv[])
{
    static struct world worlds[N_ATTACKS + 1];
    struct CMUnitTest cases[N_ATTACKS + 1] = {
        {"good_server_is_good", good_server_is_good, NULL, close_world,
         &worlds[N_ATTACKS]},
    };
    int failed;

    if (argc != 2) {
        fprintf(stderr, "usage: services SERVER\n");
        return 2;
    }
    server = argv[1];
    for (size_t i = 0; i < N_ATTACKS; i++) {
        worlds[i].attack = &attacks[i];
        cases[i + 1] =
            (struct CMUnitTest){attacks[i].name, survives, NULL, close_world, &worlds[i]};
    }
    if (grebe_balancer_register(&curious) != GREBE_OK)
        return 1;
    failed = cmocka_run_group_tests_name("services", cases, NULL, NULL);
    grebe_balancer_unregister("curious");
    return failed;
}
