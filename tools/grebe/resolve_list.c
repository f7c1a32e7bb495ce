/* SPDX-License-Identifier: Apache-2.0 */
#include "resolve_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <grebe/endpoint.h>

#include "endpoint_facts.h"

/* ---- Lines ------------------------------------------------------------------------- */

static const char *network_of(const struct grebe_address *address)
{
    const char *network =
        grebe_attributes_get(grebe_address_attributes(address), &GREBE_ATTRIBUTE_NETWORK);

    return network == NULL ? "tcp" : network;
}

const char *resolve_addresses(const struct grebe_endpoint *endpoint,
                              char buf[RESOLVE_LINE])
{
    size_t used = 0;

    snprintf(buf, RESOLVE_LINE, "(no addresses)");
    for (size_t i = 0; i < grebe_endpoint_n_addresses(endpoint); i++) {
        const struct grebe_address *address = grebe_endpoint_address(endpoint, i);
        int n = snprintf(buf + used, RESOLVE_LINE - used, "%s%s", i == 0 ? "" : "+",
                         grebe_address_text(address));

        used += (size_t)n;
        if (used >= RESOLVE_LINE)
            break;
    }
    return buf;
}

const char *resolve_line(const struct grebe_endpoint *endpoint, char buf[RESOLVE_LINE])
{
    const struct grebe_address *first;
    const char *server_name;
    char addresses[RESOLVE_LINE], facts[RESOLVE_LINE], name[288] = "";

    resolve_addresses(endpoint, addresses);
    if (grebe_endpoint_n_addresses(endpoint) == 0) {
        snprintf(buf, RESOLVE_LINE, "%s", addresses);
        return buf;
    }
    first = grebe_endpoint_address(endpoint, 0);
    server_name = grebe_address_server_name(first);
    endpoint_facts_text(endpoint, facts, sizeof facts);
    /* What is called by its own address is not worth a word. */
    if (server_name != NULL && strcmp(server_name, grebe_address_text(first)) != 0)
        snprintf(name, sizeof name, "  server name %.256s", server_name);
    snprintf(buf, RESOLVE_LINE, "%-24.200s %.20s%.480s%s", addresses, network_of(first),
             facts, name);
    return buf;
}

/* ---- Lists ------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool resolve_list_init(struct resolve_list *list,
                       const struct grebe_resolver_state *state)
{
    *list = (struct resolve_list){0};
    if (state->n_endpoints == 0)
        return true;
    list->lines = calloc(state->n_endpoints, sizeof list->lines[0]);
    if (list->lines == NULL)
        return false;
    for (size_t i = 0; i < state->n_endpoints; i++) {
        char line[RESOLVE_LINE];

        list->lines[i] = strdup(resolve_line(state->endpoints[i], line));
        if (list->lines[i] == NULL)
            return false;
        list->n++;
    }
    qsort(list->lines, list->n, sizeof list->lines[0], compare);
    return true;
}

void resolve_list_free(struct resolve_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->lines[i]);
    free(list->lines);
    *list = (struct resolve_list){0};
}

bool resolve_list_has(const struct resolve_list *list, const char *line)
{
    return list->n > 0 &&
           bsearch(&line, list->lines, list->n, sizeof list->lines[0], compare) != NULL;
}

size_t resolve_list_n_missing(const struct resolve_list *list,
                              const struct resolve_list *other)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        n += !resolve_list_has(other, list->lines[i]);
    return n;
}
