/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/number.h"

#include <float.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void grebe__number_put_point(char *text)
{
    static const char ours[] = "0123456789+-e";
    size_t before = strspn(text, ours);
    size_t foreign = strcspn(text + before, ours);

    if (foreign == 0)
        return;
    text[before] = '.';
    memmove(text + before + 1, text + before + foreign,
            strlen(text + before + foreign) + 1);
}

const char *grebe__number_text(double value, int digits, char buf[GREBE__NUMBER_TEXT])
{
    if (value != value)
        return "NaN";
    if (value > DBL_MAX)
        return "+Inf";
    if (value < -DBL_MAX)
        return "-Inf";
    snprintf(buf, GREBE__NUMBER_TEXT, "%.*g", digits, value);
    grebe__number_put_point(buf);
    if (buf[strcspn(buf, ".e")] == '\0')
        strcat(buf, ".0");
    return buf;
}
