/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a picker still stands, child by child.  Letters are pickers of children that are READY;
 * "-" is a child that is not. */
#include "support/test.h"

#include "balancer/standing_picker.h"
#include "support/mem.h"

enum { MAX = 4 };

struct bench {
    struct test_mem mem;
    struct grebe_picker *pickers[MAX]; /* of a, b, c, d */
    struct grebe_sharding_child children[MAX];
    struct grebe__standing_picker standing;
};

static void init(struct bench *b)
{
    const struct grebe_status status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "x");

    (void)test_mem_init(&b->mem);
    for (int i = 0; i < MAX; i++)
        b->pickers[i] = grebe_picker_failing(NULL, &status);
    b->standing = (struct grebe__standing_picker){NULL, NULL, 0};
}

static void fini(struct bench *b)
{
    grebe__standing_picker_drop(&b->standing, &b->mem.interface);
    for (int i = 0; i < MAX; i++)
        grebe_picker_unref(b->pickers[i]);
    assert_int_equal(b->mem.n_live, 0);
}

static size_t set(struct bench *b, const char *children)
{
    size_t n = strlen(children);

    for (size_t i = 0; i < n; i++)
        b->children[i] = (struct grebe_sharding_child){
            .state = children[i] == '-' ? GREBE_CONNECTING : GREBE_READY,
            .picker = b->pickers[children[i] == '-' ? 3 : children[i] - 'a'],
        };
    return n;
}

static void put(struct bench *b, const char *children)
{
    size_t n = set(b, children);

    grebe__standing_picker_put(&b->standing, &b->mem.interface, b->pickers[0],
                               b->children, n);
}

static bool is_of(struct bench *b, const char *children)
{
    size_t n = set(b, children);

    return grebe__standing_picker_is_of(&b->standing, b->children, n);
}

TEST(it_stands_while_those_that_are_ready_are_the_same)
{
    struct bench b;

    init(&b);
    assert_false(is_of(&b, "ab"));
    assert_false(is_of(&b, "--"));
    put(&b, "a-b");
    assert_true(is_of(&b, "a-b"));
    assert_true(is_of(&b, "ab-"));
    assert_true(is_of(&b, "-ab"));
    assert_false(is_of(&b, "a--"));
    assert_false(is_of(&b, "-b"));
    assert_false(is_of(&b, "--"));
    assert_false(is_of(&b, "abc"));
    assert_false(is_of(&b, "cab"));
    assert_false(is_of(&b, "ac"));
    assert_false(is_of(&b, "ba"));
    put(&b, "abc");
    assert_true(is_of(&b, "abc"));
    assert_false(is_of(&b, "ab"));
    grebe__standing_picker_drop(&b.standing, &b.mem.interface);
    assert_false(is_of(&b, "abc"));
    fini(&b);
}

TEST(without_memory_none_stands)
{
    struct bench b;

    init(&b);
    put(&b, "ab");
    b.mem.fail_at = b.mem.n_allocs + 1;
    put(&b, "ab");
    assert_false(is_of(&b, "ab"));
    put(&b, "ab");
    assert_true(is_of(&b, "ab"));
    fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stands_while_those_that_are_ready_are_the_same),
        cmocka_unit_test(without_memory_none_stands),
    };

    return cmocka_run_group_tests_name("standing_picker", tests, NULL, NULL);
}
