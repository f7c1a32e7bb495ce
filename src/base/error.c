/* SPDX-License-Identifier: Apache-2.0 */
#include <grebe/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *grebe_strerror(int error)
{
    switch (error) {
    case GREBE_OK:
        return "no error";
#define TEXT(name, number, text)                                                         \
    case GREBE_ERR_##name:                                                               \
        return text;
        GREBE_ERROR_MAP(TEXT)
#undef TEXT
    default:
        return "unknown error";
    }
}

const char *grebe_error_name(int error)
{
    switch (error) {
    case GREBE_OK:
        return "GREBE_OK";
#define NAME(name, number, text)                                                         \
    case GREBE_ERR_##name:                                                               \
        return "GREBE_ERR_" #name;
        GREBE_ERROR_MAP(NAME)
#undef NAME
    default:
        return "GREBE_ERR_UNKNOWN";
    }
}

void grebe_diag_set(struct grebe_diag *diag, const char *format, ...)
{
    va_list args;

    if (diag == NULL)
        return;
    va_start(args, format);
    vsnprintf(diag->text, sizeof diag->text, format, args);
    va_end(args);
}

void grebe_diag_prefix(struct grebe_diag *diag, const char *format, ...)
{
    char rest[sizeof diag->text], path[sizeof diag->text];
    const char *joint;
    va_list args;

    if (diag == NULL)
        return;
    memcpy(rest, diag->text, sizeof rest);
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    joint = rest[0] == '[' || rest[0] == ':' ? "" : ".";
    if (snprintf(diag->text, sizeof diag->text, "%s%s%s", path, joint, rest) >=
        (int)sizeof diag->text)
        memcpy(diag->text + sizeof diag->text - 4, "...", 4);
}
