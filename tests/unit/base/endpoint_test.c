/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "base/endpoint.h"

#include <grebe/error.h>
#include <grebe/map.h>

#include "base/assert.h"
#include "base/hash.h"
#include "support/mem.h"

static struct test_mem mem;

static int set_up(void **state)
{
    (void)state;
    test_mem_init(&mem);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return mem.n_live != 0;
}

/* ---- Addresses --------------------------------------------------------------------- */

static const struct grebe_attribute_key zone = {.name = "zone"};

/* `zone` of attributes and of balancer attributes; 0: none. */
static struct grebe_address *new_address(const char *text, const char *server_name,
                                         uintptr_t in_attributes, uintptr_t for_balancer)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address = NULL;

    options.server_name = server_name;
    if (in_attributes != 0)
        assert_int_equal(grebe_attributes_with(&mem.interface, NULL, &zone,
                                               (void *)in_attributes,
                                               &options.attributes),
                         GREBE_OK);
    if (for_balancer != 0)
        assert_int_equal(grebe_attributes_with(&mem.interface, NULL, &zone,
                                               (void *)for_balancer,
                                               &options.balancer_attributes),
                         GREBE_OK);
    assert_int_equal(grebe_address_new(&mem.interface, text, &options, &address),
                     GREBE_OK);
    grebe_attributes_unref(options.attributes);
    grebe_attributes_unref(options.balancer_attributes);
    return address;
}

TEST(address_keeps_copies_of_what_it_was_given)
{
    char text[] = "10.0.0.1:443", name[] = "a.example";
    struct grebe_address *address = new_address(text, name, 7, 8);

    memset(text, '!', sizeof text - 1);
    memset(name, '!', sizeof name - 1);
    assert_string_equal(grebe_address_text(address), "10.0.0.1:443");
    assert_string_equal(grebe_address_server_name(address), "a.example");
    assert_int_equal(
        (uintptr_t)grebe_attributes_get(grebe_address_attributes(address), &zone), 7);
    assert_int_equal((uintptr_t)grebe_attributes_get(
                         grebe_address_balancer_attributes(address), &zone),
                     8);
    grebe_address_unref(address);
    grebe_address_unref(NULL);
}

TEST(address_needs_no_options)
{
    struct grebe_address *address, *same = new_address("a:1", NULL, 0, 0);

    assert_int_equal(grebe_address_new(&mem.interface, "a:1", NULL, &address), GREBE_OK);
    assert_null(grebe_address_server_name(address));
    assert_null(grebe_address_attributes(address));
    assert_true(grebe_address_equal(address, same));
    grebe_address_unref(address);
    grebe_address_unref(same);
}

TEST(address_is_one_block_of_memory)
{
    struct grebe_address *address = new_address("10.0.0.1:443", "a.example", 0, 0);

    assert_int_equal(mem.n_allocs, 1);
    grebe_address_unref(address);
}

static const struct {
    const char *text, *name;
    uintptr_t attribute, balancer_attribute;
} base_address = {"a:1", "n", 1, 1},
  variants[] = {
      {"a:1", "n", 1, 1}, /* the same */
      {"a:1", "n", 1, 2}, /* the same to a policy's eyes */
      {"a:2", "n", 1, 1}, {"a:1", "m", 1, 1}, {"a:1", NULL, 1, 1},
      {"a:1", "", 1, 1},  {"a:1", "n", 2, 1}, {"a:1", "n", 0, 1},
};

enum { N_SAME = 2 };

TEST(identity_is_text_server_name_and_attributes)
{
    struct grebe_address *x =
        new_address(base_address.text, base_address.name, base_address.attribute,
                    base_address.balancer_attribute);

    for (size_t i = 0; i < GREBE_ARRAY_LEN(variants); i++) {
        struct grebe_address *y =
            new_address(variants[i].text, variants[i].name, variants[i].attribute,
                        variants[i].balancer_attribute);
        bool is_same = i < N_SAME;

        assert_int_equal(grebe_address_equal(x, y), is_same);
        assert_int_equal(grebe_address_equal(y, x), is_same);
        if (is_same)
            assert_true(grebe_address_hash(x) == grebe_address_hash(y));
        grebe_address_unref(y);
    }
    grebe_address_unref(x);
}

/* AT-2: a map of addresses is keyed by text, server name and attributes. */
TEST(address_map_overwrites_aliases_and_keeps_the_first_key)
{
    static char one[] = "1", two[] = "2", three[] = "3";
    struct grebe_address *first = new_address("a:1", NULL, 0, 1);
    struct grebe_address *alias = new_address("a:1", NULL, 0, 2);
    struct grebe_address *other = new_address("a:1", "n", 0, 1);
    struct grebe_address *absent = new_address("a:1", NULL, 3, 1), *key;
    struct grebe_address_map *map = NULL;
    size_t cursor = 0;
    void *value;

    assert_int_equal(grebe_address_map_new(&mem.interface, &map), GREBE_OK);
    assert_int_equal(grebe_address_map_put(map, first, one), GREBE_OK);
    assert_int_equal(grebe_address_map_put(map, other, two), GREBE_OK);
    assert_int_equal(grebe_address_map_put(map, alias, three), GREBE_OK);
    assert_int_equal(grebe_address_map_n(map), 2);
    assert_ptr_equal(grebe_address_map_get(map, first), three);
    assert_true(grebe_address_map_next(map, &cursor, &key, &value));
    assert_ptr_equal(key, first);
    assert_ptr_equal(value, three);
    assert_true(grebe_address_map_next(map, &cursor, &key, &value));
    assert_ptr_equal(key, other);
    assert_ptr_equal(value, two);
    assert_false(grebe_address_map_next(map, &cursor, &key, &value));
    assert_null(grebe_address_map_remove(map, absent));
    assert_int_equal(grebe_address_map_n(map), 2);
    assert_ptr_equal(grebe_address_map_remove(map, alias), three);
    assert_null(grebe_address_map_get(map, first));
    assert_ptr_equal(grebe_address_map_get(map, other), two);
    grebe_address_unref(other); /* the map holds a reference of its own */
    grebe_address_map_free(map);
    grebe_address_map_free(NULL);
    grebe_address_unref(first);
    grebe_address_unref(alias);
    grebe_address_unref(absent);
}

TEST(address_map_may_lose_keys_while_it_is_walked)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct grebe_address_map *map = NULL;
    struct grebe_address *key;
    size_t cursor = 0, n = 0;

    assert_int_equal(grebe_address_map_new(&mem.interface, &map), GREBE_OK);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++) {
        struct grebe_address *address = new_address(names[i], NULL, 0, 0);

        assert_int_equal(grebe_address_map_put(map, address, NULL), GREBE_OK);
        grebe_address_unref(address);
    }
    while (grebe_address_map_next(map, &cursor, &key, NULL)) {
        assert_string_equal(grebe_address_text(key), names[n++]);
        grebe_address_map_remove(map, key);
    }
    assert_int_equal(n, 4);
    assert_int_equal(grebe_address_map_n(map), 0);
    grebe_address_map_free(map);
}

/* ---- Endpoints --------------------------------------------------------------------- */

/* One address for each letter. */
static struct grebe_endpoint *new_endpoint(const char *letters)
{
    struct grebe_address *addresses[8] = {NULL};
    struct grebe_endpoint *endpoint = NULL;
    size_t n = strlen(letters);

    for (size_t i = 0; i < n; i++) {
        char text[] = {letters[i], '\0'};

        addresses[i] = new_address(text, NULL, 0, 0);
    }
    assert_int_equal(grebe_endpoint_new(&mem.interface, addresses, n, NULL, &endpoint),
                     GREBE_OK);
    for (size_t i = 0; i < n; i++)
        grebe_address_unref(addresses[i]);
    return endpoint;
}

TEST(endpoint_holds_its_addresses_in_order)
{
    struct grebe_endpoint *endpoint = new_endpoint("bac");

    assert_int_equal(grebe_endpoint_n_addresses(endpoint), 3);
    assert_string_equal(grebe_address_text(grebe_endpoint_address(endpoint, 0)), "b");
    assert_string_equal(grebe_address_text(grebe_endpoint_address(endpoint, 2)), "c");
    assert_null(grebe_endpoint_attributes(endpoint));
    assert_ptr_equal(grebe_endpoint_ref(endpoint), endpoint);
    grebe_endpoint_unref(endpoint);
    grebe_endpoint_unref(endpoint);
    grebe_endpoint_unref(NULL);
}

static const struct {
    const char *x, *y;
    bool is_same;
} pairs[] = {
    {"ab", "ba", true},    {"abc", "cab", true}, {"a", "a", true},    {"", "", true},
    {"a", "ab", false},    {"ab", "a", false},   {"ab", "ac", false}, {"a", "", false},
    {"aab", "abb", false}, {"aab", "baa", true},
};

TEST(endpoints_are_unordered_lists_of_text)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(pairs); i++) {
        struct grebe_endpoint *x = new_endpoint(pairs[i].x);
        struct grebe_endpoint *y = new_endpoint(pairs[i].y);

        assert_int_equal(grebe_endpoint_equal(x, y), pairs[i].is_same);
        assert_int_equal(grebe_endpoint_equal(y, x), pairs[i].is_same);
        assert_true((grebe_endpoint_hash(x) == grebe_endpoint_hash(y)) ==
                    pairs[i].is_same);
        grebe_endpoint_unref(x);
        grebe_endpoint_unref(y);
    }
}

TEST(attributes_and_server_names_do_not_tell_endpoints_apart)
{
    struct grebe_address *plain = new_address("a", NULL, 0, 0);
    struct grebe_address *rich = new_address("a", "n", 1, 2);
    struct grebe_endpoint *x = NULL, *y = NULL;

    assert_int_equal(grebe_endpoint_new(&mem.interface, &plain, 1, NULL, &x), GREBE_OK);
    assert_int_equal(
        grebe_endpoint_new(&mem.interface, &rich, 1, grebe_address_attributes(rich), &y),
        GREBE_OK);
    assert_true(grebe_endpoint_equal(x, y));
    assert_true(grebe_endpoint_hash(x) == grebe_endpoint_hash(y));
    assert_true(grebe_attributes_has(grebe_endpoint_attributes(y), &zone));
    grebe_address_unref(plain);
    grebe_address_unref(rich);
    grebe_endpoint_unref(x);
    grebe_endpoint_unref(y);
}

/* AT-3, gRFC A61: an endpoint is its set of addresses. */
TEST(endpoint_map_does_not_care_about_order)
{
    static char value[] = "v", other[] = "w";
    struct grebe_endpoint *ab = new_endpoint("ab"), *ba = new_endpoint("ba");
    struct grebe_endpoint *abc = new_endpoint("abc"), *key;
    struct grebe_endpoint_map *map = NULL;
    size_t cursor = 0;
    void *found;

    assert_int_equal(grebe_endpoint_map_new(&mem.interface, &map), GREBE_OK);
    assert_int_equal(grebe_endpoint_map_put(map, ab, other), GREBE_OK);
    assert_int_equal(grebe_endpoint_map_put(map, ba, value), GREBE_OK);
    assert_int_equal(grebe_endpoint_map_n(map), 1);
    assert_ptr_equal(grebe_endpoint_map_get(map, ab), value);
    assert_ptr_equal(grebe_endpoint_map_get(map, ba), value);
    assert_null(grebe_endpoint_map_get(map, abc));
    assert_null(grebe_endpoint_map_remove(map, abc));
    assert_true(grebe_endpoint_map_next(map, &cursor, &key, &found));
    assert_ptr_equal(key, ab);
    assert_ptr_equal(found, value);
    assert_false(grebe_endpoint_map_next(map, &cursor, &key, &found));
    assert_ptr_equal(grebe_endpoint_map_remove(map, ba), value);
    assert_int_equal(grebe_endpoint_map_n(map), 0);
    assert_int_equal(grebe_endpoint_map_put(map, abc, value), GREBE_OK);
    grebe_endpoint_map_free(map);
    grebe_endpoint_unref(ab);
    grebe_endpoint_unref(ba);
    grebe_endpoint_unref(abc);
}

TEST(out_of_memory_leaves_a_map_as_it_was)
{
    static char one[] = "1";
    struct grebe_address *address = new_address("a", NULL, 0, 0);
    struct grebe_endpoint *endpoint = new_endpoint("a");
    struct grebe_address_map *by_address = NULL;
    struct grebe_endpoint_map *by_endpoint = NULL;

    mem.fail_at = mem.n_allocs + 1;
    assert_int_equal(grebe_address_map_new(&mem.interface, &by_address), GREBE_ERR_NOMEM);
    mem.fail_at = mem.n_allocs + 1;
    assert_int_equal(grebe_endpoint_map_new(&mem.interface, &by_endpoint),
                     GREBE_ERR_NOMEM);
    assert_int_equal(grebe_address_map_new(&mem.interface, &by_address), GREBE_OK);
    assert_int_equal(grebe_endpoint_map_new(&mem.interface, &by_endpoint), GREBE_OK);
    mem.fail_at = mem.n_allocs + 1;
    assert_int_equal(grebe_address_map_put(by_address, address, one), GREBE_ERR_NOMEM);
    mem.fail_at = mem.n_allocs + 1;
    assert_int_equal(grebe_endpoint_map_put(by_endpoint, endpoint, one), GREBE_ERR_NOMEM);
    assert_int_equal(grebe_address_map_n(by_address), 0);
    assert_int_equal(grebe_endpoint_map_n(by_endpoint), 0);
    grebe_address_map_free(by_address);
    grebe_endpoint_map_free(by_endpoint);
    grebe_address_unref(address);
    grebe_endpoint_unref(endpoint);
}

TEST(out_of_memory_takes_no_references)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_address *address = new_address("a", NULL, 1, 1), *made = NULL;
    struct grebe_endpoint *endpoint = NULL;

    options.attributes = grebe_address_attributes(address);
    mem.fail_at = mem.n_allocs + 1;
    assert_int_equal(grebe_address_new(&mem.interface, "b", &options, &made),
                     GREBE_ERR_NOMEM);
    mem.fail_at = mem.n_allocs + 1;
    assert_int_equal(
        grebe_endpoint_new(&mem.interface, &address, 1, options.attributes, &endpoint),
        GREBE_ERR_NOMEM);
    assert_null(made);
    assert_null(endpoint);
    grebe_address_unref(address);
}

/* ---- Hash -------------------------------------------------------------------------- */

/* From the specification of XXH64: what other gRPC clients compute too. */
TEST(hash_is_xxh64)
{
    assert_true(grebe__hash64("", 0, 0) == UINT64_C(0xef46db3751d8e999));
    assert_true(grebe__hash64_text("a") == UINT64_C(0xd24ec4f1a98c6e5b));
    assert_true(grebe__hash64_text("abc") == UINT64_C(0x44bc2cf5ad770999));
    assert_true(grebe__hash64("abc", 3, 1) != grebe__hash64("abc", 3, 0));
}

#define TEST_WITH_MEM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_MEM(address_keeps_copies_of_what_it_was_given),
        TEST_WITH_MEM(address_needs_no_options),
        TEST_WITH_MEM(address_is_one_block_of_memory),
        TEST_WITH_MEM(identity_is_text_server_name_and_attributes),
        TEST_WITH_MEM(address_map_overwrites_aliases_and_keeps_the_first_key),
        TEST_WITH_MEM(address_map_may_lose_keys_while_it_is_walked),
        TEST_WITH_MEM(endpoint_holds_its_addresses_in_order),
        TEST_WITH_MEM(endpoints_are_unordered_lists_of_text),
        TEST_WITH_MEM(attributes_and_server_names_do_not_tell_endpoints_apart),
        TEST_WITH_MEM(endpoint_map_does_not_care_about_order),
        TEST_WITH_MEM(out_of_memory_leaves_a_map_as_it_was),
        TEST_WITH_MEM(out_of_memory_takes_no_references),
        TEST_WITH_MEM(hash_is_xxh64),
    };

    return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
