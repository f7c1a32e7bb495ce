/* SPDX-License-Identifier: Apache-2.0 */
#include "config/json.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "base/diag.h"
#include "base/map.h"
#include "base/text.h"
#include "config/duration.h"

static const json_t *value_of(const struct grebe_json *json)
{
    return (const json_t *)(const void *)json;
}

static const struct grebe_json *json_of(const json_t *value)
{
    return (const struct grebe_json *)(const void *)value;
}

/* For library functions that change nothing but do not say so. */
static json_t *unconst(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

/* ---- Parsing ----------------------------------------------------------------------- */

/* FNV-1a. */
static uint64_t hash_name(const void *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (const char *c = key; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)grebe__ascii_lower(*c)) * UINT64_C(0x100000001b3);
    return hash;
}

static bool is_same_name(const void *a, const void *b)
{
    return grebe__ascii_casecmp(a, b) == 0;
}

static const struct grebe__map_ops by_folded_name = {
    .hash = hash_name,
    .equal = is_same_name,
};

/* The JSON library finds names that are equal; we find those that would be the same to
 * grebe_json_member(). */
static int check_names(const json_t *object, struct grebe_diag *diag)
{
    struct grebe__map names;
    const char *name;
    json_t *member;
    int error = GREBE_OK;

    if (json_object_size(object) < 2)
        return GREBE_OK;
    grebe__map_init(&names, NULL, &by_folded_name);
    json_object_foreach(unconst(object), name, member)
    {
        if (grebe__map_find(&names, name) != NULL) {
            grebe__diag_quote(diag, name, strlen(name),
                              "a name comes twice in an object, in different case");
            error = GREBE_ERR_CONFIG;
        } else {
            error = grebe__map_put(&names, name, member);
        }
        if (error != GREBE_OK)
            break;
    }
    grebe__map_fini(&names);
    return error;
}

/* `level` of a value that is neither object nor list does not count. */
static int check(const json_t *value, int level, struct grebe_diag *diag)
{
    const char *name;
    json_t *child;
    size_t i;
    int error;

    if (!json_is_object(value) && !json_is_array(value))
        return GREBE_OK;
    if (level > GREBE__JSON_DEPTH_MAX) {
        grebe_diag_set(diag, "nested deeper than %d levels", GREBE__JSON_DEPTH_MAX);
        return GREBE_ERR_CONFIG;
    }
    error = json_is_object(value) ? check_names(value, diag) : GREBE_OK;
    json_object_foreach(unconst(value), name, child)
    {
        if (error != GREBE_OK)
            return error;
        error = check(child, level + 1, diag);
    }
    json_array_foreach(value, i, child)
    {
        if (error != GREBE_OK)
            return error;
        error = check(child, level + 1, diag);
    }
    return error;
}

/* The library ends its texts with the input they are about, which is not fit to be shown
 * and not needed beside a position. */
static int explain(const json_error_t *error, struct grebe_diag *diag)
{
    const char *end = strstr(error->text, " near ");
    int length = (int)(end == NULL ? strlen(error->text) : (size_t)(end - error->text));

    if (json_error_code(error) == json_error_out_of_memory)
        return GREBE_ERR_NOMEM;
    grebe_diag_set(diag, "line %d column %d: %.*s", error->line, error->column, length,
                   error->text);
    return GREBE_ERR_CONFIG;
}

int grebe_json_parse(const char *text, size_t length, struct grebe_diag *diag,
                     const struct grebe_json **out)
{
    json_error_t error;
    json_t *root;
    int result;

    root = json_loadb(text, length,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (root == NULL)
        return explain(&error, diag);
    result = check(root, 1, diag);
    if (result != GREBE_OK) {
        json_decref(root);
        return result;
    }
    *out = json_of(root);
    return GREBE_OK;
}

int grebe__json_parse(const char *text, size_t length, struct grebe_diag *diag,
                      const struct grebe_json **out)
{
    if (length > GREBE__JSON_TEXT_MAX) {
        grebe_diag_set(diag, "the text has %zu bytes, %d are allowed", length,
                       GREBE__JSON_TEXT_MAX);
        return GREBE_ERR_CONFIG;
    }
    return grebe_json_parse(text, length, diag, out);
}

void grebe_json_free(const struct grebe_json *document)
{
    json_decref(unconst(value_of(document)));
}

/* ---- Writing ----------------------------------------------------------------------- */

static int append(const char *bytes, size_t size, void *text)
{
    grebe__text_append(text, bytes, size);
    return 0;
}

/* Once to know how long it is, once to write it. */
char *grebe_json_dump(const struct grebe_mem *mem, const struct grebe_json *value)
{
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    struct grebe__text text = grebe__text_init(NULL, 0);
    char *made;

    if (json_dump_callback(value_of(value), append, &text, flags) != 0)
        return NULL;
    made = grebe_mem_alloc(mem, text.length + 1);
    if (made == NULL)
        return NULL;
    text = grebe__text_init(made, text.length + 1);
    if (json_dump_callback(value_of(value), append, &text, flags) == 0)
        return made;
    grebe_mem_free(mem, made);
    return NULL;
}

/* ---- Looking ----------------------------------------------------------------------- */

enum grebe_json_type grebe_json_type(const struct grebe_json *json)
{
    if (json == NULL)
        return GREBE_JSON_NULL;
    switch (json_typeof(value_of(json))) {
    case JSON_OBJECT:
        return GREBE_JSON_OBJECT;
    case JSON_ARRAY:
        return GREBE_JSON_ARRAY;
    case JSON_STRING:
        return GREBE_JSON_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return GREBE_JSON_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return GREBE_JSON_BOOL;
    case JSON_NULL:
        break;
    }
    return GREBE_JSON_NULL;
}

const char *grebe__json_type_text(const struct grebe_json *value)
{
    switch (grebe_json_type(value)) {
    case GREBE_JSON_NULL:
        break;
    case GREBE_JSON_BOOL:
        return "a boolean";
    case GREBE_JSON_NUMBER:
        return "a number";
    case GREBE_JSON_STRING:
        return "a string";
    case GREBE_JSON_ARRAY:
        return "a list";
    case GREBE_JSON_OBJECT:
        return "an object";
    }
    return "null";
}

/* Is `key` the proto name of a field whose JSON name is `name`: max_attempts for
 * maxAttempts? */
static bool is_proto_name(const char *key, const char *name)
{
    for (; *name != '\0'; name++, key++) {
        if (*name >= 'A' && *name <= 'Z' && *key++ != '_')
            return false;
        if (*key != grebe__ascii_lower(*name))
            return false;
    }
    return *key == '\0';
}

/* Both names of a field in one object are one too many; of each there is at most one.
 * NULL when there is none, or null. */
static int find(const struct grebe_json *object, const char *name,
                const struct grebe_json **out, struct grebe_diag *diag)
{
    const json_t *by_name = NULL, *by_proto_name = NULL, *found;
    const char *key;
    json_t *member;

    *out = NULL;
    if (object == NULL || json_is_null(value_of(object)))
        return GREBE_OK;
    if (!json_is_object(value_of(object))) {
        grebe_diag_set(diag, "%s: expected inside an object, not %s", name,
                       grebe__json_type_text(object));
        return GREBE_ERR_CONFIG;
    }
    json_object_foreach(unconst(value_of(object)), key, member)
    {
        if (grebe__ascii_casecmp(key, name) == 0)
            by_name = member;
        else if (is_proto_name(key, name))
            by_proto_name = member;
    }
    found = by_name != NULL ? by_name : by_proto_name;
    if (!json_is_null(found))
        *out = json_of(found);
    if (by_name == NULL || by_proto_name == NULL)
        return GREBE_OK;
    grebe_diag_set(diag, "%s: comes twice, under two names", name);
    return GREBE_ERR_CONFIG;
}

const struct grebe_json *grebe_json_member(const struct grebe_json *object,
                                           const char *name)
{
    const struct grebe_json *found;

    (void)find(object, name, &found, NULL);
    return found;
}

bool grebe_json_is_name(const char *written, const char *name)
{
    return grebe__ascii_casecmp(written, name) == 0 || is_proto_name(written, name);
}

const struct grebe_json *grebe_json_next_member(const struct grebe_json *object,
                                                const char *after, const char **name)
{
    json_t *value = unconst(value_of(object));
    void *at = after == NULL
                   ? json_object_iter(value)
                   : json_object_iter_next(value, json_object_key_to_iter(after));

    if (at == NULL)
        return NULL;
    *name = json_object_iter_key(at);
    return json_of(json_object_iter_value(at));
}

size_t grebe_json_length(const struct grebe_json *array)
{
    return json_array_size(value_of(array));
}

const struct grebe_json *grebe_json_element(const struct grebe_json *array, size_t i)
{
    return json_of(json_array_get(value_of(array), i));
}

/* Text with a NUL inside would be cut short without anybody noticing: it is no text. */
const char *grebe_json_string(const struct grebe_json *value)
{
    const char *text = json_string_value(value_of(value));

    if (text == NULL || strlen(text) != json_string_length(value_of(value)))
        return NULL;
    return text;
}

size_t grebe__json_n_members(const struct grebe_json *object)
{
    return json_object_size(value_of(object));
}

const struct grebe_json *grebe__json_first_member(const struct grebe_json *object,
                                                  const char **name)
{
    json_t *value = unconst(value_of(object));
    void *first = json_object_iter(value);

    *name = json_object_iter_key(first);
    return json_of(json_object_iter_value(first));
}

bool grebe__json_integer(const struct grebe_json *value, int64_t *out)
{
    if (!json_is_integer(value_of(value)))
        return false;
    *out = json_integer_value(value_of(value));
    return true;
}

bool grebe__json_real(const struct grebe_json *value, double *out)
{
    if (!json_is_number(value_of(value)))
        return false;
    *out = json_number_value(value_of(value));
    return true;
}

/* ---- Reading ----------------------------------------------------------------------- */

static int mismatch(const char *name, const char *expected,
                    const struct grebe_json *value, struct grebe_diag *diag)
{
    grebe_diag_set(diag, "%s: expected %s, found %s", name, expected,
                   grebe__json_type_text(value));
    return GREBE_ERR_CONFIG;
}

int grebe_json_get_bool(const struct grebe_json *object, const char *name, bool *out,
                        struct grebe_diag *diag)
{
    const struct grebe_json *value;
    int error = find(object, name, &value, diag);

    if (error != GREBE_OK || value == NULL)
        return error;
    if (!json_is_boolean(value_of(value)))
        return mismatch(name, "a boolean", value, diag);
    *out = json_is_true(value_of(value));
    return GREBE_OK;
}

int grebe_json_get_string(const struct grebe_json *object, const char *name,
                          const char **out, struct grebe_diag *diag)
{
    const struct grebe_json *value;
    int error = find(object, name, &value, diag);

    if (error != GREBE_OK || value == NULL)
        return error;
    if (!json_is_string(value_of(value)))
        return mismatch(name, "a string", value, diag);
    if (grebe_json_string(value) == NULL) {
        grebe_diag_set(diag, "%s: has a NUL inside", name);
        return GREBE_ERR_CONFIG;
    }
    *out = grebe_json_string(value);
    return GREBE_OK;
}

int grebe_json_get_int64(const struct grebe_json *object, const char *name, int64_t *out,
                         struct grebe_diag *diag)
{
    const struct grebe_json *value;
    int error = find(object, name, &value, diag);

    if (error != GREBE_OK || value == NULL)
        return error;
    if (json_is_real(value_of(value))) {
        grebe_diag_set(diag, "%s: expected an integer, without fraction or exponent",
                       name);
        return GREBE_ERR_CONFIG;
    }
    if (!grebe__json_integer(value, out))
        return mismatch(name, "an integer", value, diag);
    return GREBE_OK;
}

int grebe_json_get_uint32(const struct grebe_json *object, const char *name,
                          uint32_t *out, struct grebe_diag *diag)
{
    int64_t value = *out;
    int error = grebe_json_get_int64(object, name, &value, diag);

    if (error != GREBE_OK)
        return error;
    if (value < 0 || value > UINT32_MAX) {
        grebe_diag_set(diag, "%s: %" PRId64 " is not between 0 and %" PRIu32, name, value,
                       UINT32_MAX);
        return GREBE_ERR_CONFIG;
    }
    *out = (uint32_t)value;
    return GREBE_OK;
}

int grebe_json_get_double(const struct grebe_json *object, const char *name, double *out,
                          struct grebe_diag *diag)
{
    const struct grebe_json *value;
    int error = find(object, name, &value, diag);

    if (error != GREBE_OK || value == NULL)
        return error;
    if (!json_is_number(value_of(value)))
        return mismatch(name, "a number", value, diag);
    *out = json_number_value(value_of(value));
    return GREBE_OK;
}

int grebe_json_get_duration(const struct grebe_json *object, const char *name,
                            int64_t *out, struct grebe_diag *diag)
{
    const char *text = NULL, *flaw;
    int error = grebe_json_get_string(object, name, &text, diag);

    if (error != GREBE_OK || text == NULL)
        return error;
    flaw = grebe__duration_parse(text, strlen(text), out);
    if (flaw == NULL)
        return GREBE_OK;
    grebe__diag_quote(diag, text, strlen(text), "%s: %s", name, flaw);
    return GREBE_ERR_CONFIG;
}

int grebe_json_get_object(const struct grebe_json *object, const char *name,
                          const struct grebe_json **out, struct grebe_diag *diag)
{
    const struct grebe_json *value;
    int error = find(object, name, &value, diag);

    if (error != GREBE_OK || value == NULL)
        return error;
    if (!json_is_object(value_of(value)))
        return mismatch(name, "an object", value, diag);
    *out = value;
    return GREBE_OK;
}

int grebe_json_get_array(const struct grebe_json *object, const char *name,
                         const struct grebe_json **out, struct grebe_diag *diag)
{
    const struct grebe_json *value;
    int error = find(object, name, &value, diag);

    if (error != GREBE_OK || value == NULL)
        return error;
    if (!json_is_array(value_of(value)))
        return mismatch(name, "a list", value, diag);
    *out = value;
    return GREBE_OK;
}
