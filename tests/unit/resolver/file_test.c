/* SPDX-License-Identifier: Apache-2.0 */
/* The file resolver on virtual time: what becomes of a file that changes, breaks, goes and
 * comes.  tests/io/files_test.c has real ones. */
#include "support/test.h"

#include "base/assert.h"
#include "support/channel_bench.h"
#include "support/resolver_bench.h"

#define PATH "/etc/backends.json"

static void start(struct resolver_bench *b, const char *text)
{
    resolver_bench_init(b, 1);
    if (text != NULL)
        sim_file_set(&b->sim, PATH, text);
    assert_int_equal(resolver_bench_build(b, "file:" PATH), GREBE_OK);
    assert_string_equal(resolver_bench_log(b), ""); /* in a later turn */
}

static const char *told(struct resolver_bench *b)
{
    sim_settle(&b->sim);
    return resolver_bench_log(b);
}

static const char *told_after(struct resolver_bench *b, const char *text)
{
    sim_file_set(&b->sim, PATH, text);
    return told(b);
}

/* ---- Targets -------------------------------------------------------------------------- */

static const struct {
    const char *target, *path;
} targets[] = {
    {"file:/etc/x", "/etc/x"},       {"file:///etc/x", "/etc/x"},
    {"file:x.json", "x.json"},       {"file:dir/x", "dir/x"},
    {"file:///a%20b%23c", "/a b#c"}, {"file:/a?query#fragment", "/a"},
};

TEST(path_is_taken_from_the_target)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(targets); i++) {
        struct resolver_bench b;

        resolver_bench_init(&b, i);
        sim_file_set(&b.sim, targets[i].path, "[\"a:1\"]");
        assert_int_equal(resolver_bench_build(&b, targets[i].target), GREBE_OK);
        assert_string_equal(told(&b), "update a:1");
        assert_string_equal(b.source, targets[i].path);
        resolver_bench_fini(&b);
    }
}

static const struct {
    const char *target, *why;
} refused[] = {
    {"file:", "file: missing path; write file:/path"},
    {"file://host/x", "invalid (non-empty) authority; write file:///path: \"host\""},
    {"file://etc", "invalid (non-empty) authority; write file:///path: \"etc\""},
};

TEST(target_without_a_path_is_refused)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(refused); i++) {
        struct resolver_bench b;

        resolver_bench_init(&b, i);
        assert_int_equal(resolver_bench_build(&b, refused[i].target), GREBE_ERR_TARGET);
        assert_string_equal(b.diag.text, refused[i].why);
        resolver_bench_fini(&b);
    }
}

/* ---- Changes ---------------------------------------------------------------------------- */

TEST(every_change_is_an_update)
{
    struct resolver_bench b;

    start(&b, "[\"a:1\", {\"addresses\": [\"b:1\", \"c:1\"]}]");
    assert_string_equal(told(&b), "update a:1 b:1+c:1");
    assert_string_equal(b.service_config, "");
    assert_string_equal(
        told_after(&b, "{\"endpoints\": [\"d:1\"], \"serviceConfig\": {\"a\": [1]}}"),
        "update d:1");
    assert_string_equal(b.service_config, "{\"a\":[1]}");
    assert_string_equal(told_after(&b, "[\"d:1\"]"), "update d:1");
    assert_string_equal(b.service_config, "");
    resolver_bench_fini(&b);
}

TEST(contents_that_did_not_change_are_no_update)
{
    struct resolver_bench b;

    start(&b, "[\"a:1\"]");
    assert_string_equal(told(&b), "update a:1");
    assert_string_equal(told_after(&b, "[\"a:1\"]"), "");
    assert_string_equal(told_after(&b, "[\"a:1\"] "), "update a:1");
    resolver_bench_fini(&b);
}

TEST(nothing_happens_by_itself)
{
    struct resolver_bench b;

    start(&b, "[\"a:1\"]");
    assert_string_equal(told(&b), "update a:1");
    resolver_bench_resolve_now(&b);
    assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
    resolver_bench_fini(&b);
}

/* A channel that does not like a list gets no other until there is another. */
TEST(list_that_is_refused_is_not_sent_again)
{
    struct resolver_bench b;

    start(&b, "[]");
    b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_string_equal(told(&b), "update");
    sim_advance(&b.sim, 3600 * SECOND);
    assert_string_equal(told(&b), "");
    b.verdict = GREBE_OK;
    assert_string_equal(told_after(&b, "[\"a:1\"]"), "update a:1");
    resolver_bench_fini(&b);
}

/* ---- Errors ------------------------------------------------------------------------------- */

TEST(missing_file_is_an_error_until_it_is_there)
{
    struct resolver_bench b;

    start(&b, NULL);
    assert_string_equal(told(&b),
                        "error UNAVAILABLE file: " PATH ": no such file or directory");
    sim_advance(&b.sim, 60 * SECOND);
    assert_string_equal(told(&b), "");
    assert_string_equal(told_after(&b, "[\"a:1\"]"), "update a:1");
    resolver_bench_fini(&b);
}

TEST(bad_edit_keeps_the_last_good_list)
{
    struct resolver_bench b;

    start(&b, "[\"a:1\"]");
    assert_string_equal(told(&b), "update a:1");
    assert_string_equal(told_after(&b, "[\"a:1\" \"b:1\"]"),
                        "error UNAVAILABLE file: " PATH ": line 1 column 12: ']' "
                        "expected; the 1 endpoint known before is kept");
    assert_string_equal(told_after(&b, "[\"a:1\" \"b:1\"]"), ""); /* once is enough */
    assert_string_equal(told_after(&b, "[\"a:1\", \"b:1\"]"), "update a:1 b:1");
    assert_string_equal(told_after(&b, "[\"a:1\", {\"adress\": \"c:1\"}]"),
                        "error UNAVAILABLE file: " PATH
                        ": endpoints[1].adress: unknown; there are address, addresses, "
                        "serverName, weight, zone, locality, priority, path, hashKey, "
                        "health, attributes, and comments whose names begin with '_'; "
                        "the 2 endpoints known before are kept");
    /* Taken back: the channel shall know that it is right again. */
    assert_string_equal(told_after(&b, "[\"a:1\", \"b:1\"]"), "update a:1 b:1");
    resolver_bench_fini(&b);
}

TEST(file_that_goes_keeps_the_last_good_list)
{
    struct resolver_bench b;

    start(&b, "[\"a:1\"]");
    assert_string_equal(told(&b), "update a:1");
    sim_file_fail(&b.sim, PATH, "no such file or directory");
    assert_string_equal(told(&b), "error UNAVAILABLE file: " PATH
                                  ": no such file or directory; the 1 endpoint known "
                                  "before is kept");
    /* It is back as it was: that is no longer an error. */
    assert_string_equal(told_after(&b, "[\"a:1\"]"), "update a:1");
    resolver_bench_fini(&b);
}

/* There may be endpoints in it one day: it is no error, but calls have to say it. */
TEST(list_that_was_always_empty_is_told_with_its_reason)
{
    struct resolver_bench b;

    start(&b, "[]");
    assert_string_equal(told(&b), "update");
    assert_string_equal(b.reason, "file: " PATH ": the list of endpoints is empty");
    assert_string_equal(told_after(&b, "[\"a:1\"]"), "update a:1");
    assert_string_equal(b.reason, "");
    resolver_bench_fini(&b);
}

TEST(emptied_list_is_an_error)
{
    static const char *const empty[] = {"[]", "{\"endpoints\": []}", ""};
    struct resolver_bench b;

    start(&b, "[\"a:1\", \"b:1\"]");
    assert_string_equal(told(&b), "update a:1 b:1");
    for (size_t i = 0; i < GREBE_ARRAY_LEN(empty); i++) {
        const char *line = told_after(&b, empty[i]);

        assert_non_null(strstr(line, "error UNAVAILABLE file: " PATH ": "));
        assert_non_null(strstr(line, "; the 2 endpoints known before are kept"));
    }
    assert_int_equal(b.n_updates, 1);
    resolver_bench_fini(&b);
}

TEST(path_is_shown_without_control_characters)
{
    struct resolver_bench b;

    resolver_bench_init(&b, 1);
    assert_int_equal(resolver_bench_build(&b, "file:///a%1b%0ab"), GREBE_OK);
    assert_string_equal(told(&b), "error UNAVAILABLE file: /a\\x1b\\x0ab: "
                                  "no such file or directory");
    resolver_bench_fini(&b);
}

/* ---- A channel ---------------------------------------------------------------------------- */

TEST(channel_follows_the_file)
{
    struct channel_bench b;

    channel_bench_init(&b);
    channel_bench_servers(&b, "a:443 b:443");
    assert_int_equal(channel_bench_open(&b, "file://" PATH), GREBE_OK);
    expect_status(channel_bench_call(&b, NULL), GREBE_STATUS_UNAVAILABLE,
                  "file: " PATH ": no such file or directory");
    sim_file_set(&b.sim, PATH, "[\"a:443\"]");
    sim_settle(&b.sim);
    expect_echo(channel_bench_call(&b, NULL), "a:443");
    assert_string_equal(sim_server_find(&b.sim, "a:443")->authority, "a:443");
    sim_file_set(&b.sim, PATH,
                 "{\"serverName\": \"db.example\", \"endpoints\": [\"b:443\"]}");
    sim_settle(&b.sim);
    expect_echo(channel_bench_call(&b, NULL), "b:443");
    assert_string_equal(sim_server_find(&b.sim, "b:443")->authority, "db.example");
    sim_file_set(&b.sim, PATH,
                 "{\"endpoints\": [\"b:443\"], \"serviceConfig\": "
                 "{\"loadBalancingPolicy\": \"round_robin\"}}");
    sim_settle(&b.sim);
    expect_echo(channel_bench_call(&b, NULL), "b:443");
    assert_true(channel_bench_logged(&b, "LB policy \"round_robin\""));
    sim_file_set(&b.sim, PATH, "{");
    sim_settle(&b.sim);
    expect_echo(channel_bench_call(&b, NULL), "b:443");
    assert_true(channel_bench_logged(&b,
                                     "name resolution failed: file: " PATH
                                     ": line 1 column 1: string or '}' expected; the 1 "
                                     "endpoint known before is kept"));
    channel_bench_fini(&b);
}

/* The application's word counts more than the file's. */
TEST(authority_of_the_channel_is_for_all)
{
    struct channel_bench b;

    channel_bench_init(&b);
    channel_bench_servers(&b, "a:443");
    b.options.authority = "mine";
    sim_file_set(&b.sim, PATH,
                 "{\"serverName\": \"db.example\", \"endpoints\": [\"a:443\"]}");
    assert_int_equal(channel_bench_open(&b, "file://" PATH), GREBE_OK);
    expect_echo(channel_bench_call(&b, NULL), "a:443");
    assert_string_equal(sim_server_find(&b.sim, "a:443")->authority, "mine");
    channel_bench_fini(&b);
}

TEST(channel_without_a_list_is_called_localhost)
{
    struct channel_bench b;

    channel_bench_init(&b);
    assert_int_equal(channel_bench_open(&b, "file://" PATH), GREBE_OK);
    assert_string_equal(b.channel->authority, "localhost");
    channel_bench_fini(&b);
}

/* ---- Memory ------------------------------------------------------------------------------- */

TEST(out_of_memory_is_told_and_tried_again)
{
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct resolver_bench b;
        const char *line;

        start(&b, "[\"a:1\"]");
        b.mem.fail_at = b.mem.n_allocs + n;
        line = told(&b);
        has_failed = b.mem.has_failed;
        if (has_failed) {
            assert_string_equal(line, "error UNAVAILABLE file: " PATH ": out of memory");
            sim_advance(&b.sim, SECOND - 1);
            assert_string_equal(told(&b), "");
            sim_advance(&b.sim, 1);
            line = told(&b);
        }
        assert_string_equal(line, "update a:1");
        assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
        resolver_bench_fini(&b);
    }
}

TEST(channel_without_memory_gets_the_list_later)
{
    struct resolver_bench b;

    start(&b, "[\"a:1\"]");
    b.verdict = GREBE_ERR_NOMEM;
    assert_string_equal(told(&b),
                        "update a:1 | error UNAVAILABLE file: " PATH ": out of memory");
    b.verdict = GREBE_OK;
    sim_advance(&b.sim, SECOND);
    assert_string_equal(told(&b), "update a:1");
    resolver_bench_fini(&b);
}

/* What came meanwhile is as good as the second attempt. */
TEST(change_takes_the_place_of_the_second_attempt)
{
    struct resolver_bench b;

    start(&b, "[\"a:1\"]");
    b.verdict = GREBE_ERR_NOMEM;
    told(&b);
    b.verdict = GREBE_OK;
    assert_string_equal(told_after(&b, "[\"b:1\"]"), "update b:1");
    assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
    resolver_bench_fini(&b);
}

TEST(out_of_memory_fails_the_build)
{
    struct resolver_bench b;

    resolver_bench_init(&b, 1);
    b.mem.fail_at = 1;
    assert_int_equal(resolver_bench_build(&b, "file:" PATH), GREBE_ERR_NOMEM);
    assert_null(b.resolver);
    resolver_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_is_taken_from_the_target),
        cmocka_unit_test(target_without_a_path_is_refused),
        cmocka_unit_test(every_change_is_an_update),
        cmocka_unit_test(contents_that_did_not_change_are_no_update),
        cmocka_unit_test(nothing_happens_by_itself),
        cmocka_unit_test(list_that_is_refused_is_not_sent_again),
        cmocka_unit_test(missing_file_is_an_error_until_it_is_there),
        cmocka_unit_test(bad_edit_keeps_the_last_good_list),
        cmocka_unit_test(file_that_goes_keeps_the_last_good_list),
        cmocka_unit_test(list_that_was_always_empty_is_told_with_its_reason),
        cmocka_unit_test(emptied_list_is_an_error),
        cmocka_unit_test(path_is_shown_without_control_characters),
        cmocka_unit_test(channel_follows_the_file),
        cmocka_unit_test(authority_of_the_channel_is_for_all),
        cmocka_unit_test(channel_without_a_list_is_called_localhost),
        cmocka_unit_test(out_of_memory_is_told_and_tried_again),
        cmocka_unit_test(channel_without_memory_gets_the_list_later),
        cmocka_unit_test(change_takes_the_place_of_the_second_attempt),
        cmocka_unit_test(out_of_memory_fails_the_build),
    };

    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
