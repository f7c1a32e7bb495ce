/* SPDX-License-Identifier: Apache-2.0 */
/* Lines about one subconn. */
#include "lab/actions.h"

#include <string.h>

#include "base/text.h"
#include "lab/fields.h"
#include "lab/load.h"

enum { MAX_LISTED = 5 };

/* The script's author has to find out which one was meant. */
static void list_live(const struct lab *lab, struct grebe__text *text)
{
    size_t n = 0;

    grebe__list_foreach (link, &lab->live) {
        const struct lab_subconn *subconn =
            grebe_container_of(link, struct lab_subconn, link);
        const char *address = lab_subconn_name(subconn);

        if (subconn->base.is_shutting_down || ++n > MAX_LISTED)
            continue;
        grebe__text_printf(text, "%s\"", n == 1 ? "; live are " : ", ");
        grebe__text_append_escaped(text, address, strlen(address));
        grebe__text_append(text, "\"", 1);
    }
    if (n == 0)
        grebe__text_printf(text, "; there are none");
    if (n > MAX_LISTED)
        grebe__text_printf(text, " and %zu more", n - MAX_LISTED);
}

static int find_subconn(const struct lab_reader *reader, const struct grebe_json *line,
                        struct lab_subconn **out, struct grebe_diag *diag)
{
    struct grebe__text text;
    const char *address;
    int error = lab_fields_text(line, "address", &address, diag);

    if (error != GREBE_OK)
        return error;
    *out = lab_find_subconn(&reader->lab, address);
    if (*out != NULL)
        return GREBE_OK;
    text = grebe__text_init(diag->text, sizeof diag->text);
    grebe__text_printf(&text, "no live subconn for address \"");
    grebe__text_append_escaped(&text, address, strlen(address));
    grebe__text_append(&text, "\"", 1);
    list_live(&reader->lab, &text);
    return GREBE_ERR_CONFIG;
}

/* What a state comes with: `error` is for TRANSIENT_FAILURE, and has a text of its own if
 * the script has none. */
static int read_state(const struct grebe_json *line, const char *usual_error,
                      enum grebe_connectivity *state, struct grebe_status *status,
                      struct grebe_diag *diag)
{
    const char *text = NULL;
    int error = lab_fields_state(line, state, diag);

    if (error == GREBE_OK)
        error = grebe_json_get_string(line, "error", &text, diag);
    if (error != GREBE_OK)
        return error;
    if (text != NULL && *state != GREBE_TRANSIENT_FAILURE) {
        grebe_diag_set(diag, "error goes with TRANSIENT_FAILURE only");
        return GREBE_ERR_CONFIG;
    }
    *status =
        grebe_status_of(GREBE_STATUS_UNAVAILABLE, text == NULL ? usual_error : text);
    return GREBE_OK;
}

/* A line that changes nothing should not do so in silence. */
static void remark(struct lab_reader *reader, const char *text)
{
    reader->lab.host.on_log(reader->lab.host.log_arg, GREBE_LOG_INFO, text);
}

int lab__do_subconn(struct lab_reader *reader, const struct grebe_json *line,
                    struct grebe_diag *diag)
{
    enum grebe_connectivity state;
    struct lab_subconn *subconn;
    struct grebe_status status;
    int error = read_state(line, "connection refused", &state, &status, diag);

    if (error == GREBE_OK)
        error = find_subconn(reader, line, &subconn, diag);
    if (error == GREBE_OK)
        lab_subconn(subconn, state, &status);
    return error;
}

int lab__do_health(struct lab_reader *reader, const struct grebe_json *line,
                   struct grebe_diag *diag)
{
    enum grebe_connectivity state;
    struct lab_subconn *subconn;
    struct grebe_status status;
    int error = read_state(line, "unhealthy", &state, &status, diag);

    if (error == GREBE_OK)
        error = find_subconn(reader, line, &subconn, diag);
    if (error == GREBE_OK && !lab_health(subconn, state, &status))
        remark(reader, "lab: nobody listens to the health of this subconn");
    return error;
}

int lab__do_oob(struct lab_reader *reader, const struct grebe_json *line,
                struct grebe_diag *diag)
{
    struct lab_subconn *subconn;
    struct lab_load load;
    int error = lab_load_parse(reader->options.mem, line, diag, &load);

    if (error != GREBE_OK)
        return error;
    error = find_subconn(reader, line, &subconn, diag);
    if (error == GREBE_OK && lab_load_report(&load) == NULL) {
        grebe_diag_set(diag, "load is missing (a report that says nothing is {})");
        error = GREBE_ERR_CONFIG;
    }
    if (error == GREBE_OK && !lab_report_load(subconn, load.bytes, load.length))
        remark(reader, "lab: nobody wants load reports of this subconn");
    lab_load_free(&load);
    return error;
}
