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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_have_the_hash_of_the_whole),
        cmocka_unit_test(a_copy_goes_on_by_itself),
    };

    return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
