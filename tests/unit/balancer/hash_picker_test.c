/* SPDX-License-Identifier: Apache-2.0 */
/* The picker of policies that hash, over children that are as a test wants them: on a table
 * of three slots, at 0, 1/3 and 2/3 of all hashes, each of another member. */
#include "support/test.h"

#include "balancer/hash_picker.h"
#include "base/hash.h"

/* ---- The table ---------------------------------------------------------------------------- */

enum { MAX_MEMBERS = 3 };

static const uint64_t at[MAX_MEMBERS] = {0, UINT64_MAX / 3, UINT64_MAX / 3 * 2};
static uint32_t n_members;

static bool find(const struct grebe__hash_table *table, uint64_t hash,
                 const struct grebe__hash_filter *filter, struct grebe__hash_place *out)
{
    static const uint32_t slots[MAX_MEMBERS] = {0, 1, 2};
    uint32_t first = 0;

    (void)table;
    while (first < n_members && at[first] < hash)
        first++;
    return grebe__hash_walk(slots, n_members, first % n_members, filter, out);
}

static const struct grebe__hash_layout layout = {.find = find};
static const struct grebe__hash_policy policy = {.name = "thirds", .layout = &layout};

/* ---- The children --------------------------------------------------------------------------- */

struct child {
    struct grebe_picker picker;
    uint32_t n_asked;
    struct grebe_status status;
};

static struct child children[MAX_MEMBERS];
static enum grebe_connectivity states[MAX_MEMBERS];
static char subconns[MAX_MEMBERS]; /* never looked into: a pick only hands them on */

static void pick_child(struct grebe_picker *base, const struct grebe_pick_args *args,
                       struct grebe_pick *out)
{
    struct child *child = grebe_container_of(base, struct child, picker);
    size_t i = (size_t)(child - children);

    (void)args;
    child->n_asked++;
    if (states[i] == GREBE_READY) {
        out->kind = GREBE_PICK_COMPLETE;
        out->subconn = (struct grebe_subconn *)(void *)&subconns[i];
    } else if (states[i] == GREBE_TRANSIENT_FAILURE) {
        out->kind = GREBE_PICK_FAIL;
        out->status = &child->status;
    }
}

static void keep(struct grebe_picker *base)
{
    (void)base;
}

static const struct grebe_picker_ops child_ops = {.pick = pick_child, .destroy = keep};

/* ---- A pick ------------------------------------------------------------------------------------ */

static char text[64];

/* "RCIT": the states of the members, in their order.  Returns "0" if member 0 gets the
 * call, "queue", or "fail N"; behind it, " connect N" if an IDLE one was asked. */
static const char *pick(const char *letters, const char *header,
                        const struct grebe_pick_args *args)
{
    const struct grebe__hash_config config = {.header = (char *)(uintptr_t)header};
    struct grebe__load_book loads;
    struct grebe__hash_table table;
    struct grebe__hash_member list[MAX_MEMBERS];
    const struct grebe__hash_members members = {list, (uint32_t)strlen(letters), 1};
    struct grebe_sharding_child views[MAX_MEMBERS];
    struct grebe_pick out = {0};
    struct grebe_picker *picker;

    n_members = members.n;
    for (uint32_t i = 0; i < members.n; i++) {
        states[i] = letters[i] == 'R'   ? GREBE_READY
                    : letters[i] == 'C' ? GREBE_CONNECTING
                    : letters[i] == 'I' ? GREBE_IDLE
                                        : GREBE_TRANSIENT_FAILURE;
        children[i] = (struct child){
            .status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "it cannot be reached")};
        grebe_picker_init(&children[i].picker, &child_ops);
        /* The list of children is in another order than the members. */
        views[members.n - 1 - i] = (struct grebe_sharding_child){
            .state = states[i], .picker = &children[i].picker};
        list[i] = (struct grebe__hash_member){.child = members.n - 1 - i};
    }
    grebe__hash_table_init(&table, NULL);
    grebe__hash_loads_init(&loads, NULL);
    picker = grebe__hash_picker_new(NULL, &(struct grebe__hash_picker_options){
                                              .policy = &policy,
                                              .table = &table,
                                              .members = &members,
                                              .children = views,
                                              .config = &config,
                                              .loads = &loads,
                                          });
    assert_int_equal(table.refs, 2);
    grebe_picker_pick(picker, args, &out);
    grebe_picker_unref(picker);
    grebe__load_book_fini(&loads);
    assert_int_equal(table.refs, 1);
    if (out.kind == GREBE_PICK_COMPLETE)
        snprintf(text, sizeof text, "%d", (int)((char *)out.subconn - subconns));
    else
        snprintf(text, sizeof text, out.kind == GREBE_PICK_QUEUE ? "queue" : "fail");
    for (uint32_t i = 0; i < members.n; i++) {
        size_t used = strlen(text);

        assert_int_equal(children[i].picker.refs, 1);
        if (out.kind == GREBE_PICK_FAIL && out.status == &children[i].status)
            snprintf(text + used, sizeof text - used, " %u", i);
        else if (states[i] == GREBE_IDLE && children[i].n_asked > 0)
            snprintf(text + used, sizeof text - used, " connect %u", i);
    }
    return text;
}

static const char *pick_hash(const char *letters, uint64_t hash)
{
    return pick(letters, NULL, &(struct grebe_pick_args){.hash = &hash});
}

static const char *pick_chance(const char *letters, uint64_t random)
{
    return pick(letters, "x-key", &(struct grebe_pick_args){.random = random});
}

static const char *pick_header(const char *letters, const struct grebe_metadata *metadata)
{
    return pick(letters, "x-key", &(struct grebe_pick_args){.metadata = metadata});
}

/* ---- Tests ------------------------------------------------------------------------------------- */

/* */
TEST(a_call_with_a_hash_goes_to_the_first_that_has_not_failed)
{
    assert_string_equal(pick_hash("RI", 0), "0");
    assert_string_equal(pick_hash("CI", 0), "queue");
    assert_string_equal(pick_hash("II", 0), "queue connect 0");
    assert_string_equal(pick_hash("TR", 0), "1");
    assert_string_equal(pick_hash("TC", 0), "queue");
    assert_string_equal(pick_hash("TI", 0), "queue connect 1");
    assert_string_equal(pick_hash("TT", 0), "fail 0");
}

TEST(the_walk_goes_round)
{
    assert_string_equal(pick_hash("RTT", at[1]), "0");
    assert_string_equal(pick_hash("RTT", at[1] + 1), "0");
    assert_string_equal(pick_hash("TIR", at[2] + 1), "queue connect 1");
    assert_string_equal(pick_hash("TTT", at[1]), "fail 1");
    assert_string_equal(pick_hash("TTT", at[1] + 1), "fail 2");
    assert_string_equal(pick_hash("T", 5), "fail 0");
}

/* */
TEST(a_call_without_any_hash_fails)
{
    assert_string_equal(pick("RRR", NULL, &(struct grebe_pick_args){.random = 1}),
                        "fail");
}

/* R-18, gRFC A76: A header that is there counts, even if it is empty. */
TEST(values_of_the_header_are_hashed_with_commas_between_them)
{
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);

    assert_int_equal(grebe_metadata_add(metadata, "x-other", "value0", 6), GREBE_OK);
    assert_int_equal(grebe_metadata_add(metadata, "x-key", "some-value", 10), GREBE_OK);
    assert_true(grebe__hash64_text("some-value") == UINT64_C(0x0f2ef05377a6474f));
    assert_string_equal(pick_header("RRR", metadata), "1");
    grebe_metadata_unref(metadata);

    metadata = grebe_metadata_new(NULL);
    assert_int_equal(grebe_metadata_add(metadata, "x-key", "value1", 6), GREBE_OK);
    assert_int_equal(grebe_metadata_add(metadata, "x-keys", "value3", 6), GREBE_OK);
    assert_int_equal(grebe_metadata_add(metadata, "X-Key", "value2", 6), GREBE_OK);
    assert_true(grebe__hash64_text("value1,value2") == UINT64_C(0x696f446d0a1a1b6a));
    assert_string_equal(pick_header("RRR", metadata), "2");
    grebe_metadata_unref(metadata);

    metadata = grebe_metadata_new(NULL);
    assert_int_equal(grebe_metadata_add(metadata, "x-key", "", 0), GREBE_OK);
    assert_string_equal(pick_header("RRR", metadata), "0");
    assert_string_equal(pick_header("TII", metadata), "queue connect 1");
    assert_string_equal(pick_header("CRR", metadata), "queue"); /* by chance: 1 */
    grebe_metadata_unref(metadata);
}

TEST(the_hash_of_the_call_comes_before_its_header)
{
    struct grebe_metadata *metadata = grebe_metadata_new(NULL);
    uint64_t hash = at[2];

    assert_int_equal(grebe_metadata_add(metadata, "x-key", "some-value", 10), GREBE_OK);
    assert_string_equal(
        pick("RRR", "x-key",
             &(struct grebe_pick_args){.metadata = metadata, .hash = &hash}),
        "2");
    grebe_metadata_unref(metadata);
}

/* gRFC A76 */
TEST(a_call_without_the_header_goes_to_the_first_that_is_ready)
{
    assert_string_equal(pick_chance("RI", 0), "0");
    assert_string_equal(pick_chance("IR", 0), "1 connect 0");
    assert_string_equal(pick_chance("CI", 0), "queue");
    assert_string_equal(pick_chance("TI", 0), "queue connect 1");
    assert_string_equal(pick_chance("TT", 0), "fail 0");
    assert_string_equal(pick_chance("TT", 1), "fail 1");
    assert_string_equal(pick_chance("CR", 0), "1");
    assert_string_equal(pick_chance("ICR", 0), "2");
    assert_string_equal(pick_chance("TCT", 0), "queue");
}

/* */
TEST(a_call_without_the_header_connects_one_endpoint_at_most)
{
    assert_string_equal(pick_chance("III", 0), "queue connect 0");
    assert_string_equal(pick_chance("III", at[1]), "queue connect 1");
    assert_string_equal(pick_chance("RII", at[1]), "0 connect 1");
    assert_string_equal(pick_chance("TII", at[2] + 1), "queue connect 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_with_a_hash_goes_to_the_first_that_has_not_failed),
        cmocka_unit_test(the_walk_goes_round),
        cmocka_unit_test(a_call_without_any_hash_fails),
        cmocka_unit_test(values_of_the_header_are_hashed_with_commas_between_them),
        cmocka_unit_test(the_hash_of_the_call_comes_before_its_header),
        cmocka_unit_test(a_call_without_the_header_goes_to_the_first_that_is_ready),
        cmocka_unit_test(a_call_without_the_header_connects_one_endpoint_at_most),
    };

    return cmocka_run_group_tests_name("hash_picker", tests, NULL, NULL);
}
