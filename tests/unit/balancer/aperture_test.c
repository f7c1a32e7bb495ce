/* SPDX-License-Identifier: Apache-2.0 */
/* aperture on the bench: who is connected, who is picked, and how that changes.  What an arc
 * covers, what is drawn of it, and when it is time for one endpoint more have tests of their
 * own: aperture_arc_test.c, aperture_row_test.c, aperture_band_test.c.
 *
 * Endpoints are called by their places in the row that all clients with coordinates share. */
#include "support/test.h"

#include <grebe/registry.h>

#include "balancer/aperture.h"
#include "base/assert.h"
#include "support/channel_bench.h"
#include "support/lb_bench.h"

#define PLACE(index, count, least)                                                       \
    "{\"clientIndex\": " #index ", \"clientCount\": " #count                             \
    ", \"minAperture\": " #least "}"

enum { MOST = 16 };

/* By the hash of their names: lineup_test.c. */
static const char *const row_of_10[] = {
    "endpoint-1", "endpoint-3", "endpoint-5", "endpoint-2", "endpoint-8",
    "endpoint-9", "endpoint-4", "endpoint-0", "endpoint-6", "endpoint-7",
};
static const char ten[] =
    "endpoint-0 endpoint-1 endpoint-2 endpoint-3 endpoint-4 endpoint-5 endpoint-6 "
    "endpoint-7 endpoint-8 endpoint-9";
static const char *const row_of_6[] = {"endpoint-1", "endpoint-3", "endpoint-5",
                                       "endpoint-2", "endpoint-4", "endpoint-0"};
static const char six[] =
    "endpoint-5 endpoint-4 endpoint-3 endpoint-2 endpoint-1 endpoint-0";

static const struct lab_call call = {.method = "/s/m"};

/* ---- The bench ------------------------------------------------------------------------- */

static void configure(struct lb_bench *b, const char *config, const char *endpoints)
{
    assert_int_equal(lb_bench_config(b, config), GREBE_OK);
    assert_int_equal(lb_bench_update(b, endpoints, NULL), GREBE_OK);
}

static void start(struct lb_bench *b, uint64_t seed, const char *config,
                  const char *endpoints)
{
    assert_true(lb_bench_init(b, &grebe__aperture, seed));
    configure(b, config, endpoints);
}

static bool is_connected(const struct lb_bench *b, const char *name)
{
    return lab_find_subconn(&b->lab, name) != NULL;
}

/* Which of the row have a subconn: "0 1 2". */
static const char *in_use(const struct lb_bench *b, const char *const *row, uint32_t n)
{
    static char text[256];
    size_t length = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < n; i++)
        if (is_connected(b, row[i]))
            length += (size_t)snprintf(text + length, sizeof text - length, "%s%u",
                                       length > 0 ? " " : "", i);
    return text;
}

static void make_ready(struct lb_bench *b, const char *address)
{
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_READY, NULL);
    lb_bench_health(b, address, GREBE_READY, NULL);
}

static void make_fail(struct lb_bench *b, const char *address)
{
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_TRANSIENT_FAILURE, NULL);
}

/* All that are connected, or about to be. */
static void make_all_ready(struct lb_bench *b)
{
    grebe__list_foreach (link, &b->lab.live) {
        const struct lab_subconn *subconn =
            grebe_container_of(link, struct lab_subconn, link);

        make_ready(b, lab_subconn_name(subconn));
    }
}

/* `n` calls that stay open. */
static void hold(struct lb_bench *b, uint32_t n)
{
    assert_int_equal(lab_pick(&b->lab, &call, n, NULL), GREBE_OK);
}

static void end(struct lb_bench *b, uint64_t first, uint64_t n)
{
    const struct lab_outcome outcome = {.status = grebe_status_of(GREBE_STATUS_OK, "")};

    while (n-- > 0)
        assert_int_equal(lab_done(&b->lab, first++, &outcome), GREBE_OK);
}

/* Of `n` calls, one after the other, how many each of the row has. */
static void count(struct lb_bench *b, uint32_t n, bool stays_open, const char *const *row,
                  uint32_t n_row, uint32_t *counts)
{
    while (n-- > 0) {
        uint32_t i = 0;

        if (stays_open)
            hold(b, 1);
        else
            lb_bench_pick(b);
        while (strcmp(row[i], b->text) != 0)
            assert_true(++i < n_row);
        counts[i]++;
    }
}

/* ---- Configuration ---------------------------------------------------------------------- */

static const struct lb_config_case configs[] = {
    {"{}", NULL},
    {"{\"minAperture\": 1, \"highLoad\": 1.5, \"lowLoad\": 0, "
     "\"smoothingWindow\": \"0.001s\"}",
     NULL},
    {"{\"client_index\": 2, \"client_count\": 3, \"peer_offset\": 0.5, \"else\": 1}",
     NULL},
    {"{\"clientIndex\": 0, \"clientCount\": 1, \"peerOffset\": 0}", NULL},
    {"{\"minAperture\": 0}", "minAperture: must be > 0"},
    {"{\"minAperture\": -1}", "minAperture: -1 is not between 0 and 4294967295"},
    {"{\"minAperture\": \"12\"}", "minAperture: expected an integer, found a string"},
    {"{\"clientIndex\": 1}", "clientCount: must be given with clientIndex"},
    {"{\"clientCount\": 1}", "clientIndex: must be given with clientCount"},
    {"{\"clientIndex\": 0, \"clientCount\": 0}", "clientCount: must be > 0"},
    {"{\"clientIndex\": 3, \"clientCount\": 3}",
     "clientIndex: 3 is not less than clientCount, 3"},
    {"{\"clientIndex\": 0.5, \"clientCount\": 3}",
     "clientIndex: expected an integer, without fraction or exponent"},
    {"{\"clientIndex\": 0, \"clientCount\": -3}",
     "clientCount: -3 is not between 0 and 4294967295"},
    {"{\"peerOffset\": 1}", "peerOffset: must be >= 0 and < 1"},
    {"{\"peerOffset\": -0.1}", "peerOffset: must be >= 0 and < 1"},
    {"{\"peerOffset\": \"0\"}", "peerOffset: expected a number, found a string"},
    {"{\"lowLoad\": -0.5}", "lowLoad: must be >= 0"},
    {"{\"lowLoad\": true}", "lowLoad: expected a number, found a boolean"},
    {"{\"lowLoad\": 2}", "highLoad: must be > lowLoad"},
    {"{\"highLoad\": 0.5}", "highLoad: must be > lowLoad"},
    {"{\"highLoad\": \"high\"}", "highLoad: expected a number, found a string"},
    {"{\"smoothingWindow\": \"0.0009s\"}", "smoothingWindow: must be >= 1ms"},
    {"{\"smoothingWindow\": 5}", "smoothingWindow: expected a string, found a number"},
};

TEST(configuration_is_checked)
{
    lb_bench_expect_configs(&grebe__aperture, configs, GREBE_ARRAY_LEN(configs));
}

TEST(both_names_are_registered)
{
    assert_ptr_equal(grebe_balancer_get("aperture"), &grebe__aperture);
    assert_ptr_equal(grebe_balancer_get("aperture_experimental"),
                     &grebe__aperture_experimental);
}

/* ---- With coordinates: who is connected --------------------------------------------------- */

/* The numbers of the specification. */
static const struct {
    const char *config, *in_use;
} of_ten[] =
    {
        {PLACE(0, 3, 4), "0 1 2 3 4 5 6"},
        {PLACE(1, 3, 4), "3 4 5 6 7 8 9"},
        {PLACE(2, 3, 4), "0 1 2 3 6 7 8 9"},
},
  of_six[] = {
      {PLACE(0, 4, 2), "0 1 2"},
      {PLACE(1, 4, 2), "1 2 3 4"},
      {PLACE(2, 4, 2), "3 4 5"},
      {PLACE(3, 4, 2), "0 1 4 5"},
};

TEST(client_is_connected_to_its_arc_and_nobody_else)
{
    struct lb_bench b;

    for (size_t i = 0; i < GREBE_ARRAY_LEN(of_ten); i++) {
        start(&b, i, of_ten[i].config, ten);
        assert_string_equal(in_use(&b, row_of_10, 10), of_ten[i].in_use);
        lb_bench_advance_ms(&b, 60000);
        assert_string_equal(in_use(&b, row_of_10, 10), of_ten[i].in_use);
        lb_bench_fini(&b);
    }
    for (size_t i = 0; i < GREBE_ARRAY_LEN(of_six); i++) {
        start(&b, i, of_six[i].config, six);
        assert_string_equal(in_use(&b, row_of_6, 6), of_six[i].in_use);
        lb_bench_fini(&b);
    }
}

TEST(twelve_are_used_unless_configured)
{
    char list[512] = "";
    struct lb_bench b;

    for (int i = 0; i < 40; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "e%d ", i);
    start(&b, 1, "{\"clientIndex\": 3, \"clientCount\": 40}", list);
    assert_int_equal(lb_bench_n_live(&b), 12);
    configure(&b, "{}", list);
    assert_int_equal(lb_bench_n_live(&b), 12);
    lb_bench_fini(&b);
    assert_true(lb_bench_init(&b, &grebe__aperture, 1));
    lb_bench_update(&b, list, NULL); /* without any */
    assert_int_equal(lb_bench_n_live(&b), 12);
    lb_bench_fini(&b);
}

/* Neither the resolver's order, nor that an endpoint is listed twice, makes a difference,
 * and connections outlive a change of place. */
TEST(updates_change_what_they_have_to)
{
    struct lb_bench b;

    start(&b, 1, PLACE(0, 3, 4), ten);
    make_all_ready(&b);
    lb_bench_log(&b);
    lb_bench_update(&b,
                    "endpoint-9 endpoint-8 endpoint-7 endpoint-6 endpoint-5 endpoint-4 "
                    "endpoint-3 endpoint-2 endpoint-1 endpoint-0 endpoint-9 -",
                    NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    configure(&b,
              "{\"clientIndex\": 0, \"clientCount\": 3, \"minAperture\": 4, "
              "\"peerOffset\": 0.1}",
              ten);
    assert_string_equal(in_use(&b, row_of_10, 10), "1 2 3 4 5 6 7");
    assert_string_equal(lb_bench_log(&b),
                        "new endpoint-0, drop endpoint-1, connect endpoint-0, READY");
    lb_bench_fini(&b);
}

/* ---- With coordinates: who is picked ------------------------------------------------------ */

/* Client 2 has a third of two of them.  Nothing is in flight, so that whoever is drawn has
 * the call: of 20,000, 3,000 go to each whole one, and 1,000 to each third.  Sigma is 51 and
 * 31; five of them are 253 and 154. */
TEST(idle_endpoints_are_picked_as_much_as_they_are_covered)
{
    uint32_t counts[10] = {0};
    struct lb_bench b;

    start(&b, 1, PLACE(2, 3, 4), ten);
    make_all_ready(&b);
    count(&b, 20000, false, row_of_10, 10, counts);
    for (uint32_t i = 0; i < 10; i++) {
        if (i == 3 || i == 6)
            assert_in_range(counts[i], 1000 - 154, 1000 + 154);
        else if (i == 4 || i == 5)
            assert_int_equal(counts[i], 0);
        else
            assert_in_range(counts[i], 3000 - 253, 3000 + 253);
    }
    lb_bench_fini(&b);
}

/* Three clients with 2,000 calls in flight each: 300 for all of an endpoint, and two clients
 * to each endpoint, or three with two thirds each.  Chance leaves a few. */
TEST(clients_together_load_all_endpoints_alike)
{
    uint32_t counts[10] = {0};
    struct lb_bench b;

    for (size_t i = 0; i < GREBE_ARRAY_LEN(of_ten); i++) {
        start(&b, i, of_ten[i].config, ten);
        make_all_ready(&b);
        count(&b, 2000, true, row_of_10, 10, counts);
        lb_bench_fini(&b);
    }
    for (uint32_t i = 0; i < 10; i++)
        assert_in_range(counts[i], 600 - 4, 600 + 4);
}

/* One that is not READY is as if it had never been there: those left share as much as is
 * covered of each.  Away are, of client 2's arc, which begins and ends with a third of one:
 * either third, both, one that is whole, and all but one of either kind. */
TEST(who_is_not_ready_is_not_missed)
{
    static const char *const cases[] = {"",  "6",    "3",     "36",
                                        "0", "9012", "36789", "678901"};

    for (size_t i = 0; i < GREBE_ARRAY_LEN(cases); i++) {
        double weights[10] = {1, 1, 1, 1.0 / 3, 0, 0, 1.0 / 3, 1, 1, 1}, total = 0;
        uint32_t counts[10] = {0};
        struct lb_bench b;

        start(&b, i, PLACE(2, 3, 4), ten);
        make_all_ready(&b);
        for (const char *c = cases[i]; *c != '\0'; c++) {
            lb_bench_health(&b, row_of_10[*c - '0'], GREBE_TRANSIENT_FAILURE, "drained");
            weights[*c - '0'] = 0;
        }
        for (uint32_t k = 0; k < 10; k++)
            total += weights[k];
        count(&b, 2000, true, row_of_10, 10, counts);
        for (uint32_t k = 0; k < 10; k++) {
            double expected = 2000 * weights[k] / total;

            assert_true(counts[k] >= expected - 3);
            assert_true(counts[k] <= (weights[k] == 0 ? 0 : expected + 3));
        }
        lb_bench_fini(&b);
    }
}

TEST(with_all_of_the_arc_away_the_state_says_so)
{
    struct lb_bench b;

    start(&b, 1, PLACE(0, 4, 2), six);
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    assert_string_equal(lb_bench_pick(&b), "queue");
    make_fail(&b, row_of_6[0]);
    make_fail(&b, row_of_6[1]);
    assert_int_equal(b.lab.state, GREBE_CONNECTING);
    make_fail(&b, row_of_6[2]);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_non_null(strstr(lb_bench_pick(&b), "connection refused"));
    lb_bench_advance_ms(&b, 10000); /* nobody else is connected */
    assert_string_equal(in_use(&b, row_of_6, 6), "0 1 2");
    make_ready(&b, row_of_6[1]);
    assert_int_equal(b.lab.state, GREBE_READY);
    assert_string_equal(lb_bench_pick(&b), row_of_6[1]);
    lb_bench_fini(&b);
}

TEST(without_endpoints_calls_hear_what_the_resolver_said)
{
    struct lb_bench b;

    start(&b, 1, "{}", "a b");
    assert_int_equal(lb_bench_update(&b, "-", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    lb_bench_resolver_error(&b, "no such name");
    assert_string_equal(lb_bench_pick(&b),
                        "fail: no children to pick from; last resolver "
                        "error: no such name");
    assert_int_equal(lb_bench_n_live(&b), 0);
    lb_bench_advance_ms(&b, 5000);
    assert_int_equal(lb_bench_update(&b, "a", NULL), GREBE_OK);
    make_ready(&b, "a");
    assert_string_equal(lb_bench_pick(&b), "a");
    lb_bench_fini(&b);
}

/* Of two calls the second goes to the other one, whichever is drawn first; and when that is
 * over it is free again. */
TEST(the_less_busy_of_two_has_the_call)
{
    struct lb_bench b;
    uint64_t first;

    start(&b, 3, "{}", "a b");
    make_all_ready(&b);
    for (int i = 0; i < 20; i++) {
        char name[16];

        first = b.lab.n_picks;
        hold(&b, 1);
        snprintf(name, sizeof name, "%.15s", b.text);
        hold(&b, 1);
        assert_string_not_equal(name, b.text);
        end(&b, first, 1);
        hold(&b, 1);
        assert_string_equal(name, b.text);
        end(&b, first + 1, 2);
    }
    lb_bench_fini(&b);
}

/* One has four calls when both fail, and the other none; they are back, and so are these. */
TEST(calls_are_counted_while_nobody_is_ready)
{
    struct lb_bench b;

    start(&b, 3, "{}", "a b");
    make_ready(&b, "a");
    hold(&b, 4);
    make_ready(&b, "b");
    lb_bench_health(&b, "a", GREBE_TRANSIENT_FAILURE, "drained");
    lb_bench_health(&b, "b", GREBE_TRANSIENT_FAILURE, "drained");
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    lb_bench_health(&b, "b", GREBE_READY, NULL);
    for (int i = 0; i < 4; i++) {
        hold(&b, 1);
        assert_string_equal(b.text, "b");
    }
    lb_bench_fini(&b);
}

/* ---- Explaining --------------------------------------------------------------------------- */

/* Client 1 of four has half of two; the others are not mentioned. */
TEST(a_pick_is_explained)
{
    struct channel_bench b;

    channel_bench_start(
        &b, "{\"loadBalancingConfig\": [{\"aperture\": " PLACE(1, 4, 2) "}]}");
    channel_bench_servers(&b, six);
    channel_bench_connect(&b);
    channel_bench_resolve(&b, six);
    channel_bench_advance_ms(&b, 100);
    expect_explanation(
        &b, "aperture: the fewest calls in flight for its share, of two drawn at random "
            "(4 of 6 endpoints are this client's)\n"
            "  > endpoint-4  READY  share 0.5  in flight 0  less busy\n"
            "    endpoint-3  READY  share 0.5  in flight 0  not drawn\n"
            "    endpoint-5  READY  share 1  in flight 0  not less busy\n"
            "    endpoint-2  READY  share 1  in flight 0  not drawn\n");
    channel_bench_fini(&b);
}

/* ---- Without coordinates: who is connected ------------------------------------------------ */

TEST(each_client_has_a_few_of_its_own)
{
    char of_seed_1[64], again[64], of_seed_2[64];
    struct lb_bench b;

    start(&b, 1, "{\"minAperture\": 4}", ten);
    snprintf(of_seed_1, sizeof of_seed_1, "%s", in_use(&b, row_of_10, 10));
    assert_int_equal(lb_bench_n_live(&b), 4);
    lb_bench_fini(&b);
    start(&b, 1, "{\"minAperture\": 4}", ten);
    snprintf(again, sizeof again, "%s", in_use(&b, row_of_10, 10));
    lb_bench_fini(&b);
    start(&b, 2, "{\"minAperture\": 4}", ten);
    snprintf(of_seed_2, sizeof of_seed_2, "%s", in_use(&b, row_of_10, 10));
    lb_bench_fini(&b);
    assert_string_equal(of_seed_1, again);
    assert_string_not_equal(of_seed_1, of_seed_2);
}

/* Who leaves the list is replaced by one, who joins it replaces one at most, and else
 * nothing changes. */
TEST(few_stay_the_same_over_updates)
{
    struct lb_bench b;
    char before[64];
    const char *log;

    start(&b, 1, "{\"minAperture\": 4}", ten);
    make_all_ready(&b);
    snprintf(before, sizeof before, "%s", in_use(&b, row_of_10, 10));
    lb_bench_log(&b);
    lb_bench_update(&b,
                    "endpoint-9 endpoint-8 endpoint-7 endpoint-6 endpoint-5 endpoint-4 "
                    "endpoint-3 endpoint-2 endpoint-1 endpoint-0",
                    NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    for (int gone = 0; gone < 10; gone++) {
        char list[256] = "", name[32];
        bool was_in_use;

        snprintf(name, sizeof name, "endpoint-%d", gone);
        was_in_use = is_connected(&b, name);
        for (int i = 0; i < 10; i++)
            if (i != gone)
                snprintf(list + strlen(list), sizeof list - strlen(list), "endpoint-%d ",
                         i);
        lb_bench_update(&b, list, NULL);
        log = lb_bench_log(&b);
        assert_int_equal(lb_bench_n_live(&b), 4);
        assert_int_equal(strstr(log, "drop") != NULL, was_in_use);
        assert_int_equal(strstr(log, "new") != NULL, was_in_use);
        lb_bench_update(&b, ten, NULL);
        assert_string_equal(in_use(&b, row_of_10, 10), before);
        make_all_ready(&b);
        lb_bench_log(&b);
    }
    lb_bench_fini(&b);
}

/* ---- Without coordinates: how many -------------------------------------------------------- */

/* A second goes by, and whoever is new connects. */
static uint32_t tick(struct lb_bench *b)
{
    lb_bench_advance_ms(b, 1000);
    make_all_ready(b);
    lb_bench_log(b);
    return lb_bench_n_live(b);
}

/* Ten calls, for which three are 3.3 calls each, four are 2.5, and five are 2.0: not more
 * than that. */
TEST(load_above_the_band_widens_by_one_a_second)
{
    struct lb_bench b;

    start(&b, 1, "{\"minAperture\": 3}", ten);
    make_all_ready(&b);
    hold(&b, 10);
    lb_bench_advance_ms(&b, 999);
    assert_int_equal(lb_bench_n_live(&b), 3);
    lb_bench_log(&b);
    lb_bench_advance_ms(&b, 1);
    assert_int_equal(lb_bench_n_live(&b), 4);
    assert_memory_equal(lb_bench_log(&b), "new ", 4);
    make_all_ready(&b);
    lb_bench_advance_ms(&b, 999);
    assert_int_equal(lb_bench_n_live(&b), 4);
    lb_bench_advance_ms(&b, 1);
    assert_int_equal(lb_bench_n_live(&b), 5);
    make_all_ready(&b);
    for (int i = 0; i < 20; i++)
        assert_int_equal(tick(&b), 5);
    lb_bench_fini(&b);
}

/* The last one that came goes first, and finishes the call it has.  The average with that
 * call is 1 + 39 e^-(t / 5): below 5 after 12 s.  Whose endpoint is out does not count any
 * more, and each second another one goes. */
TEST(load_below_the_band_narrows_by_one_a_second)
{
    static const uint32_t widths[] = {9, 8, 7, 6, 5, 4, 3, 3, 3};
    const struct lab_subconn *newest;
    struct lb_bench b;
    char before[64];

    start(&b, 1, "{\"minAperture\": 3}", ten);
    make_all_ready(&b);
    snprintf(before, sizeof before, "%s", in_use(&b, row_of_10, 10));
    hold(&b, 39);
    for (uint32_t n = 4; n <= 10; n++)
        assert_int_equal(tick(&b), n);
    newest = grebe_container_of(b.lab.live.prev, struct lab_subconn, link);
    hold(&b, 1);
    while (strcmp(b.text, lab_subconn_name(newest)) != 0) {
        end(&b, b.lab.n_picks - 1, 1);
        hold(&b, 1);
    }
    for (int i = 0; i < 60; i++)
        tick(&b);
    end(&b, 0, 39);
    for (int i = 0; i < 11; i++)
        assert_int_equal(tick(&b), 10);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(widths); i++) {
        assert_int_equal(tick(&b), widths[i]);
        assert_null(lab_find_subconn(&b.lab, lab_subconn_name(newest)));
    }
    assert_string_equal(in_use(&b, row_of_10, 10), before);
    end(&b, b.lab.n_picks - 1, 1);
    lb_bench_fini(&b);
}

TEST(limits_and_window_are_those_of_the_configuration)
{
    struct lb_bench b;

    start(&b, 1,
          "{\"minAperture\": 2, \"highLoad\": 5, \"lowLoad\": 4, "
          "\"smoothingWindow\": \"0.001s\"}",
          ten);
    make_all_ready(&b);
    hold(&b, 15);
    assert_int_equal(tick(&b), 3); /* 7.5 each */
    for (int i = 0; i < 5; i++)
        assert_int_equal(tick(&b), 3); /* 5.0 */
    end(&b, 0, 4);
    assert_int_equal(tick(&b), 3); /* 3.7; but without one of them it would be 5.5 */
    end(&b, 4, 1);
    assert_int_equal(tick(&b), 2);
    lb_bench_fini(&b);
}

/* Updates neither put a look off nor bring it forward. */
TEST(updates_do_not_keep_it_from_adapting)
{
    struct lb_bench b;

    start(&b, 1, "{\"minAperture\": 3}", ten);
    make_all_ready(&b);
    hold(&b, 10);
    for (int i = 0; i < 9; i++) {
        lb_bench_advance_ms(&b, 100);
        lb_bench_update(&b, ten, NULL);
        assert_int_equal(lb_bench_n_live(&b), 3);
    }
    lb_bench_advance_ms(&b, 100);
    assert_int_equal(lb_bench_n_live(&b), 4);
    lb_bench_fini(&b);
}

/* A list that was short for a moment does not cost the width that a client needs. */
TEST(width_outlives_a_short_list)
{
    struct lb_bench b;

    start(&b, 1, "{\"minAperture\": 3}", ten);
    make_all_ready(&b);
    hold(&b, 14);
    for (uint32_t n = 4; n <= 7; n++)
        assert_int_equal(tick(&b), n);
    lb_bench_update(&b, "endpoint-1 endpoint-2 endpoint-3 endpoint-4", NULL);
    assert_int_equal(lb_bench_n_live(&b), 4);
    lb_bench_update(&b, ten, NULL);
    assert_int_equal(lb_bench_n_live(&b), 7);
    assert_int_equal(lb_bench_config(&b, "{\"minAperture\": 9}"), GREBE_OK);
    lb_bench_update(&b, ten, NULL);
    assert_int_equal(lb_bench_n_live(&b), 9);
    lb_bench_fini(&b);
}

/* While three of four fail each second another one stands in, until four can be used. */
TEST(others_stand_in_for_those_that_fail)
{
    struct lb_bench b;
    const char *first_four;
    char lost[3][16];
    uint32_t n = 0;

    start(&b, 1, "{\"minAperture\": 4}", ten);
    make_all_ready(&b);
    first_four = in_use(&b, row_of_10, 10);
    for (const char *c = first_four; n < 3; c += 2)
        snprintf(lost[n++], sizeof lost[0], "%s", row_of_10[*c - '0']);
    for (uint32_t i = 0; i < 3; i++) {
        lb_bench_subconn(&b, lost[i], GREBE_IDLE, NULL);
        make_fail(&b, lost[i]);
    }
    for (n = 5; n <= 7; n++) {
        lb_bench_advance_ms(&b, 1000);
        assert_int_equal(lb_bench_n_live(&b), n);
    }
    lb_bench_advance_ms(&b, 5000);
    assert_int_equal(lb_bench_n_live(&b), 7);
    make_all_ready(&b); /* the lost ones are back */
    for (n = 6; n >= 4; n--)
        assert_int_equal(tick(&b), n);
    assert_int_equal(tick(&b), 4);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(is_connected(&b, lost[i]));
    lb_bench_fini(&b);
}

/* The fourth, which came for the load that there was, has failed: it goes, although no more
 * than three can be used. */
TEST(failed_one_at_the_end_goes)
{
    const struct lab_subconn *newest;
    struct lb_bench b;

    start(&b, 1, "{\"minAperture\": 3}", ten);
    make_all_ready(&b);
    hold(&b, 8);
    assert_int_equal(tick(&b), 4);
    newest = grebe_container_of(b.lab.live.prev, struct lab_subconn, link);
    lb_bench_health(&b, lab_subconn_name(newest), GREBE_TRANSIENT_FAILURE, "drained");
    end(&b, 0, 8);
    lb_bench_advance_ms(&b, 9000); /* 8 e^-(9 / 5) = 1.32, 0.44 for each of three */
    assert_int_equal(lb_bench_n_live(&b), 3);
    assert_null(lab_find_subconn(&b.lab, lab_subconn_name(newest)));
    lb_bench_fini(&b);
}

/* There is a look where there is something to decide: not with coordinates, and not where
 * all endpoints are in use anyhow. */
TEST(timer_runs_where_it_is_needed)
{
    struct lb_bench b;

    start(&b, 1, "{\"minAperture\": 4}", ten);
    assert_int_equal(grebe__wheel_next_ns(&b.lab.sim.env.wheel),
                     b.lab.sim.env.now_ns + SECOND);
    configure(&b, PLACE(0, 3, 4), ten);
    assert_int_equal(grebe__wheel_next_ns(&b.lab.sim.env.wheel), UINT64_MAX);
    configure(&b, "{\"minAperture\": 10}", ten);
    assert_int_equal(grebe__wheel_next_ns(&b.lab.sim.env.wheel), UINT64_MAX);
    configure(&b, "{\"minAperture\": 9}", ten);
    assert_int_equal(grebe__wheel_next_ns(&b.lab.sim.env.wheel),
                     b.lab.sim.env.now_ns + SECOND);
    lb_bench_fini(&b);
}

/* ---- In a channel ------------------------------------------------------------------------- */

static uint32_t n_open(struct channel_bench *b)
{
    uint32_t n = 0;

    for (const char *name = "abcdef"; *name != '\0'; name++)
        n += sim_server_n_open(sim_server_find(&b->sim, (char[]){*name, '\0'}));
    return n;
}

static void set_latency(struct channel_bench *b, uint64_t ms)
{
    for (const char *name = "abcdef"; *name != '\0'; name++)
        sim_server_find(&b->sim, (char[]){*name, '\0'})->latency_ns = ms * MS;
}

/* Ten calls widen it from two to four: 2.5 each.  Eight more are under way when these have
 * ended, for a minute: 2.0 each, and then there are three, and two.  Those that have to go
 * are closed when the calls that they have are over, and all calls end well. */
TEST(who_goes_finishes_its_calls)
{
    struct grebe_call *calls[18];
    struct channel_bench b;

    channel_bench_start(&b, "{\"loadBalancingConfig\": [{\"aperture\": {\"minAperture\": "
                            "2, \"highLoad\": 3, \"lowLoad\": 2.4}}]}");
    channel_bench_servers(&b, "a b c d e f");
    set_latency(&b, 5000);
    channel_bench_connect(&b);
    channel_bench_resolve(&b, "a b c d e f");
    channel_bench_advance_ms(&b, 100);
    assert_int_equal(n_open(&b), 2);
    for (int i = 0; i < 10; i++)
        calls[i] = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 4000);
    assert_int_equal(n_open(&b), 4);
    set_latency(&b, 60000);
    for (int i = 10; i < 18; i++)
        calls[i] = channel_bench_call(&b, NULL);
    channel_bench_advance_ms(&b, 40000);
    assert_true(channel_bench_logged(&b, "aperture: 2 of 6 endpoints"));
    assert_int_equal(n_open(&b), 4);
    channel_bench_advance_ms(&b, 30000);
    assert_int_equal(n_open(&b), 2);
    for (int i = 0; i < 18; i++) {
        assert_int_equal(grebe_call_status(calls[i])->code, GREBE_STATUS_OK);
        grebe_call_unref(calls[i]);
    }
    channel_bench_fini(&b);
}

/* ---- Out of memory ------------------------------------------------------------------------ */

/* The policy's nth allocation from here on fails. */
static void fail_at(struct lb_bench *b, uint32_t n)
{
    b->mem.fail_at = b->mem.n_allocs + n;
}

/* Wherever memory is short, the old ones are in use, or, a second later, again. */
TEST(update_that_did_not_arrive_changes_nothing)
{
    for (uint32_t n = 1;; n++) {
        struct lb_bench b;
        int result;

        start(&b, 1, PLACE(0, 3, 4), ten);
        make_all_ready(&b);
        assert_int_equal(lb_bench_config(&b, PLACE(1, 3, 4)), GREBE_OK);
        fail_at(&b, n);
        result = lb_bench_update(&b, ten, NULL);
        if (b.mem.n_allocs < b.mem.fail_at) {
            lb_bench_fini(&b);
            assert_true(n > 5);
            return;
        }
        b.mem.fail_at = 0;
        lb_bench_advance_ms(&b, 1000);
        if (result == GREBE_ERR_NOMEM)
            assert_string_equal(in_use(&b, row_of_10, 10), "0 1 2 3 4 5 6");
        else
            assert_string_equal(in_use(&b, row_of_10, 10), "3 4 5 6 7 8 9");
        make_all_ready(&b);
        assert_int_equal(b.lab.state, GREBE_READY);
        lb_bench_fini(&b);
    }
}

/* Wherever memory is short, a second later it is as wide as it has to be: wider by one where
 * it was the new endpoint that had none, and so failed. */
TEST(step_that_failed_is_made_a_second_later)
{
    for (uint32_t n = 1;; n++) {
        struct lb_bench b;
        bool has_failed;

        start(&b, 1, "{\"minAperture\": 3}", ten);
        make_all_ready(&b);
        hold(&b, 8);
        fail_at(&b, n);
        lb_bench_advance_ms(&b, 1000);
        has_failed = b.mem.n_allocs >= b.mem.fail_at;
        b.mem.fail_at = 0;
        make_all_ready(&b);
        lb_bench_advance_ms(&b, 1000);
        make_all_ready(&b);
        assert_in_range(lb_bench_n_live(&b), 4, 5);
        assert_int_equal(b.lab.state, GREBE_READY);
        lb_bench_fini(&b);
        if (!has_failed) {
            assert_true(n > 5);
            return;
        }
    }
}

static void live_a_life(struct lb_bench *b)
{
    lb_bench_config(b, "{\"minAperture\": 2}");
    lb_bench_update(b, "a b c d e", NULL);
    make_all_ready(b);
    assert_true(lab_pick(&b->lab, &call, 9, NULL) <= GREBE_OK);
    lb_bench_advance_ms(b, 2000);
    make_all_ready(b);
    lb_bench_resolver_error(b, "gone");
    lb_bench_config(b, PLACE(1, 3, 2));
    lb_bench_update(b, "a c d e+f g", NULL);
    lb_bench_pick(b);
    lb_bench_update(b, "", NULL);
    lb_bench_advance_ms(b, 2000);
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__aperture, live_a_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configuration_is_checked),
        cmocka_unit_test(both_names_are_registered),
        cmocka_unit_test(client_is_connected_to_its_arc_and_nobody_else),
        cmocka_unit_test(twelve_are_used_unless_configured),
        cmocka_unit_test(updates_change_what_they_have_to),
        cmocka_unit_test(idle_endpoints_are_picked_as_much_as_they_are_covered),
        cmocka_unit_test(clients_together_load_all_endpoints_alike),
        cmocka_unit_test(who_is_not_ready_is_not_missed),
        cmocka_unit_test(with_all_of_the_arc_away_the_state_says_so),
        cmocka_unit_test(without_endpoints_calls_hear_what_the_resolver_said),
        cmocka_unit_test(the_less_busy_of_two_has_the_call),
        cmocka_unit_test(calls_are_counted_while_nobody_is_ready),
        cmocka_unit_test(a_pick_is_explained),
        cmocka_unit_test(each_client_has_a_few_of_its_own),
        cmocka_unit_test(few_stay_the_same_over_updates),
        cmocka_unit_test(load_above_the_band_widens_by_one_a_second),
        cmocka_unit_test(load_below_the_band_narrows_by_one_a_second),
        cmocka_unit_test(limits_and_window_are_those_of_the_configuration),
        cmocka_unit_test(updates_do_not_keep_it_from_adapting),
        cmocka_unit_test(width_outlives_a_short_list),
        cmocka_unit_test(others_stand_in_for_those_that_fail),
        cmocka_unit_test(failed_one_at_the_end_goes),
        cmocka_unit_test(timer_runs_where_it_is_needed),
        cmocka_unit_test(who_goes_finishes_its_calls),
        cmocka_unit_test(update_that_did_not_arrive_changes_nothing),
        cmocka_unit_test(step_that_failed_is_made_a_second_later),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests_name("aperture", tests, NULL, NULL);
}
