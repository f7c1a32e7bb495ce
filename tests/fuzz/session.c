/* SPDX-License-Identifier: Apache-2.0 */
/* A connection: its server has said SETTINGS, two calls are under way, and then anything comes,
 * in pieces as the first byte says. */
#include "fuzz/fuzz.h"

#include "support/test.h"
#include "unit/h2/bench.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bench b;

    bench_open(&b);
    call_unary(&b, &b.calls[0], "ping");
    call_unary(&b, &b.calls[1], "ping");
    if (size > 0) {
        b.n_pieces = data[0] % 32;
        h2_peer_raw(b.peer, data + 1, size - 1);
        bench_deliver(&b);
    }
    if (b.h2 != NULL)
        bench_lose(&b, "over", "unknown");
    for (int i = 0; i < 2; i++)
        call_receive(&b.calls[i]);
    bench_close(&b);
    for (int i = 0; i < 2; i++)
        fuzz_check(b.calls[i].n_ends <= 1, "no call ends twice");
    return 0;
}
