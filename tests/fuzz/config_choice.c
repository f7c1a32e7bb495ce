/* SPDX-License-Identifier: Apache-2.0 */
/* The choices of a TXT record (gRFC A2). */
#include "fuzz/fuzz.h"

#include "resolver/config_choice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct grebe__client_traits client = {.host_name = "host", .luck = 7};
    struct grebe_diag diag = {.text = ""};
    char *chosen = NULL;
    int result = grebe__config_choose(fuzz_mem(), (const char *)data, size, &client,
                                      &diag, &chosen);

    if (result == GREBE_OK)
        grebe_mem_free(fuzz_mem(), chosen);
    else
        fuzz_check(diag.text[0] != '\0', "what is wrong is said");
    fuzz_none_left();
    return 0;
}
