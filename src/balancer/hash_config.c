/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/hash_config.h"

#include <inttypes.h>
#include <string.h>

#include "base/diag.h"
#include "base/text.h"

static bool suits_a_header(char c)
{
    return grebe__ascii_is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
           c == '.';
}

/* What metadata may be called.  A "-bin" header has no text that two clients would write
 * alike (gRFC A76). */
static const char *what_is_wrong_with(const char *header)
{
    size_t length = strlen(header);

    if (length >= 4 && strcmp(header + length - 4, "-bin") == 0)
        return "a header that ends in -bin cannot be hashed";
    for (size_t i = 0; i < length; i++)
        if (!suits_a_header(header[i]))
            return "a header is made of a-z, 0-9, '-', '_' and '.'";
    return NULL;
}

/* "" is none. */
static int take_header(const char *name, struct grebe_diag *diag, char **out)
{
    const char *flaw;
    char *header;

    if (name == NULL || name[0] == '\0')
        return GREBE_OK;
    header = grebe_mem_strdup(NULL, name);
    if (header == NULL)
        return GREBE_ERR_NOMEM;
    for (char *at = header; *at != '\0'; at++)
        *at = grebe__ascii_lower(*at);
    flaw = what_is_wrong_with(header);
    if (flaw == NULL) {
        *out = header;
        return GREBE_OK;
    }
    grebe__diag_quote(diag, name, strlen(name), "requestHashHeader: %s", flaw);
    grebe_mem_free(NULL, header);
    return GREBE_ERR_CONFIG;
}

int grebe__hash_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                             grebe__hash_config_fn read, void **out)
{
    struct grebe__hash_config *config;
    const char *name = NULL;
    int result = grebe_json_get_string(json, "requestHashHeader", &name, diag);

    if (result != GREBE_OK)
        return result;
    config = grebe_mem_zalloc(NULL, sizeof *config);
    if (config == NULL)
        return GREBE_ERR_NOMEM;
    result = take_header(name, diag, &config->header);
    if (result == GREBE_OK && read != NULL)
        result = read(json, diag, config);
    if (result != GREBE_OK) {
        grebe__hash_config_free(config);
        return result;
    }
    *out = config;
    return GREBE_OK;
}

void grebe__hash_config_free(void *config)
{
    struct grebe__hash_config *mine = config;

    if (mine == NULL)
        return;
    grebe_mem_free(NULL, mine->header);
    grebe_mem_free(NULL, mine);
}

int grebe__hash_config_bound(const struct grebe_json *json, struct grebe_diag *diag,
                             struct grebe__hash_config *config)
{
    uint32_t percent = 0;
    int result = grebe_json_get_uint32(json, "hashBalanceFactor", &percent, diag);

    if (result != GREBE_OK)
        return result;
    if (percent > 0 && percent < 100) {
        grebe_diag_set(diag,
                       "hashBalanceFactor: %" PRIu32
                       " is less than 100: not all calls would have a place",
                       percent);
        return GREBE_ERR_CONFIG;
    }
    config->balance_factor = percent;
    return GREBE_OK;
}

int grebe__hash_config_size(const struct grebe_json *json, const char *name,
                            uint64_t *out, struct grebe_diag *diag)
{
    int64_t value = (int64_t)*out;
    int result = grebe_json_get_int64(json, name, &value, diag);

    if (result != GREBE_OK)
        return result;
    if (value < 0) {
        grebe_diag_set(diag, "%s: %" PRId64 " is negative", name, value);
        return GREBE_ERR_CONFIG;
    }
    *out = (uint64_t)value;
    return GREBE_OK;
}

int grebe__hash_config_number(const struct grebe_json *json, const char *name,
                              double *out, struct grebe_diag *diag)
{
    double value = *out;
    int result = grebe_json_get_double(json, name, &value, diag);

    if (result != GREBE_OK)
        return result;
    if (value < 0) {
        grebe_diag_set(diag, "%s: %.10g is negative", name, value);
        return GREBE_ERR_CONFIG;
    }
    *out = value;
    return GREBE_OK;
}
