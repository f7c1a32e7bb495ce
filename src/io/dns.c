/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups: what c-ares is asked, and what is made of its answers.
 *
 * c-ares cannot cancel one question and may answer at once: so a query of ours stands
 * between it and the lookup, is let go by either side, and answers from a task of its own.
 */
#include "io/dns.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <grebe/attr.h>
#include <grebe/error.h>

#include "core/dns.h"
#include "io/address.h"
#include "io/dns_order.h"
#include "io/dns_records.h"
#include "io/dns_server.h"
#include "io/loop.h"

/* What a question asks for, in numbers of the protocol. */
enum { CLASS_IN = 1, TYPE_TXT = 16, TYPE_SRV = 33 };

enum { TIMEOUT_MS = 2000 };

struct query {
    struct grebe__task task;
    struct grebe_loop *loop;
    struct grebe__dns_server *server; /* NULL if there was none to ask */
    struct grebe__lookup *lookup;     /* NULL: cancelled */
    struct grebe__lookup_result result;
    struct grebe__lookup_answer *answers; /* of the result; behind them is their text */
    char error[320];                      /* likewise */
    struct grebe__timer rescue;
    unsigned n_asking; /* of c-ares: it will still hear of so many */
    bool is_ended;     /* there is a result, */
    bool is_posted;    /* and it is on its way */
};

/* ---- Queries ---------------------------------------------------------------------- */

/* Nobody will come back to it: neither c-ares nor the loop. */
static void let_go(struct query *query)
{
    if (query->n_asking > 0 || query->is_posted)
        return;
    grebe__timer_cancel(&query->rescue);
    grebe_mem_free(query->loop->mem, query->answers);
    grebe_mem_free(query->loop->mem, query);
}

static void answer(struct grebe__task *task)
{
    struct query *query = grebe_container_of(task, struct query, task);
    struct grebe__lookup *lookup = query->lookup;

    if (lookup != NULL) {
        query->lookup = NULL;
        lookup->pending = NULL;
        lookup->on_done(lookup, &query->result);
    }
    query->is_posted = false;
    let_go(query);
}

/* The lookup hears in a turn of its own: c-ares may be anywhere on the stack now. */
static void end_query(struct query *query, enum grebe__lookup_outcome outcome,
                      const char *reason)
{
    const struct grebe__dns_server *server = query->server;
    bool is_named = server != NULL && server->text != NULL;

    query->result.outcome = outcome;
    query->result.answers = query->answers;
    if (query->lookup != NULL && outcome != GREBE__LOOKUP_FOUND) {
        snprintf(query->error, sizeof query->error, "lookup %.160s%s%.60s: %s",
                 query->lookup->name, is_named ? " at " : "",
                 is_named ? server->text : "", reason);
        query->result.error = query->error;
    }
    query->is_ended = query->is_posted = true;
    grebe__timer_cancel(&query->rescue);
    grebe__env_post(&query->loop->env, &query->task);
}

static const char *reason_of(const struct query *query, int status)
{
    bool is_host =
        query->lookup == NULL || query->lookup->kind == GREBE__LOOKUP_ADDRESSES;

    switch (status) {
    case ARES_ENOTFOUND:
        return is_host ? "no such host" : "no such name";
    case ARES_ENODATA:
        return is_host ? "the host has no addresses" : "the name has no such records";
    case ARES_EBADNAME:
        return "not a host name";
    case ARES_ETIMEOUT:
        return "no answer in time";
    case ARES_ECONNREFUSED: /* nobody there, or SERVFAIL, REFUSED, NOTIMP from all */
    case ARES_ESERVFAIL:
        return "no server gave a usable answer";
    case ARES_EFORMERR:
    case ARES_EBADRESP:
        return "the answer makes no sense";
    case ARES_ENOMEM:
        return "out of memory";
    default:
        return ares_strerror(status);
    }
}

/* There is nothing to find, and asking again would not help. */
static bool is_definitive(int status)
{
    return status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_EBADNAME;
}

static const void *bytes_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    return &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
}

/* An address is good for no longer than the aliases that led to it. */
static int least_ttl(int ttl, const struct ares_addrinfo_cname *alias)
{
    for (; alias != NULL; alias = alias->next)
        ttl = alias->ttl < ttl ? alias->ttl : ttl;
    return ttl;
}

static const struct ares_addrinfo_node *first_of(const struct ares_addrinfo *found,
                                                 int family)
{
    const struct ares_addrinfo_node *node = found->nodes;

    while (node != NULL && node->ai_family != family)
        node = node->ai_next;
    return node;
}

/* io/dns_order.h says how it is chosen, and why c-ares does not sort. */
static int first_family(const struct ares_addrinfo *found)
{
    const struct ares_addrinfo_node *v4 = first_of(found, AF_INET);
    const struct ares_addrinfo_node *v6 = first_of(found, AF_INET6);
    struct grebe__dns_route to_v4, to_v6;

    if (v4 == NULL || v6 == NULL)
        return v4 == NULL ? AF_INET6 : AF_INET;
    to_v4 = grebe__dns_route_to(v4->ai_addr);
    to_v6 = grebe__dns_route_to(v6->ai_addr);
    return grebe__dns_route_is_better(&to_v4, &to_v6) ? AF_INET : AF_INET6;
}

/* Appends the addresses of one family; `text` is where theirs goes. */
static char *take_family(struct query *query, const struct ares_addrinfo *found,
                         int family, size_t max, char *text)
{
    struct grebe__lookup_result *result = &query->result;
    int alias_ttl_s = least_ttl(INT_MAX, found->cnames);

    for (const struct ares_addrinfo_node *node = found->nodes; node != NULL;
         node = node->ai_next) {
        int ttl_s = node->ai_ttl < alias_ttl_s ? node->ai_ttl : alias_ttl_s;

        if (node->ai_family != family || result->n == max)
            continue;
        inet_ntop(family, bytes_of(node->ai_addr), text, INET6_ADDRSTRLEN);
        query->answers[result->n++] = (struct grebe__lookup_answer){
            .text = text,
            .length = strlen(text),
            .ttl_ns = grebe__dns_ttl_ns(ttl_s < 0 ? 0 : (uint32_t)ttl_s),
        };
        text += INET6_ADDRSTRLEN;
    }
    return text;
}

static int take_addresses(struct query *query, size_t max,
                          const struct ares_addrinfo *found)
{
    int first = first_family(found);
    size_t n = 0, n_taken;
    char *text;

    for (const struct ares_addrinfo_node *node = found->nodes; node != NULL;
         node = node->ai_next)
        n++;
    n_taken = n < max ? n : max;
    query->answers = grebe_mem_alloc(
        query->loop->mem, n_taken * (sizeof *query->answers + INET6_ADDRSTRLEN));
    if (query->answers == NULL)
        return GREBE_ERR_NOMEM;
    query->result.n_left_out = n - n_taken;
    text = (char *)(query->answers + n_taken);
    text = take_family(query, found, first, n_taken, text);
    take_family(query, found, first == AF_INET ? AF_INET6 : AF_INET, n_taken, text);
    return GREBE_OK;
}

static int take_records(struct query *query, const unsigned char *message, size_t length)
{
    const struct grebe__lookup *lookup = query->lookup;
    struct grebe__dns_records records;
    int error = grebe__dns_records_parse(query->loop->mem, message, length, lookup->kind,
                                         lookup->max_answers, &records);

    query->answers = records.answers;
    query->result.n = records.n;
    query->result.n_left_out = records.n_left_out;
    return error;
}

/* c-ares has an answer, or none.  False: nobody is interested any more. */
static bool begin_end(struct query *query, int status)
{
    query->server->n_queries--;
    query->n_asking--;
    if (status != ARES_EDESTRUCTION && query->lookup != NULL && !query->is_ended)
        return true;
    let_go(query);
    return false;
}

/* `error` is what came of using an answer that is there. */
static void end_with(struct query *query, int status, int error)
{
    if (status == ARES_SUCCESS && error == GREBE_ERR_NOMEM)
        status = ARES_ENOMEM;
    else if (status == ARES_SUCCESS && error != GREBE_OK)
        status = ARES_EBADRESP;
    else if (status == ARES_SUCCESS && query->result.n == 0)
        status = ARES_ENODATA;
    if (status == ARES_SUCCESS)
        end_query(query, GREBE__LOOKUP_FOUND, "");
    else
        end_query(query,
                  is_definitive(status) ? GREBE__LOOKUP_NOT_FOUND : GREBE__LOOKUP_FAILED,
                  reason_of(query, status));
}

static void on_addrinfo(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct query *query = arg;
    int error = GREBE_OK;

    (void)timeouts;
    if (begin_end(query, status)) {
        if (status == ARES_SUCCESS)
            error = take_addresses(query, query->lookup->max_answers, found);
        end_with(query, status, error);
    }
    if (found != NULL)
        ares_freeaddrinfo(found);
}

static void on_message(void *arg, int status, int timeouts, unsigned char *message,
                       int length)
{
    struct query *query = arg;
    int error = GREBE_OK;

    (void)timeouts;
    if (!begin_end(query, status))
        return;
    if (status == ARES_SUCCESS)
        error = take_records(query, message, (size_t)length);
    end_with(query, status, error);
}

/* ---- A family that is not answered --------------------------------------------------- */

/* Some servers and firewalls drop AAAA queries, and c-ares waits for both families until
 * its patience is at an end: 14 s for a name whose addresses are known after 1 ms.  So when
 * the first repetition has brought nothing either, each family is asked for by itself, and
 * the first with addresses is the answer, for the time being. */
static void on_rescued(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct query *query = arg;

    (void)timeouts;
    if (begin_end(query, status) && status == ARES_SUCCESS && found->nodes != NULL &&
        take_addresses(query, query->lookup->max_answers, found) == GREBE_OK) {
        for (size_t i = 0; i < query->result.n; i++)
            query->answers[i].ttl_ns = 1; /* ask again soon: the other may come back */
        end_with(query, ARES_SUCCESS, GREBE_OK);
    }
    if (found != NULL)
        ares_freeaddrinfo(found);
}

static void ask_for_family(struct query *query, int family,
                           ares_addrinfo_callback on_done)
{
    const struct ares_addrinfo_hints hints = {.ai_family = family,
                                              .ai_flags = ARES_AI_NOSORT};

    query->n_asking++;
    query->server->n_queries++;
    ares_getaddrinfo(query->server->channel, query->lookup->name, NULL, &hints, on_done,
                     query);
}

static void on_rescue(struct grebe__timer *timer)
{
    struct query *query = grebe_container_of(timer, struct query, rescue);
    struct grebe__dns_server *server = query->server;

    if (query->lookup == NULL)
        return;
    ask_for_family(query, AF_INET, on_rescued);
    if (query->lookup != NULL && !query->is_ended)
        ask_for_family(query, AF_INET6, on_rescued);
    grebe__dns_server_update_timer(server);
}

/* ---- The port --------------------------------------------------------------------- */

static struct grebe__dns *get_dns(struct grebe_loop *loop)
{
    struct grebe__dns *dns = loop->dns;

    if (dns != NULL)
        return dns;
    dns = grebe_mem_zalloc(loop->mem, sizeof *dns);
    if (dns == NULL)
        return NULL;
    dns->loop = loop;
    dns->timeout_ms = TIMEOUT_MS;
    grebe__list_init(&dns->servers);
    loop->dns = dns;
    return dns;
}

static bool is_usable(const char *server)
{
    struct grebe__destination destination;

    return server == NULL ||
           (grebe__destination_parse(server, false, &destination) == NULL &&
            !destination.is_name);
}

static void ask(struct query *query, struct grebe__dns *dns)
{
    const struct grebe__lookup *lookup = query->lookup;
    struct grebe__env *env = &query->loop->env;
    struct grebe__dns_server *server;

    if (!is_usable(lookup->server)) {
        end_query(query, GREBE__LOOKUP_FAILED, "the DNS server is not an IP address");
        return;
    }
    server = grebe__dns_server_get(dns, lookup->server);
    if (server == NULL) {
        end_query(query, GREBE__LOOKUP_FAILED, "the resolver could not be set up");
        return;
    }
    query->server = server;
    if (lookup->kind == GREBE__LOOKUP_ADDRESSES) {
        grebe__env_start_timer(
            env, &query->rescue,
            grebe__env_after(env, (uint64_t)dns->timeout_ms * 1250000));
        ask_for_family(query, AF_UNSPEC, on_addrinfo);
    } else {
        query->n_asking++;
        server->n_queries++;
        ares_search(server->channel, lookup->name, CLASS_IN,
                    lookup->kind == GREBE__LOOKUP_SRV ? TYPE_SRV : TYPE_TXT, on_message,
                    query);
    }
    grebe__dns_server_update_timer(server);
}

static void lookup(struct grebe__env *env, struct grebe__lookup *request)
{
    struct grebe_loop *loop = grebe__loop_of_env(env);
    struct grebe__dns *dns = get_dns(loop);
    struct query *query = grebe_mem_zalloc(loop->mem, sizeof *query);

    if (query == NULL || dns == NULL) {
        grebe_mem_free(loop->mem, query);
        if (grebe__starved_add(&loop->starved_lookups, &request->pending))
            grebe__env_post(env, &loop->starved_lookups.task);
        return;
    }
    query->task.run = answer;
    grebe__timer_init(&query->rescue, on_rescue);
    query->loop = loop;
    query->lookup = request;
    request->pending = query;
    ask(query, dns);
}

static void cancel(struct grebe__env *env, struct grebe__lookup *request)
{
    struct grebe_loop *loop = grebe__loop_of_env(env);
    struct query *query = request->pending;

    if (query == NULL || grebe__starved_remove(&loop->starved_lookups, &request->pending))
        return;
    grebe__timer_cancel(&query->rescue);
    query->lookup = NULL;
    request->pending = NULL;
}

static void host_name(struct grebe__env *env, char *buf, size_t size)
{
    (void)env;
    if (gethostname(buf, size) != 0)
        buf[0] = '\0';
    buf[size - 1] = '\0'; /* one that was cut has none */
}

const struct grebe__dns_ops grebe__dns_port = {
    .lookup = lookup,
    .cancel = cancel,
    .host_name = host_name,
};

static const struct grebe__lookup_result starved_result = {
    .outcome = GREBE__LOOKUP_FAILED,
    .error = "out of memory",
};

void grebe__dns_answer_starved(struct grebe__task *task)
{
    struct grebe__starved *starved =
        grebe_container_of(task, struct grebe__starved, task);
    void **pending;

    while ((pending = grebe__starved_take(starved)) != NULL) {
        struct grebe__lookup *request =
            grebe_container_of(pending, struct grebe__lookup, pending);

        request->on_done(request, &starved_result);
    }
}

void grebe__dns_destroy(struct grebe__dns *dns)
{
    grebe__list_foreach_safe (link, &dns->servers)
        grebe__dns_server_destroy(
            grebe_container_of(link, struct grebe__dns_server, link));
    grebe_mem_free(dns->loop->mem, dns);
}

int grebe__dns_set_timeout_ms(struct grebe_loop *loop, int timeout_ms)
{
    struct grebe__dns *dns = get_dns(loop);

    if (dns == NULL)
        return GREBE_ERR_NOMEM;
    dns->timeout_ms = timeout_ms;
    return GREBE_OK;
}
