/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/dns.c -- each state waits for exactly one thing, so one timer is enough.
 *
 * step() has all transitions.  What an answer means is decided before, in use_answers()
 * and its neighbours: step() only hears whether it was of use.
 */
#include "resolver/dns.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/text.h"
#include "core/backoff.h"
#include "core/dns.h"
#include "core/env.h"
#include "core/resolver_conn.h"
#include "resolver/fixed.h"
#include "resolver/host_port.h"

/* A port may be a service's name, of up to 15 bytes (RFC 6335 5.1); the rest is room for
 * an address in brackets with a zone. */
enum { PORT_MAX = 32, ADDRESS_BYTES = 160 };

/* A message of the DNS has room for 4095 IPv4 addresses: more are no list of backends. */
enum { MAX_ADDRESSES = 4096 };

enum state {
    LOOKING_UP,  /* a lookup is in flight; the timer is its budget */
    SETTLED,     /* the channel has the answer; the timer, if it runs, is the TTL's end */
    HOLDING,     /* wanted, but too early; the timer is the end of the minimum interval */
    BACKING_OFF, /* the last attempt was of no use; the timer is the next one */
};

enum event {
    ACCEPTED, /* the channel took the answer */
    REFUSED,  /* it did not, or there was none; whoever asks has been told */
    TIMER,
    WANTED, /* resolve_now */
};

struct dns {
    struct grebe_resolver base;
    struct grebe_resolver_conn *conn;
    struct grebe__env *env;
    enum state state;
    struct grebe__lookup lookup;
    struct grebe__timer timer;
    uint64_t earliest_ns; /* SETTLED: no lookup may begin before */
    uint64_t refresh_ns;  /* when the answer is too old; UINT64_MAX: never */
    unsigned n_failures;  /* attempts of no use since the last that was accepted */
    size_t n_known;       /* endpoints in the list the channel has from us */
    bool is_wanted;       /* resolve_now came while LOOKING_UP: its answer is too old */
    char port[PORT_MAX + 1];
    char text[]; /* host and server, which `lookup` points to */
};

/* ---- Telling the channel ----------------------------------------------------------- */

static void report(struct dns *dns, const char *format, ...) GREBE_PRINTF(2, 3);

static void report(struct dns *dns, const char *format, ...)
{
    struct grebe_status status;
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);
    grebe_resolver_conn_report_error(dns->conn, &status);
}

/* The shortest of the TTLs that are known; 0 if none is. */
static uint64_t shortest_ttl(const struct grebe__lookup_answer *answers, size_t n)
{
    uint64_t shortest = 0;

    for (size_t i = 0; i < n; i++)
        if (answers[i].ttl_ns != 0 && (shortest == 0 || answers[i].ttl_ns < shortest))
            shortest = answers[i].ttl_ns;
    return shortest;
}

/* When the answer is asked for again: at the end of its TTL, but not within the minimum
 * interval, give or take 10 % so that clients started together do not ask together. */
static uint64_t choose_refresh(struct dns *dns, uint64_t ttl_ns)
{
    const struct grebe__dns_options *options = grebe__resolver_conn_dns(dns->conn);
    uint64_t least_ns = options->min_interval_ns;
    double delay_ns;

    if (ttl_ns == 0 || options->ignores_ttl)
        return UINT64_MAX;
    delay_ns = (double)(ttl_ns > least_ns ? ttl_ns : least_ns);
    delay_ns *= 0.9 + 0.2 * grebe__rng_unit(&dns->env->rng);
    if (delay_ns >= 0x1p63)
        return UINT64_MAX;
    if ((uint64_t)delay_ns > least_ns)
        least_ns = (uint64_t)delay_ns;
    return grebe__env_after(dns->env, least_ns);
}

/* Hands over a list, perhaps an empty one. */
static enum event publish(struct dns *dns, const struct grebe__endpoint_list *list,
                          uint64_t ttl_ns)
{
    struct grebe_resolver_state state = GREBE_RESOLVER_STATE_INIT;
    int error;

    dns->refresh_ns = choose_refresh(dns, ttl_ns);
    state.endpoints = list->endpoints;
    state.n_endpoints = list->n;
    state.ttl_ns = ttl_ns;
    state.next_refresh_ns = dns->refresh_ns == UINT64_MAX ? 0 : dns->refresh_ns;
    error = grebe_resolver_conn_update(dns->conn, &state);
    if (error != GREBE_ERR_NOMEM)
        dns->n_known = list->n;
    return error == GREBE_OK ? ACCEPTED : REFUSED;
}

/* ---- Answers ----------------------------------------------------------------------- */

static int add_answer(struct dns *dns, struct grebe__endpoint_list *list,
                      const char *answer)
{
    char address[ADDRESS_BYTES];
    struct grebe__host_port parts = {
        .host = answer,
        .host_length = strlen(answer),
        .port = dns->port,
        .port_length = strlen(dns->port),
        .family = grebe__ip_family_of(answer, strlen(answer)),
    };

    if (parts.family == GREBE__IP_NONE ||
        grebe__host_port_join(&parts, address, sizeof address) >= sizeof address)
        return GREBE_ERR_INVALID;
    return grebe__endpoint_list_add(list, address, NULL);
}

static enum event use_answers(struct dns *dns, const struct grebe__lookup_answer *answers,
                              size_t n)
{
    struct grebe__endpoint_list list;
    struct grebe_diag diag;
    enum event event = REFUSED;
    int error = GREBE_OK;
    size_t i = 0;

    grebe__endpoint_list_init(&list, grebe_resolver_conn_mem(dns->conn));
    while (i < n && error == GREBE_OK)
        error = add_answer(dns, &list, answers[i++].text);
    if (error == GREBE_OK) {
        event = publish(dns, &list, shortest_ttl(answers, n));
    } else if (error == GREBE_ERR_INVALID) {
        const char *culprit = answers[i - 1].text;

        grebe__diag_quote(&diag, culprit, strlen(culprit),
                          "dns: error parsing A record IP address");
        report(dns, "%s", diag.text);
    } else {
        report(dns, "dns: %s", grebe_strerror(error));
    }
    grebe__endpoint_list_fini(&list);
    return event;
}

/* The name does not exist, or has no address. */
static enum event use_nothing(struct dns *dns, const char *why)
{
    if (dns->n_known == 0) {
        grebe_resolver_conn_log(dns->conn, GREBE_LOG_WARNING, "dns: %s", why);
        return use_answers(dns, NULL, 0);
    }
    report(dns, "dns: A record lookup error: %s; the %zu addresses known before are kept",
           why, dns->n_known);
    return REFUSED;
}

/* ---- The machine ------------------------------------------------------------------- */

static void wait_until(struct dns *dns, enum state state, uint64_t deadline_ns)
{
    dns->state = state;
    if (deadline_ns == UINT64_MAX)
        grebe__timer_cancel(&dns->timer);
    else
        grebe__env_start_timer(dns->env, &dns->timer, deadline_ns);
}

static void look_up(struct dns *dns)
{
    uint64_t budget_ns = grebe__resolver_conn_dns(dns->conn)->lookup_timeout_ns;

    dns->is_wanted = false;
    wait_until(dns, LOOKING_UP, grebe__env_after(dns->env, budget_ns));
    dns->env->dns->lookup(dns->env, &dns->lookup);
}

static void settle(struct dns *dns)
{
    uint64_t interval_ns = grebe__resolver_conn_dns(dns->conn)->min_interval_ns;

    dns->n_failures = 0;
    dns->earliest_ns = grebe__env_after(dns->env, interval_ns);
    if (dns->is_wanted)
        wait_until(dns, HOLDING, dns->earliest_ns);
    else
        wait_until(dns, SETTLED, dns->refresh_ns);
}

static void back_off(struct dns *dns)
{
    uint64_t delay_ns = grebe__backoff_delay_ns(
        &grebe__backoff_default, ++dns->n_failures, grebe__rng_unit(&dns->env->rng));

    wait_until(dns, BACKING_OFF, grebe__env_after(dns->env, delay_ns));
}

static void give_up(struct dns *dns)
{
    char limit[32];
    struct grebe__text text = grebe__text_init(limit, sizeof limit);

    grebe__text_append_duration(&text,
                                grebe__resolver_conn_dns(dns->conn)->lookup_timeout_ns);
    dns->env->dns->cancel(dns->env, &dns->lookup);
    report(dns, "dns: A record lookup error: deadline exceeded: no answer within %s",
           limit);
}

/* A wish is granted by any lookup that begins after it: one that comes while another
 * wait is on needs nothing of its own, and shortens no wait. */
static void step(struct dns *dns, enum event event)
{
    switch (dns->state) {
    case LOOKING_UP:
        if (event == WANTED) {
            dns->is_wanted = true;
        } else if (event == ACCEPTED) {
            settle(dns);
        } else {
            if (event == TIMER)
                give_up(dns);
            back_off(dns);
        }
        break;
    case SETTLED:
        if (event == WANTED && dns->env->now_ns < dns->earliest_ns)
            wait_until(dns, HOLDING, dns->earliest_ns);
        else
            look_up(dns);
        break;
    case HOLDING:
    case BACKING_OFF:
        if (event == TIMER)
            look_up(dns);
        break;
    }
}

static void on_answer(struct grebe__lookup *lookup,
                      const struct grebe__lookup_result *result)
{
    struct dns *dns = grebe_container_of(lookup, struct dns, lookup);
    const char *error = result->error == NULL ? "no answer" : result->error;
    enum event event = REFUSED;

    GREBE_ASSERT(dns->state == LOOKING_UP);
    if (result->outcome == GREBE__LOOKUP_FAILED)
        report(dns, "dns: A record lookup error: %s", error);
    else if (result->outcome == GREBE__LOOKUP_NOT_FOUND || result->n == 0)
        event = use_nothing(dns, error);
    else
        event = use_answers(dns, result->answers, result->n);
    step(dns, event);
}

static void on_timer(struct grebe__timer *timer)
{
    step(grebe_container_of(timer, struct dns, timer), TIMER);
}

static void resolve_now(struct grebe_resolver *base)
{
    step(grebe_container_of(base, struct dns, base), WANTED);
}

/* ---- Life -------------------------------------------------------------------------- */

static void destroy(struct grebe_resolver *base)
{
    struct dns *dns = grebe_container_of(base, struct dns, base);

    grebe__timer_cancel(&dns->timer);
    dns->env->dns->cancel(dns->env, &dns->lookup);
    grebe_mem_free(grebe_resolver_conn_mem(dns->conn), dns);
}

static const struct grebe_resolver_ops ops = {
    .resolve_now = resolve_now,
    .destroy = destroy,
};

/* What is asked, and whom; `server` NULL: the system's. */
static int new_resolver(struct grebe_resolver_conn *conn,
                        const struct grebe__host_port *question, const char *server,
                        struct grebe_resolver **out)
{
    size_t server_bytes = server == NULL ? 0 : strlen(server) + 1;
    struct dns *made =
        grebe_mem_alloc(grebe_resolver_conn_mem(conn),
                        sizeof *made + question->host_length + 1 + server_bytes);
    char *end;

    if (made == NULL)
        return GREBE_ERR_NOMEM;
    *made = (struct dns){.conn = conn, .env = grebe__resolver_conn_env(conn)};
    grebe_resolver_init(&made->base, &ops);
    grebe__timer_init(&made->timer, on_timer);
    memcpy(made->port, question->port, question->port_length);
    memcpy(made->text, question->host, question->host_length);
    end = made->text + question->host_length;
    *end++ = '\0';
    made->lookup = (struct grebe__lookup){
        .kind = GREBE__LOOKUP_ADDRESSES,
        .name = made->text,
        .max_answers = MAX_ADDRESSES,
        .on_done = on_answer,
    };
    if (server != NULL)
        made->lookup.server = memcpy(end, server, server_bytes);
    look_up(made);
    *out = &made->base;
    return GREBE_OK;
}

static int fail(const char *flaw, const char *text, struct grebe_diag *diag)
{
    if (text[0] == '\0')
        grebe_diag_set(diag, "dns resolver: %s", flaw);
    else
        grebe__diag_quote(diag, text, strlen(text), "dns resolver: %s", flaw);
    return GREBE_ERR_TARGET;
}

/* `buf` gets "server:53" if the target names one. */
static int get_server(const struct grebe_target *target, struct grebe_diag *diag,
                      char *buf, size_t size, const char **out)
{
    struct grebe__host_port parts;
    const char *text = target->authority, *flaw;

    *out = NULL;
    if (text[0] == '\0')
        return GREBE_OK;
    flaw = grebe__host_port_split(text, strlen(text), "53", &parts);
    if (flaw == NULL && grebe__host_port_join(&parts, buf, size) >= size)
        flaw = "name of the server is too long";
    if (flaw != NULL)
        return fail(flaw, text, diag);
    *out = buf;
    return GREBE_OK;
}

/* An address is its own answer. */
static int new_literal(struct grebe_resolver_conn *conn,
                       const struct grebe__host_port *parts, const char *text,
                       struct grebe_diag *diag, struct grebe_resolver **out)
{
    char address[ADDRESS_BYTES];

    if (grebe__host_port_join(parts, address, sizeof address) >= sizeof address)
        return fail("invalid target address, zone is too long", text, diag);
    return grebe__fixed_resolver_new_single(conn, address, NULL, out);
}

static int build(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                 const struct grebe_resolver_options *options, struct grebe_diag *diag,
                 struct grebe_resolver **out)
{
    const char *text = target->endpoint, *server, *flaw;
    struct grebe__host_port parts;
    char buf[320]; /* a DNS name has 255 bytes at most */
    int error;

    (void)options;
    flaw = grebe__host_port_split(text, strlen(text), "443", &parts);
    if (flaw == NULL && parts.port_length > PORT_MAX)
        flaw = "invalid target address, port is too long";
    if (flaw != NULL)
        return fail(flaw, text, diag);
    if (parts.family != GREBE__IP_NONE)
        return new_literal(conn, &parts, text, diag, out);
    error = get_server(target, diag, buf, sizeof buf, &server);
    return error != GREBE_OK ? error : new_resolver(conn, &parts, server, out);
}

const struct grebe_resolver_builder grebe__dns_resolver = {
    .api = GREBE_RESOLVER_API,
    .scheme = "dns",
    .build = build,
};
