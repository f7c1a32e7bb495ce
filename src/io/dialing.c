/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dialing.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <grebe/endpoint.h>

#include "base/assert.h"
#include "base/endpoint.h"
#include "base/ref.h"
#include "core/transport.h"
#include "io/lock.h"
#include "io/loop.h"

enum { ERROR_BYTES = 256 };

struct grebe_dialing {
    const struct grebe_mem *mem;
    uint32_t refs;           /* the owner's, the dialer's, and those of what is queued */
    struct grebe_loop *loop; /* while there is an owner */
    struct grebe_dialer dialer; /* the channel may be gone before the answer */
    uint64_t deadline_ns;
    struct grebe__effect ask, tell;     /* dial() and cancel() of the application */
    bool is_asked;                      /* dial() was called */
    struct grebe__task answer;          /* brings the answer to the loop */
    struct grebe__lock lock;            /* guards what follows */
    struct grebe__dialing_owner *owner; /* NULL: cancelled */
    bool is_answered;
    int fd; /* of the answer; -1: `error` */
    char error[ERROR_BYTES];
    char address[];
};

static void unref(struct grebe_dialing *dialing)
{
    if (!grebe__ref_put(&dialing->refs))
        return;
    grebe__lock_fini(&dialing->lock);
    grebe_mem_free(dialing->mem, dialing);
}

/* ---- Asking ----------------------------------------------------------------------- */

/* As an application writes it; the text of a Unix address is its path alone. */
static size_t format_address(const struct grebe_address *address, char *buf, size_t size)
{
    const char *text = grebe_address_text(address), *prefix = "";

    if (grebe__address_is_local(address) && strncmp(text, "unix:", 5) != 0 &&
        strncmp(text, "unix-abstract:", 14) != 0) {
        prefix = text[0] == '@' ? "unix-abstract:" : text[0] == '/' ? "unix://" : "unix:";
        text += text[0] == '@';
    }
    return (size_t)snprintf(buf, size, "%s%s", prefix, text);
}

/* Outside of turns, like all of the application's functions. */
static void ask(struct grebe__effect *effect)
{
    struct grebe_dialing *dialing = grebe_container_of(effect, struct grebe_dialing, ask);
    const struct grebe_dialer *dialer = &dialing->dialer;

    if (dialing->owner == NULL) {
        unref(dialing); /* cancelled before the dialer heard of it: it owes nothing */
    } else {
        dialing->is_asked = true;
        dialer->dial(dialer->arg, dialing->address, dialing);
    }
}

static void tell(struct grebe__effect *effect)
{
    struct grebe_dialing *dialing =
        grebe_container_of(effect, struct grebe_dialing, tell);
    bool is_answered;

    grebe__lock_acquire(&dialing->lock);
    is_answered = dialing->is_answered;
    grebe__lock_release(&dialing->lock);
    if (!is_answered)
        dialing->dialer.cancel(dialing->dialer.arg, dialing);
    unref(dialing);
}

static void bring_answer(struct grebe__task *task);

struct grebe_dialing *grebe__dialing_start(struct grebe_loop *loop,
                                           const struct grebe__dial *dial,
                                           struct grebe__dialing_owner *owner)
{
    size_t size = format_address(dial->address, NULL, 0) + 1;
    struct grebe_dialing *made = grebe_mem_zalloc(dial->mem, sizeof *made + size);

    if (made == NULL)
        return NULL;
    made->mem = dial->mem;
    made->refs = 2;
    made->loop = loop;
    made->dialer = *dial->options->dialer;
    made->deadline_ns = dial->deadline_ns;
    grebe__effect_init(&made->ask, ask);
    grebe__effect_init(&made->tell, tell);
    made->answer.run = bring_answer;
    grebe__lock_init(&made->lock);
    made->owner = owner;
    format_address(dial->address, made->address, size);
    grebe__env_finish(&loop->env, &made->ask);
    return made;
}

void grebe__dialing_cancel(struct grebe_dialing *dialing)
{
    struct grebe_loop *loop = dialing->loop;
    bool is_answered;

    grebe__lock_acquire(&dialing->lock);
    dialing->owner = NULL;
    is_answered = dialing->is_answered;
    grebe__lock_release(&dialing->lock);
    if (dialing->is_asked && !is_answered && dialing->dialer.cancel != NULL) {
        grebe__ref_get(&dialing->refs);
        grebe__env_finish(&loop->env, &dialing->tell);
    }
    unref(dialing);
}

/* ---- Answering --------------------------------------------------------------------- */

/* On the loop.  The owner may have given up since the answer was posted. */
static void bring_answer(struct grebe__task *task)
{
    struct grebe_dialing *dialing =
        grebe_container_of(task, struct grebe_dialing, answer);
    struct grebe__dialing_owner *owner = dialing->owner;

    if (owner != NULL) {
        owner->on_answer(owner, dialing->fd, dialing->error);
        unref(dialing); /* the owner's */
    } else if (dialing->fd >= 0) {
        close(dialing->fd);
    }
    unref(dialing); /* the task's */
}

/* dialing->fd and ->error are set.  While there is an owner there is a loop: posted under
 * the lock, because the owner may give up, and the loop end, right after. */
static void answer(struct grebe_dialing *dialing, int fd, const char *error)
{
    bool is_wanted;

    grebe__lock_acquire(&dialing->lock);
    GREBE_ASSERT(!dialing->is_answered); /* once */
    dialing->is_answered = true;
    dialing->fd = fd;
    snprintf(dialing->error, sizeof dialing->error, "%s", error);
    is_wanted = dialing->owner != NULL && !grebe__loop_is_forked(dialing->loop);
    if (is_wanted) {
        grebe__ref_get(&dialing->refs);
        grebe__env_post(&dialing->loop->env, &dialing->answer);
    }
    grebe__lock_release(&dialing->lock);
    if (!is_wanted && fd >= 0)
        close(fd);
    unref(dialing); /* the dialer's; until now it kept the lock in memory */
}

void grebe_dialing_connected(struct grebe_dialing *dialing, int fd)
{
    answer(dialing, fd, fd < 0 ? "not a descriptor" : "");
}

void grebe_dialing_failed(struct grebe_dialing *dialing, const char *error)
{
    answer(dialing, -1, error);
}

uint64_t grebe_dialing_deadline_ns(const struct grebe_dialing *dialing)
{
    return dialing->deadline_ns;
}

bool grebe_dialing_is_cancelled(struct grebe_dialing *dialing)
{
    bool is_cancelled;

    grebe__lock_acquire(&dialing->lock);
    is_cancelled = dialing->owner == NULL;
    grebe__lock_release(&dialing->lock);
    return is_cancelled;
}
