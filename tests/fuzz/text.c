/* SPDX-License-Identifier: Apache-2.0 */
/* Small texts inside of headers and JSON: percent signs, base64, durations, addresses. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/ip.h"
#include "base/utf8.h"
#include "config/duration.h"
#include "h2/grpc_message.h"

static void decode_message(const char *text, size_t size)
{
    size_t length;
    char *decoded = grebe__grpc_message_decode(fuzz_mem(), text, size, &length);

    fuzz_check(decoded[length] == '\0', "a message ends with NUL");
    for (size_t at = 0, n; at < length; at += n) {
        n = grebe__utf8_length((unsigned char *)decoded + at, length - at);
        fuzz_check(n > 0, "a message is UTF-8");
    }
    grebe_mem_free(fuzz_mem(), decoded);
}

static void decode_base64(const char *text, size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    char *again;
    size_t length;

    fuzz_check(bytes != NULL, "there is memory");
    if (grebe__base64_decode(text, size, bytes, &length)) {
        again = malloc(grebe__base64_encoded_length(length) + 1);
        fuzz_check(again != NULL && length <= size, "it becomes shorter");
        grebe__base64_encode(bytes, length, again);
        free(again);
    }
    free(bytes);
}

/* As written, and as written again. */
static void read_duration(const char *text, size_t size)
{
    char buf[GREBE__DURATION_BYTES];
    int64_t first, second;

    if (grebe__duration_parse(text, size, &first) != NULL)
        return;
    grebe__duration_format(first, buf);
    fuzz_check(grebe__duration_parse(buf, strlen(buf), &second) == NULL &&
                   first == second,
               "a duration that is written is read as itself");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    decode_message(text, size);
    decode_base64(text, size);
    read_duration(text, size);
    (void)grebe__ip_parse(text, size);
    fuzz_none_left();
    return 0;
}
