/* SPDX-License-Identifier: Apache-2.0 */
/* The well-known facts about endpoints that are more than a number: hash keys, localities,
 * paths; and the names of health. */
#include "support/test.h"

#include <grebe/endpoint.h>
#include <grebe/error.h>
#include <grebe/locality.h>
#include <grebe/path.h>

#include "base/assert.h"
#include "base/endpoint.h"
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

/* `base` is given up. */
static const struct grebe_attributes *with(const struct grebe_attributes *base,
                                           const struct grebe_attribute_key *key,
                                           void *value)
{
    const struct grebe_attributes *made = NULL;

    assert_int_equal(grebe_attributes_with(&mem.interface, base, key, value, &made),
                     GREBE_OK);
    grebe_attributes_unref(base);
    return made;
}

/* ---- Weight ------------------------------------------------------------------------ */

static struct grebe_address *weighing(const char *text, uintptr_t weight)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    const struct grebe_attributes *set =
        weight == 0 ? NULL : with(NULL, &GREBE_ATTRIBUTE_WEIGHT, (void *)weight);
    struct grebe_address *address;

    options.balancer_attributes = set;
    assert_int_equal(grebe_address_new(&mem.interface, text, &options, &address),
                     GREBE_OK);
    grebe_attributes_unref(set);
    return address;
}

/* Of an endpoint with this weight, and two addresses with these. */
static uint32_t weight_of(uintptr_t own, uintptr_t first, uintptr_t second)
{
    struct grebe_address *addresses[] = {weighing("a", first), weighing("b", second)};
    const struct grebe_attributes *set =
        own == 0 ? NULL : with(NULL, &GREBE_ATTRIBUTE_WEIGHT, (void *)own);
    struct grebe_endpoint *endpoint;
    uint32_t weight;

    assert_int_equal(grebe_endpoint_new(&mem.interface, addresses, 2, set, &endpoint),
                     GREBE_OK);
    weight = grebe__endpoint_weight(endpoint);
    grebe_endpoint_unref(endpoint);
    grebe_attributes_unref(set);
    grebe_address_unref(addresses[0]);
    grebe_address_unref(addresses[1]);
    return weight;
}

TEST(weight_is_the_endpoints_own_or_the_largest_of_its_addresses)
{
    assert_int_equal(weight_of(0, 0, 0), 1);
    assert_int_equal(weight_of(7, 0, 0), 7);
    assert_int_equal(weight_of(7, 9, 8), 7);
    assert_int_equal(weight_of(0, 3, 0), 3);
    assert_int_equal(weight_of(0, 3, 9), 9);
    assert_int_equal(weight_of(UINT32_MAX, 0, 0), UINT32_MAX);
}

/* ---- Text -------------------------------------------------------------------------- */

/* `base` is given up. */
static const struct grebe_attributes *with_hash_key(const struct grebe_attributes *base,
                                                    const char *text)
{
    const struct grebe_attributes *made = NULL;

    assert_int_equal(grebe_attributes_with_text(&mem.interface, base,
                                                &GREBE_ATTRIBUTE_HASH_KEY, text, &made),
                     GREBE_OK);
    grebe_attributes_unref(base);
    return made;
}

static const char *hash_key(const struct grebe_attributes *attributes)
{
    return grebe_attributes_get(attributes, &GREBE_ATTRIBUTE_HASH_KEY);
}

TEST(text_is_copied_and_outlives_the_set_it_came_with)
{
    char text[] = "shard-7";
    const struct grebe_attributes *first = with_hash_key(NULL, text), *second;

    memset(text, '!', sizeof text - 1);
    second = with(grebe_attributes_ref(first), &GREBE_ATTRIBUTE_WEIGHT, &mem);
    grebe_attributes_unref(first);
    assert_string_equal(hash_key(second), "shard-7");
    second = with_hash_key(second, "shard-8");
    assert_string_equal(hash_key(second), "shard-8");
    grebe_attributes_unref(second);
}

TEST(text_is_compared_by_its_bytes)
{
    const struct grebe_attributes *x = with_hash_key(NULL, "a");
    const struct grebe_attributes *same = with_hash_key(NULL, "a");
    const struct grebe_attributes *other = with_hash_key(NULL, "b");

    assert_true(grebe_attributes_equal(x, same));
    assert_false(grebe_attributes_equal(x, other));
    grebe_attributes_unref(x);
    grebe_attributes_unref(same);
    grebe_attributes_unref(other);
}

TEST(empty_text_is_as_if_it_had_not_been_set)
{
    const struct grebe_attributes *weight = with(NULL, &GREBE_ATTRIBUTE_WEIGHT, &mem);
    const struct grebe_attributes *both, *same;

    both = with_hash_key(grebe_attributes_ref(weight), "a");
    assert_null(with_hash_key(NULL, ""));
    assert_null(with_hash_key(NULL, NULL));
    assert_null(with_hash_key(with_hash_key(NULL, "a"), ""));
    both = with_hash_key(both, "");
    assert_true(grebe_attributes_equal(both, weight));
    same = with_hash_key(grebe_attributes_ref(both), NULL);
    assert_ptr_equal(same, both);
    grebe_attributes_unref(same);
    grebe_attributes_unref(both);
    grebe_attributes_unref(weight);
}

TEST(text_survives_each_allocation_failing)
{
    const struct grebe_attributes *two, *made = NULL;

    two = with_hash_key(with(NULL, &GREBE_ATTRIBUTE_WEIGHT, &mem), "a");
    for (uint32_t i = 1; i <= 2; i++) {
        mem.fail_at = mem.n_allocs + i;
        assert_int_equal(grebe_attributes_with_text(
                             &mem.interface, two, &GREBE_ATTRIBUTE_HASH_KEY, "b", &made),
                         GREBE_ERR_NOMEM);
    }
    mem.fail_at = mem.n_allocs + 1;
    assert_int_equal(grebe_attributes_with_text(&mem.interface, two,
                                                &GREBE_ATTRIBUTE_HASH_KEY, "", &made),
                     GREBE_ERR_NOMEM);
    assert_null(made);
    grebe_attributes_unref(two);
}

/* ---- Localities -------------------------------------------------------------------- */

static struct grebe_locality *new_locality(const char *region, const char *zone,
                                           const char *sub_zone)
{
    struct grebe_locality *locality = NULL;

    assert_int_equal(
        grebe_locality_new(&mem.interface, region, zone, sub_zone, &locality), GREBE_OK);
    return locality;
}

/* gRFC A78 */
TEST(locality_has_three_texts_and_a_label)
{
    char zone[] = "eu-west-1a";
    struct grebe_locality *full = new_locality("eu-west", zone, "rack 4");
    struct grebe_locality *empty = new_locality(NULL, "", NULL);
    struct grebe_locality *quotes = new_locality("a\"b", "c\\d", "\n");

    zone[0] = '!';
    assert_string_equal(grebe_locality_region(full), "eu-west");
    assert_string_equal(grebe_locality_zone(full), "eu-west-1a");
    assert_string_equal(grebe_locality_sub_zone(full), "rack 4");
    assert_string_equal(grebe_locality_label(full),
                        "{region=\"eu-west\", zone=\"eu-west-1a\", sub_zone=\"rack 4\"}");
    assert_string_equal(grebe_locality_region(empty), "");
    assert_string_equal(grebe_locality_label(empty),
                        "{region=\"\", zone=\"\", sub_zone=\"\"}");
    assert_string_equal(grebe_locality_label(quotes),
                        "{region=\"a\\x22b\", zone=\"c\\x5cd\", sub_zone=\"\\x0a\"}");
    grebe_locality_unref(full);
    grebe_locality_unref(empty);
    grebe_locality_unref(quotes);
    grebe_locality_unref(NULL);
}

TEST(localities_are_equal_if_all_their_parts_are)
{
    static const char *const parts[][3] = {
        {"a", "b", "c"},
        {"x", "b", "c"},
        {"a", "x", "c"},
        {"a", "b", "x"},
        {"a", "bc", ""},
        {"ab", "", "c"},
        {"a\", zone=\"b", "c", ""},
    };
    struct grebe_locality *base = new_locality("a", "b", "c");

    for (size_t i = 0; i < GREBE_ARRAY_LEN(parts); i++) {
        struct grebe_locality *other =
            new_locality(parts[i][0], parts[i][1], parts[i][2]);
        const struct grebe_attributes *x, *y;

        x = with(NULL, &GREBE_ATTRIBUTE_LOCALITY, base);
        y = with(NULL, &GREBE_ATTRIBUTE_LOCALITY, other);
        grebe_locality_unref(other); /* the set holds a reference of its own */
        assert_int_equal(grebe_attributes_equal(x, y), i == 0);
        grebe_attributes_unref(x);
        grebe_attributes_unref(y);
    }
    grebe_locality_unref(base);
}

/* ---- Paths ------------------------------------------------------------------------- */

static const char *const names[] = {"priority-0", "eu", "b"};

static struct grebe_path *new_path(const char *const *list, size_t n)
{
    struct grebe_path *path = NULL;

    assert_int_equal(grebe_path_new(&mem.interface, list, n, &path), GREBE_OK);
    return path;
}

TEST(path_is_walked_name_by_name_and_its_rest_is_shared)
{
    struct grebe_path *path = new_path(names, 3);
    struct grebe_path *rest = grebe_path_ref(grebe_path_rest(path));
    uint32_t n_allocs = mem.n_allocs;

    assert_string_equal(grebe_path_first(path), "priority-0");
    grebe_path_unref(path);
    assert_string_equal(grebe_path_first(rest), "eu");
    assert_string_equal(grebe_path_first(grebe_path_rest(rest)), "b");
    assert_null(grebe_path_rest(grebe_path_rest(rest)));
    assert_int_equal(mem.n_allocs, n_allocs);
    grebe_path_unref(rest);
}

TEST(empty_path_is_null)
{
    const struct grebe_attributes *none;

    assert_null(new_path(names, 0));
    assert_null(grebe_path_first(NULL));
    assert_null(grebe_path_rest(NULL));
    assert_null(grebe_path_ref(NULL));
    grebe_path_unref(NULL);
    none = with(NULL, &GREBE_ATTRIBUTE_PATH, NULL);
    assert_null(grebe_attributes_get(none, &GREBE_ATTRIBUTE_PATH));
    grebe_attributes_unref(none);
}

TEST(paths_are_equal_name_by_name)
{
    static const char *const others[] = {"priority-0", "eu", "c"};
    struct grebe_path *path = new_path(names, 3), *same = new_path(names, 3);
    struct grebe_path *shorter = new_path(names, 2), *other = new_path(others, 3);

    assert_true(grebe_path_equal(path, path));
    assert_true(grebe_path_equal(path, same));
    assert_true(grebe_path_equal(NULL, NULL));
    assert_false(grebe_path_equal(path, NULL));
    assert_false(grebe_path_equal(path, shorter));
    assert_false(grebe_path_equal(shorter, path));
    assert_false(grebe_path_equal(path, other));
    grebe_path_unref(path);
    grebe_path_unref(same);
    grebe_path_unref(shorter);
    grebe_path_unref(other);
}

TEST(path_in_a_set_is_referenced_and_compared_by_value)
{
    struct grebe_path *path = new_path(names, 2), *same = new_path(names, 2);
    const struct grebe_attributes *x = with(NULL, &GREBE_ATTRIBUTE_PATH, path);
    const struct grebe_attributes *y = with(NULL, &GREBE_ATTRIBUTE_PATH, same);

    grebe_path_unref(path);
    grebe_path_unref(same);
    assert_true(grebe_attributes_equal(x, y));
    y = with(y, &GREBE_ATTRIBUTE_PATH, grebe_path_rest(same));
    assert_false(grebe_attributes_equal(x, y));
    grebe_attributes_unref(x);
    grebe_attributes_unref(y);
}

TEST(out_of_memory_makes_no_locality_and_no_part_of_a_path)
{
    struct grebe_locality *locality = NULL;
    struct grebe_path *path = NULL;

    mem.fail_at = 1;
    assert_int_equal(grebe_locality_new(&mem.interface, "a", "b", "c", &locality),
                     GREBE_ERR_NOMEM);
    assert_null(locality);
    for (uint32_t i = 1; i <= 3; i++) {
        mem.fail_at = mem.n_allocs + i;
        assert_int_equal(grebe_path_new(&mem.interface, names, 3, &path),
                         GREBE_ERR_NOMEM);
        assert_int_equal(mem.n_live, 0);
    }
    assert_null(path);
}

/* ---- Health ------------------------------------------------------------------------ */

TEST(health_has_names)
{
    for (int i = 0; i <= GREBE_ENDPOINT_HEALTH_DEGRADED; i++)
        assert_int_equal(grebe_endpoint_health_parse(
                             grebe_endpoint_health_name((enum grebe_endpoint_health)i)),
                         i);
    assert_string_equal(grebe_endpoint_health_name(GREBE_ENDPOINT_HEALTH_DRAINING),
                        "DRAINING");
    assert_string_equal(grebe_endpoint_health_name((enum grebe_endpoint_health)99),
                        "UNKNOWN");
    assert_int_equal(grebe_endpoint_health_parse("healthy"),
                     GREBE_ENDPOINT_HEALTH_HEALTHY);
    assert_int_equal(grebe_endpoint_health_parse("well"), -1);
    assert_int_equal(grebe_endpoint_health_parse(""), -1);
}

#define TEST_WITH_MEM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_MEM(weight_is_the_endpoints_own_or_the_largest_of_its_addresses),
        TEST_WITH_MEM(text_is_copied_and_outlives_the_set_it_came_with),
        TEST_WITH_MEM(text_is_compared_by_its_bytes),
        TEST_WITH_MEM(empty_text_is_as_if_it_had_not_been_set),
        TEST_WITH_MEM(text_survives_each_allocation_failing),
        TEST_WITH_MEM(locality_has_three_texts_and_a_label),
        TEST_WITH_MEM(localities_are_equal_if_all_their_parts_are),
        TEST_WITH_MEM(path_is_walked_name_by_name_and_its_rest_is_shared),
        TEST_WITH_MEM(empty_path_is_null),
        TEST_WITH_MEM(paths_are_equal_name_by_name),
        TEST_WITH_MEM(path_in_a_set_is_referenced_and_compared_by_value),
        TEST_WITH_MEM(out_of_memory_makes_no_locality_and_no_part_of_a_path),
        TEST_WITH_MEM(health_has_names),
    };

    return cmocka_run_group_tests_name("endpoint_facts", tests, NULL, NULL);
}
