/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_request.h"

#include "base/hash.h"

/* The values of the header, with commas between them, as one text. */
static bool hash_header(const char *name, const struct grebe_metadata *metadata,
                        uint64_t *out)
{
    const struct grebe_metadata_entry *entry = grebe_metadata_get(metadata, name);
    struct grebe__hash64_state hash;

    if (entry == NULL)
        return false;
    grebe__hash64_begin(&hash, 0);
    grebe__hash64_add(&hash, entry->value, entry->value_length);
    while ((entry = grebe_metadata_next(metadata, name, entry)) != NULL) {
        grebe__hash64_add(&hash, ",", 1);
        grebe__hash64_add(&hash, entry->value, entry->value_length);
    }
    *out = grebe__hash64_end(&hash);
    return true;
}

enum grebe__hash_source grebe__hash_of_header(const struct grebe__hash_header *header,
                                              const struct grebe_pick_args *args,
                                              uint64_t *out)
{
    if (header->name == NULL)
        return GREBE__HASH_MISSING;
    if (hash_header(header->name, args->metadata, out))
        return GREBE__HASH_OF_HEADER;
    *out = args->random;
    return GREBE__HASH_OF_CHANCE;
}
