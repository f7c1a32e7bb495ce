/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata: grammar, order, memory.  Source: gRPC over HTTP/2, "Custom-Metadata". */
#include "support/test.h"

#include <stdlib.h>

#include <grebe/error.h>

#include "core/metadata.h"
#include "support/mem.h"

static const struct {
    const char *key, *value;
    size_t length;
    int result;
    const char *kept; /* the key as it is kept */
} additions[] = {
    {"key", "value", 5, GREBE_OK, "key"},
    {"Foo-Bar_9.x", "", 0, GREBE_OK, "foo-bar_9.x"},
    {"k", " spaces at the edges ", 21, GREBE_OK, "k"},
    {"k", "~", 1, GREBE_OK, "k"},
    {"", "v", 1, GREBE_ERR_INVALID, NULL},
    {":", "v", 1, GREBE_ERR_INVALID, NULL},
    {"foo bar", "v", 1, GREBE_ERR_INVALID, NULL},
    {"k\xc3\xa9", "v", 1, GREBE_ERR_INVALID, NULL},
    {"k", "\x01", 1, GREBE_ERR_INVALID, NULL},
    {"k", "\x7f", 1, GREBE_ERR_INVALID, NULL},
    {"k", "a\0b", 3, GREBE_ERR_INVALID, NULL},
    {"k-bin", "\x01\0\xff", 3, GREBE_OK, "k-bin"},
    {"K-BIN", "\x01", 1, GREBE_OK, "k-bin"},
    {":authority", "pick.example", 12, GREBE_OK, ":authority"},
};

TEST(keys_and_values_are_checked)
{
    for (size_t i = 0; i < sizeof additions / sizeof additions[0]; i++) {
        struct grebe_metadata *metadata = grebe_metadata_new(NULL);
        int result = grebe_metadata_add(metadata, additions[i].key, additions[i].value,
                                        additions[i].length);

        assert_int_equal(result, additions[i].result);
        assert_int_equal(grebe_metadata_count(metadata), result == GREBE_OK ? 1 : 0);
        if (result == GREBE_OK) {
            const struct grebe_metadata_entry *entry = grebe_metadata_at(metadata, 0);

            assert_string_equal(entry->key, additions[i].kept);
            assert_int_equal(entry->key_length, strlen(entry->key));
            assert_int_equal(entry->value_length, additions[i].length);
            assert_memory_equal(entry->value, additions[i].value, additions[i].length);
            assert_int_equal(entry->value[entry->value_length], '\0');
        }
        grebe_metadata_unref(metadata);
    }
}

TEST(order_is_kept_and_keys_may_repeat)
{
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);
    char key[16], value[16];

    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i % 10);
        snprintf(value, sizeof value, "%d", i);
        assert_int_equal(grebe_metadata_add(metadata, key, value, strlen(value)),
                         GREBE_OK);
    }
    assert_int_equal(grebe_metadata_count(metadata), 100);
    for (size_t i = 0; i < 100; i++) {
        snprintf(value, sizeof value, "%zu", i);
        assert_string_equal(grebe_metadata_at(metadata, i)->value, value);
    }
    assert_null(grebe_metadata_at(metadata, 100));
    assert_string_equal(grebe_metadata_get(metadata, "k7")->value, "7");
    assert_null(grebe_metadata_get(metadata, "k"));
    assert_null(grebe_metadata_get(NULL, "k7"));
    grebe_metadata_unref(metadata);
}

TEST(entries_of_one_key_are_found_one_after_the_other)
{
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);
    const struct grebe_metadata_entry *entry = NULL;

    for (int i = 0; i < 30; i++) {
        const char *key = i % 3 == 0 ? "a" : "b";
        char value[16];

        snprintf(value, sizeof value, "%d", i);
        assert_int_equal(grebe_metadata_add(metadata, key, value, strlen(value)),
                         GREBE_OK);
    }
    for (int i = 0; i < 30; i += 3) {
        entry = grebe_metadata_next(metadata, "a", entry);
        assert_int_equal(atoi(entry->value), i);
    }
    assert_null(grebe_metadata_next(metadata, "a", entry));
    assert_null(grebe_metadata_next(metadata, "c", NULL));
    assert_null(grebe_metadata_next(NULL, "a", NULL));
    grebe_metadata_unref(metadata);
}

TEST(key_longer_than_any_is_refused)
{
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);
    char key[300];

    memset(key, 'k', sizeof key);
    key[299] = '\0';
    assert_int_equal(grebe_metadata_add(metadata, key, "", 0), GREBE_ERR_INVALID);
    key[255] = '\0';
    assert_int_equal(grebe_metadata_add(metadata, key, "", 0), GREBE_OK);
    grebe_metadata_unref(metadata);
}

TEST(first_entries_with_static_text_cost_no_memory)
{
    struct grebe_metadata metadata;
    struct test_mem mem;

    grebe__metadata_init(&metadata, test_mem_init(&mem));
    for (int i = 0; i < GREBE__METADATA_INLINE; i++)
        assert_int_equal(grebe__metadata_append_static(&metadata, "k", 1, "v", 1),
                         GREBE_OK);
    assert_int_equal(mem.n_allocs, 0);
    assert_int_equal(grebe__metadata_append(&metadata, "k", 1, "v", 1), GREBE_OK);
    grebe__metadata_clear(&metadata);
    assert_int_equal(grebe_metadata_count(&metadata), 0);
    grebe__metadata_fini(&metadata);
    assert_int_equal(mem.n_live, 0);
}

TEST(out_of_memory_leaves_it_as_it_was)
{
    uint32_t fail_at = 0;
    struct test_mem mem;

    do {
        const struct grebe_mem *interface = test_mem_init(&mem);
        struct grebe_metadata *metadata;

        mem.fail_at = ++fail_at;
        metadata = grebe_metadata_new(interface);
        for (size_t n = 0; metadata != NULL && n < 40; n++) {
            int result =
                grebe_metadata_add(metadata, "some-key", "some longish value", 18);
            size_t count = grebe_metadata_count(metadata);

            if (result != GREBE_OK) {
                assert_int_equal(result, GREBE_ERR_NOMEM);
                assert_int_equal(count, n);
                break;
            }
        }
        grebe_metadata_unref(metadata);
        assert_int_equal(mem.n_live, 0);
    } while (mem.has_failed);
    assert_true(fail_at > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_values_are_checked),
        cmocka_unit_test(order_is_kept_and_keys_may_repeat),
        cmocka_unit_test(entries_of_one_key_are_found_one_after_the_other),
        cmocka_unit_test(key_longer_than_any_is_refused),
        cmocka_unit_test(first_entries_with_static_text_cost_no_memory),
        cmocka_unit_test(out_of_memory_leaves_it_as_it_was),
    };

    return cmocka_run_group_tests_name("metadata", tests, NULL, NULL);
}
