/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/call.h: calls, started, cancelled and waited for from any thread. */
#include <grebe/call.h>

#include "base/assert.h"
#include "base/options.h"
#include "core/call.h"
#include "core/options.h"
#include "io/loop.h"

static int new_unary(struct grebe_channel *channel, const char *method,
                     const void *request, size_t request_length,
                     const struct grebe_call_options *given, grebe_call_done_fn on_done,
                     void *arg, struct grebe_call **out)
{
    struct grebe_loop *loop = grebe__loop_of_env(channel->host.env);
    struct grebe_call_options options = grebe__call_options_complete(given);
    int result;

    if (given != NULL && !grebe__options_are_filled(given))
        return GREBE_ERR_INVALID;
    if (grebe__loop_is_forked(loop))
        return GREBE_ERR_FORKED;
    result = grebe__call_new(channel, method, &options, grebe__loop_now_ns(loop),
                             &grebe__unary_handler, out);
    if (result != GREBE_OK)
        return result;
    grebe__unary_init(*out, request, request_length, on_done, arg);
    return GREBE_OK;
}

int grebe_call_start_unary(struct grebe_channel *channel, const char *method,
                           const void *request, size_t request_length,
                           const struct grebe_call_options *options,
                           grebe_call_done_fn on_done, void *arg, struct grebe_call **out)
{
    struct grebe_call *call;
    int result =
        new_unary(channel, method, request, request_length, options, on_done, arg, &call);

    if (result != GREBE_OK)
        return result;
    /* Before the start: on_done may run, on another thread, before we return. */
    if (out != NULL)
        *out = grebe_call_ref(call);
    grebe__call_submit_start(call);
    grebe_call_unref(call);
    return GREBE_OK;
}

int grebe_call_unary(struct grebe_channel *channel, const char *method,
                     const void *request, size_t request_length,
                     const struct grebe_call_options *options, struct grebe_call **out)
{
    struct grebe_loop *loop = grebe__loop_of_env(channel->host.env);
    struct grebe_call *call;
    int result;

    if (grebe__loop_is_current(loop))
        return GREBE_ERR_DEADLOCK;
    result =
        new_unary(channel, method, request, request_length, options, NULL, NULL, &call);
    if (result != GREBE_OK)
        return result;
    grebe__call_submit_start(call);
    result = grebe__loop_wait(loop, &call->is_done, -1);
    GREBE_ASSERT(result == GREBE_OK);
    *out = call;
    return GREBE_OK;
}

void grebe_call_cancel(struct grebe_call *call)
{
    grebe__call_submit_cancel(call);
}

int grebe_call_wait(struct grebe_call *call, int64_t timeout_ns)
{
    struct grebe_loop *loop;
    int result;

    if (grebe_call_is_done(call))
        return GREBE_OK;
    loop = grebe_loop_ref(grebe__loop_of_env(call->env));
    result = grebe__loop_wait(loop, &call->is_done, timeout_ns);
    grebe_loop_unref(loop);
    return result;
}
