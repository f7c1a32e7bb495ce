/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/hash_request.h -- the hash of a call, for policies that hash.
 *
 * It is the call's own, if somebody has computed one.  Else all values of a header, with
 * commas between them, are hashed; a value that is there and empty counts.  A call without
 * the header gets a number by chance.
 *
 * Source: gRFC A76.
 */
#ifndef GREBE_BALANCER_HASH_REQUEST_H
#define GREBE_BALANCER_HASH_REQUEST_H

#include <stdint.h>

#include <grebe/balancer.h>

struct grebe__hash_header {
    const char *name; /* lower case; NULL: calls have to bring their hash */
};

enum grebe__hash_source {
    GREBE__HASH_OF_CALL,
    GREBE__HASH_OF_HEADER,
    GREBE__HASH_OF_CHANCE,
    GREBE__HASH_MISSING, /* there is nothing to make one of */
};

/* Of a call that did not bring one.  Writes the hash, unless it is missing. */
enum grebe__hash_source grebe__hash_of_header(const struct grebe__hash_header *header,
                                              const struct grebe_pick_args *args,
                                              uint64_t *out);

/* Writes the hash, unless it is missing. */
static inline enum grebe__hash_source
grebe__hash_of_call(const struct grebe__hash_header *header,
                    const struct grebe_pick_args *args, uint64_t *out)
{
    if (args->hash == NULL)
        return grebe__hash_of_header(header, args, out);
    *out = *args->hash;
    return GREBE__HASH_OF_CALL;
}

#endif
