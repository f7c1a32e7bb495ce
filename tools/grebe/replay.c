/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c -- grebe replay: a recording, decided again. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include <grebe/error.h>

#include "lab/replay.h"
#include "lines.h"
#include "replay.h"
#include "term.h"
#include "units.h"
#include "verbs.h"

enum { LINE_MAX_BYTES = 64 * 1024 * 1024, MAX_SHOWN = 10, MAX_SHOWN_BYTES = 2000 };

static const struct option_spec policy_table[] = {
    {OPTION_TEXT, '\0', "policy", offsetof(struct replay_args, policy), "NAME|JSON", NULL,
     0, "what would this one have done?  A name, or a loadBalancingConfig"},
    {.kind = OPTION_END},
};

static const struct option_group groups[] = {
    {"Policy", policy_table, 0},
    {"Plug-ins", plugin_options, offsetof(struct replay_args, plugins)},
    {"Output", output_options, offsetof(struct replay_args, output)},
    {NULL, NULL, 0},
};

static const struct option_example examples[] = {
    {"grebe bench --record run.jsonl -n 1000 ipv4:127.0.0.1:50051 pkg.Service/Method",
     "record what reaches the policy"},
    {"grebe replay run.jsonl", "does the same policy decide the same?"},
    {"grebe replay --load ./sticky.so run.jsonl", "when it is a policy of yours"},
    {"grebe replay --policy pick_first run.jsonl", "what would another one have done?"},
    {"grebe replay --policy '{\"ring_hash\": {\"minRingSize\": 4096}}' run.jsonl",
     "the same, with a configuration"},
    {NULL, NULL},
};

/* ---- Reading ------------------------------------------------------------------------ */

static volatile sig_atomic_t is_stopped; /* by SIGINT: what is known so far is printed */

static void on_sigint(int number)
{
    (void)number;
    is_stopped = 1;
}

static void catch_sigint(void)
{
    struct sigaction action = {.sa_handler = on_sigint, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int complain_of_line(const struct feeding *feeding, unsigned long number,
                            const char *what)
{
    fflush(stdout);
    fprintf(stderr, "grebe replay: %s: line %lu: %s\n", feeding->path, number, what);
    return EXIT_USAGE;
}

static int read_lines(struct feeding *feeding, struct lines *lines)
{
    struct grebe_diag diag;

    for (unsigned long number = 1; !is_stopped; number++) {
        enum lines_result result = lines_next(lines);
        int error;

        if (result == LINES_END)
            return EXIT_FINE;
        if (result == LINES_TOO_LONG)
            return complain_of_line(feeding, number, "it is too long for a recording");
        if (result == LINES_NOMEM)
            return options_fail("replay", "out of memory");
        if (result == LINES_ERROR)
            return complain_of_line(feeding, number, strerror(errno));
        if (lines->is_cut_off)
            return EXIT_FINE; /* that the end is missing, the one who takes lines sees */
        error = feeding->take(feeding->arg, lines->text, lines->length, &diag);
        if (error == GREBE_ERR_NOMEM)
            return options_fail("replay", "out of memory");
        if (error != GREBE_OK)
            return complain_of_line(feeding, number, diag.text);
        feeding->n_lines++;
    }
    return EXIT_FINE;
}

int replay_read(struct feeding *feeding)
{
    struct lines lines = {.max = LINE_MAX_BYTES};
    int code;

    if (strcmp(feeding->path, "-") == 0) {
        feeding->path = "stdin";
        lines.stream = stdin;
    } else {
        lines.stream = fopen(feeding->path, "r");
    }
    if (lines.stream == NULL)
        return options_complain("replay", "%s: %s", feeding->path, strerror(errno));
    code = read_lines(feeding, &lines);
    if (lines.stream != stdin)
        fclose(lines.stream);
    lines_free(&lines);
    if (code == EXIT_FINE && feeding->n_lines == 0)
        return options_complain("replay", "%s: there is no whole line in it",
                                feeding->path);
    return code;
}

/* ---- The same policy ---------------------------------------------------------------- */

struct comparison {
    struct lab_replay *replay;
    bool is_table;
    json_t *differences; /* the first MAX_SHOWN */
    unsigned n_shown;
};

static void print_line(const char *what, const char *line)
{
    size_t length = strlen(line);

    printf("  %-9s", what);
    if (length == 0)
        fputs("nothing", stdout);
    term_print_escaped(stdout, line,
                       length > MAX_SHOWN_BYTES ? (size_t)MAX_SHOWN_BYTES : length);
    puts(length > MAX_SHOWN_BYTES ? "..." : "");
}

static void on_difference(void *arg, const struct lab_difference *difference)
{
    struct comparison *comparison = arg;

    if (comparison->n_shown++ >= MAX_SHOWN)
        return;
    if (!comparison->is_table) {
        json_array_append_new(comparison->differences,
                              json_pack("{s:I, s:b, s:s, s:s}", "line",
                                        (json_int_t)difference->line, "is_pick",
                                        difference->is_pick, "recorded",
                                        difference->recorded, "now", difference->now));
        return;
    }
    printf("line %lu: %s\n", (unsigned long)difference->line,
           difference->is_pick ? "a pick is decided otherwise"
                               : "the policy does something else; not followed further");
    print_line("recorded", difference->recorded);
    print_line("now", difference->now);
}

static int take_for_replay(void *arg, const char *text, size_t length,
                           struct grebe_diag *diag)
{
    return lab_replay_line(arg, text, length, diag);
}

/* Of what the recording is only a part, if it is one; "" if it is whole. */
static const char *gap_of(const struct lab_replay_result *result)
{
    if (result->n_lost > 0)
        return "lines were lost while it was recorded";
    return result->has_end ? "" : "it was cut off before its end";
}

static void print_result(const char *path, const struct lab_replay_result *result)
{
    const char *gap = gap_of(result);
    char span[UNITS_TEXT];

    printf("%s: ", path);
    term_print_escaped(stdout, result->target, strlen(result->target));
    printf(", %s, %llu lines%s%s\n", units_format_duration(result->span_ns, span),
           (unsigned long long)result->n_lines, *gap == '\0' ? "" : "; partial: ", gap);
    printf("policy %s: %llu picks, %llu ends of calls, %llu other inputs: ",
           result->policy[0] == '\0' ? "(none)" : result->policy,
           (unsigned long long)result->n_picks, (unsigned long long)result->n_dones,
           (unsigned long long)result->n_other_inputs);
    if (result->n_differences == 0)
        puts("decided the same");
    else
        printf("%llu difference%s\n", (unsigned long long)result->n_differences,
               result->n_differences == 1 ? "" : "s");
    if (result->n_lost > 0)
        printf("%llu lines were lost when it was recorded\n",
               (unsigned long long)result->n_lost);
    if (result->n_unfollowed > 0)
        printf("%llu lines could not be compared\n",
               (unsigned long long)result->n_unfollowed);
}

static json_t *result_json(const struct lab_replay_result *result, json_t *differences)
{
    return json_pack("{s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o}",
                     "version", 1, "target", result->target, "policy", result->policy,
                     "span_ns", (json_int_t)result->span_ns, "lines",
                     (json_int_t)result->n_lines, "picks", (json_int_t)result->n_picks,
                     "dones", (json_int_t)result->n_dones, "other_inputs",
                     (json_int_t)result->n_other_inputs, "n_differences",
                     (json_int_t)result->n_differences, "not_compared",
                     (json_int_t)result->n_unfollowed, "lost", (json_int_t)result->n_lost,
                     "is_partial", *gap_of(result) != '\0', "differences", differences);
}

static int finish(struct comparison *comparison, const char *path)
{
    struct lab_replay_result result = lab_replay_result(comparison->replay);
    int code = EXIT_FINE;

    if (comparison->is_table)
        print_result(path, &result);
    else
        code = output_json(result_json(&result, json_incref(comparison->differences)));
    return code == EXIT_FINE && result.n_differences > 0 ? EXIT_FAILED : code;
}

static int compare(const struct replay_args *args)
{
    struct comparison comparison = {
        .is_table = output_is(&args->output, "table"),
        .differences = json_array(),
    };
    const struct lab_replay_options options = {
        .on_difference = on_difference,
        .arg = &comparison,
    };
    struct feeding feeding = {
        .path = args->operands.items[0],
        .take = take_for_replay,
    };
    int code = EXIT_FAILED;

    comparison.replay = feeding.arg = lab_replay_new(&options);
    if (comparison.replay == NULL || comparison.differences == NULL)
        options_fail("replay", "out of memory");
    else
        code = replay_read(&feeding);
    if (code == EXIT_FINE)
        code = finish(&comparison, feeding.path);
    lab_replay_destroy(comparison.replay);
    json_decref(comparison.differences);
    return code;
}

static int run(void *arg)
{
    const struct replay_args *args = arg;
    int code = plugins_load("replay", &args->plugins);

    if (code != EXIT_FINE)
        return code;
    catch_sigint();
    return args->policy == NULL ? compare(args) : replay_whatif(args);
}

const struct verb replay_verb = {
    .name = "replay",
    .operands = "FILE",
    .summary = "give a recording to a policy again",
    .text =
        "Reads a recording that --record of another verb, or a channel of yours, has made, "
        "and gives the same policy the same inputs in the same order, at the same moments "
        "and with the same random numbers: every update, state, timer, pick and end of a "
        "call. It has to decide the same. Where it does not, the lines are shown, and the "
        "exit code is 1.\n\n"
        "With --policy another policy gets the same updates and calls. How connections and "
        "calls go is then taken from what was recorded nearest in time for the same backend; "
        "docs/guide/replay.md says what that can tell and what it cannot.",
    .groups = groups,
    .examples = examples,
    .args_size = sizeof(struct replay_args),
    .run = run,
};
