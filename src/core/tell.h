/* SPDX-License-Identifier: Apache-2.0 */
/* core/tell.h -- what people hear of a channel: its log, and the traces in the book.
 *
 *   DEBUG     events of the control plane, as they come; each goes into a trace
 *   INFO      the few that change what the channel is
 *   WARNING   something is wrong outside: a name, a config, a backend
 *   ERROR     something is wrong with the program or a policy
 *
 * A happening becomes text only if there is a log: a trace keeps it as it is.
 *
 * Threading   The loop's thread.
 */
#ifndef GREBE_CORE_TELL_H
#define GREBE_CORE_TELL_H

#include <grebe/log.h>

#include "channelz/book.h"
#include "core/client_conn.h"

/* To the log of `host`, and into the trace of `entity`, one of its channel or NULL.  The
 * severity is that of `level`. */
void grebe__tell(struct grebe__lb_host *host, struct grebe__channel_entity *entity,
                 enum grebe_log_level level, const struct grebe__happening *what);

/* The same with a detail that is static; "": none. */
void grebe__tell_plainly(struct grebe__lb_host *host,
                         struct grebe__channel_entity *entity, enum grebe_log_level level,
                         const struct grebe__phrase *phrase, const char *detail);

/* What a subconn has come to.  `error` goes with TRANSIENT_FAILURE, and then with the
 * phrase `fails`. */
void grebe__tell_change(struct grebe__lb_host *host, struct grebe__channel_entity *entity,
                        const struct grebe__phrase *changes,
                        const struct grebe__phrase *fails, enum grebe_connectivity state,
                        const struct grebe_status *error);

/* Somebody will hear it: text is worth making.  As below. */
static inline bool grebe__is_heard(const struct grebe__lb_host *host,
                                   enum grebe_log_level level,
                                   enum grebe_log_level kept_from)
{
    return host->on_log != NULL || (host->entity != NULL && level >= kept_from);
}

/* Text of the moment.  What is less than `kept_from` is not for the channel's trace. */
void grebe__tell_text(struct grebe__lb_host *host, enum grebe_log_level level,
                      enum grebe_log_level kept_from, const char *text);

#endif
