/* SPDX-License-Identifier: Apache-2.0 */
/* Services: backends out of SRV records, with ports, weights and priorities. */
#include "support/test.h"

#include <stdlib.h>

#include <grebe/endpoint.h>

#include "base/assert.h"
#include "resolver/dns_service.h"
#include "resolver/target.h"
#include "support/resolver_bench.h"

#define SERVICE "_grpc._tcp.foo"

static void start(struct resolver_bench *b, const char *records)
{
    resolver_bench_init(b, 1);
    sim_name_set_srv(&b->sim, SERVICE, records, 0);
    sim_name_set(&b->sim, "a.", "10.0.0.1", 0);
    sim_name_set(&b->sim, "b.", "10.0.0.2", 0);
    sim_name_set(&b->sim, "c.", "10.0.0.3", 0);
}

static const char *build(struct resolver_bench *b)
{
    if (resolver_bench_build(b, "dns:///" SERVICE) != GREBE_OK)
        fail_msg("%s", b->diag.text);
    sim_settle(&b->sim);
    return resolver_bench_log(b);
}

/* Another round, after the minimum interval or the backoff. */
static const char *again(struct resolver_bench *b)
{
    resolver_bench_resolve_now(b);
    sim_advance(&b->sim, resolver_bench_wait_ns(b));
    return resolver_bench_log(b);
}

static uint32_t weight_of(const struct grebe_endpoint *endpoint)
{
    return (uint32_t)(uintptr_t)grebe_attributes_get(grebe_endpoint_attributes(endpoint),
                                                     &GREBE_ATTRIBUTE_WEIGHT);
}

/* ---- Names --------------------------------------------------------------------------- */

static const struct {
    const char *target;
    const char *authority;
    bool is_service;
} names[] = {
    {"_grpc._tcp.foo", "foo", true},
    {"dns:///_grpc._tcp.foo.example", "foo.example", true},
    {"dns://1.2.3.4/_http2._sctp.foo.example.", "foo.example.", true},
    {"_a._b.c", "c", true},
    {"_grpc._tcp", "_grpc._tcp", false},
    {"_grpc._tcp.", "_grpc._tcp.", false},
    {"_grpc.foo.example", "_grpc.foo.example", false},
    {"grpc._tcp.foo", "grpc._tcp.foo", false},
    {"_._tcp.foo", "_._tcp.foo", false},
    {"_grpc._.foo", "_grpc._.foo", false},
    {"_grpc._tcp..foo", ".foo", true}, /* which is no name, as the DNS will say */
};

TEST(two_underscored_labels_make_a_service)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(names); i++) {
        struct resolver_bench b;
        const struct grebe_resolver_builder *builder;
        struct grebe__target_options options = {0};
        char *authority;

        resolver_bench_init(&b, 1);
        assert_int_equal(resolver_bench_build(&b, names[i].target), GREBE_OK);
        if ((b.sim.n_lookups == 0) != names[i].is_service)
            fail_msg("%s", names[i].target);
        grebe__target_free(NULL, b.target);
        assert_int_equal(grebe__target_parse(NULL, names[i].target, &options, &b.diag,
                                             &b.target, &builder),
                         GREBE_OK);
        authority = grebe__target_authority(NULL, b.target, builder);
        assert_string_equal(authority, names[i].authority);
        grebe_mem_free(NULL, authority);
        resolver_bench_fini(&b);
    }
}

TEST(services_can_be_switched_off)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a.");
    b.dns.ignores_srv = true;
    sim_name_set(&b.sim, SERVICE, "10.9.9.9", 0);
    assert_string_equal(build(&b), "update 10.9.9.9:443");
    resolver_bench_fini(&b);
}

/* ---- Records ------------------------------------------------------------------------- */

TEST(ports_and_weights_come_from_the_records)
{
    struct resolver_bench b;

    start(&b, "5 10 8080 a.");
    assert_string_equal(build(&b), "update 10.0.0.1:8080");
    assert_int_equal(weight_of(b.endpoints[0]), 10);
    assert_string_equal(b.source, "SRV, A");
    assert_null(grebe_address_server_name(grebe_endpoint_address(b.endpoints[0], 0)));
    resolver_bench_fini(&b);
}

/* An endpoint of weight 1 says nothing: that is what no weight reads as. */
TEST(weight_of_zero_is_one)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a. 0 1 80 b. 0 65535 80 c.");
    build(&b);
    assert_int_equal(b.n_endpoints, 3);
    for (size_t i = 0; i < 3; i++) {
        const char *text = grebe_address_text(grebe_endpoint_address(b.endpoints[i], 0));
        uint32_t expected = strcmp(text, "10.0.0.3:80") == 0 ? 65535 : 0;

        assert_int_equal(weight_of(b.endpoints[i]), expected);
    }
    resolver_bench_fini(&b);
}

TEST(one_target_may_listen_on_many_ports)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a. 0 0 81 a. 0 0 82 a.");
    build(&b);
    assert_int_equal(b.n_told, 3);
    assert_int_equal(b.sim.n_lookups, 1);
    resolver_bench_fini(&b);
}

/* ---- Targets and their addresses -------------------------------------------------------- */

TEST(two_families_are_one_machine)
{
    struct resolver_bench b;

    start(&b, "0 7 80 a.");
    sim_name_set(&b.sim, "a.", "2001:db8::1 10.0.0.1", 0);
    assert_string_equal(build(&b), "update [2001:db8::1]:80+10.0.0.1:80");
    assert_int_equal(weight_of(b.endpoints[0]), 7);
    assert_string_equal(b.source, "SRV, A, AAAA");
    resolver_bench_fini(&b);
}

TEST(more_addresses_are_as_many_machines)
{
    struct resolver_bench b;

    start(&b, "0 7 80 a.");
    sim_name_set(&b.sim, "a.", "10.0.0.1 10.0.0.2", 0);
    assert_string_equal(build(&b), "update 10.0.0.1:80 10.0.0.2:80");
    assert_int_equal(weight_of(b.endpoints[1]), 7);
    resolver_bench_fini(&b);

    start(&b, "0 0 80 a.");
    sim_name_set(&b.sim, "a.", "::1 10.0.0.1 10.0.0.2", 0);
    assert_string_equal(build(&b), "update [::1]:80 10.0.0.1:80 10.0.0.2:80");
    resolver_bench_fini(&b);
}

/* What the DNS says of a target is no proof of whom one talks to, unless the application
 * trusts it. */
TEST(targets_may_be_server_names)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a.example.");
    b.dns.uses_srv_names = true;
    sim_name_set(&b.sim, "a.example.", "10.0.0.1 ::1", 0);
    assert_string_equal(build(&b), "update 10.0.0.1:80+[::1]:80");
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(
            grebe_address_server_name(grebe_endpoint_address(b.endpoints[0], i)),
            "a.example");
    resolver_bench_fini(&b);
}

TEST(target_that_is_no_address_is_an_error)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a.");
    sim_name_set(&b.sim, "a.", "bogus", 0);
    assert_string_equal(build(&b),
                        "error UNAVAILABLE dns: error parsing A record IP address: "
                        "\"bogus\"");
    resolver_bench_fini(&b);
}

/* ---- Priorities -------------------------------------------------------------------------- */

TEST(lowest_number_comes_first_and_others_are_not_even_looked_up)
{
    struct resolver_bench b;

    start(&b, "20 0 80 c. 10 0 80 b. 10 0 81 b. 20 0 80 a.");
    build(&b);
    assert_int_equal(b.n_told, 2);
    for (size_t i = 0; i < 2; i++)
        assert_non_null(strstr(
            grebe_address_text(grebe_endpoint_address(b.endpoints[i], 0)), "10.0.0.2:"));
    assert_int_equal(b.sim.n_lookups, 1);
    resolver_bench_fini(&b);
}

TEST(next_priority_is_for_when_there_is_nothing)
{
    struct resolver_bench b;

    start(&b, "1 0 80 gone. 2 0 80 gone. 2 0 80 lost. 3 0 80 b.");
    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "lost.");
    assert_string_equal(build(&b), "update 10.0.0.2:80");

    /* And back, as soon as there is something again. */
    sim_name_set(&b.sim, "lost.", "10.0.0.8", 0);
    assert_string_equal(again(&b), "update 10.0.0.8:80");
    resolver_bench_fini(&b);
}

TEST(targets_without_any_address_are_nothing)
{
    struct resolver_bench b;

    start(&b, "1 0 80 gone. 2 0 80 lost.");
    b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_string_equal(build(&b), "update");
    assert_string_equal(b.logged, "dns: no such name");
    resolver_bench_fini(&b);

    /* One of them may only have failed: then the answer is not definitive. */
    start(&b, "1 0 80 lost. 2 0 80 gone.");
    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "lost.");
    assert_string_equal(build(&b), "error UNAVAILABLE dns: SRV record lookup error: no "
                                   "server answered");
    resolver_bench_fini(&b);
}

TEST(root_as_target_says_there_is_no_service)
{
    struct resolver_bench b;

    start(&b, "0 0 0 .");
    b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_string_equal(build(&b), "update");
    assert_string_equal(b.logged, "dns: lookup _grpc._tcp.foo: the service is not "
                                  "available at this domain");
    assert_int_equal(b.sim.n_lookups, 0);
    resolver_bench_fini(&b);

    /* Beside others it says nothing. */
    start(&b, "0 0 0 . 0 0 80 a.");
    assert_string_equal(build(&b), "update 10.0.0.1:80");
    resolver_bench_fini(&b);
}

/* ---- Order -------------------------------------------------------------------------------- */

/* RFC 2782 has clients choose by weight; whoever asks again gets the same order. */
TEST(order_is_by_weight_and_the_same_for_a_client)
{
    unsigned n_first[3] = {0};

    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct resolver_bench b;
        char order[256];

        resolver_bench_init(&b, seed);
        sim_name_set_srv(&b.sim, SERVICE, "0 1 80 a. 0 3 80 b. 0 6 80 c.", 0);
        sim_name_set(&b.sim, "a.", "10.0.0.0", 0);
        sim_name_set(&b.sim, "b.", "10.0.0.1", 0);
        sim_name_set(&b.sim, "c.", "10.0.0.2", 0);
        snprintf(order, sizeof order, "%s", build(&b));
        n_first[order[strlen("update 10.0.0.")] - '0']++;
        sim_name_set_srv(&b.sim, SERVICE, "0 6 80 c. 0 1 80 a. 0 3 80 b.", 0);
        assert_string_equal(again(&b), order);
        resolver_bench_fini(&b);
    }
    assert_in_range(n_first[0], 62, 138); /* 100 +- 4 sigma */
    assert_in_range(n_first[1], 242, 358);
    assert_in_range(n_first[2], 538, 662);
}

TEST(ports_of_one_target_have_an_order_too)
{
    unsigned n_first = 0;

    for (uint64_t seed = 0; seed < 400; seed++) {
        struct resolver_bench b;

        resolver_bench_init(&b, seed);
        sim_name_set_srv(&b.sim, SERVICE, "0 0 80 a. 0 0 81 a.", 0);
        sim_name_set(&b.sim, "a.", "10.0.0.1", 0);
        n_first += strcmp(build(&b), "update 10.0.0.1:80 10.0.0.1:81") == 0;
        resolver_bench_fini(&b);
    }
    assert_in_range(n_first, 160, 240); /* 200 +- 4 sigma */
}

/* ---- Failures and what is kept --------------------------------------------------------------- */

TEST(service_that_cannot_be_looked_up_is_an_error)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a.");
    sim_name_fail(&b.sim, GREBE__LOOKUP_SRV, SERVICE);
    assert_string_equal(build(&b), "error UNAVAILABLE dns: SRV record lookup error: no "
                                   "server answered");
    resolver_bench_fini(&b);
}

TEST(service_that_vanishes_keeps_its_list)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a.");
    build(&b);
    sim_name_set_srv(&b.sim, SERVICE, "", 0);
    assert_string_equal(again(&b), "error UNAVAILABLE dns: SRV record lookup error: no "
                                   "such name; the 1 endpoint known before stays");
    resolver_bench_fini(&b);
}

TEST(target_that_fails_keeps_its_addresses)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a. 0 0 81 b.");
    build(&b);
    assert_int_equal(b.n_told, 2);
    for (unsigned round = 0; round < 3; round++) {
        sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "a.");
        again(&b);
        assert_int_equal(b.n_told, 2);
        assert_string_equal(b.logged, "dns: 1 targets of _grpc._tcp.foo could not be "
                                      "looked up");
        assert_in_range(resolver_bench_wait_ns(&b), 30 * SECOND, 33 * SECOND);
    }
    assert_int_equal(b.n_logged, 1);

    /* One that is gone for good is gone. */
    sim_name_set(&b.sim, "a.", "", 0);
    assert_string_equal(again(&b), "update 10.0.0.2:81");
    /* And has nothing to be kept any more. */
    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "a.");
    assert_string_equal(again(&b), "update 10.0.0.2:81");
    resolver_bench_fini(&b);
}

TEST(target_that_never_answered_is_asked_again_soon)
{
    struct resolver_bench b;

    start(&b, "");
    sim_name_set_srv(&b.sim, SERVICE, "0 0 80 lost. 0 0 81 b.", 3600 * SECOND);
    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "lost.");
    assert_string_equal(build(&b), "update 10.0.0.2:81");
    assert_in_range(resolver_bench_wait_ns(&b), 30 * SECOND, 33 * SECOND);
    resolver_bench_fini(&b);
}

TEST(nothing_is_kept_if_lists_may_be_emptied)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a. 0 0 81 b.");
    b.dns.accepts_empty = true;
    build(&b);
    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "a.");
    assert_string_equal(again(&b), "update 10.0.0.2:81");
    resolver_bench_fini(&b);
}

/* ---- TTLs -------------------------------------------------------------------------------------- */

TEST(shortest_ttl_of_records_and_targets_counts)
{
    struct resolver_bench b;

    start(&b, "");
    sim_name_set_srv(&b.sim, SERVICE, "0 0 80 a. 0 0 81 b.", 300 * SECOND);
    sim_name_set(&b.sim, "a.", "10.0.0.1", 600 * SECOND);
    sim_name_set(&b.sim, "b.", "10.0.0.2", 120 * SECOND);
    build(&b);
    assert_true(b.ttl_ns == 120 * SECOND);
    assert_in_range(resolver_bench_wait_ns(&b), 108 * SECOND, 132 * SECOND);
    sim_name_set(&b.sim, "b.", "10.0.0.2", 0);
    again(&b);
    assert_true(b.ttl_ns == 300 * SECOND);
    resolver_bench_fini(&b);
}

/* ---- Bounds -------------------------------------------------------------------------------------- */

/* `n` records "0 0 80 N." at SERVICE, each target with `n_each` addresses. */
static void start_large(struct resolver_bench *b, unsigned n, unsigned n_each)
{
    size_t size = n * 24 + 1, used = 0;
    char *records = malloc(size), *addresses = malloc(n_each * 16 + 1);

    resolver_bench_init(b, 1);
    for (unsigned i = 0; i < n; i++) {
        char name[16];
        size_t length = 0;

        used += (size_t)snprintf(records + used, size - used, "0 0 80 %u. ", i);
        snprintf(name, sizeof name, "%u.", i);
        for (unsigned k = 0; k < n_each; k++)
            length +=
                (size_t)sprintf(addresses + length, "10.%u.%u.%u ", i / 256, i % 256, k);
        sim_name_set(&b->sim, name, addresses, 0);
    }
    sim_name_set_srv(&b->sim, SERVICE, records, 0);
    free(records);
    free(addresses);
}

TEST(records_are_bounded)
{
    struct resolver_bench b;

    start_large(&b, 1500, 1);
    build(&b);
    assert_int_equal(b.n_told, 1024);
    assert_int_equal(b.sim.n_lookups, 1024);
    assert_string_equal(b.logged, "dns: 476 answers for _grpc._tcp.foo are left out: "
                                  "more than can be used, or of no use");
    again(&b);
    assert_int_equal(b.n_logged, 1);
    resolver_bench_fini(&b);
}

TEST(addresses_are_bounded)
{
    struct resolver_bench b;

    start_large(&b, 100, 64);
    build(&b);
    assert_int_equal(b.n_told, 4096);
    assert_string_equal(b.logged, "dns: 2304 answers for _grpc._tcp.foo are left out: "
                                  "more than can be used, or of no use");
    resolver_bench_fini(&b);

    start_large(&b, 2, 100);
    build(&b);
    assert_int_equal(b.n_told, 128);
    assert_string_equal(b.logged, "dns: 72 answers for _grpc._tcp.foo are left out: "
                                  "more than can be used, or of no use");
    resolver_bench_fini(&b);
}

/* 100 targets, 16 questions at once: seven times the time of one, and one for the SRV. */
TEST(few_questions_are_under_way_at_once)
{
    struct resolver_bench b;
    size_t n_most = 0;

    start_large(&b, 100, 1);
    b.dns.ignores_txt = true;
    b.sim.lookup_delay_ns = MS;
    assert_int_equal(resolver_bench_build(&b, SERVICE), GREBE_OK);
    for (unsigned ms = 1; ms < 8; ms++) {
        size_t n = 0;

        sim_advance(&b.sim, MS);
        grebe__list_foreach (link, &b.sim.lookups) {
            n++;
        }
        n_most = n > n_most ? n : n_most;
        assert_int_equal(b.n_updates, 0);
    }
    sim_advance(&b.sim, MS);
    assert_int_equal(b.n_told, 100);
    assert_int_equal(n_most, 16);
    resolver_bench_fini(&b);
}

TEST(one_budget_is_for_all_lookups)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a. 0 0 81 b.");
    sim_name_set(&b.sim, "b.", "10.0.0.2", 0)->hangs = true;
    build(&b);
    sim_advance(&b.sim, 30 * SECOND);
    assert_string_equal(resolver_bench_log(&b),
                        "error UNAVAILABLE dns: SRV record lookup error: deadline "
                        "exceeded: no answer within 30.000s");
    assert_true(grebe__list_is_empty(&b.sim.lookups));
    resolver_bench_fini(&b);
}

/* ---- Balancers ---------------------------------------------------------------------------------- */

static struct grebe_endpoint *balancers_of(const struct resolver_bench *b)
{
    return grebe_attributes_get(b->attributes, &GREBE_ATTRIBUTE_BALANCERS);
}

/* RES-13 */
TEST(balancers_are_attached_on_request)
{
    for (unsigned is_wanted = 0; is_wanted < 2; is_wanted++) {
        struct resolver_bench b;

        start(&b, "0 0 80 a.");
        b.dns.wants_balancers = is_wanted != 0;
        sim_name_set(&b.sim, "foo", "10.0.0.9", 0);
        sim_name_set_srv(&b.sim, "_grpclb._tcp.foo", "0 0 1234 a.", 60 * SECOND);
        sim_name_set(&b.sim, "a.", "10.0.0.1 ::1", 0);
        assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
        sim_settle(&b.sim);
        assert_string_equal(resolver_bench_log(&b), "update 10.0.0.9:443");
        if (is_wanted) {
            const struct grebe_endpoint *balancers = balancers_of(&b);

            assert_int_equal(grebe_endpoint_n_addresses(balancers), 2);
            assert_string_equal(grebe_address_text(grebe_endpoint_address(balancers, 0)),
                                "10.0.0.1:1234");
            assert_string_equal(grebe_address_text(grebe_endpoint_address(balancers, 1)),
                                "[::1]:1234");
            assert_string_equal(
                grebe_address_server_name(grebe_endpoint_address(balancers, 1)), "a");
            assert_true(b.ttl_ns == 60 * SECOND);
        } else {
            assert_null(b.attributes);
        }
        resolver_bench_fini(&b);
    }
}

/* RES-13: without balancers the addresses are all there is. */
TEST(balancers_need_not_exist)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a.");
    b.dns.wants_balancers = true;
    sim_name_set(&b.sim, "foo", "10.0.0.9", 0);
    assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
    sim_settle(&b.sim);
    assert_string_equal(resolver_bench_log(&b), "update 10.0.0.9:443");
    assert_null(balancers_of(&b));
    assert_int_equal(b.n_logged, 0);

    sim_name_fail(&b.sim, GREBE__LOOKUP_SRV, "_grpclb._tcp.foo");
    assert_string_equal(again(&b), "update 10.0.0.9:443");
    assert_string_equal(b.logged, "dns: no balancers: no server answered");
    resolver_bench_fini(&b);
}

/* RES-13: with balancers there need be no addresses. */
TEST(balancers_may_be_all_there_is)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a.");
    b.dns.wants_balancers = true;
    sim_name_set_srv(&b.sim, "_grpclb._tcp.foo", "0 0 1234 a.", 0);
    assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
    sim_settle(&b.sim);
    assert_string_equal(resolver_bench_log(&b), "update");
    assert_non_null(balancers_of(&b));
    resolver_bench_fini(&b);

    /* A failure is a failure all the same. */
    start(&b, "0 0 80 a.");
    b.dns.wants_balancers = true;
    sim_name_set_srv(&b.sim, "_grpclb._tcp.foo", "0 0 1234 a.", 0);
    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "foo");
    assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
    sim_settle(&b.sim);
    assert_string_equal(resolver_bench_log(&b), "error UNAVAILABLE dns: A record lookup "
                                                "error: no server answered");
    resolver_bench_fini(&b);
}

TEST(balancers_are_not_waited_for_long)
{
    struct resolver_bench b;

    start(&b, "0 0 80 a.");
    b.dns.wants_balancers = true;
    sim_name_set(&b.sim, "foo", "10.0.0.9", 0);
    sim_name_set_srv(&b.sim, "_grpclb._tcp.foo", "0 0 1234 a.", 0);
    sim_name_set(&b.sim, "a.", "10.0.0.1", 0)->hangs = true;
    assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
    sim_advance(&b.sim, 5 * SECOND);
    assert_string_equal(resolver_bench_log(&b), "update 10.0.0.9:443");
    assert_string_equal(b.logged, "dns: no balancers: no answer in time");
    resolver_bench_fini(&b);
}

/* RES-13: one name is spared. */
TEST(metadata_server_has_no_balancers)
{
    struct resolver_bench b;

    resolver_bench_init(&b, 1);
    b.dns.wants_balancers = true;
    sim_name_set(&b.sim, "metadata.google.internal.", "10.0.0.9", 0);
    sim_name_set_srv(&b.sim, "_grpclb._tcp.metadata.google.internal.", "0 0 80 a.", 0);
    sim_name_set(&b.sim, "a.", "10.0.0.1", 0);
    assert_int_equal(resolver_bench_build(&b, "metadata.google.internal."), GREBE_OK);
    sim_settle(&b.sim);
    assert_null(balancers_of(&b));
    resolver_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_underscored_labels_make_a_service),
        cmocka_unit_test(services_can_be_switched_off),
        cmocka_unit_test(ports_and_weights_come_from_the_records),
        cmocka_unit_test(weight_of_zero_is_one),
        cmocka_unit_test(one_target_may_listen_on_many_ports),
        cmocka_unit_test(two_families_are_one_machine),
        cmocka_unit_test(more_addresses_are_as_many_machines),
        cmocka_unit_test(targets_may_be_server_names),
        cmocka_unit_test(target_that_is_no_address_is_an_error),
        cmocka_unit_test(lowest_number_comes_first_and_others_are_not_even_looked_up),
        cmocka_unit_test(next_priority_is_for_when_there_is_nothing),
        cmocka_unit_test(targets_without_any_address_are_nothing),
        cmocka_unit_test(root_as_target_says_there_is_no_service),
        cmocka_unit_test(order_is_by_weight_and_the_same_for_a_client),
        cmocka_unit_test(ports_of_one_target_have_an_order_too),
        cmocka_unit_test(service_that_cannot_be_looked_up_is_an_error),
        cmocka_unit_test(service_that_vanishes_keeps_its_list),
        cmocka_unit_test(target_that_fails_keeps_its_addresses),
        cmocka_unit_test(target_that_never_answered_is_asked_again_soon),
        cmocka_unit_test(nothing_is_kept_if_lists_may_be_emptied),
        cmocka_unit_test(shortest_ttl_of_records_and_targets_counts),
        cmocka_unit_test(records_are_bounded),
        cmocka_unit_test(addresses_are_bounded),
        cmocka_unit_test(few_questions_are_under_way_at_once),
        cmocka_unit_test(one_budget_is_for_all_lookups),
        cmocka_unit_test(balancers_are_attached_on_request),
        cmocka_unit_test(balancers_need_not_exist),
        cmocka_unit_test(balancers_may_be_all_there_is),
        cmocka_unit_test(balancers_are_not_waited_for_long),
        cmocka_unit_test(metadata_server_has_no_balancers),
    };

    return cmocka_run_group_tests_name("dns_srv", tests, NULL, NULL);
}
