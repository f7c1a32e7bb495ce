/* SPDX-License-Identifier: Apache-2.0 */
#include "support/endpoint_word.h"

#include <stdlib.h>

#include <grebe/endpoint.h>
#include <grebe/error.h>
#include <grebe/locality.h>
#include <grebe/path.h>

#include "support/test.h"

/* Takes over the reference to `before`. */
static const struct grebe_attributes *with(const struct grebe_attributes *before,
                                           const struct grebe_attribute_key *key,
                                           void *value)
{
    const struct grebe_attributes *made;

    assert_int_equal(grebe_attributes_with(NULL, before, key, value, &made), GREBE_OK);
    grebe_attributes_unref(before);
    return made;
}

enum { PATH_NAMES = 8 };

/* Cuts "x>y>" off the front of the text. */
static const struct grebe_attributes *cut_path(char **text)
{
    const struct grebe_attributes *made = NULL;
    const char *names[PATH_NAMES];
    struct grebe_path *path;
    size_t n = 0;

    for (char *end; (end = strchr(*text, '>')) != NULL; *text = end + 1) {
        assert_true(n < PATH_NAMES);
        *end = '\0';
        names[n++] = *text;
    }
    if (n == 0)
        return NULL;
    assert_int_equal(grebe_path_new(NULL, names, n, &path), GREBE_OK);
    made = with(NULL, &GREBE_ATTRIBUTE_PATH, path);
    grebe_path_unref(path);
    return made;
}

/* Cuts "@z" off its end. */
static const struct grebe_attributes *cut_zone(char *text,
                                               const struct grebe_attributes *before)
{
    char *sign = strchr(text, '@');
    const struct grebe_attributes *made;
    struct grebe_locality *locality;

    if (sign == NULL)
        return before;
    *sign = '\0';
    assert_int_equal(grebe_locality_new(NULL, NULL, sign + 1, NULL, &locality), GREBE_OK);
    made = with(before, &GREBE_ATTRIBUTE_LOCALITY, locality);
    grebe_locality_unref(locality);
    return made;
}

/* Cuts "#k" off its end. */
static const struct grebe_attributes *cut_key(char *text,
                                              const struct grebe_attributes *before)
{
    char *sign = strchr(text, '#');
    const struct grebe_attributes *made;

    if (sign == NULL)
        return before;
    *sign = '\0';
    assert_int_equal(grebe_attributes_with_text(NULL, before, &GREBE_ATTRIBUTE_HASH_KEY,
                                                sign + 1, &made),
                     GREBE_OK);
    grebe_attributes_unref(before);
    return made;
}

/* Cuts "*3" off its end. */
static const struct grebe_attributes *cut_weight(char *text,
                                                 const struct grebe_attributes *before)
{
    char *sign = strchr(text, '*');

    if (sign == NULL)
        return before;
    *sign = '\0';
    return with(before, &GREBE_ATTRIBUTE_WEIGHT, (void *)strtoul(sign + 1, NULL, 10));
}

const struct grebe_attributes *endpoint_word_cut(char **word)
{
    const struct grebe_attributes *attributes = cut_path(word); /* which moves *word */

    return cut_weight(*word, cut_key(*word, cut_zone(*word, attributes)));
}
