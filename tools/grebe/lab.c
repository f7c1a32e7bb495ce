/* SPDX-License-Identifier: Apache-2.0 */
/* lab.c -- grebe lab: one policy, driven by a script, on a virtual clock. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include <grebe/error.h>

#include "conformance.h"
#include "lab/session.h"
#include "lines.h"
#include "options.h"
#include "output.h"
#include "plugins.h"
#include "verbs.h"

struct lab_args {
    struct operands operands;
    const char *format;
    bool is_colourless;
    const char *record; /* file, or NULL */
    struct plugin_args plugins;
    struct conformance_args conformance;
};

static const struct option_spec output_table[] = {
    {OPTION_CHOICE, 'o', "output", offsetof(struct lab_args, format), "table|json", NULL,
     0, "of a script json, an object a line; of --conformance a table, or one object"},
    {OPTION_FLAG, '\0', "no-color", offsetof(struct lab_args, is_colourless), NULL, NULL,
     0, "for symmetry: there are no colours"},
    {OPTION_TEXT, '\0', "record", offsetof(struct lab_args, record), "FILE", NULL, 0,
     "write down all that reaches the policy of a script, for grebe replay"},
    {.kind = OPTION_END},
};

static const struct option_group groups[] = {
    {"Conformance", conformance_options, offsetof(struct lab_args, conformance)},
    {"Plug-ins", plugin_options, offsetof(struct lab_args, plugins)},
    {"Output", output_table, 0},
    {NULL, NULL, 0},
};

static const struct option_example examples[] = {
    {"grebe lab script.jsonl", "what the policy does, event by event"},
    {"generate | grebe lab | grep '\"ev\":\"state\"'",
     "a script from elsewhere; the states that the policy publishes"},
    {"grebe lab tests/lab/round_robin_rotation.jsonl",
     "one of the scripts that grebe itself is tested with"},
    {"grebe lab --load ./sticky.so script.jsonl", "a policy of yours"},
    {"grebe lab --conformance --load ./sticky.so sticky", "does it keep the contract?"},
    {NULL, NULL},
};

/* ---- Running ------------------------------------------------------------------------ */

static struct lab_session *interrupted; /* what SIGINT stops */

/* Once: the second SIGINT ends the program. */
static void on_sigint(int number)
{
    (void)number;
    lab_session_stop(interrupted);
}

/* No SA_RESTART: a read that waits for the next line ends. */
static void catch_sigint(struct lab_session *session)
{
    struct sigaction action = {.sa_handler = on_sigint, .sa_flags = (int)SA_RESETHAND};

    interrupted = session;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void write_event(void *arg, const char *line, size_t length)
{
    fwrite(line, 1, length, arg);
}

/* `path`: NULL for stdin. */
static int complain(const char *path, unsigned long number, const char *what)
{
    fflush(stdout); /* the events so far come first */
    fprintf(stderr, "grebe lab: %s%sline %lu: %s\n", path == NULL ? "" : path,
            path == NULL ? "" : ": ", number, what);
    return EXIT_USAGE;
}

static int fail(const char *what)
{
    fflush(stdout);
    fprintf(stderr, "grebe lab: %s\n", what);
    return EXIT_FAILED;
}

/* Hands over line by line, until the end or a fault. */
static int read_script(struct lab_session *session, struct lines *lines, const char *path)
{
    struct grebe_diag diag;
    char text[64];

    for (unsigned long number = 1;; number++) {
        enum lines_result result = lines_next(lines);
        int error;

        if (lab_session_is_stopped(session) || result == LINES_END)
            return EXIT_FINE;
        switch (result) {
        case LINES_TOO_LONG:
            snprintf(text, sizeof text, "it has more than %zu bytes",
                     lab_session_line_max());
            return complain(path, number, text);
        case LINES_NOMEM:
            return fail("out of memory");
        case LINES_ERROR:
            return complain(path, number, strerror(errno));
        default:
            break;
        }
        error = lab_session_line(session, lines->text, lines->length, &diag);
        if (error == GREBE_ERR_NOMEM)
            return fail("out of memory");
        if (error != GREBE_OK)
            return complain(path, number, diag.text);
        if (!output_flush())
            return EXIT_FAILED;
        if (lab_session_is_stopped(session))
            return EXIT_FINE;
    }
}

static int end(struct lab_session *session)
{
    uint32_t n_violations;

    if (lab_session_end(session, &n_violations) != GREBE_OK)
        return fail("out of memory");
    return n_violations > 0 ? EXIT_FAILED : EXIT_FINE;
}

static int run_script(FILE *stream, const char *path, FILE *record)
{
    const struct lab_session_options options = {
        .write = write_event,
        .arg = stdout,
        .write_record = record == NULL ? NULL : write_event,
        .record_arg = record,
    };
    struct lab_session *session = lab_session_new(&options);
    struct lines lines = {.stream = stream, .max = lab_session_line_max()};
    int code;

    if (session == NULL)
        return fail("out of memory");
    catch_sigint(session);
    code = read_script(session, &lines, path);
    if (code == EXIT_FINE)
        code = end(session);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    lab_session_destroy(session);
    lines_free(&lines);
    return code;
}

static bool is_format(const struct lab_args *args, const char *format)
{
    return args->format != NULL && strcmp(args->format, format) == 0;
}

/* With the file for its recording, if one is wanted. */
static int run_recorded(FILE *stream, const char *path, const char *record_path)
{
    FILE *record;
    bool is_written;
    int code;

    if (record_path == NULL)
        return run_script(stream, path, NULL);
    record = fopen(record_path, "w");
    if (record == NULL)
        return options_complain("lab", "--record %s: %s", record_path, strerror(errno));
    code = run_script(stream, path, record);
    is_written = ferror(record) == 0;
    if (fclose(record) != 0 || !is_written)
        return options_fail("lab", "--record: %s: it could not be written to the end",
                            record_path);
    return code;
}

static int run(void *arg)
{
    const struct lab_args *args = arg;
    const char *path = args->operands.items[0];
    int code = plugins_load("lab", &args->plugins);
    FILE *stream;

    if (code != EXIT_FINE)
        return code;
    if (args->conformance.is_asked)
        return conformance_run(path, &args->conformance, is_format(args, "json"));
    if (is_format(args, "table"))
        return options_complain("lab", "what a script does is printed as json; -o table "
                                       "goes with --conformance");
    if (args->conformance.config != NULL || args->conformance.rules.n > 0)
        return options_complain("lab", "%s goes with --conformance",
                                args->conformance.config != NULL ? "--config" : "--rule");
    if (path == NULL || strcmp(path, "-") == 0)
        return run_recorded(stdin, NULL, args->record);
    stream = fopen(path, "r");
    if (stream == NULL)
        return options_complain("lab", "%s: %s", path, strerror(errno));
    code = run_recorded(stream, path, args->record);
    fclose(stream);
    return code;
}

const struct verb lab_verb = {
    .name = "lab",
    .operands = "[SCRIPT|POLICY]",
    .summary = "drive one policy by a script, or by the rules of its contract",
    .text =
        "Reads a script, one JSON object a line, from a file or stdin, does to a policy "
        "what it says, and prints what the policy does, one JSON object a line. No "
        "sockets and no sleeping: the same script prints the same bytes everywhere. "
        "Empty lines and lines that start with # say nothing.\n\n"
        "Each line of a script says in \"do\" what happens:\n"
        "start -- first line, if any: seed (1), target, health_checks (false: a health "
        "listener hears READY at once)\n"
        "update -- endpoints: a list of {addresses, weight, hash_key, locality: {region, "
        "zone, sub_zone}, path, health}; config: as loadBalancingConfig in a service "
        "config; without it the last one stays, pick_first at first\n"
        "resolver_error -- error\n"
        "subconn -- address, state, error: the newest live subconn with that address "
        "changes its state\n"
        "health -- address, state, error: its health listener hears this\n"
        "pick -- n (1), method, metadata, hash, done (\"now\" or \"hold\"), status, load, "
        "latency_ms, headers_ms, streaming: n calls ask the picker; with \"hold\" they stay "
        "open\n"
        "done -- id, status, load, latency_ms, headers_ms, streaming: an open call ends\n"
        "oob -- address, load: an out-of-band load report comes\n"
        "advance -- ms: the clock moves, each timer runs at its time\n"
        "fail_allocation -- nth (1): that allocation of the policy from here on fails\n"
        "exit_idle, close -- without fields\n\n"
        "Each line that is printed has t (ms since the start) and ev:\n"
        "update -- result: ok or error; error\n"
        "new_subconn -- id, addresses\n"
        "connect, shutdown -- id, address\n"
        "update_addresses -- id, addresses\n"
        "producer -- id, kind, on, interval_ms\n"
        "state -- state; picks: complete, queue, fail or drop, where that is known "
        "without asking the picker\n"
        "resolve_now, close -- without fields\n"
        "pick -- id; kind: complete, queue, fail or drop; address or status. For n > 1 "
        "there is one line: id of the first, n, kinds, counts, sequence (of the first "
        "100)\n"
        "metric -- name, value, labels\n"
        "log -- level, message\n"
        "violation -- rule, message, and id and address if it is about a subconn: the "
        "policy did what it may not\n\n"
        "With --conformance a POLICY is driven through the rules of its contract, each on a "
        "fresh instance in a process of its own, and the rules that hold are told from those "
        "that are BROKEN and those that are not applicable. For a broken one there is what "
        "was expected, what was seen, and the script that does it again. The policy finds "
        "endpoints with weights, one locality and the path [\"kit\"], and calls with a hash "
        "and with metadata \"kit\".\n\n"
        "Exits with 1 if there was a violation or a rule is broken, with 2 and the number of "
        "the line if the script is wrong, or if there is no such policy.",
    .groups = groups,
    .examples = examples,
    .args_size = sizeof(struct lab_args),
    .run = run,
};
