/* SPDX-License-Identifier: Apache-2.0 */
/* support/recording.h -- a recording in memory, and what a replay says of it. */
#ifndef SUPPORT_RECORDING_H
#define SUPPORT_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/record.h"
#include "lab/replay.h"

enum { RECORDING_BYTES = 4 * 1024 * 1024 };

struct recording {
    struct grebe__record_sink sink;
    bool has_no_room;    /* refuses lines */
    const char *failure; /* what the sink says has happened; NULL: nothing */
    size_t length;
    char text[RECORDING_BYTES]; /* NUL-terminated */
};

/* One for all tests of a program, emptied. */
struct recording *recording_start(void);

/* How many lines have this part. */
unsigned recording_count(const struct recording *recording, const char *part);
/* The n-th line (from 1) that has it, or NULL; borrowed until the next call. */
const char *recording_find(const struct recording *recording, const char *part,
                           unsigned n);
/* The number of that line; 0 if there is none. */
uint32_t recording_line(const struct recording *recording, const char *part, unsigned n);
/* Replaces a part of the n-th line that has it, by text of any length. */
void recording_change(struct recording *recording, const char *part, unsigned n,
                      const char *by);
/* Takes that line out. */
void recording_drop(struct recording *recording, const char *part, unsigned n);

/* The last replay: its result, and differences as "line 7: pick" or "line 7: other", one
 * after the other. */
struct replayed {
    int error; /* of a line: GREBE_OK, or what it was */
    uint32_t line;
    struct grebe_diag diag;
    struct lab_replay_result result; /* without its texts */
    char policy[64];
    char differences[4096];
    char recorded[4096], now[4096]; /* of the first difference */
};

struct replayed *recording_replay(const struct recording *recording,
                                  const struct grebe_mem *mem);

#endif
