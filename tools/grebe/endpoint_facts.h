/* SPDX-License-Identifier: Apache-2.0 */
/* endpoint_facts.h -- what an endpoint says beside its addresses, as text and as JSON. */
#ifndef TOOL_ENDPOINT_FACTS_H
#define TOOL_ENDPOINT_FACTS_H

#include <jansson.h>
#include <stddef.h>

#include <grebe/endpoint.h>

/* "  weight 3  zone eu-1a  version=v2", or nothing; cut to fit, safe for a terminal. */
void endpoint_facts_text(const struct grebe_endpoint *endpoint, char *buf, size_t size);

/* "weight" always, the others where they are known. */
json_t *endpoint_facts_json(const struct grebe_endpoint *endpoint);

#endif
