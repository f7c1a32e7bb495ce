/* SPDX-License-Identifier: Apache-2.0 */
#include "core/metadata.h"

#include <string.h>

#include <grebe/endpoint.h>
#include <grebe/error.h>

#include "base/ref.h"
#include "base/text.h"

struct grebe__metadata_chunk {
    struct grebe__metadata_chunk *next;
    size_t size, used;
    char text[];
};

enum { CHUNK_BYTES = 512 - sizeof(struct grebe__metadata_chunk) };

void grebe__metadata_init(struct grebe_metadata *metadata, const struct grebe_mem *mem)
{
    metadata->refs = 0;
    metadata->n = 0;
    metadata->capacity = GREBE__METADATA_INLINE;
    metadata->mem = mem;
    metadata->entries = metadata->first;
    metadata->chunks = NULL;
    metadata->reads = NULL;
}

static void free_chunks(struct grebe_metadata *metadata)
{
    for (struct grebe__metadata_chunk *chunk = metadata->chunks, *next; chunk != NULL;
         chunk = next) {
        next = chunk->next;
        grebe_mem_free(metadata->mem, chunk);
    }
    metadata->chunks = NULL;
}

void grebe__metadata_fini(struct grebe_metadata *metadata)
{
    free_chunks(metadata);
    if (metadata->entries != metadata->first)
        grebe_mem_free(metadata->mem, metadata->entries);
}

void grebe__metadata_clear(struct grebe_metadata *metadata)
{
    free_chunks(metadata);
    metadata->n = 0;
}

struct grebe_metadata *grebe_metadata_new(const struct grebe_mem *mem)
{
    struct grebe_metadata *metadata;

    if (mem == NULL)
        mem = grebe_mem_default();
    metadata = grebe_mem_alloc(mem, sizeof *metadata);
    if (metadata == NULL)
        return NULL;
    grebe__metadata_init(metadata, mem);
    metadata->refs = 1;
    return metadata;
}

struct grebe_metadata *grebe_metadata_ref(struct grebe_metadata *metadata)
{
    grebe__ref_get(&metadata->refs);
    return metadata;
}

void grebe_metadata_unref(struct grebe_metadata *metadata)
{
    if (metadata == NULL || !grebe__ref_put(&metadata->refs))
        return;
    grebe__metadata_fini(metadata);
    grebe_mem_free(metadata->mem, metadata);
}

/* Room for `size` bytes that stay where they are. */
static char *reserve_text(struct grebe_metadata *metadata, size_t size)
{
    struct grebe__metadata_chunk *chunk = metadata->chunks;

    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t room = size > CHUNK_BYTES ? size : CHUNK_BYTES;

        chunk = grebe_mem_alloc(metadata->mem, sizeof *chunk + room);
        if (chunk == NULL)
            return NULL;
        chunk->size = room;
        chunk->used = 0;
        chunk->next = metadata->chunks;
        metadata->chunks = chunk;
    }
    chunk->used += size;
    return chunk->text + chunk->used - size;
}

static int reserve_entry(struct grebe_metadata *metadata)
{
    uint32_t capacity = metadata->capacity * 2;
    bool is_first = metadata->entries == metadata->first;
    struct grebe_metadata_entry *entries;

    if (metadata->n < metadata->capacity)
        return GREBE_OK;
    entries = grebe_mem_realloc(metadata->mem, is_first ? NULL : metadata->entries,
                                capacity * sizeof *entries);
    if (entries == NULL)
        return GREBE_ERR_NOMEM;
    if (is_first)
        memcpy(entries, metadata->first, sizeof metadata->first);
    metadata->entries = entries;
    metadata->capacity = capacity;
    return GREBE_OK;
}

int grebe__metadata_append_static(struct grebe_metadata *metadata, const char *key,
                                  size_t key_length, const char *value,
                                  size_t value_length)
{
    if (reserve_entry(metadata) != GREBE_OK)
        return GREBE_ERR_NOMEM;
    metadata->entries[metadata->n++] = (struct grebe_metadata_entry){
        .key = key,
        .value = value,
        .value_length = value_length,
        .key_length = key_length,
    };
    return GREBE_OK;
}

int grebe__metadata_append(struct grebe_metadata *metadata, const char *key,
                           size_t key_length, const void *value, size_t value_length)
{
    char *text;

    if (reserve_entry(metadata) != GREBE_OK)
        return GREBE_ERR_NOMEM;
    text = reserve_text(metadata, key_length + 1 + value_length + 1);
    if (text == NULL)
        return GREBE_ERR_NOMEM;
    memcpy(text, key, key_length);
    text[key_length] = '\0';
    if (value_length > 0)
        memcpy(text + key_length + 1, value, value_length);
    text[key_length + 1 + value_length] = '\0';
    return grebe__metadata_append_static(metadata, text, key_length,
                                         text + key_length + 1, value_length);
}

bool grebe__metadata_key_is_binary(const char *key, size_t length)
{
    return length >= 4 && memcmp(key + length - 4, "-bin", 4) == 0;
}

bool grebe__metadata_key_is_valid(const char *key, size_t length)
{
    size_t i =
        length > 1 && key[0] == ':' ? 1 : 0; /* ":authority" of a pick (gRFC A81) */

    if (length == 0)
        return false;
    for (; i < length; i++) {
        char c = key[i];

        if (!(c >= 'a' && c <= 'z') && !grebe__ascii_is_digit(c) && c != '-' &&
            c != '_' && c != '.')
            return false;
    }
    return true;
}

bool grebe__metadata_value_is_valid(const char *key, size_t key_length, const void *value,
                                    size_t value_length)
{
    const unsigned char *bytes = value;

    if (grebe__metadata_key_is_binary(key, key_length))
        return true;
    for (size_t i = 0; i < value_length; i++)
        if (bytes[i] < 0x20 || bytes[i] > 0x7e)
            return false;
    return true;
}

int grebe_metadata_add(struct grebe_metadata *metadata, const char *key,
                       const void *value, size_t value_length)
{
    size_t length = strlen(key);
    char lower[256];

    if (length >= sizeof lower)
        return GREBE_ERR_INVALID;
    for (size_t i = 0; i <= length; i++)
        lower[i] = grebe__ascii_lower(key[i]);
    if (!grebe__metadata_key_is_valid(lower, length) ||
        !grebe__metadata_value_is_valid(lower, length, value, value_length))
        return GREBE_ERR_INVALID;
    return grebe__metadata_append(metadata, lower, length, value, value_length);
}

size_t grebe_metadata_count(const struct grebe_metadata *metadata)
{
    return metadata == NULL ? 0 : metadata->n;
}

struct grebe_metadata grebe__metadata_watched(const struct grebe_metadata *metadata,
                                              struct grebe__reads *reads)
{
    struct grebe_metadata watched = {.reads = reads};

    if (metadata != NULL) {
        watched.n = metadata->n;
        watched.entries = metadata->entries;
    }
    return watched;
}

static const struct grebe_metadata_entry *look_at(const struct grebe_metadata *metadata,
                                                  size_t i)
{
    struct grebe__reads *reads = metadata->reads;

    if (reads != NULL && i < 64)
        reads->entries |= UINT64_C(1) << i;
    else if (reads != NULL)
        reads->is_incomplete = true;
    return &metadata->entries[i];
}

const struct grebe_metadata_entry *
grebe_metadata_at(const struct grebe_metadata *metadata, size_t i)
{
    return i < grebe_metadata_count(metadata) ? look_at(metadata, i) : NULL;
}

const struct grebe_metadata_entry *
grebe_metadata_next(const struct grebe_metadata *metadata, const char *key,
                    const struct grebe_metadata_entry *after)
{
    size_t length = strlen(key), n = grebe_metadata_count(metadata);

    for (size_t i = after == NULL ? 0 : (size_t)(after - metadata->entries) + 1; i < n;
         i++)
        if (metadata->entries[i].key_length == length &&
            memcmp(metadata->entries[i].key, key, length) == 0)
            return look_at(metadata, i);
    return NULL;
}

const struct grebe_metadata_entry *
grebe_metadata_get(const struct grebe_metadata *metadata, const char *key)
{
    return grebe_metadata_next(metadata, key, NULL);
}

/* ---- As an attribute of addresses ---------------------------------------------------- */

static bool is_same_entry(const struct grebe_metadata_entry *a,
                          const struct grebe_metadata_entry *b)
{
    return a->key_length == b->key_length && a->value_length == b->value_length &&
           memcmp(a->key, b->key, a->key_length) == 0 &&
           memcmp(a->value, b->value, a->value_length) == 0;
}

static bool is_same(const void *a, const void *b)
{
    size_t n = grebe_metadata_count(a);

    if (n != grebe_metadata_count(b))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_same_entry(grebe_metadata_at(a, i), grebe_metadata_at(b, i)))
            return false;
    return true;
}

static void ref_value(void *value)
{
    if (value != NULL)
        grebe_metadata_ref(value);
}

static void unref_value(void *value)
{
    grebe_metadata_unref(value);
}

const struct grebe_attribute_key GREBE_ATTRIBUTE_METADATA = {
    .name = "metadata",
    .equal = is_same,
    .ref = ref_value,
    .unref = unref_value,
};
