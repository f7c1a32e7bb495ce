/* SPDX-License-Identifier: Apache-2.0 */
/* One stream: messages are given out as they are asked for, window is returned as they
 * are taken, and the end comes after both, once. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/metadata.h"
#include "h2/internal.h"

/* Window is returned in pieces of half a window, as nghttp2 does for the connection. */
enum { RETURN_BYTES = 32768 };

static_assert(sizeof(struct grebe__h2_stream) <= GREBE__STREAM_STATE_BYTES,
              "core/transport.h leaves this much room");

void grebe__h2_stream_init(struct grebe__stream *stream)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);

    *state = (struct grebe__h2_stream){.local_end = GREBE__LOCAL_END_NONE};
    grebe__list_init(&state->link);
    grebe__list_init(&state->report);
    state->outgoing_end = &state->outgoing;
    grebe__deframer_init(&state->deframer);
    grebe__response_init(&state->response);
}

/* ---- The end ----------------------------------------------------------------------- */

/* HEADERS that nghttp2 still has borrow text of the stream.  nghttp2 says that such a
 * stream is closed only when it would have been its turn, which may be never if the peer
 * takes no streams any more: it stops to count now. */
static void take_back(struct grebe__h2 *h2, const struct grebe__h2_stream *state)
{
    grebe__h2_reset_stream(h2, state->id, NGHTTP2_CANCEL);
    h2->transport.n_streams--;
    grebe__h2_note_capacity(h2);
}

static void free_final(struct grebe__h2_final *final, const struct grebe_mem *mem)
{
    if (final != NULL)
        grebe__status_fini(&final->status);
    grebe_mem_free(mem, final);
}

void grebe__h2_stream_detach(struct grebe__h2 *h2, struct grebe__stream *stream)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);

    grebe__list_remove(&state->link);
    grebe__list_remove(&state->report);
    grebe__h2_forget_turn(h2, state);
    if (h2->cached == stream)
        h2->cached = NULL;
    if (h2->telling == stream)
        h2->telling = NULL;
    if (h2->receiving == stream) {
        grebe__header_block_fini(&h2->block);
        h2->receiving = NULL;
    }
    if (h2->session != NULL && !state->is_closed) {
        nghttp2_session_set_stream_user_data(h2->session, state->id, NULL);
        if (!state->is_on_wire)
            take_back(h2, state);
    }
    grebe__count_add(state->is_remote_done
                         ? &h2->transport.socket.counts.streams_succeeded
                         : &h2->transport.socket.counts.streams_failed,
                     1);
    grebe__deframer_fini(&state->deframer, stream->mem);
    grebe__response_fini(&state->response, stream->mem);
    free_final(state->final, stream->mem);
    stream->transport = NULL;
}

void grebe__h2_stream_end(struct grebe__h2 *h2, struct grebe__stream *stream,
                          const struct grebe_status *status,
                          enum grebe__progress progress)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);
    const struct grebe_mem *mem = stream->mem;
    struct grebe__h2_final *final = state->final; /* may be what `status` points into */
    struct grebe__stream_end end = {
        .status = *status,
        .progress = progress,
        .has_headers = state->has_headers,
        .has_bytes = state->has_bytes,
    };

    state->final = NULL;
    grebe__h2_stream_detach(h2, stream);
    stream->listener->on_end(stream, &end);
    free_final(final, mem);
}

/* Nobody has asked yet for all the messages that came before the end. */
static bool hold(struct grebe__stream *stream, const struct grebe_status *status,
                 enum grebe__progress progress)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);
    struct grebe__h2_final *final = grebe_mem_alloc(stream->mem, sizeof *final);

    if (final == NULL)
        return false;
    grebe__status_init(&final->status, stream->mem);
    grebe__status_copy(&final->status, status);
    final->progress = progress;
    state->final = final;
    return true;
}

void grebe__h2_stream_conclude(struct grebe__h2 *h2, struct grebe__stream *stream,
                               const struct grebe_status *status,
                               enum grebe__progress progress)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);
    char text[512];
    struct grebe_status other;

    if (grebe__deframer_has_next(&state->deframer, stream->max_receive_bytes)) {
        if (state->final != NULL || hold(stream, status, progress))
            return;
        other = grebe_status_of(GREBE_STATUS_RESOURCE_EXHAUSTED,
                                "out of memory while messages were unread");
        status = &other;
    } else if (status->code == GREBE_STATUS_OK &&
               grebe__deframer_n_bytes(&state->deframer) > 0) {
        snprintf(text, sizeof text,
                 "%s: unexpected EOF: the last message is not complete",
                 h2->transport.peer);
        other = grebe_status_of(GREBE_STATUS_INTERNAL, text);
        status = &other;
    }
    grebe__h2_stream_end(h2, stream, status, progress);
}

void grebe__h2_stream_fail(struct grebe__h2 *h2, struct grebe__stream *stream,
                           enum grebe__progress progress, int code, const char *format,
                           ...)
{
    char text[512];
    struct grebe_status status;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    status = grebe_status_of(code, text);
    grebe__h2_stream_conclude(h2, stream, &status, progress);
}

/* ---- Messages ---------------------------------------------------------------------- */

/* What is wrong with the bytes, said to the peer (CANCEL) and to the listener.  A status
 * of the server that is not OK goes before it. */
static void refuse(struct grebe__h2 *h2, struct grebe__stream *stream,
                   enum grebe__deframer_result fault, uint32_t length)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);
    int code = GREBE_STATUS_INTERNAL;
    char buf[512];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);
    struct grebe_status status;

    grebe__text_printf(&text, "%s: ", h2->transport.peer);
    if (fault == GREBE__DEFRAMER_TOO_LARGE) {
        code = GREBE_STATUS_RESOURCE_EXHAUSTED;
        grebe__text_printf(&text, "received message larger than max (%u vs. %u)",
                           (unsigned)length, (unsigned)stream->max_receive_bytes);
    } else if (fault == GREBE__DEFRAMER_NO_MEMORY) {
        code = GREBE_STATUS_RESOURCE_EXHAUSTED;
        grebe__text_printf(&text, "out of memory for a received message");
    } else if (fault == GREBE__DEFRAMER_BAD_FLAG) {
        grebe__text_printf(&text, "received message with flag byte %d",
                           state->deframer.prefix[0]);
    } else if (state->response.encoding[0] == '\0' ||
               grebe__ascii_casecmp(state->response.encoding, "identity") == 0) {
        grebe__text_printf(&text, "compressed flag set with identity or empty encoding");
    } else {
        grebe__text_printf(&text, "decompressor not installed for grpc-encoding \"");
        grebe__text_append_escaped(&text, state->response.encoding,
                                   strlen(state->response.encoding));
        grebe__text_printf(&text, "\"");
    }
    if (!state->is_closed)
        grebe__h2_reset_stream(h2, state->id, NGHTTP2_CANCEL);
    status = grebe_status_of(code, buf);
    if (state->final != NULL && state->final->status.view.code != GREBE_STATUS_OK)
        status = state->final->status.view;
    grebe__h2_stream_end(h2, stream, &status, GREBE__PROCESSED);
}

void grebe__h2_stream_take(struct grebe__h2_stream *state, uint64_t n)
{
    state->n_taken =
        n < UINT32_MAX - state->n_taken ? state->n_taken + (uint32_t)n : UINT32_MAX;
}

/* Gives out as many messages as are asked for and there.  False if the stream is gone. */
static bool give_out(struct grebe__h2 *h2, struct grebe__stream *stream,
                     struct grebe__chunk *chunk)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);

    h2->telling = stream;
    while (state->n_permits > 0 && grebe__deframer_is_fed(&state->deframer, chunk)) {
        struct grebe__message message;
        enum grebe__deframer_result result = grebe__deframer_next(
            &state->deframer, stream->mem, stream->max_receive_bytes, chunk, &message);

        if (result == GREBE__DEFRAMER_WAITS)
            break;
        if (result != GREBE__DEFRAMER_MESSAGE) {
            refuse(h2, stream, result, message.length);
            return false;
        }
        state->n_permits--;
        grebe__count_add(&h2->transport.socket.counts.messages_received, 1);
        grebe__count_set(&h2->transport.socket.counts.last_received_ns, h2->env->now_ns);
        grebe__h2_stream_take(state, GREBE__PREFIX_BYTES + (uint64_t)message.length);
        stream->listener->on_message(stream, message.bytes, message.length);
        if (h2->telling != stream)
            return false;
    }
    return true;
}

void grebe__h2_stream_data(struct grebe__h2 *h2, struct grebe__stream *stream,
                           struct grebe__chunk chunk)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);

    if (!give_out(h2, stream, &chunk))
        return;
    if (!grebe__deframer_keep(&state->deframer, stream->mem, chunk)) {
        refuse(h2, stream, GREBE__DEFRAMER_NO_MEMORY, 0);
        return;
    }
    grebe__h2_stream_return_window(h2, stream);
}

/* The peer may send as much as a fresh window less what nobody has taken, or else what is
 * missing of the message that is being asked for: a message larger than the window must
 * not wait for ever.  nghttp2 knows what the peer may still send (it returns padding by
 * itself), and we ask it only when an estimate that cannot be too high says so. */
void grebe__h2_stream_return_window(struct grebe__h2 *h2, struct grebe__stream *stream)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);
    uint64_t unread = grebe__deframer_n_bytes(&state->deframer);
    uint64_t missing = grebe__deframer_n_missing(&state->deframer);
    int64_t wanted, left;

    if (h2->session == NULL || state->is_remote_done || state->is_closed)
        return;
    if (state->n_taken < RETURN_BYTES &&
        missing + unread + state->n_taken <= GREBE__STREAM_WINDOW)
        return;
    state->n_taken = 0;
    wanted = unread < GREBE__STREAM_WINDOW ? (int64_t)(GREBE__STREAM_WINDOW - unread) : 0;
    if (wanted < (int64_t)missing)
        wanted = missing < INT32_MAX ? (int64_t)missing : INT32_MAX;
    left = nghttp2_session_get_stream_local_window_size(h2->session, state->id);
    if (left < 0 || left >= wanted)
        return;
    if (nghttp2_submit_window_update(h2->session, NGHTTP2_FLAG_NONE, state->id,
                                     (int32_t)(wanted - left)) != 0)
        grebe__h2_finish(h2, "unknown", "out of memory");
    grebe__h2_wants_write(h2);
}

/* ---- Reports ----------------------------------------------------------------------- */

void grebe__h2_stream_report_later(struct grebe__h2 *h2, struct grebe__stream *stream)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);

    if (grebe__list_is_linked(&state->report))
        return;
    grebe__list_append(&h2->reports, &state->report);
    grebe__h2_report_later(h2);
}

void grebe__h2_stream_end_later(struct grebe__h2 *h2, struct grebe__stream *stream,
                                enum grebe__h2_local_end local_end)
{
    grebe__h2_state(stream)->local_end = (uint8_t)local_end;
    grebe__h2_stream_report_later(h2, stream);
}

static bool report_sent(struct grebe__h2 *h2, struct grebe__stream *stream)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);

    h2->telling = stream;
    while (state->outgoing != state->next) {
        struct grebe__outgoing *outgoing = state->outgoing;

        state->outgoing = outgoing->next;
        if (state->outgoing == NULL)
            state->outgoing_end = &state->outgoing;
        stream->listener->on_sent(stream, outgoing);
        if (h2->telling != stream)
            return false;
    }
    return true;
}

static void report_local_end(struct grebe__h2 *h2, struct grebe__stream *stream)
{
    const struct grebe__h2_stream *state = grebe__h2_state(stream);
    const char *peer = h2->transport.peer;

    switch ((enum grebe__h2_local_end)state->local_end) {
    case GREBE__LOCAL_END_EXPIRED:
        grebe__h2_stream_fail(h2, stream, GREBE__PROCESSED,
                              GREBE_STATUS_DEADLINE_EXCEEDED,
                              "context deadline exceeded before %s was asked", peer);
        return;
    case GREBE__LOCAL_END_NEVER_SENT:
        grebe__h2_stream_fail(h2, stream, GREBE__NEVER_SENT, GREBE_STATUS_UNAVAILABLE,
                              "connection to %s takes no more streams", peer);
        return;
    case GREBE__LOCAL_END_REJECTED:
        grebe__h2_stream_fail(h2, stream, GREBE__PROCESSED, GREBE_STATUS_INTERNAL,
                              "the request's headers do not fit into HTTP/2 frames");
        return;
    case GREBE__LOCAL_END_UNPROCESSED:
        grebe__h2_stream_fail(h2, stream, GREBE__UNPROCESSED, GREBE_STATUS_UNAVAILABLE,
                              "%s did not process the stream: GOAWAY %s", peer,
                              grebe__h2_error_name(h2->goaway_code));
        return;
    case GREBE__LOCAL_END_RESET:
        grebe__h2_stream_fail(h2, stream, GREBE__PROCESSED, GREBE_STATUS_INTERNAL,
                              "invalid response from %s: HTTP/2 error %s", peer,
                              grebe__h2_error_name(state->reset_code));
        return;
    case GREBE__LOCAL_END_NONE:
        return;
    }
}

void grebe__h2_stream_report(struct grebe__h2 *h2, struct grebe__stream *stream)
{
    struct grebe__h2_stream *state = grebe__h2_state(stream);
    struct grebe__chunk nothing = {NULL, 0};

    if (!report_sent(h2, stream) || !give_out(h2, stream, &nothing))
        return;
    if (state->final != NULL)
        grebe__h2_stream_conclude(h2, stream, &state->final->status.view,
                                  state->final->progress);
    else if (state->local_end != GREBE__LOCAL_END_NONE)
        report_local_end(h2, stream);
    else
        grebe__h2_stream_return_window(h2, stream);
}
