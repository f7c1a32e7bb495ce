/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/config_choice.h"

#include <stdbool.h>
#include <string.h>

#include <grebe/json.h>

#include "base/rng.h"
#include "base/text.h"

static bool is_our_language(const char *name, const void *arg)
{
    (void)arg;
    return grebe__ascii_casecmp(name, "c") == 0 ||
           grebe__ascii_casecmp(name, "grebe") == 0;
}

static bool is_our_host(const char *name, const void *host_name)
{
    return strcmp(name, host_name) == 0;
}

/* A list of names matches if one of them does, or if there is none. */
static int match_names(const struct grebe_json *entry, const char *criterion,
                       bool (*is_ours)(const char *name, const void *arg),
                       const void *arg, struct grebe_diag *diag, bool *matches)
{
    const struct grebe_json *names = NULL;
    int error = grebe_json_get_array(entry, criterion, &names, diag);
    size_t n = grebe_json_length(names);
    bool is_named = n == 0;

    for (size_t i = 0; error == GREBE_OK && i < n; i++) {
        const char *name = grebe_json_string(grebe_json_element(names, i));

        if (name == NULL) {
            grebe_diag_set(diag, "%s[%zu]: expected a string", criterion, i);
            error = GREBE_ERR_CONFIG;
        } else if (is_ours(name, arg)) {
            is_named = true;
        }
    }
    *matches = *matches && is_named;
    return error;
}

static int match_percentage(const struct grebe_json *entry, uint32_t draw,
                            struct grebe_diag *diag, bool *matches)
{
    uint32_t percentage = 100;
    int error = grebe_json_get_uint32(entry, "percentage", &percentage, diag);

    if (error == GREBE_OK && percentage > 100) {
        grebe_diag_set(diag, "percentage: %u is more than 100", (unsigned)percentage);
        return GREBE_ERR_CONFIG;
    }
    *matches = *matches && draw <= percentage;
    return error;
}

/* `draw` is 1 to 100.  *config is NULL if the entry has none. */
static int match(const struct grebe_json *entry,
                 const struct grebe__client_traits *client, uint32_t draw,
                 struct grebe_diag *diag, bool *matches, const struct grebe_json **config)
{
    int error;

    *matches = true;
    *config = NULL;
    if (grebe_json_type(entry) != GREBE_JSON_OBJECT) {
        grebe_diag_set(diag, ": expected an object");
        return GREBE_ERR_CONFIG;
    }
    if ((error = match_names(entry, "clientLanguage", is_our_language, NULL, diag,
                             matches)) != GREBE_OK ||
        (error = match_percentage(entry, draw, diag, matches)) != GREBE_OK ||
        (error = match_names(entry, "clientHostname", is_our_host, client->host_name,
                             diag, matches)) != GREBE_OK)
        return error;
    return grebe_json_get_object(entry, "serviceConfig", config, diag);
}

/* *chosen is borrowed from `list`; NULL: none matches. */
static int choose(const struct grebe_json *list,
                  const struct grebe__client_traits *client, struct grebe_diag *diag,
                  const struct grebe_json **chosen)
{
    struct grebe__rng rng;

    *chosen = NULL;
    if (grebe_json_type(list) != GREBE_JSON_ARRAY) {
        grebe_diag_set(diag, "expected a list of objects");
        return GREBE_ERR_CONFIG;
    }
    grebe__rng_seed(&rng, client->luck);
    for (size_t i = 0; i < grebe_json_length(list); i++) {
        uint32_t draw = 1 + grebe__rng_below(&rng, 100);
        const struct grebe_json *config;
        bool matches;
        int error =
            match(grebe_json_element(list, i), client, draw, diag, &matches, &config);

        if (error != GREBE_OK) {
            grebe_diag_prefix(diag, "[%zu]", i);
            return error;
        }
        if (*chosen == NULL && matches)
            *chosen = config;
    }
    return GREBE_OK;
}

int grebe__config_choose(const struct grebe_mem *mem, const char *text, size_t length,
                         const struct grebe__client_traits *client,
                         struct grebe_diag *diag, char **out)
{
    const struct grebe_json *list, *chosen;
    int error;

    *out = NULL;
    if (length > GREBE__CHOICES_MAX_BYTES) {
        grebe_diag_set(diag, "the text has %zu bytes, %d are allowed", length,
                       GREBE__CHOICES_MAX_BYTES);
        return GREBE_ERR_CONFIG;
    }
    error = grebe_json_parse(text, length, diag, &list);
    if (error != GREBE_OK)
        return error;
    error = choose(list, client, diag, &chosen);
    if (error == GREBE_OK && chosen != NULL) {
        *out = grebe_json_dump(mem, chosen);
        error = *out == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
    }
    grebe_json_free(list);
    return error;
}
