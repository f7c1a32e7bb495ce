/* SPDX-License-Identifier: Apache-2.0 */
/* bench_load.c -- callers on the loop's own thread.
 *
 * A call's end starts the next call, or returns its slot to the free list: once all slots
 * exist, nothing is allocated or formatted here for a call.
 */
#include <stdio.h>
#include <stdlib.h>

#include <grebe/attr.h>

#include "alarm.h"
#include "bench.h"
#include "host.h"
#include "term.h"
#include "units.h"

enum {
    TICK_MS = 500,
    BURST = 1000, /* calls that one ringing of the alarm may start */
    SLOTS = 256,  /* that are made at once */
};

struct slot {
    struct load *load;
    struct slot *next; /* free or resting ones */
    uint64_t start_ns; /* open loop: when it was due */
};

struct chunk {
    struct chunk *next;
    struct slot slots[SLOTS];
};

struct load {
    struct host host;
    struct bench *bench;
    struct grebe_channel *channel;
    struct chunk *chunks;
    struct slot *free_slots;
    struct slot *resting; /* closed loop: callers that wait out an outage */
    struct alarm alarm;   /* open loop: the next call is due */
    bool has_alarm;
    uint64_t n_due; /* open loop: calls that have been due */
    uint64_t in_flight;
    uv_timer_t tick, rest, stop;
    bool is_broken; /* a call could not even start; said already */
};

static void finish_if_idle(struct load *load);

/* ---- Slots ------------------------------------------------------------------------- */

static bool add_chunk(struct load *load)
{
    struct chunk *chunk = malloc(sizeof *chunk);

    if (chunk == NULL)
        return false;
    chunk->next = load->chunks;
    load->chunks = chunk;
    for (size_t i = 0; i < SLOTS; i++) {
        chunk->slots[i] = (struct slot){load, load->free_slots, 0};
        load->free_slots = &chunk->slots[i];
    }
    return true;
}

static struct slot *take_slot(struct load *load)
{
    struct slot *slot;

    if (load->free_slots == NULL && !add_chunk(load))
        return NULL;
    slot = load->free_slots;
    load->free_slots = slot->next;
    return slot;
}

static void free_slot(struct load *load, struct slot *slot)
{
    slot->next = load->free_slots;
    load->free_slots = slot;
}

static void free_chunks(struct load *load)
{
    while (load->chunks != NULL) {
        struct chunk *chunk = load->chunks;

        load->chunks = chunk->next;
        free(chunk);
    }
}

/* ---- Calls ------------------------------------------------------------------------- */

static void on_done(void *arg, struct grebe_call *call);

static void give_up(struct load *load, const char *why)
{
    if (!load->is_broken) {
        term_progress(NULL);
        options_fail("bench", "%s", why);
    }
    load->is_broken = true;
    load->bench->is_stopping = true;
}

static void start_call(struct load *load, struct slot *slot)
{
    struct bench *bench = load->bench;
    int result = grebe_call_start_unary(load->channel, bench->method,
                                        bench->payload.bytes, bench->payload.length,
                                        &bench->options, on_done, slot, NULL);

    if (result != GREBE_OK) {
        free_slot(load, slot);
        give_up(load, grebe_strerror(result));
        return;
    }
    if (++load->in_flight > bench->in_flight_max)
        bench->in_flight_max = load->in_flight;
}

/* Closed loop: this caller's next call. */
static void start_next(struct load *load, struct slot *slot, uint64_t now_ns)
{
    slot->start_ns = now_ns;
    if (bench_claim(load->bench, now_ns) == BENCH_STOP)
        free_slot(load, slot);
    else
        start_call(load, slot);
}

static void on_rested(uv_timer_t *timer)
{
    struct load *load = timer->data;
    struct slot *slot = load->resting;
    uint64_t now_ns = grebe_now_ns();

    load->resting = NULL;
    while (slot != NULL) {
        struct slot *next = slot->next;

        start_next(load, slot, now_ns);
        slot = next;
    }
    finish_if_idle(load);
}

/* While no backend is up calls fail at once: a rest keeps callers from spinning. */
static void rest(struct load *load, struct slot *slot)
{
    if (load->resting == NULL)
        uv_timer_start(&load->rest, on_rested, BENCH_REST_NS / NS_PER_MS, 0);
    slot->next = load->resting;
    load->resting = slot;
}

static void on_done(void *arg, struct grebe_call *call)
{
    struct slot *slot = arg;
    struct load *load = slot->load;
    uint64_t now_ns = grebe_now_ns();

    load->in_flight--;
    bench_record(load->bench, slot->start_ns, now_ns, call);
    if (load->bench->args->rate > 0)
        free_slot(load, slot);
    else if (bench_is_outage(call) && !load->bench->is_stopping)
        rest(load, slot);
    else
        start_next(load, slot, now_ns);
    finish_if_idle(load);
}

/* Open loop: everything that is due by now, and then the alarm for the next. */
static void on_due(struct alarm *alarm)
{
    struct load *load = grebe_container_of(alarm, struct load, alarm);
    struct bench *bench = load->bench;
    uint64_t now_ns = grebe_now_ns(), due_ns = bench_due_ns(bench, load->n_due);

    for (int i = 0; i < BURST && due_ns <= now_ns && !bench->is_stopping; i++) {
        enum bench_claim claim = bench_claim(bench, due_ns);
        struct slot *slot;

        if (claim == BENCH_STOP)
            break;
        slot = take_slot(load);
        if (slot == NULL) {
            give_up(load, "out of memory");
            break;
        }
        slot->start_ns = due_ns;
        if (claim == BENCH_COUNT)
            histogram_add(&bench->late, now_ns - due_ns);
        start_call(load, slot);
        due_ns = bench_due_ns(bench, ++load->n_due);
    }
    if (!bench->is_stopping)
        alarm_set(&load->alarm, due_ns);
    finish_if_idle(load);
}

/* ---- Course ------------------------------------------------------------------------ */

/* Closing runs the loop, and with it the timers that may lead here again. */
static void close_channel(struct load *load)
{
    struct grebe_channel *channel = load->channel;

    load->channel = NULL;
    bench_close(load->bench, channel);
}

/* Calls that will not end are ended; what they say then does not count. */
static void on_grace_over(uv_timer_t *timer)
{
    struct load *load = timer->data;

    load->bench->is_cut = true;
    close_channel(load);
}

static void finish_if_idle(struct load *load)
{
    if (load->bench->is_stopping && load->in_flight == 0 && load->resting == NULL)
        uv_stop(&load->host.uv);
}

static void stop(struct load *load)
{
    uint64_t grace_ns = bench_grace_ns(load->bench);

    load->bench->is_stopping = true;
    uv_timer_start(&load->stop, on_grace_over, grace_ns / NS_PER_MS, 0);
    finish_if_idle(load);
}

static void on_interrupt(struct host *host)
{
    struct load *load = grebe_container_of(host, struct load, host);

    load->bench->is_interrupted = true;
    stop(load);
}

static void on_tick(uv_timer_t *timer)
{
    struct load *load = timer->data;

    bench_tick(load->bench);
    if (load->bench->is_stopping && !uv_is_active((uv_handle_t *)&load->stop))
        stop(load); /* the last call has started */
}

static void on_state(void *arg, enum grebe_connectivity state)
{
    struct load *load = arg;

    events_add(&load->bench->events, grebe_now_ns(), "channel", "", "%s",
               grebe_connectivity_name(state));
}

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    struct load *load = arg;

    channel_policy_on_log(&load->bench->policy, message);
    if (level >= GREBE_LOG_WARNING)
        events_add(&load->bench->events, grebe_now_ns(), "log", "", "%s", message);
}

static void init_timer(struct load *load, uv_timer_t *timer)
{
    uv_timer_init(&load->host.uv, timer);
    timer->data = load;
}

static bool start_open(struct load *load)
{
    load->has_alarm = alarm_init(&load->host.uv, &load->alarm, on_due) == 0;
    if (load->has_alarm)
        alarm_set(&load->alarm, load->bench->began_ns);
    return load->has_alarm;
}

static bool start_closed(struct load *load)
{
    struct bench *bench = load->bench;

    for (uint64_t i = 0; i < bench->args->in_flight && !bench->is_stopping; i++) {
        struct slot *slot = take_slot(load);

        if (slot == NULL)
            return false;
        start_next(load, slot, grebe_now_ns());
    }
    return true;
}

static bool start(struct load *load)
{
    init_timer(load, &load->rest);
    init_timer(load, &load->stop);
    init_timer(load, &load->tick);
    uv_timer_start(&load->tick, on_tick, TICK_MS, TICK_MS);
    bench_begin(load->bench);
    return load->bench->args->rate > 0 ? start_open(load) : start_closed(load);
}

static void close_handles(struct load *load)
{
    uv_close((uv_handle_t *)&load->tick, NULL);
    uv_close((uv_handle_t *)&load->rest, NULL);
    uv_close((uv_handle_t *)&load->stop, NULL);
    if (load->has_alarm)
        alarm_close(&load->alarm, NULL);
}

static int run_with_channel(struct load *load)
{
    struct bench *bench = load->bench;
    bool is_started;

    bench_expect(bench, load->host.loop);
    grebe_channel_watch_state(load->channel, on_state, load);
    is_started = start(load);
    if (is_started && !(bench->is_stopping && load->in_flight == 0))
        uv_run(&load->host.uv, UV_RUN_DEFAULT);
    bench_end(bench);
    bench->is_cut = true;
    bench_unexpect(bench);
    if (load->channel != NULL)
        grebe_channel_unwatch_state(load->channel, on_state, load);
    close_channel(load);
    close_handles(load);
    return is_started && !load->is_broken ? EXIT_FINE : EXIT_FAILED;
}

int bench_run_load(struct bench *bench)
{
    struct load load = {.bench = bench};
    const char *obstacle = host_init(&load.host, on_interrupt);
    int code;

    if (obstacle != NULL)
        return options_fail("bench", "%s", obstacle);
    code = channel_open("bench", bench->target, &bench->args->channel, load.host.loop,
                        on_log, &load, &load.channel);
    if (code == EXIT_FINE)
        code = run_with_channel(&load);
    host_fini(&load.host);
    free_chunks(&load);
    return code;
}
