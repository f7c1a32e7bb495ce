/* SPDX-License-Identifier: Apache-2.0 */
/* core/explanation.h -- the record behind grebe/explain.h, as the core writes it.
 *
 * A call that asked for one owns it, in one allocation of fixed size: what does not fit is
 * counted and left out.  Each pick forgets the policies and candidates of the one before.
 *
 * Threading   The loop's thread until the call is done.
 */
#ifndef GREBE_CORE_EXPLANATION_H
#define GREBE_CORE_EXPLANATION_H

#include <grebe/explain.h>

struct grebe_channel;
struct grebe__stream_end;

/* NULL when out of memory: the call goes on without. */
struct grebe_explanation *grebe__explanation_new(const struct grebe_mem *mem,
                                                 uint64_t now_ns);
void grebe__explanation_free(struct grebe_explanation *explanation); /* NULL: no-op */

/* The call is in that state (enum grebe__call_state) from now on. */
void grebe__explanation_enter(struct grebe_explanation *explanation, unsigned state,
                              uint64_t now_ns);

/* Around a pick.  `pick` is what it gave, its status included. */
void grebe__explanation_pick_begins(struct grebe_explanation *explanation);
void grebe__explanation_pick_ends(struct grebe_explanation *explanation,
                                  const struct grebe_channel *channel,
                                  const struct grebe_pick *pick);

/* Around a stream on a connection to `address`. */
void grebe__explanation_attempt_begins(struct grebe_explanation *explanation,
                                       struct grebe_address *address, uint64_t now_ns);
void grebe__explanation_attempt_ends(struct grebe_explanation *explanation,
                                     uint64_t headers_ns, int code, uint64_t now_ns);

#endif
