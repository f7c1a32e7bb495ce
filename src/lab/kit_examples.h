/* SPDX-License-Identifier: Apache-2.0 */
/* lab/kit_examples.h -- the configuration with which the kit runs a policy of ours. */
#ifndef GREBE_LAB_KIT_EXAMPLES_H
#define GREBE_LAB_KIT_EXAMPLES_H

/* NULL: there is none, and {} will do. */
const char *lab__kit_example(const char *policy);

#endif
