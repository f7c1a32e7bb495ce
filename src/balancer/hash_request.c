/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_request.h"

#include <string.h>

#include "base/hash.h"

static bool has_key(const struct grebe__hash_header *header,
                    const struct grebe_metadata_entry *entry)
{
    return entry->key_length == header->length &&
           memcmp(entry->key, header->name, header->length) == 0;
}

/* Values from the i-th entry on, with commas between them, as one text. */
static uint64_t hash_values(const struct grebe__hash_header *header,
                            const struct grebe_metadata *metadata, size_t i)
{
    struct grebe__hash64_state hash;
    const struct grebe_metadata_entry *entry = grebe_metadata_at(metadata, i);

    grebe__hash64_begin(&hash, 0);
    grebe__hash64_add(&hash, entry->value, entry->value_length);
    while ((entry = grebe_metadata_at(metadata, ++i)) != NULL) {
        if (!has_key(header, entry))
            continue;
        grebe__hash64_add(&hash, ",", 1);
        grebe__hash64_add(&hash, entry->value, entry->value_length);
    }
    return grebe__hash64_end(&hash);
}

static bool hash_header(const struct grebe__hash_header *header,
                        const struct grebe_metadata *metadata, uint64_t *out)
{
    const struct grebe_metadata_entry *entry;

    for (size_t i = 0; (entry = grebe_metadata_at(metadata, i)) != NULL; i++) {
        if (!has_key(header, entry))
            continue;
        *out = hash_values(header, metadata, i);
        return true;
    }
    return false;
}

enum grebe__hash_source grebe__hash_of_call(const struct grebe__hash_header *header,
                                            const struct grebe_pick_args *args,
                                            uint64_t *out)
{
    if (args->hash != NULL) {
        *out = *args->hash;
        return GREBE__HASH_OF_CALL;
    }
    if (header->name == NULL)
        return GREBE__HASH_MISSING;
    if (hash_header(header, args->metadata, out))
        return GREBE__HASH_OF_HEADER;
    *out = args->random;
    return GREBE__HASH_OF_CHANCE;
}
