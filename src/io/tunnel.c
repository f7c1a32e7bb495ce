/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tunnel.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* ---- Asking --------------------------------------------------------------------------- */

bool grebe__tunnel_is_destination(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
            return false;
    return *text != '\0';
}

/* Host stands there twice because HTTP/1.1 says so (RFC 9112 3.2). */
char *grebe__tunnel_request(const struct grebe_mem *mem, const char *destination,
                            const char *authorization, const char *user_agent,
                            size_t *length)
{
    static const char format[] = "CONNECT %s HTTP/1.1\r\n"
                                 "Host: %s\r\n"
                                 "User-Agent: %s\r\n"
                                 "%s%s%s"
                                 "\r\n";
    bool is_known = authorization != NULL;
    const char *name = is_known ? "Proxy-Authorization: " : "";
    const char *value = is_known ? authorization : "", *end = is_known ? "\r\n" : "";
    size_t size = sizeof format + 2 * strlen(destination) + strlen(user_agent) +
                  strlen(name) + strlen(value) + strlen(end);
    char *request = grebe_mem_alloc(mem, size);

    if (request != NULL)
        *length = (size_t)snprintf(request, size, format, destination, destination,
                                   user_agent, name, value, end);
    return request;
}

/* ---- The answer ------------------------------------------------------------------------ */

void grebe__tunnel_init(struct grebe__tunnel *tunnel, bool has_authorization)
{
    *tunnel = (struct grebe__tunnel){.has_authorization = has_authorization};
}

static enum grebe__tunnel_result fail(struct grebe__tunnel *tunnel, const char *why)
{
    snprintf(tunnel->error, sizeof tunnel->error, "%s", why);
    return GREBE__TUNNEL_FAILED;
}

static size_t kept(const struct grebe__tunnel *tunnel)
{
    size_t most = sizeof tunnel->line - 1;

    return tunnel->line_length < most ? tunnel->line_length : most;
}

/* What it begins with, fit to be shown. */
static enum grebe__tunnel_result fail_as_foreign(struct grebe__tunnel *tunnel)
{
    struct grebe__text text = grebe__text_init(tunnel->error, sizeof tunnel->error);
    size_t length = kept(tunnel);

    grebe__text_append(&text, "it does not speak HTTP/1.1: \"", 29);
    grebe__text_append_escaped(&text, tunnel->line, length < 24 ? length : 24);
    grebe__text_append(&text, "\"", 1);
    return GREBE__TUNNEL_FAILED;
}

/* "407 Proxy Authentication Required", and for this one what to do about it. */
static enum grebe__tunnel_result fail_with_status(struct grebe__tunnel *tunnel)
{
    struct grebe__text text = grebe__text_init(tunnel->error, sizeof tunnel->error);
    size_t length = kept(tunnel);

    while (length > 12 &&
           (tunnel->line[length - 1] == '\r' || tunnel->line[length - 1] == ' '))
        length--;
    grebe__text_append_escaped(&text, tunnel->line + 9,
                               length - 9 < 64 ? length - 9 : 64);
    if (tunnel->code == 407)
        grebe__text_printf(&text, "%s",
                           tunnel->has_authorization
                               ? " (it does not accept the credentials)"
                               : " (write http://user:password@host:port)");
    return GREBE__TUNNEL_FAILED;
}

/* As much of "HTTP/1." as there is. */
static bool is_http(const struct grebe__tunnel *tunnel)
{
    static const char start[] = "HTTP/1.";
    size_t n =
        tunnel->line_length < sizeof start - 1 ? tunnel->line_length : sizeof start - 1;

    return memcmp(tunnel->line, start, n) == 0;
}

/* "HTTP/1.x NNN", and then nothing or a space (RFC 9112 4). */
static bool parse_status(struct grebe__tunnel *tunnel)
{
    const char *line = tunnel->line;
    size_t length = kept(tunnel);

    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (length < 12 || !grebe__ascii_is_digit(line[7]) || line[8] != ' ' ||
        (length > 12 && line[12] != ' '))
        return false;
    tunnel->code = 0;
    for (size_t i = 9; i < 12; i++) {
        if (!grebe__ascii_is_digit(line[i]))
            return false;
        tunnel->code = tunnel->code * 10 + (line[i] - '0');
    }
    return true;
}

static enum grebe__tunnel_result end_status_line(struct grebe__tunnel *tunnel)
{
    if (!parse_status(tunnel))
        return fail_as_foreign(tunnel);
    if (tunnel->code / 100 > 2 || tunnel->code < 100 || tunnel->code == 101)
        return fail_with_status(tunnel);
    tunnel->is_in_fields = true;
    tunnel->line_length = 0;
    return GREBE__TUNNEL_WANTS_INPUT;
}

/* An empty one ends the answer, unless it was an interim one. */
static enum grebe__tunnel_result end_field(struct grebe__tunnel *tunnel)
{
    bool is_empty = tunnel->line_length == 0;

    tunnel->line_length = 0;
    if (!is_empty)
        return GREBE__TUNNEL_WANTS_INPUT;
    if (tunnel->code / 100 == 2)
        return GREBE__TUNNEL_OPEN;
    tunnel->is_in_fields = false;
    return GREBE__TUNNEL_WANTS_INPUT;
}

/* A CR before the LF does not count, nor does a missing one (RFC 9112 2.2). */
static enum grebe__tunnel_result read_byte(struct grebe__tunnel *tunnel, char byte)
{
    if (++tunnel->n_bytes > GREBE__TUNNEL_ANSWER_MAX)
        return fail(tunnel, "its answer is longer than 16384 bytes");
    if (byte == '\n')
        return tunnel->is_in_fields ? end_field(tunnel) : end_status_line(tunnel);
    if (tunnel->is_in_fields) {
        tunnel->line_length += byte != '\r';
        return GREBE__TUNNEL_WANTS_INPUT;
    }
    if (tunnel->line_length < sizeof tunnel->line)
        tunnel->line[tunnel->line_length] = byte;
    tunnel->line_length++;
    return is_http(tunnel) ? GREBE__TUNNEL_WANTS_INPUT : fail_as_foreign(tunnel);
}

enum grebe__tunnel_result grebe__tunnel_read(struct grebe__tunnel *tunnel,
                                             const void *bytes, size_t length,
                                             size_t *used)
{
    enum grebe__tunnel_result result = GREBE__TUNNEL_WANTS_INPUT;

    for (*used = 0; *used < length && result == GREBE__TUNNEL_WANTS_INPUT;)
        result = read_byte(tunnel, ((const char *)bytes)[(*used)++]);
    return result;
}
