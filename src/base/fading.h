/* SPDX-License-Identifier: Apache-2.0 */
/* base/fading.h -- what fades, kept as what will be left of it at a landmark.
 *
 *         now                    landmark
 *   -------+------------------------+------        of 1 that is there now, e^-(ahead / decay)
 *          |<------- ahead -------->|              will be left
 *
 * Things that fade alike keep their order.  Two that are kept like this, for the same
 * landmark, so compare as they are: nothing has to be worked out while time goes by.  To see
 * one as it is now, it is divided by what will be left of 1.
 *
 * An era lasts 64 decays, ends with its landmark, and another one begins.  What is kept for the
 * landmark of one era is e^-64 of that for the next.
 *
 * The decay may change.  As many decays as were ahead are then ahead in the new measure, and
 * all that is kept stays true.
 *
 * Threading   One thread makes changes; any thread reads, without a lock (two cells and a
 *             version, as in base/stamped.h).
 * Sources     G. Cormode, V. Shkapenyuk, D. Srivastava, B. Xu, "Forward Decay: A Practical Time
 *             Decay Model for Streaming Systems", whose landmark lies behind.
 */
#ifndef GREBE_BASE_FADING_H
#define GREBE_BASE_FADING_H

#include <stdint.h>

#include "base/expdecay.h"

enum { GREBE__FADING_DECAYS = 64 }; /* in an era */

/* Two years, in nanoseconds: a longer decay counts as this. */
#define GREBE__FADING_LONGEST (INT64_C(1) << 56)

/* One cell; all of it is atomic. */
struct grebe__fading_pace {
    uint64_t landmark_ns; /* of `era` */
    uint64_t era_ns;      /* how long one lasts */
    double rate;          /* 1 / decay */
    uint32_t era;
};

struct grebe__fading {
    struct grebe__fading_pace paces[2];
    uint32_t version; /* atomic: its lowest bit says which one is in force */
};

/* What will be left, at the landmark of an era, of 1 that is there now. */
struct grebe__fading_unit {
    double left;
    uint32_t era;
};

/* The decay, in ns and > 0, from now on.  One that is zeroed begins. */
void grebe__fading_set(struct grebe__fading *fading, int64_t decay_ns, uint64_t now_ns);

/* From one era to another: what is left of 1. */
double grebe__fading_from(uint32_t era, uint32_t to);

/* ---- Reading ----------------------------------------------------------------------------- */

static inline struct grebe__fading_pace
grebe__fading_pace(const struct grebe__fading *fading)
{
    uint32_t version = __atomic_load_n(&fading->version, __ATOMIC_ACQUIRE), seen;
    struct grebe__fading_pace pace;

    do {
        const struct grebe__fading_pace *cell = &fading->paces[version & 1];

        seen = version;
        pace.landmark_ns = __atomic_load_n(&cell->landmark_ns, __ATOMIC_ACQUIRE);
        pace.era_ns = __atomic_load_n(&cell->era_ns, __ATOMIC_ACQUIRE);
        __atomic_load(&cell->rate, &pace.rate, __ATOMIC_ACQUIRE);
        pace.era = __atomic_load_n(&cell->era, __ATOMIC_ACQUIRE);
        version = __atomic_load_n(&fading->version, __ATOMIC_ACQUIRE);
    } while (version != seen);
    return pace;
}

/* From now to the landmark of an era; modulo 2^64 if that is past. */
static inline uint64_t grebe__fading_ahead(const struct grebe__fading_pace *pace,
                                           uint32_t era, uint64_t now_ns)
{
    int64_t eras = (int32_t)(era - pace->era);

    return pace->landmark_ns + (uint64_t)eras * pace->era_ns - now_ns;
}

struct grebe__fading_unit grebe__fading_find_unit(const struct grebe__fading *fading,
                                                  uint64_t now_ns);

/* The same.  `era` is the one it was when somebody last asked: most of the time it still is. */
static inline struct grebe__fading_unit
grebe__fading_unit(const struct grebe__fading *fading, uint32_t era, uint64_t now_ns)
{
    struct grebe__fading_pace pace = grebe__fading_pace(fading);
    uint64_t ahead_ns = grebe__fading_ahead(&pace, era, now_ns);

    if (ahead_ns - 1 >= pace.era_ns)
        return grebe__fading_find_unit(fading, now_ns);
    return (struct grebe__fading_unit){
        grebe__expdecay((double)(int64_t)ahead_ns * pace.rate), era};
}

#endif
