/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/endpoint_load.h -- how busy an endpoint is, for policies that count.
 *
 *   book ----owns----> load <----owns---- picker
 *                        ^
 *                        +----owns---- subconn <--holds-- each call in flight
 *
 * The book finds the load of an endpoint again when the policy makes its next picker, so
 * that what was counted is not forgotten.  A call counts from its pick to its end, which
 * may come when picker, book and policy are long gone: the subconn that it is on keeps the
 * load (balancer/keeper.h).
 *
 * Each thread of a crew (base/crew.h) has its view of a load, a cache line to itself.  There
 * it counts the calls that it begins and ends, and has what the others had in flight when it
 * last looked.  It looks again when that is 10 us ago, and at every 32nd glance: counts
 * that two threads write and read in turn would travel between their cores all the time.  A
 * thread that has always been alone need not look, and sees all there is.
 *
 * A policy that keeps more of each endpoint has struct grebe__endpoint_load as the first
 * member of what it keeps; one that keeps more for each thread has struct grebe__load_view as
 * the first member of that, and the rest of the line; one that keeps something for all of them
 * together has struct grebe__crew as the first member of that.
 *
 * Threading   The book is on the loop's thread; all else is any thread's.
 */
#ifndef GREBE_BALANCER_ENDPOINT_LOAD_H
#define GREBE_BALANCER_ENDPOINT_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/balancer.h>
#include <grebe/map.h>
#include <grebe/parent.h>

#include "balancer/keeper.h"
#include "balancer/leaf.h"
#include "base/crew.h"
#include "base/line.h"

/* ---- One thread's view ------------------------------------------------------------------- */

struct grebe__load_view {
    struct grebe__crew *crew; /* the load's */
    uint64_t looked_ns;       /* atomic, as all that follows but the number */
    uint32_t number;          /* in the crew */
    uint32_t begun, ended;    /* calls */
    uint32_t others;          /* calls that others had in flight, when it last looked */
    uint32_t n_glances;       /* since then */
};

union grebe__load_view_line {
    struct grebe__load_view view;
    char line[GREBE__LINE];
};

/* The views of all numbers, of a load or of anything else that has some. */
void grebe__load_views_init(union grebe__load_view_line *views, struct grebe__crew *crew);

/* Another one's view of the same load. */
static inline struct grebe__load_view *grebe__load_view_of(struct grebe__load_view *view,
                                                           unsigned number)
{
    union grebe__load_view_line *line = (union grebe__load_view_line *)view;

    return &line[(ptrdiff_t)number - (ptrdiff_t)view->number].view;
}

/* Counts what the others have in flight at `now_ns`. */
void grebe__load_view_look(struct grebe__load_view *view, uint64_t now_ns);

/* Looks, if it is time.  True: it was, and the others may know more. */
static inline bool grebe__load_view_glance(struct grebe__load_view *view, uint64_t now_ns)
{
    enum { LOOKS_EVERY = 32, LOOKS_AFTER_NS = 10000 };
    uint64_t ago_ns = now_ns - __atomic_load_n(&view->looked_ns, __ATOMIC_RELAXED);
    uint32_t n_glances = __atomic_load_n(&view->n_glances, __ATOMIC_RELAXED) + 1;

    __atomic_store_n(&view->n_glances, n_glances, __ATOMIC_RELAXED);
    if (n_glances < LOOKS_EVERY && ago_ns < LOOKS_AFTER_NS)
        return false;
    grebe__load_view_look(view, now_ns);
    return true;
}

/* As seen here.  Others go on meanwhile: a call may be seen to end that was not seen to
 * begin. */
static inline uint32_t grebe__load_view_in_flight(const struct grebe__load_view *view)
{
    uint32_t n = __atomic_load_n(&view->begun, __ATOMIC_RELAXED) -
                 __atomic_load_n(&view->ended, __ATOMIC_RELAXED) +
                 __atomic_load_n(&view->others, __ATOMIC_RELAXED);

    return (int32_t)n < 0 ? 0 : n;
}

/* A call that was begun in this view, or in another one, is over; says the thread that has
 * `number`. */
static inline void grebe__load_view_end(struct grebe__load_view *view, unsigned number)
{
    grebe__crew_count(&grebe__load_view_of(view, number)->ended, number);
}

/* ---- A load ------------------------------------------------------------------------------ */

/* Begins with a cache line. */
struct grebe__endpoint_load {
    union grebe__load_view_line views[GREBE__CREW_NUMBERS];
    struct grebe__kept kept; /* owned by book, pickers and subconns */
    uint32_t round;          /* the book's: when it was last asked for */
};

static inline struct grebe__endpoint_load *
grebe__endpoint_load_of(struct grebe__load_view *view)
{
    return (struct grebe__endpoint_load *)grebe__load_view_of(view, 0);
}

/* The calling thread's. */
static inline struct grebe__load_view *
grebe__endpoint_load_view(struct grebe__endpoint_load *load)
{
    return &load->views[grebe__crew_number(load->views[0].view.crew)].view;
}

/* As all threads see it together. */
uint32_t grebe__endpoint_load_in_flight(const struct grebe__endpoint_load *load);

/* For pick(), after that of the leaf: a call that is sent counts until it ends.  `view` is
 * that of the calling thread, and a picker owns its load.  `done` gets it as its `arg` and
 * has to call grebe__load_view_end().  False: it is not sent. */
static inline bool grebe__load_view_begin(struct grebe__load_view *view,
                                          struct grebe_pick *pick,
                                          grebe_pick_done_fn done)
{
    if (!grebe_pick_listen(pick, done, view))
        return false;
    grebe__crew_count(&view->begun, view->number);
    return true;
}

/* A `done` that does nothing else. */
void grebe__load_view_done(void *arg, const struct grebe_done_info *info);

/* ---- Book ------------------------------------------------------------------------------ */

struct grebe__load_book {
    const struct grebe_mem *mem;
    size_t size;      /* of what is kept for each endpoint */
    size_t crew_size; /* of what all have in common; 0: a crew */
    /* An endpoint forgets its calls when it is not READY any more.  Else it is
     * remembered for as long as it is listed. */
    bool is_forgetful;
    /* Fill what comes behind the crew, and behind load and views, which is zeroed.  NULL:
     * nothing does. */
    void (*init_crew)(struct grebe__crew *crew);
    void (*init)(struct grebe__endpoint_load *load, void *arg);
    void *arg;
    struct grebe_endpoint_map *loads; /* endpoint -> load, a reference; NULL: none yet */
    struct grebe__crew *crew;         /* a reference; NULL: none yet */
    uint32_t round;
    size_t n_entered; /* in this round */
};

/* Makes the crew, if there is none yet.  A round does it as well.  GREBE_ERR_NOMEM. */
int grebe__load_book_open(struct grebe__load_book *book) GREBE_MUST_CHECK;

/* A round asks for the loads of all endpoints; its end drops the others.  Without an end
 * nothing is dropped.  GREBE_ERR_NOMEM. */
int grebe__load_book_begin(struct grebe__load_book *book) GREBE_MUST_CHECK;
/* Borrowed.  That of a child that is READY is kept by its subconn.  NULL when out of
 * memory. */
struct grebe__endpoint_load *grebe__load_book_enter(
    struct grebe__load_book *book, const struct grebe_sharding_child *child);
void grebe__load_book_end(struct grebe__load_book *book);

/* Gives up what is left of them. */
void grebe__load_book_fini(struct grebe__load_book *book);

/* Calls on all of them. */
uint32_t grebe__load_book_in_flight(const struct grebe__load_book *book);

/* ---- Endpoints to choose from ------------------------------------------------------------ */

/* One of them, as a picker has it. */
struct grebe__loaded {
    struct grebe__leaf leaf;           /* with a subconn: it is READY */
    struct grebe__endpoint_load *load; /* a reference */
    uint32_t weight; /* as base/endpoint.h has it: its own, or of its addresses */
};

/* Who picks, and when. */
struct grebe__load_sight {
    unsigned number; /* the thread's, in the crew */
    bool is_alone;   /* it always has been */
    uint64_t now_ns;
};

static inline struct grebe__load_sight grebe__load_sight_of(struct grebe__crew *crew,
                                                            uint64_t now_ns)
{
    unsigned number = grebe__crew_number(crew);

    return (struct grebe__load_sight){number, grebe__crew_is_alone(crew, number), now_ns};
}

static inline struct grebe__load_view *grebe__loaded_view(
    const struct grebe__loaded *loaded, const struct grebe__load_sight *sight)
{
    return &loaded->load->views[sight->number].view;
}

/* Calls that are counted in his view. */
static inline uint32_t grebe__load_sight_count(const struct grebe__load_sight *sight,
                                               struct grebe__load_view *view)
{
    if (!sight->is_alone)
        (void)grebe__load_view_glance(view, sight->now_ns);
    return grebe__load_view_in_flight(view);
}

/* Calls on it. */
static inline uint32_t grebe__loaded_in_flight(const struct grebe__loaded *loaded,
                                               const struct grebe__load_sight *sight)
{
    return grebe__load_sight_count(sight, grebe__loaded_view(loaded, sight));
}

/* For pick(): sends the call there, and counts it until it ends, as load_view_begin() does. */
static inline bool grebe__loaded_pick(const struct grebe__loaded *loaded,
                                      const struct grebe__load_sight *sight,
                                      struct grebe_pick *out, grebe_pick_done_fn done)
{
    grebe__leaf_take(&loaded->leaf, out);
    return grebe__load_view_begin(grebe__loaded_view(loaded, sight), out, done);
}

/* A round, of the children as they are now: `out`, which has room for n, gets those that are
 * READY, *n_out of them.  GREBE_ERR_NOMEM: nobody is forgotten. */
int grebe__load_book_take(struct grebe__load_book *book,
                          const struct grebe_sharding_child *children, size_t n,
                          struct grebe__loaded *out, uint32_t *n_out) GREBE_MUST_CHECK;
/* The same where none is READY, and so nobody to choose. */
int grebe__load_book_keep(struct grebe__load_book *book,
                          const struct grebe_sharding_child *children,
                          size_t n) GREBE_MUST_CHECK;
void grebe__loaded_release(struct grebe__loaded *loaded, uint32_t n);

#endif
