/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"
#include "io/credentials.h"

enum { MAX_MESSAGES_PER_SECOND = 64 };

struct grebe__tls {
    const struct grebe_mem *mem;
    struct grebe__tls_credentials *credentials; /* a reference */
    SSL *ssl;
    struct grebe__tls_io *io; /* of the call that runs */
    bool is_established;
    bool is_flooded;
    uint32_t n_messages; /* after the handshake, since the moment below */
    uint64_t counted_since_ns;
    char *covered; /* the last other authority that was found covered, or NULL */
    char reason[192];
};

static const unsigned char alpn_h2[] = {2, 'h', '2'};

/* ---- Bytes in and out ------------------------------------------------------------- */

static int bio_read(BIO *bio, char *buf, int size)
{
    struct grebe__tls *tls = BIO_get_data(bio);
    struct grebe__tls_io *io = tls->io;
    size_t n = (size_t)size < io->in_length ? (size_t)size : io->in_length;

    BIO_clear_retry_flags(bio);
    if (n == 0 || tls->is_flooded) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(buf, io->in, n);
    io->in += n;
    io->in_length -= n;
    return (int)n;
}

static int bio_write(BIO *bio, const char *bytes, int length)
{
    struct grebe__tls_io *io = ((struct grebe__tls *)BIO_get_data(bio))->io;
    size_t room = io->out_size - io->out_length;
    size_t n = (size_t)length < room ? (size_t)length : room;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_write(bio);
        return -1;
    }
    memcpy(io->out + io->out_length, bytes, n);
    io->out_length += n;
    return (int)n;
}

static long bio_control(BIO *bio, int command, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *grebe__tls_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "grebe");

    if (method == NULL)
        return NULL;
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_control);
    return method;
}

static bool attach_bio(struct grebe__tls *tls)
{
    BIO *bio = BIO_new(tls->credentials->bio);

    if (bio == NULL)
        return false;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    return true;
}

/* ---- Names ------------------------------------------------------------------------ */

/* What does not look like host:port is a host. */
static void split_host(const char *authority, const char **host, size_t *length)
{
    const char *colon = strrchr(authority, ':');
    const char *bracket = strchr(authority, ']');

    *host = authority;
    *length = strlen(authority);
    if (authority[0] == '[' && bracket != NULL &&
        (bracket[1] == '\0' || bracket[1] == ':')) {
        *host = authority + 1;
        *length = (size_t)(bracket - authority - 1);
    } else if (colon != NULL && strchr(authority, ':') == colon) {
        *length = (size_t)(colon - authority);
    }
}

bool grebe__tls_server_name(const char *authority, char name[256], bool *is_ip)
{
    const char *host, *zone;
    size_t length;

    split_host(authority, &host, &length);
    zone = memchr(host, '%', length);
    *is_ip = grebe__ip_family_of(host, length) != GREBE__IP_NONE;
    if (*is_ip && zone != NULL)
        length = (size_t)(zone - host);
    else if (length > 1 && host[length - 1] == '.')
        length--;
    /* OpenSSL would take ".example.com" for every name below example.com. */
    if (length == 0 || length > 255 || host[0] == '.')
        return false;
    memcpy(name, host, length);
    name[length] = '\0';
    return true;
}

/* SAN only: no common name, no "f*.example.com" (RFC 9525 6.3). */
enum {
    NAME_RULES =
        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
};

static bool expect_name(struct grebe__tls *tls, char *name, bool is_ip)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);

    X509_VERIFY_PARAM_set_hostflags(param, NAME_RULES);
    if (is_ip)
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
    return SSL_set_tlsext_host_name(tls->ssl, name) == 1 &&
           X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

static bool is_certified(const struct grebe__tls *tls, const char *name, bool is_ip)
{
    X509 *certificate = SSL_get0_peer_certificate(tls->ssl);

    return is_ip ? X509_check_ip_asc(certificate, name, 0) == 1
                 : X509_check_host(certificate, name, 0, NAME_RULES, NULL) == 1;
}

bool grebe__tls_covers(struct grebe__tls *tls, const char *authority)
{
    char name[256];
    bool is_ip;

    if (SSL_get_verify_mode(tls->ssl) == SSL_VERIFY_NONE ||
        (tls->covered != NULL && strcmp(tls->covered, authority) == 0))
        return true;
    if (!grebe__tls_server_name(authority, name, &is_ip) ||
        !is_certified(tls, name, is_ip))
        return false;
    grebe_mem_free(tls->mem, tls->covered);
    tls->covered = grebe_mem_strdup(tls->mem, authority);
    return true;
}

/* ---- What the peer sends after the handshake -------------------------------------- */

static void on_message(int is_written, int version, int content_type, const void *bytes,
                       size_t length, SSL *ssl, void *arg)
{
    struct grebe__tls *tls = arg;

    (void)version;
    (void)bytes;
    (void)length;
    (void)ssl;
    if (is_written || content_type != SSL3_RT_HANDSHAKE || !tls->is_established)
        return;
    if (tls->io->now_ns - tls->counted_since_ns >= UINT64_C(1000000000)) {
        tls->counted_since_ns = tls->io->now_ns;
        tls->n_messages = 0;
    }
    if (++tls->n_messages > MAX_MESSAGES_PER_SECOND)
        tls->is_flooded = true;
}

/* ---- Life ------------------------------------------------------------------------- */

static int set_up(struct grebe__tls *tls, const char *authority)
{
    char name[256];
    bool is_ip;

    if (!grebe__tls_server_name(authority, name, &is_ip))
        return GREBE_ERR_INVALID;
    tls->ssl = SSL_new(tls->credentials->context);
    if (tls->ssl == NULL || !attach_bio(tls) || !expect_name(tls, name, is_ip) ||
        SSL_set_alpn_protos(tls->ssl, alpn_h2, sizeof alpn_h2) != 0)
        return GREBE_ERR_NOMEM;
    SSL_set_msg_callback(tls->ssl, on_message);
    SSL_set_msg_callback_arg(tls->ssl, tls);
    SSL_set_connect_state(tls->ssl);
    return GREBE_OK;
}

int grebe__tls_new(const struct grebe_mem *mem, struct grebe_credentials *credentials,
                   const char *authority, struct grebe__tls **out)
{
    struct grebe__tls *tls = grebe_mem_zalloc(mem, sizeof *tls);
    int result;

    if (tls == NULL)
        return GREBE_ERR_NOMEM;
    tls->mem = mem;
    tls->credentials = grebe__tls_credentials_of(grebe_credentials_ref(credentials));
    ERR_clear_error();
    result = set_up(tls, authority);
    if (result != GREBE_OK) {
        ERR_clear_error();
        grebe__tls_destroy(tls);
        return result;
    }
    *out = tls;
    return GREBE_OK;
}

void grebe__tls_destroy(struct grebe__tls *tls)
{
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    grebe_credentials_unref(&tls->credentials->base);
    grebe_mem_free(tls->mem, tls->covered);
    grebe_mem_free(tls->mem, tls);
}

const char *grebe__tls_reason(const struct grebe__tls *tls)
{
    return tls->reason;
}

/* ---- Results ---------------------------------------------------------------------- */

static enum grebe__tls_result fail(struct grebe__tls *tls, const char *reason)
{
    snprintf(tls->reason, sizeof tls->reason, "%s", reason);
    return GREBE__TLS_FAILED;
}

/* Why the peer's certificate will not do; a name that it should have is named. */
static void explain_certificate(struct grebe__tls *tls, const char *reason, long verified)
{
    const char *wanted = verified == X509_V_ERR_HOSTNAME_MISMATCH
                             ? X509_VERIFY_PARAM_get0_host(SSL_get0_param(tls->ssl), 0)
                             : NULL;

    snprintf(tls->reason, sizeof tls->reason, "%s (%s%s%s)", reason,
             X509_verify_cert_error_string(verified),
             wanted == NULL ? "" : ": it is not for ", wanted == NULL ? "" : wanted);
}

/* The first error in OpenSSL's queue is the cause, the others say what it led to. */
static enum grebe__tls_result fail_by_queue(struct grebe__tls *tls)
{
    unsigned long error = ERR_peek_error();
    const char *reason = ERR_reason_error_string(error);
    long verified = SSL_get_verify_result(tls->ssl);

    if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
        explain_certificate(tls, reason, verified);
    else if (ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER && !tls->is_established)
        fail(tls, "the peer does not speak TLS");
    else
        fail(tls, reason != NULL ? reason : "unknown error");
    ERR_clear_error();
    return GREBE__TLS_FAILED;
}

static enum grebe__tls_result result_of(struct grebe__tls *tls, int returned)
{
    if (tls->is_flooded)
        return fail(tls, "too many post-handshake messages");
    switch (SSL_get_error(tls->ssl, returned)) {
    case SSL_ERROR_NONE:
        return GREBE__TLS_OK;
    case SSL_ERROR_WANT_READ:
        return GREBE__TLS_WANTS_INPUT;
    case SSL_ERROR_WANT_WRITE:
        return GREBE__TLS_WANTS_OUTPUT;
    case SSL_ERROR_ZERO_RETURN:
        return GREBE__TLS_CLOSED;
    default:
        return fail_by_queue(tls);
    }
}

/* ---- Moving bytes ----------------------------------------------------------------- */

/* RFC 9113 3.2: over TLS, HTTP/2 is what ALPN agreed on, and nothing else. */
static enum grebe__tls_result check_alpn(struct grebe__tls *tls)
{
    const unsigned char *chosen;
    unsigned length;

    SSL_get0_alpn_selected(tls->ssl, &chosen, &length);
    if (length != 2 || memcmp(chosen, "h2", 2) != 0)
        return fail(tls, "missing selected ALPN property");
    tls->is_established = true;
    tls->counted_since_ns = tls->io->now_ns;
    return GREBE__TLS_OK;
}

enum grebe__tls_result grebe__tls_handshake(struct grebe__tls *tls,
                                            struct grebe__tls_io *io)
{
    enum grebe__tls_result result;

    tls->io = io;
    ERR_clear_error();
    result = result_of(tls, SSL_do_handshake(tls->ssl));
    if (result == GREBE__TLS_OK)
        result = check_alpn(tls);
    tls->io = NULL;
    return result;
}

const char *grebe__tls_cipher(const struct grebe__tls *tls)
{
    return SSL_CIPHER_standard_name(SSL_get_current_cipher(tls->ssl));
}

enum grebe__tls_result grebe__tls_read(struct grebe__tls *tls, struct grebe__tls_io *io,
                                       void *plain, size_t size, size_t *n)
{
    enum grebe__tls_result result = GREBE__TLS_OK;

    *n = 0;
    tls->io = io;
    while (result == GREBE__TLS_OK && *n < size) {
        size_t got = 0;

        ERR_clear_error();
        result =
            result_of(tls, SSL_read_ex(tls->ssl, (char *)plain + *n, size - *n, &got));
        *n += got;
    }
    tls->io = NULL;
    return result;
}

static enum grebe__tls_result write_record(struct grebe__tls *tls, const void *plain,
                                           size_t length)
{
    enum grebe__tls_result result = GREBE__TLS_OK;
    size_t done = 0;

    while (result == GREBE__TLS_OK && done < length) {
        size_t n = 0;

        ERR_clear_error();
        result = result_of(
            tls, SSL_write_ex(tls->ssl, (const char *)plain + done, length - done, &n));
        done += n;
    }
    return result;
}

enum grebe__tls_result grebe__tls_write(struct grebe__tls *tls, struct grebe__tls_io *io,
                                        const struct iovec *pieces, size_t n,
                                        unsigned char record[GREBE__TLS_RECORD])
{
    enum grebe__tls_result result = GREBE__TLS_OK;
    size_t used = 0;

    tls->io = io;
    for (size_t i = 0, at = 0; i < n && result == GREBE__TLS_OK;) {
        size_t rest = pieces[i].iov_len - at, room = GREBE__TLS_RECORD - used;
        size_t part = rest < room ? rest : room;

        memcpy(record + used, (const char *)pieces[i].iov_base + at, part);
        used += part;
        at += part;
        if (used == GREBE__TLS_RECORD) {
            result = write_record(tls, record, used);
            used = 0;
        }
        if (at == pieces[i].iov_len) {
            i++;
            at = 0;
        }
    }
    if (used > 0 && result == GREBE__TLS_OK)
        result = write_record(tls, record, used);
    tls->io = NULL;
    return result;
}

void grebe__tls_close(struct grebe__tls *tls, struct grebe__tls_io *io)
{
    if (!tls->is_established)
        return;
    tls->io = io;
    SSL_shutdown(tls->ssl);
    ERR_clear_error();
    tls->io = NULL;
}
