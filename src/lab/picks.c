/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: where the picker sends them, and how they end. */
#include "base/hash.h"
#include "lab/internal.h"

/* ---- Maps --------------------------------------------------------------------------- */

static uint64_t hash_id(const void *key)
{
    return grebe__hash64(key, sizeof(uint64_t), 0);
}

static bool is_same_id(const void *a, const void *b)
{
    return *(const uint64_t *)a == *(const uint64_t *)b;
}

static const struct grebe__map_ops by_id = {.hash = hash_id, .equal = is_same_id};

/* ---- Asking ------------------------------------------------------------------------- */

static const struct grebe_status no_reason = {
    .code = GREBE_STATUS_UNAVAILABLE,
    .message = "the balancer did not say why",
    .message_length = sizeof "the balancer did not say why" - 1,
};

void lab__judge(struct lab *lab, struct grebe_pick *pick)
{
    const struct lab_subconn *subconn;

    switch (pick->kind) {
    case GREBE_PICK_QUEUE:
        return;
    case GREBE_PICK_FAIL:
    case GREBE_PICK_DROP:
        if (pick->status != NULL)
            return;
        pick->status = &no_reason;
        lab__violate(lab, LAB_RULE_BAD_PICK, NULL,
                     "the picker failed a call without saying why");
        return;
    case GREBE_PICK_COMPLETE:
        subconn = lab__subconn_of(lab, pick->subconn);
        if (subconn == NULL) {
            lab__violate(lab, LAB_RULE_BAD_PICK, NULL,
                         pick->subconn == NULL
                             ? "the picker completed a pick without a subconn"
                             : "the picker chose a subconn that is not of this lab");
            break;
        }
        if (subconn->base.is_shutting_down)
            lab__violate(lab, LAB_RULE_PICK_OF_SHUT_DOWN_SUBCONN, subconn,
                         "the picker chose a subconn that the policy had shut down");
        return;
    default:
        lab__violate(lab, LAB_RULE_BAD_PICK, NULL,
                     "the picker gave an answer that does not exist");
        break;
    }
    pick->kind = GREBE_PICK_QUEUE;
}

static void ask(struct lab *lab, uint64_t id, const struct lab_call *call,
                struct grebe_pick *out)
{
    const struct grebe_pick_args args = {
        .method = call->method,
        .metadata = call->metadata,
        .now_ns = lab->sim.env.now_ns,
        .deadline_ns = UINT64_MAX,
        .random = grebe__rng_next(&lab->sim.env.rng),
        .hash = call->has_hash ? &call->hash : NULL,
    };

    grebe_pick_init(out);
    if (lab->picker == NULL)
        return;
    if (lab->host.recording != NULL)
        grebe__record_ask(lab->host.recording, lab->picker,
                          &(struct grebe__recorded_call){.number = id}, &args, out);
    else
        grebe_picker_pick(lab->picker, &args, out);
    lab__judge(lab, out);
}

/* ---- Ending ------------------------------------------------------------------------- */

/* These are what a client says by itself when nothing came back. */
static bool is_answer_of_backend(int code)
{
    return code != GREBE_STATUS_UNAVAILABLE && code != GREBE_STATUS_CANCELLED &&
           code != GREBE_STATUS_DEADLINE_EXCEEDED;
}

static void end(struct lab *lab, const struct lab_open_call *call,
                const struct lab_outcome *outcome)
{
    uint64_t now_ns = lab->sim.env.now_ns;
    const struct grebe_done_info info = {
        .status = &outcome->status,
        .server_load = call->pick.wants_load_report ? outcome->load : NULL,
        .now_ns = now_ns,
        .latency_ns = outcome->has_latency ? outcome->latency_ns : now_ns - call->at_ns,
        .bytes_sent = true,
        .bytes_received = is_answer_of_backend(outcome->status.code),
        .headers_ns = outcome->headers_ns,
        .is_streaming = outcome->is_streaming,
    };

    if (lab->host.recording != NULL)
        grebe__record_tell_pick(lab->host.recording, call->id, &call->pick, &info, false);
    else
        grebe_pick_end(&call->pick, &info);
}

static void end_open(struct lab *lab, struct lab_open_call *call,
                     const struct lab_outcome *outcome)
{
    grebe__map_remove(&lab->open_calls, &call->id);
    end(lab, call, outcome);
    grebe_subconn_unref(call->pick.subconn);
    grebe_mem_free(lab->options.mem, call);
}

struct lab_open_call *lab__open_call(struct lab *lab, uint64_t id)
{
    return grebe__map_get(&lab->open_calls, &id);
}

void lab__forget_call(struct lab *lab, struct lab_open_call *call)
{
    grebe__map_remove(&lab->open_calls, &call->id);
    grebe_subconn_unref(call->pick.subconn);
    grebe_mem_free(lab->options.mem, call);
}

int lab__keep_open(struct lab *lab, const struct lab_open_call *call)
{
    static const struct lab_outcome cancelled = {
        .status = {.code = GREBE_STATUS_CANCELLED, .message = ""},
    };
    struct lab_open_call *kept = grebe_mem_alloc(lab->options.mem, sizeof *kept);

    if (kept != NULL) {
        *kept = *call;
        if (grebe__map_put(&lab->open_calls, &kept->id, kept) == GREBE_OK) {
            grebe_subconn_ref(kept->pick.subconn);
            return GREBE_OK;
        }
        grebe_mem_free(lab->options.mem, kept);
    }
    end(lab, call, &cancelled);
    return GREBE_ERR_NOMEM;
}

/* A picker of API 1 does not know that it may want one. */
static bool wants_load_report(const struct lab *lab, const struct grebe_pick *pick)
{
    return lab->picker->api >= 2 && pick->wants_load_report;
}

static int begin(struct lab *lab, uint64_t id, const struct grebe_pick *pick,
                 const struct lab_outcome *outcome)
{
    struct lab_open_call call;

    if (pick->kind != GREBE_PICK_COMPLETE)
        return GREBE_OK;
    call = (struct lab_open_call){.id = id, .pick = *pick, .at_ns = lab->sim.env.now_ns};
    call.pick.wants_load_report = wants_load_report(lab, pick);
    if (outcome == NULL)
        return lab__keep_open(lab, &call);
    end(lab, &call, outcome);
    return GREBE_OK;
}

int lab_done(struct lab *lab, uint64_t id, const struct lab_outcome *outcome)
{
    struct lab_open_call *call = lab__open_call(lab, id);

    if (call == NULL)
        return GREBE_ERR_INVALID;
    end_open(lab, call, outcome);
    lab__settle(lab);
    return GREBE_OK;
}

void lab__calls_init(struct lab *lab)
{
    grebe__map_init(&lab->open_calls, lab->options.mem, &by_id);
}

void lab__calls_fini(struct lab *lab)
{
    const struct lab_outcome cancelled = {
        .status = grebe_status_of(GREBE_STATUS_CANCELLED, "the channel is closed"),
    };
    struct grebe__map_entry *entry;

    while ((entry = grebe__map_next(&lab->open_calls, NULL)) != NULL)
        end_open(lab, entry->value, &cancelled);
    grebe__map_fini(&lab->open_calls);
}

/* ---- One ---------------------------------------------------------------------------- */

static int pick_one(struct lab *lab, const struct lab_call *call,
                    const struct lab_outcome *outcome)
{
    struct grebe_pick pick;
    uint64_t id = lab->n_picks++;

    ask(lab, id, call, &pick);
    lab__emit(lab, (struct lab_event){
                       .kind = LAB_PICK,
                       .pick = {.id = id,
                                .kind = pick.kind,
                                .subconn = lab__subconn_of(lab, pick.subconn),
                                .status = pick.status},
                   });
    return begin(lab, id, &pick, outcome);
}

/* ---- Many --------------------------------------------------------------------------- */

static struct grebe__map_entry *entry_for(struct lab *lab, struct lab_tally *tally,
                                          const char *address)
{
    struct grebe__map_entry *entry = grebe__map_find(&tally->counts, address);
    char *key;

    if (entry != NULL)
        return entry;
    key = grebe_mem_strdup(lab->options.mem, address);
    if (key == NULL)
        return NULL;
    if (grebe__map_put(&tally->counts, key, NULL) != GREBE_OK)
        grebe_mem_free(lab->options.mem, key);
    return grebe__map_find(&tally->counts, address);
}

static int count(struct lab *lab, struct lab_tally *tally, const struct grebe_pick *pick)
{
    struct grebe__map_entry *entry;

    tally->n++;
    tally->n_of_kind[pick->kind]++;
    if (pick->kind != GREBE_PICK_COMPLETE)
        return GREBE_OK;
    entry = entry_for(lab, tally, lab_subconn_name(lab__subconn_of(lab, pick->subconn)));
    if (entry == NULL)
        return GREBE_ERR_NOMEM;
    entry->value = (void *)((uintptr_t)entry->value + 1);
    if (tally->n_sequence < LAB_SEQUENCE_MAX)
        tally->sequence[tally->n_sequence++] = entry->key;
    return GREBE_OK;
}

static void free_counts(struct lab *lab, struct lab_tally *tally)
{
    struct grebe__map_entry *entry = NULL;

    while ((entry = grebe__map_next(&tally->counts, entry)) != NULL)
        grebe_mem_free(lab->options.mem, (void *)(uintptr_t)entry->key);
    grebe__map_fini(&tally->counts);
}

static int pick_many(struct lab *lab, const struct lab_call *call, uint32_t n,
                     const struct lab_outcome *outcome)
{
    struct lab_tally tally = {.first_id = lab->n_picks};
    int result = GREBE_OK;

    grebe__map_init(&tally.counts, lab->options.mem, &grebe__by_text);
    while (result == GREBE_OK && tally.n < n) {
        struct grebe_pick pick;
        uint64_t id = lab->n_picks++;
        int counted;

        ask(lab, id, call, &pick);
        counted = count(lab, &tally, &pick);
        result = begin(lab, id, &pick, outcome);
        if (counted != GREBE_OK)
            result = counted;
    }
    lab__emit(lab, (struct lab_event){.kind = LAB_PICKS, .tally = &tally});
    free_counts(lab, &tally);
    return result;
}

int lab_pick(struct lab *lab, const struct lab_call *call, uint32_t n,
             const struct lab_outcome *outcome)
{
    int result = n == 1 ? pick_one(lab, call, outcome) : pick_many(lab, call, n, outcome);

    lab__settle(lab);
    return result;
}
