/* SPDX-License-Identifier: Apache-2.0 */
/* A file that `grebe replay` is given. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "lab/replay.h"

static void on_difference(void *arg, const struct lab_difference *difference)
{
    (void)arg;
    fuzz_check(strcmp(difference->recorded, difference->now) != 0, "they differ");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct lab_replay_options options = {
        .mem = fuzz_mem(),
        .on_difference = on_difference,
    };
    struct lab_replay *replay = lab_replay_new(&options);
    const char *line = (const char *)data, *end = line + size;
    int result = GREBE_OK;

    fuzz_check(replay != NULL, "there is memory");
    while (line < end && result == GREBE_OK) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = newline == NULL ? end : newline;
        struct grebe_diag diag = {.text = ""};

        result = lab_replay_line(replay, line, (size_t)(line_end - line), &diag);
        fuzz_check(result == GREBE_OK || diag.text[0] != '\0', "what is wrong is said");
        line = line_end + 1;
    }
    lab_replay_destroy(replay);
    fuzz_none_left();
    return 0;
}
