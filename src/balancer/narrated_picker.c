/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/narrated_picker.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <grebe/explain.h>

enum { NOTE_BYTES = 256 };

struct narrated_picker {
    struct grebe_picker base;
    const struct grebe_mem *mem;
    struct grebe_picker *child; /* a reference */
    const char *policy, *rule;
    char note[];
};

static void narrate(struct grebe_picker *base, const struct grebe_pick_args *args,
                    struct grebe_pick *out)
{
    const struct narrated_picker *picker =
        grebe_container_of(base, struct narrated_picker, base);

    if (args->explanation == NULL) {
        grebe_picker_pick(picker->child, args, out);
        return;
    }
    grebe_explain_begin(args->explanation, picker->policy, picker->rule);
    grebe_explain_note(args->explanation, "%s", picker->note);
    grebe_picker_pick(picker->child, args, out);
    grebe_explain_end(args->explanation);
}

static void destroy(struct grebe_picker *base)
{
    struct narrated_picker *picker =
        grebe_container_of(base, struct narrated_picker, base);
    const struct grebe_mem *mem = picker->mem;

    grebe_picker_unref(picker->child);
    grebe_mem_free(mem, picker);
}

static const struct grebe_picker_ops narrated_ops = {.pick = narrate, .destroy = destroy};

static bool only_queues(const struct grebe_picker *picker)
{
    struct grebe_picker *queueing = grebe_picker_queueing();
    bool is_same = picker == queueing;

    grebe_picker_unref(queueing);
    return is_same;
}

struct grebe_picker *grebe__narrated_picker(const struct grebe_mem *mem,
                                            struct grebe_picker *child,
                                            const char *policy, const char *rule,
                                            const char *format, ...)
{
    struct narrated_picker *picker;
    char note[NOTE_BYTES];
    va_list args;

    if (only_queues(child))
        return child;
    va_start(args, format);
    vsnprintf(note, sizeof note, format, args);
    va_end(args);
    picker = grebe_mem_alloc(mem, sizeof *picker + strlen(note) + 1);
    if (picker == NULL)
        return child;
    grebe_picker_init(&picker->base, &narrated_ops);
    picker->mem = mem;
    picker->child = child;
    picker->policy = policy;
    picker->rule = rule;
    memcpy(picker->note, note, strlen(note) + 1);
    return &picker->base;
}
