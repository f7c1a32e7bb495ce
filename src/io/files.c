/* SPDX-License-Identifier: Apache-2.0 */
/* Files: looked at when their directory tells, and from time to time whatever it tells.
 *
 * The directory is watched (inotify(7), by libuv) and not the file, because what comes
 * under its name may be another file.  That misses what happens on other machines, and
 * behind a symbolic link that leads elsewhere: so the file is also looked at by the clock.
 * To look is one stat(2); only a file that is not what it was is read.
 *
 * Everything happens on the loop's thread: libuv would use threads of its own for files.
 * So a file on a network that is down holds up the loop, as it would any program.
 */
#include "io/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <grebe/attr.h>

#include "core/file.h"
#include "io/loop.h"

static const uint64_t settle_ns = UINT64_C(50000000);     /* a writer has finished then */
static const uint64_t patience_ns = UINT64_C(1000000000); /* with one that does not */
static const uint64_t look_ns = UINT64_C(5000000000);     /* while the directory tells */
static const uint64_t look_often_ns = UINT64_C(1000000000); /* while it does not */

static const char out_of_memory[] = "out of memory";

/* A file system's clock may be as coarse as this: what was written since cannot be told
 * from what was read. */
enum { COARSE_S = 2 };

/* What tells one state of a file from another. */
struct identity {
    int error; /* errno; 0: the rest is valid */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed, modified;
};

struct watcher {
    uv_fs_event_t event;
    struct grebe_loop *loop;
    struct grebe__file_watch *watch; /* NULL: closing */
    bool is_told;                    /* `event` runs */
    struct identity directory;       /* that it runs on */
    struct identity seen;            /* when it was read last */
    bool has_read;                   /* `seen` is valid */
    bool is_suspect;                 /* read it again, whatever it looks like */
    uint64_t latest_ns;        /* to look, however busy the writer is; 0: nobody writes */
    const char *name, *folder; /* in `text`, but for "." */
    char text[];
};

/* ---- What is there ------------------------------------------------------------------ */

static struct identity identify(const char *path)
{
    struct identity identity = {.error = 0};
    struct stat found;

    if (stat(path, &found) != 0) {
        identity.error = errno;
        return identity;
    }
    identity.device = found.st_dev;
    identity.inode = found.st_ino;
    identity.size = found.st_size;
    identity.changed = found.st_ctim;
    identity.modified = found.st_mtim;
    return identity;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same_file(const struct identity *a, const struct identity *b)
{
    return a->error == 0 && b->error == 0 && a->device == b->device &&
           a->inode == b->inode;
}

static bool is_same(const struct identity *a, const struct identity *b)
{
    if (a->error != 0 || b->error != 0)
        return a->error == b->error;
    return is_same_file(a, b) && a->size == b->size &&
           is_same_time(&a->changed, &b->changed) &&
           is_same_time(&a->modified, &b->modified);
}

/* Written so recently that a later write may leave it looking the same. */
static bool is_young(const struct identity *identity)
{
    struct timespec now;

    if (identity->error != 0)
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    return identity->modified.tv_sec + COARSE_S >= now.tv_sec &&
           identity->modified.tv_sec - COARSE_S <= now.tv_sec;
}

/* ---- Reading ------------------------------------------------------------------------ */

/* Bytes read, in *out to be freed with `mem`; negative: `error` says why. */
static ssize_t read_all(const struct grebe_mem *mem, int fd, size_t size, char **out)
{
    char *bytes = grebe_mem_alloc(mem, size + 1);
    size_t length = 0;
    ssize_t n = 1;

    if (bytes == NULL)
        errno = ENOMEM;
    while (bytes != NULL && length < size && n > 0) {
        n = read(fd, bytes + length, size - length);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            length += (size_t)n;
    }
    if (bytes == NULL || n < 0) {
        grebe_mem_free(mem, bytes);
        return -1;
    }
    *out = bytes;
    return (ssize_t)length;
}

enum { FLAW_BYTES = 96 };

/* What keeps it from being read as a file; NULL: nothing. */
static const char *flaw_of(const struct stat *found, size_t max_bytes,
                           char buf[FLAW_BYTES])
{
    if (S_ISDIR(found->st_mode))
        return "it is a directory";
    if (!S_ISREG(found->st_mode))
        return "it is not a regular file";
    if ((uint64_t)found->st_size <= max_bytes)
        return NULL;
    snprintf(buf, FLAW_BYTES, "it has %llu bytes, %zu are allowed",
             (unsigned long long)found->st_size, max_bytes);
    return buf;
}

/* Fills `reading`; *bytes are to be freed.  `buf` may get the text of an error. */
static void read_file(const struct watcher *watcher, char **bytes, char buf[FLAW_BYTES],
                      struct grebe__file_reading *reading)
{
    const struct grebe__file_watch *watch = watcher->watch;
    /* O_NONBLOCK: nobody may ever write into what turns out to be a pipe. */
    int fd = open(watch->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat found;
    ssize_t n = -1;

    *bytes = NULL;
    *reading = (struct grebe__file_reading){NULL, NULL, 0};
    if (fd < 0 || fstat(fd, &found) != 0) {
        reading->error = uv_strerror(-errno);
    } else {
        reading->error = flaw_of(&found, watch->max_bytes, buf);
        if (reading->error == NULL)
            n = read_all(watcher->loop->mem, fd, (size_t)found.st_size, bytes);
        if (reading->error == NULL && n < 0)
            reading->error = errno == ENOMEM ? out_of_memory : uv_strerror(-errno);
    }
    if (n >= 0) {
        reading->bytes = *bytes;
        reading->length = (size_t)n;
    }
    if (fd >= 0)
        close(fd);
}

/* ---- Looking ------------------------------------------------------------------------ */

static void look_in(struct watcher *watcher, uint64_t delay_ns)
{
    struct grebe__env *env = &watcher->loop->env;

    grebe__env_start_timer(env, &watcher->watch->timer, grebe__env_after(env, delay_ns));
}

static void look_later(struct watcher *watcher)
{
    look_in(watcher, watcher->is_told ? look_ns : look_often_ns);
}

/* Somebody writes into the file, or puts another in its place: wait for the end of it. */
static void expect_change(struct watcher *watcher)
{
    const struct grebe__env *env = &watcher->loop->env;
    uint64_t left_ns;

    if (watcher->latest_ns == 0)
        watcher->latest_ns = grebe__env_after(env, patience_ns);
    left_ns = watcher->latest_ns > env->now_ns ? watcher->latest_ns - env->now_ns : 0;
    look_in(watcher, left_ns < settle_ns ? left_ns : settle_ns);
}

/* Something else happened in its directory: a link on the way may lead elsewhere now. */
static void look_soon(struct watcher *watcher)
{
    uint64_t due_ns = grebe__env_after(&watcher->loop->env, settle_ns);

    if (watcher->watch->timer.deadline_ns > due_ns)
        look_in(watcher, settle_ns);
}

static void on_event(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct watcher *watcher = grebe_container_of(handle, struct watcher, event);
    struct grebe_loop *loop = watcher->loop;

    (void)events;
    if (!grebe__loop_begin(loop)) {
        uv_fs_event_stop(handle);
        return;
    }
    if (status < 0)
        return; /* the clock tells in the end */
    grebe__env_enter(&loop->env);
    if (name == NULL || strcmp(name, watcher->name) == 0)
        expect_change(watcher);
    else
        look_soon(watcher);
    grebe__env_leave(&loop->env);
}

/* The directory may have come, gone, or been exchanged. */
static void watch_folder(struct watcher *watcher)
{
    struct identity now = identify(watcher->folder);

    if (watcher->is_told && is_same_file(&now, &watcher->directory))
        return;
    uv_fs_event_stop(&watcher->event);
    watcher->directory = now;
    watcher->is_told = now.error == 0 && uv_fs_event_start(&watcher->event, on_event,
                                                           watcher->folder, 0) == 0;
    grebe__loop_stir(watcher->loop);
}

static void read_and_tell(struct watcher *watcher, const struct identity *now)
{
    struct grebe__file_watch *watch = watcher->watch;
    const struct grebe_mem *mem = watcher->loop->mem;
    struct grebe__file_reading reading;
    char *bytes, buf[FLAW_BYTES];

    read_file(watcher, &bytes, buf, &reading);
    watcher->seen = *now;
    watcher->has_read = true;
    watcher->is_suspect = is_young(now) || reading.error == out_of_memory;
    if (reading.error == out_of_memory)
        look_in(watcher, look_often_ns);
    else
        look_later(watcher);
    watch->on_read(watch, &reading);
    grebe_mem_free(mem, bytes);
}

static void look(struct watcher *watcher)
{
    struct identity now;

    watcher->latest_ns = 0;
    watch_folder(watcher); /* before the file: what happens in between is told then */
    now = identify(watcher->watch->path);
    if (watcher->has_read && !watcher->is_suspect && is_same(&now, &watcher->seen))
        look_later(watcher);
    else
        read_and_tell(watcher, &now);
}

/* ---- Life --------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct watcher *watcher =
        grebe_container_of((uv_fs_event_t *)handle, struct watcher, event);
    struct grebe_loop *loop = watcher->loop;

    grebe_mem_free(loop->mem, watcher);
    grebe__loop_handle_closed(loop);
}

static struct watcher *new_watcher(struct grebe_loop *loop,
                                   struct grebe__file_watch *watch)
{
    size_t size = strlen(watch->path) + 1;
    struct watcher *watcher = grebe_mem_zalloc(loop->mem, sizeof *watcher + 2 * size);

    if (watcher == NULL)
        return NULL;
    watcher->loop = loop;
    watcher->watch = watch;
    memcpy(watcher->text, watch->path, size);
    watcher->name = strrchr(watcher->text, '/');
    watcher->name = watcher->name == NULL ? watcher->text : watcher->name + 1;
    watcher->folder = dirname(memcpy(watcher->text + size, watch->path, size));
    uv_fs_event_init(loop->uv, &watcher->event); /* cannot fail */
    uv_unref((uv_handle_t *)&watcher->event);
    grebe__loop_handle_opened(loop);
    return watcher;
}

static void on_timer(struct grebe__timer *timer)
{
    struct grebe__file_watch *watch =
        grebe_container_of(timer, struct grebe__file_watch, timer);
    struct grebe_loop *loop = grebe__loop_of_env(watch->env);

    if (watch->watcher == NULL)
        watch->watcher = new_watcher(loop, watch);
    if (watch->watcher != NULL) {
        look(watch->watcher);
    } else {
        const struct grebe__file_reading reading = {.error = out_of_memory};

        grebe__env_start_timer(&loop->env, timer,
                               grebe__env_after(&loop->env, look_often_ns));
        watch->on_read(watch, &reading);
    }
}

static void watch_file(struct grebe__env *env, struct grebe__file_watch *watch)
{
    watch->env = env;
    watch->watcher = NULL;
    grebe__timer_init(&watch->timer, on_timer);
    grebe__env_start_timer(env, &watch->timer, env->now_ns);
}

static void cancel(struct grebe__env *env, struct grebe__file_watch *watch)
{
    struct watcher *watcher = watch->watcher;

    if (watch->env == NULL)
        return;
    watch->env = NULL;
    watch->watcher = NULL;
    grebe__timer_cancel(&watch->timer);
    if (watcher == NULL)
        return;
    watcher->watch = NULL;
    uv_close((uv_handle_t *)&watcher->event, on_closed);
    grebe__loop_stir(grebe__loop_of_env(env));
}

const struct grebe__files_ops grebe__files_port = {
    .watch = watch_file,
    .cancel = cancel,
};
