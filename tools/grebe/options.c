/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

struct parser {
    const struct verb *verb;
    void *args;
    char **words; /* what is left to read */
    int n_words;
    char *error;
    size_t error_size;
};

static const struct option_spec help_option = {
    .kind = OPTION_FLAG,
    .letter = 'h',
    .name = "help",
    .help = "this text",
};

static enum options_result wrong(struct parser *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum options_result wrong(struct parser *p, const char *format, ...)
{
    va_list args;
    int n = snprintf(p->error, p->error_size, "grebe %s: ", p->verb->name);

    va_start(args, format);
    if (n >= 0 && (size_t)n < p->error_size)
        n += vsnprintf(p->error + n, p->error_size - (size_t)n, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < p->error_size)
        snprintf(p->error + n, p->error_size - (size_t)n, " (try 'grebe %s --help')",
                 p->verb->name);
    return OPTIONS_WRONG;
}

static void say(const char *verb, const char *format, va_list args)
{
    fprintf(stderr, "grebe %s: ", verb);
    vfprintf(stderr, format, args);
}

int options_complain(const char *verb, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(verb, format, args);
    va_end(args);
    fprintf(stderr, " (try 'grebe %s --help')\n", verb);
    return EXIT_USAGE;
}

int options_fail(const char *verb, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(verb, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

/* ---- Values ------------------------------------------------------------------------ */

static bool is_one_of(const char *text, const char *choices)
{
    size_t length = strlen(text);

    while (length > 0) {
        size_t word = strcspn(choices, "|");

        if (word == length && strncmp(text, choices, length) == 0)
            return true;
        if (choices[word] == '\0')
            return false;
        choices += word + 1;
    }
    return false;
}

static bool list_append(struct text_list *list, const char *text)
{
    const char **items = realloc(list->items, (list->n + 1) * sizeof *items);

    if (items == NULL)
        return false;
    list->items = items;
    items[list->n++] = text;
    return true;
}

static bool parse_integer(const struct option_spec *option, const char *text,
                          uint64_t *out)
{
    uint64_t value;
    bool is_good = option->kind == OPTION_COUNT      ? units_parse_count(text, &value)
                   : option->kind == OPTION_DURATION ? units_parse_duration(text, &value)
                                                     : units_parse_size(text, &value);

    if (!is_good || value < option->minimum)
        return false;
    *out = value;
    return true;
}

static bool parse_number(const struct option_spec *option, const char *text, double *out)
{
    double value;

    if (!units_parse_number(text, &value) || (option->minimum > 0 && value == 0))
        return false;
    *out = value;
    return true;
}

static bool store(const struct option_spec *option, void *member, const char *text)
{
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        return true;
    case OPTION_CHOICE:
        if (!is_one_of(text, option->value))
            return false;
        *(const char **)member = text;
        return true;
    case OPTION_TEXT:
        *(const char **)member = text;
        return true;
    case OPTION_LIST:
        return list_append(member, text);
    case OPTION_NUMBER:
        return parse_number(option, text, member);
    case OPTION_COUNT:
    case OPTION_DURATION:
    case OPTION_SIZE:
        return parse_integer(option, text, member);
    case OPTION_END:
        break;
    }
    return false;
}

static const char *what_is_wanted(const struct option_spec *option, char buf[80])
{
    switch (option->kind) {
    case OPTION_CHOICE:
        snprintf(buf, 80, "one of %s", option->value);
        break;
    case OPTION_COUNT:
        snprintf(buf, 80, "a number from %llu on", (unsigned long long)option->minimum);
        break;
    case OPTION_DURATION:
        return "a duration like 10s, 5ms or 250us";
    case OPTION_SIZE:
        return "a size like 128, 16k or 4M";
    default:
        return option->minimum > 0 ? "a number above 0" : "a number";
    }
    return buf;
}

/* ---- Names ------------------------------------------------------------------------- */

/* Walks over all options of a verb.  Start with {verb->groups, NULL}. */
struct cursor {
    const struct option_group *group;
    const struct option_spec *option;
};

static bool next_option(struct cursor *at)
{
    if (at->group->options == NULL)
        return false;
    at->option = at->option == NULL ? at->group->options : at->option + 1;
    while (at->option->kind == OPTION_END) {
        at->group++;
        if (at->group->options == NULL)
            return false;
        at->option = at->group->options;
    }
    return true;
}

static void *member_of(void *args, const struct cursor *at)
{
    return (char *)args + at->group->offset + at->option->offset;
}

typedef bool (*matches_fn)(const struct option_spec *option, const char *key,
                           size_t length);

static const struct option_spec *find_option(struct parser *p, matches_fn matches,
                                             const char *key, size_t length,
                                             void **member)
{
    struct cursor at = {p->verb->groups, NULL};

    if (matches(&help_option, key, length))
        return &help_option;
    while (next_option(&at)) {
        if (matches(at.option, key, length)) {
            *member = member_of(p->args, &at);
            return at.option;
        }
    }
    return NULL;
}

static bool matches_name(const struct option_spec *option, const char *key, size_t length)
{
    return strncmp(option->name, key, length) == 0 && option->name[length] == '\0';
}

static bool matches_letter(const struct option_spec *option, const char *key,
                           size_t length)
{
    return length == 1 && option->letter == *key;
}

/* A name that begins like what was written, or that what was written begins like. */
static bool resembles(const struct option_spec *option, const char *key, size_t length)
{
    size_t own = strlen(option->name), same = 0;

    while (same < own && same < length && option->name[same] == key[same])
        same++;
    return same >= 3 && same + 2 >= (own < length ? own : length);
}

static enum options_result unknown(struct parser *p, const char *word, size_t length)
{
    void *member;
    const struct option_spec *similar =
        word[1] == '-' ? find_option(p, resembles, word + 2, length - 2, &member) : NULL;

    if (similar != NULL)
        return wrong(p, "unknown option %.*s, did you mean --%s?", (int)length, word,
                     similar->name);
    return wrong(p, "unknown option %.*s", (int)length, word);
}

/* ---- Words ------------------------------------------------------------------------- */

static bool is_left_out(const struct parser *p, const struct option_spec *option)
{
    return option->value[0] == '[' && (p->n_words == 0 || **p->words == '-');
}

/* `attached` is the value that came in the same word, or NULL. */
static enum options_result take(struct parser *p, const struct option_spec *option,
                                void *member, const char *attached)
{
    const char *value = attached;
    char wanted[80];

    if (option == &help_option)
        return OPTIONS_HELP;
    if (option->kind == OPTION_FLAG && attached != NULL)
        return wrong(p, "--%s takes no value", option->name);
    if (option->kind != OPTION_FLAG && attached == NULL && is_left_out(p, option)) {
        value = "";
    } else if (option->kind != OPTION_FLAG && attached == NULL) {
        if (p->n_words == 0)
            return wrong(p, "--%s needs a value: --%s %s", option->name, option->name,
                         option->value);
        value = *p->words++;
        p->n_words--;
    }
    if (!store(option, member, value))
        return wrong(p, "--%s: '%s' is not %s", option->name, value,
                     what_is_wanted(option, wanted));
    return OPTIONS_OK;
}

static enum options_result take_long(struct parser *p, const char *word)
{
    size_t length = strcspn(word, "=");
    void *member = NULL;
    const struct option_spec *option =
        find_option(p, matches_name, word + 2, length - 2, &member);

    if (option == NULL)
        return unknown(p, word, length);
    return take(p, option, member, word[length] == '=' ? word + length + 1 : NULL);
}

/* -v, -vv, -n 10, -n10, -n=10. */
static enum options_result take_short(struct parser *p, const char *word)
{
    enum options_result result = OPTIONS_OK;

    for (const char *letter = word + 1; *letter != '\0' && result == OPTIONS_OK;
         letter++) {
        void *member = NULL;
        const struct option_spec *option =
            find_option(p, matches_letter, letter, 1, &member);

        if (option == NULL)
            return unknown(p, (const char[]){'-', *letter, '\0'}, 2);
        if (option->kind != OPTION_FLAG && letter[1] != '\0')
            return take(p, option, member, letter + (letter[1] == '=' ? 2 : 1));
        result = take(p, option, member, NULL);
    }
    return result;
}

static enum options_result take_operand(struct parser *p, const char *word)
{
    struct operands *operands = p->args;

    if (operands->n == OPTIONS_OPERANDS)
        return wrong(p, "'%s' is one word too many", word);
    operands->items[operands->n++] = word;
    return OPTIONS_OK;
}

static enum options_result take_words(struct parser *p)
{
    bool has_ended = false;

    while (p->n_words > 0) {
        const char *word = *p->words++;
        enum options_result result;

        p->n_words--;
        if (!has_ended && strcmp(word, "--") == 0) {
            has_ended = true;
            continue;
        }
        if (has_ended || word[0] != '-' || word[1] == '\0')
            result = take_operand(p, word);
        else
            result = word[1] == '-' ? take_long(p, word) : take_short(p, word);
        if (result != OPTIONS_OK)
            return result;
    }
    return OPTIONS_OK;
}

/* "TARGET METHOD [WORD]" against what there is. */
static enum options_result check_operands(struct parser *p)
{
    const struct operands *operands = p->args;
    const char *pattern = p->verb->operands;
    size_t n = 0;

    while (*pattern != '\0') {
        size_t length = strcspn(pattern, " ");

        if (n == operands->n && *pattern != '[')
            return wrong(p, "%.*s is missing: grebe %s %s", (int)length, pattern,
                         p->verb->name, p->verb->operands);
        if (n < operands->n)
            n++;
        pattern += length + (pattern[length] == ' ');
    }
    if (n < operands->n)
        return wrong(p, "'%s' is one word too many: grebe %s%s%s", operands->items[n],
                     p->verb->name, *p->verb->operands == '\0' ? "" : " ",
                     p->verb->operands);
    return OPTIONS_OK;
}

/* The table's own values come first, so that they are checked like everybody's. */
static enum options_result take_initial(struct parser *p)
{
    struct cursor at = {p->verb->groups, NULL};

    while (next_option(&at))
        if (at.option->initial != NULL &&
            !store(at.option, member_of(p->args, &at), at.option->initial))
            return wrong(p, "--%s: bad initial value", at.option->name);
    return OPTIONS_OK;
}

enum options_result options_parse(const struct verb *verb, int argc, char **argv,
                                  void *args, char *error, size_t error_size)
{
    struct parser p = {verb, args, argv, argc, error, error_size};
    enum options_result result = take_initial(&p);

    if (result == OPTIONS_OK)
        result = take_words(&p);
    if (result == OPTIONS_OK)
        result = check_operands(&p);
    return result;
}

void options_free(const struct verb *verb, void *args)
{
    struct cursor at = {verb->groups, NULL};

    while (next_option(&at)) {
        struct text_list *list;

        if (at.option->kind != OPTION_LIST)
            continue;
        list = member_of(args, &at);
        free(list->items);
        *list = (struct text_list){NULL, 0};
    }
}
