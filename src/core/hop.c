/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hop.h"

#include <string.h>

#include <grebe/error.h>

#include "base/ref.h"

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_same(const void *a, const void *b)
{
    const struct grebe__hop *left = a, *right = b;

    return strcmp(left->address, right->address) == 0 &&
           is_same_text(left->authorization, right->authorization);
}

static void ref(void *value)
{
    grebe__ref_get(&((struct grebe__hop *)value)->refs);
}

static void unref(void *value)
{
    grebe__hop_unref(value);
}

const struct grebe_attribute_key grebe__attribute_hop = {
    .name = "proxy",
    .equal = is_same,
    .ref = ref,
    .unref = unref,
};

int grebe__hop_new(const struct grebe_mem *mem, const char *address,
                   const char *authorization, struct grebe__hop **out)
{
    size_t size = strlen(address) + 1;
    size_t more = authorization == NULL ? 0 : strlen(authorization) + 1;
    struct grebe__hop *made = grebe_mem_alloc(mem, sizeof *made + size + more);

    if (made == NULL)
        return GREBE_ERR_NOMEM;
    *made = (struct grebe__hop){.mem = mem, .refs = 1};
    made->address = memcpy(made->text, address, size);
    if (authorization != NULL)
        made->authorization = memcpy(made->text + size, authorization, more);
    *out = made;
    return GREBE_OK;
}

void grebe__hop_unref(struct grebe__hop *hop)
{
    if (hop != NULL && grebe__ref_put(&hop->refs))
        grebe_mem_free(hop->mem, hop);
}
