/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timer.h"

#include <grebe/attr.h>

/* A level: 2^slot_bits slots of 2^shift ns, kept from slot `first` on. */
static const struct level {
    unsigned shift, slot_bits, first;
} levels[GREBE__WHEEL_LEVELS] = {
    {20, 8, 0},
    {28, 6, 256},
    {34, 6, 256 + 64},
    {40, 6, 256 + 128},
};

static inline uint64_t n_slots(const struct level *level)
{
    return UINT64_C(1) << level->slot_bits;
}

/* The slot for a moment: an index into slots[]. */
static inline unsigned slot_of(const struct level *level, uint64_t ns)
{
    return level->first + (unsigned)((ns >> level->shift) & (n_slots(level) - 1));
}

void grebe__wheel_init(struct grebe__wheel *wheel, uint64_t now_ns)
{
    *wheel = (struct grebe__wheel){.now_ns = now_ns, .next_ns = UINT64_MAX};
    for (unsigned i = 0; i < GREBE__WHEEL_SLOTS; i++)
        grebe__list_init(&wheel->slots[i]);
    grebe__list_init(&wheel->beyond);
    grebe__list_init(&wheel->due);
}

static inline struct grebe__timer *timer_of(struct grebe__list *link)
{
    return grebe_container_of(link, struct grebe__timer, link);
}

static bool is_before(const struct grebe__timer *a, const struct grebe__timer *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns
                                            : a->sequence < b->sequence;
}

/* Searched from the end: timers come nearly in order. */
static void insert_due(struct grebe__wheel *wheel, struct grebe__timer *timer)
{
    struct grebe__list *after = wheel->due.prev;

    while (after != &wheel->due && is_before(timer, timer_of(after)))
        after = after->prev;
    grebe__list_insert_before(after->next, &timer->link);
}

static void place(struct grebe__wheel *wheel, struct grebe__timer *timer)
{
    if (timer->deadline_ns <= wheel->now_ns) {
        insert_due(wheel, timer);
        return;
    }
    for (unsigned i = 0; i < GREBE__WHEEL_LEVELS; i++) {
        const struct level *level = &levels[i];
        uint64_t distance =
            (timer->deadline_ns >> level->shift) - (wheel->now_ns >> level->shift);

        if (distance < n_slots(level)) {
            unsigned slot = slot_of(level, timer->deadline_ns);

            grebe__list_append(&wheel->slots[slot], &timer->link);
            wheel->occupied[slot / 64] |= UINT64_C(1) << slot % 64;
            return;
        }
    }
    grebe__list_append(&wheel->beyond, &timer->link);
}

void grebe__timer_start(struct grebe__wheel *wheel, struct grebe__timer *timer,
                        uint64_t deadline_ns)
{
    grebe__list_remove(&timer->link);
    timer->deadline_ns = deadline_ns;
    timer->sequence = wheel->sequence++;
    place(wheel, timer);
    if (deadline_ns < wheel->next_ns)
        wheel->next_ns = deadline_ns;
}

static uint64_t earliest_on(struct grebe__list *list)
{
    uint64_t earliest = UINT64_MAX;

    grebe__list_foreach (link, list)
        if (timer_of(link)->deadline_ns < earliest)
            earliest = timer_of(link)->deadline_ns;
    return earliest;
}

/* The earliest deadline of one level: on the first slot, counted from now, that has any.
 * Slots that cancelling has emptied lose their bit on the way. */
static uint64_t earliest_in(struct grebe__wheel *wheel, const struct level *level)
{
    unsigned start = slot_of(level, wheel->now_ns) - level->first;

    for (unsigned n = 0; n < n_slots(level); n++) {
        unsigned slot = level->first + ((start + n) & (unsigned)(n_slots(level) - 1));
        uint64_t bit = UINT64_C(1) << slot % 64;

        if (!(wheel->occupied[slot / 64] & bit)) {
            if (wheel->occupied[slot / 64] >> slot % 64 == 0)
                n += 63 - slot % 64; /* nothing more in this word */
            continue;
        }
        if (!grebe__list_is_empty(&wheel->slots[slot]))
            return earliest_on(&wheel->slots[slot]);
        wheel->occupied[slot / 64] &= ~bit;
    }
    return UINT64_MAX;
}

uint64_t grebe__wheel_next_ns(struct grebe__wheel *wheel)
{
    uint64_t earliest = earliest_on(&wheel->beyond);

    if (!grebe__list_is_empty(&wheel->due)) {
        earliest = timer_of(wheel->due.next)->deadline_ns;
    } else {
        for (unsigned i = 0; i < GREBE__WHEEL_LEVELS; i++) {
            uint64_t here = earliest_in(wheel, &levels[i]);

            earliest = here < earliest ? here : earliest;
        }
    }
    wheel->next_ns = earliest;
    return earliest;
}

/* Places every timer of `list` anew. */
static void replace(struct grebe__wheel *wheel, struct grebe__list *list)
{
    struct grebe__list moved, *link;

    grebe__list_init(&moved);
    grebe__list_splice(&moved, list);
    while ((link = grebe__list_shift(&moved)) != NULL)
        place(wheel, timer_of(link));
}

void grebe__wheel_advance(struct grebe__wheel *wheel, uint64_t now_ns)
{
    uint64_t before = wheel->now_ns;

    wheel->batch = wheel->sequence;
    if (now_ns <= before)
        return; /* time that runs backwards is no time passing */
    wheel->now_ns = now_ns;
    if (now_ns < wheel->next_ns && before >> 20 == now_ns >> 20)
        return;
    /* Every slot that now_ns has reached or passed since `before` is placed anew, nearest
     * level last so that what comes down from above is in order. */
    if (before >> 40 != now_ns >> 40)
        replace(wheel, &wheel->beyond);
    for (unsigned i = GREBE__WHEEL_LEVELS; i-- > 0;) {
        const struct level *level = &levels[i];
        uint64_t first = before >> level->shift, last = now_ns >> level->shift;

        if (last - first >= n_slots(level))
            first = last - n_slots(level) + 1;
        for (uint64_t tick = first; tick <= last; tick++) {
            unsigned slot = slot_of(level, tick << level->shift);
            uint64_t bit = UINT64_C(1) << slot % 64;

            if (!(wheel->occupied[slot / 64] & bit))
                continue;
            wheel->occupied[slot / 64] &= ~bit;
            replace(wheel, &wheel->slots[slot]);
        }
    }
}

struct grebe__timer *grebe__wheel_pop(struct grebe__wheel *wheel)
{
    grebe__list_foreach (link, &wheel->due) {
        struct grebe__timer *timer = timer_of(link);

        if (timer->sequence < wheel->batch) {
            grebe__list_remove(link);
            return timer;
        }
    }
    return NULL;
}
