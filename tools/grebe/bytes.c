/* SPDX-License-Identifier: Apache-2.0 */
#include "bytes.h"

#include <stdint.h>
#include <string.h>

#include "slab.h"

enum { FIRST_BYTES = 240 };

/* Moves the waiting bytes to the front only if at least as many have been taken: every
 * byte is moved once for each time the queue doubles, not once for each append. */
unsigned char *bytes_reserve(struct bytes *bytes, struct slab *slab, size_t length)
{
    size_t waiting = bytes_length(bytes), size = bytes->size;
    unsigned char *data;

    if (length <= size - bytes->tail)
        return bytes->data + bytes->tail;
    if (bytes->head >= waiting && length <= size - waiting) {
        memmove(bytes->data, bytes_front(bytes), waiting);
        bytes->head = 0;
        bytes->tail = waiting;
        return bytes->data + waiting;
    }
    if (length > SIZE_MAX / 4 - bytes->tail)
        return NULL;
    if (size == 0)
        size = FIRST_BYTES;
    while (size - bytes->tail < length)
        size *= 2;
    data = slab_realloc(slab, bytes->data, size);
    if (data == NULL)
        return NULL;
    bytes->data = data;
    bytes->size = size;
    return data + bytes->tail;
}

bool bytes_append(struct bytes *bytes, struct slab *slab, const void *data, size_t length)
{
    unsigned char *place;

    if (length == 0)
        return true;
    place = bytes_reserve(bytes, slab, length);
    if (place == NULL)
        return false;
    memcpy(place, data, length);
    bytes_commit(bytes, length);
    return true;
}

void bytes_fini(struct bytes *bytes, struct slab *slab)
{
    slab_free(slab, bytes->data);
    *bytes = (struct bytes){0};
}
