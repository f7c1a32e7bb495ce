/* SPDX-License-Identifier: Apache-2.0 */
/* core/status.h -- a status that owns its text. */
#ifndef GREBE_CORE_STATUS_H
#define GREBE_CORE_STATUS_H

#include <stdarg.h>

#include <grebe/mem.h>
#include <grebe/status.h>

/* `view` is what others see.  When memory is short the code is kept and the text says so:
 * setting a status never fails. */
struct grebe__status {
    struct grebe_status view;
    const struct grebe_mem *mem;
    char *text; /* message and details, one after the other; NULL if both are static */
};

/* OK, without text. */
void grebe__status_init(struct grebe__status *status, const struct grebe_mem *mem);
void grebe__status_fini(struct grebe__status *status);

void grebe__status_copy(struct grebe__status *status, const struct grebe_status *from);
void grebe__status_set(struct grebe__status *status, int code, const char *format, ...)
    GREBE_PRINTF(3, 4);
/* `message` is static storage: nothing is copied. */
void grebe__status_set_static(struct grebe__status *status, int code,
                              const char *message);

/* A code that the control plane may give to a call; the others are for servers (gRFC
 * A54). */
bool grebe__status_code_is_control_plane(int code);

#endif
