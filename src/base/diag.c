/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

void grebe__diag_quote(struct grebe_diag *diag, const char *bytes, size_t length,
                       const char *format, ...)
{
    struct grebe__text text;
    va_list args;
    int n;

    if (diag == NULL)
        return;
    text = grebe__text_init(diag->text, sizeof diag->text);
    va_start(args, format);
    n = vsnprintf(diag->text, sizeof diag->text, format, args);
    va_end(args);
    text.length = n < 0 ? 0 : (size_t)n;
    grebe__text_append(&text, ": \"", 3);
    grebe__text_append_escaped(&text, bytes, length);
    grebe__text_append(&text, "\"", 1);
}

int grebe__diag_give(struct grebe_diag *diag, const struct grebe_diag *why, int result)
{
    if (result != GREBE_OK)
        grebe_diag_set(diag, "%s",
                       why->text[0] == '\0' ? grebe_strerror(result) : why->text);
    return result;
}
