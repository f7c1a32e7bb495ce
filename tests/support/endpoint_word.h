/* SPDX-License-Identifier: Apache-2.0 */
/* support/endpoint_word.h -- where an endpoint belongs, as tests write it.
 *
 * "east>x>a+b@z": the addresses a and b, for the child x of the child east, in zone z.
 */
#ifndef SUPPORT_ENDPOINT_WORD_H
#define SUPPORT_ENDPOINT_WORD_H

#include <grebe/attributes.h>

/* Cuts path and zone off, so that *word is left with the addresses.  A reference, NULL if
 * there is neither; this memory never fails. */
const struct grebe_attributes *endpoint_word_cut(char **word);

#endif
