/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <stdlib.h>

#include <grebe/parent.h>

#include "base/assert.h"
#include "config/json.h"

/* ---- Policies that exist only to be named ------------------------------------------ */

static unsigned n_configs;

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)cc, (void)options, (void)out;
    return GREBE_ERR_UNSUPPORTED;
}

/* {"foo": text} */
static int parse_foo(const struct grebe_json *json, struct grebe_diag *diag, void **out)
{
    const char *foo = "default";
    int error = grebe_json_get_string(json, "foo", &foo, diag);

    *out = &n_configs; /* a parser that fails may leave anything there */
    if (error != GREBE_OK)
        return error;
    n_configs++;
    *out = grebe_mem_strdup(NULL, foo);
    return GREBE_OK;
}

static void free_foo(void *config)
{
    n_configs--;
    grebe_mem_free(NULL, config);
}

static int refuse_silently(const struct grebe_json *json, struct grebe_diag *diag,
                           void **out)
{
    (void)json, (void)diag, (void)out;
    return GREBE_ERR_UNSUPPORTED;
}

static const struct grebe_balancer_builder foo = {
    .api = GREBE_BALANCER_API,
    .name = "foo",
    .parse_config = parse_foo,
    .free_config = free_foo,
    .build = build,
};
static const struct grebe_balancer_builder plain = {
    .api = GREBE_BALANCER_API,
    .name = "plain",
    .build = build,
};
static const struct grebe_balancer_builder silent = {
    .api = GREBE_BALANCER_API,
    .name = "silent",
    .parse_config = refuse_silently,
    .build = build,
};

static char warning[512];
static unsigned n_warnings;

static void on_warning(void *arg, enum grebe_log_level level, const char *message)
{
    (void)arg;
    assert_int_equal(level, GREBE_LOG_WARNING);
    snprintf(warning, sizeof warning, "%s", message);
    n_warnings++;
}

static int set_up(void **state)
{
    (void)state;
    n_warnings = 0;
    grebe_registry_set_log(on_warning, NULL);
    return grebe_balancer_register(&foo) != GREBE_OK ||
           grebe_balancer_register(&plain) != GREBE_OK ||
           grebe_balancer_register(&silent) != GREBE_OK;
}

static int tear_down(void **state)
{
    (void)state;
    grebe_balancer_unregister("foo");
    grebe_balancer_unregister("plain");
    grebe_balancer_unregister("silent");
    grebe_registry_set_log(NULL, NULL);
    return n_configs != 0;
}

static int parse(const char *text, struct grebe_diag *diag, struct grebe_lb_config **out)
{
    const struct grebe_json *list = NULL;
    int error;

    assert_int_equal(grebe__json_parse(text, strlen(text), diag, &list), GREBE_OK);
    error = grebe_lb_config_parse(list, diag, out);
    grebe_json_free(list);
    return error;
}

/* ---- Tests ------------------------------------------------------------------------- */

static const struct {
    const char *list;
    const char *name;
    const char *config; /* NULL: none */
} chosen[] = {
    {"[{\"foo\":{\"foo\":\"hi\"}}]", "foo", "hi"},
    {"[{\"foo\":{}}]", "foo", "default"},
    {"[{\"foo\":null}]", "foo", "default"},
    {"[{\"foo\":{\"bar\":{\"deep\":[1]}}}]", "foo", "default"},
    {"[{\"unknown\":{}},{\"foo\":{\"foo\":\"2\"}}]", "foo", "2"},
    {"[{\"foo\":{}},{\"foo\":5},7,{}]", "foo", "default"},
    {"[{\"plain\":{}}]", "plain", NULL},
    {"[{\"round_robin\":{}}]", "round_robin", NULL},
    {"[{\"unknown\":{}},{\"round_robin\":{}}]", "round_robin", NULL},
};

/* REG-10, C-19, gRFC A24 */
TEST(first_registered_policy_wins)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(chosen); i++) {
        struct grebe_lb_config *config = NULL;
        struct grebe_diag diag = {""};

        if (parse(chosen[i].list, &diag, &config) != GREBE_OK)
            fail_msg("%s: %s", chosen[i].list, diag.text);
        assert_string_equal(grebe_lb_config_builder(config)->name, chosen[i].name);
        if (chosen[i].config == NULL)
            assert_null(grebe_lb_config_value(config));
        else
            assert_string_equal(grebe_lb_config_value(config), chosen[i].config);
        grebe_lb_config_unref(config);
    }
    assert_int_equal(n_warnings, 0);
}

static const struct {
    const char *list;
    int error;
    const char *why;
} refused[] = {
    {"[]", GREBE_ERR_CONFIG, ": no supported policies found in []"},
    {"[{\"doesNotExist\":{}}]", GREBE_ERR_CONFIG,
     ": no supported policies found in [doesNotExist]"},
    {"{\"foo\":{}}", GREBE_ERR_CONFIG, ": expected a list of policies"},
    {"[{\"x\":{}},{\"y\\n\":{}}]", GREBE_ERR_CONFIG,
     ": no supported policies found in [x, y\\x0a]"},
    {"[{}]", GREBE_ERR_CONFIG, "[0]: expected one policy, found 0"},
    {"[{\"x\":1,\"y\":2}]", GREBE_ERR_CONFIG, "[0]: expected one policy, found 2"},
    {"[{\"x\":1,\"y\":2},{\"foo\":{}}]", GREBE_ERR_CONFIG,
     "[0]: expected one policy, found 2"},
    {"[{\"x\":1},\"foo\"]", GREBE_ERR_CONFIG, "[1]: expected an object, found a string"},
    {"[{\"x\":1},null]", GREBE_ERR_CONFIG, "[1]: expected an object, found null"},
    {"[{\"foo\":{\"foo\":1}},{\"plain\":{}}]", GREBE_ERR_CONFIG,
     "[0].foo.foo: expected a string, found a number"},
    {"[{\"x\":{}},{\"foo\":3}]", GREBE_ERR_CONFIG,
     "[1].foo.foo: expected inside an object, not a number"},
    {"[{\"silent\":{}}]", GREBE_ERR_UNSUPPORTED, "[0].silent: not supported"},
};

/* REG-8, REG-9, REG-11, C-20, C-21, C-22 */
TEST(list_that_is_wrong_anywhere_before_is_refused_as_a_whole)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(refused); i++) {
        struct grebe_lb_config *config = NULL;
        struct grebe_diag diag = {""};

        assert_int_equal(parse(refused[i].list, &diag, &config), refused[i].error);
        assert_string_equal(diag.text, refused[i].why);
        assert_null(config);
        assert_int_equal(grebe_lb_config_parse(NULL, NULL, &config), GREBE_ERR_CONFIG);
    }
}

/* REG-12 */
TEST(configuration_nobody_reads_is_warned_about)
{
    static const char *const lists[] = {"[{\"plain\":{\"a\":1}}]", "[{\"plain\":[]}]",
                                        "[{\"plain\":null}]"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(lists); i++) {
        struct grebe_lb_config *config = NULL;
        struct grebe_diag diag;

        assert_int_equal(parse(lists[i], &diag, &config), GREBE_OK);
        assert_null(grebe_lb_config_value(config));
        assert_int_equal(n_warnings, i + 1);
        assert_string_equal(warning, "balancer \"plain\" takes no configuration: what it "
                                     "was given is ignored");
        grebe_lb_config_unref(config);
    }
}

TEST(value_lives_as_long_as_the_last_reference)
{
    struct grebe_lb_config *config = NULL;
    struct grebe_diag diag;

    assert_int_equal(parse("[{\"foo\":{\"foo\":\"x\"}}]", &diag, &config), GREBE_OK);
    assert_ptr_equal(grebe_lb_config_ref(config), config);
    grebe_lb_config_unref(config);
    assert_int_equal(n_configs, 1);
    assert_string_equal(grebe_lb_config_value(config), "x");
    grebe_lb_config_unref(config);
    assert_int_equal(n_configs, 0);
    grebe_lb_config_unref(NULL);
}

TEST(policy_needs_no_configuration)
{
    struct grebe_lb_config *config = NULL;

    assert_int_equal(grebe_lb_config_new(&foo, &config), GREBE_OK);
    assert_ptr_equal(grebe_lb_config_builder(config), &foo);
    assert_null(grebe_lb_config_value(config));
    grebe_lb_config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_registered_policy_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            list_that_is_wrong_anywhere_before_is_refused_as_a_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(configuration_nobody_reads_is_warned_about,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(value_lives_as_long_as_the_last_reference, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(policy_needs_no_configuration, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("lb_config", tests, NULL, NULL);
}
