/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fading.h"

/* Who looks at the other cell meanwhile sees the version after it, and looks again. */
static void write_pace(struct grebe__fading *fading,
                       const struct grebe__fading_pace *pace)
{
    uint32_t version = __atomic_load_n(&fading->version, __ATOMIC_RELAXED) + 1;
    struct grebe__fading_pace *cell = &fading->paces[version & 1];
    double rate = pace->rate;

    __atomic_store_n(&cell->landmark_ns, pace->landmark_ns, __ATOMIC_RELEASE);
    __atomic_store_n(&cell->era_ns, pace->era_ns, __ATOMIC_RELEASE);
    __atomic_store(&cell->rate, &rate, __ATOMIC_RELEASE);
    __atomic_store_n(&cell->era, pace->era, __ATOMIC_RELEASE);
    __atomic_store_n(&fading->version, version, __ATOMIC_RELEASE);
}

/* A landmark is the first moment of the era behind it. */
static uint32_t era_at(const struct grebe__fading_pace *pace, uint64_t now_ns)
{
    int64_t past_ns = (int64_t)(now_ns - pace->landmark_ns);
    int64_t era_ns = (int64_t)pace->era_ns;
    int64_t n = past_ns >= 0 ? past_ns / era_ns + 1 : -((-past_ns - 1) / era_ns);

    return pace->era + (uint32_t)n;
}

void grebe__fading_set(struct grebe__fading *fading, int64_t decay_ns, uint64_t now_ns)
{
    struct grebe__fading_pace old = grebe__fading_pace(fading), pace = {0};
    double decays = GREBE__FADING_DECAYS; /* ahead */

    if (decay_ns > GREBE__FADING_LONGEST)
        decay_ns = GREBE__FADING_LONGEST;
    pace.era_ns = (uint64_t)decay_ns * GREBE__FADING_DECAYS;
    pace.rate = 1 / (double)decay_ns;
    if (pace.era_ns == old.era_ns)
        return;
    if (old.era_ns > 0) {
        pace.era = era_at(&old, now_ns);
        decays = (double)grebe__fading_ahead(&old, pace.era, now_ns) * old.rate;
    }
    pace.landmark_ns = now_ns + (uint64_t)(decays * (double)decay_ns);
    write_pace(fading, &pace);
}

double grebe__fading_from(uint32_t era, uint32_t to)
{
    return grebe__expdecay((double)(to - era) * GREBE__FADING_DECAYS);
}

struct grebe__fading_unit grebe__fading_find_unit(const struct grebe__fading *fading,
                                                  uint64_t now_ns)
{
    struct grebe__fading_pace pace = grebe__fading_pace(fading);
    uint32_t era = era_at(&pace, now_ns);
    double ahead_ns = (double)grebe__fading_ahead(&pace, era, now_ns);

    return (struct grebe__fading_unit){grebe__expdecay(ahead_ns * pace.rate), era};
}
