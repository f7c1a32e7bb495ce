/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/dns_round.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <grebe/error.h>

#include "base/text.h"
#include "resolver/config_choice.h"
#include "resolver/host_port.h"

/* For TXT and balancers, once the backends are known. */
static const uint64_t patience_ns = UINT64_C(5000000000);

/* Answers to a TXT question; a record of more than one config is not to be expected. */
enum { MAX_TXT_RECORDS = 64 };

static const char txt_prefix[] = "grpc_config=";

enum warning {
    WARN_LEFT_OUT = 1,
    WARN_TARGETS = 2,
    WARN_TXT_FAILED = 4,
    WARN_TXT_FOREIGN = 8,
    WARN_TXT_INVALID = 16,
    WARN_BALANCERS = 32,
};

/* ---- Words ------------------------------------------------------------------------- */

static void warn(struct grebe__dns_round *round, enum warning warning, const char *format,
                 ...) GREBE_PRINTF(3, 4);

static void warn(struct grebe__dns_round *round, enum warning warning, const char *format,
                 ...)
{
    char text[448];
    va_list args;

    round->warned |= warning;
    if (round->warned_before & warning)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    grebe_resolver_conn_log(round->conn, GREBE_LOG_WARNING, "dns: %s", text);
}

static bool is_service(const struct grebe__dns_round *round)
{
    return round->question.port == NULL;
}

static const char *kind_of_backends(const struct grebe__dns_round *round)
{
    return is_service(round) ? "SRV" : "A";
}

static void note_ttl(struct grebe__dns_round *round, uint64_t ttl_ns)
{
    if (ttl_ns != 0 && (round->ttl_ns == 0 || ttl_ns < round->ttl_ns))
        round->ttl_ns = ttl_ns;
}

/* ---- The end ----------------------------------------------------------------------- */

static void stop_asking(struct grebe__dns_round *round)
{
    grebe__timer_cancel(&round->timer);
    grebe__dns_service_cancel(&round->backends);
    grebe__dns_service_cancel(&round->balancers);
    round->env->dns->cancel(round->env, &round->server_lookup);
    round->env->dns->cancel(round->env, &round->txt_lookup);
    round->is_asking_backends = round->is_asking_balancers = round->is_asking_txt = false;
}

static void finish(struct grebe__dns_round *round, enum grebe__lookup_outcome outcome)
{
    stop_asking(round);
    round->outcome = outcome;
    round->warned_before = round->warned;
    round->on_done(round);
}

static void fail(struct grebe__dns_round *round, const char *format, ...)
    GREBE_PRINTF(2, 3);

static void fail(struct grebe__dns_round *round, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(round->error, sizeof round->error, format, args);
    va_end(args);
    finish(round, GREBE__LOOKUP_FAILED);
}

static void name_sources(struct grebe__dns_round *round)
{
    const struct {
        const char *name;
        bool is_one;
    } sources[] = {
        {"SRV", is_service(round)},
        {"A", round->backends.has_a},
        {"AAAA", round->backends.has_aaaa},
        {"TXT", round->service_config != NULL},
    };
    struct grebe__text text = grebe__text_init(round->source, sizeof round->source);

    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
        if (sources[i].is_one)
            grebe__text_printf(&text, "%s%s", text.length == 0 ? "" : ", ",
                               sources[i].name);
}

/* The balancers as one endpoint, each address with its target for a server name. */
static int attach_balancers(struct grebe__dns_round *round)
{
    struct grebe__endpoint_list list;
    struct grebe_address **addresses = NULL;
    struct grebe_endpoint *endpoint = NULL;
    int error;

    grebe__endpoint_list_init(&list, round->mem);
    error = grebe__dns_service_list(&round->balancers, NULL, true, &list);
    if (error == GREBE_OK) {
        addresses = grebe_mem_alloc(round->mem, 2 * list.n * sizeof addresses[0]);
        error = addresses == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
    }
    if (error == GREBE_OK) {
        size_t n = 0;

        for (size_t i = 0; i < list.n; i++)
            for (size_t k = 0; k < grebe_endpoint_n_addresses(list.endpoints[i]); k++)
                addresses[n++] = grebe_endpoint_address(list.endpoints[i], k);
        error = grebe_endpoint_new(round->mem, addresses, n, NULL, &endpoint);
    }
    if (error == GREBE_OK)
        error = grebe_attributes_with(round->mem, NULL, &GREBE_ATTRIBUTE_BALANCERS,
                                      endpoint, &round->attributes);
    grebe_endpoint_unref(endpoint);
    grebe_mem_free(round->mem, addresses);
    grebe__endpoint_list_fini(&list);
    return error;
}

static bool has_balancers(const struct grebe__dns_round *round)
{
    return round->balancers_name != NULL && !round->is_asking_balancers &&
           round->balancers.outcome == GREBE__LOOKUP_FOUND;
}

static void warn_of_backends(struct grebe__dns_round *round)
{
    const struct grebe__dns_service *backends = &round->backends;

    if (backends->n_left_out > 0)
        warn(round, WARN_LEFT_OUT,
             "%zu answers for %.200s are left out: more than can be used, or of no use",
             backends->n_left_out, round->question.host);
    if (backends->n_failed > 0)
        warn(round, WARN_TARGETS, "%zu targets of %.200s could not be looked up",
             backends->n_failed, round->question.host);
}

/* Worth a word only where there are backends that do without. */
static void tell_txt_error(struct grebe__dns_round *round)
{
    if (round->txt_error[0] == '\0')
        return;
    if (grebe__resolver_conn_dns(round->conn)->reports_txt_errors)
        round->config_error = round->txt_error;
    else
        warn(round, WARN_TXT_FAILED, "no service config: %s", round->txt_error);
}

/* There are backends, or balancers to ask for them. */
static void collect(struct grebe__dns_round *round)
{
    int error = GREBE_OK;

    if (round->backends.outcome == GREBE__LOOKUP_FOUND)
        error = grebe__dns_service_list(
            &round->backends, round->question.port,
            grebe__resolver_conn_dns(round->conn)->uses_srv_names, &round->list);
    if (error == GREBE_ERR_INVALID) {
        fail(round, "%s", round->backends.error);
        return;
    }
    if (error == GREBE_OK && has_balancers(round))
        error = attach_balancers(round);
    if (error == GREBE_ERR_INVALID)
        error = GREBE_OK; /* then there are none */
    if (error != GREBE_OK || round->is_out_of_memory) {
        fail(round, "%s", grebe_strerror(GREBE_ERR_NOMEM));
        return;
    }
    note_ttl(round, round->backends.ttl_ns);
    warn_of_backends(round);
    tell_txt_error(round);
    name_sources(round);
    finish(round, GREBE__LOOKUP_FOUND);
}

static void give_up_config(struct grebe__dns_round *round, const char *error)
{
    bool is_reported = grebe__resolver_conn_dns(round->conn)->reports_txt_errors;

    snprintf(round->txt_error, sizeof round->txt_error, "%s%s",
             is_reported ? "dns: TXT record lookup error: " : "", error);
}

/* The backends are known, and something else is not yet. */
static void lose_patience(struct grebe__dns_round *round)
{
    uint64_t end_ns = grebe__env_after(round->env, patience_ns);

    if (end_ns >= round->deadline_ns)
        return;
    round->deadline_ns = end_ns;
    grebe__env_start_timer(round->env, &round->timer, end_ns);
}

/* Something is known that was not. */
static void go_on(struct grebe__dns_round *round)
{
    const struct grebe__dns_service *backends = &round->backends;
    bool is_found = backends->outcome == GREBE__LOOKUP_FOUND;

    if (round->is_asking_backends)
        return;
    if (backends->outcome == GREBE__LOOKUP_FAILED) {
        fail(round, "%s record lookup error: %s", kind_of_backends(round),
             backends->error);
    } else if (!is_found && !round->is_asking_balancers && !has_balancers(round)) {
        snprintf(round->error, sizeof round->error, "%s", backends->error);
        finish(round, GREBE__LOOKUP_NOT_FOUND);
    } else if (round->is_asking_txt || round->is_asking_balancers) {
        lose_patience(round);
    } else {
        collect(round);
    }
}

/* The end of the budget, or of patience with what is left. */
static void on_timer(struct grebe__timer *timer)
{
    struct grebe__dns_round *round =
        grebe_container_of(timer, struct grebe__dns_round, timer);
    uint64_t budget_ns = grebe__resolver_conn_dns(round->conn)->lookup_timeout_ns;
    char limit[32];
    struct grebe__text text = grebe__text_init(limit, sizeof limit);

    if (round->is_out_of_memory) {
        fail(round, "%s", grebe_strerror(GREBE_ERR_NOMEM));
        return;
    }
    if (round->is_asking_backends) {
        grebe__text_append_duration(&text, budget_ns);
        fail(round, "%s record lookup error: deadline exceeded: no answer within %s",
             kind_of_backends(round), limit);
        return;
    }
    if (round->is_asking_txt)
        give_up_config(round, "deadline exceeded: no answer in time");
    if (round->is_asking_balancers)
        warn(round, WARN_BALANCERS, "no balancers: no answer in time");
    round->is_asking_txt = round->is_asking_balancers = false;
    go_on(round);
}

/* ---- Answers ----------------------------------------------------------------------- */

static void on_backends(struct grebe__dns_service *service)
{
    struct grebe__dns_round *round =
        grebe_container_of(service, struct grebe__dns_round, backends);

    round->is_asking_backends = false;
    go_on(round);
}

static void on_balancers(struct grebe__dns_service *service)
{
    struct grebe__dns_round *round =
        grebe_container_of(service, struct grebe__dns_round, balancers);

    round->is_asking_balancers = false;
    if (service->outcome == GREBE__LOOKUP_FOUND)
        note_ttl(round, service->ttl_ns);
    else if (service->outcome == GREBE__LOOKUP_FAILED)
        warn(round, WARN_BALANCERS, "no balancers: %s", service->error);
    go_on(round);
}

static void choose_config(struct grebe__dns_round *round,
                          const struct grebe__lookup_answer *record)
{
    size_t skip = sizeof txt_prefix - 1;
    char host_name[256]; /* HOST_NAME_MAX is 64 on Linux */
    struct grebe__client_traits client = {.host_name = host_name, .luck = round->luck};
    struct grebe_diag diag = {""};
    int error;

    round->env->dns->host_name(round->env, host_name, sizeof host_name);
    error = grebe__config_choose(round->mem, record->text + skip, record->length - skip,
                                 &client, &diag, &round->service_config);
    note_ttl(round, record->ttl_ns);
    if (error == GREBE_ERR_NOMEM)
        round->is_out_of_memory = true;
    else if (error != GREBE_OK)
        warn(round, WARN_TXT_INVALID, "the service config of %.200s is not used: %.200s",
             round->txt_name, diag.text);
}

static bool is_config(const struct grebe__lookup_answer *record)
{
    return strncmp(record->text, txt_prefix, sizeof txt_prefix - 1) == 0;
}

static void on_txt(struct grebe__lookup *lookup,
                   const struct grebe__lookup_result *result)
{
    struct grebe__dns_round *round =
        grebe_container_of(lookup, struct grebe__dns_round, txt_lookup);
    size_t i = 0;

    round->is_asking_txt = false;
    if (result->outcome == GREBE__LOOKUP_FAILED)
        give_up_config(round, result->error);
    while (i < result->n && !is_config(&result->answers[i]))
        i++;
    if (i < result->n)
        choose_config(round, &result->answers[i]);
    else if (result->outcome == GREBE__LOOKUP_FOUND)
        warn(round, WARN_TXT_FOREIGN, "no TXT record of %.200s begins with %s",
             round->txt_name, txt_prefix);
    go_on(round);
}

/* ---- Questions --------------------------------------------------------------------- */

static void ask_txt(struct grebe__dns_round *round)
{
    round->txt_lookup = (struct grebe__lookup){
        .kind = GREBE__LOOKUP_TXT,
        .name = round->txt_name,
        .server = round->backends.server,
        .max_answers = MAX_TXT_RECORDS,
        .on_done = on_txt,
    };
    round->is_asking_txt = true;
    round->env->dns->lookup(round->env, &round->txt_lookup);
}

/* `server` as struct grebe__lookup has it. */
static void ask(struct grebe__dns_round *round, const char *server)
{
    const struct grebe__dns_question *question = &round->question;
    int error;

    round->backends.server = round->balancers.server = server;
    if (is_service(round))
        error = grebe__dns_service_find(&round->backends, question->host);
    else
        error = grebe__dns_service_find_host(&round->backends, question->host);
    if (error != GREBE_OK) { /* to be told in a turn of its own */
        round->is_out_of_memory = true;
        grebe__env_start_timer(round->env, &round->timer, round->env->now_ns);
        return;
    }
    if (round->balancers_name != NULL &&
        grebe__dns_service_find(&round->balancers, round->balancers_name) == GREBE_OK)
        round->is_asking_balancers = true;
    if (round->txt_name != NULL)
        ask_txt(round);
}

static void on_server(struct grebe__lookup *lookup,
                      const struct grebe__lookup_result *result)
{
    struct grebe__dns_round *round =
        grebe_container_of(lookup, struct grebe__dns_round, server_lookup);
    struct grebe__host_port parts = {
        .port = round->question.server_port,
        .port_length = strlen(round->question.server_port),
    };

    if (result->outcome != GREBE__LOOKUP_FOUND || result->n == 0) {
        fail(round, "the DNS server is not known: %s",
             result->error == NULL ? "no answer" : result->error);
        return;
    }
    parts.host = result->answers[0].text;
    parts.host_length = result->answers[0].length;
    parts.family = grebe__ip_family_of(parts.host, parts.host_length);
    grebe__host_port_join(&parts, round->server, sizeof round->server);
    ask(round, round->server);
}

static void ask_for_server(struct grebe__dns_round *round)
{
    round->server_lookup = (struct grebe__lookup){
        .kind = GREBE__LOOKUP_ADDRESSES,
        .name = round->question.server_host,
        .max_answers = 1,
        .on_done = on_server,
    };
    round->env->dns->lookup(round->env, &round->server_lookup);
}

/* A server whose address the target has is asked at once. */
static const char *known_server(struct grebe__dns_round *round)
{
    struct grebe__host_port parts = {
        .host = round->question.server_host,
        .host_length = strlen(round->question.server_host),
        .port = round->question.server_port,
        .port_length = strlen(round->question.server_port),
    };

    parts.family = grebe__ip_family_of(parts.host, parts.host_length);
    if (parts.family == GREBE__IP_NONE)
        return NULL;
    grebe__host_port_join(&parts, round->server, sizeof round->server);
    return round->server;
}

static void drop_result(struct grebe__dns_round *round)
{
    grebe__endpoint_list_fini(&round->list);
    grebe_mem_free(round->mem, round->service_config);
    grebe_attributes_unref(round->attributes);
    round->service_config = NULL;
    round->attributes = NULL;
    round->config_error = NULL;
    round->ttl_ns = 0;
    round->error[0] = round->txt_error[0] = round->source[0] = '\0';
}

void grebe__dns_round_start(struct grebe__dns_round *round)
{
    uint64_t budget_ns = grebe__resolver_conn_dns(round->conn)->lookup_timeout_ns;
    const char *server = NULL;

    drop_result(round);
    round->warned = 0;
    round->is_out_of_memory = false;
    round->is_asking_backends = true;
    round->deadline_ns = grebe__env_after(round->env, budget_ns);
    grebe__env_start_timer(round->env, &round->timer, round->deadline_ns);
    if (round->question.server_host != NULL) {
        server = known_server(round);
        if (server == NULL) {
            ask_for_server(round);
            return;
        }
    }
    ask(round, server);
}

/* ---- Life -------------------------------------------------------------------------- */

static char *join(const struct grebe_mem *mem, const char *prefix, const char *name)
{
    size_t size = strlen(prefix) + strlen(name) + 1;
    char *joined = grebe_mem_alloc(mem, size);

    if (joined != NULL)
        snprintf(joined, size, "%s%s", prefix, name);
    return joined;
}

/* What belongs to a service belongs to its domain. */
static const char *domain_of(const struct grebe__dns_question *question)
{
    const char *name = question->host;

    if (question->port == NULL)
        for (unsigned labels = 0; labels < 2; labels++)
            name = strchr(name, '.') + 1;
    return name;
}

/* "localhost" and what is below it: names that no DNS server is to be asked for (RFC 6761
 * 6.3), so there is no TXT record to wait for. */
static bool is_localhost(const char *name)
{
    static const char top[] = "localhost";
    size_t length = strlen(name), n = sizeof top - 1;

    if (length > 0 && name[length - 1] == '.')
        length--;
    return length >= n && grebe__ascii_equal_fold(name + length - n, n, top) &&
           (length == n || name[length - n - 1] == '.');
}

static void init_service(struct grebe__dns_service *service,
                         const struct grebe__dns_round *round,
                         void (*on_done)(struct grebe__dns_service *service))
{
    *service = (struct grebe__dns_service){
        .env = round->env,
        .mem = round->mem,
        .luck = round->luck,
        .is_forgetful = grebe__resolver_conn_dns(round->conn)->accepts_empty,
        .on_done = on_done,
    };
}

int grebe__dns_round_init(struct grebe__dns_round *round,
                          struct grebe_resolver_conn *conn,
                          const struct grebe__dns_question *question)
{
    const struct grebe__dns_options *options = grebe__resolver_conn_dns(conn);
    const char *domain = domain_of(question);
    bool wants_txt = question->wants_config && !is_localhost(domain);
    /* grpc-go: this one never has balancers, and is asked for at every start in a cloud. */
    bool wants_balancers =
        options->wants_balancers && strcmp(domain, "metadata.google.internal.") != 0;

    *round = (struct grebe__dns_round){
        .conn = conn,
        .question = *question,
        .mem = grebe_resolver_conn_mem(conn),
        .env = grebe__resolver_conn_env(conn),
    };
    round->luck = grebe__rng_next(&round->env->rng);
    init_service(&round->backends, round, on_backends);
    init_service(&round->balancers, round, on_balancers);
    grebe__endpoint_list_init(&round->list, round->mem);
    grebe__timer_init(&round->timer, on_timer);
    if (wants_txt)
        round->txt_name = join(round->mem, "_grpc_config.", domain);
    if (wants_balancers)
        round->balancers_name = join(round->mem, "_grpclb._tcp.", domain);
    if ((wants_txt && round->txt_name == NULL) ||
        (wants_balancers && round->balancers_name == NULL))
        return GREBE_ERR_NOMEM;
    return GREBE_OK;
}

void grebe__dns_round_fini(struct grebe__dns_round *round)
{
    stop_asking(round);
    drop_result(round);
    grebe__dns_service_fini(&round->backends);
    grebe__dns_service_fini(&round->balancers);
    grebe_mem_free(round->mem, round->txt_name);
    grebe_mem_free(round->mem, round->balancers_name);
}
