/* SPDX-License-Identifier: Apache-2.0 */
#include "lab/session.h"

#include "lab/reader.h"
#include "lab/writer.h"

struct lab_session {
    const struct grebe_mem *mem;
    struct lab_reader reader;
    struct lab_writer writer;
    struct grebe__record_sink record_sink;
    void (*write_record)(void *arg, const char *line, size_t length);
    void *record_arg;
    bool has_ended;
    bool wants_stop; /* atomic: set by a signal handler */
};

static bool wants_stop(void *arg)
{
    return lab_session_is_stopped(arg);
}

static void on_event(void *arg, const struct lab_event *event)
{
    struct lab_session *session = arg;

    if (!session->has_ended)
        lab_writer_event(&session->writer, event);
}

static bool on_record(struct grebe__record_sink *sink, const char *line, size_t length)
{
    struct lab_session *session =
        grebe_container_of(sink, struct lab_session, record_sink);

    session->write_record(session->record_arg, line, length);
    return true;
}

struct lab_session *lab_session_new(const struct lab_session_options *options)
{
    struct lab_session *session = grebe_mem_zalloc(options->mem, sizeof *session);

    if (session == NULL)
        return NULL;
    session->mem = options->mem;
    session->record_sink.write = on_record;
    session->write_record = options->write_record;
    session->record_arg = options->record_arg;
    lab_reader_init(
        &session->reader,
        &(struct lab_options){
            .mem = options->mem,
            .keeps_freed = true,
            .on_event = on_event,
            .arg = session,
            .wants_stop = wants_stop,
            .record_sink = options->write_record == NULL ? NULL : &session->record_sink,
        });
    lab_writer_init(&session->writer, options->mem, options->write, options->arg);
    return session;
}

int lab_session_line(struct lab_session *session, const char *text, size_t length,
                     struct grebe_diag *diag)
{
    int error = lab_reader_line(&session->reader, text, length, diag);

    if (error == GREBE_OK && lab_writer_has_failed(&session->writer))
        return GREBE_ERR_NOMEM;
    return error;
}

size_t lab_session_line_max(void)
{
    return LAB_LINE_MAX;
}

int lab_session_end(struct lab_session *session, uint32_t *n_violations)
{
    *n_violations = lab_reader_fini(&session->reader);
    session->has_ended = true;
    return lab_writer_has_failed(&session->writer) ? GREBE_ERR_NOMEM : GREBE_OK;
}

void lab_session_destroy(struct lab_session *session)
{
    if (session == NULL)
        return;
    if (!session->has_ended) {
        session->has_ended = true;
        lab_reader_fini(&session->reader);
    }
    lab_writer_fini(&session->writer);
    grebe_mem_free(session->mem, session);
}

void lab_session_stop(struct lab_session *session)
{
    __atomic_store_n(&session->wants_stop, true, __ATOMIC_RELAXED);
}

bool lab_session_is_stopped(const struct lab_session *session)
{
    return __atomic_load_n(&session->wants_stop, __ATOMIC_RELAXED);
}
