/* SPDX-License-Identifier: Apache-2.0 */
#include "events.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEP = 64 };

void events_init(struct events *events)
{
    *events = (struct events){0};
    pthread_mutex_init(&events->mutex, NULL);
}

void events_fini(struct events *events)
{
    pthread_mutex_destroy(&events->mutex);
    free(events->items);
}

/* A place for one more, or NULL: an event that finds no memory is a lost one. */
static struct event *append(struct events *events)
{
    struct event *items = events->items;

    if (events->n < EVENTS_MAX && events->n % STEP == 0)
        items = realloc(items, (events->n + STEP) * sizeof *items);
    if (events->n == EVENTS_MAX || items == NULL) {
        events->n_lost++;
        return NULL;
    }
    events->items = items;
    return &items[events->n++];
}

void events_add(struct events *events, uint64_t at_ns, const char *name,
                const char *address, const char *format, ...)
{
    struct event *event;
    va_list args;

    pthread_mutex_lock(&events->mutex);
    event = append(events);
    if (event != NULL) {
        event->at_ns = at_ns;
        snprintf(event->name, sizeof event->name, "%s", name);
        snprintf(event->address, sizeof event->address, "%s", address);
        va_start(args, format);
        vsnprintf(event->detail, sizeof event->detail, format, args);
        va_end(args);
    }
    pthread_mutex_unlock(&events->mutex);
}
