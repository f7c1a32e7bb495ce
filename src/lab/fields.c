/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/fields.h"

#include <string.h>

#include "base/diag.h"
#include "base/text.h"
#include "config/json.h"

int lab_fields_parse(const char *text, size_t length, struct grebe_diag *diag,
                     const struct grebe_json **out)
{
    static const char only_line[] = "line 1 ";
    int error = grebe_json_parse(text, length, diag, out);

    if (error == GREBE_ERR_CONFIG &&
        strncmp(diag->text, only_line, strlen(only_line)) == 0)
        memmove(diag->text, diag->text + strlen(only_line),
                strlen(diag->text + strlen(only_line)) + 1);
    return error;
}

/* ---- Names -------------------------------------------------------------------------- */

static bool is_among(const char *name, const char *const *names)
{
    while (*names != NULL)
        if (strcmp(*names++, name) == 0)
            return true;
    return false;
}

static int refuse(const char *name, const char *const *names, struct grebe_diag *diag)
{
    char list[256];
    struct grebe__text text = grebe__text_init(list, sizeof list);

    if (names[0] == NULL) {
        grebe__diag_quote(diag, name, strlen(name),
                          ": it has no fields, but here is one");
        return GREBE_ERR_CONFIG;
    }
    for (size_t i = 0; names[i] != NULL; i++)
        grebe__text_printf(&text, "%s%s", i > 0 ? ", " : "", names[i]);
    grebe__diag_quote(diag, name, strlen(name),
                      ": the fields are %s, there is none called", list);
    return GREBE_ERR_CONFIG;
}

int lab_fields_check(const struct grebe_json *object, const char *const *names,
                     struct grebe_diag *diag)
{
    const char *name = NULL;

    while (grebe_json_next_member(object, name, &name) != NULL)
        if (!is_among(name, names))
            return refuse(name, names, diag);
    return GREBE_OK;
}

/* ---- Values ------------------------------------------------------------------------- */

int lab_fields_text(const struct grebe_json *object, const char *name, const char **out,
                    struct grebe_diag *diag)
{
    const char *text = NULL;
    int error = grebe_json_get_string(object, name, &text, diag);

    if (error != GREBE_OK)
        return error;
    if (text == NULL) {
        grebe_diag_set(diag, "%s is missing", name);
        return GREBE_ERR_CONFIG;
    }
    *out = text;
    return GREBE_OK;
}

int lab_fields_state(const struct grebe_json *object, enum grebe_connectivity *out,
                     struct grebe_diag *diag)
{
    const char *text;
    int error = lab_fields_text(object, "state", &text, diag);

    if (error != GREBE_OK)
        return error;
    for (int i = GREBE_IDLE; i < GREBE_SHUTDOWN; i++) {
        if (strcmp(grebe_connectivity_name((enum grebe_connectivity)i), text) == 0) {
            *out = (enum grebe_connectivity)i;
            return GREBE_OK;
        }
    }
    grebe__diag_quote(diag, text, strlen(text),
                      "state: expected IDLE, CONNECTING, READY or TRANSIENT_FAILURE, "
                      "found");
    return GREBE_ERR_CONFIG;
}

/* ---- Status ------------------------------------------------------------------------- */

static int read_code(const struct grebe_json *value, int *out, struct grebe_diag *diag)
{
    const char *name = grebe_json_string(value);
    int64_t number;
    int code;

    if (grebe__json_integer(value, &number) && number >= 0 && number <= INT32_MAX) {
        *out = (int)number;
        return GREBE_OK;
    }
    code = name == NULL ? -1 : grebe_status_code_parse(name);
    if (code >= 0) {
        *out = code;
        return GREBE_OK;
    }
    if (name != NULL)
        grebe__diag_quote(diag, name, strlen(name), ": there is no status code");
    else
        grebe_diag_set(diag, ": expected the name or number of a status code, found %s",
                       grebe__json_type_text(value));
    return GREBE_ERR_CONFIG;
}

static int read_parts(const struct grebe_json *value, struct grebe_status *out,
                      struct grebe_diag *diag)
{
    static const char *const names[] = {"code", "message", NULL};
    const char *message = "";
    int code, error = lab_fields_check(value, names, diag);

    if (error == GREBE_OK)
        error = grebe_json_get_string(value, "message", &message, diag);
    if (error != GREBE_OK)
        return error;
    error = read_code(grebe_json_member(value, "code"), &code, diag);
    if (error != GREBE_OK) {
        grebe_diag_prefix(diag, "code");
        return error;
    }
    *out = grebe_status_of(code, message);
    return GREBE_OK;
}

int lab_fields_status(const struct grebe_json *object, struct grebe_status *out,
                      struct grebe_diag *diag)
{
    const struct grebe_json *value = grebe_json_member(object, "status");
    int code, error;

    if (value == NULL)
        return GREBE_OK;
    if (grebe_json_type(value) == GREBE_JSON_OBJECT) {
        error = read_parts(value, out, diag);
    } else {
        error = read_code(value, &code, diag);
        if (error == GREBE_OK)
            *out = grebe_status_of(code, "");
    }
    if (error != GREBE_OK)
        grebe_diag_prefix(diag, "status");
    return error;
}

/* ---- Time --------------------------------------------------------------------------- */

int lab_fields_ms(const struct grebe_json *object, const char *name, double max_ms,
                  uint64_t *out, bool *is_there, struct grebe_diag *diag)
{
    double ms = -1;
    int error = grebe_json_get_double(object, name, &ms, diag);

    *is_there = error == GREBE_OK && grebe_json_member(object, name) != NULL;
    if (!*is_there)
        return error;
    if (!(ms >= 0 && ms <= max_ms)) {
        grebe_diag_set(diag, "%s: expected milliseconds from 0 to %.0f", name, max_ms);
        return GREBE_ERR_CONFIG;
    }
    *out = (uint64_t)(ms * 1000 + 0.5) * 1000;
    return GREBE_OK;
}
