/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in a stream: the bytes come in pieces, as the first of them says, and are asked for
 * or kept. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "h2/deframer.h"

enum { MAX_LENGTH = 4096 };

/* All that there is; false: nothing more is to be had. */
static bool take(struct grebe__deframer *deframer, struct grebe__chunk *chunk,
                 uint64_t *n_bytes)
{
    for (;;) {
        struct grebe__message message;

        switch (grebe__deframer_next(deframer, fuzz_mem(), MAX_LENGTH, chunk, &message)) {
        case GREBE__DEFRAMER_MESSAGE:
            fuzz_check(message.length <= MAX_LENGTH, "no message is larger than asked");
            *n_bytes += GREBE__PREFIX_BYTES + message.length;
            memset(message.bytes, 0, message.length); /* it is all there */
            grebe_mem_free(fuzz_mem(), message.bytes);
            break;
        case GREBE__DEFRAMER_WAITS:
            fuzz_check(chunk->length == 0, "who waits has taken everything");
            fuzz_check(!grebe__deframer_has_next(deframer, MAX_LENGTH),
                       "who waits has no message");
            return true;
        default:
            return false;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct grebe__deframer deframer;
    size_t n_piece = size == 0 ? 1 : 1 + data[0] % 16, at = size > 0;
    uint64_t n_bytes = 0;
    bool goes_on = true;

    grebe__deframer_init(&deframer);
    for (int round = 0; goes_on && at < size; round++) {
        size_t n = size - at < n_piece ? size - at : n_piece;
        struct grebe__chunk chunk = {data + at, n};

        at += n;
        if (round % 4 == 3 && grebe__deframer_n_missing(&deframer) == 0 &&
            deframer.n_prefix == 0)
            goes_on = grebe__deframer_keep(&deframer, fuzz_mem(), chunk);
        else
            goes_on = take(&deframer, &chunk, &n_bytes);
    }
    if (goes_on)
        fuzz_check(n_bytes + grebe__deframer_n_bytes(&deframer) == size - (size > 0),
                   "every byte is in a message or kept");
    grebe__deframer_fini(&deframer, fuzz_mem());
    fuzz_none_left();
    return 0;
}
