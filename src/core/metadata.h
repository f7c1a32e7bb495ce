/* SPDX-License-Identifier: Apache-2.0 */
/* core/metadata.h -- metadata from the inside: where it lives and how it is filled.
 *
 * A call embeds two of these for what arrives, so the first few entries cost no
 * allocation.  Text is kept in chunks that never move: entries point into them.
 */
#ifndef GREBE_CORE_METADATA_H
#define GREBE_CORE_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/metadata.h>

struct grebe__metadata_chunk;

enum { GREBE__METADATA_INLINE = 4 };

/* Which entries somebody looked at. */
struct grebe__reads {
    uint64_t entries;   /* a bit for each of the first 64 */
    bool is_incomplete; /* a later one as well */
};

struct grebe_metadata {
    uint32_t refs; /* 0: embedded in another object, which owns it */
    uint32_t n, capacity;
    const struct grebe_mem *mem;
    struct grebe_metadata_entry *entries; /* `first` until there are too many */
    struct grebe__metadata_chunk *chunks; /* the newest first */
    struct grebe__reads *reads;           /* who wants to know; NULL: nobody */
    struct grebe_metadata_entry first[GREBE__METADATA_INLINE];
};

/* The same entries, borrowed, with somebody who wants to know which are looked at.  Only to
 * be read; `metadata` NULL has none. */
struct grebe_metadata grebe__metadata_watched(const struct grebe_metadata *metadata,
                                              struct grebe__reads *reads);

/* Embedded objects. */
void grebe__metadata_init(struct grebe_metadata *metadata, const struct grebe_mem *mem);
void grebe__metadata_fini(struct grebe_metadata *metadata);

/* Empty again; the memory of entries is kept, that of text is freed. */
void grebe__metadata_clear(struct grebe_metadata *metadata);

/* Appends without checks: for what arrives from a peer.  Key and value are copied.
 * GREBE_ERR_NOMEM leaves the object as it was. */
int grebe__metadata_append(struct grebe_metadata *metadata, const char *key,
                           size_t key_length, const void *value, size_t value_length);

/* The same for text that outlives the object: nothing is copied. */
int grebe__metadata_append_static(struct grebe_metadata *metadata, const char *key,
                                  size_t key_length, const char *value,
                                  size_t value_length);

/* The key ends in "-bin". */
bool grebe__metadata_key_is_binary(const char *key, size_t length);

/* The grammar of keys and of values for them (grebe/metadata.h), for lower-case keys. */
bool grebe__metadata_key_is_valid(const char *key, size_t length);
bool grebe__metadata_value_is_valid(const char *key, size_t key_length, const void *value,
                                    size_t value_length);

#endif
