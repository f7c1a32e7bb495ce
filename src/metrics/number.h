/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/number.h -- numbers as text, whatever the program's locale. */
#ifndef GREBE_METRICS_NUMBER_H
#define GREBE_METRICS_NUMBER_H

enum { GREBE__NUMBER_TEXT = 40 };

/* "0.25", "3.0", "1e-05", "+Inf", "NaN": `digits` significant ones, 17 for a value that
 * shall be read back as it was, 15 for one that people wrote down.  Returns `buf`. */
const char *grebe__number_text(double value, int digits, char buf[GREBE__NUMBER_TEXT]);

#endif
