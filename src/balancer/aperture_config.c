/* SPDX-License-Identifier: Apache-2.0 */
#include "balancer/aperture_config.h"

#define MS     INT64_C(1000000)
#define SECOND (1000 * MS)

const struct grebe__aperture_config grebe__aperture_defaults = {
    .least = 12,
    .limits = {.high = 2.0, .low = 0.5, .window_ns = 5 * SECOND},
};

static int refuse(struct grebe_diag *diag, const char *why)
{
    grebe_diag_set(diag, "%s", why);
    return GREBE_ERR_CONFIG;
}

/* A client that does not say which of its peers it is would be the first of them, as all
 * that do not say. */
static int read_place(const struct grebe_json *json, struct grebe_diag *diag,
                      struct grebe__aperture_place *place)
{
    bool has_index = grebe_json_member(json, "clientIndex") != NULL;
    bool has_count = grebe_json_member(json, "clientCount") != NULL;

    if (grebe_json_get_uint32(json, "clientIndex", &place->client, diag) != GREBE_OK ||
        grebe_json_get_uint32(json, "clientCount", &place->n_clients, diag) != GREBE_OK ||
        grebe_json_get_double(json, "peerOffset", &place->offset, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (has_index && !has_count)
        return refuse(diag, "clientCount: must be given with clientIndex");
    if (has_count && !has_index)
        return refuse(diag, "clientIndex: must be given with clientCount");
    if (has_count && place->n_clients == 0)
        return refuse(diag, "clientCount: must be > 0");
    if (has_index && place->client >= place->n_clients) {
        grebe_diag_set(diag, "clientIndex: %u is not less than clientCount, %u",
                       place->client, place->n_clients);
        return GREBE_ERR_CONFIG;
    }
    if (!(place->offset >= 0 && place->offset < 1))
        return refuse(diag, "peerOffset: must be >= 0 and < 1");
    return GREBE_OK;
}

static int read_limits(const struct grebe_json *json, struct grebe_diag *diag,
                       struct grebe__aperture_limits *limits)
{
    if (grebe_json_get_double(json, "highLoad", &limits->high, diag) != GREBE_OK ||
        grebe_json_get_double(json, "lowLoad", &limits->low, diag) != GREBE_OK ||
        grebe_json_get_duration(json, "smoothingWindow", &limits->window_ns, diag) !=
            GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (limits->low < 0)
        return refuse(diag, "lowLoad: must be >= 0");
    if (!(limits->high > limits->low))
        return refuse(diag, "highLoad: must be > lowLoad");
    if (limits->window_ns < MS)
        return refuse(diag, "smoothingWindow: must be >= 1ms");
    return GREBE_OK;
}

static int read(const struct grebe_json *json, struct grebe_diag *diag,
                struct grebe__aperture_config *config)
{
    if (grebe_json_get_uint32(json, "minAperture", &config->least, diag) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    if (config->least == 0)
        return refuse(diag, "minAperture: must be > 0");
    if (read_place(json, diag, &config->place) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    return read_limits(json, diag, &config->limits);
}

int grebe__aperture_config_parse(const struct grebe_json *json, struct grebe_diag *diag,
                                 void **out)
{
    struct grebe__aperture_config *config, read_so_far = grebe__aperture_defaults;

    if (read(json, diag, &read_so_far) != GREBE_OK)
        return GREBE_ERR_CONFIG;
    config = grebe_mem_alloc(NULL, sizeof *config);
    if (config == NULL)
        return GREBE_ERR_NOMEM;
    *config = read_so_far;
    *out = config;
    return GREBE_OK;
}

void grebe__aperture_config_free(void *config)
{
    grebe_mem_free(NULL, config);
}
