/* SPDX-License-Identifier: Apache-2.0 */
/* io/credentials.h -- credentials that encrypt, as TLS sessions see them. */
#ifndef GREBE_IO_CREDENTIALS_H
#define GREBE_IO_CREDENTIALS_H

#include <openssl/ssl.h>

#include <grebe/attr.h>

#include "core/credentials.h"

/* Immutable but for the count. */
struct grebe__tls_credentials {
    struct grebe_credentials base;
    SSL_CTX *context;
    BIO_METHOD *bio;   /* how sessions move bytes; io/tls.c */
    char *server_name; /* base.server_name */
};

/* `credentials` must be TLS ones. */
static inline struct grebe__tls_credentials *
grebe__tls_credentials_of(struct grebe_credentials *credentials)
{
    return grebe_container_of(credentials, struct grebe__tls_credentials, base);
}

#endif
