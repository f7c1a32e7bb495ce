/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoint_facts.h"

#include <stdarg.h>
#include <stdio.h>

#include <grebe/locality.h>
#include <grebe/path.h>

#include "output.h"

/* An endpoint's well-known attributes; NULL or "" where it has none. */
struct facts {
    unsigned weight;
    const char *health, *hash_key;
    const char *region, *zone, *sub_zone;
    struct grebe_path *path;
    const struct grebe_attributes *all;
};

static struct facts facts_of(const struct grebe_endpoint *endpoint)
{
    const struct grebe_attributes *all = grebe_endpoint_attributes(endpoint);
    void *weight = grebe_attributes_get(all, &GREBE_ATTRIBUTE_WEIGHT);
    void *health = grebe_attributes_get(all, &GREBE_ATTRIBUTE_HEALTH);
    const struct grebe_locality *locality =
        grebe_attributes_get(all, &GREBE_ATTRIBUTE_LOCALITY);
    struct facts facts = {
        .weight = weight == NULL ? 1 : (unsigned)(uintptr_t)weight,
        .hash_key = grebe_attributes_get(all, &GREBE_ATTRIBUTE_HASH_KEY),
        .region = "",
        .zone = "",
        .sub_zone = "",
        .path = grebe_attributes_get(all, &GREBE_ATTRIBUTE_PATH),
        .all = all,
    };

    if (health != NULL)
        facts.health =
            grebe_endpoint_health_name((enum grebe_endpoint_health)(uintptr_t)health);
    if (locality != NULL) {
        facts.region = grebe_locality_region(locality);
        facts.zone = grebe_locality_zone(locality);
        facts.sub_zone = grebe_locality_sub_zone(locality);
    }
    return facts;
}

/* ---- Text ---------------------------------------------------------------------------- */

struct line {
    char *buf;
    size_t size, used;
};

static void add(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
    va_list args;
    int n;

    if (line->used >= line->size)
        return;
    va_start(args, format);
    n = vsnprintf(line->buf + line->used, line->size - line->used, format, args);
    va_end(args);
    line->used += n > 0 ? (size_t)n : 0;
}

static void add_if(struct line *line, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        add(line, "  %s %s", name, value);
}

/* Names and values come from elsewhere. */
static void make_safe(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

void endpoint_facts_text(const struct grebe_endpoint *endpoint, char *buf, size_t size)
{
    struct facts facts = facts_of(endpoint);
    struct line line = {buf, size, 0};

    buf[0] = '\0';
    if (facts.weight != 1)
        add(&line, "  weight %u", facts.weight);
    add_if(&line, "region", facts.region);
    add_if(&line, "zone", facts.zone);
    add_if(&line, "sub-zone", facts.sub_zone);
    for (struct grebe_path *at = facts.path; at != NULL; at = grebe_path_rest(at))
        add(&line, "%s%s", at == facts.path ? "  path " : "/", grebe_path_first(at));
    add_if(&line, "hash key", facts.hash_key);
    add_if(&line, "health", facts.health);
    for (size_t i = 0; i < grebe_attributes_n_named(facts.all); i++) {
        const char *name, *value = grebe_attributes_named_at(facts.all, i, &name);

        add(&line, "  %s=%s", name, value);
    }
    make_safe(buf);
}

/* ---- JSON ---------------------------------------------------------------------------- */

static void set_if(json_t *object, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0')
        json_object_set_new(object, name, output_string(value));
}

json_t *endpoint_facts_json(const struct grebe_endpoint *endpoint)
{
    struct facts facts = facts_of(endpoint);
    json_t *object = json_pack("{s:I}", "weight", (json_int_t)facts.weight);
    json_t *path = json_array(), *named = json_object();

    set_if(object, "region", facts.region);
    set_if(object, "zone", facts.zone);
    set_if(object, "sub_zone", facts.sub_zone);
    for (; facts.path != NULL; facts.path = grebe_path_rest(facts.path))
        json_array_append_new(path, output_string(grebe_path_first(facts.path)));
    if (json_array_size(path) > 0)
        json_object_set(object, "path", path);
    set_if(object, "hash_key", facts.hash_key);
    set_if(object, "health", facts.health);
    for (size_t i = 0; i < grebe_attributes_n_named(facts.all); i++) {
        const char *name, *value = grebe_attributes_named_at(facts.all, i, &name);

        json_object_set_new(named, name, output_string(value));
    }
    if (json_object_size(named) > 0)
        json_object_set(object, "named", named);
    json_decref(path);
    json_decref(named);
    return object;
}
