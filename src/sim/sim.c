/* SPDX-License-Identifier: Apache-2.0 */
/* The clock and the ports. */
#include "sim/sim.h"

#include <grebe/attr.h>

#include "base/assert.h"
#include "sim/network.h"

static struct sim *sim_of(struct grebe__env *env)
{
    return env->driver;
}

/* ---- Executor ---------------------------------------------------------------------------- */

static void post(struct grebe__env *env, struct grebe__task *task)
{
    grebe__task_queue_push(&sim_of(env)->tasks, task);
}

static void submit(struct grebe__env *env, struct grebe__task *task)
{
    if (env->depth > 0 || !grebe__task_queue_is_empty(&sim_of(env)->tasks)) {
        post(env, task);
        return;
    }
    grebe__env_enter(env);
    task->run(task);
    grebe__env_leave(env);
}

/* sim_advance() asks the wheel itself. */
static void rearm(struct grebe__env *env, uint64_t next_ns)
{
    (void)env;
    (void)next_ns;
}

static void set_active(struct grebe__env *env, bool is_active)
{
    sim_of(env)->is_active = is_active;
}

static void wake(struct grebe__env *env, bool *flag)
{
    (void)env;
    *flag = true;
}

static const struct grebe__executor_ops executor_ops = {
    .post = post,
    .submit = submit,
    .rearm = rearm,
    .set_active = set_active,
    .wake = wake,
};

/* ---- Time ---------------------------------------------------------------------------------- */

static const uint64_t start_ns = UINT64_C(3600000000000);

void sim_init(struct sim *sim, const struct grebe_mem *mem, uint64_t seed)
{
    *sim = (struct sim){.mem = mem};
    grebe__env_init(&sim->env, mem, start_ns, seed);
    sim->env.driver = sim;
    sim->env.book = &sim->book;
    grebe__book_init(&sim->book);
    sim->env.executor = &executor_ops;
    sim->env.connector = &sim_connector_ops;
    sim->env.dns = &sim_dns_ops;
    sim->env.files = &sim_files_ops;
    grebe__task_queue_init(&sim->tasks);
    grebe__list_init(&sim->servers);
    grebe__list_init(&sim->names);
    grebe__list_init(&sim->dials);
    grebe__list_init(&sim->transports);
    grebe__list_init(&sim->lookups);
    grebe__list_init(&sim->files);
    grebe__list_init(&sim->file_watches);
}

void sim_fini(struct sim *sim)
{
    GREBE_ASSERT(grebe__task_queue_is_empty(&sim->tasks));
    sim_network_fini(sim);
    sim_files_fini(sim);
    grebe__env_fini(&sim->env);
}

static bool run_tasks(struct sim *sim)
{
    struct grebe__task *task;
    bool has_run = false;

    while ((task = grebe__task_queue_pop(&sim->tasks)) != NULL) {
        grebe__env_enter(&sim->env);
        task->run(task);
        grebe__env_leave(&sim->env);
        has_run = true;
    }
    return has_run;
}

void sim_settle(struct sim *sim)
{
    do {
        run_tasks(sim);
        if (grebe__wheel_next_ns(&sim->env.wheel) <= sim->env.now_ns)
            grebe__env_run_timers(&sim->env);
        grebe__env_complete(&sim->env);
    } while (!grebe__task_queue_is_empty(&sim->tasks) ||
             !grebe__list_is_empty(&sim->env.completions) ||
             grebe__wheel_next_ns(&sim->env.wheel) <= sim->env.now_ns);
}

void sim_advance(struct sim *sim, uint64_t by_ns)
{
    uint64_t until = sim->env.now_ns + by_ns;

    sim_settle(sim);
    for (;;) {
        uint64_t next = grebe__wheel_next_ns(&sim->env.wheel);

        if (next > until)
            break;
        sim->env.now_ns = next;
        sim_settle(sim);
    }
    sim->env.now_ns = until;
    sim_settle(sim);
}
