/* SPDX-License-Identifier: Apache-2.0 */
/* wild.h -- a policy that keeps to the letter of the contract, and to nothing else.
 *
 * It makes subconns and gives them up when it likes, replaces their addresses, publishes
 * any state with any picker, picks subconns that are not READY or that it has given up,
 * fails and drops calls with codes that are not a policy's to use, asks for names to be
 * resolved, for idle to be left and for timers, again and again.  Whatever it does, no
 * call may be lost, nothing may leak, and the library may not stumble.
 */
#ifndef TORTURE_WILD_H
#define TORTURE_WILD_H

#include "client.h"

/* All wild policies of the client do something, chosen by `what`. */
void wild_poke(struct client *client, unsigned what);

#endif
