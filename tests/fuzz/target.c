/* SPDX-License-Identifier: Apache-2.0 */
/* What a channel is told to reach. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "resolver/host_port.h"
#include "resolver/target.h"

static void split(const char *text, size_t size)
{
    struct grebe__host_port parts;
    char joined[512];

    if (grebe__host_port_split(text, size, "443", &parts) != NULL)
        return;
    fuzz_check(parts.host_length <= size || strcmp(parts.host, "localhost") == 0,
               "a host is a part of the text, or the default");
    fuzz_check(grebe__host_port_join(&parts, joined, sizeof joined) > 0, "it has a text");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct grebe__target_options options = {0};
    const struct grebe_resolver_builder *builder;
    struct grebe_target *target = NULL;
    struct grebe_diag diag = {.text = ""};
    char *text = fuzz_text(data, size);

    split(text, size);
    if (grebe__target_parse(fuzz_mem(), text, &options, &diag, &target, &builder) ==
        GREBE_OK) {
        char *canonical = grebe__target_canonical(fuzz_mem(), target);

        fuzz_check(canonical != NULL, "a target has a canonical text");
        grebe_mem_free(fuzz_mem(), canonical);
        grebe__target_free(fuzz_mem(), target);
    } else {
        fuzz_check(diag.text[0] != '\0', "what is wrong is said");
    }
    fuzz_none_left();
    free(text);
    return 0;
}
