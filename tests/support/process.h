/* SPDX-License-Identifier: Apache-2.0 */
/* support/process.h -- servers in processes of their own.
 *
 * A server is any program that prints "listening ADDRESS" first.  It dies with the test,
 * whichever way that ends.
 *
 * Ownership   A process that was started must be stopped or killed, once.
 */
#ifndef SUPPORT_PROCESS_H
#define SUPPORT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct process {
    pid_t pid;        /* 0: not running */
    char address[64]; /* "127.0.0.1:34567" */
};

/* Run argv and wait for its first line.  False, with the reason on stderr, when it ends
 * or says something else instead. */
bool process_start(struct process *p, const char *const argv[]);

/* The part of `address` behind the colon. */
const char *process_port(const struct process *p);

/* SIGTERM: ask it to finish what it is doing.  process_wait() tells when it has. */
void process_stop(struct process *p);

/* SIGKILL, and wait.  No-op when it is not running. */
void process_kill(struct process *p);

/* Its exit code, 128 + N if signal N ended it, or -1 if it still runs after `timeout_ms`. */
int process_wait(struct process *p, int timeout_ms);

#endif
