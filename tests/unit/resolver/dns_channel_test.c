/* SPDX-License-Identifier: Apache-2.0 */
/* A whole channel over the DNS, on virtual time: what a change of records does to calls. */
#include "support/test.h"

#include "base/assert.h"
#include "support/channel_bench.h"

#define TTL (60 * SECOND)

/* A channel for `target` with servers that echo at some of 10.0.0.1:80 and so on. */
static void start(struct channel_bench *b, const char *target, const char *servers)
{
    channel_bench_init(b);
    b->options.policy = "round_robin";
    channel_bench_servers(b, servers);
    assert_int_equal(channel_bench_open(b, target), GREBE_OK);
}

/* `n` calls that all end well; how many went to `address`. */
static unsigned call(struct channel_bench *b, unsigned n, const char *address)
{
    unsigned n_there = 0;

    for (unsigned i = 0; i < n; i++) {
        struct grebe_call_options options = waiting_ms(1000);
        struct grebe_call *call = channel_bench_call(b, &options);

        channel_bench_advance_ms(b, 1);
        assert_int_equal(grebe_call_status(call)->code, GREBE_STATUS_OK);
        n_there += strcmp(grebe_call_peer(call), address) == 0;
        grebe_call_unref(call);
    }
    return n_there;
}

static uint32_t n_connections(struct channel_bench *b, const char *address)
{
    return sim_server_find(&b->sim, address)->n_connections;
}

TEST(new_backend_joins_when_the_ttl_ends_and_no_connection_is_lost)
{
    struct channel_bench b;

    start(&b, "dns:///foo:80", "10.0.0.1:80 10.0.0.2:80 10.0.0.3:80");
    sim_name_set(&b.sim, "foo", "10.0.0.1 10.0.0.2", TTL);
    assert_int_equal(call(&b, 10, "10.0.0.3:80"), 0);
    sim_name_set(&b.sim, "foo", "10.0.0.3 10.0.0.1 10.0.0.2", TTL);
    channel_bench_advance_ms(&b, 66000); /* the TTL, and a tenth */
    assert_int_equal(call(&b, 30, "10.0.0.3:80"), 10);
    assert_int_equal(n_connections(&b, "10.0.0.1:80"), 1);
    assert_int_equal(n_connections(&b, "10.0.0.2:80"), 1);

    /* And leaves again, while the others stay. */
    sim_name_set(&b.sim, "foo", "10.0.0.2 10.0.0.3", TTL);
    channel_bench_advance_ms(&b, 66000);
    assert_int_equal(call(&b, 30, "10.0.0.1:80"), 0);
    assert_int_equal(sim_server_n_open(sim_server_find(&b.sim, "10.0.0.1:80")), 0);
    assert_int_equal(n_connections(&b, "10.0.0.3:80"), 1);
    channel_bench_fini(&b);
}

TEST(name_that_is_gone_costs_no_call)
{
    struct channel_bench b;

    start(&b, "dns:///foo:80", "10.0.0.1:80");
    sim_name_set(&b.sim, "foo", "10.0.0.1", TTL);
    call(&b, 1, "10.0.0.1:80");
    sim_name_set(&b.sim, "foo", "", TTL);
    for (unsigned i = 0; i < 100; i++) {
        channel_bench_advance_ms(&b, 10000);
        assert_int_equal(call(&b, 1, "10.0.0.1:80"), 1);
    }
    assert_true(channel_bench_logged(&b, "name resolution failed: dns: A record lookup "
                                         "error: no such name; the 1 endpoint known "
                                         "before stays"));
    assert_int_equal(n_connections(&b, "10.0.0.1:80"), 1);
    channel_bench_fini(&b);
}

/* A name that does not exist, one that has no address, and one that has some now. */
static const struct {
    enum grebe__lookup_outcome outcome;
    const char *policy, *message;
} absences[] = {
    {GREBE__LOOKUP_NOT_FOUND, "pick_first", "name resolver error: dns: no such name"},
    {GREBE__LOOKUP_FOUND, "pick_first", "name resolver error: dns: no answer"},
    {GREBE__LOOKUP_NOT_FOUND, "round_robin",
     "no children to pick from; last resolver error: dns: no such name"},
    {GREBE__LOOKUP_FOUND, "round_robin",
     "no children to pick from; last resolver error: dns: no answer"},
};

TEST(failed_call_tells_why_there_is_no_address)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(absences); i++) {
        const struct grebe_failure_resolver *resolver;
        struct grebe_call_options options = GREBE_CALL_OPTIONS_INIT;
        struct channel_bench b;
        struct grebe_call *failed;

        channel_bench_init(&b);
        b.options.policy = absences[i].policy;
        channel_bench_servers(&b, "10.0.0.1:80");
        sim_name_set(&b.sim, "foo", "", TTL)->outcome = absences[i].outcome;
        assert_int_equal(channel_bench_open(&b, "dns:///foo:80"), GREBE_OK);
        failed = channel_bench_call(&b, &options);
        channel_bench_advance_ms(&b, 100);
        assert_int_equal(grebe_call_status(failed)->code, GREBE_STATUS_UNAVAILABLE);
        assert_string_equal(grebe_call_status(failed)->message, absences[i].message);
        resolver = grebe_failure_resolver(grebe_call_status(failed)->failure);
        assert_true(resolver->has_result);
        assert_int_equal(resolver->n_endpoints, 0);
        assert_string_equal(resolver->last_error, strstr(absences[i].message, "dns: "));
        grebe_call_unref(failed);

        /* And no longer, once there is one. */
        sim_name_set(&b.sim, "foo", "10.0.0.1", TTL);
        channel_bench_advance_ms(&b, 3000);
        assert_int_equal(call(&b, 1, "10.0.0.1:80"), 1);
        channel_bench_fini(&b);
    }
}

TEST(service_has_its_weights_ports_and_authority)
{
    struct channel_bench b;
    struct sim_server *server;

    start(&b, "dns:///_grpc._tcp.foo.example", "10.0.0.1:8081 10.0.0.1:8082");
    sim_name_set_srv(&b.sim, "_grpc._tcp.foo.example", "0 3 8081 a. 0 1 8082 a.", TTL);
    sim_name_set(&b.sim, "a.", "10.0.0.1", TTL);
    assert_int_equal(call(&b, 10, "10.0.0.1:8082"), 5); /* round_robin has no weights */
    server = sim_server_find(&b.sim, "10.0.0.1:8081");
    assert_string_equal(server->authority, "foo.example");
    channel_bench_fini(&b);
}

TEST(config_of_the_dns_chooses_the_policy)
{
    struct channel_bench b;

    start(&b, "dns:///foo:80", "10.0.0.1:80 10.0.0.2:80");
    sim_name_set(&b.sim, "foo", "10.0.0.1 10.0.0.2", TTL);
    sim_name_add_txt(&b.sim, "_grpc_config.foo",
                     "grpc_config=[{\"serviceConfig\":{\"loadBalancingConfig\":"
                     "[{\"pick_first\":{}}]}}]",
                     TTL);
    assert_int_equal(call(&b, 10, "10.0.0.1:80"), 10);

    /* A record that is lost changes nothing (gRFC A21 would go back to the default). */
    sim_name_forget(&b.sim, GREBE__LOOKUP_TXT, "_grpc_config.foo");
    channel_bench_advance_ms(&b, 66000);
    assert_int_equal(call(&b, 10, "10.0.0.1:80"), 10);
    channel_bench_fini(&b);
}

TEST(failure_tells_when_the_name_is_looked_up_again)
{
    struct channel_bench b;
    const struct grebe_failure_resolver *resolver;
    struct grebe_call *failed;
    char text[512];

    start(&b, "dns:///foo:80", "10.0.0.1:80");
    sim_name_fail(&b.sim, GREBE__LOOKUP_ADDRESSES, "foo");
    channel_bench_connect(&b);
    channel_bench_advance_ms(&b, 100);
    failed = channel_bench_call(&b, NULL);
    resolver = grebe_failure_resolver(grebe_call_status(failed)->failure);
    assert_true(resolver->has_next_attempt);
    assert_in_range(resolver->next_attempt_ns, 1180 * MS, 1820 * MS); /* 1.6 s +- 20 % */
    grebe_failure_format(grebe_call_status(failed)->failure, text, sizeof text);
    assert_non_null(strstr(text, "resolver: no result yet; last error 100ms ago: dns: A "
                                 "record lookup error: no server answered, next attempt "
                                 "in 1."));
    grebe_call_unref(failed);
    channel_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_backend_joins_when_the_ttl_ends_and_no_connection_is_lost),
        cmocka_unit_test(name_that_is_gone_costs_no_call),
        cmocka_unit_test(failed_call_tells_why_there_is_no_address),
        cmocka_unit_test(service_has_its_weights_ports_and_authority),
        cmocka_unit_test(config_of_the_dns_chooses_the_policy),
        cmocka_unit_test(failure_tells_when_the_name_is_looked_up_again),
    };

    return cmocka_run_group_tests_name("dns_channel", tests, NULL, NULL);
}
