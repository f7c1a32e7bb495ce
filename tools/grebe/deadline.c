/* SPDX-License-Identifier: Apache-2.0 */
#include "deadline.h"

#include <stdlib.h>

#include <grebe/attr.h>

static void put(struct deadlines *d, size_t place, struct deadline *deadline)
{
    d->heap[place] = deadline;
    deadline->place = place;
}

/* Moves what belongs higher up, or lower down, than `place`. */
static void sift(struct deadlines *d, size_t place)
{
    struct deadline *moving = d->heap[place];

    while (place > 1 && moving->at_ns < d->heap[place / 2]->at_ns) {
        put(d, place, d->heap[place / 2]);
        place /= 2;
    }
    for (;;) {
        size_t child = 2 * place;

        if (child < d->n && d->heap[child + 1]->at_ns < d->heap[child]->at_ns)
            child++;
        if (child > d->n || d->heap[child]->at_ns >= moving->at_ns)
            break;
        put(d, place, d->heap[child]);
        place = child;
    }
    put(d, place, moving);
}

static void take(struct deadlines *d, struct deadline *deadline)
{
    size_t place = deadline->place;
    struct deadline *last = d->heap[d->n--];

    deadline->place = 0;
    if (last == deadline)
        return;
    put(d, place, last);
    sift(d, place);
}

static void rearm(struct deadlines *d)
{
    alarm_set(&d->alarm, d->n == 0 ? ALARM_NEVER : d->heap[1]->at_ns);
}

static void on_alarm(struct alarm *alarm)
{
    struct deadlines *d = grebe_container_of(alarm, struct deadlines, alarm);
    uint64_t now_ns = alarm_now_ns();

    while (d->n > 0 && d->heap[1]->at_ns <= now_ns) {
        struct deadline *due = d->heap[1];

        take(d, due);
        due->on_due(due);
    }
    rearm(d);
}

int deadlines_init(struct deadlines *deadlines, uv_loop_t *loop)
{
    *deadlines = (struct deadlines){0};
    return alarm_init(loop, &deadlines->alarm, on_alarm);
}

void deadlines_close(struct deadlines *deadlines, uv_close_cb on_closed)
{
    free(deadlines->heap);
    deadlines->heap = NULL;
    alarm_close(&deadlines->alarm, on_closed);
}

bool deadline_start(struct deadlines *d, struct deadline *deadline, uint64_t at_ns)
{
    deadline_cancel(d, deadline);
    if (d->n + 1 >= d->size) {
        size_t size = d->size == 0 ? 64 : 2 * d->size;
        struct deadline **heap = realloc(d->heap, size * sizeof(struct deadline *));

        if (heap == NULL)
            return false;
        d->heap = heap;
        d->size = size;
    }
    deadline->at_ns = at_ns;
    put(d, ++d->n, deadline);
    sift(d, d->n);
    rearm(d);
    return true;
}

/* The alarm may ring for nothing then, which costs less than setting it anew. */
void deadline_cancel(struct deadlines *d, struct deadline *deadline)
{
    if (deadline->place != 0)
        take(d, deadline);
}
