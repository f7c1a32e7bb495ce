/* SPDX-License-Identifier: Apache-2.0 */
/* shrink.h -- as few of a plan's events as still break the same rule.
 *
 * Delta debugging (Zeller, Hildebrandt: "Simplifying and Isolating Failure-Inducing
 * Input"): parts of the list are left out, large ones first, as long as the run fails in
 * the same way without them; what is left cannot do without any single event.
 */
#ifndef TORTURE_SHRINK_H
#define TORTURE_SHRINK_H

#include <stdbool.h>

#include "attempt.h"

/* `verdict` is that of the whole plan, and becomes that of the small one; `is_kept` gets an
 * element for each event. */
void shrink(const struct plan *plan, bool *is_kept, struct verdict *verdict);

#endif
