/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/assert.h"
#include "h2/grpc_timeout.h"

#define US UINT64_C(1000)

/* The finest unit with at most eight digits, rounded up. */
static const struct {
    uint64_t left_ns;
    const char *value;
} timeouts[] = {
    {1, "1n"},
    {12345678, "12345678n"},
    {99999999, "99999999n"},
    {100000000, "100000u"},
    {123456789, "123457u"},
    {123456789 * US, "123457m"},
    {123456789 * MS, "123457S"},
    {123456789 * SECOND, "2057614M"},
    {123456789 * (60 * SECOND), "2057614H"},
    {UINT64_MAX - 1, "5124096H"},
    {1500 * MS, "1500000u"},
    {99999999 * US, "99999999u"},
    {99999999 * US + 1, "100000m"},
};

TEST(takes_the_finest_unit_that_fits)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(timeouts); i++) {
        char out[GREBE__GRPC_TIMEOUT_MAX + 1] = "";
        size_t length = grebe__grpc_timeout_encode(timeouts[i].left_ns, out);

        assert_string_equal(out, timeouts[i].value);
        assert_int_equal(length, strlen(timeouts[i].value));
    }
}

TEST(nothing_left_is_no_value)
{
    char out[GREBE__GRPC_TIMEOUT_MAX];

    assert_int_equal(grebe__grpc_timeout_encode(0, out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_finest_unit_that_fits),
        cmocka_unit_test(nothing_left_is_no_value),
    };

    return cmocka_run_group_tests_name("grpc_timeout", tests, NULL, NULL);
}
