/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/target.h"

#include <stdio.h>
#include <string.h>

#include <grebe/registry.h>

#include "base/diag.h"
#include "base/text.h"

/* A target and its text share a block; `free` is where the next piece of text goes.  All
 * pieces together are no longer than what they are cut from, NULs apart. */
struct cutter {
    struct grebe_target *target;
    char *free;
};

enum { N_PIECES = 5 }; /* scheme, authority, path, opaque, query */

/* ---- Pieces ------------------------------------------------------------------------ */

static char *keep(struct cutter *cutter, const char *bytes, size_t length)
{
    char *piece = cutter->free;

    memcpy(piece, bytes, length);
    piece[length] = '\0';
    cutter->free += length + 1;
    return piece;
}

/* The byte that an escape at the start of `text` stands for; -1 if there is none.  A NUL
 * cannot be part of a C string. */
static int escaped_byte(const char *text, size_t length)
{
    int byte;

    if (length < 3 || text[0] != '%' || grebe__hex_value(text[1]) < 0 ||
        grebe__hex_value(text[2]) < 0)
        return -1;
    byte = grebe__hex_value(text[1]) * 16 + grebe__hex_value(text[2]);
    return byte == 0 ? -1 : byte;
}

/* `bytes` without their escapes; NULL if one of these is malformed. */
static const char *keep_decoded(struct cutter *cutter, const char *bytes, size_t length)
{
    char *piece = cutter->free, *end = piece;

    for (size_t i = 0; i < length; i++) {
        int byte = (unsigned char)bytes[i];

        if (byte == '%') {
            byte = escaped_byte(bytes + i, length - i);
            i += 2;
        }
        if (byte < 0)
            return NULL;
        *end++ = (char)byte;
    }
    *end = '\0';
    cutter->free = end + 1;
    return piece;
}

/* ---- Authority --------------------------------------------------------------------- */

/* RFC 3986 3.2: unreserved, sub-delims, and what IP literals need.  Quotes and angle
 * brackets are no part of it, but Go lets them through. */
static bool is_host_byte(char c)
{
    return grebe__ascii_is_alpha(c) || grebe__ascii_is_digit(c) ||
           (unsigned char)c >= 0x80 ||
           (c != '\0' && strchr("-_.~!$&'()*+,;=:[]<>\"", c) != NULL);
}

/* Escapes in a host stand for bytes beyond ASCII, or for '%' itself; in a zone (RFC 6874)
 * for whatever a host could contain as well. */
static bool is_host(const char *text, size_t length)
{
    bool is_in_zone = false;

    for (size_t i = 0; i < length; i++) {
        int byte;

        if (text[i] != '%') {
            if (!is_host_byte(text[i]))
                return false;
            continue;
        }
        byte = escaped_byte(text + i, length - i);
        if (byte < 0)
            return false;
        if (byte == '%')
            is_in_zone = is_in_zone || text[0] == '[';
        else if (byte < 0x80 &&
                 !(is_in_zone && (byte == ' ' || is_host_byte((char)byte))))
            return false;
        i += 2;
    }
    return true;
}

/* ":" and digits, perhaps none; or nothing. */
static bool is_port(const char *text, const char *end)
{
    if (text == end)
        return true;
    if (*text != ':')
        return false;
    for (text++; text < end; text++)
        if (!grebe__ascii_is_digit(*text))
            return false;
    return true;
}

static const char *last_of(const char *text, size_t length, char c)
{
    while (length > 0)
        if (text[--length] == c)
            return text + length;
    return NULL;
}

static bool is_host_and_port(const char *text, size_t length)
{
    const char *port;

    if (length > 0 && text[0] == '[') {
        port = last_of(text, length, ']');
        if (port == NULL)
            return false;
        port++;
    } else {
        port = last_of(text, length, ':');
    }
    return is_host(text, length) && (port == NULL || is_port(port, text + length));
}

static bool is_user_info(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (grebe__ascii_is_alpha(text[i]) || grebe__ascii_is_digit(text[i]))
            continue;
        if (text[i] == '%' && escaped_byte(text + i, length - i) < 0)
            return false;
        if (text[i] == '\0' || strchr("-._:~!$&'()*+,;=%@", text[i]) == NULL)
            return false;
    }
    return true;
}

/* [userinfo@]host[:port], without the userinfo; NULL if it is no authority. */
static const char *keep_authority(struct cutter *cutter, const char *text, size_t length)
{
    const char *at = last_of(text, length, '@');

    if (at != NULL) {
        if (!is_user_info(text, (size_t)(at - text)))
            return NULL;
        length -= (size_t)(at + 1 - text);
        text = at + 1;
    }
    return is_host_and_port(text, length) ? keep_decoded(cutter, text, length) : NULL;
}

/* ---- The whole --------------------------------------------------------------------- */

/* Where the colon behind the scheme is; 0 if there is no scheme (RFC 3986 3.1). */
static size_t scheme_length(const char *text)
{
    size_t n = 0;

    if (!grebe__ascii_is_alpha(text[0]))
        return 0;
    while (grebe__ascii_is_alpha(text[n]) || grebe__ascii_is_digit(text[n]) ||
           (text[n] != '\0' && strchr("+-.", text[n]) != NULL))
        n++;
    return text[n] == ':' ? n : 0;
}

static bool has_control_byte(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* The fragment takes no part, but its escapes must be right all the same. */
static bool is_fragment(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '%' && escaped_byte(text, strlen(text)) < 0)
            return false;
    return true;
}

/* Takes `text` apart.  NULL, or what is wrong with it.  Text without a scheme is not
 * looked at further: no resolver could be asked for it. */
static const char *cut(struct cutter *cutter, const char *text)
{
    struct grebe_target *target = cutter->target;
    size_t n = scheme_length(text), length = strcspn(text, "#");
    const char *rest = text + n + 1, *end = text + length, *query;
    char *scheme;

    if (has_control_byte(text))
        return "control character in target";
    if (n == 0)
        return "target without a scheme";
    if (!is_fragment(end))
        return "malformed escape in target";
    target->scheme = scheme = keep(cutter, text, n);
    for (; *scheme != '\0'; scheme++)
        *scheme = grebe__ascii_lower(*scheme);
    query = memchr(rest, '?', (size_t)(end - rest));
    if (query != NULL) {
        target->query = keep(cutter, query + 1, (size_t)(end - query - 1));
        end = query;
    }
    if (rest == end || *rest != '/') {
        target->opaque = target->endpoint = keep(cutter, rest, (size_t)(end - rest));
        return NULL;
    }
    if (end - rest >= 2 && rest[1] == '/') {
        const char *host = rest + 2;

        rest = memchr(host, '/', (size_t)(end - host));
        rest = rest == NULL ? end : rest;
        target->authority = keep_authority(cutter, host, (size_t)(rest - host));
        if (target->authority == NULL)
            return "invalid authority in target";
    }
    target->path = keep_decoded(cutter, rest, (size_t)(end - rest));
    if (target->path == NULL)
        return "malformed escape in target";
    target->endpoint = target->path + (target->path[0] == '/');
    return NULL;
}

static const struct grebe_resolver_builder *
find_builder(const struct grebe__target_options *options, const char *scheme)
{
    for (size_t i = 0; i < options->n_resolvers; i++)
        if (strcmp(options->resolvers[i]->scheme, scheme) == 0)
            return options->resolvers[i];
    return grebe_resolver_get(scheme);
}

static void reset(struct cutter *cutter, const char *text)
{
    struct grebe_target *target = cutter->target;

    *target = (struct grebe_target){.scheme = "",
                                    .authority = "",
                                    .path = "",
                                    .opaque = "",
                                    .query = "",
                                    .endpoint = ""};
    cutter->free = (char *)(target + 1);
    target->text = keep(cutter, text, strlen(text));
}

static int fail(const char *flaw, const char *text, struct grebe_diag *diag)
{
    grebe__diag_quote(diag, text, strlen(text), "%s", flaw);
    return GREBE_ERR_TARGET;
}

/* As it is written if a resolver knows its scheme, or else as `joined`, which makes it an
 * endpoint of the default scheme. */
static int choose(struct cutter *cutter, const char *text, const char *joined,
                  const struct grebe__target_options *options, struct grebe_diag *diag,
                  const struct grebe_resolver_builder **builder)
{
    const char *flaw;

    reset(cutter, text);
    if (cut(cutter, text) == NULL) {
        *builder = find_builder(options, cutter->target->scheme);
        if (*builder != NULL)
            return GREBE_OK;
    }
    reset(cutter, text);
    flaw = cut(cutter, joined);
    if (flaw != NULL)
        return fail(flaw, text, diag);
    *builder = find_builder(options, cutter->target->scheme);
    if (*builder == NULL)
        return fail("could not get resolver for default scheme", cutter->target->scheme,
                    diag);
    return GREBE_OK;
}

int grebe__target_parse(const struct grebe_mem *mem, const char *text,
                        const struct grebe__target_options *options,
                        struct grebe_diag *diag, struct grebe_target **out,
                        const struct grebe_resolver_builder **builder)
{
    const char *scheme =
        options->default_scheme == NULL ? "dns" : options->default_scheme;
    size_t joined_bytes = strlen(scheme) + sizeof ":///" + strlen(text);
    size_t text_bytes = strlen(text) + 1 + joined_bytes + N_PIECES;
    char *joined = grebe_mem_alloc(mem, joined_bytes);
    struct cutter cutter = {
        .target = grebe_mem_alloc(mem, sizeof *cutter.target + text_bytes),
    };
    int error = GREBE_ERR_NOMEM;

    if (cutter.target != NULL && joined != NULL) {
        snprintf(joined, joined_bytes, "%s:///%s", scheme, text);
        error = choose(&cutter, text, joined, options, diag, builder);
    }
    grebe_mem_free(mem, joined);
    if (error == GREBE_OK)
        *out = cutter.target;
    else
        grebe_mem_free(mem, cutter.target);
    return error;
}

void grebe__target_free(const struct grebe_mem *mem, struct grebe_target *target)
{
    grebe_mem_free(mem, target);
}

static bool is_counted(const struct grebe_resolver_builder *builder)
{
    return builder != NULL && builder->api >= 2 && builder->ref != NULL;
}

void grebe__resolver_builder_ref(const struct grebe_resolver_builder *builder)
{
    if (is_counted(builder))
        builder->ref(builder);
}

void grebe__resolver_builder_unref(const struct grebe_resolver_builder *builder)
{
    if (is_counted(builder))
        builder->unref(builder);
}

char *grebe__target_canonical(const struct grebe_mem *mem,
                              const struct grebe_target *target)
{
    size_t size = strlen(target->scheme) + strlen(target->authority) +
                  strlen(target->endpoint) + sizeof ":///";
    char *made = grebe_mem_alloc(mem, size);

    if (made != NULL)
        snprintf(made, size, "%s://%s/%s", target->scheme, target->authority,
                 target->endpoint);
    return made;
}
