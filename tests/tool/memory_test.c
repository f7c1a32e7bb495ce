/* SPDX-License-Identifier: Apache-2.0 */
/* What the backend keeps bytes in: free lists, byte queues, protobuf. */
#include "support/test.h"

#include <stdlib.h>

#include "bytes.h"
#include "protobuf.h"
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

/* OrcaLoadReport {1: 0.5, 6: 100.0} and {1 report_interval {1: 5, 2: 1000}}, by hand. */
TEST(protobuf_writes_the_wire_format)
{
    static const uint8_t want[] = {0x09, 0, 0, 0, 0, 0,    0,    0xe0, 0x3f, 0x31, 0,
                                   0,    0, 0, 0, 0, 0x59, 0x40, 0x10, 0xac, 0x02};
    uint8_t buf[64];
    struct proto_writer writer = {.data = buf, .size = sizeof buf};

    proto_write_double(&writer, 1, 0.5);
    proto_write_double(&writer, 3, 0);
    proto_write_double(&writer, 6, 100);
    proto_write_uint(&writer, 2, 300);
    assert_false(writer.has_overrun);
    assert_int_equal(writer.length, sizeof want);
    assert_memory_equal(buf, want, sizeof want);
    writer.size = writer.length + 2;
    proto_write_uint(&writer, 2, 300);
    assert_true(writer.has_overrun);
}

TEST(protobuf_reads_what_it_writes)
{
    uint8_t buf[64];
    struct proto_writer writer = {.data = buf, .size = sizeof buf};
    struct proto_reader reader;
    struct proto_field field;

    proto_write_uint(&writer, 1, UINT64_MAX);
    proto_write_bytes(&writer, 2, "hello", 5);
    proto_write_double(&writer, 16, 0.25);
    reader = (struct proto_reader){buf, buf + writer.length, false};
    assert_true(proto_read(&reader, &field));
    assert_int_equal(field.number, 1);
    assert_true(field.value == UINT64_MAX);
    assert_true(proto_read(&reader, &field));
    assert_int_equal(field.number, 2);
    assert_int_equal(field.length, 5);
    assert_memory_equal(field.bytes, "hello", 5);
    assert_true(proto_read(&reader, &field));
    assert_int_equal(field.number, 16);
    assert_true(field.value == UINT64_C(0x3fd0000000000000));
    assert_false(proto_read(&reader, &field));
    assert_false(reader.is_malformed);
}

TEST(malformed_protobuf_ends_the_reading)
{
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        {"\x08", 1},                                              /* no value */
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* endless varint */
        {"\x0a\x05hell", 6},                                      /* longer than it is */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
        {"\x09\0\0\0\0\0\0\0", 8}, /* seven of eight */
        {"\x0d\0\0\0", 4},
        {"\x0b", 1},     /* a group */
        {"\x00\x01", 2}, /* field 0 */
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t *copy = malloc(cases[i].n); /* so that a sanitizer sees its end */
        struct proto_reader reader = {copy, copy + cases[i].n, false};
        struct proto_field field;

        memcpy(copy, cases[i].bytes, cases[i].n);
        while (proto_read(&reader, &field))
            continue;
        assert_true(reader.is_malformed);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freed_blocks_are_given_out_again),
        cmocka_unit_test(blocks_of_all_sizes_keep_their_bytes),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
        cmocka_unit_test(byte_queue_is_first_in_first_out),
        cmocka_unit_test(protobuf_writes_the_wire_format),
        cmocka_unit_test(protobuf_reads_what_it_writes),
        cmocka_unit_test(malformed_protobuf_ends_the_reading),
    };

    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
