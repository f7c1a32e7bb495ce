/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/text.h"
#include "metrics/number.h"

static void expect(double value, int digits, const char *text)
{
    char buf[GREBE__NUMBER_TEXT];

    assert_string_equal(grebe__number_text(value, digits, buf), text);
}

TEST(numbers_read_as_people_wrote_them)
{
    expect(0, 15, "0.0");
    expect(0.00001, 15, "1e-05");
    expect(0.065, 15, "0.065");
    expect(100, 15, "100.0");
    expect(4294967296, 15, "4294967296.0");
    expect(-2.5, 15, "-2.5");
}

TEST(all_digits_are_there_on_request)
{
    double value = 0.1 + 0.2, again;
    char buf[GREBE__NUMBER_TEXT];

    assert_int_equal(sscanf(grebe__number_text(value, 17, buf), "%lf", &again), 1);
    assert_true(again == value);
    expect(1e300, 17, "1.0000000000000001e+300");
    expect(-1.7976931348623157e308, 17, "-1.7976931348623157e+308");
}

TEST(what_is_no_number_has_a_name)
{
    double zero = 0;

    expect(1 / zero, 17, "+Inf");
    expect(-1 / zero, 17, "-Inf");
    expect(zero / zero, 17, "NaN");
}

static void expect_point(const char *text, const char *with_point)
{
    char buf[GREBE__NUMBER_TEXT];

    snprintf(buf, sizeof buf, "%s", text);
    grebe__text_put_point(buf);
    assert_string_equal(buf, with_point);
}

/* A program that speaks German writes a comma; a scraper would not read it. */
TEST(point_is_a_point_in_every_locale)
{
    expect_point("0,25", "0.25");
    expect_point("-1,5e-07", "-1.5e-07");
    expect_point("1\xd9\xab"
                 "5e+300",
                 "1.5e+300"); /* U+066B */
    expect_point("0.25", "0.25");
    expect_point("1e-05", "1e-05");
    expect_point("12", "12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_read_as_people_wrote_them),
        cmocka_unit_test(all_digits_are_there_on_request),
        cmocka_unit_test(what_is_no_number_has_a_name),
        cmocka_unit_test(point_is_a_point_in_every_locale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
