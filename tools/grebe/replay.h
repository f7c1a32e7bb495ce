/* SPDX-License-Identifier: Apache-2.0 */
/* replay.h -- what the two sides of `grebe replay` share. */
#ifndef TOOL_REPLAY_H
#define TOOL_REPLAY_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/error.h>

#include "options.h"
#include "output.h"
#include "plugins.h"

struct replay_args {
    struct operands operands;
    const char *policy; /* another one; NULL: the recorded one */
    struct plugin_args plugins;
    struct output_args output;
};

/* A file on its way to whoever takes lines.  `take` says what is wrong in `diag`. */
struct feeding {
    const char *path;
    int (*take)(void *arg, const char *text, size_t length, struct grebe_diag *diag);
    void *arg;
    unsigned long n_lines; /* that were taken */
};

/* All lines, until one is wrong, which is said on stderr, or SIGINT comes.  Gives the exit
 * code. */
int replay_read(struct feeding *feeding);

/* replay_whatif.c */
int replay_whatif(const struct replay_args *args);

#endif
