/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/mem.h"

#include "support/test.h"

static const struct grebe_mem *start(struct lab_mem *mem)
{
    return lab_mem_init(mem, NULL);
}

TEST(blocks_that_are_out_are_counted_and_taken_back)
{
    struct lab_mem mem;
    const struct grebe_mem *interface = start(&mem);
    char *kept = grebe_mem_alloc(interface, 10);
    void *freed = grebe_mem_alloc(interface, 20);

    assert_non_null(kept);
    grebe_mem_free(interface, freed);
    assert_int_equal(mem.n_blocks, 1);
    assert_int_equal(mem.n_allocs, 2);
    lab_mem_reclaim(&mem);
    assert_int_equal(mem.n_blocks, 0);
}

TEST(one_allocation_fails_and_those_around_it_do_not)
{
    struct lab_mem mem;
    const struct grebe_mem *interface = start(&mem);
    unsigned turns = 0;
    void *first, *third;

    mem.turns = &turns;
    mem.until_failure = 2;
    grebe_mem_free(interface, grebe_mem_alloc(interface, 1)); /* between turns */
    turns = 1;
    first = grebe_mem_alloc(interface, 1);
    assert_non_null(first);
    assert_false(mem.has_failed);
    assert_null(grebe_mem_realloc(interface, first, 100));
    assert_true(mem.has_failed);
    third = grebe_mem_realloc(interface, first, 100);
    assert_non_null(third);
    grebe_mem_free(interface, third);
    assert_int_equal(mem.n_blocks, 0);
}

TEST(realloc_keeps_what_was_there)
{
    struct lab_mem mem;
    const struct grebe_mem *interface = start(&mem);
    char *text = grebe_mem_strdup(interface, "abc");

    text = grebe_mem_realloc(interface, text, 1000);
    assert_string_equal(text, "abc");
    text = grebe_mem_realloc(interface, text, 2);
    assert_memory_equal(text, "ab", 2);
    grebe_mem_free(interface, text);
    assert_int_equal(mem.n_blocks, 0);
}

/* Without AddressSanitizer, which ends a program that does this. */
#if !defined(__SANITIZE_ADDRESS__)
TEST(who_writes_to_what_was_freed_is_found_out)
{
    enum { BLOCKS = 20, BYTES = 1 << 20 };
    struct lab_mem mem;
    const struct grebe_mem *interface = start(&mem);
    volatile char *first, *last;

    mem.keeps_freed = true;
    first = grebe_mem_alloc(interface, 8);
    grebe_mem_free(interface, (void *)(uintptr_t)first);
    first[7] = 0;
    for (int i = 0; i < BLOCKS; i++) /* more than is kept */
        grebe_mem_free(interface, grebe_mem_alloc(interface, BYTES));
    assert_int_equal(mem.n_spoilt, 1);
    assert_true(mem.freed_bytes < BLOCKS * (size_t)BYTES);
    last = grebe_mem_alloc(interface, 8);
    grebe_mem_free(interface, (void *)(uintptr_t)last);
    assert_int_equal(mem.n_spoilt, 1);
    last[0] = 0;
    assert_int_equal(lab_mem_n_spoilt(&mem), 2);
    assert_int_equal(mem.freed_bytes, 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_that_are_out_are_counted_and_taken_back),
        cmocka_unit_test(one_allocation_fails_and_those_around_it_do_not),
        cmocka_unit_test(realloc_keeps_what_was_there),
#if !defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(who_writes_to_what_was_freed_is_found_out),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
