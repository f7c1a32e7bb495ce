/* SPDX-License-Identifier: Apache-2.0 */
/* Calls counted by backend: who gets them, and what is told of the backends. */
#include "support/test.h"

#include <stdlib.h>

#include "tally.h"

/* In one place, for its size. */
static struct bench {
    struct events events;
    struct tally tally;
    struct tally_sum sum;
} b;

static int set_up(void **state)
{
    (void)state;
    events_init(&b.events);
    tally_init(&b.tally, &b.events);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tally_fini(&b.tally);
    events_fini(&b.events);
    return 0;
}

static void add(const char *peer, int code, uint64_t done_ns)
{
    struct grebe_status status = {.code = code, .message = "why", .message_length = 3};

    assert_true(tally_add(&b.tally, &(struct tally_call){.peer = peer,
                                                         .status = &status,
                                                         .latency_ns = 1000,
                                                         .picked_ns = done_ns - 1000,
                                                         .done_ns = done_ns}));
}

/* "failing 1.1.1.1:1 UNAVAILABLE: why; recovered ..." */
static const char *told(void)
{
    static char text[4096];
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < b.events.n; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s %s %s",
                                   i == 0 ? "" : "; ", b.events.items[i].name,
                                   b.events.items[i].address, b.events.items[i].detail);
    return text;
}

TEST(backends_are_told_apart_by_text_not_by_pointer)
{
    char here[] = "10.0.0.1:1", there[] = "10.0.0.1:1";

    add(here, 0, SECOND);
    add(there, 0, SECOND);
    assert_int_equal(b.tally.n_backends, 1);
    strcpy(here, "10.0.0.2:1"); /* memory that is used again */
    add(here, 0, SECOND);
    assert_int_equal(b.tally.n_backends, 2);
    assert_int_equal(b.tally.backends[0]->n, 2);
    assert_int_equal(b.tally.backends[1]->n, 1);
}

TEST(thousands_of_pointers_find_their_backends)
{
    enum { BACKENDS = 1000, ROUNDS = 20 };
    char(*names)[32] = calloc((size_t)BACKENDS * ROUNDS, sizeof *names);

    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < BACKENDS; i++) {
            char *name = names[round * BACKENDS + i];

            snprintf(name, 32, "10.0.%d.%d:1", i / 250, i % 250);
            add(name, 0, SECOND);
        }
    assert_int_equal(b.tally.n_backends, BACKENDS);
    for (int i = 0; i < BACKENDS; i++)
        assert_int_equal(b.tally.backends[i]->n, ROUNDS);
    free(names);
}

TEST(sums_and_balance)
{
    for (int i = 0; i < 30; i++)
        add("a:1", 0, SECOND);
    for (int i = 0; i < 10; i++)
        add("b:1", i == 0 ? GREBE_STATUS_UNAVAILABLE : 0, SECOND);
    add("b:1", 99, SECOND);
    add("", GREBE_STATUS_UNAVAILABLE, SECOND);
    tally_sum(&b.tally, &b.sum);
    assert_int_equal(b.sum.n, 42);
    assert_int_equal(b.sum.n_ok, 39);
    assert_int_equal(b.sum.codes[GREBE_STATUS_UNAVAILABLE], 2);
    assert_int_equal(b.sum.codes[TALLY_OTHER], 1);
    assert_int_equal(b.sum.latency.n, 42);
    assert_true(b.sum.max_over_mean == 30 / (41.0 / 2));
    assert_true(b.sum.jain == 41.0 * 41 / (2 * (30.0 * 30 + 11 * 11)));
}

TEST(expected_backends_weigh_without_calls)
{
    size_t n;
    struct tally_backend **sorted;

    assert_true(tally_expect(&b.tally, "a:10"));
    assert_true(tally_expect(&b.tally, "a:9"));
    assert_true(tally_expect(&b.tally, "a:9"));
    add("a:9", 0, SECOND);
    add("", 0, SECOND);
    tally_sum(&b.tally, &b.sum);
    assert_true(b.sum.max_over_mean == 2);
    assert_true(b.sum.jain == 0.5);
    sorted = tally_sorted(&b.tally, &n);
    assert_int_equal(n, 2);
    assert_string_equal(sorted[0]->address, "a:9");
    assert_string_equal(sorted[1]->address, "a:10");
    free(sorted);
}

TEST(failures_in_a_row_are_told_once_and_so_is_their_end)
{
    add("a:1", 0, SECOND);
    add("a:1", GREBE_STATUS_UNAVAILABLE, 2 * SECOND);
    add("a:1", 0, 2 * SECOND);
    assert_string_equal(told(), ""); /* one failure is no news */
    for (int i = 0; i < 10; i++)
        add("a:1", GREBE_STATUS_UNAVAILABLE, (uint64_t)(3 + i) * SECOND);
    add("a:1", 0, 13 * SECOND);
    add("a:1", 0, 14 * SECOND);
    assert_string_equal(told(), "failing a:1 UNAVAILABLE: why; "
                                "recovered a:1 after 10 failures in 10.0s");
    assert_int_equal(b.events.items[0].at_ns, 3 * SECOND);
}

TEST(late_backends_join)
{
    add("a:1", 0, 10 * SECOND);
    add("b:1", 0, 10 * SECOND + 400 * MS);
    add("c:1", 0, 10 * SECOND + 600 * MS);
    assert_string_equal(told(), "joined c:1 first call");
}

TEST(backends_without_calls_go_quiet_and_come_back)
{
    assert_true(tally_expect(&b.tally, "never:1"));
    for (int look = 0; look < 4; look++) {
        for (int i = 0; i < 100; i++)
            add("a:1", 0, SECOND);
        if (look == 0 || look == 3)
            add("b:1", 0, SECOND);
        tally_look(&b.tally, (uint64_t)(2 + look) * SECOND);
    }
    assert_string_equal(told(), "quiet b:1 gets no calls any more; back b:1 after 2.00s");
}

TEST(few_calls_prove_nothing)
{
    add("a:1", 0, SECOND);
    add("b:1", 0, SECOND);
    tally_look(&b.tally, 2 * SECOND);
    add("a:1", 0, SECOND);
    tally_look(&b.tally, 3 * SECOND);
    assert_string_equal(told(), "");
}

TEST(events_beyond_the_limit_are_counted)
{
    for (int i = 0; i < EVENTS_MAX + 5; i++)
        events_add(&b.events, SECOND, "log", "", "%d", i);
    assert_int_equal(b.events.n, EVENTS_MAX);
    assert_int_equal(b.events.n_lost, 5);
}

#define TALLY_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALLY_TEST(backends_are_told_apart_by_text_not_by_pointer),
        TALLY_TEST(thousands_of_pointers_find_their_backends),
        TALLY_TEST(sums_and_balance),
        TALLY_TEST(expected_backends_weigh_without_calls),
        TALLY_TEST(failures_in_a_row_are_told_once_and_so_is_their_end),
        TALLY_TEST(late_backends_join),
        TALLY_TEST(backends_without_calls_go_quiet_and_come_back),
        TALLY_TEST(few_calls_prove_nothing),
        TALLY_TEST(events_beyond_the_limit_are_counted),
    };

    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
