/* SPDX-License-Identifier: Apache-2.0 */
#include "explained.h"

#include <string.h>

#include <grebe/explain.h>

#include "trace.h"

static void check_attempts(const struct call *call, const struct grebe_call *done,
                           const struct grebe_explanation *explanation)
{
    bool is_ok = grebe_call_status(done)->code == GREBE_STATUS_OK;
    size_t n_omitted, n = grebe_explanation_n_attempts(explanation, &n_omitted);
    const struct grebe_explained_attempt *last;

    if (n + n_omitted < call->n_arrivals)
        fail("an explanation has every attempt", "call %u arrived %u times, of %zu",
             call->id, call->n_arrivals, n + n_omitted);
    if (!is_ok)
        return;
    last = n == 0 ? NULL : grebe_explanation_attempt(explanation, n - 1);
    if (last == NULL || last->code != GREBE_STATUS_OK ||
        strcmp(last->address, grebe_call_peer(done)) != 0)
        fail("an explanation ends with the answer", "that of call %u does not", call->id);
}

static void check_candidates(const struct call *call, const struct grebe_call *done,
                             const struct grebe_explanation *explanation)
{
    size_t n_picks = grebe_explanation_n_picks(explanation, NULL);
    size_t n = grebe_explanation_n_candidates(explanation, NULL);
    const struct grebe_explained_pick *last =
        n_picks == 0 ? NULL : grebe_explanation_pick(explanation, n_picks - 1);
    unsigned n_chosen = 0;

    for (size_t i = 0; i < n; i++) {
        const struct grebe_explained_candidate *candidate =
            grebe_explanation_candidate(explanation, i);

        n_chosen += candidate->is_chosen;
        if (candidate->is_chosen && strcmp(candidate->address, last->address) != 0)
            fail("who was chosen is who was picked", "call %u: %s, and not %s", call->id,
                 candidate->address, last->address);
    }
    if (n_chosen > 1)
        fail("one is chosen", "call %u: %u are", call->id, n_chosen);
    if (grebe_call_status(done)->code == GREBE_STATUS_OK &&
        (last == NULL || last->kind != GREBE_PICK_COMPLETE || n_chosen == 0))
        fail("one is chosen", "call %u: none is", call->id);
}

static void check_waits(const struct call *call, const struct grebe_call *done,
                        const struct grebe_explanation *explanation)
{
    struct grebe_call_times times = grebe_call_times(done);
    struct grebe_explained_waits waits = grebe_explanation_waits(explanation);

    if (waits.resolver_ns + waits.picker_ns + waits.stream_ns >
        times.done_ns - times.started_ns)
        fail("no call waits longer than it lasts", "call %u does", call->id);
}

void explained_check(const struct call *call, const struct grebe_call *done)
{
    const struct grebe_explanation *explanation = grebe_call_explain(done);
    char text[4096];

    if (explanation == NULL && client_was_starved(call->client))
        return;
    if (explanation == NULL)
        fail("who asks for an explanation has one", "call %u has none", call->id);
    check_attempts(call, done, explanation);
    check_candidates(call, done, explanation);
    check_waits(call, done, explanation);
    (void)grebe_explanation_format(explanation, text, sizeof text);
}
