/* SPDX-License-Identifier: Apache-2.0 */
/* core/call_meter.h -- calls and attempts, measured for the recorders of their channel.
 *
 * A call finds the series of its method once.  Those of a status are opened when it first
 * occurs, and kept: in steady state nothing is looked up but the method, and that is a
 * comparison with the one before.
 *
 * An attempt begins before its pick and ends with its status; one that was bounced, or
 * refused by the server, and is made again counts like any other (gRFC A66).
 *
 * Threading   The loop's thread.
 * Sources     gRFC A66, A96 (transparent_retries), A108 (custom label).
 */
#ifndef GREBE_CORE_CALL_METER_H
#define GREBE_CORE_CALL_METER_H

#include <stdbool.h>

#include "core/call.h"
#include "core/meter.h"

/* NULL: out of memory.  `meter` and `target` are borrowed.  `labels_all`: tell every
 * method by its name. */
struct grebe__call_meter *grebe__call_meter_new(struct grebe__meter *meter,
                                                const char *target, bool labels_all);
void grebe__call_meter_free(struct grebe__call_meter *meter); /* NULL: no-op */

/* The method of `call`; NULL: nobody records it. */
struct grebe__method_meter *grebe__call_meter_method(struct grebe__call_meter *meter,
                                                     const struct grebe_call *call);

void grebe__method_meter_attempt_begins(struct grebe__method_meter *method);
void grebe__method_meter_attempt_ends(struct grebe__method_meter *method,
                                      const struct grebe_call *call, int code);
void grebe__method_meter_call_ends(struct grebe__method_meter *method,
                                   const struct grebe_call *call);

#endif
