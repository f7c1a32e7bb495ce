/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as it is written down. */
#include "support/test.h"

#include <math.h>

#include "base/json_line.h"

#include "base/assert.h"
#include "support/mem.h"

static struct test_mem mem;
static struct grebe__line out;

static int set_up(void **state)
{
    (void)state;
    grebe__line_init(&out, test_mem_init(&mem));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    grebe__line_fini(&out);
    return mem.n_live != 0;
}

/* What was written since the last time. */
static const char *text(void)
{
    static char copy[1024];

    snprintf(copy, sizeof copy, "%.*s", (int)out.length, out.buf);
    grebe__line_reset(&out);
    return copy;
}

TEST(commas_stand_between_members_and_elements_only)
{
    grebe__line_open_object(&out, NULL);
    grebe__line_number(&out, "a", 1);
    grebe__line_open_list(&out, "b");
    grebe__line_close_list(&out);
    grebe__line_open_list(&out, "c");
    grebe__line_text(&out, NULL, "x");
    grebe__line_open_object(&out, NULL);
    grebe__line_bool(&out, "d", true);
    grebe__line_bool(&out, "e", false);
    grebe__line_close_object(&out);
    grebe__line_number(&out, NULL, UINT64_MAX);
    grebe__line_close_list(&out);
    grebe__line_close_object(&out);
    assert_string_equal(text(), "{\"a\":1,\"b\":[],\"c\":[\"x\",{\"d\":true,\"e\":false},"
                                "18446744073709551615]}");
}

/* RFC 8259 7 */
TEST(text_is_escaped_and_repaired)
{
    static const struct {
        const char *text;
        size_t length;
        const char *written;
    } texts[] = {
        {"", 0, "\"\""},
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", 3, "\"\\u0001\\u001f\\u007f\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"gr\xc3\xbc\xc3\x9f", 6, "\"gr\xc3\xbc\xc3\x9f\""},
        {"\xff"
         "a\xc3",
         3,
         "\"\xef\xbf\xbd"
         "a\xef\xbf\xbd\""},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(texts); i++) {
        grebe__line_bytes(&out, NULL, texts[i].text, texts[i].length);
        assert_string_equal(text(), texts[i].written);
    }
}

TEST(milliseconds_have_no_more_decimals_than_they_need)
{
    static const struct {
        uint64_t ns;
        const char *written;
    } times[] = {
        {0, "0"},
        {1, "0"},
        {1000, "0.001"},
        {1999, "0.001"},
        {10000, "0.01"},
        {500000, "0.5"},
        {MS, "1"},
        {100 * MS, "100"},
        {250 * MS + 120000, "250.12"},
        {1000000 * SECOND, "1000000000"},
        {1000000 * SECOND + 1000, "1000000000.001"},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(times); i++) {
        grebe__line_ms(&out, NULL, times[i].ns);
        assert_string_equal(text(), times[i].written);
    }
}

TEST(numbers_have_the_digits_they_need)
{
    static const struct {
        double value;
        const char *written;
    } numbers[] = {
        {0, "0"},
        {3, "3"},
        {-17, "-17"},
        {0.1, "0.1"},
        {0.25, "0.25"},
        {1e20, "1e+20"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e-7, "1e-07"},
        {HUGE_VAL, "null"},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(numbers); i++) {
        grebe__line_double(&out, NULL, numbers[i].value);
        assert_string_equal(text(), numbers[i].written);
    }
    grebe__line_number(&out, NULL, 0);
    assert_string_equal(text(), "0");
    grebe__line_number(&out, NULL, UINT64_MAX);
    assert_string_equal(text(), "18446744073709551615");
    grebe__line_u64(&out, NULL, 9007199254740993);
    assert_string_equal(text(), "\"9007199254740993\"");
    grebe__line_integer(&out, NULL, INT64_MIN);
    assert_string_equal(text(), "-9223372036854775808");
}

TEST(out_of_memory_is_remembered)
{
    char large[600];

    memset(large, 'x', sizeof large);
    grebe__line_text(&out, NULL, "a");
    assert_false(out.has_failed);
    mem.fail_at = mem.n_allocs + 1;
    grebe__line_bytes(&out, NULL, large, sizeof large);
    assert_true(out.has_failed);
    grebe__line_text(&out, NULL, "b");
    assert_true(out.has_failed);
}

#define TEST_WITH_MEM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_MEM(commas_stand_between_members_and_elements_only),
        TEST_WITH_MEM(text_is_escaped_and_repaired),
        TEST_WITH_MEM(milliseconds_have_no_more_decimals_than_they_need),
        TEST_WITH_MEM(numbers_have_the_digits_they_need),
        TEST_WITH_MEM(out_of_memory_is_remembered),
    };

    return cmocka_run_group_tests_name("json_line", tests, NULL, NULL);
}
