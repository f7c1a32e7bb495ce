/* SPDX-License-Identifier: Apache-2.0 */
#include "runner.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "leaks.h"
#include "shrink.h"
#include "trace.h"
#include "world.h"

enum {
    MAX_JOBS = 64,
    LEAK_STRIDE = 32, /* seeds between two looks for leaks, each of which takes long */
};

/* Shared by all processes. */
struct board {
    uint64_t next_seed;       /* atomic */
    uint64_t n_passed;        /* atomic */
    bool is_over;             /* atomic: take no more seeds */
    uint64_t seeds[MAX_JOBS]; /* that each job is playing */
};

struct job {
    pid_t pid; /* 0: none */
    int said;
};

static struct board *board;

static void on_interrupt(int signal)
{
    (void)signal;
    __atomic_store_n(&board->is_over, true, __ATOMIC_RELAXED);
}

static uint64_t seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec;
}

/* ---- A job ------------------------------------------------------------------------------ */

static void play_twice(const struct plan *plan)
{
    uint64_t hash;

    world_play(plan, NULL);
    hash = trace_hash();
    world_play(plan, NULL);
    if (trace_hash() != hash)
        fail("the same seed gives the same run", "seed %" PRIu64 " does not", plan->seed);
}

_Noreturn static void work(const struct run_request *request, unsigned index,
                           uint64_t end_second)
{
    struct plan *plan = malloc(sizeof *plan);
    unsigned n_played = 0;

    while (plan != NULL && !__atomic_load_n(&board->is_over, __ATOMIC_RELAXED)) {
        uint64_t seed = __atomic_fetch_add(&board->next_seed, 1, __ATOMIC_RELAXED);

        if (seed > request->last || (end_second != 0 && seconds_now() >= end_second))
            break;
        board->seeds[index] = seed;
        begin_run();
        plan_draw(plan, seed);
        if (request->verifies)
            play_twice(plan);
        else
            world_play(plan, NULL);
        __atomic_fetch_add(&board->n_passed, 1, __ATOMIC_RELAXED);
        if (++n_played % LEAK_STRIDE == 0)
            leaks_check();
    }
    free(plan);
    leaks_check();
    exit(0);
}

static void start_job(struct job *job, const struct run_request *request, unsigned index,
                      uint64_t end_second)
{
    job->said = new_said();
    fflush(NULL);
    job->pid = fork();
    if (job->pid == 0) {
        begin_child(job->said);
        work(request, index, end_second);
    }
}

/* ---- What was found ---------------------------------------------------------------------- */

/* "3,7-9": the events that are kept. */
static void print_kept(const struct plan *plan, const bool *is_kept)
{
    const char *gap = "";

    for (uint32_t i = 0; i < plan->n_events; i++) {
        uint32_t end = i;

        if (!is_kept[i])
            continue;
        while (end + 1 < plan->n_events && is_kept[end + 1])
            end++;
        if (end > i)
            printf("%s%u-%u", gap, i, end);
        else
            printf("%s%u", gap, i);
        gap = ",";
        i = end;
    }
    if (gap[0] == '\0')
        printf("none");
}

static void print_small(const struct plan *plan, const bool *is_kept)
{
    char text[PLAN_TEXT_BYTES];
    uint32_t n = 0;

    for (uint32_t i = 0; i < plan->n_events; i++)
        n += is_kept[i];
    printf("  %u of its %u events do it:\n", n, plan->n_events);
    printf("  grebe-torture --seed %" PRIu64 " --verbose --keep ", plan->seed);
    print_kept(plan, is_kept);
    printf("\n");
    for (uint32_t i = 0; i < plan->n_clients; i++)
        printf("  client %u: %s\n", i, client_text(&plan->clients[i], text, sizeof text));
    for (uint32_t i = 0; i < plan->n_events; i++)
        if (is_kept[i])
            printf("  %4u %s\n", i, event_text(&plan->events[i], text, sizeof text));
}

/* A few lines of what a process has said. */
static void print_said(const char *text)
{
    enum { MAX_LINES = 60 };
    unsigned n = 0;

    while (*text != '\0' && n++ < MAX_LINES) {
        size_t length = strcspn(text, "\n");

        printf("    %.*s\n", (int)length, text);
        text += length + (text[length] != '\0');
    }
}

void report_failure(const struct plan *plan, struct verdict *verdict, bool is_shrinking)
{
    static bool is_kept[MAX_EVENTS];
    bool has_words = strncmp(verdict->text, verdict->rule, strlen(verdict->rule)) == 0;
    const char *words = has_words ? verdict->text : verdict->rule;

    printf("seed %" PRIu64 ": %.*s\n", plan->seed, (int)strcspn(words, "\n"), words);
    printf("  grebe-torture --seed %" PRIu64 " --verbose\n", plan->seed);
    fflush(stdout);
    if (is_shrinking) {
        shrink(plan, is_kept, verdict);
        print_small(plan, is_kept);
    }
    print_said(verdict->text);
    fflush(stdout);
}

/* A leak that was found late is that of an earlier seed: of the one that has it alone. */
static void draw_culprit(struct plan *plan, uint64_t seed, const struct verdict *verdict,
                         uint64_t first)
{
    for (uint64_t i = 0; i < LEAK_STRIDE * MAX_JOBS && seed - i >= first; i++) {
        struct verdict alone;
        bool is_same;

        plan_draw(plan, seed - i);
        alone = attempt(plan, NULL);
        is_same = alone.has_failed && strcmp(alone.rule, verdict->rule) == 0;
        verdict_free(&alone);
        if (is_same)
            return;
    }
    plan_draw(plan, seed);
}

static void note_death(struct job *job, unsigned index, const struct run_request *request,
                       struct run_result *result)
{
    struct verdict verdict = verdict_of_child(job->pid, job->said);
    struct plan *plan;

    close(job->said);
    job->pid = 0;
    if (!verdict.has_failed)
        return;
    result->n_failed++;
    if (result->n_failed >= request->max_failures)
        __atomic_store_n(&board->is_over, true, __ATOMIC_RELAXED);
    plan = malloc(sizeof *plan);
    if (plan == NULL)
        abort();
    if (strcmp(verdict.rule, "nothing is lost") == 0)
        draw_culprit(plan, board->seeds[index], &verdict, request->first);
    else
        plan_draw(plan, board->seeds[index]);
    report_failure(plan, &verdict, request->is_shrinking);
    free(plan);
    verdict_free(&verdict);
}

/* ---- All of them -------------------------------------------------------------------------- */

static unsigned index_of(const struct job *jobs, unsigned n, pid_t pid)
{
    for (unsigned i = 0; i < n; i++)
        if (jobs[i].pid == pid)
            return i;
    return n;
}

/* The next job that has ended, not yet waited for. */
static pid_t next_dead(void)
{
    siginfo_t info = {0};

    while (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) != 0)
        if (errno != EINTR)
            return 0;
    return info.si_pid;
}

static bool is_work_left(const struct run_request *request, uint64_t end_second)
{
    return !__atomic_load_n(&board->is_over, __ATOMIC_RELAXED) &&
           __atomic_load_n(&board->next_seed, __ATOMIC_RELAXED) <= request->last &&
           (end_second == 0 || seconds_now() < end_second);
}

static void set_up_board(const struct run_request *request)
{
    const struct sigaction interrupt = {.sa_handler = on_interrupt};

    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                 -1, 0);
    if (board == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    board->next_seed = request->first;
    sigaction(SIGINT, &interrupt, NULL);
}

struct run_result run_seeds(const struct run_request *request)
{
    unsigned n_jobs = request->n_jobs < MAX_JOBS ? request->n_jobs : MAX_JOBS;
    uint64_t end_second = request->seconds == 0 ? 0 : seconds_now() + request->seconds;
    struct run_result result = {0};
    struct job jobs[MAX_JOBS] = {{0}};
    unsigned n_running = 0;

    set_up_board(request);
    for (; n_running < n_jobs; n_running++)
        start_job(&jobs[n_running], request, n_running, end_second);
    while (n_running > 0) {
        unsigned index = index_of(jobs, n_jobs, next_dead());

        if (index == n_jobs)
            break;
        n_running--;
        note_death(&jobs[index], index, request, &result);
        if (is_work_left(request, end_second)) {
            start_job(&jobs[index], request, index, end_second);
            n_running++;
        }
    }
    result.n_passed = board->n_passed;
    munmap(board, sizeof *board);
    return result;
}
