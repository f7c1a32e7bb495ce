/* SPDX-License-Identifier: Apache-2.0 */
/* registry/registry.c -- grebe/registry.h: two lists of names, newest first.
 *
 * A list only grows, at its head, and its nodes are never freed, so readers walk it
 * without a lock and need no one's leave.  Registering a known name again, or
 * unregistering it, swaps the pointer in its node.  Growth is bounded by the number of
 * distinct names.
 */
#include "registry/registry.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <grebe/balancer.h>
#include <grebe/error.h>
#include <grebe/mem.h>
#include <grebe/resolver.h>

#include "base/text.h"

struct node {
    struct node *next;
    _Atomic(const void *) builder; /* NULL: unregistered */
    char name[];
};

typedef _Atomic(struct node *) node_list;

static node_list balancers, resolvers;
static node_list schemes; /* every default there ever was, as text that stays */
static _Atomic(const struct node *) default_scheme;
static atomic_bool is_case_sensitive;

/* ---- Warnings ---------------------------------------------------------------------- */

/* Function and argument belong together: this lock is held while two words are copied. */
static struct {
    atomic_flag is_held;
    grebe_log_fn log; /* NULL: stderr */
    void *arg;
} sink = {.is_held = ATOMIC_FLAG_INIT};

static void hold_sink(void)
{
    while (atomic_flag_test_and_set_explicit(&sink.is_held, memory_order_acquire))
        ;
}

static void release_sink(void)
{
    atomic_flag_clear_explicit(&sink.is_held, memory_order_release);
}

void grebe_registry_set_log(grebe_log_fn log, void *arg)
{
    hold_sink();
    sink.log = log;
    sink.arg = arg;
    release_sink();
}

void grebe__registry_warn(const char *format, ...)
{
    char line[512];
    grebe_log_fn log;
    va_list args;
    void *arg;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    hold_sink();
    log = sink.log;
    arg = sink.arg;
    release_sink();
    if (log != NULL)
        log(arg, GREBE_LOG_WARNING, line);
    else
        fprintf(stderr, "grebe: warning: %s\n", line);
}

/* ---- Names ------------------------------------------------------------------------- */

void grebe_registry_set_case_sensitive(bool wants_case)
{
    atomic_store(&is_case_sensitive, wants_case);
}

static char fold(char c, bool folds)
{
    return folds ? grebe__ascii_lower(c) : c;
}

/* `stored` is as it is; `name` may have to be folded first. */
static bool is_same(const char *stored, const char *name, bool folds)
{
    size_t i = 0;

    while (stored[i] != '\0' && stored[i] == fold(name[i], folds))
        i++;
    return stored[i] == '\0' && name[i] == '\0';
}

/* True if names fold now.  Warns if that changes this one. */
static bool fold_with_warning(const char *name, const char *what)
{
    char before[128], after[128];
    struct grebe__text as_given = grebe__text_init(before, sizeof before);
    struct grebe__text folded = grebe__text_init(after, sizeof after);
    bool changes = false;

    if (atomic_load(&is_case_sensitive))
        return false;
    for (const char *c = name; *c != '\0'; c++)
        changes = changes || *c != grebe__ascii_lower(*c);
    if (!changes)
        return true;
    grebe__text_append_escaped(&as_given, name, strlen(name));
    grebe__text_append_escaped(&folded, name, strlen(name));
    for (char *c = after; *c != '\0'; c++)
        *c = grebe__ascii_lower(*c);
    grebe__registry_warn("balancer %s name \"%s\", folded to \"%s\"", what, before,
                         after);
    return true;
}

/* ---- Lists ------------------------------------------------------------------------- */

/* The newest node of that name, or NULL. */
static struct node *find(node_list *list, const char *name, bool folds)
{
    struct node *node = atomic_load_explicit(list, memory_order_acquire);

    while (node != NULL && !is_same(node->name, name, folds))
        node = node->next;
    return node;
}

static struct node *prepend(node_list *list, const char *name, bool folds,
                            const void *builder)
{
    size_t length = strlen(name);
    struct node *made = grebe_mem_alloc(NULL, sizeof *made + length + 1);

    if (made == NULL)
        return NULL;
    atomic_init(&made->builder, builder);
    for (size_t i = 0; i <= length; i++)
        made->name[i] = fold(name[i], folds);
    made->next = atomic_load_explicit(list, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        list, &made->next, made, memory_order_release, memory_order_relaxed))
        ;
    return made;
}

/* Two threads that register one new name at a time may make two nodes for it; the newer
 * one is found from then on. */
static int put(node_list *list, const char *name, bool folds, const void *builder)
{
    struct node *node = find(list, name, folds);

    if (node == NULL)
        return prepend(list, name, folds, builder) == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
    atomic_store_explicit(&node->builder, builder, memory_order_release);
    return GREBE_OK;
}

static const void *get(node_list *list, const char *name, bool folds)
{
    struct node *node = find(list, name, folds);

    return node == NULL ? NULL
                        : atomic_load_explicit(&node->builder, memory_order_acquire);
}

static void forget(node_list *list, const char *name, bool folds)
{
    struct node *node = atomic_load_explicit(list, memory_order_acquire);

    for (; node != NULL; node = node->next)
        if (is_same(node->name, name, folds))
            atomic_store_explicit(&node->builder, NULL, memory_order_release);
}

/* ---- Balancers --------------------------------------------------------------------- */

int grebe_balancer_register(const struct grebe_balancer_builder *builder)
{
    if (builder->api > GREBE_BALANCER_API)
        return GREBE_ERR_UNSUPPORTED;
    if (builder->api == 0 || builder->name == NULL || builder->name[0] == '\0' ||
        builder->build == NULL)
        return GREBE_ERR_INVALID;
    return put(&balancers, builder->name,
               fold_with_warning(builder->name, "registered with"), builder);
}

const struct grebe_balancer_builder *grebe_balancer_get(const char *name)
{
    bool folds = fold_with_warning(name, "retrieved for");
    const struct grebe_balancer_builder *found = get(&balancers, name, folds);

    for (size_t i = 0; found == NULL && grebe__builtin_balancers[i] != NULL; i++)
        if (is_same(grebe__builtin_balancers[i]->name, name, folds))
            found = grebe__builtin_balancers[i];
    return found;
}

void grebe_balancer_unregister(const char *name)
{
    forget(&balancers, name, !atomic_load(&is_case_sensitive));
}

/* ---- Resolvers --------------------------------------------------------------------- */

int grebe_resolver_register(const struct grebe_resolver_builder *builder)
{
    if (builder->api > GREBE_RESOLVER_API)
        return GREBE_ERR_UNSUPPORTED;
    if (builder->api == 0 || builder->scheme == NULL || builder->scheme[0] == '\0' ||
        builder->build == NULL)
        return GREBE_ERR_INVALID;
    return put(&resolvers, builder->scheme, false, builder);
}

const struct grebe_resolver_builder *grebe_resolver_get(const char *scheme)
{
    const struct grebe_resolver_builder *found = get(&resolvers, scheme, false);

    for (size_t i = 0; found == NULL && grebe__builtin_resolvers[i] != NULL; i++)
        if (is_same(grebe__builtin_resolvers[i]->scheme, scheme, false))
            found = grebe__builtin_resolvers[i];
    return found;
}

void grebe_resolver_unregister(const char *scheme)
{
    forget(&resolvers, scheme, false);
}

/* ---- Default scheme ---------------------------------------------------------------- */

int grebe_resolver_set_default_scheme(const char *scheme)
{
    const struct node *node = NULL;

    if (scheme != NULL && scheme[0] == '\0')
        return GREBE_ERR_INVALID;
    if (scheme != NULL) {
        node = find(&schemes, scheme, false);
        if (node == NULL)
            node = prepend(&schemes, scheme, false, NULL);
        if (node == NULL)
            return GREBE_ERR_NOMEM;
    }
    atomic_store_explicit(&default_scheme, node, memory_order_release);
    return GREBE_OK;
}

const char *grebe__registry_default_scheme(void)
{
    const struct node *node = atomic_load_explicit(&default_scheme, memory_order_acquire);

    return node == NULL ? NULL : node->name;
}
