/* SPDX-License-Identifier: Apache-2.0 */
/* What subconns keep for the calls on them, and until when. */
#include "balancer/keeper.h"

#include "support/mem.h"
#include "support/some_subconns.h"
#include "support/test.h"

struct thing {
    struct grebe__kept kept;
    bool is_used; /* by calls */
    bool is_freed;
};

static struct thing *of(struct grebe__kept *kept)
{
    return grebe_container_of(kept, struct thing, kept);
}

static void set_free(struct grebe__kept *kept)
{
    of(kept)->is_freed = true;
}

static bool is_unused(struct grebe__kept *kept)
{
    return !of(kept)->is_used;
}

static const struct grebe__kept_ops ops = {.free = set_free, .is_unused = is_unused};
static const struct grebe__kept_ops unknown = {.free = set_free};

static struct some_subconns some;
static struct test_mem mem;
static const int owner, other_owner;

static void init(void)
{
    some_subconns_make(&some);
    (void)test_mem_init(&mem);
}

static void fini(void)
{
    some_subconns_close(&some);
    some_subconns_give_up();
    assert_int_equal(mem.n_live, 0);
}

static void thing_init(struct thing *thing)
{
    *thing = (struct thing){.is_used = true};
    grebe__kept_init(&thing->kept, &ops);
}

static int keep(size_t i, const void *whose, struct thing *thing)
{
    return grebe__keep(&mem.interface, some.list[i], whose, &thing->kept);
}

TEST(what_is_kept_lasts_as_long_as_the_subconn)
{
    struct thing thing;
    struct grebe_subconn *held;

    init();
    thing_init(&thing);
    held = grebe_subconn_ref(some.list[0]); /* a call's */
    assert_int_equal(keep(0, &owner, &thing), GREBE_OK);
    grebe__kept_unref(&thing.kept);
    some_subconns_close(&some);
    assert_false(thing.is_freed);
    grebe_subconn_unref(held);
    some_subconns_give_up();
    assert_true(thing.is_freed);
    assert_int_equal(mem.n_live, 0);
}

TEST(it_is_kept_once_however_often_that_is_asked_for)
{
    struct thing thing;

    init();
    thing_init(&thing);
    for (int i = 0; i < 10; i++)
        assert_int_equal(keep(0, &owner, &thing), GREBE_OK);
    assert_int_equal(thing.kept.refs, 2);
    assert_int_equal(keep(1, &owner, &thing), GREBE_OK);
    assert_int_equal(thing.kept.refs, 3);
    assert_int_equal(keep(0, &other_owner, &thing),
                     GREBE_OK); /* has a keeper of its own */
    assert_int_equal(thing.kept.refs, 4);
    some_subconns_close(&some);
    some_subconns_give_up();
    assert_int_equal(thing.kept.refs, 1);
    grebe__kept_unref(&thing.kept);
    assert_true(thing.is_freed);
    assert_int_equal(mem.n_live, 0);
}

/* As of an endpoint that comes and goes, and has a new count each time. */
TEST(what_nobody_uses_any_more_goes_when_the_next_one_comes)
{
    struct thing things[3];

    init();
    for (size_t i = 0; i < 3; i++)
        thing_init(&things[i]);
    assert_int_equal(keep(0, &owner, &things[0]), GREBE_OK);
    things[0].is_used = false;
    assert_int_equal(keep(0, &owner, &things[1]), GREBE_OK);
    assert_false(things[0].is_freed); /* the test owns it, and may begin calls */
    assert_int_equal(things[0].kept.refs, 2);
    grebe__kept_unref(&things[0].kept);
    grebe__kept_unref(&things[1].kept);
    assert_int_equal(keep(0, &owner, &things[2]), GREBE_OK);
    assert_true(things[0].is_freed);
    assert_false(things[1].is_freed); /* a call is under way */
    grebe__kept_unref(&things[2].kept);
    fini();
    assert_true(things[1].is_freed && things[2].is_freed);
}

TEST(what_may_be_used_is_kept_to_the_end)
{
    struct thing first, next;

    init();
    thing_init(&first);
    thing_init(&next);
    first.kept.ops = &unknown;
    first.is_used = false;
    assert_int_equal(keep(0, &owner, &first), GREBE_OK);
    grebe__kept_unref(&first.kept);
    assert_int_equal(keep(0, &owner, &next), GREBE_OK);
    assert_false(first.is_freed);
    grebe__kept_unref(&next.kept);
    fini();
    assert_true(first.is_freed && next.is_freed);
}

TEST(a_subconn_keeps_as_many_as_there_are)
{
    struct thing things[100];

    init();
    for (size_t i = 0; i < 100; i++) {
        thing_init(&things[i]);
        assert_int_equal(keep(0, &owner, &things[i]), GREBE_OK);
        grebe__kept_unref(&things[i].kept);
    }
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(keep(0, &owner, &things[i]), GREBE_OK);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(things[i].kept.refs, 1);
    fini();
    for (size_t i = 0; i < 100; i++)
        assert_true(things[i].is_freed);
}

TEST(without_memory_nothing_is_kept_and_nothing_lost)
{
    struct thing things[10];

    init();
    for (size_t i = 0; i < 10; i++) {
        int result;

        thing_init(&things[i]);
        mem.fail_at = mem.n_allocs + 1;
        result = keep(0, &owner, &things[i]);
        mem.fail_at = 0;
        if (result != GREBE_OK) {
            assert_int_equal(result, GREBE_ERR_NOMEM);
            assert_int_equal(things[i].kept.refs, 1);
            assert_int_equal(keep(0, &owner, &things[i]), GREBE_OK);
        }
        assert_int_equal(things[i].kept.refs, 2);
        grebe__kept_unref(&things[i].kept);
    }
    fini();
    for (size_t i = 0; i < 10; i++)
        assert_true(things[i].is_freed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_lasts_as_long_as_the_subconn),
        cmocka_unit_test(it_is_kept_once_however_often_that_is_asked_for),
        cmocka_unit_test(what_nobody_uses_any_more_goes_when_the_next_one_comes),
        cmocka_unit_test(what_may_be_used_is_kept_to_the_end),
        cmocka_unit_test(a_subconn_keeps_as_many_as_there_are),
        cmocka_unit_test(without_memory_nothing_is_kept_and_nothing_lost),
    };

    return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
