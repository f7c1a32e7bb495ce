/* SPDX-License-Identifier: Apache-2.0 */
/* core/record_line.h -- what the lines of a recording are made of.
 *
 * A line is begun, filled with members of recording->line, and ended.  begin() is false when
 * nothing is written any more.
 */
#ifndef GREBE_CORE_RECORD_LINE_H
#define GREBE_CORE_RECORD_LINE_H

#include "base/text.h"
#include "core/client_conn.h"
#include "core/record.h"

/* Nanoseconds since the recording began. */
static inline uint64_t grebe__record_now(const struct grebe__recording *recording)
{
    uint64_t now_ns = recording->host->env->now_ns;

    return now_ns < recording->start_ns ? 0 : now_ns - recording->start_ns;
}

bool grebe__record_begin(struct grebe__recording *recording, const char *name);
/* Of an input: says after how many effects it comes. */
bool grebe__record_begin_input(struct grebe__recording *recording, const char *name);
void grebe__record_end(struct grebe__recording *recording);

/* "code" and "message"; nothing if it is NULL. */
void grebe__record_status(struct grebe__line *line, const struct grebe_status *status);

/* "subconn" and, for people, "address". */
static inline void grebe__record_subconn_name(struct grebe__line *line,
                                              const struct grebe_subconn *subconn)
{
    grebe__line_number(line, "subconn", subconn->id);
    grebe__line_text(line, "address", grebe_address_text(subconn->address));
}

/* ---- record_calls.c ----------------------------------------------------------------- */

/* "complete", "queue" and so on. */
const char *grebe__record_kind(enum grebe_pick_kind kind);

void grebe__record_base64(struct grebe__line *line, const char *key, const void *bytes,
                          size_t length);

#endif
