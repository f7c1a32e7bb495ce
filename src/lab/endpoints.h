/* SPDX-License-Identifier: Apache-2.0 */
/* lab/endpoints.h -- endpoints as a script writes them, with all that may be said of one.
 *
 *   {"addresses": ["10.0.0.1:80", "[2001:db8::1]:80"], "weight": 3, "hash_key": "a",
 *    "locality": {"region": "eu", "zone": "eu-1", "sub_zone": "r4"},
 *    "path": ["primary", "eu"], "health": "DRAINING", "attributes": [["version", "v2"]]}
 *
 * An address is its text, or an object that says more of it:
 *
 *   {"address": "10.0.0.1:80", "server_name": "a.example", "network": "unix",
 *    "backend_service": "b", "for_policies": {"weight": 3}}
 *
 * and any of the facts above.  Those under "for_policies" take no part in its identity.
 */
#ifndef GREBE_LAB_ENDPOINTS_H
#define GREBE_LAB_ENDPOINTS_H

#include <grebe/endpoint.h>
#include <grebe/json.h>

enum { LAB_ENDPOINTS_MAX = 100000, LAB_ADDRESSES_MAX = 100, LAB_PATH_MAX = 64 };

struct lab_endpoints {
    const struct grebe_mem *mem;
    struct grebe_endpoint **list; /* n references */
    size_t n;
};

/* `array` is a list.  On failure nothing is left: GREBE_ERR_CONFIG and `diag`, or
 * GREBE_ERR_NOMEM. */
int lab_endpoints_parse(const struct grebe_mem *mem, const struct grebe_json *array,
                        struct grebe_diag *diag, struct lab_endpoints *out);
void lab_endpoints_free(struct lab_endpoints *endpoints);

#endif
