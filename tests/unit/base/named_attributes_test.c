/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes whose names come from outside. */
#include "support/test.h"

#include <grebe/attributes.h>
#include <grebe/endpoint.h>
#include <grebe/error.h>

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
                                           const char *name, const char *value)
{
    const struct grebe_attributes *made = NULL;

    assert_int_equal(
        grebe_attributes_with_named(&mem.interface, base, name, value, &made), GREBE_OK);
    grebe_attributes_unref(base);
    return made;
}

/* "a=1 b=2" */
static const char *all(const struct grebe_attributes *attributes)
{
    static char text[256];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < grebe_attributes_n_named(attributes); i++) {
        const char *name, *value = grebe_attributes_named_at(attributes, i, &name);

        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s",
                                 i == 0 ? "" : " ", name, value);
    }
    return text;
}

TEST(value_is_found_under_its_name)
{
    const struct grebe_attributes *set = with(NULL, "version", "v2");

    set = with(set, "canary", "");
    set = with(set, "", "no name");
    assert_string_equal(grebe_attributes_named(set, "version"), "v2");
    assert_string_equal(grebe_attributes_named(set, "canary"), "");
    assert_string_equal(grebe_attributes_named(set, ""), "no name");
    assert_null(grebe_attributes_named(set, "Version"));
    assert_null(grebe_attributes_named(set, "versio"));
    assert_null(grebe_attributes_named(set, "versions"));
    assert_null(grebe_attributes_named(set, "zone"));
    grebe_attributes_unref(set);
}

TEST(nothing_is_found_in_a_set_without_names)
{
    const struct grebe_attributes *set = NULL;

    assert_null(grebe_attributes_named(NULL, "a"));
    assert_int_equal(grebe_attributes_n_named(NULL), 0);
    assert_int_equal(grebe_attributes_with(&mem.interface, NULL, &GREBE_ATTRIBUTE_WEIGHT,
                                           (void *)7, &set),
                     GREBE_OK);
    assert_null(grebe_attributes_named(set, "weight"));
    assert_int_equal(grebe_attributes_n_named(set), 0);
    grebe_attributes_unref(set);
}

TEST(names_are_in_order_whatever_order_they_came_in)
{
    static const char *const orders[] = {"abcd", "dcba", "bdac", "cadb"};

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        const struct grebe_attributes *set = NULL;

        for (const char *c = orders[i]; *c != '\0'; c++) {
            const char name[2] = {*c, '\0'};

            set = with(set, name, name);
        }
        assert_string_equal(all(set), "a=a b=b c=c d=d");
        grebe_attributes_unref(set);
    }
}

TEST(later_value_replaces_the_earlier_in_the_new_set_only)
{
    const struct grebe_attributes *old = with(NULL, "b", "1"), *changed;

    old = with(old, "a", "2");
    changed = with(grebe_attributes_ref(old), "b", "something longer");
    assert_string_equal(all(changed), "a=2 b=something longer");
    assert_string_equal(all(old), "a=2 b=1");
    grebe_attributes_unref(old);
    grebe_attributes_unref(changed);
}

TEST(name_and_value_are_copied)
{
    char name[] = "name", value[] = "value";
    const struct grebe_attributes *set = with(NULL, name, value);

    name[0] = value[0] = 'x';
    assert_string_equal(all(set), "name=value");
    grebe_attributes_unref(set);
}

TEST(other_attributes_are_not_in_the_way)
{
    const struct grebe_attributes *set = with(NULL, "weight", "heavy"), *both = NULL;

    assert_int_equal(grebe_attributes_with(&mem.interface, set, &GREBE_ATTRIBUTE_WEIGHT,
                                           (void *)7, &both),
                     GREBE_OK);
    both = with(both, "zone", "a");
    assert_ptr_equal(grebe_attributes_get(both, &GREBE_ATTRIBUTE_WEIGHT), (void *)7);
    assert_string_equal(all(both), "weight=heavy zone=a");
    grebe_attributes_unref(set);
    grebe_attributes_unref(both);
}

TEST(sets_are_equal_if_names_and_values_are)
{
    const struct grebe_attributes *a = with(with(NULL, "a", "1"), "b", "2");
    const struct grebe_attributes *same = with(with(NULL, "b", "2"), "a", "1");
    const struct grebe_attributes *value = with(with(NULL, "a", "1"), "b", "3");
    const struct grebe_attributes *name = with(with(NULL, "a", "1"), "c", "2");
    const struct grebe_attributes *fewer = with(NULL, "a", "1");

    assert_true(grebe_attributes_equal(a, same));
    assert_false(grebe_attributes_equal(a, value));
    assert_false(grebe_attributes_equal(a, name));
    assert_false(grebe_attributes_equal(a, fewer));
    assert_false(grebe_attributes_equal(fewer, a));
    assert_false(grebe_attributes_equal(a, NULL));
    grebe_attributes_unref(a);
    grebe_attributes_unref(same);
    grebe_attributes_unref(value);
    grebe_attributes_unref(name);
    grebe_attributes_unref(fewer);
}

TEST(out_of_memory_makes_nothing)
{
    const struct grebe_attributes *base = with(NULL, "a", "1"), *made = NULL;

    for (uint32_t n = 1; n <= 2; n++) {
        mem.fail_at = mem.n_allocs + n;
        assert_int_equal(
            grebe_attributes_with_named(&mem.interface, base, "b", "2", &made),
            GREBE_ERR_NOMEM);
        assert_null(made);
        assert_string_equal(all(base), "a=1");
    }
    grebe_attributes_unref(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(value_is_found_under_its_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_found_in_a_set_without_names, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(names_are_in_order_whatever_order_they_came_in,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            later_value_replaces_the_earlier_in_the_new_set_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(name_and_value_are_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_attributes_are_not_in_the_way, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sets_are_equal_if_names_and_values_are, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(out_of_memory_makes_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("named_attributes", tests, NULL, NULL);
}
