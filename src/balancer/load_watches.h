/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/load_watches.h -- load reports out of band, of all endpoints of a picker.
 *
 * They belong to the picker that is in use and are made anew with it.  Those of the next one
 * are there before the last ones are given up, so that the streams go on.
 *
 * Threading   The loop's.
 *
 * Source: gRFC A51.
 */
#ifndef GREBE_BALANCER_LOAD_WATCHES_H
#define GREBE_BALANCER_LOAD_WATCHES_H

#include <grebe/load_report.h>

#include "balancer/endpoint_load.h"

struct grebe__load_watches;

typedef void (*grebe__load_watch_fn)(struct grebe__endpoint_load *load,
                                     const struct grebe_load_report *report,
                                     uint64_t now_ns);

/* Asks each of `n` endpoints, whose loads have to stay until free(), for a report in each
 * period.  Who cannot be asked for want of memory is left out, and a warning says so for
 * `policy`; NULL: nobody could be asked. */
struct grebe__load_watches *grebe__load_watches_new(struct grebe_client_conn *cc,
                                                    const char *policy,
                                                    const struct grebe__loaded *endpoints,
                                                    uint32_t n, uint64_t period_ns,
                                                    grebe__load_watch_fn on_report);
void grebe__load_watches_free(struct grebe__load_watches *watches); /* NULL: no-op */

#endif
