/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/load.h"

#include <string.h>

#include <grebe/error.h>

#include "base/diag.h"
#include "config/json.h"
#include "lab/fields.h"
#include "sim/orca.h"

/* ---- Numbers by name ---------------------------------------------------------------- */

/* As a recording has them: [name, number], one after the other. */
static int read_pairs(const struct grebe_mem *mem, const struct grebe_json *list,
                      const char *name, struct grebe_diag *diag,
                      struct grebe_load_metric **out, size_t *n)
{
    *out = grebe_mem_alloc(mem, grebe_json_length(list) * sizeof **out);
    if (*out == NULL)
        return GREBE_ERR_NOMEM;
    for (size_t i = 0; i < grebe_json_length(list); i++) {
        const struct grebe_json *pair = grebe_json_element(list, i);
        struct grebe_load_metric *metric = &(*out)[(*n)++];

        metric->name = grebe_json_string(grebe_json_element(pair, 0));
        if (metric->name == NULL || grebe_json_length(pair) != 2 ||
            !grebe__json_real(grebe_json_element(pair, 1), &metric->value)) {
            grebe_diag_set(diag, "%s[%zu]: expected a name and a number", name, i);
            return GREBE_ERR_CONFIG;
        }
    }
    return GREBE_OK;
}

/* A map of the report; *out is the caller's to free. */
static int read_map(const struct grebe_mem *mem, const struct grebe_json *json,
                    const char *name, struct grebe_diag *diag,
                    struct grebe_load_metric **out, size_t *n)
{
    const struct grebe_json *object = grebe_json_member(json, name), *value;
    const char *key = NULL;
    int error;

    if (grebe_json_type(object) == GREBE_JSON_ARRAY)
        return read_pairs(mem, object, name, diag, out, n);
    object = NULL;
    error = grebe_json_get_object(json, name, &object, diag);
    if (error != GREBE_OK || object == NULL)
        return error;
    *out = grebe_mem_alloc(mem, grebe__json_n_members(object) * sizeof **out);
    if (*out == NULL)
        return GREBE_ERR_NOMEM;
    while ((value = grebe_json_next_member(object, key, &key)) != NULL) {
        struct grebe_load_metric *metric = &(*out)[(*n)++];

        metric->name = key;
        if (grebe_json_type(value) != GREBE_JSON_NUMBER) {
            grebe__diag_quote(diag, key, strlen(key), "%s: expected a number under",
                              name);
            return GREBE_ERR_CONFIG;
        }
        error = grebe_json_get_double(object, key, &metric->value, diag);
        if (error != GREBE_OK)
            return error;
    }
    return GREBE_OK;
}

/* ---- Reports ------------------------------------------------------------------------ */

/* The maps of a report on its way from JSON to bytes. */
struct maps {
    struct grebe_load_metric *utilization, *request_cost, *named_metrics;
};

static int read_report(const struct grebe_mem *mem, const struct grebe_json *json,
                       struct grebe_diag *diag, struct maps *maps,
                       struct grebe_load_report *out)
{
    static const char *const names[] = {"cpu_utilization",
                                        "mem_utilization",
                                        "application_utilization",
                                        "rps_fractional",
                                        "eps",
                                        "utilization",
                                        "request_cost",
                                        "named_metrics",
                                        NULL};
    double *const scalars[] = {&out->cpu_utilization, &out->mem_utilization,
                               &out->application_utilization, &out->rps, &out->eps};
    int error = lab_fields_check(json, names, diag);

    for (size_t i = 0; error == GREBE_OK && i < sizeof scalars / sizeof scalars[0]; i++)
        error = grebe_json_get_double(json, names[i], scalars[i], diag);
    if (error == GREBE_OK)
        error = read_map(mem, json, "utilization", diag, &maps->utilization,
                         &out->n_utilization);
    if (error == GREBE_OK)
        error = read_map(mem, json, "request_cost", diag, &maps->request_cost,
                         &out->n_request_cost);
    if (error == GREBE_OK)
        error = read_map(mem, json, "named_metrics", diag, &maps->named_metrics,
                         &out->n_named_metrics);
    out->utilization = maps->utilization;
    out->request_cost = maps->request_cost;
    out->named_metrics = maps->named_metrics;
    return error;
}

static int through_bytes(const struct grebe_load_report *report, struct grebe_diag *diag,
                         struct lab_load *out)
{
    int error = sim_orca_write(out->mem, report, &out->bytes, &out->length);

    if (error != GREBE_OK)
        return error;
    error = grebe__load_report_read(out->mem, out->bytes, out->length, &out->report);
    if (error == GREBE_OK)
        return GREBE_OK;
    grebe_mem_free(out->mem, out->bytes);
    out->bytes = NULL;
    if (error != GREBE_ERR_TOO_LARGE)
        return error;
    grebe_diag_set(diag, ": more than %d named metrics", GREBE__LOAD_METRICS_MAX);
    return GREBE_ERR_CONFIG;
}

int lab_load_parse(const struct grebe_mem *mem, const struct grebe_json *line,
                   struct grebe_diag *diag, struct lab_load *out)
{
    const struct grebe_json *json = NULL;
    struct grebe_load_report report = {0};
    struct maps maps = {NULL, NULL, NULL};
    int error = grebe_json_get_object(line, "load", &json, diag);

    *out = (struct lab_load){.mem = mem};
    if (error != GREBE_OK || json == NULL)
        return error;
    error = read_report(mem, json, diag, &maps, &report);
    if (error == GREBE_OK)
        error = through_bytes(&report, diag, out);
    grebe_mem_free(mem, maps.utilization);
    grebe_mem_free(mem, maps.request_cost);
    grebe_mem_free(mem, maps.named_metrics);
    if (error == GREBE_ERR_CONFIG)
        grebe_diag_prefix(diag, "load");
    return error;
}

void lab_load_free(struct lab_load *load)
{
    if (load->bytes == NULL)
        return;
    grebe__load_report_fini(&load->report);
    grebe_mem_free(load->mem, load->bytes);
}
