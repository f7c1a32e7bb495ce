/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/hash.h"
#include "base/text.h"
#include "core/env.h"
#include "core/file.h"
#include "core/resolver_conn.h"
#include "resolver/endpoint_file.h"

/* Until what failed for want of memory is tried again. */
static const uint64_t retry_ns = UINT64_C(1000000000);

struct file {
    struct grebe_resolver base;
    struct grebe_resolver_conn *conn;
    struct grebe__env *env;
    struct grebe__file_watch watch;
    struct grebe__timer retry;
    bool has_seen;  /* contents that were used, or found wrong */
    uint64_t seen;  /* their hash */
    size_t n_known; /* endpoints in the list that the channel has from us */
    char path[];
};

/* ---- Telling the channel -------------------------------------------------------------- */

enum { LINE_BYTES = 1024 };

/* "file: PATH: WHY" */
static struct grebe__text begin_line(const struct file *file, const char *why,
                                     char text[LINE_BYTES])
{
    struct grebe__text line = grebe__text_init(text, LINE_BYTES);

    grebe__text_append(&line, "file: ", 6);
    grebe__text_append_escaped(&line, file->path, strlen(file->path));
    grebe__text_printf(&line, ": %s", why);
    return line;
}

/* `why` is what is wrong with the file now. */
static void report(struct file *file, const char *why)
{
    struct grebe_status status;
    char text[LINE_BYTES];
    struct grebe__text line = begin_line(file, why, text);

    if (file->n_known > 0)
        grebe__text_printf(&line, "; the %zu endpoint%s known before %s kept",
                           file->n_known, file->n_known == 1 ? "" : "s",
                           file->n_known == 1 ? "is" : "are");
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);
    grebe_resolver_conn_report_error(file->conn, &status);
}

static void retry_later(struct file *file)
{
    file->has_seen = false;
    grebe__env_start_timer(file->env, &file->retry,
                           grebe__env_after(file->env, retry_ns));
}

/* A list that is empty is more likely an accident than a wish. */
static int publish(struct file *file, const struct grebe__endpoint_file *found)
{
    static const char is_empty[] = "the list of endpoints is empty";
    struct grebe_resolver_state state = GREBE_RESOLVER_STATE_INIT;
    char text[LINE_BYTES];
    int error;

    if (found->list.n == 0 && file->n_known > 0) {
        report(file, is_empty);
        return GREBE_OK;
    }
    if (found->list.n == 0) {
        begin_line(file, is_empty, text);
        error =
            grebe_attributes_with_text(grebe_resolver_conn_mem(file->conn), NULL,
                                       &GREBE_ATTRIBUTE_REASON, text, &state.attributes);
        if (error != GREBE_OK)
            return error;
    }
    state.endpoints = found->list.endpoints;
    state.n_endpoints = found->list.n;
    state.service_config = found->service_config;
    state.source = file->path;
    error = grebe_resolver_conn_update(file->conn, &state);
    grebe_attributes_unref(state.attributes);
    if (error == GREBE_ERR_NOMEM)
        return error;
    file->n_known = found->list.n;
    return GREBE_OK;
}

/* ---- The file ------------------------------------------------------------------------- */

static void use(struct file *file, const char *bytes, size_t length)
{
    struct grebe__endpoint_file found;
    struct grebe_diag diag;
    int error = grebe__endpoint_file_parse(grebe_resolver_conn_mem(file->conn), bytes,
                                           length, &diag, &found);

    if (error == GREBE_OK) {
        error = publish(file, &found);
        grebe__endpoint_file_fini(&found);
    } else if (error == GREBE_ERR_CONFIG) {
        report(file, diag.text);
        error = GREBE_OK;
    }
    if (error != GREBE_OK) {
        report(file, grebe_strerror(error));
        retry_later(file);
    }
}

static void on_read(struct grebe__file_watch *watch,
                    const struct grebe__file_reading *reading)
{
    struct file *file = grebe_container_of(watch, struct file, watch);
    uint64_t hash;

    grebe__timer_cancel(&file->retry);
    if (reading->error != NULL) {
        file->has_seen = false;
        report(file, reading->error);
        return;
    }
    hash = grebe__hash64(reading->bytes, reading->length, 0);
    if (file->has_seen && file->seen == hash)
        return;
    file->has_seen = true;
    file->seen = hash;
    use(file, reading->bytes, reading->length);
}

static void on_retry(struct grebe__timer *timer)
{
    struct file *file = grebe_container_of(timer, struct file, retry);

    file->env->files->cancel(file->env, &file->watch);
    file->env->files->watch(file->env, &file->watch);
}

/* ---- Life ----------------------------------------------------------------------------- */

static void destroy(struct grebe_resolver *base)
{
    struct file *file = grebe_container_of(base, struct file, base);

    grebe__timer_cancel(&file->retry);
    file->env->files->cancel(file->env, &file->watch);
    grebe_mem_free(grebe_resolver_conn_mem(file->conn), file);
}

static const struct grebe_resolver_ops ops = {.destroy = destroy};

static int build(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                 const struct grebe_resolver_options *options, struct grebe_diag *diag,
                 struct grebe_resolver **out)
{
    const char *path = target->path[0] != '\0' ? target->path : target->opaque;
    size_t size = strlen(path) + 1;
    struct file *made;

    (void)options;
    if (target->authority[0] != '\0') {
        grebe__diag_quote(diag, target->authority, strlen(target->authority),
                          "invalid (non-empty) authority; write file:///path");
        return GREBE_ERR_TARGET;
    }
    if (size == 1) {
        grebe_diag_set(diag, "file: missing path; write file:/path");
        return GREBE_ERR_TARGET;
    }
    made = grebe_mem_zalloc(grebe_resolver_conn_mem(conn), sizeof *made + size);
    if (made == NULL)
        return GREBE_ERR_NOMEM;
    grebe_resolver_init(&made->base, &ops);
    made->conn = conn;
    made->env = grebe__resolver_conn_env(conn);
    memcpy(made->path, path, size);
    grebe__timer_init(&made->retry, on_retry);
    made->watch = (struct grebe__file_watch){
        .path = made->path,
        .max_bytes = GREBE__ENDPOINT_FILE_BYTES,
        .on_read = on_read,
    };
    made->env->files->watch(made->env, &made->watch);
    *out = &made->base;
    return GREBE_OK;
}

/* What is in the file says what its backends are called. */
static size_t authority(const struct grebe_target *target, char *buf, size_t size)
{
    struct grebe__text text = grebe__text_init(buf, size);

    (void)target;
    grebe__text_append(&text, "localhost", 9);
    return text.length;
}

const struct grebe_resolver_builder grebe__file_resolver = {
    .api = GREBE_RESOLVER_API,
    .scheme = "file",
    .build = build,
    .authority = authority,
};
