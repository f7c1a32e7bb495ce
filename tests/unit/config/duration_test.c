/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/assert.h"
#include "config/duration.h"

static const struct {
    const char *text;
    int64_t ns;
} valid[] = {
    {"0s", 0},
    {"1s", 1000000000},
    {"10s", 10000000000},
    {"-2s", -2000000000},
    {"1.s", 1000000000},
    {".050s", 50000000},
    {"-0s", 0},
    {"-100.700s", -100700000000},
    {"0.000000001s", 1},
    {"3.123456789s", 3123456789},
    {"000000000000000000000000000001s", 1000000000},
    {"9223372036.854775806s", INT64_MAX - 1},
    {"9223372036.854775807s", INT64_MAX},
    {"9223372036.854775808s", INT64_MAX},
    {"9223372037s", INT64_MAX},
    {"315576000000s", INT64_MAX},
    {"315576000000.999999999s", INT64_MAX},
    {"-9223372036.854775807s", -INT64_MAX},
    {"-9223372036.854775808s", INT64_MIN},
    {"-9223372036.854775809s", INT64_MIN},
    {"-315576000000s", INT64_MIN},
};

/* CFG-13, C-24 */
TEST(valid_text_is_nanoseconds)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(valid); i++) {
        int64_t ns = 42;

        assert_null(grebe__duration_parse(valid[i].text, strlen(valid[i].text), &ns));
        assert_int_equal(ns, valid[i].ns);
    }
}

/* CFG-13, C-25, C-26 */
TEST(anything_else_is_refused)
{
    static const char *const invalid[] = {
        "",
        "s",
        ".s",
        "-s",
        "-.s",
        "1",
        "5m",
        "3c",
        "1 s",
        " 1s",
        "1s ",
        "+1s",
        "--1s",
        "1.-5s",
        "1e3s",
        "5.3.2s",
        "x.3s",
        "3.1234567890s",
        "0x1s",
        "1,5s",
        "315576000001s",
        "-315576000001s",
        "99999999999999999999999999999999s",
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(invalid); i++) {
        int64_t ns = 42;

        assert_non_null(grebe__duration_parse(invalid[i], strlen(invalid[i]), &ns));
        assert_int_equal(ns, 42);
    }
}

TEST(text_need_not_end_with_a_nul)
{
    int64_t ns;

    assert_null(grebe__duration_parse("1.5s99", 4, &ns));
    assert_int_equal(ns, 1500000000);
    assert_non_null(grebe__duration_parse("1.5s", 3, &ns));
}

static const struct {
    int64_t ns;
    const char *text;
} formatted[] = {
    {0, "0s"},
    {1000000000, "1s"},
    {-1000000000, "-1s"},
    {1500000000, "1.500s"},
    {-1, "-0.000000001s"},
    {1000, "0.000001s"},
    {1000000, "0.001s"},
    {100000, "0.000100s"},
    {3123456789, "3.123456789s"},
    {INT64_MAX, "9223372036.854775807s"},
    {INT64_MIN, "-9223372036.854775808s"},
};

/* CFG-13 */
TEST(formatted_with_three_digits_at_a_time)
{
    char buf[GREBE__DURATION_BYTES];

    for (size_t i = 0; i < GREBE_ARRAY_LEN(formatted); i++)
        assert_string_equal(grebe__duration_format(formatted[i].ns, buf),
                            formatted[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_text_is_nanoseconds),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(text_need_not_end_with_a_nul),
        cmocka_unit_test(formatted_with_three_digits_at_a_time),
    };

    return cmocka_run_group_tests_name("duration", tests, NULL, NULL);
}
