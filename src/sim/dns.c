/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS of a sim: a table. */
#include <stdio.h>
#include <string.h>

#include <grebe/attr.h>

#include "base/assert.h"
#include "sim/network.h"

struct pending {
    struct grebe__list link; /* on sim->lookups */
    struct grebe__timer timer;
    struct grebe__lookup *lookup;
    struct sim *sim;
};

static struct sim_name *find(struct sim *sim, const char *name)
{
    grebe__list_foreach (link, &sim->names) {
        struct sim_name *entry = grebe_container_of(link, struct sim_name, link);

        if (strcmp(entry->name, name) == 0)
            return entry;
    }
    return NULL;
}

static struct sim_name *get(struct sim *sim, const char *name)
{
    struct sim_name *entry = find(sim, name);

    if (entry != NULL)
        return entry;
    entry = grebe_mem_zalloc(NULL, sizeof *entry);
    GREBE_ASSERT(entry != NULL);
    entry->name = grebe_mem_strdup(NULL, name);
    grebe__list_init(&entry->link);
    grebe__list_append(&sim->names, &entry->link);
    return entry;
}

static void forget_answers(struct sim_name *entry)
{
    for (size_t i = 0; i < entry->n; i++)
        grebe_mem_free(NULL, (void *)(uintptr_t)entry->answers[i].address);
    entry->n = 0;
}

struct sim_name *sim_name_set(struct sim *sim, const char *name, const char *addresses,
                              uint64_t ttl_ns)
{
    struct sim_name *entry = get(sim, name);

    forget_answers(entry);
    while (*addresses != '\0') {
        size_t length = strcspn(addresses, " ");

        GREBE_ASSERT(entry->n < SIM_MAX_ANSWERS);
        entry->answers[entry->n++] = (struct grebe__lookup_answer){
            .address = grebe_mem_strndup(NULL, addresses, length),
            .ttl_ns = ttl_ns,
        };
        addresses += length + strspn(addresses + length, " ");
    }
    entry->outcome = entry->n > 0 ? GREBE__LOOKUP_FOUND : GREBE__LOOKUP_NOT_FOUND;
    return entry;
}

struct sim_name *sim_name_fail(struct sim *sim, const char *name)
{
    struct sim_name *entry = get(sim, name);

    forget_answers(entry);
    entry->outcome = GREBE__LOOKUP_FAILED;
    return entry;
}

static void free_pending(struct pending *pending)
{
    grebe__timer_cancel(&pending->timer);
    grebe__list_remove(&pending->link);
    pending->lookup->pending = NULL;
    grebe_mem_free(NULL, pending);
}

static void on_answer(struct grebe__timer *timer)
{
    struct pending *pending = grebe_container_of(timer, struct pending, timer);
    struct grebe__lookup *lookup = pending->lookup;
    struct sim_name *entry = find(pending->sim, lookup->name);

    free_pending(pending);
    if (entry == NULL || entry->outcome == GREBE__LOOKUP_NOT_FOUND)
        lookup->on_done(lookup, GREBE__LOOKUP_NOT_FOUND, NULL, 0, "no such name");
    else if (entry->outcome == GREBE__LOOKUP_FAILED)
        lookup->on_done(lookup, GREBE__LOOKUP_FAILED, NULL, 0, "no server answered");
    else
        lookup->on_done(lookup, GREBE__LOOKUP_FOUND, entry->answers, entry->n, NULL);
}

static void lookup_name(struct grebe__env *env, struct grebe__lookup *lookup)
{
    struct sim *sim = env->driver;
    struct sim_name *entry = find(sim, lookup->name);
    struct pending *pending = grebe_mem_zalloc(NULL, sizeof *pending);

    GREBE_ASSERT(pending != NULL && lookup->pending == NULL);
    sim->n_lookups++;
    if (entry != NULL) {
        entry->n_lookups++;
        snprintf(entry->last_server, sizeof entry->last_server, "%s",
                 lookup->server == NULL ? "" : lookup->server);
    }
    pending->lookup = lookup;
    pending->sim = sim;
    grebe__list_init(&pending->link);
    grebe__list_append(&sim->lookups, &pending->link);
    grebe__timer_init(&pending->timer, on_answer);
    lookup->pending = pending;
    if (entry == NULL || !entry->hangs)
        grebe__env_start_timer(env, &pending->timer, env->now_ns + sim->lookup_delay_ns);
}

static void cancel_lookup(struct grebe__env *env, struct grebe__lookup *lookup)
{
    (void)env;
    free_pending(lookup->pending);
}

const struct grebe__dns_ops sim_dns_ops = {
    .lookup = lookup_name,
    .cancel = cancel_lookup,
};

void sim_names_fini(struct sim *sim)
{
    struct grebe__list *link;

    while ((link = grebe__list_shift(&sim->names)) != NULL) {
        struct sim_name *entry = grebe_container_of(link, struct sim_name, link);

        forget_answers(entry);
        grebe_mem_free(NULL, entry->name);
        grebe_mem_free(NULL, entry);
    }
}
