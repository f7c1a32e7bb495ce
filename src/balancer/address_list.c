/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/address_list.h"

#include <string.h>

#include "base/endpoint.h"
#include "base/ip.h"
#include "base/log2.h"
#include "base/race.h"

/* ---- Families --------------------------------------------------------------------------- */

enum family { FAMILY_V4, FAMILY_V6, FAMILY_OTHER, N_FAMILIES };

/* IPv4-mapped IPv6, "::ffff:a.b.c.d", goes over IPv4. */
static bool is_mapped(const char *text, size_t length)
{
    return length > 7 && memchr(text, '.', length) != NULL &&
           (memcmp(text, "::ffff:", 7) == 0 || memcmp(text, "::FFFF:", 7) == 0);
}

/* Of "host:port" with an IPv6 host in brackets; names, sockets and text without a port
 * are all FAMILY_OTHER. */
static enum family family_of(const struct grebe_address *address)
{
    const char *text = grebe_address_text(address);
    const char *colon = strrchr(text, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);
    bool is_bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';

    if (is_bracketed) {
        text++;
        length -= 2;
    }
    switch (grebe__ip_family_of(text, length)) {
    case GREBE__IP_V4:
        return is_bracketed ? FAMILY_OTHER : FAMILY_V4;
    case GREBE__IP_V6:
        if (!is_bracketed)
            return FAMILY_OTHER;
        return is_mapped(text, length) ? FAMILY_V4 : FAMILY_V6;
    default:
        return FAMILY_OTHER;
    }
}

/* The families in the order of their first appearance take turns. */
static int interleave(struct grebe__address_list *list, const struct grebe_mem *mem)
{
    enum family order[N_FAMILIES];
    uint32_t n_families = 0, next[N_FAMILIES] = {0};
    bool is_seen[N_FAMILIES] = {false};
    struct grebe_address **mixed;
    uint8_t *families;

    mixed = grebe_mem_alloc(mem, list->n * (sizeof *mixed + sizeof *families));
    if (mixed == NULL)
        return GREBE_ERR_NOMEM;
    families = (uint8_t *)(mixed + list->n);
    for (uint32_t i = 0; i < list->n; i++) {
        enum family family = family_of(list->addresses[i]);

        families[i] = (uint8_t)family;
        if (!is_seen[family])
            order[n_families++] = family;
        is_seen[family] = true;
    }
    for (uint32_t n = 0, turn = 0; n < list->n; turn++) {
        enum family family = order[turn % n_families];
        uint32_t i = next[family];

        while (i < list->n && families[i] != family)
            i++;
        next[family] = i + 1;
        if (i < list->n)
            mixed[n++] = list->addresses[i];
    }
    memcpy(list->addresses, mixed, list->n * sizeof *mixed);
    grebe_mem_free(mem, mixed);
    return GREBE_OK;
}

/* ---- Shuffling ---------------------------------------------------------------------------- */

/* The order of endpoints; never that of the addresses inside one. */
static void line_up(struct grebe__runner *runners,
                    const struct grebe_balancer_update *update, grebe__random_fn random,
                    void *random_arg)
{
    uint32_t n = (uint32_t)update->n_endpoints;

    for (uint32_t i = 0; i < n; i++)
        runners[i].index = i;
    if (random == NULL)
        return;
    for (uint32_t i = 0; i < n; i++) {
        runners[i].neg_log2 = grebe__neg_log2(random(random_arg));
        runners[i].weight = grebe__endpoint_weight(update->endpoints[i]);
    }
    grebe__race_run(runners, n);
}

/* ---- Building ----------------------------------------------------------------------------- */

static size_t count(const struct grebe_balancer_update *update)
{
    size_t n = 0;

    for (size_t i = 0; i < update->n_endpoints; i++)
        n += grebe_endpoint_n_addresses(update->endpoints[i]);
    return n;
}

static int flatten(struct grebe__address_list *list, const struct grebe_mem *mem,
                   const struct grebe_balancer_update *update,
                   const struct grebe__runner *order)
{
    struct grebe__map seen;
    int result = GREBE_OK;

    grebe__map_init(&seen, mem, &grebe__by_address);
    for (size_t i = 0; i < update->n_endpoints; i++) {
        struct grebe_endpoint *endpoint = update->endpoints[order[i].index];

        for (size_t k = 0; k < grebe_endpoint_n_addresses(endpoint); k++) {
            struct grebe_address *address = grebe_endpoint_address(endpoint, k);

            if (grebe__map_find(&seen, address) != NULL)
                continue;
            result = grebe__map_put(&seen, address, address);
            if (result != GREBE_OK)
                goto done;
            list->addresses[list->n++] = grebe_address_ref(address);
        }
    }
done:
    grebe__map_fini(&seen);
    return result;
}

/* What most endpoints of a large list are: one address, nothing to order. */
static int take_single(struct grebe__address_list *list, const struct grebe_mem *mem,
                       const struct grebe_balancer_update *update)
{
    size_t i = 0;

    while (grebe_endpoint_n_addresses(update->endpoints[i]) == 0)
        i++;
    list->addresses = grebe_mem_alloc(mem, sizeof *list->addresses);
    if (list->addresses == NULL)
        return GREBE_ERR_NOMEM;
    list->addresses[0] =
        grebe_address_ref(grebe_endpoint_address(update->endpoints[i], 0));
    list->n = 1;
    return GREBE_OK;
}

int grebe__address_list_init(struct grebe__address_list *list,
                             const struct grebe_mem *mem,
                             const struct grebe_balancer_update *update,
                             grebe__random_fn random, void *random_arg)
{
    size_t n = count(update);
    struct grebe__runner *order;
    int result;

    *list = (struct grebe__address_list){0};
    if (n == 0)
        return GREBE_OK;
    if (n == 1)
        return take_single(list, mem, update);
    list->addresses = grebe_mem_alloc(mem, n * sizeof *list->addresses);
    order = grebe_mem_alloc(mem, update->n_endpoints * sizeof *order);
    if (list->addresses == NULL || order == NULL) {
        result = GREBE_ERR_NOMEM;
    } else {
        line_up(order, update, random, random_arg);
        result = flatten(list, mem, update, order);
    }
    if (result == GREBE_OK)
        result = interleave(list, mem);
    grebe_mem_free(mem, order);
    if (result != GREBE_OK)
        grebe__address_list_fini(list, mem);
    return result;
}

void grebe__address_list_fini(struct grebe__address_list *list,
                              const struct grebe_mem *mem)
{
    for (uint32_t i = 0; i < list->n; i++)
        grebe_address_unref(list->addresses[i]);
    grebe_mem_free(mem, list->addresses);
    *list = (struct grebe__address_list){0};
}

uint32_t grebe__address_list_find(const struct grebe__address_list *list,
                                  const struct grebe_address *address)
{
    uint32_t i = 0;

    while (i < list->n && !grebe_address_equal(list->addresses[i], address))
        i++;
    return i;
}
