/* SPDX-License-Identifier: Apache-2.0 */
/* mischief.h -- mistakes of the simulator's own, to see that they are found. */
#ifndef TORTURE_MISCHIEF_H
#define TORTURE_MISCHIEF_H

enum mischief {
    MISCHIEF_NONE,
    MISCHIEF_TWICE, /* a pick is done twice */
    MISCHIEF_CRASH, /* a contract is broken */
    MISCHIEF_HANG,  /* a callback does not return */
    MISCHIEF_LEAK,  /* memory is taken and forgotten */
};

/* At the end of each call's pick.  Set once, before anything runs. */
extern enum mischief mischief;

#endif
