/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/number.h"

#include <float.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

const char *grebe__number_text(double value, int digits, char buf[GREBE__NUMBER_TEXT])
{
    if (value != value)
        return "NaN";
    if (value > DBL_MAX)
        return "+Inf";
    if (value < -DBL_MAX)
        return "-Inf";
    snprintf(buf, GREBE__NUMBER_TEXT, "%.*g", digits, value);
    grebe__text_put_point(buf);
    if (buf[strcspn(buf, ".e")] == '\0')
        strcat(buf, ".0");
    return buf;
}
