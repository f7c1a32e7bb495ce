/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_account.h"

#include <inttypes.h>

/* ---- Notes ------------------------------------------------------------------------------ */

static void note_hash(struct grebe_explanation *explanation,
                      const struct grebe__hash_header *header,
                      enum grebe__hash_source source, uint64_t hash)
{
    switch (source) {
    case GREBE__HASH_OF_CALL:
        grebe_explain_note(explanation, "hash %016" PRIx64, hash);
        break;
    case GREBE__HASH_OF_HEADER:
        grebe_explain_note(explanation, "hash %016" PRIx64 " of header %s", hash,
                           header->name);
        break;
    case GREBE__HASH_OF_CHANCE:
        grebe_explain_note(explanation, "no header %s: any READY endpoint will do",
                           header->name);
        break;
    case GREBE__HASH_MISSING:
        grebe_explain_note(explanation, "the call has no hash");
        break;
    }
}

static void note_failed(struct grebe_explanation *explanation,
                        const struct grebe__hash_seats *seats)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < seats->n; i++)
        n += seats->states[i] == GREBE_TRANSIENT_FAILURE;
    if (n > 0)
        grebe_explain_note(explanation,
                           "%" PRIu32 " of %" PRIu32 " cannot be reached and are passed "
                           "over",
                           n, seats->n);
}

void grebe__hash_note_call(struct grebe_explanation *explanation,
                           const struct grebe__hash_seats *seats,
                           enum grebe__hash_source source, uint64_t hash)
{
    note_hash(explanation, &seats->header, source, hash);
    note_failed(explanation, seats);
}

/* ---- Candidates ------------------------------------------------------------------------- */

static const char *reason_for(const struct grebe__hash_account *account, uint32_t member)
{
    if (member == account->place.member)
        return member == account->chosen ? "the hash falls to it"
                                         : "the hash falls to it, but it has its share";
    return member == account->chosen ? "it takes what is too much for another"
                                     : "further from the hash";
}

/* `place` NULL: where it stands in the order of the hash is not known.  Those that are not
 * READY have no subconn to name. */
static void name_candidate(struct grebe_explanation *explanation,
                           const struct grebe__hash_account *account, uint32_t member,
                           const struct grebe__hash_place *place)
{
    const struct grebe__hash_seats *seats = account->seats;
    const struct grebe__hash_layout *layout = seats->policy->layout;
    const struct grebe__endpoint_load *load =
        seats->bounds == NULL ? NULL : seats->bounds[member].load;
    struct grebe_candidate candidate = GREBE_CANDIDATE_INIT;

    candidate.subconn = seats->leaves[member].subconn;
    candidate.is_chosen = member == account->chosen;
    candidate.reason = reason_for(account, member);
    if (place != NULL) {
        candidate.score_name = layout->score_name;
        candidate.score = layout->score(seats->table, account->hash, place);
    }
    if (load != NULL)
        candidate.in_flight = grebe__endpoint_load_in_flight(load);
    if (candidate.subconn != NULL)
        grebe_explain_candidate(explanation, &candidate);
}

void grebe__hash_name_candidates(struct grebe_explanation *explanation,
                                 const struct grebe__hash_account *account)
{
    enum { MAX_CANDIDATES = 64 }; /* as grebe/explain.h keeps */
    const struct grebe__hash_seats *seats = account->seats;
    uint32_t named[MAX_CANDIDATES] = {account->chosen};
    struct grebe__hash_filter filter = {
        .states = seats->states, .wanted = 1U << GREBE_READY, .but = named, .n_but = 1};
    struct grebe__hash_place place = account->place;

    name_candidate(explanation, account, account->chosen,
                   account->chosen == place.member ? &place : NULL);
    while (filter.n_but < MAX_CANDIDATES &&
           seats->policy->layout->find(seats->table, account->hash, &filter, &place)) {
        name_candidate(explanation, account, place.member, &place);
        named[filter.n_but++] = place.member;
    }
}
