/* SPDX-License-Identifier: Apache-2.0 */
/* `grebe lab` with policies that the tool does not have: those of the examples, "facts"
 * (facts_policy.h), and "bad" (support/bad_policy.h). */
#include <stdio.h>
#include <stdlib.h>

#include "facts_policy.h"
#include "shares.h"
#include "support/bad_policy.h"
#include "verbs.h"

/* ---- The examples -------------------------------------------------------------------- */

int register_custom_balancer(void);
int register_least_request_picker(void);
int register_load_aware_picker(void);
int register_reported_load_picker(void);
int register_round_robin_picker(void);
int register_weighted_round_robin_picker(void);

/* Their programs are not what is run here. */
int print_shares_of(const struct grebe_balancer_builder *builder, const char *config,
                    grebe_log_fn on_log, const char *target, long n_calls)
{
    (void)builder, (void)config, (void)on_log, (void)target, (void)n_calls;
    return EXIT_USAGE;
}

int print_shares(const char *policy, build_fn build, const char *target, long n_calls)
{
    (void)policy, (void)build, (void)target, (void)n_calls;
    return EXIT_USAGE;
}

int shares_main(const char *policy, build_fn build, int argc, char *argv[])
{
    (void)policy, (void)build, (void)argc, (void)argv;
    return EXIT_USAGE;
}

static void register_examples(void)
{
    if (register_custom_balancer() != 0 || register_least_request_picker() != 0 ||
        register_load_aware_picker() != 0 || register_reported_load_picker() != 0 ||
        register_round_robin_picker() != 0 || register_weighted_round_robin_picker() != 0)
        abort();
}

/* ---- The verb ------------------------------------------------------------------------- */

int main(int argc, char *argv[])
{
    char error[512];
    void *args = calloc(1, lab_verb.args_size);
    int code = EXIT_USAGE;

    if (args == NULL)
        abort();
    register_examples();
    if (register_facts() != 0)
        abort();
    bad_policy_register();
    if (options_parse(&lab_verb, argc - 1, argv + 1, args, error, sizeof error) ==
        OPTIONS_OK)
        code = lab_verb.run(args);
    else
        fprintf(stderr, "%s\n", error);
    options_free(&lab_verb, args);
    free(args);
    return code;
}
