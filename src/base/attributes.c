/* SPDX-License-Identifier: Apache-2.0 */
/* base/attributes.c -- grebe/attributes.h: a counted array, copied to change it.
 *
 * Sets have a handful of members, so a walk finds one faster than anything clever.
 */
#include <grebe/attributes.h>

#include <grebe/error.h>

#include "base/ref.h"

struct member {
    const struct grebe_attribute_key *key;
    void *value; /* a reference */
};

struct grebe_attributes {
    const struct grebe_mem *mem;
    uint32_t refs;
    uint32_t n;
    struct member members[]; /* each key once */
};

/* Sets are const to everybody; their reference count is not. */
static struct grebe_attributes *counted(const struct grebe_attributes *attributes)
{
    return (struct grebe_attributes *)(uintptr_t)attributes;
}

static const struct member *find(const struct grebe_attributes *attributes,
                                 const struct grebe_attribute_key *key)
{
    if (attributes == NULL)
        return NULL;
    for (uint32_t i = 0; i < attributes->n; i++)
        if (attributes->members[i].key == key)
            return &attributes->members[i];
    return NULL;
}

static void append(struct grebe_attributes *attributes,
                   const struct grebe_attribute_key *key, void *value)
{
    if (key->ref != NULL)
        key->ref(value);
    attributes->members[attributes->n++] = (struct member){.key = key, .value = value};
}

int grebe_attributes_with(const struct grebe_mem *mem,
                          const struct grebe_attributes *base,
                          const struct grebe_attribute_key *key, void *value,
                          const struct grebe_attributes **out)
{
    size_t room = base == NULL ? 1 : (size_t)base->n + 1;
    struct grebe_attributes *made =
        grebe_mem_alloc(mem, sizeof *made + room * sizeof made->members[0]);

    if (made == NULL)
        return GREBE_ERR_NOMEM;
    *made = (struct grebe_attributes){.mem = mem, .refs = 1};
    for (uint32_t i = 0; base != NULL && i < base->n; i++)
        if (base->members[i].key != key)
            append(made, base->members[i].key, base->members[i].value);
    append(made, key, value);
    *out = made;
    return GREBE_OK;
}

const struct grebe_attributes *
grebe_attributes_ref(const struct grebe_attributes *attributes)
{
    if (attributes != NULL)
        grebe__ref_get(&counted(attributes)->refs);
    return attributes;
}

void grebe_attributes_unref(const struct grebe_attributes *attributes)
{
    struct grebe_attributes *last = counted(attributes);

    if (last == NULL || !grebe__ref_put(&last->refs))
        return;
    for (uint32_t i = 0; i < last->n; i++)
        if (last->members[i].key->unref != NULL)
            last->members[i].key->unref(last->members[i].value);
    grebe_mem_free(last->mem, last);
}

void *grebe_attributes_get(const struct grebe_attributes *attributes,
                           const struct grebe_attribute_key *key)
{
    const struct member *member = find(attributes, key);

    return member == NULL ? NULL : member->value;
}

bool grebe_attributes_has(const struct grebe_attributes *attributes,
                          const struct grebe_attribute_key *key)
{
    return find(attributes, key) != NULL;
}

/* equal() of a key sees values that are there, never NULL. */
static bool is_same_value(const struct member *a, const struct member *b)
{
    if (a->value == b->value)
        return true;
    if (a->value == NULL || b->value == NULL || a->key->equal == NULL)
        return false;
    return a->key->equal(a->value, b->value);
}

bool grebe_attributes_equal(const struct grebe_attributes *a,
                            const struct grebe_attributes *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct member *other = find(b, a->members[i].key);

        if (other == NULL || !is_same_value(&a->members[i], other))
            return false;
    }
    return true;
}
