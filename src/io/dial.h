/* SPDX-License-Identifier: Apache-2.0 */
/* io/dial.h -- the connector port of a loop. */
#ifndef GREBE_IO_DIAL_H
#define GREBE_IO_DIAL_H

#include "base/task.h"
#include "core/env.h"

extern const struct grebe__connector_ops grebe__connector;

/* For the loop's list of dials that found no memory: answers them. */
void grebe__dial_answer_starved(struct grebe__task *task);

#endif
