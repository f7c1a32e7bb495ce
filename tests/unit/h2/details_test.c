/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <stdlib.h>

#include "base/assert.h"
#include "h2/details.h"

#define TEXT(literal) literal, sizeof literal - 1

/* Protocol Buffers by hand: tag = field << 3 | type. */
static const struct {
    const char *bytes;
    size_t length;
    bool is_valid;
    int32_t code;
    const char *message;
} inputs[] = {
    {TEXT(""), true, 0, ""},
    {TEXT("\x08\x05"), true, 5, ""},
    {TEXT("\x08\x05\x12\x03"
          "abc"),
     true, 5, "abc"},
    {TEXT("\x12\x03"
          "abc\x08\x05"),
     true, 5, "abc"},
    /* The last one counts. */
    {TEXT("\x08\x05\x08\x06"), true, 6, ""},
    {TEXT("\x12\x01"
          "a\x12\x01"
          "b"),
     true, 0, "b"},
    /* -1 as ten bytes, and as five. */
    {TEXT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), true, -1, ""},
    {TEXT("\x08\xff\xff\xff\xff\x0f"), true, -1, ""},
    /* Details, and fields that nobody knows: of every wire type. */
    {TEXT("\x08\x05\x1a\x02\xff\xff"), true, 5, ""},
    {TEXT("\x21\x01\x02\x03\x04\x05\x06\x07\x08\x08\x05"), true, 5, ""},
    {TEXT("\x25\x01\x02\x03\x04\x08\x05"), true, 5, ""},
    {TEXT("\x28\x96\x01\x08\x05"), true, 5, ""},
    /* A known number with another type is an unknown field. */
    {TEXT("\x0a\x01"
          "x\x08\x07"),
     true, 7, ""},
    /* Cut off: in a tag, a number, a length, bytes. */
    {TEXT("\x88"), false, 0, ""},
    {TEXT("\x08"), false, 0, ""},
    {TEXT("\x08\x80"), false, 0, ""},
    {TEXT("\x12"), false, 0, ""},
    {TEXT("\x12\x04"
          "abc"),
     false, 0, ""},
    {TEXT("\x21\x01\x02"), false, 0, ""},
    {TEXT("\x25\x01"), false, 0, ""},
    /* A length that would wrap, a number of eleven bytes, field 0, groups. */
    {TEXT("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
          "abc"),
     false, 0, ""},
    {TEXT("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), false, 0, ""},
    {TEXT("\x00\x01"), false, 0, ""},
    {TEXT("\x0b\x0c"), false, 0, ""},
    {TEXT("\x0f\x00"), false, 0, ""},
    /* proto3 strings are UTF-8. */
    {TEXT("\x12\x01\xff"), false, 0, ""},
    {TEXT("\x12\x03\xe2\x98\xba"), true, 0, "\xe2\x98\xba"},
};

TEST(reads_code_and_message)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(inputs); i++) {
        struct grebe__details details = {.code = 77, .message = "untouched"};
        size_t length = inputs[i].length;
        char *copy = malloc(length + 1); /* its end is the sanitizer's */
        bool is_valid;

        assert_non_null(copy);
        copy = realloc(copy, length == 0 ? 1 : length);
        memcpy(copy, inputs[i].bytes, length);
        is_valid = grebe__details_read(copy, length, &details);
        assert_int_equal(is_valid, inputs[i].is_valid);
        if (is_valid) {
            assert_int_equal(details.code, inputs[i].code);
            assert_int_equal(details.message_length, strlen(inputs[i].message));
            assert_memory_equal(details.message, inputs[i].message,
                                details.message_length);
        } else {
            assert_int_equal(details.code, 77);
            assert_string_equal(details.message, "untouched");
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_code_and_message),
    };

    return cmocka_run_group_tests_name("details", tests, NULL, NULL);
}
