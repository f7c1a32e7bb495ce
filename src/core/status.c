/* SPDX-License-Identifier: Apache-2.0 */
#include "core/status.h"

#include <stdio.h>
#include <string.h>

void grebe__status_init(struct grebe__status *status, const struct grebe_mem *mem)
{
    status->mem = mem;
    status->text = NULL;
    status->view = grebe_status_of(GREBE_STATUS_OK, "");
}

void grebe__status_fini(struct grebe__status *status)
{
    grebe_mem_free(status->mem, status->text);
    status->text = NULL;
}

void grebe__status_set_static(struct grebe__status *status, int code, const char *message)
{
    grebe__status_fini(status);
    status->view = grebe_status_of(code, message);
}

void grebe__status_copy(struct grebe__status *status, const struct grebe_status *from)
{
    char *text = NULL;

    if (from->message_length + from->details_length > 0) {
        text =
            grebe_mem_alloc(status->mem, from->message_length + 1 + from->details_length);
        if (text == NULL) {
            grebe__status_set_static(status, from->code, "out of memory for the message");
            return;
        }
        memcpy(text, from->message, from->message_length);
        text[from->message_length] = '\0';
        if (from->details_length > 0)
            memcpy(text + from->message_length + 1, from->details, from->details_length);
    }
    grebe__status_fini(status);
    status->text = text;
    status->view = (struct grebe_status){
        .code = from->code,
        .message = text == NULL ? "" : text,
        .message_length = from->message_length,
        .details = from->details_length == 0 ? NULL : text + from->message_length + 1,
        .details_length = from->details_length,
    };
}

void grebe__status_set(struct grebe__status *status, int code, const char *format, ...)
{
    char text[1024];
    struct grebe_status view;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    view = grebe_status_of(code, length < 0 ? "" : text);
    grebe__status_copy(status, &view);
}

bool grebe__status_code_is_control_plane(int code)
{
    switch (code) {
    case GREBE_STATUS_OK:
    case GREBE_STATUS_INVALID_ARGUMENT:
    case GREBE_STATUS_NOT_FOUND:
    case GREBE_STATUS_ALREADY_EXISTS:
    case GREBE_STATUS_FAILED_PRECONDITION:
    case GREBE_STATUS_ABORTED:
    case GREBE_STATUS_OUT_OF_RANGE:
    case GREBE_STATUS_DATA_LOSS:
        return false;
    default:
        return true;
    }
}
