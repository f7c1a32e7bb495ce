/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of parents on their children's subconns, and what a health listener hears while one
 * of them has ejected its subconn.  The contract is that of grebe/parent.h; gRFC A50, A61. */
#include "support/test.h"

#include <grebe/parent.h>

#include "support/lb_bench.h"
#include "support/stub_policy.h"

/* ---- Two parents in a row, and a subconn that passes both --------------------------------- */

/* The channel has "outer", that has "inner", and that has the client_conn of a leaf. */
struct parent {
    char name;
    struct grebe_client_conn *cc; /* its own */
    struct tag *newest;           /* of the subconns that it let through */
};

struct tag {
    struct grebe_subconn_tag base;
    char name;
};

static struct {
    struct parent outer, inner;
    struct grebe_client_conn *middle, *leaf;
    struct grebe_subconn *subconn;
    char heard[256]; /* by the listeners, and by the tags */
} world;

static void note(const char *format, ...)
{
    size_t used = strlen(world.heard);
    va_list args;

    if (used > 0)
        used += (size_t)snprintf(world.heard + used, sizeof world.heard - used, ", ");
    va_start(args, format);
    vsnprintf(world.heard + used, sizeof world.heard - used, format, args);
    va_end(args);
}

static const char *heard(void)
{
    static char text[sizeof world.heard];

    memcpy(text, world.heard, sizeof text);
    world.heard[0] = '\0';
    return text;
}

static bool tags_speak; /* of states and health */

static void on_tag_state(struct grebe_subconn_tag *base, enum grebe_connectivity state)
{
    if (tags_speak)
        note("%c state %s", ((struct tag *)base)->name, grebe_connectivity_name(state));
}

static void on_tag_health(struct grebe_subconn_tag *base, enum grebe_connectivity health)
{
    if (tags_speak)
        note("%c health %s", ((struct tag *)base)->name, grebe_connectivity_name(health));
}

static void on_shut_down(struct grebe_subconn_tag *base)
{
    note("%c shut down", ((struct tag *)base)->name);
}

static void release(struct grebe_subconn_tag *base)
{
    note("%c released", ((struct tag *)base)->name);
    grebe_mem_free(NULL, base);
}

static const struct grebe_subconn_tag_ops tag_ops = {
    .on_state = on_tag_state,
    .on_health = on_tag_health,
    .shut_down = on_shut_down,
    .release = release,
};

static int new_subconn_between(void *arg, const struct grebe_subconn_options *options,
                               struct grebe_subconn **out)
{
    struct parent *parent = arg;
    struct tag *tag = grebe_mem_alloc(NULL, sizeof *tag);
    int result = grebe_client_conn_new_subconn(parent->cc, options, out);

    assert_int_equal(result, GREBE_OK);
    grebe_subconn_tag_init(&tag->base, &tag_ops, parent);
    tag->name = parent->name;
    parent->newest = tag;
    grebe_subconn_attach(*out, &tag->base);
    return result;
}

static const struct grebe_client_conn_ops tagging = {.new_subconn = new_subconn_between};

static void destroy(struct grebe_balancer *base)
{
    grebe_client_conn_close(world.leaf);
    grebe_client_conn_close(world.middle);
    grebe_mem_free(NULL, base);
}

static int update(struct grebe_balancer *base, const struct grebe_balancer_update *update)
{
    (void)base, (void)update;
    return GREBE_OK;
}

static const struct grebe_balancer_ops ops = {.update = update, .destroy = destroy};

static int build(struct grebe_client_conn *cc, const struct grebe_build_options *options,
                 struct grebe_balancer **out)
{
    (void)options;
    world.outer = (struct parent){.name = 'O', .cc = cc};
    assert_int_equal(
        grebe_client_conn_new_child(cc, &tagging, &world.outer, &world.middle), GREBE_OK);
    world.inner = (struct parent){.name = 'I', .cc = world.middle};
    assert_int_equal(
        grebe_client_conn_new_child(world.middle, &tagging, &world.inner, &world.leaf),
        GREBE_OK);
    *out = grebe_mem_alloc(NULL, sizeof **out);
    grebe_balancer_init(*out, &ops);
    return GREBE_OK;
}

static const struct grebe_balancer_builder builder = {
    .api = GREBE_BALANCER_API, .name = "two_parents", .build = build};

static void on_state(void *arg, struct grebe_subconn *subconn,
                     enum grebe_connectivity state, const struct grebe_status *error)
{
    (void)subconn;
    note("%s %s%s%s", (const char *)arg, grebe_connectivity_name(state),
         error == NULL ? "" : ": ", error == NULL ? "" : error->message);
}

static char raw[] = "raw", health[] = "health", again[] = "again";

static void enter(struct lb_bench *b)
{
    grebe__env_enter(&b->lab.sim.env);
}

static void leave(struct lb_bench *b)
{
    grebe__env_leave(&b->lab.sim.env);
}

static void watch(struct lb_bench *b, char *name)
{
    enter(b);
    grebe_client_conn_watch_health(world.leaf, world.subconn, on_state, name);
    leave(b);
}

static void eject(struct lb_bench *b, struct parent *parent, const char *why)
{
    enter(b);
    grebe_subconn_eject(&parent->newest->base, why);
    leave(b);
}

static void readmit(struct lb_bench *b, struct parent *parent)
{
    enter(b);
    grebe_subconn_readmit(&parent->newest->base);
    leave(b);
}

/* A subconn to "a" in IDLE. */
static void start(struct lb_bench *b)
{
    const struct grebe_address_options plain = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_subconn_options options = GREBE_SUBCONN_OPTIONS_INIT;
    struct grebe_address *address;

    memset(&world, 0, sizeof world);
    assert_true(lb_bench_init(b, &builder, 1));
    assert_int_equal(grebe_address_new(NULL, "a", &plain, &address), GREBE_OK);
    options.addresses = &address;
    options.n_addresses = 1;
    options.on_state = on_state;
    options.arg = raw;
    enter(b);
    assert_int_equal(grebe_client_conn_new_subconn(world.leaf, &options, &world.subconn),
                     GREBE_OK);
    leave(b);
    grebe_address_unref(address);
}

/* One that is READY, with a listener. */
static void start_listening(struct lb_bench *b)
{
    start(b);
    lb_bench_subconn(b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(b, "a", GREBE_READY, NULL);
    watch(b, health);
    heard();
}

/* ---- Tags ---------------------------------------------------------------------------------- */

TEST(each_parent_finds_what_it_attached_and_nobody_elses)
{
    struct lb_bench b;

    start(&b);
    assert_ptr_equal(grebe_subconn_tag_of(world.subconn, &world.inner),
                     &world.inner.newest->base);
    assert_ptr_equal(grebe_subconn_tag_of(world.subconn, &world.outer),
                     &world.outer.newest->base);
    assert_null(grebe_subconn_tag_of(world.subconn, &world.leaf));
    assert_ptr_equal(world.outer.newest->base.subconn, world.subconn);
    lb_bench_fini(&b);
}

/* A call may be under way on it: released is not the same as shut down. */
TEST(tags_hear_of_the_end_and_are_released_with_the_last_reference)
{
    struct lb_bench b;

    start(&b);
    enter(&b);
    grebe_subconn_shutdown(world.subconn);
    leave(&b);
    assert_string_equal(heard(), "raw SHUTDOWN, I shut down, O shut down");
    lb_bench_fini(&b); /* the bench holds a reference so long */
    assert_string_equal(heard(), "I released, O released");
}

/* The leaf does not hear of its subconns when it is gone; whoever tagged them does. */
TEST(tags_hear_of_the_end_when_the_child_was_closed)
{
    struct lb_bench b;

    start(&b);
    lb_bench_fini(&b);
    assert_string_equal(heard(), "I shut down, O shut down, I released, O released");
}

/* Before the child does, and what it hears, not what there is. */
TEST(tags_hear_what_the_child_is_about_to_hear)
{
    struct lb_bench b;

    start(&b);
    tags_speak = true;
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    assert_string_equal(heard(),
                        "I state CONNECTING, O state CONNECTING, raw CONNECTING");
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    watch(&b, health);
    heard();
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    assert_string_equal(heard(), "I health READY, O health READY, health READY");
    eject(&b, &world.inner, "out");
    assert_string_equal(heard(),
                        "I health TRANSIENT_FAILURE, O health TRANSIENT_FAILURE, "
                        "health TRANSIENT_FAILURE: out");
    lb_bench_health(&b, "a", GREBE_CONNECTING, NULL);
    assert_string_equal(heard(), "");
    tags_speak = false;
    lb_bench_fini(&b);
}

/* ---- Ejection ------------------------------------------------------------------------------ */

/* O-18 */
TEST(listener_of_an_ejected_subconn_hears_failure_once_and_later_what_it_missed)
{
    struct lb_bench b;

    start_listening(&b);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    assert_string_equal(heard(), "health READY");
    eject(&b, &world.outer, "out");
    assert_string_equal(heard(), "health TRANSIENT_FAILURE: out");
    lb_bench_health(&b, "a", GREBE_CONNECTING, NULL);
    eject(&b, &world.outer, "out");
    assert_string_equal(heard(), "");
    readmit(&b, &world.outer);
    assert_string_equal(heard(), "health CONNECTING");
    readmit(&b, &world.outer);
    assert_string_equal(heard(), "");
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    assert_string_equal(heard(), "health READY");
    lb_bench_fini(&b);
}

TEST(listener_that_comes_back_hears_the_error_there_was_meanwhile)
{
    struct lb_bench b;

    start_listening(&b);
    eject(&b, &world.inner, "out");
    lb_bench_health(&b, "a", GREBE_TRANSIENT_FAILURE, "ill");
    heard();
    readmit(&b, &world.inner);
    assert_string_equal(heard(), "health TRANSIENT_FAILURE: ill");
    lb_bench_fini(&b);
}

/* What was healthy before, and was not asked again, is so still. */
TEST(health_from_before_the_ejection_counts_afterwards)
{
    struct lb_bench b;

    start_listening(&b);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    eject(&b, &world.inner, "out");
    heard();
    readmit(&b, &world.inner);
    assert_string_equal(heard(), "health READY");
    lb_bench_fini(&b);
}

/* O-36 */
TEST(states_of_an_ejected_subconn_are_heard_as_they_are)
{
    struct lb_bench b;

    start_listening(&b);
    eject(&b, &world.outer, "out");
    heard();
    lb_bench_subconn(&b, "a", GREBE_IDLE, NULL);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(heard(), "raw IDLE, raw CONNECTING, raw READY");
    readmit(&b, &world.outer); /* the listener went with the connection */
    assert_string_equal(heard(), "");
    lb_bench_fini(&b);
}

/* O-30 */
TEST(listener_of_a_subconn_that_is_ejected_already_hears_failure_first)
{
    struct lb_bench b;

    start(&b);
    eject(&b, &world.outer, "out");
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    heard();
    watch(&b, health);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    assert_string_equal(heard(), "health TRANSIENT_FAILURE: out");
    watch(&b, again);
    assert_string_equal(heard(), "again TRANSIENT_FAILURE: out");
    readmit(&b, &world.outer);
    assert_string_equal(heard(), "again CONNECTING"); /* it was asked anew for this one */
    lb_bench_fini(&b);
}

/* O-35 */
TEST(listener_that_came_before_ready_hears_no_ejection)
{
    struct lb_bench b;

    start(&b);
    lb_bench_subconn(&b, "a", GREBE_CONNECTING, NULL);
    watch(&b, health);
    heard();
    eject(&b, &world.outer, "out");
    lb_bench_subconn(&b, "a", GREBE_READY, NULL);
    assert_string_equal(heard(), "raw READY");
    lb_bench_fini(&b);
}

TEST(a_subconn_is_back_when_the_last_parent_lets_it)
{
    struct lb_bench b;

    start_listening(&b);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    heard();
    eject(&b, &world.outer, "outer");
    eject(&b, &world.inner, "inner");
    assert_string_equal(heard(), "health TRANSIENT_FAILURE: outer");
    readmit(&b, &world.outer);
    assert_string_equal(heard(), "");
    readmit(&b, &world.inner);
    assert_string_equal(heard(), "health READY");
    lb_bench_fini(&b);
}

/* The listener is never inside the parent that ejects. */
TEST(what_is_taken_back_in_the_same_turn_was_never_heard)
{
    struct lb_bench b;

    start_listening(&b);
    lb_bench_health(&b, "a", GREBE_READY, NULL);
    heard();
    enter(&b);
    grebe_subconn_eject(&world.outer.newest->base, "out");
    assert_string_equal(heard(), "");
    grebe_subconn_readmit(&world.outer.newest->base);
    leave(&b);
    assert_string_equal(heard(), "");
    eject(&b, &world.outer, "out");
    heard();
    enter(&b);
    grebe_subconn_readmit(&world.outer.newest->base);
    grebe_subconn_eject(&world.outer.newest->base, "out");
    leave(&b);
    assert_string_equal(heard(), "");
    lb_bench_fini(&b);
}

/* Health that comes between a readmission and its effect is told once. */
TEST(health_that_overtakes_the_readmission_is_told_once)
{
    struct lb_bench b;

    start_listening(&b);
    eject(&b, &world.outer, "out");
    heard();
    enter(&b);
    grebe_subconn_readmit(&world.outer.newest->base);
    grebe__subconn_deliver_health(world.subconn, GREBE_READY, NULL);
    leave(&b);
    assert_string_equal(heard(), "health READY");
    lb_bench_fini(&b);
}

TEST(nobody_hears_of_an_ejection_after_the_end)
{
    struct lb_bench b;

    start_listening(&b);
    enter(&b);
    grebe_subconn_eject(&world.outer.newest->base, "out");
    grebe_subconn_shutdown(world.subconn);
    leave(&b);
    heard();
    eject(&b, &world.inner, "out");
    readmit(&b, &world.inner);
    readmit(&b, &world.outer);
    assert_string_equal(heard(), "");
    lb_bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_parent_finds_what_it_attached_and_nobody_elses),
        cmocka_unit_test(tags_hear_of_the_end_and_are_released_with_the_last_reference),
        cmocka_unit_test(tags_hear_of_the_end_when_the_child_was_closed),
        cmocka_unit_test(tags_hear_what_the_child_is_about_to_hear),
        cmocka_unit_test(
            listener_of_an_ejected_subconn_hears_failure_once_and_later_what_it_missed),
        cmocka_unit_test(listener_that_comes_back_hears_the_error_there_was_meanwhile),
        cmocka_unit_test(health_from_before_the_ejection_counts_afterwards),
        cmocka_unit_test(states_of_an_ejected_subconn_are_heard_as_they_are),
        cmocka_unit_test(
            listener_of_a_subconn_that_is_ejected_already_hears_failure_first),
        cmocka_unit_test(listener_that_came_before_ready_hears_no_ejection),
        cmocka_unit_test(a_subconn_is_back_when_the_last_parent_lets_it),
        cmocka_unit_test(what_is_taken_back_in_the_same_turn_was_never_heard),
        cmocka_unit_test(health_that_overtakes_the_readmission_is_told_once),
        cmocka_unit_test(nobody_hears_of_an_ejection_after_the_end),
    };

    return cmocka_run_group_tests_name("ejection", tests, NULL, NULL);
}
