/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/priority_shares.h"

static uint32_t smaller(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

/* Returns the health of all together. */
static uint32_t fill_in_health(struct grebe__priority_share *shares, size_t n,
                               uint32_t factor)
{
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t borne = (uint64_t)factor * shares[i].n_healthy;

        shares[i].health =
            shares[i].n_endpoints == 0
                ? 0
                : smaller(borne / shares[i].n_endpoints, GREBE__PRIORITY_ALL);
        total += shares[i].health;
    }
    return smaller(total, GREBE__PRIORITY_ALL);
}

/* What nobody can bear is the first one's that can bear something, or is usable at least. */
static void share_by_health(struct grebe__priority_share *shares, size_t n,
                            uint32_t total)
{
    uint32_t left = GREBE__PRIORITY_ALL;
    size_t first = 0;

    for (size_t i = 0; i < n; i++) {
        shares[i].load =
            total == 0 ? 0
                       : smaller(shares[i].health * GREBE__PRIORITY_ALL / total, left);
        left -= shares[i].load;
    }
    while (total > 0 ? shares[first].health == 0 : !shares[first].is_usable)
        first++;
    shares[first].load += left;
}

static bool all_in_panic(struct grebe__priority_share *shares, size_t n, uint32_t total,
                         uint32_t threshold)
{
    bool are_all = true;

    for (size_t i = 0; i < n; i++) {
        shares[i].is_in_panic =
            total < GREBE__PRIORITY_ALL &&
            grebe__priority_is_short(shares[i].n_healthy, shares[i].n_endpoints,
                                     threshold);
        are_all = are_all && shares[i].is_in_panic;
    }
    return are_all;
}

static uint32_t usable_endpoints(const struct grebe__priority_share *share)
{
    return share->is_usable ? share->n_endpoints : 0;
}

/* The first that is usable, if none of them has endpoints. */
static size_t first_with_endpoints(const struct grebe__priority_share *shares, size_t n)
{
    size_t first = 0;

    for (size_t i = 0; i < n; i++)
        if (usable_endpoints(&shares[i]) > 0)
            return i;
    while (!shares[first].is_usable)
        first++;
    return first;
}

static void share_by_endpoints(struct grebe__priority_share *shares, size_t n)
{
    uint32_t left = GREBE__PRIORITY_ALL;
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += usable_endpoints(&shares[i]);
    for (size_t i = 0; i < n; i++) {
        uint64_t endpoints = usable_endpoints(&shares[i]);

        shares[i].load =
            total == 0 ? 0 : (uint32_t)(GREBE__PRIORITY_ALL * endpoints / total);
        left -= shares[i].load;
    }
    shares[first_with_endpoints(shares, n)].load += left;
}

bool grebe__priority_shares(struct grebe__priority_share *shares, size_t n,
                            uint32_t factor, uint32_t panic_threshold)
{
    uint32_t total = fill_in_health(shares, n, factor);
    bool are_all = all_in_panic(shares, n, total, panic_threshold);

    if (are_all)
        share_by_endpoints(shares, n);
    else
        share_by_health(shares, n, total);
    return are_all;
}
