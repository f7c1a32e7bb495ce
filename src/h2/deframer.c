/* SPDX-License-Identifier: Apache-2.0 */
#include "h2/deframer.h"

#include <string.h>

/* A message that drips in must not be reallocated for every byte. */
enum { MESSAGE_BYTES_MIN = 256, HELD_BYTES_MIN = 512 };

void grebe__deframer_init(struct grebe__deframer *deframer)
{
    *deframer = (struct grebe__deframer){0};
}

static void free_held(struct grebe__deframer *deframer, const struct grebe_mem *mem)
{
    grebe_mem_free(mem, deframer->held);
    deframer->held = NULL;
    deframer->held_start = deframer->held_end = deframer->held_capacity = 0;
}

void grebe__deframer_fini(struct grebe__deframer *deframer, const struct grebe_mem *mem)
{
    grebe_mem_free(mem, deframer->message);
    free_held(deframer, mem);
    grebe__deframer_init(deframer);
}

static uint32_t length_of(const unsigned char prefix[GREBE__PREFIX_BYTES])
{
    return (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 |
           (uint32_t)prefix[3] << 8 | prefix[4];
}

/* What is wrong with a prefix, WAITS if nothing is. */
static enum grebe__deframer_result judge(const unsigned char prefix[GREBE__PREFIX_BYTES],
                                         uint32_t max_length)
{
    if (prefix[0] > 1)
        return GREBE__DEFRAMER_BAD_FLAG;
    if (length_of(prefix) > max_length)
        return GREBE__DEFRAMER_TOO_LARGE;
    return prefix[0] == 1 ? GREBE__DEFRAMER_COMPRESSED : GREBE__DEFRAMER_WAITS;
}

/* ---- Taking bytes, the held ones first --------------------------------------------- */

static size_t n_at_hand(const struct grebe__deframer *deframer,
                        const struct grebe__chunk *chunk)
{
    return deframer->held_end - deframer->held_start + chunk->length;
}

static void take(struct grebe__deframer *deframer, const struct grebe_mem *mem,
                 struct grebe__chunk *chunk, unsigned char *out, size_t n)
{
    size_t n_held = deframer->held_end - deframer->held_start;

    if (n_held > 0) {
        size_t part = n < n_held ? n : n_held;

        memcpy(out, deframer->held + deframer->held_start, part);
        deframer->held_start += (uint32_t)part;
        if (part == n_held)
            free_held(deframer, mem);
        out += part;
        n -= part;
    }
    if (n > 0) {
        memcpy(out, chunk->bytes, n);
        chunk->bytes += n;
        chunk->length -= n;
    }
}

/* Room for `n` more bytes of payload. */
static bool reserve(struct grebe__deframer *deframer, const struct grebe_mem *mem,
                    size_t n)
{
    size_t need = deframer->n_message + n, capacity = 2 * need;
    unsigned char *message;

    if (deframer->message != NULL && need <= deframer->capacity)
        return true;
    if (capacity < MESSAGE_BYTES_MIN)
        capacity = MESSAGE_BYTES_MIN;
    if (capacity > deframer->length)
        capacity = deframer->length;
    message = grebe_mem_realloc(mem, deframer->message, capacity);
    if (message == NULL)
        return false;
    deframer->message = message;
    deframer->capacity = (uint32_t)capacity;
    return true;
}

enum grebe__deframer_result grebe__deframer_next(struct grebe__deframer *deframer,
                                                 const struct grebe_mem *mem,
                                                 uint32_t max_length,
                                                 struct grebe__chunk *chunk,
                                                 struct grebe__message *out)
{
    size_t n = n_at_hand(deframer, chunk), need;

    if (deframer->n_prefix < GREBE__PREFIX_BYTES) {
        enum grebe__deframer_result fault;

        need = GREBE__PREFIX_BYTES - (size_t)deframer->n_prefix;
        need = n < need ? n : need;
        take(deframer, mem, chunk, deframer->prefix + deframer->n_prefix, need);
        deframer->n_prefix = (unsigned char)(deframer->n_prefix + need);
        n -= need;
        if (deframer->n_prefix < GREBE__PREFIX_BYTES)
            return GREBE__DEFRAMER_WAITS;
        deframer->length = out->length = length_of(deframer->prefix);
        fault = judge(deframer->prefix, max_length);
        if (fault != GREBE__DEFRAMER_WAITS)
            return fault;
    }
    need = deframer->length - deframer->n_message;
    if (n == 0 && need > 0)
        return GREBE__DEFRAMER_WAITS;
    n = n < need ? n : need;
    if (!reserve(deframer, mem, n))
        return GREBE__DEFRAMER_NO_MEMORY;
    take(deframer, mem, chunk, deframer->message + deframer->n_message, n);
    deframer->n_message += (uint32_t)n;
    if (n < need)
        return GREBE__DEFRAMER_WAITS;
    *out = (struct grebe__message){deframer->message, deframer->length};
    deframer->message = NULL;
    deframer->n_message = deframer->capacity = 0;
    deframer->n_prefix = 0;
    return GREBE__DEFRAMER_MESSAGE;
}

/* ---- Bytes that nobody asked for --------------------------------------------------- */

bool grebe__deframer_keep(struct grebe__deframer *deframer, const struct grebe_mem *mem,
                          struct grebe__chunk chunk)
{
    size_t n_held = deframer->held_end - deframer->held_start;
    size_t need = n_held + chunk.length;

    if (chunk.length == 0)
        return true;
    if (need > deframer->held_capacity) {
        size_t capacity = 2 * need < HELD_BYTES_MIN ? HELD_BYTES_MIN : 2 * need;
        unsigned char *held = grebe_mem_alloc(mem, capacity);

        if (held == NULL)
            return false;
        if (n_held > 0)
            memcpy(held, deframer->held + deframer->held_start, n_held);
        grebe_mem_free(mem, deframer->held);
        deframer->held = held;
        deframer->held_capacity = (uint32_t)capacity;
    } else if (deframer->held_start > 0) {
        memmove(deframer->held, deframer->held + deframer->held_start, n_held);
    }
    memcpy(deframer->held + n_held, chunk.bytes, chunk.length);
    deframer->held_start = 0;
    deframer->held_end = (uint32_t)need;
    return true;
}

bool grebe__deframer_has_next(const struct grebe__deframer *deframer, uint32_t max_length)
{
    size_t n = deframer->held_end - deframer->held_start;
    const unsigned char *prefix;

    if (n < GREBE__PREFIX_BYTES)
        return false;
    prefix = deframer->held + deframer->held_start;
    return judge(prefix, max_length) != GREBE__DEFRAMER_WAITS ||
           n - GREBE__PREFIX_BYTES >= length_of(prefix);
}
