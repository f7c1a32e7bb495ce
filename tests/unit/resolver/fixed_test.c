/* SPDX-License-Identifier: Apache-2.0 */
/* Resolvers that know their answer from the start: passthrough, unix, unix-abstract,
 * ipv4, ipv6, and dns when the target is an address. */
#include "support/test.h"

#include <grebe/endpoint.h>

#include "base/assert.h"
#include "support/resolver_bench.h"

static const struct {
    const char *target;
    const char *told;
    const char *network; /* NULL: not said */
} answers[] = {
    {"passthrough:///host:80", "update host:80", NULL},
    {"passthrough:///unix:///run/s", "update unix:///run/s", NULL},
    {"passthrough:a,b", "update a,b", NULL},
    {"unix:run/s", "update run/s", "unix"},
    {"unix:/run/s", "update /run/s", "unix"},
    {"unix:///run/s", "update /run/s", "unix"},
    {"unix-abstract:name", "update @name", "unix"},
    {"unix-abstract:a name", "update @a name", "unix"},
    {"unix-abstract:/ a///://::!@#$%25^&*()b", "update @/ a///://::!@", "unix"},
    {"ipv4:1.2.3.4", "update 1.2.3.4:443", NULL},
    {"ipv4:1.2.3.4,5.6.7.8:80", "update 1.2.3.4:443 5.6.7.8:80", NULL},
    {"ipv4:///5.6.7.8:80,1.2.3.4", "update 5.6.7.8:80 1.2.3.4:443", NULL},
    {"ipv6:[::1]:5,[::2]", "update [::1]:5 [::2]:443", NULL},
    {"ipv6:::1,2001:db8::1", "update [::1]:443 [2001:db8::1]:443", NULL},
    {"ipv6:[fe80::1%lo0]:65535", "update [fe80::1%lo0]:65535", NULL},
    {"1.2.3.4", "update 1.2.3.4:443", NULL},
    {"dns:///1.2.3.4:80", "update 1.2.3.4:80", NULL},
    {"dns:///1.2.3.4:http", "update 1.2.3.4:http", NULL},
    {"dns://8.8.8.8/1.2.3.4:80", "update 1.2.3.4:80", NULL},
    {"dns:///::1", "update [::1]:443", NULL},
    {"dns:///[::1]", "update [::1]:443", NULL},
    {"dns:///[2001:db8::1]:80", "update [2001:db8::1]:80", NULL},
    {"dns:///%5B2001:db8::1%5D:443", "update [2001:db8::1]:443", NULL},
    {"dns:///fe80::1%25lo0", "update [fe80::1%lo0]:443", NULL},
    {"dns:///[fe80::1%25lo0]:80", "update [fe80::1%lo0]:80", NULL},
    {"dns:///[::1]:domain", "update [::1]:domain", NULL},
};

static const char *network_of(struct grebe_endpoint *endpoint)
{
    struct grebe_address *address = grebe_endpoint_address(endpoint, 0);

    return grebe_attributes_get(grebe_address_attributes(address),
                                &GREBE_ATTRIBUTE_NETWORK);
}

/* RES-4, RES-20: and more of their kind. */
TEST(answer_comes_while_building_and_never_again)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(answers); i++) {
        struct resolver_bench b;

        resolver_bench_init(&b, i);
        if (resolver_bench_build(&b, answers[i].target) != GREBE_OK)
            fail_msg("%s: %s", answers[i].target, b.diag.text);
        assert_string_equal(resolver_bench_log(&b), answers[i].told);
        assert_string_equal(b.source, "literal");
        for (size_t k = 0; k < b.n_endpoints; k++) {
            const char *network = network_of(b.endpoints[k]);

            assert_int_equal(network == NULL, answers[i].network == NULL);
            if (network != NULL)
                assert_string_equal(network, answers[i].network);
        }
        resolver_bench_resolve_now(&b);
        sim_advance(&b.sim, 3600 * SECOND);
        assert_string_equal(resolver_bench_log(&b), "");
        assert_int_equal(b.sim.n_lookups, 0);
        resolver_bench_fini(&b);
    }
}

static const struct {
    const char *target;
    const char *why;
} refused[] = {
    {"passthrough:///", "passthrough: received empty target in Build()"},
    {"unix://authority/x", "invalid (non-empty) authority: \"authority\""},
    {"unix://authority", "invalid (non-empty) authority: \"authority\""},
    {"unix-abstract://a/b", "invalid (non-empty) authority: \"a\""},
    {"unix:", "unix: missing name of the socket"},
    {"unix-abstract:", "unix-abstract: missing name of the socket"},
    {"ipv4://a/1.2.3.4", "invalid (non-empty) authority: \"a\""},
    {"ipv4:", "not an IPv4 address with or without a port: \"\""},
    {"ipv4:1.2.3.4,", "not an IPv4 address with or without a port: \"\""},
    {"ipv4:1.2.3.4,host:80,5.6.7.8",
     "not an IPv4 address with or without a port: \"host:80\""},
    {"ipv4:[::1]", "not an IPv4 address with or without a port: \"[::1]\""},
    {"ipv4:1.2.3.4:", "not an IPv4 address with or without a port: \"1.2.3.4:\""},
    {"ipv4:1.2.3.4:http", "not an IPv4 address with or without a port: \"1.2.3.4:http\""},
    {"ipv4:1.2.3.4:0", "not an IPv4 address with or without a port: \"1.2.3.4:0\""},
    {"ipv4:1.2.3.4:65536",
     "not an IPv4 address with or without a port: \"1.2.3.4:65536\""},
    {"ipv4::80", "not an IPv4 address with or without a port: \":80\""},
    {"ipv6:1.2.3.4", "not an IPv6 address with or without a port: \"1.2.3.4\""},
    {"ipv6:[::1", "not an IPv6 address with or without a port: \"[::1\""},
};

/* RES-19, RES-20 */
TEST(target_without_an_answer_is_refused)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(refused); i++) {
        struct resolver_bench b;

        resolver_bench_init(&b, i);
        assert_int_equal(resolver_bench_build(&b, refused[i].target), GREBE_ERR_TARGET);
        assert_string_equal(b.diag.text, refused[i].why);
        assert_string_equal(resolver_bench_log(&b), "");
        resolver_bench_fini(&b);
    }
}

TEST(channel_that_refuses_gets_no_second_update)
{
    struct resolver_bench b;

    resolver_bench_init(&b, 1);
    b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_int_equal(resolver_bench_build(&b, "ipv4:1.2.3.4"), GREBE_OK);
    resolver_bench_resolve_now(&b);
    sim_advance(&b.sim, 3600 * SECOND);
    assert_int_equal(b.n_updates, 1);
    resolver_bench_fini(&b);
}

TEST(out_of_memory_anywhere_fails_the_build)
{
    static const char *const texts[] = {"passthrough:///a", "unix:a", "unix-abstract:a",
                                        "ipv4:1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4,5.5.5.5",
                                        "dns:///1.2.3.4"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(texts); i++) {
        bool has_failed = true;

        for (uint32_t n = 1; has_failed; n++) {
            struct resolver_bench b;
            int error;

            resolver_bench_init(&b, i);
            b.mem.fail_at = n;
            error = resolver_bench_build(&b, texts[i]);
            has_failed = b.mem.has_failed;
            assert_int_equal(error, has_failed ? GREBE_ERR_NOMEM : GREBE_OK);
            assert_true(has_failed == (b.resolver == NULL));
            resolver_bench_fini(&b);
        }
    }
}

TEST(channel_without_memory_fails_the_build)
{
    struct resolver_bench b;

    resolver_bench_init(&b, 1);
    b.verdict = GREBE_ERR_NOMEM;
    assert_int_equal(resolver_bench_build(&b, "ipv4:1.2.3.4"), GREBE_ERR_NOMEM);
    assert_null(b.resolver);
    resolver_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_comes_while_building_and_never_again),
        cmocka_unit_test(target_without_an_answer_is_refused),
        cmocka_unit_test(channel_that_refuses_gets_no_second_update),
        cmocka_unit_test(out_of_memory_anywhere_fails_the_build),
        cmocka_unit_test(channel_without_memory_fails_the_build),
    };

    return cmocka_run_group_tests_name("fixed", tests, NULL, NULL);
}
