/* SPDX-License-Identifier: Apache-2.0 */
/* io/loop_parts.h -- what tests of loops are built from. */
#ifndef IO_LOOP_PARTS_H
#define IO_LOOP_PARTS_H

#include <pthread.h>
#include <unistd.h>

#include <grebe/error.h>
#include <grebe/loop.h>

#include "io/loop.h"
#include "support/test.h"

static inline struct grebe_loop *new_loop(void)
{
    struct grebe_loop *loop;

    assert_int_equal(grebe_loop_new(NULL, &loop), GREBE_OK);
    return loop;
}

static inline void nap_ms(unsigned ms)
{
    usleep(ms * 1000);
}

static inline bool load(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static inline pthread_t spawn(void *(*fn)(void *), void *arg)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
    return thread;
}

static inline void count(void *arg)
{
    ++*(unsigned *)arg;
}

/* Waiting for what never comes takes this long. */
static inline void expect_timeout(struct grebe_loop *loop, unsigned ms)
{
    uint64_t before_ns = grebe_now_ns();
    bool never = false;

    assert_int_equal(grebe__loop_wait(loop, &never, (int64_t)(ms * MS)),
                     GREBE_ERR_TIMEOUT);
    assert_true(grebe_now_ns() - before_ns >= ms * MS);
}

/* A task that lets somebody in who waits. */
struct doorbell {
    struct grebe__task task;
    struct grebe_loop *loop;
    bool is_rung;
    int result;
};

static inline void answer_door(struct grebe__task *task)
{
    struct doorbell *bell = grebe_container_of(task, struct doorbell, task);

    grebe__loop_wake(bell->loop, &bell->is_rung);
}

/* A timer that notes when it rang, and as which of several. */
struct chime {
    struct grebe__timer timer;
    struct grebe_loop *loop;
    uint64_t deadline_ns, rang_ns;
    unsigned *n_rung, rank;
    bool *is_last;
};

static inline void ring(struct grebe__timer *timer)
{
    struct chime *chime = grebe_container_of(timer, struct chime, timer);

    chime->rang_ns = grebe_now_ns();
    chime->rank = (*chime->n_rung)++;
    if (chime->is_last != NULL)
        grebe__loop_wake(chime->loop, chime->is_last);
}

#endif
