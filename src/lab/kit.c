/* SPDX-License-Identifier: Apache-2.0 */
/* The table of rules, and one run of one. */
#include "lab/kit.h"

#include <stdlib.h>
#include <string.h>

#include <grebe/json.h>
#include <grebe/registry.h>

#include "base/diag.h"
#include "lab/kit_examples.h"
#include "lab/kit_rules.h"

#define WATCHES(rule) (UINT32_C(1) << LAB_RULE_##rule)

/* With `watches` instead of a function: of the lab's own rules, these are not broken in a
 * whole life. */
static const struct kit_rule {
    const char *id, *text;
    kit_rule_fn run;
    uint32_t watches;
} rules[] = {
    /* What it publishes. */
    {"publishes", "a state and a picker are published before connections are there",
     kit__publishes, 0},
    {"empty_update",
     "an update without endpoints is refused, or fails calls; it is not met with silence",
     kit__empty_update, 0},
    {"early_resolver_error",
     "without endpoints an error of the resolver is what calls fail with",
     kit__early_resolver_error, 0},
    {"calls_wait", "calls wait while connections are being made", kit__calls_wait, 0},
    {"connects", "exit_idle() or a call leads to a connection, at first and after a loss",
     kit__connects, 0},
    {"ready", "with backends READY the policy is, and calls are sent", kit__ready, 0},
    {"ready_picker", "READY comes with a picker that can choose", kit__ready_picker, 0},
    {"failure_says_why",
     "TRANSIENT_FAILURE fails calls with an error that names the cause",
     kit__failure_says_why, 0},
    {"recovers", "backends that come back get calls again", kit__recovers, 0},
    {"late_resolver_error",
     "an error of the resolver changes nothing while there are working subconns",
     kit__late_resolver_error, 0},
    {"health", "a backend whose health is bad gets no calls", kit__health, 0},
    {"legal_states", "only states of a policy are published, not SHUTDOWN", NULL,
     WATCHES(BAD_STATE)},
    {"legal_results", "build() and update() answer GREBE_OK or a GREBE_ERR, and mean it",
     NULL, WATCHES(BAD_RESULT) | WATCHES(BAD_BUILD)},
    {"legal_series", "metrics are recorded to registered instruments", NULL,
     WATCHES(BAD_SERIES)},

    /* Endpoints. */
    {"duplicates", "an endpoint that is listed twice counts once", kit__duplicates, 0},
    {"keeps_connections",
     "an endpoint that stays keeps its connection, whatever else an update changes",
     kit__keeps_connections, 0},
    {"drops_removed", "subconns of endpoints that are gone are shut down",
     kit__drops_removed, 0},
    {"failed_update", "an update that fails leaves what was served before",
     kit__failed_update, 0},

    /* Configuration. */
    {"unknown_members", "members of the configuration that it does not know are ignored",
     kit__unknown_members, 0},
    {"wrong_types", "a member of the wrong type is an error that names its path",
     kit__wrong_types, 0},
    {"configs_are_freed",
     "what parse_config() allocates comes back, and so it does when it fails",
     kit__configs_are_freed, 0},

    /* Calls. */
    {"legal_answers",
     "every pick has an answer that exists: a subconn of the policy, a status, or neither",
     NULL, WATCHES(BAD_PICK)},
    {"picks_ready_only", "calls are sent to subconns that are READY, and to no others",
     kit__picks_ready_only, 0},
    {"pick_allocates_nothing", "pick() allocates nothing", kit__pick_allocates_nothing,
     0},
    {"picks_on_threads", "four threads may pick while pickers are replaced",
     kit__picks_on_threads, 0},
    {"done_after_replacement", "on_done() may come after its picker was replaced",
     kit__done_after_replacement, 0},
    {"done_after_destroy", "on_done() may come after the policy was destroyed",
     kit__done_after_destroy, 0},
    {"done_on_threads", "on_done() may come on another thread than its pick",
     kit__done_on_threads, 0},
    {"explains", "a picker that explains its choice tells the truth", kit__explains, 0},

    /* The end, and what is left. */
    {"no_memory",
     "each allocation may fail: nothing crashes, nothing is lost, and calls are served again",
     kit__no_memory, 0},
    {"destroyed_anywhere",
     "destroyed at any moment it leaves nothing: memory, subconns, timers, children",
     kit__destroyed_anywhere, 0},
    {"silent_after_destroy", "nothing is asked for after destroy()", NULL,
     WATCHES(CALL_AFTER_CLOSE)},
    {"references", "references are given back, each once", NULL,
     WATCHES(UNBALANCED_REFERENCE)},
    {"memory", "memory is given back", NULL, WATCHES(MEMORY_NOT_RETURNED)},
    {"freed_memory", "memory that was given back is left alone", NULL,
     WATCHES(FREED_MEMORY_WRITTEN)},
    {"deterministic", "the same seed and the same script give the same events",
     kit__deterministic, 0},
};

size_t kit_n_rules(void)
{
    return sizeof rules / sizeof rules[0];
}

const char *kit_rule_id(size_t i)
{
    return rules[i].id;
}

const char *kit_rule_text(size_t i)
{
    return rules[i].text;
}

static const char *config_of(const struct kit_options *options)
{
    const char *example = lab__kit_example(options->policy);

    if (options->config != NULL)
        return options->config;
    return example == NULL ? "{}" : example;
}

/* Has the policy parse its configuration, as part of a service config. */
static int parse_config(const struct grebe_balancer_builder *builder, const char *text,
                        struct grebe_diag *diag)
{
    const struct grebe_json *json;
    void *config = NULL;
    int error = grebe_json_parse(text, strlen(text), diag, &json);

    if (error != GREBE_OK)
        return error;
    if (grebe_json_type(json) != GREBE_JSON_OBJECT) {
        grebe_diag_set(diag, "expected an object");
        error = GREBE_ERR_CONFIG;
    } else if (builder->parse_config != NULL) {
        error = builder->parse_config(json, diag, &config);
        if (error == GREBE_OK && config != NULL && builder->free_config != NULL)
            builder->free_config(config);
    }
    grebe_json_free(json);
    return error;
}

int kit_check(const struct kit_options *options, struct grebe_diag *diag)
{
    const struct grebe_balancer_builder *builder = grebe_balancer_get(options->policy);
    struct grebe_diag flaw = {""};
    int error;

    if (builder == NULL) {
        grebe__diag_quote(diag, options->policy, strlen(options->policy),
                          "there is no policy called");
        return GREBE_ERR_CONFIG;
    }
    error = parse_config(builder, config_of(options), &flaw);
    if (error != GREBE_OK)
        grebe_diag_set(diag, "the configuration %s: %s", config_of(options),
                       flaw.text[0] == '\0' ? grebe_strerror(error) : flaw.text);
    return error;
}

static void watch(struct kit *kit, uint32_t watches)
{
    kit_open(kit, false, KIT_ALL);
    kit_tour(kit);
    kit_close(kit);
    kit_expect_clean(kit, watches);
}

int kit_run(const struct kit_options *options, size_t rule, struct kit_result *out)
{
    struct kit *kit = calloc(1, sizeof *kit);
    bool is_short_of_memory;

    if (kit == NULL)
        return GREBE_ERR_NOMEM;
    *out = (struct kit_result){.verdict = KIT_HOLDS};
    kit->options = options;
    kit->builder = grebe_balancer_get(options->policy);
    kit->config = config_of(options);
    kit->result = out;
    if (rules[rule].run != NULL)
        rules[rule].run(kit);
    else
        watch(kit, rules[rule].watches);
    kit_close(kit);
    is_short_of_memory = kit->is_short_of_memory;
    free(kit);
    return is_short_of_memory ? GREBE_ERR_NOMEM : GREBE_OK;
}
