/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/aperture_row.h -- two different endpoints, drawn by how much of each counts.
 *
 *   |--0--|----1----|----2----|----3----|-4-|      the parts, end to end
 *   0                    x                total    who is at x?
 *
 * All but the two at the ends count in full, so whoever is at x is found by rounding it down,
 * and the row without the one that was drawn first is a row again: a second draw never has to
 * be repeated.
 */
#ifndef GREBE_BALANCER_APERTURE_ROW_H
#define GREBE_BALANCER_APERTURE_ROW_H

#include "base/rng.h"

struct grebe__aperture_row {
    uint32_t n;         /* > 0 */
    double first, last; /* weights, in (0, 1]; n == 1: only `first` counts */
};

struct grebe__aperture_two {
    uint32_t a, b; /* the same if there is but one */
};

static inline double grebe__aperture_row_weight(const struct grebe__aperture_row *row,
                                                uint32_t i)
{
    if (i == 0)
        return row->first;
    return i == row->n - 1 ? row->last : 1;
}

static inline double grebe__aperture_row_total(const struct grebe__aperture_row *row)
{
    return row->n == 1 ? row->first : row->first + (row->n - 2) + row->last;
}

/* Who is at `x`, in [0, total). */
static inline uint32_t grebe__aperture_row_at(const struct grebe__aperture_row *row,
                                              double x)
{
    uint32_t i;

    if (x < row->first)
        return 0;
    i = 1 + (uint32_t)(x - row->first);
    return i < row->n ? i : row->n - 1; /* a rounding error puts nobody outside */
}

/* n > 1. */
static inline struct grebe__aperture_row
grebe__aperture_row_without(const struct grebe__aperture_row *row, uint32_t i)
{
    struct grebe__aperture_row rest = {row->n - 1, row->first, row->last};

    if (i == 0)
        rest.first = grebe__aperture_row_weight(row, 1);
    else if (i == row->n - 1)
        rest.last = grebe__aperture_row_weight(row, row->n - 2);
    return rest;
}

static inline struct grebe__aperture_two
grebe__aperture_row_draw(const struct grebe__aperture_row *row, struct grebe__rng *rng)
{
    struct grebe__aperture_two two;
    struct grebe__aperture_row rest;

    if (row->n == 1)
        return (struct grebe__aperture_two){0, 0};
    two.a = grebe__aperture_row_at(row,
                                   grebe__rng_unit(rng) * grebe__aperture_row_total(row));
    rest = grebe__aperture_row_without(row, two.a);
    two.b = grebe__aperture_row_at(&rest, grebe__rng_unit(rng) *
                                              grebe__aperture_row_total(&rest));
    two.b += two.b >= two.a;
    return two;
}

#endif
