/* SPDX-License-Identifier: Apache-2.0 */
/* core/server_load.h -- the load report behind a response.
 *
 * Read once for each attempt, and only if the pick wanted it.  Exactly one value that is a
 * report counts; anything else is as if there were none, and is told in the log, once a
 * minute at most: a call never suffers for it.
 *
 * Source: gRFC A51.
 */
#ifndef GREBE_CORE_SERVER_LOAD_H
#define GREBE_CORE_SERVER_LOAD_H

#include <stdbool.h>

#include "messages/load_report.h"

struct grebe_channel;
struct grebe_metadata;

/* True if the trailers have a report: *out is the caller's to fini then.  `peer` is for
 * the log. */
bool grebe__server_load_read(struct grebe_channel *channel,
                             const struct grebe_metadata *trailers, const char *peer,
                             struct grebe__load_report *out);

#endif
