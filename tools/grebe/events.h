/* SPDX-License-Identifier: Apache-2.0 */
/* events.h -- what happened, and when, beside the numbers.
 *
 * Threading   Any thread adds; reading is for afterwards.
 */
#ifndef TOOL_EVENTS_H
#define TOOL_EVENTS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct event {
    uint64_t at_ns;
    char name[16]; /* "channel", "joined", "failing", "recovered", "quiet", "log"... */
    char address[128]; /* of a backend, or "" */
    char detail[256];
};

enum { EVENTS_MAX = 1000 };

struct events {
    pthread_mutex_t mutex;
    struct event *items; /* n, in order */
    size_t n, n_lost;    /* beyond EVENTS_MAX */
};

void events_init(struct events *events);
void events_fini(struct events *events);

void events_add(struct events *events, uint64_t at_ns, const char *name,
                const char *address, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
