/* SPDX-License-Identifier: Apache-2.0 */
/* Service configs out of TXT records, on virtual time. */
#include "support/test.h"

#include "base/assert.h"
#include "resolver/dns_service.h"
#include "support/resolver_bench.h"

/* Config N of a list: N in its health service, so that it is told from the others. */
#define CONFIG(n) "\"serviceConfig\":{\"healthCheckConfig\":{\"serviceName\":\"" #n "\"}}"
#define CHOSEN(n) "{\"healthCheckConfig\":{\"serviceName\":\"" #n "\"}}"

#define TXT "_grpc_config.foo"

static void init(struct resolver_bench *b)
{
    resolver_bench_init(b, 1);
    b->sim.lookup_delay_ns = MS;
    b->sim.host_name = "host-a";
    sim_name_set(&b->sim, "foo", "10.0.0.1", 0);
}

static void build(struct resolver_bench *b, const char *target)
{
    if (resolver_bench_build(b, target) != GREBE_OK)
        fail_msg("%s: %s", target, b->diag.text);
}

static const char *answer(struct resolver_bench *b)
{
    sim_advance(&b->sim, MS);
    return resolver_bench_log(b);
}

/* Another round, of which only the end is of interest. */
static const char *answer_again(struct resolver_bench *b)
{
    sim_advance(&b->sim, 30 * SECOND);
    resolver_bench_resolve_now(b);
    sim_advance(&b->sim, MS);
    return resolver_bench_log(b);
}

static uint32_t n_txt_lookups(struct resolver_bench *b, const char *name)
{
    grebe__list_foreach (link, &b->sim.names) {
        struct sim_name *entry = grebe_container_of(link, struct sim_name, link);

        if (entry->kind == GREBE__LOOKUP_TXT && strcmp(entry->name, name) == 0)
            return entry->n_lookups;
    }
    return 0;
}

/* ---- What is delivered --------------------------------------------------------------- */

/* RES-1 */
TEST(config_comes_with_the_addresses)
{
    struct resolver_bench b;

    init(&b);
    sim_name_add_txt(&b.sim, TXT, "grpc_config=[{" CONFIG(1) "}]", 0);
    build(&b, "foo");
    assert_string_equal(answer(&b), "update 10.0.0.1:443");
    assert_string_equal(b.service_config, CHOSEN(1));
    assert_string_equal(b.source, "A, TXT");
    assert_int_equal(b.n_updates, 1);
    assert_int_equal(b.n_logged, 0);
    resolver_bench_fini(&b);
}

/* RES-2 */
TEST(first_match_is_chosen)
{
    struct resolver_bench b;

    init(&b);
    sim_name_add_txt(
        &b.sim, TXT,
        "grpc_config=[{\"clientLanguage\":[\"go\"]," CONFIG(
            1) "},"
               "{\"percentage\":0," CONFIG(
                   2) "},"
                      "{\"clientHostname\":[\"host-b\"]," CONFIG(
                          3) "},"
                             "{\"clientLanguage\":[\"C\"],\"percentage\":100,"
                             "\"clientHostname\":[\"host-a\"]," CONFIG(4) "},"
                                                                          "{" CONFIG(
                                                                              5) "}]",
        0);
    build(&b, "foo");
    answer(&b);
    assert_string_equal(b.service_config, CHOSEN(4));
    resolver_bench_fini(&b);
}

/* RES-3 */
TEST(without_a_match_there_is_no_config)
{
    struct resolver_bench b;

    init(&b);
    sim_name_add_txt(&b.sim, TXT, "grpc_config=[{\"percentage\":0," CONFIG(1) "}]", 0);
    build(&b, "foo");
    assert_string_equal(answer(&b), "update 10.0.0.1:443");
    assert_string_equal(b.service_config, "");
    assert_string_equal(b.source, "A");
    assert_int_equal(b.n_logged, 0);
    resolver_bench_fini(&b);
}

TEST(record_of_a_config_is_found_among_others)
{
    struct resolver_bench b;

    init(&b);
    sim_name_add_txt(&b.sim, TXT, "v=spf1 -all", 0);
    sim_name_add_txt(&b.sim, TXT, "grpc_config=[{" CONFIG(1) "}]", 0);
    sim_name_add_txt(&b.sim, TXT, "grpc_config=[{" CONFIG(2) "}]", 0);
    build(&b, "foo");
    answer(&b);
    assert_string_equal(b.service_config, CHOSEN(1));
    assert_int_equal(b.n_logged, 0);
    resolver_bench_fini(&b);
}

TEST(config_of_a_service_is_that_of_its_domain)
{
    struct resolver_bench b;

    init(&b);
    sim_name_set_srv(&b.sim, "_grpc._tcp.foo", "0 0 80 a.", 0);
    sim_name_set(&b.sim, "a.", "10.0.0.1", 0);
    sim_name_add_txt(&b.sim, TXT, "grpc_config=[{" CONFIG(1) "}]", 0);
    build(&b, "_grpc._tcp.foo");
    sim_advance(&b.sim, 2 * MS);
    assert_string_equal(b.service_config, CHOSEN(1));
    assert_string_equal(b.source, "SRV, A, TXT");
    resolver_bench_fini(&b);
}

/* gRFC A2 speaks of a percentage of clients: asking again changes nobody's luck. */
TEST(percentage_is_decided_once)
{
    unsigned n_in = 0;

    for (uint64_t seed = 0; seed < 40; seed++) {
        struct resolver_bench b;
        bool is_in;

        resolver_bench_init(&b, seed);
        b.sim.lookup_delay_ns = MS;
        sim_name_set(&b.sim, "foo", "10.0.0.1", 0);
        sim_name_add_txt(&b.sim, TXT, "grpc_config=[{\"percentage\":50," CONFIG(1) "}]",
                         0);
        build(&b, "foo");
        answer(&b);
        is_in = b.service_config[0] != '\0';
        n_in += is_in;
        for (unsigned i = 0; i < 10; i++) {
            answer_again(&b);
            assert_int_equal(b.service_config[0] != '\0', is_in);
        }
        resolver_bench_fini(&b);
    }
    assert_in_range(n_in, 8, 32); /* 20 +- 4 sigma */
}

/* The config changes when its record's TTL ends, whatever that of the addresses is. */
TEST(ttl_of_the_config_counts)
{
    struct resolver_bench b;

    init(&b);
    sim_name_set(&b.sim, "foo", "10.0.0.1", 3600 * SECOND);
    sim_name_add_txt(&b.sim, TXT, "grpc_config=[]", 60 * SECOND);
    build(&b, "foo");
    answer(&b);
    assert_true(b.ttl_ns == 60 * SECOND);
    assert_in_range(resolver_bench_wait_ns(&b), 54 * SECOND, 66 * SECOND);
    resolver_bench_fini(&b);
}

/* ---- What is not asked for ------------------------------------------------------------ */

/* RES-15 */
TEST(nobody_asks_for_what_is_not_wanted)
{
    for (unsigned i = 0; i < 2; i++) {
        struct resolver_bench b;

        init(&b);
        sim_name_add_txt(&b.sim, TXT, "grpc_config=[{" CONFIG(1) "}]", 0);
        b.ignores_config = i == 0;
        b.dns.ignores_txt = i == 1;
        build(&b, "foo");
        assert_string_equal(answer(&b), "update 10.0.0.1:443");
        assert_string_equal(b.service_config, "");
        assert_int_equal(n_txt_lookups(&b, TXT), 0);
        resolver_bench_fini(&b);
    }
}

TEST(localhost_has_no_records)
{
    static const struct {
        const char *host;
        uint32_t n_lookups;
    } hosts[] = {{"localhost", 0},   {"localhost.", 0},   {"LocalHost", 0},
                 {"a.localhost", 0}, {"notlocalhost", 1}, {"localhost.foo", 1}};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(hosts); i++) {
        struct resolver_bench b;
        char name[64];

        init(&b);
        snprintf(name, sizeof name, "_grpc_config.%s", hosts[i].host);
        sim_name_add_txt(&b.sim, name, "grpc_config=[]", 0);
        sim_name_set(&b.sim, hosts[i].host, "127.0.0.1", 0);
        build(&b, hosts[i].host);
        assert_string_equal(answer(&b), "update 127.0.0.1:443");
        assert_int_equal(n_txt_lookups(&b, name), hosts[i].n_lookups);
        resolver_bench_fini(&b);
    }
}

/* ---- What cannot be had ---------------------------------------------------------------- */

/* RES-14 */
TEST(failure_is_no_config_or_an_error)
{
    struct resolver_bench b;

    init(&b);
    sim_name_fail(&b.sim, GREBE__LOOKUP_TXT, TXT);
    build(&b, "foo");
    assert_string_equal(answer(&b), "update 10.0.0.1:443");
    assert_string_equal(b.logged, "dns: no service config: no server answered");
    resolver_bench_fini(&b);

    init(&b);
    b.dns.reports_txt_errors = true;
    sim_name_fail(&b.sim, GREBE__LOOKUP_TXT, TXT);
    build(&b, "foo");
    assert_string_equal(answer(&b), "update 10.0.0.1:443 but dns: TXT record lookup "
                                    "error: no server answered");
    resolver_bench_fini(&b);
}

/* RES-14: that there is none is no failure. */
TEST(absence_is_no_failure)
{
    struct resolver_bench b;

    init(&b);
    b.dns.reports_txt_errors = true;
    build(&b, "foo");
    assert_string_equal(answer(&b), "update 10.0.0.1:443");
    assert_int_equal(b.n_logged, 0);
    resolver_bench_fini(&b);
}

static const struct {
    const char *text;
    const char *logged;
} odd[] = {
    {"", "dns: no TXT record of _grpc_config.foo begins with grpc_config="},
    {"grpc_confi", "dns: no TXT record of _grpc_config.foo begins with grpc_config="},
    {"something else", "dns: no TXT record of _grpc_config.foo begins with grpc_config="},
    {"grpc_config=", "dns: the service config of _grpc_config.foo is not used: line 1 "
                     "column 0: unexpected token"},
    {"grpc_config={}", "dns: the service config of _grpc_config.foo is not used: "
                       "expected a list of objects"},
    {"grpc_config=[{\"percentage\":101}]",
     "dns: the service config of _grpc_config.foo is not used: [0].percentage: 101 is "
     "more than 100"},
};

/* Once, as long as it lasts. */
TEST(oddities_are_said_once)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(odd); i++) {
        struct resolver_bench b;

        init(&b);
        sim_name_add_txt(&b.sim, TXT, odd[i].text, 0);
        build(&b, "foo");
        assert_string_equal(answer(&b), "update 10.0.0.1:443");
        assert_string_equal(b.service_config, "");
        assert_string_equal(b.logged, odd[i].logged);
        for (unsigned round = 0; round < 5; round++)
            assert_string_equal(answer_again(&b), "update 10.0.0.1:443");
        assert_int_equal(b.n_logged, 1);

        /* It was gone, and is back. */
        sim_name_forget(&b.sim, GREBE__LOOKUP_TXT, TXT);
        answer_again(&b);
        sim_name_add_txt(&b.sim, TXT, odd[i].text, 0);
        answer_again(&b);
        answer_again(&b);
        assert_int_equal(b.n_logged, 2);
        resolver_bench_fini(&b);
    }
}

TEST(text_without_end_is_refused)
{
    static char text[GREBE__DNS_MAX_RECORDS * 128];
    struct resolver_bench b;

    memset(text, '[', sizeof text - 1);
    memcpy(text, "grpc_config=", 12);
    init(&b);
    sim_name_add_txt(&b.sim, TXT, text, 0);
    build(&b, "foo");
    assert_string_equal(answer(&b), "update 10.0.0.1:443");
    assert_string_equal(b.logged, "dns: the service config of _grpc_config.foo is not "
                                  "used: the text has 131059 bytes, 65536 are allowed");
    resolver_bench_fini(&b);
}

/* ---- What takes its time ---------------------------------------------------------------- */

/* Some networks drop every TXT query: no call should wait for the whole budget. */
TEST(backends_wait_for_the_config_but_not_long)
{
    struct resolver_bench b;

    init(&b);
    sim_name_add_txt(&b.sim, TXT, "grpc_config=[]", 0)->hangs = true;
    build(&b, "foo");
    sim_advance(&b.sim, MS + 5 * SECOND - 1);
    assert_string_equal(resolver_bench_log(&b), "");
    sim_advance(&b.sim, 1);
    assert_string_equal(resolver_bench_log(&b), "update 10.0.0.1:443");
    assert_string_equal(b.logged,
                        "dns: no service config: deadline exceeded: no answer in time");
    assert_true(grebe__list_is_empty(&b.sim.lookups));
    assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
    resolver_bench_fini(&b);
}

TEST(patience_is_part_of_the_budget)
{
    struct resolver_bench b;

    init(&b);
    b.dns.lookup_timeout_ns = 2 * SECOND;
    b.dns.reports_txt_errors = true;
    sim_name_add_txt(&b.sim, TXT, "grpc_config=[]", 0)->hangs = true;
    build(&b, "foo");
    sim_advance(&b.sim, 2 * SECOND - 1);
    assert_string_equal(resolver_bench_log(&b), "");
    sim_advance(&b.sim, 1);
    assert_string_equal(resolver_bench_log(&b),
                        "update 10.0.0.1:443 but dns: TXT record lookup error: deadline "
                        "exceeded: no answer in time");
    resolver_bench_fini(&b);
}

/* The config came first: it waits for the backends as long as they take. */
TEST(config_alone_is_nothing)
{
    struct resolver_bench b;

    init(&b);
    sim_name_set(&b.sim, "foo", "10.0.0.1", 0)->hangs = true;
    sim_name_add_txt(&b.sim, TXT, "grpc_config=[{" CONFIG(1) "}]", 0);
    build(&b, "foo");
    sim_advance(&b.sim, 30 * SECOND - 1);
    assert_string_equal(resolver_bench_log(&b), "");
    sim_advance(&b.sim, 1);
    assert_string_equal(
        resolver_bench_log(&b),
        "error UNAVAILABLE dns: A record lookup error: deadline exceeded: "
        "no answer within 30.000s");
    resolver_bench_fini(&b);
}

TEST(without_backends_nobody_waits_for_the_config)
{
    struct resolver_bench b;

    init(&b);
    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "foo");
    sim_name_add_txt(&b.sim, TXT, "grpc_config=[]", 0)->hangs = true;
    build(&b, "foo");
    assert_string_equal(answer(&b),
                        "error UNAVAILABLE dns: A record lookup error: no server "
                        "answered");
    assert_true(grebe__list_is_empty(&b.sim.lookups));
    resolver_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_comes_with_the_addresses),
        cmocka_unit_test(first_match_is_chosen),
        cmocka_unit_test(without_a_match_there_is_no_config),
        cmocka_unit_test(record_of_a_config_is_found_among_others),
        cmocka_unit_test(config_of_a_service_is_that_of_its_domain),
        cmocka_unit_test(percentage_is_decided_once),
        cmocka_unit_test(ttl_of_the_config_counts),
        cmocka_unit_test(nobody_asks_for_what_is_not_wanted),
        cmocka_unit_test(localhost_has_no_records),
        cmocka_unit_test(failure_is_no_config_or_an_error),
        cmocka_unit_test(absence_is_no_failure),
        cmocka_unit_test(oddities_are_said_once),
        cmocka_unit_test(text_without_end_is_refused),
        cmocka_unit_test(backends_wait_for_the_config_but_not_long),
        cmocka_unit_test(patience_is_part_of_the_budget),
        cmocka_unit_test(config_alone_is_nothing),
        cmocka_unit_test(without_backends_nobody_waits_for_the_config),
    };

    return cmocka_run_group_tests_name("dns_txt", tests, NULL, NULL);
}
