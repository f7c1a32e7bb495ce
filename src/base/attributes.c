/* SPDX-License-Identifier: Apache-2.0 */
/* base/attributes.c -- grebe/attributes.h: a counted array, copied to change it.
 *
 * Sets have a handful of members, so a walk finds one faster than anything clever.
 */
#include "base/attributes.h"

#include <string.h>

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

/* What `base` has under other keys than `key`, and room for one more.  NULL when out of
 * memory. */
static struct grebe_attributes *copy_without(const struct grebe_mem *mem,
                                             const struct grebe_attributes *base,
                                             const struct grebe_attribute_key *key)
{
    size_t room = base == NULL ? 1 : (size_t)base->n + 1;
    struct grebe_attributes *made =
        grebe_mem_alloc(mem, sizeof *made + room * sizeof made->members[0]);

    if (made == NULL)
        return NULL;
    *made = (struct grebe_attributes){.mem = mem, .refs = 1};
    for (uint32_t i = 0; base != NULL && i < base->n; i++)
        if (base->members[i].key != key)
            append(made, base->members[i].key, base->members[i].value);
    return made;
}

int grebe_attributes_with(const struct grebe_mem *mem,
                          const struct grebe_attributes *base,
                          const struct grebe_attribute_key *key, void *value,
                          const struct grebe_attributes **out)
{
    struct grebe_attributes *made = copy_without(mem, base, key);

    if (made == NULL)
        return GREBE_ERR_NOMEM;
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

const struct grebe_attribute_key *
grebe__attributes_key_at(const struct grebe_attributes *attributes, size_t i)
{
    return attributes == NULL || i >= attributes->n ? NULL : attributes->members[i].key;
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

/* ---- Text -------------------------------------------------------------------------- */

/* The value is a pointer to `bytes`: a `const char *` like any other to those who read. */
struct text {
    const struct grebe_mem *mem;
    uint32_t refs;
    char bytes[];
};

static struct text *text_of(void *value)
{
    return grebe_container_of(value, struct text, bytes);
}

bool grebe_attribute_text_equal(const void *a, const void *b)
{
    return strcmp(a, b) == 0;
}

void grebe_attribute_text_ref(void *text)
{
    if (text != NULL)
        grebe__ref_get(&text_of(text)->refs);
}

void grebe_attribute_text_unref(void *text)
{
    if (text != NULL && grebe__ref_put(&text_of(text)->refs))
        grebe_mem_free(text_of(text)->mem, text_of(text));
}

static char *new_text(const struct grebe_mem *mem, const char *bytes)
{
    size_t size = strlen(bytes) + 1;
    struct text *text = grebe_mem_alloc(mem, sizeof *text + size);

    if (text == NULL)
        return NULL;
    *text = (struct text){.mem = mem, .refs = 1};
    memcpy(text->bytes, bytes, size);
    return text->bytes;
}

/* Only NULL is an empty set. */
static int without(const struct grebe_mem *mem, const struct grebe_attributes *base,
                   const struct grebe_attribute_key *key,
                   const struct grebe_attributes **out)
{
    struct grebe_attributes *made;

    if (find(base, key) == NULL) {
        *out = grebe_attributes_ref(base);
        return GREBE_OK;
    }
    if (base->n == 1) {
        *out = NULL;
        return GREBE_OK;
    }
    made = copy_without(mem, base, key);
    if (made == NULL)
        return GREBE_ERR_NOMEM;
    *out = made;
    return GREBE_OK;
}

int grebe_attributes_with_text(const struct grebe_mem *mem,
                               const struct grebe_attributes *base,
                               const struct grebe_attribute_key *key, const char *text,
                               const struct grebe_attributes **out)
{
    char *value;
    int result;

    if (text == NULL || text[0] == '\0')
        return without(mem, base, key, out);
    value = new_text(mem, text);
    if (value == NULL)
        return GREBE_ERR_NOMEM;
    result = grebe_attributes_with(mem, base, key, value, out);
    grebe_attribute_text_unref(value);
    return result;
}
