/* SPDX-License-Identifier: Apache-2.0 */
/* Where does this call go?  Each picker is asked at most once for each attempt: who got
 * no backend waits for the next picker.
 *
 * Source: grpc-go pickerWrapper; gRFC A54 for what a picker's error may say.
 */
#include <assert.h>
#include <stddef.h>

#include "base/assert.h"
#include "core/call.h"
#include "core/explanation.h"
#include "core/subconn.h"

/* A subconn that is not READY, or none of ours: as if the picker had said QUEUE. */
static void decline(struct grebe_channel *channel, struct grebe_call *call,
                    const struct grebe_pick *pick)
{
    struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    struct grebe_done_info info = {
        .status = &ok, .now_ns = channel->host.env->now_ns, .is_discarded = true};

    if (channel->host.recording != NULL)
        grebe__record_tell_pick(channel->host.recording, call->number, pick, &info, true);
    else
        grebe_pick_end(pick, &info);
    grebe__call_wait_on(call, GREBE__CALL_PICKING, &channel->picking);
}

/* What a picker may do wrong.  Each is told once for each policy. */
enum fault {
    FAULT_NO_SUBCONN = 1,
    FAULT_FOREIGN_SUBCONN = 2,
    FAULT_NO_STATUS = 4,
    FAULT_ANSWER = 8,
};

static void blame(struct grebe_channel *channel, enum fault fault, const char *what)
{
    if (channel->picker_faults & fault)
        return;
    channel->picker_faults |= fault;
    grebe__channel_log(channel, GREBE_LOG_ERROR, "balancer \"%s\": its picker %s",
                       channel->policy == NULL ? "?" : channel->policy->name, what);
}

/* The call waits for the next picker. */
static void refuse(struct grebe_channel *channel, struct grebe_call *call,
                   const struct grebe_pick *pick)
{
    if (pick->subconn == NULL)
        blame(channel, FAULT_NO_SUBCONN, "completed a pick without a subconn");
    else
        blame(channel, FAULT_FOREIGN_SUBCONN,
              "chose a subconn that is not of this channel");
    grebe__call_wait_on(call, GREBE__CALL_PICKING, &channel->picking);
}

/* Where the wish is written there was padding before API 2, and padding may be anything. */
static_assert(offsetof(struct grebe_pick, subconn) == sizeof(void *),
              "a picker of API 1 fills the same struct");

static bool wants_load_report(const struct grebe_channel *channel,
                              const struct grebe_pick *pick)
{
    return channel->picker->api >= 2 && pick->wants_load_report;
}

static void accept(struct grebe_channel *channel, struct grebe_call *call,
                   const struct grebe_pick *pick)
{
    struct grebe__subconn *subconn = grebe__subconn_of(channel, pick->subconn);
    struct grebe__transport *transport;

    if (subconn == NULL) {
        refuse(channel, call, pick);
        return;
    }
    if (subconn->state != GREBE_READY) {
        decline(channel, call, pick);
        return;
    }
    call->pick = (struct grebe__call_pick){
        .subconn = grebe_subconn_ref(pick->subconn),
        .on_done = pick->on_done,
        .on_done_arg = pick->on_done_arg,
        .metadata = pick->metadata == NULL ? NULL : grebe_metadata_ref(pick->metadata),
        .at_ns = channel->host.env->now_ns,
        .n_listeners = pick->n_listeners,
        .wants_load_report = wants_load_report(channel, pick),
    };
    for (uint32_t i = 0; i < pick->n_listeners; i++)
        call->listeners[i] = pick->listeners[i];
    grebe__call_counts_begin(&subconn->counts, call->pick.at_ns);
    call->attempt.labels = subconn->labels;
    transport = grebe__subconn_transport(subconn);
    if (transport != NULL) {
        grebe__call_start_stream(call, transport);
        return;
    }
    grebe__call_set_peer(call, grebe__subconn_oldest(subconn)->address);
    grebe__call_wait_on(call, GREBE__CALL_WAITING, &subconn->waiting);
    grebe__subconn_wants_more(subconn);
}

static const struct grebe_status no_reason = {
    .code = GREBE_STATUS_UNAVAILABLE,
    .message = "the balancer did not say why",
    .message_length = sizeof "the balancer did not say why" - 1,
};

static void ask_recorded(struct grebe_channel *channel, struct grebe_call *call,
                         const struct grebe_pick_args *args, struct grebe_pick *out)
{
    struct grebe__recording *recording = channel->host.recording;
    struct grebe__recorded_call recorded;

    if (call->number == 0)
        call->number = ++recording->n_calls;
    recorded.number = call->number;
    recorded.waits_for_ready = call->wait_for_ready == GREBE_YES;
    grebe__record_ask(recording, channel->picker, &recorded, args, out);
}

static void ask(struct grebe_channel *channel, struct grebe_call *call,
                const struct grebe_pick_args *args, struct grebe_pick *out)
{
    if (args->explanation != NULL)
        grebe__explanation_pick_begins(args->explanation);
    if (channel->host.recording == NULL)
        grebe_picker_pick(channel->picker, args, out);
    else
        ask_recorded(channel, call, args, out);
    if (args->explanation != NULL)
        grebe__explanation_pick_ends(args->explanation, channel, out);
}

void grebe__channel_pick(struct grebe_channel *channel, struct grebe_call *call)
{
    struct grebe__env *env = channel->host.env;
    struct grebe_pick pick;
    struct grebe_pick_args args = {
        .method = call->method,
        .metadata = call->metadata,
        .now_ns = env->now_ns,
        .deadline_ns = call->deadline_ns,
        .random = grebe__rng_next(&env->rng),
        .explanation = call->explanation,
        .caller = channel,
    };

    if (channel->picker == NULL) {
        grebe__call_wait_on(call, GREBE__CALL_PICKING, &channel->picking);
        return;
    }
    call->picker_number = channel->picker_number;
    grebe_pick_init(&pick);
    ask(channel, call, &args, &pick);
    if (pick.status == NULL &&
        (pick.kind == GREBE_PICK_FAIL || pick.kind == GREBE_PICK_DROP)) {
        blame(channel, FAULT_NO_STATUS, "failed a call without saying why");
        pick.status = &no_reason;
    }
    switch (pick.kind) {
    case GREBE_PICK_COMPLETE:
        accept(channel, call, &pick);
        return;
    case GREBE_PICK_DROP:
        grebe__call_fail_unavailable(call, pick.status);
        return;
    case GREBE_PICK_FAIL:
        if (call->wait_for_ready != GREBE_YES) {
            grebe__call_fail_unavailable(call, pick.status);
            return;
        }
        grebe__status_copy(&call->pick_error, pick.status);
        break;
    case GREBE_PICK_QUEUE:
        break;
    default:
        blame(channel, FAULT_ANSWER, "gave an answer that does not exist");
        break;
    }
    grebe__call_wait_on(call, GREBE__CALL_PICKING, &channel->picking);
}

/* Those that wait, and have not asked the picker that there is. */
static void run_repick(struct grebe__effect *effect)
{
    struct grebe_channel *channel =
        grebe_container_of(effect, struct grebe_channel, repick_effect);
    struct grebe__list waiting, *link;

    grebe__list_init(&waiting);
    grebe__list_splice(&waiting, &channel->picking);
    while ((link = grebe__list_shift(&waiting)) != NULL) {
        struct grebe_call *call = grebe__call_of_link(link);

        if (call->picker_number == channel->picker_number)
            grebe__list_append(&channel->picking, link);
        else
            grebe__channel_pick(channel, call);
    }
}

void grebe__channel_init_picking(struct grebe_channel *channel)
{
    grebe__list_init(&channel->picking);
    grebe__effect_init(&channel->repick_effect, run_repick);
}

void grebe__channel_pick_again(struct grebe_channel *channel, struct grebe_call *call)
{
    grebe__call_wait_on(call, GREBE__CALL_PICKING, &channel->picking);
    if (call->picker_number != channel->picker_number)
        grebe__env_do(channel->host.env, &channel->repick_effect);
}

void grebe__channel_set_picker(struct grebe_channel *channel, struct grebe_picker *picker)
{
    struct grebe_picker *before = channel->picker;
    struct grebe__list waiting, *link;

    channel->picker = picker;
    channel->picker_number++;
    grebe_picker_unref(before);
    grebe__list_init(&waiting);
    grebe__list_splice(&waiting, &channel->picking);
    while ((link = grebe__list_shift(&waiting)) != NULL)
        grebe__channel_pick(channel, grebe__call_of_link(link));
}
