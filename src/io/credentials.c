/* SPDX-License-Identifier: Apache-2.0 */
#include "io/credentials.h"

#include <errno.h>
#include <openssl/err.h>
#include <unistd.h>
#include <uv.h>

#include <grebe/mem.h>

#include "base/diag.h"
#include "base/options.h"
#include "io/tls.h"

enum { MAX_CHAIN_BYTES = 100 * 1024, MAX_CHAIN_DEPTH = 10 };

/* RFC 9113 9.2.2 forbids what is neither ephemeral nor AEAD; TLS 1.3 has nothing else. */
static const char suites_1_2[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* ---- Files ------------------------------------------------------------------------ */

/* "ca_file /etc/x.pem: no start line"; the first error is the cause of the others. */
static int refuse(struct grebe_diag *diag, const char *option, const char *file)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    if (access(file, R_OK) != 0)
        reason = uv_strerror(-errno);
    grebe_diag_set(diag, "%s %s: %s", option, file, reason != NULL ? reason : "unusable");
    ERR_clear_error();
    return GREBE_ERR_TLS;
}

/* Without this OpenSSL would ask for the passphrase on the terminal. */
static int give_no_passphrase(char *buf, int size, int is_writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)is_writing;
    (void)arg;
    return -1;
}

static int load_roots(SSL_CTX *context, const struct grebe_tls_options *options,
                      struct grebe_diag *diag)
{
    if (options->skips_verification)
        return GREBE_OK;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (options->ca_file != NULL)
        return SSL_CTX_load_verify_file(context, options->ca_file) == 1
                   ? GREBE_OK
                   : refuse(diag, "ca_file", options->ca_file);
    if (SSL_CTX_set_default_verify_paths(context) == 1)
        return GREBE_OK;
    grebe_diag_set(diag, "the system's roots: %s",
                   ERR_reason_error_string(ERR_peek_error()));
    ERR_clear_error();
    return GREBE_ERR_TLS;
}

static int load_identity(SSL_CTX *context, const struct grebe_tls_options *options,
                         struct grebe_diag *diag)
{
    if (options->cert_file == NULL && options->key_file == NULL)
        return GREBE_OK;
    if (options->cert_file == NULL || options->key_file == NULL) {
        grebe_diag_set(diag, "cert_file and key_file go together");
        return GREBE_ERR_INVALID;
    }
    SSL_CTX_set_default_passwd_cb(context, give_no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, options->cert_file) != 1)
        return refuse(diag, "cert_file", options->cert_file);
    if (SSL_CTX_use_PrivateKey_file(context, options->key_file, SSL_FILETYPE_PEM) != 1)
        return refuse(diag, "key_file", options->key_file);
    return GREBE_OK;
}

/* ---- Life ------------------------------------------------------------------------- */

static int configure(SSL_CTX *context)
{
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_TICKET);
    /* Buffers are given back while a connection is quiet: 32 KiB less for each. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, MAX_CHAIN_BYTES);
    SSL_CTX_set_verify_depth(context, MAX_CHAIN_DEPTH);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
                   SSL_CTX_set_cipher_list(context, suites_1_2) == 1
               ? GREBE_OK
               : GREBE_ERR_NOMEM;
}

static void destroy(struct grebe_credentials *base)
{
    struct grebe__tls_credentials *credentials = grebe__tls_credentials_of(base);

    SSL_CTX_free(credentials->context);
    BIO_meth_free(credentials->bio);
    grebe_mem_free(NULL, credentials->server_name);
    grebe_mem_free(NULL, credentials);
}

static int fill(struct grebe__tls_credentials *credentials,
                const struct grebe_tls_options *options, struct grebe_diag *diag)
{
    int result;

    credentials->base =
        (struct grebe_credentials){.refs = 1, .is_tls = true, .destroy = destroy};
    credentials->context = SSL_CTX_new(TLS_client_method());
    credentials->bio = grebe__tls_bio_method();
    if (credentials->context == NULL || credentials->bio == NULL)
        return GREBE_ERR_NOMEM;
    if (options->server_name != NULL) {
        credentials->server_name = grebe_mem_strdup(NULL, options->server_name);
        credentials->base.server_name = credentials->server_name;
        if (credentials->server_name == NULL)
            return GREBE_ERR_NOMEM;
    }
    result = configure(credentials->context);
    if (result == GREBE_OK)
        result = load_roots(credentials->context, options, diag);
    if (result == GREBE_OK)
        result = load_identity(credentials->context, options, diag);
    return result;
}

static int make(const struct grebe_tls_options *options, struct grebe_diag *diag,
                struct grebe_credentials **out)
{
    struct grebe_tls_options all = GREBE_TLS_OPTIONS_INIT;
    struct grebe__tls_credentials *credentials;
    int result;

    if (options != NULL && !grebe__options_are_filled(options)) {
        grebe_diag_set(diag,
                       "options.struct_size is 0: begin with GREBE_TLS_OPTIONS_INIT");
        return GREBE_ERR_INVALID;
    }
    if (options != NULL)
        grebe__options_read(&all, sizeof all, options);
    credentials = grebe_mem_zalloc(NULL, sizeof *credentials);
    if (credentials == NULL)
        return GREBE_ERR_NOMEM;
    ERR_clear_error();
    result = fill(credentials, &all, diag);
    if (result != GREBE_OK) {
        destroy(&credentials->base);
        ERR_clear_error();
        return result;
    }
    *out = &credentials->base;
    return GREBE_OK;
}

int grebe_credentials_tls(const struct grebe_tls_options *options,
                          struct grebe_diag *diag, struct grebe_credentials **out)
{
    struct grebe_diag why = {""};

    return grebe__diag_give(diag, &why, make(options, &why, out));
}
