/* SPDX-License-Identifier: Apache-2.0 */
/* io/record_file.h -- the file that a recording goes to.
 *
 *   turn of the loop --line--> ring of bytes --thread--> write(2)
 *
 * The loop never waits for the file: a disk that is slow fills the ring, and then lines are
 * lost, which the recording says.  One thread for each file writes what is in the ring, and
 * sleeps while that is empty.
 *
 * Threading   As each function says.
 */
#ifndef GREBE_IO_RECORD_FILE_H
#define GREBE_IO_RECORD_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <grebe/error.h>
#include <grebe/mem.h>

#include "core/record.h"

struct grebe__record_file;

/* Makes the file anew, readable for its owner alone, and starts the thread.  `ring_bytes`:
 * how much may wait to be written.  GREBE_ERR_INVALID with `diag`: the file cannot be made;
 * GREBE_ERR_NOMEM, GREBE_ERR_SYSTEM. */
int grebe__record_file_open(const struct grebe_mem *mem, const char *path,
                            size_t ring_bytes, struct grebe_diag *diag,
                            struct grebe__record_file **out);

struct grebe__record_sink *grebe__record_file_sink(struct grebe__record_file *file);
struct grebe__record_file *grebe__record_file_of(struct grebe__record_sink *sink);

/* No line comes any more.  All is written when it returns, or the sink tells why it is not.
 * Then it has to be closed.  Any thread. */
void grebe__record_file_finish(struct grebe__record_file *file);

/* No line comes any more.  What is not written yet is written meanwhile.  NULL: no-op.  Any
 * thread. */
void grebe__record_file_close(struct grebe__record_file *file);

#endif
