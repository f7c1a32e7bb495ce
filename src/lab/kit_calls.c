/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about picks, and about the ends of calls. */
#include <string.h>

#include "core/explanation.h"
#include "lab/internal.h"
#include "lab/kit_rules.h"

static void open_and_drive_up(struct kit *kit)
{
    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_drive(kit, KIT_UP);
}

void kit__picks_ready_only(struct kit *kit)
{
    kit_open(kit, false, KIT_ALL);
    kit_tour(kit);
    kit_expect(kit, kit->stage.n_unfit == 0, "calls to READY backends only", "%s",
               kit->stage.unfit);
}

/* What stays of each call is counted by itself: only the picks are looked at. */
void kit__pick_allocates_nothing(struct kit *kit)
{
    struct lab *lab = kit_lab(kit);

    open_and_drive_up(kit);
    kit_picks(kit, 32); /* whatever is made once is made now */
    for (uint64_t i = 0; i < 32 && lab->picker != NULL; i++) {
        uint64_t n_before = lab->mem.n_allocs, n_after;
        struct grebe_pick pick;

        kit_ask(lab->picker, i, lab->sim.env.now_ns, NULL, &pick);
        n_after = lab->mem.n_allocs;
        kit_end(&pick, lab->sim.env.now_ns);
        if (!kit_expect(kit, n_after == n_before, "picks that allocate nothing",
                        "one that allocates"))
            return;
    }
}

/* ---- Ends of calls ------------------------------------------------------------------------ */

static void hold(struct kit *kit, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        kit_hold(kit);
}

void kit__done_after_replacement(struct kit *kit)
{
    open_and_drive_up(kit);
    hold(kit, 6);
    kit_lose_one(kit);
    kit_drive(kit, KIT_UP);
    hold(kit, 6);
    kit_update(kit, "D");
    kit_drive(kit, KIT_UP);
    kit_done(kit, "UNAVAILABLE");
    kit_done_all(kit);
    if (!kit_expect_served(kit, 8))
        return;
    kit_destroy_policy(kit);
    kit_close(kit);
    kit_expect_clean(kit, KIT_ANY_RULE);
}

void kit__done_after_destroy(struct kit *kit)
{
    open_and_drive_up(kit);
    hold(kit, 6);
    kit_die(kit);
    kit_close(kit);
    kit_expect_clean(kit, KIT_ANY_RULE);
}

/* ---- Explanations -------------------------------------------------------------------------- */

/* Candidates that are called chosen, and those of them that have the address of `pick`. */
static void count_chosen(const struct grebe_explanation *explanation,
                         const struct grebe_pick *pick, unsigned *n_chosen,
                         unsigned *n_right)
{
    size_t n = grebe_explanation_n_candidates(explanation, NULL);
    const char *address = grebe_address_text(pick->subconn->address);

    *n_chosen = *n_right = 0;
    for (size_t i = 0; i < n; i++) {
        const struct grebe_explained_candidate *candidate =
            grebe_explanation_candidate(explanation, i);

        if (!candidate->is_chosen)
            continue;
        ++*n_chosen;
        if (strcmp(candidate->address, address) == 0)
            ++*n_right;
    }
}

/* Whoever begins now is as deep as those who began and did not end. */
static unsigned n_unended(struct grebe_explanation *explanation)
{
    grebe_explain_begin(explanation, "kit", "looks how deep it is");
    return grebe_explanation_policy(explanation,
                                    grebe_explanation_n_policies(explanation) - 1)
        ->depth;
}

static void judge(struct kit *kit, struct grebe_explanation *explanation,
                  const struct grebe_pick *pick)
{
    unsigned n_chosen, n_right;

    if (grebe_explanation_n_policies(explanation) == 0) {
        kit_pass_over(kit, "its picker says nothing of its choice");
        return;
    }
    count_chosen(explanation, pick, &n_chosen, &n_right);
    if (kit_expect(kit, n_chosen > 0, "a candidate that is called chosen",
                   "none is, and the call goes to %s",
                   grebe_address_text(pick->subconn->address)) &&
        kit_expect(kit, n_right > 0, "the candidate that it picks to be called chosen",
                   "another is, and the call goes to %s",
                   grebe_address_text(pick->subconn->address)))
        kit_expect(
            kit, n_unended(explanation) == 0, "an end for each beginning",
            "grebe_explain_end() was not called as often as grebe_explain_begin()");
}

void kit__explains(struct kit *kit)
{
    struct lab *lab = kit_lab(kit);

    open_and_drive_up(kit);
    for (uint64_t i = 0; i < 8 && lab->picker != NULL; i++) {
        struct grebe_explanation *explanation =
            grebe__explanation_new(NULL, lab->sim.env.now_ns);
        struct grebe_pick pick;

        if (explanation == NULL) {
            kit->is_short_of_memory = true;
            return;
        }
        kit_ask(lab->picker, i, lab->sim.env.now_ns, explanation, &pick);
        if (lab__subconn_of(lab, pick.subconn) != NULL)
            judge(kit, explanation, &pick);
        kit_end(&pick, lab->sim.env.now_ns);
        grebe__explanation_free(explanation);
    }
}
