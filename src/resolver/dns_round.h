/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/dns_round.h -- all that is asked to resolve a target once.
 *
 *   the server's address, if the target names one by name; then, at the same time:
 *     backends         A and AAAA of the host, or the service's SRV records and targets
 *     service config   TXT of _grpc_config.HOST (gRFC A2)
 *     balancers        SRV of _grpclb._tcp.HOST, if the channel wants them
 *
 * Budget      One for all of it.  Without backends nothing else matters and the round ends;
 *             with them the rest may take 5 s more, and is then done without: some networks
 *             drop every TXT query, and no call should wait for that for long.
 * Log         What is odd about answers is said once, and again only after it was gone.
 * Source      grpc-go package resolver/dns; SRV of backends is ours.
 */
#ifndef GREBE_RESOLVER_DNS_ROUND_H
#define GREBE_RESOLVER_DNS_ROUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/attributes.h>
#include <grebe/resolver.h>

#include "core/dns.h"
#include "core/env.h"
#include "core/resolver_conn.h"
#include "resolver/dns_service.h"

/* What is asked; text the owner keeps. */
struct grebe__dns_question {
    const char *host;                      /* or "_service._proto.domain" */
    const char *port;                      /* NULL: it is a service */
    const char *server_host, *server_port; /* NULL: the system's */
    bool wants_config;
};

struct grebe__dns_round {
    /* The owner's, before the first round. */
    struct grebe_resolver_conn *conn;
    struct grebe__dns_question question;
    /* In a later turn, once for each round. */
    void (*on_done)(struct grebe__dns_round *round);

    /* The result, until the next round.  FOUND: `list`, which may be empty if there are
     * balancers; NOT_FOUND: there is definitely nothing, and `error` says whether it is the
     * name that does not exist; FAILED: `error` says why. */
    enum grebe__lookup_outcome outcome;
    char error[448];
    struct grebe__endpoint_list list;
    uint64_t ttl_ns;          /* the shortest of all that are known; 0 if none is */
    char *service_config;     /* NULL: none */
    const char *config_error; /* NULL: none */
    const struct grebe_attributes *attributes; /* a reference; NULL: none */
    char source[32];                           /* "A, AAAA, TXT" */

    /* Its own. */
    const struct grebe_mem *mem;
    struct grebe__env *env;
    struct grebe__dns_service backends, balancers;
    struct grebe__lookup server_lookup, txt_lookup;
    struct grebe__timer timer; /* the end of the budget, or of patience */
    uint64_t luck;             /* of this client, in percentages and weighted orders */
    uint64_t deadline_ns;
    char server[160], txt_error[448];
    char *txt_name, *balancers_name; /* owned; NULL: not to be asked for */
    bool is_asking_backends, is_asking_txt, is_asking_balancers;
    bool is_out_of_memory;
    unsigned warned, warned_before; /* sets of enum warning */
};

/* GREBE_ERR_NOMEM.  After it the round is to be finished by fini. */
int grebe__dns_round_init(struct grebe__dns_round *round,
                          struct grebe_resolver_conn *conn,
                          const struct grebe__dns_question *question);
void grebe__dns_round_fini(struct grebe__dns_round *round);

/* Begin.  The result of the last round is gone. */
void grebe__dns_round_start(struct grebe__dns_round *round);

#endif
