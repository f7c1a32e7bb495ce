/* SPDX-License-Identifier: Apache-2.0 */
/* grebe/plugin.h, as a program sees it that is linked to libgrebe.so. */
#include <grebe/grebe.h>
#include <grebe/plugin.h>

#include "api/backend.h"

enum { N_BACKENDS = 3 };

/* Borrowed until the next call. */
static const char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s.so", getenv("PLUGINS"), name);
    return path;
}

static struct grebe_channel *open_sticky(const struct process *backends)
{
    struct grebe_channel_options options;
    struct grebe_channel *channel;
    struct grebe_diag diag;
    char target[256];

    snprintf(target, sizeof target, "ipv4:%s,%s,%s", backends[0].address,
             backends[1].address, backends[2].address);
    grebe_channel_options_init(&options);
    options.credentials = grebe_credentials_insecure();
    options.service_config =
        "{\"loadBalancingConfig\":[{\"sticky\":{\"header\":\"session\"}}]}";
    if (grebe_channel_new(target, &options, &diag, &channel) != GREBE_OK)
        fail_msg("%s", diag.text);
    return channel;
}

/* Where the next call of that session went. */
static size_t backend_of(struct grebe_channel *channel, const struct process *backends,
                         const char *session)
{
    struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
    struct grebe_call *call;
    size_t i = 0;

    options.metadata = grebe_metadata_new(NULL);
    assert_int_equal(
        grebe_metadata_add(options.metadata, "session", session, strlen(session)),
        GREBE_OK);
    assert_int_equal(grebe_call_unary(channel, "/s/m", "x", 1, &options, &call),
                     GREBE_OK);
    grebe_metadata_unref(options.metadata);
    assert_int_equal(grebe_call_status(call)->code, GREBE_STATUS_OK);
    while (i < N_BACKENDS && strcmp(grebe_call_peer(call), backends[i].address) != 0)
        i++;
    grebe_call_unref(call);
    assert_true(i < N_BACKENDS);
    return i;
}

static bool all_ready(struct grebe_channel *channel, const struct process *backends)
{
    bool has_seen[N_BACKENDS] = {false};
    char session[16];

    for (int i = 0; i < 32; i++) {
        snprintf(session, sizeof session, "%d", i);
        has_seen[backend_of(channel, backends, session)] = true;
    }
    return has_seen[0] && has_seen[1] && has_seen[2];
}

TEST(policy_of_a_shared_object_balances_calls)
{
    struct process backends[N_BACKENDS];
    struct grebe_channel *channel;
    struct grebe_diag diag;

    if (grebe_plugin_load(path_of("sticky"), &diag) != GREBE_OK)
        fail_msg("%s", diag.text);
    for (size_t i = 0; i < N_BACKENDS; i++)
        backend_start(&backends[i], "0ms");
    channel = open_sticky(backends);
    /* 32 sessions leave no backend out, once it is READY. */
    for (int i = 0; i < 1000 && !all_ready(channel, backends); i++)
        ;
    assert_true(all_ready(channel, backends));
    for (int i = 0; i < 32; i++) {
        char session[16];
        size_t first;

        snprintf(session, sizeof session, "s%d", i);
        first = backend_of(channel, backends, session);
        for (int k = 0; k < 5; k++)
            assert_int_equal(backend_of(channel, backends, session), first);
    }
    grebe_channel_destroy(channel);
    for (size_t i = 0; i < N_BACKENDS; i++)
        process_kill(&backends[i]);
}

TEST(loading_twice_is_harmless)
{
    struct grebe_diag diag;

    assert_int_equal(grebe_plugin_load(path_of("sticky"), &diag), GREBE_OK);
    assert_int_equal(grebe_plugin_load(path_of("sticky"), &diag), GREBE_OK);
    assert_non_null(grebe_balancer_get("sticky"));
}

/* Each is told in one line: which file, what is wrong, what to do. */
TEST(what_is_no_plugin_for_this_library_is_refused_with_a_reason)
{
    static const struct {
        const char *name;
        int result;
        const char *why;
    } cases[] = {
        {"absent", GREBE_ERR_SYSTEM, "absent.so: cannot open shared object file"},
        {"unresolved", GREBE_ERR_SYSTEM, "function_that_nobody_has"},
        {"no_entry", GREBE_ERR_INVALID, "no_entry.so: it has no grebe_plugin_entry()"},
        {"refuses", GREBE_ERR_UNSUPPORTED, "plug-in interface 1, which this grebe has"},
        {"newer_plugin", GREBE_ERR_UNSUPPORTED, "compile it with the headers"},
        {"newer_balancer", GREBE_ERR_UNSUPPORTED,
         "balancer \"bad_half\" was compiled for"},
        {"nameless", GREBE_ERR_INVALID, "a balancer of it has no name"},
        {"half", GREBE_ERR_INVALID, "balancer \"bad_half\" has no build()"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct grebe_diag diag = {""};

        assert_int_equal(grebe_plugin_load(path_of(cases[i].name), &diag),
                         cases[i].result);
        if (strstr(diag.text, cases[i].why) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", diag.text, cases[i].why);
        assert_null(strchr(diag.text, '\n'));
        assert_int_not_equal(grebe_plugin_load(path_of(cases[i].name), NULL), GREBE_OK);
        assert_null(grebe_balancer_get("good_half"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_of_a_shared_object_balances_calls),
        cmocka_unit_test(loading_twice_is_harmless),
        cmocka_unit_test(what_is_no_plugin_for_this_library_is_refused_with_a_reason),
    };

    return cmocka_run_group_tests_name("plugin", tests, NULL, NULL);
}
