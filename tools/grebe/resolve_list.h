/* SPDX-License-Identifier: Apache-2.0 */
/* resolve_list.h -- the endpoints of an update as lines of text, to be compared with those
 * of the next.
 *
 * A line is all that is shown of an endpoint: "10.0.0.1:80+[::1]:80  tcp  weight 3".  What
 * is in it decides what counts as a change; where it stands in the update does not.
 */
#ifndef TOOL_RESOLVE_LIST_H
#define TOOL_RESOLVE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/resolver.h>

enum { RESOLVE_LINE = 1024 };

struct resolve_list {
    char **lines; /* sorted; owned */
    size_t n;
};

/* The line of an endpoint, cut to fit. */
const char *resolve_line(const struct grebe_endpoint *endpoint, char buf[RESOLVE_LINE]);
/* Its addresses alone, joined by '+'. */
const char *resolve_addresses(const struct grebe_endpoint *endpoint,
                              char buf[RESOLVE_LINE]);

/* False when out of memory.  *list is to be freed in any case. */
bool resolve_list_init(struct resolve_list *list,
                       const struct grebe_resolver_state *state);
void resolve_list_free(struct resolve_list *list);

bool resolve_list_has(const struct resolve_list *list, const char *line);
/* How many lines of `list` are not in `other`. */
size_t resolve_list_n_missing(const struct resolve_list *list,
                              const struct resolve_list *other);

#endif
