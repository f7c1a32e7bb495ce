/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/log.h -- what the library has to say to people. */
#ifndef GREBE_LOG_H
#define GREBE_LOG_H

#include <grebe/attr.h>

GREBE_BEGIN_DECLS

enum grebe_log_level {
    GREBE_LOG_DEBUG,
    GREBE_LOG_INFO,
    GREBE_LOG_WARNING,
    GREBE_LOG_ERROR,
};

/* One event, one line, without a newline; bytes from a peer arrive escaped.  Runs on the
 * loop's thread and must not call back into the channel.  That the end of a
 * recording could not be written is told on the thread that destroys the channel, before
 * that returns. */
typedef void (*grebe_log_fn)(void *arg, enum grebe_log_level level, const char *message);

GREBE_API const char *grebe_log_level_name(enum grebe_log_level level); /* "WARNING" */

GREBE_END_DECLS

#endif
