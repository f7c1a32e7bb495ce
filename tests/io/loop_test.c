/* SPDX-License-Identifier: Apache-2.0 */
/* Loops: what happens in a turn, and in what order. */
#include "support/test.h"

#include <string.h>
#include <sys/wait.h>

#include "base/assert.h"
#include "loop_parts.h"
#include "support/mem.h"

/* ---- Tasks ------------------------------------------------------------------------ */

enum { N_PRODUCERS = 4, N_TASKS = 5000 };

struct ledger {
    struct grebe_loop *loop;
    pthread_t ran_on;
    unsigned next[N_PRODUCERS]; /* the sequence number to come from each */
    unsigned n;
    bool is_in_order, is_on_one_thread;
};

struct numbered {
    struct grebe__task task;
    struct ledger *ledger;
    unsigned producer, sequence;
};

struct producer {
    struct ledger *ledger;
    unsigned number;
    struct numbered *tasks;
};

static void run_numbered(struct grebe__task *task)
{
    struct numbered *self = grebe_container_of(task, struct numbered, task);
    struct ledger *ledger = self->ledger;

    if (ledger->n++ == 0)
        ledger->ran_on = pthread_self();
    ledger->is_on_one_thread &= pthread_equal(ledger->ran_on, pthread_self()) != 0;
    ledger->is_in_order &= ledger->next[self->producer]++ == self->sequence;
    if (ledger->n == N_PRODUCERS * N_TASKS)
        grebe_loop_stop(ledger->loop);
}

static void *produce(void *arg)
{
    struct producer *self = arg;

    for (unsigned i = 0; i < N_TASKS; i++) {
        self->tasks[i] = (struct numbered){.task.run = run_numbered,
                                           .ledger = self->ledger,
                                           .producer = self->number,
                                           .sequence = i};
        grebe__env_post(grebe__loop_env(self->ledger->loop), &self->tasks[i].task);
    }
    return NULL;
}

TEST(tasks_of_four_threads_run_in_order_on_one)
{
    static struct numbered tasks[N_PRODUCERS][N_TASKS];
    struct ledger ledger = {
        .loop = new_loop(), .is_in_order = true, .is_on_one_thread = true};
    struct producer producers[N_PRODUCERS];
    pthread_t threads[N_PRODUCERS];

    for (unsigned i = 0; i < N_PRODUCERS; i++) {
        producers[i] = (struct producer){&ledger, i, tasks[i]};
        threads[i] = spawn(produce, &producers[i]);
    }
    assert_int_equal(grebe_loop_run(ledger.loop), GREBE_OK);
    for (unsigned i = 0; i < N_PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(ledger.n, N_PRODUCERS * N_TASKS);
    assert_true(ledger.is_in_order);
    assert_true(ledger.is_on_one_thread);
    assert_true(pthread_equal(ledger.ran_on, pthread_self()));
    grebe_loop_unref(ledger.loop);
}

TEST(what_was_posted_runs_at_the_latest_when_the_loop_ends)
{
    struct grebe_loop *loop = new_loop();
    unsigned n = 0;

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(grebe_loop_post(loop, count, &n), GREBE_OK);
    assert_int_equal(n, 0);
    grebe_loop_unref(loop);
    assert_int_equal(n, 3);
}

/* A thread that posted and then drives itself must not overtake its own task. */
TEST(driving_runs_first_what_was_posted_before)
{
    struct ledger ledger = {
        .loop = new_loop(), .is_in_order = true, .is_on_one_thread = true};
    struct numbered tasks[2];

    for (unsigned i = 0; i < 2; i++)
        tasks[i] =
            (struct numbered){.task.run = run_numbered, .ledger = &ledger, .sequence = i};
    grebe__env_post(grebe__loop_env(ledger.loop), &tasks[0].task);
    grebe__loop_submit(ledger.loop, &tasks[1].task);
    assert_int_equal(ledger.n, 2);
    assert_true(ledger.is_in_order);
    grebe_loop_unref(ledger.loop);
}

/* ---- The order of a turn ---------------------------------------------------------- */

struct diary {
    struct grebe_loop *loop;
    struct grebe__writer writer;
    struct grebe__effect completions[2];
    char text[64];
    bool is_done;
};

static void note(struct diary *diary, const char *what)
{
    strcat(diary->text, what);
}

static void write_note(struct grebe__writer *writer)
{
    struct diary *diary = grebe_container_of(writer, struct diary, writer);

    note(diary, "write ");
    grebe__loop_wake(diary->loop, &diary->is_done);
}

static void complete_second(struct grebe__effect *effect)
{
    struct diary *diary = grebe_container_of(effect, struct diary, completions[1]);

    note(diary, "second ");
    grebe__loop_want_write(diary->loop, &diary->writer);
}

static void complete_first(struct grebe__effect *effect)
{
    struct diary *diary = grebe_container_of(effect, struct diary, completions[0]);

    note(diary, "first ");
    grebe__loop_want_write(diary->loop, &diary->writer);
    grebe__env_finish(&diary->loop->env, &diary->completions[1]);
}

TEST(callbacks_and_what_they_cause_come_before_one_write)
{
    struct diary diary = {.loop = new_loop(), .writer.write = write_note};

    grebe__list_init(&diary.writer.link);
    grebe__effect_init(&diary.completions[0], complete_first);
    grebe__effect_init(&diary.completions[1], complete_second);
    assert_true(grebe__loop_try_drive(diary.loop));
    grebe__loop_want_write(diary.loop, &diary.writer);
    grebe__env_finish(&diary.loop->env, &diary.completions[0]);
    grebe__loop_stop_driving(diary.loop);
    assert_string_equal(diary.text, "");
    assert_int_equal(grebe__loop_wait(diary.loop, &diary.is_done, -1), GREBE_OK);
    assert_string_equal(diary.text, "first second write ");
    grebe_loop_unref(diary.loop);
}

/* ---- Timers ----------------------------------------------------------------------- */

TEST(timers_fire_in_order_and_never_early)
{
    static const unsigned delays_ms[] = {12, 3, 7, 0, 30};
    struct chime chimes[GREBE_ARRAY_LEN(delays_ms)];
    struct grebe_loop *loop = new_loop();
    unsigned n_rung = 0;
    bool is_last = false;

    assert_true(grebe__loop_try_drive(loop));
    for (unsigned i = 0; i < GREBE_ARRAY_LEN(chimes); i++) {
        chimes[i] = (struct chime){.loop = loop, .n_rung = &n_rung};
        chimes[i].deadline_ns = grebe__env_after(&loop->env, delays_ms[i] * MS + 300);
        chimes[i].is_last = delays_ms[i] == 30 ? &is_last : NULL;
        grebe__timer_init(&chimes[i].timer, ring);
        grebe__env_start_timer(&loop->env, &chimes[i].timer, chimes[i].deadline_ns);
    }
    grebe__loop_stop_driving(loop);
    assert_int_equal(grebe__loop_wait(loop, &is_last, -1), GREBE_OK);
    for (unsigned i = 0; i < GREBE_ARRAY_LEN(chimes); i++) {
        unsigned n_sooner = 0;

        for (unsigned j = 0; j < GREBE_ARRAY_LEN(chimes); j++)
            n_sooner += delays_ms[j] < delays_ms[i];
        assert_int_equal(chimes[i].rank, n_sooner);
        assert_true(chimes[i].rang_ns >= chimes[i].deadline_ns);
        assert_true(chimes[i].rang_ns < chimes[i].deadline_ns + 1000 * MS);
    }
    grebe_loop_unref(loop);
}

/* ---- fork() ----------------------------------------------------------------------- */

static int in_child(struct grebe_loop *loop)
{
    unsigned n = 0;
    bool never = false;

    if (!grebe__loop_is_forked(loop))
        return 1;
    if (grebe_loop_run(loop) != GREBE_ERR_FORKED ||
        grebe_loop_start_thread(loop) != GREBE_ERR_FORKED ||
        grebe_loop_turn(loop, 0) != GREBE_ERR_FORKED)
        return 2;
    if (grebe_loop_post(loop, count, &n) != GREBE_ERR_FORKED ||
        grebe__loop_wait(loop, &never, -1) != GREBE_ERR_FORKED ||
        grebe__loop_call(loop, count, &n) != GREBE_ERR_FORKED)
        return 3;
    if (grebe__loop_try_drive(loop) || grebe_loop_timeout_ms(loop) != -1)
        return 4;
    grebe_loop_stop(loop);
    grebe_loop_stop_thread(loop);
    grebe_loop_unref(loop);
    if (grebe_loop_new(NULL, &loop) != GREBE_OK || grebe_loop_turn(loop, 0) != GREBE_OK)
        return 5;
    grebe_loop_unref(loop);
    return 0;
}

static void expect_child_refused(struct grebe_loop *loop)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(in_child(loop));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

TEST(the_child_of_a_fork_is_refused_and_the_parent_goes_on)
{
    struct grebe_loop *loop = new_loop();
    unsigned n = 0;

    expect_child_refused(loop);
    assert_int_equal(grebe_loop_post(loop, count, &n), GREBE_OK);
    assert_int_equal(grebe_loop_turn(loop, 0), GREBE_OK);
    assert_int_equal(n, 1);
    assert_int_equal(grebe_loop_start_thread(loop), GREBE_OK);
    nap_ms(2);
    expect_child_refused(loop);
    assert_int_equal(grebe__loop_call(loop, count, &n), GREBE_OK);
    assert_int_equal(n, 2);
    grebe_loop_unref(loop);
}

/* ---- Memory ----------------------------------------------------------------------- */

TEST(running_out_of_memory_is_an_error)
{
    struct test_mem mem;
    struct grebe_loop *loop;
    unsigned n = 0;

    test_mem_init(&mem);
    mem.fail_at = 1;
    assert_int_equal(grebe_loop_new(&mem.interface, &loop), GREBE_ERR_NOMEM);
    mem.fail_at = 3;
    assert_int_equal(grebe_loop_new(&mem.interface, &loop), GREBE_OK);
    assert_int_equal(grebe_loop_post(loop, count, &n), GREBE_ERR_NOMEM);
    assert_int_equal(grebe_loop_post(loop, count, &n), GREBE_OK);
    grebe_loop_unref(loop);
    assert_int_equal(n, 1);
    assert_int_equal(mem.n_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_of_four_threads_run_in_order_on_one),
        cmocka_unit_test(what_was_posted_runs_at_the_latest_when_the_loop_ends),
        cmocka_unit_test(driving_runs_first_what_was_posted_before),
        cmocka_unit_test(callbacks_and_what_they_cause_come_before_one_write),
        cmocka_unit_test(timers_fire_in_order_and_never_early),
        cmocka_unit_test(the_child_of_a_fork_is_refused_and_the_parent_goes_on),
        cmocka_unit_test(running_out_of_memory_is_an_error),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
