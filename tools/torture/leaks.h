/* SPDX-License-Identifier: Apache-2.0 */
/* leaks.h -- memory that is not a channel's own: a sanitizer knows of it. */
#ifndef TORTURE_LEAKS_H
#define TORTURE_LEAKS_H

/* Fails the run if memory was lost since the process began.  Without a sanitizer it does
 * nothing. */
void leaks_check(void);

#endif
