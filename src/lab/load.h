/* SPDX-License-Identifier: Apache-2.0 */
/* lab/load.h -- a load report as a script writes it.
 *
 *   {"cpu_utilization": 0.4, "mem_utilization": 0.2, "application_utilization": 0.7,
 *    "rps_fractional": 120, "eps": 3, "utilization": {"disk": 0.9},
 *    "request_cost": {"db": 2}, "named_metrics": {"queue": 17}}
 *
 * It takes the way that a backend's report takes, through the bytes of the protocol: what
 * cannot be true is left out on the way, as there.
 */
#ifndef GREBE_LAB_LOAD_H
#define GREBE_LAB_LOAD_H

#include <grebe/json.h>
#include <grebe/load_report.h>
#include <grebe/mem.h>

#include "messages/load_report.h"

struct lab_load {
    const struct grebe_mem *mem;
    unsigned char *bytes; /* an OrcaLoadReport; NULL: there is no report */
    size_t length;
    struct grebe__load_report report; /* what is read from them */
};

/* From the member "load" of a line; without it *out has no report.  GREBE_ERR_CONFIG and
 * `diag`, or GREBE_ERR_NOMEM; nothing is left then. */
int lab_load_parse(const struct grebe_mem *mem, const struct grebe_json *line,
                   struct grebe_diag *diag, struct lab_load *out);
void lab_load_free(struct lab_load *load);

/* NULL: there is none. */
static inline const struct grebe_load_report *lab_load_report(const struct lab_load *load)
{
    return load->bytes == NULL ? NULL : &load->report.view;
}

#endif
