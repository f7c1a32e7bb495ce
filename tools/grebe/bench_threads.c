/* SPDX-License-Identifier: Apache-2.0 */
/* bench_threads.c -- callers on threads of their own.
 *
 * Closed loop: nobody runs the channel's loop, the callers that wait drive it.  With
 * one call in flight for each thread these are plain blocking calls; with more, a
 * thread keeps a window of calls and waits for the oldest.  Open loop: the loop has a
 * thread of its own and the callers only start calls when they are due.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"
#include "term.h"
#include "units.h"

#define TICK_NS  (500 * NS_PER_MS)
#define CHECK_NS (20 * NS_PER_MS) /* how often the main thread looks */

struct crew {
    struct bench *bench;
    struct grebe_channel *channel;
    _Atomic uint64_t n_at_work; /* threads */
    _Atomic uint64_t in_flight; /* open loop */
    atomic_bool is_broken;
};

struct caller {
    pthread_t thread;
    struct crew *crew;
    uint64_t index;
    uint64_t window; /* calls it keeps in flight */
};

struct window_call {
    struct grebe_call *call;
    uint64_t start_ns;
};

static void sleep_until(uint64_t ns)
{
    struct timespec when = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != 0)
        continue;
}

static void record(struct crew *crew, uint64_t start_ns, uint64_t now_ns,
                   const struct grebe_call *call)
{
    pthread_mutex_lock(&crew->bench->mutex);
    bench_record(crew->bench, start_ns, now_ns, call);
    pthread_mutex_unlock(&crew->bench->mutex);
}

static void give_up(struct crew *crew, const char *why)
{
    if (!atomic_exchange(&crew->is_broken, true))
        options_fail("bench", "%s", why);
    crew->bench->is_stopping = true;
}

static void rest_in_outage(struct crew *crew, const struct grebe_call *call)
{
    if (bench_is_outage(call) && !crew->bench->is_stopping)
        sleep_until(grebe_now_ns() + BENCH_REST_NS);
}

/* ---- Closed loop ------------------------------------------------------------------- */

static void call_blocking(struct crew *crew)
{
    struct bench *bench = crew->bench;
    uint64_t start_ns = grebe_now_ns();

    while (bench_claim(bench, start_ns) != BENCH_STOP) {
        struct grebe_call *call;
        uint64_t now_ns;
        int result = grebe_call_unary(crew->channel, bench->method, bench->payload.bytes,
                                      bench->payload.length, &bench->options, &call);

        if (result != GREBE_OK) {
            give_up(crew, grebe_strerror(result));
            return;
        }
        now_ns = grebe_now_ns();
        record(crew, start_ns, now_ns, call);
        rest_in_outage(crew, call);
        grebe_call_unref(call);
        start_ns = grebe_now_ns();
    }
}

static bool start_one(struct crew *crew, struct window_call *place)
{
    struct bench *bench = crew->bench;
    int result;

    place->start_ns = grebe_now_ns();
    if (bench_claim(bench, place->start_ns) == BENCH_STOP)
        return false;
    result = grebe_call_start_unary(crew->channel, bench->method, bench->payload.bytes,
                                    bench->payload.length, &bench->options, NULL, NULL,
                                    &place->call);
    if (result != GREBE_OK)
        give_up(crew, grebe_strerror(result));
    return result == GREBE_OK;
}

/* The calls of a window end in any order; the library knows when each did. */
static void call_windowed(struct crew *crew, uint64_t size)
{
    struct window_call *window = calloc(size, sizeof *window);
    uint64_t first = 0, n = 0;

    if (window == NULL) {
        give_up(crew, "out of memory");
        return;
    }
    for (;;) {
        struct window_call *oldest = &window[first];

        while (n < size && start_one(crew, &window[(first + n) % size]))
            n++;
        if (n == 0)
            break;
        grebe_call_wait(oldest->call, -1);
        record(crew, oldest->start_ns, grebe_call_times(oldest->call).done_ns,
               oldest->call);
        rest_in_outage(crew, oldest->call);
        grebe_call_unref(oldest->call);
        first = (first + 1) % size;
        n--;
    }
    free(window);
}

/* ---- Open loop --------------------------------------------------------------------- */

struct open_call {
    struct crew *crew;
    uint64_t due_ns;
};

static void on_done(void *arg, struct grebe_call *call)
{
    struct open_call *open = arg;
    struct crew *crew = open->crew;

    record(crew, open->due_ns, grebe_now_ns(), call);
    free(open);
    crew->in_flight--;
}

static bool start_open(struct crew *crew, uint64_t due_ns)
{
    struct bench *bench = crew->bench;
    struct open_call *open = malloc(sizeof *open);
    uint64_t in_flight;
    int result;

    if (open == NULL) {
        give_up(crew, "out of memory");
        return false;
    }
    *open = (struct open_call){crew, due_ns};
    in_flight = ++crew->in_flight;
    pthread_mutex_lock(&bench->mutex);
    if (in_flight > bench->in_flight_max)
        bench->in_flight_max = in_flight;
    if (due_ns >= bench->measure_ns)
        histogram_add(&bench->late, grebe_now_ns() - due_ns);
    pthread_mutex_unlock(&bench->mutex);
    result = grebe_call_start_unary(crew->channel, bench->method, bench->payload.bytes,
                                    bench->payload.length, &bench->options, on_done, open,
                                    NULL);
    if (result == GREBE_OK)
        return true;
    crew->in_flight--;
    free(open);
    give_up(crew, grebe_strerror(result));
    return false;
}

/* Thread i of n makes the calls i, i + n, i + 2n... */
static void call_paced(struct caller *caller)
{
    struct crew *crew = caller->crew;

    for (uint64_t k = caller->index;; k += crew->bench->args->n_threads) {
        uint64_t due_ns = bench_due_ns(crew->bench, k);

        sleep_until(due_ns);
        if (bench_claim(crew->bench, due_ns) == BENCH_STOP || !start_open(crew, due_ns))
            break;
    }
}

/* ---- Course ------------------------------------------------------------------------ */

static void *run_caller(void *arg)
{
    struct caller *caller = arg;
    struct crew *crew = caller->crew;

    if (crew->bench->args->rate > 0)
        call_paced(caller);
    else if (caller->window == 1)
        call_blocking(crew);
    else
        call_windowed(crew, caller->window);
    crew->n_at_work--;
    return NULL;
}

/* -c calls in flight, spread over the threads; each has at least one. */
static uint64_t window_of(const struct bench_args *args, uint64_t index)
{
    uint64_t each = args->in_flight / args->n_threads;
    uint64_t more = index < args->in_flight % args->n_threads;

    return each + more == 0 ? 1 : each + more;
}

static uint64_t start_callers(struct crew *crew, struct caller *callers)
{
    const struct bench_args *args = crew->bench->args;
    uint64_t n = 0;

    crew->n_at_work = args->n_threads;
    for (; n < args->n_threads; n++) {
        callers[n] =
            (struct caller){.crew = crew, .index = n, .window = window_of(args, n)};
        if (pthread_create(&callers[n].thread, NULL, run_caller, &callers[n]) != 0) {
            give_up(crew, "a thread could not be started");
            crew->n_at_work -= args->n_threads - n;
            break;
        }
    }
    return n;
}

/* The main thread waits for the end, a signal, or the end of patience. */
static void watch(struct crew *crew, const sigset_t *signals)
{
    struct bench *bench = crew->bench;
    struct timespec pause = {0, CHECK_NS};
    uint64_t tick_ns = grebe_now_ns() + TICK_NS, cut_ns = UINT64_MAX;

    while (crew->n_at_work > 0 || crew->in_flight > 0) {
        bool has_signal = sigtimedwait(signals, NULL, &pause) > 0;
        uint64_t now_ns = grebe_now_ns();

        if (has_signal && bench->is_interrupted)
            _Exit(EXIT_FAILED);
        bench->is_interrupted |= has_signal;
        bench->is_stopping |= has_signal;
        if (bench->is_stopping && (has_signal || cut_ns == UINT64_MAX))
            cut_ns = now_ns + bench_grace_ns(bench);
        if (now_ns >= cut_ns && crew->channel != NULL) {
            bench->is_cut = true;
            bench_close(bench, crew->channel);
            crew->channel = NULL;
        }
        if (now_ns >= tick_ns) {
            pthread_mutex_lock(&bench->mutex);
            bench_tick(bench);
            pthread_mutex_unlock(&bench->mutex);
            tick_ns = now_ns + TICK_NS;
        }
    }
}

static int run_crew(struct crew *crew, struct caller *callers)
{
    struct grebe_loop *loop = grebe_loop_ref(grebe_channel_loop(crew->channel));
    bool has_thread = crew->bench->args->rate > 0;
    sigset_t signals, before;
    uint64_t n;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    if (has_thread && grebe_loop_start_thread(loop) != GREBE_OK)
        give_up(crew, "the loop's thread could not be started");
    bench_expect(crew->bench, loop);
    bench_begin(crew->bench);
    n = start_callers(crew, callers);
    watch(crew, &signals);
    for (uint64_t i = 0; i < n; i++)
        pthread_join(callers[i].thread, NULL);
    bench_end(crew->bench);
    bench_unexpect(crew->bench);
    bench_close(crew->bench, crew->channel);
    if (has_thread)
        grebe_loop_stop_thread(loop);
    grebe_loop_unref(loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return crew->is_broken ? EXIT_FAILED : EXIT_FINE;
}

static void on_log(void *arg, enum grebe_log_level level, const char *message)
{
    struct crew *crew = arg;

    channel_policy_on_log(&crew->bench->policy, message);
    if (level >= GREBE_LOG_WARNING)
        events_add(&crew->bench->events, grebe_now_ns(), "log", "", "%s", message);
}

int bench_run_threads(struct bench *bench)
{
    struct crew crew = {.bench = bench};
    struct caller *callers = calloc(bench->args->n_threads, sizeof *callers);
    int code;

    if (callers == NULL)
        return options_fail("bench", "out of memory");
    code = channel_open("bench", bench->target, &bench->args->channel, NULL, on_log,
                        &crew, &crew.channel);
    if (code == EXIT_FINE)
        code = run_crew(&crew, callers);
    free(callers);
    return code;
}
