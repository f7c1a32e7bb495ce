/* SPDX-License-Identifier: Apache-2.0 */
/* io/tls.h -- one TLS client session as a filter: bytes of the wire on one side, bytes of
 * HTTP/2 on the other, no socket in between.
 *
 *   recv -> in --> handshake, read --> plain          (all input is used up)
 *   send <- out <-- handshake, read, write <-- plain  (any of them may have output)
 *
 * The memory on both sides is the caller's and is used only during a call, so a quiet
 * connection has no buffers.  What a peer can do wrong is counted here: post-handshake
 * messages beyond a budget (key updates, tickets) end the session.
 *
 * Threading   One thread at a time.
 * Sources     RFC 8446, RFC 9113 9.2; RFC 9525 (names in certificates).
 */
#ifndef GREBE_IO_TLS_H
#define GREBE_IO_TLS_H

#include <openssl/bio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <grebe/credentials.h>
#include <grebe/mem.h>

struct grebe__tls;

struct grebe__tls_io {
    const unsigned char *in; /* moves on as it is used */
    size_t in_length;
    unsigned char *out;
    size_t out_size, out_length; /* send out[0, out_length), then set it to 0 */
    uint64_t now_ns;
};

enum grebe__tls_result {
    GREBE__TLS_OK,
    GREBE__TLS_WANTS_INPUT,  /* no more can be done with what there is */
    GREBE__TLS_WANTS_OUTPUT, /* `out` is full: send, and call again with the same input */
    GREBE__TLS_CLOSED,       /* the peer said that it sends no more */
    GREBE__TLS_FAILED,       /* grebe__tls_reason() says why */
};

/* Largest plaintext of a record (RFC 8446 5.1), and what encryption may add to it. */
enum { GREBE__TLS_RECORD = 16384, GREBE__TLS_RECORD_OVERHEAD = 256 + 5 };

/* A session that will offer ALPN "h2" and check that the peer is `authority` ("host:443",
 * "[::1]:443").  References `credentials`.  GREBE_ERR_NOMEM; GREBE_ERR_INVALID if no
 * certificate could ever match the name. */
int grebe__tls_new(const struct grebe_mem *mem, struct grebe_credentials *credentials,
                   const char *authority, struct grebe__tls **out);
void grebe__tls_destroy(struct grebe__tls *tls); /* NULL: no-op */

/* GREBE__TLS_OK once: encrypted, verified, and the peer speaks h2. */
enum grebe__tls_result grebe__tls_handshake(struct grebe__tls *tls,
                                            struct grebe__tls_io *io);

/* Decrypt into plain[0, size); `n` bytes are there whatever the result.  GREBE__TLS_OK:
 * it is full and there may be more. */
enum grebe__tls_result grebe__tls_read(struct grebe__tls *tls, struct grebe__tls_io *io,
                                       void *plain, size_t size, size_t *n);

/* Encrypt n pieces in full records, put together in `record`, which has room for one.
 * `out` must have room for all of them: GREBE__TLS_RECORD_OVERHEAD for each started
 * GREBE__TLS_RECORD bytes. */
enum grebe__tls_result grebe__tls_write(struct grebe__tls *tls, struct grebe__tls_io *io,
                                        const struct iovec *pieces, size_t n,
                                        unsigned char record[GREBE__TLS_RECORD]);

/* May calls go to `authority` ("host:443") on this session?  If the certificate of the peer
 * is for that name, too, or nobody looks at certificates.  After the handshake. */
bool grebe__tls_covers(struct grebe__tls *tls, const char *authority);

/* Tell the peer that no more will come, as far as `out` has room. */
void grebe__tls_close(struct grebe__tls *tls, struct grebe__tls_io *io);

/* "certificate verify failed (hostname mismatch)"; after GREBE__TLS_FAILED. */
const char *grebe__tls_reason(const struct grebe__tls *tls);

/* The suite that was agreed on, by its standard name: "TLS_AES_128_GCM_SHA256"; static. */
const char *grebe__tls_cipher(const struct grebe__tls *tls);

/* The name to verify: `authority` without port, brackets, zone and final dot.  False if
 * there is none. */
bool grebe__tls_server_name(const char *authority, char name[256], bool *is_ip);

/* For the credentials that the sessions belong to; NULL when out of memory. */
BIO_METHOD *grebe__tls_bio_method(void);

#endif
