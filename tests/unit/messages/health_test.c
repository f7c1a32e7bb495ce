/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <stdlib.h>

#include <grebe/error.h>
#include <grpc/health/v1/health.pb-c.h>

#include "base/assert.h"
#include "messages/health.h"
#include "messages/wire_mem.h"
#include "support/mem.h"

TEST(request_names_the_service)
{
    static const struct {
        const char *service, *bytes;
        size_t length;
    } cases[] = {
        {"", "", 0},
        {"my.Service", "\x0a\x0amy.Service", 12},
    };
    unsigned char bytes[64];

    for (size_t i = 0; i < GREBE_ARRAY_LEN(cases); i++) {
        assert_int_equal(grebe__health_request_size(cases[i].service), cases[i].length);
        grebe__health_request_write(cases[i].service, bytes);
        assert_memory_equal(bytes, cases[i].bytes, cases[i].length);
    }
}

static int read_text(const char *bytes, size_t length, int *status)
{
    struct test_mem mem;
    int result = grebe__health_response_read(test_mem_init(&mem), bytes, length, status);

    assert_int_equal(mem.n_live, 0);
    return result;
}

TEST(response_is_a_status)
{
    static const struct {
        const char *bytes;
        size_t length;
        int result, status;
    } cases[] = {
        {"", 0, GREBE_OK, GREBE__SERVING_UNKNOWN},
        {"\x08\x00", 2, GREBE_OK, GREBE__SERVING_UNKNOWN},
        {"\x08\x01", 2, GREBE_OK, GREBE__SERVING_YES},
        {"\x08\x02", 2, GREBE_OK, GREBE__SERVING_NO},
        {"\x08\x03", 2, GREBE_OK, GREBE__SERVING_SERVICE_UNKNOWN},
        {"\x08\x07", 2, GREBE_OK, 7},
        {"\x12\x03xyz\x08\x01", 7, GREBE_OK, GREBE__SERVING_YES}, /* something newer */
        {"\x08", 1, GREBE_ERR_INVALID, 42},
        {"garbage", 7, GREBE_ERR_INVALID, 42},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(cases); i++) {
        int status = 42;

        assert_int_equal(read_text(cases[i].bytes, cases[i].length, &status),
                         cases[i].result);
        assert_int_equal(status, cases[i].status);
    }
}

TEST(names_are_those_of_the_protocol)
{
    char buf[12];

    assert_string_equal(grebe__serving_name(0, buf), "UNKNOWN");
    assert_string_equal(grebe__serving_name(1, buf), "SERVING");
    assert_string_equal(grebe__serving_name(2, buf), "NOT_SERVING");
    assert_string_equal(grebe__serving_name(3, buf), "SERVICE_UNKNOWN");
    assert_string_equal(grebe__serving_name(4, buf), "4");
    assert_string_equal(grebe__serving_name(-2147483647 - 1, buf), "-2147483648");
    assert_int_equal(
        GREBE__SERVING_SERVICE_UNKNOWN,
        GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN);
}

/* ---- Memory ----------------------------------------------------------------------------- */

/* Unknown fields are the only thing that a response can make us keep. */
static size_t unknown_fields(unsigned char *out, size_t n, size_t each)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        out[at++] = 0x12;
        out[at++] = (unsigned char)each;
        memset(out + at, 'x', each);
        at += each;
    }
    return at;
}

TEST(each_allocation_may_fail)
{
    unsigned char bytes[4096];
    size_t length = unknown_fields(bytes, 40, 100);
    struct test_mem mem;

    for (uint32_t fail_at = 1;; fail_at++) {
        int status, result;

        test_mem_init(&mem);
        mem.fail_at = fail_at;
        result = grebe__health_response_read(&mem.interface, bytes, length, &status);
        assert_int_equal(mem.n_live, 0);
        if (!mem.has_failed) {
            assert_int_equal(result, GREBE_OK);
            break;
        }
        assert_int_equal(result, GREBE_ERR_NOMEM);
    }
    assert_true(mem.n_allocs > 1);
}

TEST(small_responses_need_no_memory_at_all)
{
    struct test_mem mem;
    int status;

    test_mem_init(&mem);
    assert_int_equal(grebe__health_response_read(&mem.interface, "\x08\x01", 2, &status),
                     GREBE_OK);
    assert_int_equal(mem.n_allocs, 0);
}

/* 64 KiB of fields of two bytes each would become two million bytes. */
TEST(a_response_cannot_ask_for_more_than_the_limit)
{
    enum { LENGTH = 65536 };
    unsigned char *bytes = malloc(LENGTH);
    struct test_mem mem;
    int status;

    assert_int_equal(unknown_fields(bytes, LENGTH / 2, 0), LENGTH);
    test_mem_init(&mem);
    assert_int_equal(grebe__health_response_read(&mem.interface, bytes, LENGTH, &status),
                     GREBE_ERR_NOMEM);
    assert_int_equal(mem.n_live, 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_names_the_service),
        cmocka_unit_test(response_is_a_status),
        cmocka_unit_test(names_are_those_of_the_protocol),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(small_responses_need_no_memory_at_all),
        cmocka_unit_test(a_response_cannot_ask_for_more_than_the_limit),
    };

    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
