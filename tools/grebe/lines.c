/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include <stdlib.h>

static bool has_room(struct lines *lines)
{
    size_t size = lines->size == 0 ? 4096 : lines->size * 2;
    char *text;

    if (lines->length < lines->size)
        return true;
    text = realloc(lines->text, size > lines->max ? lines->max : size);
    if (text == NULL)
        return false;
    lines->text = text;
    lines->size = size > lines->max ? lines->max : size;
    return true;
}

enum lines_result lines_next(struct lines *lines)
{
    int c;

    lines->length = 0;
    while ((c = getc_unlocked(lines->stream)) != EOF && c != '\n') {
        if (lines->length == lines->max)
            return LINES_TOO_LONG;
        if (!has_room(lines))
            return LINES_NOMEM;
        lines->text[lines->length++] = (char)c;
    }
    if (ferror(lines->stream))
        return LINES_ERROR;
    lines->is_cut_off = c == EOF;
    return c == EOF && lines->length == 0 ? LINES_END : LINES_ONE;
}

void lines_free(struct lines *lines)
{
    free(lines->text);
    lines->text = NULL;
}
