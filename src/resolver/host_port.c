/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/host_port.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

static const char missing_address[] = "missing address";
static const char missing_port[] = "missing port after port-separator colon";
static const char invalid_brackets[] = "invalid target address, brackets do not match";
static const char invalid_colons[] = "invalid target address, too many colons";

static bool has_byte(const char *text, size_t length, const char *set)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != '\0' && strchr(set, text[i]) != NULL)
            return true;
    return false;
}

static void set_port(struct grebe__host_port *out, const char *port, size_t length)
{
    out->port = port;
    out->port_length = length;
}

/* "[host]" or "[host]:port". */
static const char *split_brackets(const char *text, size_t length,
                                  struct grebe__host_port *out)
{
    const char *close = memchr(text, ']', length), *end = text + length, *rest;

    if (close == NULL)
        return invalid_brackets;
    rest = close + 1;
    if (rest < end && *rest != ':')
        return invalid_brackets;
    if (rest < end)
        set_port(out, rest + 1, (size_t)(end - rest) - 1);
    out->host = text + 1;
    out->host_length = (size_t)(close - text) - 1;
    if (has_byte(out->host, out->host_length, "[]") ||
        has_byte(rest, (size_t)(end - rest), "[]"))
        return invalid_brackets;
    return has_byte(out->port, out->port_length, ":") ? invalid_colons : NULL;
}

/* "host" or "host:port". */
static const char *split_colon(const char *text, size_t length,
                               struct grebe__host_port *out)
{
    const char *colon = memchr(text, ':', length), *end = text + length;

    if (has_byte(text, length, "[]"))
        return invalid_brackets;
    out->host = text;
    out->host_length = length;
    if (colon == NULL)
        return NULL;
    out->host_length = (size_t)(colon - text);
    set_port(out, colon + 1, (size_t)(end - colon) - 1);
    return has_byte(out->port, out->port_length, ":") ? invalid_colons : NULL;
}

const char *grebe__host_port_split(const char *text, size_t length,
                                   const char *default_port, struct grebe__host_port *out)
{
    struct grebe__host_port made = {.host = text,
                                    .host_length = length,
                                    .port = default_port,
                                    .port_length = strlen(default_port)};
    const char *flaw = NULL;

    if (length == 0)
        return missing_address;
    made.family = grebe__ip_family_of(text, length);
    if (made.family == GREBE__IP_NONE)
        flaw = text[0] == '[' ? split_brackets(text, length, &made)
                              : split_colon(text, length, &made);
    if (flaw != NULL)
        return flaw;
    if (made.port_length == 0)
        return missing_port;
    if (made.host_length == 0) {
        made.host = "localhost";
        made.host_length = strlen(made.host);
    }
    made.family = grebe__ip_family_of(made.host, made.host_length);
    *out = made;
    return NULL;
}

size_t grebe__host_port_join(const struct grebe__host_port *parts, char *buf, size_t size)
{
    struct grebe__text text = grebe__text_init(buf, size);
    bool is_v6 = parts->family == GREBE__IP_V6;

    grebe__text_append(&text, "[", is_v6);
    grebe__text_append(&text, parts->host, parts->host_length);
    grebe__text_append(&text, "]", is_v6);
    grebe__text_append(&text, ":", 1);
    grebe__text_append(&text, parts->port, parts->port_length);
    return text.length;
}
