/* SPDX-License-Identifier: Apache-2.0 */
#include "h2/codes.h"

#include <stddef.h>

#include <grebe/status.h>

#include "base/assert.h"

static const struct {
    const char *name;
    const char *label;
    int status;
} errors[] = {
#define ENTRY(name, status) {#name, "GOAWAY " #name, GREBE_STATUS_##status},
    GREBE__H2_ERROR_MAP(ENTRY)
#undef ENTRY
};

const char *grebe__h2_error_name(uint32_t error_code)
{
    return error_code < GREBE_ARRAY_LEN(errors) ? errors[error_code].name : "UNKNOWN";
}

int grebe__h2_error_status(uint32_t error_code)
{
    return error_code < GREBE_ARRAY_LEN(errors) ? errors[error_code].status
                                                : GREBE_STATUS_UNKNOWN;
}

const char *grebe__h2_goaway_label(uint32_t error_code)
{
    return error_code < GREBE_ARRAY_LEN(errors) ? errors[error_code].label
                                                : "GOAWAY UNKNOWN";
}

static const struct {
    int code;
    int status;
    const char *reason;
} answers[] = {
    {200, GREBE_STATUS_UNKNOWN, "OK"},
    {301, GREBE_STATUS_UNKNOWN, "Moved Permanently"},
    {302, GREBE_STATUS_UNKNOWN, "Found"},
    {307, GREBE_STATUS_UNKNOWN, "Temporary Redirect"},
    {308, GREBE_STATUS_UNKNOWN, "Permanent Redirect"},
    {400, GREBE_STATUS_INTERNAL, "Bad Request"},
    {401, GREBE_STATUS_UNAUTHENTICATED, "Unauthorized"},
    {403, GREBE_STATUS_PERMISSION_DENIED, "Forbidden"},
    {404, GREBE_STATUS_UNIMPLEMENTED, "Not Found"},
    {405, GREBE_STATUS_UNKNOWN, "Method Not Allowed"},
    {408, GREBE_STATUS_UNKNOWN, "Request Timeout"},
    {411, GREBE_STATUS_UNKNOWN, "Length Required"},
    {413, GREBE_STATUS_UNKNOWN, "Content Too Large"},
    {415, GREBE_STATUS_UNKNOWN, "Unsupported Media Type"},
    {429, GREBE_STATUS_UNAVAILABLE, "Too Many Requests"},
    {431, GREBE_STATUS_INTERNAL, "Request Header Fields Too Large"},
    {500, GREBE_STATUS_UNKNOWN, "Internal Server Error"},
    {501, GREBE_STATUS_UNKNOWN, "Not Implemented"},
    {502, GREBE_STATUS_UNAVAILABLE, "Bad Gateway"},
    {503, GREBE_STATUS_UNAVAILABLE, "Service Unavailable"},
    {504, GREBE_STATUS_UNAVAILABLE, "Gateway Timeout"},
};

int grebe__http_status(int http_code)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(answers); i++)
        if (answers[i].code == http_code)
            return answers[i].status;
    return GREBE_STATUS_UNKNOWN;
}

const char *grebe__http_reason(int http_code)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(answers); i++)
        if (answers[i].code == http_code)
            return answers[i].reason;
    return "";
}
