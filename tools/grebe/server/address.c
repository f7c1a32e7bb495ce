/* SPDX-License-Identifier: Apache-2.0 */
#include "server/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_port(const char *text, uint16_t *out)
{
    char *end;
    unsigned long port;

    if (*text < '0' || *text > '9')
        return false;
    port = strtoul(text, &end, 10);
    *out = (uint16_t)port;
    return *end == '\0' && port <= UINT16_MAX;
}

static bool fill_v4(const char *host, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (void *)out;

    *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

/* `host` is in brackets and loses the last one. */
static bool fill_v6(char *host, uint16_t port, struct sockaddr_storage *out)
{
    struct sockaddr_in6 *v6 = (void *)out;
    size_t last = strlen(host) - 1;

    if (host[last] != ']')
        return false;
    host[last] = '\0';
    *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
    return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1;
}

static bool parse_ip(const char *text, struct sockaddr_storage *out)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);
    char host[INET6_ADDRSTRLEN + 2];
    uint16_t port;

    if (length == 0 || length >= sizeof host || !parse_port(colon + 1, &port))
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    return host[0] == '[' ? fill_v6(host, port, out) : fill_v4(host, port, out);
}

bool listen_address_parse(const char *text, struct listen_address *out)
{
    size_t length = strlen(text);
    const char *path;

    *out = (struct listen_address){.ip = {.ss_family = AF_UNSPEC}};
    if (length >= sizeof out->text)
        return false;
    memcpy(out->text, text, length + 1);
    path = listen_address_path(out);
    return path == NULL ? parse_ip(text, &out->ip) : *path == '/';
}

const char *listen_address_path(const struct listen_address *address)
{
    return strncmp(address->text, "unix:", 5) == 0 ? address->text + 5 : NULL;
}

void listen_address_format(struct listen_address *address)
{
    const struct sockaddr_in *v4 = (const void *)&address->ip;
    const struct sockaddr_in6 *v6 = (const void *)&address->ip;
    char host[INET6_ADDRSTRLEN];

    if (address->ip.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(address->text, sizeof address->text, "[%s]:%u", host,
                 ntohs(v6->sin6_port));
    } else {
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(address->text, sizeof address->text, "%s:%u", host, ntohs(v4->sin_port));
    }
}
