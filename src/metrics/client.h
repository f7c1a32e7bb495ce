/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/client.h -- the instruments of every channel, whatever its policy.
 *
 * Sources     gRFC A66 (attempts and calls), A89 (backend_service), A94 (subchannels), A96
 *             (transparent_retries), A108 (custom).
 */
#ifndef GREBE_METRICS_CLIENT_H
#define GREBE_METRICS_CLIENT_H

#include <grebe/metrics.h>

/* Labels: method, target; custom. */
extern const struct grebe_instrument grebe__attempt_started;

/* Labels: method, target, status; locality, backend_service, custom. */
extern const struct grebe_instrument grebe__attempt_duration;
extern const struct grebe_instrument grebe__attempt_sent;
extern const struct grebe_instrument grebe__attempt_received;

/* Labels: method, target, status; custom. */
extern const struct grebe_instrument grebe__call_duration;

/* Labels: method, target; custom. */
extern const struct grebe_instrument grebe__call_transparent_retries;

/* Labels: target; backend_service, locality. */
extern const struct grebe_instrument grebe__subchannel_succeeded;
extern const struct grebe_instrument grebe__subchannel_failed;
/* The same, and disconnect_error. */
extern const struct grebe_instrument grebe__subchannel_disconnections;
/* The same, and security_level. */
extern const struct grebe_instrument grebe__subchannel_open;

/* All of these; ends with NULL. */
extern const struct grebe_instrument *const grebe__client_instruments[];

#endif
