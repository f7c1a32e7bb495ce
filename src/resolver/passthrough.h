/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/passthrough.h -- passthrough:///address, left to the connector as it is. */
#ifndef GREBE_RESOLVER_PASSTHROUGH_H
#define GREBE_RESOLVER_PASSTHROUGH_H

#include <grebe/resolver.h>

extern const struct grebe_resolver_builder grebe__passthrough_resolver;

#endif
