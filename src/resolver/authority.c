/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/authority.c -- what a target calls its service, fit for ":authority". */
#include <string.h>

#include "base/ip.h"
#include "base/text.h"
#include "resolver/target.h"

/* RFC 3986 3.2: unreserved, sub-delims, and ":[]@". */
static bool is_authority_byte(char c)
{
    return grebe__ascii_is_alpha(c) || grebe__ascii_is_digit(c) ||
           strchr("-_.~!$&'()*+,;=:[]@", c) != NULL;
}

static void append_escaped(struct grebe__text *text, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (is_authority_byte(bytes[i]))
            grebe__text_append(text, &bytes[i], 1);
        else
            grebe__text_printf(text, "%%%02X", (unsigned char)bytes[i]);
    }
}

size_t grebe__authority_of_list(const struct grebe_target *target, char *buf, size_t size)
{
    const char *first = target->endpoint;
    size_t length = strcspn(first, ",");
    bool is_bare = grebe__ip_family_of(first, length) == GREBE__IP_V6;
    struct grebe__text text = grebe__text_init(buf, size);

    if (is_bare)
        grebe__text_append(&text, "[", 1);
    append_escaped(&text, first, length);
    if (is_bare)
        grebe__text_append(&text, "]", 1);
    return text.length;
}

size_t grebe__authority_of_endpoint(const struct grebe_target *target, char *buf,
                                    size_t size)
{
    struct grebe__text text = grebe__text_init(buf, size);

    if (target->endpoint[0] == ':')
        grebe__text_append(&text, "localhost", 9);
    append_escaped(&text, target->endpoint, strlen(target->endpoint));
    return text.length;
}

char *grebe__target_authority(const struct grebe_mem *mem,
                              const struct grebe_target *target,
                              const struct grebe_resolver_builder *builder)
{
    size_t (*authority)(const struct grebe_target *, char *, size_t) =
        builder->authority == NULL ? grebe__authority_of_endpoint : builder->authority;
    size_t size = authority(target, NULL, 0) + 1;
    char *made = grebe_mem_alloc(mem, size);

    if (made != NULL)
        authority(target, made, size);
    return made;
}
