/* SPDX-License-Identifier: Apache-2.0 */
/* server/work.c -- what serving a call amounts to here: a place, a delay, an answer. */
#include <grebe/attr.h>
#include <grebe/status.h>

#include "server/connection.h"
#include "server/parts.h"

static int serve(struct call *call);

/* ---- Places ------------------------------------------------------------------------ */

static void wait_for_place(struct call *call)
{
    struct server *server = call->connection->server;

    call->phase = CALL_WAITING;
    call->is_queued = true;
    load_meter_update(server);
    server->n_waiting++;
    TAILQ_INSERT_TAIL(&server->waiting, call, queue_link);
}

int work_begin(struct call *call)
{
    struct server *server = call->connection->server;
    uint64_t capacity = server->settings.capacity;

    if (capacity == 0 || server->n_serving < capacity)
        return serve(call);
    wait_for_place(call);
    return 0;
}

void work_unqueue(struct call *call)
{
    struct server *server = call->connection->server;

    load_meter_update(server);
    server->n_waiting--;
    TAILQ_REMOVE(&server->waiting, call, queue_link);
}

void work_end(struct server *server)
{
    struct call *next = TAILQ_FIRST(&server->waiting);

    load_meter_update(server);
    server->n_serving--;
    if (next == NULL)
        return;
    call_unqueue(next);
    if (serve(next) != 0)
        nghttp2_submit_rst_stream(next->connection->session, NGHTTP2_FLAG_NONE,
                                  next->stream_id, NGHTTP2_INTERNAL_ERROR);
}

/* ---- Delay, failure ---------------------------------------------------------------- */

static bool is_doomed(struct server *server)
{
    double rate = server->settings.fail_rate;

    return rate > 0 && server_random(server) < rate;
}

/* The delay is over. */
static int answer_or_fail(struct call *call)
{
    struct server *server = call->connection->server;
    bool fails = is_doomed(server);

    call->phase = CALL_ANSWERING;
    load_meter_count(server, fails);
    if (fails)
        return call_fail(call, server->settings.fail_code, "injected failure");
    return call_answer(call);
}

static uint64_t draw_delay(struct server *server)
{
    const struct server_settings *s = &server->settings;
    double jitter = (2 * server_random(server) - 1) * (double)s->jitter_ns;
    double delay = (double)s->delay_ns + jitter;

    return delay > 0 ? (uint64_t)delay : 0;
}

static void on_delay_over(struct deadline *deadline)
{
    struct call *call = grebe_container_of(deadline, struct call, deadline);

    if (answer_or_fail(call) != 0)
        connection_kill(call->connection);
}

/* The call has a place. */
static int serve(struct call *call)
{
    struct server *server = call->connection->server;
    const struct server_settings *s = &server->settings;

    call->has_place = true;
    load_meter_update(server);
    server->n_serving++;
    if (s->delay_ns == 0 && s->jitter_ns == 0)
        return answer_or_fail(call);
    call->phase = CALL_DELAYED;
    call->deadline.on_due = on_delay_over;
    return deadline_start(&server->loop->deadlines, &call->deadline,
                          alarm_now_ns() + draw_delay(server))
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}
