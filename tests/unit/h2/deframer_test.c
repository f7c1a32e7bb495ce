/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <stdlib.h>

#include "base/assert.h"
#include "h2/deframer.h"

/* Counts, and remembers how much was out at most. */
struct meter {
    struct grebe_mem mem;
    size_t n_made, n_live;
    size_t largest;
    bool is_empty;
};

static void *meter_realloc(void *ctx, void *block, size_t size)
{
    struct meter *meter = ctx;

    if (meter->is_empty)
        return NULL;
    meter->n_made++;
    meter->n_live += block == NULL;
    if (size > meter->largest)
        meter->largest = size;
    return realloc(block, size);
}

static void *meter_alloc(void *ctx, size_t size)
{
    return meter_realloc(ctx, NULL, size);
}

static void meter_free(void *ctx, void *block)
{
    struct meter *meter = ctx;

    meter->n_live--;
    free(block);
}

static void meter_init(struct meter *meter)
{
    *meter = (struct meter){
        .mem = {meter_alloc, meter_realloc, meter_free, NULL},
    };
    meter->mem.ctx = meter;
}

/* Feeds `bytes` in pieces of `n_piece` and writes what comes out as "3:abc 0: WAITS". */
static const char *run(const char *bytes, size_t length, size_t n_piece, uint32_t max,
                       struct meter *meter)
{
    static char text[1024];
    enum grebe__deframer_result result = GREBE__DEFRAMER_WAITS;
    struct grebe__deframer deframer;
    size_t used = 0;

    text[0] = '\0';
    grebe__deframer_init(&deframer);
    while (length > 0 && result == GREBE__DEFRAMER_WAITS) {
        size_t n = length < n_piece ? length : n_piece;
        unsigned char *copy = malloc(n);
        struct grebe__chunk chunk = {copy, n};
        struct grebe__message message;

        assert_non_null(copy);
        memcpy(copy, bytes, n);
        while ((result = grebe__deframer_next(&deframer, &meter->mem, max, &chunk,
                                              &message)) == GREBE__DEFRAMER_MESSAGE) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%u:%.*s ",
                                     (unsigned)message.length, (int)message.length,
                                     (const char *)message.bytes);
            grebe_mem_free(&meter->mem, message.bytes);
        }
        if (result == GREBE__DEFRAMER_TOO_LARGE)
            used += (size_t)snprintf(text + used, sizeof text - used, "%u of %u ",
                                     (unsigned)message.length, (unsigned)max);
        free(copy);
        bytes += n;
        length -= n;
    }
    snprintf(text + used, sizeof text - used, "%s %u",
             result == GREBE__DEFRAMER_WAITS        ? "WAITS"
             : result == GREBE__DEFRAMER_BAD_FLAG   ? "BAD_FLAG"
             : result == GREBE__DEFRAMER_COMPRESSED ? "COMPRESSED"
             : result == GREBE__DEFRAMER_TOO_LARGE  ? "TOO_LARGE"
                                                    : "NO_MEMORY",
             (unsigned)grebe__deframer_n_bytes(&deframer));
    grebe__deframer_fini(&deframer, &meter->mem);
    assert_int_equal(meter->n_live, 0);
    return text;
}

#define TEXT(literal) literal, sizeof literal - 1

static const struct {
    const char *bytes;
    size_t length;
    const char *result; /* and how many bytes are left over */
} inputs[] = {
    {TEXT("\0\0\0\0\3"
          "abc"),
     "3:abc WAITS 0"},
    {TEXT("\0\0\0\0\0"), "0: WAITS 0"},
    {TEXT("\0\0\0\0\0\0\0\0\0\1x\0\0\0\0\0"), "0: 1:x 0: WAITS 0"},
    {TEXT("\0\0\0\0\3"
          "ab"),
     "WAITS 7"},
    {TEXT("\0\0\0\0"), "WAITS 4"},
    {TEXT("\0\0\0\0\2hi\0\0"), "2:hi WAITS 2"},
    {TEXT("\2\0\0\0\0"), "BAD_FLAG 5"},
    {TEXT("\377\0\0\0\0"), "BAD_FLAG 5"},
    {TEXT("\1\0\0\0\0"), "COMPRESSED 5"},
    {TEXT("\0\0\0\0\1a\1\0\0\0\1b"), "1:a COMPRESSED 5"},
    {TEXT("\0\0\0\0\101"), "65 of 64 TOO_LARGE 5"},
    {TEXT("\0\377\377\377\377"), "4294967295 of 64 TOO_LARGE 5"},
};

TEST(pieces_mean_nothing)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(inputs); i++)
        for (size_t n_piece = 1; n_piece <= 16; n_piece++) {
            struct meter meter;

            meter_init(&meter);
            assert_string_equal(
                run(inputs[i].bytes, inputs[i].length, n_piece, 64, &meter),
                inputs[i].result);
        }
}

TEST(a_small_message_is_allocated_once)
{
    struct meter meter;

    meter_init(&meter);
    run(TEXT("\0\0\0\0\5hello"), 1000, 64, &meter);
    assert_int_equal(meter.n_made, 1);
    assert_int_equal(meter.largest, 5);
}

TEST(limit_of_zero_admits_empty_messages)
{
    struct meter meter;

    meter_init(&meter);
    assert_string_equal(run(TEXT("\0\0\0\0\0"), 8, 0, &meter), "0: WAITS 0");
    assert_string_equal(run(TEXT("\0\0\0\0\1x"), 8, 0, &meter), "1 of 0 TOO_LARGE 5");
}

TEST(memory_follows_what_arrived)
{
    struct grebe__deframer deframer;
    struct grebe__message message;
    struct meter meter;
    unsigned char bytes[1000] = {0};
    struct grebe__chunk chunk = {(const unsigned char *)"\0\377\377\377\377", 5};

    meter_init(&meter);
    grebe__deframer_init(&deframer);
    assert_int_equal(
        grebe__deframer_next(&deframer, &meter.mem, UINT32_MAX, &chunk, &message),
        GREBE__DEFRAMER_WAITS);
    assert_int_equal(meter.n_made, 0);
    for (size_t n = 1000; n <= 100000; n += 1000) {
        chunk = (struct grebe__chunk){bytes, sizeof bytes};
        assert_int_equal(
            grebe__deframer_next(&deframer, &meter.mem, UINT32_MAX, &chunk, &message),
            GREBE__DEFRAMER_WAITS);
        assert_true(meter.largest <= 2 * n);
    }
    assert_int_equal(grebe__deframer_n_missing(&deframer), UINT32_MAX - 100000);
    assert_true(meter.n_made <= 8);
    grebe__deframer_fini(&deframer, &meter.mem);
    assert_int_equal(meter.n_live, 0);
}

TEST(what_nobody_asked_for_is_kept)
{
    static const char bytes[] = "\0\0\0\0\2ab\0\0\0\0\3cde\0\0\0\0\1";
    struct grebe__chunk nothing = {NULL, 0};
    struct grebe__deframer deframer;
    struct grebe__message message;
    struct meter meter;

    meter_init(&meter);
    grebe__deframer_init(&deframer);
    assert_false(grebe__deframer_has_next(&deframer, 64));
    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        struct grebe__chunk chunk = {(const unsigned char *)bytes + i, 1};

        assert_true(grebe__deframer_keep(&deframer, &meter.mem, chunk));
        assert_int_equal(grebe__deframer_has_next(&deframer, 64), i >= 6);
    }
    assert_int_equal(grebe__deframer_n_bytes(&deframer), 20);
    assert_int_equal(grebe__deframer_next(&deframer, &meter.mem, 64, &nothing, &message),
                     GREBE__DEFRAMER_MESSAGE);
    assert_memory_equal(message.bytes, "ab", 2);
    grebe_mem_free(&meter.mem, message.bytes);
    assert_int_equal(grebe__deframer_next(&deframer, &meter.mem, 64, &nothing, &message),
                     GREBE__DEFRAMER_MESSAGE);
    assert_memory_equal(message.bytes, "cde", 3);
    grebe_mem_free(&meter.mem, message.bytes);
    assert_false(grebe__deframer_has_next(&deframer, 64));
    assert_true(grebe__deframer_keep(
        &deframer, &meter.mem, (struct grebe__chunk){(const unsigned char *)"z", 1}));
    assert_true(grebe__deframer_has_next(&deframer, 64));
    grebe__deframer_fini(&deframer, &meter.mem);
    assert_int_equal(meter.n_live, 0);
}

TEST(what_is_wrong_with_the_kept_is_a_next)
{
    static const char *const prefixes[] = {"\1\0\0\0\0", "\7\0\0\0\0", "\0\0\0\0\101"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(prefixes); i++) {
        struct grebe__chunk chunk = {(const unsigned char *)prefixes[i], 5};
        struct grebe__deframer deframer;
        struct meter meter;

        meter_init(&meter);
        grebe__deframer_init(&deframer);
        assert_true(grebe__deframer_keep(&deframer, &meter.mem, chunk));
        assert_true(grebe__deframer_has_next(&deframer, 64));
        grebe__deframer_fini(&deframer, &meter.mem);
    }
}

TEST(held_bytes_go_before_new_ones)
{
    struct grebe__chunk head = {(const unsigned char *)"\0\0\0\0\4a", 6};
    struct grebe__chunk tail = {(const unsigned char *)"bcdX", 4};
    struct grebe__deframer deframer;
    struct grebe__message message;
    struct meter meter;

    meter_init(&meter);
    grebe__deframer_init(&deframer);
    assert_true(grebe__deframer_keep(&deframer, &meter.mem, head));
    assert_int_equal(grebe__deframer_next(&deframer, &meter.mem, 64, &tail, &message),
                     GREBE__DEFRAMER_MESSAGE);
    assert_memory_equal(message.bytes, "abcd", 4);
    assert_int_equal(tail.length, 1);
    grebe_mem_free(&meter.mem, message.bytes);
    grebe__deframer_fini(&deframer, &meter.mem);
    assert_int_equal(meter.n_live, 0);
}

TEST(out_of_memory_is_said)
{
    struct grebe__chunk chunk = {(const unsigned char *)"\0\0\0\0\4abcd", 9};
    struct grebe__deframer deframer;
    struct meter meter;

    meter_init(&meter);
    meter.is_empty = true;
    assert_string_equal(run(TEXT("\0\0\0\0\4abcd"), 16, 64, &meter), "NO_MEMORY 5");
    grebe__deframer_init(&deframer);
    assert_false(grebe__deframer_keep(&deframer, &meter.mem, chunk));
    grebe__deframer_fini(&deframer, &meter.mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_mean_nothing),
        cmocka_unit_test(a_small_message_is_allocated_once),
        cmocka_unit_test(limit_of_zero_admits_empty_messages),
        cmocka_unit_test(memory_follows_what_arrived),
        cmocka_unit_test(what_nobody_asked_for_is_kept),
        cmocka_unit_test(what_is_wrong_with_the_kept_is_a_next),
        cmocka_unit_test(held_bytes_go_before_new_ones),
        cmocka_unit_test(out_of_memory_is_said),
    };

    return cmocka_run_group_tests_name("deframer", tests, NULL, NULL);
}
