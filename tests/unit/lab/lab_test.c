/* SPDX-License-Identifier: Apache-2.0 */
/* The bench itself: order of events, broken contracts, calls, time. */
#include "support/test.h"

#include "lab/lab.h"

#include <grebe/load_report.h>
#include <grebe/registry.h>

#include "base/assert.h"
#include "base/text.h"
#include "config/json.h"
#include "support/bad_policy.h"
#include "support/mem.h"

/* A lab that notes its events, and a policy at its root. */
struct notes {
    struct test_mem mem;
    struct lab lab;
    char buf[2048];
    struct grebe__text text; /* in `buf` */
    uint32_t n_steps;        /* of the clock, before it stops; 0: as many as it takes */
};

static const char *const kinds[] = {
    [GREBE_PICK_QUEUE] = "queue",
    [GREBE_PICK_COMPLETE] = "complete",
    [GREBE_PICK_FAIL] = "fail",
    [GREBE_PICK_DROP] = "drop",
};

static void note(struct notes *notes, const struct lab_event *event)
{
    switch (event->kind) {
    case LAB_UPDATE:
        grebe__text_printf(&notes->text, "update %s",
                           grebe_error_name(event->update.result));
        break;
    case LAB_NEW_SUBCONN:
        grebe__text_printf(&notes->text, "new %u", event->subconn->id);
        break;
    case LAB_CONNECT:
        grebe__text_printf(&notes->text, "connect %u", event->subconn->id);
        break;
    case LAB_UPDATE_ADDRESSES:
        grebe__text_printf(&notes->text, "addresses %u", event->subconn->id);
        break;
    case LAB_SHUTDOWN:
        grebe__text_printf(&notes->text, "shutdown %u", event->subconn->id);
        break;
    case LAB_WATCH_HEALTH:
        grebe__text_printf(&notes->text, "watch %u", event->subconn->id);
        break;
    case LAB_STATE:
        grebe__text_printf(
            &notes->text, "%s%s%s", grebe_connectivity_name(event->state.state),
            event->state.is_answer_known ? " " : "",
            event->state.is_answer_known ? kinds[event->state.answer] : "");
        break;
    case LAB_RESOLVE_NOW:
        grebe__text_printf(&notes->text, "resolve_now");
        break;
    case LAB_PICK:
        grebe__text_printf(&notes->text, "pick %u %s", (unsigned)event->pick.id,
                           kinds[event->pick.kind]);
        break;
    case LAB_PICKS:
        grebe__text_printf(&notes->text, "picks %u %u", (unsigned)event->tally->first_id,
                           event->tally->n);
        break;
    case LAB_PRODUCER:
        grebe__text_printf(&notes->text, "%s %s", event->producer.kind,
                           event->producer.is_on ? "on" : "off");
        break;
    case LAB_METRIC:
        grebe__text_printf(&notes->text, "%s", event->metric.instrument->name);
        break;
    case LAB_LOG:
        grebe__text_printf(&notes->text, "log %s", event->log.message);
        break;
    case LAB_CLOSE:
        grebe__text_printf(&notes->text, "close");
        break;
    case LAB_VIOLATION:
        grebe__text_printf(&notes->text, "%s", lab_rule_name(event->violation.rule));
        if (event->violation.subconn != NULL)
            grebe__text_printf(&notes->text, " %u", event->violation.subconn->id);
        break;
    }
}

static void on_event(void *arg, const struct lab_event *event)
{
    struct notes *notes = arg;

    if (notes->text.length > 0)
        grebe__text_printf(&notes->text, ", ");
    note(notes, event);
}

/* What was noted since the last time. */
static const char *noted(struct notes *notes)
{
    static char copy[sizeof notes->buf];

    snprintf(copy, sizeof copy, "%s", notes->buf);
    notes->text = grebe__text_init(notes->buf, sizeof notes->buf);
    return copy;
}

static bool wants_stop(void *arg)
{
    struct notes *notes = arg;

    return notes->n_steps > 0 && --notes->n_steps == 0;
}

static int try_to_start(struct notes *notes, const struct grebe_balancer_builder *builder)
{
    notes->text = grebe__text_init(notes->buf, sizeof notes->buf);
    notes->n_steps = 0;
    return lab_init(&notes->lab, &(struct lab_options){
                                     .mem = test_mem_init(&notes->mem),
                                     .seed = 1,
                                     .target = "lab:///",
                                     .builder = builder,
                                     .on_event = on_event,
                                     .arg = notes,
                                     .wants_stop = wants_stop,
                                 });
}

static void start(struct notes *notes, const char *policy)
{
    assert_int_equal(try_to_start(notes, grebe_balancer_get(policy)), GREBE_OK);
}

/* What is noted at the end; whatever the policy kept, the lab has given back. */
static const char *end(struct notes *notes)
{
    noted(notes);
    lab_fini(&notes->lab);
    assert_int_equal(notes->mem.n_live, 0);
    return noted(notes);
}

/* ---- What is done -------------------------------------------------------------------- */

/* An endpoint for each letter. */
static int update(struct notes *notes, const char *letters, const void *config)
{
    const struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    struct grebe_endpoint *endpoints[8];
    struct grebe_balancer_update update = {
        .endpoints = endpoints, .n_endpoints = strlen(letters), .config = config};
    int result;

    for (size_t i = 0; letters[i] != '\0'; i++) {
        char text[2] = {letters[i], '\0'};
        struct grebe_address *address;

        assert_int_equal(grebe_address_new(NULL, text, &options, &address), GREBE_OK);
        assert_int_equal(grebe_endpoint_new(NULL, &address, 1, NULL, &endpoints[i]),
                         GREBE_OK);
        grebe_address_unref(address);
    }
    result = lab_update(&notes->lab, &update);
    for (size_t i = 0; letters[i] != '\0'; i++)
        grebe_endpoint_unref(endpoints[i]);
    return result;
}

/* Several letters at once: "CR" is CONNECTING, then READY. */
static void subconn(struct notes *notes, const char *address, const char *states)
{
    const struct grebe_status error =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, "refused");

    for (; *states != '\0'; states++) {
        struct lab_subconn *found = lab_find_subconn(&notes->lab, address);

        assert_non_null(found);
        lab_subconn(found,
                    *states == 'C'   ? GREBE_CONNECTING
                    : *states == 'R' ? GREBE_READY
                    : *states == 'I' ? GREBE_IDLE
                                     : GREBE_TRANSIENT_FAILURE,
                    &error);
    }
}

static const struct lab_call any_call = {.method = "/s/m"};

static void pick(struct notes *notes, uint32_t n)
{
    const struct lab_outcome fine = {.status = grebe_status_of(GREBE_STATUS_OK, "")};

    assert_int_equal(lab_pick(&notes->lab, &any_call, n, &fine), GREBE_OK);
}

/* ---- Events --------------------------------------------------------------------------- */

TEST(events_come_in_the_order_in_which_things_happen)
{
    struct notes n;

    start(&n, "pick_first");
    assert_int_equal(update(&n, "ab", NULL), GREBE_OK);
    assert_string_equal(noted(&n), "new 0, update GREBE_OK, CONNECTING queue, connect 0");
    subconn(&n, "a", "C");
    assert_true(lab_advance(&n.lab, 250 * MS));
    assert_int_equal(lab_now_ns(&n.lab), 250 * MS);
    assert_string_equal(noted(&n), "new 1, connect 1");
    pick(&n, 1);
    subconn(&n, "b", "CR");
    pick(&n, 1);
    assert_string_equal(noted(&n),
                        "pick 0 queue, shutdown 0, READY complete, pick 1 complete");
    subconn(&n, "b", "I");
    pick(&n, 2);
    assert_string_equal(noted(&n), "IDLE, picks 2 2, new 2, CONNECTING queue, connect 2");
    assert_int_equal(update(&n, "", NULL), GREBE_ERR_BAD_RESOLVER_STATE);
    assert_string_equal(noted(&n), "update GREBE_ERR_BAD_RESOLVER_STATE, shutdown 1, "
                                   "shutdown 2, TRANSIENT_FAILURE fail");
    assert_string_equal(end(&n), "close");
}

TEST(health_listeners_hear_ready_once_unless_the_lab_checks_health)
{
    const struct grebe_status sick = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "sick");
    struct notes n;

    start(&n, "round_robin");
    update(&n, "a", NULL);
    assert_false(lab_health(lab_find_subconn(&n.lab, "a"), GREBE_READY, NULL));
    noted(&n);
    subconn(&n, "a", "CR");
    assert_string_equal(noted(&n), "watch 0, READY");
    assert_true(
        lab_health(lab_find_subconn(&n.lab, "a"), GREBE_TRANSIENT_FAILURE, &sick));
    assert_string_equal(noted(&n), "TRANSIENT_FAILURE");
    end(&n);

    start(&n, "round_robin");
    n.lab.options.checks_health = true;
    update(&n, "a", NULL);
    noted(&n);
    subconn(&n, "a", "CR");
    assert_string_equal(noted(&n), "watch 0");
    assert_true(lab_health(lab_find_subconn(&n.lab, "a"), GREBE_READY, NULL));
    assert_string_equal(noted(&n), "READY");
    end(&n);
}

TEST(subconns_are_found_by_any_live_address_the_newest_first)
{
    struct notes n;

    start(&n, "round_robin");
    update(&n, "ab", NULL);
    update(&n, "b", NULL);
    assert_null(lab_find_subconn(&n.lab, "a"));
    update(&n, "ab", NULL);
    assert_int_equal(lab_find_subconn(&n.lab, "a")->id, 2);
    assert_non_null(lab_find_subconn(&n.lab, "b"));
    assert_null(lab_find_subconn(&n.lab, "c"));
    assert_ptr_equal(lab_subconn_at(&n.lab, 2), lab_find_subconn(&n.lab, "a"));
    assert_null(lab_subconn_at(&n.lab, 9));
    end(&n);
}

TEST(the_clock_may_be_stopped)
{
    struct notes n;

    start(&n, "pick_first");
    update(&n, "abcd", NULL);
    n.n_steps = 2;
    assert_false(lab_advance(&n.lab, 10 * SECOND));
    assert_int_equal(lab_now_ns(&n.lab), 250 * MS);
    end(&n);
}

/* ---- Calls ---------------------------------------------------------------------------- */

static struct {
    uint32_t n;
    int code;
    uint64_t latency_ns;
    bool bytes_received, had_load;
} done;

static void on_done(void *arg, const struct grebe_done_info *info)
{
    (void)arg;
    done.n++;
    done.code = info->status->code;
    done.latency_ns = info->latency_ns;
    done.bytes_received = info->bytes_received;
    done.had_load = info->server_load != NULL;
    assert_true(info->bytes_sent);
}

static struct grebe_subconn *chosen; /* by the picker below */
static const uint64_t *seen_hash;
static uint64_t seen_hash_value;

static void choose(struct grebe_picker *picker, const struct grebe_pick_args *args,
                   struct grebe_pick *out)
{
    (void)picker;
    seen_hash = args->hash;
    if (args->hash != NULL)
        seen_hash_value = *args->hash;
    out->kind = GREBE_PICK_COMPLETE;
    out->subconn = chosen;
    out->on_done = on_done;
    out->wants_load_report = true;
}

static void destroy_chooser(struct grebe_picker *picker)
{
    (void)picker;
}

static const struct grebe_picker_ops chooser_ops = {choose, destroy_chooser};

static struct grebe_picker chooser;

/* A lab whose picker chooses `chosen`, a READY subconn. */
static void start_choosing(struct notes *notes)
{
    memset(&done, 0, sizeof done);
    start(notes, "pick_first");
    update(notes, "a", NULL);
    subconn(notes, "a", "CR");
    chosen = &lab_find_subconn(&notes->lab, "a")->base;
    grebe_picker_init(&chooser, &chooser_ops);
    grebe_picker_unref(notes->lab.picker);
    notes->lab.picker = &chooser;
    noted(notes);
}

TEST(calls_end_at_once_or_when_they_are_told_to)
{
    const struct lab_outcome lost = {
        .status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "lost")};
    const struct lab_outcome slow = {.status = grebe_status_of(GREBE_STATUS_ABORTED, ""),
                                     .has_latency = true,
                                     .latency_ns = 7};
    struct notes n;

    start_choosing(&n);
    pick(&n, 3);
    assert_int_equal(done.n, 3);
    assert_int_equal(lab_pick(&n.lab, &any_call, 2, NULL), GREBE_OK);
    assert_int_equal(done.n, 3);
    lab_advance(&n.lab, 20);
    assert_int_equal(lab_done(&n.lab, 3, &lost), GREBE_OK);
    assert_int_equal(done.code, GREBE_STATUS_UNAVAILABLE);
    assert_int_equal(done.latency_ns, 20);
    assert_false(done.bytes_received);
    assert_int_equal(lab_done(&n.lab, 3, &lost), GREBE_ERR_INVALID);
    assert_int_equal(lab_done(&n.lab, 2, &lost), GREBE_ERR_INVALID);
    assert_int_equal(lab_done(&n.lab, 4, &slow), GREBE_OK);
    assert_int_equal(done.latency_ns, 7);
    assert_true(done.bytes_received);
    assert_int_equal(done.n, 5);
    assert_string_equal(end(&n), "close, shutdown 0");
}

TEST(calls_that_are_open_at_the_end_are_cancelled)
{
    struct notes n;

    start_choosing(&n);
    assert_int_equal(lab_pick(&n.lab, &any_call, 2, NULL), GREBE_OK);
    assert_string_equal(end(&n), "close, shutdown 0");
    assert_int_equal(done.n, 2);
    assert_int_equal(done.code, GREBE_STATUS_CANCELLED);
}

/* Where it would say so, a picker of API 1 left what was there. */
TEST(load_is_for_pickers_that_know_that_they_may_want_it)
{
    const struct grebe_load_report load = {.cpu_utilization = 0.5};
    const struct lab_outcome loaded = {.status = grebe_status_of(GREBE_STATUS_OK, ""),
                                       .load = &load};
    struct notes n;

    for (uint32_t api = 1; api <= 2; api++) {
        start_choosing(&n);
        chooser.api = api;
        assert_int_equal(lab_pick(&n.lab, &any_call, 1, &loaded), GREBE_OK);
        assert_int_equal(done.n, 1);
        assert_int_equal(done.had_load, api == 2);
        end(&n);
    }
}

TEST(a_call_may_come_with_the_hash_of_its_request)
{
    const struct lab_call hashed = {
        .method = "/s/m", .has_hash = true, .hash = UINT64_MAX};
    struct notes n;

    start_choosing(&n);
    assert_int_equal(lab_pick(&n.lab, &any_call, 1, NULL), GREBE_OK);
    assert_null(seen_hash);
    assert_int_equal(lab_pick(&n.lab, &hashed, 1, NULL), GREBE_OK);
    assert_non_null(seen_hash);
    assert_true(seen_hash_value == UINT64_MAX);
    end(&n);
}

TEST(without_a_picker_calls_wait)
{
    struct notes n;

    start(&n, "pick_first");
    pick(&n, 1);
    assert_string_equal(noted(&n), "pick 0 queue");
    end(&n);
}

/* ---- Broken contracts ------------------------------------------------------------------ */

/* What becomes of a policy that does it, when it has been updated, its subconn is READY, a
 * call stays open, exit_idle is called, another call asks, the policy is closed, and the
 * call ends. */
static const struct {
    const char *does, *meanwhile, *at_the_end;
} deeds[] = {
    {"keeps_subconn", "", "unbalanced_reference 0"},
    {"keeps_client_conn", "", "unbalanced_reference"},
    {"forgets_child", "", "unbalanced_reference"},
    {"keeps_memory", "", "memory_not_returned"},
    {"returns_nonsense", "bad_result", ""},
    {"gives_up_subconn", "", "unbalanced_reference 0"},
    {"shuts_down", "pick_of_shut_down_subconn 0", ""},
    {"publishes_shutdown", "bad_state", ""},
    {"records_to_unknown", "bad_series", ""},
    {"watches_twice", "nested_watch", ""},
    {"picks_nothing", "bad_pick, bad_pick", ""},
    {"picks_stranger", "bad_pick, bad_pick", ""},
    {"fails_without_status", "bad_pick, bad_pick", ""},
    {"answers_nonsense", "bad_pick, bad_pick", ""},
    {"calls_late", "", "call_after_close"},
};

/* Only the violations among the notes. */
static const char *violations(const char *notes)
{
    static char found[512];
    char copy[2048], *save = NULL;
    struct grebe__text text = grebe__text_init(found, sizeof found);

    snprintf(copy, sizeof copy, "%s", notes);
    for (char *word = strtok_r(copy, ",", &save); word != NULL;
         word = strtok_r(NULL, ",", &save)) {
        word += *word == ' ';
        for (int i = 0; i < LAB_N_RULES; i++)
            if (strncmp(word, lab_rule_name((enum lab_rule)i),
                        strlen(lab_rule_name((enum lab_rule)i))) == 0)
                grebe__text_printf(&text, "%s%s", text.length > 0 ? ", " : "", word);
    }
    return found;
}

static void do_the_deed(struct notes *n, const char *does)
{
    const struct grebe_status sick = grebe_status_of(GREBE_STATUS_UNAVAILABLE, "sick");
    struct grebe_lb_config *config;
    const struct grebe_json *json;
    char text[128];

    snprintf(text, sizeof text, "[{\"bad\": {\"does\": \"%s\"}}]", does);
    assert_int_equal(grebe__json_parse(text, strlen(text), NULL, &json), GREBE_OK);
    assert_int_equal(grebe_lb_config_parse(json, NULL, &config), GREBE_OK);
    grebe_json_free(json);
    start(n, "bad");
    update(n, "a", grebe_lb_config_value(config));
    grebe_lb_config_unref(config);
    subconn(n, "a", "CR");
    lab_health(lab_find_subconn(&n->lab, "a"), GREBE_TRANSIENT_FAILURE, &sick);
    assert_int_equal(lab_pick(&n->lab, &any_call, 1, NULL), GREBE_OK);
    lab_exit_idle(&n->lab);
    pick(n, 1);
}

TEST(each_broken_rule_is_told)
{
    for (size_t i = 0; i < GREBE_ARRAY_LEN(deeds); i++) {
        struct notes n;

        do_the_deed(&n, deeds[i].does);
        assert_string_equal(violations(noted(&n)), deeds[i].meanwhile);
        assert_string_equal(violations(end(&n)), deeds[i].at_the_end);
        assert_int_not_equal(n.lab.n_violations, 0);
    }
}

TEST(a_build_that_makes_nothing_is_told)
{
    struct notes n;

    assert_int_equal(try_to_start(&n, grebe_balancer_get("bad_build")),
                     GREBE_ERR_INVALID);
    assert_string_equal(noted(&n), "bad_build");
    assert_int_equal(n.mem.n_live, 0);
}

/* ---- Memory ---------------------------------------------------------------------------- */

TEST(each_allocation_failing_is_survived_and_nothing_is_left)
{
    uint32_t fail_at = 0;
    struct notes n;

    do {
        struct lab_options options;

        n.text = grebe__text_init(n.buf, sizeof n.buf);
        n.n_steps = 0;
        options = (struct lab_options){
            .mem = test_mem_init(&n.mem),
            .seed = 1,
            .target = "lab:///",
            .builder = grebe_balancer_get("round_robin"),
            .on_event = on_event,
            .arg = &n,
        };
        n.mem.fail_at = ++fail_at;
        if (lab_init(&n.lab, &options) == GREBE_OK) {
            int picked;

            update(&n, "abc", NULL);
            if (lab_find_subconn(&n.lab, "a") != NULL)
                subconn(&n, "a", "CR");
            picked = lab_pick(&n.lab, &any_call, 5, NULL);
            assert_true(picked == GREBE_OK || n.mem.has_failed);
            update(&n, "ad", NULL);
            lab_fini(&n.lab);
            assert_int_equal(n.lab.n_violations, 0);
        }
        assert_int_equal(n.mem.n_live, 0);
    } while (n.mem.has_failed);
    assert_true(fail_at > 30);
}

TEST(counted_memory_grows_and_is_taken_back)
{
    struct test_mem base;
    struct lab_mem mem;
    const struct grebe_mem *counted = lab_mem_init(&mem, test_mem_init(&base));
    char *a = grebe_mem_strdup(counted, "text"), *b;

    b = grebe_mem_realloc(counted, NULL, 10);
    assert_non_null(b);
    a = grebe_mem_realloc(counted, a, 100000);
    assert_string_equal(a, "text");
    assert_int_equal(mem.n_blocks, 2);
    base.fail_at = base.n_allocs + 1;
    assert_null(grebe_mem_realloc(counted, a, 200000));
    assert_string_equal(a, "text");
    assert_int_equal(mem.n_blocks, 2);
    assert_null(grebe_mem_alloc(counted, SIZE_MAX));
    grebe_mem_free(counted, b);
    assert_int_equal(mem.n_blocks, 1);
    lab_mem_reclaim(&mem);
    assert_int_equal(base.n_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_the_order_in_which_things_happen),
        cmocka_unit_test(health_listeners_hear_ready_once_unless_the_lab_checks_health),
        cmocka_unit_test(subconns_are_found_by_any_live_address_the_newest_first),
        cmocka_unit_test(the_clock_may_be_stopped),
        cmocka_unit_test(calls_end_at_once_or_when_they_are_told_to),
        cmocka_unit_test(calls_that_are_open_at_the_end_are_cancelled),
        cmocka_unit_test(load_is_for_pickers_that_know_that_they_may_want_it),
        cmocka_unit_test(a_call_may_come_with_the_hash_of_its_request),
        cmocka_unit_test(without_a_picker_calls_wait),
        cmocka_unit_test(each_broken_rule_is_told),
        cmocka_unit_test(a_build_that_makes_nothing_is_told),
        cmocka_unit_test(each_allocation_failing_is_survived_and_nothing_is_left),
        cmocka_unit_test(counted_memory_grows_and_is_taken_back),
    };
    int result;

    bad_policy_register();
    result = cmocka_run_group_tests_name("lab", tests, NULL, NULL);
    bad_policy_unregister();
    return result;
}
