/* SPDX-License-Identifier: Apache-2.0 */
/* lines.h -- a stream, line by line. */
#ifndef TOOL_LINES_H
#define TOOL_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct lines {
    FILE *stream;
    size_t max; /* bytes of one line */
    char *text; /* the line, without its newline; not terminated */
    size_t length, size;
    bool is_cut_off; /* the stream ended before its newline */
};

enum lines_result { LINES_ONE, LINES_END, LINES_TOO_LONG, LINES_NOMEM, LINES_ERROR };

enum lines_result lines_next(struct lines *lines);
void lines_free(struct lines *lines);

#endif
