/* SPDX-License-Identifier: Apache-2.0 */
/* What a file: target names. */
#include "fuzz/fuzz.h"

#include "resolver/endpoint_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct grebe__endpoint_file file;
    struct grebe_diag diag = {.text = ""};
    int result =
        grebe__endpoint_file_parse(fuzz_mem(), (const char *)data, size, &diag, &file);

    if (result == GREBE_OK)
        grebe__endpoint_file_fini(&file);
    else
        fuzz_check(diag.text[0] != '\0', "what is wrong is said");
    fuzz_none_left();
    return 0;
}
