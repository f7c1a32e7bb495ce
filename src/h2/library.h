/* SPDX-License-Identifier: Apache-2.0 */
/* h2/library.h -- an nghttp2 session with the memory and the options that we want. */
#ifndef GREBE_H2_LIBRARY_H
#define GREBE_H2_LIBRARY_H

struct grebe__h2;

/* Makes h2->session.  GREBE_ERR_NOMEM. */
int grebe__h2_library_open(struct grebe__h2 *h2);

#endif
