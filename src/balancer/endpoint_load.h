/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/endpoint_load.h -- how busy an endpoint is, for policies that count.
 *
 *   book ----owns----> load <----owns---- picker
 *                        ^
 *                        +---- each call in flight
 *
 * The book finds the load of an endpoint again when the policy makes its next picker, so
 * that what was counted is not forgotten.  A call counts from its pick to its end, which
 * may come when picker, book and policy are long gone.
 *
 * Calls that begin are counted by the thread that picks, for itself (base/crew.h); calls that
 * end, and owners, are in one atomic word.  While there is a picker there is an owner; when
 * there is none, no call begins any more.  The last owner takes all calls that ever began
 * from the word, and whoever makes it zero, that owner or the end of a call, frees the load.
 * So a call costs one atomic addition, and not two.
 *
 * A policy that keeps more of each endpoint has struct grebe__endpoint_load as the first
 * member of what it keeps.
 *
 * Threading   The book is on the loop's thread; begin, end and in_flight are any thread's.
 */
#ifndef GREBE_BALANCER_ENDPOINT_LOAD_H
#define GREBE_BALANCER_ENDPOINT_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/balancer.h>
#include <grebe/map.h>
#include <grebe/parent.h>

#include "base/crew.h"

/* Begins with a cache line. */
struct grebe__endpoint_load {
    uint64_t uses; /* atomic: ends of calls in the upper half, owners in the lower */
    uint32_t begun[GREBE__CREW_NUMBERS]; /* calls, by who picked */
    uint32_t round;                      /* the book's: when it was last asked for */
    struct grebe__crew *crew;            /* a reference: the book's, of all its loads */
};

/* The ends first: whoever sees one sees that the call began. */
static inline uint32_t
grebe__endpoint_load_in_flight(const struct grebe__endpoint_load *load)
{
    uint64_t uses = __atomic_load_n(&load->uses, __ATOMIC_ACQUIRE);

    return grebe__crew_sum(load->begun) - (uint32_t)(uses >> 32);
}

/* A call goes there, by a picker that owns the load. */
static inline void grebe__endpoint_load_begin(struct grebe__endpoint_load *load)
{
    grebe__crew_count(load->begun, grebe__crew_number(load->crew));
}

/* When nobody uses it. */
void grebe__endpoint_load_free(struct grebe__endpoint_load *load);

/* The call is over, and perhaps the load as well. */
static inline void grebe__endpoint_load_end(struct grebe__endpoint_load *load)
{
    if (__atomic_add_fetch(&load->uses, UINT64_C(1) << 32, __ATOMIC_ACQ_REL) == 0)
        grebe__endpoint_load_free(load);
}

/* The same as a grebe_pick_done_fn, whose `arg` is the load. */
void grebe__endpoint_load_done(void *arg, const struct grebe_done_info *info);

/* For pick(), after that of the leaf: a call that is sent counts until it ends. */
static inline void grebe__endpoint_load_count(struct grebe__endpoint_load *load,
                                              struct grebe_pick *pick)
{
    if (grebe_pick_listen(pick, grebe__endpoint_load_done, load))
        grebe__endpoint_load_begin(load);
}

/* ---- Book ------------------------------------------------------------------------------ */

struct grebe__load_book {
    const struct grebe_mem *mem;
    size_t size; /* of what is kept for each endpoint */
    /* An endpoint forgets its calls when it is not READY any more.  Else it is
     * remembered for as long as it is listed. */
    bool is_forgetful;
    /* Fills what comes behind the load, which is zeroed.  NULL: nothing does. */
    void (*init)(struct grebe__endpoint_load *load, void *arg);
    void *arg;
    struct grebe_endpoint_map *loads; /* endpoint -> load, one owner; NULL: none yet */
    struct grebe__crew *crew;         /* a reference; NULL: none yet */
    uint32_t round;                   /* of take(): who is not asked for is forgotten */
};

/* Gives up what is left of them. */
void grebe__load_book_fini(struct grebe__load_book *book);

/* An endpoint to choose: its picker and its load, one reference to each. */
struct grebe__loaded {
    struct grebe_picker *picker;
    struct grebe__endpoint_load *load;
    uint32_t weight; /* as base/endpoint.h has it: its own, or of its addresses */
};

/* The children as they are now: `out`, which has room for n, gets those that are READY,
 * *n_out of them.  Who is not listed is forgotten.  GREBE_ERR_NOMEM: nobody is. */
int grebe__load_book_take(struct grebe__load_book *book,
                          const struct grebe_sharding_child *children, size_t n,
                          struct grebe__loaded *out, uint32_t *n_out) GREBE_MUST_CHECK;
/* The same where none is READY, and so nobody to choose. */
int grebe__load_book_keep(struct grebe__load_book *book,
                          const struct grebe_sharding_child *children,
                          size_t n) GREBE_MUST_CHECK;
void grebe__loaded_release(struct grebe__loaded *loaded, uint32_t n);

#endif
