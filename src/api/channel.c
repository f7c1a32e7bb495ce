/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/channel.h: the core's channel, reached from any thread. */
#include <grebe/channel.h>

#include "base/diag.h"
#include "base/options.h"
#include "core/channel.h"
#include "core/credentials.h"
#include "core/options.h"
#include "io/loop.h"
#include "io/record_file.h"

static struct grebe_loop *loop_of(const struct grebe_channel *channel)
{
    return grebe__loop_of_env(channel->host.env);
}

/* ---- Life ---------------------------------------------------------------------------- */

static int open_recording(const struct grebe_channel_options *options,
                          struct grebe_diag *diag, struct grebe__record_file **out)
{
    if (options->record_path == NULL)
        return GREBE_OK;
    return grebe__record_file_open(options->mem, options->record_path,
                                   options->record_buffer_bytes, diag, out);
}

static int make(struct grebe__channel_params *params, struct grebe_diag *diag,
                struct grebe_channel **out)
{
    struct grebe__record_file *file = NULL;
    int result = open_recording(params->options, diag, &file);

    if (result != GREBE_OK)
        return result;
    if (file != NULL) {
        params->record_sink = grebe__record_file_sink(file);
        params->started = (int64_t)params->now_ns + grebe__epoch_ns();
    }
    result = grebe__channel_new(params, diag, out);
    if (result != GREBE_OK && file != NULL) {
        grebe__record_file_finish(file);
        grebe__record_file_close(file);
    }
    return result;
}

static int make_on_loop(const char *target, const struct grebe_channel_options *given,
                        struct grebe_diag *diag, struct grebe_channel **out)
{
    struct grebe_channel_options options = grebe__channel_options_complete(given);
    struct grebe_loop *loop = options.loop;
    struct grebe__channel_params params = {
        .target = target,
        .options = &options,
        .credentials_name =
            options.credentials == NULL ? NULL : options.credentials->server_name,
    };
    int result = GREBE_OK;

    if (given != NULL && !grebe__options_are_filled(given)) {
        grebe_diag_set(diag, "options.struct_size is 0: fill the options with "
                             "grebe_channel_options_init() before you set any");
        return GREBE_ERR_INVALID;
    }
    if (loop == NULL)
        result = grebe_loop_new(options.mem, &loop);
    else if (grebe__loop_is_forked(loop))
        result = GREBE_ERR_FORKED;
    else
        grebe_loop_ref(loop);
    if (result != GREBE_OK)
        return result;
    params.env = grebe__loop_env(loop);
    params.now_ns = grebe__loop_now_ns(loop);
    result = make(&params, diag, out);
    if (result != GREBE_OK)
        grebe_loop_unref(loop);
    return result;
}

int grebe_channel_new(const char *target, const struct grebe_channel_options *options,
                      struct grebe_diag *diag, struct grebe_channel **out)
{
    struct grebe_diag why = {""};

    return grebe__diag_give(diag, &why, make_on_loop(target, options, &why, out));
}

/* Who waits for the end of a channel. */
struct closing {
    struct grebe_channel *channel;
    bool is_closed;
};

static void on_closed_waited_for(struct grebe_channel *channel, void *arg)
{
    struct closing *closing = arg;

    grebe__loop_wake(loop_of(channel), &closing->is_closed);
}

/* Its last line is written. */
static struct grebe__record_file *recording_of(const struct grebe_channel *channel)
{
    const struct grebe__recording *recording = channel->host.recording;

    return recording == NULL ? NULL : grebe__record_file_of(recording->sink);
}

/* The last lines of a recording are written when the channel is closed, and logs no more. */
static void finish_recording(struct grebe_channel *channel, grebe_log_fn on_log,
                             void *log_arg)
{
    char text[512];
    struct grebe__text message = grebe__text_init(text, sizeof text);

    if (recording_of(channel) == NULL)
        return;
    grebe__record_file_finish(recording_of(channel));
    if (on_log != NULL && grebe__recording_untold(channel->host.recording, &message))
        on_log(log_arg, GREBE_LOG_WARNING, text);
}

static void on_closed_alone(struct grebe_channel *channel, void *arg)
{
    struct grebe__record_file *file = recording_of(channel);
    struct grebe_loop *loop = loop_of(channel);

    (void)arg;
    grebe__channel_unref(channel);
    grebe__record_file_close(file);
    grebe_loop_unref(loop);
}

static void close_and_tell(void *arg)
{
    struct closing *closing = arg;

    grebe__channel_close(closing->channel, on_closed_waited_for, closing);
}

/* In the child of a fork() nothing of the channel can be touched: its sockets belong to
 * the parent.  Its memory is left alone. */
void grebe_channel_destroy(struct grebe_channel *channel)
{
    struct closing closing = {.channel = channel};
    struct grebe__record_file *file;
    struct grebe_loop *loop;
    grebe_log_fn on_log;

    if (channel == NULL || grebe__loop_is_forked(loop_of(channel)))
        return;
    loop = loop_of(channel);
    if (grebe__loop_is_current(loop)) {
        grebe__channel_submit_close(channel, on_closed_alone, NULL);
        return;
    }
    on_log = channel->host.on_log;
    grebe__loop_call(loop, close_and_tell, &closing);
    grebe__loop_wait(loop, &closing.is_closed, -1);
    finish_recording(channel, on_log, channel->host.log_arg);
    file = recording_of(channel);
    grebe__channel_unref(channel);
    grebe__record_file_close(file);
    grebe_loop_unref(loop);
}

/* ---- Requests that do not wait --------------------------------------------------------- */

static int request(struct grebe_channel *channel, enum grebe__channel_request request)
{
    if (grebe__loop_is_forked(loop_of(channel)))
        return GREBE_ERR_FORKED;
    grebe__channel_submit(channel, request);
    return GREBE_OK;
}

int grebe_channel_connect(struct grebe_channel *channel)
{
    return request(channel, GREBE__REQUEST_CONNECT);
}

int grebe_channel_enter_idle(struct grebe_channel *channel)
{
    return request(channel, GREBE__REQUEST_ENTER_IDLE);
}

int grebe_channel_reset_backoff(struct grebe_channel *channel)
{
    return request(channel, GREBE__REQUEST_RESET_BACKOFF);
}

/* ---- State ------------------------------------------------------------------------------ */

enum grebe_connectivity grebe_channel_state(const struct grebe_channel *channel)
{
    return grebe__channel_get_state(channel);
}

struct state_wait {
    struct grebe__state_waiter waiter;
    struct grebe_channel *channel;
    enum grebe_connectivity source;
    bool has_changed;
};

static void on_change(struct grebe__state_waiter *waiter)
{
    struct state_wait *wait = grebe_container_of(waiter, struct state_wait, waiter);

    grebe__loop_wake(loop_of(wait->channel), &wait->has_changed);
}

static void start_waiting(void *arg)
{
    struct state_wait *wait = arg;

    if (grebe__channel_get_state(wait->channel) == wait->source)
        grebe__list_append(&wait->channel->state_waiters, &wait->waiter.link);
    else
        on_change(&wait->waiter);
}

static void stop_waiting(void *arg)
{
    struct state_wait *wait = arg;

    grebe__list_remove(&wait->waiter.link);
}

int grebe_channel_wait_for_state_change(struct grebe_channel *channel,
                                        enum grebe_connectivity source,
                                        int64_t timeout_ns)
{
    struct state_wait wait = {
        .waiter.on_change = on_change,
        .channel = channel,
        .source = source,
    };
    struct grebe_loop *loop = loop_of(channel);
    int result;

    if (grebe__channel_get_state(channel) != source)
        return GREBE_OK;
    if (grebe__loop_is_current(loop))
        return GREBE_ERR_DEADLOCK;
    grebe__list_init(&wait.waiter.link);
    result = grebe__loop_call(loop, start_waiting, &wait);
    if (result != GREBE_OK)
        return result;
    result = grebe__loop_wait(loop, &wait.has_changed, timeout_ns);
    if (result != GREBE_OK)
        grebe__loop_call(loop, stop_waiting, &wait);
    return result;
}

struct watch {
    struct grebe_channel *channel;
    grebe_channel_state_fn on_state;
    void *arg;
    int result;
};

static void begin_watch(void *arg)
{
    struct watch *watch = arg;

    watch->result =
        grebe__channel_watch_state(watch->channel, watch->on_state, watch->arg);
}

static void end_watch(void *arg)
{
    const struct watch *watch = arg;

    grebe__channel_unwatch_state(watch->channel, watch->on_state, watch->arg);
}

int grebe_channel_watch_state(struct grebe_channel *channel,
                              grebe_channel_state_fn on_state, void *arg)
{
    struct watch watch = {.channel = channel, .on_state = on_state, .arg = arg};
    int result = grebe__loop_call(loop_of(channel), begin_watch, &watch);

    return result == GREBE_OK ? watch.result : result;
}

int grebe_channel_unwatch_state(struct grebe_channel *channel,
                                grebe_channel_state_fn on_state, void *arg)
{
    struct watch watch = {.channel = channel, .on_state = on_state, .arg = arg};

    return grebe__loop_call(loop_of(channel), end_watch, &watch);
}

/* ---- Questions ---------------------------------------------------------------------------- */

struct grebe_loop *grebe_channel_loop(const struct grebe_channel *channel)
{
    return loop_of(channel);
}

const char *grebe_channel_target(const struct grebe_channel *channel)
{
    return channel->target_text;
}
