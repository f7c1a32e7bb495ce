/* SPDX-License-Identifier: Apache-2.0 */
/* support/endpoint_word.h -- what there is to say of an endpoint, as tests write it.
 *
 * "east>x>a+b*3#k@z": the addresses a and b, for the child x of the child east, with the
 * weight 3 and the hash key k, in zone z.
 */
#ifndef SUPPORT_ENDPOINT_WORD_H
#define SUPPORT_ENDPOINT_WORD_H

#include <grebe/attributes.h>

/* Cuts all that off, so that *word is left with the addresses.  A reference, NULL if there
 * is nothing of it; this memory never fails. */
const struct grebe_attributes *endpoint_word_cut(char **word);

#endif
