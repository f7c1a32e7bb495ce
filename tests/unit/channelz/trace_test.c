/* SPDX-License-Identifier: Apache-2.0 */
/* A trace by itself: what it keeps, what it forgets, and how an event reads. */
#include "support/test.h"

#include "channelz/book.h"
#include "support/mem.h"

static const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;

struct bench {
    struct test_mem mem;
    struct grebe__trace trace;
};

static void start(struct bench *b, uint32_t n_max)
{
    test_mem_init(&b->mem);
    grebe__trace_init(&b->trace, n_max, 7);
}

static void finish(struct bench *b)
{
    struct grebe__entity *lost;

    while (grebe__trace_shift(&b->trace, &b->mem.interface, &lost))
        continue;
    grebe__trace_fini(&b->trace, &b->mem.interface);
    assert_int_equal(b->mem.n_live, 0);
}

static bool add(struct bench *b, const char *detail)
{
    static const struct grebe__phrase plain_phrase = {"", ""};
    const struct grebe__happening what = {
        .phrase = &plain_phrase, .of.text = detail, .detail = GREBE__DETAIL_COPIED};
    struct grebe__entity *lost;
    bool is_kept =
        grebe__trace_add(&b->trace, &b->mem.interface, b->trace.n_logged, &what, &lost);

    assert_null(lost);
    return is_kept;
}

/* "3 4 5" */
static const char *kept(const struct bench *b)
{
    static char buf[1024];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);

    for (uint32_t i = 0; i < b->trace.n; i++) {
        if (i > 0)
            grebe__text_append(&text, " ", 1);
        grebe__happening_append(&text, &grebe__trace_at(&b->trace, i)->what);
    }
    return buf;
}

/* gRFC A3: the newest are kept, and all are counted. */
TEST(oldest_events_go_first)
{
    struct bench b;

    start(&b, 3);
    for (int i = 1; i <= 5; i++) {
        char text[16];

        snprintf(text, sizeof text, "%d", i);
        assert_true(add(&b, text));
    }
    assert_string_equal(kept(&b), "3 4 5");
    assert_int_equal(b.trace.n_logged, 5);
    assert_int_equal(b.trace.created_ns, 7);
    assert_int_equal(grebe__trace_at(&b.trace, 0)->at_ns, 2);
    finish(&b);
}

TEST(thirty_events_are_all_there)
{
    struct bench b;

    start(&b, 30);
    for (int i = 0; i < 30; i++)
        assert_true(add(&b, "x"));
    assert_int_equal(b.trace.n, 30);
    assert_int_equal(b.trace.n_room, 30);
    assert_true(add(&b, "y"));
    assert_int_equal(b.trace.n, 30);
    finish(&b);
}

TEST(trace_that_keeps_nothing_counts)
{
    struct bench b;

    start(&b, 0);
    assert_false(add(&b, "x"));
    assert_int_equal(b.trace.n_logged, 1);
    assert_int_equal(b.mem.n_allocs, 0);
    finish(&b);
}

static const char *in_words(const struct grebe__happening *what)
{
    static char buf[256];
    struct grebe__text text = grebe__text_init(buf, sizeof buf);

    grebe__happening_append(&text, what);
    return buf;
}

TEST(event_is_head_detail_and_tail)
{
    static const struct grebe__phrase deleted = {"Channel deleted", ""},
                                      to = {"to ", "!"}, try = {"try \"", "\""},
                                      created = {"Subchannel(id:", ") created"};
    struct grebe__happening what = {.phrase = &deleted, .of.text = ""};
    struct grebe__entity entity = {.id = 47};
    struct grebe_address *address;

    assert_string_equal(in_words(&what), "Channel deleted");
    what = (struct grebe__happening){.phrase = &to, .of.text = "READY"};
    assert_string_equal(in_words(&what), "to READY!");
    assert_null(grebe__happening_about(&what));
    assert_int_equal(grebe_address_new(NULL, "10.0.0.1:80", &plain, &address), GREBE_OK);
    what = (struct grebe__happening){
        .phrase = &try, .of.address = address, .detail = GREBE__DETAIL_ADDRESS};
    assert_string_equal(in_words(&what), "try \"10.0.0.1:80\"");
    grebe_address_unref(address);
    what = (struct grebe__happening){
        .phrase = &created, .of.entity = &entity, .detail = GREBE__DETAIL_ENTITY};
    assert_string_equal(in_words(&what), "Subchannel(id:47) created");
    assert_ptr_equal(grebe__happening_about(&what), &entity);
}

/* Whatever cannot be allocated, the newest that could be kept are, and all are counted. */
TEST(without_memory_events_are_lost_and_counted)
{
    for (uint32_t fail_at = 1; fail_at < 24; fail_at++) {
        struct bench b;

        start(&b, 8);
        b.mem.fail_at = fail_at;
        for (int i = 0; i < 12; i++)
            add(&b, "x");
        assert_int_equal(b.trace.n_logged, 12);
        assert_true(b.trace.n >= 4);
        finish(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_events_go_first),
        cmocka_unit_test(thirty_events_are_all_there),
        cmocka_unit_test(trace_that_keeps_nothing_counts),
        cmocka_unit_test(event_is_head_detail_and_tail),
        cmocka_unit_test(without_memory_events_are_lost_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
