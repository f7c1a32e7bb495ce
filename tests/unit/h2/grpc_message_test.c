/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/assert.h"
#include "h2/grpc_message.h"

static const struct {
    const char *value;
    const char *text;
} messages[] = {
    {"", ""},
    {"plain text", "plain text"},
    {" spaces stay ", " spaces stay "},
    {"H%61o", "Hao"},
    {"%e7%B3%bb", "\xe7\xb3\xbb"},
    {"%F0%9F%98%88", "\xf0\x9f\x98\x88"},
    /* What is no escape is text. */
    {"100%", "100%"},
    {"H%6", "H%6"},
    {"%G0", "%G0"},
    {"%0G", "%0G"},
    {"%%41", "%A"},
    {"%25%34%31", "%41"},
    /* What is no UTF-8 is replaced: by hand, by surrogates, by half a character. */
    {"%ff", "\xef\xbf\xbd"},
    {"%ed%a0%80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"a%e2%98", "a\xef\xbf\xbd"},
    {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"%1b%0a", "\x1b\n"},
};

TEST(decodes)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(messages); i++) {
        size_t length = 12345;
        char *text = grebe__grpc_message_decode(NULL, messages[i].value,
                                                strlen(messages[i].value), &length);

        assert_string_equal(text, messages[i].text);
        assert_int_equal(length, strlen(messages[i].text));
        grebe_mem_free(NULL, text);
    }
}

TEST(nul_is_counted)
{
    size_t length;
    char *text = grebe__grpc_message_decode(NULL, "a%00b", 5, &length);

    assert_int_equal(length, 3);
    assert_memory_equal(text, "a\0b", 4);
    grebe_mem_free(NULL, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes),
        cmocka_unit_test(nul_is_counted),
    };

    return cmocka_run_group_tests_name("grpc_message", tests, NULL, NULL);
}
