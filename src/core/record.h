/* SPDX-License-Identifier: Apache-2.0 */
/* core/record.h -- what reaches a policy, written down as it happens.
 *
 *   channel --input--> policy --request--> channel        a line of JSON for each, in the
 *             |                   |                       order in which they happen
 *             +----> recording <--+----line----> sink
 *
 * The boundary is that between whoever stands at the root (a channel, the lab) and the
 * policy on top: what goes on between the policies of a tree follows from it.  Inputs
 * (update, subconn, timer, pick, done ...) are what a replay gives to a policy again;
 * requests (new_subconn, connect, state ...) and the answers of pickers are what it
 * compares.  docs/guide/replay.md has all lines.
 *
 * Order       A channel asks its picker, and ends calls, in turns only: there is one writer
 *             at a time, whatever threads start calls, and the order is total.  An input
 *             may come while effects of earlier requests are still queued; it says after
 *             how many of them ("after"), so that a replay can be as far.
 * Chance      A policy draws from a generator of the recording's own, whose seed the line
 *             "build" has.  What a picker is given for each pick stands in its line.
 * Cost        Off: one branch at each place.  On: no lock, no system call, and no
 *             allocation once the longest line has been seen.
 *
 * A sink that has no room refuses a line.  How many were lost stands in the file, at the
 * place where they are missing.
 *
 * Threading   A turn of the loop, for all functions.
 */
#ifndef GREBE_CORE_RECORD_H
#define GREBE_CORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/balancer.h>
#include <grebe/producer.h>

#include "base/json_line.h"
#include "base/rng.h"
#include "base/text.h"

struct grebe__lb_host;

enum { GREBE__RECORD_VERSION = 1 };

/* Where the lines go. */
struct grebe__record_sink {
    /* One line, with its newline.  False: there is no room for it now. */
    bool (*write)(struct grebe__record_sink *sink, const char *line, size_t length);
    /* Why nothing will be written any more, as "records.jsonl: no space left on device";
     * NULL: all is well.  May be NULL itself. */
    const char *(*failure)(struct grebe__record_sink *sink);
};

struct grebe__recording {
    struct grebe__lb_host *host;
    struct grebe__record_sink *sink;
    struct grebe__line line;
    struct grebe__rng rng;   /* of the policy */
    uint64_t start_ns;       /* on the loop's clock: what "ns" counts from */
    uint32_t n_effects;      /* that requests of the policy have had so far, and */
    uint32_t n_effects_told; /* of those, before the last input */
    uint64_t n_calls;        /* the number of the last that got one */
    uint64_t n_lost;         /* lines since the last that found room */
    bool has_told_loss;      /* in the log, */
    bool has_told_failure;   /* each of both */
    bool is_over;            /* the sink has failed, or the end is written */
    char *names; /* of metadata that is always written, each with a NUL, and one more at
                  * the end; NULL: none */
    bool writes_all_metadata; /* a replay: what there is was written before */
    const uint64_t *seed;     /* of the next build, in a replay; else NULL */
};

struct grebe__recording_options {
    struct grebe__record_sink *sink;
    uint64_t now_ns;
    int64_t started;      /* now_ns in nanoseconds since 1970; 0: nobody knows */
    const char *metadata; /* names between commas; NULL: none */
};

/* Writes the first line, for a host that is complete.  GREBE_ERR_NOMEM. */
int grebe__recording_start(struct grebe__lb_host *host,
                           const struct grebe__recording_options *options,
                           struct grebe__recording **out);
/* Writes the last line: nothing is written after it. */
void grebe__recording_end(struct grebe__recording *recording); /* NULL: no-op */
/* What the log would hear of lines that could not be written, and has not; false: nothing.
 * For the time after the end, and any thread. */
bool grebe__recording_untold(const struct grebe__recording *recording,
                             struct grebe__text *message);
void grebe__recording_free(struct grebe__recording *recording); /* NULL: no-op */

/* An effect of a request runs. */
static inline void grebe__record_effect(struct grebe__recording *recording)
{
    if (recording != NULL)
        recording->n_effects++;
}

/* ---- Inputs ------------------------------------------------------------------------- */

/* The policy at the root is about to be built; seeds its generator. */
void grebe__record_build(struct grebe__recording *recording);
void grebe__record_close(struct grebe__recording *recording);
/* The config is a grebe_lb_config, as a graceful switch takes it. */
void grebe__record_update(struct grebe__recording *recording,
                          const struct grebe_balancer_update *update);
void grebe__record_resolver_error(struct grebe__recording *recording,
                                  const struct grebe_status *status);
/* Of the root, or of another client_conn that a picker of its balancer asked for. */
void grebe__record_exit_idle(struct grebe__recording *recording,
                             const struct grebe_client_conn *cc);
void grebe__record_subconn(struct grebe__recording *recording,
                           const struct grebe_subconn *subconn,
                           enum grebe_connectivity state,
                           const struct grebe_status *error);
void grebe__record_health(struct grebe__recording *recording,
                          const struct grebe_subconn *subconn,
                          enum grebe_connectivity state,
                          const struct grebe_status *error);
void grebe__record_timer(struct grebe__recording *recording, uint32_t id);
void grebe__record_feed_open(struct grebe__recording *recording, uint32_t id);
void grebe__record_feed_message(struct grebe__recording *recording, uint32_t id,
                                const void *bytes, size_t length);
void grebe__record_feed_end(struct grebe__recording *recording, uint32_t id,
                            const struct grebe_feed_end *end);

/* What is known of a call that its picker is not told. */
struct grebe__recorded_call {
    uint64_t number;
    bool waits_for_ready;
};

/* Asks the picker.  Of the call's metadata the entries that it looks at are written down,
 * and no others. */
void grebe__record_ask(struct grebe__recording *recording, struct grebe_picker *picker,
                       const struct grebe__recorded_call *call,
                       const struct grebe_pick_args *args, struct grebe_pick *out);

/* What is owed to the policy that picked. */
struct grebe__recorded_end {
    uint64_t call;
    grebe_pick_done_fn on_done; /* may be NULL */
    void *arg;
    const struct grebe_pick_listener *listeners; /* n of them; they hear after on_done */
    uint32_t n_listeners;
    bool is_declined; /* the call did not go: the subconn was not READY */
};

/* Tells the policy, if it listens.  Of trailers as above. */
void grebe__record_tell(struct grebe__recording *recording,
                        const struct grebe__recorded_end *end,
                        const struct grebe_done_info *info);

/* The same for all who listen to the end of `pick`. */
static inline void grebe__record_tell_pick(struct grebe__recording *recording,
                                           uint64_t call, const struct grebe_pick *pick,
                                           const struct grebe_done_info *info,
                                           bool is_declined)
{
    grebe__record_tell(recording,
                       &(struct grebe__recorded_end){
                           .call = call,
                           .on_done = pick->on_done,
                           .arg = pick->on_done_arg,
                           .listeners = pick->listeners,
                           .n_listeners = pick->n_listeners,
                           .is_declined = is_declined,
                       },
                       info);
}

/* ---- Requests ----------------------------------------------------------------------- */

void grebe__record_new_subconn(struct grebe__recording *recording,
                               const struct grebe_subconn *subconn,
                               const struct grebe_subconn_options *options);
/* "connect" or "shutdown". */
void grebe__record_request(struct grebe__recording *recording, const char *what,
                           const struct grebe_subconn *subconn);
void grebe__record_addresses(struct grebe__recording *recording,
                             const struct grebe_subconn *subconn,
                             struct grebe_address *const *addresses, size_t n);
void grebe__record_watch_health(struct grebe__recording *recording,
                                const struct grebe_subconn *subconn, bool is_on);
void grebe__record_state(struct grebe__recording *recording,
                         enum grebe_connectivity state,
                         const struct grebe_picker *picker);
void grebe__record_resolve_now(struct grebe__recording *recording);
void grebe__record_start_timer(struct grebe__recording *recording, uint32_t id,
                               uint64_t at_ns);
void grebe__record_start_feed(struct grebe__recording *recording, uint32_t id,
                              const struct grebe_subconn *subconn, const char *method);
/* The policy did not take the last update. */
void grebe__record_refusal(struct grebe__recording *recording, int result);

#endif
