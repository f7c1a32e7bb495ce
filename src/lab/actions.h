/* SPDX-License-Identifier: Apache-2.0 */
/* lab/actions.h -- what a line of a script may ask for, one function each.
 *
 * Each finds the names of the line's fields checked, and the lab there.  GREBE_ERR_CONFIG
 * with the reason in `diag`: the line is wrong, and nothing was done.
 */
#ifndef GREBE_LAB_ACTIONS_H
#define GREBE_LAB_ACTIONS_H

#include <grebe/json.h>

#include "lab/reader.h"

/* ---- action_policy.c --------------------------------------------------------------- */

int lab__do_update(struct lab_reader *reader, const struct grebe_json *line,
                   struct grebe_diag *diag);
int lab__do_resolver_error(struct lab_reader *reader, const struct grebe_json *line,
                           struct grebe_diag *diag);
int lab__do_exit_idle(struct lab_reader *reader, const struct grebe_json *line,
                      struct grebe_diag *diag);
int lab__do_fail_allocation(struct lab_reader *reader, const struct grebe_json *line,
                            struct grebe_diag *diag);
int lab__do_advance(struct lab_reader *reader, const struct grebe_json *line,
                    struct grebe_diag *diag);
int lab__do_close(struct lab_reader *reader, const struct grebe_json *line,
                  struct grebe_diag *diag);

/* ---- action_subconn.c -------------------------------------------------------------- */

int lab__do_subconn(struct lab_reader *reader, const struct grebe_json *line,
                    struct grebe_diag *diag);
int lab__do_health(struct lab_reader *reader, const struct grebe_json *line,
                   struct grebe_diag *diag);

int lab__do_oob(struct lab_reader *reader, const struct grebe_json *line,
                struct grebe_diag *diag);

/* ---- action_call.c ----------------------------------------------------------------- */

int lab__do_pick(struct lab_reader *reader, const struct grebe_json *line,
                 struct grebe_diag *diag);
int lab__do_done(struct lab_reader *reader, const struct grebe_json *line,
                 struct grebe_diag *diag);

#endif
