/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/named_children.h"

#include <string.h>

#include "base/text.h"

/* Names come from strangers: in an explanation they are escaped, and cut. */
enum { NAME_BYTES = 96 };

static int expect_object(const struct grebe_json *json, struct grebe_diag *diag)
{
    if (grebe_json_type(json) == GREBE_JSON_OBJECT)
        return GREBE_OK;
    grebe_diag_set(diag, ": expected an object");
    return GREBE_ERR_CONFIG;
}

static int read_child(const struct grebe_json *json,
                      const struct grebe__named_children_format *format,
                      struct grebe_diag *diag, struct grebe__named_child *child)
{
    int error = expect_object(json, diag);

    if (error == GREBE_OK)
        error = format->read_more(json, diag, child);
    if (error != GREBE_OK)
        return error;
    error = grebe_lb_config_parse(grebe_json_member(json, format->policy), diag,
                                  &child->policy);
    if (error != GREBE_OK)
        grebe_diag_prefix(diag, "%s", format->policy);
    return error;
}

static int add_child(struct grebe__named_children *children, const char *name,
                     const struct grebe_json *json,
                     const struct grebe__named_children_format *format,
                     struct grebe_diag *diag)
{
    struct grebe__named_child *child = &children->list[children->n++];
    char shown[NAME_BYTES];
    struct grebe__text text = grebe__text_init(shown, sizeof shown);
    int error;

    *child = (struct grebe__named_child){.name = grebe_mem_strdup(NULL, name)};
    if (child->name == NULL)
        return GREBE_ERR_NOMEM;
    error = read_child(json, format, diag, child);
    if (error != GREBE_OK) {
        grebe__text_append_escaped(&text, name, strlen(name));
        grebe_diag_prefix(diag, "%s", shown);
    }
    return error;
}

static size_t count_members(const struct grebe_json *object)
{
    const char *name = NULL;
    size_t n = 0;

    while (grebe_json_next_member(object, name, &name) != NULL)
        n++;
    return n;
}

static int add_children(struct grebe__named_children *children,
                        const struct grebe_json *object,
                        const struct grebe__named_children_format *format,
                        struct grebe_diag *diag)
{
    const struct grebe_json *value;
    const char *name = NULL;

    children->list =
        grebe_mem_alloc(NULL, (count_members(object) + 1) * sizeof *children->list);
    if (children->list == NULL)
        return GREBE_ERR_NOMEM;
    while ((value = grebe_json_next_member(object, name, &name)) != NULL) {
        int error = add_child(children, name, value, format, diag);

        if (error != GREBE_OK)
            return error;
    }
    return GREBE_OK;
}

int grebe__named_children_read(const struct grebe_json *json, const char *name,
                               const struct grebe__named_children_format *format,
                               struct grebe_diag *diag, struct grebe__named_children *out)
{
    const struct grebe_json *object = NULL;
    int error = expect_object(json, diag);

    *out = (struct grebe__named_children){0};
    if (error == GREBE_OK)
        error = grebe_json_get_object(json, name, &object, diag);
    if (error != GREBE_OK)
        return error;
    error = add_children(out, object, format, diag);
    if (error != GREBE_OK) {
        grebe_diag_prefix(diag, "%s", name);
        grebe__named_children_free(out);
    }
    return error;
}

void grebe__named_children_free(struct grebe__named_children *children)
{
    while (children->n > 0) {
        struct grebe__named_child *child = &children->list[--children->n];

        grebe_lb_config_unref(child->policy);
        grebe_mem_free(NULL, child->name);
    }
    grebe_mem_free(NULL, children->list);
    children->list = NULL;
}

const struct grebe__named_child *
grebe__named_children_find(const struct grebe__named_children *children, const char *name)
{
    for (size_t i = 0; i < children->n; i++)
        if (strcmp(children->list[i].name, name) == 0)
            return &children->list[i];
    return NULL;
}
