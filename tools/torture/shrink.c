/* SPDX-License-Identifier: Apache-2.0 */
#include "shrink.h"

#include <string.h>
#include <time.h>

/* Long enough, but for runs that do not end: each of them takes seconds. */
enum { PATIENCE_SECONDS = 300 };

static time_t give_up_at;

/* True, and remembered, if the run fails as before without events [from, to) of those that
 * are kept. */
static bool can_do_without(const struct plan *plan, bool *is_kept, uint32_t from,
                           uint32_t to, struct verdict *verdict)
{
    bool fewer[MAX_EVENTS];
    struct verdict found;
    uint32_t at = 0;

    memcpy(fewer, is_kept, sizeof fewer);
    for (uint32_t i = 0; i < plan->n_events; i++)
        if (fewer[i]) {
            fewer[i] = at < from || at >= to;
            at++;
        }
    found = attempt(plan, fewer);
    if (!found.has_failed || strcmp(found.rule, verdict->rule) != 0) {
        verdict_free(&found);
        return false;
    }
    memcpy(is_kept, fewer, sizeof fewer);
    verdict_free(verdict);
    *verdict = found;
    return true;
}

static uint32_t count(const struct plan *plan, const bool *is_kept)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < plan->n_events; i++)
        n += is_kept[i];
    return n;
}

/* From the end: what comes after the failure goes first, and goes at once. */
static bool leave_out(const struct plan *plan, bool *is_kept, uint32_t size,
                      struct verdict *verdict)
{
    bool has_changed = false;

    if (time(NULL) > give_up_at)
        return false;
    for (uint32_t end = count(plan, is_kept); end > 0;) {
        uint32_t from = end > size ? end - size : 0;

        has_changed |= can_do_without(plan, is_kept, from, end, verdict);
        end = from;
    }
    return has_changed;
}

void shrink(const struct plan *plan, bool *is_kept, struct verdict *verdict)
{
    uint32_t size = plan->n_events;

    give_up_at = time(NULL) + PATIENCE_SECONDS;
    for (uint32_t i = 0; i < MAX_EVENTS; i++)
        is_kept[i] = i < plan->n_events;
    while (size > 0) {
        bool has_changed = leave_out(plan, is_kept, size, verdict);

        /* One event gone may make another one needless. */
        if (size > 1)
            size /= 2;
        else if (!has_changed)
            size = 0;
    }
}
