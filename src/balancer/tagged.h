/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/tagged.h -- a child's subconn and what its parent keeps with it, made together: for
 * new_subconn() of grebe_client_conn_ops.
 */
#ifndef GREBE_BALANCER_TAGGED_H
#define GREBE_BALANCER_TAGGED_H

#include <grebe/parent.h>

/* *tag is zeroed, `size` bytes of the memory of `cc`; it is the caller's to attach, and release()'s
 * to free.  Else nothing was made. */
int grebe__tagged_subconn(struct grebe_client_conn *cc,
                          const struct grebe_subconn_options *options, size_t size,
                          void **tag, struct grebe_subconn **out) GREBE_MUST_CHECK;

#endif
