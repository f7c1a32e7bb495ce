/* SPDX-License-Identifier: Apache-2.0 */
/* The names of states, of health, of status codes and log levels. */
#include <stdio.h>

#include <grebe/connectivity.h>
#include <grebe/endpoint.h>
#include <grebe/log.h>
#include <grebe/status.h>
#include <grebe/version.h>

#include "base/text.h"

const char *grebe_version(void)
{
    return GREBE_VERSION;
}

const char *grebe_connectivity_name(enum grebe_connectivity state)
{
    switch (state) {
    case GREBE_IDLE:
        return "IDLE";
    case GREBE_CONNECTING:
        return "CONNECTING";
    case GREBE_READY:
        return "READY";
    case GREBE_TRANSIENT_FAILURE:
        return "TRANSIENT_FAILURE";
    case GREBE_SHUTDOWN:
        return "SHUTDOWN";
    }
    return "INVALID_STATE";
}

static const char *const healths[] = {
    [GREBE_ENDPOINT_HEALTH_UNKNOWN] = "UNKNOWN",
    [GREBE_ENDPOINT_HEALTH_HEALTHY] = "HEALTHY",
    [GREBE_ENDPOINT_HEALTH_UNHEALTHY] = "UNHEALTHY",
    [GREBE_ENDPOINT_HEALTH_DRAINING] = "DRAINING",
    [GREBE_ENDPOINT_HEALTH_TIMEOUT] = "TIMEOUT",
    [GREBE_ENDPOINT_HEALTH_DEGRADED] = "DEGRADED",
};

enum { N_HEALTHS = sizeof healths / sizeof healths[0] };

const char *grebe_endpoint_health_name(enum grebe_endpoint_health health)
{
    return healths[(unsigned)health < N_HEALTHS ? health : 0];
}

int grebe_endpoint_health_parse(const char *name)
{
    for (int i = 0; i < N_HEALTHS; i++)
        if (grebe__ascii_casecmp(healths[i], name) == 0)
            return i;
    return -1;
}

const char *grebe_log_level_name(enum grebe_log_level level)
{
    switch (level) {
    case GREBE_LOG_DEBUG:
        return "DEBUG";
    case GREBE_LOG_INFO:
        return "INFO";
    case GREBE_LOG_WARNING:
        return "WARNING";
    case GREBE_LOG_ERROR:
        return "ERROR";
    }
    return "LOG";
}

static const struct {
    int code;
    const char *name;
} codes[] = {
#define ENTRY(name, number) {number, #name},
    GREBE_STATUS_MAP(ENTRY)
#undef ENTRY
};

enum { N_CODES = sizeof codes / sizeof codes[0] };

const char *grebe_status_code_name(int code, char buf[24])
{
    if (code >= 0 && code < N_CODES)
        return codes[code].name;
    snprintf(buf, 24, "CODE(%d)", code);
    return buf;
}

int grebe_status_code_parse(const char *name)
{
    for (int i = 0; i < N_CODES; i++)
        if (grebe__ascii_casecmp(codes[i].name, name) == 0)
            return codes[i].code;
    return -1;
}
