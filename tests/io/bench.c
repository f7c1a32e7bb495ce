/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <grebe/endpoint.h>
#include <grebe/error.h>

#include "certs.h"
#include "support/test.h"

const unsigned char settings_frame[9] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
const char client_preface[24] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* ---- A dial and what came of it --------------------------------------------------- */

struct grebe__env *bench_env(struct bench *bench)
{
    return grebe__loop_env(bench->loop);
}

static void on_capacity(struct grebe__transport *transport)
{
    (void)transport;
}

static void on_draining(struct grebe__transport *transport,
                        const struct grebe__disconnect *why)
{
    (void)transport;
    (void)why;
}

static void on_closed(struct grebe__transport *transport,
                      const struct grebe__disconnect *why)
{
    struct bench *bench = transport->owner;

    bench->n_closed++;
    bench->transport = NULL;
    snprintf(bench->why, sizeof bench->why, "%s", why->status.message);
    snprintf(bench->label, sizeof bench->label, "%s", why->label);
}

static const struct grebe__transport_listener listener = {
    .on_capacity = on_capacity,
    .on_draining = on_draining,
    .on_closed = on_closed,
};

static void on_done(struct grebe__dial *dial, struct grebe__transport *transport,
                    const char *error)
{
    struct bench *bench = grebe_container_of(dial, struct bench, dial);

    bench->n_done++;
    bench->transport = transport;
    if (transport != NULL) {
        transport->listener = &listener;
        transport->owner = bench;
        bench->came_draining = transport->is_draining;
    } else {
        snprintf(bench->error, sizeof bench->error, "%s", error);
    }
}

void bench_init(struct bench *bench)
{
    *bench = (struct bench){.authority = "grebe.test:443", .listener = -1, .peer = -1};
    assert_int_equal(grebe_loop_new(test_mem_init(&bench->mem), &bench->loop), GREBE_OK);
    bench->options = (struct grebe__transport_options){
        .credentials = grebe_credentials_insecure(),
        .user_agent = "test",
        .max_header_list_bytes = 65536,
        .keepalive_time_ns = UINT64_MAX,
        .keepalive_timeout_ns = 20 * SECOND,
    };
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *length,
                     const unsigned char *in, unsigned in_length, void *arg)
{
    (void)ssl;
    (void)in_length;
    (void)arg;
    *out = in + 1;
    *length = in[0];
    return SSL_TLSEXT_ERR_OK;
}

void bench_init_tls(struct bench *bench)
{
    struct grebe_tls_options options = GREBE_TLS_OPTIONS_INIT;

    bench_init(bench);
    options.ca_file = cert("ca.pem");
    assert_int_equal(grebe_credentials_tls(&options, NULL, &bench->options.credentials),
                     GREBE_OK);
    bench->context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_chain_file(bench->context, cert("server.pem"));
    SSL_CTX_use_PrivateKey_file(bench->context, cert("server.key"), SSL_FILETYPE_PEM);
    SSL_CTX_set_alpn_select_cb(bench->context, choose_h2, NULL);
    SSL_CTX_set_mode(bench->context, SSL_MODE_AUTO_RETRY);
}

void bench_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void bench_fini(struct bench *bench)
{
    grebe_address_unref(bench->address);
    grebe_loop_unref(bench->loop);
    grebe_credentials_unref(bench->options.credentials);
    SSL_free(bench->ssl);
    SSL_CTX_free(bench->context);
    bench_close(&bench->peer);
    bench_close(&bench->listener);
    assert_int_equal(bench->mem.n_live, 0);
}

void bench_listen(struct bench *bench)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;

    bench->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(bench->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(bench->listener, 16), 0);
    getsockname(bench->listener, (struct sockaddr *)&address, &length);
    snprintf(bench->text, sizeof bench->text, "127.0.0.1:%u", ntohs(address.sin_port));
}

void bench_dial(struct bench *bench, const char *text)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe__env *env = bench_env(bench);

    options.attributes = bench->address_attributes;
    grebe_address_unref(bench->address);
    assert_int_equal(grebe_address_new(NULL, text, &options, &bench->address), GREBE_OK);
    bench->dial = (struct grebe__dial){
        .address = bench->address,
        .authority = bench->authority,
        .credentials = bench->options.credentials,
        .options = &bench->options,
        .mem = &bench->mem.interface,
        .deadline_ns = bench->deadline_ns,
        .on_done = on_done,
    };
    bench->n_done = 0;
    assert_true(grebe__loop_try_drive(bench->loop));
    grebe__env_enter(env);
    env->connector->dial(env, &bench->dial);
    assert_int_equal(bench->n_done, 0); /* never inside the function that asked */
    assert_non_null(bench->dial.pending);
    grebe__env_leave(env);
    grebe__loop_stop_driving(bench->loop);
}

void bench_cancel(struct bench *bench)
{
    struct grebe__env *env = bench_env(bench);

    assert_true(grebe__loop_try_drive(bench->loop));
    grebe__env_enter(env);
    env->connector->cancel(env, &bench->dial);
    grebe__env_leave(env);
    grebe__loop_stop_driving(bench->loop);
    assert_null(bench->dial.pending);
}

void bench_turns(struct bench *bench, unsigned n)
{
    while (n-- > 0)
        assert_int_equal(grebe_loop_turn(bench->loop, 0), GREBE_OK);
}

void bench_settle(struct bench *bench, const unsigned *count)
{
    uint64_t give_up_ns = grebe_now_ns() + 10 * SECOND;
    unsigned before = *count;

    while (*count == before) {
        assert_int_equal(grebe_loop_turn(bench->loop, 20), GREBE_OK);
        assert_true(grebe_now_ns() < give_up_ns);
    }
}

void bench_expect_error(struct bench *bench, const char *error)
{
    if (bench->n_done == 0)
        bench_settle(bench, &bench->n_done);
    assert_int_equal(bench->n_done, 1);
    assert_null(bench->transport);
    assert_null(bench->dial.pending);
    assert_string_equal(bench->error, error);
}

void bench_expect_transport(struct bench *bench)
{
    if (bench->n_done == 0)
        bench_settle(bench, &bench->n_done);
    if (bench->transport == NULL)
        fail_msg("%s", bench->error);
    assert_int_equal(bench->n_done, 1);
    assert_null(bench->dial.pending);
}

void bench_in_turn(struct bench *bench, void (*act)(struct bench *bench))
{
    assert_true(grebe__loop_try_drive(bench->loop));
    grebe__env_enter(bench_env(bench));
    act(bench);
    grebe__env_leave(bench_env(bench));
    grebe__loop_stop_driving(bench->loop);
}

/* ---- The server ------------------------------------------------------------------- */

void peer_accept(struct bench *bench)
{
    struct sockaddr_storage from;
    socklen_t length = sizeof from;

    bench_turns(bench, 1);
    bench->peer =
        accept4(bench->listener, (struct sockaddr *)&from, &length, SOCK_NONBLOCK);
    assert_true(bench->peer >= 0);
    if (from.ss_family == AF_INET)
        bench->client_port = ((struct sockaddr_in *)(void *)&from)->sin_port;
    bench_turns(bench, 3);
}

void peer_accept_tls(struct bench *bench)
{
    peer_accept(bench);
    bench->ssl = SSL_new(bench->context);
    SSL_set_fd(bench->ssl, bench->peer);
    SSL_set_accept_state(bench->ssl);
    for (unsigned i = 0; i < 10 && SSL_do_handshake(bench->ssl) != 1; i++)
        bench_turns(bench, 2);
}

void peer_say(struct bench *bench, const void *bytes, size_t length)
{
    if (bench->ssl != NULL)
        assert_int_equal(SSL_write(bench->ssl, bytes, (int)length), length);
    else
        assert_int_equal(send(bench->peer, bytes, length, MSG_NOSIGNAL), length);
}

size_t peer_hear(struct bench *bench, void *bytes, size_t size)
{
    ssize_t n = bench->ssl != NULL ? SSL_read(bench->ssl, bytes, (int)size)
                                   : recv(bench->peer, bytes, size, 0);

    return n > 0 ? (size_t)n : 0;
}

void peer_hang_up(struct bench *bench)
{
    char bytes[1024];

    while (recv(bench->peer, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
    bench_close(&bench->peer);
}

void peer_reset(struct bench *bench)
{
    const struct linger at_once = {.l_onoff = 1};

    setsockopt(bench->peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    bench_close(&bench->peer);
}

bool peer_has_hung_up(struct bench *bench)
{
    char bytes[1024];

    for (;;) {
        ssize_t n = recv(bench->peer, bytes, sizeof bytes, 0);

        if (n <= 0)
            return n == 0 || errno == ECONNRESET;
    }
}

void peer_speak_http_1(struct bench *bench)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

    peer_say(bench, answer, sizeof answer - 1);
}

/* ---- Both ------------------------------------------------------------------------- */

void bench_open(struct bench *bench)
{
    bench_listen(bench);
    bench_dial(bench, bench->text);
    peer_accept(bench);
    peer_say(bench, settings_frame, sizeof settings_frame);
    bench_expect_transport(bench);
}

void bench_open_tls(struct bench *bench)
{
    bench_listen(bench);
    bench_dial(bench, bench->text);
    peer_accept_tls(bench);
    peer_say(bench, settings_frame, sizeof settings_frame);
    bench_expect_transport(bench);
}

int bench_client_fd(struct bench *bench)
{
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in name;
        socklen_t length = sizeof name;

        if (getsockname(fd, (struct sockaddr *)&name, &length) == 0 &&
            name.sin_family == AF_INET && name.sin_port == bench->client_port)
            return fd;
    }
    return -1;
}
