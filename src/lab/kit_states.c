/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about the states that a policy publishes, and what calls see of them. */
#include <string.h>

#include "core/status.h"
#include "lab/kit_rules.h"

static const char *state_of(struct kit *kit)
{
    return kit->stage.n_states == 0 ? "nothing"
                                    : grebe_connectivity_name(kit_lab(kit)->state);
}

static bool fails(const struct kit_stage *stage)
{
    return stage->kind == GREBE_PICK_FAIL || stage->kind == GREBE_PICK_DROP;
}

void kit__publishes(struct kit *kit)
{
    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_say(kit, "{\"do\": \"exit_idle\"}");
    kit_drive(kit, KIT_CONNECTING);
    kit_expect(kit, kit->stage.n_states > 0,
               "a state and a picker, before any connection is there",
               "nothing was published: calls wait, and nobody knows for what");
}

static bool expect_refusal(struct kit *kit, const char *when)
{
    struct kit_stage *stage = &kit->stage;
    uint32_t n_states = stage->n_states;

    kit_update(kit, "");
    return kit_expect(kit,
                      stage->update_result == GREBE_ERR_BAD_RESOLVER_STATE ||
                          (stage->n_states > n_states &&
                           kit_lab(kit)->state == GREBE_TRANSIENT_FAILURE),
                      "GREBE_ERR_BAD_RESOLVER_STATE, or TRANSIENT_FAILURE",
                      "%s: update() returned %s, and %s was published", when,
                      stage->update_result == GREBE_OK
                          ? "GREBE_OK"
                          : grebe_error_name(stage->update_result),
                      stage->n_states == n_states ? "nothing" : state_of(kit));
}

void kit__empty_update(struct kit *kit)
{
    kit_open(kit, false, KIT_ALL);
    if (!expect_refusal(kit, "at first"))
        return;
    kit_close(kit);
    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_drive(kit, KIT_UP);
    expect_refusal(kit, "later");
}

void kit__early_resolver_error(struct kit *kit)
{
    struct kit_stage *stage = &kit->stage;

    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "");
    kit_resolver_error(kit, "the kit knows no such name");
    if (!kit_expect(kit,
                    stage->n_states > 0 && kit_lab(kit)->state == GREBE_TRANSIENT_FAILURE,
                    "TRANSIENT_FAILURE", "%s", state_of(kit)))
        return;
    kit_pick(kit);
    kit_expect(kit, fails(stage) && strstr(stage->message, "knows no such name") != NULL,
               "calls that fail with \"the kit knows no such name\"", "%s",
               fails(stage) ? stage->message : "they do not fail");
}

void kit__calls_wait(struct kit *kit)
{
    struct kit_stage *stage = &kit->stage;

    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_say(kit, "{\"do\": \"exit_idle\"}");
    kit_drive(kit, KIT_CONNECTING);
    kit_pick(kit);
    if (!kit_expect(kit, stage->kind == GREBE_PICK_QUEUE, "calls that wait", "%s: %s",
                    fails(stage) ? "they fail" : "they are sent somewhere",
                    stage->message))
        return;
    kit_expect(
        kit, kit_lab(kit)->state == GREBE_CONNECTING || kit_lab(kit)->state == GREBE_IDLE,
        "CONNECTING or IDLE", "%s", state_of(kit));
}

void kit__connects(struct kit *kit)
{
    struct kit_stage *stage = &kit->stage;
    uint32_t n;

    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_say(kit, "{\"do\": \"exit_idle\"}");
    kit_picks(kit, 8);
    if (!kit_expect(kit, stage->n_connects > 0, "a connection that is asked for",
                    "none was, by exit_idle() or calls after the first update"))
        return;
    kit_drive(kit, KIT_UP);
    n = stage->n_connects;
    kit_lose_all(kit);
    kit_say(kit, "{\"do\": \"exit_idle\"}");
    kit_picks(kit, 8);
    kit_expect(kit, stage->n_connects > n, "a connection that is asked for",
               "none was, by exit_idle() or calls after all connections were lost");
}

void kit__ready(struct kit *kit)
{
    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_drive(kit, KIT_UP);
    if (kit_expect(kit, kit_lab(kit)->state == GREBE_READY, "READY", "%s", state_of(kit)))
        kit_expect_served(kit, 16);
}

void kit__ready_picker(struct kit *kit)
{
    kit_open(kit, false, KIT_ALL);
    kit_tour(kit);
    kit_expect(kit, kit->stage.n_hollow == 0, "READY with a picker that can choose",
               "READY, and a picker that sends no call anywhere");
}

/* gRFC A54: an answer of the control plane must not look like one of the application. */
void kit__failure_says_why(struct kit *kit)
{
    struct kit_stage *stage = &kit->stage;
    char name[24];

    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_drive(kit, KIT_DOWN);
    if (!kit_expect(kit, kit_lab(kit)->state == GREBE_TRANSIENT_FAILURE,
                    "TRANSIENT_FAILURE once no connection can be made", "%s",
                    state_of(kit)))
        return;
    kit_pick(kit);
    if (kit_expect(kit, fails(stage), "calls that fail", "they do not") &&
        kit_expect(kit, strstr(stage->message, "the kit refuses") != NULL,
                   "an error that names its cause, \"the kit refuses\"", "\"%s\"",
                   stage->message))
        kit_expect(kit, grebe__status_code_is_control_plane(stage->code),
                   "a status that a call may end with (gRFC A54)", "%s",
                   grebe_status_code_name(stage->code, name));
}

void kit__recovers(struct kit *kit)
{
    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_drive(kit, KIT_UP);
    kit_drive(kit, KIT_DOWN);
    kit_drive(kit, KIT_UP);
    if (kit_expect(kit, kit_lab(kit)->state == GREBE_READY,
                   "READY again once backends are back", "%s", state_of(kit)))
        kit_expect_served(kit, 8);
}

void kit__late_resolver_error(struct kit *kit)
{
    uint32_t n_shutdowns;

    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_drive(kit, KIT_UP);
    n_shutdowns = kit->stage.n_shutdowns;
    kit_resolver_error(kit, "the kit lost its memory");
    if (kit_expect(kit, kit_lab(kit)->state == GREBE_READY, "READY, as before", "%s",
                   state_of(kit)) &&
        kit_expect(kit, kit->stage.n_shutdowns == n_shutdowns, "connections that stay",
                   "%u were given up", (unsigned)(kit->stage.n_shutdowns - n_shutdowns)))
        kit_expect_served(kit, 8);
}

/* ---- Health ------------------------------------------------------------------------------ */

static const struct lab_subconn *watched(struct kit *kit)
{
    const struct lab_subconn *subconn = kit_next_subconn(kit, NULL);

    while (subconn != NULL && subconn->base.on_health == NULL)
        subconn = kit_next_subconn(kit, subconn);
    return subconn;
}

void kit__health(struct kit *kit)
{
    const struct lab_subconn *ill;

    kit_open(kit, true, KIT_ALL);
    kit_update(kit, "ABC");
    kit_drive(kit, KIT_UP);
    ill = watched(kit);
    if (ill == NULL) {
        kit_pass_over(kit, "it does not watch the health of its backends");
        return;
    }
    kit_say(kit,
            "{\"do\": \"health\", \"address\": \"%s\", \"state\": \"TRANSIENT_FAILURE\", "
            "\"error\": \"the kit is not well\"}",
            lab_subconn_name(ill));
    for (int i = 0; i < 16; i++) {
        kit_pick(kit);
        if (!kit_expect(kit, kit->stage.chosen != ill,
                        "no calls to a backend that is ill", "a call to %s",
                        lab_subconn_name(ill)))
            return;
    }
    kit_say(kit, "{\"do\": \"health\", \"address\": \"%s\", \"state\": \"READY\"}",
            lab_subconn_name(ill));
    if (kit_expect_served(kit, 8)) {
        kit_close(kit);
        kit_expect_clean(kit, UINT32_C(1) << LAB_RULE_NESTED_WATCH);
    }
}
