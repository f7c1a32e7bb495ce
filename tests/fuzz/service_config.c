/* SPDX-License-Identifier: Apache-2.0 */
/* A service config, from a resolver or a file: all of JSON, every policy's configuration. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "config/service_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct grebe__service_config *config = NULL;
    char *text = fuzz_text(data, size);
    struct grebe_diag diag = {.text = ""};
    int result = grebe__service_config_parse(fuzz_mem(), text, &diag, &config);

    fuzz_check((result == GREBE_OK) == (config != NULL), "a config, or none");
    fuzz_check(result == GREBE_OK || diag.text[0] != '\0', "what is wrong is said");
    if (config != NULL) {
        (void)grebe__service_config_method(config, "/s/m");
        grebe__service_config_unref(config);
    }
    fuzz_none_left();
    free(text);
    return 0;
}
