/* SPDX-License-Identifier: Apache-2.0 */
/* scenario/recorder.h -- a policy that writes down everything that happens to it.
 *
 * Registered as "recorder".  It keeps a connected subconn for each address and sends calls
 * to all that are READY in turn, as the simplest policy would, and notes each arrow of the
 * diagrams it stands in:
 *
 *   build             update a b        error TEXT       exit_idle       close
 *   new a             connect a         remove a         a READY (and so on)
 *   publish READY     pick a            pick queue       done a OK
 */
#ifndef SCENARIO_RECORDER_H
#define SCENARIO_RECORDER_H

#include <grebe/balancer.h>

extern const struct grebe_balancer_builder recorder;

/* The notes since the last time, joined with ", ". */
const char *recorder_trace(void);
/* For world_until(): the notes, still to be read, end with this text. */
bool recorder_ends_with(const void *text);

#endif
