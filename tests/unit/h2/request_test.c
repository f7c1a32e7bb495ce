/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <grebe/error.h>

#include "base/assert.h"
#include "h2/request.h"

static const struct grebe__request_base base = {
    .authority = "db.example:443",
    .user_agent = "app grpc-c-grebe/0.1.0",
    .authority_length = 14,
    .user_agent_length = 22,
    .is_tls = true,
};

struct bench {
    struct grebe__pool pool;
    struct grebe__stream stream;
    struct grebe__request request;
    char text[16384];
};

static void bench_init(struct bench *b)
{
    memset(b, 0, sizeof *b);
    grebe__pool_init(&b->pool, NULL);
    b->stream.path = "/s.S/Method";
    b->stream.deadline_ns = UINT64_MAX;
}

static void bench_fini(struct bench *b)
{
    grebe_metadata_unref((struct grebe_metadata *)(uintptr_t)b->stream.metadata);
    grebe_metadata_unref((struct grebe_metadata *)(uintptr_t)b->stream.additional);
    grebe_metadata_unref((struct grebe_metadata *)(uintptr_t)b->stream.of_address);
    grebe__pool_fini(&b->pool);
}

/* Key, value, ...; ended by NULL. */
static const struct grebe_metadata *metadata(const char *key, ...)
{
    struct grebe_metadata *all = grebe_metadata_new(NULL);
    va_list args;

    va_start(args, key);
    for (; key != NULL; key = va_arg(args, const char *)) {
        const char *value = va_arg(args, const char *);

        assert_int_equal(grebe_metadata_add(all, key, value, strlen(value)), GREBE_OK);
    }
    va_end(args);
    return all;
}

/* "name: value\n"; a field that HPACK may not index has a '!' in front. */
static const char *fields(struct bench *b, uint64_t left_ns)
{
    size_t used = 0, list_bytes = 0;

    assert_int_equal(
        grebe__request_init(&b->request, &b->pool, &base, &b->stream, left_ns), GREBE_OK);
    for (size_t i = 0; i < b->request.n_fields; i++) {
        const nghttp2_nv *nv = &b->request.fields[i];

        used += (size_t)snprintf(b->text + used, sizeof b->text - used, "%s%.*s: %.*s\n",
                                 (nv->flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0 ? "!" : "",
                                 (int)nv->namelen, (const char *)nv->name,
                                 (int)nv->valuelen, (const char *)nv->value);
        list_bytes += nv->namelen + nv->valuelen + 32;
    }
    assert_int_equal(b->request.list_bytes, list_bytes);
    grebe__request_fini(&b->request);
    return b->text;
}

#define HEAD ":method: POST\n:scheme: https\n:path: /s.S/Method\n"
#define REST                                                                             \
    "te: trailers\ncontent-type: application/grpc\nuser-agent: app "                     \
    "grpc-c-grebe/0.1.0\n"

TEST(plain_request_has_seven_fields)
{
    struct bench b;

    bench_init(&b);
    assert_string_equal(fields(&b, UINT64_MAX), HEAD ":authority: db.example:443\n" REST);
    bench_fini(&b);
}

/* SC-27, PK-14: what the application says, then the pick, then the address. */
TEST(everything_has_its_place)
{
    struct bench b;

    bench_init(&b);
    b.stream.n_previous_attempts = 12;
    b.stream.content_subtype = "JSON";
    b.stream.metadata = metadata("x-a", "1", "x-b", "2", "x-a", "3", NULL);
    b.stream.additional = metadata("x-lb", "zone", NULL);
    b.stream.of_address = metadata("x-shard", "7", "x-b-bin", "\x01", NULL);
    assert_string_equal(
        fields(&b, UINT64_C(1500000000)),
        HEAD ":authority: db.example:443\n!grpc-timeout: 1500000u\nte: trailers\n"
             "content-type: application/grpc+json\nuser-agent: app "
             "grpc-c-grebe/0.1.0\n!grpc-previous-rpc-attempts: 12\nx-a: 1\nx-b: 2\n"
             "x-a: 3\nx-lb: zone\nx-shard: 7\nx-b-bin: AQ\n");
    bench_fini(&b);
}

/* PK-16, gRFC A81 */
TEST(authority_of_the_call_goes_first)
{
    struct bench b;

    bench_init(&b);
    b.stream.additional = metadata(":authority", "picked", NULL);
    assert_string_equal(fields(&b, UINT64_MAX), HEAD ":authority: picked\n" REST);
    b.stream.authority = "called";
    assert_string_equal(fields(&b, UINT64_MAX), HEAD ":authority: called\n" REST);
    bench_fini(&b);
}

TEST(reserved_keys_are_dropped)
{
    static const char *const keys[] = {
        ":path",
        ":authority",
        "te",
        "user-agent",
        "content-type",
        "grpc-status",
        "grpc-message",
        "grpc-timeout",
        "grpc-encoding",
        "grpc-accept-encoding",
        "grpc-message-type",
        "grpc-previous-rpc-attempts",
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(keys); i++) {
        struct bench b;

        bench_init(&b);
        b.stream.metadata = metadata(keys[i], "mine", NULL);
        assert_string_equal(fields(&b, UINT64_MAX),
                            HEAD ":authority: db.example:443\n" REST);
        bench_fini(&b);
    }
}

TEST(other_grpc_keys_pass)
{
    struct bench b;

    bench_init(&b);
    b.stream.metadata = metadata("grpc-trace-bin", "t", "grpc-tags-bin", "u",
                                 "grpc-custom", "v", "tee", "w", NULL);
    assert_string_equal(fields(&b, UINT64_MAX),
                        HEAD ":authority: db.example:443\n" REST "!grpc-trace-bin: dA\n"
                             "!grpc-tags-bin: dQ\ngrpc-custom: v\ntee: w\n");
    bench_fini(&b);
}

TEST(secrets_and_unique_values_are_not_indexed)
{
    struct bench b;

    bench_init(&b);
    b.stream.metadata =
        metadata("authorization", "Bearer x", "cookie", "c", "traceparent", "00-1",
                 "x-request-id", "7", "tracestate", "s", NULL);
    assert_string_equal(fields(&b, UINT64_MAX),
                        HEAD ":authority: db.example:443\n" REST
                             "!authorization: Bearer x\n!cookie: c\n!traceparent: 00-1\n"
                             "!x-request-id: 7\ntracestate: s\n");
    bench_fini(&b);
}

TEST(binary_values_have_no_padding)
{
    struct bench b;

    bench_init(&b);
    b.stream.metadata =
        metadata("k-bin", "\x01", "k-bin", "ab", "k-bin", "abc", "k-bin", "", NULL);
    assert_string_equal(fields(&b, UINT64_MAX),
                        HEAD ":authority: db.example:443\n" REST
                             "k-bin: AQ\nk-bin: YWI\nk-bin: YWJj\nk-bin: \n");
    bench_fini(&b);
}

TEST(many_fields_and_long_values_fit)
{
    struct grebe_metadata *all = grebe_metadata_new(NULL);
    struct bench b;
    char key[24], value[300];

    bench_init(&b);
    memset(value, 'v', sizeof value);
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "k%02d-bin", i);
        assert_int_equal(grebe_metadata_add(all, key, value, sizeof value), GREBE_OK);
    }
    b.stream.metadata = all;
    fields(&b, UINT64_MAX);
    assert_int_equal(b.request.n_fields, 47);
    assert_non_null(strstr(b.text, "k00-bin: dnZ2"));
    assert_non_null(strstr(b.text, "\nk39-bin: dnZ2"));
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_request_has_seven_fields),
        cmocka_unit_test(everything_has_its_place),
        cmocka_unit_test(authority_of_the_call_goes_first),
        cmocka_unit_test(reserved_keys_are_dropped),
        cmocka_unit_test(other_grpc_keys_pass),
        cmocka_unit_test(secrets_and_unique_values_are_not_indexed),
        cmocka_unit_test(binary_values_have_no_padding),
        cmocka_unit_test(many_fields_and_long_values_fit),
    };

    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
