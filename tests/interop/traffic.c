/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/client.h"

enum { N_IN_FLIGHT = 20 };

static void on_done(void *arg, struct grebe_call *call);

/* Of different lengths, so that calls begin and end at any time. */
static void start_one(struct traffic *traffic)
{
    struct client_request request = {.method = ECHO "Slow"};
    char ms[8];

    snprintf(ms, sizeof ms, "%d", 60 + traffic->n_started++ * 7 % 80);
    request.metadata = client_metadata("x-ms", ms, NULL);
    traffic->n_running++;
    grebe_call_unref(client_start(traffic->channel, &request, on_done, traffic));
}

static void on_done(void *arg, struct grebe_call *call)
{
    const struct grebe_status *status = grebe_call_status(call);
    struct traffic *traffic = arg;

    traffic->n_running--;
    if (status->code == GREBE_STATUS_OK) {
        traffic->n_ok++;
    } else if (traffic->n_lost++ == 0) {
        snprintf(traffic->first_loss, sizeof traffic->first_loss, "%d %s", status->code,
                 status->message);
    }
    if (!traffic->is_paused)
        start_one(traffic);
}

void traffic_run(struct traffic *traffic, int ms)
{
    struct grebe_loop *loop = grebe_channel_loop(traffic->channel);
    uint64_t end_ns = grebe_now_ns() + (uint64_t)(ms * CLIENT_MS);

    while (grebe_now_ns() < end_ns)
        assert_int_equal(grebe_loop_turn(loop, 10), GREBE_OK);
}

void traffic_resume(struct traffic *traffic)
{
    traffic->is_paused = false;
    while (traffic->n_running < N_IN_FLIGHT)
        start_one(traffic);
}

void traffic_begin(struct traffic *traffic, struct grebe_channel *channel)
{
    *traffic = (struct traffic){.channel = channel};
    traffic_resume(traffic);
}

void traffic_end(struct traffic *traffic)
{
    traffic->is_paused = true;
    for (int i = 0; traffic->n_running > 0 && i < 100; i++)
        traffic_run(traffic, 50);
    assert_int_equal(traffic->n_running, 0);
    if (traffic->n_lost > 0)
        fail_msg("%d of %d calls lost, the first by %s", traffic->n_lost,
                 traffic->n_lost + traffic->n_ok, traffic->first_loss);
}

void traffic_survives_graceful_stop(struct world *w)
{
    const char *gap_ms = getenv("GREBE_STOP_GAP_MS");
    int gap = gap_ms == NULL ? 0 : (int)strtol(gap_ms, NULL, 10);
    struct traffic traffic;
    int n_before;

    traffic_begin(&traffic, w->channel);
    traffic_run(&traffic, 300);
    traffic.is_paused = gap_ms != NULL;
    traffic_run(&traffic, gap);
    assert_true(traffic.n_running > 0);
    process_stop(&w->server[0]);
    traffic_run(&traffic, gap);
    traffic_resume(&traffic);
    traffic_run(&traffic, 300);
    n_before = traffic.n_ok;
    traffic_run(&traffic, 300);
    assert_true(traffic.n_ok > n_before);
    traffic_end(&traffic);
    assert_int_equal(process_wait(&w->server[0], 10000), 0);
}
