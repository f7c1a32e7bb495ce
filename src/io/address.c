/* SPDX-License-Identifier: Apache-2.0 */
#include "io/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* ---- Unix ------------------------------------------------------------------------- */

/* An abstract name is its exact bytes behind a NUL; a path is ended by one. */
static const char *fill_local(const char *name, bool is_abstract,
                              struct grebe__socket_address *out)
{
    struct sockaddr_un *local = &out->as.local;
    size_t length = strlen(name);

    if (length == 0)
        return is_abstract ? "the abstract socket name is empty"
                           : "the socket path is empty";
    if (length >= sizeof local->sun_path)
        return is_abstract ? "the abstract socket name is longer than 107 bytes"
                           : "the socket path is longer than 107 bytes";
    memset(local, 0, sizeof *local);
    local->sun_family = AF_UNIX;
    memcpy(local->sun_path + (is_abstract ? 1 : 0), name, length);
    out->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return NULL;
}

static bool skip_prefix(const char **text, const char *prefix)
{
    size_t length = strlen(prefix);

    if (strncmp(*text, prefix, length) != 0)
        return false;
    *text += length;
    return true;
}

/* ---- IP --------------------------------------------------------------------------- */

/* A zone is the name of an interface or its number (RFC 4007 11.2). */
static bool parse_zone(const char *zone, uint32_t *out)
{
    uint64_t number;

    *out = if_nametoindex(zone);
    if (*out != 0)
        return true;
    if (!grebe__parse_u64(zone, strlen(zone), &number) || number > UINT32_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool fill_v6(const char *ip, uint16_t port, struct grebe__socket_address *out)
{
    struct sockaddr_in6 *v6 = &out->as.v6;
    const char *percent = strchr(ip, '%');
    size_t length = percent != NULL ? (size_t)(percent - ip) : strlen(ip);
    char digits[INET6_ADDRSTRLEN];

    if (length >= sizeof digits)
        return false;
    memcpy(digits, ip, length);
    digits[length] = '\0';
    memset(v6, 0, sizeof *v6);
    if (inet_pton(AF_INET6, digits, &v6->sin6_addr) != 1)
        return false;
    if (percent != NULL && !parse_zone(percent + 1, &v6->sin6_scope_id))
        return false;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out->length = sizeof *v6;
    return true;
}

bool grebe__socket_address_of_ip(const char *ip, uint16_t port,
                                 struct grebe__socket_address *out)
{
    struct sockaddr_in *v4 = &out->as.v4;

    memset(v4, 0, sizeof *v4);
    if (inet_pton(AF_INET, ip, &v4->sin_addr) != 1)
        return fill_v6(ip, port, out);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out->length = sizeof *v4;
    return true;
}

static const char *parse_port(const char *text, uint16_t *out)
{
    struct servent entry, *found;
    char buf[1024];
    uint64_t number;

    if (*text == '\0')
        return "the port is missing";
    if (grebe__ascii_is_digit(*text)) {
        if (!grebe__parse_u64(text, strlen(text), &number) || number == 0 ||
            number > UINT16_MAX)
            return "the port is not a number from 1 to 65535";
        *out = (uint16_t)number;
        return NULL;
    }
    if (getservbyname_r(text, "tcp", &entry, buf, sizeof buf, &found) != 0 ||
        found == NULL)
        return "the port is not the name of a service";
    *out = ntohs((uint16_t)found->s_port);
    return NULL;
}

static const char *parse_tcp(const char *text, struct grebe__destination *out)
{
    bool has_brackets = text[0] == '[';
    const char *colon = has_brackets ? strstr(text, "]:") : strchr(text, ':');
    const char *host = has_brackets ? text + 1 : text;
    const char *error;

    if (colon == NULL)
        return "the port is missing";
    if (!has_brackets && strchr(colon + 1, ':') != NULL)
        return "an IPv6 address needs brackets: [address]:port";
    if (colon == host)
        return "the host is empty";
    if (colon - host > GREBE__HOST_MAX)
        return "the host is longer than 255 bytes";
    memcpy(out->host, host, (size_t)(colon - host));
    out->host[colon - host] = '\0';
    error = parse_port(colon + (has_brackets ? 2 : 1), &out->port);
    if (error != NULL)
        return error;
    out->is_name = !grebe__socket_address_of_ip(out->host, out->port, &out->socket);
    if (out->is_name && has_brackets)
        return "not an IPv6 address in the brackets";
    return NULL;
}

const char *grebe__destination_parse(const char *text, bool is_local,
                                     struct grebe__destination *out)
{
    out->is_name = false;
    if (skip_prefix(&text, "unix-abstract:"))
        return fill_local(text, true, &out->socket);
    if (skip_prefix(&text, "unix:")) {
        if (strncmp(text, "///", 3) == 0)
            text += 2; /* an empty authority, as in a URI */
        return fill_local(text, false, &out->socket);
    }
    if (!is_local)
        return parse_tcp(text, out);
    if (text[0] == '@')
        return fill_local(text + 1, true, &out->socket);
    return fill_local(text, false, &out->socket);
}

/* ---- For people --------------------------------------------------------------------- */

static void show_ip(int family, const void *ip, size_t n_ip, uint16_t port,
                    char text[GREBE__ADDRESS_TEXT], struct grebe__socket_end *out)
{
    char host[INET6_ADDRSTRLEN];

    memcpy(out->ip, ip, n_ip);
    out->n_ip = (uint8_t)n_ip;
    out->port = ntohs(port);
    if (inet_ntop(family, ip, host, sizeof host) == NULL)
        return;
    snprintf(text, GREBE__ADDRESS_TEXT, family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
             out->port);
}

static void show_local(const struct grebe__socket_address *address,
                       char text[GREBE__ADDRESS_TEXT], struct grebe__socket_end *out)
{
    const char *path = address->as.local.sun_path;
    size_t n = address->length - offsetof(struct sockaddr_un, sun_path);

    out->is_unix = true;
    if (address->length <= offsetof(struct sockaddr_un, sun_path) || n == 0)
        return; /* a client that did not bind() */
    if (path[0] == '\0')
        snprintf(text, GREBE__ADDRESS_TEXT, "unix-abstract:%.*s", (int)(n - 1), path + 1);
    else
        snprintf(text, GREBE__ADDRESS_TEXT, "unix:%.*s", (int)n, path);
}

void grebe__socket_address_show(const struct grebe__socket_address *address,
                                char text[GREBE__ADDRESS_TEXT],
                                struct grebe__socket_end *out)
{
    *out = (struct grebe__socket_end){.text = text};
    text[0] = '\0';
    if (address->as.any.sa_family == AF_INET)
        show_ip(AF_INET, &address->as.v4.sin_addr, 4, address->as.v4.sin_port, text, out);
    else if (address->as.any.sa_family == AF_INET6)
        show_ip(AF_INET6, &address->as.v6.sin6_addr, 16, address->as.v6.sin6_port, text,
                out);
    else if (address->as.any.sa_family == AF_UNIX)
        show_local(address, text, out);
}
