/* SPDX-License-Identifier: Apache-2.0 */
/* io/certs.h -- where the certificates of certs.sh are. */
#ifndef IO_CERTS_H
#define IO_CERTS_H

#include <stdlib.h>

#include "support/test.h"

/* The path of "ca.pem" and so on; good for the next seven calls. */
static inline const char *cert(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    const char *folder = getenv("GREBE_TEST_CERTS");

    assert_non_null(folder);
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

#endif
