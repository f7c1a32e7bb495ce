/* SPDX-License-Identifier: Apache-2.0 */
/* core/options.h -- option structs of any age, made into today's. */
#ifndef GREBE_CORE_OPTIONS_H
#define GREBE_CORE_OPTIONS_H

#include <grebe/call.h>
#include <grebe/channel.h>
#include <grebe/dialer.h>
#include <grebe/resolver.h>

#include "core/resolver_conn.h"
#include "resolver/proxy.h"
#include "resolver/target.h"

/* What `from` has, and defaults for what it is too old to have.  `from` NULL: defaults. */
struct grebe_channel_options
grebe__channel_options_complete(const struct grebe_channel_options *from);
/* When the kernel gives up on a peer, in ms: with keepalive on when keepalive would (gRFC
 * A18), unless the application chose. */
uint32_t
grebe__channel_options_user_timeout_ms(const struct grebe_channel_options *options);
/* The proxy of these options: *has_proxy says whether there is one, and then it is to be
 * freed with `mem`.  GREBE_ERR_INVALID with `diag`, or GREBE_ERR_NOMEM. */
int grebe__channel_options_proxy(const struct grebe_channel_options *options,
                                 const struct grebe_mem *mem, struct grebe_diag *diag,
                                 struct grebe__proxy *out, bool *has_proxy);
struct grebe_dialer grebe__dialer_complete(const struct grebe_dialer *from);

/* Who resolves the targets of a channel with these options. */
struct grebe__target_options
grebe__channel_options_target(const struct grebe_channel_options *options);

/* What its DNS resolver has to know. */
struct grebe__dns_options
grebe__channel_options_dns(const struct grebe_channel_options *options);

struct grebe_call_options
grebe__call_options_complete(const struct grebe_call_options *from);

/* Likewise; what it points to is still the resolver's. */
struct grebe_resolver_state
grebe__resolver_state_complete(const struct grebe_resolver_state *from);

#endif
