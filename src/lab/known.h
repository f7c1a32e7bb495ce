/* SPDX-License-Identifier: Apache-2.0 */
/* lab/known.h -- what a recording says of each backend, and of all: how long calls and
 * connections took, how they ended, when connections were lost.
 *
 * Everything is kept in the order of time, and found by time: the nearest, or the next.
 */
#ifndef GREBE_LAB_KNOWN_H
#define GREBE_LAB_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "lab/load.h"
#include "lab/record.h"

/* A list that grows. */
struct known_list {
    void *items;
    size_t n, room;
};

/* A call that ended; or a connection that was tried. */
struct known_end {
    uint64_t at_ns;               /* when it began */
    uint64_t took_ns, headers_ns; /* of a call: until its headers came; 0: they did not */
    int code;                     /* of a connection: OK or UNAVAILABLE */
    bool is_sent, is_received, is_streaming;
    struct lab_load *load; /* owned, or NULL */
    char *error;           /* of a connection: likewise */
};

struct known_change {
    uint64_t at_ns;
    enum grebe_connectivity state;
};

struct known_report {
    uint64_t at_ns;
    unsigned char *bytes; /* owned */
    size_t length;
};

struct known_backend {
    char *address;                     /* owned */
    struct known_list calls, connects; /* of struct known_end */
    struct known_list losses;          /* of struct known_change: READY no more */
    struct known_list backoffs;        /* of struct known_end */
    struct known_list health;          /* of struct known_change */
    struct known_list reports;         /* of struct known_report: load out of band */
};

/* A recorded subconn while the recording is read. */
struct known_subconn {
    struct known_backend *backend;
    enum grebe_connectivity state;
    uint64_t since_ns;
};

/* A recorded call while the recording is read. */
struct known_call {
    uint64_t number;
    uint64_t at_ns;                /* when it first asked */
    uint64_t sent_ns;              /* when it last got a backend */
    struct known_backend *backend; /* where it is, or went; NULL: nowhere yet */
    uint64_t latency_ns;
    int code; /* -1: it has not ended */
    uint32_t n_attempts;
};

struct known {
    const struct grebe_mem *mem;
    struct grebe__map by_address; /* struct known_backend */
    struct known_backend all;     /* calls and connects of all backends */
    struct known_list subconns;   /* struct known_subconn by id, of this build */
    struct known_list feeds;      /* struct known_backend * by id, of this build */
    struct known_list calls;      /* struct known_call, in the order they began */
    struct grebe__map by_number;  /* index in `calls` + 1, as a pointer, of those open */
    uint64_t n_retries;
};

void known_init(struct known *known, const struct grebe_mem *mem);
void known_fini(struct known *known);

/* Room for one more item of `size` bytes, zeroed; NULL when out of memory. */
void *known_append(const struct grebe_mem *mem, struct known_list *list, size_t size);

/* The backend with this address, made if need be; NULL when out of memory. */
struct known_backend *known_backend(struct known *known, const char *address);

/* Takes note of a line.  *call is what a pick begins: an index in known->calls; or
 * SIZE_MAX. */
int known_note(struct known *known, const struct lab_record *record, size_t *call,
               struct grebe_diag *diag);

/* The item that began nearest to `at_ns`; NULL: there is none. */
const struct known_end *known_nearest(const struct known_list *ends, uint64_t at_ns);
/* The first change after `at_ns`, and the last one until then; NULL: there is none. */
const struct known_change *known_next(const struct known_list *changes, uint64_t at_ns);
const struct known_change *known_last(const struct known_list *changes, uint64_t at_ns);
/* The first report after `at_ns`. */
const struct known_report *known_next_report(const struct known_list *reports,
                                             uint64_t at_ns);

#endif
