/* SPDX-License-Identifier: Apache-2.0 */
/* XXH64 of text that comes in pieces. */
#include "support/test.h"

#include "base/hash.h"

TEST(pieces_have_the_hash_of_the_whole)
{
    static const char text[] =
        "Call me Ishmael. Some years ago--never mind how long precisely-";
    const size_t length = sizeof text - 1;

    for (size_t cut = 0; cut <= length; cut++)
        for (uint64_t seed = 0; seed < 2; seed++) {
            struct grebe__hash64_state hash;

            grebe__hash64_begin(&hash, seed);
            grebe__hash64_add(&hash, text, cut);
            grebe__hash64_add(&hash, text + cut, length - cut);
            assert_true(grebe__hash64_end(&hash) == grebe__hash64(text, length, seed));
        }
    assert_true(grebe__hash64(text, length, 0) == UINT64_C(0x02a2e85470d6fd96));
}

TEST(a_copy_goes_on_by_itself)
{
    struct grebe__hash64_state key, numbered;

    grebe__hash64_begin(&key, 0);
    grebe__hash64_add(&key, "a", 1);
    numbered = key;
    grebe__hash64_add(&numbered, "bc", 2);
    assert_true(grebe__hash64_end(&numbered) == UINT64_C(0x44bc2cf5ad770999));
    assert_true(grebe__hash64_end(&key) == UINT64_C(0xd24ec4f1a98c6e5b));
}

/* The public reference values. */
static const struct {
    const char *text;
    uint64_t seed, hash;
} references[] = {
    {"", 0, 0xef46db3751d8e999},
    {"a", 0, 0xd24ec4f1a98c6e5b},
    {"abc", 0, 0x44bc2cf5ad770999},
    {"0123456789abcdef0123456789abcdef0123456789", 0, 0xa76190c3acf08a1c},
    {"0123456789abcdef0123456789abcdef0123456789", 1, 0x2b8d7720869b31a6},
    {"Call me Ishmael. Some years ago--never mind how long precisely-", 0,
     0x02a2e85470d6fd96},
};

TEST(hashes_are_those_of_the_reference)
{
    for (size_t i = 0; i < sizeof references / sizeof references[0]; i++)
        assert_true(grebe__hash64(references[i].text, strlen(references[i].text),
                                  references[i].seed) == references[i].hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_reference),
        cmocka_unit_test(pieces_have_the_hash_of_the_whole),
        cmocka_unit_test(a_copy_goes_on_by_itself),
    };

    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
