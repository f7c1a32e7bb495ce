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

void term_print_escaped(FILE *out, const void *text, size_t length)
{
    const unsigned char *bytes = text;

    while (length > 0) {
        size_t n = printable(bytes, length);

        if (n == 0)
            fprintf(out, "\\x%02x", *bytes);
        else
            fwrite(bytes, 1, n, out);
        n += n == 0;
        bytes += n;
        length -= n;
    }
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
