/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <stdio.h>

#include <grebe/error.h>

#include "base/map.h"
#include "base/rng.h"
#include "support/mem.h"

/* Keys are text; the hash is its first byte, so that collisions can be made at will. */
static uint64_t hash_first(const void *key)
{
    return *(const unsigned char *)key;
}

static bool is_same_text(const void *a, const void *b)
{
    return strcmp(a, b) == 0;
}

static const struct grebe__map_ops by_first_byte = {hash_first, is_same_text};

static char values[256][8]; /* their addresses are the values */

static int set_up(void **state)
{
    static struct test_mem mem;

    for (size_t i = 0; i < 256; i++)
        snprintf(values[i], sizeof values[i], "%zu", i);
    *state = &mem;
    test_mem_init(&mem);
    return 0;
}

static int tear_down(void **state)
{
    return ((struct test_mem *)*state)->n_live != 0;
}

static void init(void **state, struct grebe__map *map)
{
    grebe__map_init(map, &((struct test_mem *)*state)->interface, &by_first_byte);
}

static void put(struct grebe__map *map, const char *key, void *value)
{
    assert_int_equal(grebe__map_put(map, key, value), GREBE_OK);
}

/* All keys in order. */
static const char *keys_of(const struct grebe__map *map)
{
    static char text[512];
    struct grebe__map_entry *entry = NULL;

    text[0] = '\0';
    while ((entry = grebe__map_next(map, entry)) != NULL) {
        strcat(text, text[0] == '\0' ? "" : " ");
        strcat(text, entry->key);
    }
    return text;
}

static void empty_map_needs_no_memory(void **state)
{
    struct grebe__map map;

    init(state, &map);
    assert_null(grebe__map_get(&map, "a"));
    assert_null(grebe__map_find(&map, "a"));
    assert_null(grebe__map_remove(&map, "a"));
    assert_null(grebe__map_next(&map, NULL));
    assert_int_equal(((struct test_mem *)*state)->n_allocs, 0);
    grebe__map_fini(&map);
}

static void order_is_that_of_insertion(void **state)
{
    struct grebe__map map;

    init(state, &map);
    put(&map, "c", values[0]);
    put(&map, "a", values[1]);
    put(&map, "b", values[2]);
    assert_string_equal(keys_of(&map), "c a b");
    assert_ptr_equal(grebe__map_remove(&map, "a"), values[1]);
    assert_string_equal(keys_of(&map), "c b");
    put(&map, "a", values[3]);
    assert_string_equal(keys_of(&map), "c b a");
    assert_int_equal(map.n, 3);
    grebe__map_fini(&map);
}

static void equal_key_keeps_the_first_pointer_and_takes_the_value(void **state)
{
    static const char first[] = "key", second[] = "key";
    struct grebe__map map;

    init(state, &map);
    put(&map, first, values[0]);
    put(&map, second, values[1]);
    assert_int_equal(map.n, 1);
    assert_ptr_equal(grebe__map_find(&map, "key")->key, first);
    assert_ptr_equal(grebe__map_get(&map, "key"), values[1]);
    grebe__map_fini(&map);
}

static void removal_leaves_colliding_keys_findable(void **state)
{
    static const char *const keys[] = {"x1", "x2", "x3", "x4", "y1", "y2", "z1"};

    for (size_t gone = 0; gone < 7; gone++) {
        struct grebe__map map;

        init(state, &map);
        for (size_t i = 0; i < 7; i++)
            put(&map, keys[i], values[i]);
        assert_ptr_equal(grebe__map_remove(&map, keys[gone]), values[gone]);
        for (size_t i = 0; i < 7; i++)
            assert_ptr_equal(grebe__map_get(&map, keys[i]), i == gone ? NULL : values[i]);
        assert_null(grebe__map_remove(&map, keys[gone]));
        assert_int_equal(map.n, 6);
        grebe__map_fini(&map);
    }
}

static void entries_may_be_removed_while_iterating(void **state)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};
    struct grebe__map_entry *entry = NULL;
    struct grebe__map map;

    init(state, &map);
    for (size_t i = 0; i < 6; i++)
        put(&map, keys[i], values[i]);
    while ((entry = grebe__map_next(&map, entry)) != NULL)
        if ((*(const char *)entry->key - 'a') % 2 == 0)
            grebe__map_remove(&map, entry->key);
    assert_string_equal(keys_of(&map), "b d f");
    grebe__map_fini(&map);
}

/* Against an array that is searched from end to end. */
static void agrees_with_a_plain_array(void **state)
{
    static char keys[256][8];
    void *model[256] = {0};
    struct grebe__rng rng;
    struct grebe__map map;
    uint32_t n = 0;

    grebe__rng_seed(&rng, 7);
    init(state, &map);
    for (size_t i = 0; i < 256; i++)
        snprintf(keys[i], sizeof keys[i], "%c%zu", (char)('a' + i % 5), i);
    for (int step = 0; step < 20000; step++) {
        uint32_t key = grebe__rng_below(&rng, 256);

        if (grebe__rng_below(&rng, 2) == 0) {
            n += model[key] == NULL;
            model[key] = values[grebe__rng_below(&rng, 256)];
            put(&map, keys[key], model[key]);
        } else {
            n -= model[key] != NULL;
            assert_ptr_equal(grebe__map_remove(&map, keys[key]), model[key]);
            model[key] = NULL;
        }
        assert_int_equal(map.n, n);
        key = grebe__rng_below(&rng, 256);
        assert_ptr_equal(grebe__map_get(&map, keys[key]), model[key]);
    }
    grebe__map_fini(&map);
}

static void room_of_removed_entries_is_used_again(void **state)
{
    struct grebe__map map;
    uint32_t n_slots;

    init(state, &map);
    put(&map, "stays", values[0]);
    n_slots = map.n_slots;
    for (int i = 0; i < 1000; i++) {
        put(&map, "goes", values[1]);
        grebe__map_remove(&map, "goes");
    }
    assert_int_equal(map.n_slots, n_slots);
    assert_string_equal(keys_of(&map), "stays");
    grebe__map_fini(&map);
}

static void out_of_memory_leaves_the_map_as_it_was(void **state)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e"};
    struct test_mem *mem = *state;
    struct grebe__map map;

    init(state, &map);
    for (size_t i = 0; i < 4; i++)
        put(&map, keys[i], values[i]);
    mem->fail_at = mem->n_allocs + 1;
    assert_int_equal(grebe__map_put(&map, "e", values[4]), GREBE_ERR_NOMEM);
    assert_string_equal(keys_of(&map), "a b c d");
    put(&map, "d", values[5]);
    assert_ptr_equal(grebe__map_get(&map, "d"), values[5]);
    put(&map, "e", values[4]);
    assert_string_equal(keys_of(&map), "a b c d e");
    grebe__map_fini(&map);
}

#define TEST_WITH_MEM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_MEM(empty_map_needs_no_memory),
        TEST_WITH_MEM(order_is_that_of_insertion),
        TEST_WITH_MEM(equal_key_keeps_the_first_pointer_and_takes_the_value),
        TEST_WITH_MEM(removal_leaves_colliding_keys_findable),
        TEST_WITH_MEM(entries_may_be_removed_while_iterating),
        TEST_WITH_MEM(agrees_with_a_plain_array),
        TEST_WITH_MEM(room_of_removed_entries_is_used_again),
        TEST_WITH_MEM(out_of_memory_leaves_the_map_as_it_was),
    };

    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
