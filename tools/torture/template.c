/* SPDX-License-Identifier: Apache-2.0 */
#include "template.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "dice.h"

/* Each function takes the place where its part begins, and returns that behind it.  What is
 * not kept is only read: chance is asked for nothing there. */
static const char *draw_part(struct drawing *drawing, const char *at, bool is_kept);

static const char *skip_choice(struct drawing *drawing, const char *at)
{
    at = draw_part(drawing, at, false);
    GREBE_ASSERT(*at == '|' || *at == ')');
    return at;
}

static uint32_t count_choices(struct drawing *drawing, const char *at)
{
    uint32_t n = 1;

    while (*(at = skip_choice(drawing, at)) == '|') {
        at++;
        n++;
    }
    return n;
}

static const char *draw_choice(struct drawing *drawing, const char *at, bool is_kept)
{
    uint32_t chosen = 0;

    if (is_kept)
        chosen = grebe__rng_below(&drawing->rng, count_choices(drawing, at));
    for (uint32_t i = 0;; i++) {
        at = draw_part(drawing, at, is_kept && i == chosen);
        GREBE_ASSERT(*at == '|' || *at == ')');
        if (*at++ == ')')
            return at;
    }
}

static void draw_number(struct drawing *drawing, uint32_t low, uint32_t high, bool is_ms)
{
    uint32_t n = between(&drawing->rng, low, high);

    if (is_ms)
        grebe__text_printf(&drawing->out, "\"%u.%03us\"", n / 1000, n % 1000);
    else
        grebe__text_printf(&drawing->out, "%u", n);
}

static const char *draw_blank(struct drawing *drawing, const char *at, bool is_kept)
{
    const char *end = strchr(at, '>');
    char *dash;
    uint32_t low, high;

    GREBE_ASSERT(end != NULL);
    if (!is_kept)
        return end + 1;
    if (strncmp(at, "policy>", 7) == 0) {
        drawing->write_policy(drawing);
        return end + 1;
    }
    low = (uint32_t)strtoul(at, &dash, 10);
    GREBE_ASSERT(*dash == '-');
    high = (uint32_t)strtoul(dash + 1, NULL, 10);
    draw_number(drawing, low, high, end[-1] == 's');
    return end + 1;
}

/* Up to the end of a choice, or of all. */
static const char *draw_part(struct drawing *drawing, const char *at, bool is_kept)
{
    while (*at != '\0' && *at != '|' && *at != ')') {
        if (*at == '(') {
            at = draw_choice(drawing, at + 1, is_kept);
        } else if (*at == '<') {
            at = draw_blank(drawing, at + 1, is_kept);
        } else {
            if (is_kept)
                grebe__text_append(&drawing->out, *at == '\'' ? "\"" : at, 1);
            at++;
        }
    }
    return at;
}

void template_draw(struct drawing *drawing, const char *template)
{
    const char *end = draw_part(drawing, template, true);

    GREBE_ASSERT(*end == '\0');
}
