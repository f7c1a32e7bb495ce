/* SPDX-License-Identifier: Apache-2.0 */
#include "channelz/trace.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "channelz/book.h"

enum { FIRST_ROOM = 4 }; /* what a subchannel that goes READY needs */

void grebe__trace_init(struct grebe__trace *trace, uint32_t n_max, uint64_t now_ns)
{
    *trace = (struct grebe__trace){.n_max = n_max, .created_ns = now_ns};
}

const struct grebe__event *grebe__trace_at(const struct grebe__trace *trace, uint32_t i)
{
    return &trace->events[(trace->at + i) % trace->n_room];
}

/* ---- Room ------------------------------------------------------------------------------- */

/* Only a trace that has not begun to forget grows, and that one starts at 0. */
static bool grow(struct grebe__trace *trace, const struct grebe_mem *mem)
{
    uint32_t n_room = trace->n_room == 0 ? FIRST_ROOM : 2 * trace->n_room;
    struct grebe__event *events;

    GREBE_ASSERT(trace->at == 0);
    if (n_room > trace->n_max)
        n_room = trace->n_max;
    events = grebe_mem_realloc(mem, trace->events, n_room * sizeof *events);
    if (events == NULL)
        return false;
    trace->events = events;
    trace->n_room = n_room;
    return true;
}

static bool keep(struct grebe__happening *what, const struct grebe_mem *mem)
{
    size_t length;

    switch ((enum grebe__detail)what->detail) {
    case GREBE__DETAIL_COPIED:
        length = strlen(what->of.text);
        what->of.text = grebe_mem_strndup(
            mem, what->of.text,
            length < GREBE__DESCRIPTION_MAX ? length : GREBE__DESCRIPTION_MAX);
        return what->of.text != NULL;
    case GREBE__DETAIL_ADDRESS:
        grebe_address_ref(what->of.address);
        return true;
    case GREBE__DETAIL_STATIC:
    case GREBE__DETAIL_ENTITY:
        break;
    }
    return true;
}

static void let_go(const struct grebe__happening *what, const struct grebe_mem *mem)
{
    if (what->detail == GREBE__DETAIL_COPIED)
        grebe_mem_free(mem, (char *)(uintptr_t)what->of.text);
    else if (what->detail == GREBE__DETAIL_ADDRESS)
        grebe_address_unref(what->of.address);
}

bool grebe__trace_shift(struct grebe__trace *trace, const struct grebe_mem *mem,
                        struct grebe__entity **lost)
{
    const struct grebe__happening *what;

    if (trace->n == 0)
        return false;
    what = &trace->events[trace->at].what;
    let_go(what, mem);
    *lost = grebe__happening_about(what);
    trace->at = (trace->at + 1) % trace->n_room;
    trace->n--;
    return true;
}

/* ---- Events ------------------------------------------------------------------------------ */

bool grebe__trace_add(struct grebe__trace *trace, const struct grebe_mem *mem,
                      uint64_t now_ns, const struct grebe__happening *what,
                      struct grebe__entity **lost)
{
    struct grebe__event event = {.at_ns = now_ns, .what = *what};

    *lost = NULL;
    trace->n_logged++;
    if (trace->n_max == 0 || !keep(&event.what, mem))
        return false;
    /* Without memory for more room the ring turns early. */
    if (trace->n == trace->n_room &&
        (trace->n_room == trace->n_max || trace->at != 0 || !grow(trace, mem)) &&
        !grebe__trace_shift(trace, mem, lost)) {
        let_go(&event.what, mem);
        return false;
    }
    trace->events[(trace->at + trace->n) % trace->n_room] = event;
    trace->n++;
    return true;
}

void grebe__trace_fini(struct grebe__trace *trace, const struct grebe_mem *mem)
{
    GREBE_ASSERT(trace->n == 0);
    grebe_mem_free(mem, trace->events);
    trace->events = NULL;
    trace->n_room = 0;
}

static void append(struct grebe__text *text, const char *part)
{
    grebe__text_append(text, part, strlen(part));
}

void grebe__happening_append(struct grebe__text *text,
                             const struct grebe__happening *what)
{
    append(text, what->phrase->head);
    switch ((enum grebe__detail)what->detail) {
    case GREBE__DETAIL_STATIC:
    case GREBE__DETAIL_COPIED:
        append(text, what->of.text);
        break;
    case GREBE__DETAIL_ADDRESS:
        append(text, grebe_address_text(what->of.address));
        break;
    case GREBE__DETAIL_ENTITY:
        grebe__text_printf(text, "%" PRId64, what->of.entity->id);
        break;
    }
    append(text, what->phrase->tail);
}
