/* SPDX-License-Identifier: Apache-2.0 */
/* resolver/dns_service.h -- the backends behind one name.
 *
 *   a host      its A and AAAA records, all with one port
 *   a service   its SRV records (RFC 2782), each with a port and a weight, and then the
 *               addresses of their targets
 *
 * Priority    Targets of the lowest number are looked up first; those of the next one only
 *             if none of them has an address.
 * Order       Inside of a priority by weight and by chance, as RFC 2782 has it; but chance
 *             is thrown once for each client and target, so that asking again does not
 *             turn the list over.
 * Endpoints   An address of a host is an endpoint: which of them are the same machine, the
 *             DNS does not say.  A target with one IPv4 and one IPv6 address is one
 *             machine that is reached in two ways; with more, each address is an endpoint.
 * Failures    A target whose lookup fails keeps the addresses it had the last time.
 * Bounds      Records, addresses, and questions under way at once, all named below.
 */
#ifndef GREBE_RESOLVER_DNS_SERVICE_H
#define GREBE_RESOLVER_DNS_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/mem.h>

#include "core/dns.h"
#include "resolver/endpoint_list.h"

struct grebe__env;

enum {
    GREBE__DNS_MAX_ADDRESSES = 4096, /* a message has room for 4095 IPv4 addresses */
    GREBE__DNS_MAX_RECORDS = 1024,
    GREBE__DNS_MAX_PER_TARGET = 64,
    GREBE__DNS_MAX_QUESTIONS = 16,
};

/* A host and what its lookup gave. */
struct grebe__dns_host;
/* An SRV record, and which of the hosts is its target. */
struct grebe__dns_record;

/* What one search has found. */
struct grebe__dns_findings {
    struct grebe__dns_host *hosts;
    size_t n_hosts;
    struct grebe__dns_record *records; /* by priority; none if a host was asked for */
    size_t n_records;
};

struct grebe__dns_service {
    /* The owner's, before the first search. */
    struct grebe__env *env;
    const struct grebe_mem *mem;
    uint64_t luck;      /* of this client */
    bool is_forgetful;  /* a failed lookup loses the addresses */
    const char *server; /* as in struct grebe__lookup */
    /* In a later turn, once for each search. */
    void (*on_done)(struct grebe__dns_service *service);

    /* The result, until the next search. */
    enum grebe__lookup_outcome outcome;
    char error[320];   /* if it is not FOUND */
    uint64_t ttl_ns;   /* the shortest of those that are known; 0 if none is */
    size_t n_left_out; /* records and addresses */
    size_t n_failed;   /* targets that keep what they had, or nothing */
    bool has_a, has_aaaa;

    /* Its own. */
    struct grebe__lookup lookup; /* for SRV */
    struct grebe__dns_findings now, before;
    size_t first, end, next; /* records: of this priority, and the next to be looked up */
    size_t n_asking;
    bool is_searching;
};

void grebe__dns_service_fini(struct grebe__dns_service *service);

/* Start a search.  `name` is borrowed until it ends.  GREBE_ERR_NOMEM. */
int grebe__dns_service_find_host(struct grebe__dns_service *service, const char *name);
int grebe__dns_service_find(struct grebe__dns_service *service, const char *name);
/* It ends without a word.  Not searching: no-op. */
void grebe__dns_service_cancel(struct grebe__dns_service *service);

/* Appends what was FOUND.  `port` is for a host; with `uses_names` each target is its own
 * server name.  GREBE_ERR_NOMEM; GREBE_ERR_INVALID: service->error says which address is
 * none. */
int grebe__dns_service_list(struct grebe__dns_service *service, const char *port,
                            bool uses_names, struct grebe__endpoint_list *list);

#endif
