/* SPDX-License-Identifier: Apache-2.0 */
/* support/figures.h -- what a channel recorded, as text that a test can compare.
 *
 * A series is its values and what was recorded, as in "manual:///test,GOAWAY NO_ERROR 1";
 * for a histogram it is how many values and their sum, "OK 2/0.25".  Series are joined with
 * "; ", in the order in which they were first met.
 */
#ifndef SUPPORT_FIGURES_H
#define SUPPORT_FIGURES_H

#include <grebe/memory_recorder.h>

#include "support/mem.h"

enum { FIGURES_TEXT = 8192 };

struct figures {
    struct test_mem mem;
    struct grebe_memory_recorder *memory;
    struct grebe_recorder *recorder; /* the same, for options */
    char text[FIGURES_TEXT];         /* what figures_of() returned last */
};

/* Keeps every instrument, and of the optional labels those in `labels`, which ends with
 * NULL; NULL: all. */
void figures_init(struct figures *figures, const char *const *labels);
/* Checks that nobody holds the recorder any more and everything came back. */
void figures_fini(struct figures *figures);

const char *figures_of(struct figures *figures, const char *instrument);

/* The exposition as it is written. */
const char *figures_exposition(struct figures *figures, enum grebe_exposition exposition);

#endif
