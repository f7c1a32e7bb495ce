/* SPDX-License-Identifier: Apache-2.0 */
/* balancer/outlier_record.h -- what outlier_detection knows of one endpoint.
 *
 *   policy --reference--> record <--reference-- tag <-- subconn <-- call that is open
 *
 * A call finds its record by the tag of the subconn that was picked, counts there when it
 * ends, on whatever thread that is, and nowhere else: a policy that is gone, or an endpoint
 * that is no longer listed, is not asked.  All subconns of an endpoint count together and
 * are ejected together.
 *
 * Threading   Counting and references: any.  Everything else is the loop's.
 */
#ifndef GREBE_BALANCER_OUTLIER_RECORD_H
#define GREBE_BALANCER_OUTLIER_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/parent.h>

#include "balancer/outlier_rules.h"
#include "base/list.h"

struct grebe__outlier_record {
    const struct grebe_mem *mem;
    uint32_t refs;                      /* atomic */
    struct grebe_endpoint *endpoint;    /* a reference */
    struct grebe__outlier_calls so_far; /* atomic: since it was made */
    struct grebe__outlier_calls taken;  /* of those, in intervals that are over */
    struct grebe__list tags;            /* of its subconns that were not shut down */
    const char *ejection;               /* why; NULL: it takes calls */
    bool is_overruled;                  /* it takes calls although it is ejected */
    uint64_t ejected_at_ns;
    uint32_t multiplier; /* ejections, less the intervals that went well since */
};

/* With one reference; NULL when out of memory. */
struct grebe__outlier_record *grebe__outlier_record_new(const struct grebe_mem *mem,
                                                        struct grebe_endpoint *endpoint);
void grebe__outlier_record_unref(struct grebe__outlier_record *record);

/* For new_subconn(): makes one on `cc` that counts for `record`, and is ejected if that is.
 * GREBE_ERR_NOMEM, and what grebe_client_conn_new_subconn() says. */
int grebe__outlier_record_new_subconn(struct grebe__outlier_record *record,
                                      const void *owner, struct grebe_client_conn *cc,
                                      const struct grebe_subconn_options *options,
                                      struct grebe_subconn **out);

/* For watch_health(): the child listens to a subconn, which may be of no record. */
void grebe__outlier_record_listen_to_health(struct grebe_subconn *subconn,
                                            const void *owner, bool hears_health);

/* A subconn of it can take calls, as far as the child has heard. */
bool grebe__outlier_record_is_ready(const struct grebe__outlier_record *record);

/* For pick(): the call will count for its endpoint, if it has one. */
void grebe__outlier_record_listen(struct grebe_pick *pick, const void *owner);

/* The calls that ended since this was asked last. */
struct grebe__outlier_calls
grebe__outlier_record_take(struct grebe__outlier_record *record);

/* `why` is static storage. */
void grebe__outlier_record_eject(struct grebe__outlier_record *record, const char *why,
                                 uint64_t now_ns);
void grebe__outlier_record_readmit(struct grebe__outlier_record *record);
/* Whether ejection is without effect. */
void grebe__outlier_record_overrule(struct grebe__outlier_record *record,
                                    bool is_overruled);

#endif
