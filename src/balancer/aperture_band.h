/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/aperture_band.h -- how many endpoints a client needs: so many that each has a load
 * within a band.
 *
 *   load     calls in flight, averaged over a window, / endpoints in use
 *   above    the band, or fewer than `least` in use: one more
 *   below    it, and more than `least` in use: one less, unless that puts it above
 *
 * The calls are what is averaged, and not the quotient: what one endpoint more or less does
 * to the load is known at once, and need not be waited for.
 *
 * An endpoint that has failed is of no use, and does not count: others stand in for it.
 *
 * Each look is one step at most: whoever looks once a second has an aperture that changes by
 * one endpoint a second.
 *
 * Source: Finagle, LoadBand.
 */
#ifndef GREBE_BALANCER_APERTURE_BAND_H
#define GREBE_BALANCER_APERTURE_BAND_H

#include <stdbool.h>
#include <stdint.h>

struct grebe__aperture_limits {
    double high, low; /* calls in flight for each endpoint; high > low >= 0 */
    int64_t window_ns;
};

/* Zeroed: nothing was seen yet. */
struct grebe__aperture_band {
    double calls;   /* in flight, averaged */
    uint64_t at_ns; /* of the last look */
    bool has_looked;
};

/* What there is to see. */
struct grebe__aperture_view {
    uint32_t width;      /* endpoints in the aperture */
    uint32_t n_failed;   /* of them */
    bool is_last_failed; /* the one that would go first */
    uint32_t least;      /* never fewer in use than that, if there are as many */
    uint32_t most;       /* endpoints that there are */
    uint64_t n_calls;    /* in flight, to all in the aperture */
};

/* 1: one endpoint more; -1: one less; 0: as many as there are. */
int grebe__aperture_band_look(struct grebe__aperture_band *band,
                              const struct grebe__aperture_limits *limits,
                              const struct grebe__aperture_view *view, uint64_t now_ns);

#endif
