/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a sim: a table. */
#include <stdio.h>
#include <string.h>

#include <grebe/attr.h>

#include "base/assert.h"
#include "core/file.h"
#include "sim/network.h"

struct file {
    struct grebe__list link; /* on sim->files */
    char *path;
    char *text;      /* NULL: it cannot be read */
    char error[128]; /* why */
};

/* What a watch has as its watcher. */
struct watcher {
    struct grebe__list link; /* on sim->file_watches */
    struct grebe__file_watch *watch;
};

static struct file *find(struct sim *sim, const char *path)
{
    grebe__list_foreach (link, &sim->files) {
        struct file *file = grebe_container_of(link, struct file, link);

        if (strcmp(file->path, path) == 0)
            return file;
    }
    return NULL;
}

static struct file *get(struct sim *sim, const char *path)
{
    struct file *file = find(sim, path);

    if (file != NULL)
        return file;
    file = grebe_mem_zalloc(NULL, sizeof *file);
    GREBE_ASSERT(file != NULL);
    file->path = grebe_mem_strdup(NULL, path);
    grebe__list_init(&file->link);
    grebe__list_append(&sim->files, &file->link);
    return file;
}

static void tell(struct sim *sim, const char *path)
{
    grebe__list_foreach (link, &sim->file_watches) {
        struct grebe__file_watch *watch =
            grebe_container_of(link, struct watcher, link)->watch;

        if (strcmp(watch->path, path) == 0)
            grebe__env_start_timer(&sim->env, &watch->timer, sim->env.now_ns);
    }
}

void sim_file_set(struct sim *sim, const char *path, const char *text)
{
    struct file *file = get(sim, path);

    grebe_mem_free(NULL, file->text);
    file->text = grebe_mem_strdup(NULL, text);
    tell(sim, path);
}

void sim_file_fail(struct sim *sim, const char *path, const char *error)
{
    struct file *file = get(sim, path);

    grebe_mem_free(NULL, file->text);
    file->text = NULL;
    snprintf(file->error, sizeof file->error, "%s", error);
    tell(sim, path);
}

static void on_timer(struct grebe__timer *timer)
{
    struct grebe__file_watch *watch =
        grebe_container_of(timer, struct grebe__file_watch, timer);
    const struct file *file = find(watch->env->driver, watch->path);
    struct grebe__file_reading reading = {.error = "no such file or directory"};

    if (file != NULL && file->text == NULL)
        reading.error = file->error;
    else if (file != NULL && strlen(file->text) > watch->max_bytes)
        reading.error = "it is too large";
    else if (file != NULL)
        reading = (struct grebe__file_reading){.bytes = file->text,
                                               .length = strlen(file->text)};
    watch->on_read(watch, &reading);
}

static void watch_file(struct grebe__env *env, struct grebe__file_watch *watch)
{
    struct sim *sim = env->driver;
    struct watcher *watcher = grebe_mem_zalloc(NULL, sizeof *watcher);

    GREBE_ASSERT(watcher != NULL && watch->env == NULL);
    watcher->watch = watch;
    grebe__list_init(&watcher->link);
    grebe__list_append(&sim->file_watches, &watcher->link);
    watch->env = env;
    watch->watcher = watcher;
    grebe__timer_init(&watch->timer, on_timer);
    grebe__env_start_timer(env, &watch->timer, env->now_ns);
}

static void cancel(struct grebe__env *env, struct grebe__file_watch *watch)
{
    struct watcher *watcher = watch->watcher;

    (void)env;
    if (watch->env == NULL)
        return;
    grebe__timer_cancel(&watch->timer);
    grebe__list_remove(&watcher->link);
    grebe_mem_free(NULL, watcher);
    watch->env = NULL;
    watch->watcher = NULL;
}

const struct grebe__files_ops sim_files_ops = {
    .watch = watch_file,
    .cancel = cancel,
};

void sim_files_fini(struct sim *sim)
{
    struct grebe__list *link;

    GREBE_ASSERT(grebe__list_is_empty(&sim->file_watches));
    while ((link = grebe__list_shift(&sim->files)) != NULL) {
        struct file *file = grebe_container_of(link, struct file, link);

        grebe_mem_free(NULL, file->path);
        grebe_mem_free(NULL, file->text);
        grebe_mem_free(NULL, file);
    }
}
