/* SPDX-License-Identifier: Apache-2.0 */
/* h2/deframer.h -- cuts messages out of the bytes of a stream.
 *
 *   flag(1)  length(4, big endian)  payload(length)          any number of times
 *
 * Where a DATA frame ends means nothing.  The caller asks for one message at a time, and
 * bytes go straight into the message that is being asked for; bytes that nobody asked for
 * are kept as they came, and the stream's window bounds how many those can be.
 *
 * A message's memory grows with the bytes that have arrived, never with the length that a
 * peer has announced; one that arrives in one piece is allocated once.
 *
 * Sources     gRPC over HTTP/2, "Length-Prefixed-Message".
 */
#ifndef GREBE_H2_DEFRAMER_H
#define GREBE_H2_DEFRAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/mem.h>

enum { GREBE__PREFIX_BYTES = 5 };

struct grebe__deframer {
    unsigned char *message; /* the one that is being assembled; NULL: no payload yet */
    uint32_t length;        /* announced; valid once the prefix is whole */
    uint32_t n_message;     /* bytes of `message` */
    uint32_t capacity;      /* of `message` */
    uint32_t held_start, held_end, held_capacity;
    unsigned char *held; /* not asked for: from held_start to held_end */
    unsigned char prefix[GREBE__PREFIX_BYTES];
    unsigned char n_prefix; /* not 0: a message is being assembled, nothing is held */
};

/* Bytes that have just arrived; what the deframer takes is cut off in front. */
struct grebe__chunk {
    const unsigned char *bytes;
    size_t length;
};

enum grebe__deframer_result {
    GREBE__DEFRAMER_MESSAGE,    /* `out` has it */
    GREBE__DEFRAMER_WAITS,      /* everything was taken, and it is not enough */
    GREBE__DEFRAMER_BAD_FLAG,   /* neither 0 nor 1 */
    GREBE__DEFRAMER_COMPRESSED, /* flag 1 */
    GREBE__DEFRAMER_TOO_LARGE,  /* `out` has the length that was announced */
    GREBE__DEFRAMER_NO_MEMORY,
};

struct grebe__message {
    void *bytes; /* the caller's to free; never NULL */
    uint32_t length;
};

void grebe__deframer_init(struct grebe__deframer *deframer);
void grebe__deframer_fini(struct grebe__deframer *deframer, const struct grebe_mem *mem);

/* The next message, out of what is held and then out of `chunk`.  After any result but
 * MESSAGE and WAITS there is nothing to be had from this deframer. */
enum grebe__deframer_result grebe__deframer_next(struct grebe__deframer *deframer,
                                                 const struct grebe_mem *mem,
                                                 uint32_t max_length,
                                                 struct grebe__chunk *chunk,
                                                 struct grebe__message *out);

/* Keeps `chunk` for later: nobody asks for a message now.  False when out of memory. */
bool grebe__deframer_keep(struct grebe__deframer *deframer, const struct grebe_mem *mem,
                          struct grebe__chunk chunk);

/* next() would give something else than WAITS. */
bool grebe__deframer_has_next(const struct grebe__deframer *deframer,
                              uint32_t max_length);

/* Bytes that arrived and were not given out as messages. */
static inline uint64_t grebe__deframer_n_bytes(const struct grebe__deframer *deframer)
{
    return (uint64_t)(deframer->held_end - deframer->held_start) + deframer->n_prefix +
           deframer->n_message;
}

/* next() has something to work with. */
static inline bool grebe__deframer_is_fed(const struct grebe__deframer *deframer,
                                          const struct grebe__chunk *chunk)
{
    return chunk->length > 0 || deframer->held_end > deframer->held_start;
}

/* Bytes that are missing of the message that is being assembled, if its length is
 * known. */
static inline uint32_t grebe__deframer_n_missing(const struct grebe__deframer *deframer)
{
    return deframer->n_prefix < GREBE__PREFIX_BYTES
               ? 0
               : deframer->length - deframer->n_message;
}

#endif
