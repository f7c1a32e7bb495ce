/* SPDX-License-Identifier: Apache-2.0 */
/* conformance.c -- each rule of the kit in a process of its own: what a bad policy does to
 * that process, crash, exit or never return, is a verdict like any other.
 *
 *     this process                          a child for each rule
 *     prints the verdict        <----       kit_run(), its lines and its verdict
 *                          shared memory
 */
#include "conformance.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "lab/kit.h"
#include "output.h"

enum {
    SCRIPT_MAX = 1 << 20, /* what is longer is cut at its end */
    RULE_SECONDS = 300,   /* a rule that takes longer does not come to an end */
    MAX_THREADS = 8,
};

const struct option_spec conformance_options[] = {
    {OPTION_FLAG, '\0', "conformance", offsetof(struct conformance_args, is_asked), NULL,
     NULL, 0, "POLICY, a name, is driven through the rules of its contract"},
    {OPTION_TEXT, '\0', "config", offsetof(struct conformance_args, config), "JSON", NULL,
     0, "its configuration; one of grebe's own has an example for it, others {}"},
    {OPTION_LIST, '\0', "rule", offsetof(struct conformance_args, rules), "ID", NULL, 0,
     "only this rule; may be repeated"},
    {.kind = OPTION_END},
};

/* What the two processes share: the child writes, the parent reads when it is gone. */
struct sheet {
    struct kit_result result;
    bool has_result;
    bool is_short_of_memory;
    size_t length;
    char script[SCRIPT_MAX]; /* lines, each with its newline */
};

/* ---- The child -------------------------------------------------------------------------- */

static void on_start(void *arg)
{
    ((struct sheet *)arg)->length = 0;
}

static void on_line(void *arg, const char *line, size_t length)
{
    struct sheet *sheet = arg;

    if (length + 1 > SCRIPT_MAX - sheet->length)
        return;
    memcpy(sheet->script + sheet->length, line, length);
    sheet->script[sheet->length + length] = '\n';
    sheet->length += length + 1;
}

struct worker {
    void (*run)(void *arg, unsigned i);
    void *arg;
    unsigned i;
    pthread_t thread;
};

static void *work(void *arg)
{
    const struct worker *worker = arg;

    worker->run(worker->arg, worker->i);
    return NULL;
}

/* Threads that could not be started would leave the others waiting: all or nothing is not
 * to be had, so the work of those is left out. */
static bool in_threads(unsigned n, void (*run)(void *arg, unsigned i),
                       void (*run_main)(void *arg), void *arg)
{
    struct worker workers[MAX_THREADS];
    unsigned n_started = 0;

    for (; n_started < n && n_started < MAX_THREADS; n_started++) {
        struct worker *worker = &workers[n_started];

        *worker = (struct worker){.run = run, .arg = arg, .i = n_started};
        if (pthread_create(&worker->thread, NULL, work, worker) != 0)
            break;
    }
    run_main(arg);
    for (unsigned i = 0; i < n_started; i++)
        pthread_join(workers[i].thread, NULL);
    return n_started == n;
}

static size_t heap_bytes(void)
{
    return mallinfo2().uordblks;
}

static _Noreturn void run_child(const char *policy, const char *config, size_t rule,
                                struct sheet *sheet)
{
    const struct kit_options options = {
        .policy = policy,
        .config = config,
        .on_start = on_start,
        .on_line = on_line,
        .arg = sheet,
        .in_threads = in_threads,
        .heap_bytes = heap_bytes,
    };
    struct kit_result result;

    alarm(RULE_SECONDS);
    if (kit_run(&options, rule, &result) == GREBE_OK) {
        sheet->result = result;
        sheet->has_result = true;
    } else {
        sheet->is_short_of_memory = true;
    }
    exit(EXIT_FINE); /* and not _exit(): a sanitizer has its say */
}

/* ---- The parent ------------------------------------------------------------------------- */

static void break_rule(struct sheet *sheet, const char *expected)
{
    sheet->result.verdict = KIT_BROKEN;
    snprintf(sheet->result.expected, sizeof sheet->result.expected, "%s", expected);
}

/* What the end of the child says beyond what it wrote. */
static void judge(struct sheet *sheet, int status)
{
    char *seen = sheet->result.seen;
    size_t size = sizeof sheet->result.seen;

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        break_rule(sheet, "a script that comes to an end");
        snprintf(seen, size, "the last line still ran after %d s", RULE_SECONDS);
    } else if (WIFSIGNALED(status)) {
        break_rule(sheet, "a policy that lives");
        snprintf(seen, size, "it crashed in the last line: %s",
                 strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != 0 || !sheet->has_result) {
        break_rule(sheet, "a policy that lets the process go on");
        snprintf(seen, size, "the process ended with code %d", WEXITSTATUS(status));
    }
}

/* False: no process, or no memory. */
static bool run_rule(const char *policy, const char *config, size_t rule,
                     struct sheet *sheet)
{
    int status;
    pid_t pid;

    sheet->has_result = false;
    sheet->is_short_of_memory = false;
    sheet->length = 0;
    fflush(stdout);
    pid = fork();
    if (pid < 0)
        return false;
    if (pid == 0)
        run_child(policy, config, rule, sheet);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    if (sheet->is_short_of_memory)
        return false;
    judge(sheet, status);
    return true;
}

/* ---- Printing --------------------------------------------------------------------------- */

static const char *const verdicts[] = {
    [KIT_HOLDS] = "holds",
    [KIT_BROKEN] = "BROKEN",
    [KIT_NOT_APPLICABLE] = "not applicable",
};

static const char *const verdict_words[] = {
    [KIT_HOLDS] = "holds",
    [KIT_BROKEN] = "broken",
    [KIT_NOT_APPLICABLE] = "not_applicable",
};

static void print_script(const struct sheet *sheet)
{
    for (size_t at = 0; at < sheet->length;) {
        const char *line = sheet->script + at;
        size_t length = strcspn(line, "\n");

        printf("      %.*s\n", (int)length, line);
        at += length + 1;
    }
}

static void print_rule(size_t rule, const struct sheet *sheet)
{
    const struct kit_result *result = &sheet->result;

    printf("%-24s%-16s%s\n", kit_rule_id(rule), verdicts[result->verdict],
           result->verdict == KIT_NOT_APPLICABLE ? result->expected
                                                 : kit_rule_text(rule));
    if (result->verdict != KIT_BROKEN)
        return;
    printf("    expected  %s\n    seen      %s\n    script\n", result->expected,
           result->seen);
    print_script(sheet);
}

static void print_sum(const unsigned n[])
{
    printf("\n%u rules hold, %u broken, %u not applicable\n", n[KIT_HOLDS], n[KIT_BROKEN],
           n[KIT_NOT_APPLICABLE]);
    if (n[KIT_BROKEN] > 0)
        printf("a script does it again: put its lines into a file for grebe lab\n");
}

/* Lines are JSON, and stand as values. */
static json_t *script_of(const struct sheet *sheet)
{
    json_t *script = json_array();

    for (size_t at = 0; at < sheet->length;) {
        const char *line = sheet->script + at;
        size_t length = strcspn(line, "\n");

        json_array_append_new(script, json_loadb(line, length, 0, NULL));
        at += length + 1;
    }
    return script;
}

static json_t *rule_as_json(size_t rule, const struct sheet *sheet)
{
    const struct kit_result *result = &sheet->result;
    json_t *object =
        json_pack("{s:s, s:s, s:s}", "id", kit_rule_id(rule), "rule", kit_rule_text(rule),
                  "verdict", verdict_words[result->verdict]);

    if (result->verdict == KIT_NOT_APPLICABLE)
        json_object_set_new(object, "why", json_string(result->expected));
    if (result->verdict != KIT_BROKEN)
        return object;
    json_object_set_new(object, "expected", json_string(result->expected));
    json_object_set_new(object, "seen", json_string(result->seen));
    json_object_set_new(object, "script", script_of(sheet));
    return object;
}

/* ---- Running ---------------------------------------------------------------------------- */

static bool is_chosen(const struct conformance_args *args, const char *id)
{
    for (size_t i = 0; i < args->rules.n; i++)
        if (strcmp(args->rules.items[i], id) == 0)
            return true;
    return args->rules.n == 0;
}

/* NULL: all of them are rules. */
static const char *first_unknown(const struct conformance_args *args)
{
    for (size_t i = 0; i < args->rules.n; i++) {
        size_t rule = 0;

        while (rule < kit_n_rules() &&
               strcmp(kit_rule_id(rule), args->rules.items[i]) != 0)
            rule++;
        if (rule == kit_n_rules())
            return args->rules.items[i];
    }
    return NULL;
}

static int run_rules(const char *policy, const struct conformance_args *args,
                     bool is_json, struct sheet *sheet)
{
    unsigned n[KIT_NOT_APPLICABLE + 1] = {0};
    json_t *list = is_json ? json_array() : NULL;

    for (size_t rule = 0; rule < kit_n_rules(); rule++) {
        if (!is_chosen(args, kit_rule_id(rule)))
            continue;
        if (!run_rule(policy, args->config, rule, sheet)) {
            json_decref(list);
            return options_fail("lab", "%s: out of memory, or of processes",
                                kit_rule_id(rule));
        }
        n[sheet->result.verdict]++;
        if (is_json)
            json_array_append_new(list, rule_as_json(rule, sheet));
        else
            print_rule(rule, sheet);
    }
    if (!is_json)
        print_sum(n);
    else if (output_json(json_pack("{s:s, s:o, s:i, s:i, s:i}", "policy", policy, "rules",
                                   list, "holds", (int)n[KIT_HOLDS], "broken",
                                   (int)n[KIT_BROKEN], "not_applicable",
                                   (int)n[KIT_NOT_APPLICABLE])) != EXIT_FINE)
        return EXIT_FAILED;
    return n[KIT_BROKEN] > 0 ? EXIT_FAILED : EXIT_FINE;
}

int conformance_run(const char *policy, const struct conformance_args *args, bool is_json)
{
    const struct kit_options options = {.policy = policy, .config = args->config};
    struct grebe_diag diag;
    struct sheet *sheet;
    int code;

    if (policy == NULL)
        return options_complain("lab", "--conformance: which policy?");
    if (first_unknown(args) != NULL)
        return options_complain("lab", "--rule: there is no rule called %s",
                                first_unknown(args));
    if (kit_check(&options, &diag) != GREBE_OK)
        return options_complain("lab", "--conformance: %s", diag.text);
    sheet = mmap(NULL, sizeof *sheet, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                 -1, 0);
    if (sheet == MAP_FAILED)
        return options_fail("lab", "out of memory");
    code = run_rules(policy, args, is_json, sheet);
    munmap(sheet, sizeof *sheet);
    return code;
}
