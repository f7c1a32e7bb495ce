/* SPDX-License-Identifier: Apache-2.0 */
/* A search is: SRV records, hosts of the first priority, hosts of the next one...  A host
 * that is asked for by name is the case without records.
 */
#include "resolver/dns_service.h"

#include <stdio.h>
#include <string.h>

#include <grebe/error.h>

#include "base/diag.h"
#include "base/hash.h"
#include "base/log2.h"
#include "base/map.h"
#include "base/race.h"
#include "core/env.h"
#include "resolver/host_port.h"

struct grebe__dns_host {
    struct grebe__lookup lookup;
    struct grebe__dns_service *service;
    enum grebe__lookup_outcome outcome;
    struct grebe__lookup_answer *answers; /* one block with their text; NULL: none */
    size_t n;
    bool was_asked;
};

struct grebe__dns_record {
    size_t host; /* index */
    uint16_t priority, weight, port;
};

/* ---- Findings ---------------------------------------------------------------------- */

static void forget(const struct grebe__dns_service *service,
                   struct grebe__dns_findings *findings)
{
    for (size_t i = 0; i < findings->n_hosts; i++)
        grebe_mem_free(service->mem, findings->hosts[i].answers);
    grebe_mem_free(service->mem, findings->hosts);
    grebe_mem_free(service->mem, findings->records);
    *findings = (struct grebe__dns_findings){0};
}

/* What the last search found is what the next one may fall back on. */
static void begin(struct grebe__dns_service *service)
{
    if (service->outcome == GREBE__LOOKUP_FOUND && service->now.n_hosts > 0) {
        forget(service, &service->before);
        service->before = service->now;
        service->now = (struct grebe__dns_findings){0};
    }
    forget(service, &service->now);
    service->outcome = GREBE__LOOKUP_FAILED;
    service->error[0] = '\0';
    service->ttl_ns = 0;
    service->n_left_out = service->n_failed = 0;
    service->has_a = service->has_aaaa = false;
    service->first = service->end = service->next = service->n_asking = 0;
    service->is_searching = true;
}

static void end(struct grebe__dns_service *service, enum grebe__lookup_outcome outcome,
                const char *error)
{
    service->is_searching = false;
    service->outcome = outcome;
    if (error != NULL && error != service->error)
        snprintf(service->error, sizeof service->error, "%s", error);
    service->on_done(service);
}

static void note_ttl(struct grebe__dns_service *service, uint64_t ttl_ns)
{
    if (ttl_ns != 0 && (service->ttl_ns == 0 || ttl_ns < service->ttl_ns))
        service->ttl_ns = ttl_ns;
}

/* Answers and their text as one block; NULL when out of memory. */
static struct grebe__lookup_answer *copy_answers(const struct grebe_mem *mem,
                                                 const struct grebe__lookup_answer *from,
                                                 size_t n)
{
    struct grebe__lookup_answer *copy;
    size_t n_bytes = 0;
    char *text;

    for (size_t i = 0; i < n; i++)
        n_bytes += from[i].length + 1;
    copy = grebe_mem_alloc(mem, n * sizeof *copy + n_bytes);
    if (copy == NULL)
        return NULL;
    text = (char *)(copy + n);
    for (size_t i = 0; i < n; i++) {
        copy[i] = from[i];
        copy[i].text = memcpy(text, from[i].text, from[i].length + 1);
        text += from[i].length + 1;
    }
    return copy;
}

static bool remember(struct grebe__dns_host *host,
                     const struct grebe__lookup_answer *answers, size_t n)
{
    host->answers = copy_answers(host->service->mem, answers, n);
    host->n = host->answers == NULL ? 0 : n;
    return host->answers != NULL;
}

/* ---- Hosts ------------------------------------------------------------------------- */

static void go_on(struct grebe__dns_service *service);

/* The lookup failed.  What was known before is better than nothing; ask again soon. */
static void keep_old(struct grebe__dns_host *host)
{
    struct grebe__dns_service *service = host->service;
    const struct grebe__dns_findings *before = &service->before;

    service->n_failed++;
    note_ttl(service, 1);
    for (size_t i = 0; i < before->n_hosts && !service->is_forgetful; i++) {
        const struct grebe__dns_host *old = &before->hosts[i];

        if (old->n > 0 && strcmp(old->lookup.name, host->lookup.name) == 0 &&
            remember(host, old->answers, old->n))
            host->outcome = GREBE__LOOKUP_FOUND;
    }
}

static void on_host(struct grebe__lookup *lookup,
                    const struct grebe__lookup_result *result)
{
    struct grebe__dns_host *host =
        grebe_container_of(lookup, struct grebe__dns_host, lookup);
    struct grebe__dns_service *service = host->service;
    const char *error = result->error;

    service->n_asking--;
    host->outcome = result->outcome;
    service->n_left_out += result->n_left_out;
    if (result->outcome == GREBE__LOOKUP_FOUND && result->n == 0) {
        host->outcome = GREBE__LOOKUP_NOT_FOUND;
        error = "no answer";
    }
    if (host->outcome == GREBE__LOOKUP_FOUND &&
        !remember(host, result->answers, result->n)) {
        host->outcome = GREBE__LOOKUP_FAILED;
        error = "out of memory";
    }
    for (size_t i = 0; i < host->n; i++)
        note_ttl(service, host->answers[i].ttl_ns);
    if (host->outcome == GREBE__LOOKUP_FAILED && service->now.n_records > 0)
        keep_old(host);
    /* Of several reasons, one that may pass is the better explanation. */
    if (host->outcome == GREBE__LOOKUP_FAILED ||
        (host->outcome == GREBE__LOOKUP_NOT_FOUND && service->n_failed == 0))
        snprintf(service->error, sizeof service->error, "%s", error);
    go_on(service);
}

static void ask(struct grebe__dns_host *host)
{
    struct grebe__dns_service *service = host->service;

    host->was_asked = true;
    host->lookup.server = service->server;
    service->n_asking++;
    service->env->dns->lookup(service->env, &host->lookup);
}

static bool has_addresses(const struct grebe__dns_findings *findings, size_t first,
                          size_t end)
{
    for (size_t i = first; i < end; i++)
        if (findings->hosts[findings->records[i].host].n > 0)
            return true;
    return false;
}

/* None of the targets has an address.  If that may be for the time being, it is no answer
 * but a failure. */
static void end_without_targets(struct grebe__dns_service *service)
{
    enum grebe__lookup_outcome outcome = GREBE__LOOKUP_NOT_FOUND;

    for (size_t i = 0; i < service->now.n_hosts; i++)
        if (service->now.hosts[i].outcome == GREBE__LOOKUP_FAILED)
            outcome = GREBE__LOOKUP_FAILED;
    end(service, outcome, service->error);
}

static void look_up_targets(struct grebe__dns_service *service)
{
    struct grebe__dns_findings *now = &service->now;

    while (service->next < service->end && service->n_asking < GREBE__DNS_MAX_QUESTIONS) {
        struct grebe__dns_host *host = &now->hosts[now->records[service->next++].host];

        if (!host->was_asked)
            ask(host);
    }
}

static size_t end_of_priority(const struct grebe__dns_findings *findings, size_t first)
{
    size_t i = first;

    while (i < findings->n_records &&
           findings->records[i].priority == findings->records[first].priority)
        i++;
    return i;
}

/* Something is known that was not: ask the next ones, or be done. */
static void go_on(struct grebe__dns_service *service)
{
    const struct grebe__dns_findings *now = &service->now;

    if (now->n_records == 0) {
        end(service, now->hosts[0].outcome, NULL);
        return;
    }
    look_up_targets(service);
    while (service->n_asking == 0) {
        if (has_addresses(now, service->first, service->end)) {
            end(service, GREBE__LOOKUP_FOUND, NULL);
            return;
        }
        if (service->end == now->n_records) {
            end_without_targets(service);
            return;
        }
        service->first = service->end; /* as `next` is: all were asked */
        service->end = end_of_priority(now, service->first);
        look_up_targets(service);
    }
}

/* ---- SRV records -------------------------------------------------------------------- */

static void init_host(struct grebe__dns_host *host, struct grebe__dns_service *service,
                      const char *name, size_t max_answers)
{
    *host = (struct grebe__dns_host){
        .service = service,
        .outcome = GREBE__LOOKUP_NOT_FOUND,
        .lookup = {.kind = GREBE__LOOKUP_ADDRESSES,
                   .name = name,
                   .max_answers = max_answers,
                   .on_done = on_host},
    };
}

/* Luck, and the record itself, decide where it stands: not where the server put it. */
static struct grebe__runner runner_of(const struct grebe__dns_service *service,
                                      const struct grebe__lookup_answer *srv, size_t i)
{
    uint64_t seed = service->luck + srv->port;

    return (struct grebe__runner){
        .neg_log2 = grebe__neg_log2(grebe__hash64(srv->text, srv->length, seed)),
        .weight = srv->weight == 0 ? 1 : srv->weight,
        .index = (uint32_t)i,
    };
}

/* Stable, so that inside of a priority the order of the race stays.  A handful of records
 * as a rule, a thousand at most. */
static void sort_by_priority(struct grebe__dns_record *records, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct grebe__dns_record record = records[i];
        size_t at = i;

        for (; at > 0 && records[at - 1].priority > record.priority; at--)
            records[at] = records[at - 1];
        records[at] = record;
    }
}

/* The hosts' names stand behind them, in the same block. */
static bool make_room(struct grebe__dns_service *service,
                      const struct grebe__lookup_answer *srv, size_t n)
{
    struct grebe__dns_findings *now = &service->now;
    size_t n_bytes = 0;

    for (size_t i = 0; i < n; i++)
        n_bytes += srv[i].length + 1;
    now->hosts = grebe_mem_alloc(service->mem, n * sizeof *now->hosts + n_bytes);
    now->records = grebe_mem_alloc(service->mem, n * sizeof *now->records);
    return now->hosts != NULL && now->records != NULL;
}

/* Records that share a target share its lookup. */
static int add_record(struct grebe__dns_service *service, struct grebe__map *seen,
                      const struct grebe__lookup_answer *srv, char **text)
{
    struct grebe__dns_findings *now = &service->now;
    struct grebe__dns_host *host = grebe__map_get(seen, srv->text);

    if (host == NULL) {
        char *name = memcpy(*text, srv->text, srv->length + 1);
        int error = grebe__map_put(seen, name, &now->hosts[now->n_hosts]);

        if (error != GREBE_OK)
            return error;
        *text += srv->length + 1;
        host = &now->hosts[now->n_hosts++];
        init_host(host, service, name, GREBE__DNS_MAX_PER_TARGET);
    }
    now->records[now->n_records++] = (struct grebe__dns_record){
        .host = (size_t)(host - now->hosts),
        .priority = srv->priority,
        .weight = srv->weight,
        .port = srv->port,
    };
    return GREBE_OK;
}

static int take_records(struct grebe__dns_service *service,
                        const struct grebe__lookup_answer *srv, size_t n)
{
    struct grebe__runner *runners = grebe_mem_alloc(service->mem, n * sizeof *runners);
    bool has_room = make_room(service, srv, n);
    struct grebe__map seen;
    int error = runners == NULL || !has_room ? GREBE_ERR_NOMEM : GREBE_OK;
    char *text = (char *)(service->now.hosts + n);

    grebe__map_init(&seen, service->mem, &grebe__by_text);
    if (error == GREBE_OK) {
        for (size_t i = 0; i < n; i++)
            runners[i] = runner_of(service, &srv[i], i);
        grebe__race_run(runners, (uint32_t)n);
    }
    for (size_t i = 0; i < n && error == GREBE_OK; i++) {
        const struct grebe__lookup_answer *record = &srv[runners[i].index];

        note_ttl(service, record->ttl_ns);
        if (strcmp(record->text, ".") != 0)
            error = add_record(service, &seen, record, &text);
    }
    grebe__map_fini(&seen);
    grebe_mem_free(service->mem, runners);
    sort_by_priority(service->now.records, service->now.n_records);
    return error;
}

static void on_records(struct grebe__lookup *lookup,
                       const struct grebe__lookup_result *result)
{
    struct grebe__dns_service *service =
        grebe_container_of(lookup, struct grebe__dns_service, lookup);

    service->n_left_out = result->n_left_out;
    if (result->outcome != GREBE__LOOKUP_FOUND) {
        end(service, result->outcome, result->error);
    } else if (take_records(service, result->answers, result->n) != GREBE_OK) {
        end(service, GREBE__LOOKUP_FAILED, "out of memory");
    } else if (service->now.n_records == 0) {
        snprintf(service->error, sizeof service->error,
                 "lookup %s: the service is not available at this domain", lookup->name);
        end(service, GREBE__LOOKUP_NOT_FOUND, service->error);
    } else {
        service->end = end_of_priority(&service->now, 0);
        go_on(service);
    }
}

/* ---- Endpoints --------------------------------------------------------------------- */

/* The target as people write it, without its final dot. */
static void copy_server_name(const struct grebe__dns_host *host, char buf[256])
{
    int length = (int)strlen(host->lookup.name);

    snprintf(buf, 256, "%.*s", length - 1, host->lookup.name);
}

/* *out is a reference.  `server_name` may be NULL. */
static int make_address(struct grebe__dns_service *service,
                        const struct grebe__lookup_answer *answer, const char *port,
                        const char *server_name, struct grebe_address **out)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    char text[160]; /* a zone, and a port that is a service's name, included */
    struct grebe__host_port parts = {
        .host = answer->text,
        .host_length = answer->length,
        .port = port,
        .port_length = strlen(port),
        .family = grebe__ip_family_of(answer->text, answer->length),
    };
    struct grebe_diag diag;

    if (parts.family == GREBE__IP_NONE ||
        grebe__host_port_join(&parts, text, sizeof text) >= sizeof text) {
        grebe__diag_quote(&diag, answer->text, answer->length,
                          "error parsing A record IP address");
        snprintf(service->error, sizeof service->error, "%.300s", diag.text);
        return GREBE_ERR_INVALID;
    }
    service->has_a = service->has_a || parts.family == GREBE__IP_V4;
    service->has_aaaa = service->has_aaaa || parts.family == GREBE__IP_V6;
    options.server_name = server_name;
    return grebe_address_new(service->mem, text, &options, out);
}

/* One IPv4 and one IPv6 address: a machine with two. */
static bool is_dual(const struct grebe__dns_host *host)
{
    return host->n == 2 &&
           grebe__ip_family_of(host->answers[0].text, host->answers[0].length) !=
               grebe__ip_family_of(host->answers[1].text, host->answers[1].length);
}

/* Appends the endpoints of a host that is reached at `port`. */
static int list_host(struct grebe__dns_service *service,
                     const struct grebe__dns_host *host, const char *port,
                     const char *server_name, const struct grebe_attributes *attributes,
                     struct grebe__endpoint_list *list)
{
    bool is_record = service->now.n_records > 0;
    size_t n_each = is_record && is_dual(host) ? 2 : 1;
    int error = GREBE_OK;

    for (size_t i = 0; i < host->n && error == GREBE_OK; i += n_each) {
        struct grebe_address *addresses[2] = {NULL, NULL};

        if (list->n == GREBE__DNS_MAX_ADDRESSES) {
            service->n_left_out += host->n - i;
            break;
        }
        for (size_t k = 0; k < n_each && error == GREBE_OK; k++)
            error = make_address(service, &host->answers[i + k], port, server_name,
                                 &addresses[k]);
        if (error == GREBE_OK)
            error =
                grebe__endpoint_list_add_endpoint(list, addresses, n_each, attributes);
        grebe_address_unref(addresses[0]);
        grebe_address_unref(addresses[1]);
    }
    return error;
}

static int list_record(struct grebe__dns_service *service,
                       const struct grebe__dns_record *record, bool uses_names,
                       struct grebe__endpoint_list *list)
{
    const struct grebe__dns_host *host = &service->now.hosts[record->host];
    const struct grebe_attributes *attributes = NULL;
    char port[8], server_name[256];
    int error = GREBE_OK;

    snprintf(port, sizeof port, "%u", record->port);
    copy_server_name(host, server_name);
    if (record->weight > 1) /* 0 and 1 read as 1, as does no weight at all */
        error = grebe_attributes_with(service->mem, NULL, &GREBE_ATTRIBUTE_WEIGHT,
                                      (void *)(uintptr_t)record->weight, &attributes);
    if (error == GREBE_OK)
        error = list_host(service, host, port, uses_names ? server_name : NULL,
                          attributes, list);
    grebe_attributes_unref(attributes);
    return error;
}

int grebe__dns_service_list(struct grebe__dns_service *service, const char *port,
                            bool uses_names, struct grebe__endpoint_list *list)
{
    const struct grebe__dns_findings *now = &service->now;
    int error = GREBE_OK;

    if (now->n_records == 0)
        return list_host(service, &now->hosts[0], port, NULL, NULL, list);
    for (size_t i = service->first; i < service->end && error == GREBE_OK; i++)
        error = list_record(service, &now->records[i], uses_names, list);
    return error;
}

/* ---- Searching --------------------------------------------------------------------- */

int grebe__dns_service_find_host(struct grebe__dns_service *service, const char *name)
{
    struct grebe__dns_host *host = grebe_mem_alloc(service->mem, sizeof *host);

    if (host == NULL)
        return GREBE_ERR_NOMEM;
    begin(service);
    init_host(host, service, name, GREBE__DNS_MAX_ADDRESSES);
    service->now.hosts = host;
    service->now.n_hosts = 1;
    ask(host);
    return GREBE_OK;
}

int grebe__dns_service_find(struct grebe__dns_service *service, const char *name)
{
    begin(service);
    service->lookup = (struct grebe__lookup){
        .kind = GREBE__LOOKUP_SRV,
        .name = name,
        .server = service->server,
        .max_answers = GREBE__DNS_MAX_RECORDS,
        .on_done = on_records,
    };
    service->env->dns->lookup(service->env, &service->lookup);
    return GREBE_OK;
}

void grebe__dns_service_cancel(struct grebe__dns_service *service)
{
    if (!service->is_searching)
        return;
    service->is_searching = false;
    service->env->dns->cancel(service->env, &service->lookup);
    for (size_t i = 0; i < service->now.n_hosts; i++)
        service->env->dns->cancel(service->env, &service->now.hosts[i].lookup);
}

void grebe__dns_service_fini(struct grebe__dns_service *service)
{
    grebe__dns_service_cancel(service);
    forget(service, &service->now);
    forget(service, &service->before);
}
