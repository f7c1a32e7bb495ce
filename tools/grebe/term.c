/* SPDX-License-Identifier: Apache-2.0 */
#include "term.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void term_start(void)
{
    setlocale(LC_CTYPE, "");
}

struct term term_of(FILE *out, bool is_colourless)
{
    const char *type = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool is_dumb = type == NULL || strcmp(type, "dumb") == 0;
    bool is_unwanted = is_colourless || (no_color != NULL && *no_color != '\0');

    return (struct term){
        .out = out,
        .has_colour = isatty(fileno(out)) && !is_dumb && !is_unwanted,
        .has_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
    };
}

const char *term_style(const struct term *term, enum term_style style)
{
    static const char *const sequences[] = {
        [TERM_PLAIN] = "\033[0m", [TERM_BOLD] = "\033[1m",   [TERM_DIM] = "\033[2m",
        [TERM_RED] = "\033[31m",  [TERM_GREEN] = "\033[32m", [TERM_YELLOW] = "\033[33m",
        [TERM_CYAN] = "\033[36m",
    };

    return term->has_colour ? sequences[style] : "";
}

/* UTF-8 has a block for every eighth of a column, ASCII only whole ones. */
void term_print_bar(const struct term *term, double share, int width,
                    enum term_style style)
{
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int steps = term->has_utf8 ? 8 : 1;
    int filled = (int)(share * width * steps + 0.5);
    int columns;

    if (filled == 0 && share > 0)
        filled = 1; /* little is not nothing */
    columns = filled / steps;
    fputs(term_style(term, style), term->out);
    for (int i = 0; i < columns; i++)
        fputs(term->has_utf8 ? "█" : "#", term->out);
    if (filled % steps != 0) {
        fputs(parts[filled % steps], term->out);
        columns++;
    }
    fputs(term_style(term, TERM_PLAIN), term->out);
    fprintf(term->out, "%*s", width - columns, "");
}

/* How many bytes the printable character at `text` has; 0 if there is none. */
static size_t printable(const unsigned char *text, size_t length)
{
    static const uint32_t smallest[5] = {0, 0x20, 0xa0, 0x800, 0x10000};
    size_t n = *text < 0x80             ? 1
               : (*text & 0xe0) == 0xc0 ? 2
               : (*text & 0xf0) == 0xe0 ? 3
               : (*text & 0xf8) == 0xf0 ? 4
                                        : 0;
    uint32_t code = n == 1 ? *text : *text & (0x7fu >> n);

    if (n == 0 || n > length)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    if (code < smallest[n] || code == 0x7f || code > 0x10ffff || code >> 11 == 0x1b)
        return 0;
    return n;
}

/* Takes a character, or a byte that is none, from *text, and writes it to `out`, which has
 * room for four bytes and a NUL.  Gives how many it wrote. */
static size_t escape_next(const unsigned char **text, size_t *length, char *out)
{
    size_t n = printable(*text, *length), taken = n == 0 ? 1 : n;

    if (n == 0)
        n = (size_t)sprintf(out, "\\x%02x", **text);
    else
        memcpy(out, *text, n);
    *text += taken;
    *length -= taken;
    return n;
}

size_t term_escape(const void *text, size_t length, char *out)
{
    const unsigned char *bytes = text;
    char *end = out;

    while (length > 0)
        end += escape_next(&bytes, &length, end);
    *end = '\0';
    return (size_t)(end - out);
}

void term_print_escaped(FILE *out, const void *text, size_t length)
{
    const unsigned char *bytes = text;
    char piece[5];

    while (length > 0)
        fwrite(piece, 1, escape_next(&bytes, &length, piece), out);
}

void term_progress(const char *format, ...)
{
    va_list args;

    if (!isatty(STDERR_FILENO))
        return;
    fputs("\r\033[K", stderr);
    if (format != NULL) {
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
    }
    fflush(stderr);
}
