/* SPDX-License-Identifier: Apache-2.0 */
/* explained.h -- an explanation tells what has happened to its call. */
#ifndef TORTURE_EXPLAINED_H
#define TORTURE_EXPLAINED_H

#include "calls.h"

/* `done` wanted to be explained. */
void explained_check(const struct call *call, const struct grebe_call *done);

#endif
