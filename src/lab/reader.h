/* SPDX-License-Identifier: Apache-2.0 */
/* lab/reader.h -- a script, line by line: JSON in, events of a lab out.
 *
 * Each line is one object and says in "do" what happens to the policy:
 *
 *   {"do": "update", "endpoints": [{"addresses": ["10.0.0.1:80"]}],
 *    "config": [{"round_robin": {}}]}
 *   {"do": "subconn", "address": "10.0.0.1:80", "state": "READY"}
 *   {"do": "pick", "n": 9}
 *
 * The manual of `grebe lab` has all of them, with their fields.  Empty lines, and lines
 * that start with '#', say nothing.  The policy stands where a channel has it: below a
 * graceful switch, and under the name that the config chooses from the registry.
 *
 * Threading   One thread.  While a config is parsed the registry's log goes to the lab.
 */
#ifndef GREBE_LAB_READER_H
#define GREBE_LAB_READER_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/error.h>

#include "lab/lab.h"

enum {
    LAB_LINE_MAX = 4 * 1024 * 1024, /* bytes */
    LAB_N_MAX = 1000000,            /* of one "pick" */
};
#define LAB_TIME_MAX_MS 1e12 /* 31 years: of all "advance" together */

struct lab_reader {
    struct lab_options options; /* what "start" says is filled in from there */
    struct lab lab;
    bool has_lab;                   /* from the first line that says something */
    struct grebe_lb_config *config; /* in force: a reference; NULL before an update */
    char *target;                   /* owned; NULL: the default */
    uint32_t line;                  /* the last that was read, from 1 */
    uint32_t closed_on;             /* the line that closed the policy; 0: none did */
};

/* `options`: mem, keeps_freed, on_event, arg and wants_stop; a script says the rest. */
void lab_reader_init(struct lab_reader *reader, const struct lab_options *options);

/* The next line, without its newline.  GREBE_ERR_CONFIG: it is wrong, and `diag` says what
 * to mend; nothing of it was done.  GREBE_ERR_NOMEM. */
int lab_reader_line(struct lab_reader *reader, const char *text, size_t length,
                    struct grebe_diag *diag) GREBE_MUST_CHECK;

/* Destroys the policy, if the script has not, and looks for what it left.  Returns how
 * many times it broke its contract, all in all. */
uint32_t lab_reader_fini(struct lab_reader *reader);

#endif
