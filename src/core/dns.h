/* SPDX-License-Identifier: Apache-2.0 */
/* core/dns.h -- a question to the DNS, and its answer. */
#ifndef GREBE_CORE_DNS_H
#define GREBE_CORE_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum grebe__lookup_kind {
    GREBE__LOOKUP_ADDRESSES, /* A and AAAA, as one question */
    GREBE__LOOKUP_SRV,
    GREBE__LOOKUP_TXT,
};

enum grebe__lookup_outcome {
    GREBE__LOOKUP_FOUND,     /* one answer at least */
    GREBE__LOOKUP_NOT_FOUND, /* the name, or its records, do not exist: definitive */
    GREBE__LOOKUP_FAILED,    /* no server answered usefully: try again later */
};

struct grebe__lookup_answer {
    /* ADDRESSES  "10.0.0.1" or "2001:db8::1", no brackets, a zone if any
     * SRV        the target, "a.example."; "." says that there is no such service
     * TXT        all strings of one record, joined
     * With a NUL behind it; a TXT record may have others inside. */
    const char *text;
    size_t length;
    uint64_t ttl_ns;                 /* 0 if unknown; what must not be kept has 1 */
    uint16_t priority, weight, port; /* SRV */
};

struct grebe__lookup_result {
    enum grebe__lookup_outcome outcome;
    const struct grebe__lookup_answer *answers; /* n of them, FOUND only */
    size_t n;
    size_t n_left_out; /* answers beyond the limit, or of no use to anybody */
    const char *error; /* text for people; NULL if FOUND */
};

/* The asker's memory; it stays until on_done or grebe__dns_ops.cancel. */
struct grebe__lookup {
    enum grebe__lookup_kind kind;
    const char *name;   /* "a.example." is that name, "a" perhaps one of a search list */
    const char *server; /* "8.8.8.8:53", "[::1]:53"; NULL: the system's */
    size_t max_answers; /* > 0 */
    /* In a later turn, once.  The result is borrowed; addresses stand in the order to try
     * them (RFC 6724). */
    void (*on_done)(struct grebe__lookup *lookup,
                    const struct grebe__lookup_result *result);
    void *pending; /* the driver's; NULL when idle */
};

#endif
