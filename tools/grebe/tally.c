/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

enum {
    FIRST_SLOTS = 256,
    FAILING = 3, /* failures in a row that are news */
};

/* A backend whose first call comes within this time has been there from the beginning. */
#define FIRST_CALLS_NS (500 * NS_PER_MS)

/* The library gives the same pointer for a backend as long as the address lives, so the
 * pointer is the key; the text is compared because memory is used again. */
struct tally_slot {
    const char *peer; /* NULL: free */
    struct tally_backend *backend;
};

void tally_init(struct tally *tally, struct events *events)
{
    *tally = (struct tally){.events = events};
}

void tally_fini(struct tally *tally)
{
    for (size_t i = 0; i < tally->n_backends; i++) {
        overlap_fini(&tally->backends[i]->overlap);
        free(tally->backends[i]);
    }
    free(tally->backends);
    free(tally->slots);
}

/* ---- Backends ---------------------------------------------------------------------- */

static struct tally_slot *slot_for(const struct tally *tally, const char *peer)
{
    uint64_t hash = (uint64_t)(uintptr_t)peer * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(hash >> 32) & (tally->n_slots - 1);

    while (tally->slots[i].peer != NULL &&
           (tally->slots[i].peer != peer ||
            strcmp(tally->slots[i].backend->address, peer) != 0))
        i = (i + 1) & (tally->n_slots - 1);
    return &tally->slots[i];
}

static struct tally_backend *add_backend(struct tally *tally, const char *address)
{
    size_t n = tally->n_backends + 1;
    struct tally_backend **backends =
        realloc(tally->backends, n * sizeof(struct tally_backend *));
    struct tally_backend *backend;

    if (backends == NULL)
        return NULL;
    tally->backends = backends;
    backend = calloc(1, sizeof *backend);
    if (backend == NULL)
        return NULL;
    snprintf(backend->address, sizeof backend->address, "%s", address);
    backends[tally->n_backends++] = backend;
    return backend;
}

static struct tally_backend *find_address(const struct tally *tally, const char *address)
{
    for (size_t i = 0; i < tally->n_backends; i++)
        if (strcmp(tally->backends[i]->address, address) == 0)
            return tally->backends[i];
    return NULL;
}

bool tally_expect(struct tally *tally, const char *address)
{
    return find_address(tally, address) != NULL || add_backend(tally, address) != NULL;
}

/* Starts the table anew, at least four times as large as there are backends; pointers
 * that are still in use come back by themselves. */
static bool clear_slots(struct tally *tally)
{
    size_t n_slots = FIRST_SLOTS;
    struct tally_slot *slots;

    while (n_slots < 4 * tally->n_backends)
        n_slots *= 2;
    slots = calloc(n_slots, sizeof *slots);
    if (slots == NULL)
        return false;
    free(tally->slots);
    tally->slots = slots;
    tally->n_slots = n_slots;
    tally->n_used = 0;
    return true;
}

/* A peer that is not in the table: the backend is known by name, or new. */
static struct tally_backend *learn(struct tally *tally, const char *peer)
{
    struct tally_backend *backend = find_address(tally, peer);

    if (backend == NULL)
        backend = add_backend(tally, peer);
    if (backend == NULL || (2 * tally->n_used >= tally->n_slots && !clear_slots(tally)))
        return NULL;
    *slot_for(tally, peer) = (struct tally_slot){peer, backend};
    tally->n_used++;
    return backend;
}

static struct tally_backend *find(struct tally *tally, const char *peer)
{
    struct tally_slot *slot = tally->n_slots == 0 ? NULL : slot_for(tally, peer);

    return slot == NULL || slot->peer == NULL ? learn(tally, peer) : slot->backend;
}

/* ---- Calls ------------------------------------------------------------------------- */

static void tell_failure(struct tally *tally, struct tally_backend *backend,
                         const struct tally_call *call)
{
    char name[24];

    if (backend->n_failures++ == 0)
        backend->failing_since_ns = call->done_ns;
    if (backend->n_failures == FAILING && tally->events != NULL)
        events_add(tally->events, backend->failing_since_ns, "failing", backend->address,
                   "%s: %s", grebe_status_code_name(call->status->code, name),
                   call->status->message);
}

static void tell_success(struct tally *tally, struct tally_backend *backend,
                         const struct tally_call *call)
{
    char buf[UNITS_TEXT];

    if (tally->events == NULL)
        return;
    if (tally->first_ns == 0)
        tally->first_ns = call->done_ns;
    if (backend->n == 0 && call->done_ns - tally->first_ns <= FIRST_CALLS_NS)
        return;
    if (backend->n == 0)
        events_add(tally->events, call->done_ns, "joined", backend->address,
                   "first call");
    else if (backend->n_failures >= FAILING)
        events_add(tally->events, call->done_ns, "recovered", backend->address,
                   "after %llu failures in %s", (unsigned long long)backend->n_failures,
                   units_format_duration(call->done_ns - backend->failing_since_ns, buf));
}

bool tally_add(struct tally *tally, const struct tally_call *call)
{
    struct tally_backend *backend = find(tally, call->peer);
    int code = call->status->code;

    if (backend == NULL)
        return false;
    if (code != GREBE_STATUS_OK) {
        tell_failure(tally, backend, call);
    } else if (backend->n == 0 || backend->n_failures > 0) {
        tell_success(tally, backend, call);
        backend->n_failures = 0;
    }
    backend->n++;
    backend->codes[code >= 0 && code < TALLY_OTHER ? code : TALLY_OTHER]++;
    histogram_add(&backend->latency, call->latency_ns);
    if (call->picked_ns != 0)
        overlap_add(&backend->overlap, call->picked_ns, call->done_ns);
    return true;
}

void tally_look(struct tally *tally, uint64_t now_ns)
{
    uint64_t n_new = 0;
    char buf[UNITS_TEXT];

    for (size_t i = 0; i < tally->n_backends; i++)
        n_new += tally->backends[i]->n - tally->backends[i]->n_seen;
    for (size_t i = 0; i < tally->n_backends; i++) {
        struct tally_backend *backend = tally->backends[i];
        bool has_calls = backend->n > backend->n_seen;

        backend->n_seen = backend->n;
        if (*backend->address == '\0' || backend->n == 0)
            continue;
        if (has_calls && backend->quiet_since_ns != 0) {
            events_add(tally->events, now_ns, "back", backend->address, "after %s",
                       units_format_duration(now_ns - backend->quiet_since_ns, buf));
            backend->quiet_since_ns = 0;
        } else if (!has_calls && backend->quiet_since_ns == 0 &&
                   n_new >= 10 * tally->n_backends) {
            /* With fewer calls than that, chance might have passed it by. */
            events_add(tally->events, now_ns, "quiet", backend->address,
                       "gets no calls any more");
            backend->quiet_since_ns = now_ns;
        }
    }
}

/* ---- Afterwards -------------------------------------------------------------------- */

void tally_sum(const struct tally *tally, struct tally_sum *out)
{
    double n = 0, sum = 0, sum_of_squares = 0, max = 0;

    *out = (struct tally_sum){0};
    for (size_t i = 0; i < tally->n_backends; i++) {
        const struct tally_backend *backend = tally->backends[i];
        double calls = (double)backend->n;

        out->n += backend->n;
        for (unsigned code = 0; code < TALLY_CODES; code++)
            out->codes[code] += backend->codes[code];
        histogram_merge(&out->latency, &backend->latency);
        if (*backend->address == '\0')
            continue;
        n++;
        sum += calls;
        sum_of_squares += calls * calls;
        max = calls > max ? calls : max;
    }
    out->n_ok = out->codes[GREBE_STATUS_OK];
    if (sum > 0) {
        out->max_over_mean = max / (sum / n);
        out->jain = sum * sum / (n * sum_of_squares);
    }
}

/* Addresses that differ in a number are in the order of that number. */
static int compare(const void *a, const void *b)
{
    const struct tally_backend *const *left = a, *const *right = b;

    return strverscmp((*left)->address, (*right)->address);
}

struct tally_backend **tally_sorted(const struct tally *tally, size_t *n)
{
    struct tally_backend **sorted =
        calloc(tally->n_backends + 1, sizeof(struct tally_backend *));

    *n = 0;
    if (sorted == NULL)
        return NULL;
    for (size_t i = 0; i < tally->n_backends; i++)
        if (*tally->backends[i]->address != '\0')
            sorted[(*n)++] = tally->backends[i];
    qsort(sorted, *n, sizeof *sorted, compare);
    return sorted;
}

const char *tally_code_name(unsigned index)
{
    return index == TALLY_OTHER ? "OTHER" : grebe_status_code_name((int)index, NULL);
}
