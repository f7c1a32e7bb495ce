/* SPDX-License-Identifier: Apache-2.0 */
#include "h2/grpc_message.h"

#include "base/utf8.h"

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static size_t unescape(const unsigned char *in, size_t length, unsigned char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < length; i++) {
        int high = in[i] == '%' && length - i > 2 ? hex_value(in[i + 1]) : -1;
        int low = high >= 0 ? hex_value(in[i + 2]) : -1;

        if (low >= 0) {
            out[n++] = (unsigned char)(high << 4 | low);
            i += 2;
        } else {
            out[n++] = in[i];
        }
    }
    return n;
}

char *grebe__grpc_message_decode(const struct grebe_mem *mem, const char *value,
                                 size_t length, size_t *out_length)
{
    /* The raw bytes wait behind the place where the repaired ones, up to three for each,
     * are written. */
    unsigned char *text = grebe_mem_alloc(mem, 4 * length + 1);
    size_t n;

    if (text == NULL)
        return NULL;
    n = unescape((const unsigned char *)value, length, text + 3 * length + 1);
    n = grebe__utf8_repair(text + 3 * length + 1, n, text);
    text[n] = '\0';
    *out_length = n;
    return (char *)text;
}
