/* SPDX-License-Identifier: Apache-2.0 */
/* Lines about the policy as a whole, and about time. */
#include "lab/actions.h"

#include <grebe/registry.h>

#include "lab/endpoints.h"
#include "lab/fields.h"

static void on_registry_log(void *arg, enum grebe_log_level level, const char *message)
{
    struct lab *lab = arg;

    lab->host.on_log(lab->host.log_arg, level, message);
}

/* The config of this update, a reference: what the line says, else what is in force, else
 * pick_first, as in a channel. */
static int choose_config(struct lab_reader *reader, const struct grebe_json *line,
                         struct grebe_diag *diag, struct grebe_lb_config **out)
{
    const struct grebe_json *list = grebe_json_member(line, "config");
    int error;

    if (list == NULL && reader->config == NULL)
        return grebe_lb_config_new(grebe_balancer_get("pick_first"), out);
    if (list == NULL) {
        *out = grebe_lb_config_ref(reader->config);
        return GREBE_OK;
    }
    grebe_registry_set_log(on_registry_log, &reader->lab);
    error = grebe_lb_config_parse(list, diag, out);
    grebe_registry_set_log(NULL, NULL);
    if (error != GREBE_OK)
        grebe_diag_prefix(diag, "config");
    return error;
}

/* The policy may use its last config until it has the next. */
static void put_in_force(struct lab_reader *reader, struct grebe_lb_config *config,
                         const struct lab_endpoints *endpoints)
{
    struct grebe_lb_config *before = reader->config;
    const struct grebe_balancer_update update = {
        .endpoints = endpoints->list,
        .n_endpoints = endpoints->n,
        .config = config,
    };

    reader->config = config;
    lab_update(&reader->lab, &update);
    grebe_lb_config_unref(before);
}

/* A wrong config is the business of a policy's parser, and an event; wrong endpoints are
 * the script's. */
int lab__do_update(struct lab_reader *reader, const struct grebe_json *line,
                   struct grebe_diag *diag)
{
    const struct grebe_json *list = NULL;
    struct lab_endpoints endpoints;
    struct grebe_lb_config *config;
    struct grebe_diag flaw = {""};
    int error = grebe_json_get_array(line, "endpoints", &list, diag);

    if (error != GREBE_OK)
        return error;
    if (list == NULL) {
        grebe_diag_set(diag, "endpoints is missing (an empty list is [])");
        return GREBE_ERR_CONFIG;
    }
    error = lab_endpoints_parse(reader->lab.host.mem, list, diag, &endpoints);
    if (error != GREBE_OK)
        return error;
    error = choose_config(reader, line, &flaw, &config);
    if (error == GREBE_OK)
        put_in_force(reader, config, &endpoints);
    else if (error != GREBE_ERR_NOMEM)
        lab_refuse_update(&reader->lab, error, flaw.text);
    lab_endpoints_free(&endpoints);
    return error == GREBE_ERR_NOMEM ? error : GREBE_OK;
}

int lab__do_resolver_error(struct lab_reader *reader, const struct grebe_json *line,
                           struct grebe_diag *diag)
{
    struct grebe_status status;
    const char *text;
    int error = lab_fields_text(line, "error", &text, diag);

    if (error != GREBE_OK)
        return error;
    status = grebe_status_of(GREBE_STATUS_UNAVAILABLE, text);
    lab_resolver_error(&reader->lab, &status);
    return GREBE_OK;
}

int lab__do_exit_idle(struct lab_reader *reader, const struct grebe_json *line,
                      struct grebe_diag *diag)
{
    (void)line, (void)diag;
    lab_exit_idle(&reader->lab);
    return GREBE_OK;
}

int lab__do_fail_allocation(struct lab_reader *reader, const struct grebe_json *line,
                            struct grebe_diag *diag)
{
    int64_t nth = 1;
    int error = grebe_json_get_int64(line, "nth", &nth, diag);

    if (error != GREBE_OK)
        return error;
    if (nth < 1) {
        grebe_diag_set(diag, "nth: expected a number from 1 on");
        return GREBE_ERR_CONFIG;
    }
    lab_fail_allocation(&reader->lab, (uint64_t)nth);
    return GREBE_OK;
}

int lab__do_close(struct lab_reader *reader, const struct grebe_json *line,
                  struct grebe_diag *diag)
{
    (void)line, (void)diag;
    reader->closed_on = reader->line;
    lab_close(&reader->lab);
    return GREBE_OK;
}

int lab__do_advance(struct lab_reader *reader, const struct grebe_json *line,
                    struct grebe_diag *diag)
{
    double left = LAB_TIME_MAX_MS - (double)lab_now_ns(&reader->lab) / 1e6;
    uint64_t by_ns = 0;
    bool is_there;
    int error = lab_fields_ms(line, "ms", left, &by_ns, &is_there, diag);

    if (error != GREBE_OK)
        return error;
    if (!is_there) {
        grebe_diag_set(diag, "ms is missing");
        return GREBE_ERR_CONFIG;
    }
    (void)lab_advance(&reader->lab, by_ns); /* stopped: the session knows */
    return GREBE_OK;
}
