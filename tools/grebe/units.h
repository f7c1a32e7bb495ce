/* SPDX-License-Identifier: Apache-2.0 */
/* units.h -- durations, sizes and counts as people write and read them.
 *
 * Reading   "5ms", "1.5s", "2m"; a bare number is seconds.  "16k", "4MiB"; a bare number
 *           is bytes, and k, M and G are powers of 1024.  Nothing may follow.
 * Writing   Three digits that matter and a unit, as short as it gets.
 */
#ifndef TOOL_UNITS_H
#define TOOL_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

enum { UNITS_TEXT = 24 }; /* bytes that any of these texts fits in */

/* False, and *out untouched, if `text` is something else or does not fit. */
bool units_parse_count(const char *text, uint64_t *out);
bool units_parse_number(const char *text, double *out); /* finite, not negative */
bool units_parse_duration(const char *text, uint64_t *out_ns);
bool units_parse_size(const char *text, uint64_t *out_bytes);

/* "812us", "4.21ms", "1.50s".  All return `buf`. */
const char *units_format_duration(uint64_t ns, char buf[UNITS_TEXT]);
/* "950", "12.3k", "1.05M", in powers of 1000. */
const char *units_format_count(double count, char buf[UNITS_TEXT]);

static inline double units_us(uint64_t ns)
{
    return (double)ns / (double)NS_PER_US;
}

static inline double units_s(uint64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

#endif
