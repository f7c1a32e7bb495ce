/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include "resolver/target.h"

#include <grebe/registry.h>

#include "base/assert.h"
#include "support/mem.h"

/* ---- Parts ------------------------------------------------------------------------- */

static const struct {
    const char *text;
    const char *scheme, *authority, *endpoint;
} targets[] = {
    {"no.scheme", "dns", "", "no.scheme"},
    {"localhost:50051", "dns", "", "localhost:50051"},
    {"127.0.0.1:80", "dns", "", "127.0.0.1:80"},
    {"[::1]:80", "dns", "", "[::1]:80"},
    {":50051", "dns", "", ":50051"},
    {"", "dns", "", ""},
    {"/", "dns", "", "/"},
    {"//x", "dns", "", "//x"},
    {"dns:hostname:port", "dns", "", "hostname:port"},
    {"dns:///hostname:port", "dns", "", "hostname:port"},
    {"DNS:///hostname:port", "dns", "", "hostname:port"},
    {"dns:/a/b/c", "dns", "", "a/b/c"},
    {"dns:////a", "dns", "", "/a"},
    {"dns:", "dns", "", ""},
    {"dns://8.8.8.8/foo", "dns", "8.8.8.8", "foo"},
    {"dns://8.8.8.8:53/foo", "dns", "8.8.8.8:53", "foo"},
    {"dns://8.8.8.8:/foo", "dns", "8.8.8.8:", "foo"},
    {"dns://[::1]:53/foo", "dns", "[::1]:53", "foo"},
    {"dns://[fe80::1%25lo0]/foo", "dns", "[fe80::1%lo0]", "foo"},
    {"dns://user:pw@8.8.8.8/foo", "dns", "8.8.8.8", "foo"},
    {"dns://h%c3%a4/foo", "dns", "h\xc3\xa4", "foo"},
    {"dns://8.8.8.8", "dns", "8.8.8.8", ""},
    {"nonexist:///non.existent", "dns", "", "nonexist:///non.existent"},
    {"://a/b", "dns", "", "://a/b"},
    {"a//b", "dns", "", "a//b"},
    {"dns:///h?x=y", "dns", "", "h"},
    {"dns:h?x=y?z", "dns", "", "h"},
    {"h?x=y", "dns", "", "h"},
    {"dns:///h#fragment", "dns", "", "h"},
    {"dns:///h?q#fragment?", "dns", "", "h"},
    {"passthrough:///unix:///a/b/c", "passthrough", "", "unix:///a/b/c"},
    {"unix-abstract:/ a///://::!@#$%25^&*()b", "unix-abstract", "", " a///://::!@"},
    {"unix:a/b", "unix", "", "a/b"},
    {"unix:///a/b", "unix", "", "a/b"},
    {"dns:///%5B2001:db8::1%5D:443", "dns", "", "[2001:db8::1]:443"},
    {"dns:a%20b", "dns", "", "a%20b"},
    {"dns:/a%20b", "dns", "", "a b"},
    {"dns:///a+b", "dns", "", "a+b"},
    {"dns:a%zz", "dns", "", "a%zz"},
    /* Not an authority: read as the endpoint of the default scheme. */
    {"dns://8.8.8.8:abc/foo", "dns", "", "dns://8.8.8.8:abc/foo"},
    {"dns://[::1/foo", "dns", "", "dns://[::1/foo"},
    {"dns://[::1]x/foo", "dns", "", "dns://[::1]x/foo"},
    {"dns://a b/foo", "dns", "", "dns://a b/foo"},
    {"dns://a%25%20b/foo", "dns", "", "dns://a% b/foo"},
    {"dns://a%20b/foo", "dns", "", "dns://a b/foo"},
    {"dns://u ser@h/foo", "dns", "", "dns://u ser@h/foo"},
};

static int parse(const char *text, const struct grebe__target_options *options,
                 struct grebe_diag *diag, struct grebe_target **out,
                 const struct grebe_resolver_builder **builder)
{
    static const struct grebe__target_options none;

    return grebe__target_parse(NULL, text, options == NULL ? &none : options, diag, out,
                               builder);
}

/* TGT-1, TGT-11 */
TEST(target_has_scheme_authority_and_endpoint)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(targets); i++) {
        const struct grebe_resolver_builder *builder = NULL;
        struct grebe_target *target = NULL;
        struct grebe_diag diag = {""};

        if (parse(targets[i].text, NULL, &diag, &target, &builder) != GREBE_OK)
            fail_msg("%s: %s", targets[i].text, diag.text);
        assert_string_equal(target->text, targets[i].text);
        assert_string_equal(target->scheme, targets[i].scheme);
        assert_string_equal(target->authority, targets[i].authority);
        assert_string_equal(target->endpoint, targets[i].endpoint);
        assert_string_equal(builder->scheme, targets[i].scheme);
        grebe__target_free(NULL, target);
    }
}

TEST(path_is_decoded_and_opaque_is_not)
{
    static const struct {
        const char *text, *path, *opaque, *query;
    } parts[] = {
        {"unix:a/b", "", "a/b", ""},
        {"unix:///a%2fb", "/a/b", "", ""},
        {"unix:/a/b?c=d", "/a/b", "", "c=d"},
        {"unix-abstract:/ a///://::!@#$%25^&*()b", "/ a///://::!@", "", ""},
        {"dns:a%20b?", "", "a%20b", ""},
        {"host", "/host", "", ""},
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(parts); i++) {
        const struct grebe_resolver_builder *builder;
        struct grebe_target *target = NULL;

        assert_int_equal(parse(parts[i].text, NULL, NULL, &target, &builder), GREBE_OK);
        assert_string_equal(target->path, parts[i].path);
        assert_string_equal(target->opaque, parts[i].opaque);
        assert_string_equal(target->query, parts[i].query);
        grebe__target_free(NULL, target);
    }
}

static const struct {
    const char *text;
    const char *why;
} refused[] = {
    {"dns:///a%zz", "malformed escape in target: \"dns:///a%zz\""},
    {"dns:///a%", "malformed escape in target: \"dns:///a%\""},
    {"dns:///a%2", "malformed escape in target: \"dns:///a%2\""},
    {"dns:///a%00b", "malformed escape in target: \"dns:///a%00b\""},
    {"a%zz", "malformed escape in target: \"a%zz\""},
    {"dns:///a#%zz", "malformed escape in target: \"dns:///a#%zz\""},
    {"dns:///a\nb", "control character in target: \"dns:///a\\x0ab\""},
    {"dns:///a\x7f", "control character in target: \"dns:///a\\x7f\""},
};

TEST(unreadable_target_is_refused)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(refused); i++) {
        const struct grebe_resolver_builder *builder;
        struct grebe_target *target = NULL;
        struct grebe_diag diag = {""};

        assert_int_equal(parse(refused[i].text, NULL, &diag, &target, &builder),
                         GREBE_ERR_TARGET);
        assert_null(target);
        assert_string_equal(diag.text, refused[i].why);
    }
}

/* ---- Whose job it is --------------------------------------------------------------- */

static int build(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                 const struct grebe_resolver_options *options, struct grebe_diag *diag,
                 struct grebe_resolver **out)
{
    (void)target, (void)conn, (void)options, (void)diag, (void)out;
    return GREBE_ERR_UNSUPPORTED;
}

#define RESOLVER(its_scheme)                                                             \
    {                                                                                    \
        .api = GREBE_RESOLVER_API, .scheme = (its_scheme), .build = build                \
    }

static const struct grebe_resolver_builder foo = RESOLVER("foo");
static const struct grebe_resolver_builder own_foo = RESOLVER("foo");
static const struct grebe_resolver_builder second_foo = RESOLVER("foo");
static const struct grebe_resolver_builder upper = RESOLVER("caseTest");

/* The resolver that is chosen and the endpoint it gets. */
static const struct grebe_resolver_builder *
choose(const char *text, const struct grebe__target_options *options, char endpoint[64])
{
    const struct grebe_resolver_builder *builder = NULL;
    struct grebe_target *target = NULL;

    assert_int_equal(parse(text, options, NULL, &target, &builder), GREBE_OK);
    snprintf(endpoint, 64, "%s", target->endpoint);
    grebe__target_free(NULL, target);
    return builder;
}

/* TGT-8 */
TEST(channel_is_asked_before_the_registry_and_in_order)
{
    const struct grebe_resolver_builder *const list[] = {&own_foo, &second_foo};
    struct grebe__target_options options = {.resolvers = list, .n_resolvers = 2};
    char endpoint[64];

    assert_int_equal(grebe_resolver_register(&foo), GREBE_OK);
    assert_ptr_equal(choose("foo:///x", NULL, endpoint), &foo);
    assert_ptr_equal(choose("foo:///x", &options, endpoint), &own_foo);
    grebe_resolver_unregister("foo");
    assert_ptr_equal(choose("foo:///x", &options, endpoint), &own_foo);
}

/* TGT-7 */
TEST(scheme_with_upper_case_is_never_found)
{
    const struct grebe_resolver_builder *const list[] = {&upper};
    struct grebe__target_options options = {.resolvers = list, .n_resolvers = 1};
    char endpoint[64];

    assert_string_equal(choose("caseTest:///x", &options, endpoint)->scheme, "dns");
    assert_string_equal(endpoint, "caseTest:///x");
}

/* TGT-6 */
TEST(the_lower_case_scheme_is_found_whatever_the_target_says)
{
    static const struct grebe_resolver_builder lower = RESOLVER("casetest");
    char endpoint[64];

    assert_int_equal(grebe_resolver_register(&upper), GREBE_OK);
    assert_int_equal(grebe_resolver_register(&lower), GREBE_OK);
    assert_ptr_equal(choose("caseTest:///x", NULL, endpoint), &lower);
    grebe_resolver_unregister("caseTest");
    grebe_resolver_unregister("casetest");
}

/* ---- Builders that are objects ----------------------------------------------------- */

static int n_references;

static void count_ref(const struct grebe_resolver_builder *builder)
{
    assert_string_equal(builder->scheme, "foo");
    n_references++;
}

static void count_unref(const struct grebe_resolver_builder *builder)
{
    assert_string_equal(builder->scheme, "foo");
    n_references--;
}

TEST(builder_is_counted_if_it_can_be)
{
    struct grebe_resolver_builder counted = RESOLVER("foo");

    counted.ref = count_ref;
    counted.unref = count_unref;
    grebe__resolver_builder_ref(&counted);
    assert_int_equal(n_references, 1);
    grebe__resolver_builder_unref(&counted);
    assert_int_equal(n_references, 0);
    grebe__resolver_builder_ref(&foo);
    grebe__resolver_builder_unref(&foo);
    grebe__resolver_builder_unref(NULL);
}

/* Behind its last member there may be anything. */
TEST(builder_of_an_older_interface_has_no_count)
{
    struct grebe_resolver_builder old = RESOLVER("foo");

    old.api = 1;
    old.ref = count_ref;
    old.unref = count_unref;
    grebe__resolver_builder_ref(&old);
    assert_int_equal(n_references, 0);
    grebe__resolver_builder_unref(&old);
    assert_int_equal(n_references, 0);
    assert_int_equal(grebe_resolver_register(&old), GREBE_OK);
    grebe_resolver_unregister("foo");
}

static const struct {
    const char *text, *scheme, *endpoint;
} passed_through[] = {
    {"no.scheme", "passthrough", "no.scheme"},
    {"localhost:50051", "passthrough", "localhost:50051"},
    {"127.0.0.1:80", "passthrough", "127.0.0.1:80"},
    {"nonexist:///non.existent", "passthrough", "nonexist:///non.existent"},
    {"://a/b", "passthrough", "://a/b"},
    {"a//b", "passthrough", "a//b"},
    {"dns://8.8.8.8:abc/foo", "passthrough", "dns://8.8.8.8:abc/foo"},
    {"dns:/a/b/c", "dns", "a/b/c"},
    {"unix:a/b", "unix", "a/b"},
};

/* TGT-2 */
TEST(targets_without_a_known_scheme_are_of_the_default_one)
{
    const struct grebe__target_options options = {.default_scheme = "passthrough"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(passed_through); i++) {
        const struct grebe_resolver_builder *builder = NULL;
        struct grebe_target *target = NULL;
        struct grebe_diag diag = {""};

        if (parse(passed_through[i].text, &options, &diag, &target, &builder) != GREBE_OK)
            fail_msg("%s: %s", passed_through[i].text, diag.text);
        assert_string_equal(target->scheme, passed_through[i].scheme);
        assert_string_equal(target->endpoint, passed_through[i].endpoint);
        assert_string_equal(builder->scheme, passed_through[i].scheme);
        grebe__target_free(NULL, target);
    }
}

TEST(default_scheme_can_be_another)
{
    const struct grebe_resolver_builder *const list[] = {&own_foo};
    struct grebe__target_options options = {
        .resolvers = list, .n_resolvers = 1, .default_scheme = "foo"};
    char endpoint[64];

    assert_ptr_equal(choose("a:1", &options, endpoint), &own_foo);
    assert_string_equal(endpoint, "a:1");
    assert_string_equal(choose("dns:a:1", &options, endpoint)->scheme, "dns");
}

/* TGT-9 */
TEST(default_scheme_needs_a_resolver)
{
    struct grebe__target_options options = {.default_scheme = "nowhere"};
    const struct grebe_resolver_builder *builder;
    struct grebe_target *target = NULL;
    struct grebe_diag diag;

    assert_int_equal(parse("host", &options, &diag, &target, &builder), GREBE_ERR_TARGET);
    assert_string_equal(diag.text,
                        "could not get resolver for default scheme: \"nowhere\"");
    assert_null(target);
}

/* ---- Names ------------------------------------------------------------------------- */

static const struct {
    const char *text;
    const char *canonical, *authority;
} names[] = {
    {"no.scheme", "dns:///no.scheme", "no.scheme"},
    {"dns:hostname:port", "dns:///hostname:port", "hostname:port"},
    {"nonexist:///non.existent", "dns:///nonexist:///non.existent",
     "nonexist:%2F%2F%2Fnon.existent"},
    {"dns://8.8.8.8/foo", "dns://8.8.8.8/foo", "foo"},
    {"dns:///h?x=y", "dns:///h", "h"},
    {":50051", "dns:///:50051", "localhost:50051"},
    {"dns:///[::1]", "dns:///[::1]", "[::1]"},
    {"userinfo@host:10001", "dns:///userinfo@host:10001", "userinfo@host:10001"},
    {"projects/1/n", "dns:///projects/1/n", "projects%2F1%2Fn"},
    {"dns:///a%20%c3%a4\"", "dns:///a \xc3\xa4\"", "a%20%C3%A4%22"},
    {"passthrough:///az09AZ-_.~!$&'()*+,;=:[]@",
     "passthrough:///az09AZ-_.~!$&'()*+,;=:[]@", "az09AZ-_.~!$&'()*+,;=:[]@"},
    {"passthrough:///unix:///run/s", "passthrough:///unix:///run/s",
     "unix:%2F%2F%2Frun%2Fs"},
    {"unix:run/s", "unix:///run/s", "localhost"},
    {"unix:///run/s", "unix:///run/s", "localhost"},
    {"unix-abstract:s", "unix-abstract:///s", "localhost"},
    {"ipv4:1.2.3.4,5.6.7.8:80", "ipv4:///1.2.3.4,5.6.7.8:80", "1.2.3.4"},
    {"ipv6:[::1]:80,[::2]", "ipv6:///[::1]:80,[::2]", "[::1]:80"},
    {"ipv6:::1,::2", "ipv6:///::1,::2", "[::1]"},
    {"", "dns:///", ""},
};

/* TGT-10, TGT-12, TGT-14, TGT-15 */
TEST(target_has_a_canonical_form_and_names_its_service)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++) {
        const struct grebe_resolver_builder *builder;
        struct grebe_target *target = NULL;
        char *canonical, *authority;

        assert_int_equal(parse(names[i].text, NULL, NULL, &target, &builder), GREBE_OK);
        canonical = grebe__target_canonical(NULL, target);
        authority = grebe__target_authority(NULL, target, builder);
        assert_string_equal(canonical, names[i].canonical);
        assert_string_equal(authority, names[i].authority);
        grebe_mem_free(NULL, canonical);
        grebe_mem_free(NULL, authority);
        grebe__target_free(NULL, target);
    }
}

/* ---- Memory ------------------------------------------------------------------------ */

TEST(out_of_memory_anywhere_leaves_nothing_behind)
{
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct grebe__target_options options = {0};
        struct test_mem mem;
        const struct grebe_mem *interface = test_mem_init(&mem);
        const struct grebe_resolver_builder *builder = NULL;
        struct grebe_target *target = NULL;
        char *canonical = NULL, *authority = NULL;
        int error;

        mem.fail_at = n;
        error = grebe__target_parse(interface, "unknown://a/b", &options, NULL, &target,
                                    &builder);
        assert_true(error == (target == NULL ? GREBE_ERR_NOMEM : GREBE_OK));
        if (target != NULL) {
            canonical = grebe__target_canonical(interface, target);
            authority = grebe__target_authority(interface, target, builder);
        }
        has_failed = mem.has_failed;
        assert_true(has_failed == (canonical == NULL || authority == NULL));
        grebe_mem_free(interface, canonical);
        grebe_mem_free(interface, authority);
        grebe__target_free(interface, target);
        assert_int_equal(mem.n_live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_has_scheme_authority_and_endpoint),
        cmocka_unit_test(path_is_decoded_and_opaque_is_not),
        cmocka_unit_test(unreadable_target_is_refused),
        cmocka_unit_test(channel_is_asked_before_the_registry_and_in_order),
        cmocka_unit_test(scheme_with_upper_case_is_never_found),
        cmocka_unit_test(the_lower_case_scheme_is_found_whatever_the_target_says),
        cmocka_unit_test(builder_is_counted_if_it_can_be),
        cmocka_unit_test(builder_of_an_older_interface_has_no_count),
        cmocka_unit_test(targets_without_a_known_scheme_are_of_the_default_one),
        cmocka_unit_test(default_scheme_can_be_another),
        cmocka_unit_test(default_scheme_needs_a_resolver),
        cmocka_unit_test(target_has_a_canonical_form_and_names_its_service),
        cmocka_unit_test(out_of_memory_anywhere_leaves_nothing_behind),
    };

    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
