/* SPDX-License-Identifier: Apache-2.0 */
#include "core/credentials.h"

#include "base/ref.h"

static struct grebe_credentials insecure = {.refs = 1};

struct grebe_credentials *grebe_credentials_insecure(void)
{
    return &insecure;
}

struct grebe_credentials *grebe_credentials_ref(struct grebe_credentials *credentials)
{
    if (credentials->destroy != NULL)
        grebe__ref_get(&credentials->refs);
    return credentials;
}

void grebe_credentials_unref(struct grebe_credentials *credentials)
{
    if (credentials == NULL || credentials->destroy == NULL)
        return;
    if (grebe__ref_put(&credentials->refs))
        credentials->destroy(credentials);
}
