/* SPDX-License-Identifier: Apache-2.0 */
#include "io/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/byte_ring.h"

/* The thread is woken for the first line that comes while it sleeps, and lets others come
 * before it writes: that many times a second at most does a line cost the loop more than
 * itself. */
static const long collect_ns = 2000000;

struct grebe__record_file {
    struct grebe__record_sink sink;
    const struct grebe_mem *mem;
    struct grebe__byte_ring ring;
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    uint32_t n_lines; /* atomic: orders a line before the look at is_asleep */
    bool is_asleep;   /* atomic: the thread waits, or is about to */
    bool is_closing;  /* under the lock: no line comes any more */
    bool is_alone;    /* under the lock: nobody waits for the end */
    bool is_finished; /* there is no thread any more; whoever closes it knows */
    bool has_failed;  /* atomic: `failure` is set, and nothing is written any more */
    char failure[256];
    char path[];
};

struct grebe__record_file *grebe__record_file_of(struct grebe__record_sink *sink)
{
    return grebe_container_of(sink, struct grebe__record_file, sink);
}

/* ---- The loop's side --------------------------------------------------------------------- */

static void wake(struct grebe__record_file *file)
{
    pthread_mutex_lock(&file->lock);
    pthread_cond_signal(&file->news);
    pthread_mutex_unlock(&file->lock);
}

/* The lock is held by nobody for long: the thread takes it to fall asleep. */
static bool on_write(struct grebe__record_sink *sink, const char *line, size_t length)
{
    struct grebe__record_file *file = grebe__record_file_of(sink);

    if (!grebe__byte_ring_put(&file->ring, line, length))
        return false;
    __atomic_fetch_add(&file->n_lines, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&file->is_asleep, __ATOMIC_SEQ_CST))
        wake(file);
    return true;
}

static const char *on_failure(struct grebe__record_sink *sink)
{
    struct grebe__record_file *file = grebe__record_file_of(sink);

    return __atomic_load_n(&file->has_failed, __ATOMIC_ACQUIRE) ? file->failure : NULL;
}

struct grebe__record_sink *grebe__record_file_sink(struct grebe__record_file *file)
{
    return &file->sink;
}

/* ---- The thread's side ------------------------------------------------------------------- */

static void fail(struct grebe__record_file *file)
{
    snprintf(file->failure, sizeof file->failure, "%s: %s; it ends here", file->path,
             strerror(errno));
    __atomic_store_n(&file->has_failed, true, __ATOMIC_RELEASE);
}

static void write_all(struct grebe__record_file *file, const char *bytes, size_t length)
{
    while (length > 0 && !file->has_failed) {
        ssize_t n = write(file->fd, bytes, length);

        if (n < 0 && errno != EINTR)
            fail(file);
        if (n > 0) {
            bytes += n;
            length -= (size_t)n;
        }
    }
}

/* False: there was nothing. */
static bool drain(struct grebe__record_file *file)
{
    const char *bytes;
    size_t length = grebe__byte_ring_peek(&file->ring, &bytes);

    write_all(file, bytes, length);
    grebe__byte_ring_take(&file->ring, length);
    return length > 0;
}

/* Who puts a line in the ring after is_asleep was set sees that, and wakes; of any line that
 * came before, n_lines tells. */
static bool has_lines(struct grebe__record_file *file)
{
    const char *bytes;

    (void)__atomic_load_n(&file->n_lines, __ATOMIC_SEQ_CST);
    return grebe__byte_ring_peek(&file->ring, &bytes) > 0;
}

static void let_more_come(struct grebe__record_file *file)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += collect_ns;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!file->is_closing &&
           pthread_cond_timedwait(&file->news, &file->lock, &until) == 0)
        continue;
}

/* Sleeps until there is something; false: there will be nothing more. */
static bool wait_for_news(struct grebe__record_file *file)
{
    bool goes_on;

    pthread_mutex_lock(&file->lock);
    __atomic_store_n(&file->is_asleep, true, __ATOMIC_SEQ_CST);
    while (!has_lines(file) && !file->is_closing)
        pthread_cond_wait(&file->news, &file->lock);
    __atomic_store_n(&file->is_asleep, false, __ATOMIC_SEQ_CST);
    let_more_come(file);
    goes_on = has_lines(file) || !file->is_closing;
    pthread_mutex_unlock(&file->lock);
    return goes_on;
}

static void destroy(struct grebe__record_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    pthread_cond_destroy(&file->news);
    pthread_mutex_destroy(&file->lock);
    grebe__byte_ring_fini(&file->ring);
    grebe_mem_free(file->mem, file);
}

static void *run(void *arg)
{
    struct grebe__record_file *file = arg;
    bool is_alone;

    do {
        while (drain(file))
            continue;
    } while (wait_for_news(file));
    pthread_mutex_lock(&file->lock);
    is_alone = file->is_alone;
    pthread_mutex_unlock(&file->lock);
    if (is_alone)
        destroy(file);
    return NULL;
}

/* ---- Life -------------------------------------------------------------------------------- */

static int make_file(struct grebe__record_file *file, struct grebe_diag *diag)
{
    file->fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file->fd >= 0)
        return GREBE_OK;
    grebe_diag_set(diag, "recording %s: %s", file->path, strerror(errno));
    return GREBE_ERR_INVALID;
}

/* Signals are for the application's threads. */
static int start_thread(struct grebe__record_file *file, struct grebe_diag *diag)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&file->thread, NULL, run, file);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        return GREBE_OK;
    grebe_diag_set(diag, "recording %s: no thread: %s", file->path, strerror(error));
    return GREBE_ERR_SYSTEM;
}

static void init_lock(struct grebe__record_file *file)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&file->news, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&file->lock, NULL);
}

int grebe__record_file_open(const struct grebe_mem *mem, const char *path,
                            size_t ring_bytes, struct grebe_diag *diag,
                            struct grebe__record_file **out)
{
    size_t size = strlen(path) + 1;
    struct grebe__record_file *file = grebe_mem_zalloc(mem, sizeof *file + size);
    int result;

    if (file == NULL)
        return GREBE_ERR_NOMEM;
    file->mem = mem;
    file->fd = -1;
    file->sink = (struct grebe__record_sink){.write = on_write, .failure = on_failure};
    memcpy(file->path, path, size);
    init_lock(file);
    result = grebe__byte_ring_init(&file->ring, mem, ring_bytes);
    if (result == GREBE_OK)
        result = make_file(file, diag);
    if (result == GREBE_OK)
        result = start_thread(file, diag);
    if (result != GREBE_OK) {
        destroy(file);
        return result;
    }
    *out = file;
    return GREBE_OK;
}

/* The thread may be gone with the file when it returns, if it is alone. */
static void end_thread(struct grebe__record_file *file, bool is_alone)
{
    pthread_mutex_lock(&file->lock);
    file->is_closing = true;
    file->is_alone = is_alone;
    pthread_cond_signal(&file->news);
    pthread_mutex_unlock(&file->lock);
}

void grebe__record_file_finish(struct grebe__record_file *file)
{
    end_thread(file, false);
    pthread_join(file->thread, NULL);
    file->is_finished = true;
}

void grebe__record_file_close(struct grebe__record_file *file)
{
    if (file == NULL)
        return;
    if (file->is_finished) {
        destroy(file);
        return;
    }
    pthread_detach(file->thread);
    end_thread(file, true);
}
