/* SPDX-License-Identifier: Apache-2.0 */
#include "core/explanation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/options.h"
#include "base/text.h"
#include "core/call.h"
#include "core/subconn.h"

enum {
    MAX_PICKS = 16,
    MAX_ATTEMPTS = 8,
    MAX_POLICIES = 16,
    MAX_CANDIDATES = 64,
    NOTES_BYTES = 1024,
    STATUS_BYTES = 128,
    N_STATES = GREBE__CALL_DONE + 1,
};

struct pick {
    struct grebe_explained_pick view;
    struct grebe_address *address; /* a reference, or NULL */
    char status[STATUS_BYTES];
};

struct attempt {
    struct grebe_explained_attempt view;
    struct grebe_address *address; /* a reference */
};

struct candidate {
    struct grebe_explained_candidate view;
    struct grebe_address *address;       /* a reference */
    const struct grebe_subconn *subconn; /* to compare with, while the pick lasts */
};

/* A policy that speaks. */
struct open {
    size_t policy;
    bool is_another; /* there was no room: it is its parent, or who came last */
    size_t n_candidates, n_candidates_omitted, n_notes; /* when it began */
};

struct grebe_explanation {
    const struct grebe_mem *mem;
    uint64_t started_ns;

    unsigned state;
    uint64_t since_ns;
    uint64_t spent_ns[N_STATES];

    /* Rings: entry i is at i modulo their size, and the last ones are kept. */
    struct pick picks[MAX_PICKS];
    struct attempt attempts[MAX_ATTEMPTS];
    size_t n_picks, n_attempts; /* so far */

    /* Of the last pick. */
    struct grebe_explained_policy policies[MAX_POLICIES];
    size_t n_policies;
    struct open open[MAX_POLICIES]; /* those between begin and end, outermost first */
    unsigned depth; /* how many begins lack their end, those without room too */
    struct candidate candidates[MAX_CANDIDATES];
    size_t n_candidates, n_candidates_omitted;
    char notes[NOTES_BYTES];
    size_t n_notes; /* bytes of it in use */
};

/* ---- Life -------------------------------------------------------------------------------- */

struct grebe_explanation *grebe__explanation_new(const struct grebe_mem *mem,
                                                 uint64_t now_ns)
{
    struct grebe_explanation *explanation = grebe_mem_alloc(mem, sizeof *explanation);

    if (explanation == NULL)
        return NULL;
    /* Entries are written before they are counted: only the counts need to be zero. */
    explanation->mem = mem;
    explanation->started_ns = explanation->since_ns = now_ns;
    explanation->state = GREBE__CALL_CREATED;
    memset(explanation->spent_ns, 0, sizeof explanation->spent_ns);
    explanation->n_picks = explanation->n_attempts = 0;
    explanation->n_policies = explanation->depth = 0;
    explanation->n_candidates = explanation->n_candidates_omitted = 0;
    explanation->n_notes = 0;
    return explanation;
}

static size_t kept(size_t n, size_t size)
{
    return n < size ? n : size;
}

static void forget_last_pick(struct grebe_explanation *explanation)
{
    for (size_t i = 0; i < explanation->n_candidates; i++)
        grebe_address_unref(explanation->candidates[i].address);
    explanation->n_candidates = explanation->n_candidates_omitted = 0;
    explanation->n_policies = explanation->depth = 0;
    explanation->n_notes = 0;
}

void grebe__explanation_free(struct grebe_explanation *explanation)
{
    if (explanation == NULL)
        return;
    forget_last_pick(explanation);
    for (size_t i = 0; i < kept(explanation->n_picks, MAX_PICKS); i++)
        grebe_address_unref(explanation->picks[i].address);
    for (size_t i = 0; i < kept(explanation->n_attempts, MAX_ATTEMPTS); i++)
        grebe_address_unref(explanation->attempts[i].address);
    grebe_mem_free(explanation->mem, explanation);
}

void grebe__explanation_enter(struct grebe_explanation *explanation, unsigned state,
                              uint64_t now_ns)
{
    GREBE_ASSERT(state < N_STATES);
    explanation->spent_ns[explanation->state] += now_ns - explanation->since_ns;
    explanation->state = state;
    explanation->since_ns = now_ns;
}

/* ---- What pickers say -------------------------------------------------------------------- */

/* Who speaks: the innermost policy that has begun and not ended, else the root. */
static size_t speaker(const struct grebe_explanation *explanation)
{
    unsigned depth = explanation->depth;

    if (depth > MAX_POLICIES)
        depth = MAX_POLICIES;
    return depth == 0 ? 0 : explanation->open[depth - 1].policy;
}

void grebe_explain_begin(struct grebe_explanation *explanation, const char *policy,
                         const char *rule)
{
    bool has_room = explanation->n_policies < MAX_POLICIES;
    struct open open = {
        .policy = has_room ? explanation->n_policies : speaker(explanation),
        .is_another = !has_room,
        .n_candidates = explanation->n_candidates,
        .n_candidates_omitted = explanation->n_candidates_omitted,
        .n_notes = explanation->n_notes,
    };
    unsigned depth = explanation->depth++;

    if (depth < MAX_POLICIES)
        explanation->open[depth] = open;
    if (!has_room)
        return; /* its parent is taken to say all it says */
    explanation->policies[explanation->n_policies++] = (struct grebe_explained_policy){
        .policy = policy,
        .rule = rule,
        .notes = "",
        .depth = depth,
    };
}

void grebe_explain_end(struct grebe_explanation *explanation)
{
    if (explanation->depth > 0)
        explanation->depth--;
}

void grebe_explain_take_back(struct grebe_explanation *explanation)
{
    const struct open *open;

    if (explanation->depth == 0 || explanation->depth > MAX_POLICIES)
        return;
    open = &explanation->open[explanation->depth - 1];
    if (open->is_another)
        return;
    while (explanation->n_candidates > open->n_candidates)
        grebe_address_unref(explanation->candidates[--explanation->n_candidates].address);
    explanation->n_candidates_omitted = open->n_candidates_omitted;
    explanation->n_policies = open->policy + 1;
    explanation->policies[open->policy].notes = "";
    explanation->n_notes = open->n_notes;
}

void grebe_explain_candidate(struct grebe_explanation *explanation,
                             const struct grebe_candidate *given)
{
    struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;
    struct candidate *entry;

    if (explanation->n_candidates == MAX_CANDIDATES) {
        explanation->n_candidates_omitted++;
        return;
    }
    grebe__options_read(&candidate, sizeof candidate, given);
    entry = &explanation->candidates[explanation->n_candidates++];
    *entry = (struct candidate){
        .address = grebe_address_ref(candidate.subconn->address),
        .subconn = candidate.subconn,
        .view =
            {
                .address = grebe_address_text(candidate.subconn->address),
                .state = candidate.subconn->delivered,
                .policy = speaker(explanation),
                .is_offered = true,
                .is_chosen = candidate.is_chosen,
                .reason = candidate.reason == NULL ? "" : candidate.reason,
                .score_name = candidate.score_name,
                .score = candidate.score,
                .in_flight = candidate.in_flight,
            },
    };
}

/* Each policy has one piece of the notes.  Who speaks again after somebody else begins a
 * new piece, with what it said before in front. */
void grebe_explain_note(struct grebe_explanation *explanation, const char *format, ...)
{
    struct grebe_explained_policy *policy;
    struct grebe__text text = grebe__text_init(explanation->notes + explanation->n_notes,
                                               NOTES_BYTES - explanation->n_notes);
    char note[256];
    va_list args;

    if (explanation->n_policies == 0 || text.size == 0)
        return;
    policy = &explanation->policies[speaker(explanation)];
    va_start(args, format);
    vsnprintf(note, sizeof note, format, args);
    va_end(args);
    if (policy->notes[0] != '\0')
        grebe__text_printf(&text, "%s; ", policy->notes);
    grebe__text_printf(&text, "%s", note);
    policy->notes = text.buf;
    explanation->n_notes += (text.length < text.size ? text.length : text.size - 1) + 1;
}

/* ---- What the channel knows --------------------------------------------------------------- */

static bool is_mentioned(const struct grebe_explanation *explanation,
                         const struct grebe_subconn *subconn)
{
    for (size_t i = 0; i < explanation->n_candidates; i++)
        if (explanation->candidates[i].subconn == subconn)
            return true;
    return false;
}

static const char *why_not_offered(const struct grebe_subconn *subconn)
{
    const char *ejection = grebe__subconn_ejection(subconn);

    if (ejection != NULL)
        return ejection;
    switch (subconn->delivered) {
    case GREBE_IDLE:
        return "not offered: it has no connection";
    case GREBE_CONNECTING:
        return "not offered: it is being connected";
    case GREBE_TRANSIENT_FAILURE:
        return "not offered: it cannot be reached";
    case GREBE_READY:
        return "not offered: the policy left it out";
    default:
        return "not offered: it is shut down";
    }
}

/* The root policy said nothing of itself: it is named all the same. */
static void speak_for_root(struct grebe_explanation *explanation,
                           const struct grebe_channel *channel, bool is_complete)
{
    grebe_explain_begin(explanation,
                        channel->policy == NULL ? "?" : channel->policy->name,
                        explanation->n_candidates > 0 ? "one backend for all calls"
                        : is_complete                 ? "does not say how it chooses"
                                                      : "has no backend to offer");
    grebe_explain_end(explanation);
}

/* If nobody named what was chosen, it was somebody below the last who spoke. */
static void name_chosen(struct grebe_explanation *explanation,
                        struct grebe_subconn *subconn)
{
    struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

    for (size_t i = 0; i < explanation->n_candidates; i++)
        if (explanation->candidates[i].view.is_chosen ||
            explanation->candidates[i].subconn == subconn) {
            explanation->candidates[i].view.is_chosen = true;
            return;
        }
    if (explanation->n_candidates == MAX_CANDIDATES)
        return;
    candidate.subconn = subconn;
    candidate.is_chosen = true;
    candidate.reason = "chosen";
    grebe_explain_candidate(explanation, &candidate);
    explanation->candidates[explanation->n_candidates - 1].view.policy =
        explanation->n_policies - 1;
}

static void add_others(struct grebe_explanation *explanation,
                       const struct grebe_channel *channel)
{
    grebe__list_foreach (link, &channel->subconns) {
        struct grebe__subconn *subconn =
            grebe_container_of(link, struct grebe__subconn, link);
        struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

        if (is_mentioned(explanation, &subconn->base))
            continue;
        candidate.subconn = &subconn->base;
        candidate.reason = why_not_offered(&subconn->base);
        grebe_explain_candidate(explanation, &candidate);
        if (explanation->n_candidates_omitted == 0)
            explanation->candidates[explanation->n_candidates - 1].view.is_offered =
                false;
    }
}

void grebe__explanation_pick_begins(struct grebe_explanation *explanation)
{
    forget_last_pick(explanation);
}

void grebe__explanation_pick_ends(struct grebe_explanation *explanation,
                                  const struct grebe_channel *channel,
                                  const struct grebe_pick *pick)
{
    bool is_complete = pick->kind == GREBE_PICK_COMPLETE && pick->subconn != NULL;
    struct grebe__text text;
    struct pick *entry;

    explanation->depth = 0; /* whoever began and did not end: the pick is over */
    if (explanation->n_policies == 0)
        speak_for_root(explanation, channel, is_complete);
    if (is_complete)
        name_chosen(explanation, pick->subconn);
    add_others(explanation, channel);
    entry = &explanation->picks[explanation->n_picks % MAX_PICKS];
    if (explanation->n_picks++ >= MAX_PICKS)
        grebe_address_unref(entry->address);
    entry->view = (struct grebe_explained_pick){
        .at_ns = channel->host.env->now_ns - explanation->started_ns,
        .kind = pick->kind,
        .address = "",
        .status = entry->status,
    };
    entry->address = NULL;
    if (is_complete) {
        entry->address = grebe_address_ref(pick->subconn->address);
        entry->view.address = grebe_address_text(entry->address);
    }
    text = grebe__text_init(entry->status, sizeof entry->status);
    if (pick->kind != GREBE_PICK_COMPLETE && pick->status != NULL)
        grebe__text_append(&text, pick->status->message, pick->status->message_length);
}

/* ---- Attempts ------------------------------------------------------------------------------ */

void grebe__explanation_attempt_begins(struct grebe_explanation *explanation,
                                       struct grebe_address *address, uint64_t now_ns)
{
    struct attempt *entry =
        &explanation->attempts[explanation->n_attempts % MAX_ATTEMPTS];

    if (explanation->n_attempts++ >= MAX_ATTEMPTS)
        grebe_address_unref(entry->address);
    entry->address = grebe_address_ref(address);
    entry->view = (struct grebe_explained_attempt){
        .address = grebe_address_text(address),
        .started_ns = now_ns - explanation->started_ns,
    };
}

void grebe__explanation_attempt_ends(struct grebe_explanation *explanation,
                                     uint64_t headers_ns, int code, uint64_t now_ns)
{
    struct grebe_explained_attempt *view =
        &explanation->attempts[(explanation->n_attempts - 1) % MAX_ATTEMPTS].view;

    if (headers_ns >= explanation->started_ns + view->started_ns && headers_ns != 0)
        view->headers_ns = headers_ns - explanation->started_ns;
    view->ended_ns = now_ns - explanation->started_ns;
    view->code = code;
}

/* ---- Reading ------------------------------------------------------------------------------- */

/* Of a ring. */
static size_t count(size_t n, size_t size, size_t *omitted)
{
    if (omitted != NULL)
        *omitted = n - kept(n, size);
    return kept(n, size);
}

static size_t place(size_t i, size_t n, size_t size)
{
    return (n - kept(n, size) + i) % size;
}

size_t grebe_explanation_n_picks(const struct grebe_explanation *explanation,
                                 size_t *omitted)
{
    return count(explanation->n_picks, MAX_PICKS, omitted);
}

const struct grebe_explained_pick *
grebe_explanation_pick(const struct grebe_explanation *explanation, size_t i)
{
    return i < kept(explanation->n_picks, MAX_PICKS)
               ? &explanation->picks[place(i, explanation->n_picks, MAX_PICKS)].view
               : NULL;
}

size_t grebe_explanation_n_attempts(const struct grebe_explanation *explanation,
                                    size_t *omitted)
{
    return count(explanation->n_attempts, MAX_ATTEMPTS, omitted);
}

const struct grebe_explained_attempt *
grebe_explanation_attempt(const struct grebe_explanation *explanation, size_t i)
{
    return i < kept(explanation->n_attempts, MAX_ATTEMPTS)
               ? &explanation->attempts[place(i, explanation->n_attempts, MAX_ATTEMPTS)]
                      .view
               : NULL;
}

size_t grebe_explanation_n_policies(const struct grebe_explanation *explanation)
{
    return explanation->n_policies;
}

const struct grebe_explained_policy *
grebe_explanation_policy(const struct grebe_explanation *explanation, size_t i)
{
    return i < explanation->n_policies ? &explanation->policies[i] : NULL;
}

size_t grebe_explanation_n_candidates(const struct grebe_explanation *explanation,
                                      size_t *omitted)
{
    if (omitted != NULL)
        *omitted = explanation->n_candidates_omitted;
    return explanation->n_candidates;
}

const struct grebe_explained_candidate *
grebe_explanation_candidate(const struct grebe_explanation *explanation, size_t i)
{
    return i < explanation->n_candidates ? &explanation->candidates[i].view : NULL;
}

struct grebe_explained_waits
grebe_explanation_waits(const struct grebe_explanation *explanation)
{
    return (struct grebe_explained_waits){
        .resolver_ns = explanation->spent_ns[GREBE__CALL_RESOLVING],
        .picker_ns = explanation->spent_ns[GREBE__CALL_PICKING],
        .stream_ns = explanation->spent_ns[GREBE__CALL_WAITING],
    };
}
