/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP proxy answers to CONNECT, in pieces as the first byte says. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "io/tunnel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum grebe__tunnel_result result = GREBE__TUNNEL_WANTS_INPUT;
    size_t n_piece = size == 0 ? 1 : 1 + data[0] % 32, at = size > 0, n_read = 0;
    struct grebe__tunnel tunnel;

    grebe__tunnel_init(&tunnel, size % 2 == 0);
    while (at < size && result == GREBE__TUNNEL_WANTS_INPUT) {
        size_t n = size - at < n_piece ? size - at : n_piece, used = 0;

        result = grebe__tunnel_read(&tunnel, data + at, n, &used);
        fuzz_check(used <= n, "no more is used than there is");
        n_read += used;
        at += n;
    }
    fuzz_check(n_read <= GREBE__TUNNEL_ANSWER_MAX, "an answer has a bound");
    if (result == GREBE__TUNNEL_FAILED)
        fuzz_check(memchr(tunnel.error, 0, sizeof tunnel.error) != NULL &&
                       tunnel.error[0] != '\0',
                   "what is wrong is said");
    return 0;
}
