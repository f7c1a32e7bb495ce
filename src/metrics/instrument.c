/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/instrument.c -- which instruments there are.
 *
 * The library's own stand in a table, those of others in a chain behind it.
 */
#include <string.h>

#include <grebe/mem.h>

#include "base/chain.h"
#include "metrics/client.h"

struct known {
    struct grebe__chain link;
    const struct grebe_instrument *instrument;
};

static struct grebe__chain others;

/* ---- What is well-formed ------------------------------------------------------------ */

static bool is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";

    return name != NULL && strspn(name, letters) > 0 &&
           name[strspn(name, allowed)] == '\0';
}

static bool are_names(const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_name(names[i]))
            return false;
    return true;
}

static bool are_ascending(const double *bounds, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (!(bounds[i - 1] < bounds[i]))
            return false;
    return true;
}

static bool is_well_formed(const struct grebe_instrument *instrument)
{
    size_t n_optional = instrument->n_optional_labels;

    return instrument->api != 0 && is_name(instrument->name) &&
           instrument->description != NULL && instrument->unit != NULL &&
           (unsigned)instrument->kind <= GREBE_INSTRUMENT_GAUGE &&
           (instrument->kind == GREBE_INSTRUMENT_HISTOGRAM) ==
               (instrument->n_bounds > 0) &&
           instrument->n_bounds <= GREBE_INSTRUMENT_BOUNDS_MAX &&
           are_ascending(instrument->bounds, instrument->n_bounds) &&
           instrument->n_labels <= GREBE_INSTRUMENT_LABELS_MAX &&
           n_optional <= GREBE_INSTRUMENT_LABELS_MAX - instrument->n_labels &&
           are_names(instrument->labels, instrument->n_labels) &&
           are_names(instrument->optional_labels, n_optional);
}

/* ---- Finding them -------------------------------------------------------------------- */

static const struct grebe_instrument *of_link(struct grebe__chain *link)
{
    return link == NULL ? NULL : grebe_container_of(link, struct known, link)->instrument;
}

static bool is_called(struct grebe__chain *link, const void *name)
{
    return strcmp(of_link(link)->name, name) == 0;
}

const struct grebe_instrument *grebe_instrument_get(const char *name)
{
    for (size_t i = 0; grebe__client_instruments[i] != NULL; i++)
        if (strcmp(grebe__client_instruments[i]->name, name) == 0)
            return grebe__client_instruments[i];
    return of_link(grebe__chain_find(&others, is_called, name));
}

static bool is_it(struct grebe__chain *link, const void *instrument)
{
    return of_link(link) == instrument;
}

const struct grebe_instrument *
grebe_instrument_next(const struct grebe_instrument *instrument)
{
    struct grebe__chain *link;

    if (instrument == NULL)
        return grebe__client_instruments[0];
    for (size_t i = 0; grebe__client_instruments[i] != NULL; i++) {
        if (grebe__client_instruments[i] != instrument)
            continue;
        if (grebe__client_instruments[i + 1] != NULL)
            return grebe__client_instruments[i + 1];
        return of_link(grebe__chain_next(&others));
    }
    link = grebe__chain_find(&others, is_it, instrument);
    return link == NULL ? NULL : of_link(grebe__chain_next(link));
}

/* ---- Registering ----------------------------------------------------------------------- */

int grebe_instrument_register(const struct grebe_instrument *instrument)
{
    const struct grebe_instrument *found;
    struct grebe__chain *link;
    struct known *made;

    if (instrument->api > GREBE_METRICS_API)
        return GREBE_ERR_UNSUPPORTED;
    if (!is_well_formed(instrument))
        return GREBE_ERR_INVALID;
    found = grebe_instrument_get(instrument->name);
    if (found != NULL)
        return found == instrument ? GREBE_OK : GREBE_ERR_INVALID;
    made = grebe_mem_alloc(NULL, sizeof *made);
    if (made == NULL)
        return GREBE_ERR_NOMEM;
    made->instrument = instrument;
    link = grebe__chain_append(&others, &made->link, is_called, instrument->name);
    if (link != &made->link)
        grebe_mem_free(NULL, made);
    return of_link(link) == instrument ? GREBE_OK : GREBE_ERR_INVALID;
}
