/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- grebe VERB: finds the verb, reads its options, runs it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <grebe/version.h>

#include "options.h"
#include "term.h"
#include "verbs.h"

static const struct verb *const verbs[] = {
    &call_verb, &bench_verb,  &backend_verb, &resolve_verb,
    &lab_verb,  &replay_verb, &demo_verb,    NULL,
};

static const struct verb *find_verb(const char *name)
{
    for (const struct verb *const *verb = verbs; *verb != NULL; verb++)
        if (strcmp((*verb)->name, name) == 0)
            return *verb;
    return NULL;
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
    void *args = calloc(1, verb->args_size);
    char error[512];
    int code = EXIT_USAGE;

    if (args == NULL) {
        fputs("grebe: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    switch (options_parse(verb, argc, argv, args, error, sizeof error)) {
    case OPTIONS_OK:
        code = verb->run(args);
        break;
    case OPTIONS_HELP:
        options_print_help(verb, stdout);
        code = EXIT_FINE;
        break;
    case OPTIONS_WRONG:
        fprintf(stderr, "%s\n", error);
        break;
    }
    options_free(verb, args);
    free(args);
    return code;
}

static int complain_of(const char *name)
{
    fprintf(stderr, "grebe: there is no verb '%s' (try 'grebe --help')\n", name);
    return EXIT_USAGE;
}

/* `grebe --version`, `grebe help VERB` and the like; -1 if it is none of them. */
static int run_general(int argc, char **argv)
{
    const struct verb *verb;

    if (strcmp(argv[0], "--version") == 0) {
        printf("grebe %s\n", grebe_version());
        return EXIT_FINE;
    }
    if (strcmp(argv[0], "--manual") == 0) {
        options_print_manual(verbs, stdout);
        return EXIT_FINE;
    }
    if (strcmp(argv[0], "--help") != 0 && strcmp(argv[0], "-h") != 0 &&
        strcmp(argv[0], "help") != 0)
        return -1;
    if (argc < 2) {
        options_print_verbs(verbs, stdout);
        return EXIT_FINE;
    }
    verb = find_verb(argv[1]);
    if (verb == NULL)
        return complain_of(argv[1]);
    options_print_help(verb, stdout);
    return EXIT_FINE;
}

static int run(int argc, char **argv)
{
    const struct verb *verb;
    int code;

    if (argc < 1) {
        options_print_verbs(verbs, stderr);
        return EXIT_USAGE;
    }
    code = run_general(argc, argv);
    if (code >= 0)
        return code;
    verb = find_verb(argv[0]);
    return verb == NULL ? complain_of(argv[0]) : run_verb(verb, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    int code;

    signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of its socket */
    term_start();
    code = run(argc - 1, argv + 1);
    if (fflush(stdout) != 0 && code == EXIT_FINE)
        code = EXIT_FAILED;
    return code;
}
