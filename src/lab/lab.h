/* SPDX-License-Identifier: Apache-2.0 */
/* lab/lab.h -- one policy on the bench: a fake client_conn, a virtual clock, one seed.
 *
 *     events in                                            events out
 *     lab_update()  --->  +--------------------------+
 *     lab_subconn() --->  | root client_conn (fake)  |  ---> on_event()
 *     lab_pick()    --->  |   the policy             |
 *     lab_advance() --->  |     fake subconns        |
 *                         +------------ sim ---------+
 *
 * No sockets, no sleeping: a subconn does what it is told to, and time moves when it is
 * told to.  The same seed and the same calls give the same events.  Everything a channel
 * does around a policy is the channel's own code (core/client_conn.h): turns, effects,
 * children, timers.
 *
 * The lab also watches the contract of grebe/balancer.h.  What a policy does against it is
 * an event too, and lab_fini() looks for what was not given back.
 *
 * lab/reader.h drives a lab from a script and lab/writer.h writes down its events; what
 * they are made of stands here.
 *
 * Memory      The policy, and whatever it is given, is served from `mem`, which counts.
 *             The lab's own memory comes from where that has it.  When it is short itself
 *             it notes `is_short_of_memory`: from then on something is missing.
 * Threading   One thread.  on_event() must not call back into the lab.
 */
#ifndef GREBE_LAB_LAB_H
#define GREBE_LAB_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "core/client_conn.h"
#include "lab/event.h"
#include "lab/mem.h"
#include "lab/recorder.h"
#include "sim/sim.h"

struct lab_options {
    const struct grebe_mem *mem;                  /* NULL: malloc */
    uint64_t seed;                                /* of all random choices */
    const char *target;                           /* borrowed while the lab exists */
    const struct grebe_balancer_builder *builder; /* of the policy at the root */
    /* A health listener waits for lab_health().  Else it hears READY once, as in a channel
     * whose service config names no health service. */
    bool checks_health;
    bool keeps_freed; /* what the policy frees: lab/mem.h */
    lab_event_fn on_event;
    void *arg;
    /* Asked while lab_advance() runs: true ends it early.  NULL: never. */
    bool (*wants_stop)(void *arg);

    struct grebe__record_sink *record_sink; /* NULL: nothing is recorded */
    /* A replay (lab/drive.h): nothing happens by itself.  The moment the clock shows, and
     * what the policy is told of its channel; NULL and 0: as in any lab. */
    bool is_driven;
    uint64_t clock_ns;
    const struct grebe_build_options *build_options;
    struct grebe__recording
        *recording; /* instead of a sink: started, and not yet ended */
};

/* A subconn without a connection. */
struct lab_subconn {
    struct grebe_subconn base;
    struct lab *lab;
    struct grebe__list link; /* on lab->live, or on lab->retired once it is shut down */
    uint32_t id;             /* from 0, in order of creation */
    struct grebe__list streams; /* that are open: grebe__subconn_stream */
    bool wants_health_check;    /* as the policy said when it made it */
    bool is_released;           /* the lab has given up its reference */
    bool is_overdrawn;          /* somebody else gave that up */
    size_t n_addresses;
    struct grebe_address **addresses; /* n references */
};

/* What it is called in events: its first address, "" if it has none. */
static inline const char *lab_subconn_name(const struct lab_subconn *subconn)
{
    return subconn->n_addresses == 0 ? "" : grebe_address_text(subconn->addresses[0]);
}

struct lab {
    struct sim sim;
    struct lab_mem mem; /* the policy's */
    struct grebe__lb_host host;
    struct lab_recorder recorder;
    struct lab_options options;
    uint64_t start_ns;
    struct grebe_client_conn *root; /* NULL when it is closed */
    uint32_t n_roots;               /* not yet freed */
    struct grebe__list live;        /* subconns that were not shut down, oldest first */
    struct grebe__list retired;     /* the others, in the order of that */
    uint32_t n_subconns;            /* that were ever made */
    enum grebe_connectivity state;  /* as last published */
    struct grebe_picker *picker;    /* likewise; a reference; NULL: none yet */
    uint64_t n_picks;               /* the id of the next */
    struct grebe__map open_calls;   /* struct lab_open_call by id */
    uint32_t n_violations;
    bool refuses_subconns; /* new_subconn() answers GREBE_ERR_CLOSED */
    bool is_short_of_memory;
};

/* Builds the policy.  Any error is that of build(); nothing is left then but violations
 * that were told. */
int lab_init(struct lab *lab, const struct lab_options *options) GREBE_MUST_CHECK;

/* Destroys the policy; its subconns are shut down.  Calls that are open stay so. */
void lab_close(struct lab *lab);

/* Closes, ends what is open, and tells what was not given back. */
void lab_fini(struct lab *lab);

static inline uint64_t lab_now_ns(const struct lab *lab)
{
    return lab->sim.env.now_ns - lab->start_ns;
}

/* ---- Events in: not after lab_close(), but for the last two ----------------------- */

/* Returns what the policy said to it.  Borrowed; but a config stays valid for as long as
 * grebe/balancer.h has it. */
int lab_update(struct lab *lab, const struct grebe_balancer_update *update);
/* One that does not reach the policy, say because its config is wrong. */
void lab_refuse_update(struct lab *lab, int result, const char *error);

void lab_resolver_error(struct lab *lab, const struct grebe_status *error);
void lab_exit_idle(struct lab *lab);

/* The nth allocation from here on (1: the next) that the policy, or the library on its
 * behalf, makes while something is done to it fails.  Once; lab->mem.has_failed tells. */
void lab_fail_allocation(struct lab *lab, uint64_t nth);

/* The newest that has this address and was not given up; NULL if there is none. */
struct lab_subconn *lab_find_subconn(const struct lab *lab, const char *address);
/* Number `id`, shut down or not; NULL if it was not made yet. */
struct lab_subconn *lab_subconn_at(const struct lab *lab, uint32_t id);

/* Its listener hears this, unless it has heard this state last.  `error` goes with
 * TRANSIENT_FAILURE. */
void lab_subconn(struct lab_subconn *subconn, enum grebe_connectivity state,
                 const struct grebe_status *error);
/* The same for its health listener.  False: there is none. */
bool lab_health(struct lab_subconn *subconn, enum grebe_connectivity state,
                const struct grebe_status *error);

/* A load report, as bytes, comes out of band: to all streams that wait for one.  False:
 * there are none. */
bool lab_report_load(struct lab_subconn *subconn, const void *bytes, size_t length);

/* What a call asks its picker for.  All zero but `method` is fine. */
struct lab_call {
    const char *method;
    const struct grebe_metadata *metadata;
    bool has_hash;
    uint64_t hash;
};

/* How a call ends, for the policy that chose where it went. */
struct lab_outcome {
    struct grebe_status status;
    const struct grebe_load_report *load; /* NULL: the backend sent none */
    bool has_latency;
    uint64_t latency_ns; /* else since the pick */
    uint64_t headers_ns; /* 0: there were none before the end */
    bool is_streaming;
};

/* `n` calls in a row, one event.  `outcome` NULL: those with a backend stay open under
 * their ids, which are counted from lab->n_picks; else they end at once.
 * GREBE_ERR_NOMEM: some calls were not made, or could not be kept open. */
int lab_pick(struct lab *lab, const struct lab_call *call, uint32_t n,
             const struct lab_outcome *outcome) GREBE_MUST_CHECK;

/* Ends an open call.  GREBE_ERR_INVALID: there is none with that id. */
int lab_done(struct lab *lab, uint64_t id,
             const struct lab_outcome *outcome) GREBE_MUST_CHECK;

/* Moves the clock, each timer firing at its own time.  False: it was stopped. */
bool lab_advance(struct lab *lab, uint64_t by_ns);

/* ---- Many picks ------------------------------------------------------------------- */

enum { LAB_SEQUENCE_MAX = 100, LAB_N_ANSWERS = GREBE_PICK_DROP + 1 };

struct lab_tally {
    uint64_t first_id;
    uint32_t n;
    uint32_t n_of_kind[LAB_N_ANSWERS]; /* by grebe_pick_kind */
    struct grebe__map counts;          /* address -> picks, by first appearance */
    uint32_t n_sequence;
    const char *sequence[LAB_SEQUENCE_MAX]; /* the first addresses picked */
};

static inline uint32_t lab_tally_count(const struct grebe__map_entry *entry)
{
    return (uint32_t)(uintptr_t)entry->value;
}

#endif
