/* SPDX-License-Identifier: Apache-2.0 */
/* io/dns.h -- the DNS port of a loop, on c-ares. */
#ifndef GREBE_IO_DNS_H
#define GREBE_IO_DNS_H

#include <stdint.h>

#include "base/task.h"
#include "core/env.h"

struct grebe_loop;
struct grebe__dns;

extern const struct grebe__dns_ops grebe__dns_port;

/* For the loop's list of lookups that found no memory: answers them. */
void grebe__dns_answer_starved(struct grebe__task *task);

/* Every lookup is forgotten. */
void grebe__dns_destroy(struct grebe__dns *dns);

/* How long to wait for a server before it is asked again; twice as long each time.  For
 * tests, before the first lookup.  GREBE_ERR_NOMEM. */
int grebe__dns_set_timeout_ms(struct grebe_loop *loop, int timeout_ms);

#endif
