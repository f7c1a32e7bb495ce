/* SPDX-License-Identifier: Apache-2.0 */
/* lab/kit_stage.h -- a fresh policy on the bench, as the rules of the kit drive it.
 *
 * Every step is a line of a script (lab/reader.h), written down before it is done.  What
 * the policy did is kept as facts, and word for word in `trace`.
 *
 * A rule opens a stage, drives, expects, and closes it; it may do so many times.  The first
 * thing that was not as expected is the rule's verdict, and the script of that stage is
 * left where it is.
 */
#ifndef GREBE_LAB_KIT_STAGE_H
#define GREBE_LAB_KIT_STAGE_H

#include "lab/kit.h"
#include "lab/reader.h"
#include "lab/writer.h"

enum {
    KIT_SUBCONNS = 512, /* of one stage: far more than any script makes */
    KIT_HELD = 64,      /* calls that are open */
    KIT_ALL = -1,       /* lines */
};

/* How far kit_drive() takes the connections. */
enum kit_aim {
    KIT_CONNECTING, /* whoever was asked to connect has begun */
    KIT_UP,         /* all succeed, until the policy is READY */
    KIT_DOWN,       /* all are lost or fail, until it is in TRANSIENT_FAILURE */
};

/* What the kit knows of a subconn beyond what the lab does. */
struct kit_subconn {
    bool is_asked;     /* to connect, and not connecting yet */
    bool wants_health; /* its health listener has heard nothing yet */
};

struct kit_stage {
    struct lab_reader reader;
    struct lab_writer writer;
    char *trace; /* the events, line by line */
    size_t trace_length, trace_size;
    atomic_flag lock; /* events may come from on_done() on any thread */
    int n_left;       /* lines that are still done; KIT_ALL */
    bool has_config;  /* was given in an update */
    uint64_t n_calls; /* that were made: each has a hash of its own */
    struct kit_subconn subconns[KIT_SUBCONNS]; /* by id */
    uint64_t held[KIT_HELD];                   /* ids of calls that are open */
    uint32_t n_held;

    /* ---- What the policy did ---- */
    uint32_t n_states;                   /* published */
    uint32_t n_hollow;                   /* READY, with a picker that chooses nothing */
    uint32_t n_connects;                 /* asked for */
    uint32_t n_shutdowns;                /* likewise */
    uint32_t n_unfit;                    /* picks of subconns that were not READY */
    char unfit[128];                     /* the first of them */
    int update_result;                   /* of the last update */
    enum grebe_pick_kind kind;           /* of the last pick, and so on */
    const struct lab_subconn *chosen;    /* COMPLETE */
    int code;                            /* FAIL, DROP */
    char message[512];                   /* likewise */
    uint32_t n_broken[LAB_N_RULES];      /* violations */
    char first_broken[LAB_N_RULES][256]; /* the first of each rule, in words */
};

/* One run of one rule. */
struct kit {
    const struct kit_options *options;
    const struct grebe_balancer_builder *builder;
    const char *config; /* JSON */
    struct kit_result *result;
    struct kit_stage stage;
    bool is_open;
    bool is_short_of_memory;
};

/* ---- Life ------------------------------------------------------------------------------ */

/* `n_lines` are done of those that come, the rest are not; KIT_ALL. */
void kit_open(struct kit *kit, bool checks_health, int n_lines);
/* The end of the script: what was not given back is a fact too, from then on. */
void kit_close(struct kit *kit);

/* Lines were left out: the script was longer than it was allowed to be. */
static inline bool kit_is_cut(const struct kit *kit)
{
    return kit->stage.n_left == 0;
}

static inline struct lab *kit_lab(struct kit *kit)
{
    return &kit->stage.reader.lab;
}

/* ---- Steps ----------------------------------------------------------------------------- */

/* Any line. */
void kit_say(struct kit *kit, const char *format, ...) GREBE_PRINTF(2, 3);

/* An update with the endpoints "ABC": A is 10.0.0.1:80, up to H. */
void kit_update(struct kit *kit, const char *endpoints);
void kit_resolver_error(struct kit *kit, const char *error);
/* One call, which ends at once. */
void kit_pick(struct kit *kit);
void kit_picks(struct kit *kit, unsigned n);
/* One call, which stays open if it gets a backend. */
void kit_hold(struct kit *kit);
/* The oldest open call ends; nothing if there is none. */
void kit_done(struct kit *kit, const char *status);
void kit_done_all(struct kit *kit);
void kit_subconn(struct kit *kit, const struct lab_subconn *subconn, const char *state);
/* One READY connection is lost, or all. */
void kit_lose_one(struct kit *kit);
void kit_lose_all(struct kit *kit);
void kit_drive(struct kit *kit, enum kit_aim aim);
void kit_destroy_policy(struct kit *kit);

/* All of the above: a life in which a policy meets whatever may happen to it. */
void kit_live(struct kit *kit);
/* It is destroyed while calls are open, which end then; time goes on. */
void kit_die(struct kit *kit);
/* Both. */
void kit_tour(struct kit *kit);

/* ---- Without the lab: for what no script can say -------------------------------------------- */

/* Call number `n` asks `picker`, on this thread.  `explanation` may be NULL.  A pick that is
 * COMPLETE without a subconn, or FAIL without a status, comes out as it is. */
void kit_ask(struct grebe_picker *picker, uint64_t n, uint64_t now_ns,
             struct grebe_explanation *explanation, struct grebe_pick *out);
/* That call ends well, if it began. */
void kit_end(const struct grebe_pick *pick, uint64_t now_ns);

/* ---- Subconns --------------------------------------------------------------------------- */

/* Those that were not shut down, oldest first: NULL asks for the first and ends it. */
const struct lab_subconn *kit_next_subconn(struct kit *kit,
                                           const struct lab_subconn *after);
uint32_t kit_n_ready(struct kit *kit);

/* ---- Verdict ---------------------------------------------------------------------------- */

/* `expected` says what should be so; the rest what is.  Returns `holds`; only the first
 * that does not is the verdict. */
bool kit_expect(struct kit *kit, bool holds, const char *expected, const char *format,
                ...) GREBE_PRINTF(4, 5);
/* None of the lab's own rules that are in `mask` (1 << LAB_RULE_...) was broken. */
bool kit_expect_clean(struct kit *kit, uint32_t mask);
/* `n` calls in a row are sent to READY backends, once those are connected that they wait
 * for. */
bool kit_expect_served(struct kit *kit, unsigned n);
/* The rule has nothing to say here. */
void kit_pass_over(struct kit *kit, const char *why);

#define KIT_ANY_RULE ((UINT32_C(1) << LAB_N_RULES) - 1)

#endif
