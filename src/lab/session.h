/* SPDX-License-Identifier: Apache-2.0 */
/* lab/session.h -- the lab as programs have it: lines of a script in, lines of events out.
 *
 * A reader, a lab and a writer behind one handle.  This header includes nothing but
 * grebe/, so that a tool may use it without seeing the rest of src.
 *
 * Threading   One thread, but for lab_session_stop().
 */
#ifndef GREBE_LAB_SESSION_H
#define GREBE_LAB_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <grebe/error.h>
#include <grebe/mem.h>

struct lab_session;

struct lab_session_options {
    const struct grebe_mem *mem; /* NULL: malloc */
    /* One event with its newline; borrowed.  Must not call back. */
    void (*write)(void *arg, const char *line, size_t length);
    void *arg;
    /* One line of a recording, likewise; NULL: nothing is recorded. */
    void (*write_record)(void *arg, const char *line, size_t length);
    void *record_arg;
};

/* NULL: out of memory. */
struct lab_session *lab_session_new(const struct lab_session_options *options);

/* The next line of the script, without its newline.  GREBE_ERR_CONFIG: it is wrong, and
 * `diag` says what to mend, as "subconn: state is missing".  GREBE_ERR_NOMEM. */
int lab_session_line(struct lab_session *session, const char *text, size_t length,
                     struct grebe_diag *diag) GREBE_MUST_CHECK;

/* The longest line that is taken, in bytes. */
size_t lab_session_line_max(void);

/* The script ends here.  `n_violations` is how many times the policy broke its contract
 * from beginning to end.  GREBE_ERR_NOMEM: the events are not complete. */
int lab_session_end(struct lab_session *session, uint32_t *n_violations) GREBE_MUST_CHECK;

/* Without a word, if the script has not ended.  NULL: no-op. */
void lab_session_destroy(struct lab_session *session);

/* A line that is at work ends early.  For signal handlers. */
void lab_session_stop(struct lab_session *session);
bool lab_session_is_stopped(const struct lab_session *session);

#endif
