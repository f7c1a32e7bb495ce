/* SPDX-License-Identifier: Apache-2.0 */
/* Who prints the text of a diag after a failure finds one there, whatever failed: programs
 * do not fill the struct before. */
#include "support/test.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <grebe/call.h>
#include <grebe/channel.h>
#include <grebe/resolve.h>

#include "support/mem.h"

/* As it is on a stack: full of anything, and without an end. */
static struct grebe_diag unwritten(void)
{
    struct grebe_diag diag;

    memset(&diag, 'x', sizeof diag);
    return diag;
}

static int make_channel(const struct grebe_mem *mem, struct grebe_loop *loop,
                        struct grebe_diag *diag)
{
    struct grebe_channel_options options;
    struct grebe_channel *channel = NULL;
    int result;

    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.mem = mem;
    options.loop = loop;
    options.user_agent = "diag";
    result = grebe_channel_new("dns:///localhost:1", &options, diag, &channel);
    grebe_channel_destroy(channel);
    return result;
}

static void on_result(void *arg, const struct grebe_resolver_state *state,
                      const struct grebe_status *error, const char *scheme)
{
    (void)arg, (void)state, (void)error, (void)scheme;
}

static int watch(const struct grebe_mem *mem, struct grebe_loop *loop,
                 struct grebe_diag *diag)
{
    struct grebe_channel_options options;
    struct grebe_resolver_watch *made = NULL;
    int result;

    grebe_channel_options_init(&options);
    options.mem = mem;
    result = grebe_resolver_watch_new(loop, "ipv4:127.0.0.1:1", &options, diag, on_result,
                                      NULL, &made);
    grebe_resolver_watch_destroy(made);
    return result;
}

TEST(want_of_memory_is_said_wherever_it_strikes)
{
    static int (*const makers[])(const struct grebe_mem *, struct grebe_loop *,
                                 struct grebe_diag *) = {make_channel, watch};

    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        struct grebe_loop *loop;
        struct test_mem mem;
        int n_failed = 0;

        assert_int_equal(grebe_loop_new(NULL, &loop), GREBE_OK);
        do {
            const struct grebe_mem *interface = test_mem_init(&mem);
            struct grebe_diag diag = unwritten();

            mem.fail_at = (uint32_t)n_failed + 1;
            if (makers[i](interface, loop, &diag) == GREBE_OK)
                break;
            assert_string_equal(diag.text, "out of memory");
            assert_int_equal(mem.n_live, 0);
            n_failed++;
        } while (mem.has_failed);
        assert_true(n_failed > 0);
        grebe_loop_unref(loop);
    }
}

TEST(a_loop_of_the_parent_is_said_in_the_child_of_a_fork)
{
    struct grebe_loop *loop;
    int status;
    pid_t pid;

    assert_int_equal(grebe_loop_new(NULL, &loop), GREBE_OK);
    pid = fork();
    if (pid == 0) {
        struct grebe_diag diag = unwritten();

        if (make_channel(NULL, loop, &diag) != GREBE_ERR_FORKED ||
            strcmp(diag.text, grebe_strerror(GREBE_ERR_FORKED)) != 0)
            _exit(1);
        diag = unwritten();
        _exit(watch(NULL, loop, &diag) == GREBE_ERR_FORKED &&
                      strcmp(diag.text, grebe_strerror(GREBE_ERR_FORKED)) == 0
                  ? 0
                  : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    grebe_loop_unref(loop);
}

/* struct_size 0 would mean a program that knows no member: none would count. */
TEST(options_that_are_zeroed_are_refused)
{
    struct grebe_channel_options options = {0};
    struct grebe_call_options call_options = {0};
    struct grebe_tls_options tls_options = {0};
    struct grebe_credentials *credentials = NULL;
    struct grebe_channel *channel = NULL;
    struct grebe_call *call = NULL;
    struct grebe_diag diag = unwritten();

    options.credentials = grebe_credentials_insecure();
    assert_int_equal(grebe_channel_new("x", &options, &diag, &channel),
                     GREBE_ERR_INVALID);
    assert_non_null(strstr(diag.text, "grebe_channel_options_init()"));
    assert_int_equal(grebe_credentials_tls(&tls_options, &diag, &credentials),
                     GREBE_ERR_INVALID);
    assert_non_null(strstr(diag.text, "GREBE_TLS_OPTIONS_INIT"));

    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    assert_int_equal(grebe_channel_new("ipv4:127.0.0.1:1", &options, &diag, &channel),
                     GREBE_OK);
    call_options.timeout_ns = 1000000;
    assert_int_equal(grebe_call_unary(channel, "/s/m", "", 0, &call_options, &call),
                     GREBE_ERR_INVALID);
    assert_null(call);
    grebe_channel_destroy(channel);
}

TEST(success_writes_nothing)
{
    struct grebe_diag diag = unwritten(), before = diag;

    assert_int_equal(make_channel(NULL, NULL, &diag), GREBE_OK);
    assert_memory_equal(&diag, &before, sizeof diag);
}

TEST(nobody_needs_to_ask)
{
    struct grebe_channel_options options;
    struct grebe_channel *channel;

    grebe_channel_options_init(&options);
    assert_int_equal(grebe_channel_new("x", &options, NULL, &channel), GREBE_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(want_of_memory_is_said_wherever_it_strikes),
        cmocka_unit_test(a_loop_of_the_parent_is_said_in_the_child_of_a_fork),
        cmocka_unit_test(options_that_are_zeroed_are_refused),
        cmocka_unit_test(success_writes_nothing),
        cmocka_unit_test(nobody_needs_to_ask),
    };

    return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
