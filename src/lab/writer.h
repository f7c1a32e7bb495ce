/* SPDX-License-Identifier: Apache-2.0 */
/* lab/writer.h -- events of a lab, each as one line of JSON.
 *
 *   {"t":250,"ev":"connect","id":1,"address":"10.0.0.2:80"}
 *
 * "t" is in milliseconds since the start.  The manual of `grebe lab` has all events, with
 * their fields.
 */
#ifndef GREBE_LAB_WRITER_H
#define GREBE_LAB_WRITER_H

#include <stdbool.h>

#include "base/json_line.h"
#include "lab/event.h"

struct lab_writer {
    struct grebe__line line;
    /* A line with its newline; borrowed. */
    void (*write)(void *arg, const char *line, size_t length);
    void *arg;
};

void lab_writer_init(struct lab_writer *writer, const struct grebe_mem *mem,
                     void (*write)(void *arg, const char *line, size_t length),
                     void *arg);
void lab_writer_fini(struct lab_writer *writer);

/* A lab_event_fn; `arg` is the writer. */
void lab_writer_event(void *arg, const struct lab_event *event);

/* Memory was short, and a line is missing. */
static inline bool lab_writer_has_failed(const struct lab_writer *writer)
{
    return writer->line.has_failed;
}

#endif
