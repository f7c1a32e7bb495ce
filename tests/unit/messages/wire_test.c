/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format, at its edges.  Source: Protocol Buffers, "Encoding". */
#include "support/test.h"

#include "base/assert.h"
#include "messages/wire.h"

/* The fields of `bytes` as "number:type=value" each; ", bad" behind the last if what
 * follows is no field. */
static const char *fields_of(const char *bytes, size_t length)
{
    static char text[512];
    struct grebe__wire wire = grebe__wire_of(bytes, length);
    struct grebe__wire_field field;
    size_t used = 0;

    text[0] = '\0';
    while (grebe__wire_next(&wire, &field)) {
        used +=
            (size_t)snprintf(text + used, sizeof text - used,
                             "%s%u:%u=", used > 0 ? ", " : "", field.number, field.type);
        if (field.type == GREBE__WIRE_BYTES)
            used += (size_t)snprintf(text + used, sizeof text - used, "%.*s",
                                     (int)field.length, (const char *)field.bytes);
        else
            used += (size_t)snprintf(text + used, sizeof text - used, "%llu",
                                     (unsigned long long)field.number_value);
    }
    if (wire.is_bad)
        snprintf(text + used, sizeof text - used, "%sbad", used > 0 ? ", " : "");
    return text;
}

static const struct {
    const char *bytes;
    size_t length;
    const char *fields;
} messages[] = {
#define BYTES(text) text, sizeof text - 1
    {BYTES(""), ""},
    {BYTES("\x08\x96\x01"), "1:0=150"},
    {BYTES("\x09\1\2\3\4\5\6\7\x88"), "1:1=9801809732607083009"},
    {BYTES("\x15\1\2\3\x84"), "2:5=2214789633"},
    {BYTES("\x1a\3abc\x22\0"), "3:2=abc, 4:2="},
    /* numbers as large as they may be */
    {BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "1:0=18446744073709551615"},
    {BYTES("\xf8\xff\xff\xff\x0f\x05"), "536870911:0=5"},
    /* cut off anywhere */
    {BYTES("\x08"), "bad"},
    {BYTES("\x08\x96"), "bad"},
    {BYTES("\x08\x01\x09\1\2\3\4\5\6\7"), "1:0=1, bad"},
    {BYTES("\x15\1\2\3"), "bad"},
    {BYTES("\x1a"), "bad"},
    {BYTES("\x1a\3ab"), "bad"},
    {BYTES("\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "bad"},
    /* what cannot be */
    {BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "bad"},
    {BYTES("\x00\x01"), "bad"},
    {BYTES("\x80\x80\x80\x80\x10\x05"), "bad"},
    {BYTES("\x0b\x0c"), "bad"},
    {BYTES("\x0e"), "bad"},
    {BYTES("\x0f"), "bad"},
};

TEST(fields_are_read_to_the_end_or_to_the_first_fault)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(messages); i++)
        assert_string_equal(fields_of(messages[i].bytes, messages[i].length),
                            messages[i].fields);
    assert_string_equal(fields_of(NULL, 0), "");
}

TEST(doubles_are_little_endian)
{
    static const unsigned char pi[] = {0x09, 0x18, 0x2d, 0x44, 0x54,
                                       0xfb, 0x21, 0x09, 0x40};
    struct grebe__wire wire = grebe__wire_of(pi, sizeof pi);
    struct grebe__wire_field field;

    assert_true(grebe__wire_next(&wire, &field));
    assert_true(grebe__wire_double(&field) == 3.141592653589793);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_to_the_end_or_to_the_first_fault),
        cmocka_unit_test(doubles_are_little_endian),
    };

    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
