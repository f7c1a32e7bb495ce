/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/priorities.h"

#include <string.h>

#include "base/diag.h"

static int read_ignoring(const struct grebe_json *json, struct grebe_diag *diag,
                         struct grebe__named_child *child)
{
    return grebe_json_get_bool(json, "ignoreReresolutionRequests",
                               &child->ignores_reresolution, diag);
}

static const struct grebe__named_children_format format = {
    .policy = "config",
    .read_more = read_ignoring,
};

static size_t place_of(const struct grebe__priorities *priorities, size_t n,
                       const struct grebe__named_child *child)
{
    size_t i = 0;

    while (i < n && priorities->order[i] != child)
        i++;
    return i;
}

static int add_priority(struct grebe__priorities *priorities, size_t i, const char *name,
                        struct grebe_diag *diag)
{
    const struct grebe__named_child *child;

    if (name == NULL) {
        grebe_diag_set(diag, ": expected the name of a child");
        return GREBE_ERR_CONFIG;
    }
    child = grebe__named_children_find(&priorities->children, name);
    if (child == NULL) {
        grebe__diag_quote(diag, name, strlen(name), ": is not among the children");
        return GREBE_ERR_CONFIG;
    }
    if (place_of(priorities, i, child) < i) {
        grebe__diag_quote(diag, name, strlen(name), ": is there twice");
        return GREBE_ERR_CONFIG;
    }
    priorities->order[i] = child;
    return GREBE_OK;
}

static int check_children(const struct grebe__priorities *priorities, size_t n,
                          struct grebe_diag *diag)
{
    for (size_t i = 0; i < priorities->children.n; i++) {
        const struct grebe__named_child *child = &priorities->children.list[i];

        if (place_of(priorities, n, child) < n)
            continue;
        grebe__diag_quote(diag, child->name, strlen(child->name),
                          "children: one is not among the priorities");
        return GREBE_ERR_CONFIG;
    }
    return GREBE_OK;
}

/* No name can be there twice, so a list that is longer than the children ends in an error
 * before there is no room. */
static int read_order(struct grebe__priorities *priorities, const struct grebe_json *list,
                      struct grebe_diag *diag)
{
    size_t n = grebe_json_length(list);

    priorities->order = grebe_mem_alloc(NULL, (priorities->children.n + 1) *
                                                  sizeof(priorities->order[0]));
    if (priorities->order == NULL)
        return GREBE_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        int error = add_priority(priorities, i,
                                 grebe_json_string(grebe_json_element(list, i)), diag);

        if (error != GREBE_OK) {
            grebe_diag_prefix(diag, "priorities[%zu]", i);
            return error;
        }
    }
    return check_children(priorities, n, diag);
}

int grebe__priorities_read(const struct grebe_json *json, struct grebe_diag *diag,
                           struct grebe__priorities *out)
{
    const struct grebe_json *list = NULL;
    int error =
        grebe__named_children_read(json, "children", &format, diag, &out->children);

    out->order = NULL;
    if (error == GREBE_OK)
        error = grebe_json_get_array(json, "priorities", &list, diag);
    if (error == GREBE_OK)
        error = read_order(out, list, diag);
    if (error != GREBE_OK)
        grebe__priorities_fini(out);
    return error;
}

void grebe__priorities_fini(struct grebe__priorities *priorities)
{
    grebe__named_children_free(&priorities->children);
    grebe_mem_free(NULL, priorities->order);
    priorities->order = NULL;
}
