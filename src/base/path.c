/* SPDX-License-Identifier: Apache-2.0 */
/* base/path.c -- grebe/path.h: a list of names in which each step refers to the next. */
#include <grebe/path.h>

#include <string.h>

#include <grebe/endpoint.h>
#include <grebe/error.h>

#include "base/ref.h"

struct grebe_path {
    const struct grebe_mem *mem;
    struct grebe_path *rest; /* a reference; NULL after the last name */
    uint32_t refs;
    char name[];
};

/* Takes over the reference to `rest`, even if it fails. */
static struct grebe_path *new_step(const struct grebe_mem *mem, const char *name,
                                   struct grebe_path *rest)
{
    size_t size = strlen(name) + 1;
    struct grebe_path *made = grebe_mem_alloc(mem, sizeof *made + size);

    if (made == NULL) {
        grebe_path_unref(rest);
        return NULL;
    }
    *made = (struct grebe_path){.mem = mem, .rest = rest, .refs = 1};
    memcpy(made->name, name, size);
    return made;
}

int grebe_path_new(const struct grebe_mem *mem, const char *const *names, size_t n,
                   struct grebe_path **out)
{
    struct grebe_path *path = NULL;

    while (n-- > 0) {
        path = new_step(mem, names[n], path);
        if (path == NULL)
            return GREBE_ERR_NOMEM;
    }
    *out = path;
    return GREBE_OK;
}

struct grebe_path *grebe_path_ref(struct grebe_path *path)
{
    if (path != NULL)
        grebe__ref_get(&path->refs);
    return path;
}

/* From step to step without recursion: the length is a stranger's choice. */
void grebe_path_unref(struct grebe_path *path)
{
    while (path != NULL && grebe__ref_put(&path->refs)) {
        struct grebe_path *rest = path->rest;

        grebe_mem_free(path->mem, path);
        path = rest;
    }
}

const char *grebe_path_first(const struct grebe_path *path)
{
    return path == NULL ? NULL : path->name;
}

struct grebe_path *grebe_path_rest(const struct grebe_path *path)
{
    return path == NULL ? NULL : path->rest;
}

bool grebe_path_equal(const struct grebe_path *a, const struct grebe_path *b)
{
    while (a != b) {
        if (a == NULL || b == NULL || strcmp(a->name, b->name) != 0)
            return false;
        a = a->rest;
        b = b->rest;
    }
    return true;
}

/* ---- The key ----------------------------------------------------------------------- */

static bool is_same(const void *a, const void *b)
{
    return grebe_path_equal(a, b);
}

static void take(void *path)
{
    grebe_path_ref(path);
}

static void give_up(void *path)
{
    grebe_path_unref(path);
}

const struct grebe_attribute_key GREBE_ATTRIBUTE_PATH = {
    .name = "path",
    .equal = is_same,
    .ref = take,
    .unref = give_up,
};
