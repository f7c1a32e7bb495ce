/* SPDX-License-Identifier: Apache-2.0 */
/* The values of a backend's load reports: what can be set, and which of two counts. */
#include "support/test.h"

#include <math.h>

#include "base64.h"
#include "server/load_report.h"

/* What a client reads: the trailer, decoded and unpacked; the caller frees it. */
static Xds__Data__Orca__V3__OrcaLoadReport *read_back(const struct load_report *report)
{
    Xds__Data__Orca__V3__OrcaLoadReport *message;
    char trailer[LOAD_TRAILER_BYTES];
    uint8_t packed[LOAD_TRAILER_BYTES];
    size_t length;

    memset(trailer, 'x', sizeof trailer);
    load_report_write_trailer(report, trailer);
    assert_true(base64_decode(trailer, packed, &length));
    message = xds__data__orca__v3__orca_load_report__unpack(NULL, length, packed);
    assert_non_null(message);
    return message;
}

static void expect_five(const struct load_report *report, double cpu, double mem,
                        double app, double qps, double eps)
{
    Xds__Data__Orca__V3__OrcaLoadReport *message = read_back(report);

    assert_true(message->cpu_utilization == cpu);
    assert_true(message->mem_utilization == mem);
    assert_true(message->application_utilization == app);
    assert_true(message->rps_fractional == qps);
    assert_true(message->eps == eps);
    xds__data__orca__v3__orca_load_report__free_unpacked(message, NULL);
}

/* "util.x", NAN if it is not there. */
static double named(const struct load_report *report, const char *name)
{
    Xds__Data__Orca__V3__OrcaLoadReport *m = read_back(report);
    double value = NAN;

#define LOOK(prefix, field)                                                              \
    for (size_t i = 0; i < m->n_##field; i++)                                            \
        if (strncmp(name, prefix, strlen(prefix)) == 0 &&                                \
            strcmp(name + strlen(prefix), m->field[i]->key) == 0) {                      \
            assert_true(isnan(value)); /* each name once */                              \
            value = m->field[i]->value;                                                  \
        }
    LOOK("util.", utilization)
    LOOK("named.", named_metrics)
    LOOK("cost.", request_cost)
#undef LOOK
    xds__data__orca__v3__orca_load_report__free_unpacked(m, NULL);
    return value;
}

TEST(nothing_set_is_nothing_told)
{
    struct load_report report;
    char trailer[LOAD_TRAILER_BYTES];

    load_report_init(&report);
    load_report_write_trailer(&report, trailer);
    assert_string_equal(trailer, "");
}

TEST(values_are_told_as_they_were_set)
{
    struct load_report report;

    load_report_init(&report);
    assert_true(load_report_parse(&report, "cpu=1.5,mem=0.25,app=2,qps=100.5,eps=3,"
                                           "util.disk=1,named.queue=-3,cost.rows=1e6"));
    expect_five(&report, 1.5, 0.25, 2, 100.5, 3);
    assert_true(named(&report, "util.disk") == 1);
    assert_true(named(&report, "named.queue") == -3);
    assert_true(named(&report, "cost.rows") == 1e6);
    assert_true(load_report_parse(&report, "cpu=0,util.disk=0.5"));
    expect_five(&report, 0, 0.25, 2, 100.5, 3);
    assert_true(named(&report, "util.disk") == 0.5);
}

/* what cannot be is not taken, and what was there stays. */
TEST(values_that_cannot_be_are_ignored)
{
    static const struct {
        const char *name;
        double value;
    } bad[] = {
        {"cpu", -0.1},    {"mem", -0.1},     {"app", -1},      {"qps", -1},
        {"eps", -1},      {"util.x", -0.1},  {"mem", 1.1},     {"util.x", 1.1},
        {"cpu", NAN},     {"cpu", INFINITY}, {"named.x", NAN}, {"cost.x", -INFINITY},
        {"rps", 1},       {"util.", 1},      {"", 1},          {"cpu.x", 1},
        {"utility.x", 1},
    };
    struct load_report report, before;

    load_report_init(&report);
    assert_true(load_report_parse(&report, "cpu=.1,mem=.2,app=.3,qps=4,eps=5,util.x=.6,"
                                           "named.x=7,cost.x=8"));
    before = report;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(load_report_set(&report, bad[i].name, bad[i].value));
        assert_memory_equal(&report, &before, sizeof report);
    }
    assert_true(load_report_set(&report, "named.x", -7)); /* these may be anything */
    assert_true(load_report_set(&report, "cost.x", -8));
    assert_true(load_report_set(&report, "cpu", 1.1)); /* these may exceed 1 */
    assert_true(load_report_set(&report, "app", 1.1));
}

/* a value that was deleted reads as 0, a name as if it had never been there. */
TEST(deleted_values_are_not_told)
{
    static const char *const all[] = {"cpu", "mem",    "app",     "qps",
                                      "eps", "util.x", "named.x", "cost.x"};
    struct load_report report;
    char trailer[LOAD_TRAILER_BYTES];

    load_report_init(&report);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        assert_true(load_report_set(&report, all[i], 0.5));
    assert_true(load_report_set(&report, "util.y", 0.25));
    load_report_delete(&report, "util.x");
    assert_true(isnan(named(&report, "util.x")));
    assert_true(named(&report, "util.y") == 0.25);
    load_report_delete(&report, "cpu");
    expect_five(&report, 0, 0.5, 0.5, 0.5, 0.5);
    load_report_delete(&report, "util.y");
    load_report_delete(&report, "util.nobody");
    load_report_delete(&report, "nonsense");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        load_report_delete(&report, all[i]);
    load_report_write_trailer(&report, trailer);
    assert_string_equal(trailer, "");
}

/* X-6, gRFC A51: a call's values go over its server's, the names of each kind one by
 * one. */
TEST(the_calls_values_go_over_the_servers)
{
    struct load_report server, call;

    load_report_init(&server);
    assert_true(load_report_parse(
        &server, "cpu=.1,mem=.2,app=.3,eps=0,util.x=.6,named.y=.2,cost.a=.1"));
    load_report_init(&call);
    assert_true(load_report_parse(
        &call, "mem=0,app=0,qps=.9,eps=20,util.x=.5,util.y=.4,named.x=.1,cost.a=.2"));
    load_report_merge(&server, &call);
    expect_five(&server, .1, 0, 0, .9, 20);
    assert_int_equal(server.n_entries, 5);
    assert_true(named(&server, "util.x") == .5);
    assert_true(named(&server, "util.y") == .4);
    assert_true(named(&server, "named.x") == .1);
    assert_true(named(&server, "named.y") == .2);
    assert_true(named(&server, "cost.a") == .2);
}

TEST(as_many_names_as_there_is_room_for)
{
    char name[80] = "util.";
    struct load_report server, call;

    load_report_init(&server);
    load_report_init(&call);
    memset(name + 5, 'a', LOAD_NAME_BYTES);
    assert_false(load_report_set(&server, name, 1)); /* a byte too long */
    name[5 + LOAD_NAME_BYTES - 1] = '\0';
    for (int i = 0; i < LOAD_ENTRIES; i++) {
        name[5] = (char)('a' + i);
        name[6] = 's';
        assert_true(load_report_set(&server, name, 1));
        name[6] = 'c';
        assert_true(load_report_set(&call, name, 1));
    }
    assert_false(load_report_set(&server, "util.more", 1));
    assert_true(load_report_set(&server, "cpu", 1e300));
    for (int i = LOAD_MEM; i < LOAD_VALUES; i++)
        server.values[i] = 1;
    load_report_merge(&server, &call);
    assert_int_equal(server.n_entries, LOAD_MERGED_ENTRIES);
    assert_true(named(&server, name) == 1); /* the longest trailer there is */
}

TEST(texts_that_are_no_values_are_refused)
{
    static const char *const bad[] = {
        "",
        "cpu",
        "cpu=",
        "cpu=x",
        "cpu=0.5x",
        "=1",
        "cpu=1,",
        ",cpu=1",
        "cpu=1;mem=1",
        "cpu= 1",
        "cpu=--1",
        "cpu=nan",
        "cpu=1e999",
        "cpu=0x1",
        "nonsense=1",
        "named.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1",
    };
    struct load_report report;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        load_report_init(&report);
        assert_false(load_report_parse(&report, bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_set_is_nothing_told),
        cmocka_unit_test(values_are_told_as_they_were_set),
        cmocka_unit_test(values_that_cannot_be_are_ignored),
        cmocka_unit_test(deleted_values_are_not_told),
        cmocka_unit_test(the_calls_values_go_over_the_servers),
        cmocka_unit_test(as_many_names_as_there_is_room_for),
        cmocka_unit_test(texts_that_are_no_values_are_refused),
    };

    return cmocka_run_group_tests_name("load_report", tests, NULL, NULL);
}
