/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/credentials.h -- how connections are secured.
 *
 * A channel needs credentials: plaintext is used only when it is asked for by name.
 *
 * Threading   Any thread; the reference count is atomic.
 * Sources     grpc-go package credentials; RFC 9113 section 9.2 (TLS for HTTP/2).
 */
#ifndef GREBE_CREDENTIALS_H
#define GREBE_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/attr.h>
#include <grebe/error.h>

GREBE_BEGIN_DECLS

struct grebe_credentials;

/* Plaintext.  One object for all: unref is allowed and does nothing. */
GREBE_API struct grebe_credentials *grebe_credentials_insecure(void);

/* Fill with GREBE_TLS_OPTIONS_INIT, then set what you need.  All borrowed. */
struct grebe_tls_options {
    size_t struct_size;
    const char *ca_file;   /* PEM; NULL: the system's roots */
    const char *cert_file; /* PEM chain for mTLS; NULL: none */
    const char *key_file;  /* PEM, goes with cert_file */
    const char
        *server_name; /* fixes name and authority of all connections; NULL: theirs */
    bool skips_verification; /* encrypts, proves nothing: for experiments */
};
#define GREBE_TLS_OPTIONS_INIT                                                           \
    {                                                                                    \
        sizeof(struct grebe_tls_options), NULL, NULL, NULL, NULL, false                  \
    }

/* TLS 1.2 or 1.3 with ALPN "h2".  Files are read now; GREBE_ERR_TLS with `diag` naming
 * the file and the reason, GREBE_ERR_INVALID (one of cert_file and key_file is missing) or
 * GREBE_ERR_NOMEM.  `options` NULL: all defaults. */
GREBE_API int grebe_credentials_tls(const struct grebe_tls_options *options,
                                    struct grebe_diag *diag,
                                    struct grebe_credentials **out) GREBE_MUST_CHECK;

GREBE_API struct grebe_credentials *
grebe_credentials_ref(struct grebe_credentials *credentials);
GREBE_API void grebe_credentials_unref(struct grebe_credentials *credentials);

GREBE_END_DECLS

#endif
