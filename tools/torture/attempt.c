/* SPDX-License-Identifier: Apache-2.0 */
#include "attempt.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leaks.h"
#include "trace.h"
#include "world.h"

enum {
    RUN_SECONDS =
        30, /* of processor time: runs take milliseconds, a few of them seconds */
};

_Noreturn static void give_up(const char *what)
{
    perror(what);
    exit(2);
}

/* ---- In the child ---------------------------------------------------------------------- */

void begin_child(int said)
{
    if (dup2(said, STDERR_FILENO) < 0)
        give_up("dup2");
}

/* SIGVTALRM ends the process. */
void begin_run(void)
{
    const struct itimerval limit = {.it_value.tv_sec = RUN_SECONDS};

    setitimer(ITIMER_VIRTUAL, &limit, NULL);
}

/* ---- In the parent --------------------------------------------------------------------- */

int new_said(void)
{
    int said = memfd_create("said", MFD_CLOEXEC);

    if (said < 0)
        give_up("memfd_create");
    return said;
}

static char *read_said(int said)
{
    struct stat stat;
    char *text;
    ssize_t n;

    if (fstat(said, &stat) != 0)
        give_up("fstat");
    text = malloc((size_t)stat.st_size + 1);
    if (text == NULL)
        give_up("malloc");
    n = pread(said, text, (size_t)stat.st_size, 0);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

/* The line that a sanitizer, an assertion or a signal is known by; else the first. */
static const char *telling_line(const char *text)
{
    static const char *const marks[] = {"contract broken", "runtime error", "ERROR: "};

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const char *at = strstr(text, marks[i]);

        if (at == NULL)
            continue;
        while (at > text && at[-1] != '\n')
            at--;
        return at;
    }
    return text;
}

/* The same crash has other numbers each time. */
static void name_crash(const char *text, char rule[RULE_BYTES])
{
    size_t used = strlen(rule);

    for (const char *at = telling_line(text);
         *at != '\0' && *at != '\n' && used + 2 < RULE_BYTES; at++) {
        if (strncmp(at, " on address", 11) == 0 || strncmp(at, " on unknown", 11) == 0)
            break;
        if (!isdigit((unsigned char)*at) && *at != '=')
            rule[used++] = *at;
    }
    rule[used] = '\0';
}

static void name_rule(const char *text, char rule[RULE_BYTES])
{
    snprintf(rule, RULE_BYTES, "%.*s", (int)strcspn(text, ":"), text);
}

struct verdict verdict_of_child(pid_t pid, int said)
{
    struct verdict verdict = {0};
    int status;

    while (waitpid(pid, &status, 0) < 0)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return verdict;
    verdict.has_failed = true;
    verdict.text = read_said(said);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FOUND) {
        name_rule(verdict.text, verdict.rule);
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGVTALRM) {
        snprintf(verdict.rule, sizeof verdict.rule, "a run ends");
    } else {
        snprintf(verdict.rule, sizeof verdict.rule, "crash: ");
        name_crash(verdict.text, verdict.rule);
    }
    return verdict;
}

void verdict_free(struct verdict *verdict)
{
    free(verdict->text);
    *verdict = (struct verdict){0};
}

struct verdict attempt(const struct plan *plan, const bool *is_kept)
{
    struct verdict verdict;
    int said = new_said();
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid == 0) {
        begin_child(said);
        begin_run();
        world_play(plan, is_kept);
        leaks_check();
        exit(0);
    }
    verdict = verdict_of_child(pid, said);
    close(said);
    return verdict;
}
