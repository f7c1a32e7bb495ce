/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from one thread to another. */
#include "support/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <grebe/error.h>

#include "base/byte_ring.h"
#include "support/mem.h"

static struct test_mem mem;
static struct grebe__byte_ring ring;

static int set_up(void **state)
{
    (void)state;
    return grebe__byte_ring_init(&ring, test_mem_init(&mem), 64);
}

static int tear_down(void **state)
{
    (void)state;
    grebe__byte_ring_fini(&ring);
    return mem.n_live != 0;
}

/* All that can be read now, put together and taken. */
static const char *drained(void)
{
    static char text[256];
    size_t length = 0, n;
    const char *bytes;

    while ((n = grebe__byte_ring_peek(&ring, &bytes)) > 0) {
        memcpy(text + length, bytes, n);
        length += n;
        grebe__byte_ring_take(&ring, n);
    }
    text[length] = '\0';
    return text;
}

static bool put(const char *text)
{
    return grebe__byte_ring_put(&ring, text, strlen(text));
}

TEST(bytes_come_out_in_their_order)
{
    assert_string_equal(drained(), "");
    assert_true(put("one "));
    assert_true(put("two"));
    assert_string_equal(drained(), "one two");
    assert_string_equal(drained(), "");
}

TEST(what_finds_no_room_is_refused_whole)
{
    char text[65];

    memset(text, 'x', 64);
    text[64] = '\0';
    assert_true(put("a"));
    assert_false(put(text));
    assert_string_equal(drained(), "a");
    assert_true(put(text)); /* exactly full, and around the end */
    assert_false(put("b"));
    assert_string_equal(drained(), text);
    assert_true(put("b"));
    assert_string_equal(drained(), "b");
}

TEST(without_memory_there_is_no_ring)
{
    struct grebe__byte_ring none;
    struct test_mem short_mem;
    const struct grebe_mem *allocator = test_mem_init(&short_mem);

    short_mem.fail_at = 1;
    assert_int_equal(grebe__byte_ring_init(&none, allocator, 64), GREBE_ERR_NOMEM);
    grebe__byte_ring_fini(&none);
    assert_int_equal(short_mem.n_live, 0);
}

enum { N_NUMBERS = 20000 };

/* Whole numbers of four digits, again and again until there is room. */
static void *write_numbers(void *arg)
{
    char text[8];

    (void)arg;
    for (int i = 0; i < N_NUMBERS; i++) {
        snprintf(text, sizeof text, "%04d", i % 10000);
        while (!put(text))
            sched_yield();
    }
    return NULL;
}

TEST(two_threads_agree_on_what_was_said)
{
    char text[4];
    size_t length = 0, n;
    const char *bytes;
    pthread_t writer;
    int next = 0;

    assert_int_equal(pthread_create(&writer, NULL, write_numbers, NULL), 0);
    while (next < N_NUMBERS) {
        n = grebe__byte_ring_peek(&ring, &bytes);
        if (n == 0)
            sched_yield();
        for (size_t i = 0; i < n; i++) {
            text[length++] = bytes[i];
            if (length < sizeof text)
                continue;
            length = 0;
            assert_int_equal(
                strtol((char[]){text[0], text[1], text[2], text[3], '\0'}, NULL, 10),
                next++ % 10000);
        }
        grebe__byte_ring_take(&ring, n);
    }
    pthread_join(writer, NULL);
}

#define TEST_WITH_RING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_RING(bytes_come_out_in_their_order),
        TEST_WITH_RING(what_finds_no_room_is_refused_whole),
        TEST_WITH_RING(without_memory_there_is_no_ring),
        TEST_WITH_RING(two_threads_agree_on_what_was_said),
    };

    return cmocka_run_group_tests_name("byte_ring", tests, NULL, NULL);
}
