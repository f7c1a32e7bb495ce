/* SPDX-License-Identifier: Apache-2.0 */
/* core/credentials.h -- what the core knows of credentials: little.
 *
 * Plaintext lives here; src/io embeds this struct in what TLS needs.
 */
#ifndef GREBE_CORE_CREDENTIALS_H
#define GREBE_CORE_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/credentials.h>

struct grebe_credentials {
    uint32_t refs;
    bool is_tls;
    const char *server_name; /* fixed for all connections, or NULL */
    void (*destroy)(struct grebe_credentials *credentials); /* NULL: static storage */
};

#endif
