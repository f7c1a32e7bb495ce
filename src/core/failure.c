/* SPDX-License-Identifier: Apache-2.0 */
/* What the channel knew when a call failed: a snapshot that outlives the channel. */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "core/call.h"
#include "core/health.h"
#include "core/subconn.h"

enum { MAX_ADDRESSES = 64 };

/* One block: the struct, its addresses, then their text. */
struct grebe_failure {
    struct grebe_failure_resolver resolver;
    size_t n_addresses, n_omitted;
    struct grebe_failure_address addresses[];
};

/* Copies `text` to *at and moves it on. */
static const char *keep(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = *at;

    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static bool has_error(const struct grebe__subconn *subconn)
{
    return subconn->last_error.view.code != GREBE_STATUS_OK;
}

/* The address being dialled or used; where none is, the first. */
static const char *address_of(const struct grebe__subconn *subconn)
{
    uint32_t at = subconn->at < subconn->n_addresses ? subconn->at : 0;

    return subconn->n_addresses == 0 ? "" : grebe_address_text(subconn->addresses[at]);
}

static const struct grebe__subconn *subconn_of(struct grebe__list *link)
{
    return grebe_container_of(link, struct grebe__subconn, link);
}

static size_t size_of_health(const struct grebe__subconn *subconn)
{
    char buf[GREBE__HEALTH_TEXT];
    const char *health = grebe__health_text(subconn, buf);

    return health == NULL ? 0 : strlen(health) + 1;
}

static size_t size_of_text(const struct grebe_channel *channel, size_t *n)
{
    size_t size = channel->resolver_error.view.message_length + 1;

    *n = 0;
    grebe__list_foreach (link, &channel->subconns) {
        const struct grebe__subconn *subconn = subconn_of(link);

        if ((*n)++ >= MAX_ADDRESSES)
            continue;
        size += strlen(address_of(subconn)) + 1 + size_of_health(subconn);
        if (has_error(subconn))
            size += subconn->last_error.view.message_length + 1;
    }
    return size;
}

static void describe(const struct grebe__subconn *subconn, uint64_t now_ns, char **text,
                     struct grebe_failure_address *out)
{
    char buf[GREBE__HEALTH_TEXT];
    const char *health = grebe__health_text(subconn, buf);

    out->address = keep(text, address_of(subconn));
    out->health = health == NULL ? NULL : keep(text, health);
    out->state = subconn->state;
    if (has_error(subconn)) {
        out->last_error = keep(text, subconn->last_error.view.message);
        out->error_age_ns = now_ns - subconn->last_error_ns;
    }
    if (subconn->attempt == GREBE__ATTEMPT_BACKOFF) {
        out->has_next_attempt = true;
        out->next_attempt_ns = subconn->timer.deadline_ns - now_ns;
    }
}

static void describe_resolver(const struct grebe_channel *channel, uint64_t now_ns,
                              char **text, struct grebe_failure_resolver *out)
{
    out->has_result = channel->has_result;
    out->n_endpoints = channel->n_endpoints;
    if (channel->has_result)
        out->result_age_ns = now_ns - channel->result_ns;
    if (channel->resolver_error.view.code != GREBE_STATUS_OK) {
        out->last_error = keep(text, channel->resolver_error.view.message);
        out->error_age_ns = now_ns - channel->resolver_error_ns;
    }
    out->has_next_attempt = channel->resolver_conn.next_ns > now_ns;
    if (out->has_next_attempt)
        out->next_attempt_ns = channel->resolver_conn.next_ns - now_ns;
}

struct grebe_failure *grebe__failure_new(const struct grebe_channel *channel)
{
    uint64_t now_ns = channel->host.env->now_ns;
    size_t n, size = size_of_text(channel, &n), described = n;
    struct grebe_failure *failure;
    char *text;

    if (described > MAX_ADDRESSES)
        described = MAX_ADDRESSES;
    failure = grebe_mem_zalloc(channel->host.mem,
                               sizeof *failure +
                                   described * sizeof failure->addresses[0] + size);
    if (failure == NULL)
        return NULL;
    text = (char *)&failure->addresses[described];
    describe_resolver(channel, now_ns, &text, &failure->resolver);
    grebe__list_foreach (link, &channel->subconns) {
        if (failure->n_addresses == described)
            break;
        describe(subconn_of(link), now_ns, &text,
                 &failure->addresses[failure->n_addresses++]);
    }
    failure->n_omitted = n - described;
    return failure;
}

void grebe__failure_free(const struct grebe_mem *mem, struct grebe_failure *failure)
{
    grebe_mem_free(mem, failure);
}

const struct grebe_failure_resolver *
grebe_failure_resolver(const struct grebe_failure *failure)
{
    return &failure->resolver;
}

size_t grebe_failure_n_addresses(const struct grebe_failure *failure, size_t *omitted)
{
    if (omitted != NULL)
        *omitted = failure->n_omitted;
    return failure->n_addresses;
}

const struct grebe_failure_address *
grebe_failure_address(const struct grebe_failure *failure, size_t i)
{
    return i < failure->n_addresses ? &failure->addresses[i] : NULL;
}

/* ---- As text --------------------------------------------------------------------------- */

static void append_resolver(struct grebe__text *text,
                            const struct grebe_failure_resolver *resolver)
{
    grebe__text_printf(text, "resolver: ");
    if (resolver->has_result) {
        grebe__text_printf(text, "%zu endpoint%s, ", resolver->n_endpoints,
                           resolver->n_endpoints == 1 ? "" : "s");
        grebe__text_append_duration(text, resolver->result_age_ns);
        grebe__text_printf(text, " ago");
    } else {
        grebe__text_printf(text, "no result yet");
    }
    if (resolver->last_error != NULL) {
        grebe__text_printf(text, "; last error ");
        grebe__text_append_duration(text, resolver->error_age_ns);
        grebe__text_printf(text, " ago: ");
        grebe__text_append_escaped(text, resolver->last_error,
                                   strlen(resolver->last_error));
    }
    if (resolver->has_next_attempt) {
        grebe__text_printf(text, ", next attempt in ");
        grebe__text_append_duration(text, resolver->next_attempt_ns);
    }
}

static void append_address(struct grebe__text *text,
                           const struct grebe_failure_address *address)
{
    grebe__text_printf(text, "; ");
    grebe__text_append_escaped(text, address->address, strlen(address->address));
    grebe__text_printf(text, " %s", grebe_connectivity_name(address->state));
    if (address->health != NULL) {
        grebe__text_printf(text, ", health: ");
        grebe__text_append_escaped(text, address->health, strlen(address->health));
    }
    if (address->last_error != NULL) {
        grebe__text_printf(text, ", last error ");
        grebe__text_append_duration(text, address->error_age_ns);
        grebe__text_printf(text, " ago: ");
        grebe__text_append_escaped(text, address->last_error,
                                   strlen(address->last_error));
    }
    if (address->has_next_attempt) {
        grebe__text_printf(text, ", next attempt in ");
        grebe__text_append_duration(text, address->next_attempt_ns);
    }
}

size_t grebe_failure_format(const struct grebe_failure *failure, char *buf, size_t size)
{
    struct grebe__text text = grebe__text_init(buf, size);

    append_resolver(&text, &failure->resolver);
    for (size_t i = 0; i < failure->n_addresses; i++)
        append_address(&text, &failure->addresses[i]);
    if (failure->n_omitted > 0)
        grebe__text_printf(&text, "; and %zu more", failure->n_omitted);
    return text.length;
}
