/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/dns.c -- when to ask, and what to tell.  What is asked, and what the answers
 * mean, is a round (resolver/dns_round.h).
 *
 * Each state waits for exactly one thing, and step() has all transitions; it only hears
 * whether a round was of use.
 */
#include "resolver/dns.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/diag.h"
#include "core/backoff.h"
#include "core/dns.h"
#include "core/env.h"
#include "core/resolver_conn.h"
#include "resolver/dns_round.h"
#include "resolver/fixed.h"
#include "resolver/host_port.h"
#include "resolver/target.h"

/* A port may be a service's name, of up to 15 bytes (RFC 6335 5.1); the rest is room for
 * an address in brackets with a zone. */
enum { PORT_MAX = 32, ADDRESS_BYTES = 160 };

enum state {
    LOOKING_UP,  /* a round is under way, and has a budget of its own */
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
    struct grebe__dns_round round;
    struct grebe__timer timer;
    uint64_t earliest_ns; /* SETTLED: no round may begin before */
    uint64_t refresh_ns;  /* when the answer is too old; UINT64_MAX: never */
    uint64_t retry_ns;    /* when to ask again if the answer is of no use */
    unsigned n_failures;  /* rounds of no use since the last that was accepted */
    size_t n_known;       /* endpoints in the list the channel has from us */
    bool is_wanted;       /* resolve_now came while LOOKING_UP: its answer is too old */
    char text[];          /* of the round's question */
};

static const struct grebe__dns_options *options_of(const struct dns *dns)
{
    return grebe__resolver_conn_dns(dns->conn);
}

/* ---- When ---------------------------------------------------------------------------- */

/* A TTL of zero, and an empty list that was accepted, are asked for again as soon as the
 * minimum interval allows, which may be zero too: not without a pause. */
static const uint64_t shortest_life_ns = UINT64_C(1000000000);

/* Chosen before the answer is handed over, so that whoever hears of it can say when the
 * next attempt is. */
static void choose_retry(struct dns *dns)
{
    uint64_t delay_ns = grebe__backoff_delay_ns(
        &grebe__backoff_default, dns->n_failures + 1, grebe__rng_unit(&dns->env->rng));

    dns->retry_ns = grebe__env_after(dns->env, delay_ns);
}

/* No TTL is believed beyond this: a slip of the hand must not bind clients for 68 years. */
static const uint64_t longest_ttl_ns = UINT64_C(86400000000000); /* a day */

/* How long an answer may be used; UINT64_MAX: for ever. */
static uint64_t lifetime_ns(const struct dns *dns, uint64_t ttl_ns)
{
    const struct grebe__dns_options *options = options_of(dns);
    uint64_t life_ns = ttl_ns < longest_ttl_ns ? ttl_ns : longest_ttl_ns;

    if (ttl_ns == 0 || options->ignores_ttl)
        life_ns = UINT64_MAX;
    if (life_ns > options->max_interval_ns)
        life_ns = options->max_interval_ns;
    if (life_ns < shortest_life_ns)
        life_ns = shortest_life_ns;
    return life_ns > options->min_interval_ns ? life_ns : options->min_interval_ns;
}

/* When the answer is asked for again: at the end of its life, but not within the minimum
 * interval, give or take 10 % so that clients started together do not ask together. */
static void choose_refresh(struct dns *dns, uint64_t ttl_ns)
{
    uint64_t least_ns = options_of(dns)->min_interval_ns;
    double delay_ns = (double)lifetime_ns(dns, ttl_ns);

    dns->refresh_ns = UINT64_MAX;
    if (delay_ns >= 0x1p63)
        return;
    delay_ns *= 0.9 + 0.2 * grebe__rng_unit(&dns->env->rng);
    if (delay_ns >= 0x1p63)
        return;
    if ((uint64_t)delay_ns > least_ns)
        least_ns = (uint64_t)delay_ns;
    dns->refresh_ns = grebe__env_after(dns->env, least_ns);
}

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
    grebe__resolver_conn_set_next(dns->conn, dns->retry_ns);
    grebe_resolver_conn_report_error(dns->conn, &status);
}

/* Hands over what was found, perhaps an empty list: a channel refuses that, as a rule. */
static enum event publish(struct dns *dns, const struct grebe_attributes *attributes)
{
    struct grebe__dns_round *round = &dns->round;
    struct grebe_resolver_state state = GREBE_RESOLVER_STATE_INIT;
    uint64_t next_ns;
    int error;

    choose_refresh(dns, round->list.n == 0 ? 1 : round->ttl_ns);
    next_ns = round->list.n == 0 ? dns->retry_ns : dns->refresh_ns;
    state.endpoints = round->list.endpoints;
    state.n_endpoints = round->list.n;
    state.service_config = round->service_config;
    state.service_config_error = round->config_error;
    state.attributes = attributes;
    state.ttl_ns = round->ttl_ns;
    state.next_refresh_ns = next_ns == UINT64_MAX ? 0 : next_ns;
    state.source = round->source;
    error = grebe_resolver_conn_update(dns->conn, &state);
    if (error != GREBE_ERR_NOMEM)
        dns->n_known = round->list.n;
    return error == GREBE_OK ? ACCEPTED : REFUSED;
}

/* An empty list, and what calls shall say of it; without memory for that they say less. */
static enum event publish_nothing(struct dns *dns)
{
    const struct grebe_attributes *attributes;
    char reason[sizeof dns->round.error + sizeof "dns: "];
    enum event event;

    snprintf(reason, sizeof reason, "dns: %s", dns->round.error);
    grebe_resolver_conn_log(dns->conn, GREBE_LOG_WARNING, "%s", reason);
    if (grebe_attributes_with_text(grebe_resolver_conn_mem(dns->conn), NULL,
                                   &GREBE_ATTRIBUTE_REASON, reason,
                                   &attributes) != GREBE_OK)
        attributes = NULL;
    event = publish(dns, attributes);
    grebe_attributes_unref(attributes);
    return event;
}

/* The name does not exist, or has no address. */
static enum event use_nothing(struct dns *dns)
{
    const char *why = dns->round.error;

    if (dns->n_known == 0 || options_of(dns)->accepts_empty)
        return publish_nothing(dns);
    report(dns, "dns: %s record lookup error: %s; the %zu endpoint%s known before stay%s",
           dns->round.question.port == NULL ? "SRV" : "A", why, dns->n_known,
           dns->n_known == 1 ? "" : "s", dns->n_known == 1 ? "s" : "");
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
    dns->is_wanted = false;
    wait_until(dns, LOOKING_UP, UINT64_MAX);
    grebe__dns_round_start(&dns->round);
}

static void settle(struct dns *dns)
{
    dns->n_failures = 0;
    dns->earliest_ns = grebe__env_after(dns->env, options_of(dns)->min_interval_ns);
    if (dns->is_wanted)
        wait_until(dns, HOLDING, dns->earliest_ns);
    else
        wait_until(dns, SETTLED, dns->refresh_ns);
}

static void back_off(struct dns *dns)
{
    dns->n_failures++;
    wait_until(dns, BACKING_OFF, dns->retry_ns);
}

/* A wish is granted by any round that begins after it: one that comes while another wait
 * is on needs nothing of its own, and shortens no wait. */
static void step(struct dns *dns, enum event event)
{
    switch (dns->state) {
    case LOOKING_UP:
        GREBE_ASSERT(event != TIMER);
        if (event == WANTED)
            dns->is_wanted = true;
        else if (event == ACCEPTED)
            settle(dns);
        else
            back_off(dns);
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
    dns->conn->next_ns =
        grebe__timer_is_running(&dns->timer) ? dns->timer.deadline_ns : 0;
}

static void on_round(struct grebe__dns_round *round)
{
    struct dns *dns = grebe_container_of(round, struct dns, round);
    enum event event = REFUSED;

    GREBE_ASSERT(dns->state == LOOKING_UP);
    choose_retry(dns);
    if (round->outcome == GREBE__LOOKUP_FOUND)
        event = publish(dns, dns->round.attributes);
    else if (round->outcome == GREBE__LOOKUP_NOT_FOUND)
        event = use_nothing(dns);
    else
        report(dns, "dns: %s", round->error);
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
    grebe__dns_round_fini(&dns->round);
    grebe_mem_free(grebe_resolver_conn_mem(dns->conn), dns);
}

static const struct grebe_resolver_ops ops = {
    .resolve_now = resolve_now,
    .destroy = destroy,
};

/* What a target asks for, in pieces of its text. */
struct request {
    struct grebe__host_port name;   /* without a port: a service */
    struct grebe__host_port server; /* without a host: the system's */
    bool wants_config;
};

static const char *copy(char **at, const char *text, size_t length)
{
    char *to = *at;

    if (text == NULL)
        return NULL;
    memcpy(to, text, length);
    to[length] = '\0';
    *at += length + 1;
    return to;
}

static int new_resolver(struct grebe_resolver_conn *conn, const struct request *request,
                        struct grebe_resolver **out)
{
    const struct grebe__host_port *name = &request->name, *server = &request->server;
    size_t size = name->host_length + name->port_length + server->host_length +
                  server->port_length + 4;
    struct dns *made =
        grebe_mem_alloc(grebe_resolver_conn_mem(conn), sizeof *made + size);
    char *at;
    int error;

    if (made == NULL)
        return GREBE_ERR_NOMEM;
    *made = (struct dns){.conn = conn, .env = grebe__resolver_conn_env(conn)};
    grebe_resolver_init(&made->base, &ops);
    grebe__timer_init(&made->timer, on_timer);
    at = made->text;
    error = grebe__dns_round_init(
        &made->round, conn,
        &(struct grebe__dns_question){
            .host = copy(&at, name->host, name->host_length),
            .port = copy(&at, name->port, name->port_length),
            .server_host = copy(&at, server->host, server->host_length),
            .server_port = copy(&at, server->port, server->port_length),
            .wants_config = request->wants_config,
        });
    made->round.on_done = on_round;
    if (error != GREBE_OK) {
        destroy(&made->base);
        return error;
    }
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

static size_t label_length(const char *name, size_t length)
{
    const char *dot = memchr(name, '.', length);

    return dot == NULL ? length : (size_t)(dot - name);
}

/* "_service._proto.domain" (RFC 2782): the length of what comes before the domain, 0 if it
 * is no such name. */
static size_t service_prefix(const char *name, size_t length)
{
    size_t at = 0;

    for (unsigned labels = 0; labels < 2; labels++) {
        size_t n = label_length(name + at, length - at);

        if (n < 2 || name[at] != '_' || at + n + 1 >= length)
            return 0;
        at += n + 1;
    }
    return at;
}

bool grebe__dns_is_service(const char *endpoint)
{
    return service_prefix(endpoint, strcspn(endpoint, ":")) > 0;
}

/* A service's ports are in its records.  One in the target would be ignored, and its
 * author would not know why. */
static const char *make_service(const char *text, struct grebe__host_port *parts)
{
    if (parts->host_length != strlen(text))
        return "invalid target address, a service (SRV) brings its own ports";
    parts->port = NULL;
    parts->port_length = 0;
    return NULL;
}

static const char *split_name(const struct grebe_resolver_conn *conn, const char *text,
                              struct grebe__host_port *out)
{
    const char *flaw = grebe__host_port_split(text, strlen(text), "443", out);

    if (flaw == NULL && out->port_length > PORT_MAX)
        flaw = "invalid target address, port is too long";
    if (flaw == NULL && !grebe__resolver_conn_dns(conn)->ignores_srv &&
        service_prefix(out->host, out->host_length) > 0)
        flaw = make_service(text, out);
    return flaw;
}

static const char *split_server(const char *text, struct grebe__host_port *out)
{
    const char *flaw;

    if (text[0] == '\0')
        return NULL;
    flaw = grebe__host_port_split(text, strlen(text), "53", out);
    if (flaw == NULL && out->host_length + out->port_length > 255)
        flaw = "name of the server is too long"; /* than any DNS name */
    return flaw;
}

static int build(const struct grebe_target *target, struct grebe_resolver_conn *conn,
                 const struct grebe_resolver_options *options, struct grebe_diag *diag,
                 struct grebe_resolver **out)
{
    const char *text = target->endpoint, *server = target->authority, *flaw;
    struct request request = {
        .wants_config = !options->ignores_service_config &&
                        !grebe__resolver_conn_dns(conn)->ignores_txt,
    };

    flaw = split_name(conn, text, &request.name);
    if (flaw != NULL)
        return fail(flaw, text, diag);
    if (request.name.family != GREBE__IP_NONE)
        return new_literal(conn, &request.name, text, diag, out);
    flaw = split_server(server, &request.server);
    if (flaw != NULL)
        return fail(flaw, server, diag);
    return new_resolver(conn, &request, out);
}

/* What a service is called by, and its certificate with it, is its domain: what the DNS
 * says of targets is not proof enough to change whom one talks to. */
static size_t authority(const struct grebe_target *target, char *buf, size_t size)
{
    struct grebe_target domain = *target;

    if (strchr(domain.endpoint, ':') == NULL)
        domain.endpoint += service_prefix(domain.endpoint, strlen(domain.endpoint));
    return grebe__authority_of_endpoint(&domain, buf, size);
}

const struct grebe_resolver_builder grebe__dns_resolver = {
    .api = GREBE_RESOLVER_API,
    .scheme = "dns",
    .build = build,
    .authority = authority,
};
