/* SPDX-License-Identifier: Apache-2.0 */
/* core/subconn_meter.h -- connections of subconns, measured for the recorders of their
 * channel.
 *
 * Threading   The loop's thread.
 * Sources     gRFC A94; gRFC A105 (a subconn may have several connections: each counts).
 */
#ifndef GREBE_CORE_SUBCONN_METER_H
#define GREBE_CORE_SUBCONN_METER_H

#include "core/subconn.h"

/* A round through the addresses led to `transport`, or, not cancelled, to none. */
void grebe__subconn_meter_connected(const struct grebe__subconn *subconn,
                                    const struct grebe__transport *transport);
void grebe__subconn_meter_failed(const struct grebe__subconn *subconn);

/* `transport` is lost, or given up, for the reason that it is labelled with. */
void grebe__subconn_meter_disconnected(const struct grebe__subconn *subconn,
                                       const struct grebe__transport *transport);

#endif
