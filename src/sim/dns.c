/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS of a sim: a table. */
#include <stdio.h>
#include <stdlib.h>
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

/* ---- The table --------------------------------------------------------------------- */

static struct sim_name *find(struct sim *sim, enum grebe__lookup_kind kind,
                             const char *name)
{
    grebe__list_foreach (link, &sim->names) {
        struct sim_name *entry = grebe_container_of(link, struct sim_name, link);

        if (entry->kind == kind && strcmp(entry->name, name) == 0)
            return entry;
    }
    return NULL;
}

static struct sim_name *get(struct sim *sim, enum grebe__lookup_kind kind,
                            const char *name)
{
    struct sim_name *entry = find(sim, kind, name);

    if (entry != NULL)
        return entry;
    entry = grebe_mem_zalloc(NULL, sizeof *entry);
    GREBE_ASSERT(entry != NULL);
    entry->kind = kind;
    entry->name = grebe_mem_strdup(NULL, name);
    grebe__list_init(&entry->link);
    grebe__list_append(&sim->names, &entry->link);
    return entry;
}

static void forget_answers(struct sim_name *entry)
{
    for (size_t i = 0; i < entry->n; i++)
        grebe_mem_free(NULL, (void *)(uintptr_t)entry->answers[i].text);
    grebe_mem_free(NULL, entry->answers);
    entry->answers = NULL;
    entry->n = 0;
    entry->outcome = GREBE__LOOKUP_NOT_FOUND;
}

static void free_name(struct sim_name *entry)
{
    forget_answers(entry);
    grebe_mem_free(NULL, entry->name);
    grebe_mem_free(NULL, entry);
}

static struct grebe__lookup_answer *add(struct sim_name *entry, const char *text,
                                        size_t length, uint64_t ttl_ns)
{
    struct grebe__lookup_answer *answer;

    entry->answers =
        grebe_mem_realloc(NULL, entry->answers, (entry->n + 1) * sizeof *entry->answers);
    GREBE_ASSERT(entry->answers != NULL);
    answer = &entry->answers[entry->n++];
    *answer = (struct grebe__lookup_answer){
        .text = grebe_mem_strndup(NULL, text, length),
        .length = length,
        .ttl_ns = ttl_ns,
    };
    entry->outcome = GREBE__LOOKUP_FOUND;
    return answer;
}

/* The next word of `*text`, which is behind it then. */
static const char *next_word(const char **text, size_t *length)
{
    const char *word = *text;

    *length = strcspn(word, " ");
    *text = word + *length + strspn(word + *length, " ");
    return word;
}

static uint16_t next_number(const char **text)
{
    size_t length;

    return (uint16_t)strtoul(next_word(text, &length), NULL, 10);
}

struct sim_name *sim_name_set(struct sim *sim, const char *name, const char *addresses,
                              uint64_t ttl_ns)
{
    struct sim_name *entry = get(sim, GREBE__LOOKUP_ADDRESSES, name);
    size_t length;

    forget_answers(entry);
    while (*addresses != '\0') {
        const char *address = next_word(&addresses, &length);

        add(entry, address, length, ttl_ns);
    }
    return entry;
}

struct sim_name *sim_name_set_srv(struct sim *sim, const char *name, const char *records,
                                  uint64_t ttl_ns)
{
    struct sim_name *entry = get(sim, GREBE__LOOKUP_SRV, name);

    forget_answers(entry);
    while (*records != '\0') {
        uint16_t priority = next_number(&records), weight = next_number(&records);
        uint16_t port = next_number(&records);
        struct grebe__lookup_answer *answer;
        const char *target;
        size_t length;

        target = next_word(&records, &length);
        answer = add(entry, target, length, ttl_ns);
        answer->priority = priority;
        answer->weight = weight;
        answer->port = port;
    }
    return entry;
}

struct sim_name *sim_name_add_txt(struct sim *sim, const char *name, const char *text,
                                  uint64_t ttl_ns)
{
    struct sim_name *entry = get(sim, GREBE__LOOKUP_TXT, name);

    add(entry, text, strlen(text), ttl_ns);
    return entry;
}

struct sim_name *sim_name_fail(struct sim *sim, enum grebe__lookup_kind kind,
                               const char *name)
{
    struct sim_name *entry = get(sim, kind, name);

    forget_answers(entry);
    entry->outcome = GREBE__LOOKUP_FAILED;
    return entry;
}

void sim_name_forget(struct sim *sim, enum grebe__lookup_kind kind, const char *name)
{
    struct sim_name *entry = find(sim, kind, name);

    GREBE_ASSERT(entry != NULL);
    grebe__list_remove(&entry->link);
    free_name(entry);
}

void sim_names_fini(struct sim *sim)
{
    struct grebe__list *link;

    while ((link = grebe__list_shift(&sim->names)) != NULL)
        free_name(grebe_container_of(link, struct sim_name, link));
}

/* ---- The port ---------------------------------------------------------------------- */

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
    struct sim_name *entry = find(pending->sim, lookup->kind, lookup->name);
    struct grebe__lookup_result result = {.outcome = GREBE__LOOKUP_NOT_FOUND};

    free_pending(pending);
    if (entry != NULL)
        result.outcome = entry->outcome;
    if (result.outcome == GREBE__LOOKUP_NOT_FOUND) {
        result.error = "no such name";
    } else if (result.outcome == GREBE__LOOKUP_FAILED) {
        result.error = "no server answered";
    } else {
        result.answers = entry->answers;
        result.n = entry->n < lookup->max_answers ? entry->n : lookup->max_answers;
        result.n_left_out = entry->n - result.n;
    }
    lookup->on_done(lookup, &result);
}

static void lookup_name(struct grebe__env *env, struct grebe__lookup *lookup)
{
    struct sim *sim = env->driver;
    struct sim_name *entry = find(sim, lookup->kind, lookup->name);
    struct pending *pending = grebe_mem_zalloc(NULL, sizeof *pending);

    GREBE_ASSERT(pending != NULL && lookup->pending == NULL && lookup->max_answers > 0);
    if (lookup->kind == GREBE__LOOKUP_ADDRESSES)
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
    if (lookup->pending != NULL)
        free_pending(lookup->pending);
}

static void tell_host_name(struct grebe__env *env, char *buf, size_t size)
{
    const struct sim *sim = env->driver;

    snprintf(buf, size, "%s", sim->host_name == NULL ? "" : sim->host_name);
}

const struct grebe__dns_ops sim_dns_ops = {
    .lookup = lookup_name,
    .cancel = cancel_lookup,
    .host_name = tell_host_name,
};
