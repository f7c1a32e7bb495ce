/* SPDX-License-Identifier: Apache-2.0 */
/* The book by itself, its objects played by hand: ids, children, who stays how long. */
#include "support/test.h"

#include <grebe/error.h>

#include "support/look.h"
#include "support/mem.h"

static const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;

#define CHANNEL    GREBE_CHANNELZ_CHANNEL
#define SUBCHANNEL GREBE_CHANNELZ_SUBCHANNEL
#define SOCKET     GREBE_CHANNELZ_SOCKET

struct bench {
    struct test_mem mem;
    struct grebe__book book;
    struct grebe__call_counts counts; /* of every object */
    struct grebe__socket socket;
};

static void start(struct bench *b)
{
    memset(b, 0, sizeof *b);
    test_mem_init(&b->mem);
    grebe__book_init(&b->book);
    b->socket.remote.text = "10.0.0.1:443";
}

static void finish(struct bench *b)
{
    assert_int_equal(look_first_channel(&b->book), 0);
    for (size_t i = 0; i < GREBE__BOOK_BUCKETS; i++)
        assert_null(b->book.buckets[i]);
    assert_int_equal(b->mem.n_live, 0);
}

static struct grebe__channel_entity *add_channel(struct bench *b, int64_t parent)
{
    return grebe__book_add_channel(&b->book, &b->mem.interface, parent, "t:///x",
                                   &b->counts, 30, 0);
}

static struct grebe__channel_entity *add_subchannel(struct bench *b,
                                                    struct grebe__channel_entity *parent)
{
    return grebe__book_add_subchannel(parent, &b->counts, 0);
}

static void tell(struct grebe__channel_entity *entity, const char *text)
{
    static const struct grebe__phrase phrase = {"", ""};
    const struct grebe__happening what = {
        .phrase = &phrase, .of.text = text, .detail = GREBE__DETAIL_COPIED};

    grebe__book_tell(entity, 0, &what);
}

static void drop(struct grebe__channel_entity *entity,
                 struct grebe__channel_entity *channel)
{
    grebe__book_remove(entity, 0);
    grebe__book_forget(entity, channel);
}

/* ---- Identity -------------------------------------------------------------------------------- */

TEST(ids_ascend_and_are_never_used_again)
{
    struct bench b;
    struct grebe__channel_entity *channel, *subchannel;
    struct grebe__socket_entity *socket;

    start(&b);
    channel = add_channel(&b, 0);
    subchannel = add_subchannel(&b, channel);
    socket = grebe__book_add_socket(subchannel, &b.socket);
    assert_int_equal(channel->base.id, 1);
    assert_int_equal(subchannel->base.id, 2);
    assert_int_equal(socket->base.id, 3);
    grebe__book_remove_socket(socket);
    drop(subchannel, channel);
    subchannel = add_subchannel(&b, channel);
    assert_int_equal(subchannel->base.id, 4);
    drop(subchannel, channel);
    drop(channel, NULL);
    finish(&b);
}

TEST(lookup_knows_the_kind)
{
    struct bench b;
    struct grebe__channel_entity *channel;
    struct grebe__socket_snapshot *socket;

    start(&b);
    channel = add_channel(&b, 0);
    assert_true(look_is_there(&b.book, CHANNEL, 1));
    assert_false(look_is_there(&b.book, SUBCHANNEL, 1));
    assert_false(look_is_there(&b.book, CHANNEL, 2));
    assert_false(look_is_there(&b.book, CHANNEL, 1 + GREBE__BOOK_BUCKETS));
    assert_int_equal(grebe__snapshot_socket(&b.book, 1, NULL, &socket),
                     GREBE_ERR_NOT_FOUND);
    drop(channel, NULL);
    finish(&b);
}

TEST(what_is_made_while_the_book_is_off_is_never_seen)
{
    struct bench b;
    struct grebe__channel_entity *channel, *subchannel;

    start(&b);
    b.book.is_off = true;
    channel = add_channel(&b, 0);
    assert_null(channel);
    subchannel = add_subchannel(&b, channel);
    assert_null(subchannel);
    assert_null(grebe__book_add_socket(subchannel, &b.socket));
    grebe__book_set_state(channel, GREBE_READY);
    drop(subchannel, channel);
    drop(channel, NULL);
    b.book.is_off = false;
    channel = add_channel(&b, 0);
    assert_int_equal(channel->base.id, 2);
    drop(channel, NULL);
    finish(&b);
}

/* ---- Pages ------------------------------------------------------------------------------------- */

static void expect_page(struct bench *b, int64_t start_id, size_t n_max, size_t n,
                        bool is_end)
{
    struct grebe__page_snapshot *page;

    assert_int_equal(grebe__snapshot_page(&b->book, start_id, n_max, NULL, &page),
                     GREBE_OK);
    assert_int_equal(page->view.n, n);
    assert_int_equal(page->view.is_end, is_end);
    for (size_t i = 0; i < n; i++) {
        const struct grebe_channelz_ref *ref =
            grebe_channelz_page_channel(&page->view, i);

        assert_int_equal(ref->id, start_id + (int64_t)i + (start_id == 0));
        assert_string_equal(ref->name, "t:///x");
    }
    assert_null(grebe_channelz_page_channel(&page->view, n));
    grebe_channelz_page_free(&page->view);
}

/* CZ-3 */
TEST(pages_say_whether_they_are_the_last)
{
    static const struct {
        int n_channels;
        int64_t start_id;
        size_t n_max, n;
        bool is_end;
    } cases[] = {
        {49, 0, 0, 49, true},    {50, 0, 0, 50, true},        {51, 0, 0, 50, false},
        {51, 51, 0, 1, true},    {51, 52, 0, 0, true},        {51, 2, 0, 50, true},
        {51, 0, 51, 51, true},   {51, 0, 10, 10, false},      {51, 42, 10, 10, true},
        {51, 41, 10, 10, false}, {51, 0, SIZE_MAX, 51, true}, {0, 0, 0, 0, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grebe__channel_entity *channels[64];
        struct bench b;

        start(&b);
        for (int k = 0; k < cases[i].n_channels; k++)
            channels[k] = add_channel(&b, 0);
        expect_page(&b, cases[i].start_id, cases[i].n_max, cases[i].n, cases[i].is_end);
        for (int k = 0; k < cases[i].n_channels; k++)
            drop(channels[k], NULL);
        finish(&b);
    }
}

/* ---- Who stays how long --------------------------------------------------------------------------- */

/* CZ-5 */
TEST(channel_stays_until_its_last_connection_is_gone)
{
    struct bench b;
    struct grebe__channel_entity *channel, *subchannels[2];
    struct grebe__socket_entity *sockets[2];

    start(&b);
    channel = add_channel(&b, 0);
    for (int i = 0; i < 2; i++) {
        subchannels[i] = add_subchannel(&b, channel);
        sockets[i] = grebe__book_add_socket(subchannels[i], &b.socket);
    }
    grebe__book_remove(channel, 0);
    assert_string_equal(look_children(&b.book, CHANNEL, 1), "subchannel 2, subchannel 4");
    drop(subchannels[0], channel);
    drop(subchannels[1], channel);
    assert_string_equal(look_children(&b.book, CHANNEL, 1), "subchannel 2, subchannel 4");
    assert_string_equal(look_children(&b.book, SUBCHANNEL, 2), "socket 3");
    grebe__book_remove_socket(sockets[0]);
    assert_string_equal(look_children(&b.book, CHANNEL, 1), "subchannel 4");
    assert_true(look_is_there(&b.book, SUBCHANNEL, 2)); /* the trace speaks of it */
    grebe__book_remove_socket(sockets[1]);
    assert_false(look_is_there(&b.book, CHANNEL, 1));
    assert_false(look_is_there(&b.book, SUBCHANNEL, 2));
    assert_false(look_is_there(&b.book, SUBCHANNEL, 4));
    grebe__book_forget(channel, NULL);
    finish(&b);
}

/* CZ-7 */
TEST(subchannel_that_is_gone_stays_while_a_trace_speaks_of_it)
{
    struct bench b;
    struct grebe__channel_entity *channel, *subchannel;

    start(&b);
    channel = add_channel(&b, 0);
    subchannel = add_subchannel(&b, channel);
    drop(subchannel, channel);
    assert_string_equal(look_children(&b.book, CHANNEL, 1), "");
    assert_string_equal(look_events(&b.book, SUBCHANNEL, 2),
                        "Subchannel created | Subchannel deleted");
    assert_string_equal(
        look_events(&b.book, CHANNEL, 1),
        "Channel created for target \"t:///x\" | Subchannel(id:2) created "
        "-> subchannel 2 | Subchannel(id:2) deleted -> subchannel 2");
    drop(channel, NULL);
    assert_false(look_is_there(&b.book, SUBCHANNEL, 2));
    finish(&b);
}

/* CZ-7 */
TEST(subchannel_goes_when_the_last_event_about_it_does)
{
    struct bench b;
    struct grebe__channel_entity *channel, *first, *second;

    start(&b);
    channel =
        grebe__book_add_channel(&b.book, &b.mem.interface, 0, "t:///x", &b.counts, 1, 0);
    first = add_subchannel(&b, channel);
    drop(first, channel);
    assert_true(look_is_there(&b.book, SUBCHANNEL, 2));
    assert_string_equal(look_events(&b.book, CHANNEL, 1),
                        "Subchannel(id:2) deleted -> subchannel 2");
    second = add_subchannel(&b, channel);
    assert_false(look_is_there(&b.book, SUBCHANNEL, 2));
    assert_true(look_is_there(&b.book, SUBCHANNEL, 3));
    drop(second, channel);
    drop(channel, NULL);
    finish(&b);
}

TEST(without_a_trace_nothing_is_mentioned)
{
    struct bench b;
    struct grebe__channel_entity *channel, *subchannel;

    start(&b);
    channel =
        grebe__book_add_channel(&b.book, &b.mem.interface, 0, "t:///x", &b.counts, 0, 0);
    subchannel = add_subchannel(&b, channel);
    drop(subchannel, channel);
    assert_false(look_is_there(&b.book, SUBCHANNEL, 2));
    assert_string_equal(look_events(&b.book, CHANNEL, 1), "");
    drop(channel, NULL);
    finish(&b);
}

/* The object may be kept longer than the book speaks of it, as by a picker. */
TEST(object_may_outlive_its_entry)
{
    struct bench b;
    struct grebe__channel_entity *channel, *subchannel;

    start(&b);
    channel = add_channel(&b, 0);
    subchannel = add_subchannel(&b, channel);
    grebe__book_remove(subchannel, 0);
    grebe__book_remove(channel, 0);
    assert_false(look_is_there(&b.book, SUBCHANNEL, 2));
    tell(subchannel, "x");
    grebe__book_forget(subchannel, channel);
    grebe__book_forget(channel, NULL);
    finish(&b);
}

/* ---- Nested channels ----------------------------------------------------------------------------- */

TEST(nested_channel_is_a_child_and_not_on_top)
{
    struct bench b;
    struct grebe__channel_entity *outer, *inner;

    start(&b);
    outer = add_channel(&b, 0);
    inner = add_channel(&b, outer->base.id);
    expect_page(&b, 0, 0, 1, true);
    assert_string_equal(look_children(&b.book, CHANNEL, 1), "channel 2");
    grebe__book_remove(outer, 0);
    assert_true(look_is_there(&b.book, CHANNEL, 1));
    drop(inner, NULL);
    assert_false(look_is_there(&b.book, CHANNEL, 1));
    grebe__book_forget(outer, NULL);
    finish(&b);
}

TEST(events_of_a_nested_channel_are_the_parent_s_too)
{
    struct bench b;
    struct grebe__channel_entity *outer, *inner;

    start(&b);
    outer = add_channel(&b, 0);
    inner = add_channel(&b, outer->base.id);
    drop(inner, NULL);
    assert_string_equal(
        look_events(&b.book, CHANNEL, 1),
        "Channel created for target \"t:///x\" | Nested channel(id:2) "
        "created -> channel 2 | Nested channel(id:2) deleted -> channel 2");
    drop(outer, NULL);
    finish(&b);
}

TEST(parent_that_is_not_there_is_none)
{
    struct bench b;
    struct grebe__channel_entity *channel, *subchannel, *orphan;

    start(&b);
    channel = add_channel(&b, 4711);
    subchannel = add_subchannel(&b, channel);
    orphan = add_channel(&b, subchannel->base.id);
    assert_string_equal(look_children(&b.book, SUBCHANNEL, 2), "");
    drop(orphan, NULL);
    drop(subchannel, channel);
    drop(channel, NULL);
    finish(&b);
}

/* ---- Endpoints ---------------------------------------------------------------------------------------- */

static struct grebe__channel_entity *add_to(struct grebe__channel_entity *channel,
                                            const struct grebe__call_counts *counts,
                                            const char *address)
{
    struct grebe__channel_entity *entity = grebe__book_add_subchannel(channel, counts, 0);
    struct grebe_address *text;

    assert_int_equal(grebe_address_new(NULL, address, &plain, &text), GREBE_OK);
    grebe__book_set_address(entity, text);
    grebe_address_unref(text);
    return entity;
}

TEST(endpoint_is_all_subchannels_to_an_address)
{
    struct grebe__call_counts first = {5, 3, 1, 9, 100}, second = {7, 7, 0, 9, 1},
                              third = {1, 0, 0, 9, 0};
    struct bench b;
    struct grebe__channel_entity *channel, *one, *two, *other;

    start(&b);
    channel = add_channel(&b, 0);
    one = add_to(channel, &first, "a");
    other = add_to(channel, &third, "b");
    two = add_to(channel, &second, "a");
    grebe__book_set_state(one, GREBE_TRANSIENT_FAILURE);
    grebe__book_set_state(two, GREBE_CONNECTING);
    grebe__book_set_health(one, GREBE_CHANNELZ_HEALTHY);
    grebe__book_set_health(two, GREBE_CHANNELZ_UNHEALTHY);
    assert_string_equal(look_endpoints(&b.book, 1),
                        "a 12/10/1 CONNECTING, healthy; b 1/0/0 IDLE");
    drop(one, channel);
    drop(two, channel);
    assert_string_equal(look_endpoints(&b.book, 1), "b 1/0/0 IDLE; a 12/10/1 SHUTDOWN");
    drop(other, channel);
    drop(channel, NULL);
    finish(&b);
}

/* Calls of a subchannel that is gone go on for a while. */
TEST(calls_that_end_after_their_subchannel_are_not_lost)
{
    struct grebe__call_counts counts = {3, 1, 0, 9, 10};
    struct bench b;
    struct grebe__channel_entity *channel, *subchannel;

    start(&b);
    channel = add_channel(&b, 0);
    subchannel = add_to(channel, &counts, "a");
    grebe__book_remove(subchannel, 0);
    assert_string_equal(look_endpoints(&b.book, 1), "a 3/1/0 SHUTDOWN");
    grebe__call_counts_end(&counts, true, 5);
    grebe__call_counts_end(&counts, false, 5);
    grebe__book_forget(subchannel, channel);
    assert_string_equal(look_endpoints(&b.book, 1), "a 3/2/1 SHUTDOWN");
    subchannel = add_to(channel, &counts, "a");
    assert_string_equal(look_endpoints(&b.book, 1), "a 6/4/2 IDLE");
    drop(subchannel, channel);
    drop(channel, NULL);
    finish(&b);
}

TEST(addresses_that_are_gone_for_long_are_forgotten)
{
    struct grebe__call_counts counts = {1, 1, 0, 9, 10};
    struct grebe_channelz_channel *view;
    struct bench b;
    struct grebe__channel_snapshot *snapshot;
    struct grebe__channel_entity *channel;

    start(&b);
    channel = add_channel(&b, 0);
    for (int i = 0; i < 1100; i++) {
        char address[16];

        snprintf(address, sizeof address, "%d", i < 1050 ? i : 0);
        drop(add_to(channel, &counts, address), channel);
    }
    assert_int_equal(grebe__snapshot_channel(&b.book, CHANNEL, 1, NULL, &snapshot),
                     GREBE_OK);
    view = &snapshot->view;
    assert_int_equal(view->n_endpoints, 1024);
    assert_string_equal(grebe_channelz_channel_endpoint(view, 0)->address, "27");
    assert_string_equal(grebe_channelz_channel_endpoint(view, 1023)->address, "0");
    assert_int_equal(grebe_channelz_channel_endpoint(view, 1023)->calls_started, 50);
    grebe_channelz_channel_free(view);
    drop(channel, NULL);
    finish(&b);
}

/* ---- Descriptions ------------------------------------------------------------------------------------- */

static void expect_description(const char *raw, const char *start_of_it, size_t length)
{
    struct bench b;
    struct grebe__channel_snapshot *snapshot;
    struct grebe__channel_entity *channel;
    const char *description;

    start(&b);
    channel = add_channel(&b, 0);
    tell(channel, raw);
    assert_int_equal(grebe__snapshot_channel(&b.book, CHANNEL, 1, NULL, &snapshot),
                     GREBE_OK);
    description = grebe_channelz_channel_event(&snapshot->view, 1)->description;
    assert_memory_equal(description, start_of_it, strlen(start_of_it));
    assert_int_equal(strlen(description), length);
    grebe_channelz_channel_free(&snapshot->view);
    drop(channel, NULL);
    finish(&b);
}

TEST(description_is_utf_8_and_less_than_a_kibibyte)
{
    char text[4096];

    expect_description("plain", "plain", 5);
    expect_description("a\xff"
                       "b",
                       "a\xef\xbf\xbd"
                       "b",
                       5);
    memset(text, 'x', sizeof text);
    text[2000] = '\0';
    expect_description(text, "xxx", 1023);
    memset(text, 0xff, 2000);
    expect_description(text, "\xef\xbf\xbd", 1023);
    /* What is cut is cut between two characters. */
    for (size_t i = 0; i < 1000; i++)
        memcpy(text + 2 * i, "\xc3\xa9", 2);
    expect_description(text, "\xc3\xa9", 1022);
}

/* ---- Out of memory ------------------------------------------------------------------------------------ */

TEST(objects_live_without_entries_when_memory_is_short)
{
    bool has_failed = true;

    for (uint32_t fail_at = 1; has_failed; fail_at++) {
        struct grebe__call_counts counts = {1, 1, 0, 9, 10};
        struct bench b;
        struct grebe__channel_entity *channel, *subchannel;
        struct grebe__socket_entity *socket;

        start(&b);
        b.mem.fail_at = fail_at;
        channel = add_channel(&b, 0);
        subchannel = add_to(channel, &counts, "a");
        socket = grebe__book_add_socket(subchannel, &b.socket);
        tell(subchannel, "x");
        grebe__book_set_state(subchannel, GREBE_READY);
        drop(subchannel, channel);
        grebe__book_remove_socket(socket);
        drop(channel, NULL);
        has_failed = b.mem.has_failed;
        finish(&b);
    }
}

TEST(snapshot_is_whole_or_not_at_all)
{
    bool has_failed = true;

    for (uint32_t fail_at = 1; has_failed; fail_at++) {
        struct grebe__call_counts counts = {1, 1, 0, 9, 10};
        struct grebe__channel_snapshot *snapshot;
        struct grebe__socket_snapshot *socket_snapshot;
        struct grebe__page_snapshot *page;
        struct test_mem mem;
        struct bench b;
        struct grebe__channel_entity *channel, *subchannel;
        struct grebe__socket_entity *socket;

        start(&b);
        test_mem_init(&mem);
        channel = add_channel(&b, 0);
        subchannel = add_to(channel, &counts, "a");
        socket = grebe__book_add_socket(subchannel, &b.socket);
        mem.fail_at = fail_at;
        if (grebe__snapshot_channel(&b.book, CHANNEL, 1, &mem.interface, &snapshot) ==
            GREBE_OK)
            grebe_channelz_channel_free(&snapshot->view);
        if (grebe__snapshot_socket(&b.book, 3, &mem.interface, &socket_snapshot) ==
            GREBE_OK)
            grebe_channelz_socket_free(&socket_snapshot->view);
        if (grebe__snapshot_page(&b.book, 0, 0, &mem.interface, &page) == GREBE_OK)
            grebe_channelz_page_free(&page->view);
        has_failed = mem.has_failed;
        assert_int_equal(mem.n_live, 0);
        grebe__book_remove_socket(socket);
        drop(subchannel, channel);
        drop(channel, NULL);
        finish(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_ascend_and_are_never_used_again),
        cmocka_unit_test(lookup_knows_the_kind),
        cmocka_unit_test(what_is_made_while_the_book_is_off_is_never_seen),
        cmocka_unit_test(pages_say_whether_they_are_the_last),
        cmocka_unit_test(channel_stays_until_its_last_connection_is_gone),
        cmocka_unit_test(subchannel_that_is_gone_stays_while_a_trace_speaks_of_it),
        cmocka_unit_test(subchannel_goes_when_the_last_event_about_it_does),
        cmocka_unit_test(without_a_trace_nothing_is_mentioned),
        cmocka_unit_test(object_may_outlive_its_entry),
        cmocka_unit_test(nested_channel_is_a_child_and_not_on_top),
        cmocka_unit_test(events_of_a_nested_channel_are_the_parent_s_too),
        cmocka_unit_test(parent_that_is_not_there_is_none),
        cmocka_unit_test(endpoint_is_all_subchannels_to_an_address),
        cmocka_unit_test(calls_that_end_after_their_subchannel_are_not_lost),
        cmocka_unit_test(addresses_that_are_gone_for_long_are_forgotten),
        cmocka_unit_test(description_is_utf_8_and_less_than_a_kibibyte),
        cmocka_unit_test(objects_live_without_entries_when_memory_is_short),
        cmocka_unit_test(snapshot_is_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
