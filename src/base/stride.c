/* SPDX-License-Identifier: Apache-2.0 */
#include "base/stride.h"

static const double most_to_mean = 10;    /* as in the C core */
static const double least_to_mean = 0.01; /* likewise */

void grebe__stride_init(struct grebe__stride *stride, uint32_t n, uint32_t first,
                        uint16_t *shares)
{
    *stride = (struct grebe__stride){
        .inverse = UINT64_MAX / n + 1,
        .n = n,
        .shares = shares,
    };
    grebe__lanes_init(&stride->lanes, first, UINT32_MAX / (GREBE__LANES_OWN + 1));
    for (uint32_t i = 0; i < n; i++)
        shares[i] = GREBE__STRIDE_FULL;
}

static void put(struct grebe__stride *stride, uint32_t i, uint16_t share)
{
    __atomic_store_n(&stride->shares[i], share, __ATOMIC_RELAXED);
}

/* Of a share that is not negative. */
static double rounded(double share)
{
    return (double)(uint32_t)(share + 0.5);
}

/* How weights become shares. */
struct scale {
    double max;    /* counts as FULL */
    double factor; /* FULL / max */
    double mean;   /* of the known ones, as a share */
    double least;  /* no share is smaller */
};

static struct scale scale_of(double sum, double max, uint32_t n_known)
{
    double mean = sum / n_known;
    struct scale scale = {.max = max < most_to_mean * mean ? max : most_to_mean * mean};

    scale.factor = GREBE__STRIDE_FULL / scale.max;
    scale.mean = rounded(scale.factor * mean);
    scale.least = rounded(scale.mean * least_to_mean);
    if (scale.least < 1)
        scale.least = 1;
    return scale;
}

static uint16_t share_of(const struct scale *scale, double weight)
{
    double share;

    if (weight == 0)
        return (uint16_t)scale->mean;
    if (weight >= scale->max)
        return GREBE__STRIDE_FULL;
    share = rounded(scale->factor * weight);
    return (uint16_t)(share < scale->least ? scale->least : share);
}

bool grebe__stride_set(struct grebe__stride *stride, const double *weights)
{
    double sum = 0, max = 0;
    uint32_t n_known = 0;
    struct scale scale;

    for (uint32_t i = 0; i < stride->n; i++) {
        sum += weights[i];
        if (weights[i] > max)
            max = weights[i];
        n_known += weights[i] != 0;
    }
    if (n_known < 2) {
        for (uint32_t i = 0; i < stride->n; i++)
            put(stride, i, GREBE__STRIDE_FULL);
        return false;
    }
    scale = scale_of(sum, max, n_known);
    /* Those that are never passed over first: who draws meanwhile finds one. */
    for (uint32_t i = 0; i < stride->n; i++)
        if (weights[i] >= scale.max)
            put(stride, i, GREBE__STRIDE_FULL);
    for (uint32_t i = 0; i < stride->n; i++)
        put(stride, i, share_of(&scale, weights[i]));
    return true;
}
