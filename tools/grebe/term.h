/* SPDX-License-Identifier: Apache-2.0 */
/* term.h -- what a terminal can show: colours, bars, a line of progress.
 *
 * Colours are used on a terminal only, unless --no-color, NO_COLOR or TERM=dumb forbids
 * them.  Bars are drawn with UTF-8 blocks where the locale has them, else with '#'.
 */
#ifndef TOOL_TERM_H
#define TOOL_TERM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct term {
    FILE *out;
    bool has_colour;
    bool has_utf8;
};

enum term_style {
    TERM_PLAIN,
    TERM_BOLD,
    TERM_DIM,
    TERM_RED,
    TERM_GREEN,
    TERM_YELLOW,
    TERM_CYAN,
};

/* Once, before any of these: takes the locale's characters, leaves its numbers alone. */
void term_start(void);

struct term term_of(FILE *out, bool is_colourless);

/* The escape sequence that switches to `style`; "" without colours. */
const char *term_style(const struct term *term, enum term_style style);

/* A bar of `width` columns, `share` of them filled, the rest blank; 0 <= share <= 1. */
void term_print_bar(const struct term *term, double share, int width,
                    enum term_style style);

/* Text from a peer: whatever is no printable UTF-8 comes out as \xNN, so that it cannot
 * move the cursor. */
void term_print_escaped(FILE *out, const void *text, size_t length);

/* The same into `out`, which has room for 4 * length bytes and a NUL.  Gives how many it is
 * without the NUL. */
size_t term_escape(const void *text, size_t length, char *out);

/* Replaces the line of progress on stderr; NULL wipes it.  Nothing if that is no
 * terminal. */
void term_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
