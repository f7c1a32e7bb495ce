/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a recording, and the lines about everything but calls. */
#include "core/record.h"

#include <string.h>

#include <grebe/version.h>

#include "base/base64.h"
#include "config/lb_config.h"
#include "core/client_conn.h"
#include "core/picker.h"
#include "core/record_endpoints.h"
#include "core/record_line.h"
#include "core/tell.h"

/* ---- Lines -------------------------------------------------------------------------- */

static void write_warning(struct grebe__text *message, const char *what)
{
    grebe__text_printf(message, "recording: %s", what);
}

static void warn(struct grebe__recording *recording, const char *what)
{
    char text[512];
    struct grebe__text message = grebe__text_init(text, sizeof text);

    write_warning(&message, what);
    grebe__tell_text(recording->host, GREBE_LOG_WARNING, GREBE_LOG_WARNING, text);
}

static void lose_line(struct grebe__recording *recording)
{
    recording->n_lost++;
    if (recording->has_told_loss)
        return;
    recording->has_told_loss = true;
    warn(recording, "lines come faster than they can be written, and some are lost");
}

/* Before the first line that finds room again.  False: there is none yet. */
static bool tell_loss(struct grebe__recording *recording)
{
    char text[96];
    struct grebe__text line = grebe__text_init(text, sizeof text);

    grebe__text_printf(&line, "{\"ns\":%llu,\"ev\":\"lost\",\"lines\":%llu}\n",
                       (unsigned long long)grebe__record_now(recording),
                       (unsigned long long)recording->n_lost);
    if (!recording->sink->write(recording->sink, text, line.length))
        return false;
    recording->n_lost = 0;
    return true;
}

static bool write(struct grebe__recording *recording)
{
    const struct grebe__line *line = &recording->line;

    if (line->has_failed || (recording->n_lost > 0 && !tell_loss(recording)))
        return false;
    return recording->sink->write(recording->sink, line->buf, line->length);
}

static const char *failure(const struct grebe__recording *recording)
{
    struct grebe__record_sink *sink = recording->sink;

    return sink->failure == NULL ? NULL : sink->failure(sink);
}

/* Disk full and the like: calls go on, and the recording does not. */
static bool has_failed(struct grebe__recording *recording)
{
    const char *why = failure(recording);

    if (why == NULL)
        return false;
    recording->is_over = recording->has_told_failure = true;
    warn(recording, why);
    return true;
}

bool grebe__record_begin(struct grebe__recording *recording, const char *name)
{
    struct grebe__line *line = &recording->line;

    if (recording->is_over)
        return false;
    grebe__line_reset(line);
    line->has_failed = false;
    grebe__line_open_object(line, NULL);
    grebe__line_number(line, "ns", grebe__record_now(recording));
    grebe__line_text(line, "ev", name);
    return true;
}

bool grebe__record_begin_input(struct grebe__recording *recording, const char *name)
{
    uint32_t n = recording->n_effects - recording->n_effects_told;

    recording->n_effects_told = recording->n_effects;
    if (!grebe__record_begin(recording, name))
        return false;
    if (n > 0)
        grebe__line_number(&recording->line, "after", n);
    return true;
}

void grebe__record_end(struct grebe__recording *recording)
{
    struct grebe__line *line = &recording->line;

    grebe__line_close_object(line);
    grebe__line_raw(line, "\n", 1);
    if (!has_failed(recording) && !write(recording))
        lose_line(recording);
}

void grebe__record_status(struct grebe__line *line, const struct grebe_status *status)
{
    char name[24];

    if (status == NULL)
        return;
    grebe__line_text(line, "code", grebe_status_code_name(status->code, name));
    grebe__line_bytes(line, "message", status->message, status->message_length);
}

/* ---- Life --------------------------------------------------------------------------- */

static void write_header(struct grebe__recording *recording, int64_t started)
{
    const struct grebe_build_options *options = &recording->host->build_options;
    struct grebe__line *line = &recording->line;

    grebe__line_open_object(line, NULL);
    grebe__line_number(line, "grebe_recording", GREBE__RECORD_VERSION);
    grebe__line_text(line, "library", GREBE_VERSION);
    grebe__line_number(line, "clock_ns", recording->start_ns);
    if (started != 0)
        grebe__line_integer(line, "started_unix_ns", started);
    grebe__line_text(line, "target", options->target);
    grebe__line_text(line, "authority", options->authority);
    grebe__line_text(line, "user_agent", options->user_agent);
    grebe__line_number(line, "happy_eyeballs_delay_ns", options->happy_eyeballs_delay_ns);
    grebe__record_end(recording);
}

/* "a, B" becomes "a\0b\0\0": keys of metadata are in lower case. */
static int keep_names(struct grebe__recording *recording, const char *names)
{
    size_t length = names == NULL ? 0 : strlen(names);
    char *out;

    if (length == 0)
        return GREBE_OK;
    out = recording->names = grebe_mem_zalloc(recording->host->mem, length + 2);
    if (out == NULL)
        return GREBE_ERR_NOMEM;
    for (const char *c = names; *c != '\0'; c++) {
        bool is_end = *c == ',' || *c == ' ';

        if (!is_end)
            *out++ = grebe__ascii_lower(*c);
        else if (out > recording->names && out[-1] != '\0')
            *out++ = '\0';
    }
    return GREBE_OK;
}

int grebe__recording_start(struct grebe__lb_host *host,
                           const struct grebe__recording_options *options,
                           struct grebe__recording **out)
{
    struct grebe__recording *recording = grebe_mem_zalloc(host->mem, sizeof *recording);
    int result;

    if (recording == NULL)
        return GREBE_ERR_NOMEM;
    recording->host = host;
    recording->sink = options->sink;
    recording->start_ns = options->now_ns;
    grebe__line_init(&recording->line, host->mem);
    result = keep_names(recording, options->metadata);
    if (result == GREBE_OK) {
        write_header(recording, options->started);
        result = recording->line.has_failed ? GREBE_ERR_NOMEM : GREBE_OK;
    }
    if (result == GREBE_OK)
        *out = recording;
    else
        grebe__recording_free(recording);
    return result;
}

void grebe__recording_end(struct grebe__recording *recording)
{
    if (recording == NULL)
        return;
    if (grebe__record_begin(recording, "end"))
        grebe__record_end(recording);
    recording->is_over = true;
}

bool grebe__recording_untold(const struct grebe__recording *recording,
                             struct grebe__text *message)
{
    const char *why = recording->has_told_failure ? NULL : failure(recording);

    if (why != NULL)
        write_warning(message, why);
    return why != NULL;
}

void grebe__recording_free(struct grebe__recording *recording)
{
    if (recording == NULL)
        return;
    grebe__line_fini(&recording->line);
    grebe_mem_free(recording->host->mem, recording->names);
    grebe_mem_free(recording->host->mem, recording);
}

/* ---- Inputs ------------------------------------------------------------------------- */

void grebe__record_build(struct grebe__recording *recording)
{
    uint64_t seed = recording->seed != NULL ? *recording->seed
                                            : grebe__rng_next(&recording->host->env->rng);

    grebe__rng_seed(&recording->rng, seed);
    if (!grebe__record_begin_input(recording, "build"))
        return;
    grebe__line_u64(&recording->line, "seed", seed);
    grebe__record_end(recording);
}

void grebe__record_close(struct grebe__recording *recording)
{
    if (grebe__record_begin_input(recording, "close"))
        grebe__record_end(recording);
}

static void write_config(struct grebe__line *line, const struct grebe_lb_config *config)
{
    grebe__line_open_list(line, "config");
    grebe__line_open_object(line, NULL);
    grebe__line_value(line, grebe_lb_config_builder(config)->name,
                      grebe__lb_config_text(config));
    grebe__line_close_object(line);
    grebe__line_close_list(line);
}

void grebe__record_update(struct grebe__recording *recording,
                          const struct grebe_balancer_update *update)
{
    if (!grebe__record_begin_input(recording, "update"))
        return;
    write_config(&recording->line, update->config);
    grebe__record_endpoints(&recording->line, update);
    grebe__record_end(recording);
}

void grebe__record_resolver_error(struct grebe__recording *recording,
                                  const struct grebe_status *status)
{
    if (!grebe__record_begin_input(recording, "resolver_error"))
        return;
    grebe__record_status(&recording->line, status);
    grebe__record_end(recording);
}

void grebe__record_exit_idle(struct grebe__recording *recording,
                             const struct grebe_client_conn *cc)
{
    if (!grebe__record_begin_input(recording, "exit_idle"))
        return;
    if (cc->parent != NULL)
        grebe__line_number(&recording->line, "policy", cc->id);
    grebe__record_end(recording);
}

static void record_state_of(struct grebe__recording *recording, const char *name,
                            const struct grebe_subconn *subconn,
                            enum grebe_connectivity state,
                            const struct grebe_status *error)
{
    if (!grebe__record_begin_input(recording, name))
        return;
    grebe__record_subconn_name(&recording->line, subconn);
    grebe__line_text(&recording->line, "state", grebe_connectivity_name(state));
    grebe__record_status(&recording->line, error);
    grebe__record_end(recording);
}

void grebe__record_subconn(struct grebe__recording *recording,
                           const struct grebe_subconn *subconn,
                           enum grebe_connectivity state,
                           const struct grebe_status *error)
{
    record_state_of(recording, "subconn", subconn, state, error);
}

void grebe__record_health(struct grebe__recording *recording,
                          const struct grebe_subconn *subconn,
                          enum grebe_connectivity state, const struct grebe_status *error)
{
    record_state_of(recording, "health", subconn, state, error);
}

static bool begin_of(struct grebe__recording *recording, const char *name, uint32_t id)
{
    if (!grebe__record_begin_input(recording, name))
        return false;
    grebe__line_number(&recording->line, "id", id);
    return true;
}

void grebe__record_timer(struct grebe__recording *recording, uint32_t id)
{
    if (begin_of(recording, "timer", id))
        grebe__record_end(recording);
}

void grebe__record_feed_open(struct grebe__recording *recording, uint32_t id)
{
    if (begin_of(recording, "feed_open", id))
        grebe__record_end(recording);
}

void grebe__record_feed_message(struct grebe__recording *recording, uint32_t id,
                                const void *bytes, size_t length)
{
    if (!begin_of(recording, "feed_message", id))
        return;
    grebe__record_base64(&recording->line, "bytes", bytes, length);
    grebe__record_end(recording);
}

void grebe__record_feed_end(struct grebe__recording *recording, uint32_t id,
                            const struct grebe_feed_end *end)
{
    char name[24];

    if (!begin_of(recording, "feed_end", id))
        return;
    grebe__line_text(&recording->line, "code",
                     grebe_status_code_name(end->status->code, name));
    grebe__line_text(&recording->line, "peer", end->peer);
    grebe__line_bool(&recording->line, "was_open", end->was_open);
    grebe__record_end(recording);
}

/* ---- Requests ----------------------------------------------------------------------- */

void grebe__record_new_subconn(struct grebe__recording *recording,
                               const struct grebe_subconn *subconn,
                               const struct grebe_subconn_options *options)
{
    struct grebe__line *line = &recording->line;

    if (!grebe__record_begin(recording, "new_subconn"))
        return;
    grebe__line_number(line, "subconn", subconn->id);
    grebe__record_address_list(line, "addresses", options->addresses,
                               options->n_addresses);
    if (options->wants_health_check)
        grebe__line_bool(line, "wants_health_check", true);
    grebe__record_end(recording);
}

void grebe__record_request(struct grebe__recording *recording, const char *what,
                           const struct grebe_subconn *subconn)
{
    if (!grebe__record_begin(recording, what))
        return;
    grebe__record_subconn_name(&recording->line, subconn);
    grebe__record_end(recording);
}

void grebe__record_addresses(struct grebe__recording *recording,
                             const struct grebe_subconn *subconn,
                             struct grebe_address *const *addresses, size_t n)
{
    if (!grebe__record_begin(recording, "update_addresses"))
        return;
    grebe__line_number(&recording->line, "subconn", subconn->id);
    grebe__record_address_list(&recording->line, "addresses", addresses, n);
    grebe__record_end(recording);
}

void grebe__record_watch_health(struct grebe__recording *recording,
                                const struct grebe_subconn *subconn, bool is_on)
{
    grebe__record_request(recording, is_on ? "watch_health" : "ignore_health", subconn);
}

void grebe__record_state(struct grebe__recording *recording,
                         enum grebe_connectivity state, const struct grebe_picker *picker)
{
    enum grebe_pick_kind answer;

    if (!grebe__record_begin(recording, "state"))
        return;
    grebe__line_text(&recording->line, "state", grebe_connectivity_name(state));
    if (grebe__picker_is_constant(picker, &answer))
        grebe__line_text(&recording->line, "picks", grebe__record_kind(answer));
    grebe__record_end(recording);
}

void grebe__record_resolve_now(struct grebe__recording *recording)
{
    if (grebe__record_begin(recording, "resolve_now"))
        grebe__record_end(recording);
}

void grebe__record_start_timer(struct grebe__recording *recording, uint32_t id,
                               uint64_t at_ns)
{
    if (!grebe__record_begin(recording, "start_timer"))
        return;
    grebe__line_number(&recording->line, "id", id);
    grebe__line_integer(&recording->line, "at_ns",
                        (int64_t)(at_ns - recording->start_ns));
    grebe__record_end(recording);
}

void grebe__record_start_feed(struct grebe__recording *recording, uint32_t id,
                              const struct grebe_subconn *subconn, const char *method)
{
    if (!grebe__record_begin(recording, "start_feed"))
        return;
    grebe__line_number(&recording->line, "id", id);
    grebe__record_subconn_name(&recording->line, subconn);
    grebe__line_text(&recording->line, "method", method);
    grebe__record_end(recording);
}

void grebe__record_refusal(struct grebe__recording *recording, int result)
{
    if (!grebe__record_begin(recording, "refused"))
        return;
    grebe__line_text(&recording->line, "error", grebe_strerror(result));
    grebe__record_end(recording);
}
