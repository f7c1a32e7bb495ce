/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/reader.h"

#include <string.h>

#include "base/diag.h"
#include "base/text.h"
#include "config/json.h"
#include "lab/actions.h"
#include "lab/fields.h"

enum { MAX_FIELDS = 10 };

/* What a line may ask for.  `run` finds the names of its fields checked, the lab there, and
 * the policy alive unless `goes_on` says that it need not be. */
struct action {
    const char *name;
    const char *fields[MAX_FIELDS];
    bool goes_on; /* after the policy was closed */
    int (*run)(struct lab_reader *reader, const struct grebe_json *line,
               struct grebe_diag *diag);
};

/* ---- The start ------------------------------------------------------------------------- */

static int make_lab(struct lab_reader *reader)
{
    int result;

    if (reader->has_lab)
        return GREBE_OK;
    reader->options.target = reader->target == NULL ? "lab:///" : reader->target;
    reader->options.builder = &grebe_graceful_switch;
    result = lab_init(&reader->lab, &reader->options);
    reader->has_lab = result == GREBE_OK;
    return result;
}

static int do_start(struct lab_reader *reader, const struct grebe_json *line,
                    struct grebe_diag *diag)
{
    const char *target = NULL;
    int64_t seed = 1;
    bool checks_health = false;
    int error;

    if (reader->has_lab) {
        grebe_diag_set(diag, "it has to be the first line");
        return GREBE_ERR_CONFIG;
    }
    error = grebe_json_get_int64(line, "seed", &seed, diag);
    if (error == GREBE_OK)
        error = grebe_json_get_string(line, "target", &target, diag);
    if (error == GREBE_OK)
        error = grebe_json_get_bool(line, "health_checks", &checks_health, diag);
    if (error != GREBE_OK)
        return error;
    if (target != NULL) {
        reader->target = grebe_mem_strdup(reader->options.mem, target);
        if (reader->target == NULL)
            return GREBE_ERR_NOMEM;
    }
    reader->options.seed = (uint64_t)seed;
    reader->options.checks_health = checks_health;
    return make_lab(reader);
}

/* ---- Lines ----------------------------------------------------------------------------- */

static const struct action start = {
    "start", {"seed", "target", "health_checks"}, false, do_start};

static const struct action actions[] = {
    {"update", {"endpoints", "config"}, false, lab__do_update},
    {"resolver_error", {"error"}, false, lab__do_resolver_error},
    {"subconn", {"address", "state", "error"}, false, lab__do_subconn},
    {"health", {"address", "state", "error"}, false, lab__do_health},
    {"oob", {"address", "load"}, false, lab__do_oob},
    {"pick",
     {"n", "method", "metadata", "hash", "done", "status", "load", "latency_ms",
      "headers_ms", "streaming"},
     false,
     lab__do_pick},
    {"done",
     {"id", "status", "load", "latency_ms", "headers_ms", "streaming"},
     true,
     lab__do_done},
    {"advance", {"ms"}, true, lab__do_advance},
    {"exit_idle", {NULL}, false, lab__do_exit_idle},
    {"fail_allocation", {"nth"}, false, lab__do_fail_allocation},
    {"close", {NULL}, false, lab__do_close},
};

static const struct action *find_action(const char *name)
{
    if (strcmp(start.name, name) == 0)
        return &start;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static int refuse_action(const char *name, struct grebe_diag *diag)
{
    char list[256];
    struct grebe__text text = grebe__text_init(list, sizeof list);

    grebe__text_printf(&text, "%s", start.name);
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        grebe__text_printf(&text, ", %s", actions[i].name);
    grebe__diag_quote(diag, name, strlen(name), "do: expected one of %s, found", list);
    return GREBE_ERR_CONFIG;
}

/* The fields of an action, and the one that names it. */
static int check_fields(const struct grebe_json *line, const struct action *action,
                        struct grebe_diag *diag)
{
    const char *names[MAX_FIELDS + 2] = {"do"};
    size_t n = 1;

    for (size_t i = 0; i < MAX_FIELDS && action->fields[i] != NULL; i++)
        names[n++] = action->fields[i];
    names[n] = NULL;
    return lab_fields_check(line, names, diag);
}

static void put_in_front(const char *name, struct grebe_diag *diag)
{
    struct grebe_diag rest = *diag;
    bool is_joined = strncmp(rest.text, ": ", 2) == 0;

    grebe_diag_set(diag, "%s: %s", name, rest.text + (is_joined ? 2 : 0));
}

static int run(struct lab_reader *reader, const struct action *action,
               const struct grebe_json *line, struct grebe_diag *diag)
{
    int error = check_fields(line, action, diag);

    if (error == GREBE_OK && action != &start)
        error = make_lab(reader);
    if (error == GREBE_OK && reader->closed_on > 0 && !action->goes_on) {
        grebe_diag_set(diag, "the policy was closed on line %u",
                       (unsigned)reader->closed_on);
        error = GREBE_ERR_CONFIG;
    }
    if (error == GREBE_OK)
        error = action->run(reader, line, diag);
    if (error != GREBE_OK)
        put_in_front(action->name, diag);
    if (error == GREBE_OK && reader->has_lab && reader->lab.is_short_of_memory)
        error = GREBE_ERR_NOMEM;
    return error;
}

static int run_object(struct lab_reader *reader, const struct grebe_json *line,
                      struct grebe_diag *diag)
{
    const struct action *action;
    const char *name = NULL;
    int error;

    if (grebe_json_type(line) != GREBE_JSON_OBJECT) {
        grebe_diag_set(diag, "expected an object, found %s", grebe__json_type_text(line));
        return GREBE_ERR_CONFIG;
    }
    error = grebe_json_get_string(line, "do", &name, diag);
    if (error != GREBE_OK)
        return error;
    if (name == NULL) {
        grebe_diag_set(diag, "do is missing: what is to happen?");
        return GREBE_ERR_CONFIG;
    }
    action = find_action(name);
    return action == NULL ? refuse_action(name, diag) : run(reader, action, line, diag);
}

static bool says_nothing(const char *text, size_t length)
{
    size_t i = 0;

    while (i < length && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r'))
        i++;
    return i == length || text[i] == '#';
}

int lab_reader_line(struct lab_reader *reader, const char *text, size_t length,
                    struct grebe_diag *diag)
{
    const struct grebe_json *line;
    int error;

    reader->line++;
    if (says_nothing(text, length))
        return GREBE_OK;
    if (length > LAB_LINE_MAX) {
        grebe_diag_set(diag, "the line has more than %d bytes", LAB_LINE_MAX);
        return GREBE_ERR_CONFIG;
    }
    error = lab_fields_parse(text, length, diag, &line);
    if (error != GREBE_OK)
        return error;
    error = run_object(reader, line, diag);
    grebe_json_free(line);
    return error;
}

/* ---- Life ------------------------------------------------------------------------------ */

void lab_reader_init(struct lab_reader *reader, const struct lab_options *options)
{
    *reader = (struct lab_reader){.options = *options};
    reader->options.seed = 1;
}

uint32_t lab_reader_fini(struct lab_reader *reader)
{
    uint32_t n_violations = 0;

    if (reader->has_lab) {
        lab_fini(&reader->lab);
        n_violations = reader->lab.n_violations;
    }
    grebe_lb_config_unref(reader->config);
    grebe_mem_free(reader->options.mem, reader->target);
    return n_violations;
}
