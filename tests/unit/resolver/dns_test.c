/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS resolver on virtual time: every wait is exact. */
#include "support/test.h"

#include "base/assert.h"
#include "core/backoff.h"
#include "support/resolver_bench.h"

/* A bench on which building "dns:///foo" has begun.  Its lookups take 1 ms. */
static void start(struct resolver_bench *b, uint64_t seed, const char *addresses,
                  uint64_t ttl_ns)
{
    resolver_bench_init(b, seed);
    b->sim.lookup_delay_ns = MS;
    sim_name_set(&b->sim, "foo", addresses, ttl_ns);
    assert_int_equal(resolver_bench_build(b, "dns:///foo"), GREBE_OK);
}

/* One millisecond: the lookup that is in flight ends. */
static const char *answer(struct resolver_bench *b)
{
    sim_advance(&b->sim, MS);
    return resolver_bench_log(b);
}

/* A bench that had its first answer, 10.0.0.1, at the time that is now. */
static void start_settled(struct resolver_bench *b, uint64_t seed, uint64_t ttl_ns)
{
    start(b, seed, "10.0.0.1", ttl_ns);
    assert_string_equal(answer(b), "update 10.0.0.1:443");
}

/* ---- Questions --------------------------------------------------------------------- */

static const struct {
    const char *target;
    const char *name, *server;
    const char *told;
} questions[] = {
    {"foo", "foo", "", "update 10.0.0.1:443 [2001:db8::1]:443"},
    {"dns:foo:1234", "foo", "", "update 10.0.0.1:1234 [2001:db8::1]:1234"},
    {"dns:///foo:http", "foo", "", "update 10.0.0.1:http [2001:db8::1]:http"},
    {"golang.org:http", "golang.org", "", "update 10.0.0.1:http [2001:db8::1]:http"},
    {":80", "localhost", "", "update 10.0.0.1:80 [2001:db8::1]:80"},
    {"dns://4.3.2.1/foo", "foo", "4.3.2.1:53", "update 10.0.0.1:443 [2001:db8::1]:443"},
    {"dns://4.3.2.1:123/foo", "foo", "4.3.2.1:123",
     "update 10.0.0.1:443 [2001:db8::1]:443"},
    {"dns://[::1]/foo", "foo", "[::1]:53", "update 10.0.0.1:443 [2001:db8::1]:443"},
    {"dns://[::1]:5/foo", "foo", "[::1]:5", "update 10.0.0.1:443 [2001:db8::1]:443"},
    {"dns://h/foo", "foo", "10.9.9.9:53", "update 10.0.0.1:443 [2001:db8::1]:443"},
    {"dns://:123/foo", "foo", "[::1]:123", "update 10.0.0.1:443 [2001:db8::1]:443"},
    {"dns://4.3.2.1/foo:http", "foo", "4.3.2.1:53",
     "update 10.0.0.1:http [2001:db8::1]:http"},
};

/* RES-1, RES-5, RES-6 */
TEST(name_is_asked_for_at_its_server)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(questions); i++) {
        struct resolver_bench b;
        struct sim_name *name;

        resolver_bench_init(&b, i);
        sim_name_set(&b.sim, "h", "10.9.9.9 10.9.9.8", 0);
        sim_name_set(&b.sim, "localhost", "::1", 0);
        name = sim_name_set(&b.sim, questions[i].name, "10.0.0.1 2001:db8::1", 0);
        if (resolver_bench_build(&b, questions[i].target) != GREBE_OK)
            fail_msg("%s: %s", questions[i].target, b.diag.text);
        sim_settle(&b.sim);
        assert_string_equal(resolver_bench_log(&b), questions[i].told);
        assert_string_equal(name->last_server, questions[i].server);
        assert_int_equal(name->n_lookups, 1);
        assert_int_equal(b.n_told, 2);
        assert_string_equal(b.source, "A, AAAA");
        resolver_bench_fini(&b);
    }
}

static const struct {
    const char *target;
    const char *why;
} refused[] = {
    {"", "dns resolver: missing address"},
    {"dns:///", "dns resolver: missing address"},
    {":", "dns resolver: missing port after port-separator colon: \":\""},
    {"foo:", "dns resolver: missing port after port-separator colon: \"foo:\""},
    {"[::1]:", "dns resolver: missing port after port-separator colon: \"[::1]:\""},
    {"[2001::1",
     "dns resolver: invalid target address, brackets do not match: \"[2001::1\""},
    {"a:b:c", "dns resolver: invalid target address, too many colons: \"a:b:c\""},
    {"foo:123456789012345678901234567890123",
     "dns resolver: invalid target address, port is too long: "
     "\"foo:123456789012345678901234567890123\""},
    {"dns://:/foo", "dns resolver: missing port after port-separator colon: \":\""},
    {"dns://[::1]:/foo",
     "dns resolver: missing port after port-separator colon: \"[::1]:\""},
    {"dns://h:/foo", "dns resolver: missing port after port-separator colon: \"h:\""},
    {"_grpc._tcp.foo:443", "dns resolver: invalid target address, a service (SRV) brings "
                           "its own ports: \"_grpc._tcp.foo:443\""},
};

/* RES-5, RES-6 */
TEST(what_is_no_name_is_refused)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(refused); i++) {
        struct resolver_bench b;

        resolver_bench_init(&b, i);
        assert_int_equal(resolver_bench_build(&b, refused[i].target), GREBE_ERR_TARGET);
        assert_string_equal(b.diag.text, refused[i].why);
        assert_int_equal(b.sim.n_lookups, 0);
        resolver_bench_fini(&b);
    }
}

/* ---- When to ask again: somebody wants it ------------------------------------------ */

TEST(settled_resolver_without_ttl_asks_no_more)
{
    struct resolver_bench b;

    start_settled(&b, 1, 0);
    assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
    sim_advance(&b.sim, 24 * 3600 * SECOND);
    assert_int_equal(b.sim.n_lookups, 1);
    assert_int_equal(b.ttl_ns, 0);
    assert_int_equal(b.next_refresh_ns, 0);
    resolver_bench_fini(&b);
}

/* RES-9 */
TEST(many_wishes_right_after_an_answer_are_one_lookup_after_the_interval)
{
    struct resolver_bench b;

    start_settled(&b, 1, 0);
    for (int i = 0; i < 101; i++)
        resolver_bench_resolve_now(&b);
    sim_advance(&b.sim, 30 * SECOND - 1);
    assert_int_equal(b.sim.n_lookups, 1);
    resolver_bench_resolve_now(&b);
    sim_advance(&b.sim, 1);
    assert_int_equal(b.sim.n_lookups, 2);
    assert_string_equal(answer(&b), "update 10.0.0.1:443");
    assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
    resolver_bench_fini(&b);
}

/* RES-10 */
TEST(wish_after_the_interval_is_granted_at_once)
{
    static const uint64_t waits_ns[] = {30 * SECOND, 40 * SECOND};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(waits_ns); i++) {
        struct resolver_bench b;

        start_settled(&b, 1, 0);
        sim_advance(&b.sim, waits_ns[i]);
        resolver_bench_resolve_now(&b);
        assert_int_equal(b.sim.n_lookups, 2);
        resolver_bench_fini(&b);
    }
}

/* RES-10 */
TEST(interval_is_counted_from_the_end_of_the_lookup)
{
    struct resolver_bench b;

    start(&b, 1, "10.0.0.1", 0);
    b.sim.lookup_delay_ns = 10 * SECOND;
    answer(&b);
    resolver_bench_resolve_now(&b);
    assert_true(resolver_bench_wait_ns(&b) == 30 * SECOND);
    sim_advance(&b.sim, 30 * SECOND);
    assert_int_equal(b.sim.n_lookups, 2);
    sim_advance(&b.sim, 10 * SECOND);
    resolver_bench_resolve_now(&b);
    assert_true(resolver_bench_wait_ns(&b) == 30 * SECOND);
    resolver_bench_fini(&b);
}

/* The answer to a question asked before the wish may be older than what it is about. */
TEST(wish_during_a_lookup_is_one_more_lookup)
{
    struct resolver_bench b;

    start(&b, 1, "10.0.0.1", 0);
    resolver_bench_resolve_now(&b);
    resolver_bench_resolve_now(&b);
    assert_string_equal(answer(&b), "update 10.0.0.1:443");
    assert_true(resolver_bench_wait_ns(&b) == 30 * SECOND);
    sim_advance(&b.sim, 30 * SECOND);
    assert_int_equal(b.sim.n_lookups, 2);
    answer(&b);
    assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
    resolver_bench_fini(&b);
}

/* RES-11 */
TEST(interval_may_be_short_or_nothing)
{
    static const uint64_t intervals_ns[] = {MS, 0};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(intervals_ns); i++) {
        struct resolver_bench b;

        resolver_bench_init(&b, 1);
        b.dns.min_interval_ns = intervals_ns[i];
        sim_name_set(&b.sim, "foo", "10.0.0.1", 0);
        assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
        sim_settle(&b.sim);
        for (uint32_t round = 2; round <= 6; round++) {
            resolver_bench_resolve_now(&b);
            sim_advance(&b.sim, MS);
            assert_int_equal(b.sim.n_lookups, round);
        }
        resolver_bench_fini(&b);
    }
}

/* ---- When to ask again: the answer was of no use ----------------------------------- */

/* What the n-th backoff in a row will be. */
static uint64_t next_backoff_ns(const struct resolver_bench *b, unsigned n)
{
    struct grebe__rng rng = b->sim.env.rng;

    return grebe__backoff_delay_ns(&grebe__backoff_default, n, grebe__rng_unit(&rng));
}

/* Ends the lookup in flight and checks what it led to and the wait that follows. */
static void assert_backs_off(struct resolver_bench *b, unsigned n, const char *told)
{
    static const uint64_t nominal_ms[] = {1600, 2560, 4096, 6553, 10485, 16777, 26843};
    uint64_t expected_ns = next_backoff_ns(b, n), nominal_ns;

    assert_string_equal(answer(b), told);
    assert_true(resolver_bench_wait_ns(b) == expected_ns);
    if (n <= GREBE_ARRAY_LEN(nominal_ms)) {
        nominal_ns = nominal_ms[n - 1] * MS;
        assert_true(expected_ns >= nominal_ns * 79 / 100);
        assert_true(expected_ns <= nominal_ns * 121 / 100);
    }
}

/* RES-7 */
TEST(rejected_updates_back_off_further_and_further)
{
    struct resolver_bench b;

    start(&b, 1, "10.0.0.1", 0);
    b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    for (unsigned n = 1; n <= 10; n++) {
        assert_backs_off(&b, n, "update 10.0.0.1:443");
        sim_advance(&b.sim, resolver_bench_wait_ns(&b));
        assert_int_equal(b.sim.n_lookups, n + 1);
    }
    b.verdict = GREBE_OK;
    assert_string_equal(answer(&b), "update 10.0.0.1:443");
    assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);

    /* An accepted update forgets the failures before it. */
    sim_advance(&b.sim, 30 * SECOND);
    b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    resolver_bench_resolve_now(&b);
    assert_backs_off(&b, 1, "update 10.0.0.1:443");
    resolver_bench_fini(&b);
}

/* RES-8 */
TEST(failed_lookups_are_reported_and_back_off)
{
    struct resolver_bench b;

    start(&b, 1, "10.0.0.1", 0);
    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "foo");
    for (unsigned n = 1; n <= 5; n++) {
        assert_backs_off(
            &b, n, "error UNAVAILABLE dns: A record lookup error: no server answered");
        sim_advance(&b.sim, resolver_bench_wait_ns(&b));
    }
    sim_name_set(&b.sim, "foo", "10.0.0.2", 0);
    assert_string_equal(answer(&b), "update 10.0.0.2:443");
    assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
    resolver_bench_fini(&b);
}

TEST(wish_shortens_no_backoff_and_is_granted_by_it)
{
    struct resolver_bench b;
    uint64_t wait_ns;

    start(&b, 1, "10.0.0.1", 0);
    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "foo");
    answer(&b);
    wait_ns = resolver_bench_wait_ns(&b);
    resolver_bench_resolve_now(&b);
    assert_true(resolver_bench_wait_ns(&b) == wait_ns);
    sim_name_set(&b.sim, "foo", "10.0.0.1", 0);
    sim_advance(&b.sim, wait_ns);
    assert_string_equal(answer(&b), "update 10.0.0.1:443");
    assert_int_equal(b.sim.n_lookups, 2);
    assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
    resolver_bench_fini(&b);
}

/* RES-12 */
TEST(lookup_has_a_budget)
{
    struct resolver_bench b;

    resolver_bench_init(&b, 1);
    b.dns.lookup_timeout_ns = 7 * MS;
    sim_name_set(&b.sim, "foo", "10.0.0.1", 0)->hangs = true;
    assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
    sim_advance(&b.sim, 7 * MS - 1);
    assert_string_equal(resolver_bench_log(&b), "");
    sim_advance(&b.sim, 1);
    assert_string_equal(resolver_bench_log(&b),
                        "error UNAVAILABLE dns: A record lookup error: deadline "
                        "exceeded: no answer within 7ms");
    assert_true(grebe__list_is_empty(&b.sim.lookups));
    sim_name_set(&b.sim, "foo", "10.0.0.1", 0)->hangs = false;
    sim_advance(&b.sim, resolver_bench_wait_ns(&b));
    sim_settle(&b.sim);
    assert_string_equal(resolver_bench_log(&b), "update 10.0.0.1:443");
    assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
    resolver_bench_fini(&b);
}

/* What a hosts file, or a server with ideas of its own, may come up with. */
TEST(answer_that_is_no_address_is_an_error)
{
    struct resolver_bench b;

    start(&b, 1, "10.0.0.1 bogus", 0);
    assert_backs_off(
        &b, 1, "error UNAVAILABLE dns: error parsing A record IP address: \"bogus\"");
    resolver_bench_fini(&b);
}

/* ---- Servers that have a name ---------------------------------------------------------- */

TEST(server_is_looked_up_anew_for_each_resolution)
{
    struct resolver_bench b;
    struct sim_name *foo;

    resolver_bench_init(&b, 1);
    sim_name_set(&b.sim, "h", "10.9.9.9", 0);
    foo = sim_name_set(&b.sim, "foo", "10.0.0.1", 0);
    assert_int_equal(resolver_bench_build(&b, "dns://h:5353/foo"), GREBE_OK);
    sim_settle(&b.sim);
    assert_string_equal(foo->last_server, "10.9.9.9:5353");
    sim_name_set(&b.sim, "h", "2001:db8::9", 0);
    sim_advance(&b.sim, 30 * SECOND);
    resolver_bench_resolve_now(&b);
    sim_settle(&b.sim);
    assert_string_equal(foo->last_server, "[2001:db8::9]:5353");
    resolver_bench_fini(&b);
}

TEST(server_without_an_address_is_an_error)
{
    static const char *const told[] = {
        "error UNAVAILABLE dns: the DNS server is not known: no such name",
        "error UNAVAILABLE dns: the DNS server is not known: no server answered",
        "error UNAVAILABLE dns: the DNS server is not known: no answer",
    };

    for (size_t i = 0; i < GREBE_ARRAY_LEN(told); i++) {
        struct resolver_bench b;

        resolver_bench_init(&b, 1);
        b.sim.lookup_delay_ns = MS;
        sim_name_set(&b.sim, "foo", "10.0.0.1", 0);
        if (i == 1)
            sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "h");
        if (i == 2)
            sim_name_set(&b.sim, "h", "", 0)->outcome = GREBE__LOOKUP_FOUND;
        assert_int_equal(resolver_bench_build(&b, "dns://h/foo"), GREBE_OK);
        assert_backs_off(&b, 1, told[i]);
        resolver_bench_fini(&b);
    }
}

/* One budget for both lookups. */
TEST(looking_for_the_server_takes_of_the_budget)
{
    struct resolver_bench b;

    resolver_bench_init(&b, 1);
    b.sim.lookup_delay_ns = 20 * SECOND;
    sim_name_set(&b.sim, "h", "10.9.9.9", 0);
    sim_name_set(&b.sim, "foo", "10.0.0.1", 0);
    assert_int_equal(resolver_bench_build(&b, "dns://h/foo"), GREBE_OK);
    sim_advance(&b.sim, 30 * SECOND - 1);
    assert_string_equal(resolver_bench_log(&b), "");
    sim_advance(&b.sim, 1);
    assert_string_equal(
        resolver_bench_log(&b),
        "error UNAVAILABLE dns: A record lookup error: deadline exceeded: "
        "no answer within 30.000s");
    resolver_bench_fini(&b);
}

/* ---- A working list is never emptied ----------------------------------------------- */

TEST(name_that_never_was_gives_an_empty_update)
{
    struct resolver_bench b;

    start(&b, 1, "", 0);
    b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_backs_off(&b, 1, "update");
    sim_advance(&b.sim, resolver_bench_wait_ns(&b));
    assert_backs_off(&b, 2, "update");
    sim_name_set(&b.sim, "foo", "10.0.0.1", 0);
    b.verdict = GREBE_OK;
    sim_advance(&b.sim, resolver_bench_wait_ns(&b));
    assert_string_equal(answer(&b), "update 10.0.0.1:443");
    resolver_bench_fini(&b);
}

static void ask_again(struct resolver_bench *b)
{
    sim_advance(&b->sim, 30 * SECOND);
    resolver_bench_resolve_now(b);
}

TEST(name_that_vanishes_is_an_error_and_comes_back)
{
    struct resolver_bench b;

    start(&b, 1, "10.0.0.1 10.0.0.2", 0);
    answer(&b);
    sim_name_set(&b.sim, "foo", "", 0);
    ask_again(&b);
    for (unsigned n = 1; n <= 3; n++) {
        assert_backs_off(&b, n,
                         "error UNAVAILABLE dns: A record lookup error: no such name; "
                         "the 2 endpoints known before stay");
        sim_advance(&b.sim, resolver_bench_wait_ns(&b));
    }
    assert_int_equal(b.n_updates, 1);
    sim_name_set(&b.sim, "foo", "10.0.0.3", 0);
    assert_string_equal(answer(&b), "update 10.0.0.3:443");
    resolver_bench_fini(&b);
}

/* RES-16: unless the application wants to know. */
TEST(list_may_be_emptied_on_request)
{
    struct resolver_bench b;

    resolver_bench_init(&b, 1);
    b.sim.lookup_delay_ns = MS;
    b.dns.accepts_empty = true;
    sim_name_set(&b.sim, "foo", "10.0.0.1 10.0.0.2", 0);
    assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
    answer(&b);
    sim_name_set(&b.sim, "foo", "", 0);
    ask_again(&b);
    b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_backs_off(&b, 1, "update");
    assert_int_equal(b.n_endpoints, 0);
    assert_string_equal(b.reason, "dns: no such name");

    /* A channel that takes nothing for an answer is asked again for, too. */
    b.verdict = GREBE_OK;
    sim_advance(&b.sim, resolver_bench_wait_ns(&b));
    assert_string_equal(answer(&b), "update");
    assert_true(resolver_bench_wait_ns(&b) >= 30 * SECOND);
    assert_true(resolver_bench_wait_ns(&b) <= 33 * SECOND);
    resolver_bench_fini(&b);
}

TEST(answer_without_addresses_counts_as_none)
{
    struct resolver_bench b;

    start_settled(&b, 1, 0);
    sim_name_set(&b.sim, "foo", "", 0)->outcome = GREBE__LOOKUP_FOUND;
    ask_again(&b);
    assert_backs_off(&b, 1,
                     "error UNAVAILABLE dns: A record lookup error: no answer; the 1 "
                     "endpoint known before stays");
    resolver_bench_fini(&b);
}

/* The channel may refuse an update for another reason and use its addresses. */
TEST(list_that_was_refused_counts_as_known)
{
    struct resolver_bench b;

    start(&b, 1, "10.0.0.1", 0);
    b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    answer(&b);
    sim_name_set(&b.sim, "foo", "", 0);
    sim_advance(&b.sim, resolver_bench_wait_ns(&b));
    answer(&b);
    assert_int_equal(b.n_updates, 1);
    assert_int_equal(b.n_errors, 1);
    resolver_bench_fini(&b);
}

/* ---- When to ask again: the answer grows old --------------------------------------- */

static const struct {
    uint64_t ttl_ns;
    uint64_t min_ns, max_ns;
} ttls[] = {
    {60 * SECOND, 54 * SECOND, 66 * SECOND},
    {3600 * SECOND, 3240 * SECOND, 3960 * SECOND},
    {31 * SECOND, 30 * SECOND, 341 * SECOND / 10},
    {30 * SECOND, 30 * SECOND, 33 * SECOND},
    {5 * SECOND, 30 * SECOND, 33 * SECOND},
    {1, 30 * SECOND, 33 * SECOND},
};

TEST(answer_is_refreshed_when_its_ttl_ends_give_or_take_a_tenth)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(ttls); i++) {
        uint64_t least_ns = UINT64_MAX, most_ns = 0;

        for (uint64_t seed = 0; seed < 200; seed++) {
            struct resolver_bench b;
            uint64_t wait_ns;

            start_settled(&b, seed, ttls[i].ttl_ns);
            wait_ns = resolver_bench_wait_ns(&b);
            assert_true(wait_ns >= ttls[i].min_ns && wait_ns <= ttls[i].max_ns);
            assert_int_equal(b.ttl_ns, ttls[i].ttl_ns);
            assert_true(b.next_refresh_ns == sim_now(&b.sim) + wait_ns);
            least_ns = wait_ns < least_ns ? wait_ns : least_ns;
            most_ns = wait_ns > most_ns ? wait_ns : most_ns;
            resolver_bench_fini(&b);
        }
        /* Both ends are come near to: clients do not ask in step. */
        assert_true(least_ns - ttls[i].min_ns < (ttls[i].max_ns - ttls[i].min_ns) / 20);
        assert_true(ttls[i].max_ns - most_ns < (ttls[i].max_ns - ttls[i].min_ns) / 20);
    }
}

TEST(refresh_brings_new_backends_again_and_again)
{
    struct resolver_bench b;

    start_settled(&b, 1, 60 * SECOND);
    sim_name_set(&b.sim, "foo", "10.0.0.1 10.0.0.2", 60 * SECOND);
    for (uint32_t n = 2; n < 10; n++) {
        sim_advance(&b.sim, resolver_bench_wait_ns(&b));
        assert_int_equal(b.sim.n_lookups, n);
        assert_string_equal(answer(&b), "update 10.0.0.1:443 10.0.0.2:443");
    }
    resolver_bench_fini(&b);
}

TEST(shortest_known_ttl_counts)
{
    struct resolver_bench b;
    struct sim_name *name;

    resolver_bench_init(&b, 1);
    name = sim_name_set(&b.sim, "foo", "10.0.0.1 10.0.0.2 10.0.0.3", 0);
    name->answers[0].ttl_ns = 900 * SECOND;
    name->answers[1].ttl_ns = 300 * SECOND;
    assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
    sim_settle(&b.sim);
    assert_true(b.ttl_ns == 300 * SECOND);
    assert_true(resolver_bench_wait_ns(&b) <= 330 * SECOND);
    resolver_bench_fini(&b);
}

TEST(ttl_can_be_ignored)
{
    struct resolver_bench b;

    resolver_bench_init(&b, 1);
    b.dns.ignores_ttl = true;
    sim_name_set(&b.sim, "foo", "10.0.0.1", 60 * SECOND);
    assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
    sim_settle(&b.sim);
    assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
    assert_true(b.ttl_ns == 60 * SECOND);
    assert_int_equal(b.next_refresh_ns, 0);
    resolver_bench_fini(&b);
}

TEST(no_ttl_is_longer_than_a_day)
{
    static const uint64_t ttls_ns[] = {86401 * SECOND, INT32_MAX * SECOND, UINT64_MAX};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(ttls_ns); i++) {
        struct resolver_bench b;

        start_settled(&b, i, ttls_ns[i]);
        assert_in_range(resolver_bench_wait_ns(&b), 77760 * SECOND, 95040 * SECOND);
        resolver_bench_fini(&b);
    }
}

/* A record that must not be kept, as Consul's are, is no record for ever. */
TEST(ttl_of_zero_is_over_after_the_interval)
{
    struct resolver_bench b;

    start_settled(&b, 1, 1);
    assert_true(resolver_bench_wait_ns(&b) >= 30 * SECOND);
    assert_true(resolver_bench_wait_ns(&b) <= 33 * SECOND);
    resolver_bench_fini(&b);
}

static const struct {
    uint64_t min_s, max_s, ttl_s;
    bool ignores_ttl;
    uint64_t expected_s; /* give or take a tenth */
} intervals[] = {
    {30, 60, 3600, false, 60}, /* the TTL is longer */
    {30, 60, 45, false, 45},   /* shorter */
    {30, 60, 0, false, 60},    /* unknown */
    {30, 60, 3600, true, 60},  /* of no interest */
    {30, 10, 3600, false, 30}, /* the minimum has the last word */
    {1, 5, 2, false, 2},
};

/* Neither a TTL of zero nor an empty list that the channel takes is a reason to ask without
 * a pause. */
TEST(without_an_interval_nothing_is_refreshed_more_than_once_a_second)
{
    for (int is_empty = 0; is_empty < 2; is_empty++) {
        struct resolver_bench b;

        resolver_bench_init(&b, 1);
        b.dns.min_interval_ns = 0;
        sim_name_set(&b.sim, "foo", is_empty ? "" : "10.0.0.1", 1);
        assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
        sim_advance(&b.sim, 10 * SECOND);
        assert_in_range(b.sim.n_lookups, 10, 12);
        resolver_bench_fini(&b);
    }
}

TEST(answer_can_be_asked_for_more_often_than_its_ttl)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(intervals); i++) {
        struct resolver_bench b;
        uint64_t expected_ns = intervals[i].expected_s * SECOND;

        resolver_bench_init(&b, i);
        b.dns.min_interval_ns = intervals[i].min_s * SECOND;
        b.dns.max_interval_ns = intervals[i].max_s * SECOND;
        b.dns.ignores_ttl = intervals[i].ignores_ttl;
        sim_name_set(&b.sim, "foo", "10.0.0.1", intervals[i].ttl_s * SECOND);
        assert_int_equal(resolver_bench_build(&b, "foo"), GREBE_OK);
        sim_settle(&b.sim);
        assert_in_range(resolver_bench_wait_ns(&b), expected_ns * 9 / 10,
                        expected_ns * 11 / 10);
        resolver_bench_fini(&b);
    }
}

TEST(wish_comes_before_the_end_of_the_ttl)
{
    struct resolver_bench b;

    start_settled(&b, 1, 3600 * SECOND);
    sim_advance(&b.sim, 10 * SECOND);
    resolver_bench_resolve_now(&b);
    assert_true(resolver_bench_wait_ns(&b) == 20 * SECOND);
    sim_advance(&b.sim, 20 * SECOND);
    assert_int_equal(b.sim.n_lookups, 2);
    answer(&b);
    assert_true(resolver_bench_wait_ns(&b) > 3000 * SECOND);
    resolver_bench_fini(&b);
}

TEST(failed_refresh_keeps_the_list_and_backs_off)
{
    struct resolver_bench b;

    start_settled(&b, 1, 60 * SECOND);
    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "foo");
    sim_advance(&b.sim, resolver_bench_wait_ns(&b));
    assert_backs_off(&b, 1,
                     "error UNAVAILABLE dns: A record lookup error: no server answered");
    assert_int_equal(b.n_updates, 1);
    resolver_bench_fini(&b);
}

/* ---- What is said of the next attempt ------------------------------------------------- */

static uint64_t told_wait_ns(const struct resolver_bench *b)
{
    return b->conn.next_ns - sim_now(&b->sim);
}

TEST(next_attempt_is_told_with_each_answer)
{
    struct resolver_bench b;

    start_settled(&b, 1, 60 * SECOND);
    assert_true(told_wait_ns(&b) == resolver_bench_wait_ns(&b));
    resolver_bench_resolve_now(&b);
    assert_true(told_wait_ns(&b) == 30 * SECOND);
    sim_advance(&b.sim, 30 * SECOND);
    assert_int_equal(b.conn.next_ns, 0); /* it is under way */

    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "foo");
    answer(&b);
    assert_true(b.next_attempt_ns - sim_now(&b.sim) == resolver_bench_wait_ns(&b));
    assert_true(told_wait_ns(&b) == resolver_bench_wait_ns(&b));
    resolver_bench_fini(&b);
}

TEST(empty_update_tells_when_it_is_tried_again)
{
    struct resolver_bench b;

    start(&b, 1, "", 0);
    b.verdict = GREBE_ERR_BAD_RESOLVER_STATE;
    assert_string_equal(answer(&b), "update");
    assert_true(b.next_refresh_ns - sim_now(&b.sim) == resolver_bench_wait_ns(&b));
    resolver_bench_fini(&b);
}

/* ---- The end ----------------------------------------------------------------------- */

/* RES-22 */
TEST(nothing_comes_after_destroy_in_any_state)
{
    enum { LOOKING, SETTLED, HOLDING, BACKING, N_STAGES };

    for (int stage = LOOKING; stage < N_STAGES; stage++) {
        struct resolver_bench b;

        start(&b, 1, "10.0.0.1", 60 * SECOND);
        if (stage == BACKING)
            sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "foo");
        if (stage != LOOKING)
            answer(&b);
        if (stage == HOLDING)
            resolver_bench_resolve_now(&b);
        resolver_bench_destroy(&b);
        assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
        assert_true(grebe__list_is_empty(&b.sim.lookups));
        sim_advance(&b.sim, 3600 * SECOND);
        assert_string_equal(resolver_bench_log(&b), "");
        resolver_bench_fini(&b);
    }
}

/* RES-22: whichever of many questions are open. */
TEST(nothing_comes_after_destroy_in_the_middle_of_a_round)
{
    for (uint64_t ms = 0; ms < 9; ms++) {
        struct resolver_bench b;

        resolver_bench_init(&b, 1);
        b.sim.lookup_delay_ns = 2 * MS;
        b.dns.wants_balancers = true;
        sim_name_set(&b.sim, "h", "10.9.9.9", 0);
        sim_name_set_srv(&b.sim, "_grpc._tcp.foo", "0 0 80 a. 0 0 81 b. 1 0 82 c.", 0);
        sim_name_set_srv(&b.sim, "_grpclb._tcp.foo", "0 0 80 a.", 0);
        sim_name_set(&b.sim, "c.", "10.0.0.1", 0);
        sim_name_add_txt(&b.sim, "_grpc_config.foo", "grpc_config=[]", 0)->hangs = true;
        assert_int_equal(resolver_bench_build(&b, "dns://h/_grpc._tcp.foo"), GREBE_OK);
        sim_advance(&b.sim, ms * MS);
        resolver_bench_destroy(&b);
        assert_true(resolver_bench_wait_ns(&b) == UINT64_MAX);
        assert_true(grebe__list_is_empty(&b.sim.lookups));
        assert_string_equal(resolver_bench_log(&b), "");
        resolver_bench_fini(&b);
    }
}

/* ---- Memory ------------------------------------------------------------------------ */

/* Whichever allocation fails: building fails, or the round does and is tried again. */
static void sweep(const char *target, const char *told)
{
    bool has_failed = true;

    for (uint32_t n = 1; has_failed; n++) {
        struct resolver_bench b;
        int error;

        resolver_bench_init(&b, n);
        b.mem.fail_at = n;
        b.dns.wants_balancers = true;
        sim_name_set(&b.sim, "foo", "1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4 5.5.5.5", 0);
        sim_name_set(&b.sim, "h", "10.9.9.9", 0);
        sim_name_set_srv(&b.sim, "_grpc._tcp.foo", "0 2 80 a. 0 0 81 b. 1 1 82 c.", 0);
        sim_name_set(&b.sim, "a.", "10.0.0.1 ::1", 0);
        sim_name_set_srv(&b.sim, "_grpclb._tcp.foo", "0 0 80 a.", 0);
        sim_name_add_txt(&b.sim, "_grpc_config.foo",
                         "grpc_config=[{\"serviceConfig\":{}}]", 0);
        error = resolver_bench_build(&b, target);
        if (error == GREBE_OK) {
            const char *heard;

            sim_settle(&b.sim);
            heard = resolver_bench_log(&b);
            if (strcmp(heard, told) != 0) {
                assert_true(b.mem.has_failed);
                if (strstr(heard, "out of memory") == NULL)
                    fail_msg("%u: %s", n, heard);
                sim_advance(&b.sim, resolver_bench_wait_ns(&b));
                sim_settle(&b.sim);
                assert_string_equal(resolver_bench_log(&b), told);
            }
            assert_string_equal(b.service_config, "{}");
        } else {
            assert_int_equal(error, GREBE_ERR_NOMEM);
        }
        has_failed = b.mem.has_failed;
        resolver_bench_fini(&b);
    }
}

TEST(out_of_memory_is_reported_and_tried_again)
{
    sweep("dns://8.8.8.8/foo", "update 1.1.1.1:443 2.2.2.2:443 3.3.3.3:443 4.4.4.4:443 "
                               "5.5.5.5:443");
    sweep("dns://h/_grpc._tcp.foo", "update 10.0.0.1:80+[::1]:80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_is_asked_for_at_its_server),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(settled_resolver_without_ttl_asks_no_more),
        cmocka_unit_test(
            many_wishes_right_after_an_answer_are_one_lookup_after_the_interval),
        cmocka_unit_test(wish_after_the_interval_is_granted_at_once),
        cmocka_unit_test(interval_is_counted_from_the_end_of_the_lookup),
        cmocka_unit_test(wish_during_a_lookup_is_one_more_lookup),
        cmocka_unit_test(interval_may_be_short_or_nothing),
        cmocka_unit_test(rejected_updates_back_off_further_and_further),
        cmocka_unit_test(failed_lookups_are_reported_and_back_off),
        cmocka_unit_test(wish_shortens_no_backoff_and_is_granted_by_it),
        cmocka_unit_test(lookup_has_a_budget),
        cmocka_unit_test(answer_that_is_no_address_is_an_error),
        cmocka_unit_test(server_is_looked_up_anew_for_each_resolution),
        cmocka_unit_test(server_without_an_address_is_an_error),
        cmocka_unit_test(looking_for_the_server_takes_of_the_budget),
        cmocka_unit_test(name_that_never_was_gives_an_empty_update),
        cmocka_unit_test(name_that_vanishes_is_an_error_and_comes_back),
        cmocka_unit_test(list_may_be_emptied_on_request),
        cmocka_unit_test(answer_without_addresses_counts_as_none),
        cmocka_unit_test(list_that_was_refused_counts_as_known),
        cmocka_unit_test(answer_is_refreshed_when_its_ttl_ends_give_or_take_a_tenth),
        cmocka_unit_test(refresh_brings_new_backends_again_and_again),
        cmocka_unit_test(shortest_known_ttl_counts),
        cmocka_unit_test(ttl_can_be_ignored),
        cmocka_unit_test(no_ttl_is_longer_than_a_day),
        cmocka_unit_test(ttl_of_zero_is_over_after_the_interval),
        cmocka_unit_test(
            without_an_interval_nothing_is_refreshed_more_than_once_a_second),
        cmocka_unit_test(answer_can_be_asked_for_more_often_than_its_ttl),
        cmocka_unit_test(wish_comes_before_the_end_of_the_ttl),
        cmocka_unit_test(failed_refresh_keeps_the_list_and_backs_off),
        cmocka_unit_test(next_attempt_is_told_with_each_answer),
        cmocka_unit_test(empty_update_tells_when_it_is_tried_again),
        cmocka_unit_test(nothing_comes_after_destroy_in_any_state),
        cmocka_unit_test(nothing_comes_after_destroy_in_the_middle_of_a_round),
        cmocka_unit_test(out_of_memory_is_reported_and_tried_again),
    };

    return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
