/* SPDX-License-Identifier: Apache-2.0 */
/* reasons.h -- why a call went where it went, and why it failed: as text and as JSON. */
#ifndef TOOL_REASONS_H
#define TOOL_REASONS_H

#include <jansson.h>

#include <grebe/explain.h>
#include <grebe/grebe.h>

/* On stderr, a few lines.  `explanation` NULL: there was no memory to keep one. */
void reasons_print_explanation(const struct grebe_explanation *explanation);
/* On stderr: what the channel knew of name resolution and of each backend. */
void reasons_print_failure(const struct grebe_failure *failure);

/* New references; NULL when out of memory. */
json_t *reasons_explanation_json(const struct grebe_explanation *explanation);
json_t *reasons_failure_json(const struct grebe_failure *failure);

#endif
