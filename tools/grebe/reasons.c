/* SPDX-License-Identifier: Apache-2.0 */
#include "reasons.h"

#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "term.h"
#include "units.h"

/* ---- Text -------------------------------------------------------------------------------- */

static void print(const char *text)
{
    term_print_escaped(stderr, text, strlen(text));
}

static void print_lines(const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        term_print_escaped(stderr, text, length);
        text += length;
        if (*text != '\0')
            putc(*text++, stderr);
    }
}

void reasons_print_explanation(const struct grebe_explanation *explanation)
{
    size_t length =
        explanation == NULL ? 0 : grebe_explanation_format(explanation, NULL, 0);
    char *text = explanation == NULL ? NULL : malloc(length + 1);

    if (text == NULL) {
        fputs("(out of memory)\n", stderr);
        return;
    }
    grebe_explanation_format(explanation, text, length + 1);
    print_lines(text);
    free(text);
}

static void print_age(uint64_t age_ns)
{
    char buf[UNITS_TEXT];

    if (age_ns < NS_PER_MS)
        fputs(", just now", stderr);
    else
        fprintf(stderr, ", %s ago", units_format_duration(age_ns, buf));
}

static void print_next(bool has_next_attempt, uint64_t next_attempt_ns)
{
    char buf[UNITS_TEXT];

    if (has_next_attempt)
        fprintf(stderr, ", next attempt in %s",
                units_format_duration(next_attempt_ns, buf));
}

static void print_resolution(const struct grebe_failure_resolver *resolver)
{
    if (resolver->last_error != NULL) {
        fputs("  name resolution: ", stderr);
        print(resolver->last_error);
        print_age(resolver->error_age_ns);
    } else if (resolver->has_result && resolver->n_endpoints == 0) {
        fputs("  name resolution: no endpoints", stderr);
        print_age(resolver->result_age_ns);
    } else if (!resolver->has_result) {
        fputs("  name resolution: no answer yet", stderr);
    } else {
        return;
    }
    print_next(resolver->has_next_attempt, resolver->next_attempt_ns);
    fputc('\n', stderr);
}

static void print_address(const struct grebe_failure_address *address)
{
    fputs("  ", stderr);
    print(address->address);
    fprintf(stderr, ": %s", grebe_connectivity_name(address->state));
    if (address->health != NULL) {
        fputs(", health: ", stderr);
        print(address->health);
    }
    if (address->last_error != NULL) {
        fputs(", ", stderr);
        print(address->last_error);
        print_age(address->error_age_ns);
    }
    print_next(address->has_next_attempt, address->next_attempt_ns);
    fputc('\n', stderr);
}

void reasons_print_failure(const struct grebe_failure *failure)
{
    size_t n_omitted, n = grebe_failure_n_addresses(failure, &n_omitted);

    print_resolution(grebe_failure_resolver(failure));
    for (size_t i = 0; i < n; i++)
        print_address(grebe_failure_address(failure, i));
    if (n_omitted > 0)
        fprintf(stderr, "  and %zu addresses more\n", n_omitted);
}

/* ---- JSON of an explanation ---------------------------------------------------------------- */

static json_t *us(uint64_t ns)
{
    return json_integer((json_int_t)(ns / NS_PER_US));
}

static json_t *policies_json(const struct grebe_explanation *explanation)
{
    const struct grebe_explained_policy *policy;
    json_t *array = json_array();

    for (size_t i = 0; (policy = grebe_explanation_policy(explanation, i)) != NULL; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:i, s:s, s:o}", "policy", policy->policy,
                                        "depth", (int)policy->depth, "rule", policy->rule,
                                        "notes", output_string(policy->notes)));
    return array;
}

static json_t *candidates_json(const struct grebe_explanation *explanation)
{
    const struct grebe_explained_candidate *it;
    json_t *array = json_array();

    for (size_t i = 0; (it = grebe_explanation_candidate(explanation, i)) != NULL; i++) {
        bool has_score = it->score_name != NULL;
        bool has_in_flight = it->in_flight != UINT32_MAX;

        json_array_append_new(
            array, json_pack("{s:o, s:s, s:b, s:b, s:o*, s:s, s:s*, s:o*, s:o*}",
                             "address", output_string(it->address), "state",
                             grebe_connectivity_name(it->state), "chosen", it->is_chosen,
                             "offered", it->is_offered, "policy",
                             it->is_offered ? json_integer((json_int_t)it->policy) : NULL,
                             "reason", it->reason, "score_name", it->score_name, "score",
                             has_score ? json_real(it->score) : NULL, "in_flight",
                             has_in_flight ? json_integer(it->in_flight) : NULL));
    }
    return array;
}

static const char *kind_name(enum grebe_pick_kind kind)
{
    static const char *const names[] = {
        [GREBE_PICK_QUEUE] = "queue",
        [GREBE_PICK_COMPLETE] = "complete",
        [GREBE_PICK_FAIL] = "fail",
        [GREBE_PICK_DROP] = "drop",
    };

    return names[kind];
}

static json_t *picks_json(const struct grebe_explanation *explanation)
{
    const struct grebe_explained_pick *pick;
    json_t *array = json_array();

    for (size_t i = 0; (pick = grebe_explanation_pick(explanation, i)) != NULL; i++)
        json_array_append_new(array,
                              json_pack("{s:o, s:s, s:o, s:o}", "at_us", us(pick->at_ns),
                                        "kind", kind_name(pick->kind), "address",
                                        output_string(pick->address), "status",
                                        output_string(pick->status)));
    return array;
}

static json_t *attempts_json(const struct grebe_explanation *explanation)
{
    const struct grebe_explained_attempt *it;
    json_t *array = json_array();

    for (size_t i = 0; (it = grebe_explanation_attempt(explanation, i)) != NULL; i++) {
        char name[24];

        json_array_append_new(
            array,
            json_pack("{s:o, s:o, s:o*, s:o, s:s}", "address", output_string(it->address),
                      "started_us", us(it->started_ns), "headers_us",
                      it->headers_ns == 0 ? NULL : us(it->headers_ns), "ended_us",
                      us(it->ended_ns), "code", grebe_status_code_name(it->code, name)));
    }
    return array;
}

json_t *reasons_explanation_json(const struct grebe_explanation *explanation)
{
    struct grebe_explained_waits waits = grebe_explanation_waits(explanation);

    return json_pack("{s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o}}", "policies",
                     policies_json(explanation), "candidates",
                     candidates_json(explanation), "picks", picks_json(explanation),
                     "attempts", attempts_json(explanation), "waited_us", "resolver",
                     us(waits.resolver_ns), "picker", us(waits.picker_ns), "stream",
                     us(waits.stream_ns));
}

/* ---- JSON of a failure ----------------------------------------------------------------------- */

static json_t *resolver_json(const struct grebe_failure_resolver *resolver)
{
    return json_pack("{s:b, s:I, s:o*, s:o*, s:o*, s:o*}", "has_result",
                     resolver->has_result, "endpoints", (json_int_t)resolver->n_endpoints,
                     "result_age_us",
                     resolver->has_result ? us(resolver->result_age_ns) : NULL,
                     "last_error", output_string(resolver->last_error), "error_age_us",
                     resolver->last_error != NULL ? us(resolver->error_age_ns) : NULL,
                     "next_attempt_us",
                     resolver->has_next_attempt ? us(resolver->next_attempt_ns) : NULL);
}

static json_t *address_json(const struct grebe_failure_address *address)
{
    return json_pack(
        "{s:o, s:s, s:o*, s:o*, s:o*, s:o*}", "address", output_string(address->address),
        "state", grebe_connectivity_name(address->state), "health",
        output_string(address->health), "last_error", output_string(address->last_error),
        "error_age_us", address->last_error != NULL ? us(address->error_age_ns) : NULL,
        "next_attempt_us",
        address->has_next_attempt ? us(address->next_attempt_ns) : NULL);
}

json_t *reasons_failure_json(const struct grebe_failure *failure)
{
    size_t n_omitted, n = grebe_failure_n_addresses(failure, &n_omitted);
    json_t *addresses = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(addresses, address_json(grebe_failure_address(failure, i)));
    return json_pack("{s:o, s:o, s:I}", "resolver",
                     resolver_json(grebe_failure_resolver(failure)), "addresses",
                     addresses, "omitted", (json_int_t)n_omitted);
}
