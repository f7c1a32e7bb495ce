/* SPDX-License-Identifier: Apache-2.0 */
#include "server/loop.h"

#include <stdlib.h>
#include <string.h>

#include <grebe/attr.h>

#include "server/connection.h"
#include "server/server.h"
#include "server/session.h"

enum {
    RESETS_BURST = 100000, /* clients with short deadlines are no attackers here */
    RESETS_RATE = 100000,
    ACKS_MAX = 4096, /* of PING and SETTINGS; one read may hold 3640 */
};

/* ---- Flush ------------------------------------------------------------------------- */

static void flush_all(struct server_loop *loop)
{
    struct connection *connection;

    while ((connection = TAILQ_FIRST(&loop->dirty)) != NULL) {
        TAILQ_REMOVE(&loop->dirty, connection, dirty_link);
        connection->is_dirty = false;
        connection_flush(connection);
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    flush_all(grebe_container_of(prepare, struct server_loop, prepare));
}

static void on_check(uv_check_t *check)
{
    flush_all(grebe_container_of(check, struct server_loop, check));
}

/* ---- nghttp2 ----------------------------------------------------------------------- */

static void *mem_malloc(size_t size, void *loop)
{
    return slab_alloc(&((struct server_loop *)loop)->slab, size);
}

static void mem_free(void *block, void *loop)
{
    slab_free(&((struct server_loop *)loop)->slab, block);
}

static void *mem_calloc(size_t n, size_t size, void *loop)
{
    void *block = size != 0 && n > SIZE_MAX / size ? NULL : mem_malloc(n * size, loop);

    return block == NULL ? NULL : memset(block, 0, n * size);
}

static void *mem_realloc(void *block, size_t size, void *loop)
{
    return slab_realloc(&((struct server_loop *)loop)->slab, block, size);
}

static void set_options(nghttp2_option *option)
{
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_outbound_ack(option, ACKS_MAX);
    nghttp2_option_set_stream_reset_rate_limit(option, RESETS_BURST, RESETS_RATE);
}

/* ---- Life -------------------------------------------------------------------------- */

void server_loop_retain(struct server_loop *loop)
{
    loop->n_handles++;
}

void server_loop_release(struct server_loop *loop)
{
    if (--loop->n_handles > 0)
        return;
    bytes_fini(&loop->out, &loop->slab);
    nghttp2_session_callbacks_del(loop->callbacks);
    nghttp2_option_del(loop->options);
    slab_fini(&loop->slab);
    free(loop->input);
    free(loop);
}

static void on_part_closed(uv_handle_t *handle)
{
    server_loop_release(handle->data);
}

/* The loop's own handles do not keep uv_run() going. */
static void adopt(struct server_loop *loop, uv_handle_t *handle)
{
    handle->data = loop;
    uv_unref(handle);
    server_loop_retain(loop);
}

static int start_handles(struct server_loop *loop)
{
    int error = deadlines_init(&loop->deadlines, loop->uv);

    if (error != 0)
        return error;
    adopt(loop, (uv_handle_t *)&loop->deadlines.alarm.poll);
    uv_prepare_init(loop->uv, &loop->prepare);
    adopt(loop, (uv_handle_t *)&loop->prepare);
    uv_check_init(loop->uv, &loop->check);
    adopt(loop, (uv_handle_t *)&loop->check);
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_check_start(&loop->check, on_check);
    return 0;
}

int server_loop_new(uv_loop_t *uv, struct server_loop **out)
{
    struct server_loop *loop = calloc(1, sizeof *loop);
    int error;

    if (loop == NULL)
        return UV_ENOMEM;
    loop->uv = uv;
    TAILQ_INIT(&loop->dirty);
    loop->mem = (nghttp2_mem){loop, mem_malloc, mem_free, mem_calloc, mem_realloc};
    loop->input = malloc(SERVER_INPUT_BYTES);
    error = loop->input == NULL || session_callbacks_new(&loop->callbacks) != 0 ||
                    nghttp2_option_new(&loop->options) != 0
                ? UV_ENOMEM
                : start_handles(loop);
    if (error != 0) {
        loop->n_handles = 1;
        server_loop_release(loop);
        return error;
    }
    set_options(loop->options);
    *out = loop;
    return 0;
}

void server_loop_destroy(struct server_loop *loop)
{
    deadlines_close(&loop->deadlines, on_part_closed);
    uv_close((uv_handle_t *)&loop->prepare, on_part_closed);
    uv_close((uv_handle_t *)&loop->check, on_part_closed);
}
