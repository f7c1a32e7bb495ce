/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a loop, from the first handle to the last close callback. */
#include "io/loop.h"

#include <sys/random.h>
#include <unistd.h>

#include <grebe/attr.h>
#include <grebe/error.h>

#include "base/assert.h"
#include "base/ref.h"
#include "io/book.h"
#include "io/connection.h"
#include "io/dial.h"
#include "io/dns.h"
#include "io/files.h"

/* What is left over when a loop ends may cause more, but not for ever. */
enum { MAX_LAST_ROUNDS = 64 };

/* ---- Beginning -------------------------------------------------------------------- */

static uint64_t draw_seed(void)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
        seed = grebe_now_ns() ^ (uint64_t)getpid() << 32;
    return seed;
}

static void init_handles(struct grebe_loop *loop)
{
    /* None of these four can fail. */
    uv_prepare_init(loop->uv, &loop->prepare);
    uv_check_init(loop->uv, &loop->check);
    uv_idle_init(loop->uv, &loop->idle);
    uv_timer_init(loop->uv, &loop->timer);
    loop->n_handles += 4;
    uv_prepare_start(&loop->prepare, grebe__loop_on_prepare);
    uv_check_start(&loop->check, grebe__loop_on_check);
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_unref((uv_handle_t *)&loop->check);
    uv_unref((uv_handle_t *)&loop->timer);
    uv_unref((uv_handle_t *)&loop->async);
}

static void init_env(struct grebe_loop *loop)
{
    loop->env.executor = &grebe__loop_executor;
    loop->env.connector = &grebe__connector;
    loop->env.dns = &grebe__dns_port;
    loop->env.files = &grebe__files_port;
    loop->env.driver = loop;
    loop->env.book = grebe__process_book();
    grebe__env_init(&loop->env, loop->mem, grebe_now_ns(), draw_seed());
}

/* Everything but libuv's part. */
static int allocate(const struct grebe_mem *mem, struct grebe_loop **out)
{
    struct grebe_loop *loop;
    int result = grebe__fork_watch();

    if (result != GREBE_OK)
        return result;
    mem = mem != NULL ? mem : grebe_mem_default();
    loop = grebe_mem_zalloc(mem, sizeof *loop);
    if (loop == NULL)
        return GREBE_ERR_NOMEM;
    loop->refs = 1;
    loop->fork_generation = grebe__fork_generation();
    loop->mem = mem;
    loop->self = loop;
    loop->armed_ns = UINT64_MAX;
    result = grebe__driver_init(&loop->driver);
    if (result != GREBE_OK) {
        grebe_mem_free(mem, loop);
        return result;
    }
    grebe__task_queue_init(&loop->tasks);
    grebe__list_init(&loop->writers);
    grebe__list_init(&loop->connections);
    grebe__pool_init(&loop->pool, mem);
    grebe__starved_init(&loop->starved_dials, grebe__dial_answer_starved);
    grebe__starved_init(&loop->starved_lookups, grebe__dns_answer_starved);
    init_env(loop);
    *out = loop;
    return GREBE_OK;
}

static void release_memory(struct grebe_loop *loop)
{
    grebe__env_fini(&loop->env);
    grebe__pool_fini(&loop->pool);
    grebe__driver_fini(&loop->driver);
    grebe_mem_free(loop->mem, loop->buffers);
    grebe_mem_free(loop->mem, loop);
}

/* The async handle is the one that takes a descriptor. */
static int start_on(struct grebe_loop *loop, uv_loop_t *uv)
{
    loop->uv = uv;
    if (uv_async_init(uv, &loop->async, grebe__loop_on_async) != 0)
        return GREBE_ERR_SYSTEM;
    loop->n_handles = 1;
    init_handles(loop);
    return GREBE_OK;
}

int grebe_loop_new(const struct grebe_mem *mem, struct grebe_loop **out)
{
    struct grebe_loop *loop;
    int result = allocate(mem, &loop);

    if (result != GREBE_OK)
        return result;
    if (uv_loop_init(&loop->own_uv) != 0) {
        release_memory(loop);
        return GREBE_ERR_SYSTEM;
    }
    result = start_on(loop, &loop->own_uv);
    if (result != GREBE_OK) {
        uv_loop_close(&loop->own_uv);
        release_memory(loop);
        return result;
    }
    loop->is_own = true;
    grebe__loop_hold(loop); /* uv_run() has to wait even when nothing is in flight */
    *out = loop;
    return GREBE_OK;
}

int grebe_loop_attach(uv_loop_t *uv, const struct grebe_mem *mem, struct grebe_loop **out)
{
    struct grebe_loop *loop;
    int result = allocate(mem, &loop);

    if (result != GREBE_OK)
        return result;
    result = start_on(loop, uv);
    if (result != GREBE_OK) {
        release_memory(loop);
        return result;
    }
    grebe__driver_acquire(&loop->driver); /* for ever: the host calls uv_run() */
    grebe__loop_fall_asleep(loop);
    *out = loop;
    return GREBE_OK;
}

struct grebe_loop *grebe_loop_ref(struct grebe_loop *loop)
{
    grebe__ref_get(&loop->refs);
    return loop;
}

/* ---- End -------------------------------------------------------------------------- */

void grebe__loop_handle_opened(struct grebe_loop *loop)
{
    loop->n_handles++;
}

void grebe__loop_handle_closed(struct grebe_loop *loop)
{
    GREBE_ASSERT(loop->n_handles > 0);
    if (--loop->n_handles == 0 && loop->is_closing && !loop->is_own)
        release_memory(loop);
}

static void on_close(uv_handle_t *handle)
{
    grebe__loop_handle_closed(handle->data);
}

static void close_handle(struct grebe_loop *loop, uv_handle_t *handle)
{
    handle->data = loop;
    uv_close(handle, on_close);
}

static void shut_connections(struct grebe_loop *loop)
{
    grebe__env_enter(&loop->env);
    grebe__list_foreach_safe (link, &loop->connections)
        grebe__connection_shut(grebe__connection_of_link(link));
    grebe__env_leave(&loop->env);
}

static void settle_for_good(struct grebe_loop *loop)
{
    loop->is_inside = true; /* who waits in a last callback would wait for ever */
    shut_connections(loop);
    if (loop->dns != NULL)
        grebe__dns_destroy(loop->dns);
    loop->dns = NULL;
    for (unsigned i = 0; i < MAX_LAST_ROUNDS; i++)
        grebe__loop_settle(loop);
}

static void close_handles(struct grebe_loop *loop)
{
    loop->is_closing = true;
    close_handle(loop, (uv_handle_t *)&loop->prepare);
    close_handle(loop, (uv_handle_t *)&loop->check);
    close_handle(loop, (uv_handle_t *)&loop->idle);
    close_handle(loop, (uv_handle_t *)&loop->timer);
    close_handle(loop, (uv_handle_t *)&loop->async);
}

static void destroy_own(struct grebe_loop *loop)
{
    bool is_mine = grebe__loop_try_drive(loop);

    GREBE_ASSERT(is_mine);
    settle_for_good(loop);
    close_handles(loop);
    while (loop->n_handles > 0)
        uv_run(loop->uv, UV_RUN_ONCE);
    uv_loop_close(loop->uv);
    release_memory(loop);
}

/* It is freed by its last close callback, in the host's uv_run(). */
void grebe__loop_destroy_attached(struct grebe_loop *loop)
{
    pthread_mutex_lock(&loop->driver.mutex); /* see doom() */
    pthread_mutex_unlock(&loop->driver.mutex);
    settle_for_good(loop);
    close_handles(loop);
}

/* In the child of a fork(): let go of the parent's connections.  libuv would also take
 * them out of the epoll set, which is the parent's too; so the memory stays.  Nothing is
 * touched if another thread was at work in it when the process forked. */
static void abandon(struct grebe_loop *loop)
{
    if (!loop->is_own || !grebe__driver_is_quiet(&loop->driver))
        return;
    grebe__list_foreach (link, &loop->connections)
        grebe__connection_abandon(grebe__connection_of_link(link));
    close(uv_backend_fd(loop->uv));
}

static void run_close_task(struct grebe__task *task)
{
    grebe_container_of(task, struct grebe_loop, close_task)->is_doomed = true;
}

/* The next check callback destroys it.  From a foreign thread that takes a task, and the
 * mutex keeps the loop in memory until its last user has let go of it. */
static void doom(struct grebe_loop *loop)
{
    if (grebe__driver_is_me(&loop->driver)) {
        loop->is_doomed = true;
        grebe__loop_update_idle(loop);
        return;
    }
    loop->close_task.run = run_close_task;
    pthread_mutex_lock(&loop->driver.mutex);
    grebe__env_post(&loop->env, &loop->close_task);
    pthread_mutex_unlock(&loop->driver.mutex);
}

/* Every driver holds a reference, so the last one goes when nobody drives, unless the
 * loop is attached or its own thread gives it up. */
void grebe_loop_unref(struct grebe_loop *loop)
{
    if (loop == NULL || !grebe__ref_put(&loop->refs))
        return;
    if (grebe__loop_is_forked(loop)) {
        abandon(loop);
    } else if (!loop->is_own) {
        doom(loop);
    } else if (grebe__loop_is_on_thread(loop)) {
        loop->refs = 1; /* the thread's now */
        grebe__loop_detach_thread(loop);
    } else {
        grebe_loop_stop_thread(loop);
        destroy_own(loop);
    }
}
