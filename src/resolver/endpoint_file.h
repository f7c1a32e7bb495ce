/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/endpoint_file.h -- endpoints as JSON, written by people and by programs.
 *
 *   {
 *     "serverName": "db.example",           of all endpoints that have none of their own
 *     "endpoints": [
 *       "10.0.0.1:443",                     the same as {"address": "10.0.0.1:443"}
 *       {
 *         "address": "10.0.0.2:443",        or "addresses": [...], in order of preference
 *         "serverName": "db2.example",      for :authority and TLS
 *         "weight": 3,                      GREBE_ATTRIBUTE_WEIGHT
 *         "zone": "a",                      GREBE_ATTRIBUTE_LOCALITY; or
 *         "locality": {"region": "eu", "zone": "a", "subZone": "rack 7"},
 *         "priority": 1,                    GREBE_ATTRIBUTE_PATH: "priority-1", and behind
 *         "path": ["primary"],              it these; 0 if others have one and it has not
 *         "hashKey": "shard 7",             GREBE_ATTRIBUTE_HASH_KEY
 *         "health": "DRAINING",             GREBE_ATTRIBUTE_HEALTH
 *         "attributes": {"version": "v2"}   grebe_attributes_named()
 *       }
 *     ],
 *     "serviceConfig": {...}                what the channel makes of it is its business
 *   }
 *
 * A list stands for {"endpoints": list}.  Names may be in snake_case too.  A member nobody
 * knows is an error, because it is a slip of the pen, unless it begins with '_'.
 *
 * An address without a port gets 443.  An endpoint without a server name is called by its
 * first address, "localhost" if that is a Unix socket.
 */
#ifndef GREBE_RESOLVER_ENDPOINT_FILE_H
#define GREBE_RESOLVER_ENDPOINT_FILE_H

#include <stddef.h>

#include <grebe/error.h>
#include <grebe/mem.h>

#include "resolver/endpoint_list.h"

enum {
    GREBE__ENDPOINT_FILE_BYTES = 4 * 1024 * 1024,
    GREBE__ENDPOINT_FILE_ENDPOINTS = 65536,
    GREBE__ENDPOINT_FILE_ADDRESSES = 16, /* of one endpoint; and so on */
    GREBE__ENDPOINT_FILE_NAMES = 16,     /* in a path */
    GREBE__ENDPOINT_FILE_ATTRIBUTES = 64,
};

struct grebe__endpoint_file {
    struct grebe__endpoint_list list;
    char *service_config; /* JSON; NULL: none */
};

/* GREBE_ERR_CONFIG, with line and column or the path of a member, reason and remedy in
 * `diag`, or GREBE_ERR_NOMEM.  *out is the caller's to free. */
int grebe__endpoint_file_parse(const struct grebe_mem *mem, const char *text,
                               size_t length, struct grebe_diag *diag,
                               struct grebe__endpoint_file *out);
void grebe__endpoint_file_fini(struct grebe__endpoint_file *file);

#endif
