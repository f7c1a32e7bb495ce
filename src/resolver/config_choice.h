/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/config_choice.h -- which of several service configs is for this client.
 *
 *   [{"percentage": 10, "serviceConfig": {...}}, {"serviceConfig": {...}}]
 *
 * The first entry wins whose criteria all match: clientLanguage (ours is "c", or
 * "grebe"), percentage, clientHostname; one that is absent or empty matches.  An entry
 * without serviceConfig is passed over.
 *
 * Percentage  It is a share of the clients, not of the times one asks: a client draws its
 *             luck once, and entry i has the i-th number of the sequence that begins with
 *             it.  However often the list is looked at, the client stays where it is, and
 *             when 10 becomes 20 those who were in stay in.
 * Source      gRFC A2.
 */
#ifndef GREBE_RESOLVER_CONFIG_CHOICE_H
#define GREBE_RESOLVER_CONFIG_CHOICE_H

#include <stddef.h>
#include <stdint.h>

#include <grebe/error.h>
#include <grebe/mem.h>

/* A document takes many times the memory of its text. */
enum { GREBE__CHOICES_MAX_BYTES = 64 * 1024 };

struct grebe__client_traits {
    const char *host_name; /* exactly as clientHostname has to name it */
    uint64_t luck;
};

/* *out is the config's text, the caller's to free, or NULL if no entry matches.
 * GREBE_ERR_CONFIG, explained in `diag` by path and reason: the list makes no sense, not
 * even in entries that nobody would have chosen; GREBE_ERR_NOMEM. */
int grebe__config_choose(const struct grebe_mem *mem, const char *text, size_t length,
                         const struct grebe__client_traits *client,
                         struct grebe_diag *diag, char **out) GREBE_MUST_CHECK;

#endif
