/* SPDX-License-Identifier: Apache-2.0 */
/* options.h -- one table for each verb: the parser, --help and the manual read it.
 *
 * A verb has groups of options.  A group describes the members of one struct, and the
 * verb's own struct holds the structs of its groups, so that groups are shared between
 * verbs:
 *
 *   struct call_args { struct output_args output; struct channel_args channel; ... };
 *   verb --groups--> { "Channel", channel_options, offsetof(struct call_args, channel) }
 *
 * Accepted are --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -n=VALUE, flags together as
 * in -vw, options after operands, and "--" to end them.  A value that may be left out is
 * the next word unless that begins with a dash, and "" if it is left out.  Texts are
 * borrowed from argv.
 */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
    OPTION_END,      /* of a table */
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char *; NULL if it is not given */
    OPTION_LIST,     /* struct text_list; may be repeated */
    OPTION_CHOICE,   /* const char *, one of the words of `value`: "table|json" */
    OPTION_COUNT,    /* uint64_t */
    OPTION_NUMBER,   /* double */
    OPTION_DURATION, /* uint64_t, nanoseconds */
    OPTION_SIZE,     /* uint64_t, bytes */
};

struct option_spec {
    enum option_kind kind;
    char letter;         /* '\0': none */
    const char *name;    /* without the dashes */
    size_t offset;       /* in the group's struct */
    const char *value;   /* what help calls it: "N", or "[N]" if it may be left out */
    const char *initial; /* as if it were given first; NULL: zero */
    uint64_t minimum;    /* of COUNT, DURATION and SIZE; of NUMBER, 1: not 0 */
    const char *help;
};

struct option_group {
    const char *title;
    const struct option_spec *options; /* up to OPTION_END; NULL ends the groups */
    size_t offset;                     /* of the group's struct in the verb's */
};

struct option_example {
    const char *command;
    const char *meaning; /* NULL ends the examples */
};

struct verb {
    const char *name;
    const char *operands; /* "TARGET METHOD"; "[WORD]" may be missing */
    const char *summary;  /* one line, no full stop */
    const char *text;     /* paragraphs, for --help and the manual */
    const struct option_group *groups;
    const struct option_example *examples;
    size_t args_size;
    int (*run)(void *args); /* gives the exit code */
};

struct text_list {
    const char **items;
    size_t n;
};

enum { OPTIONS_OPERANDS = 4 };

/* The first member of every verb's struct. */
struct operands {
    const char *items[OPTIONS_OPERANDS]; /* NULL where there is none */
    size_t n;
};

/* What the program's exit code says. */
enum {
    EXIT_FINE = 0,
    EXIT_FAILED = 1,    /* the RPC or a check */
    EXIT_USAGE = 2,     /* one line on stderr says what is wrong and how to mend it */
    EXIT_THRESHOLD = 3, /* missed */
};

enum options_result { OPTIONS_OK, OPTIONS_HELP, OPTIONS_WRONG };

/* Fills `args`, which is all zero, from the words after the verb.  OPTIONS_WRONG: the
 * line for stderr is in `error`. */
enum options_result options_parse(const struct verb *verb, int argc, char **argv,
                                  void *args, char *error, size_t error_size);

/* Frees the lists in `args`. */
void options_free(const struct verb *verb, void *args);

/* Prints "grebe VERB: what (try 'grebe VERB --help')" and gives EXIT_USAGE: for what only
 * the verb itself can find wrong. */
int options_complain(const char *verb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints "grebe VERB: what" and gives EXIT_FAILED: for what goes wrong although the words
 * are right. */
int options_fail(const char *verb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- options_help.c ---------------------------------------------------------------- */

void options_print_verbs(const struct verb *const *verbs, FILE *out);
void options_print_help(const struct verb *verb, FILE *out);
/* The whole manual page, in roff. */
void options_print_manual(const struct verb *const *verbs, FILE *out);

#endif
