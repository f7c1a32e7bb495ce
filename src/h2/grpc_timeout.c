/* SPDX-License-Identifier: Apache-2.0 */
#include "h2/grpc_timeout.h"

static const struct {
    uint64_t ns;
    char letter;
} units[] = {
    {1, 'n'},
    {UINT64_C(1000), 'u'},
    {UINT64_C(1000000), 'm'},
    {UINT64_C(1000000000), 'S'},
    {UINT64_C(60000000000), 'M'},
    {UINT64_C(3600000000000), 'H'}, /* 2^64 ns are 5124096 of these: it always fits */
};

size_t grebe__grpc_timeout_encode(uint64_t left_ns, char out[GREBE__GRPC_TIMEOUT_MAX])
{
    char digits[GREBE__GRPC_TIMEOUT_MAX];
    size_t unit = 0, n_digits = 0, length = 0;
    uint64_t count = left_ns;

    if (left_ns == 0)
        return 0;
    while (count > 99999999) {
        unit++;
        count = left_ns / units[unit].ns + (left_ns % units[unit].ns != 0);
    }
    for (; count > 0; count /= 10)
        digits[n_digits++] = (char)('0' + count % 10);
    while (n_digits > 0)
        out[length++] = digits[--n_digits];
    out[length++] = units[unit].letter;
    return length;
}
