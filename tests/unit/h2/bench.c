/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/h2/bench.h"

#include <stdlib.h>

#include <grebe/error.h>

#include "support/test.h"

enum { BATCH_BYTES = 256 * 1024 };

bool bench_forces_turns;

/* ---- Memory ------------------------------------------------------------------------ */

static bool is_refused(struct bench_mem *mem, size_t size)
{
    if (size > mem->n_peak)
        mem->n_peak = size;
    return (mem->n_most != 0 && size > mem->n_most) ||
           (mem->fails_onward && mem->counted.has_failed);
}

static void *mem_realloc(void *ctx, void *block, size_t size)
{
    struct bench_mem *mem = ctx;

    return is_refused(mem, size)
               ? NULL
               : mem->counted.interface.realloc(&mem->counted, block, size);
}

static void *mem_alloc(void *ctx, size_t size)
{
    return mem_realloc(ctx, NULL, size);
}

static void mem_free(void *ctx, void *block)
{
    struct bench_mem *mem = ctx;

    mem->counted.interface.free(&mem->counted, block);
}

/* ---- World ------------------------------------------------------------------------- */

static void on_rearm(struct grebe__env *env, uint64_t next_ns)
{
    (void)env, (void)next_ns;
}

static struct bench *of_pipe(struct grebe__h2_pipe *pipe)
{
    return grebe_container_of(pipe, struct bench, pipe);
}

static void on_wants_write(struct grebe__h2_pipe *pipe)
{
    of_pipe(pipe)->wants_write = true;
}

static void on_finish(struct grebe__h2_pipe *pipe)
{
    assert_false(of_pipe(pipe)->is_finished);
    of_pipe(pipe)->is_finished = true;
}

static const struct grebe__h2_pipe_ops pipe_ops = {
    .wants_write = on_wants_write,
    .finish = on_finish,
};

static void note(char diary[DIARY_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(char diary[DIARY_BYTES], const char *format, ...)
{
    size_t used = strlen(diary);
    va_list args;

    if (used > 0 && used + 3 < DIARY_BYTES) {
        strcpy(diary + used, "; ");
        used += 2;
    }
    va_start(args, format);
    vsnprintf(diary + used, DIARY_BYTES - used, format, args);
    va_end(args);
}

static void on_capacity(struct grebe__transport *transport)
{
    struct bench *b = transport->owner;

    b->n_capacity++;
    if (b->on_capacity != NULL)
        b->on_capacity(b);
}

static void on_draining(struct grebe__transport *transport,
                        const struct grebe__disconnect *why)
{
    struct bench *b = transport->owner;

    note(b->diary, "draining %s", why->label);
    b->is_too_many_pings = why->is_too_many_pings;
    assert_int_equal(why->status.code, GREBE_STATUS_UNAVAILABLE);
}

static void on_closed(struct grebe__transport *transport,
                      const struct grebe__disconnect *why)
{
    struct bench *b = transport->owner;

    note(b->diary, "closed %s: %s", why->label, why->status.message);
    assert_int_equal(why->status.code, GREBE_STATUS_UNAVAILABLE);
    b->transport = NULL;
    b->h2 = NULL;
}

static const struct grebe__transport_listener transport_listener = {
    .on_capacity = on_capacity,
    .on_draining = on_draining,
    .on_closed = on_closed,
};

void bench_init(struct bench *b)
{
    memset(b, 0, sizeof *b);
    test_mem_init(&b->mem.counted);
    b->mem.interface = (struct grebe_mem){mem_alloc, mem_realloc, mem_free, &b->mem};
    b->executor.rearm = on_rearm;
    b->env.executor = &b->executor;
    grebe__env_init(&b->env, &b->mem.interface, 1000 * SECOND, 1);
    grebe__pool_init(&b->pool, &b->mem.interface);
    b->options = (struct grebe__transport_options){
        .user_agent = "grpc-c-grebe/0.1.0",
        .max_header_list_bytes = 65536,
        .keepalive_time_ns = UINT64_MAX,
        .keepalive_timeout_ns = 20 * SECOND,
    };
    b->pipe.ops = &pipe_ops;
    b->peer = h2_peer_new();
    b->batch = calloc(1, sizeof *b->batch);
    assert_non_null(b->batch);
    b->batch->bytes = malloc(BATCH_BYTES);
    assert_non_null(b->batch->bytes);
    b->batch->size = b->batch->limit = BATCH_BYTES;
    for (size_t i = 0; i < BENCH_CALLS; i++)
        call_init(b, &b->calls[i]);
}

int bench_connect(struct bench *b)
{
    struct grebe__h2_config config = {
        .env = &b->env,
        .mem = &b->mem.interface,
        .pool = &b->pool,
        .options = &b->options,
        .authority = "db.example:443",
        .peer = "10.0.0.1:443",
        .pipe = &b->pipe,
    };
    int result = grebe__h2_new(&config, &b->h2);

    if (result != GREBE_OK)
        return result;
    if (bench_forces_turns)
        grebe__h2_set_turns(b->h2, true);
    b->transport = grebe__h2_transport(b->h2);
    b->transport->listener = &transport_listener;
    b->transport->owner = b;
    return GREBE_OK;
}

void bench_open(struct bench *b)
{
    bench_init(b);
    assert_int_equal(bench_connect(b), GREBE_OK);
    bench_flush(b);
    h2_peer_settings(b->peer, 0);
    bench_deliver(b);
    assert_true(grebe__h2_is_ready(b->h2));
    bench_log(b);
}

void bench_close(struct bench *b)
{
    if (b->h2 != NULL && !b->is_finished)
        bench_lose(b, "end of test", "unknown");
    else if (b->h2 != NULL)
        bench_lose(b, "", "");
    for (size_t i = 0; i < BENCH_CALLS; i++)
        call_cancel(&b->calls[i]);
    assert_null(b->h2);
    for (size_t i = 0; i < BENCH_CALLS; i++) {
        grebe__metadata_fini(&b->calls[i].headers);
        grebe__metadata_fini(&b->calls[i].trailers);
    }
    assert_true(grebe__wheel_next_ns(&b->env.wheel) == UINT64_MAX);
    grebe__env_fini(&b->env);
    grebe__pool_fini(&b->pool);
    h2_peer_free(b->peer);
    free(b->batch->bytes);
    free(b->batch);
    assert_int_equal(b->mem.counted.n_live, 0);
}

/* What goes out by reference must still be there when it is written; produce() must not
 * tell anybody anything before that. */
void bench_flush(struct bench *b)
{
    bool has_more = true;

    while (b->h2 != NULL && !b->is_stuck && (b->wants_write || has_more)) {
        b->wants_write = false;
        grebe__env_enter(&b->env);
        has_more = grebe__h2_produce(b->h2, b->batch);
        b->n_batches += b->batch->n_spans > 0;
        for (size_t i = 0; i < b->batch->n_spans; i++)
            h2_peer_feed(b->peer, b->batch->spans[i].bytes, b->batch->spans[i].length);
        grebe__env_leave(&b->env);
    }
}

int bench_receive(struct bench *b)
{
    size_t length, at = 0;
    const unsigned char *bytes = h2_peer_output(b->peer, &length);
    int result = GREBE_OK;

    while (at < length && b->h2 != NULL && result == GREBE_OK) {
        size_t n =
            b->n_pieces == 0 || length - at < b->n_pieces ? length - at : b->n_pieces;
        unsigned char *copy = malloc(n); /* exactly as long: overruns are seen */

        assert_non_null(copy);
        memcpy(copy, bytes + at, n);
        grebe__env_enter(&b->env);
        result = grebe__h2_receive(b->h2, copy, n);
        free(copy);
        grebe__env_leave(&b->env);
        at += n;
    }
    h2_peer_clear_output(b->peer);
    return result;
}

void bench_deliver(struct bench *b)
{
    bench_receive(b);
    bench_flush(b);
}

void bench_lose(struct bench *b, const char *why, const char *label)
{
    grebe__env_enter(&b->env);
    grebe__h2_lost(b->h2, why, label);
    grebe__env_leave(&b->env);
}

void bench_wait(struct bench *b, uint64_t ns)
{
    b->env.now_ns += ns;
    grebe__env_run_timers(&b->env);
    bench_flush(b);
}

const char *bench_log(struct bench *b)
{
    return h2_peer_log(b->peer);
}

/* ---- Calls ------------------------------------------------------------------------- */

static struct call *of_stream(struct grebe__stream *stream)
{
    return grebe_container_of(stream, struct call, stream);
}

static void hear_headers(struct grebe__stream *stream)
{
    struct call *call = of_stream(stream);

    note(call->diary, "headers");
    if (call->on_headers != NULL)
        call->on_headers(call);
}

static void hear_message(struct grebe__stream *stream, void *bytes, size_t length)
{
    struct call *call = of_stream(stream);

    assert_non_null(bytes);
    if (length <= 32)
        note(call->diary, "message %.*s", (int)length, (const char *)bytes);
    else
        note(call->diary, "message of %zu", length);
    call->n_messages++;
    call->n_bytes += length;
    grebe_mem_free(stream->mem, bytes);
    if (call->on_message != NULL)
        call->on_message(call);
}

static void hear_sent(struct grebe__stream *stream, struct grebe__outgoing *outgoing)
{
    struct call *call = of_stream(stream);

    assert_ptr_equal(outgoing, &call->outgoing[call->n_sent]);
    call->n_sent++;
    if (call->on_sent != NULL)
        call->on_sent(call);
}

static void hear_end(struct grebe__stream *stream, const struct grebe__stream_end *end)
{
    struct call *call = of_stream(stream);
    size_t n = end->status.message_length;
    char name[24];

    assert_null(stream->transport);
    call->n_ends++;
    call->end = *end;
    call->code = end->status.code;
    call->message_length = n;
    call->details_length = end->status.details_length;
    n = n < sizeof call->message - 1 ? n : sizeof call->message - 1;
    memcpy(call->message, end->status.message, n);
    call->message[n] = '\0';
    note(call->diary, "end %s%s%s", grebe_status_code_name(call->code, name),
         n > 0 ? ": " : "", call->message);
    if (call->on_end != NULL)
        call->on_end(call);
}

static const struct grebe__stream_listener stream_listener = {
    .on_headers = hear_headers,
    .on_message = hear_message,
    .on_sent = hear_sent,
    .on_end = hear_end,
};

void call_init(struct bench *b, struct call *call)
{
    memset(call, 0, sizeof *call);
    call->bench = b;
    grebe__metadata_init(&call->headers, &b->mem.interface);
    grebe__metadata_init(&call->trailers, &b->mem.interface);
    call->stream = (struct grebe__stream){
        .listener = &stream_listener,
        .mem = &b->mem.interface,
        .path = "/s.S/Method",
        .headers = &call->headers,
        .trailers = &call->trailers,
        .deadline_ns = UINT64_MAX,
        .max_receive_bytes = 4194304,
    };
}

int call_start(struct call *call)
{
    struct bench *b = call->bench;
    int result;

    grebe__env_enter(&b->env);
    result = b->transport->ops->start(b->transport, &call->stream);
    grebe__env_leave(&b->env);
    return result;
}

void call_send(struct call *call, const void *bytes, size_t length, bool is_last)
{
    struct grebe__outgoing *outgoing = &call->outgoing[call->n_outgoing++];

    if (call->stream.transport == NULL)
        return;
    *outgoing =
        (struct grebe__outgoing){.bytes = bytes, .length = length, .is_last = is_last};
    grebe__env_enter(&call->bench->env);
    call->stream.transport->ops->send(&call->stream, outgoing);
    grebe__env_leave(&call->bench->env);
}

void call_half_close(struct call *call)
{
    grebe__env_enter(&call->bench->env);
    call->stream.transport->ops->half_close(&call->stream);
    grebe__env_leave(&call->bench->env);
}

void call_receive(struct call *call)
{
    if (call->stream.transport == NULL)
        return;
    grebe__env_enter(&call->bench->env);
    call->stream.transport->ops->receive(&call->stream);
    grebe__env_leave(&call->bench->env);
}

void call_cancel(struct call *call)
{
    if (call->stream.transport == NULL)
        return;
    grebe__env_enter(&call->bench->env);
    call->stream.transport->ops->cancel(&call->stream);
    grebe__env_leave(&call->bench->env);
    assert_null(call->stream.transport);
}

void call_open(struct bench *b, struct call *call)
{
    assert_int_equal(call_start(call), GREBE_OK);
    bench_flush(b);
    bench_log(b);
}

void call_unary(struct bench *b, struct call *call, const char *text)
{
    assert_int_equal(call_start(call), GREBE_OK);
    call_receive(call);
    call_receive(call);
    call_send(call, text, strlen(text), true);
    bench_flush(b);
    bench_log(b);
}

void bench_drain(struct bench *b)
{
    grebe__env_enter(&b->env);
    b->transport->ops->drain(b->transport);
    grebe__env_leave(&b->env);
    bench_flush(b);
}

void bench_shut(struct bench *b, int code, const char *message)
{
    struct grebe_status status = grebe_status_of(code, message);

    grebe__env_enter(&b->env);
    b->transport->ops->close(b->transport, &status);
    grebe__env_leave(&b->env);
    bench_flush(b);
}
