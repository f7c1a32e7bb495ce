/* SPDX-License-Identifier: Apache-2.0 */
/* base/diag.h -- explanations that quote what somebody else wrote. */
#ifndef GREBE_BASE_DIAG_H
#define GREBE_BASE_DIAG_H

#include <stddef.h>

#include <grebe/error.h>

/* Writes `format`, then `: "bytes"` with everything a terminal or a log should not see
 * escaped.  `diag` may be NULL. */
void grebe__diag_quote(struct grebe_diag *diag, const char *bytes, size_t length,
                       const char *format, ...) GREBE_PRINTF(4, 5);

/* For the end of a public function that takes a `diag`: no failure leaves it unwritten.
 * `why` began empty; if it still is, the words for `result` go out.  `diag` may be NULL;
 * gives `result`, and writes nothing for GREBE_OK. */
int grebe__diag_give(struct grebe_diag *diag, const struct grebe_diag *why, int result);

#endif
