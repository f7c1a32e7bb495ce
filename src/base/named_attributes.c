/* SPDX-License-Identifier: Apache-2.0 */
/* base/named_attributes.c -- the named part of grebe/attributes.h: all names of a set and
 * their values are one value, under one key of our own.
 *
 * A block of memory holds pairs, sorted, and behind them their text.
 */
#include "base/attributes.h"

#include <string.h>

#include <grebe/error.h>

#include "base/ref.h"

struct pair {
    const char *name, *value; /* in the same block */
};

struct names {
    const struct grebe_mem *mem;
    uint32_t refs;
    size_t n;
    struct pair pairs[]; /* names ascending, each once */
};

static bool is_same(const void *a, const void *b)
{
    const struct names *left = a, *right = b;

    if (left->n != right->n)
        return false;
    for (size_t i = 0; i < left->n; i++)
        if (strcmp(left->pairs[i].name, right->pairs[i].name) != 0 ||
            strcmp(left->pairs[i].value, right->pairs[i].value) != 0)
            return false;
    return true;
}

static void ref(void *value)
{
    grebe__ref_get(&((struct names *)value)->refs);
}

static void unref(void *value)
{
    struct names *names = value;

    if (grebe__ref_put(&names->refs))
        grebe_mem_free(names->mem, names);
}

const struct grebe_attribute_key grebe__attribute_named = {
    .name = "named",
    .equal = is_same,
    .ref = ref,
    .unref = unref,
};

static const struct names *names_of(const struct grebe_attributes *attributes)
{
    return grebe_attributes_get(attributes, &grebe__attribute_named);
}

/* Where `name` is, or where it would have to be. */
static size_t place_of(const struct names *names, const char *name)
{
    size_t low = 0, high = names == NULL ? 0 : names->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(names->pairs[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct names *names, size_t place, const char *name)
{
    return names != NULL && place < names->n &&
           strcmp(names->pairs[place].name, name) == 0;
}

static size_t text_size(const struct pair *pair)
{
    return strlen(pair->name) + 1 + strlen(pair->value) + 1;
}

/* Appends a copy of the text; gives the end. */
static char *append(struct names *names, const struct pair *from, char *end)
{
    struct pair *to = &names->pairs[names->n++];
    size_t name_size = strlen(from->name) + 1, value_size = strlen(from->value) + 1;

    to->name = memcpy(end, from->name, name_size);
    to->value = memcpy(end + name_size, from->value, value_size);
    return end + name_size + value_size;
}

/* NULL when out of memory. */
static struct names *with(const struct grebe_mem *mem, const struct names *base,
                          const struct pair *added)
{
    size_t place = place_of(base, added->name), n = base == NULL ? 0 : base->n;
    bool replaces = is_at(base, place, added->name);
    size_t room = n + !replaces, size = room * sizeof *added + text_size(added);
    struct names *made;
    char *end;

    for (size_t i = 0; i < n; i++)
        if (i != place || !replaces)
            size += text_size(&base->pairs[i]);
    made = grebe_mem_alloc(mem, sizeof *made + size);
    if (made == NULL)
        return NULL;
    *made = (struct names){.mem = mem, .refs = 1};
    end = (char *)&made->pairs[room];
    for (size_t i = 0; i < place; i++)
        end = append(made, &base->pairs[i], end);
    end = append(made, added, end);
    for (size_t i = place + replaces; i < n; i++)
        end = append(made, &base->pairs[i], end);
    return made;
}

int grebe_attributes_with_named(const struct grebe_mem *mem,
                                const struct grebe_attributes *base, const char *name,
                                const char *value, const struct grebe_attributes **out)
{
    const struct pair added = {.name = name, .value = value};
    struct names *names = with(mem, names_of(base), &added);
    int error;

    if (names == NULL)
        return GREBE_ERR_NOMEM;
    error = grebe_attributes_with(mem, base, &grebe__attribute_named, names, out);
    unref(names);
    return error;
}

const char *grebe_attributes_named(const struct grebe_attributes *attributes,
                                   const char *name)
{
    const struct names *names = names_of(attributes);
    size_t place = place_of(names, name);

    return is_at(names, place, name) ? names->pairs[place].value : NULL;
}

size_t grebe_attributes_n_named(const struct grebe_attributes *attributes)
{
    const struct names *names = names_of(attributes);

    return names == NULL ? 0 : names->n;
}

const char *grebe_attributes_named_at(const struct grebe_attributes *attributes, size_t i,
                                      const char **name)
{
    const struct pair *pair = &names_of(attributes)->pairs[i];

    *name = pair->name;
    return pair->value;
}
