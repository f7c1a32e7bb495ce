/* SPDX-License-Identifier: Apache-2.0 */
/* TLS sessions against OpenSSL's server side, in memory: who is trusted, what is agreed,
 * what ends a session.  Sources: RFC 8446, RFC 9113 9.2, RFC 9525, grpc-go package
 * credentials. */
#include "support/test.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/assert.h"
#include "certs.h"
#include "io/tls.h"

/* ---- A server and a session, and the bytes between them --------------------------- */

struct bench {
    struct grebe_credentials *credentials;
    struct grebe__tls *tls;
    SSL_CTX *context;
    SSL *server;
    BIO *to_server, *from_server;
    size_t step;     /* bytes of input at a time; 0: all there is */
    size_t out_size; /* room for output; 0: plenty */
    uint64_t now_ns;
    char plain[64 * 1024]; /* what the session read */
    size_t n_plain;
};

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *length,
                     const unsigned char *in, unsigned in_length, void *arg)
{
    (void)ssl;
    (void)in;
    (void)arg;
    /* Exactly one protocol is offered. */
    if (in_length != 3 || memcmp(in, "\2h2", 3) != 0)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = in + 1;
    *length = 2;
    return SSL_TLSEXT_ERR_OK;
}

static void init_server(struct bench *bench, const char *name)
{
    char file[64];

    bench->context = SSL_CTX_new(TLS_server_method());
    assert_non_null(bench->context);
    snprintf(file, sizeof file, "%s.pem", name);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(bench->context, cert(file)), 1);
    snprintf(file, sizeof file, "%s.key", name);
    assert_int_equal(
        SSL_CTX_use_PrivateKey_file(bench->context, cert(file), SSL_FILETYPE_PEM), 1);
    SSL_CTX_set_alpn_select_cb(bench->context, choose_h2, NULL);
}

static void init_bench(struct bench *bench, const char *server,
                       const struct grebe_tls_options *options)
{
    struct grebe_diag diag;

    memset(bench, 0, sizeof *bench);
    init_server(bench, server);
    if (grebe_credentials_tls(options, &diag, &bench->credentials) != GREBE_OK)
        fail_msg("%s", diag.text);
}

static struct grebe_tls_options trusting(const char *ca_file)
{
    struct grebe_tls_options options = GREBE_TLS_OPTIONS_INIT;

    options.ca_file = cert(ca_file);
    return options;
}

/* After the test has changed what it wants of bench->context. */
static void open_bench(struct bench *bench, const char *authority)
{
    bench->server = SSL_new(bench->context);
    bench->to_server = BIO_new(BIO_s_mem());
    bench->from_server = BIO_new(BIO_s_mem());
    assert_non_null(bench->server);
    SSL_set_bio(bench->server, bench->to_server, bench->from_server);
    SSL_set_accept_state(bench->server);
    assert_int_equal(grebe__tls_new(NULL, bench->credentials, authority, &bench->tls),
                     GREBE_OK);
}

static void free_bench(struct bench *bench)
{
    grebe__tls_destroy(bench->tls);
    grebe_credentials_unref(bench->credentials);
    SSL_free(bench->server);
    SSL_CTX_free(bench->context);
    ERR_clear_error();
}

static enum grebe__tls_result act(struct bench *bench, struct grebe__tls_io *io,
                                  bool is_handshake)
{
    enum grebe__tls_result result;
    size_t n;

    if (is_handshake)
        return grebe__tls_handshake(bench->tls, io);
    result = grebe__tls_read(bench->tls, io, bench->plain + bench->n_plain,
                             sizeof bench->plain - bench->n_plain, &n);
    bench->n_plain += n;
    return result;
}

/* Gives the session what the server said, and the server what the session says. */
static enum grebe__tls_result pump(struct bench *bench, bool is_handshake)
{
    unsigned char in[32 * 1024], out[32 * 1024];
    enum grebe__tls_result result;
    int n;

    do {
        struct grebe__tls_io io = {.in = in, .out = out, .now_ns = bench->now_ns};

        n = BIO_read(bench->from_server, in,
                     bench->step != 0 ? (int)bench->step : (int)sizeof in);
        io.in_length = n > 0 ? (size_t)n : 0;
        io.out_size = bench->out_size != 0 ? bench->out_size : sizeof out;
        do {
            result = act(bench, &io, is_handshake);
            BIO_write(bench->to_server, out, (int)io.out_length);
            io.out_length = 0;
        } while (result == GREBE__TLS_WANTS_OUTPUT);
        if (result == GREBE__TLS_WANTS_INPUT)
            assert_int_equal(io.in_length, 0); /* all input is used up */
        if (result == GREBE__TLS_OK && is_handshake && io.in_length > 0)
            return act(bench, &io, false); /* what follows the handshake */
    } while (n > 0 && result == GREBE__TLS_WANTS_INPUT);
    return result;
}

static enum grebe__tls_result shake(struct bench *bench)
{
    enum grebe__tls_result result = GREBE__TLS_WANTS_INPUT;

    for (unsigned i = 0; i < 10 && result == GREBE__TLS_WANTS_INPUT; i++) {
        result = pump(bench, true);
        SSL_do_handshake(bench->server);
        ERR_clear_error();
    }
    return result;
}

static void expect_ready(struct bench *bench)
{
    enum grebe__tls_result result = shake(bench);

    if (result == GREBE__TLS_FAILED)
        fail_msg("%s", grebe__tls_reason(bench->tls));
    assert_int_equal(result, GREBE__TLS_OK);
    SSL_do_handshake(bench->server);
    assert_true(SSL_is_init_finished(bench->server));
}

static void expect_failure(struct bench *bench, const char *reason)
{
    assert_int_equal(shake(bench), GREBE__TLS_FAILED);
    assert_string_equal(grebe__tls_reason(bench->tls), reason);
}

/* ---- Names ------------------------------------------------------------------------ */

static const struct {
    const char *authority, *name; /* NULL: none */
    bool is_ip;
} names[] = {
    {"grebe.test:443", "grebe.test", false},
    {"grebe.test", "grebe.test", false},
    {"grebe.test.", "grebe.test", false},
    {"grebe.test.:443", "grebe.test", false},
    {"grebe.test:", "grebe.test", false},
    {"10.0.0.1:443", "10.0.0.1", true},
    {"10.0.0.1", "10.0.0.1", true},
    {"[::1]:443", "::1", true},
    {"[::1]", "::1", true},
    {"::1", "::1", true},
    {"[fe80::1%eth0]:443", "fe80::1", true},
    {"a:b:c", "a:b:c", false},
    {"[not-an-ip]:1", "not-an-ip", false},
    {"", NULL, false},
    {":443", NULL, false},
    {"[]:443", NULL, false},
    {".test:443", NULL, false},
};

TEST(the_name_to_verify_is_the_authority_without_port)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++) {
        char name[256];
        bool is_ip;
        bool has_name = grebe__tls_server_name(names[i].authority, name, &is_ip);

        assert_int_equal(has_name, names[i].name != NULL);
        if (!has_name)
            continue;
        assert_string_equal(name, names[i].name);
        assert_int_equal(is_ip, names[i].is_ip);
    }
}

TEST(a_name_that_no_certificate_can_have_is_refused)
{
    struct grebe_tls_options options = trusting("ca.pem");
    struct bench bench;
    char authority[300];

    init_bench(&bench, "server", &options);
    memset(authority, 'a', sizeof authority);
    authority[256] = '\0';
    assert_int_equal(grebe__tls_new(NULL, bench.credentials, authority, &bench.tls),
                     GREBE_ERR_INVALID);
    free_bench(&bench);
}

/* ---- Trust ------------------------------------------------------------------------ */

#define MISMATCH(name)                                                                   \
    "certificate verify failed (hostname mismatch: it is not for " name ")"
#define IP_MISMATCH "certificate verify failed (IP address mismatch)"
#define UNTRUSTED   "certificate verify failed (unable to get local issuer certificate)"
#define EXPIRED     "certificate verify failed (certificate has expired)"

static const struct {
    const char *server, *authority, *ca_file, *reason; /* NULL: trusted */
} peers[] = {
    {"server", "grebe.test:443", "ca.pem", NULL},
    {"server", "GREBE.TEST", "ca.pem", NULL},
    {"server", "grebe.test.:443", "ca.pem", NULL},
    {"server", "a.wild.test", "ca.pem", NULL},
    {"server", "127.0.0.1:443", "ca.pem", NULL},
    {"server", "[::1]:443", "ca.pem", NULL},
    {"server", "other.test:443", "ca.pem", MISMATCH("other.test")},
    {"server", "wild.test", "ca.pem", MISMATCH("wild.test")},
    {"server", "a.b.wild.test", "ca.pem", MISMATCH("a.b.wild.test")},
    {"server", "foo.partial.test", "ca.pem", MISMATCH("foo.partial.test")},
    {"server", "127.0.0.2:443", "ca.pem", IP_MISMATCH},
    {"server", "[::2]:443", "ca.pem", IP_MISMATCH},
    {"server", "server", "ca.pem", MISMATCH("server")}, /* only its subject says so */
    {"cn", "grebe.test", "ca.pem", MISMATCH("grebe.test")},
    {"expired", "grebe.test", "ca.pem", EXPIRED},
    {"server", "grebe.test", "stranger.pem", UNTRUSTED},
    {"stranger", "grebe.test", "ca.pem",
     "certificate verify failed (self-signed certificate)"},
};

TEST(peers_are_trusted_by_chain_and_name)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(peers); i++) {
        struct grebe_tls_options options = trusting(peers[i].ca_file);
        struct bench bench;

        init_bench(&bench, peers[i].server, &options);
        open_bench(&bench, peers[i].authority);
        if (peers[i].reason == NULL)
            expect_ready(&bench);
        else
            expect_failure(&bench, peers[i].reason);
        free_bench(&bench);
    }
}

static const struct {
    const char *authority;
    bool is_covered;
} others[] = {
    {"grebe.test:443", true},
    {"grebe.test.other", false},
    {"a.wild.test", true},
    {"b.wild.test:80", true},
    {"[::1]:1", true},
    {"other.test", false},
    {"wild.test", false},
    {"foo.partial.test", false},
    {"127.0.0.2", false},
    {"server", false},
    {"", false},
};

/* gRFC A81: what one call may be addressed to beside the name that was verified. */
TEST(a_certificate_covers_all_its_names_and_no_others)
{
    struct grebe_tls_options options = trusting("ca.pem");
    struct bench bench;

    init_bench(&bench, "server", &options);
    open_bench(&bench, "grebe.test:443");
    expect_ready(&bench);
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < GREBE_ARRAY_LEN(others); i++)
            for (size_t again = 0; again < 2; again++)
                assert_int_equal(grebe__tls_covers(bench.tls, others[i].authority),
                                 others[i].is_covered);
    free_bench(&bench);
}

TEST(the_systems_roots_do_not_know_the_tests)
{
    struct bench bench;

    init_bench(&bench, "server", NULL);
    open_bench(&bench, "grebe.test");
    expect_failure(&bench, UNTRUSTED);
    free_bench(&bench);
}

TEST(verification_can_be_skipped)
{
    struct grebe_tls_options options = GREBE_TLS_OPTIONS_INIT;
    struct bench bench;

    options.skips_verification = true;
    init_bench(&bench, "expired", &options);
    open_bench(&bench, "other.test");
    expect_ready(&bench);
    assert_true(grebe__tls_covers(bench.tls, "third.test"));
    free_bench(&bench);
}

static const struct {
    const char *authority, *sni; /* NULL: none is sent */
} server_names[] = {
    {"grebe.test:443", "grebe.test"},
    {"grebe.test.", "grebe.test"},
    {"127.0.0.1:443", NULL},
    {"[::1]:443", NULL},
};

TEST(dns_names_are_sent_as_sni_and_addresses_are_not)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(server_names); i++) {
        struct grebe_tls_options options = trusting("ca.pem");
        struct bench bench;
        const char *sni;

        init_bench(&bench, "server", &options);
        open_bench(&bench, server_names[i].authority);
        expect_ready(&bench);
        sni = SSL_get_servername(bench.server, TLSEXT_NAMETYPE_host_name);
        if (server_names[i].sni == NULL)
            assert_null(sni);
        else
            assert_string_equal(sni, server_names[i].sni);
        free_bench(&bench);
    }
}

/* ---- What is agreed --------------------------------------------------------------- */

static void offer_no_alpn(SSL_CTX *context)
{
    SSL_CTX_set_alpn_select_cb(context, NULL, NULL);
}

static void offer_tls_1_2(SSL_CTX *context)
{
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
}

static void offer_tls_1_1(SSL_CTX *context)
{
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
}

static void offer_cbc(SSL_CTX *context)
{
    offer_tls_1_2(context);
    SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA");
}

static void offer_1_3_without_alpn(SSL_CTX *context)
{
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    offer_no_alpn(context);
}

static const struct {
    void (*offer)(SSL_CTX *context);
    const char *reason; /* NULL: agreed */
} offers[] = {
    {offer_tls_1_2, NULL},
    {offer_no_alpn, "missing selected ALPN property"},
    {offer_1_3_without_alpn, "missing selected ALPN property"},
    {offer_tls_1_1, "tlsv1 alert protocol version"},
    {offer_cbc, "sslv3 alert handshake failure"},
};

TEST(only_modern_tls_with_h2_is_agreed_to)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(offers); i++) {
        struct grebe_tls_options options = trusting("ca.pem");
        struct bench bench;

        init_bench(&bench, "server", &options);
        offers[i].offer(bench.context);
        open_bench(&bench, "grebe.test");
        if (offers[i].reason == NULL)
            expect_ready(&bench);
        else
            expect_failure(&bench, offers[i].reason);
        free_bench(&bench);
    }
}

TEST(a_handshake_survives_any_cut_of_its_bytes)
{
    static const size_t sizes[][2] = {{1, 0}, {7, 1}, {0, 100}, {1, 1}};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(sizes); i++) {
        struct grebe_tls_options options = trusting("ca.pem");
        struct bench bench;

        init_bench(&bench, "server", &options);
        open_bench(&bench, "grebe.test");
        bench.step = sizes[i][0];
        bench.out_size = sizes[i][1];
        expect_ready(&bench);
        free_bench(&bench);
    }
}

TEST(a_peer_without_tls_is_called_by_its_name)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    struct grebe_tls_options options = trusting("ca.pem");
    struct bench bench;

    init_bench(&bench, "server", &options);
    open_bench(&bench, "grebe.test");
    BIO_write(bench.from_server, answer, sizeof answer - 1);
    expect_failure(&bench, "the peer does not speak TLS");
    free_bench(&bench);
}

/* ---- Client certificates ---------------------------------------------------------- */

static void demand_certificate(struct bench *bench)
{
    assert_int_equal(SSL_CTX_load_verify_file(bench->context, cert("ca.pem")), 1);
    SSL_CTX_set_verify(bench->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       NULL);
}

TEST(a_client_certificate_is_presented_with_its_chain)
{
    struct grebe_tls_options options = trusting("ca.pem");
    struct bench bench;

    options.cert_file = cert("client.pem");
    options.key_file = cert("client.key");
    init_bench(&bench, "server", &options);
    demand_certificate(&bench);
    open_bench(&bench, "grebe.test");
    expect_ready(&bench);
    assert_int_equal(SSL_get_verify_result(bench.server), X509_V_OK);
    free_bench(&bench);
}

/* In TLS 1.3 the handshake is over for the client before the server has seen that the
 * certificate is missing: the refusal comes with the first bytes read. */
TEST(a_missing_client_certificate_is_reported)
{
    struct grebe_tls_options options = trusting("ca.pem");
    struct bench bench;

    init_bench(&bench, "server", &options);
    demand_certificate(&bench);
    open_bench(&bench, "grebe.test");
    assert_int_equal(shake(&bench), GREBE__TLS_OK);
    SSL_do_handshake(bench.server);
    assert_int_equal(pump(&bench, false), GREBE__TLS_FAILED);
    assert_string_equal(grebe__tls_reason(bench.tls),
                        "tlsv13 alert certificate required");
    free_bench(&bench);
}

/* ---- Established sessions --------------------------------------------------------- */

static void open_ready(struct bench *bench)
{
    struct grebe_tls_options options = trusting("ca.pem");

    init_bench(bench, "server", &options);
    open_bench(bench, "grebe.test");
    expect_ready(bench);
    assert_int_equal(pump(bench, false), GREBE__TLS_WANTS_INPUT); /* tickets, perhaps */
}

TEST(bytes_come_through_in_both_directions)
{
    static char sent[40000], received[40000];
    unsigned char out[sizeof sent + 3 * GREBE__TLS_RECORD_OVERHEAD];
    unsigned char record[GREBE__TLS_RECORD];
    struct iovec pieces[] = {{sent, 9}, {sent + 9, 20000}, {sent + 20009, 19991}};
    struct grebe__tls_io io = {.out = out, .out_size = sizeof out};
    struct bench bench;
    int n, n_received = 0;

    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 31 >> 3);
    open_ready(&bench);
    assert_int_equal(grebe__tls_write(bench.tls, &io, pieces, 3, record), GREBE__TLS_OK);
    /* However they are cut, 40000 bytes are three records. */
    assert_in_range(io.out_length, sizeof sent, sizeof sent + 3 * 29);
    BIO_write(bench.to_server, out, (int)io.out_length);
    while ((n = SSL_read(bench.server, received + n_received,
                         (int)sizeof received - n_received)) > 0)
        n_received += n;
    assert_int_equal(n_received, sizeof sent);
    assert_memory_equal(received, sent, sizeof sent);

    assert_int_equal(SSL_write(bench.server, sent, sizeof sent), sizeof sent);
    bench.step = 1000;
    assert_int_equal(pump(&bench, false), GREBE__TLS_WANTS_INPUT);
    assert_int_equal(bench.n_plain, sizeof sent);
    assert_memory_equal(bench.plain, sent, sizeof sent);
    free_bench(&bench);
}

TEST(a_full_buffer_leaves_the_rest_for_the_next_read)
{
    char text[3000], plain[1000];
    unsigned char in[8192], out[1024];
    struct grebe__tls_io io = {.in = in, .out = out, .out_size = sizeof out};
    struct bench bench;
    size_t n;

    memset(text, 'x', sizeof text);
    open_ready(&bench);
    SSL_write(bench.server, text, sizeof text);
    io.in_length = (size_t)BIO_read(bench.from_server, in, sizeof in);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(grebe__tls_read(bench.tls, &io, plain, sizeof plain, &n),
                         GREBE__TLS_OK);
        assert_int_equal(n, sizeof plain);
    }
    assert_int_equal(grebe__tls_read(bench.tls, &io, plain, sizeof plain, &n),
                     GREBE__TLS_WANTS_INPUT);
    assert_int_equal(n, 0);
    free_bench(&bench);
}

TEST(the_end_of_the_peers_bytes_is_noticed_and_ours_is_announced)
{
    unsigned char out[256];
    struct grebe__tls_io io = {.out = out, .out_size = sizeof out};
    struct bench bench;
    char byte;

    open_ready(&bench);
    SSL_shutdown(bench.server);
    assert_int_equal(pump(&bench, false), GREBE__TLS_CLOSED);
    grebe__tls_close(bench.tls, &io);
    assert_true(io.out_length > 0);
    BIO_write(bench.to_server, out, (int)io.out_length);
    assert_int_equal(SSL_read(bench.server, &byte, 1), 0);
    assert_int_equal(SSL_get_error(bench.server, 0), SSL_ERROR_ZERO_RETURN);
    free_bench(&bench);
}

static void update_keys(struct bench *bench, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(SSL_key_update(bench->server, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(bench->server), 1);
    }
}

TEST(key_updates_are_limited_to_64_a_second)
{
    struct bench bench;

    open_ready(&bench);
    for (unsigned i = 1; i <= 3; i++) {
        bench.now_ns = i * SECOND;
        update_keys(&bench, 64);
        assert_int_equal(pump(&bench, false), GREBE__TLS_WANTS_INPUT);
    }
    update_keys(&bench, 1);
    assert_int_equal(pump(&bench, false), GREBE__TLS_FAILED);
    assert_string_equal(grebe__tls_reason(bench.tls), "too many post-handshake messages");
    free_bench(&bench);
}

/* What was read before the flood counts, and the flood is not worked through. */
TEST(a_flood_is_cut_short)
{
    struct bench bench;

    open_ready(&bench);
    bench.now_ns = SECOND;
    SSL_write(bench.server, "before", 6);
    update_keys(&bench, 65);
    SSL_write(bench.server, "after", 5);
    assert_int_equal(pump(&bench, false), GREBE__TLS_FAILED);
    assert_int_equal(bench.n_plain, 6);
    free_bench(&bench);
}

TEST(renegotiation_is_refused)
{
    struct grebe_tls_options options = trusting("ca.pem");
    struct bench bench;
    char byte;

    init_bench(&bench, "server", &options);
    offer_tls_1_2(bench.context);
    open_bench(&bench, "grebe.test");
    expect_ready(&bench);
    SSL_renegotiate(bench.server);
    SSL_do_handshake(bench.server);
    assert_int_equal(pump(&bench, false), GREBE__TLS_WANTS_INPUT);
    assert_int_equal(SSL_read(bench.server, &byte, 1), -1);
    assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    free_bench(&bench);
}

TEST(a_forged_record_ends_the_session)
{
    static const unsigned char forged[] = {23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8,
                                           9,  0, 1, 2, 3,  4, 5, 6, 7, 8, 9, 0};
    struct bench bench;

    open_ready(&bench);
    BIO_write(bench.from_server, forged, sizeof forged);
    assert_int_equal(pump(&bench, false), GREBE__TLS_FAILED);
    assert_string_equal(grebe__tls_reason(bench.tls),
                        "decryption failed or bad record mac");
    free_bench(&bench);
}

/* OpenSSL's error queue belongs to the thread, and the application may have left some in
 * it. */
TEST(errors_of_others_are_not_the_sessions)
{
    struct grebe_tls_options options = trusting("ca.pem");
    unsigned char out[256], record[GREBE__TLS_RECORD];
    struct iovec piece = {(char[]){'x'}, 1};
    struct grebe__tls_io io = {.out = out, .out_size = sizeof out};
    struct bench bench;

    init_bench(&bench, "server", &options);
    ERR_raise(ERR_LIB_USER, 1);
    open_bench(&bench, "grebe.test");
    bench.step = 100;
    for (unsigned i = 0; i < 10 && !SSL_is_init_finished(bench.server); i++) {
        ERR_raise(ERR_LIB_USER, 1);
        assert_int_not_equal(pump(&bench, i < 2), GREBE__TLS_FAILED);
        SSL_do_handshake(bench.server);
    }
    ERR_raise(ERR_LIB_USER, 1);
    assert_int_equal(grebe__tls_write(bench.tls, &io, &piece, 1, record), GREBE__TLS_OK);
    ERR_raise(ERR_LIB_USER, 1);
    assert_int_equal(pump(&bench, false), GREBE__TLS_WANTS_INPUT);
    free_bench(&bench);
}

/* ---- Credentials ------------------------------------------------------------------ */

static const struct {
    const char *ca_file, *cert_file, *key_file;
    int result;
    const char *part; /* of the text */
} mistakes[] = {
    {"nosuch.pem", NULL, NULL, GREBE_ERR_TLS, "nosuch.pem: no such file or directory"},
    {"server.key", NULL, NULL, GREBE_ERR_TLS, "server.key: "},
    {"ca.pem", "client.pem", NULL, GREBE_ERR_INVALID, "cert_file and key_file"},
    {"ca.pem", NULL, "client.key", GREBE_ERR_INVALID, "cert_file and key_file"},
    {"ca.pem", "nosuch.pem", "client.key", GREBE_ERR_TLS,
     "nosuch.pem: no such file or directory"},
    {"ca.pem", "client.key", "client.key", GREBE_ERR_TLS, "client.key: "},
    {"ca.pem", "client.pem", "nosuch.key", GREBE_ERR_TLS,
     "nosuch.key: no such file or directory"},
    {"ca.pem", "client.pem", "server.key", GREBE_ERR_TLS,
     "server.key: key values mismatch"},
    {"ca.pem", "client.pem", "client-locked.key", GREBE_ERR_TLS, "client-locked.key: "},
};

TEST(mistakes_in_files_are_named)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(mistakes); i++) {
        struct grebe_tls_options options = trusting(mistakes[i].ca_file);
        struct grebe_credentials *credentials = NULL;
        struct grebe_diag diag = {""};

        if (mistakes[i].cert_file != NULL)
            options.cert_file = cert(mistakes[i].cert_file);
        if (mistakes[i].key_file != NULL)
            options.key_file = cert(mistakes[i].key_file);
        assert_int_equal(grebe_credentials_tls(&options, &diag, &credentials),
                         mistakes[i].result);
        assert_null(credentials);
        if (strstr(diag.text, mistakes[i].part) == NULL)
            fail_msg("\"%s\" lacks \"%s\"", diag.text, mistakes[i].part);
        assert_int_equal(ERR_peek_error(), 0); /* nothing left for others to trip over */
    }
}

TEST(options_of_older_programs_are_taken_as_far_as_they_go)
{
    struct grebe_tls_options options = trusting("nosuch.pem");
    struct grebe_credentials *credentials;

    options.struct_size = offsetof(struct grebe_tls_options, ca_file);
    assert_int_equal(grebe_credentials_tls(&options, NULL, &credentials), GREBE_OK);
    grebe_credentials_unref(grebe_credentials_ref(credentials));
    grebe_credentials_unref(credentials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_to_verify_is_the_authority_without_port),
        cmocka_unit_test(a_name_that_no_certificate_can_have_is_refused),
        cmocka_unit_test(peers_are_trusted_by_chain_and_name),
        cmocka_unit_test(a_certificate_covers_all_its_names_and_no_others),
        cmocka_unit_test(the_systems_roots_do_not_know_the_tests),
        cmocka_unit_test(verification_can_be_skipped),
        cmocka_unit_test(dns_names_are_sent_as_sni_and_addresses_are_not),
        cmocka_unit_test(only_modern_tls_with_h2_is_agreed_to),
        cmocka_unit_test(a_handshake_survives_any_cut_of_its_bytes),
        cmocka_unit_test(a_peer_without_tls_is_called_by_its_name),
        cmocka_unit_test(a_client_certificate_is_presented_with_its_chain),
        cmocka_unit_test(a_missing_client_certificate_is_reported),
        cmocka_unit_test(bytes_come_through_in_both_directions),
        cmocka_unit_test(a_full_buffer_leaves_the_rest_for_the_next_read),
        cmocka_unit_test(the_end_of_the_peers_bytes_is_noticed_and_ours_is_announced),
        cmocka_unit_test(key_updates_are_limited_to_64_a_second),
        cmocka_unit_test(a_flood_is_cut_short),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(a_forged_record_ends_the_session),
        cmocka_unit_test(errors_of_others_are_not_the_sessions),
        cmocka_unit_test(mistakes_in_files_are_named),
        cmocka_unit_test(options_of_older_programs_are_taken_as_far_as_they_go),
    };

    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
