/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/assert.h"
#include "core/metadata.h"
#include "h2/codes.h"
#include "h2/response.h"

/* ---- A stream without frames ------------------------------------------------------- */

struct bench {
    struct grebe__response response;
    struct grebe__verdict verdict;
    struct grebe_metadata headers, trailers;
};

static void bench_init(struct bench *b)
{
    grebe__response_init(&b->response);
    grebe__verdict_init(&b->verdict, NULL);
    grebe__metadata_init(&b->headers, NULL);
    grebe__metadata_init(&b->trailers, NULL);
}

static void bench_fini(struct bench *b)
{
    grebe__response_fini(&b->response, NULL);
    grebe__verdict_fini(&b->verdict);
    grebe__metadata_fini(&b->headers);
    grebe__metadata_fini(&b->trailers);
}

/* "name: value\nname: value" */
static void block(struct bench *b, bool is_end, const char *fields)
{
    struct grebe__header_block block;

    grebe__verdict_fini(&b->verdict);
    grebe__verdict_init(&b->verdict, NULL);
    grebe__header_block_begin(&block, NULL, is_end ? &b->trailers : &b->headers, is_end);
    while (*fields != '\0') {
        size_t line = strcspn(fields, "\n");
        const char *colon = strstr(fields, ": ");

        grebe__header_block_field(&block, fields, (size_t)(colon - fields), colon + 2,
                                  (size_t)(fields + line - (colon + 2)));
        fields += line + (fields[line] == '\n');
    }
    grebe__response_block(&b->response, &block, &b->verdict);
    grebe__header_block_fini(&block);
}

/* "HEADERS", "NOTHING", "OK", "INTERNAL RST 1: text" */
static const char *outcome(const struct bench *b)
{
    static char text[8192];
    const struct grebe_status *status = &b->verdict.status.view;
    char name[24], reset[24] = "";

    if (b->verdict.action == GREBE__RESPONSE_NOTHING)
        return "NOTHING";
    if (b->verdict.action == GREBE__RESPONSE_HEADERS)
        return "HEADERS";
    if (b->verdict.has_reset)
        snprintf(reset, sizeof reset, " RST %u", (unsigned)b->verdict.reset_code);
    snprintf(text, sizeof text, "%s%s%s%s", grebe_status_code_name(status->code, name),
             reset, status->message_length > 0 ? ": " : "", status->message);
    return text;
}

#define OK_HEADERS ":status: 200\ncontent-type: application/grpc"

/* ---- First blocks ------------------------------------------------------------------ */

static const struct {
    bool is_end;
    const char *fields;
    const char *outcome;
} firsts[] = {
    {false, OK_HEADERS, "HEADERS"},
    {true, OK_HEADERS "\ngrpc-status: 0", "OK"},
    {true, OK_HEADERS "\ngrpc-status: 5\ngrpc-message: no such thing",
     "NOT_FOUND: no such thing"},
    /* The order of fields does not matter, nor does the case of the type. */
    {true, ":status: 200\ngrpc-status: 5\ncontent-type: Application/GRPC", "NOT_FOUND"},
    {false, ":status: 200\ncontent-type: application/grpc+proto", "HEADERS"},
    {false, ":status: 200\ncontent-type: application/grpc;charset=x", "HEADERS"},
    /* Once it is gRPC, :status counts only where grpc-status is missing. */
    {true, ":status: 500\ncontent-type: application/grpc\ngrpc-status: 0", "OK"},
    {false, ":status: 500\ncontent-type: application/grpc", "HEADERS"},
    {true, ":status: 503\ncontent-type: application/grpc",
     "UNAVAILABLE: unexpected HTTP status code received from server: 503 (Service "
     "Unavailable)"},
    {true, ":status: 200\ncontent-type: application/grpc", "UNKNOWN"},
    {false, OK_HEADERS "\ncontent-type: text/html", "HEADERS"},
    /* Not gRPC. */
    {true, ":status: 404\ncontent-type: text/html",
     "UNIMPLEMENTED: unexpected HTTP status code received from server: 404 (Not Found); "
     "unexpected content-type \"text/html\""},
    {true, ":status: 200\ncontent-type: text/html\ngrpc-status: 0",
     "UNKNOWN: unexpected HTTP status code received from server: 200 (OK); unexpected "
     "content-type \"text/html\""},
    {true, ":status: 200\ngrpc-status: 0",
     "UNKNOWN: unexpected HTTP status code received from server: 200 (OK); no "
     "content-type"},
    {true, ":status: 200\ncontent-type: application/grpc-web",
     "UNKNOWN: unexpected HTTP status code received from server: 200 (OK); unexpected "
     "content-type \"application/grpc-web\""},
    {true, ":status: 299\ncontent-type: application/grpcfoo",
     "UNKNOWN: unexpected HTTP status code received from server: 299; unexpected "
     "content-type \"application/grpcfoo\""},
    {true, ":status: 400",
     "INTERNAL: unexpected HTTP status code received from server: "
     "400 (Bad Request); no content-type"},
    {true, ":status: 200\ncontent-type: te\x1bxt",
     "UNKNOWN: unexpected HTTP status code received from server: 200 (OK); unexpected "
     "content-type \"te\\x1bxt\""},
    {false, ":status: 404\ncontent-type: text/html", "NOTHING"},
    {false, "content-type: text/html",
     "INTERNAL RST 1: the response has no HTTP status code"},
    {false, ":status: abc", "INTERNAL RST 1: the response has no HTTP status code"},
    /* Informational, whatever else it says. */
    {false, ":status: 103\ncontent-type: text/html", "NOTHING"},
    {false, ":status: 100", "NOTHING"},
    {true, ":status: 103",
     "INTERNAL RST 1: the response ends with informational HTTP status 103"},
    /* Malformed. */
    {false, OK_HEADERS "\nk-bin: AA=A", "INTERNAL RST 1: malformed k-bin"},
    {true, OK_HEADERS "\ngrpc-status: 0\nk-bin: A", "INTERNAL RST 1: malformed k-bin"},
    {true, OK_HEADERS "\ngrpc-status: abc", "UNKNOWN RST 1: malformed grpc-status"},
};

TEST(first_block_decides)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(firsts); i++) {
        struct bench b;

        bench_init(&b);
        block(&b, firsts[i].is_end, firsts[i].fields);
        assert_string_equal(outcome(&b), firsts[i].outcome);
        bench_fini(&b);
    }
}

/* ---- Trailers ---------------------------------------------------------------------- */

/* Status {code 5, message "long"}, and the same with code 6. */
#define DETAILS_5 "CAUSBGxvbmc"
#define DETAILS_6 "CAYSBGxvbmc="

static const struct {
    const char *fields;
    const char *outcome;
} trailers[] = {
    {"grpc-status: 0", "OK"},
    {"x: y", "UNKNOWN"},
    {"grpc-status: 99", "CODE(99)"},
    {"grpc-status: 2147483647", "CODE(2147483647)"},
    {"grpc-status: 2147483648", "UNKNOWN RST 1: malformed grpc-status"},
    {"grpc-status: 99999999999", "UNKNOWN RST 1: malformed grpc-status"},
    {"grpc-status: -1", "UNKNOWN RST 1: malformed grpc-status"},
    {"grpc-status: +0", "UNKNOWN RST 1: malformed grpc-status"},
    {"grpc-status:  0", "UNKNOWN RST 1: malformed grpc-status"},
    {"grpc-status: 0x0", "UNKNOWN RST 1: malformed grpc-status"},
    {"grpc-status: ", "UNKNOWN RST 1: malformed grpc-status"},
    {"grpc-status: 00000000000000007", "PERMISSION_DENIED"},
    /* The first one counts. */
    {"grpc-status: 0\ngrpc-status: 13", "OK"},
    {"grpc-status: 13\ngrpc-message: a\ngrpc-message: b", "INTERNAL: a"},
    {"grpc-status: 13\ngrpc-message: \ngrpc-message: b", "INTERNAL"},
    {"grpc-status: 13\ngrpc-message: foo ", "INTERNAL: foo "},
    {"grpc-message: %F0%9F%98%88", "UNKNOWN: \xf0\x9f\x98\x88"},
    /* Details. */
    {"grpc-status: 5\ngrpc-message: short\ngrpc-status-details-bin: " DETAILS_5,
     "NOT_FOUND: long"},
    {"grpc-status: 5\ngrpc-message: short\ngrpc-status-details-bin: " DETAILS_6,
     "INTERNAL: details mismatch: grpc-status-details-bin has another code than "
     "grpc-status"},
    {"grpc-status: 5\ngrpc-message: short\ngrpc-status-details-bin: " DETAILS_6
     "\ngrpc-status-details-bin: " DETAILS_6,
     "NOT_FOUND: short"},
    {"grpc-status: 5\ngrpc-message: short\ngrpc-status-details-bin: " DETAILS_6
     "," DETAILS_6,
     "NOT_FOUND: short"},
    {"grpc-status: 5\ngrpc-message: short\ngrpc-status-details-bin: CA",
     "NOT_FOUND: short"},
    {"grpc-status: 5\ngrpc-status-details-bin: C", "INTERNAL RST 1: malformed "
                                                   "grpc-status-details-bin"},
};

TEST(trailers_decide)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(trailers); i++) {
        struct bench b;

        bench_init(&b);
        block(&b, false, OK_HEADERS);
        assert_string_equal(outcome(&b), "HEADERS");
        block(&b, true, trailers[i].fields);
        assert_string_equal(outcome(&b), trailers[i].outcome);
        bench_fini(&b);
    }
}

TEST(details_are_given_as_they_came)
{
    struct bench b;

    bench_init(&b);
    block(&b, true,
          OK_HEADERS "\nx: y\ngrpc-status: 5\ngrpc-status-details-bin: " DETAILS_5);
    assert_int_equal(b.verdict.status.view.details_length, 8);
    assert_memory_equal(b.verdict.status.view.details, "\x08\x05\x12\x04long", 8);
    bench_fini(&b);
}

TEST(message_may_hold_nul)
{
    struct bench b;

    bench_init(&b);
    block(&b, true, OK_HEADERS "\ngrpc-status: 2\ngrpc-message: a%00b");
    assert_int_equal(b.verdict.status.view.message_length, 3);
    assert_memory_equal(b.verdict.status.view.message, "a\0b", 4);
    bench_fini(&b);
}

/* ---- Sequences --------------------------------------------------------------------- */

TEST(headers_in_the_middle_are_refused)
{
    struct bench b;

    bench_init(&b);
    block(&b, false, OK_HEADERS);
    block(&b, false, "x: y");
    assert_string_equal(outcome(&b), "INTERNAL RST 1: HEADERS in the middle of a stream");
    bench_fini(&b);
}

TEST(informational_blocks_are_skipped_and_counted)
{
    struct bench b;

    bench_init(&b);
    for (int i = 0; i < 16; i++) {
        block(&b, false, ":status: 103\nlink: x");
        assert_string_equal(outcome(&b), "NOTHING");
    }
    assert_int_equal(b.headers.n, 0);
    block(&b, false, OK_HEADERS);
    assert_string_equal(outcome(&b), "HEADERS");
    bench_fini(&b);

    bench_init(&b);
    for (int i = 0; i < 17; i++)
        block(&b, false, ":status: 103");
    assert_string_equal(outcome(&b), "INTERNAL RST 1: more than 16 informational "
                                     "responses");
    bench_fini(&b);
}

TEST(data_without_trailers_is_an_error)
{
    struct bench b;

    bench_init(&b);
    block(&b, false, OK_HEADERS);
    grebe__response_data_end(&b.response, &b.verdict);
    assert_string_equal(outcome(&b),
                        "INTERNAL: server closed the stream without sending trailers");
    bench_fini(&b);
}

/* ---- HTTP bodies ------------------------------------------------------------------- */

#define NOT_FOUND_TEXT                                                                   \
    "unexpected HTTP status code received from server: 404 (Not Found); unexpected "     \
    "content-type \"text/html\"\ndata: "

TEST(body_is_quoted)
{
    struct bench b;

    bench_init(&b);
    block(&b, false, ":status: 404\ncontent-type: text/html\nserver: x");
    assert_int_equal(b.headers.n, 0);
    grebe__response_body(&b.response, "<h1>no", 6, &b.verdict);
    grebe__response_body(&b.response, "\x1b</h1>", 6, &b.verdict);
    assert_string_equal(outcome(&b), "NOTHING");
    grebe__response_data_end(&b.response, &b.verdict);
    assert_string_equal(outcome(&b),
                        "UNIMPLEMENTED: " NOT_FOUND_TEXT "\"<h1>no\\x1b</h1>\"");
    bench_fini(&b);
}

TEST(trailers_end_a_body_too)
{
    struct bench b;

    bench_init(&b);
    block(&b, false, ":status: 404\ncontent-type: text/html");
    block(&b, false, "x: y");
    assert_string_equal(outcome(&b), "NOTHING");
    block(&b, true, "grpc-status: 0");
    assert_string_equal(outcome(&b), "UNIMPLEMENTED: " NOT_FOUND_TEXT "\"\"");
    bench_fini(&b);
}

TEST(a_long_body_is_cut)
{
    struct bench b;
    char bytes[2000];

    memset(bytes, 0xff, sizeof bytes); /* the longest form of escape */
    bench_init(&b);
    block(&b, false, ":status: 404\ncontent-type: text/html");
    grebe__response_body(&b.response, bytes, 1000, &b.verdict);
    assert_string_equal(outcome(&b), "NOTHING");
    grebe__response_body(&b.response, bytes, 1000, &b.verdict);
    assert_int_equal(b.verdict.action, GREBE__RESPONSE_END);
    assert_true(b.verdict.has_reset);
    assert_int_equal(b.verdict.status.view.message_length,
                     sizeof NOT_FOUND_TEXT - 1 + 2 + 4 * 1024);
    bench_fini(&b);
}

/* ---- Metadata ---------------------------------------------------------------------- */

TEST(metadata_is_what_is_not_ours)
{
    struct bench b;
    const struct grebe_metadata_entry *entry;

    bench_init(&b);
    block(&b, false,
          OK_HEADERS "\nte: trailers\ngrpc-encoding: gzip\ngrpc-timeout: 1S\n"
                     "grpc-message-type: t\nx-a: 1\nk-bin: AAEC, \nx-a:  2 \n"
                     "grpc-accept-encoding: gzip\ngrpc-retry-pushback-ms: 7");
    assert_string_equal(outcome(&b), "HEADERS");
    assert_string_equal(b.response.encoding, "gzip");
    assert_int_equal(b.headers.n, 7);
    assert_string_equal(b.headers.entries[0].key, "content-type");
    assert_string_equal(b.headers.entries[0].value, "application/grpc");
    assert_string_equal(b.headers.entries[1].value, "1");
    entry = &b.headers.entries[2];
    assert_string_equal(entry->key, "k-bin");
    assert_int_equal(entry->value_length, 3);
    assert_memory_equal(entry->value, "\0\1\2", 3);
    assert_string_equal(b.headers.entries[3].key, "k-bin");
    assert_int_equal(b.headers.entries[3].value_length, 0);
    assert_string_equal(b.headers.entries[4].value, " 2 ");
    assert_string_equal(b.headers.entries[5].key, "grpc-accept-encoding");
    assert_string_equal(b.headers.entries[6].key, "grpc-retry-pushback-ms");
    bench_fini(&b);
}

TEST(binary_values_may_be_large)
{
    struct bench b;
    char fields[128 + 4000] = OK_HEADERS "\nk-bin: ";

    memset(fields + strlen(fields), 'A', 4000);
    bench_init(&b);
    block(&b, false, fields);
    assert_string_equal(outcome(&b), "HEADERS");
    assert_int_equal(b.headers.entries[1].value_length, 3000);
    bench_fini(&b);
}

TEST(a_dropped_grpc_status_is_malformed)
{
    struct bench b;
    struct grebe__header_block fields;

    bench_init(&b);
    grebe__header_block_begin(&fields, NULL, &b.trailers, true);
    grebe__header_block_field(&fields, ":status", 7, "200", 3);
    grebe__header_block_field(&fields, "content-type", 12, "application/grpc", 16);
    grebe__header_block_invalid_field(&fields, "x-status", 8);
    grebe__header_block_invalid_field(&fields, "grpc-status", 11);
    grebe__response_block(&b.response, &fields, &b.verdict);
    assert_string_equal(outcome(&b), "UNKNOWN RST 1: malformed grpc-status");
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_block_decides),
        cmocka_unit_test(trailers_decide),
        cmocka_unit_test(details_are_given_as_they_came),
        cmocka_unit_test(message_may_hold_nul),
        cmocka_unit_test(headers_in_the_middle_are_refused),
        cmocka_unit_test(informational_blocks_are_skipped_and_counted),
        cmocka_unit_test(data_without_trailers_is_an_error),
        cmocka_unit_test(body_is_quoted),
        cmocka_unit_test(trailers_end_a_body_too),
        cmocka_unit_test(a_long_body_is_cut),
        cmocka_unit_test(metadata_is_what_is_not_ours),
        cmocka_unit_test(binary_values_may_be_large),
        cmocka_unit_test(a_dropped_grpc_status_is_malformed),
    };

    return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
