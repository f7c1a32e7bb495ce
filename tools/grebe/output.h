/* SPDX-License-Identifier: Apache-2.0 */
/* output.h -- the options and habits of output that all verbs share. */
#ifndef TOOL_OUTPUT_H
#define TOOL_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>

#include "options.h"

struct output_args {
    const char *format; /* "table", "json", ... */
    bool is_colourless;
};

extern const struct option_spec output_options[];     /* -o table|json, --no-color */
extern const struct option_spec output_options_csv[]; /* with csv */

bool output_is(const struct output_args *args, const char *format);

/* A JSON string of text from anywhere.  JSON is UTF-8: in what is not, each byte that a
 * terminal should not see is \xNN, too.  NULL when jansson is out of memory. */
json_t *output_text(const char *text, size_t length);
/* The same up to a NUL; NULL for NULL: json_pack() makes null of it ("o?") or nothing
 * ("o*"). */
json_t *output_string(const char *text);

/* One JSON value and a newline on stdout, at once; takes over the reference.  NULL, which
 * is jansson out of memory: says so.  Gives the exit code. */
int output_json(json_t *value);

/* What was printed is where it belongs; false: the disk is full, or nobody reads, which is
 * EPIPE in errno; 0 is there if the cause is not known any more.  For verbs that go on
 * printing.  The others need not ask: main() does, and says it, at the end. */
bool output_flush(void);

/* Whether `path`, which came with `option`, can be written, found out before a long run and
 * not after it.  Gives EXIT_FINE, or EXIT_USAGE and says so.  `path` NULL: fine. */
int output_check_file(const char *verb, const char *option, const char *path);

#endif
