/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <grebe/attributes.h>
#include <grebe/error.h>

#include "base/assert.h"
#include "support/mem.h"

/* ---- Keys -------------------------------------------------------------------------- */

struct counted {
    int refs;
    int number;
};

static bool is_same_number(const void *a, const void *b)
{
    return ((const struct counted *)a)->number == ((const struct counted *)b)->number;
}

static void get(void *value)
{
    if (value != NULL)
        ((struct counted *)value)->refs++;
}

static void put(void *value)
{
    if (value != NULL)
        ((struct counted *)value)->refs--;
}

static const struct grebe_attribute_key a = {"a", is_same_number, get, put};
static const struct grebe_attribute_key b = {"b", is_same_number, get, put};
static const struct grebe_attribute_key plain = {.name = "plain"};

static struct test_mem mem;

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

/* ---- Tests ------------------------------------------------------------------------- */

/* AT-4 */
TEST(value_is_found_under_its_key_only)
{
    struct counted one = {.number = 1};
    const struct grebe_attributes *set = with(NULL, &a, &one);

    assert_ptr_equal(grebe_attributes_get(set, &a), &one);
    assert_null(grebe_attributes_get(set, &b));
    assert_null(grebe_attributes_get(NULL, &a));
    assert_false(grebe_attributes_has(NULL, &a));
    grebe_attributes_unref(set);
}

/* AT-4 */
TEST(later_value_replaces_the_earlier_in_the_new_set_only)
{
    struct counted one = {.number = 1}, two = {.number = 2};
    const struct grebe_attributes *before = with(NULL, &a, &one), *after;

    after = with(grebe_attributes_ref(before), &a, &two);
    assert_ptr_equal(grebe_attributes_get(before, &a), &one);
    assert_ptr_equal(grebe_attributes_get(after, &a), &two);
    assert_int_equal(one.refs, 1);
    assert_int_equal(two.refs, 1);
    grebe_attributes_unref(before);
    grebe_attributes_unref(after);
    assert_int_equal(one.refs, 0);
    assert_int_equal(two.refs, 0);
}

/* AT-1, AT-4 */
TEST(null_value_is_a_value)
{
    struct counted one = {.number = 1};
    const struct grebe_attributes *null = with(NULL, &a, NULL);
    const struct grebe_attributes *number = with(NULL, &a, &one);
    const struct grebe_attributes *other = with(NULL, &a, NULL);

    assert_true(grebe_attributes_has(null, &a));
    assert_null(grebe_attributes_get(null, &a));
    assert_false(grebe_attributes_equal(null, number));
    assert_false(grebe_attributes_equal(number, null));
    assert_true(grebe_attributes_equal(null, other));
    assert_false(grebe_attributes_equal(null, NULL));
    grebe_attributes_unref(null);
    grebe_attributes_unref(number);
    grebe_attributes_unref(other);
}

/* Each digit of a spec is a value, the first under key a, the second under b; '-' is
 * none.  The letter says which is added first. */
static const struct grebe_attributes *make(const char *spec, struct counted numbers[3])
{
    const struct grebe_attributes *set = NULL;
    bool is_b_first = spec[2] == 'b';

    for (int i = 0; i < 2; i++) {
        int key = i ^ is_b_first;

        if (spec[key] != '-')
            set = with(set, key == 0 ? &a : &b, &numbers[spec[key] - '0']);
    }
    return set;
}

static const struct {
    const char *x, *y;
    bool is_equal;
} pairs[] = {
    {"--a", "--a", true},  {"1-a", "1-a", true},  {"1-a", "2-a", false},
    {"12a", "12b", true},  {"12a", "1-a", false}, {"1-a", "-1a", false},
    {"1-a", "--a", false}, {"12a", "21a", false}, {"11a", "11b", true},
};

/* AT-1 */
TEST(equality_is_of_keys_and_values_in_any_order)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(pairs); i++) {
        struct counted left[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
        struct counted right[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
        const struct grebe_attributes *x = make(pairs[i].x, left);
        const struct grebe_attributes *y = make(pairs[i].y, right);

        assert_int_equal(grebe_attributes_equal(x, y), pairs[i].is_equal);
        assert_int_equal(grebe_attributes_equal(y, x), pairs[i].is_equal);
        grebe_attributes_unref(x);
        grebe_attributes_unref(y);
    }
}

TEST(key_without_functions_compares_pointers)
{
    const struct grebe_attributes *three = with(NULL, &plain, (void *)(uintptr_t)3);
    const struct grebe_attributes *also = with(NULL, &plain, (void *)(uintptr_t)3);
    const struct grebe_attributes *four = with(NULL, &plain, (void *)(uintptr_t)4);

    assert_true(grebe_attributes_equal(three, also));
    assert_false(grebe_attributes_equal(three, four));
    grebe_attributes_unref(three);
    grebe_attributes_unref(also);
    grebe_attributes_unref(four);
}

TEST(out_of_memory_makes_nothing_and_counts_nothing)
{
    struct counted one = {.number = 1};
    const struct grebe_attributes *base = with(NULL, &a, &one), *made = NULL;

    mem.fail_at = mem.n_allocs + 1;
    assert_int_equal(grebe_attributes_with(&mem.interface, base, &b, &one, &made),
                     GREBE_ERR_NOMEM);
    assert_null(made);
    assert_int_equal(one.refs, 1);
    grebe_attributes_unref(base);
}

#define TEST_WITH_MEM(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_WITH_MEM(value_is_found_under_its_key_only),
        TEST_WITH_MEM(later_value_replaces_the_earlier_in_the_new_set_only),
        TEST_WITH_MEM(null_value_is_a_value),
        TEST_WITH_MEM(equality_is_of_keys_and_values_in_any_order),
        TEST_WITH_MEM(key_without_functions_compares_pointers),
        TEST_WITH_MEM(out_of_memory_makes_nothing_and_counts_nothing),
    };

    return cmocka_run_group_tests_name("attributes", tests, NULL, NULL);
}
