/* SPDX-License-Identifier: Apache-2.0 */
/* support/process.c -- fork, exec, and a pipe for the first line. */
#include "support/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* In the child. */
static void run(const char *const argv[], int out)
{
    char *copy[32] = {NULL};

    for (size_t i = 0; argv[i] != NULL && i < sizeof copy / sizeof copy[0] - 1; i++)
        copy[i] = strdup(argv[i]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out, STDOUT_FILENO);
    execvp(copy[0], copy);
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* The pipe is closed after the first line: a server has nothing more to say there. */
static bool read_address(int in, char address[64])
{
    FILE *file = fdopen(in, "r");
    char line[128] = "";
    bool is_listening;

    if (file == NULL)
        return false;
    is_listening = fgets(line, sizeof line, file) != NULL &&
                   sscanf(line, "listening %63s", address) == 1;
    fclose(file);
    return is_listening;
}

bool process_start(struct process *p, const char *const argv[])
{
    int ends[2];

    *p = (struct process){0};
    if (pipe(ends) != 0)
        return false;
    p->pid = fork();
    if (p->pid == 0) {
        close(ends[0]);
        run(argv, ends[1]);
    }
    close(ends[1]);
    if (p->pid > 0 && read_address(ends[0], p->address))
        return true;
    fprintf(stderr, "%s: did not say where it is listening\n", argv[0]);
    if (p->pid > 0)
        process_kill(p);
    p->pid = 0;
    return false;
}

const char *process_port(const struct process *p)
{
    return strrchr(p->address, ':') + 1;
}

void process_stop(struct process *p)
{
    if (p->pid > 0)
        kill(p->pid, SIGTERM);
}

int process_wait(struct process *p, int timeout_ms)
{
    struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    int status;

    for (int waited_ms = 0; waitpid(p->pid, &status, WNOHANG) == 0; waited_ms += 5) {
        if (waited_ms >= timeout_ms)
            return -1;
        nanosleep(&pause, NULL);
    }
    p->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void process_kill(struct process *p)
{
    if (p->pid <= 0)
        return;
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    p->pid = 0;
}
