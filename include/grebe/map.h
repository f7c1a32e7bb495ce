/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/map.h -- maps whose keys are addresses or endpoints.
 *
 * What a policy keeps for each of its backends, found again in the next update.  The
 * identity of keys is that of grebe/endpoint.h: attributes take part for an address
 * (balancer attributes do not), and nothing but the set of addresses for an endpoint.
 *
 * Order       That of the first put; a key that was removed and put again comes last.
 * Ownership   The map holds a reference to each key.  Values are the caller's.  A key that
 *             equals one already there changes the value and not the stored key.
 * Threading   One owner, no locking.
 * Sources     grpc-go resolver.AddressMap, resolver.EndpointMap; gRFC A61.
 */
#ifndef GREBE_MAP_H
#define GREBE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/attr.h>
#include <grebe/endpoint.h>
#include <grebe/mem.h>

GREBE_BEGIN_DECLS

struct grebe_address_map;
struct grebe_endpoint_map;

/* `mem` NULL: malloc.  GREBE_ERR_NOMEM. */
GREBE_API int grebe_address_map_new(const struct grebe_mem *mem,
                                    struct grebe_address_map **out) GREBE_MUST_CHECK;
/* Values are not freed.  NULL: no-op. */
GREBE_API void grebe_address_map_free(struct grebe_address_map *map);

/* GREBE_ERR_NOMEM leaves the map as it was. */
GREBE_API int grebe_address_map_put(struct grebe_address_map *map,
                                    struct grebe_address *address,
                                    void *value) GREBE_MUST_CHECK;
/* NULL if the key is not there. */
GREBE_API void *grebe_address_map_get(const struct grebe_address_map *map,
                                      const struct grebe_address *address);
/* The value that was there, or NULL.  Harmless while iterating. */
GREBE_API void *grebe_address_map_remove(struct grebe_address_map *map,
                                         const struct grebe_address *address);
GREBE_API size_t grebe_address_map_n(const struct grebe_address_map *map);

/* Iterate: *cursor is 0 at first, and the function's own from then on, until it says
 * false.  `key` and `value` may be NULL.  Nothing may be put in between. */
GREBE_API bool grebe_address_map_next(const struct grebe_address_map *map, size_t *cursor,
                                      struct grebe_address **key, void **value);

/* The same for endpoints. */
GREBE_API int grebe_endpoint_map_new(const struct grebe_mem *mem,
                                     struct grebe_endpoint_map **out) GREBE_MUST_CHECK;
GREBE_API void grebe_endpoint_map_free(struct grebe_endpoint_map *map);
GREBE_API int grebe_endpoint_map_put(struct grebe_endpoint_map *map,
                                     struct grebe_endpoint *endpoint,
                                     void *value) GREBE_MUST_CHECK;
GREBE_API void *grebe_endpoint_map_get(const struct grebe_endpoint_map *map,
                                       const struct grebe_endpoint *endpoint);
GREBE_API void *grebe_endpoint_map_remove(struct grebe_endpoint_map *map,
                                          const struct grebe_endpoint *endpoint);
GREBE_API size_t grebe_endpoint_map_n(const struct grebe_endpoint_map *map);
GREBE_API bool grebe_endpoint_map_next(const struct grebe_endpoint_map *map,
                                       size_t *cursor, struct grebe_endpoint **key,
                                       void **value);

GREBE_END_DECLS

#endif
