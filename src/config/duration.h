/* SPDX-License-Identifier: Apache-2.0 */
/* config/duration.h -- durations as JSON text: "1.5s".
 *
 * Source: google.protobuf.Duration in proto3 JSON, which allows +-315,576,000,000 s.  We
 * count nanoseconds in 64 bits, so what is beyond +-292 years saturates.
 */
#ifndef GREBE_CONFIG_DURATION_H
#define GREBE_CONFIG_DURATION_H

#include <stddef.h>
#include <stdint.h>

/* -?D*(\.D{0,9})?s with one digit at least.  NULL and *out, or what is wrong: a fragment
 * of a sentence, static. */
const char *grebe__duration_parse(const char *text, size_t length, int64_t *out);

/* With 0, 3, 6 or 9 digits after the point, as few as lose nothing. */
enum { GREBE__DURATION_BYTES = 24 };
const char *grebe__duration_format(int64_t duration_ns, char buf[GREBE__DURATION_BYTES]);

#endif
