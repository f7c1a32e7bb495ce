/* SPDX-License-Identifier: Apache-2.0 */
/* core/dns.h -- a question to the DNS, and its answer. */
#ifndef GREBE_CORE_DNS_H
#define GREBE_CORE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum grebe__lookup_outcome {
    GREBE__LOOKUP_FOUND,     /* one answer at least */
    GREBE__LOOKUP_NOT_FOUND, /* the name, or its addresses, do not exist: definitive */
    GREBE__LOOKUP_FAILED,    /* no server answered usefully: try again later */
};

struct grebe__lookup_answer {
    const char *address; /* "10.0.0.1" or "2001:db8::1", no brackets, a zone if any */
    uint64_t ttl_ns;     /* 0 if unknown */
};

/* A and AAAA of one name, as one question.  The asker's memory; it stays until on_done or
 * grebe__dns_ops.cancel. */
struct grebe__lookup {
    const char *name;   /* borrowed while it runs */
    const char *server; /* "8.8.8.8:53", "[::1]:53"; NULL: the system's.  Borrowed */
    /* In a later turn, once.  `answers` in the order to try them (RFC 6724), borrowed;
     * `error` is text for people when the outcome is not FOUND. */
    void (*on_done)(struct grebe__lookup *lookup, enum grebe__lookup_outcome outcome,
                    const struct grebe__lookup_answer *answers, size_t n,
                    const char *error);
    void *pending; /* the driver's; NULL when idle */
};

#endif
