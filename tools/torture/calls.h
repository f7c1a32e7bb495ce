/* SPDX-License-Identifier: Apache-2.0 */
/* calls.h -- calls, and what each of them may come to.
 *
 * A call's record sees all that happens to it, on both sides: the client that starts and
 * cancels it, the pickers that are asked for it, the servers that it reaches and what they
 * say.  When it is done this has to explain its status.
 *
 *   a server that may have acted on a request never sees the call again;
 *   one that refused it, or lost it on the way, may be followed by another;
 *   a call ends once, not before its deadline for that reason, and never after it;
 *   the response is the one that was sent for this call.
 */
#ifndef TORTURE_CALLS_H
#define TORTURE_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "core/call.h"
#include "servers.h"

enum { METHOD_BYTES = 24 };

struct call {
    struct grebe__list link; /* on client->calls, then on client->done */
    struct client *client;
    uint32_t id, channel_number; /* of the client's channels */
    char method[METHOD_BYTES];   /* "/s/m17" */
    unsigned char *request;      /* owned */
    size_t request_length;
    uint32_t traits; /* enum call_trait */
    uint32_t timeout_ms;
    struct grebe_call *call; /* a reference, unless CALL_DIRECT; NULL when given up */
    const struct grebe_call *looked_at; /* the same, borrowed until it is done */
    uint64_t started_ns, n_failed_before;
    bool is_cancelled, is_done;

    /* Service configs that may have been the one. */
    bool may_wait, may_fail_fast;
    bool may_be_too_large;
    uint64_t deadline_ns;          /* its own; UINT64_MAX: none */
    uint64_t earliest_ns, last_ns; /* of the deadlines it may have */

    /* Attempts. */
    uint32_t n_arrivals, n_refused, n_bounced;
    bool is_at_server; /* one is open */
    bool is_answered, is_answered_badly;
    bool is_broken; /* one is over that the server may have acted on, without an answer */
    int answer;     /* a status code */
    struct server *server; /* of the last attempt; NULL: there was none */

    /* Picks. */
    uint32_t n_picks_open;
    bool was_failed, was_dropped; /* by a picker, with one of: */
    uint32_t pick_codes;          /* bits */
};

/* Start one; as an application does, here and now, wherever that is. */
void call_start(struct client *client, uint32_t traits, uint32_t timeout_ms);
void call_cancel(struct call *call);

/* A service config came into force. */
void calls_note_config(struct client *client);
/* Nobody can tell which one is. */
void calls_note_doubt(struct client *client);

/* ---- What happens to it -------------------------------------------------------------- */

/* By its path; NULL: none of ours (a pick on trial). */
struct call *call_by_path(struct world *world, const char *path);

void call_arrived(struct call *call, struct server *server);
bool call_is_request(const struct call *call, const void *bytes, size_t length);
bool call_may_bounce(const struct call *call);
void call_answered(struct call *call, int code);
void call_answered_badly(struct call *call);
void call_attempt_over(struct call *call, enum grebe__progress progress);
void call_pick_failed(struct call *call, bool is_dropped, int code);

/* ---- Looking at them ----------------------------------------------------------------- */

/* Those of an open client, whenever nothing is going on. */
void calls_check(struct client *client);

/* Give up the references kept to calls that are done, after a last look. */
void calls_release(struct client *client);

static inline struct call *call_of_link(struct grebe__list *link)
{
    return grebe_container_of(link, struct call, link);
}

#endif
