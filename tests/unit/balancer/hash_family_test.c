/* SPDX-License-Identifier: Apache-2.0 */
/* What all policies that hash calls do alike, shown by ring_hash on the bench: states,
 * connections, updates.  An endpoint is reached by calls with a hash that falls to it. */
#include "support/test.h"

#include <inttypes.h>

#include "balancer/hash_family.h"
#include "balancer/maglev.h"
#include "balancer/rendezvous.h"
#include "balancer/ring_hash.h"
#include "base/hash.h"
#include "core/explanation.h"
#include "support/hash_bench.h"
#include "support/lb_bench.h"

/* ---- ring_hash that counts its rings --------------------------------------------------------- */

static uint32_t n_tables;

static struct grebe__hash_table *count_table(const struct grebe_mem *mem,
                                             const struct grebe__hash_members *members,
                                             const struct grebe__hash_config *config)
{
    n_tables++;
    return grebe__ring_hash_policy.layout->new_table(mem, members, config);
}

static int build_counted(struct grebe_client_conn *cc,
                         const struct grebe_build_options *options,
                         struct grebe_balancer **out)
{
    static struct grebe__hash_layout layout;
    static struct grebe__hash_policy counted;

    (void)options;
    layout = *grebe__ring_hash_policy.layout;
    layout.new_table = count_table;
    counted = grebe__ring_hash_policy;
    counted.layout = &layout;
    return grebe__hash_family_new(cc, &counted, out);
}

static const struct grebe_balancer_builder counting_ring_hash = {
    .api = GREBE_BALANCER_API, .name = "counting_ring_hash", .build = build_counted};

/* ---- The bench ---------------------------------------------------------------------------------- */

/* A hash that falls to the endpoint with this key, if the others are as given. */
static uint64_t hash_for(const char *keys, const char *key)
{
    struct hash_bench bench;
    uint64_t hash = 0;
    char text[16];

    hash_bench_init(&bench, &grebe__ring_hash_policy, keys, NULL);
    for (unsigned i = 0;; i++) {
        snprintf(text, sizeof text, "k%u", i);
        hash = grebe__hash64_text(text);
        if (strcmp(hash_bench_find(&bench, hash), key) == 0)
            break;
    }
    hash_bench_fini(&bench);
    return hash;
}

static void start(struct lb_bench *b, const char *endpoints)
{
    n_tables = 0;
    assert_true(lb_bench_init(b, &counting_ring_hash, 1));
    assert_int_equal(lb_bench_update(b, endpoints, NULL), GREBE_OK);
}

static void lose(struct lb_bench *b, const char *address)
{
    lb_bench_subconn(b, address, GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, address, GREBE_TRANSIENT_FAILURE, NULL);
}

static void wake(struct lb_bench *b, const char *keys, const char *key)
{
    assert_string_equal(lb_bench_pick_hash(b, hash_for(keys, key)), "queue");
}

/* Connects to each of "a b c" and forgets what was noted on the way. */
static void connect_all(struct lb_bench *b, const char *keys)
{
    char copy[64], *save = NULL;

    snprintf(copy, sizeof copy, "%s", keys);
    for (char *key = strtok_r(copy, " ", &save); key != NULL;
         key = strtok_r(NULL, " ", &save)) {
        wake(b, keys, key);
        lb_bench_connect(b, key);
    }
    lb_bench_log(b);
}

/* ---- Connections ------------------------------------------------------------------------------------ */

/* */
TEST(nothing_connects_before_a_call)
{
    struct lb_bench b;

    start(&b, "a b c");
    assert_string_equal(lb_bench_log(&b), "IDLE");
    lb_bench_exit_idle(&b);
    assert_string_equal(lb_bench_log(&b), "IDLE");
    wake(&b, "a b c", "b");
    assert_string_equal(lb_bench_log(&b), "new b, connect b, CONNECTING");
    lb_bench_fini(&b);
}

/* */
TEST(one_endpoint_serves_every_hash)
{
    struct lb_bench b;

    start(&b, "a");
    wake(&b, "a", "a");
    lb_bench_connect(&b, "a");
    for (uint64_t i = 0; i < 100; i++)
        assert_string_equal(lb_bench_pick_hash(&b, i * UINT64_C(0x0123456789abcdef)),
                            "a");
    lb_bench_fini(&b);
}

/* */
TEST(the_next_on_the_ring_serves_while_the_owner_cannot)
{
    const uint64_t hash = hash_for("a b c", "b");
    char next[16];
    struct lb_bench b;

    start(&b, "a b c");
    connect_all(&b, "a b c");
    for (int i = 0; i < 100; i++)
        assert_string_equal(lb_bench_pick_hash(&b, hash), "b");
    lb_bench_subconn(&b, "b", GREBE_IDLE, NULL);
    assert_string_equal(lb_bench_pick_hash(&b, hash), "queue");
    lose(&b, "b");
    snprintf(next, sizeof next, "%s", lb_bench_pick_hash(&b, hash));
    assert_true(strcmp(next, "a") == 0 || strcmp(next, "c") == 0);
    for (int i = 0; i < 10; i++)
        assert_string_equal(lb_bench_pick_hash(&b, hash), next);
    lb_bench_subconn(&b, "b", GREBE_IDLE, NULL);
    lb_bench_connect(&b, "b");
    assert_string_equal(lb_bench_pick_hash(&b, hash), "b");
    lb_bench_fini(&b);
}

/* */
TEST(a_lost_connection_waits_for_a_call)
{
    struct lb_bench b;

    start(&b, "a b");
    connect_all(&b, "a b");
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    assert_string_equal(lb_bench_log(&b), "READY");
    assert_string_equal(lb_bench_pick_hash(&b, hash_for("a b", "b")), "b");
    assert_string_equal(lb_bench_log(&b), "");
    wake(&b, "a b", "a");
    assert_string_equal(lb_bench_log(&b), "connect a, READY");
    lb_bench_fini(&b);
}

/* */
TEST(the_second_address_serves_when_the_first_is_down)
{
    struct lb_bench b;

    start(&b, "a+b");
    wake(&b, "a", "a");
    lose(&b, "a");
    lb_bench_connect(&b, "b");
    assert_string_equal(lb_bench_pick_hash(&b, 1), "b");
    lb_bench_fini(&b);
}

/* ---- State ---------------------------------------------------------------------------------------------- */

/* Which state is published for children in those states. */
static const struct {
    uint32_t n_ready, n_connecting, n_idle, n_failed;
    enum grebe_connectivity state;
} censuses[] = {
    {1, 2, 0, 0, GREBE_READY},
    {0, 2, 0, 0, GREBE_CONNECTING},
    {0, 1, 1, 0, GREBE_CONNECTING},
    {0, 0, 1, 0, GREBE_IDLE},
    {0, 0, 0, 1, GREBE_TRANSIENT_FAILURE},
    {0, 1, 0, 1, GREBE_CONNECTING},
    {0, 1, 0, 2, GREBE_TRANSIENT_FAILURE},
    {0, 0, 2, 1, GREBE_CONNECTING},
    {0, 0, 1, 2, GREBE_TRANSIENT_FAILURE},
    {1, 0, 0, 2, GREBE_READY},
};

/* R-27, gRFC A42: Two that fail are a failure, whatever the others do. */
TEST(state_follows_the_census)
{
    static const char *const names[] = {"a", "b", "c", "d"};

    for (size_t i = 0; i < sizeof censuses / sizeof censuses[0]; i++) {
        uint32_t n_woken =
            censuses[i].n_ready + censuses[i].n_connecting + censuses[i].n_failed;
        uint32_t n = n_woken + censuses[i].n_idle;
        char keys[16] = "";
        struct lb_bench b;

        for (uint32_t k = 0; k < n; k++)
            snprintf(keys + strlen(keys), sizeof keys - strlen(keys), "%s ", names[k]);
        start(&b, keys);
        for (uint32_t k = 0; k < n_woken; k++)
            wake(&b, keys, names[k]);
        for (uint32_t k = 0; k < n_woken; k++)
            if (k < censuses[i].n_ready)
                lb_bench_connect(&b, names[k]);
            else if (k < censuses[i].n_ready + censuses[i].n_failed)
                lose(&b, names[k]);
        assert_int_equal(b.lab.state, censuses[i].state);
        lb_bench_fini(&b);
    }
}

/* */
TEST(one_idle_endpoint_connects_when_one_fails)
{
    struct lb_bench b;

    start(&b, "c a b");
    wake(&b, "a b c", "b");
    lb_bench_log(&b);
    lose(&b, "b");
    /* The one with the smallest key, and nobody beside it while it is connecting. */
    assert_string_equal(lb_bench_log(&b), "new a, connect a, CONNECTING, CONNECTING");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_resolver_error(&b, "no such host");
    assert_null(strstr(lb_bench_log(&b), "new"));
    lb_bench_subconn(&b, "a", GREBE_TRANSIENT_FAILURE, NULL);
    assert_non_null(strstr(lb_bench_log(&b), "new c"));
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    lb_bench_fini(&b);
    start(&b, "a b");
    wake(&b, "a b", "b");
    lb_bench_log(&b);
    lose(&b, "b"); /* and not a moment of TRANSIENT_FAILURE */
    assert_string_equal(lb_bench_log(&b), "new a, connect a, CONNECTING, CONNECTING");
    lb_bench_fini(&b);
}

/* */
TEST(an_idle_endpoint_connects_when_the_one_that_was_connecting_leaves)
{
    struct lb_bench b;

    start(&b, "a b c");
    wake(&b, "a b c", "b");
    lose(&b, "b");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_log(&b);
    assert_int_equal(lb_bench_update(&b, "b c", NULL), GREBE_OK);
    assert_non_null(strstr(lb_bench_log(&b), "connect c"));
    lb_bench_fini(&b);
}

/* a and b failed, c is READY, d IDLE. */
static void start_with_one_left(struct lb_bench *b)
{
    start(b, "a b c d");
    wake(b, "a b c d", "a");
    wake(b, "a b c d", "b");
    wake(b, "a b c d", "c");
    lb_bench_connect(b, "c");
    lose(b, "a");
    lose(b, "b");
    assert_int_equal(b->lab.state, GREBE_READY);
    assert_null(strstr(lb_bench_log(b), "new d"));
}

/* */
TEST(an_idle_endpoint_connects_when_the_last_that_was_ready_is_gone)
{
    struct lb_bench b;

    start_with_one_left(&b);
    lb_bench_health(&b, "c", GREBE_TRANSIENT_FAILURE, "NOT_SERVING");
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_non_null(strstr(lb_bench_log(&b), "connect d"));
    lb_bench_fini(&b);

    start_with_one_left(&b);
    assert_int_equal(lb_bench_update(&b, "a b d", NULL), GREBE_OK);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_non_null(strstr(lb_bench_log(&b), "connect d"));
    lb_bench_fini(&b);
}

/* ---- Updates ----------------------------------------------------------------------------------------------- */

static void expect_tables(struct lb_bench *b, const char *endpoints, const void *config,
                          uint32_t n_more)
{
    uint32_t before = n_tables;

    assert_int_equal(lb_bench_update(b, endpoints, config), GREBE_OK);
    assert_int_equal(n_tables - before, n_more);
}

/* */
TEST(a_table_is_made_for_new_keys_and_weights_alone)
{
    struct lb_bench b;

    start(&b, "a b c");
    assert_int_equal(n_tables, 1);
    expect_tables(&b, "a b c", NULL, 0);
    expect_tables(&b, "c a b", NULL, 0);
    expect_tables(&b, "a b*1 c", NULL, 0);
    expect_tables(&b, "a b*2 c", NULL, 1);
    expect_tables(&b, "a b*2 c d", NULL, 1);
    expect_tables(&b, "a b*2 c", NULL, 1);
    expect_tables(&b, "a b*2 c#x", NULL, 1);
    /* Another address under the same key is in the same place. */
    expect_tables(&b, "a b*2 d#x", NULL, 0);
    lb_bench_fini(&b);
}

/* */
TEST(a_table_is_made_for_other_sizes_but_not_for_another_header)
{
    struct grebe__hash_config *config = hash_bench_config(
        &grebe__ring_hash, "{\"minRingSize\":10,\"requestHashHeader\":\"x-a\"}");
    struct grebe__hash_config *other = hash_bench_config(
        &grebe__ring_hash, "{\"minRingSize\":10,\"requestHashHeader\":\"x-b\"}");
    struct grebe__hash_config *fixed = hash_bench_config(
        &grebe__ring_hash, "{\"minRingSize\":10,\"entriesPerWeight\":4}");
    struct grebe__hash_config *smaller =
        hash_bench_config(&grebe__ring_hash, "{\"minRingSize\":10,\"maxRingSize\":20}");
    struct lb_bench b;
    uint32_t n_published;

    start(&b, "a b c");
    expect_tables(&b, "a b c", config, 1);
    n_published = b.n_published;
    expect_tables(&b, "a b c", other, 0);
    assert_int_equal(b.n_published, n_published + 1);
    expect_tables(&b, "a b c", fixed, 1);
    expect_tables(&b, "a b c", fixed, 0);
    expect_tables(&b, "a b c", config, 1);
    expect_tables(&b, "a b c", smaller, 1);
    expect_tables(&b, "a b c", NULL, 1);
    /* Nothing is known of a header: a call has to bring its hash. */
    assert_string_equal(lb_bench_pick(&b),
                        "fail: the call has no hash: requestHashHeader is not set, and "
                        "nothing else computed one");
    lb_bench_fini(&b);
    grebe__hash_config_free(config);
    grebe__hash_config_free(other);
    grebe__hash_config_free(fixed);
    grebe__hash_config_free(smaller);
}

/* */
TEST(the_first_address_is_the_key_and_any_order_the_same_connection)
{
    struct lb_bench b;

    start(&b, "a+b+c");
    wake(&b, "a", "a");
    lb_bench_connect(&b, "a");
    lb_bench_log(&b);
    expect_tables(&b, "a+c+b", NULL, 0);
    assert_string_equal(lb_bench_pick_hash(&b, 1), "a");
    expect_tables(&b, "b+a+c", NULL, 1);
    assert_string_equal(lb_bench_pick_hash(&b, 1), "a");
    assert_null(strstr(lb_bench_log(&b), "connect"));
    lb_bench_fini(&b);
}

/* Endpoints with one key are told apart: grpc-go takes the state of one for both. */
TEST(endpoints_with_the_same_key_have_states_of_their_own)
{
    struct lb_bench b;

    start(&b, "a#x b#x");
    assert_string_equal(lb_bench_pick_hash(&b, 1), "queue");
    if (strstr(lb_bench_log(&b), "new a") != NULL) {
        lose(&b, "a");
        lb_bench_connect(&b, "b");
        assert_string_equal(lb_bench_pick_hash(&b, 1), "b");
    } else {
        lose(&b, "b");
        lb_bench_connect(&b, "a");
        assert_string_equal(lb_bench_pick_hash(&b, 1), "a");
    }
    lb_bench_fini(&b);
}

/* Whatever the resolver's order, a call meets the one whose address has the smaller hash. */
TEST(endpoints_with_the_same_key_have_an_order)
{
    static const char *const orders[] = {"a#x b#x c#x", "c#x b#x a#x", "b#x c#x a#x"};

    for (size_t i = 0; i < 3; i++) {
        struct lb_bench b;

        start(&b, orders[i]);
        for (uint64_t hash = 0; hash < 20; hash++)
            assert_string_equal(lb_bench_pick_hash(&b, hash << 59), "queue");
        assert_string_equal(lb_bench_log(&b), "IDLE, new b, connect b, CONNECTING");
        lb_bench_fini(&b);
    }
}

/* C-2 */
TEST(an_update_is_published_once)
{
    struct lb_bench b;
    uint32_t before;

    start(&b, "a b");
    connect_all(&b, "a b");
    before = b.n_published;
    lb_bench_update(&b, "a a b c d", NULL);
    assert_int_equal(b.n_published, before + 1);
    lb_bench_fini(&b);
}

/* ---- Nothing to balance over --------------------------------------------------------------------------------- */

/* */
TEST(no_endpoints_is_a_failure_and_they_may_come_back)
{
    struct lb_bench b;

    start(&b, "a b");
    connect_all(&b, "a b");
    assert_int_equal(lb_bench_update(&b, "", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_int_equal(b.lab.state, GREBE_TRANSIENT_FAILURE);
    assert_string_equal(lb_bench_pick_hash(&b, 1), "fail: produced zero addresses");
    assert_int_equal(lb_bench_n_live(&b), 0);
    lb_bench_resolver_error(&b, "no such host");
    assert_string_equal(lb_bench_pick_hash(&b, 1),
                        "fail: produced zero addresses; last resolver error: "
                        "no such host");
    assert_int_equal(lb_bench_update(&b, "a b", NULL), GREBE_OK);
    assert_int_equal(b.lab.state, GREBE_IDLE);
    connect_all(&b, "a b");
    assert_string_equal(lb_bench_pick_hash(&b, hash_for("a b", "b")), "b");
    lb_bench_fini(&b);
}

/* ---- Explaining ---------------------------------------------------------------------------------------------- */

/* What a pick with this hash says, and its candidates, the chosen one first, with their calls
 * if these are counted. */
static const char *explain(struct lb_bench *b, uint64_t hash)
{
    static char text[1024];
    struct grebe_explanation *explanation = grebe__explanation_new(NULL, 0);
    const struct grebe_pick_args args = {.hash = &hash, .explanation = explanation};
    const struct grebe_status ok = grebe_status_of(GREBE_STATUS_OK, "");
    const struct grebe_explained_candidate *candidate;
    struct grebe_pick out;

    grebe_pick_init(&out);
    grebe__explanation_pick_begins(explanation);
    grebe_picker_pick(b->lab.picker, &args, &out);
    grebe_pick_end(&out, &(struct grebe_done_info){.status = &ok});
    snprintf(text, sizeof text, "%s: %s",
             grebe_explanation_policy(explanation, 0)->policy,
             grebe_explanation_policy(explanation, 0)->notes);
    for (size_t i = 0; (candidate = grebe_explanation_candidate(explanation, i)) != NULL;
         i++) {
        size_t used = strlen(text);

        assert_true(i == 0 || !candidate->is_chosen);
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s %s%s",
                             i == 0 ? "; " : ", ", candidate->address, candidate->reason,
                             candidate->score_name == NULL ? ", at no entry" : "");
        if (candidate->in_flight != UINT32_MAX)
            snprintf(text + used, sizeof text - used, " (%u)", candidate->in_flight);
    }
    grebe__explanation_free(explanation);
    return text;
}

TEST(a_pick_tells_whose_call_it_is_and_who_comes_next)
{
    uint64_t hash = hash_for("a b c", "b");
    char whole[256], without[256];
    struct lb_bench b;

    start(&b, "a b c");
    connect_all(&b, "a b c");
    snprintf(whole, sizeof whole,
             "ring_hash: hash %016" PRIx64 "; b the hash falls to it, ", hash);
    assert_memory_equal(explain(&b, hash), whole, strlen(whole));
    assert_non_null(strstr(explain(&b, hash), ", a further from the hash"));
    assert_non_null(strstr(explain(&b, hash), ", c further from the hash"));
    lb_bench_subconn(&b, "b", GREBE_IDLE, NULL);
    snprintf(whole, sizeof whole, "ring_hash: hash %016" PRIx64, hash);
    assert_memory_equal(explain(&b, hash), whole, strlen(whole));
    assert_null(strstr(explain(&b, hash), "cannot be reached"));
    lose(&b, "b");
    snprintf(without, sizeof without,
             "ring_hash: hash %016" PRIx64 "; 1 of 3 cannot be reached and are passed "
             "over; ",
             hash);
    assert_memory_equal(explain(&b, hash), without, strlen(without));
    assert_null(strstr(explain(&b, hash), "b the hash"));
    lb_bench_fini(&b);
}

/* Three calls are one too many for it, if there are no others. */
TEST(a_pick_tells_of_an_endpoint_that_has_its_share)
{
    const struct lab_call call = {
        .method = "/s/m", .has_hash = true, .hash = hash_for("a b c", "b")};
    const char *told;
    struct lb_bench b;

    assert_true(lb_bench_init(&b, &grebe__bounded_load_ring_hash, 1));
    assert_int_equal(lb_bench_update(&b, "a b c", NULL), GREBE_OK);
    connect_all(&b, "a b c");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lab_pick(&b.lab, &call, 1, NULL), GREBE_OK); /* and stays open */
        assert_string_equal(b.text, "b");
    }
    told = explain(&b, call.hash);
    assert_non_null(
        strstr(told, " it takes what is too much for another, at no entry (1), "));
    assert_non_null(strstr(told, "b the hash falls to it, but it has its share (3)"));
    assert_non_null(strstr(told, "further from the hash (0)"));
    lb_bench_fini(&b);
}

/* ---- Out of memory ---------------------------------------------------------------------------------------------- */

TEST(out_of_memory_keeps_the_last_picker_and_tries_again)
{
    struct lb_bench b;

    start(&b, "a");
    wake(&b, "a", "a");
    lb_bench_connect(&b, "a");
    for (uint32_t i = 1; i < 40; i++) {
        b.mem.fail_at = b.mem.n_allocs + i;
        lb_bench_update(&b, i % 2 == 0 ? "a" : "a b", NULL);
        assert_string_equal(lb_bench_pick_hash(&b, hash_for("a b", "a")), "a");
        lb_bench_advance_ms(&b, 1000);
        assert_string_equal(lb_bench_pick_hash(&b, hash_for("a b", "a")), "a");
    }
    lb_bench_fini(&b);
}

static void live_a_life(struct lb_bench *b)
{
    lb_bench_update(b, "a b*2 c#x", NULL);
    for (uint64_t i = 0; i < 32; i++)
        lb_bench_pick_hash(b, i * UINT64_C(0x9e3779b97f4a7c15));
    lb_bench_subconn(b, "c", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "c", GREBE_READY, NULL);
    lose(b, "a");
    lb_bench_subconn(b, "b", GREBE_CONNECTING, NULL);
    lb_bench_update(b, "a c d+e", NULL);
    lb_bench_resolver_error(b, "gone");
    lb_bench_pick_hash(b, 1);
    lb_bench_update(b, "", NULL);
    lb_bench_resolver_error(b, "gone");
}

TEST(out_of_memory_anywhere_is_survived)
{
    lb_bench_sweep(&grebe__ring_hash, live_a_life);
    lb_bench_sweep(&grebe__bounded_load_ring_hash, live_a_life);
    lb_bench_sweep(&grebe__maglev, live_a_life);
    lb_bench_sweep(&grebe__rendezvous, live_a_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_connects_before_a_call),
        cmocka_unit_test(one_endpoint_serves_every_hash),
        cmocka_unit_test(the_next_on_the_ring_serves_while_the_owner_cannot),
        cmocka_unit_test(a_lost_connection_waits_for_a_call),
        cmocka_unit_test(the_second_address_serves_when_the_first_is_down),
        cmocka_unit_test(state_follows_the_census),
        cmocka_unit_test(one_idle_endpoint_connects_when_one_fails),
        cmocka_unit_test(
            an_idle_endpoint_connects_when_the_one_that_was_connecting_leaves),
        cmocka_unit_test(an_idle_endpoint_connects_when_the_last_that_was_ready_is_gone),
        cmocka_unit_test(a_table_is_made_for_new_keys_and_weights_alone),
        cmocka_unit_test(a_table_is_made_for_other_sizes_but_not_for_another_header),
        cmocka_unit_test(the_first_address_is_the_key_and_any_order_the_same_connection),
        cmocka_unit_test(endpoints_with_the_same_key_have_states_of_their_own),
        cmocka_unit_test(endpoints_with_the_same_key_have_an_order),
        cmocka_unit_test(an_update_is_published_once),
        cmocka_unit_test(no_endpoints_is_a_failure_and_they_may_come_back),
        cmocka_unit_test(a_pick_tells_whose_call_it_is_and_who_comes_next),
        cmocka_unit_test(a_pick_tells_of_an_endpoint_that_has_its_share),
        cmocka_unit_test(out_of_memory_keeps_the_last_picker_and_tries_again),
        cmocka_unit_test(out_of_memory_anywhere_is_survived),
    };

    return cmocka_run_group_tests_name("hash_family", tests, NULL, NULL);
}
