/* SPDX-License-Identifier: Apache-2.0 */
/* An explanation as people read it:
 *
 *   round_robin: each READY endpoint in turn
 *     > 10.0.0.1:443  READY  its turn
 *       10.0.0.2:443  READY  later in the turn
 *       10.0.0.3:443  TRANSIENT_FAILURE  not offered: it cannot be reached
 *   picks     0us queue; 12ms 10.0.0.1:443
 *   attempts  12ms to 15ms 10.0.0.1:443 OK
 *   waited    12ms for a picker
 */
#include <grebe/explain.h>

#include <string.h>

#include "base/text.h"

static const char *kind_name(enum grebe_pick_kind kind)
{
    switch (kind) {
    case GREBE_PICK_QUEUE:
        return "queue";
    case GREBE_PICK_FAIL:
        return "fail";
    case GREBE_PICK_DROP:
        return "drop";
    default:
        return "complete";
    }
}

static void append_text(struct grebe__text *text, const char *bytes)
{
    grebe__text_append_escaped(text, bytes, strlen(bytes));
}

static void append_candidate(struct grebe__text *text, unsigned depth,
                             const struct grebe_explained_candidate *candidate)
{
    grebe__text_printf(text, "%*s%s ", (int)(2 + 2 * depth), "",
                       candidate->is_chosen ? ">" : " ");
    append_text(text, candidate->address);
    grebe__text_printf(text, "  %s", grebe_connectivity_name(candidate->state));
    if (candidate->score_name != NULL)
        grebe__text_printf(text, "  %s %.6g", candidate->score_name, candidate->score);
    if (candidate->in_flight != UINT32_MAX)
        grebe__text_printf(text, "  in flight %u", candidate->in_flight);
    if (candidate->reason[0] != '\0')
        grebe__text_printf(text, "  %s", candidate->reason);
    grebe__text_append(text, "\n", 1);
}

/* Those of policy `i`, or those that nobody mentioned. */
static void append_candidates(struct grebe__text *text,
                              const struct grebe_explanation *explanation,
                              bool is_offered, size_t i, unsigned depth)
{
    const struct grebe_explained_candidate *candidate;

    for (size_t k = 0; (candidate = grebe_explanation_candidate(explanation, k)) != NULL;
         k++)
        if (candidate->is_offered == is_offered &&
            (!is_offered || candidate->policy == i))
            append_candidate(text, depth, candidate);
}

static void append_policies(struct grebe__text *text,
                            const struct grebe_explanation *explanation)
{
    const struct grebe_explained_policy *policy;
    size_t omitted;

    for (size_t i = 0; (policy = grebe_explanation_policy(explanation, i)) != NULL; i++) {
        grebe__text_printf(text, "%*s%s: %s", (int)(2 * policy->depth), "",
                           policy->policy, policy->rule);
        if (policy->notes[0] != '\0')
            grebe__text_printf(text, " (%s)", policy->notes);
        grebe__text_append(text, "\n", 1);
        append_candidates(text, explanation, true, i, policy->depth);
    }
    append_candidates(text, explanation, false, 0, 0);
    grebe_explanation_n_candidates(explanation, &omitted);
    if (omitted > 0)
        grebe__text_printf(text, "    and %zu more\n", omitted);
}

static void append_picks(struct grebe__text *text,
                         const struct grebe_explanation *explanation)
{
    const struct grebe_explained_pick *pick;
    size_t omitted;

    grebe__text_printf(text, "picks    ");
    grebe_explanation_n_picks(explanation, &omitted);
    if (omitted > 0)
        grebe__text_printf(text, " (%zu before)", omitted);
    for (size_t i = 0; (pick = grebe_explanation_pick(explanation, i)) != NULL; i++) {
        grebe__text_printf(text, "%s ", i > 0 ? ";" : "");
        grebe__text_append_duration(text, pick->at_ns);
        grebe__text_append(text, " ", 1);
        append_text(text, pick->kind == GREBE_PICK_COMPLETE ? pick->address
                                                            : kind_name(pick->kind));
        if (pick->status[0] != '\0') {
            grebe__text_printf(text, ": ");
            append_text(text, pick->status);
        }
    }
    grebe__text_append(text, "\n", 1);
}

static void append_attempts(struct grebe__text *text,
                            const struct grebe_explanation *explanation)
{
    const struct grebe_explained_attempt *attempt;
    size_t omitted;

    if (grebe_explanation_n_attempts(explanation, &omitted) == 0)
        return;
    grebe__text_printf(text, "attempts ");
    if (omitted > 0)
        grebe__text_printf(text, " (%zu before)", omitted);
    for (size_t i = 0; (attempt = grebe_explanation_attempt(explanation, i)) != NULL;
         i++) {
        char name[24];

        grebe__text_printf(text, "%s ", i > 0 ? ";" : "");
        grebe__text_append_duration(text, attempt->started_ns);
        grebe__text_printf(text, " to ");
        grebe__text_append_duration(text, attempt->ended_ns);
        grebe__text_append(text, " ", 1);
        append_text(text, attempt->address);
        grebe__text_printf(text, " %s", grebe_status_code_name(attempt->code, name));
    }
    grebe__text_append(text, "\n", 1);
}

static void append_wait(struct grebe__text *text, uint64_t ns, const char *what,
                        bool *any)
{
    if (ns == 0)
        return;
    grebe__text_printf(text, "%s ", *any ? "," : "waited   ");
    grebe__text_append_duration(text, ns);
    grebe__text_printf(text, " %s", what);
    *any = true;
}

static void append_waits(struct grebe__text *text,
                         const struct grebe_explanation *explanation)
{
    struct grebe_explained_waits waits = grebe_explanation_waits(explanation);
    bool any = false;

    append_wait(text, waits.resolver_ns, "for name resolution", &any);
    append_wait(text, waits.picker_ns, "for a picker", &any);
    append_wait(text, waits.stream_ns, "for room on the connection", &any);
    if (any)
        grebe__text_append(text, "\n", 1);
}

size_t grebe_explanation_format(const struct grebe_explanation *explanation, char *buf,
                                size_t size)
{
    struct grebe__text text = grebe__text_init(buf, size);

    if (grebe_explanation_n_picks(explanation, NULL) > 0) {
        append_policies(&text, explanation);
        append_picks(&text, explanation);
    }
    append_attempts(&text, explanation);
    append_waits(&text, explanation);
    return text.length;
}
