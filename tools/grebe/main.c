/* SPDX-License-Identifier: Apache-2.0 */
/* main.c -- grebe VERB: finds the verb, reads its options, runs it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <grebe/version.h>

#include "options.h"
#include "output.h"
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

/* The verb that `name` begins like. */
static const char *similar_verb(const char *name)
{
    for (const struct verb *const *verb = verbs; *verb != NULL; verb++)
        if (strncmp((*verb)->name, name, 3) == 0)
            return (*verb)->name;
    return NULL;
}

static int complain_of(const char *name)
{
    const char *similar = similar_verb(name);

    fprintf(stderr, "grebe: there is no verb '%s'", name);
    if (similar != NULL)
        fprintf(stderr, ", did you mean %s?", similar);
    fputs(" (try 'grebe --help')\n", stderr);
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

/* A standard stream that is closed would be the first file or socket that somebody opens.
 * What is written to such a stdout fails, as it should. */
static void occupy_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
            _exit(EXIT_FAILED);
}

/* A reader that has seen enough knows that it is gone. */
static int check_output(int code)
{
    if (output_flush())
        return code;
    if (errno != EPIPE)
        fprintf(stderr, "grebe: the result could not be written%s%s\n",
                errno == 0 ? "" : ": ", errno == 0 ? "" : strerror(errno));
    return code == EXIT_FINE ? EXIT_FAILED : code;
}

int main(int argc, char **argv)
{
    occupy_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of its socket */
    term_start();
    return check_output(run(argc - 1, argv + 1));
}
