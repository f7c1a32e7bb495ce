/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/aperture_band.h"

#include "base/expdecay.h"

/* What is seen first is the average. */
static void observe(struct grebe__aperture_band *band, uint64_t n_calls,
                    int64_t window_ns, uint64_t now_ns)
{
    double left = 0, added;

    if (band->has_looked)
        left = grebe__expdecay((double)(now_ns - band->at_ns) / (double)window_ns);
    /* Apart, so that no compiler makes one rounding of two. */
    added = (double)n_calls * (1 - left);
    band->calls *= left;
    band->calls += added;
    band->at_ns = now_ns;
    band->has_looked = true;
}

int grebe__aperture_band_look(struct grebe__aperture_band *band,
                              const struct grebe__aperture_limits *limits,
                              const struct grebe__aperture_view *view, uint64_t now_ns)
{
    uint32_t n_in_use = view->width - view->n_failed;
    uint32_t n_with_one_less = view->is_last_failed ? n_in_use : n_in_use - 1;

    observe(band, view->n_calls, limits->window_ns, now_ns);
    if (n_in_use < view->least || band->calls > limits->high * n_in_use)
        return view->width < view->most;
    if (band->calls < limits->low * n_in_use && n_with_one_less >= view->least &&
        band->calls <= limits->high * n_with_one_less)
        return -1;
    return 0;
}
