/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/metadata.h -- key-value pairs that travel with a call, in either direction.
 *
 * Keys are lower-cased when they are added.  A key that ends in "-bin" takes any bytes;
 * every other value is bytes 0x20 to 0x7E.  Order is kept, keys may repeat.  Servers may
 * strip spaces at the edges of a value.
 *
 * Threading   An object may be changed by one thread until it is given to a call; from
 *             then on it must not change, and any thread may read it.
 * Sources     gRPC over HTTP/2, "Custom-Metadata".
 */
#ifndef GREBE_METADATA_H
#define GREBE_METADATA_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/attr.h>
#include <grebe/mem.h>

GREBE_BEGIN_DECLS

struct grebe_metadata;

struct grebe_metadata_entry {
    const char *key;     /* NUL-terminated, lower case */
    const char *value;   /* NUL-terminated for convenience; the length decides */
    size_t value_length; /* of "-bin" values: the raw bytes, not their base64 */
    size_t key_length;
};

/* An empty object with one reference; NULL when out of memory.  `mem` NULL: default. */
GREBE_API struct grebe_metadata *grebe_metadata_new(const struct grebe_mem *mem);
GREBE_API struct grebe_metadata *grebe_metadata_ref(struct grebe_metadata *metadata);
GREBE_API void grebe_metadata_unref(struct grebe_metadata *metadata); /* NULL: no-op */

/* Copies key and value.  GREBE_ERR_INVALID when the key is empty or has a byte outside
 * [0-9a-z-_.] (after lower-casing; a leading ':' is let through for ":authority" in a
 * pick), or the value does not suit the key. */
GREBE_API int grebe_metadata_add(struct grebe_metadata *metadata, const char *key,
                                 const void *value, size_t value_length) GREBE_MUST_CHECK;

/* Entries; 0 for NULL. */
GREBE_API size_t grebe_metadata_count(const struct grebe_metadata *metadata);

/* The i-th entry in order, borrowed; NULL beyond the end. */
GREBE_API const struct grebe_metadata_entry *
grebe_metadata_at(const struct grebe_metadata *metadata, size_t i);

/* The first entry with this lower-case key, or NULL. */
GREBE_API const struct grebe_metadata_entry *
grebe_metadata_get(const struct grebe_metadata *metadata, const char *key);

/* The first such entry behind `after`, which is one of them; NULL for the first of all.
 * Who looks for values by their key leaves the others out of recordings. */
GREBE_API const struct grebe_metadata_entry *
grebe_metadata_next(const struct grebe_metadata *metadata, const char *key,
                    const struct grebe_metadata_entry *after);

GREBE_END_DECLS

#endif
