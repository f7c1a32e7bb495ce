/* SPDX-License-Identifier: Apache-2.0 */
/* io/dns_records.h -- the SRV or TXT records in a message of the DNS, with their TTLs.
 *
 * The message comes from a stranger: every length is checked against what is there, names
 * are bounded, and a record that is well-formed but of no use (a target that is no host
 * name, port 0) is left out and counted.  c-ares has parsers too; they drop the TTLs.
 *
 * Sources     RFC 1035 4.1 (messages), RFC 2782 (SRV), RFC 2181 8 (TTLs).
 */
#ifndef GREBE_IO_DNS_RECORDS_H
#define GREBE_IO_DNS_RECORDS_H

#include <stddef.h>

#include <grebe/mem.h>

#include "core/dns.h"

struct grebe__dns_records {
    struct grebe__lookup_answer *answers; /* one block with their text, the caller's */
    size_t n, n_left_out;
};

/* Those of the answer section that are of `kind`, SRV or TXT, at most `max` of them.  A
 * TTL is never longer than those of the aliases (CNAME) beside it.  GREBE_ERR_INVALID:
 * the message makes no sense; GREBE_ERR_NOMEM.  No records: GREBE_OK, and no block. */
int grebe__dns_records_parse(const struct grebe_mem *mem, const unsigned char *message,
                             size_t length, enum grebe__lookup_kind kind, size_t max,
                             struct grebe__dns_records *out);

/* Seconds, as a TTL of the port. */
uint64_t grebe__dns_ttl_ns(uint32_t ttl_s);

#endif
