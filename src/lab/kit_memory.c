/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about want of memory, about the end, and about doing the same thing twice. */
#include <stdlib.h>
#include <string.h>

#include "lab/kit_rules.h"

enum { MAX_SWEEP = 20000 }; /* allocations of one life, or lines: none has as many */

static void fail_allocation(struct kit *kit, int nth)
{
    kit_say(kit, "{\"do\": \"fail_allocation\", \"nth\": %d}", nth);
}

/* One allocation of one update fails.  False: the update made fewer. */
static bool try_update(struct kit *kit, int nth)
{
    bool has_failed;

    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_drive(kit, KIT_UP);
    fail_allocation(kit, nth);
    kit_update(kit, "ABCD");
    has_failed = kit_lab(kit)->mem.has_failed;
    if (has_failed)
        kit_expect_served(kit, 8);
    kit_close(kit);
    return has_failed;
}

void kit__failed_update(struct kit *kit)
{
    for (int nth = 1; nth < MAX_SWEEP && kit->result->verdict != KIT_BROKEN; nth++)
        if (!try_update(kit, nth))
            return;
}

/* When there is no memory for another picker, the last one serves on, and chooses what is
 * gone: the channel then waits for the next, and so may the policy. */
#define WHEN_SHORT (KIT_ANY_RULE & ~(UINT32_C(1) << LAB_RULE_PICK_OF_SHUT_DOWN_SUBCONN))

/* One allocation of a whole life fails; the policy has to find its way back.  False: it
 * made fewer. */
static bool try_life(struct kit *kit, int nth)
{
    bool has_failed;

    kit_open(kit, false, KIT_ALL);
    fail_allocation(kit, nth);
    kit_live(kit);
    has_failed = kit_lab(kit)->mem.has_failed;
    if (has_failed) {
        kit_update(kit, "AB");
        kit_drive(kit, KIT_UP);
        kit->stage.n_unfit =
            0; /* a picker that could not be replaced served as it could */
        kit_expect_served(kit, 8);
    }
    kit_die(kit);
    kit_close(kit);
    kit_expect_clean(kit, WHEN_SHORT);
    return has_failed;
}

void kit__no_memory(struct kit *kit)
{
    for (int nth = 1; nth < MAX_SWEEP && kit->result->verdict != KIT_BROKEN; nth++)
        if (!try_life(kit, nth))
            return;
}

void kit__destroyed_anywhere(struct kit *kit)
{
    bool is_cut = true;

    for (int n = 1; is_cut && n < MAX_SWEEP && kit->result->verdict != KIT_BROKEN; n++) {
        kit_open(kit, false, n);
        kit_tour(kit);
        is_cut = kit_is_cut(kit);
        kit->stage.n_left = KIT_ALL;
        if (kit->stage.reader.closed_on == 0)
            kit_destroy_policy(kit);
        kit_done_all(kit);
        kit_close(kit);
        kit_expect_clean(kit, KIT_ANY_RULE);
    }
}

/* ---- Twice ------------------------------------------------------------------------------ */

/* The first line that is not the same. */
static size_t first_difference(const char *a, const char *b, size_t length)
{
    size_t start = 0;

    for (size_t i = 0; i < length && a[i] == b[i]; i++)
        if (a[i] == '\n')
            start = i + 1;
    return start;
}

static void compare(struct kit *kit, const char *before, size_t length)
{
    const struct kit_stage *stage = &kit->stage;
    size_t shorter = length < stage->trace_length ? length : stage->trace_length;
    size_t at = first_difference(before, stage->trace, shorter);
    const char *line = stage->trace + at;

    kit_expect(kit, length == stage->trace_length && at == length,
               "the same events from the same seed and script",
               "the second time another, from \"%.*s\" on",
               (int)(at < stage->trace_length ? strcspn(line, "\n") : 0), line);
}

void kit__deterministic(struct kit *kit)
{
    char *before;
    size_t length;

    kit_open(kit, false, KIT_ALL);
    kit_tour(kit);
    before = kit->stage.trace;
    length = kit->stage.trace_length;
    kit->stage.trace = NULL; /* ours now */
    kit->stage.trace_length = kit->stage.trace_size = 0;
    kit_close(kit);
    kit_open(kit, false, KIT_ALL);
    kit_tour(kit);
    compare(kit, before, length);
    free(before);
}
