/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/explain.h -- why a call went where it went.
 *
 * A call whose options have wants_explanation keeps a record: each time a picker was
 * asked and what it said, who else could have been chosen and why was not, each attempt,
 * and what the time went into.  Calls that do not ask pay one comparison for each pick.
 *
 * Pickers tell it.  grebe_pick_args.explanation is NULL, or somebody wants to know; then
 * pick() names its policy and the candidates it looked at, on its way to the choice:
 *
 *   if (args->explanation != NULL) {
 *       grebe_explain_begin(args->explanation, "my_policy", "the fewest calls in flight");
 *       for (...)
 *           grebe_explain_candidate(args->explanation, &candidate);
 *       grebe_explain_end(args->explanation);
 *   }
 *
 * A parent that hands its `args` to a child's pick() between begin and end has the child's
 * part nested in its own.  What no picker mentioned, because it is not READY for instance,
 * the channel adds.
 *
 * Limits      64 candidates of the last pick, of which the chosen one is never left out if
 *             it comes first; 16 picks and 8 attempts, of which the last are kept.
 * Threading   Pickers: inside pick(), on the thread it runs on.  Readers: any thread, once
 *             the call is done.
 */
#ifndef GREBE_EXPLAIN_H
#define GREBE_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attr.h>
#include <grebe/balancer.h>
#include <grebe/call.h>
#include <grebe/connectivity.h>

GREBE_BEGIN_DECLS

struct grebe_explanation;

/* ---- For pickers --------------------------------------------------------------------- */

/* Fill with GREBE_CANDIDATE_INIT, then set what you know. */
struct grebe_candidate {
    size_t struct_size;
    struct grebe_subconn *subconn; /* borrowed for the call; required */
    const char *reason; /* why it was chosen, or passed over; static storage, or NULL */
    const char
        *score_name; /* what `score` is: "weight"; static storage; NULL: no score */
    double score;
    uint32_t in_flight; /* calls on it now; UINT32_MAX: not counted */
    bool is_chosen;
};
#define GREBE_CANDIDATE_INIT                                                             \
    {                                                                                    \
        sizeof(struct grebe_candidate), NULL, NULL, NULL, 0, UINT32_MAX, false           \
    }

/* From here to end() `policy` speaks.  `rule` says in a few words how it chooses.  Both
 * are static storage. */
GREBE_API void grebe_explain_begin(struct grebe_explanation *explanation,
                                   const char *policy, const char *rule);
GREBE_API void grebe_explain_candidate(struct grebe_explanation *explanation,
                                       const struct grebe_candidate *candidate);
/* A fact about this pick that is no candidate's: "hash 42, entry 7 of 1024".  Copied. */
GREBE_API void grebe_explain_note(struct grebe_explanation *explanation,
                                  const char *format, ...) GREBE_PRINTF(2, 3);
GREBE_API void grebe_explain_end(struct grebe_explanation *explanation);

/* For a parent that gave a pick back and asks its child again: what was said since its own
 * begin(), by itself and by its children, was not said. */
GREBE_API void grebe_explain_take_back(struct grebe_explanation *explanation);

/* The one subconn that `picker` always chooses, if it was made by grebe_picker_fixed(),
 * as those of pick_first are; else NULL.  For parents that name their children's. */
GREBE_API struct grebe_subconn *grebe_picker_subconn(const struct grebe_picker *picker);

/* ---- For everyone -------------------------------------------------------------------- */

/* Of a call that is done; borrowed from it.  NULL if it was not asked for, or there was no
 * memory for it. */
GREBE_API const struct grebe_explanation *
grebe_call_explain(const struct grebe_call *call);

/* What a picker said, oldest first. */
struct grebe_explained_pick {
    uint64_t at_ns; /* since the call was started */
    enum grebe_pick_kind kind;
    const char *address; /* COMPLETE: where to; else "" */
    const char *status;  /* FAIL, DROP: why, cut; else "" */
};

/* A stream on a connection, oldest first. */
struct grebe_explained_attempt {
    const char *address;
    uint64_t started_ns; /* since the call was started, as the others */
    uint64_t headers_ns; /* 0: there were none */
    uint64_t ended_ns;
    int code; /* a grebe_status_code */
};

/* A policy that had a say in the last pick; the first is the root. */
struct grebe_explained_policy {
    const char *policy;
    const char *rule;
    const char *notes; /* joined by "; "; "" if there are none */
    unsigned depth;    /* 0 for the root, 1 for a child of it, ... */
};

/* Who could have been chosen in the last pick. */
struct grebe_explained_candidate {
    const char *address;
    enum grebe_connectivity state; /* at that moment */
    size_t policy;                 /* who mentioned it: an index */
    bool is_offered;               /* false: no picker mentioned it */
    bool is_chosen;
    const char *reason;     /* never NULL */
    const char *score_name; /* NULL: no score */
    double score;
    uint32_t in_flight; /* UINT32_MAX: not counted */
};

/* What the call waited for, in all. */
struct grebe_explained_waits {
    uint64_t resolver_ns; /* for the first answer of name resolution */
    uint64_t picker_ns;   /* for a picker that knows a backend */
    uint64_t stream_ns;   /* for room on the connection */
};

/* How many are kept; *omitted (may be NULL) is how many more there were.  The getters
 * return NULL beyond the end; what they return is borrowed. */
GREBE_API size_t grebe_explanation_n_picks(const struct grebe_explanation *explanation,
                                           size_t *omitted);
GREBE_API const struct grebe_explained_pick *
grebe_explanation_pick(const struct grebe_explanation *explanation, size_t i);
GREBE_API size_t grebe_explanation_n_attempts(const struct grebe_explanation *explanation,
                                              size_t *omitted);
GREBE_API const struct grebe_explained_attempt *
grebe_explanation_attempt(const struct grebe_explanation *explanation, size_t i);
GREBE_API size_t
grebe_explanation_n_policies(const struct grebe_explanation *explanation);
GREBE_API const struct grebe_explained_policy *
grebe_explanation_policy(const struct grebe_explanation *explanation, size_t i);
GREBE_API size_t grebe_explanation_n_candidates(
    const struct grebe_explanation *explanation, size_t *omitted);
GREBE_API const struct grebe_explained_candidate *
grebe_explanation_candidate(const struct grebe_explanation *explanation, size_t i);
GREBE_API struct grebe_explained_waits
grebe_explanation_waits(const struct grebe_explanation *explanation);

/* All of it as a few lines of text, cut to `size` bytes with a NUL.  Returns the length it
 * would have had, as snprintf does. */
GREBE_API size_t grebe_explanation_format(const struct grebe_explanation *explanation,
                                          char *buf, size_t size);

GREBE_END_DECLS

#endif
