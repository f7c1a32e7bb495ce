/* SPDX-License-Identifier: Apache-2.0 */
/* Unary calls: one message out, exactly one message in, then OK.
 *
 * The response is held until the status is there: a message followed by an error is not
 * delivered, and neither is one of two.
 */
#include "core/call.h"

/* A second message is asked for only to see that there is none. */
enum { PERMISSIONS = 2 };

static void on_headers(struct grebe_call *call)
{
    (void)call;
}

static void on_sent(struct grebe_call *call, struct grebe__outgoing *outgoing)
{
    (void)call;
    (void)outgoing;
}

static void on_message(struct grebe_call *call, void *bytes, size_t length)
{
    if (call->unary.response != NULL) {
        grebe_mem_free(call->mem, bytes);
        grebe__call_finish(call, GREBE_STATUS_INTERNAL,
                           "%s: cardinality violation: more than one response message",
                           grebe_call_peer(call));
        return;
    }
    call->unary.response = bytes;
    call->unary.response_length = length;
}

static void on_ending(struct grebe_call *call)
{
    if (call->status.view.code == GREBE_STATUS_OK && call->unary.response == NULL)
        grebe__status_set(&call->status, GREBE_STATUS_INTERNAL,
                          "%s: cardinality violation: no response message",
                          grebe_call_peer(call));
    if (call->status.view.code != GREBE_STATUS_OK) {
        grebe_mem_free(call->mem, call->unary.response);
        call->unary.response = NULL;
    }
}

static void on_status(struct grebe_call *call)
{
    grebe__env_finish(call->channel->host.env, &call->completion);
}

const struct grebe__call_handler grebe__unary_handler = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_sent = on_sent,
    .on_ending = on_ending,
    .on_status = on_status,
};

/* Outside of the core: the application may do anything here, letting go of the call and
 * of the channel included. */
static void run_completion(struct grebe__effect *effect)
{
    struct grebe_call *call = grebe_container_of(effect, struct grebe_call, completion);
    struct grebe_channel *channel = call->channel;
    struct grebe__env *env = channel->host.env;

    call->channel = NULL;
    env->executor->wake(env, &call->is_done);
    if (call->unary.on_done != NULL)
        call->unary.on_done(call->unary.arg, call);
    grebe_call_unref(call);
    grebe__channel_call_delivered(channel);
    grebe__channel_unref(channel);
}

void grebe__unary_init(struct grebe_call *call, const void *request, size_t length,
                       grebe_call_done_fn on_done, void *arg)
{
    grebe__effect_init(&call->completion, run_completion);
    call->unary.on_done = on_done;
    call->unary.arg = arg;
    call->unary.request.outgoing = (struct grebe__outgoing){
        .bytes = request,
        .length = length,
        .is_last = true,
    };
    grebe__call_send(call, &call->unary.request);
    call->n_receives = PERMISSIONS;
}
