/* SPDX-License-Identifier: Apache-2.0 */
/* server/tls.c -- TLS for a backend, as bytes in and bytes out.
 *
 * OpenSSL works on memory BIOs, so that sockets stay libuv's business.  ALPN "h2" is
 * required (RFC 9113 3.3): a client without it fails the handshake.
 */
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/server.h"
#include "server/tls.h"

struct server_tls {
    SSL_CTX *ctx;
};

struct tls_layer {
    SSL *ssl;
    BIO *in, *out; /* ssl's */
};

/* ---- Certificates ------------------------------------------------------------------ */

static int select_h2(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                     const unsigned char *in, unsigned in_length, void *arg)
{
    static const unsigned char wanted[] = {2, 'h', '2'};
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_length, wanted, sizeof wanted, in,
                              in_length) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool load_files(SSL_CTX *ctx, const char *cert, const char *key,
                       const char *client_ca, const char **culprit)
{
    *culprit = cert;
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        return false;
    *culprit = key;
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return false;
    *culprit = client_ca;
    if (client_ca == NULL)
        return true;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return SSL_CTX_load_verify_file(ctx, client_ca) == 1;
}

static SSL_CTX *context_new(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(ctx, select_h2, NULL);
    return ctx;
}

struct server_tls *server_tls_new(const char *cert_file, const char *key_file,
                                  const char *client_ca_file, char *error,
                                  size_t error_size)
{
    struct server_tls *tls = malloc(sizeof *tls);
    const char *culprit;

    if (tls != NULL)
        tls->ctx = context_new();
    if (tls == NULL || tls->ctx == NULL) {
        snprintf(error, error_size, "out of memory");
        free(tls);
        return NULL;
    }
    if (!load_files(tls->ctx, cert_file, key_file, client_ca_file, &culprit)) {
        unsigned long reason = ERR_peek_error(); /* the first is the cause */

        snprintf(error, error_size, "%s: %s", culprit,
                 ERR_SYSTEM_ERROR(reason) ? strerror(ERR_GET_REASON(reason))
                                          : ERR_reason_error_string(reason));
        ERR_clear_error();
        server_tls_destroy(tls);
        return NULL;
    }
    return tls;
}

void server_tls_destroy(struct server_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls);
}

/* ---- Layer ------------------------------------------------------------------------- */

struct tls_layer *tls_layer_new(struct server_tls *tls)
{
    struct tls_layer *layer = calloc(1, sizeof *layer);

    if (layer == NULL)
        return NULL;
    layer->ssl = SSL_new(tls->ctx);
    layer->in = BIO_new(BIO_s_mem());
    layer->out = BIO_new(BIO_s_mem());
    if (layer->ssl == NULL || layer->in == NULL || layer->out == NULL) {
        BIO_free(layer->in);
        BIO_free(layer->out);
        SSL_free(layer->ssl);
        free(layer);
        return NULL;
    }
    SSL_set_bio(layer->ssl, layer->in, layer->out);
    SSL_set_accept_state(layer->ssl);
    return layer;
}

void tls_layer_free(struct tls_layer *layer)
{
    if (layer == NULL)
        return;
    SSL_free(layer->ssl);
    free(layer);
}

bool tls_layer_feed(struct tls_layer *layer, const void *data, size_t length)
{
    return length <= INT_MAX && BIO_write(layer->in, data, (int)length) == (int)length;
}

bool tls_layer_is_ready(const struct tls_layer *layer)
{
    const unsigned char *protocol;
    unsigned length;

    if (!SSL_is_init_finished(layer->ssl))
        return false;
    SSL_get0_alpn_selected(layer->ssl, &protocol, &length);
    return length == 2 && memcmp(protocol, "h2", 2) == 0;
}

int tls_layer_read(struct tls_layer *layer, void *buf, size_t size)
{
    int n, error;

    ERR_clear_error();
    n = SSL_read(layer->ssl, buf, size > INT_MAX ? INT_MAX : (int)size);
    if (n > 0)
        return tls_layer_is_ready(layer) ? n : -1;
    error = SSL_get_error(layer->ssl, n);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return -1;
    return SSL_is_init_finished(layer->ssl) && !tls_layer_is_ready(layer) ? -1 : 0;
}

bool tls_layer_write(struct tls_layer *layer, const void *data, size_t length)
{
    ERR_clear_error();
    return length <= INT_MAX && SSL_write(layer->ssl, data, (int)length) == (int)length;
}

void tls_layer_shut(struct tls_layer *layer)
{
    ERR_clear_error();
    if (SSL_is_init_finished(layer->ssl))
        SSL_shutdown(layer->ssl);
}

size_t tls_layer_pending(struct tls_layer *layer, const unsigned char **data)
{
    char *start;
    long length = BIO_get_mem_data(layer->out, &start);

    *data = (const unsigned char *)start;
    return length > 0 ? (size_t)length : 0;
}

void tls_layer_sent(struct tls_layer *layer)
{
    (void)BIO_reset(layer->out);
}
