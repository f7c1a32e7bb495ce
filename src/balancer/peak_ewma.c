/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/peak_ewma.h"

void grebe__peak_ewma_init(struct grebe__peak_ewma *ewma, double guess_ns,
                           const struct grebe__fading *fading, uint64_t now_ns)
{
    struct grebe__fading_unit one = grebe__fading_unit(fading, 0, now_ns);

    *ewma = (struct grebe__peak_ewma){
        .estimate = guess_ns * one.left,
        .one = one.left,
        .era = one.era,
        .is_guess = true,
    };
}

static bool is_later(uint32_t era, uint32_t than)
{
    return (int32_t)(era - than) > 0;
}

double grebe__peak_ewma_read(const struct grebe__peak_ewma *ewma,
                             const struct grebe__fading *fading, uint64_t now_ns)
{
    uint32_t era = grebe__peak_ewma_era(ewma);
    struct grebe__fading_unit one = grebe__fading_unit(fading, era, now_ns);
    double estimate = grebe__real_get(&ewma->estimate),
           then = grebe__real_get(&ewma->one);

    if (is_later(one.era, era))
        return estimate * grebe__fading_from(era, one.era) / one.left;
    if (one.era != era || one.left < then)
        one.left = then;
    return one.left > 0 ? estimate / one.left : 0;
}

static void set(struct grebe__peak_ewma *ewma, double estimate, double one)
{
    __atomic_store(&ewma->estimate, &estimate, __ATOMIC_RELEASE);
    __atomic_store(&ewma->one, &one, __ATOMIC_RELEASE);
}

/* What there is becomes as of a later era.  Who hears it looks at the era before and after the
 * estimate: what he hears is of that era, or nothing. */
static void turn(struct grebe__peak_ewma *ewma, uint32_t era)
{
    double left = grebe__fading_from(ewma->era, era);
    double estimate = grebe__real_get(&ewma->estimate) * left;
    double one = grebe__real_get(&ewma->one) * left;

    set(ewma, 0, 0);
    __atomic_store_n(&ewma->era, era, __ATOMIC_RELEASE);
    set(ewma, estimate, one);
}

void grebe__peak_ewma_add_any(struct grebe__peak_ewma *ewma, double took_ns,
                              struct grebe__fading_unit one)
{
    if (is_later(one.era, ewma->era))
        turn(ewma, one.era);
    grebe__peak_ewma_add(ewma, took_ns, one.era == ewma->era ? one.left : 0);
}

/* ---- What others know -------------------------------------------------------------------- */

/* False: nothing, or it is turning. */
static bool listen(const struct grebe__peak_ewma *other, double *estimate,
                   struct grebe__fading_unit *one)
{
    one->era = grebe__peak_ewma_era(other);
    __atomic_load(&other->estimate, estimate, __ATOMIC_ACQUIRE);
    __atomic_load(&other->one, &one->left, __ATOMIC_ACQUIRE);
    return !grebe__peak_ewma_is_guess(other) && grebe__peak_ewma_era(other) == one->era &&
           one->left > 0;
}

void grebe__peak_ewma_hear(struct grebe__peak_ewma *ewma,
                           const struct grebe__peak_ewma *other)
{
    struct grebe__fading_unit one;
    double estimate;

    if (!listen(other, &estimate, &one) || is_later(ewma->era, one.era))
        return;
    if (one.era != ewma->era)
        turn(ewma, one.era);
    if (grebe__peak_ewma_is_guess(ewma)) {
        set(ewma, estimate, one.left);
        __atomic_store_n(&ewma->is_guess, false, __ATOMIC_RELAXED);
    } else if (one.left > grebe__real_get(&ewma->one)) {
        grebe__peak_ewma_add(ewma, estimate / one.left, one.left);
    }
}
