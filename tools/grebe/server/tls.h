/* SPDX-License-Identifier: Apache-2.0 */
/* server/tls.h -- TLS for one connection, as bytes in and bytes out. */
#ifndef TOOL_SERVER_TLS_H
#define TOOL_SERVER_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct server_tls;
struct tls_layer;

/* NULL: out of memory. */
struct tls_layer *tls_layer_new(struct server_tls *tls);
void tls_layer_free(struct tls_layer *layer); /* NULL: no-op */

/* Ciphertext in.  False: out of memory. */
bool tls_layer_feed(struct tls_layer *layer, const void *data, size_t length);
/* Plaintext out: how many bytes, 0 if there are none now, negative if the connection is
 * over or broken. */
int tls_layer_read(struct tls_layer *layer, void *buf, size_t size);
/* Plaintext in; false if the connection is broken or not ready yet. */
bool tls_layer_write(struct tls_layer *layer, const void *data, size_t length);
bool tls_layer_is_ready(const struct tls_layer *layer); /* handshake done, "h2" agreed */
/* close_notify. */
void tls_layer_shut(struct tls_layer *layer);
/* Ciphertext to send, and that it was taken. */
size_t tls_layer_pending(struct tls_layer *layer, const unsigned char **data);
void tls_layer_sent(struct tls_layer *layer);

#endif
