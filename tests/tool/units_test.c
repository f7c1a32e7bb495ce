/* SPDX-License-Identifier: Apache-2.0 */
/* Durations, sizes and counts as people write and read them. */
#include "support/test.h"

#include "base64.h"
#include "units.h"

TEST(durations_are_read)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {
        {"5", 5 * SECOND},    {"0", 0},          {"1.5s", 1500 * MS},
        {"250us", 250000},    {"5ms", 5 * MS},   {"17ns", 17},
        {"2m", 120 * SECOND}, {"0.5ms", 500000}, {"1h", 3600 * SECOND},
        {".5s", SECOND / 2},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t ns = 1;

        assert_true(units_parse_duration(cases[i].text, &ns));
        assert_int_equal(ns, cases[i].ns);
    }
}

TEST(sizes_are_read)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"128", 128},
        {"128B", 128},
        {"16k", 16384},
        {"16KiB", 16384},
        {"4M", 4194304},
        {"1G", UINT64_C(1) << 30},
        {"1.5k", 1536},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t bytes = 1;

        assert_true(units_parse_size(cases[i].text, &bytes));
        assert_int_equal(bytes, cases[i].bytes);
    }
}

TEST(anything_else_is_refused)
{
    static const char *const bad[] = {
        "",     "-1",  "+1",  " 1", "1 s", "s",     "1x",
        "0x10", "inf", "nan", "1e", "1ss", "1.2.3", "99999999999999999999h",
    };
    uint64_t value = 42;
    double number = 42;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(units_parse_duration(bad[i], &value));
        assert_false(units_parse_size(bad[i], &value));
        assert_false(units_parse_count(bad[i], &value));
        assert_false(units_parse_number(bad[i], &number));
    }
    assert_false(units_parse_count("1.5", &value));
    assert_false(units_parse_count("18446744073709551616", &value));
    assert_int_equal(value, 42);
    assert_true(number == 42);
    assert_true(units_parse_count("18446744073709551615", &value));
    assert_true(value == UINT64_MAX);
}

TEST(durations_have_three_digits_and_a_unit)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0ns"},          {999, "999ns"},       {1000, "1.00us"},
        {12345, "12.3us"},   {99940, "99.9us"},    {99960, "100us"},
        {999499, "999us"},   {999500, "1.00ms"},   {9994000, "9.99ms"},
        {9996000, "10.0ms"}, {1234 * MS, "1.23s"}, {61 * SECOND, "61.0s"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buf[UNITS_TEXT];

        assert_string_equal(units_format_duration(cases[i].ns, buf), cases[i].text);
    }
}

TEST(counts_have_three_digits_and_a_power)
{
    char buf[UNITS_TEXT];

    assert_string_equal(units_format_count(0, buf), "0");
    assert_string_equal(units_format_count(950, buf), "950");
    assert_string_equal(units_format_count(12345, buf), "12.3k");
    assert_string_equal(units_format_count(1049000, buf), "1.05M");
    assert_string_equal(units_format_count(999999, buf), "1.00M");
}

/* RFC 4648 section 10. */
TEST(base64_vectors)
{
    static const struct {
        const char *bytes, *padded, *bare;
    } cases[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = strlen(cases[i].bytes), n = 99;
        char text[32];
        uint8_t bytes[32];

        base64_encode(cases[i].bytes, length, true, text);
        assert_string_equal(text, cases[i].padded);
        assert_true(strlen(text) < base64_size(length));
        base64_encode(cases[i].bytes, length, false, text);
        assert_string_equal(text, cases[i].bare);
        assert_true(base64_decode(cases[i].padded, bytes, &n));
        assert_int_equal(n, length);
        assert_memory_equal(bytes, cases[i].bytes, n);
        assert_true(base64_decode(cases[i].bare, bytes, &n));
        assert_int_equal(n, length);
        assert_memory_equal(bytes, cases[i].bytes, n);
    }
}

TEST(what_is_no_base64_is_refused)
{
    static const char *const bad[] = {
        "Z", "Zg=", "Zg===", "=", "Zm9v=", "Zm9vY", "Zm 9v", "Zm-v", "Zg=a"};
    uint8_t bytes[32];
    size_t n;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(base64_decode(bad[i], bytes, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(durations_have_three_digits_and_a_unit),
        cmocka_unit_test(counts_have_three_digits_and_a_power),
        cmocka_unit_test(base64_vectors),
        cmocka_unit_test(what_is_no_base64_is_refused),
    };

    return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
