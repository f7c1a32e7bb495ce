/* SPDX-License-Identifier: Apache-2.0 */
/* template.h -- JSON of which parts are left to chance.
 *
 *   '          a quotation mark
 *   (a|b|c)    one of them; each may be empty, and have others inside
 *   <3-7>      a number from 3 to 7
 *   <3-7ms>    a duration: "0.005s"
 *   <policy>   a list with one policy and its configuration: [{"round_robin":{}}]
 *
 * "{('minRingSize':<1-8>|)}" is {"minRingSize":5} or {}.  The same numbers give the same
 * text.
 */
#ifndef TORTURE_TEMPLATE_H
#define TORTURE_TEMPLATE_H

#include "base/rng.h"
#include "base/text.h"

struct drawing {
    struct grebe__rng rng;
    struct grebe__text out;
    /* What <policy> stands for. */
    void (*write_policy)(struct drawing *drawing);
};

void template_draw(struct drawing *drawing, const char *template);

#endif
