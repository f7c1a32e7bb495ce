/* SPDX-License-Identifier: Apache-2.0 */
/* What a proxy is asked, and what its answers mean: no sockets. */
#include "support/test.h"

#include "base/assert.h"
#include "base/rng.h"
#include "io/tunnel.h"
#include "support/mem.h"

/* gRFC A1 */
TEST(request_asks_for_the_destination)
{
    size_t length;
    char *request = grebe__tunnel_request(NULL, "host:443", NULL, "agent/1", &length);

    assert_string_equal(request, "CONNECT host:443 HTTP/1.1\r\n"
                                 "Host: host:443\r\n"
                                 "User-Agent: agent/1\r\n"
                                 "\r\n");
    assert_int_equal(length, strlen(request));
    grebe_mem_free(NULL, request);
    request = grebe__tunnel_request(NULL, "[::1]:80", "Basic dTpw", "a", &length);
    assert_string_equal(request, "CONNECT [::1]:80 HTTP/1.1\r\n"
                                 "Host: [::1]:80\r\n"
                                 "User-Agent: a\r\n"
                                 "Proxy-Authorization: Basic dTpw\r\n"
                                 "\r\n");
    assert_int_equal(length, strlen(request));
    grebe_mem_free(NULL, request);
}

TEST(out_of_memory_makes_no_request)
{
    struct test_mem mem;
    size_t length;

    test_mem_init(&mem);
    mem.fail_at = 1;
    assert_null(grebe__tunnel_request(&mem.interface, "h:1", NULL, "a", &length));
}

TEST(destination_cannot_end_the_request_line)
{
    assert_true(grebe__tunnel_is_destination("host"));
    assert_true(grebe__tunnel_is_destination("2001:db8::1%eth0"));
    assert_false(grebe__tunnel_is_destination(""));
    assert_false(grebe__tunnel_is_destination("a b"));
    assert_false(grebe__tunnel_is_destination("a\r\nX: y"));
    assert_false(grebe__tunnel_is_destination("a\tb"));
    assert_false(grebe__tunnel_is_destination("a\x7f"));
    assert_false(grebe__tunnel_is_destination("\xc3\xa4"));
}

/* ---- Answers ----------------------------------------------------------------------------- */

#define OK "HTTP/1.1 200 OK\r\n\r\n"

static const struct {
    const char *answer;
    size_t n_left;     /* bytes behind it */
    const char *error; /* NULL: it is open */
} answers[] = {
    {OK, 0, NULL},
    {OK "PRI * HTTP/2.0", 14, NULL},
    {"HTTP/1.0 200 Connection established\r\n\r\n", 0, NULL},
    {"HTTP/1.1 200\r\n\r\n", 0, NULL},
    {"HTTP/1.1 200 \r\n\r\n", 0, NULL},
    {"HTTP/1.1 299 Fine\r\n\r\n", 0, NULL},
    {"HTTP/1.1 200 OK\n\n", 0, NULL}, /* without CR */
    {"HTTP/1.1 200 OK\nVia: x\n\r\nrest", 4, NULL},
    {"HTTP/1.1 200 OK\r\nVia: 1.1 p\r\nContent-Length: 5\r\n\r\n", 0, NULL},
    {"HTTP/1.1 100 Continue\r\n\r\n" OK, 0, NULL},
    {"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" OK "x", 1, NULL},
    /* No. */
    {"HTTP/1.1 403 Forbidden\r\n", 0, "403 Forbidden"},
    {"HTTP/1.1 403 Forbidden\r\n\r\n<html>", 8, "403 Forbidden"},
    {"HTTP/1.1 403\r\n", 0, "403"},
    {"HTTP/1.1 502 Bad Gateway \r\n", 0, "502 Bad Gateway"},
    {"HTTP/1.1 101 Switching Protocols\r\n", 0, "101 Switching Protocols"},
    {"HTTP/1.1 301 Moved\r\n", 0, "301 Moved"},
    {"HTTP/1.1 000 Zero\r\n", 0, "000 Zero"},
    {"HTTP/1.1 999 Beyond\r\n", 0, "999 Beyond"},
    {"HTTP/1.1 500 \x1b[1mred\xff\"\r\n", 0, "500 \\x1b[1mred\\xff\\x22"},
    {"HTTP/1.1 407 Proxy Authentication Required\r\n", 0,
     "407 Proxy Authentication Required (write http://user:password@host:port)"},
    {"HTTP/1.1 500 0123456789012345678901234567890123456789012345678901234567890123456789"
     "012345678901234567890123456789012345678901234567890123456789\r\n",
     0, "500 012345678901234567890123456789012345678901234567890123456789"},
    /* Not HTTP. */
    {"SSH-2.0-OpenSSH_9.2p1\r\n", 22, "it does not speak HTTP/1.1: \"S\""},
    {"HTTQ", 0, "it does not speak HTTP/1.1: \"HTTQ\""},
    {"HTTP/2 200 OK\r\n", 9, "it does not speak HTTP/1.1: \"HTTP/2\""},
    {"\r\n", 1, "it does not speak HTTP/1.1: \"\\x0d\""},
    {"\n", 0, "it does not speak HTTP/1.1: \"\""},
    {"HTTP/1.1\r\n", 0, "it does not speak HTTP/1.1: \"HTTP/1.1\\x0d\""},
    {"HTTP/1.x 200 OK\r\n", 0, "it does not speak HTTP/1.1: \"HTTP/1.x 200 OK\\x0d\""},
    {"HTTP/1.1  200 OK\r\n", 0, "it does not speak HTTP/1.1: \"HTTP/1.1  200 OK\\x0d\""},
    {"HTTP/1.1 2000\r\n", 0, "it does not speak HTTP/1.1: \"HTTP/1.1 2000\\x0d\""},
    {"HTTP/1.1 20\r\n", 0, "it does not speak HTTP/1.1: \"HTTP/1.1 20\\x0d\""},
    {"HTTP/1.1 2x0 OK\r\n", 0, "it does not speak HTTP/1.1: \"HTTP/1.1 2x0 OK\\x0d\""},
    {"\x15\x03\x01", 2, "it does not speak HTTP/1.1: \"\\x15\""},
};

/* In pieces of `size` bytes; what came of it, and how many bytes were not used. */
static enum grebe__tunnel_result feed(struct grebe__tunnel *tunnel, const char *text,
                                      size_t length, size_t size, size_t *n_left)
{
    enum grebe__tunnel_result result = GREBE__TUNNEL_WANTS_INPUT;
    size_t at = 0, used;

    while (at < length && result == GREBE__TUNNEL_WANTS_INPUT) {
        size_t n = length - at < size ? length - at : size;

        result = grebe__tunnel_read(tunnel, text + at, n, &used);
        at += used;
    }
    *n_left = length - at;
    return result;
}

TEST(answer_means_the_same_in_whatever_pieces_it_comes)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(answers); i++) {
        size_t length = strlen(answers[i].answer);

        for (size_t size = 1; size <= length; size++) {
            struct grebe__tunnel tunnel;
            enum grebe__tunnel_result result;
            size_t n_left;

            grebe__tunnel_init(&tunnel, false);
            result = feed(&tunnel, answers[i].answer, length, size, &n_left);
            if (answers[i].error != NULL)
                assert_string_equal(tunnel.error, answers[i].error);
            assert_int_equal(result, answers[i].error == NULL ? GREBE__TUNNEL_OPEN
                                                              : GREBE__TUNNEL_FAILED);
            assert_int_equal(n_left, answers[i].n_left);
        }
    }
}

TEST(answer_that_is_not_complete_wants_more)
{
    static const char *const parts[] = {"HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK",
                                        "HTTP/1.1 200 OK\r\nVia: x\r\n",
                                        "HTTP/1.1 100 C\r\n\r\n", "HTT"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(parts); i++) {
        struct grebe__tunnel tunnel;
        size_t n_left;

        grebe__tunnel_init(&tunnel, false);
        assert_int_equal(feed(&tunnel, parts[i], strlen(parts[i]), 3, &n_left),
                         GREBE__TUNNEL_WANTS_INPUT);
    }
}

TEST(refused_credentials_are_told_from_missing_ones)
{
    static const char answer[] = "HTTP/1.1 407 No\r\n";
    struct grebe__tunnel tunnel;
    size_t n_left;

    grebe__tunnel_init(&tunnel, true);
    assert_int_equal(feed(&tunnel, answer, strlen(answer), 99, &n_left),
                     GREBE__TUNNEL_FAILED);
    assert_string_equal(tunnel.error, "407 No (it does not accept the credentials)");
}

/* Fields without end, a line without end, interim answers without end. */
TEST(length_of_the_answer_is_bounded)
{
    static const struct {
        const char *start, *more;
    } endless[] = {
        {"HTTP/1.1 200 OK\r\n", "X: y\r\n"},
        {"HTTP/1.1 200 ", "x"},
        {"HTTP/1.1 200 OK\r\nX: ", "y"},
        {"", "HTTP/1.1 100 Continue\r\n\r\n"},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(endless); i++) {
        enum grebe__tunnel_result result;
        struct grebe__tunnel tunnel;
        size_t n_left, n = strlen(endless[i].start);

        grebe__tunnel_init(&tunnel, false);
        result = feed(&tunnel, endless[i].start, n, 99, &n_left);
        while (result == GREBE__TUNNEL_WANTS_INPUT) {
            result = feed(&tunnel, endless[i].more, strlen(endless[i].more), 99, &n_left);
            n += strlen(endless[i].more);
            assert_true(n < GREBE__TUNNEL_ANSWER_MAX + 100);
        }
        assert_int_equal(result, GREBE__TUNNEL_FAILED);
        assert_string_equal(tunnel.error, "its answer is longer than 16384 bytes");
        assert_true(n > GREBE__TUNNEL_ANSWER_MAX);
    }
}

TEST(nonsense_is_read_to_some_end)
{
    struct grebe__rng rng;

    grebe__rng_seed(&rng, 1);
    for (int round = 0; round < 20000; round++) {
        char text[] = "HTTP/1.1 200 Connection established\r\nVia: proxy\r\n\r\nrest";
        struct grebe__tunnel tunnel;
        size_t n_left;

        for (int i = 0; i < round % 5; i++)
            text[(size_t)(grebe__rng_unit(&rng) * sizeof text)] =
                (char)(grebe__rng_unit(&rng) * 256);
        grebe__tunnel_init(&tunnel, round % 2);
        if (feed(&tunnel, text, sizeof text, 1 + (size_t)round % 60, &n_left) ==
            GREBE__TUNNEL_FAILED)
            assert_true(tunnel.error[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_asks_for_the_destination),
        cmocka_unit_test(out_of_memory_makes_no_request),
        cmocka_unit_test(destination_cannot_end_the_request_line),
        cmocka_unit_test(answer_means_the_same_in_whatever_pieces_it_comes),
        cmocka_unit_test(answer_that_is_not_complete_wants_more),
        cmocka_unit_test(refused_credentials_are_told_from_missing_ones),
        cmocka_unit_test(length_of_the_answer_is_bounded),
        cmocka_unit_test(nonsense_is_read_to_some_end),
    };

    return cmocka_run_group_tests_name("tunnel", tests, NULL, NULL);
}
