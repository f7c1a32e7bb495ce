/* SPDX-License-Identifier: Apache-2.0 */
/* base/locality.c -- grebe/locality.h: one block of memory that holds all its texts. */
#include <grebe/locality.h>

#include <string.h>

#include <grebe/endpoint.h>
#include <grebe/error.h>

#include "base/ref.h"
#include "base/text.h"

struct grebe_locality {
    const struct grebe_mem *mem;
    uint32_t refs;
    size_t zone, sub_zone, label; /* where each begins in `text`; the region is first */
    char text[];
};

/* ---- The label --------------------------------------------------------------------- */

static void append_part(struct grebe__text *text, const char *before, const char *part)
{
    grebe__text_append(text, before, strlen(before));
    grebe__text_append_escaped(text, part, strlen(part));
}

/* Returns its length. */
static size_t write_label(char *buf, size_t size, const char *region, const char *zone,
                          const char *sub_zone)
{
    struct grebe__text text = grebe__text_init(buf, size);

    append_part(&text, "{region=\"", region);
    append_part(&text, "\", zone=\"", zone);
    append_part(&text, "\", sub_zone=\"", sub_zone);
    grebe__text_append(&text, "\"}", 2);
    return text.length;
}

/* ---- Life -------------------------------------------------------------------------- */

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

int grebe_locality_new(const struct grebe_mem *mem, const char *region, const char *zone,
                       const char *sub_zone, struct grebe_locality **out)
{
    size_t region_size = strlen(region = or_empty(region)) + 1;
    size_t zone_size = strlen(zone = or_empty(zone)) + 1;
    size_t sub_zone_size = strlen(sub_zone = or_empty(sub_zone)) + 1;
    size_t label_size = write_label(NULL, 0, region, zone, sub_zone) + 1;
    struct grebe_locality *made = grebe_mem_alloc(
        mem, sizeof *made + region_size + zone_size + sub_zone_size + label_size);

    if (made == NULL)
        return GREBE_ERR_NOMEM;
    *made = (struct grebe_locality){
        .mem = mem,
        .refs = 1,
        .zone = region_size,
        .sub_zone = region_size + zone_size,
        .label = region_size + zone_size + sub_zone_size,
    };
    memcpy(made->text, region, region_size);
    memcpy(made->text + made->zone, zone, zone_size);
    memcpy(made->text + made->sub_zone, sub_zone, sub_zone_size);
    write_label(made->text + made->label, label_size, region, zone, sub_zone);
    *out = made;
    return GREBE_OK;
}

struct grebe_locality *grebe_locality_ref(struct grebe_locality *locality)
{
    grebe__ref_get(&locality->refs);
    return locality;
}

void grebe_locality_unref(struct grebe_locality *locality)
{
    if (locality != NULL && grebe__ref_put(&locality->refs))
        grebe_mem_free(locality->mem, locality);
}

/* ---- Reading ----------------------------------------------------------------------- */

const char *grebe_locality_region(const struct grebe_locality *locality)
{
    return locality->text;
}

const char *grebe_locality_zone(const struct grebe_locality *locality)
{
    return locality->text + locality->zone;
}

const char *grebe_locality_sub_zone(const struct grebe_locality *locality)
{
    return locality->text + locality->sub_zone;
}

const char *grebe_locality_label(const struct grebe_locality *locality)
{
    return locality->text + locality->label;
}

/* Labels are equal exactly if all parts are: what separates parts is escaped inside of
 * them. */
bool grebe_locality_equal(const struct grebe_locality *a, const struct grebe_locality *b)
{
    return a == b || strcmp(grebe_locality_label(a), grebe_locality_label(b)) == 0;
}

/* ---- The key ----------------------------------------------------------------------- */

static bool is_same(const void *a, const void *b)
{
    return grebe_locality_equal(a, b);
}

static void take(void *locality)
{
    if (locality != NULL)
        grebe_locality_ref(locality);
}

static void give_up(void *locality)
{
    grebe_locality_unref(locality);
}

const struct grebe_attribute_key GREBE_ATTRIBUTE_LOCALITY = {
    .name = "locality",
    .equal = is_same,
    .ref = take,
    .unref = give_up,
};
