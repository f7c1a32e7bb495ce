/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about what a policy makes of the endpoints of an update. */
#include <string.h>

#include "lab/kit_rules.h"

/* Another live subconn with the address of this one. */
static bool has_double(struct kit *kit, const struct lab_subconn *subconn)
{
    const struct lab_subconn *other = subconn;

    while ((other = kit_next_subconn(kit, other)) != NULL)
        if (strcmp(lab_subconn_name(other), lab_subconn_name(subconn)) == 0)
            return true;
    return false;
}

void kit__duplicates(struct kit *kit)
{
    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABAAB");
    kit_drive(kit, KIT_UP);
    for (const struct lab_subconn *subconn = kit_next_subconn(kit, NULL); subconn != NULL;
         subconn = kit_next_subconn(kit, subconn))
        if (!kit_expect(kit, !has_double(kit, subconn), "one subconn for each endpoint",
                        "several for %s, which is listed several times",
                        lab_subconn_name(subconn)))
            return;
    if (!kit_expect(kit, kit_lab(kit)->state == GREBE_READY, "READY", "%s",
                    grebe_connectivity_name(kit_lab(kit)->state)))
        return;
    kit_expect_served(kit, 8);
}

/* The first that is READY no longer of those that were: of `n`, which are `ids`. */
static const struct lab_subconn *first_lost(struct kit *kit, const uint32_t *ids,
                                            uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct lab_subconn *subconn = lab_subconn_at(kit_lab(kit), ids[i]);

        if (subconn->base.delivered != GREBE_READY || subconn->base.is_shutting_down)
            return subconn;
    }
    return NULL;
}

void kit__keeps_connections(struct kit *kit)
{
    const struct lab_subconn *lost;
    uint32_t ids[8], n = 0;

    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_drive(kit, KIT_UP);
    for (const struct lab_subconn *subconn = kit_next_subconn(kit, NULL);
         subconn != NULL && n < 8; subconn = kit_next_subconn(kit, subconn))
        if (subconn->base.delivered == GREBE_READY)
            ids[n++] = subconn->id;
    kit_update(kit, "DCBA");
    kit_drive(kit, KIT_UP);
    lost = first_lost(kit, ids, n);
    if (kit_expect(kit, lost == NULL, "connections that stay as long as their endpoint",
                   "that to %s was given up, and its endpoint is still listed",
                   lost == NULL ? "" : lab_subconn_name(lost)))
        kit_expect_served(kit, 8);
}

void kit__drops_removed(struct kit *kit)
{
    kit_open(kit, false, KIT_ALL);
    kit_update(kit, "ABC");
    kit_drive(kit, KIT_UP);
    kit_update(kit, "D");
    kit_drive(kit, KIT_UP);
    for (const struct lab_subconn *subconn = kit_next_subconn(kit, NULL); subconn != NULL;
         subconn = kit_next_subconn(kit, subconn))
        if (!kit_expect(kit, strcmp(lab_subconn_name(subconn), "10.0.0.4:80") == 0,
                        "subconns of endpoints that are gone to be shut down",
                        "that of %s is not", lab_subconn_name(subconn)))
            return;
    kit_expect_served(kit, 8);
}
