/* SPDX-License-Identifier: Apache-2.0 */
/* core/file.h -- a file that is read, and read again when it may have changed.
 *
 * A change is a write, but also another file under the same name: editors and config
 * managers write a new one and rename it, Kubernetes swaps a symbolic link on the way.
 */
#ifndef GREBE_CORE_FILE_H
#define GREBE_CORE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/timer.h"

struct grebe__env;

struct grebe__file_reading {
    const char *error; /* for people, without the path; NULL: `bytes` are all of it */
    const char *bytes; /* length of them, borrowed */
    size_t length;
};

/* The reader's memory; it stays until grebe__files_ops.cancel. */
struct grebe__file_watch {
    const char *path; /* borrowed while it runs */
    size_t max_bytes; /* a larger file is an error */
    /* In later turns: soon after the start, then after each change, and once when the file
     * can no longer be read.  The same contents may come more than once. */
    void (*on_read)(struct grebe__file_watch *watch,
                    const struct grebe__file_reading *reading);

    /* The driver's. */
    struct grebe__env *env; /* NULL: idle */
    struct grebe__timer timer;
    void *watcher;
};

#endif
