/* SPDX-License-Identifier: Apache-2.0 */
/* lab/record.h -- a line of a recording, read back.  core/record.h writes them;
 * docs/guide/replay.md has them all.
 *
 * All functions that read return GREBE_OK, GREBE_ERR_CONFIG with what is wrong in `diag`, or
 * GREBE_ERR_NOMEM.  What they give is borrowed from the line unless they say otherwise.
 */
#ifndef GREBE_LAB_RECORD_H
#define GREBE_LAB_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include <grebe/balancer.h>
#include <grebe/connectivity.h>
#include <grebe/json.h>
#include <grebe/metadata.h>
#include <grebe/status.h>

enum lab_record_kind {
    LAB_RECORD_HEADER,
    /* Inputs. */
    LAB_RECORD_BUILD,
    LAB_RECORD_CLOSE,
    LAB_RECORD_UPDATE,
    LAB_RECORD_RESOLVER_ERROR,
    LAB_RECORD_EXIT_IDLE,
    LAB_RECORD_SUBCONN,
    LAB_RECORD_HEALTH,
    LAB_RECORD_TIMER,
    LAB_RECORD_FEED_OPEN,
    LAB_RECORD_FEED_MESSAGE,
    LAB_RECORD_FEED_END,
    LAB_RECORD_PICK,
    LAB_RECORD_DONE,
    /* What the policy asked for. */
    LAB_RECORD_NEW_SUBCONN,
    LAB_RECORD_START_FEED,
    LAB_RECORD_REQUEST,
    /* About the recording. */
    LAB_RECORD_LOST,
    LAB_RECORD_END,
};

static inline bool lab_record_is_input(enum lab_record_kind kind)
{
    return kind >= LAB_RECORD_BUILD && kind <= LAB_RECORD_DONE;
}

struct lab_record {
    enum lab_record_kind kind;
    uint64_t ns;                   /* since the recording began */
    uint32_t after;                /* effects that ran since the last input */
    const struct grebe_json *json; /* owned */
};

/* What a recording begins with: of the channel, and when. */
struct lab_record_header {
    struct grebe_build_options options; /* its texts are the header's own */
    char *target, *authority, *user_agent;
    uint64_t clock_ns; /* when the recording began */
};

int lab_record_parse(const char *text, size_t length, struct grebe_diag *diag,
                     struct lab_record *out);
void lab_record_free(struct lab_record *record);

/* `out` arrives zeroed and has to be freed, even if that fails. */
int lab_record_header(const struct lab_record *record, const struct grebe_mem *mem,
                      struct lab_record_header *out, struct grebe_diag *diag);
void lab_record_header_free(struct lab_record_header *header,
                            const struct grebe_mem *mem);

/* The first line is the header and no other is; nothing stands behind the end; time does not
 * run backwards.  *now_ns is that of the line before, and becomes this one's. */
int lab_record_check_order(const struct lab_record *record, bool has_header, bool has_end,
                           uint64_t *now_ns, struct grebe_diag *diag);

/* A number that must be there, and one that need not: *out is left alone then. */
int lab_record_number(const struct lab_record *record, const char *name, uint64_t *out,
                      struct grebe_diag *diag);
int lab_record_optional(const struct lab_record *record, const char *name, uint64_t *out,
                        struct grebe_diag *diag);
/* One of 64 bits, in quotes; *is_there says whether it is. */
int lab_record_u64(const struct lab_record *record, const char *name, uint64_t *out,
                   bool *is_there, struct grebe_diag *diag);
/* Text that must be there. */
int lab_record_text(const struct lab_record *record, const char *name, const char **out,
                    struct grebe_diag *diag);
/* False if it is not there. */
int lab_record_flag(const struct lab_record *record, const char *name, bool *out,
                    struct grebe_diag *diag);
/* "code" and "message"; *is_there says whether there is any. */
int lab_record_status(const struct lab_record *record, struct grebe_status *out,
                      bool *is_there, struct grebe_diag *diag);
int lab_record_state(const struct lab_record *record, enum grebe_connectivity *out,
                     struct grebe_diag *diag);
/* *out is the caller's to unref; NULL if the line has none. */
int lab_record_metadata(const struct lab_record *record, const struct grebe_mem *mem,
                        const char *name, struct grebe_metadata **out,
                        struct grebe_diag *diag);
/* *out is the caller's to free. */
int lab_record_bytes(const struct lab_record *record, const struct grebe_mem *mem,
                     const char *name, unsigned char **out, size_t *length,
                     struct grebe_diag *diag);

#endif
