/* SPDX-License-Identifier: Apache-2.0 */
/* round_robin on the bench.  A cycle is the repeating pick sequence, rotated to start at
 * its smallest name, because the policy starts at a random child. */
#include "support/test.h"

#include <pthread.h>

#include "balancer/round_robin.h"
#include "support/lb_bench.h"

/* R C I T stand for READY, CONNECTING, IDLE, TRANSIENT_FAILURE.  A child that was told to
 * connect and has not begun to is CONNECTING for its pick_first. */
static const struct {
    const char *children;
    enum grebe_connectivity state;
    const char *cycle;
} mixes[] = {
    {"a=R b=R c=R", GREBE_READY, "a b c"},
    {"a=R b=C c=R", GREBE_READY, "a c"},
    {"a=T b=R c=I", GREBE_READY, "b"},
    {"a=R b=C c=T", GREBE_READY, "a"},
    {"a=C b=T c=I", GREBE_CONNECTING, "queue"},
    {"a=T b=I c=T", GREBE_CONNECTING, "queue"},
    {"a=T b=T c=T", GREBE_TRANSIENT_FAILURE, "fail: connection refused"},
};

/* ES-12, C-5 */
TEST(reports_and_picks_per_mix)
{
    for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++)
        for (uint64_t seed = 0; seed < 5; seed++) {
            struct lb_bench b;

            assert_true(lb_bench_init(&b, &grebe__round_robin, seed));
            lb_bench_set(&b, mixes[i].children);
            assert_int_equal(b.lab.state, mixes[i].state);
            assert_string_equal(lb_bench_cycle(&b), mixes[i].cycle);
            lb_bench_fini(&b);
        }
}

/* RR-1, ES-2: Connections are made in a rotated order, and calls go round in that order. */
TEST(every_ready_endpoint_has_one_turn_in_a_cycle)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct lb_bench b;
        const char *cycle;

        assert_true(lb_bench_init(&b, &grebe__round_robin, seed));
        lb_bench_set(&b, "a=R b=R c=R d=T");
        cycle = lb_bench_cycle(&b);
        assert_true(strcmp(cycle, "a b c") == 0);
        lb_bench_fini(&b);
    }
}

/* A backend that fails time and again leaves the turns of the others where they are, although
 * each failure is reported.  Its way back is another list, begun anywhere. */
TEST(turns_go_on_while_another_one_fails)
{
    static const enum grebe_connectivity states[] = {GREBE_IDLE, GREBE_CONNECTING,
                                                     GREBE_TRANSIENT_FAILURE};

    for (uint64_t seed = 0; seed < 10; seed++) {
        char turns[3][8];
        struct lb_bench b;

        assert_true(lb_bench_init(&b, &grebe__round_robin, seed));
        lb_bench_set(&b, "a=R b=R c=R d=T");
        for (int i = 0; i < 3; i++)
            snprintf(turns[i], sizeof turns[i], "%s", lb_bench_pick(&b));
        for (int i = 0; i < 20; i++) {
            uint32_t n_published = b.n_published;

            lb_bench_subconn(&b, "d", states[i % 3], NULL);
            if (states[i % 3] == GREBE_TRANSIENT_FAILURE)
                assert_int_equal(b.n_published, n_published + 1);
            assert_string_equal(lb_bench_pick(&b), turns[i % 3]);
        }
        lb_bench_subconn(&b, "d", GREBE_IDLE, NULL);
        lb_bench_connect(&b, "d");
        assert_string_equal(lb_bench_cycle(&b), "a b c d");
        lb_bench_subconn(&b, "b", GREBE_IDLE, NULL);
        assert_string_equal(lb_bench_cycle(&b), "a c d");
        lb_bench_fini(&b);
    }
}

/* Who comes back with another picker is another one. */
TEST(who_was_lost_and_is_back_is_picked_where_it_is_now)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    for (int i = 0; i < 3; i++) {
        lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
        assert_string_equal(lb_bench_cycle(&b), "b");
        lb_bench_connect(&b, "a");
        assert_string_equal(lb_bench_cycle(&b), "a b");
        lb_bench_health(&b, "b", GREBE_TRANSIENT_FAILURE, "NOT_SERVING");
        assert_string_equal(lb_bench_cycle(&b), "a");
        lb_bench_health(&b, "b", GREBE_READY, NULL);
        assert_string_equal(lb_bench_cycle(&b), "a b");
    }
    lb_bench_fini(&b);
}

/* RR-1: Exact: a tolerance would hide the off-by-one that starves the last endpoint. */
TEST(split_is_exact)
{
    static const char *const names[] = {"a", "b", "c"};

    for (size_t i = 0; i < 3; i++) {
        struct lb_bench b;

        assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
        lb_bench_set(&b, "a=R b=R c=R");
        assert_int_equal(lb_bench_count(&b, 9000, names[i]), 3000);
        lb_bench_fini(&b);
    }
}

TEST(clients_with_other_seeds_start_elsewhere)
{
    char first[3] = {0};

    for (uint64_t seed = 0; seed < 50; seed++) {
        struct lb_bench b;

        assert_true(lb_bench_init(&b, &grebe__round_robin, seed));
        lb_bench_set(&b, "a=R b=R c=R");
        first[lb_bench_pick(&b)[0] - 'a']++;
        lb_bench_fini(&b);
    }
    for (size_t i = 0; i < 3; i++)
        assert_true(first[i] > 0);
}

TEST(each_new_picker_starts_anywhere)
{
    struct lb_bench b;
    char first[2] = {0};

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    for (int i = 0; i < 50; i++) {
        lb_bench_health(&b, "a", GREBE_READY, NULL);
        lb_bench_resolver_error(&b, "publish again");
        first[lb_bench_pick(&b)[0] - 'a']++;
    }
    assert_true(first[0] > 0 && first[1] > 0);
    lb_bench_fini(&b);
}

/* RR-4, RR-9 */
TEST(one_endpoint_down_leaves_the_rest_in_rotation)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_set(&b, "a=R b=R c=R");
    lb_bench_log(&b);
    lb_bench_subconn(&b, "b", GREBE_IDLE, NULL);
    /* Lost: the rotation goes on without it, and it is dialled without any call. */
    assert_string_equal(lb_bench_log(&b), "READY, connect b, READY");
    assert_string_equal(lb_bench_cycle(&b), "a c");
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_TRANSIENT_FAILURE, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_string_equal(lb_bench_cycle(&b), "a c");
    lb_bench_subconn(&b, "b", GREBE_IDLE, NULL);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    lb_bench_health(&b, "b", GREBE_READY, NULL);
    assert_string_equal(lb_bench_cycle(&b), "a b c");
    lb_bench_fini(&b);
}

TEST(unhealthy_endpoint_leaves_the_rotation_and_keeps_its_connection)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    lb_bench_health(&b, "a", GREBE_TRANSIENT_FAILURE, "NOT_SERVING");
    assert_string_equal(lb_bench_cycle(&b), "b");
    assert_int_equal(lb_bench_n_live(&b), 2);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    assert_string_equal(lb_bench_cycle(&b), "a b");
    lb_bench_fini(&b);
}

/* ES-10 */
TEST(update_is_published_once)
{
    struct lb_bench b;
    uint32_t before;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_set(&b, "a=R b=R c=R");
    before = b.n_published;
    lb_bench_update(&b, "a b c d e f", NULL);
    assert_int_equal(b.n_published, before + 1);
    lb_bench_resolver_error(&b, "ignored");
    assert_int_equal(b.n_published, before + 2);
    assert_string_equal(lb_bench_cycle(&b), "a b c");
    lb_bench_fini(&b);
}

TEST(endpoints_come_and_go_without_touching_the_others)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    lb_bench_log(&b);
    assert_int_equal(lb_bench_update(&b, "b c", NULL), GREBE_OK);
    assert_null(strstr(lb_bench_log(&b), "new b"));
    assert_string_equal(lb_bench_cycle(&b), "b");
    assert_int_equal(lb_bench_n_live(&b), 2);
    lb_bench_fini(&b);
}

/* RR-8 */
TEST(endpoint_with_two_addresses_has_one_share)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_update(&b, "a+b c", NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_READY, NULL);
    lb_bench_health(&b, "b", GREBE_READY, NULL);
    lb_bench_subconn(&b, "c", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "c", GREBE_READY, NULL);
    lb_bench_health(&b, "c", GREBE_READY, NULL);
    assert_string_equal(lb_bench_cycle(&b), "b c");
    lb_bench_fini(&b);
}

/* C-1: an endpoint is its set of addresses, whatever comes first. */
TEST(another_order_of_addresses_leaves_the_connection_alone)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_update(&b, "a+b", NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    lb_bench_log(&b);
    assert_int_equal(lb_bench_update(&b, "b+a", NULL), GREBE_OK);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_string_equal(lb_bench_cycle(&b), "a");
    lb_bench_fini(&b);
}

/* RR-2, C-3 */
TEST(no_endpoints_is_a_failure_and_asks_the_resolver_again)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_set(&b, "a=R");
    assert_int_equal(lb_bench_update(&b, "", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(lb_bench_pick(&b), "fail: no children to pick from");
    assert_int_equal(lb_bench_n_live(&b), 0);
    lb_bench_set(&b, "b=R");
    assert_string_equal(lb_bench_pick(&b), "b");
    lb_bench_fini(&b);
}

/* RR-4, C-7 */
TEST(failures_of_all_children_are_shown_in_turn)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_update(&b, "a b", NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, "a is down");
    lb_bench_subconn(&b, "b", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "b", GREBE_TRANSIENT_FAILURE, "b is down");
    assert_string_equal(lb_bench_cycle(&b), "fail: a is down fail: b is down");
    lb_bench_fini(&b);
}

/* ES-3 */
TEST(a_resolver_error_is_what_failing_children_say)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_set(&b, "a=T b=T");
    lb_bench_resolver_error(&b, "no such host");
    for (int i = 0; i < 2; i++)
        assert_string_equal(lb_bench_pick(&b), "fail: name resolver error: no such host");
    lb_bench_fini(&b);
}

TEST(without_children_the_resolver_error_is_told)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_resolver_error(&b, "no such host");
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(lb_bench_pick(&b),
                        "fail: no children to pick from; last resolver "
                        "error: no such host");
    lb_bench_update(&b, "", NULL);
    assert_string_equal(lb_bench_pick(&b), "fail: no children to pick from");
    lb_bench_fini(&b);
}

/* ---- Out of memory -------------------------------------------------------------------------- */

TEST(out_of_memory_keeps_the_last_picker)
{
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_set(&b, "a=R b=R");
    b.mem.fail_at = b.mem.n_allocs + 1; /* the next allocation */
    assert_int_equal(lb_bench_update(&b, "a b c", NULL), GREBE_ERR_NOMEM);
    assert_true(b.mem.has_failed);
    assert_string_equal(lb_bench_cycle(&b), "a b");
    lb_bench_fini(&b);
}

/* b comes back, and there is no memory for a picker with it in the rotation; false: it was
 * for something else. */
static bool lacks_a_picker(struct lb_bench *b, uint64_t nth)
{
    assert_true(lb_bench_init(b, &grebe__round_robin, 1));
    lb_bench_set(b, "a=R b=C");
    lb_bench_subconn(b, "b", GREBE_READY, NULL);
    lab_fail_allocation(&b->lab, nth);
    lb_bench_health(b, "b", GREBE_READY, NULL);
    assert_true(b->lab.mem.has_failed);
    return strcmp(lb_bench_cycle(b), "a") == 0;
}

TEST(picker_that_memory_was_short_for_is_made_a_second_later)
{
    struct lb_bench b;
    uint64_t nth = 0;

    while (!lacks_a_picker(&b, ++nth))
        lb_bench_fini(&b);
    lb_bench_log(&b);
    lb_bench_advance_ms(&b, 999);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_advance_ms(&b, 1);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_string_equal(lb_bench_cycle(&b), "a b");
    lb_bench_advance_ms(&b, 10000);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_fini(&b);

    /* One that was made since is enough. */
    assert_true(lacks_a_picker(&b, nth));
    lb_bench_set(&b, "a=R b=R c=R");
    lb_bench_log(&b);
    lb_bench_advance_ms(&b, 10000);
    assert_string_equal(lb_bench_log(&b), "");
    lb_bench_fini(&b);
}

static void live_a_life(struct lb_bench *b)
{
    lb_bench_set(b, "a=R b=T c=C");
    lb_bench_pick(b);
    lb_bench_update(b, "a c d+e", NULL);
    lb_bench_resolver_error(b, "gone");
    lb_bench_subconn(b, "a", GREBE_IDLE, NULL);
    lb_bench_pick(b);
    lb_bench_update(b, "", NULL);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__round_robin, live_a_life);
}

/* ---- Threads ------------------------------------------------------------------------- */

struct asker {
    struct grebe_picker *picker;
    const void *caller;
    char name[2];
};

static void *ask(void *arg)
{
    struct asker *asker = arg;
    const struct grebe_pick_args args = {.method = "/s/m", .caller = asker->caller};
    struct grebe_pick pick;

    grebe_pick_init(&pick);
    grebe_picker_pick(asker->picker, &args, &pick);
    asker->name[0] =
        lab_subconn_name(grebe_container_of(pick.subconn, struct lab_subconn, base))[0];
    return NULL;
}

/* A channel is one caller, whichever of the threads that wait for calls drives its loop: its
 * recording has one sequence of picks. */
TEST(a_caller_goes_round_once_on_whatever_threads)
{
    struct asker asker = {.caller = &asker};
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__round_robin, 1));
    lb_bench_set(&b, "a=R b=R c=R");
    asker.picker = b.lab.picker;
    (void)ask(&asker);
    for (int i = 0; i < 20; i++) {
        int before = asker.name[0];
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, ask, &asker), 0);
        pthread_join(thread, NULL);
        if (i % 3 == 2) {
            assert_int_equal(asker.name[0], 'a' + (before - 'a' + 1) % 3);
            (void)ask(&asker); /* and here */
            before = before == 'c' ? 'a' : before + 1;
        }
        assert_int_equal(asker.name[0], 'a' + (before - 'a' + 1) % 3);
    }
    lb_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_and_picks_per_mix),
        cmocka_unit_test(every_ready_endpoint_has_one_turn_in_a_cycle),
        cmocka_unit_test(turns_go_on_while_another_one_fails),
        cmocka_unit_test(who_was_lost_and_is_back_is_picked_where_it_is_now),
        cmocka_unit_test(split_is_exact),
        cmocka_unit_test(clients_with_other_seeds_start_elsewhere),
        cmocka_unit_test(each_new_picker_starts_anywhere),
        cmocka_unit_test(one_endpoint_down_leaves_the_rest_in_rotation),
        cmocka_unit_test(unhealthy_endpoint_leaves_the_rotation_and_keeps_its_connection),
        cmocka_unit_test(update_is_published_once),
        cmocka_unit_test(endpoints_come_and_go_without_touching_the_others),
        cmocka_unit_test(endpoint_with_two_addresses_has_one_share),
        cmocka_unit_test(another_order_of_addresses_leaves_the_connection_alone),
        cmocka_unit_test(no_endpoints_is_a_failure_and_asks_the_resolver_again),
        cmocka_unit_test(failures_of_all_children_are_shown_in_turn),
        cmocka_unit_test(a_resolver_error_is_what_failing_children_say),
        cmocka_unit_test(without_children_the_resolver_error_is_told),
        cmocka_unit_test(out_of_memory_keeps_the_last_picker),
        cmocka_unit_test(picker_that_memory_was_short_for_is_made_a_second_later),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
        cmocka_unit_test(a_caller_goes_round_once_on_whatever_threads),
    };

    return cmocka_run_group_tests_name("round_robin", tests, NULL, NULL);
}
