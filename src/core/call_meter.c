/* SPDX-License-Identifier: Apache-2.0 */
#include "core/call_meter.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "metrics/client.h"

enum { N_CODES = GREBE_STATUS_UNAUTHENTICATED + 1 };

/* Of the attempts that went to backends with these labels. */
struct attempt_meter {
    const struct grebe__backend_labels
        *labels; /* NULL: none was picked, or it has none */
    struct attempt_meter *next;
    struct grebe_series *duration[N_CODES], *sent[N_CODES], *received[N_CODES];
};

/* Of one method, and one custom label.  Its text follows. */
struct grebe__method_meter {
    struct grebe__call_meter *owner;
    const char *method, *custom;
    struct grebe_series *started, *transparent_retries;
    struct grebe_series *duration[N_CODES];
    struct attempt_meter attempts; /* the first of a list: without labels */
};

struct grebe__call_meter {
    struct grebe__meter *meter;
    const char *target;
    bool labels_all;
    struct grebe__map methods;
    struct grebe__method_meter *last; /* most programs ask for it again */
};

/* ---- Methods ----------------------------------------------------------------------- */

static uint64_t hash(const void *key)
{
    const struct grebe__method_meter *method = key;

    return grebe__hash64(method->custom, strlen(method->custom),
                         grebe__hash64_text(method->method));
}

static bool equal(const void *a, const void *b)
{
    const struct grebe__method_meter *first = a, *second = b;

    return strcmp(first->method, second->method) == 0 &&
           strcmp(first->custom, second->custom) == 0;
}

static const struct grebe__map_ops map_ops = {.hash = hash, .equal = equal};

static struct grebe__method_meter *add_method(struct grebe__call_meter *meter,
                                              const struct grebe__method_meter *key)
{
    const struct grebe_mem *mem = meter->meter->mem;
    size_t n_method = strlen(key->method) + 1, n_custom = strlen(key->custom) + 1;
    struct grebe__method_meter *method =
        grebe_mem_zalloc(mem, sizeof *method + n_method + n_custom);
    char *text;

    if (method == NULL)
        return NULL;
    text = (char *)(method + 1);
    method->owner = meter;
    method->method = memcpy(text, key->method, n_method);
    method->custom = memcpy(text + n_method, key->custom, n_custom);
    if (grebe__map_put(&meter->methods, method, method) != GREBE_OK) {
        grebe_mem_free(mem, method);
        return NULL;
    }
    return method;
}

struct grebe__method_meter *grebe__call_meter_method(struct grebe__call_meter *meter,
                                                     const struct grebe_call *call)
{
    bool has_name = meter->labels_all || call->labels_method;
    const struct grebe__method_meter key = {
        .method = has_name ? call->method + 1 : "other",
        .custom = call->custom_label == NULL ? "" : call->custom_label,
    };
    struct grebe__method_meter *method = meter->last;

    if (method != NULL && equal(method, &key))
        return method;
    method = grebe__map_get(&meter->methods, &key);
    if (method == NULL)
        method = add_method(meter, &key);
    if (method != NULL)
        meter->last = method;
    return method;
}

/* ---- Series, opened when they are first needed ------------------------------------------ */

static struct grebe_series *look_up(struct grebe_series **slot,
                                    const struct grebe__method_meter *method,
                                    const struct grebe_instrument *instrument,
                                    const char *const *values, size_t n)
{
    if (*slot == NULL)
        *slot = grebe__meter_series(method->owner->meter, instrument, values, n, false);
    return *slot != NULL ? *slot : grebe__series_of_nobody();
}

static struct grebe_series *of_method(struct grebe_series **slot,
                                      const struct grebe__method_meter *method,
                                      const struct grebe_instrument *instrument)
{
    const char *const values[] = {method->method, method->owner->target, method->custom};

    return look_up(slot, method, instrument, values, 3);
}

static struct grebe_series *of_attempt(struct grebe_series **slot,
                                       const struct grebe__method_meter *method,
                                       const struct attempt_meter *attempt,
                                       const struct grebe_instrument *instrument,
                                       int code)
{
    const struct grebe__backend_labels *labels = attempt->labels;
    char buf[24];
    const char *const values[] = {
        method->method,
        method->owner->target,
        grebe_status_code_name(code, buf),
        labels == NULL ? "" : labels->locality,
        labels == NULL ? "" : labels->backend_service,
        method->custom,
    };

    return look_up(slot, method, instrument, values, 6);
}

static struct attempt_meter *attempts_with(struct grebe__method_meter *method,
                                           const struct grebe__backend_labels *labels)
{
    struct attempt_meter **at = &method->attempts.next, *made;

    if (labels == NULL)
        return &method->attempts;
    for (; *at != NULL; at = &(*at)->next)
        if ((*at)->labels == labels)
            return *at;
    made = grebe_mem_zalloc(method->owner->meter->mem, sizeof *made);
    if (made == NULL)
        return NULL;
    made->labels = labels;
    *at = made;
    return made;
}

/* A number that is no code would be a label of the peer's choice. */
static int known_code(int code)
{
    return code >= 0 && code < N_CODES ? code : GREBE_STATUS_UNKNOWN;
}

/* ---- What happens -------------------------------------------------------------------- */

void grebe__method_meter_attempt_begins(struct grebe__method_meter *method)
{
    grebe_series_add(of_method(&method->started, method, &grebe__attempt_started), 1);
}

void grebe__method_meter_attempt_ends(struct grebe__method_meter *method,
                                      const struct grebe_call *call, int code)
{
    const struct grebe__call_attempt *attempt = &call->attempt;
    struct attempt_meter *meter = attempts_with(method, attempt->labels);
    uint64_t duration_ns = call->channel->host.env->now_ns - attempt->began_ns;

    code = known_code(code);
    if (meter == NULL)
        return;
    grebe_series_record(
        of_attempt(&meter->duration[code], method, meter, &grebe__attempt_duration, code),
        (double)duration_ns / 1e9);
    grebe_series_record(
        of_attempt(&meter->sent[code], method, meter, &grebe__attempt_sent, code),
        (double)attempt->sent_bytes);
    grebe_series_record(
        of_attempt(&meter->received[code], method, meter, &grebe__attempt_received, code),
        (double)attempt->received_bytes);
}

void grebe__method_meter_call_ends(struct grebe__method_meter *method,
                                   const struct grebe_call *call)
{
    int code = known_code(call->status.view.code);
    char buf[24];
    const char *const values[] = {method->method, method->owner->target,
                                  grebe_status_code_name(code, buf), method->custom};
    uint64_t duration_ns = call->times.done_ns - call->times.started_ns;

    grebe_series_record(look_up(&method->duration[code], method, &grebe__call_duration,
                                values, GREBE_ARRAY_LEN(values)),
                        (double)duration_ns / 1e9);
    if (call->attempt.n_begun > 1)
        grebe_series_record(of_method(&method->transparent_retries, method,
                                      &grebe__call_transparent_retries),
                            call->attempt.n_begun - 1);
}

/* ---- Life ------------------------------------------------------------------------------ */

struct grebe__call_meter *grebe__call_meter_new(struct grebe__meter *meter,
                                                const char *target, bool labels_all)
{
    struct grebe__call_meter *made = grebe_mem_zalloc(meter->mem, sizeof *made);

    if (made == NULL)
        return NULL;
    made->meter = meter;
    made->target = target;
    made->labels_all = labels_all;
    grebe__map_init(&made->methods, meter->mem, &map_ops);
    return made;
}

static void free_method(struct grebe__method_meter *method)
{
    const struct grebe_mem *mem = method->owner->meter->mem;

    for (struct attempt_meter *at = method->attempts.next, *after; at != NULL;
         at = after) {
        after = at->next;
        grebe_mem_free(mem, at);
    }
    grebe_mem_free(mem, method);
}

void grebe__call_meter_free(struct grebe__call_meter *meter)
{
    struct grebe__map_entry *entry = NULL;

    if (meter == NULL)
        return;
    while ((entry = grebe__map_next(&meter->methods, entry)) != NULL)
        free_method(entry->value);
    grebe__map_fini(&meter->methods);
    grebe_mem_free(meter->meter->mem, meter);
}
