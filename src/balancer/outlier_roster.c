/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/outlier_roster.h"

#include "base/endpoint.h"
#include "base/ref.h"

void grebe__outlier_roster_init(struct grebe__outlier_roster *roster,
                                const struct grebe_mem *mem)
{
    *roster = (struct grebe__outlier_roster){0};
    grebe__map_init(&roster->by_endpoint, mem, &grebe__by_endpoint);
    grebe__map_init(&roster->by_address, mem, &grebe__by_text);
}

void grebe__outlier_roster_fini(struct grebe__outlier_roster *roster,
                                const struct grebe_mem *mem)
{
    grebe__map_fini(&roster->by_endpoint);
    grebe__map_fini(&roster->by_address);
    for (size_t i = 0; i < roster->n; i++)
        grebe__outlier_record_unref(roster->records[i]);
    grebe_mem_free(mem, roster->records);
    grebe_mem_free(mem, roster->calls);
}

/* What is known of an endpoint stays known as long as its set of addresses does. */
static int add(struct grebe__outlier_roster *roster,
               const struct grebe__outlier_roster *before, const struct grebe_mem *mem,
               struct grebe_endpoint *endpoint)
{
    struct grebe__outlier_record *record = grebe__map_get(&before->by_endpoint, endpoint);
    int result;

    if (record != NULL)
        grebe__ref_get(&record->refs);
    else
        record = grebe__outlier_record_new(mem, endpoint);
    if (record == NULL)
        return GREBE_ERR_NOMEM;
    roster->records[roster->n++] = record;
    result = grebe__map_put(&roster->by_endpoint, record->endpoint, record);
    for (size_t i = 0; i < grebe_endpoint_n_addresses(record->endpoint); i++)
        if (result == GREBE_OK)
            result = grebe__map_put(
                &roster->by_address,
                grebe_address_text(grebe_endpoint_address(record->endpoint, i)), record);
    return result;
}

int grebe__outlier_roster_fill(struct grebe__outlier_roster *roster,
                               const struct grebe__outlier_roster *before,
                               const struct grebe_mem *mem,
                               const struct grebe_balancer_update *update)
{
    size_t n = update->n_endpoints;
    int result = GREBE_OK;

    if (n == 0)
        return GREBE_OK;
    roster->records = grebe_mem_alloc(mem, n * sizeof(struct grebe__outlier_record *));
    roster->calls = grebe_mem_zalloc(mem, n * sizeof roster->calls[0]);
    if (roster->records == NULL || roster->calls == NULL)
        return GREBE_ERR_NOMEM;
    for (size_t i = 0; i < n && result == GREBE_OK; i++) {
        struct grebe_endpoint *endpoint = update->endpoints[i];

        if (grebe_endpoint_n_addresses(endpoint) > 0 &&
            grebe__map_find(&roster->by_endpoint, endpoint) == NULL)
            result = add(roster, before, mem, endpoint);
    }
    return result;
}
