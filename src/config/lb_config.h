/* SPDX-License-Identifier: Apache-2.0 */
/* config/lb_config.h -- a policy's configuration, for those who have to write it down. */
#ifndef GREBE_CONFIG_LB_CONFIG_H
#define GREBE_CONFIG_LB_CONFIG_H

#include <grebe/parent.h>

/* What the policy was given to parse, as JSON without spaces: "{}" if that was nothing.
 * Borrowed. */
const char *grebe__lb_config_text(const struct grebe_lb_config *config);

#endif
