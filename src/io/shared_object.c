/* SPDX-License-Identifier: Apache-2.0 */
#include "io/shared_object.h"

#include <dlfcn.h>
#include <string.h>

/* The loader puts the path in front of what it says; so do those who call us. */
static const char *reason_of(const char *path, const char *text)
{
    size_t length = strlen(path);

    if (strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0)
        return text + length + 2;
    return text;
}

/* RTLD_NOW: a function that does not exist is an error here and not at the first call of
 * it.  RTLD_LOCAL: two plug-ins may use the same names inside. */
int grebe__shared_object_symbol(const char *path, const char *symbol, void **out,
                                struct grebe_diag *diag)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const char *error;

    if (object == NULL) {
        error = dlerror();
        grebe_diag_set(diag, "%s: %s", path,
                       error == NULL ? "it cannot be loaded" : reason_of(path, error));
        return GREBE_ERR_SYSTEM;
    }
    *out = dlsym(object, symbol);
    return GREBE_OK;
}
