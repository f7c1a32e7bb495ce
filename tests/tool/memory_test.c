/* SPDX-License-Identifier: Apache-2.0 */
/* What the backend keeps bytes in: free lists and byte queues. */
#include "support/test.h"

#include "bytes.h"
#include "slab.h"

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

TEST(freed_blocks_are_given_out_again)
{
    struct slab slab = {0};
    void *first = slab_alloc(&slab, 100), *second;

    slab_free(&slab, first);
    second = slab_alloc(&slab, 90); /* the same power of two */
    assert_ptr_equal(first, second);
    slab_free(&slab, second);
    slab_free(&slab, NULL);
    slab_fini(&slab);
}

TEST(blocks_of_all_sizes_keep_their_bytes)
{
    enum { N = 300 };
    struct slab slab = {0};
    unsigned char *blocks[N] = {0};
    size_t sizes[N];
    uint64_t random = 1;

    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < N; i++) {
            size_t size = (size_t)1 << next_random(&random) % 18, kept;

            size += next_random(&random) % 32;
            kept = blocks[i] == NULL ? 0 : size < sizes[i] ? size : sizes[i];
            blocks[i] = slab_realloc(&slab, blocks[i], size);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            for (size_t k = 0; k < kept; k++)
                assert_int_equal(blocks[i][k], (unsigned char)i);
            memset(blocks[i], (unsigned char)i, size);
            sizes[i] = size;
        }
    }
    for (size_t i = 0; i < N; i++)
        slab_free(&slab, blocks[i]);
    slab_fini(&slab);
}

TEST(sizes_that_cannot_be_are_refused)
{
    struct slab slab = {0};

    assert_null(slab_alloc(&slab, SIZE_MAX));
    assert_null(slab_alloc(&slab, SIZE_MAX - 15));
    slab_fini(&slab);
}

/* Bytes come out as they went in, whatever the pieces are. */
TEST(byte_queue_is_first_in_first_out)
{
    struct slab slab = {0};
    struct bytes bytes = {0};
    uint64_t random = 7;
    unsigned char in = 0, out = 0;

    for (int i = 0; i < 20000; i++) {
        size_t n_in = next_random(&random) % 200, n_out;
        unsigned char piece[200];

        for (size_t k = 0; k < n_in; k++)
            piece[k] = in++;
        assert_true(bytes_append(&bytes, &slab, piece, n_in));
        n_out = next_random(&random) % (bytes_length(&bytes) + 1);
        if (i % 100 == 0)
            n_out = bytes_length(&bytes);
        for (size_t k = 0; k < n_out; k++)
            assert_int_equal(bytes_front(&bytes)[k], out++);
        bytes_take(&bytes, n_out);
    }
    assert_true(bytes.size < 1 << 20); /* what is taken makes room */
    bytes_fini(&bytes, &slab);
    slab_fini(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freed_blocks_are_given_out_again),
        cmocka_unit_test(blocks_of_all_sizes_keep_their_bytes),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
        cmocka_unit_test(byte_queue_is_first_in_first_out),
    };

    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
