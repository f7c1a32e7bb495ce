/* SPDX-License-Identifier: Apache-2.0 */
/* config/lb_config.c -- which policy, and what it made of its configuration. */
#include "config/lb_config.h"

#include <string.h>

#include "base/ref.h"
#include "base/text.h"
#include "config/json.h"
#include "registry/registry.h"

struct grebe_lb_config {
    const struct grebe_balancer_builder *builder;
    void *value; /* builder's; NULL if it parses nothing */
    char *text;  /* what it was parsed from; NULL: an empty object */
    uint32_t refs;
};

int grebe_lb_config_new(const struct grebe_balancer_builder *builder,
                        struct grebe_lb_config **out)
{
    struct grebe_lb_config *made = grebe_mem_alloc(NULL, sizeof *made);

    if (made == NULL)
        return GREBE_ERR_NOMEM;
    *made = (struct grebe_lb_config){.builder = builder, .refs = 1};
    *out = made;
    return GREBE_OK;
}

struct grebe_lb_config *grebe_lb_config_ref(struct grebe_lb_config *config)
{
    grebe__ref_get(&config->refs);
    return config;
}

void grebe_lb_config_unref(struct grebe_lb_config *config)
{
    if (config == NULL || !grebe__ref_put(&config->refs))
        return;
    if (config->value != NULL && config->builder->free_config != NULL)
        config->builder->free_config(config->value);
    grebe_mem_free(NULL, config->text);
    grebe_mem_free(NULL, config);
}

const struct grebe_balancer_builder *
grebe_lb_config_builder(const struct grebe_lb_config *config)
{
    return config->builder;
}

const void *grebe_lb_config_value(const struct grebe_lb_config *config)
{
    return config->value;
}

const char *grebe__lb_config_text(const struct grebe_lb_config *config)
{
    return config->text == NULL ? "{}" : config->text;
}

/* ---- Lists ------------------------------------------------------------------------- */

static bool says_nothing(const struct grebe_json *json)
{
    return grebe_json_type(json) == GREBE_JSON_OBJECT && grebe__json_n_members(json) == 0;
}

/* Has the policy look at its entry, the i-th.  One that does not say what is wrong gets a
 * text that says at least who complains. */
static int parse_value(struct grebe_lb_config *config, const struct grebe_json *json,
                       size_t i, struct grebe_diag *diag)
{
    const struct grebe_balancer_builder *builder = config->builder;
    struct grebe_diag flaw = {.text = ""};
    int error;

    if (builder->parse_config == NULL) {
        if (!says_nothing(json))
            grebe__registry_warn("balancer \"%s\" takes no configuration: what it was "
                                 "given is ignored",
                                 builder->name);
        return GREBE_OK;
    }
    error = builder->parse_config(json, &flaw, &config->value);
    if (error == GREBE_OK)
        return GREBE_OK;
    config->value = NULL; /* what a parser that failed leaves there means nothing */
    if (flaw.text[0] == '\0')
        grebe_diag_set(&flaw, "[%zu].%s: %s", i, builder->name, grebe_strerror(error));
    else
        grebe_diag_prefix(&flaw, "[%zu].%s", i, builder->name);
    if (diag != NULL)
        *diag = flaw;
    return error;
}

static int keep_text(struct grebe_lb_config *config, const struct grebe_json *json)
{
    if (says_nothing(json))
        return GREBE_OK;
    config->text = grebe_json_dump(NULL, json);
    return config->text == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

static int make(const struct grebe_balancer_builder *builder,
                const struct grebe_json *json, size_t i, struct grebe_diag *diag,
                struct grebe_lb_config **out)
{
    struct grebe_lb_config *made;
    int error = grebe_lb_config_new(builder, &made);

    if (error != GREBE_OK)
        return error;
    error = parse_value(made, json, i, diag);
    if (error == GREBE_OK)
        error = keep_text(made, json);
    if (error == GREBE_OK)
        *out = made;
    else
        grebe_lb_config_unref(made);
    return error;
}

/* The name and configuration in the i-th entry: an object with exactly one member. */
static int open_entry(const struct grebe_json *entry, size_t i, const char **name,
                      const struct grebe_json **config, struct grebe_diag *diag)
{
    size_t n = grebe__json_n_members(entry);

    if (n == 1) {
        *config = grebe__json_first_member(entry, name);
        return GREBE_OK;
    }
    if (grebe_json_type(entry) == GREBE_JSON_OBJECT)
        grebe_diag_set(diag, "[%zu]: expected one policy, found %zu", i, n);
    else
        grebe_diag_set(diag, "[%zu]: expected an object, found %s", i,
                       grebe__json_type_text(entry));
    return GREBE_ERR_CONFIG;
}

/* Of the list as a whole: its path is what the caller puts in front. */
static int fail_list(const char *flaw, struct grebe_diag *diag)
{
    grebe_diag_set(diag, ": %s", flaw);
    return GREBE_ERR_CONFIG;
}

int grebe_lb_config_parse(const struct grebe_json *list, struct grebe_diag *diag,
                          struct grebe_lb_config **out)
{
    char flaw[256];
    struct grebe__text tried = grebe__text_init(flaw, sizeof flaw);

    if (list == NULL || grebe_json_type(list) != GREBE_JSON_ARRAY)
        return fail_list("expected a list of policies", diag);
    grebe__text_printf(&tried, "no supported policies found in [");
    for (size_t i = 0; i < grebe_json_length(list); i++) {
        const struct grebe_balancer_builder *builder;
        const struct grebe_json *config;
        const char *name;
        int error = open_entry(grebe_json_element(list, i), i, &name, &config, diag);

        if (error != GREBE_OK)
            return error;
        builder = grebe_balancer_get(name);
        if (builder != NULL)
            return make(builder, config, i, diag, out);
        grebe__text_printf(&tried, "%s", i == 0 ? "" : ", ");
        grebe__text_append_escaped(&tried, name, strlen(name));
    }
    grebe__text_printf(&tried, "]");
    return fail_list(flaw, diag);
}
