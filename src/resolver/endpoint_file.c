/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/endpoint_file.h"

#include <string.h>

#include <grebe/json.h>
#include <grebe/locality.h>
#include <grebe/path.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/text.h"
#include "resolver/host_port.h"

/* A host of 255 bytes, brackets, a port; or a socket's name of 107 behind its scheme. */
enum { ADDRESS_BYTES = 320 };

/* What applies to all endpoints. */
struct reader {
    const struct grebe_mem *mem;
    const char *server_name; /* of the file; NULL: none */
    bool has_priorities;     /* one endpoint has one: then all do, 0 if they do not say */
    struct grebe_diag *diag;
};

/* One endpoint in the making. */
struct draft {
    struct grebe_address *addresses[GREBE__ENDPOINT_FILE_ADDRESSES]; /* n references */
    size_t n;
    const struct grebe_attributes *attributes; /* a reference */
};

static int fail(struct grebe_diag *diag, const char *name, const char *what)
{
    grebe_diag_set(diag, "%s: %s", name, what);
    return GREBE_ERR_CONFIG;
}

static const char *type_text(const struct grebe_json *value)
{
    static const char *const texts[] = {
        [GREBE_JSON_NULL] = "null",       [GREBE_JSON_BOOL] = "a boolean",
        [GREBE_JSON_NUMBER] = "a number", [GREBE_JSON_STRING] = "a string",
        [GREBE_JSON_ARRAY] = "a list",    [GREBE_JSON_OBJECT] = "an object",
    };

    return texts[grebe_json_type(value)];
}

/* ---- Members that nobody knows ------------------------------------------------------ */

static bool is_known(const char *name, const char *const *known)
{
    while (*known != NULL && !grebe_json_is_name(name, *known))
        known++;
    return *known != NULL;
}

/* The name of a member, fit to be shown. */
enum { NAME_BYTES = 96 };

static const char *show(const char *name, char buf[NAME_BYTES])
{
    struct grebe__text text = grebe__text_init(buf, NAME_BYTES);

    grebe__text_append_escaped(&text, name, strlen(name));
    return buf;
}

/* `known` ends with NULL. */
static int check_members(const struct grebe_json *object, const char *const *known,
                         struct grebe_diag *diag)
{
    const char *name = NULL;
    char list[256], shown[NAME_BYTES];
    struct grebe__text text;

    while (grebe_json_next_member(object, name, &name) != NULL) {
        if (name[0] == '_' || is_known(name, known))
            continue;
        text = grebe__text_init(list, sizeof list);
        for (size_t i = 0; known[i] != NULL; i++)
            grebe__text_printf(&text, "%s%s", i == 0 ? "" : ", ", known[i]);
        grebe_diag_set(diag,
                       "%s: unknown; there are %s, and comments whose names begin "
                       "with '_'",
                       show(name, shown), list);
        return GREBE_ERR_CONFIG;
    }
    return GREBE_OK;
}

/* ---- Addresses ---------------------------------------------------------------------- */

static bool is_socket(const char *text)
{
    return strncmp(text, "unix:", 5) == 0 || strncmp(text, "unix-abstract:", 14) == 0;
}

/* "host" becomes "host:443".  NULL, or what is wrong with it. */
static const char *complete(const char *text, char out[ADDRESS_BYTES])
{
    struct grebe__text whole = grebe__text_init(out, ADDRESS_BYTES);
    struct grebe__host_port parts;
    const char *flaw;

    if (is_socket(text)) {
        grebe__text_append(&whole, text, strlen(text));
        return whole.length < ADDRESS_BYTES ? NULL : "name of the socket is too long";
    }
    flaw = grebe__host_port_split(text, strlen(text), "443", &parts);
    if (flaw == NULL &&
        grebe__host_port_join(&parts, out, ADDRESS_BYTES) >= ADDRESS_BYTES)
        flaw = "address is too long";
    return flaw;
}

static int add_address(const struct reader *reader, const struct grebe_json *value,
                       const char *server_name, struct draft *draft)
{
    struct grebe_address_options options = GREBE_ADDRESS_OPTIONS_INIT;
    const char *text = grebe_json_string(value), *flaw;
    char address[ADDRESS_BYTES];
    int error;

    if (text == NULL) {
        grebe_diag_set(reader->diag,
                       ": expected a string like \"10.0.0.1:443\", found %s",
                       type_text(value));
        return GREBE_ERR_CONFIG;
    }
    flaw = complete(text, address);
    if (flaw != NULL) {
        grebe__diag_quote(reader->diag, text, strlen(text),
                          ": %s; write \"host:port\", \"[v6]:port\" or \"unix:path\"",
                          flaw);
        return GREBE_ERR_CONFIG;
    }
    options.server_name = server_name;
    if (server_name == NULL && draft->n > 0)
        options.server_name = grebe_address_server_name(draft->addresses[0]);
    else if (server_name == NULL)
        options.server_name = is_socket(address) ? "localhost" : address;
    error =
        grebe_address_new(reader->mem, address, &options, &draft->addresses[draft->n]);
    if (error == GREBE_OK)
        draft->n++;
    return error;
}

static int add_addresses(const struct reader *reader, const struct grebe_json *list,
                         const char *server_name, struct draft *draft)
{
    size_t n = grebe_json_length(list);

    if (n == 0)
        return fail(reader->diag, "addresses", "the list is empty");
    if (n > GREBE__ENDPOINT_FILE_ADDRESSES) {
        grebe_diag_set(reader->diag, "addresses: the list has %zu, %d are allowed", n,
                       GREBE__ENDPOINT_FILE_ADDRESSES);
        return GREBE_ERR_CONFIG;
    }
    for (size_t i = 0; i < n; i++) {
        int error = add_address(reader, grebe_json_element(list, i), server_name, draft);

        if (error != GREBE_OK) {
            grebe_diag_prefix(reader->diag, "addresses[%zu]", i);
            return error;
        }
    }
    return GREBE_OK;
}

static int read_addresses(const struct reader *reader, const struct grebe_json *object,
                          struct draft *draft)
{
    const struct grebe_json *one = grebe_json_member(object, "address"), *many = NULL;
    const char *server_name = reader->server_name;
    int error = grebe_json_get_array(object, "addresses", &many, reader->diag);

    if (error == GREBE_OK)
        error = grebe_json_get_string(object, "serverName", &server_name, reader->diag);
    if (error != GREBE_OK)
        return error;
    if ((one == NULL) == (many == NULL))
        return fail(reader->diag, "address",
                    one == NULL ? "is missing" : "goes without \"addresses\"");
    if (many != NULL)
        return add_addresses(reader, many, server_name, draft);
    error = add_address(reader, one, server_name, draft);
    if (error != GREBE_OK)
        grebe_diag_prefix(reader->diag, "address");
    return error;
}

/* ---- Attributes --------------------------------------------------------------------- */

/* `made` takes the place of the attributes so far. */
static int put(struct draft *draft, int error, const struct grebe_attributes *made)
{
    if (error != GREBE_OK)
        return error;
    grebe_attributes_unref(draft->attributes);
    draft->attributes = made;
    return GREBE_OK;
}

static int put_number(const struct reader *reader, struct draft *draft,
                      const struct grebe_attribute_key *key, uint32_t number)
{
    const struct grebe_attributes *made = NULL;
    int error = grebe_attributes_with(reader->mem, draft->attributes, key,
                                      (void *)(uintptr_t)number, &made);

    return put(draft, error, made);
}

static int read_weight(const struct reader *reader, const struct grebe_json *object,
                       struct draft *draft)
{
    uint32_t weight = 1;
    int error = grebe_json_get_uint32(object, "weight", &weight, reader->diag);

    if (error != GREBE_OK || grebe_json_member(object, "weight") == NULL)
        return error;
    if (weight == 0)
        return fail(reader->diag, "weight",
                    "0 would be read as 1; leave the endpoint out, or set its health");
    return put_number(reader, draft, &GREBE_ATTRIBUTE_WEIGHT, weight);
}

static int read_health(const struct reader *reader, const struct grebe_json *object,
                       struct draft *draft)
{
    const char *name = NULL;
    int error = grebe_json_get_string(object, "health", &name, reader->diag), health;

    if (error != GREBE_OK || name == NULL)
        return error;
    health = grebe_endpoint_health_parse(name);
    if (health < 0) {
        grebe__diag_quote(
            reader->diag, name, strlen(name),
            "health: is not HEALTHY, UNHEALTHY, DRAINING, TIMEOUT, DEGRADED "
            "or UNKNOWN");
        return GREBE_ERR_CONFIG;
    }
    return put_number(reader, draft, &GREBE_ATTRIBUTE_HEALTH, (uint32_t)health);
}

static int read_hash_key(const struct reader *reader, const struct grebe_json *object,
                         struct draft *draft)
{
    const struct grebe_attributes *made = NULL;
    const char *text = NULL;
    int error = grebe_json_get_string(object, "hashKey", &text, reader->diag);

    if (error != GREBE_OK || text == NULL)
        return error;
    error = grebe_attributes_with_text(reader->mem, draft->attributes,
                                       &GREBE_ATTRIBUTE_HASH_KEY, text, &made);
    return put(draft, error, made);
}

static int get_locality(const struct reader *reader, const struct grebe_json *object,
                        const char *parts[3])
{
    static const char *const known[] = {"region", "zone", "subZone", NULL};
    int error = check_members(object, known, reader->diag);

    for (size_t i = 0; i < 3 && error == GREBE_OK; i++)
        error = grebe_json_get_string(object, known[i], &parts[i], reader->diag);
    if (error != GREBE_OK)
        grebe_diag_prefix(reader->diag, "locality");
    return error;
}

static int read_locality(const struct reader *reader, const struct grebe_json *object,
                         struct draft *draft)
{
    const char *parts[3] = {NULL, NULL, NULL};
    const struct grebe_attributes *made = NULL;
    const struct grebe_json *whole = NULL;
    struct grebe_locality *locality;
    int error = grebe_json_get_object(object, "locality", &whole, reader->diag);

    if (error == GREBE_OK)
        error = grebe_json_get_string(object, "zone", &parts[1], reader->diag);
    if (error == GREBE_OK && whole != NULL && parts[1] != NULL)
        error = fail(reader->diag, "zone", "goes without \"locality\", which has one");
    if (error == GREBE_OK && whole != NULL)
        error = get_locality(reader, whole, parts);
    if (error != GREBE_OK || (parts[0] == NULL && parts[1] == NULL && parts[2] == NULL))
        return error;
    error = grebe_locality_new(reader->mem, parts[0], parts[1], parts[2], &locality);
    if (error != GREBE_OK)
        return error;
    error = grebe_attributes_with(reader->mem, draft->attributes,
                                  &GREBE_ATTRIBUTE_LOCALITY, locality, &made);
    grebe_locality_unref(locality);
    return put(draft, error, made);
}

/* The names of "path" behind the first `n` that are there. */
static int get_path(const struct reader *reader, const struct grebe_json *list,
                    const char **names, size_t *n)
{
    for (size_t i = 0; i < grebe_json_length(list); i++) {
        const char *name = grebe_json_string(grebe_json_element(list, i));

        if (i == GREBE__ENDPOINT_FILE_NAMES) {
            grebe_diag_set(reader->diag, "path: has more than %d names",
                           GREBE__ENDPOINT_FILE_NAMES);
            return GREBE_ERR_CONFIG;
        }
        if (name == NULL) {
            grebe_diag_set(reader->diag, "path[%zu]: expected a string, found %s", i,
                           type_text(grebe_json_element(list, i)));
            return GREBE_ERR_CONFIG;
        }
        names[(*n)++] = name;
    }
    return GREBE_OK;
}

static int read_path(const struct reader *reader, const struct grebe_json *object,
                     struct draft *draft)
{
    const char *names[1 + GREBE__ENDPOINT_FILE_NAMES];
    const struct grebe_attributes *made = NULL;
    const struct grebe_json *list = NULL;
    struct grebe_path *path;
    uint32_t priority = 0;
    char first[32];
    size_t n = 0;
    int error = grebe_json_get_uint32(object, "priority", &priority, reader->diag);

    if (error == GREBE_OK)
        error = grebe_json_get_array(object, "path", &list, reader->diag);
    if (reader->has_priorities) {
        struct grebe__text text = grebe__text_init(first, sizeof first);

        grebe__text_printf(&text, "priority-%u", priority);
        names[n++] = first;
    }
    if (error == GREBE_OK)
        error = get_path(reader, list, names, &n);
    if (error != GREBE_OK || n == 0)
        return error;
    error = grebe_path_new(reader->mem, names, n, &path);
    if (error != GREBE_OK)
        return error;
    error = grebe_attributes_with(reader->mem, draft->attributes, &GREBE_ATTRIBUTE_PATH,
                                  path, &made);
    grebe_path_unref(path);
    return put(draft, error, made);
}

static int read_named(const struct reader *reader, const struct grebe_json *object,
                      struct draft *draft)
{
    const struct grebe_json *named = NULL, *value;
    const char *name = NULL;
    char shown[NAME_BYTES];
    size_t n = 0;
    int error = grebe_json_get_object(object, "attributes", &named, reader->diag);

    while (error == GREBE_OK &&
           (value = grebe_json_next_member(named, name, &name)) != NULL) {
        const struct grebe_attributes *made = NULL;
        const char *text = grebe_json_string(value);

        if (++n > GREBE__ENDPOINT_FILE_ATTRIBUTES) {
            grebe_diag_set(reader->diag, "attributes: there are more than %d",
                           GREBE__ENDPOINT_FILE_ATTRIBUTES);
            return GREBE_ERR_CONFIG;
        }
        if (text == NULL) {
            grebe_diag_set(reader->diag,
                           "attributes.%s: expected a string, found %s; put quotes "
                           "around it",
                           show(name, shown), type_text(value));
            return GREBE_ERR_CONFIG;
        }
        error = grebe_attributes_with_named(reader->mem, draft->attributes, name, text,
                                            &made);
        error = put(draft, error, made);
    }
    return error;
}

/* ---- Endpoints ---------------------------------------------------------------------- */

static const char *const endpoint_members[] = {
    "address",  "addresses", "serverName", "weight", "zone",       "locality",
    "priority", "path",      "hashKey",    "health", "attributes", NULL,
};

static int (*const attribute_readers[])(const struct reader *, const struct grebe_json *,
                                        struct draft *) = {
    read_weight, read_locality, read_path, read_hash_key, read_health, read_named,
};

static int read_endpoint(const struct reader *reader, const struct grebe_json *value,
                         struct draft *draft)
{
    int error;

    if (grebe_json_type(value) == GREBE_JSON_STRING) {
        error = add_address(reader, value, reader->server_name, draft);
        return error == GREBE_OK ? read_path(reader, NULL, draft) : error;
    }
    if (grebe_json_type(value) != GREBE_JSON_OBJECT) {
        grebe_diag_set(reader->diag,
                       ": expected an address or an object that has one, found %s",
                       type_text(value));
        return GREBE_ERR_CONFIG;
    }
    error = check_members(value, endpoint_members, reader->diag);
    if (error == GREBE_OK)
        error = read_addresses(reader, value, draft);
    for (size_t i = 0; i < GREBE_ARRAY_LEN(attribute_readers) && error == GREBE_OK; i++)
        error = attribute_readers[i](reader, value, draft);
    return error;
}

static int add_endpoint(const struct reader *reader, const struct grebe_json *value,
                        struct grebe__endpoint_list *list)
{
    struct draft draft = {.n = 0};
    int error = read_endpoint(reader, value, &draft);

    if (error == GREBE_OK)
        error = grebe__endpoint_list_add_endpoint(list, draft.addresses, draft.n,
                                                  draft.attributes);
    while (draft.n > 0)
        grebe_address_unref(draft.addresses[--draft.n]);
    grebe_attributes_unref(draft.attributes);
    return error;
}

static bool any_has_priority(const struct grebe_json *list)
{
    for (size_t i = 0; i < grebe_json_length(list); i++)
        if (grebe_json_member(grebe_json_element(list, i), "priority") != NULL)
            return true;
    return false;
}

static int add_endpoints(struct reader *reader, const struct grebe_json *list,
                         struct grebe__endpoint_list *out)
{
    size_t n = grebe_json_length(list);

    reader->has_priorities = any_has_priority(list);

    if (n > GREBE__ENDPOINT_FILE_ENDPOINTS) {
        grebe_diag_set(reader->diag, "endpoints: the list has %zu, %d are allowed", n,
                       GREBE__ENDPOINT_FILE_ENDPOINTS);
        return GREBE_ERR_CONFIG;
    }
    for (size_t i = 0; i < n; i++) {
        int error = add_endpoint(reader, grebe_json_element(list, i), out);

        if (error != GREBE_OK) {
            grebe_diag_prefix(reader->diag, "endpoints[%zu]", i);
            return error;
        }
    }
    return GREBE_OK;
}

/* ---- The file ----------------------------------------------------------------------- */

static int read_object(struct reader *reader, const struct grebe_json *root,
                       struct grebe__endpoint_file *out)
{
    static const char *const known[] = {"endpoints", "serverName", "serviceConfig", NULL};
    const struct grebe_json *list = NULL, *config = NULL;
    int error = check_members(root, known, reader->diag);

    if (error == GREBE_OK)
        error =
            grebe_json_get_string(root, "serverName", &reader->server_name, reader->diag);
    if (error == GREBE_OK)
        error = grebe_json_get_array(root, "endpoints", &list, reader->diag);
    if (error == GREBE_OK && list == NULL)
        error = fail(reader->diag, "endpoints", "the list is missing");
    if (error == GREBE_OK)
        error = grebe_json_get_object(root, "serviceConfig", &config, reader->diag);
    if (error == GREBE_OK)
        error = add_endpoints(reader, list, &out->list);
    if (error != GREBE_OK || config == NULL)
        return error;
    out->service_config = grebe_json_dump(reader->mem, config);
    return out->service_config == NULL ? GREBE_ERR_NOMEM : GREBE_OK;
}

static int read_root(struct reader *reader, const struct grebe_json *root,
                     struct grebe__endpoint_file *out)
{
    switch (grebe_json_type(root)) {
    case GREBE_JSON_ARRAY:
        return add_endpoints(reader, root, &out->list);
    case GREBE_JSON_OBJECT:
        return read_object(reader, root, out);
    default:
        grebe_diag_set(reader->diag,
                       "expected {\"endpoints\": [...]} or a list of them, found %s",
                       type_text(root));
        return GREBE_ERR_CONFIG;
    }
}

int grebe__endpoint_file_parse(const struct grebe_mem *mem, const char *text,
                               size_t length, struct grebe_diag *diag,
                               struct grebe__endpoint_file *out)
{
    struct reader reader = {.mem = mem, .diag = diag};
    struct grebe__endpoint_file made = {.service_config = NULL};
    const struct grebe_json *root;
    int error = grebe_json_parse(text, length, diag, &root);

    if (error != GREBE_OK)
        return error;
    grebe__endpoint_list_init(&made.list, mem);
    error = read_root(&reader, root, &made);
    grebe_json_free(root);
    if (error == GREBE_OK)
        *out = made;
    else
        grebe__endpoint_file_fini(&made);
    return error;
}

void grebe__endpoint_file_fini(struct grebe__endpoint_file *file)
{
    grebe_mem_free(file->list.mem, file->service_config);
    grebe__endpoint_list_fini(&file->list);
    file->service_config = NULL;
}
